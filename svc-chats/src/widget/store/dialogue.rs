//! A visitor's dialogue, as its visitor sees it.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ChannelId, ConversationId, Failure, MessageId, TurnId, WorkspaceId,
    db::{Keep as _, Tx},
};
use neipix_proto::chats::v1::{VisitorConversation, VisitorMessage};
use uuid::Uuid;

use crate::{
    conversation::{Handler, Status},
    conversations::list::author_of,
    stamp,
    turn::store::read::read_citations,
};

/// A dialogue.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct DialogueRow {
    /// The dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub id: ConversationId,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    handler: String,
    /// Number of its last message.
    #[diesel(sql_type = BigInt)]
    pub last_seq: i64,
}

impl DialogueRow {
    /// As its visitor sees it.
    #[must_use]
    pub fn shown(&self) -> VisitorConversation {
        VisitorConversation {
            id: self.id.to_string(),
            status: Status::parse(&self.status).to_proto().into(),
            handler: Handler::parse(&self.handler).to_proto().into(),
            last_seq: self.last_seq,
        }
    }

    /// Whether its visitor sees another state.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        (self.id, &self.status, &self.handler) != (other.id, &other.status, &other.handler)
    }

    /// Whether a person answers, or shall.
    #[must_use]
    pub fn is_with_person(&self) -> bool {
        Handler::parse(&self.handler) != Handler::Assistant
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        Status::parse(&self.status) == Status::Closed
    }
}

/// A visitor in a widget.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// The widget's channel.
    pub channel: ChannelId,
    /// Its public key.
    pub key: &'a str,
    /// The visitor.
    pub visitor: Uuid,
}

const DIALOGUE: &str = "SELECT c.id, c.status, c.handler, c.last_seq FROM conversation c \
    WHERE c.workspace_id = $1 AND c.channel_id = $2 AND c.contact_id = (SELECT contact_id FROM contact_identity \
    WHERE workspace_id = $1 AND kind = 'visitor' AND scope = $3 AND value = $4)";

/// The dialogue that goes on: the one that is not closed, or the last one.
///
/// # Errors
/// Storage.
pub async fn current(tx: &mut Tx, ws: WorkspaceId, of: Of<'_>) -> Result<Option<DialogueRow>, Failure> {
    Ok(sql_query(format!("{DIALOGUE} AND c.external_key = '' ORDER BY c.status = 'closed', c.created_at DESC LIMIT 1"))
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(of.channel)
        .bind::<Text, _>(of.key)
        .bind::<Text, _>(of.visitor.to_string())
        .kept()
        .get_result(tx)
        .await
        .optional()?)
}

/// One dialogue, if it is the visitor's.
///
/// # Errors
/// Storage.
pub async fn own(tx: &mut Tx, ws: WorkspaceId, of: Of<'_>, id: ConversationId) -> Result<Option<DialogueRow>, Failure> {
    Ok(sql_query(format!("{DIALOGUE} AND c.id = $5"))
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(of.channel)
        .bind::<Text, _>(of.key)
        .bind::<Text, _>(of.visitor.to_string())
        .bind::<SqlUuid, _>(id)
        .kept()
        .get_result(tx)
        .await
        .optional()?)
}

