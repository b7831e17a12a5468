//! A message into its tables: two looks in one round trip, then one statement.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{
        Array, BigInt, Bool, Bytea, Float8, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
    },
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ChannelId, ContactId, ConversationId, Failure, MessageId, TurnId, UserId, WorkspaceId,
    db::{Keep as _, Tx, queued_event, queued_job},
    redis::shard,
};
use uuid::Uuid;

use super::{
    Arrival, Begun, Facts, Found, Known, Plan, Taken, TurnPlan,
    statement::{self, Shape, Turn},
};
use crate::{
    Chats,
    conversation::{Handler, Standing, Status},
    outbox::Events,
    turn::store::LEASE_SECONDS,
};

#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = SqlUuid)]
    id: ConversationId,
    #[diesel(sql_type = SqlUuid)]
    contact_id: ContactId,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    handler: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    handler_member_id: Option<UserId>,
    #[diesel(sql_type = BigInt)]
    handler_epoch: i64,
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    answered_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    fast_turns: i32,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    closed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    away_since: Option<DateTime<Utc>>,
}

impl From<FoundRow> for Found {
    fn from(row: FoundRow) -> Self {
        Self {
            id: row.id,
            contact: row.contact_id,
            standing: Standing {
                status: Status::parse(&row.status),
                handler: Handler::parse(&row.handler),
                member: row.handler_member_id,
                epoch: row.handler_epoch,
            },
            last_seq: row.last_seq,
            version: row.version,
            answered_at: row.answered_at,
            fast_turns: row.fast_turns,
            closed_at: row.closed_at,
            away_since: row.away_since,
        }
    }
}

#[derive(QueryableByName)]
struct FactsRow {
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    contact_id: Option<ContactId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    message_id: Option<MessageId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    conversation_id: Option<ConversationId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    turn_id: Option<TurnId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    waiting: Option<TurnId>,
    #[diesel(sql_type = Bool)]
    running: bool,
}

/// The dialogue that a message may belong to: the one that is not closed, or the last one. Locked: everything that follows
/// is seen as it is after whoever had it before. The contact comes from a query of its own: joined, it is looked for among all
/// dialogues of the workspace as long as Postgres thinks that there are few.
const LOCK: &str = "
SELECT c.id, c.contact_id, c.status, c.handler, c.handler_member_id, c.handler_epoch, c.last_seq, c.version, c.answered_at,
       c.fast_turns, c.closed_at, c.away_since
FROM conversation c
WHERE c.workspace_id = $1 AND c.channel_id = $5 AND c.external_key = $6 AND c.contact_id = (
    SELECT contact_id FROM contact_identity WHERE workspace_id = $1 AND kind = $2 AND scope = $3 AND value = $4)
ORDER BY c.status = 'closed', c.created_at DESC LIMIT 1 FOR NO KEY UPDATE OF c";

/// What else decides; sent behind the lock, so that its snapshot is younger.
const FACTS: &str = "
WITH i AS (
    SELECT contact_id FROM contact_identity WHERE workspace_id = $1 AND kind = $2 AND scope = $3 AND value = $4
), c AS (
    SELECT c.id FROM conversation c
    WHERE c.workspace_id = $1 AND c.contact_id = (SELECT contact_id FROM i) AND c.channel_id = $5 AND c.external_key = $6
    ORDER BY c.status = 'closed', c.created_at DESC LIMIT 1
), t AS (
    SELECT t.id, t.started_at FROM turn t
    WHERE t.workspace_id = $1 AND t.conversation_id = (SELECT id FROM c) AND t.ended_at IS NULL
), k AS (
    SELECT message_id, conversation_id FROM message_key WHERE workspace_id = $1 AND channel_id = $5 AND external_id = $7
)
SELECT clock_timestamp() AS now, (SELECT contact_id FROM i) AS contact_id, k.message_id, k.conversation_id,
       (SELECT turn_id FROM turn_input WHERE workspace_id = $1 AND message_id = k.message_id) AS turn_id,
       (SELECT id FROM t WHERE started_at IS NULL) AS waiting, EXISTS (SELECT 1 FROM t WHERE started_at IS NOT NULL) AS running
FROM (SELECT 1) AS one LEFT JOIN k ON true";

