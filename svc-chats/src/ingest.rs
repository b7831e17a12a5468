//! A customer's message comes in: deduplicated, stored, put into a turn, told, all in one transaction.

pub mod store;

use chrono::Utc;
use neipix_mesh::{
    AssistantId, ChannelId, ContactId, ConversationId, Failure, MessageId, TurnId, WorkspaceId,
    db::Tx,
    jobs::{self, Job, RunAt},
    outbox::{self, Event},
};
use neipix_proto::chats::events::v1::{ConversationChanged, MessageChanged, TurnChanged};
use serde_json::json;

use self::store::{Found, Waiting};

/// What came in.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The channel.
    pub channel: ChannelId,
    /// Its assistant.
    pub assistant: AssistantId,
    /// `api`, `telegram`.
    pub identity_kind: &'static str,
    /// What the identity is unique in.
    pub identity_scope: String,
    /// The caller's id of the contact.
    pub identity: String,
    /// The contact's name; may be empty.
    pub name: String,
    /// The dialogue within the channel.
    pub external_key: String,
    /// The caller's id of the message.
    pub external_id: String,
    /// The words.
    pub text: String,
    /// Seconds to wait for more; none for programs, which are answered at once.
    pub delay_seconds: Option<i32>,
    /// Options of this turn (OpenAI face).
    pub options: serde_json::Value,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// The message.
    pub message: MessageId,
    /// Its dialogue.
    pub conversation: ConversationId,
    /// Its turn.
    pub turn: Option<TurnId>,
    /// Whether it was seen before.
    pub duplicate: bool,
}

/// Stores a message. A second one with the same external id is the first one.
///
/// # Errors
/// Storage.
pub async fn ingest(tx: &mut Tx, ws: WorkspaceId, incoming: &Incoming) -> Result<Ingested, Failure> {
    let (channel, key) = (incoming.channel, incoming.external_key.as_str());
    if let Some(before) = store::known(tx, ws, channel, &incoming.external_id).await? {
        return Ok(before);
    }
    store::lock_key(tx, ws, channel, key).await?;
    let contact = contact(tx, ws, incoming).await?;
    let (found, opened) = match store::current(tx, ws, channel, key).await? {
        Some(found) => (found, false),
        None => (store::open(tx, ws, incoming, contact).await?, true),
    };
    let message = MessageId::new(Utc::now());
    if !store::claim_key(tx, ws, channel, &incoming.external_id, message, found.id).await? {
        // The same id came in by another dialogue at this very moment.
        return Err(neipix_mesh::db::retry_error().into());
    }
    let seq = store::append_contact_message(tx, ws, found.id, message, &incoming.text).await?;
    let turn = turn_for(tx, ws, &found, message, seq, incoming).await?;
    tell(tx, ws, &found, opened, message, turn).await?;
    Ok(Ingested { message, conversation: found.id, turn: Some(turn), duplicate: false })
}

async fn contact(tx: &mut Tx, ws: WorkspaceId, incoming: &Incoming) -> Result<ContactId, Failure> {
    let identity = (incoming.identity_kind, incoming.identity_scope.as_str(), incoming.identity.as_str());
    store::contact(tx, ws, identity, &incoming.name).await
}

/// The turn of a message: the waiting one, which it joins and moves, or a new one.
async fn turn_for(
    tx: &mut Tx,
    ws: WorkspaceId,
    found: &Found,
    message: MessageId,
    seq: i64,
    incoming: &Incoming,
) -> Result<TurnId, Failure> {
    let delay = incoming.delay_seconds.unwrap_or(0);
    let turn = match store::waiting(tx, ws, found.id).await? {
        Some(Waiting { id }) => {
            store::move_due(tx, ws, id, delay).await?;
            id
        }
        None => {
            let id = TurnId::new(Utc::now());
            store::insert_turn(tx, ws, id, found.id, delay, &incoming.options).await?;
            id
        }
    };
    store::insert_input(tx, ws, message, turn).await?;
    let _ = seq;
    let run_at =
        if delay == 0 { RunAt::Now } else { RunAt::In(std::time::Duration::from_secs(delay.unsigned_abs().into())) };
    let job =
        Job { workspace: ws, kind: "turn.run", key: format!("turn:{turn}"), payload: json!({"turn_id": turn}), run_at };
    jobs::enqueue(tx, job).await?;
    Ok(turn)
}

async fn tell(
    tx: &mut Tx,
    ws: WorkspaceId,
    found: &Found,
    opened: bool,
    message: MessageId,
    turn: TurnId,
) -> Result<(), Failure> {
    let conversation_id = found.id.to_string();
    let changed = ConversationChanged { conversation_id: conversation_id.clone() };
    let kind = if opened || found.reopened { "conversation.opened" } else { "conversation.updated" };
    let event = Event { workspace: ws, kind, object_version: found.version, payload: &changed };
    outbox::push(tx, event).await?;
    let created = MessageChanged { conversation_id: conversation_id.clone(), message_id: message.to_string() };
    outbox::push(tx, Event { workspace: ws, kind: "message.created", object_version: 1, payload: &created }).await?;
    let queued = TurnChanged { conversation_id, turn_id: turn.to_string() };
    outbox::push(tx, Event { workspace: ws, kind: "turn.queued", object_version: 1, payload: &queued }).await?;
    Ok(())
}
