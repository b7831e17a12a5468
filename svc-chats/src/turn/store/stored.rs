//! `answering → stored`: the answer into its tables, in one statement.

use std::sync::LazyLock;

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bool, Bytea, Integer, Jsonb, Nullable, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ChannelId, ConversationId, Failure, MessageId, TurnId, WorkspaceId,
    db::{Keep as _, Tx, queued_event, queued_job},
    redis::shard,
};
use uuid::Uuid;

use crate::{delivery::Part, outbox::Events};

#[derive(QueryableByName)]
struct Done {
    #[diesel(sql_type = Bool)]
    done: bool,
}

/// A try at a provider, as it is kept.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// Its id.
    pub id: Uuid,
    /// Provider's name.
    pub provider: String,
    /// Price list key; empty = free.
    pub model: String,
    /// Tokens read, read from a cache, written to one, made.
    pub tokens: [i64; 4],
    /// Counted by us.
    pub estimated: bool,
    /// Whether the customer pays for it.
    pub charged: bool,
    /// The price that held.
    pub price: Option<Uuid>,
    /// Kind of failure; empty = none.
    pub error: String,
    /// Milliseconds to the first token.
    pub first_token_ms: i32,
    /// Milliseconds in all.
    pub total_ms: i32,
}

/// What `stored` writes.
#[derive(Debug)]
pub struct Stored<'a> {
    /// The dialogue.
    pub conversation: ConversationId,
    /// Its channel.
    pub channel: ChannelId,
    /// The turn.
    pub turn: TurnId,
    /// This worker's number.
    pub epoch: i64,
    /// The period that the turn was started in.
    pub handler_epoch: i64,
    /// The answer's message.
    pub message: MessageId,
    /// Its text.
    pub text: &'a str,
    /// Where it comes from.
    pub citations: serde_json::Value,
    /// All tries.
    pub attempts: &'a [Attempt],
    /// Parts that the channel delivers; none where it reads.
    pub parts: &'a [Part],
}

