-- What a turn saw and what decided about it, kept with the step that ended it or stored its answer: one more value in a row that is
-- written anyway.
ALTER TABLE turn_step ADD COLUMN record bytea;
COMMENT ON COLUMN turn_step.record IS 'neipix.assistants.v1.TurnRecord: ids, scores, decisions, no texts; NULL where the step ends nothing, or the worker died';

-- The function of the former program, with the record beside.
CREATE FUNCTION store_answers(workspaces uuid[], conversations uuid[], channels uuid[], turns uuid[], epochs bigint[],
    periods bigint[], messages uuid[], texts text[], cited jsonb[],
    tries_of bigint[], tries uuid[], providers text[], models text[], inputs bigint[], cached bigint[], written bigint[],
    outputs bigint[], estimates boolean[], charges boolean[], prices uuid[], errors text[], firsts integer[], totals integer[],
    parts_of bigint[], parts uuid[], part_texts text[], part_entities jsonb[],
    shards smallint[], message_events uuid[], message_payloads bytea[], turn_events uuid[], turn_payloads bytea[],
    records bytea[])
RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    one record;
    entered text;
    place bigint;
BEGIN
    FOR one IN
        SELECT * FROM unnest(workspaces, conversations, channels, turns, epochs, periods, messages, texts, cited, shards,
                message_events, message_payloads, turn_events, turn_payloads, records)
            WITH ORDINALITY AS e (workspace, conversation, channel, turn, epoch, period, message, words, citations, shard,
                message_event, message_payload, turn_event, turn_payload, record, number)
        ORDER BY e.workspace, e.conversation
    LOOP
        entered := set_config('neipix.workspace_id', one.workspace::text, true);
        WITH c AS (
            SELECT handler, handler_epoch, status, last_seq FROM conversation
            WHERE workspace_id = one.workspace AND id = one.conversation FOR NO KEY UPDATE
        ), t AS (
            UPDATE turn SET state = 'stored', claimed_handler_epoch = coalesce(turn.claimed_handler_epoch, c.handler_epoch),
                answer_message_id = one.message, steps = turn.steps + 1
            FROM c WHERE turn.workspace_id = one.workspace AND turn.id = one.turn AND turn.lease_epoch = one.epoch
              AND turn.state = 'answering' AND (turn.claimed_handler_epoch IS NOT NULL
                   OR (c.handler = 'assistant' AND c.handler_epoch = one.period AND c.status <> 'closed'))
            RETURNING turn.claimed_handler_epoch AS claim, c.last_seq + 1 AS seq, turn.steps
        ), said AS (
            INSERT INTO message (workspace_id, id, conversation_id, seq, author, turn_id, text, claimed_handler_epoch, citations)
            SELECT one.workspace, one.message, one.conversation, t.seq, 'assistant', one.turn, one.words, t.claim, one.citations
            FROM t
        ), dialogue AS (
            UPDATE conversation SET last_seq = t.seq, answered_at = clock_timestamp(), updated_at = clock_timestamp(),
                version = version + 1,
                status = CASE WHEN handler = 'assistant' AND status = 'pending' THEN 'open' ELSE status END
            FROM t WHERE workspace_id = one.workspace AND id = one.conversation
        ), step AS (
            INSERT INTO turn_step (workspace_id, turn_id, n, from_state, to_state, epoch, record)
            SELECT one.workspace, one.turn, t.steps, 'answering', 'stored', one.epoch, one.record FROM t
        ), tried AS (
            INSERT INTO turn_attempt (workspace_id, turn_id, n, attempt_id, epoch, provider, model, input_tokens,
                cached_input_tokens, cache_write_tokens, output_tokens, estimated, charged, price_id, error, first_token_ms,
                total_ms)
            SELECT one.workspace, one.turn, row_number() OVER (ORDER BY a.n)
                    + (SELECT count(*) FROM turn_attempt o WHERE o.workspace_id = one.workspace AND o.turn_id = one.turn),
                a.id, one.epoch, a.provider, a.model, a.input, a.cached, a.written, a.output, a.estimated, a.charged, a.price,
                a.error, a.first, a.total
            FROM t, unnest(tries_of, tries, providers, models, inputs, cached, written, outputs, estimates, charges, prices,
                    errors, firsts, totals)
                WITH ORDINALITY AS a (answer, id, provider, model, input, cached, written, output, estimated, charged, price, error,
                    first, total, n)
            WHERE a.answer = one.number
        ), told AS (
            INSERT INTO outbox (workspace_id, shard, event_id, kind, object_version, payload)
            SELECT one.workspace, one.shard, e.id, e.kind, e.version, e.payload
            FROM t, (VALUES (1, one.message_event, 'message.created', 1, one.message_payload),
                            (2, one.turn_event, 'turn.stored', one.epoch, one.turn_payload)) AS e (n, id, kind, version, payload)
            ORDER BY e.n
        )
        SELECT t.seq INTO place FROM t;
        CONTINUE WHEN place IS NULL;
        IF one.number = ANY (parts_of) THEN
            INSERT INTO delivery (workspace_id, id, message_id, conversation_id, channel_id, seq, part, text, entities)
            SELECT one.workspace, p.id, one.message, one.conversation, one.channel, place, row_number() OVER (ORDER BY p.n), p.words,
                p.entities
            FROM unnest(parts_of, parts, part_texts, part_entities) WITH ORDINALITY AS p (answer, id, words, entities, n)
            WHERE p.answer = one.number;
            INSERT INTO job (workspace_id, kind, key, payload)
            VALUES (one.workspace, 'delivery.send', 'delivery:' || one.message::text,
                jsonb_build_object('message_id', one.message::text));
        END IF;
        RETURN NEXT one.number;
    END LOOP;
END $$;

-- The former program runs on: its answers have no record.
CREATE OR REPLACE FUNCTION store_answers(workspaces uuid[], conversations uuid[], channels uuid[], turns uuid[], epochs bigint[],
    periods bigint[], messages uuid[], texts text[], cited jsonb[],
    tries_of bigint[], tries uuid[], providers text[], models text[], inputs bigint[], cached bigint[], written bigint[],
    outputs bigint[], estimates boolean[], charges boolean[], prices uuid[], errors text[], firsts integer[], totals integer[],
    parts_of bigint[], parts uuid[], part_texts text[], part_entities jsonb[],
    shards smallint[], message_events uuid[], message_payloads bytea[], turn_events uuid[], turn_payloads bytea[])
RETURNS SETOF bigint LANGUAGE sql AS $$
    SELECT store_answers(workspaces, conversations, channels, turns, epochs, periods, messages, texts, cited, tries_of, tries,
        providers, models, inputs, cached, written, outputs, estimates, charges, prices, errors, firsts, totals, parts_of, parts,
        part_texts, part_entities, shards, message_events, message_payloads, turn_events, turn_payloads,
        array_fill(NULL::bytea, ARRAY[cardinality(workspaces)]))
$$;
