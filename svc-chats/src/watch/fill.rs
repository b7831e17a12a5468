//! Fills events with their objects as they are now, for whoever may read them. Others get number and kind.

use std::collections::{HashMap, HashSet};

use neipix_mesh::{CallContext, ChannelId, ConversationId, Failure, MessageId, TurnId, db::Tx};
use neipix_proto::chats::v1::{
    AssistantState, Channel, Conversation, Event, EventData, FileState, Message, Turn, WalletBalance,
    event_data::Object,
};
use serde_json::Value;

use super::store::EventRow;
use crate::{
    channels::{rpc::channel, store as channels},
    conversations::list,
    stamp,
};

/// Objects by id.
#[derive(Default)]
struct Objects {
    conversations: HashMap<String, Conversation>,
    messages: HashMap<String, Message>,
    turns: HashMap<String, Turn>,
    channels: HashMap<String, Channel>,
}

fn group(kind: &str) -> &str {
    match kind.split_once('.') {
        Some(("handler", _)) => "conversation",
        Some((group, _)) => group,
        None => kind,
    }
}

fn text<'a>(extra: &'a Value, name: &str) -> &'a str {
    extra.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(extra: &Value, name: &str) -> i64 {
    extra.get(name).and_then(Value::as_i64).unwrap_or_default()
}

/// Whether the caller may read things of that assistant.
fn sees(context: &CallContext, assistant: &str) -> bool {
    context.assistant.is_none_or(|only| assistant == only.to_string())
}

/// Fills them.
///
/// # Errors
/// Storage.
pub async fn fill(tx: &mut Tx, context: &CallContext, rows: Vec<EventRow>) -> Result<Vec<Event>, Failure> {
    if rows.is_empty() {
        return Ok(vec![]);
    }
    let objects = read(tx, context, &rows).await?;
    let event = |row: EventRow| Event {
        seq: row.seq,
        data: object(context, &objects, &row).map(|object| EventData { object: Some(object) }),
        kind: row.kind,
        time: Some(stamp(row.created_at)),
    };
    Ok(rows.into_iter().map(event).collect())
}

async fn read(tx: &mut Tx, context: &CallContext, rows: &[EventRow]) -> Result<Objects, Failure> {
    let ws = context.workspace;
    let ids = |wanted: &str| {
        let ids = rows.iter().filter(|row| group(&row.kind) == wanted).map(|row| row.object_id);
        ids.collect::<HashSet<_>>()
    };
    let mut objects = Objects::default();
    let turns: Vec<TurnId> = ids("turn").into_iter().map(TurnId).collect();
    if !turns.is_empty() {
        for row in list::turns_by_id(tx, ws, &turns).await? {
            if sees(context, &row.assistant_id.to_string()) {
                objects.turns.insert(row.id.to_string(), row.turn());
            }
        }
    }
    let messages: Vec<MessageId> = ids("message").into_iter().map(MessageId).collect();
    if !messages.is_empty() {
        for message in list::messages_by_id(tx, ws, &messages).await? {
            objects.messages.insert(message.id.clone(), message);
        }
    }
    let mut dialogues = ids("conversation");
    if context.assistant.is_some() {
        // Whose a message is stands in its dialogue.
        dialogues.extend(objects.messages.values().filter_map(|m| m.conversation_id.parse::<uuid::Uuid>().ok()));
    }
    let dialogues: Vec<ConversationId> = dialogues.into_iter().map(ConversationId).collect();
    if !dialogues.is_empty() {
        let found = list::conversations(tx, ws, &dialogues).await?;
        for conversation in list::shown(tx, ws, found).await? {
            if sees(context, &conversation.assistant_id) {
                objects.conversations.insert(conversation.id.clone(), conversation);
            }
        }
    }
    if context.has("channels.read") {
        for id in ids("channel") {
            if let Some(row) = channels::find(tx, ws, ChannelId(id)).await?
                && sees(context, &row.assistant_id.to_string())
            {
                objects.channels.insert(row.id.to_string(), channel(row));
            }
        }
    }
    Ok(objects)
}

fn object(context: &CallContext, objects: &Objects, row: &EventRow) -> Option<Object> {
    let id = row.object_id.to_string();
    let extra = &row.extra;
    let narrowed = |permission: &str| context.has(permission) && sees(context, text(extra, "assistant_id"));
    match group(&row.kind) {
        "conversation" => objects.conversations.get(&id).cloned().map(Object::Conversation),
        "message" => {
            let message = objects.messages.get(&id)?;
            let visible = context.assistant.is_none() || objects.conversations.contains_key(&message.conversation_id);
            visible.then(|| Object::Message(message.clone()))
        }
        "turn" => objects.turns.get(&id).cloned().map(Object::Turn),
        "channel" => objects.channels.get(&id).cloned().map(Object::Channel),
        // The wallet is the workspace's: a caller who is narrowed to an assistant has no part in it.
        "wallet" => (context.has("billing.read") && context.assistant.is_none()).then(|| {
            Object::Wallet(WalletBalance {
                available_micro_pix: number(extra, "available"),
                held_micro_pix: number(extra, "held"),
            })
        }),
        "file" => narrowed("knowledge.read").then(|| {
            Object::File(FileState {
                assistant_id: text(extra, "assistant_id").to_owned(),
                file_id: id,
                status: text(extra, "status").to_owned(),
                reason: text(extra, "reason").to_owned(),
            })
        }),
        "assistant" => narrowed("assistants.read")
            .then(|| Object::Assistant(AssistantState { assistant_id: id, status: text(extra, "status").to_owned() })),
        _ => None,
    }
}
