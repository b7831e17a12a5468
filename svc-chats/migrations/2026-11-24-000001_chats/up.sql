-- Channels, contacts, dialogues, messages, turns, deliveries and the numbered events that clients see.
-- Lock order: conversation, then turn. Ids are UUIDv7 made by the service. Times are UTC by the database's clock.

CREATE TABLE channel (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    assistant_id uuid NOT NULL,
    assistant_status text NOT NULL DEFAULT 'draft',
    state text NOT NULL,
    title text NOT NULL DEFAULT '',
    bot_id bigint,
    hook_id uuid,
    hook_secret_hash bytea,
    sealed_token bytea,
    token_last4 text NOT NULL DEFAULT '',
    last_error_ru text NOT NULL DEFAULT '',
    last_error_en text NOT NULL DEFAULT '',
    checked_at timestamptz,
    paused_until timestamptz,
    etag bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at timestamptz,
    CONSTRAINT channel_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT channel_kind_ck CHECK (kind IN ('api', 'telegram')),
    CONSTRAINT channel_state_ck CHECK (state IN ('not_connected', 'checking', 'connected', 'error')),
    CONSTRAINT channel_telegram_ck CHECK (kind <> 'telegram' OR (bot_id IS NOT NULL AND hook_id IS NOT NULL))
);
COMMENT ON TABLE channel IS 'How customers reach an assistant; a bot is one row for ever, connecting it again revives the row';
COMMENT ON COLUMN channel.assistant_status IS 'as svc-assistants told it last: draft, published, paused, archived';
COMMENT ON COLUMN channel.hook_secret_hash IS 'SHA-256 of what the messaging service sends with each webhook';
COMMENT ON COLUMN channel.sealed_token IS 'envelope-encrypted bot token';
COMMENT ON COLUMN channel.paused_until IS 'UTC; the messaging service asked for silence until then';
COMMENT ON COLUMN channel.checked_at IS 'UTC; last look at the messaging service';
COMMENT ON COLUMN channel.deleted_at IS 'UTC; disconnected since then, its dialogues stay';
CREATE UNIQUE INDEX channel_api_uq ON channel (workspace_id, assistant_id) WHERE kind = 'api';
CREATE INDEX channel_assistant_ix ON channel (workspace_id, assistant_id, id);

CREATE TABLE hook_route (
    hook_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    CONSTRAINT hook_route_pk PRIMARY KEY (hook_id)
);
COMMENT ON TABLE hook_route IS 'From a webhook''s path to its channel';

CREATE TABLE bot_route (
    bot_id bigint NOT NULL,
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    CONSTRAINT bot_route_pk PRIMARY KEY (bot_id)
);
COMMENT ON TABLE bot_route IS 'A bot is connected in one place only';