/// One dialogue, whoever's it is.
///
/// # Errors
/// Storage.
pub async fn by_id(tx: &mut Tx, ws: WorkspaceId, id: ConversationId) -> Result<Option<DialogueRow>, Failure> {
    Ok(sql_query("SELECT id, status, handler, last_seq FROM conversation WHERE workspace_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(id)
        .kept()
        .get_result(tx)
        .await
        .optional()?)
}

#[derive(QueryableByName)]
struct MessageRow {
    #[diesel(sql_type = SqlUuid)]
    id: MessageId,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    author: String,
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

impl MessageRow {
    fn shown(self) -> VisitorMessage {
        VisitorMessage {
            id: self.id.to_string(),
            seq: self.seq,
            author: author_of(&self.author).into(),
            text: self.text,
            client_id: self.client_id.map(|id| id.to_string()).unwrap_or_default(),
            turn_id: self.turn_id.map(|id| id.to_string()).unwrap_or_default(),
            interrupted: self.interrupted,
            citations: read_citations(self.citations),
            create_time: Some(stamp(self.created_at)),
        }
    }
}

const MESSAGE: &str = "SELECT id, seq, author, turn_id, text, interrupted, citations, client_id, created_at FROM message \
    WHERE workspace_id = $1";

/// Messages of a dialogue before a number, newest first.
///
/// # Errors
/// Storage.
pub async fn before(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: ConversationId,
    before: Option<i64>,
    most: i64,
) -> Result<Vec<VisitorMessage>, Failure> {
    let rows: Vec<MessageRow> = sql_query(format!(
        "{MESSAGE} AND conversation_id = $2 AND ($3 IS NULL OR seq < $3) ORDER BY seq DESC LIMIT $4"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Nullable<BigInt>, _>(before)
    .bind::<BigInt, _>(most)
    .kept()
    .load(tx)
    .await?;
    Ok(rows.into_iter().map(MessageRow::shown).collect())
}

/// Messages of a dialogue behind a number, in order.
///
/// # Errors
/// Storage.
pub async fn behind(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: ConversationId,
    after: i64,
    most: i64,
) -> Result<Vec<VisitorMessage>, Failure> {
    let rows: Vec<MessageRow> =
        sql_query(format!("{MESSAGE} AND conversation_id = $2 AND seq > $3 ORDER BY seq LIMIT $4"))
            .bind::<SqlUuid, _>(ws)
            .bind::<SqlUuid, _>(id)
            .bind::<BigInt, _>(after)
            .bind::<BigInt, _>(most)
            .kept()
            .load(tx)
            .await?;
    Ok(rows.into_iter().map(MessageRow::shown).collect())
}

/// One message.
///
/// # Errors
/// Storage.
pub async fn message(tx: &mut Tx, ws: WorkspaceId, id: MessageId) -> Result<Option<VisitorMessage>, Failure> {
    let row: Option<MessageRow> = sql_query(format!("{MESSAGE} AND id = $2"))
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(id)
        .kept()
        .get_result(tx)
        .await
        .optional()?;
    Ok(row.map(MessageRow::shown))
}

/// A turn whose answer is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Pending {
    /// The turn.
    #[diesel(sql_type = SqlUuid)]
    pub id: TurnId,
    /// Whether somebody works on it.
    #[diesel(sql_type = Bool)]
    pub started: bool,
}

/// Turns of a dialogue whose answers are on their way, the running one first.
///
/// # Errors
/// Storage.
pub async fn pending(tx: &mut Tx, ws: WorkspaceId, id: ConversationId) -> Result<Vec<Pending>, Failure> {
    Ok(sql_query(
        "SELECT id, started_at IS NOT NULL AS started FROM turn WHERE workspace_id = $1 AND conversation_id = $2 \
         AND ended_at IS NULL AND answer_message_id IS NULL ORDER BY started_at NULLS LAST",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .kept()
    .load(tx)
    .await?)
}

/// The message that a turn came to, if there is one.
///
/// # Errors
/// Storage.
pub async fn answer_of(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Option<MessageId>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<SqlUuid>)]
        answer_message_id: Option<MessageId>,
    }
    let row: Option<Row> = sql_query("SELECT answer_message_id FROM turn WHERE workspace_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(turn)
        .kept()
        .get_result(tx)
        .await
        .optional()?;
    Ok(row.and_then(|row| row.answer_message_id))
}

/// A message that is there already.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct SaidRow {
    /// The message.
    #[diesel(sql_type = SqlUuid)]
    pub message_id: MessageId,
    /// Its dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub conversation_id: ConversationId,
    /// The turn that answers it.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub turn_id: Option<TurnId>,
}

/// The message of a channel's id.
///
/// # Errors
/// Storage.
pub async fn said(
    tx: &mut Tx,
    ws: WorkspaceId,
    channel: ChannelId,
    external_id: &str,
) -> Result<Option<SaidRow>, Failure> {
    Ok(sql_query(
        "SELECT k.message_id, k.conversation_id, i.turn_id FROM message_key k LEFT JOIN turn_input i \
         ON i.workspace_id = k.workspace_id AND i.message_id = k.message_id \
         WHERE k.workspace_id = $1 AND k.channel_id = $2 AND k.external_id = $3",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(channel)
    .bind::<Text, _>(external_id)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}

/// The dialogue's last message, if it is the customer's, has these very words and is not older than so many seconds.
///
/// # Errors
/// Storage.
pub async fn said_just_now(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: ConversationId,
    text: &str,
    seconds: f64,
) -> Result<Option<SaidRow>, Failure> {
    Ok(sql_query(
        "SELECT m.id AS message_id, m.conversation_id, i.turn_id FROM message m LEFT JOIN turn_input i \
         ON i.workspace_id = m.workspace_id AND i.message_id = m.id WHERE m.workspace_id = $1 AND m.conversation_id = $2 \
         AND m.seq = (SELECT max(seq) FROM message WHERE workspace_id = $1 AND conversation_id = $2 AND author = 'contact') \
         AND m.text = $3 AND m.created_at > clock_timestamp() - make_interval(secs => $4)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(text)
    .bind::<diesel::sql_types::Float8, _>(seconds)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}
