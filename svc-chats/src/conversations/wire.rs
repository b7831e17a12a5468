//! Rows as callers see them.

use chrono::{DateTime, Utc};
use neipix_proto::{
    assistants::v1::{Citation, Usage},
    chats::v1::{
        Author, ChannelKind, Contact, Conversation, ConversationStatus, DeliveryState, Handler, Message, Turn,
        TurnAttempt, TurnState,
    },
};
use prost_types::Timestamp;
use serde_json::Value;

use super::store::{AttemptRow, ConversationRow, MessageRow, TurnView};
use crate::turn::words;

/// `google.protobuf.Timestamp` of an instant.
#[must_use]
pub fn stamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}

/// A dialogue with its last message.
#[must_use]
pub fn conversation(row: ConversationRow, last: Option<MessageRow>) -> Conversation {
    let upper = |prefix: &str, name: &str| format!("{prefix}_{}", name.to_uppercase());
    Conversation {
        id: row.id.to_string(),
        assistant_id: row.assistant_id.to_string(),
        channel_id: row.channel_id.to_string(),
        channel_kind: channel_kind(&row.channel_kind).into(),
        contact: Some(Contact { id: row.contact_id.to_string(), display_name: row.contact_name }),
        status: ConversationStatus::from_str_name(&upper("CONVERSATION_STATUS", &row.status))
            .unwrap_or_default()
            .into(),
        handler: Handler::from_str_name(&upper("HANDLER", &row.handler)).unwrap_or_default().into(),
        handler_member_id: row.handler_member_id.map(|m| m.to_string()).unwrap_or_default(),
        handler_epoch: row.handler_epoch,
        last_message: last.map(message),
        last_seq: row.last_seq,
        update_time: Some(stamp(row.updated_at)),
        create_time: Some(stamp(row.created_at)),
    }
}

/// A channel's kind by name.
#[must_use]
pub fn channel_kind(name: &str) -> ChannelKind {
    ChannelKind::from_str_name(&format!("CHANNEL_KIND_{}", name.to_uppercase())).unwrap_or_default()
}

/// A message.
#[must_use]
pub fn message(row: MessageRow) -> Message {
    let state = format!("DELIVERY_STATE_{}", row.delivery_state.to_uppercase());
    Message {
        id: row.id.to_string(),
        conversation_id: row.conversation_id.to_string(),
        seq: row.seq,
        author: Author::from_str_name(&format!("AUTHOR_{}", row.author.to_uppercase())).unwrap_or_default().into(),
        author_member_id: row.author_member_id.map(|m| m.to_string()).unwrap_or_default(),
        turn_id: row.turn_id.map(|t| t.to_string()).unwrap_or_default(),
        text: row.text,
        interrupted: row.interrupted,
        citations: citations(&row.citations),
        delivery_state: DeliveryState::from_str_name(&state).unwrap_or_default().into(),
        delivery_error: row.delivery_error,
        create_time: Some(stamp(row.created_at)),
    }
}

/// Citations out of their JSON.
#[must_use]
pub fn citations(value: &Value) -> Vec<Citation> {
    let text = |c: &Value, name: &str| c.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number =
        |c: &Value, name: &str| c.get(name).and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
    let list = value.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|c| Citation {
            n: number(c, "n"),
            passage_id: text(c, "passage_id"),
            file_id: text(c, "file_id"),
            title: text(c, "title"),
            page: number(c, "page"),
            start: number(c, "start"),
            end: number(c, "end"),
            quote: text(c, "quote"),
        })
        .collect()
}

/// A turn's state by name.
#[must_use]
pub fn turn_state(name: &str) -> TurnState {
    TurnState::from_str_name(&format!("TURN_STATE_{}", name.to_uppercase())).unwrap_or_default()
}

/// A turn; with attempts where they were read.
#[must_use]
pub fn turn(row: TurnView, attempts: Vec<AttemptRow>) -> Turn {
    let (reason_ru, reason_en) = words(&row.state, &row.reason);
    Turn {
        id: row.id.to_string(),
        conversation_id: row.conversation_id.to_string(),
        state: turn_state(&row.state).into(),
        reason: row.reason,
        reason_ru,
        reason_en,
        answer_message_id: row.answer_message_id.map(|m| m.to_string()).unwrap_or_default(),
        version: row.version,
        cost_micro_pix: row.cost,
        attempts: attempts.into_iter().map(attempt).collect(),
        create_time: Some(stamp(row.created_at)),
        end_time: row.ended_at.map(stamp),
    }
}

fn attempt(row: AttemptRow) -> TurnAttempt {
    TurnAttempt {
        id: row.attempt_id.to_string(),
        provider: row.provider,
        model: row.model,
        usage: Some(usage(&row.usage)),
        charged: row.charged,
        error: row.error,
    }
}

/// Usage out of its JSON.
#[must_use]
pub fn usage(value: &Value) -> Usage {
    let number = |name: &str| value.get(name).and_then(Value::as_i64).unwrap_or(0);
    Usage {
        input_tokens: number("input"),
        cached_input_tokens: number("cached_input"),
        cache_write_tokens: number("cache_write"),
        output_tokens: number("output"),
        estimated: value.get("estimated").and_then(Value::as_bool).unwrap_or(false),
    }
}
