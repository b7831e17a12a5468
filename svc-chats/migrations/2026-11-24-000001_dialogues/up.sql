-- Channels, contacts, dialogues, messages, turns, deliveries and the numbered events that screens watch.

CREATE TABLE channel (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    assistant_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    title text NOT NULL DEFAULT '',
    bot_id bigint,
    sealed_token bytea,
    token_last4 text NOT NULL DEFAULT '',
    hook_id text,
    hook_secret_hash bytea,
    assistant_status text NOT NULL DEFAULT 'draft',
    assistant_version bigint NOT NULL DEFAULT 0,
    checked_at timestamptz,
    last_error_ru text NOT NULL DEFAULT '',
    last_error_en text NOT NULL DEFAULT '',
    etag text NOT NULL DEFAULT gen_random_uuid()::text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT channel_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT channel_kind_ck CHECK (kind IN ('api', 'telegram')),
    CONSTRAINT channel_state_ck CHECK (state IN ('not_connected', 'checking', 'connected', 'error'))
);
COMMENT ON TABLE channel IS 'How customers reach an assistant; each assistant has one api channel';
COMMENT ON COLUMN channel.assistant_status IS 'as the last event of svc-assistants told';
COMMENT ON COLUMN channel.sealed_token IS 'sealed; the bot''s token';
CREATE UNIQUE INDEX channel_api_uq ON channel (workspace_id, assistant_id) WHERE kind = 'api';

CREATE TABLE hook_route (hook_id text PRIMARY KEY, workspace_id uuid NOT NULL, channel_id uuid NOT NULL);
COMMENT ON TABLE hook_route IS 'From a webhook to its channel';
CREATE TABLE bot_route (bot_id bigint PRIMARY KEY, workspace_id uuid NOT NULL, channel_id uuid NOT NULL);
COMMENT ON TABLE bot_route IS 'From a bot to its channel: a bot is one channel for ever';

CREATE TABLE contact (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    display_name text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT contact_pk PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE contact IS 'End customers';

CREATE TABLE contact_identity (
    workspace_id uuid NOT NULL,
    kind text NOT NULL,
    scope text NOT NULL,
    value text NOT NULL,
    contact_id uuid NOT NULL,
    CONSTRAINT contact_identity_pk PRIMARY KEY (workspace_id, kind, scope, value),
    CONSTRAINT contact_identity_contact_fk FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id)
);
COMMENT ON TABLE contact_identity IS 'What a channel knows a contact by';

CREATE TABLE conversation (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    assistant_id uuid NOT NULL,
    external_key text NOT NULL,
    status text NOT NULL DEFAULT 'open',
    handler text NOT NULL DEFAULT 'assistant',
    handler_member_id uuid,
    handler_epoch bigint NOT NULL DEFAULT 1,
    returned_seq bigint NOT NULL DEFAULT 0,
    last_seq bigint NOT NULL DEFAULT 0,
    away_key text NOT NULL DEFAULT '',
    version bigint NOT NULL DEFAULT 1,
    closed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT conversation_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT conversation_channel_fk FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id),
    CONSTRAINT conversation_contact_fk FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT conversation_status_ck CHECK (status IN ('open', 'pending', 'closed')),
    CONSTRAINT conversation_handler_ck CHECK (handler IN ('assistant', 'operator', 'nobody')),
    CONSTRAINT conversation_member_ck CHECK ((handler = 'operator') = (handler_member_id IS NOT NULL))
);
COMMENT ON TABLE conversation IS 'A dialogue; its row lock orders everything within it';
COMMENT ON COLUMN conversation.returned_seq IS 'last message before the last return: triggers look only at what came after';
COMMENT ON COLUMN conversation.away_key IS 'closed period whose away message was sent';
CREATE INDEX conversation_recent_ix ON conversation (workspace_id, updated_at DESC, id DESC);
CREATE INDEX conversation_key_ix ON conversation (workspace_id, channel_id, external_key, created_at DESC);

CREATE TABLE handler_history (
    workspace_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    epoch bigint NOT NULL,
    handler text NOT NULL,
    from_seq bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT handler_history_pk PRIMARY KEY (workspace_id, conversation_id, epoch)
);
COMMENT ON TABLE handler_history IS 'Who answered when';

CREATE TABLE message (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    author text NOT NULL,
    author_member_id uuid,
    turn_id uuid,
    text text NOT NULL,
    citations jsonb NOT NULL DEFAULT '[]',
    claimed_handler_epoch bigint,
    interrupted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT message_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT message_author_ck CHECK (author IN ('contact', 'assistant', 'operator', 'system')),
    CONSTRAINT message_claim_ck CHECK (author <> 'assistant' OR claimed_handler_epoch IS NOT NULL)
) PARTITION BY RANGE (id);
COMMENT ON TABLE message IS 'What was said; seq is dense within a dialogue, in the order of commits';
CREATE INDEX message_seq_ix ON message (workspace_id, conversation_id, seq DESC);

CREATE TABLE message_key (
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    external_id text NOT NULL,
    message_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    CONSTRAINT message_key_pk PRIMARY KEY (workspace_id, channel_id, external_id)
);
COMMENT ON TABLE message_key IS 'External ids of messages, unique for ever';

