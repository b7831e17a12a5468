//! ConversationService without Watch.

use chrono::{DateTime, Utc};
use neipix_mesh::{
    AssistantId, Call, CallContext, ConversationId, Failure, MessageId, TurnId, UserId, WorkspaceId, db::Tx,
    idempotency, outbox, page,
};
use neipix_proto::chats::v1::{
    Author, CloseRequest, Conversation, ConversationStatus, ErrorReason, GetConversationRequest, GetTurnRequest,
    Handler as ProtoHandler, ListConversationsRequest, ListConversationsResponse, ListMessagesRequest,
    ListMessagesResponse, ListTurnsRequest, ListTurnsResponse, Message, NotifyTypingRequest, NotifyTypingResponse,
    ResendMessageRequest, ReturnRequest, SendMessageRequest, TakeOverRequest, Turn,
};

use super::{
    act,
    list::{self, Filter},
    store::{self, Also, Locked, Saying, Speaker},
};
use crate::{
    Chats,
    conversation::{Handler, Status},
    delivery,
    live::TypingNote,
    outbox::Events,
    turn::store::tell,
};

fn parse<T: std::str::FromStr>(id: &str, field: &str) -> Result<T, Failure> {
    id.parse().map_err(|_| Failure::invalid(field, "must be a UUID"))
}

fn optional<T: std::str::FromStr>(id: &str, field: &str) -> Result<Option<T>, Failure> {
    if id.is_empty() { Ok(None) } else { parse(id, field).map(Some) }
}

/// Dialogues, the latest activity first.
///
/// # Errors
/// PAGE_TOKEN_INVALID.
pub async fn list(chats: &Chats, call: Call<ListConversationsRequest>) -> Result<ListConversationsResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let asked: Option<AssistantId> = optional(&call.assistant_id, "assistant_id")?;
    if let Some(assistant) = asked {
        call.context.sees_assistant(assistant)?;
    }
    let filter = Filter {
        status: match call.status() {
            ConversationStatus::Unspecified => None,
            ConversationStatus::Open => Some(Status::Open),
            ConversationStatus::Pending => Some(Status::Pending),
            ConversationStatus::Closed => Some(Status::Closed),
        },
        handler: match call.handler() {
            ProtoHandler::Unspecified => None,
            ProtoHandler::Assistant => Some(Handler::Assistant),
            ProtoHandler::Operator => Some(Handler::Operator),
            ProtoHandler::Nobody => Some(Handler::Nobody),
        },
        assistant: asked.or(call.context.assistant),
        channel: optional(&call.channel_id, "channel_id")?,
        q: call.q.clone(),
        after: chats.pages.decode::<(DateTime<Utc>, ConversationId)>(&call.context, &call.page_token)?,
    };
    let ws = call.context.workspace;
    let (conversations, next) = chats
        .db
        .in_workspace(&call.context, "chats.list", async |tx: &mut Tx| {
            let mut rows = list::page(tx, ws, &filter, size.fetch()).await?;
            let next = size.cut(&mut rows).map(|last| (last.updated_at, last.id));
            Ok::<_, Failure>((list::shown(tx, ws, rows).await?, next))
        })
        .await?;
    let next_page_token = next.map_or_else(|| Ok(String::new()), |key| chats.pages.encode(&call.context, &key))?;
    Ok(ListConversationsResponse { conversations, next_page_token })
}

/// One dialogue, if the caller may see it.
async fn visible(tx: &mut Tx, context: &CallContext, id: ConversationId) -> Result<Conversation, Failure> {
    let rows = list::conversations(tx, context.workspace, &[id]).await?;
    let row = rows.into_iter().next().ok_or_else(Failure::not_found)?;
    context.sees_assistant(row.assistant_id)?;
    list::shown(tx, context.workspace, vec![row]).await?.pop().ok_or_else(Failure::not_found)
}

