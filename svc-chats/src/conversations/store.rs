//! Dialogues in Postgres: the lock, the change of who answers, messages of operators and of the product.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, ChannelId, ContactId, ConversationId, Failure, MessageId, TurnId, UserId, WorkspaceId,
    db::{Keep as _, Tx, queued_job},
};

use crate::{
    conversation::{Handler, Standing, Status},
    delivery::Part,
    outbox::Events,
    turn::store::tell,
};

/// A dialogue, locked.
#[derive(Debug, Clone)]
pub struct Locked {
    /// The dialogue.
    pub id: ConversationId,
    /// Its channel.
    pub channel: ChannelId,
    /// Its contact.
    pub contact: ContactId,
    /// Its assistant.
    pub assistant: AssistantId,
    /// Where the channel delivers to; empty where it reads.
    pub address: String,
    /// How it stands.
    pub standing: Standing,
    /// Its last message.
    pub last_seq: i64,
    /// Version of its events.
    pub version: i64,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct LockedRow {
    #[diesel(sql_type = SqlUuid)]
    channel_id: ChannelId,
    #[diesel(sql_type = SqlUuid)]
    contact_id: ContactId,
    #[diesel(sql_type = SqlUuid)]
    assistant_id: AssistantId,
    #[diesel(sql_type = Text)]
    address: String,
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
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

/// Locks a dialogue until the transaction ends.
///
/// # Errors
/// Storage.
pub async fn lock(tx: &mut Tx, ws: WorkspaceId, id: ConversationId) -> Result<Option<Locked>, Failure> {
    let row: Option<LockedRow> = sql_query(
        "SELECT channel_id, contact_id, assistant_id, address, status, handler, handler_member_id, handler_epoch, last_seq, \
         version, clock_timestamp() AS now FROM conversation WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|row| Locked {
        id,
        channel: row.channel_id,
        contact: row.contact_id,
        assistant: row.assistant_id,
        address: row.address,
        standing: Standing {
            status: Status::parse(&row.status),
            handler: Handler::parse(&row.handler),
            member: row.handler_member_id,
            epoch: row.handler_epoch,
        },
        last_seq: row.last_seq,
        version: row.version,
        now: row.now,
    }))
}

/// What else of a dialogue changes with its standing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Also {
    /// Messages that this transaction added.
    pub messages: i64,
    /// The closed period that was answered with the away message.
    pub away_since: Option<DateTime<Utc>>,
    /// The operator gave a sign of life.
    pub operator: bool,
    /// Hand-over triggers look at what comes from here on.
    pub new_context: bool,
    /// The assistant or the product said something.
    pub answered: bool,
}