CREATE TABLE update_key (
    workspace_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    update_id bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT update_key_pk PRIMARY KEY (workspace_id, channel_id, update_id)
);
COMMENT ON TABLE update_key IS 'Updates of webhooks that were taken';

CREATE TABLE turn (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    reason text NOT NULL DEFAULT '',
    streamed boolean NOT NULL DEFAULT false,
    options jsonb NOT NULL DEFAULT '{}',
    due_at timestamptz NOT NULL,
    started_at timestamptz,
    input_to_seq bigint,
    ended_at timestamptz,
    lease_owner text,
    lease_epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    version integer NOT NULL DEFAULT 0,
    hold_id uuid,
    waiting_since timestamptz,
    claimed_handler_epoch bigint,
    answer_message_id uuid,
    cost_micro_pix bigint,
    prompt_hash text NOT NULL DEFAULT '',
    passage_ids uuid[] NOT NULL DEFAULT '{}',
    steps integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT turn_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT turn_conversation_fk FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversation (workspace_id, id),
    CONSTRAINT turn_state_ck CHECK (state IN ('queued', 'held', 'answering', 'stored', 'settled', 'delivered', 'skipped', 'cancelled', 'failed')),
    CONSTRAINT turn_reason_ck CHECK ((state IN ('skipped', 'cancelled', 'failed')) = (reason <> ''))
);
COMMENT ON TABLE turn IS 'One answer''s way from question to delivery; not partitioned: its partial unique indexes cannot be';
COMMENT ON COLUMN turn.hold_id IS 'the turn''s own id where svc-billing holds for it; NULL = nothing is held';
COMMENT ON COLUMN turn.cost_micro_pix IS 'micro-pix; what was charged';
COMMENT ON COLUMN turn.waiting_since IS 'UTC; since when svc-billing does not answer';
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
COMMENT ON TABLE turn_input IS 'Which turn answers which message: at most one';
CREATE INDEX turn_input_turn_ix ON turn_input (workspace_id, turn_id);

CREATE TABLE turn_step (
    workspace_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    n integer NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    epoch bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT turn_step_pk PRIMARY KEY (workspace_id, turn_id, n)
);
COMMENT ON TABLE turn_step IS 'History of turns; follows the state graph';

CREATE TABLE turn_attempt (
    workspace_id uuid NOT NULL,
    turn_id uuid NOT NULL,
    n integer NOT NULL,
    attempt_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    usage jsonb NOT NULL DEFAULT '{}',
    charged boolean NOT NULL,
    price_ids uuid[] NOT NULL DEFAULT '{}',
    error text NOT NULL DEFAULT '',
    CONSTRAINT turn_attempt_pk PRIMARY KEY (workspace_id, turn_id, n)
);
COMMENT ON TABLE turn_attempt IS 'Tries at providers, with their raw usage';

CREATE TABLE delivery (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid,
    part integer NOT NULL,
    text text NOT NULL,
    entities jsonb NOT NULL DEFAULT '[]',
    state text NOT NULL DEFAULT 'queued',
    error text NOT NULL DEFAULT '',
    provider_message_id text,
    sending_at timestamptz,
    sent_at timestamptz,
    CONSTRAINT delivery_pk PRIMARY KEY (workspace_id, id),
    CONSTRAINT delivery_part_uq UNIQUE (workspace_id, message_id, part),
    CONSTRAINT delivery_state_ck CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'cancelled'))
);
COMMENT ON TABLE delivery IS 'Parts of messages on their way to the customer; the next goes only after the one before';

CREATE TABLE event (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    object_id uuid,
    extra jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT event_pk PRIMARY KEY (workspace_id, id)
) PARTITION BY RANGE (id);
COMMENT ON TABLE event IS 'Numbered events of a workspace, ids only; content is filled in when read';
CREATE INDEX event_seq_ix ON event (workspace_id, seq);

CREATE TABLE event_head (workspace_id uuid PRIMARY KEY, last_seq bigint NOT NULL);
COMMENT ON TABLE event_head IS 'Last number given';

CREATE TABLE ask_dedupe (
    workspace_id uuid NOT NULL,
    key_id uuid NOT NULL,
    body_hash bytea NOT NULL,
    turn_id uuid NOT NULL,
    message_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ask_dedupe_pk PRIMARY KEY (workspace_id, key_id, body_hash)
);
COMMENT ON TABLE ask_dedupe IS 'Calls of OpenAI clients, which repeat blindly; joined for ten minutes';

SELECT make_tenant(t::regclass) FROM unnest(ARRAY['channel', 'contact', 'contact_identity', 'conversation', 'handler_history',
    'message', 'message_key', 'update_key', 'turn', 'turn_input', 'turn_step', 'turn_attempt', 'delivery', 'event', 'event_head',
    'ask_dedupe']) AS t;
SELECT make_partitions('message');
SELECT make_partitions('event');
REVOKE DELETE, TRUNCATE ON message, turn, conversation, turn_step, turn_attempt, event, handler_history, message_key FROM chats_service;
