//! The inbox: lists, take-over, return, close, messages of operators.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use neipix_mesh::{
    Call, CallContext, ConversationId, Failure, MessageId, TurnId, WorkspaceId,
    db::Tx,
    idempotency,
    jobs::{self, Job, RunAt},
    outbox::{self, Event},
    page,
};
use neipix_proto::chats::{
    events::v1::ConversationChanged,
    v1::{
        CloseRequest, Conversation, ConversationStatus, ErrorReason, GetConversationRequest, GetTurnRequest, Handler,
        ListConversationsRequest, ListConversationsResponse, ListMessagesRequest, ListMessagesResponse,
        ListTurnsRequest, ListTurnsResponse, Message, NotifyTypingRequest, NotifyTypingResponse, ResendMessageRequest,
        ReturnRequest, SendMessageRequest, TakeOverRequest, Turn,
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{
    store::{self, ConversationRow, Filter},
    wire,
};
use crate::{Chats, delivery, hub::Live, ingest, turns};

fn id_of(text: &str, field: &str) -> Result<Uuid, Failure> {
    text.parse().map_err(|_| Failure::invalid(field, "must be a UUID"))
}

fn optional(text: &str, field: &str) -> Result<Option<Uuid>, Failure> {
    if text.is_empty() { Ok(None) } else { id_of(text, field).map(Some) }
}

/// A dialogue that the caller may see.
async fn seen(tx: &mut Tx, context: &CallContext, id: Uuid) -> Result<ConversationRow, Failure> {
    let row = store::by_ids(tx, context.workspace, &[id]).await?.pop().ok_or_else(Failure::not_found)?;
    context.sees_assistant(row.assistant_id)?;
    Ok(row)
}

/// A page of dialogues.
///
/// # Errors
/// PAGE_TOKEN_INVALID, FIELD_INVALID.
pub async fn list(chats: &Chats, call: Call<ListConversationsRequest>) -> Result<ListConversationsResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let after: Option<(DateTime<Utc>, Uuid)> = chats.pages.decode(&call.context, &call.page_token)?;
    let filter = Filter {
        status: match call.status() {
            ConversationStatus::Open => "open",
            ConversationStatus::Pending => "pending",
            ConversationStatus::Closed => "closed",
            ConversationStatus::Unspecified => "",
        },
        handler: match call.handler() {
            Handler::Assistant => "assistant",
            Handler::Operator => "operator",
            Handler::Nobody => "nobody",
            Handler::Unspecified => "",
        },
        assistant: call.context.assistant.map(|a| a.0).or(optional(&call.assistant_id, "assistant_id")?),
        channel: optional(&call.channel_id, "channel_id")?,
        q: call.q.clone(),
    };
    let ws = call.context.workspace;
    let (rows, mut last, next) = chats
        .db
        .in_workspace(&call.context, "chats.list", async |tx: &mut Tx| {
            let mut rows = store::page(tx, ws, &filter, after, size.fetch()).await?;
            let next = size.cut(&mut rows).map(|r| (r.updated_at, r.id.0));
            let last = last_messages(tx, ws, &rows).await?;
            Ok::<_, Failure>((rows, last, next))
        })
        .await?;
    Ok(ListConversationsResponse {
        conversations: rows
            .into_iter()
            .map(|r| {
                let id = r.id;
                wire::conversation(r, last.remove(&id))
            })
            .collect(),
        next_page_token: next.map_or_else(|| Ok(String::new()), |k| chats.pages.encode(&call.context, &k))?,
    })
}

async fn last_messages(
    tx: &mut Tx,
    ws: WorkspaceId,
    rows: &[ConversationRow],
) -> Result<HashMap<ConversationId, store::MessageRow>, Failure> {
    let mut last = HashMap::new();
    for row in rows {
        if let Some(message) = store::messages(tx, ws, row.id, None, 1).await?.pop() {
            last.insert(row.id, message);
        }
    }
    Ok(last)
}

/// One dialogue.
///
/// # Errors
/// NOT_FOUND.
pub async fn get(chats: &Chats, call: Call<GetConversationRequest>) -> Result<Conversation, Failure> {
    let id = id_of(&call.id, "id")?;
    chats
        .db
        .in_workspace(&call.context, "chats.get", async |tx: &mut Tx| {
            let row = seen(tx, &call.context, id).await?;
            shown(tx, call.context.workspace, row).await
        })
        .await
}

async fn shown(tx: &mut Tx, ws: WorkspaceId, row: ConversationRow) -> Result<Conversation, Failure> {
    let last = store::messages(tx, ws, row.id, None, 1).await?.pop();
    Ok(wire::conversation(row, last))
}

/// A page of messages, newest first.
///
/// # Errors
/// NOT_FOUND, PAGE_TOKEN_INVALID.
pub async fn messages(chats: &Chats, call: Call<ListMessagesRequest>) -> Result<ListMessagesResponse, Failure> {
    let id = id_of(&call.conversation_id, "conversation_id")?;
    let size = page::Size::new(call.page_size);
    let before: Option<i64> = chats.pages.decode(&call.context, &call.page_token)?;
    let mut rows = chats
        .db
        .in_workspace(&call.context, "chats.messages", async |tx: &mut Tx| {
            seen(tx, &call.context, id).await?;
            store::messages(tx, call.context.workspace, ConversationId(id), before, size.fetch()).await
        })
        .await?;
    let next = size.cut(&mut rows).map(|r| r.seq);
    Ok(ListMessagesResponse {
        messages: rows.into_iter().map(wire::message).collect(),
        next_page_token: next.map_or_else(|| Ok(String::new()), |k| chats.pages.encode(&call.context, &k))?,
    })
}

/// A page of turns, newest first.
///
/// # Errors
/// NOT_FOUND, PAGE_TOKEN_INVALID.
pub async fn list_turns(chats: &Chats, call: Call<ListTurnsRequest>) -> Result<ListTurnsResponse, Failure> {
    let id = id_of(&call.conversation_id, "conversation_id")?;
    let size = page::Size::new(call.page_size);
    let after: Option<(DateTime<Utc>, Uuid)> = chats.pages.decode(&call.context, &call.page_token)?;
    let mut rows = chats
        .db
        .in_workspace(&call.context, "chats.turns", async |tx: &mut Tx| {
            seen(tx, &call.context, id).await?;
            store::turns(tx, call.context.workspace, ConversationId(id), after, size.fetch()).await
        })
        .await?;
    let next = size.cut(&mut rows).map(|r| (r.created_at, r.id.0));
    Ok(ListTurnsResponse {
        turns: rows.into_iter().map(|r| wire::turn(r, vec![])).collect(),
        next_page_token: next.map_or_else(|| Ok(String::new()), |k| chats.pages.encode(&call.context, &k))?,
    })
}

/// One turn with its attempts.
///
/// # Errors
/// NOT_FOUND.
pub async fn get_turn(chats: &Chats, call: Call<GetTurnRequest>) -> Result<Turn, Failure> {
    let (conversation, id) = (id_of(&call.conversation_id, "conversation_id")?, id_of(&call.id, "id")?);
    let ws = call.context.workspace;
    chats
        .db
        .in_workspace(&call.context, "chats.get_turn", async |tx: &mut Tx| {
            seen(tx, &call.context, conversation).await?;
            let row = store::turns_by_ids(tx, ws, &[id]).await?.pop().filter(|t| t.conversation_id.0 == conversation);
            let row = row.ok_or_else(Failure::not_found)?;
            let attempts = store::attempts(tx, ws, row.id).await?;
            Ok(wire::turn(row, attempts))
        })
        .await
}

/// Takes a dialogue over: unclaimed turns are cancelled, streaming ones are cut within a second.
///
/// # Errors
/// NOT_FOUND, CONVERSATION_CLOSED.
pub async fn take_over(chats: &Chats, call: Call<TakeOverRequest>) -> Result<Conversation, Failure> {
    let id = ConversationId(id_of(&call.id, "id")?);
    let (ws, member) = (call.context.workspace, call.context.member_id().ok_or_else(Failure::not_found)?);
    let (row, cancelled) = chats
        .db
        .in_workspace(&call.context, "chats.take_over", async |tx: &mut Tx| {
            let row = locked(tx, &call.context, id).await?;
            if row.status == "closed" {
                return Err(Failure::new(ErrorReason::ConversationClosed, "the dialogue is closed"));
            }
            if row.handler_member_id == Some(member.0) {
                return Ok((shown(tx, ws, row).await?, vec![]));
            }
            store::hand(tx, ws, id, ("operator", Some(member.0)), "open").await?;
            let cancelled = cancel(tx, ws, id, "take_over").await?;
            changed(tx, &call.context, id, "handler.changed").await?;
            let row = seen(tx, &call.context, id.0).await?;
            Ok::<_, Failure>((shown(tx, ws, row).await?, cancelled))
        })
        .await?;
    for turn in cancelled {
        chats.hub.tell(ws, Live::Turn { turn });
    }
    Ok(row)
}

async fn locked(tx: &mut Tx, context: &CallContext, id: ConversationId) -> Result<ConversationRow, Failure> {
    let row = store::lock(tx, context.workspace, id).await?.ok_or_else(Failure::not_found)?;
    context.sees_assistant(row.assistant_id)?;
    Ok(row)
}

async fn cancel(tx: &mut Tx, ws: WorkspaceId, id: ConversationId, reason: &str) -> Result<Vec<TurnId>, Failure> {
    let cancelled = store::cancel_unclaimed(tx, ws, id, reason).await?;
    for turn in &cancelled {
        turns::store::tell(tx, ws, "turn.cancelled", id, *turn).await?;
        jobs::finish(tx, &format!("turn:{turn}")).await?;
        let job = Job {
            workspace: ws,
            kind: "turn.release",
            key: format!("release:{turn}"),
            payload: json!({"turn_id": turn, "reason": reason}),
            run_at: RunAt::Now,
        };
        jobs::enqueue(tx, job).await?;
    }
    Ok(cancelled)
}

async fn changed(tx: &mut Tx, context: &CallContext, id: ConversationId, kind: &'static str) -> Result<(), Failure> {
    let payload = ConversationChanged { conversation_id: id.to_string() };
    outbox::push(tx, Event { workspace: context.workspace, kind, object_version: 1, payload: &payload }).await?;
    outbox::audit(tx, context, &format!("conversation:{id}"), json!({"event": kind})).await?;
    Ok(())
}

/// Hands a dialogue back; the assistant answers only what is owed.
///
/// # Errors
/// NOT_FOUND, CONVERSATION_CLOSED.
pub async fn hand_back(chats: &Chats, call: Call<ReturnRequest>) -> Result<Conversation, Failure> {
    let id = ConversationId(id_of(&call.id, "id")?);
    let ws = call.context.workspace;
    chats
        .db
        .in_workspace(&call.context, "chats.return", async |tx: &mut Tx| {
            let row = locked(tx, &call.context, id).await?;
            if row.status == "closed" {
                return Err(Failure::new(ErrorReason::ConversationClosed, "the dialogue is closed"));
            }
            if row.handler != "assistant" {
                store::hand(tx, ws, id, ("assistant", None), "open").await?;
                let owed = store::owed(tx, ws, id).await?;
                if !owed.is_empty() && ingest::store::waiting(tx, ws, id).await?.is_none() {
                    owe(tx, ws, id, &owed).await?;
                }
                changed(tx, &call.context, id, "handler.changed").await?;
            }
            let row = seen(tx, &call.context, id.0).await?;
            shown(tx, ws, row).await
        })
        .await
}

/// One new turn for what the customer said last and nobody answered.
async fn owe(tx: &mut Tx, ws: WorkspaceId, id: ConversationId, messages: &[Uuid]) -> Result<(), Failure> {
    let turn = TurnId::new(Utc::now());
    ingest::store::insert_turn(tx, ws, turn, id, 0, &json!({})).await?;
    store::move_inputs(tx, ws, messages, turn).await?;
    turns::store::tell(tx, ws, "turn.queued", id, turn).await?;
    let job = Job {
        workspace: ws,
        kind: "turn.run",
        key: format!("turn:{turn}"),
        payload: json!({"turn_id": turn}),
        run_at: RunAt::Now,
    };
    jobs::enqueue(tx, job).await
}

/// Closes a dialogue; closing a closed one changes nothing.
///
/// # Errors
/// NOT_FOUND.
pub async fn close(chats: &Chats, call: Call<CloseRequest>) -> Result<Conversation, Failure> {
    let id = ConversationId(id_of(&call.id, "id")?);
    let ws = call.context.workspace;
    chats
        .db
        .in_workspace(&call.context, "chats.close", async |tx: &mut Tx| {
            let row = locked(tx, &call.context, id).await?;
            if row.status != "closed" {
                cancel(tx, ws, id, "closed").await?;
                store::hand(tx, ws, id, ("assistant", None), "closed").await?;
                changed(tx, &call.context, id, "conversation.closed").await?;
            }
            let row = seen(tx, &call.context, id.0).await?;
            shown(tx, ws, row).await
        })
        .await
}

/// An operator's message.
///
/// # Errors
/// NOT_FOUND, CONVERSATION_CLOSED, NOT_HANDLER.
pub async fn send(chats: &Chats, call: Call<SendMessageRequest>) -> Result<Message, Failure> {
    let id = ConversationId(id_of(&call.conversation_id, "conversation_id")?);
    let (ws, member) = (call.context.workspace, call.context.member_id().ok_or_else(Failure::not_found)?);
    idempotency::once(&chats.db, &chats.sealer, &call, "chats.send", async |tx: &mut Tx| {
        let row = locked(tx, &call.context, id).await?;
        if row.status == "closed" {
            return Err(Failure::new(ErrorReason::ConversationClosed, "the dialogue is closed"));
        }
        if row.handler_member_id != Some(member.0) {
            return Err(Failure::new(ErrorReason::NotHandler, "take the dialogue over first"));
        }
        let message = MessageId::new(Utc::now());
        let say = turns::store::Say {
            author: "operator",
            member: Some(member.0),
            text: &call.text,
            citations: json!([]),
            claimed: None,
            interrupted: false,
            turn: None,
        };
        turns::store::say(tx, ws, id, message, &say).await?;
        delivery::queue_for(tx, ws, id, &row.channel_kind, message, None, &call.text).await?;
        let made = store::messages_by_ids(tx, ws, &[message.0]).await?.pop().ok_or_else(Failure::not_found)?;
        Ok(wire::message(made))
    })
    .await
}

/// Sends the failed parts of a message again.
///
/// # Errors
/// NOT_FOUND, NOT_RESENDABLE.
pub async fn resend(chats: &Chats, call: Call<ResendMessageRequest>) -> Result<Message, Failure> {
    let conversation = id_of(&call.conversation_id, "conversation_id")?;
    let message = MessageId(id_of(&call.id, "id")?);
    let ws = call.context.workspace;
    idempotency::once(&chats.db, &chats.sealer, &call, "chats.resend", async |tx: &mut Tx| {
        seen(tx, &call.context, conversation).await?;
        let found = store::messages_by_ids(tx, ws, &[message.0]).await?.pop();
        let found = found.filter(|m| m.conversation_id.0 == conversation).ok_or_else(Failure::not_found)?;
        if delivery::revive(tx, ws, message).await? == 0 {
            return Err(Failure::new(ErrorReason::NotResendable, "no part of this message failed"));
        }
        delivery::again(tx, ws, message).await?;
        outbox::audit(tx, &call.context, &format!("message:{}", found.id), json!({})).await?;
        let row = store::messages_by_ids(tx, ws, &[message.0]).await?.pop().ok_or_else(Failure::not_found)?;
        Ok(wire::message(row))
    })
    .await
}

/// Tells who watches that the caller is typing.
///
/// # Errors
/// NOT_FOUND.
pub async fn typing(chats: &Chats, call: Call<NotifyTypingRequest>) -> Result<NotifyTypingResponse, Failure> {
    let id = id_of(&call.id, "id")?;
    chats.db.in_workspace(&call.context, "chats.typing", async |tx: &mut Tx| seen(tx, &call.context, id).await).await?;
    let member = call.context.member_id().map(|m| m.to_string()).unwrap_or_default();
    chats.hub.tell(call.context.workspace, Live::Typing { conversation: ConversationId(id), member });
    Ok(NotifyTypingResponse {})
}
