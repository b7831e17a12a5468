//! Lists of the inbox, read in one query each, with what belongs to the rows read in bulk.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    AssistantId, ChannelId, ContactId, ConversationId, Failure, MessageId, TurnId, UserId, WorkspaceId,
    db::{Keep as _, Tx},
};
use neipix_proto::{
    assistants::v1::Usage,
    chats::v1::{Author, Contact, Conversation, DeliveryState, Message, Turn, TurnAttempt},
};
use uuid::Uuid;

use crate::{
    channels::kind_of,
    conversation::{Handler, Status},
    delivery::{self, Overall, store as deliveries},
    stamp,
    turn::{Reason, State, store::read::read_citations},
};

/// A dialogue with what is shown beside it.
#[derive(Debug, Clone, QueryableByName)]
pub struct ConversationRow {
    /// The dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub id: ConversationId,
    #[diesel(sql_type = SqlUuid)]
    channel_id: ChannelId,
    #[diesel(sql_type = Text)]
    channel_kind: String,
    /// Its assistant.
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    #[diesel(sql_type = SqlUuid)]
    contact_id: ContactId,
    #[diesel(sql_type = Text)]
    display_name: String,
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
    /// Last activity.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

const COLUMNS: &str = "c.id, c.channel_id, h.kind AS channel_kind, c.assistant_id, c.contact_id, p.display_name, c.status, \
    c.handler, c.handler_member_id, c.handler_epoch, c.last_seq, c.updated_at, c.created_at";
const BESIDE: &str = "JOIN channel h ON h.workspace_id = c.workspace_id AND h.id = c.channel_id \
    JOIN contact p ON p.workspace_id = c.workspace_id AND p.id = c.contact_id";

/// Which dialogues a list has.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this status.
    pub status: Option<Status>,
    /// Only those that this one answers.
    pub handler: Option<Handler>,
    /// Only this assistant's.
    pub assistant: Option<AssistantId>,
    /// Only this channel's.
    pub channel: Option<ChannelId>,
    /// Only contacts whose name contains this.
    pub q: String,
    /// Only those behind this one.
    pub after: Option<(DateTime<Utc>, ConversationId)>,
}

/// The statement of a page. Only what is asked for is said: one plan for every filter would read all dialogues of the
/// workspace.
#[must_use]
pub fn page_sql(filter: &Filter) -> String {
    let said = [
        (filter.status.is_some(), " AND c.status = $2"),
        (filter.handler.is_some(), " AND c.handler = $3"),
        (filter.assistant.is_some(), " AND c.assistant_id = $4"),
        (filter.channel.is_some(), " AND c.channel_id = $5"),
        (
            !filter.q.is_empty(),
            " AND EXISTS (SELECT FROM contact p WHERE p.workspace_id = c.workspace_id AND p.id = c.contact_id \
             AND position(lower($6) IN lower(p.display_name)) > 0)",
        ),
        (filter.after.is_some(), " AND (c.updated_at, c.id) < ($7, $8)"),
    ];
    let only: String = said.into_iter().filter_map(|(asked, condition)| asked.then_some(condition)).collect();
    format!(
        "SELECT {COLUMNS} FROM (SELECT * FROM conversation c WHERE c.workspace_id = $1{only} \
         ORDER BY c.updated_at DESC, c.id DESC LIMIT $9) AS c {BESIDE} ORDER BY c.updated_at DESC, c.id DESC"
    )
}

/// A page, the latest activity first.
///
/// # Errors
/// Storage.
pub async fn page(tx: &mut Tx, ws: WorkspaceId, filter: &Filter, most: i64) -> Result<Vec<ConversationRow>, Failure> {
    Ok(sql_query(page_sql(filter))
        .bind::<SqlUuid, _>(ws)
        .bind::<Nullable<Text>, _>(filter.status.map(Status::as_str))
        .bind::<Nullable<Text>, _>(filter.handler.map(Handler::as_str))
        .bind::<Nullable<SqlUuid>, _>(filter.assistant)
        .bind::<Nullable<SqlUuid>, _>(filter.channel)
        .bind::<Text, _>(&filter.q)
        .bind::<Nullable<Timestamptz>, _>(filter.after.map(|a| a.0))
        .bind::<Nullable<SqlUuid>, _>(filter.after.map(|a| a.1))
        .bind::<BigInt, _>(most)
        .kept()
        .load(tx)
        .await?)
}