/// One dialogue.
///
/// # Errors
/// NOT_FOUND.
pub async fn get(chats: &Chats, call: Call<GetConversationRequest>) -> Result<Conversation, Failure> {
    let id = parse(&call.id, "id")?;
    chats.db.read(&call.context, "chats.get", async |tx: &mut Tx| visible(tx, &call.context, id).await).await
}

/// A dialogue's messages, newest first.
///
/// # Errors
/// NOT_FOUND, PAGE_TOKEN_INVALID.
pub async fn messages(chats: &Chats, call: Call<ListMessagesRequest>) -> Result<ListMessagesResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let id = parse(&call.conversation_id, "conversation_id")?;
    let before = chats.pages.decode::<i64>(&call.context, &call.page_token)?;
    let ws = call.context.workspace;
    let mut messages = chats
        .db
        .in_workspace(&call.context, "chats.messages", async |tx: &mut Tx| {
            seen(tx, &call.context, id).await?;
            list::messages(tx, ws, id, before, size.fetch()).await
        })
        .await?;
    let next = size.cut(&mut messages).map(|last| last.seq);
    let next_page_token = next.map_or_else(|| Ok(String::new()), |key| chats.pages.encode(&call.context, &key))?;
    Ok(ListMessagesResponse { messages, next_page_token })
}

/// A dialogue that the caller does not see is not there. Answers its assistant.
///
/// # Errors
/// NOT_FOUND; storage.
pub async fn seen(tx: &mut Tx, context: &CallContext, id: ConversationId) -> Result<AssistantId, Failure> {
    let rows = list::conversations(tx, context.workspace, &[id]).await?;
    let row = rows.first().ok_or_else(Failure::not_found)?;
    context.sees_assistant(row.assistant_id)?;
    Ok(row.assistant_id)
}

/// A dialogue's turns, newest first.
///
/// # Errors
/// NOT_FOUND, PAGE_TOKEN_INVALID.
pub async fn turns(chats: &Chats, call: Call<ListTurnsRequest>) -> Result<ListTurnsResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let id = parse(&call.conversation_id, "conversation_id")?;
    let before = chats.pages.decode::<(DateTime<Utc>, TurnId)>(&call.context, &call.page_token)?;
    let mut rows = chats
        .db
        .in_workspace(&call.context, "chats.turns", async |tx: &mut Tx| {
            seen(tx, &call.context, id).await?;
            list::turns(tx, call.context.workspace, id, before, size.fetch()).await
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| (last.created_at, last.id));
    let next_page_token = next.map_or_else(|| Ok(String::new()), |key| chats.pages.encode(&call.context, &key))?;
    Ok(ListTurnsResponse { turns: rows.into_iter().map(list::TurnRow::turn).collect(), next_page_token })
}

/// One turn with its attempts.
///
/// # Errors
/// NOT_FOUND.
pub async fn turn(chats: &Chats, call: Call<GetTurnRequest>) -> Result<Turn, Failure> {
    let (conversation, id): (ConversationId, TurnId) =
        (parse(&call.conversation_id, "conversation_id")?, parse(&call.id, "id")?);
    let ws = call.context.workspace;
    chats
        .db
        .in_workspace(&call.context, "chats.turn", async |tx: &mut Tx| {
            seen(tx, &call.context, conversation).await?;
            let row = list::turns_by_id(tx, ws, &[id]).await?.pop().filter(|row| row.conversation_id == conversation);
            let attempts = list::attempts(tx, ws, id).await?;
            Ok(Turn { attempts, ..row.ok_or_else(Failure::not_found)?.turn() })
        })
        .await
}

fn member_of(context: &CallContext) -> Result<UserId, Failure> {
    context.member_id().ok_or_else(|| Failure::internal("a caller with chats.reply is a member or a key of one"))
}

fn is_closed() -> Failure {
    Failure::new(ErrorReason::ConversationClosed, "the dialogue is closed; the customer's next message opens it")
}

