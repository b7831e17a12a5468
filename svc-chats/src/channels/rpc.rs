//! Channels: connect, list, check, disconnect.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use neipix_mesh::{
    AssistantId, Call, CallContext, ChannelId, Failure, WorkspaceId,
    db::Tx,
    outbox::{self, Event},
    page, seal,
    secret::Secret,
};
use neipix_proto::chats::{
    events::v1::ChannelStateChanged,
    v1::{
        Channel, ChannelKind, CheckChannelRequest, CreateChannelRequest, DeleteChannelRequest, ErrorReason,
        GetChannelRequest, ListChannelsRequest, ListChannelsResponse, ListConnectionsRequest, ListConnectionsResponse,
        UpdateChannelRequest,
    },
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    store::{self, Bot, ChannelRow},
    wire,
};
use crate::{Chats, telegram::ApiError, turns};

const ALLOWED: [&str; 4] = ["message", "edited_message", "callback_query", "my_chat_member"];

fn parse(text: &str, field: &str) -> Result<Uuid, Failure> {
    text.parse().map_err(|_| Failure::invalid(field, "must be a UUID"))
}

async fn seen(tx: &mut Tx, context: &CallContext, assistant: &str, id: &str) -> Result<ChannelRow, Failure> {
    let id = parse(id, "id")?;
    let row = store::by_ids(tx, context.workspace, &[id]).await?.pop().ok_or_else(Failure::not_found)?;
    context.sees_assistant(row.assistant_id)?;
    if !assistant.is_empty() && assistant != row.assistant_id.to_string() {
        return Err(Failure::not_found());
    }
    Ok(row)
}

/// One channel.
///
/// # Errors
/// NOT_FOUND.
pub async fn get(chats: &Chats, call: Call<GetChannelRequest>) -> Result<Channel, Failure> {
    let row = chats
        .db
        .in_workspace(&call.context, "chats.get_channel", async |tx: &mut Tx| {
            seen(tx, &call.context, &call.assistant_id, &call.id).await
        })
        .await?;
    Ok(wire(row))
}

/// An assistant's channels; all Telegram ones without an assistant.
///
/// # Errors
/// NOT_FOUND, PAGE_TOKEN_INVALID.
pub async fn list(chats: &Chats, call: Call<ListChannelsRequest>) -> Result<ListChannelsResponse, Failure> {
    let assistant = if call.assistant_id.is_empty() { None } else { Some(parse(&call.assistant_id, "assistant_id")?) };
    if let Some(id) = assistant {
        call.context.sees_assistant(AssistantId(id))?;
        exists(chats, call.context.workspace, AssistantId(id)).await?;
    }
    let kind = if assistant.is_some() { "" } else { "telegram" };
    let (rows, next) = rows(chats, &call.context, assistant, kind, call.page_size, &call.page_token).await?;
    Ok(ListChannelsResponse { channels: rows, next_page_token: next })
}

/// Every connection of the workspace.
///
/// # Errors
/// PAGE_TOKEN_INVALID.
pub async fn connections(
    chats: &Chats,
    call: Call<ListConnectionsRequest>,
) -> Result<ListConnectionsResponse, Failure> {
    let (rows, next) = rows(chats, &call.context, None, "", call.page_size, &call.page_token).await?;
    Ok(ListConnectionsResponse { connections: rows, next_page_token: next })
}

async fn rows(
    chats: &Chats,
    context: &CallContext,
    assistant: Option<Uuid>,
    kind: &str,
    page_size: i32,
    token: &str,
) -> Result<(Vec<Channel>, String), Failure> {
    let size = page::Size::new(page_size);
    let after: Option<(DateTime<Utc>, Uuid)> = chats.pages.decode(context, token)?;
    let assistant = context.assistant.map(|a| a.0).or(assistant);
    let mut rows = chats
        .db
        .in_workspace(context, "chats.list_channels", async |tx: &mut Tx| {
            store::page(tx, context.workspace, assistant, kind, after, size.fetch()).await
        })
        .await?;
    let next = size.cut(&mut rows).map(|r| (r.created_at, r.id.0));
    let next = next.map_or_else(|| Ok(String::new()), |k| chats.pages.encode(context, &k))?;
    Ok((rows.into_iter().map(wire).collect(), next))
}

/// Whether svc-assistants has the assistant in this workspace.
async fn exists(chats: &Chats, ws: WorkspaceId, assistant: AssistantId) -> Result<(), Failure> {
    let known = chats
        .db
        .in_workspace_id(ws, "chats.assistant_known", async |tx: &mut Tx| store::api(tx, ws, assistant).await)
        .await?;
    if known.is_some() || turns::plan(chats, ws, assistant).await?.version > 0 {
        Ok(())
    } else {
        Err(Failure::not_found())
    }
}