/// Locks the dialogue and looks around.
///
/// # Errors
/// Storage.
pub async fn facts(tx: &mut Tx, arrival: &Arrival) -> Result<Facts, Failure> {
    let (ws, place, who) = (arrival.workspace, &arrival.place, &arrival.identity);
    let tx: &Tx = tx;
    let (mut first, mut second) = (tx, tx);
    let lock = sql_query(LOCK)
        .bind::<SqlUuid, _>(ws)
        .bind::<Text, _>(who.kind)
        .bind::<Text, _>(&who.scope)
        .bind::<Text, _>(&who.value)
        .bind::<SqlUuid, _>(place.channel)
        .bind::<Text, _>(&place.external_key)
        .kept()
        .get_result::<FoundRow>(&mut first);
    let look = sql_query(FACTS)
        .bind::<SqlUuid, _>(ws)
        .bind::<Text, _>(who.kind)
        .bind::<Text, _>(&who.scope)
        .bind::<Text, _>(&who.value)
        .bind::<SqlUuid, _>(place.channel)
        .bind::<Text, _>(&place.external_key)
        .bind::<Text, _>(&arrival.external_id)
        .kept()
        .get_result::<FactsRow>(&mut second);
    let (found, row) = futures::future::join(lock, look).await;
    let (found, row) = (found.optional()?, row?);
    let known = match (row.message_id, row.conversation_id) {
        (Some(message), Some(conversation)) => Some(Known { message, conversation, turn: row.turn_id }),
        _ => None,
    };
    Ok(Facts {
        now: row.now,
        contact: row.contact_id.or(found.as_ref().map(|f| f.contact_id)),
        found: found.map(Found::from),
        waiting: row.waiting,
        running: row.running,
        known,
    })
}

/// Writes what was decided; its last statement ends the transaction.
///
/// # Errors
/// Storage. Somebody who came in between makes the transaction run again.
pub async fn write(
    tx: &mut Tx,
    chats: &Chats,
    arrival: &Arrival,
    facts: &Facts,
    plan: &Plan,
) -> Result<Taken, Failure> {
    let now = Utc::now();
    let found = if plan.fresh { None } else { facts.found.as_ref() };
    let conversation = found.map_or_else(|| ConversationId::new(now), |f| f.id);
    let message = MessageId::new(now);
    let (turn, delay, start, open) = turn_of(plan.turn, now);
    let was = found.map_or(Standing::NEW, |f| f.standing);
    let new_period = plan.standing.epoch != was.epoch;
    let version = found.map_or(1, |f| f.version) + 1;
    let events = events(plan, conversation, message, turn, start, new_period, version);
    let streamed = arrival.timing.streamed();
    let shape = Shape {
        fresh: plan.fresh,
        stranger: plan.fresh && facts.contact.is_none(),
        update: arrival.update_id.is_some(),
        new_period,
        turn: match (turn.is_some(), open) {
            (false, _) => Turn::None,
            (true, true) => Turn::Opens,
            (true, false) => Turn::Joins,
        },
    };
    if let Some((key, hash)) = &arrival.ask_key {
        remember_ask(tx, arrival.workspace, *key, hash, turn, message).await?;
    }
    let text = statement::text(shape);
    tx.last(text);
    sql_query(text)
        .bind::<SqlUuid, _>(arrival.workspace)
        .bind::<SqlUuid, _>(message)
        .bind::<SqlUuid, _>(conversation)
        .bind::<BigInt, _>(plan.seq)
        .bind::<Nullable<SqlUuid>, _>(turn)
        .bind::<Text, _>(&arrival.text)
        .bind::<SqlUuid, _>(arrival.place.channel)
        .bind::<Text, _>(&arrival.external_id)
        .bind::<Nullable<BigInt>, _>(arrival.update_id)
        .bind::<Text, _>(plan.standing.status.as_str())
        .bind::<Text, _>(plan.standing.handler.as_str())
        .bind::<BigInt, _>(plan.standing.epoch)
        .bind::<Integer, _>(plan.fast_turns)
        .bind::<Bool, _>(plan.reopened)
        .bind::<SqlUuid, _>(arrival.place.assistant)
        .bind::<Bool, _>(streamed)
        .bind::<Nullable<Jsonb>, _>(&arrival.request)
        .bind::<Float8, _>(delay)
        .bind::<Bool, _>(start)
        .bind::<Text, _>(chats.owner.as_ref())
        .bind::<Float8, _>(LEASE_SECONDS)
        .bind::<SmallInt, _>(i16::from(shard(arrival.workspace)))
        .bind::<Array<SqlUuid>, _>(&events.ids)
        .bind::<Array<Text>, _>(&events.kinds)
        .bind::<Array<BigInt>, _>(&events.versions)
        .bind::<Array<Bytea>, _>(&events.payloads)
        .bind::<SqlUuid, _>(facts.contact.unwrap_or_else(|| ContactId::new(now)))
        .bind::<Text, _>(&arrival.identity.name)
        .bind::<Text, _>(arrival.identity.kind)
        .bind::<Text, _>(&arrival.identity.scope)
        .bind::<Text, _>(&arrival.identity.value)
        .bind::<Text, _>(&arrival.place.external_key)
        .bind::<Text, _>(&arrival.place.address)
        .bind::<Nullable<SqlUuid>, _>(arrival.client_id)
        .kept()
        .execute(tx)
        .await?;
    queued_event();
    if turn.is_some() && !start {
        queued_job();
    }
    let begun = turn.filter(|_| start).map(|turn| Begun {
        turn,
        streamed,
        handler_epoch: plan.standing.epoch,
        seq: plan.seq,
        away_since: found.and_then(|f| f.away_since),
        now: facts.now,
        sought: None,
    });
    Ok(Taken { message, conversation, turn, duplicate: false, begun })
}