async fn locked(tx: &mut Tx, context: &CallContext, id: ConversationId) -> Result<Locked, Failure> {
    let locked = store::lock(tx, context.workspace, id).await?.ok_or_else(Failure::not_found)?;
    context.sees_assistant(locked.assistant)?;
    Ok(locked)
}

/// Minutes after which the assistant takes a dialogue back; the usual where it cannot be asked.
async fn auto_return_minutes(chats: &Chats, context: &CallContext, id: ConversationId) -> Result<i32, Failure> {
    let rows = chats
        .db
        .in_workspace(context, "chats.assistant_of", async |tx: &mut Tx| {
            list::conversations(tx, context.workspace, &[id]).await
        })
        .await?;
    let row = rows.first().ok_or_else(Failure::not_found)?;
    context.sees_assistant(row.assistant_id)?;
    let plan = chats.plans.get(context.workspace, row.assistant_id).await;
    Ok(plan.map_or(30, |plan| plan.auto_return_minutes()))
}

/// The assistant falls silent at once.
///
/// # Errors
/// NOT_FOUND, CONVERSATION_CLOSED.
pub async fn take_over(chats: &Chats, call: Call<TakeOverRequest>) -> Result<Conversation, Failure> {
    let (id, member) = (parse(&call.id, "id")?, member_of(&call.context)?);
    let minutes = auto_return_minutes(chats, &call.context, id).await?;
    let ws = call.context.workspace;
    let (conversation, touched) = chats
        .db
        .in_workspace(&call.context, "chats.take_over", async |tx: &mut Tx| {
            let mut locked = locked(tx, &call.context, id).await?;
            if locked.standing.status == Status::Closed {
                return Err(is_closed());
            }
            let mut touched = vec![];
            if locked.standing != locked.standing.taken_by(member) {
                touched = act::take_over(tx, ws, &mut locked, member, minutes).await?;
                let detail = serde_json::json!({"epoch": locked.standing.epoch});
                outbox::audit(tx, &call.context, &format!("conversation:{id}"), detail).await?;
            }
            Ok((visible(tx, &call.context, id).await?, touched))
        })
        .await?;
    for turn in touched {
        chats.live.cancel(ws, turn);
    }
    Ok(conversation)
}

/// The assistant answers again.
///
/// # Errors
/// NOT_FOUND, CONVERSATION_CLOSED.
pub async fn give_back(chats: &Chats, call: Call<ReturnRequest>) -> Result<Conversation, Failure> {
    let id = parse(&call.id, "id")?;
    let ws = call.context.workspace;
    chats
        .db
        .in_workspace(&call.context, "chats.return", async |tx: &mut Tx| {
            let mut locked = locked(tx, &call.context, id).await?;
            if locked.standing.status == Status::Closed {
                return Err(is_closed());
            }
            if locked.standing.handler != Handler::Assistant {
                act::give_back(tx, ws, &mut locked).await?;
                let detail = serde_json::json!({"epoch": locked.standing.epoch});
                outbox::audit(tx, &call.context, &format!("conversation:{id}"), detail).await?;
            }
            visible(tx, &call.context, id).await
        })
        .await
}

/// Closes a dialogue.
///
/// # Errors
/// NOT_FOUND.
pub async fn close(chats: &Chats, call: Call<CloseRequest>) -> Result<Conversation, Failure> {
    let id = parse(&call.id, "id")?;
    let ws = call.context.workspace;
    let (conversation, touched) = chats
        .db
        .in_workspace(&call.context, "chats.close", async |tx: &mut Tx| {
            let mut locked = locked(tx, &call.context, id).await?;
            let mut touched = vec![];
            if locked.standing.status != Status::Closed {
                touched = act::close(tx, ws, &mut locked).await?;
                outbox::audit(tx, &call.context, &format!("conversation:{id}"), serde_json::Value::Null).await?;
            }
            Ok::<_, Failure>((visible(tx, &call.context, id).await?, touched))
        })
        .await?;
    for turn in touched {
        chats.live.cancel(ws, turn);
    }
    Ok(conversation)
}