/// Connects a bot.
///
/// # Errors
/// BOT_TOKEN_INVALID, BOT_IN_USE, CHANNEL_BUILT_IN, CHANNEL_UNREACHABLE, NOT_FOUND.
pub async fn create(chats: &Chats, call: Call<CreateChannelRequest>) -> Result<Channel, Failure> {
    if call.kind() == ChannelKind::Api {
        return Err(Failure::new(ErrorReason::ChannelBuiltIn, "each assistant has its api channel already"));
    }
    let assistant = AssistantId(parse(&call.assistant_id, "assistant_id")?);
    call.context.sees_assistant(assistant)?;
    exists(chats, call.context.workspace, assistant).await?;
    connect(chats, &call.context, assistant, &call.bot_token, None).await
}

/// Checks a token, writes the bot's channel, sets the webhook.
async fn connect(
    chats: &Chats,
    context: &CallContext,
    assistant: AssistantId,
    token: &str,
    only: Option<i64>,
) -> Result<Channel, Failure> {
    let ws = context.workspace;
    let secret = Secret::new(token.trim().to_owned());
    let (bot, title) = chats.telegram.me(&secret).await.map_err(|e| failed(&e))?;
    if only.is_some_and(|id| id != bot) {
        return Err(Failure::invalid("channel.bot_token", "must be a token of the same bot"));
    }
    let routed = chats.db.platform("chats.bot_route", async |tx: &mut Tx| store::bot_route(tx, bot).await).await?;
    let channel = match routed {
        Some((other, _)) if other != ws => return Err(in_use()),
        Some((_, channel)) => channel,
        None => ChannelId::new(Utc::now()),
    };
    let (hook_bytes, secret_bytes): ([u8; 18], [u8; 32]) = (rand::random(), rand::random());
    let (hook_id, hook_secret) = (URL_SAFE_NO_PAD.encode(hook_bytes), URL_SAFE_NO_PAD.encode(secret_bytes));
    let sealed = chats.sealer.seal_text(&seal::context("channel.sealed_token", ws, channel), &secret);
    let last4: String = token.trim().chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    let row = Bot {
        id: bot,
        title: &title,
        sealed,
        last4: &last4,
        hook_id: &hook_id,
        secret_hash: Sha256::digest(hook_secret.as_bytes()).to_vec(),
    };
    chats
        .db
        .in_workspace(context, "chats.connect", async |tx: &mut Tx| {
            if !store::put_bot(tx, ws, channel, assistant, &row).await? {
                return Err(in_use());
            }
            outbox::audit(tx, context, &format!("channel:{channel}"), json!({"bot": title})).await?;
            Ok(())
        })
        .await?;
    let url = format!("{}/webhooks/telegram/{hook_id}", chats.api_origin);
    let body = json!({"url": url, "secret_token": hook_secret, "allowed_updates": ALLOWED, "max_connections": 40});
    let set = chats.telegram.call(&secret, "setWebhook", &body).await;
    finish(chats, context, channel, set.err()).await
}

fn in_use() -> Failure {
    Failure::new(ErrorReason::BotInUse, "the bot is connected elsewhere: disconnect it there first")
}

fn failed(error: &ApiError) -> Failure {
    match error {
        ApiError::Token | ApiError::Refused(_) | ApiError::Blocked => Failure::new(
            ErrorReason::BotTokenInvalid,
            "Telegram does not know this token: copy it again from @BotFather",
        )
        .with_field("bot_token", "must be the token that @BotFather shows"),
        ApiError::Wait(_) | ApiError::NotSent | ApiError::Unknown => {
            Failure::new(ErrorReason::ChannelUnreachable, "Telegram does not answer: try again")
        }
    }
}

/// Writes how the last call of Telegram went, and tells it.
async fn finish(
    chats: &Chats,
    context: &CallContext,
    channel: ChannelId,
    error: Option<ApiError>,
) -> Result<Channel, Failure> {
    let ws = context.workspace;
    let (state, words) = match &error {
        None => ("connected", ("", "")),
        Some(ApiError::Token) => ("error", ("Telegram не знает этот токен", "Telegram does not know this token")),
        Some(_) => (
            "error",
            ("Telegram не принял вебхук, проверим позже", "Telegram did not take the webhook; check again later"),
        ),
    };
    chats
        .db
        .in_workspace(context, "chats.channel_state", async |tx: &mut Tx| {
            store::set_state(tx, ws, channel, state, words).await?;
            let row = store::by_ids(tx, ws, &[channel.0]).await?.pop().ok_or_else(Failure::not_found)?;
            let changed =
                ChannelStateChanged { assistant_id: row.assistant_id.to_string(), channel_id: channel.to_string() };
            let kind = "channel.state_changed";
            outbox::push(tx, Event { workspace: ws, kind, object_version: 1, payload: &changed }).await?;
            Ok::<_, Failure>(wire(row))
        })
        .await
}