/// The turn, its delay in seconds, whether it starts now, whether it is new.
fn turn_of(plan: TurnPlan, now: DateTime<Utc>) -> (Option<TurnId>, f64, bool, bool) {
    match plan {
        TurnPlan::None => (None, 0.0, false, false),
        TurnPlan::Join { turn, delay } => (Some(turn), delay.as_secs_f64(), false, false),
        TurnPlan::Queue { delay } => (Some(TurnId::new(now)), delay.as_secs_f64(), false, true),
        TurnPlan::Start => (Some(TurnId::new(now)), 0.0, true, true),
    }
}

fn events(
    plan: &Plan,
    conversation: ConversationId,
    message: MessageId,
    turn: Option<TurnId>,
    start: bool,
    new_period: bool,
    version: i64,
) -> Events {
    let mut events = Events::default();
    if plan.fresh {
        events.conversation("conversation.opened", conversation, version);
    } else if plan.reopened {
        events.conversation("conversation.updated", conversation, version);
    }
    events.message("message.created", conversation, message);
    if new_period {
        events.conversation("handler.changed", conversation, version);
    }
    match (turn, start, plan.turn) {
        (Some(turn), true, _) => {
            events.turn("turn.started", conversation, turn, 0);
        }
        (Some(turn), false, TurnPlan::Queue { .. }) => {
            events.turn("turn.queued", conversation, turn, 0);
        }
        _ => {}
    }
    events
}

async fn remember_ask(
    tx: &mut Tx,
    ws: WorkspaceId,
    key: Uuid,
    hash: &[u8],
    turn: Option<TurnId>,
    message: MessageId,
) -> Result<(), Failure> {
    sql_query(
        "WITH old AS (DELETE FROM ask_dedupe WHERE workspace_id = $1 AND (key_id, body_hash) IN (SELECT key_id, body_hash \
         FROM ask_dedupe WHERE workspace_id = $1 AND at < clock_timestamp() - interval '1 hour' ORDER BY at LIMIT 20)) \
         INSERT INTO ask_dedupe (workspace_id, key_id, body_hash, turn_id, message_id) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (workspace_id, key_id, body_hash) DO UPDATE SET turn_id = excluded.turn_id, \
         message_id = excluded.message_id, at = clock_timestamp()",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(key)
    .bind::<Bytea, _>(hash)
    .bind::<Nullable<SqlUuid>, _>(turn)
    .bind::<SqlUuid, _>(message)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes an update that carries no message. False where it was seen before.
///
/// # Errors
/// Storage.
pub async fn note_update(tx: &mut Tx, ws: WorkspaceId, channel: ChannelId, update: i64) -> Result<bool, Failure> {
    let fresh = sql_query(
        "INSERT INTO update_key (workspace_id, channel_id, update_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<BigInt, _>(update)
    .kept()
    .execute(tx)
    .await?;
    Ok(fresh > 0)
}

/// Puts other words into a message, as long as its turn has not started.
///
/// # Errors
/// Storage.
pub async fn edit(
    tx: &mut Tx,
    ws: WorkspaceId,
    channel: ChannelId,
    external_id: &str,
    text: &str,
) -> Result<(), Failure> {
    #[derive(QueryableByName)]
    struct Edited {
        #[diesel(sql_type = SqlUuid)]
        id: MessageId,
        #[diesel(sql_type = SqlUuid)]
        conversation_id: ConversationId,
    }
    let edited: Option<Edited> = sql_query(
        "UPDATE message m SET text = $4 FROM message_key k WHERE k.workspace_id = $1 AND k.channel_id = $2 \
         AND k.external_id = $3 AND m.workspace_id = $1 AND m.id = k.message_id AND NOT EXISTS (SELECT 1 FROM turn_input i \
         JOIN turn t ON t.workspace_id = i.workspace_id AND t.id = i.turn_id WHERE i.workspace_id = $1 \
         AND i.message_id = m.id AND t.started_at IS NOT NULL) RETURNING m.id, m.conversation_id",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<Text, _>(external_id)
    .bind::<Text, _>(text)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    if let Some(edited) = edited {
        let mut events = Events::default();
        events.message("message.created", edited.conversation_id, edited.id);
        crate::turn::store::tell(tx, ws, &events).await?;
    }
    Ok(())
}

/// A customer blocked the bot, or allows it again.
///
/// # Errors
/// Storage.
pub async fn mark_blocked(tx: &mut Tx, ws: WorkspaceId, telegram_user: &str, blocked: bool) -> Result<(), Failure> {
    sql_query(
        "UPDATE contact c SET blocked_at = CASE WHEN $3 THEN coalesce(c.blocked_at, clock_timestamp()) END \
         FROM contact_identity i WHERE i.workspace_id = $1 AND i.kind = 'telegram' AND i.scope = '' AND i.value = $2 \
         AND c.workspace_id = $1 AND c.id = i.contact_id",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<Text, _>(telegram_user)
    .bind::<Bool, _>(blocked)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}