/// A person answers the customer.
///
/// # Errors
/// NOT_FOUND, CONVERSATION_CLOSED, NOT_HANDLER.
pub async fn send(chats: &Chats, call: Call<SendMessageRequest>) -> Result<Message, Failure> {
    let (id, member) = (parse(&call.conversation_id, "conversation_id")?, member_of(&call.context)?);
    if call.text.trim().is_empty() {
        return Err(Failure::invalid("text", "must hold more than spaces"));
    }
    let client_id = optional(&call.client_id, "client_id")?;
    let minutes = auto_return_minutes(chats, &call.context, id).await?;
    let ws = call.context.workspace;
    idempotency::once(&chats.db, &chats.sealer, &call, "chats.send", async |tx: &mut Tx| {
        let mut locked = locked(tx, &call.context, id).await?;
        if locked.standing.status == Status::Closed {
            return Err(is_closed());
        }
        if locked.standing.member != Some(member) {
            return Err(Failure::new(ErrorReason::NotHandler, "you do not hold this dialogue: take it over first"));
        }
        let message = MessageId::new(Utc::now());
        say(tx, ws, &mut locked, message, Speaker::Operator(member), &call.text, client_id).await?;
        act::still_here(tx, ws, id, minutes).await?;
        list::messages_by_id(tx, ws, &[message]).await?.pop().ok_or_else(Failure::not_found)
    })
    .await
}

async fn say(
    tx: &mut Tx,
    ws: WorkspaceId,
    locked: &mut Locked,
    message: MessageId,
    speaker: Speaker,
    text: &str,
    client_id: Option<uuid::Uuid>,
) -> Result<(), Failure> {
    let kind = store::channel_kind(tx, ws, locked.channel).await?;
    let parts = delivery::parts(&kind, &locked.address, text);
    store::say(tx, ws, locked, &Saying { message, speaker, turn: None, text, parts: &parts, client_id }).await?;
    let standing = locked.standing;
    store::write(tx, ws, locked, standing, Also { messages: 1, operator: true, ..Also::default() }).await
}

/// Sends the failed parts of a message again: a person decided.
///
/// # Errors
/// NOT_FOUND, NOT_RESENDABLE.
pub async fn resend(chats: &Chats, call: Call<ResendMessageRequest>) -> Result<Message, Failure> {
    let (conversation, id): (ConversationId, MessageId) =
        (parse(&call.conversation_id, "conversation_id")?, parse(&call.id, "id")?);
    let ws = call.context.workspace;
    idempotency::once(&chats.db, &chats.sealer, &call, "chats.resend", async |tx: &mut Tx| {
        locked(tx, &call.context, conversation).await?;
        let message = list::messages_by_id(tx, ws, &[id]).await?.pop();
        message.filter(|m| m.conversation_id == conversation.to_string()).ok_or_else(Failure::not_found)?;
        if !delivery::store::again(tx, ws, id).await? {
            return Err(Failure::new(ErrorReason::NotResendable, "nothing of this message failed"));
        }
        let mut events = Events::default();
        events.message("message.delivery_changed", conversation, id);
        tell(tx, ws, &events).await?;
        outbox::audit(tx, &call.context, &format!("message:{id}"), serde_json::Value::Null).await?;
        list::messages_by_id(tx, ws, &[id]).await?.pop().ok_or_else(Failure::not_found)
    })
    .await
}

/// Tells who watches that the caller types.
///
/// # Errors
/// NOT_FOUND.
pub async fn typing(chats: &Chats, call: Call<NotifyTypingRequest>) -> Result<NotifyTypingResponse, Failure> {
    let (id, member) = (parse(&call.id, "id")?, member_of(&call.context)?);
    chats.db.in_workspace(&call.context, "chats.typing", async |tx: &mut Tx| seen(tx, &call.context, id).await).await?;
    let note = TypingNote { conversation: id, author: Author::Operator, member: member.to_string() };
    chats.live.typing(call.context.workspace, &note);
    Ok(NotifyTypingResponse {})
}
