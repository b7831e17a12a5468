//! The statement that stores a message. Each part of it opens its tables and indexes whether it writes or not, which costs
//! more than the writing: only the parts that have something to do are in it.

use std::sync::OnceLock;

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// A dialogue begins.
    pub fresh: bool,
    /// Nobody knew the contact.
    pub stranger: bool,
    /// The channel numbers its updates.
    pub update: bool,
    /// Somebody else answers from now on.
    pub new_period: bool,
    /// What happens to the turn.
    pub turn: Turn,
}

/// What happens to the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// A person answers.
    None,
    /// The message opens it.
    Opens,
    /// The message joins it.
    Joins,
}

const PERSON: &str = "person AS (
    INSERT INTO contact (workspace_id, id, display_name) VALUES ($1, $27, $28)
), identity AS (
    INSERT INTO contact_identity (workspace_id, kind, scope, value, contact_id) VALUES ($1, $29, $30, $31, $27)
    ON CONFLICT DO NOTHING RETURNING 1
), ";

const BEGINS: &str = "dialogue AS (
    INSERT INTO conversation (workspace_id, id, channel_id, contact_id, assistant_id, external_key, address, last_seq, status,
                              handler, handler_epoch, fast_turns, version)
    VALUES ($1, $3, $7, $27, $15, $32, $33, $4, $10, $11, $12, $13, 2) ON CONFLICT DO NOTHING RETURNING handler_epoch
)";

const GOES_ON: &str = "dialogue AS (
    UPDATE conversation SET last_seq = $4, status = $10, handler = $11, handler_epoch = $12, fast_turns = $13,
        closed_at = CASE WHEN $14 THEN NULL ELSE closed_at END, context_from_seq = CASE WHEN $14 THEN $4 ELSE context_from_seq END,
        version = version + 1, updated_at = clock_timestamp()
    WHERE workspace_id = $1 AND id = $3 AND last_seq = $4 - 1 RETURNING handler_epoch
)";

const PERIOD: &str = ", period AS (
    INSERT INTO handler_history (workspace_id, conversation_id, epoch, handler, from_seq)
    SELECT $1, $3, $12, $11, $4 FROM dialogue
)";

const SAID: &str = ", said AS (
    INSERT INTO message (workspace_id, id, conversation_id, seq, author, turn_id, text, client_id)
    SELECT $1, $2, $3, $4, 'contact', $5, $6, $34 FROM dialogue
), key AS (
    INSERT INTO message_key (workspace_id, channel_id, external_id, message_id, conversation_id)
    VALUES ($1, $7, $8, $2, $3) ON CONFLICT DO NOTHING RETURNING 1
)";

const SEEN: &str = ", seen AS (
    INSERT INTO update_key (workspace_id, channel_id, update_id) VALUES ($1, $7, $9) ON CONFLICT DO NOTHING
)";

const OPENS: &str = ", turned AS (
    INSERT INTO turn (workspace_id, id, conversation_id, assistant_id, streamed, request, due_at, started_at, input_to_seq,
                      lease_owner, lease_epoch, lease_until)
    SELECT $1, $5, $3, $15, $16, $17, clock_timestamp() + make_interval(secs => $18),
           CASE WHEN $19 THEN clock_timestamp() END, CASE WHEN $19 THEN $4 END,
           CASE WHEN $19 THEN $20 ELSE '' END, CASE WHEN $19 THEN 1 ELSE 0 END,
           CASE WHEN $19 THEN clock_timestamp() + make_interval(secs => $21) END
    FROM dialogue ON CONFLICT DO NOTHING RETURNING 1
), watchdog AS (
    INSERT INTO job (workspace_id, kind, key, payload, run_at)
    SELECT $1, 'turn.run', 'turn:' || $5::text, jsonb_build_object('turn_id', $5::text),
           clock_timestamp() + make_interval(secs => CASE WHEN $19 THEN $21 ELSE $18 END) FROM turned
)";

const JOINS: &str = ", turned AS (
    UPDATE turn SET due_at = clock_timestamp() + make_interval(secs => $18), streamed = streamed OR $16,
        request = coalesce($17, request)
    WHERE workspace_id = $1 AND id = $5 AND started_at IS NULL AND ended_at IS NULL RETURNING 1
), watchdog AS (
    INSERT INTO job (workspace_id, kind, key, payload, run_at)
    SELECT $1, 'turn.run', 'turn:' || $5::text, jsonb_build_object('turn_id', $5::text),
           clock_timestamp() + make_interval(secs => $18) FROM turned
    ON CONFLICT (key) DO UPDATE SET run_at = excluded.run_at, dead_at = NULL, attempts = 0
)";

const INPUT: &str = ", input AS (
    INSERT INTO turn_input (workspace_id, message_id, turn_id) SELECT $1, $2, $5 FROM turned
)";

const TOLD: &str = ", told AS (
    INSERT INTO outbox (workspace_id, shard, event_id, kind, object_version, payload)
    SELECT $1, $22, e.id, e.kind, e.version, e.payload
    FROM unnest($23::uuid[], $24::text[], $25::bigint[], $26::bytea[]) WITH ORDINALITY AS e (id, kind, version, payload, n) ORDER BY e.n
)
SELECT CASE WHEN EXISTS (SELECT 1 FROM key) AND EXISTS (SELECT 1 FROM dialogue)";

/// Its text. Somebody who came in between makes it fail as a whole, so that the transaction runs again.
pub(super) fn text(shape: Shape) -> &'static str {
    static TEXTS: [OnceLock<String>; 48] = [const { OnceLock::new() }; 48];
    let flags = [shape.fresh, shape.stranger, shape.update, shape.new_period];
    let number = flags.into_iter().fold(shape.turn as usize, |number, flag| 2 * number + usize::from(flag));
    TEXTS[number].get_or_init(|| made(shape))
}

fn made(shape: Shape) -> String {
    let part = |there: bool, part: &'static str| if there { part } else { "" };
    let turned = shape.turn != Turn::None;
    [
        "WITH ",
        part(shape.stranger, PERSON),
        if shape.fresh { BEGINS } else { GOES_ON },
        part(shape.fresh || shape.new_period, PERIOD),
        SAID,
        part(shape.update, SEEN),
        match shape.turn {
            Turn::None => "",
            Turn::Opens => OPENS,
            Turn::Joins => JOINS,
        },
        part(turned, INPUT),
        TOLD,
        part(turned, " AND EXISTS (SELECT 1 FROM turned)"),
        part(shape.stranger, " AND EXISTS (SELECT 1 FROM identity)"),
        " THEN true ELSE come_again() END AS done",
    ]
    .concat()
}
