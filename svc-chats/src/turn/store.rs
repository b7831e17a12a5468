//! Turns in Postgres: leases, and the statements of the way that every answer takes. Endings lie in `end`.
//!
//! Every write of a worker says `lease_epoch = mine`; one that slept through its lease changes nothing. Statements that
//! look at who answers lock the dialogue first.

pub mod end;
pub mod notes;
pub mod read;
pub mod stored;

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{
        Array, BigInt, Bool, Bytea, Float8, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
    },
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, ConversationId, Failure, TurnId, WorkspaceId,
    db::{Keep as _, Tx, queued_event},
    redis::shard,
};

use super::State;
use crate::{conversation::Handler, outbox::Events};

/// How long a worker has a turn without a sign of life.
pub const LEASE_SECONDS: f64 = 10.0;

/// A turn in this worker's hands.
#[derive(Debug, Clone)]
pub struct Leased {
    /// Its dialogue.
    pub conversation: ConversationId,
    /// Its assistant.
    pub assistant: AssistantId,
    /// How far it was.
    pub state: State,
    /// Whether another worker had it before.
    pub again: bool,
    /// Whether an answer was begun before.
    pub restarted: bool,
    /// This worker's number.
    pub epoch: i64,
    /// Whether the customer reads it as it is written.
    pub streamed: bool,
    /// See the table.
    pub request: Option<serde_json::Value>,
    /// Who answers now.
    pub handler: Handler,
    /// The period.
    pub handler_epoch: i64,
    /// The closed period that was answered before.
    pub away_since: Option<DateTime<Utc>>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

/// What came of trying to take a turn.
#[derive(Debug)]
pub enum Lease {
    /// Taken.
    Taken(Box<Leased>),
    /// Not yet: the delay is not over, or another has it.
    NotYet(Duration),
    /// It does not run any more.
    Over,
}

#[derive(QueryableByName)]
struct LockedRow {
    #[diesel(sql_type = Text)]
    handler: String,
    #[diesel(sql_type = BigInt)]
    handler_epoch: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    away_since: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct LeaseRow {
    #[diesel(sql_type = SqlUuid)]
    conversation_id: ConversationId,
    #[diesel(sql_type = SqlUuid)]
    assistant_id: AssistantId,
    #[diesel(sql_type = Text)]
    was: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Bool)]
    again: bool,
    #[diesel(sql_type = BigInt)]
    lease_epoch: i64,
    #[diesel(sql_type = Bool)]
    streamed: bool,
    #[diesel(sql_type = Nullable<Jsonb>)]
    request: Option<serde_json::Value>,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

const LEASE: &str = "
WITH old AS (
    SELECT id, conversation_id, state, started_at FROM turn WHERE workspace_id = $1 AND id = $2
), t AS (
    UPDATE turn SET lease_owner = $3, lease_epoch = turn.lease_epoch + 1,
        lease_until = clock_timestamp() + make_interval(secs => $4),
        started_at = coalesce(turn.started_at, clock_timestamp()),
        input_to_seq = coalesce(turn.input_to_seq,
            (SELECT last_seq FROM conversation c WHERE c.workspace_id = $1 AND c.id = turn.conversation_id)),
        state = CASE WHEN turn.state IN ('held', 'answering') THEN 'queued' ELSE turn.state END,
        claimed_handler_epoch = CASE WHEN turn.state = 'stored' THEN turn.claimed_handler_epoch END,
        steps = turn.steps + CASE WHEN turn.state IN ('held', 'answering') THEN 1 ELSE 0 END
    FROM old
    WHERE turn.workspace_id = $1 AND turn.id = $2 AND turn.ended_at IS NULL
      AND (turn.lease_until IS NULL OR turn.lease_until < clock_timestamp())
      AND (turn.started_at IS NOT NULL OR (turn.due_at <= clock_timestamp() AND NOT EXISTS (
          SELECT 1 FROM turn r WHERE r.workspace_id = $1 AND r.conversation_id = old.conversation_id
          AND r.started_at IS NOT NULL AND r.ended_at IS NULL)))
    RETURNING turn.conversation_id, turn.assistant_id, old.state AS was, turn.state, old.started_at IS NOT NULL AS again,
              turn.lease_epoch, turn.streamed, turn.request, turn.started_at, turn.steps
), step AS (
    INSERT INTO turn_step (workspace_id, turn_id, n, from_state, to_state, epoch)
    SELECT $1, $2, t.steps, t.was, 'queued', t.lease_epoch FROM t WHERE t.was <> t.state
), watchdog AS (
    UPDATE job SET run_at = clock_timestamp() + make_interval(secs => $4) FROM t WHERE job.key = 'turn:' || $2::text
)
SELECT t.*, clock_timestamp() AS now FROM t";

/// Takes a turn, if it is due and nobody has it.
///
/// # Errors
/// Storage.
pub async fn lease(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, owner: &str) -> Result<Lease, Failure> {
    let shared: &Tx = tx;
    let (mut first, mut second) = (shared, shared);
    let lock = sql_query(
        "SELECT c.handler, c.handler_epoch, c.away_since FROM conversation c JOIN turn t ON t.workspace_id = c.workspace_id \
         AND t.conversation_id = c.id WHERE t.workspace_id = $1 AND t.id = $2 FOR NO KEY UPDATE OF c",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result::<LockedRow>(&mut first);
    let take = sql_query(LEASE)
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(turn)
        .bind::<Text, _>(owner)
        .bind::<Float8, _>(LEASE_SECONDS)
        .kept()
        .get_result::<LeaseRow>(&mut second);
    let (locked, row) = futures::future::join(lock, take).await;
    let (Some(locked), row) = (locked.optional()?, row.optional()?) else { return Ok(Lease::Over) };
    let Some(row) = row else { return why_not(tx, ws, turn).await };
    let restarted = row.was != row.state;
    let mut events = Events::default();
    if restarted {
        events.turn("turn.restarted", row.conversation_id, turn, row.lease_epoch);
    } else if !row.again {
        events.turn("turn.started", row.conversation_id, turn, row.lease_epoch);
    }
    tell(tx, ws, &events).await?;
    Ok(Lease::Taken(Box::new(Leased {
        conversation: row.conversation_id,
        assistant: row.assistant_id,
        state: State::parse(&row.state),
        again: row.again,
        restarted,
        epoch: row.lease_epoch,
        streamed: row.streamed,
        request: row.request,
        handler: Handler::parse(&locked.handler),
        handler_epoch: locked.handler_epoch,
        away_since: locked.away_since,
        started_at: row.started_at,
        now: row.now,
    })))
}

async fn why_not(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Lease, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        ended: bool,
        #[diesel(sql_type = Float8)]
        wait: f64,
    }
    let row: Option<Row> = sql_query(
        "SELECT ended_at IS NOT NULL AS ended, extract(epoch FROM greatest(lease_until, \
         CASE WHEN started_at IS NULL THEN due_at END) - clock_timestamp())::float8 AS wait \
         FROM turn WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    Ok(match row {
        None => Lease::Over,
        Some(row) if row.ended => Lease::Over,
        // Behind a running turn, whose end wakes this one; the pause is only a net.
        Some(row) => {
            Lease::NotYet(Duration::from_secs_f64(row.wait.clamp(0.0, 600.0).max(0.05)).max(if row.wait <= 0.0 {
                Duration::from_secs(1)
            } else {
                Duration::ZERO
            }))
        }
    })
}

