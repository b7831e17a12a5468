//! What a turn is read for: its words, its history, its result.

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
use neipix_proto::{
    assistants::v1::{Citation, Usage},
    chats::v1::{AskTurn, TurnState},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::State;
/// Messages before a turn that an answer may see.
const HISTORY_MOST: i64 = 100;

/// What an answer is made of.
#[derive(Debug, Clone)]
pub struct Context {
    /// The customer's messages of this turn, oldest first.
    pub inputs: Vec<String>,
    /// What was said before, oldest first: author and words.
    pub history: Vec<(String, String)>,
    /// The customer's name.
    pub contact_name: String,
    /// The channel.
    pub channel: ChannelId,
    /// Its kind.
    pub channel_kind: String,
    /// Where it delivers to; empty where it reads.
    pub address: String,
}

#[derive(QueryableByName)]
struct SaidRow {
    #[diesel(sql_type = Text)]
    author: String,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Bool)]
    input: bool,
}

#[derive(QueryableByName)]
struct AboutRow {
    #[diesel(sql_type = Text)]
    display_name: String,
    #[diesel(sql_type = SqlUuid)]
    channel_id: ChannelId,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    address: String,
}

/// Reads both in one round trip. `history` is empty where the caller brings its own.
///
/// # Errors
/// Storage.
pub async fn context(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Context, Failure> {
    let shared: &Tx = tx;
    let (mut first, mut second) = (shared, shared);
    let said = sql_query(
        "WITH t AS (SELECT id, conversation_id, input_to_seq FROM turn WHERE workspace_id = $1 AND id = $2), \
         i AS (SELECT message_id FROM turn_input WHERE workspace_id = $1 AND turn_id = $2) \
         SELECT m.author, m.text, m.id IN (SELECT message_id FROM i) AS input FROM message m, t \
         WHERE m.workspace_id = $1 AND m.conversation_id = t.conversation_id AND m.seq <= coalesce(t.input_to_seq, m.seq) \
         ORDER BY m.seq DESC LIMIT $3",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .bind::<BigInt, _>(HISTORY_MOST)
    .kept()
    .load::<SaidRow>(&mut first);
    let about = sql_query(
        "SELECT p.display_name, c.channel_id, h.kind, c.address FROM turn t \
         JOIN conversation c ON c.workspace_id = t.workspace_id AND c.id = t.conversation_id \
         JOIN contact p ON p.workspace_id = c.workspace_id AND p.id = c.contact_id \
         JOIN channel h ON h.workspace_id = c.workspace_id AND h.id = c.channel_id WHERE t.workspace_id = $1 AND t.id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result::<AboutRow>(&mut second);
    let (said, about) = futures::future::join(said, about).await;
    let (mut said, about) = (said?, about?);
    said.reverse();
    let (inputs, before): (Vec<SaidRow>, Vec<SaidRow>) = said.into_iter().partition(|row| row.input);
    Ok(Context {
        inputs: inputs.into_iter().map(|row| row.text).collect(),
        history: before.into_iter().map(|row| (row.author, row.text)).collect(),
        contact_name: about.display_name,
        channel: about.channel_id,
        channel_kind: about.kind,
        address: about.address,
    })
}

/// A citation as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptCitation {
    n: i32,
    passage_id: String,
    file_id: String,
    title: String,
    page: i32,
    start: i32,
    end: i32,
    quote: String,
}

/// Citations as JSON.
#[must_use]
pub fn keep_citations(citations: &[Citation]) -> serde_json::Value {
    let kept = citations.iter().cloned().map(|c| KeptCitation {
        n: c.n,
        passage_id: c.passage_id,
        file_id: c.file_id,
        title: c.title,
        page: c.page,
        start: c.start,
        end: c.end,
        quote: c.quote,
    });
    serde_json::to_value(kept.collect::<Vec<_>>()).unwrap_or_default()
}

/// Citations from JSON; none where it holds none.
#[must_use]
pub fn read_citations(json: Option<serde_json::Value>) -> Vec<Citation> {
    let kept: Vec<KeptCitation> = json.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default();
    kept.into_iter()
        .map(|c| Citation {
            n: c.n,
            passage_id: c.passage_id,
            file_id: c.file_id,
            title: c.title,
            page: c.page,
            start: c.start,
            end: c.end,
            quote: c.quote,
        })
        .collect()
}

/// A turn as its asker sees it, with what is needed beside it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The turn.
    pub turn: AskTurn,
    /// Its dialogue.
    pub conversation: ConversationId,
    /// Whether it runs no more.
    pub ended: bool,
}

#[derive(QueryableByName)]
struct ResultRow {
    #[diesel(sql_type = SqlUuid)]
    conversation_id: ConversationId,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Bool)]
    ended: bool,
    #[diesel(sql_type = BigInt)]
    cost_micro_pix: i64,
    #[diesel(sql_type = Nullable<Text>)]
    author: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    citations: Option<serde_json::Value>,
    #[diesel(sql_type = BigInt)]
    input: i64,
    #[diesel(sql_type = BigInt)]
    cached: i64,
    #[diesel(sql_type = BigInt)]
    written: i64,
    #[diesel(sql_type = BigInt)]
    output: i64,
}