/// Writes how a dialogue stands now, with its history and the events that tell of it. Updates `locked`.
///
/// # Errors
/// Storage.
pub async fn write(
    tx: &mut Tx,
    ws: WorkspaceId,
    locked: &mut Locked,
    standing: Standing,
    also: Also,
) -> Result<(), Failure> {
    let was = locked.standing;
    locked.last_seq += also.messages;
    locked.version += 1;
    sql_query(
        "UPDATE conversation SET status = $3, handler = $4, handler_member_id = $5, handler_epoch = $6, last_seq = $7, \
         version = $8, away_since = coalesce($9, away_since), \
         operator_at = CASE WHEN $10 THEN clock_timestamp() WHEN $4 <> 'operator' THEN NULL ELSE operator_at END, \
         context_from_seq = CASE WHEN $11 THEN $7 + 1 ELSE context_from_seq END, \
         answered_at = CASE WHEN $12 THEN clock_timestamp() ELSE answered_at END, \
         closed_at = CASE WHEN $3 <> 'closed' THEN NULL ELSE coalesce(closed_at, clock_timestamp()) END, \
         fast_turns = CASE WHEN $11 THEN 0 ELSE fast_turns END, updated_at = clock_timestamp() \
         WHERE workspace_id = $1 AND id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(locked.id)
    .bind::<Text, _>(standing.status.as_str())
    .bind::<Text, _>(standing.handler.as_str())
    .bind::<Nullable<SqlUuid>, _>(standing.member)
    .bind::<BigInt, _>(standing.epoch)
    .bind::<BigInt, _>(locked.last_seq)
    .bind::<BigInt, _>(locked.version)
    .bind::<Nullable<Timestamptz>, _>(also.away_since)
    .bind::<Bool, _>(also.operator)
    .bind::<Bool, _>(also.new_context)
    .bind::<Bool, _>(also.answered)
    .kept()
    .execute(tx)
    .await?;
    let mut events = Events::default();
    if standing.epoch != was.epoch {
        history(tx, ws, locked.id, standing, locked.last_seq + 1).await?;
        events.conversation("handler.changed", locked.id, locked.version);
    }
    match (was.status, standing.status) {
        (a, b) if a == b => {}
        (_, Status::Closed) => {
            events.conversation("conversation.closed", locked.id, locked.version);
        }
        _ => {
            events.conversation("conversation.updated", locked.id, locked.version);
        }
    }
    locked.standing = standing;
    tell(tx, ws, &events).await
}

async fn history(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: ConversationId,
    standing: Standing,
    from_seq: i64,
) -> Result<(), Failure> {
    sql_query(
        "INSERT INTO handler_history (workspace_id, conversation_id, epoch, handler, member_id, from_seq) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<BigInt, _>(standing.epoch)
    .bind::<Text, _>(standing.handler.as_str())
    .bind::<Nullable<SqlUuid>, _>(standing.member)
    .bind::<BigInt, _>(from_seq)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// An operator.
    Operator(UserId),
    /// The product: away messages and fixed replies.
    System,
    /// The assistant, cut in the middle, in the period that it was claimed in.
    Interrupted(i64),
}

/// Something to say.
#[derive(Debug)]
pub struct Saying<'a> {
    /// The message.
    pub message: MessageId,
    /// Who.
    pub speaker: Speaker,
    /// The turn that it belongs to.
    pub turn: Option<TurnId>,
    /// The words.
    pub text: &'a str,
    /// Parts that the channel delivers; none where it reads.
    pub parts: &'a [Part],
    /// The id that the writer's client gave it.
    pub client_id: Option<uuid::Uuid>,
}

/// Adds a message behind the last one, with its deliveries, in a dialogue that is locked. `write` must follow, telling that
/// there is one more.
///
/// # Errors
/// Storage.
pub async fn say(tx: &mut Tx, ws: WorkspaceId, locked: &Locked, saying: &Saying<'_>) -> Result<(), Failure> {
    let (author, member, claim) = match saying.speaker {
        Speaker::Operator(member) => ("operator", Some(member), None),
        Speaker::System => ("system", None, None),
        Speaker::Interrupted(epoch) => ("assistant", None, Some(epoch)),
    };
    sql_query(
        "WITH said AS (INSERT INTO message (workspace_id, id, conversation_id, seq, author, author_member_id, turn_id, text, \
         claimed_handler_epoch, interrupted, client_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9 IS NOT NULL, $14)), \
         parts AS (INSERT INTO delivery (workspace_id, id, message_id, conversation_id, channel_id, seq, part, text, entities) \
         SELECT $1, p.id, $2, $3, $10, $4, p.n, p.text, p.entities FROM unnest($11::uuid[], $12::text[], $13::jsonb[]) \
         WITH ORDINALITY AS p (id, text, entities, n)) \
         INSERT INTO job (workspace_id, kind, key, payload) SELECT $1, 'delivery.send', 'delivery:' || $2::text, \
         jsonb_build_object('message_id', $2::text) WHERE cardinality($11::uuid[]) > 0",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(saying.message)
    .bind::<SqlUuid, _>(locked.id)
    .bind::<BigInt, _>(locked.last_seq + 1)
    .bind::<Text, _>(author)
    .bind::<Nullable<SqlUuid>, _>(member)
    .bind::<Nullable<SqlUuid>, _>(saying.turn)
    .bind::<Text, _>(saying.text)
    .bind::<Nullable<BigInt>, _>(claim)
    .bind::<SqlUuid, _>(locked.channel)
    .bind::<Array<SqlUuid>, _>(saying.parts.iter().map(|p| p.id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(saying.parts.iter().map(|p| p.text.as_str()).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(saying.parts.iter().map(|p| p.entities.clone()).collect::<Vec<_>>())
    .bind::<Nullable<SqlUuid>, _>(saying.client_id)
    .kept()
    .execute(tx)
    .await?;
    if !saying.parts.is_empty() {
        queued_job();
    }
    let mut events = Events::default();
    events.message("message.created", locked.id, saying.message);
    tell(tx, ws, &events).await
}

/// Turns of a dialogue that have not ended: id, whether it started, whether it was claimed.
///
/// # Errors
/// Storage.
pub async fn open_turns(tx: &mut Tx, ws: WorkspaceId, id: ConversationId) -> Result<Vec<OpenTurn>, Failure> {
    Ok(sql_query(
        "SELECT id, started_at IS NOT NULL AS started, claimed_handler_epoch IS NOT NULL AS claimed, state FROM turn \
         WHERE workspace_id = $1 AND conversation_id = $2 AND ended_at IS NULL ORDER BY created_at",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .kept()
    .load(tx)
    .await?)
}

/// A turn that has not ended.
#[derive(Debug, Clone, QueryableByName)]
pub struct OpenTurn {
    /// The turn.
    #[diesel(sql_type = SqlUuid)]
    pub id: TurnId,
    /// Whether its inputs are frozen.
    #[diesel(sql_type = Bool)]
    pub started: bool,
    /// Whether its answer was claimed.
    #[diesel(sql_type = Bool)]
    pub claimed: bool,
    /// How far it got.
    #[diesel(sql_type = Text)]
    pub state: String,
}

/// Opens a turn for the customer's words that nobody has answered: the one time that inputs move, from turns that ended
/// without an assistant's message. None where the last word is not the customer's or is answered.
///
/// # Errors
/// Storage.
pub async fn open_for_unanswered(tx: &mut Tx, ws: WorkspaceId, locked: &Locked, turn: TurnId) -> Result<bool, Failure> {
    #[derive(QueryableByName)]
    struct Opened {
        #[diesel(sql_type = Bool)]
        opened: bool,
    }
    let row: Opened = sql_query(
        "WITH last AS (SELECT author FROM message WHERE workspace_id = $1 AND conversation_id = $2 ORDER BY seq DESC LIMIT 1), \
         spoken AS (SELECT coalesce(max(seq), 0) AS seq FROM message WHERE workspace_id = $1 AND conversation_id = $2 \
             AND author IN ('assistant', 'operator')), \
         words AS (SELECT m.id FROM message m, spoken, last WHERE m.workspace_id = $1 AND m.conversation_id = $2 \
             AND m.author = 'contact' AND m.seq > spoken.seq AND last.author = 'contact' AND NOT EXISTS ( \
             SELECT 1 FROM turn_input i JOIN turn t ON t.workspace_id = i.workspace_id AND t.id = i.turn_id \
             WHERE i.workspace_id = $1 AND i.message_id = m.id AND t.ended_at IS NULL)), \
         opened AS (INSERT INTO turn (workspace_id, id, conversation_id, assistant_id, due_at, streamed) \
             SELECT $1, $3, $2, $4, clock_timestamp(), EXISTS (SELECT 1 FROM conversation c JOIN channel h \
                 ON h.workspace_id = $1 AND h.id = c.channel_id AND h.kind = 'widget' WHERE c.workspace_id = $1 AND c.id = $2) \
             WHERE EXISTS (SELECT 1 FROM words) ON CONFLICT DO NOTHING RETURNING id), \
         inputs AS (INSERT INTO turn_input (workspace_id, message_id, turn_id) SELECT $1, words.id, opened.id FROM words, opened \
             ON CONFLICT (workspace_id, message_id) DO UPDATE SET turn_id = excluded.turn_id), \
         job AS (INSERT INTO job (workspace_id, kind, key, payload) SELECT $1, 'turn.run', 'turn:' || id::text, \
             jsonb_build_object('turn_id', id::text) FROM opened) \
         SELECT EXISTS (SELECT 1 FROM opened) AS opened",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(locked.id)
    .bind::<SqlUuid, _>(turn)
    .bind::<SqlUuid, _>(locked.assistant)
    .kept()
    .get_result(tx)
    .await?;
    if row.opened {
        queued_job();
        let mut events = Events::default();
        events.turn("turn.queued", locked.id, turn, 0);
        tell(tx, ws, &events).await?;
    }
    Ok(row.opened)
}

/// The operator's last sign of life.
///
/// # Errors
/// Storage.
pub async fn operator_at(tx: &mut Tx, ws: WorkspaceId, id: ConversationId) -> Result<Option<DateTime<Utc>>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        operator_at: Option<DateTime<Utc>>,
    }
    let row: Row = sql_query("SELECT operator_at FROM conversation WHERE workspace_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(id)
        .kept()
        .get_result(tx)
        .await?;
    Ok(row.operator_at)
}

/// The kind of a dialogue's channel, and whether it has such a message.
///
/// # Errors
/// Storage.
pub async fn channel_kind(tx: &mut Tx, ws: WorkspaceId, channel: ChannelId) -> Result<String, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        kind: String,
    }
    let row: Row = sql_query("SELECT kind FROM channel WHERE workspace_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(channel)
        .kept()
        .get_result(tx)
        .await?;
    Ok(row.kind)
}