/// A sign of life. False where the turn is not this worker's any more.
///
/// # Errors
/// Storage.
pub async fn beat(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, epoch: i64) -> Result<bool, Failure> {
    let beaten = sql_query(
        "WITH t AS (UPDATE turn SET lease_until = clock_timestamp() + make_interval(secs => $4) WHERE workspace_id = $1 \
         AND id = $2 AND lease_epoch = $3 AND ended_at IS NULL RETURNING id) \
         UPDATE job SET run_at = clock_timestamp() + make_interval(secs => $4) FROM t WHERE job.key = 'turn:' || t.id::text",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .bind::<BigInt, _>(epoch)
    .bind::<Float8, _>(LEASE_SECONDS)
    .kept()
    .execute(tx)
    .await?;
    Ok(beaten > 0)
}

/// What `begin` writes.
#[derive(Debug, Clone, Copy)]
pub struct Answering {
    /// Its tenant.
    pub workspace: WorkspaceId,
    /// The dialogue.
    pub conversation: ConversationId,
    /// The turn.
    pub turn: TurnId,
    /// This worker's number.
    pub epoch: i64,
    /// Whether billing holds money for it.
    pub held: bool,
    /// The version that answers.
    pub version: i32,
    /// Where the answer is streamed: the period that it is claimed in.
    pub claim: Option<i64>,
}

#[derive(QueryableByName)]
struct Done {
    #[diesel(sql_type = Bool)]
    done: bool,
}

/// Which of the pieces of a call were still in their worker's hands: their places, counted from 1. Not their turns: two workers
/// may believe that they have the same one.
#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    place: i64,
}