const STORED: &str = "WITH c AS (
    SELECT handler, handler_epoch, status, last_seq FROM conversation WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE
), t AS (
    UPDATE turn SET state = 'stored', claimed_handler_epoch = coalesce(turn.claimed_handler_epoch, c.handler_epoch),
        answer_message_id = $6, steps = turn.steps + 1
    FROM c WHERE turn.workspace_id = $1 AND turn.id = $3 AND turn.lease_epoch = $4 AND turn.state = 'answering'
      AND (turn.claimed_handler_epoch IS NOT NULL
           OR (c.handler = 'assistant' AND c.handler_epoch = $5 AND c.status <> 'closed'))
    RETURNING turn.claimed_handler_epoch AS claim, c.last_seq + 1 AS seq, turn.steps
), said AS (
    INSERT INTO message (workspace_id, id, conversation_id, seq, author, turn_id, text, claimed_handler_epoch, citations)
    SELECT $1, $6, $2, t.seq, 'assistant', $3, $7, t.claim, $8 FROM t
), dialogue AS (
    UPDATE conversation SET last_seq = t.seq, answered_at = clock_timestamp(), updated_at = clock_timestamp(),
        version = version + 1,
        status = CASE WHEN conversation.handler = 'assistant' AND conversation.status = 'pending' THEN 'open' ELSE conversation.status END
    FROM t WHERE workspace_id = $1 AND id = $2
), step AS (
    INSERT INTO turn_step (workspace_id, turn_id, n, from_state, to_state, epoch)
    SELECT $1, $3, t.steps, 'answering', 'stored', $4 FROM t
), tries AS (
    INSERT INTO turn_attempt (workspace_id, turn_id, n, attempt_id, epoch, provider, model, input_tokens, cached_input_tokens,
        cache_write_tokens, output_tokens, estimated, charged, price_id, error, first_token_ms, total_ms)
    SELECT $1, $3, a.n + (SELECT count(*) FROM turn_attempt o WHERE o.workspace_id = $1 AND o.turn_id = $3), a.id, $4,
        a.provider, a.model, a.input, a.cached, a.written, a.output, a.estimated, a.charged, a.price, a.error, a.first, a.total
    FROM t, unnest($9::uuid[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
        $16::boolean[], $17::boolean[], $18::uuid[], $19::text[], $20::integer[], $21::integer[])
        WITH ORDINALITY AS a (id, provider, model, input, cached, written, output, estimated, charged, price, error, first, total, n)";

/// Only where the channel delivers: a part of a statement opens its tables whether it writes or not.
const PARTS: &str = "
), parts AS (
    INSERT INTO delivery (workspace_id, id, message_id, conversation_id, channel_id, seq, part, text, entities)
    SELECT $1, p.id, $6, $2, $22, t.seq, p.n, p.text, p.entities
    FROM t, unnest($23::uuid[], $24::text[], $25::jsonb[]) WITH ORDINALITY AS p (id, text, entities, n)
), send AS (
    INSERT INTO job (workspace_id, kind, key, payload)
    SELECT $1, 'delivery.send', 'delivery:' || $6::text, jsonb_build_object('message_id', $6::text) FROM t";

const TOLD: &str = "
), told AS (
    INSERT INTO outbox (workspace_id, shard, event_id, kind, object_version, payload)
    SELECT $1, $26, e.id, e.kind, e.version, e.payload
    FROM t, unnest($27::uuid[], $28::text[], $29::bigint[], $30::bytea[]) WITH ORDINALITY AS e (id, kind, version, payload, n) ORDER BY e.n
)
SELECT EXISTS (SELECT 1 FROM t) AS done";

/// What is stored where the channel reads.
static READ: LazyLock<String> = LazyLock::new(|| [STORED, TOLD].concat());
/// What is stored where it delivers.
static DELIVERED: LazyLock<String> = LazyLock::new(|| [STORED, PARTS, TOLD].concat());

/// `answering → stored`, the transaction's last statement: message, attempts, deliveries, events; the claim where there is
/// none yet. False where the turn is
/// not this worker's any more, or somebody took over.
///
/// # Errors
/// Storage.
pub async fn stored(tx: &mut Tx, ws: WorkspaceId, what: &Stored<'_>) -> Result<bool, Failure> {
    let mut events = Events::default();
    events.message("message.created", what.conversation, what.message);
    events.turn("turn.stored", what.conversation, what.turn, what.epoch);
    let tries = what.attempts;
    let column = |n: usize| tries.iter().map(|a| a.tokens[n]).collect::<Vec<i64>>();
    let sql = if what.parts.is_empty() { READ.as_str() } else { DELIVERED.as_str() };
    tx.last(sql);
    let row: Done = sql_query(sql)
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(what.conversation)
        .bind::<SqlUuid, _>(what.turn)
        .bind::<BigInt, _>(what.epoch)
        .bind::<BigInt, _>(what.handler_epoch)
        .bind::<SqlUuid, _>(what.message)
        .bind::<Text, _>(what.text)
        .bind::<Jsonb, _>(&what.citations)
        .bind::<Array<SqlUuid>, _>(tries.iter().map(|a| a.id).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tries.iter().map(|a| a.provider.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tries.iter().map(|a| a.model.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(column(0))
        .bind::<Array<BigInt>, _>(column(1))
        .bind::<Array<BigInt>, _>(column(2))
        .bind::<Array<BigInt>, _>(column(3))
        .bind::<Array<Bool>, _>(tries.iter().map(|a| a.estimated).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(tries.iter().map(|a| a.charged).collect::<Vec<_>>())
        .bind::<Array<Nullable<SqlUuid>>, _>(tries.iter().map(|a| a.price).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tries.iter().map(|a| a.error.as_str()).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(tries.iter().map(|a| a.first_token_ms).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(tries.iter().map(|a| a.total_ms).collect::<Vec<_>>())
        .bind::<SqlUuid, _>(what.channel)
        .bind::<Array<SqlUuid>, _>(what.parts.iter().map(|p| p.id).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(what.parts.iter().map(|p| p.text.as_str()).collect::<Vec<_>>())
        .bind::<Array<Jsonb>, _>(what.parts.iter().map(|p| p.entities.clone()).collect::<Vec<_>>())
        .bind::<SmallInt, _>(i16::from(shard(ws)))
        .bind::<Array<SqlUuid>, _>(&events.ids)
        .bind::<Array<Text>, _>(&events.kinds)
        .bind::<Array<BigInt>, _>(&events.versions)
        .bind::<Array<Bytea>, _>(&events.payloads)
        .kept()
        .get_result(tx)
        .await?;
    if row.done {
        queued_event();
        if !what.parts.is_empty() {
            queued_job();
        }
    }
    Ok(row.done)
}