/// A turn's result as it stands now.
///
/// # Errors
/// Storage.
pub async fn result(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Option<Outcome>, Failure> {
    let row: Option<ResultRow> = sql_query(
        "SELECT t.conversation_id, t.state, t.reason, t.ended_at IS NOT NULL AS ended, t.cost_micro_pix, m.author, m.text, \
         m.citations, a.input, a.cached, a.written, a.output FROM turn t \
         LEFT JOIN message m ON m.workspace_id = t.workspace_id AND m.id = t.answer_message_id \
         CROSS JOIN LATERAL (SELECT coalesce(sum(input_tokens), 0)::bigint AS input, \
             coalesce(sum(cached_input_tokens), 0)::bigint AS cached, coalesce(sum(cache_write_tokens), 0)::bigint AS written, \
             coalesce(sum(output_tokens), 0)::bigint AS output FROM turn_attempt a \
             WHERE a.workspace_id = t.workspace_id AND a.turn_id = t.id AND a.charged) AS a \
         WHERE t.workspace_id = $1 AND t.id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|row| Outcome {
        conversation: row.conversation_id,
        ended: row.ended,
        turn: AskTurn {
            id: turn.to_string(),
            state: State::parse(&row.state).to_proto().into(),
            reason: row.reason,
            answer: row.text.unwrap_or_default(),
            citations: read_citations(row.citations),
            cost_micro_pix: row.cost_micro_pix,
            usage: Some(Usage {
                input_tokens: row.input,
                cached_input_tokens: row.cached,
                cache_write_tokens: row.written,
                output_tokens: row.output,
                estimated: false,
            }),
            answered_by: row.author.unwrap_or_default(),
        },
    }))
}

/// What a message without a turn is answered with: a person holds the dialogue.
#[must_use]
pub fn held_by_person() -> AskTurn {
    AskTurn { state: TurnState::Skipped.into(), reason: "operator".to_owned(), ..AskTurn::default() }
}

/// What must be paid for a stored answer.
#[derive(Debug, Clone)]
pub struct Bill {
    /// Its dialogue.
    pub conversation: ConversationId,
    /// Whether billing holds money for it.
    pub held: bool,
    /// The charged tries.
    pub charged: Vec<Charged>,
}

/// A charged try.
#[derive(Debug, Clone, QueryableByName)]
pub struct Charged {
    /// The try.
    #[diesel(sql_type = SqlUuid)]
    pub attempt_id: Uuid,
    /// Price list key.
    #[diesel(sql_type = Text)]
    pub model: String,
    /// Tokens read.
    #[diesel(sql_type = BigInt)]
    pub input_tokens: i64,
    /// Tokens read from a cache.
    #[diesel(sql_type = BigInt)]
    pub cached_input_tokens: i64,
    /// Tokens written to one.
    #[diesel(sql_type = BigInt)]
    pub cache_write_tokens: i64,
    /// Tokens made.
    #[diesel(sql_type = BigInt)]
    pub output_tokens: i64,
}

#[derive(QueryableByName)]
struct BillRow {
    #[diesel(sql_type = SqlUuid)]
    conversation_id: ConversationId,
    #[diesel(sql_type = Bool)]
    held: bool,
}

/// The bill of a stored answer.
///
/// # Errors
/// Storage.
pub async fn bill(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Bill, Failure> {
    let row: BillRow =
        sql_query("SELECT conversation_id, hold_id IS NOT NULL AS held FROM turn WHERE workspace_id = $1 AND id = $2")
            .bind::<SqlUuid, _>(ws)
            .bind::<SqlUuid, _>(turn)
            .kept()
            .get_result(tx)
            .await?;
    let charged = sql_query(
        "SELECT attempt_id, model, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens FROM turn_attempt \
         WHERE workspace_id = $1 AND turn_id = $2 AND charged AND model <> '' ORDER BY n",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .load(tx)
    .await?;
    Ok(Bill { conversation: row.conversation_id, held: row.held, charged })
}

/// Where a message and its turn are, for a repeat.
#[derive(Debug, Clone, QueryableByName)]
pub struct Asked {
    /// The message.
    #[diesel(sql_type = SqlUuid)]
    pub message_id: MessageId,
    /// Its dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub conversation_id: ConversationId,
    /// Its turn.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub turn_id: Option<TurnId>,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
}

/// The call of the OpenAI face that this one repeats, at most ten minutes old.
///
/// # Errors
/// Storage.
pub async fn asked_before(tx: &mut Tx, ws: WorkspaceId, key: Uuid, hash: &[u8]) -> Result<Option<Asked>, Failure> {
    Ok(sql_query(
        "SELECT d.message_id, m.conversation_id, d.turn_id, d.at FROM ask_dedupe d \
         JOIN message m ON m.workspace_id = d.workspace_id AND m.id = d.message_id WHERE d.workspace_id = $1 \
         AND d.key_id = $2 AND d.body_hash = $3 AND d.at > clock_timestamp() - interval '10 minutes'",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(key)
    .bind::<diesel::sql_types::Bytea, _>(hash)
    .kept()
    .get_result(tx)
    .await
    .optional()?)
}

/// Whether a running turn may still be claimed or shown: who answers in its dialogue, and in which period.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Watch {
    /// The period now.
    #[diesel(sql_type = BigInt)]
    pub handler_epoch: i64,
    /// The worker's number now.
    #[diesel(sql_type = BigInt)]
    pub lease_epoch: i64,
    /// Whether the turn has ended.
    #[diesel(sql_type = Bool)]
    pub ended: bool,
    /// Whether the dialogue is closed.
    #[diesel(sql_type = Bool)]
    pub closed: bool,
}

/// Looks at a running turn.
///
/// # Errors
/// Storage.
pub async fn watch(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> Result<Watch, Failure> {
    Ok(sql_query(
        "SELECT c.handler_epoch, t.lease_epoch, t.ended_at IS NOT NULL AS ended, c.status = 'closed' AS closed \
         FROM turn t JOIN conversation c ON c.workspace_id = t.workspace_id AND c.id = t.conversation_id \
         WHERE t.workspace_id = $1 AND t.id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result(tx)
    .await?)
}