impl Place {
    fn among(rows: Vec<Self>, pieces: usize) -> Vec<bool> {
        let there = rows.into_iter().map(|row| row.place).collect::<HashSet<_>>();
        (1..).take(pieces).map(|place| there.contains(&place)).collect()
    }
}

/// `queued → held → answering` in one write, of turns of any workspaces; the claim where the answer is streamed. A transaction
/// of its own. Answers in their order: false where a turn is not this worker's any more, or somebody took over.
///
/// # Errors
/// Storage.
pub async fn begin(tx: &mut Tx, turns: &[Answering]) -> Result<Vec<bool>, Failure> {
    let rows = sql_query("SELECT place FROM begin_answers($1, $2, $3, $4, $5, $6, $7) AS place")
        .bind::<Array<SqlUuid>, _>(turns.iter().map(|t| t.workspace).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(turns.iter().map(|t| t.conversation).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(turns.iter().map(|t| t.turn).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(turns.iter().map(|t| t.epoch).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(turns.iter().map(|t| t.held).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(turns.iter().map(|t| t.version).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(turns.iter().map(|t| t.claim).collect::<Vec<_>>())
        .kept()
        .load(tx)
        .await?;
    Ok(Place::among(rows, turns.len()))
}

/// Whether parts of the turn's answer are on their way. Locks the turn first, so that the delivery of the last part and
/// the settling do not pass each other by.
///
/// # Errors
/// Storage.
pub async fn is_on_its_way(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<bool, Failure> {
    let shared: &Tx = tx;
    let (mut first, mut second) = (shared, shared);
    let lock = sql_query("SELECT 1 FROM turn WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(turn)
        .kept()
        .execute(&mut first);
    let look = sql_query(
        "SELECT EXISTS (SELECT 1 FROM delivery d JOIN turn t ON t.workspace_id = d.workspace_id \
         AND t.answer_message_id = d.message_id WHERE t.workspace_id = $1 AND t.id = $2 \
         AND d.state IN ('queued', 'sending')) AS done",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result::<Done>(&mut second);
    let (locked, row) = futures::future::join(lock, look).await;
    locked?;
    Ok(row?.done)
}

/// Writes events beside other changes of a transaction.
///
/// # Errors
/// Storage.
pub async fn tell(tx: &mut Tx, ws: WorkspaceId, events: &Events) -> Result<(), Failure> {
    if events.ids.is_empty() {
        return Ok(());
    }
    sql_query(
        "INSERT INTO outbox (workspace_id, shard, event_id, kind, object_version, payload) \
         SELECT $1, $2, e.id, e.kind, e.version, e.payload FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::bytea[]) \
         WITH ORDINALITY AS e (id, kind, version, payload, n) ORDER BY e.n",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SmallInt, _>(i16::from(shard(ws)))
    .bind::<Array<SqlUuid>, _>(&events.ids)
    .bind::<Array<Text>, _>(&events.kinds)
    .bind::<Array<BigInt>, _>(&events.versions)
    .bind::<Array<Bytea>, _>(&events.payloads)
    .kept()
    .execute(tx)
    .await?;
    queued_event();
    Ok(())
}

/// Gives a lease back before its end.
///
/// # Errors
/// Storage.
pub async fn let_go(tx: &mut Tx, ws: WorkspaceId, turn: TurnId, epoch: i64) -> Result<(), Failure> {
    sql_query(
        "WITH t AS (UPDATE turn SET lease_until = clock_timestamp() WHERE workspace_id = $1 AND id = $2 AND lease_epoch = $3 \
         AND ended_at IS NULL RETURNING id) \
         UPDATE job SET run_at = clock_timestamp() + interval '1 second' FROM t WHERE job.key = 'turn:' || t.id::text",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .bind::<BigInt, _>(epoch)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}