/// Another token, or another assistant.
///
/// # Errors
/// NOT_FOUND, ETAG_MISMATCH, BOT_TOKEN_INVALID, CHANNEL_BUILT_IN.
pub async fn update(chats: &Chats, call: Call<UpdateChannelRequest>) -> Result<Channel, Failure> {
    let wanted = call.channel.clone().unwrap_or_default();
    let paths = call.update_mask.as_ref().map(|m| m.paths.clone()).unwrap_or_default();
    if let Some(path) = paths.iter().find(|p| !["bot_token", "assistant_id"].contains(&p.as_str())) {
        return Err(Failure::invalid("update_mask", format!("{path} cannot be changed")));
    }
    let row = chats
        .db
        .in_workspace(&call.context, "chats.channel_before", async |tx: &mut Tx| {
            seen(tx, &call.context, "", &wanted.id).await
        })
        .await?;
    if row.kind == "api" {
        return Err(Failure::new(ErrorReason::ChannelBuiltIn, "the api channel has nothing to change"));
    }
    if wanted.etag.is_empty() || wanted.etag != "*" && wanted.etag != row.etag {
        return Err(Failure::etag_mismatch());
    }
    let assistant = if paths.iter().any(|p| p == "assistant_id") {
        let id = AssistantId(parse(&wanted.assistant_id, "channel.assistant_id")?);
        call.context.sees_assistant(id)?;
        exists(chats, call.context.workspace, id).await?;
        id
    } else {
        row.assistant_id
    };
    let token = if paths.iter().any(|p| p == "bot_token") {
        wanted.bot_token.clone()
    } else {
        token(chats, &row, &call.context)?
    };
    connect(chats, &call.context, assistant, &token, row.bot_id).await
}

fn token(chats: &Chats, row: &ChannelRow, context: &CallContext) -> Result<String, Failure> {
    let sealed = row.sealed_token.as_deref().ok_or_else(Failure::not_found)?;
    let place = seal::context("channel.sealed_token", context.workspace, row.id);
    Ok(chats.sealer.open_text(&place, sealed).map_err(Failure::internal)?.expose().clone())
}

/// Disconnects a bot; its dialogues stay. Again changes nothing.
///
/// # Errors
/// NOT_FOUND, CHANNEL_BUILT_IN.
pub async fn delete(chats: &Chats, call: Call<DeleteChannelRequest>) -> Result<Channel, Failure> {
    let row = chats
        .db
        .in_workspace(&call.context, "chats.disconnect", async |tx: &mut Tx| {
            let row = seen(tx, &call.context, &call.assistant_id, &call.id).await?;
            if row.kind == "api" {
                return Err(Failure::new(ErrorReason::ChannelBuiltIn, "the api channel goes with its assistant"));
            }
            store::set_state(tx, call.context.workspace, row.id, "not_connected", ("", "")).await?;
            outbox::audit(tx, &call.context, &format!("channel:{}", row.id), json!({"disconnected": true})).await?;
            Ok::<_, Failure>(row)
        })
        .await?;
    if row.state != "not_connected" {
        let secret = Secret::new(token(chats, &row, &call.context)?);
        // Best effort: without the webhook's secret nothing of it is taken any more.
        let _ = chats.telegram.call(&secret, "deleteWebhook", &json!({})).await;
    }
    Ok(Channel { state: neipix_proto::chats::v1::ChannelState::NotConnected.into(), ..wire(row) })
}

/// Asks Telegram how the channel is.
///
/// # Errors
/// NOT_FOUND, CHANNEL_UNREACHABLE.
pub async fn check(chats: &Chats, call: Call<CheckChannelRequest>) -> Result<Channel, Failure> {
    let row = chats
        .db
        .in_workspace(&call.context, "chats.check_channel", async |tx: &mut Tx| {
            seen(tx, &call.context, &call.assistant_id, &call.id).await
        })
        .await?;
    if row.kind == "api" || row.state == "not_connected" {
        return Ok(wire(row));
    }
    let secret = Secret::new(token(chats, &row, &call.context)?);
    let info = chats.telegram.call(&secret, "getWebhookInfo", &json!({})).await;
    let ours = row.hook_id.clone().unwrap_or_default();
    let error = match info {
        Ok(info) if info.get("url").and_then(|u| u.as_str()).is_some_and(|u| u.ends_with(&ours)) => None,
        Ok(_) => Some(ApiError::Refused("foreign webhook".into())),
        Err(error @ (ApiError::NotSent | ApiError::Unknown | ApiError::Wait(_))) => return Err(failed(&error)),
        Err(error) => Some(error),
    };
    finish(chats, &call.context, row.id, error).await
}