CREATE TABLE contact (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    display_name text NOT NULL DEFAULT '',
    blocked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT contact_pk PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE contact IS 'End customers of a workspace';
COMMENT ON COLUMN contact.blocked_at IS 'UTC; the customer blocked the bot: nothing is sent until they write again';

CREATE TABLE contact_identity (
    workspace_id uuid NOT NULL,
    kind text NOT NULL,
    scope text NOT NULL,
    value text NOT NULL,
    contact_id uuid NOT NULL,
    CONSTRAINT contact_identity_pk PRIMARY KEY (workspace_id, kind, scope, value),
    CONSTRAINT contact_identity_contact_fk FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT contact_identity_kind_ck CHECK (kind IN ('telegram', 'visitor', 'api', 'email', 'phone'))
);
COMMENT ON TABLE contact_identity IS 'By what a channel knows a contact';
COMMENT ON COLUMN contact_identity.scope IS 'telegram: empty; visitor: widget key; api: assistant id';
CREATE INDEX contact_identity_contact_ix ON contact_identity (workspace_id, contact_id);

CREATE TABLE conversation (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    assistant_id uuid NOT NULL,
    external_key text COLLATE "C" NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'open',
    handler text NOT NULL DEFAULT 'assistant',
    handler_member_id uuid,
    handler_epoch bigint NOT NULL DEFAULT 1,
    last_seq bigint NOT NULL DEFAULT 0,
    context_from_seq bigint NOT NULL DEFAULT 1,
    version bigint NOT NULL DEFAULT 1,
    away_since timestamptz,
    answered_at timestamptz,
    fast_turns integer NOT NULL DEFAULT 0,
    operator_at timestamptz,
    closed_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT conversation_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT conversation_channel_fk FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id),
    CONSTRAINT conversation_contact_fk FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT conversation_status_ck CHECK (status IN ('open', 'pending', 'snoozed', 'closed')),
    CONSTRAINT conversation_handler_ck CHECK (handler IN ('assistant', 'operator', 'nobody')),
    CONSTRAINT conversation_member_ck CHECK ((handler = 'operator') = (handler_member_id IS NOT NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE conversation IS 'A dialogue with one contact in one channel; its row is the lock of everything in it';
COMMENT ON COLUMN conversation.external_key IS 'empty, a group''s chat id, or the key of an OpenAI dialogue';
COMMENT ON COLUMN conversation.address IS 'where the channel delivers to, such as a Telegram chat id';
COMMENT ON COLUMN conversation.last_seq IS 'number of the last message';
COMMENT ON COLUMN conversation.context_from_seq IS 'hand-over triggers look at messages from this number on';
COMMENT ON COLUMN conversation.version IS 'grows with every event that tells of it';
COMMENT ON COLUMN conversation.away_since IS 'UTC; beginning of the closed period that was answered with the away message';
COMMENT ON COLUMN conversation.answered_at IS 'UTC; the assistant''s last message';
COMMENT ON COLUMN conversation.fast_turns IS 'customer messages in a row that came faster than a person types';
COMMENT ON COLUMN conversation.operator_at IS 'UTC; the operator''s last sign of life, for auto-return';
CREATE UNIQUE INDEX conversation_live_uq ON conversation (workspace_id, channel_id, contact_id, external_key) WHERE status <> 'closed';
CREATE INDEX conversation_contact_ix ON conversation (workspace_id, contact_id, channel_id, external_key, created_at DESC);
CREATE INDEX conversation_activity_ix ON conversation (workspace_id, updated_at DESC, id DESC);

CREATE TABLE handler_history (
    workspace_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    epoch bigint NOT NULL,
    handler text NOT NULL,
    member_id uuid,
    from_seq bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT handler_history_pk PRIMARY KEY (workspace_id, conversation_id, epoch),
    CONSTRAINT handler_history_conversation_fk FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversation (workspace_id, id),
    CONSTRAINT handler_history_handler_ck CHECK (handler IN ('assistant', 'operator', 'nobody'))
);
COMMENT ON TABLE handler_history IS 'Who answered when; append-only';

CREATE TABLE message (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    author text NOT NULL,
    author_member_id uuid,
    turn_id uuid,
    text text NOT NULL,
    claimed_handler_epoch bigint,
    interrupted boolean NOT NULL DEFAULT false,
    citations jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT message_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT message_conversation_fk FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversation (workspace_id, id),
    CONSTRAINT message_author_ck CHECK (author IN ('contact', 'assistant', 'operator', 'system')),
    CONSTRAINT message_claim_ck CHECK ((author = 'assistant') = (claimed_handler_epoch IS NOT NULL)),
    CONSTRAINT message_member_ck CHECK ((author = 'operator') = (author_member_id IS NOT NULL))
) PARTITION BY RANGE (id);
COMMENT ON TABLE message IS 'What was said';
COMMENT ON COLUMN message.seq IS 'place in the dialogue, dense from 1, given under the conversation''s lock';
COMMENT ON COLUMN message.claimed_handler_epoch IS 'period of the assistant that the answer was claimed in';
COMMENT ON COLUMN message.interrupted IS 'cut in the middle';
CREATE INDEX message_seq_ix ON message (workspace_id, conversation_id, seq DESC);

CREATE TABLE message_key (
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    external_id text NOT NULL,
    message_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    CONSTRAINT message_key_pk PRIMARY KEY (workspace_id, channel_id, external_id)
);
COMMENT ON TABLE message_key IS 'A channel''s id of a message makes one message for ever; not partitioned, so that it is unique across months';

CREATE TABLE update_key (
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    update_id bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT update_key_pk PRIMARY KEY (workspace_id, channel_id, update_id)
);
COMMENT ON TABLE update_key IS 'Webhook updates that were taken';

CREATE TABLE turn (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    assistant_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    reason text NOT NULL DEFAULT '',
    streamed boolean NOT NULL DEFAULT false,
    request jsonb,
    due_at timestamptz NOT NULL,
    started_at timestamptz,
    input_to_seq bigint,
    ended_at timestamptz,
    lease_owner text NOT NULL DEFAULT '',
    lease_epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    version integer NOT NULL DEFAULT 0,
    hold_id uuid,
    claimed_handler_epoch bigint,
    answer_message_id uuid,
    cost_micro_pix bigint NOT NULL DEFAULT 0,
    steps smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT turn_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT turn_conversation_fk FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversation (workspace_id, id),
    CONSTRAINT turn_state_ck CHECK (state IN
        ('queued', 'held', 'answering', 'stored', 'settled', 'delivered', 'skipped', 'cancelled', 'failed')),
    CONSTRAINT turn_reason_ck CHECK ((state IN ('skipped', 'cancelled', 'failed')) = (reason <> '')),
    CONSTRAINT turn_ended_ck CHECK ((state IN ('settled', 'delivered', 'skipped', 'cancelled', 'failed')) = (ended_at IS NOT NULL)),
    CONSTRAINT turn_claim_ck CHECK (state NOT IN ('stored', 'settled', 'delivered') OR claimed_handler_epoch IS NOT NULL),
    CONSTRAINT turn_unclaimed_ck CHECK (state NOT IN ('skipped', 'cancelled') OR claimed_handler_epoch IS NULL),
    CONSTRAINT turn_cost_ck CHECK (cost_micro_pix >= 0 AND (cost_micro_pix = 0 OR state IN ('settled', 'delivered')))
) WITH (fillfactor = 60);
COMMENT ON TABLE turn IS 'One answer''s way; not partitioned, since its partial unique indexes cannot be';
COMMENT ON COLUMN turn.streamed IS 'the customer sees deltas: claimed before the first of them';
COMMENT ON COLUMN turn.request IS 'overrides and history that the caller of the OpenAI face sent; personal data';
COMMENT ON COLUMN turn.due_at IS 'UTC; not started before: the answer delay after the last message';
COMMENT ON COLUMN turn.input_to_seq IS 'its messages are frozen up to this number';
COMMENT ON COLUMN turn.lease_until IS 'UTC; the worker of lease_epoch has it until then';
COMMENT ON COLUMN turn.hold_id IS 'the turn''s own id where billing holds money for it; NULL = only free candidates';
COMMENT ON COLUMN turn.claimed_handler_epoch IS 'period of the assistant in which the answer was claimed for delivery';
COMMENT ON COLUMN turn.cost_micro_pix IS 'micro-pix charged';
COMMENT ON COLUMN turn.steps IS 'rows of turn_step';
CREATE UNIQUE INDEX turn_running_uq ON turn (workspace_id, conversation_id) WHERE started_at IS NOT NULL AND ended_at IS NULL;
CREATE UNIQUE INDEX turn_waiting_uq ON turn (workspace_id, conversation_id) WHERE started_at IS NULL AND ended_at IS NULL;
CREATE INDEX turn_conversation_ix ON turn (workspace_id, conversation_id, created_at DESC, id DESC);

CREATE TABLE turn_input (
    workspace_id uuid NOT NULL,
    message_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    CONSTRAINT turn_input_pk PRIMARY KEY (workspace_id, message_id),
    CONSTRAINT turn_input_turn_fk FOREIGN KEY (workspace_id, turn_id) REFERENCES turn (workspace_id, id)
);
COMMENT ON TABLE turn_input IS 'Which customer messages a turn answers; a message is input of one turn at most';
CREATE INDEX turn_input_turn_ix ON turn_input (workspace_id, turn_id);

CREATE TABLE turn_step (
    workspace_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    n smallint NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    epoch bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT turn_step_pk PRIMARY KEY (workspace_id, turn_id, n),
    CONSTRAINT turn_step_turn_fk FOREIGN KEY (workspace_id, turn_id) REFERENCES turn (workspace_id, id)
);
COMMENT ON TABLE turn_step IS 'History of a turn''s states; append-only';
COMMENT ON COLUMN turn_step.epoch IS 'lease epoch of the worker that took the step';

CREATE TABLE turn_attempt (
    workspace_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    n smallint NOT NULL,
    attempt_id uuid NOT NULL,
    epoch bigint NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    input_tokens bigint NOT NULL DEFAULT 0,
    cached_input_tokens bigint NOT NULL DEFAULT 0,
    cache_write_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    estimated boolean NOT NULL DEFAULT false,
    charged boolean NOT NULL DEFAULT false,
    price_id uuid,
    error text NOT NULL DEFAULT '',
    first_token_ms integer NOT NULL DEFAULT 0,
    total_ms integer NOT NULL DEFAULT 0,
    CONSTRAINT turn_attempt_pk PRIMARY KEY (workspace_id, turn_id, n),
    CONSTRAINT turn_attempt_turn_fk FOREIGN KEY (workspace_id, turn_id) REFERENCES turn (workspace_id, id),
    CONSTRAINT turn_attempt_tokens_ck CHECK (input_tokens >= 0 AND cached_input_tokens >= 0 AND cache_write_tokens >= 0 AND output_tokens >= 0)
);
COMMENT ON TABLE turn_attempt IS 'Tries at providers of a turn';
COMMENT ON COLUMN turn_attempt.estimated IS 'counted by us: the provider told nothing, or what cannot be true';
COMMENT ON COLUMN turn_attempt.price_id IS 'the price that held for the turn; NULL = free';

CREATE TABLE delivery (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    seq bigint NOT NULL,
    part integer NOT NULL,
    text text NOT NULL,
    entities jsonb NOT NULL DEFAULT '[]',
    state text NOT NULL DEFAULT 'queued',
    attempt integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    provider_message_id text,
    error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz,
    CONSTRAINT delivery_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT delivery_part_uq UNIQUE (workspace_id, message_id, part),
    CONSTRAINT delivery_conversation_fk FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversation (workspace_id, id),
    CONSTRAINT delivery_state_ck CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'cancelled')),
    CONSTRAINT delivery_sent_ck CHECK ((state = 'sent') = (provider_message_id IS NOT NULL)),
    CONSTRAINT delivery_error_ck CHECK ((state = 'failed') = (error <> ''))
);
COMMENT ON TABLE delivery IS 'Parts of a message on their way to the customer; only forward';
COMMENT ON COLUMN delivery.seq IS 'place of its message in the dialogue';
COMMENT ON COLUMN delivery.part IS 'from 1';
COMMENT ON COLUMN delivery.attempt IS 'sends begun';
COMMENT ON COLUMN delivery.lease_until IS 'UTC; a part still `sending` after it has an unknown outcome';
CREATE INDEX delivery_waiting_ix ON delivery (workspace_id, conversation_id, seq) WHERE state IN ('queued', 'sending');

CREATE TABLE event (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    object_id uuid NOT NULL,
    extra jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT event_pk PRIMARY KEY (workspace_id, id)
) PARTITION BY RANGE (id);
COMMENT ON TABLE event IS 'What clients follow; ids and sums only';
COMMENT ON COLUMN event.seq IS 'dense per workspace, in the order of commits; given by the relay';
COMMENT ON COLUMN event.extra IS 'what cannot be read from the object''s row: owner ids, sums, states of others'' objects';
CREATE INDEX event_seq_ix ON event (workspace_id, seq);

CREATE TABLE event_head (
    workspace_id uuid NOT NULL,
    last_seq bigint NOT NULL,
    CONSTRAINT event_head_pk PRIMARY KEY (workspace_id)
);
COMMENT ON TABLE event_head IS 'The last event number of a workspace';

CREATE TABLE ask_dedupe (
    workspace_id uuid NOT NULL,
    key_id uuid NOT NULL,
    body_hash bytea NOT NULL,
    turn_id uuid,
    message_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ask_dedupe_pk PRIMARY KEY (workspace_id, key_id, body_hash)
);
COMMENT ON TABLE ask_dedupe IS 'Calls of the OpenAI face by key and body: a client''s own retry joins the first call for 10 minutes';
CREATE INDEX ask_dedupe_at_ix ON ask_dedupe (workspace_id, at);

SELECT make_tenant(t::regclass) FROM unnest(ARRAY[
    'channel', 'contact', 'contact_identity', 'conversation', 'handler_history', 'message', 'message_key', 'update_key',
    'turn', 'turn_input', 'turn_step', 'turn_attempt', 'delivery', 'event', 'event_head', 'ask_dedupe']) AS t;
SELECT make_partitions('message');
SELECT make_partitions('event');
-- History is append-only for the service; what was said is never removed by it.
REVOKE UPDATE, DELETE, TRUNCATE ON handler_history, turn_step, event FROM chats_service;
REVOKE DELETE, TRUNCATE ON conversation, contact, message, message_key, turn, turn_attempt, delivery FROM chats_service;

-- Rows that the relay has not numbered yet.
CREATE INDEX outbox_unsequenced_ix ON outbox (id) WHERE sequenced_at IS NULL;

-- Ends a statement whose facts somebody changed since they were read; the transaction runs again.
CREATE FUNCTION come_again() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'somebody committed in between' USING ERRCODE = 'serialization_failure';
END $$;

-- Gives events their numbers, one workspace after the other, each in its own context and always in the same order of
-- workspaces. One call instead of two statements for each of them.
CREATE FUNCTION number_events(workspaces uuid[], ids uuid[], kinds text[], objects uuid[], extras jsonb[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one uuid;
BEGIN
    FOR one IN SELECT DISTINCT w FROM unnest(workspaces) AS w ORDER BY w LOOP
        PERFORM set_config('neipix.workspace_id', one::text, true);
        WITH mine AS (
            SELECT e.id, e.kind, e.object, e.extra, row_number() OVER (ORDER BY e.n) AS place
            FROM unnest(workspaces, ids, kinds, objects, extras) WITH ORDINALITY AS e (workspace, id, kind, object, extra, n)
            WHERE e.workspace = one
        ), head AS (
            INSERT INTO event_head (workspace_id, last_seq) SELECT one, count(*) FROM mine
            ON CONFLICT (workspace_id) DO UPDATE SET last_seq = event_head.last_seq + excluded.last_seq
            RETURNING last_seq - (SELECT count(*) FROM mine) AS before
        )
        INSERT INTO event (workspace_id, id, seq, kind, object_id, extra)
        SELECT one, mine.id, head.before + mine.place, mine.kind, mine.object, mine.extra FROM mine, head;
    END LOOP;
END $$;