/// These dialogues, in no order.
///
/// # Errors
/// Storage.
pub async fn conversations(
    tx: &mut Tx,
    ws: WorkspaceId,
    ids: &[ConversationId],
) -> Result<Vec<ConversationRow>, Failure> {
    Ok(sql_query(format!(
        "SELECT {COLUMNS} FROM conversation c {BESIDE} WHERE c.workspace_id = $1 AND c.id = ANY ($2)"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<Array<SqlUuid>, _>(ids)
    .kept()
    .load(tx)
    .await?)
}

#[derive(Debug, Clone, QueryableByName)]
struct MessageRow {
    #[diesel(sql_type = SqlUuid)]
    id: MessageId,
    #[diesel(sql_type = SqlUuid)]
    conversation_id: ConversationId,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    author: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    author_member_id: Option<UserId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    turn_id: Option<TurnId>,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Bool)]
    interrupted: bool,
    #[diesel(sql_type = Nullable<Jsonb>)]
    citations: Option<serde_json::Value>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    client_id: Option<Uuid>,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

const MESSAGE: &str = "SELECT id, conversation_id, seq, author, author_member_id, turn_id, text, interrupted, citations, \
    client_id, created_at FROM message WHERE workspace_id = $1";

/// An author as it stands in the table.
#[must_use]
pub fn author_of(author: &str) -> Author {
    match author {
        "contact" => Author::Contact,
        "assistant" => Author::Assistant,
        "operator" => Author::Operator,
        _ => Author::System,
    }
}

/// A delivery's state as callers see it.
#[must_use]
pub fn delivery_state(overall: Overall) -> DeliveryState {
    match overall {
        Overall::None => DeliveryState::Unspecified,
        Overall::Queued => DeliveryState::Queued,
        Overall::Sending => DeliveryState::Sending,
        Overall::Sent => DeliveryState::Sent,
        Overall::Failed => DeliveryState::Failed,
        Overall::Cancelled => DeliveryState::Cancelled,
    }
}

async fn with_deliveries(tx: &mut Tx, ws: WorkspaceId, rows: Vec<MessageRow>) -> Result<Vec<Message>, Failure> {
    let ours: Vec<MessageId> = rows.iter().filter(|r| r.author != "contact").map(|r| r.id).collect();
    let mut parts: HashMap<MessageId, Vec<deliveries::PartState>> = HashMap::new();
    for part in deliveries::states(tx, ws, &ours).await? {
        parts.entry(part.message_id).or_default().push(part);
    }
    let message = |row: MessageRow| {
        let parts = parts.get(&row.id).map(Vec::as_slice).unwrap_or_default();
        let overall = delivery::overall(parts.iter().map(|p| p.state.as_str()));
        Message {
            id: row.id.to_string(),
            conversation_id: row.conversation_id.to_string(),
            seq: row.seq,
            author: author_of(&row.author).into(),
            author_member_id: row.author_member_id.map(|m| m.to_string()).unwrap_or_default(),
            turn_id: row.turn_id.map(|t| t.to_string()).unwrap_or_default(),
            text: row.text,
            interrupted: row.interrupted,
            citations: read_citations(row.citations),
            delivery_state: delivery_state(overall).into(),
            delivery_error: parts.iter().find(|p| !p.error.is_empty()).map(|p| p.error.clone()).unwrap_or_default(),
            create_time: Some(stamp(row.created_at)),
            client_id: row.client_id.map(|id| id.to_string()).unwrap_or_default(),
        }
    };
    Ok(rows.into_iter().map(message).collect())
}

/// A page of a dialogue's messages before a number, newest first.
///
/// # Errors
/// Storage.
pub async fn messages(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    before: Option<i64>,
    most: i64,
) -> Result<Vec<Message>, Failure> {
    let rows = sql_query(format!(
        "{MESSAGE} AND conversation_id = $2 AND ($3 IS NULL OR seq < $3) ORDER BY seq DESC LIMIT $4"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .bind::<Nullable<BigInt>, _>(before)
    .bind::<BigInt, _>(most)
    .kept()
    .load(tx)
    .await?;
    with_deliveries(tx, ws, rows).await
}

/// These messages, in no order.
///
/// # Errors
/// Storage.
pub async fn messages_by_id(tx: &mut Tx, ws: WorkspaceId, ids: &[MessageId]) -> Result<Vec<Message>, Failure> {
    let rows = sql_query(format!("{MESSAGE} AND id = ANY ($2)"))
        .bind::<SqlUuid, _>(ws)
        .bind::<Array<SqlUuid>, _>(ids)
        .kept()
        .load(tx)
        .await?;
    with_deliveries(tx, ws, rows).await
}

/// Dialogues with their last messages.
///
/// # Errors
/// Storage.
pub async fn shown(tx: &mut Tx, ws: WorkspaceId, rows: Vec<ConversationRow>) -> Result<Vec<Conversation>, Failure> {
    let ids: Vec<ConversationId> = rows.iter().map(|r| r.id).collect();
    let seqs: Vec<i64> = rows.iter().map(|r| r.last_seq).collect();
    let last =
        sql_query(format!("{MESSAGE} AND (conversation_id, seq) IN (SELECT * FROM unnest($2::uuid[], $3::bigint[]))"))
            .bind::<SqlUuid, _>(ws)
            .bind::<Array<SqlUuid>, _>(&ids)
            .bind::<Array<BigInt>, _>(&seqs)
            .kept()
            .load(tx)
            .await?;
    let last = with_deliveries(tx, ws, last).await?;
    let mut last: HashMap<String, Message> = last.into_iter().map(|m| (m.conversation_id.clone(), m)).collect();
    let conversation = |row: ConversationRow| {
        let id = row.id.to_string();
        Conversation {
            assistant_id: row.assistant_id.to_string(),
            channel_id: row.channel_id.to_string(),
            channel_kind: kind_of(&row.channel_kind).into(),
            contact: Some(Contact { id: row.contact_id.to_string(), display_name: row.display_name }),
            status: Status::parse(&row.status).to_proto().into(),
            handler: Handler::parse(&row.handler).to_proto().into(),
            handler_member_id: row.handler_member_id.map(|m| m.to_string()).unwrap_or_default(),
            handler_epoch: row.handler_epoch,
            last_message: last.remove(&id),
            last_seq: row.last_seq,
            update_time: Some(stamp(row.updated_at)),
            create_time: Some(stamp(row.created_at)),
            id,
        }
    };
    Ok(rows.into_iter().map(conversation).collect())
}

/// A turn's row.
#[derive(Debug, Clone, QueryableByName)]
pub struct TurnRow {
    /// The turn.
    #[diesel(sql_type = SqlUuid)]
    pub id: TurnId,
    /// Its dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub conversation_id: ConversationId,
    /// Its assistant.
    #[diesel(sql_type = SqlUuid)]
    pub assistant_id: AssistantId,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    answer_message_id: Option<MessageId>,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = BigInt)]
    cost_micro_pix: i64,
    /// When it was opened.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ended_at: Option<DateTime<Utc>>,
}

impl TurnRow {
    /// As callers see it, without its attempts.
    #[must_use]
    pub fn turn(self) -> Turn {
        let (ru, en) = Reason::parse(&self.reason).map_or(("", ""), Reason::texts);
        Turn {
            id: self.id.to_string(),
            conversation_id: self.conversation_id.to_string(),
            state: State::parse(&self.state).to_proto().into(),
            reason_ru: ru.to_owned(),
            reason_en: en.to_owned(),
            reason: self.reason,
            answer_message_id: self.answer_message_id.map(|m| m.to_string()).unwrap_or_default(),
            version: self.version,
            cost_micro_pix: self.cost_micro_pix,
            attempts: vec![],
            create_time: Some(stamp(self.created_at)),
            end_time: self.ended_at.map(stamp),
        }
    }
}

const TURN: &str = "SELECT id, conversation_id, assistant_id, state, reason, answer_message_id, version, cost_micro_pix, \
    created_at, ended_at FROM turn WHERE workspace_id = $1";

/// A page of a dialogue's turns, newest first.
///
/// # Errors
/// Storage.
pub async fn turns(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    before: Option<(DateTime<Utc>, TurnId)>,
    most: i64,
) -> Result<Vec<TurnRow>, Failure> {
    Ok(sql_query(format!(
        "{TURN} AND conversation_id = $2 AND ($3 IS NULL OR (created_at, id) < ($3, $4)) \
         ORDER BY created_at DESC, id DESC LIMIT $5"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .bind::<Nullable<Timestamptz>, _>(before.map(|b| b.0))
    .bind::<Nullable<SqlUuid>, _>(before.map(|b| b.1))
    .bind::<BigInt, _>(most)
    .kept()
    .load(tx)
    .await?)
}

/// These turns, in no order.
///
/// # Errors
/// Storage.
pub async fn turns_by_id(tx: &mut Tx, ws: WorkspaceId, ids: &[TurnId]) -> Result<Vec<TurnRow>, Failure> {
    Ok(sql_query(format!("{TURN} AND id = ANY ($2)"))
        .bind::<SqlUuid, _>(ws)
        .bind::<Array<SqlUuid>, _>(ids)
        .kept()
        .load(tx)
        .await?)
}

#[derive(Debug, QueryableByName)]
struct AttemptRow {
    #[diesel(sql_type = SqlUuid)]
    attempt_id: Uuid,
    #[diesel(sql_type = Text)]
    provider: String,
    #[diesel(sql_type = Text)]
    model: String,
    #[diesel(sql_type = BigInt)]
    input_tokens: i64,
    #[diesel(sql_type = BigInt)]
    cached_input_tokens: i64,
    #[diesel(sql_type = BigInt)]
    cache_write_tokens: i64,
    #[diesel(sql_type = BigInt)]
    output_tokens: i64,
    #[diesel(sql_type = Bool)]
    estimated: bool,
    #[diesel(sql_type = Bool)]
    charged: bool,
    #[diesel(sql_type = Text)]
    error: String,
}

/// A turn's tries.
///
/// # Errors
/// Storage.
pub async fn attempts(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Vec<TurnAttempt>, Failure> {
    let rows: Vec<AttemptRow> = sql_query(
        "SELECT attempt_id, provider, model, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, estimated, \
         charged, error FROM turn_attempt WHERE workspace_id = $1 AND turn_id = $2 ORDER BY n",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .load(tx)
    .await?;
    let attempt = |row: AttemptRow| TurnAttempt {
        id: row.attempt_id.to_string(),
        provider: row.provider,
        model: row.model,
        usage: Some(Usage {
            input_tokens: row.input_tokens,
            cached_input_tokens: row.cached_input_tokens,
            cache_write_tokens: row.cache_write_tokens,
            output_tokens: row.output_tokens,
            estimated: row.estimated,
        }),
        charged: row.charged,
        error: row.error,
    };
    Ok(rows.into_iter().map(attempt).collect())
}
