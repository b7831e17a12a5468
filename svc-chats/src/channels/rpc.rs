//! ChannelService: connect, look, change, disconnect.

use chrono::{DateTime, Utc};
use neipix_mesh::{
    AssistantId, Call, CallContext, ChannelId, Failure, HookId, WorkspaceId, db::Tx, idempotency, outbox, page,
    secret::Secret,
};
use neipix_proto::chats::v1::{
    Channel, ChannelKind, CheckChannelRequest, CreateChannelRequest, DeleteChannelRequest, ErrorReason,
    GetChannelRequest, ListChannelsRequest, ListChannelsResponse, ListConnectionsRequest, ListConnectionsResponse,
    UpdateChannelRequest,
};
use sha2::{Digest as _, Sha256};

use super::{
    Trouble, kind_of, open_token, state_of, status_name,
    store::{self, Bot, ChannelRow, Filter},
    token_context, widget,
};
use crate::{
    Chats, stamp,
    telegram::api::{CallError, Me, bot_id},
};

/// A channel as callers see it.
#[must_use]
pub fn channel(row: ChannelRow) -> Channel {
    Channel {
        id: row.id.to_string(),
        assistant_id: row.assistant_id.to_string(),
        kind: kind_of(&row.kind).into(),
        state: state_of(&row.state).into(),
        title: row.title,
        bot_token: String::new(),
        bot_token_last4: row.token_last4,
        check_time: row.checked_at.map(stamp),
        last_error_ru: row.last_error_ru,
        last_error_en: row.last_error_en,
        etag: row.etag.to_string(),
        create_time: Some(stamp(row.created_at)),
        widget: None,
    }
}

pub(super) fn built_in() -> Failure {
    Failure::new(
        ErrorReason::ChannelBuiltIn,
        "the api channel is made with its assistant; it cannot be added, changed or deleted",
    )
}

pub(super) fn parse(id: &str, field: &str) -> Result<ChannelId, Failure> {
    id.parse().map_err(|_| Failure::invalid(field, "must be a UUID"))
}

/// Assistant of a request; none under `/integrations`.
pub(super) fn assistant_of(id: &str) -> Result<Option<AssistantId>, Failure> {
    match id {
        "" => Ok(None),
        id => id.parse().map(Some).map_err(|_| Failure::invalid("assistant_id", "must be a UUID")),
    }
}

fn refuse(error: CallError) -> Failure {
    match Trouble::of(&error) {
        Trouble::Token => Failure::new(
            ErrorReason::BotTokenInvalid,
            "Telegram does not know this token: copy it again from @BotFather",
        )
        .with_field("bot_token", "must be the token that @BotFather gave for the bot"),
        Trouble::Unreachable | Trouble::NotDelivered | Trouble::Waiting => {
            Failure::new(ErrorReason::ChannelUnreachable, "Telegram does not answer; try again").with_source(error)
        }
        Trouble::Refused | Trouble::HookTaken => {
            Failure::new(ErrorReason::ChannelUnreachable, "Telegram refused the call; try again").with_source(error)
        }
    }
}

/// Connects a bot, or makes a widget.
///
/// # Errors
/// BOT_TOKEN_INVALID, BOT_IN_USE, CHANNEL_BUILT_IN, CHANNEL_UNREACHABLE; NOT_FOUND for the assistant.
pub async fn create(chats: &Chats, call: Call<CreateChannelRequest>) -> Result<Channel, Failure> {
    if call.kind() == ChannelKind::Api {
        return Err(built_in());
    }
    let assistant =
        assistant_of(&call.assistant_id)?.ok_or_else(|| Failure::invalid("assistant_id", "must be a UUID"))?;
    call.context.sees_assistant(assistant)?;
    let plan = chats.plans.get(call.context.workspace, assistant).await?;
    if call.kind() == ChannelKind::Widget {
        return widget::create(chats, &call, assistant, status_name(plan.answer.status())).await;
    }
    if call.bot_token.trim().is_empty() {
        return Err(Failure::invalid("bot_token", "must be the token that @BotFather gave for the bot"));
    }
    if call.widget.is_some() {
        return Err(Failure::invalid("widget", "belongs to kind CHANNEL_KIND_WIDGET"));
    }
    let token = Secret::new(call.bot_token.trim().to_owned());
    let me = who_is(chats, &token).await?;
    let secret = new_secret();
    let connected = connect(chats, &call, assistant, &token, &me, &secret).await?;
    let id = parse(&connected.id, "id")?;
    set_hook(chats, call.context.workspace, id, &token, &secret).await.map(channel)
}

async fn who_is(chats: &Chats, token: &Secret<String>) -> Result<Me, Failure> {
    let me = chats.telegram.get_me(token).await.map_err(refuse)?;
    match bot_id(token.expose()) {
        Some(id) if id == me.id => Ok(me),
        _ => Err(refuse(CallError::NoToken)),
    }
}

/// 43 characters that Telegram sends back with every update.
fn new_secret() -> String {
    use base64::Engine as _;
    let mut bytes = [0u8; 32];
    rand::fill(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

async fn connect(
    chats: &Chats,
    call: &Call<CreateChannelRequest>,
    assistant: AssistantId,
    token: &Secret<String>,
    me: &Me,
    secret: &str,
) -> Result<Channel, Failure> {
    let ws = call.context.workspace;
    let object = |made: &Channel| format!("channel:{}", made.id);
    idempotency::once_named(&chats.db, &chats.sealer, call, "chats.connect", object, async |tx: &mut Tx| {
        let old = store::of_bot(tx, ws, me.id).await?;
        if old.as_ref().is_some_and(|row| !row.deleted) {
            return Err(in_use());
        }
        let id = old.as_ref().map_or_else(|| ChannelId::new(Utc::now()), |row| row.id);
        let row = write_bot(chats, tx, ws, id, assistant, token, me, secret).await?;
        outbox::audit(tx, &call.context, &format!("channel:{id}"), serde_json::json!({"bot": row.title})).await?;
        Ok(channel(row))
    })
    .await
}

#[expect(clippy::too_many_arguments, reason = "the parts of one row, each of its own type")]
async fn write_bot(
    chats: &Chats,
    tx: &mut Tx,
    ws: WorkspaceId,
    id: ChannelId,
    assistant: AssistantId,
    token: &Secret<String>,
    me: &Me,
    secret: &str,
) -> Result<ChannelRow, Failure> {
    if !store::claim_bot(tx, ws, me.id, id).await? {
        return Err(in_use());
    }
    let hook = store::find(tx, ws, id).await?.and_then(|row| row.hook_id).unwrap_or_else(|| HookId::new(Utc::now()));
    let bot = Bot {
        id,
        assistant,
        bot_id: me.id,
        title: format!("@{}", me.username),
        hook,
        secret_hash: &Sha256::digest(secret),
        sealed: &chats.sealer.seal_text(&token_context(ws, id), token),
        last4: token.expose().chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect(),
    };
    store::write_bot(tx, ws, &bot).await
}

fn in_use() -> Failure {
    Failure::new(
        ErrorReason::BotInUse,
        "this bot is connected elsewhere: disconnect it there first, or take another bot",
    )
    .with_field("bot_token", "must be the token of a bot that is not connected anywhere")
}

/// Tells Telegram where updates go, and notes what came of it.
async fn set_hook(
    chats: &Chats,
    ws: WorkspaceId,
    id: ChannelId,
    token: &Secret<String>,
    secret: &str,
) -> Result<ChannelRow, Failure> {
    let hook = chats
        .db
        .in_workspace_id(ws, "chats.hook", async |tx: &mut Tx| store::find(tx, ws, id).await)
        .await?
        .and_then(|row| row.hook_id)
        .ok_or_else(Failure::not_found)?;
    let result = chats.telegram.set_webhook(token, &hook_url(chats, hook), secret).await;
    note(chats, ws, id, result.err().map(|error| Trouble::of(&error))).await
}

fn hook_url(chats: &Chats, hook: HookId) -> String {
    format!("{}/webhooks/telegram/{hook}", chats.api_origin)
}

async fn note(chats: &Chats, ws: WorkspaceId, id: ChannelId, trouble: Option<Trouble>) -> Result<ChannelRow, Failure> {
    let state = if trouble.is_some() { "error" } else { "connected" };
    let texts = trouble.map_or(("", ""), Trouble::texts);
    chats
        .db
        .in_workspace_id(ws, "chats.channel_state", async |tx: &mut Tx| {
            store::set_state(tx, ws, id, state, texts).await
        })
        .await
}

pub(super) async fn visible(
    chats: &Chats,
    context: &CallContext,
    assistant: &str,
    id: &str,
) -> Result<ChannelRow, Failure> {
    let (assistant, id) = (assistant_of(assistant)?, parse(id, "id")?);
    let row = chats
        .db
        .in_workspace(context, "chats.get_channel", async |tx: &mut Tx| store::find(tx, context.workspace, id).await)
        .await?
        .ok_or_else(Failure::not_found)?;
    if assistant.is_some_and(|a| a != row.assistant_id) || (assistant.is_none() && row.kind != "telegram") {
        return Err(Failure::not_found());
    }
    context.sees_assistant(row.assistant_id)?;
    Ok(row)
}

/// One channel.
///
/// # Errors
/// NOT_FOUND.
pub async fn get(chats: &Chats, call: Call<GetChannelRequest>) -> Result<Channel, Failure> {
    let row = visible(chats, &call.context, &call.assistant_id, &call.id).await?;
    let shown = widget::shown(chats, call.context.workspace, vec![row]).await?.pop();
    shown.ok_or_else(Failure::not_found)
}

async fn list_page(
    chats: &Chats,
    context: &CallContext,
    mut filter: Filter,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<Channel>, String), Failure> {
    let size = page::Size::new(page_size);
    filter.after = chats.pages.decode::<(DateTime<Utc>, ChannelId)>(context, page_token)?;
    if let Some(only) = context.assistant {
        if filter.assistant.is_some_and(|asked| asked != only) {
            return Ok((vec![], String::new()));
        }
        filter.assistant = Some(only);
    }
    let mut rows = chats
        .db
        .in_workspace(context, "chats.list_channels", async |tx: &mut Tx| {
            store::page(tx, context.workspace, filter, size.fetch()).await
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| (last.created_at, last.id));
    let token = next.map_or_else(|| Ok(String::new()), |key| chats.pages.encode(context, &key))?;
    Ok((widget::shown(chats, context.workspace, rows).await?, token))
}

/// An assistant's channels, or all bots.
///
/// # Errors
/// PAGE_TOKEN_INVALID.
pub async fn list(chats: &Chats, call: Call<ListChannelsRequest>) -> Result<ListChannelsResponse, Failure> {
    let assistant = assistant_of(&call.assistant_id)?;
    if let Some(assistant) = assistant {
        call.context.sees_assistant(assistant)?;
        // An assistant of somebody else is not there.
        super::api_channel(chats, call.context.workspace, assistant).await?;
    }
    let filter = Filter { assistant, telegram: assistant.is_none(), after: None };
    let (channels, next_page_token) = list_page(chats, &call.context, filter, call.page_size, &call.page_token).await?;
    Ok(ListChannelsResponse { channels, next_page_token })
}

/// Every connection of the workspace.
///
/// # Errors
/// PAGE_TOKEN_INVALID.
pub async fn connections(
    chats: &Chats,
    call: Call<ListConnectionsRequest>,
) -> Result<ListConnectionsResponse, Failure> {
    let page = list_page(chats, &call.context, Filter::default(), call.page_size, &call.page_token).await?;
    Ok(ListConnectionsResponse { connections: page.0, next_page_token: page.1 })
}

/// Another token, another assistant.
///
/// # Errors
/// ETAG_MISMATCH, BOT_TOKEN_INVALID, BOT_IN_USE, CHANNEL_BUILT_IN, CHANNEL_UNREACHABLE, NOT_FOUND, FIELD_INVALID.
pub async fn update(chats: &Chats, call: Call<UpdateChannelRequest>) -> Result<Channel, Failure> {
    let asked = call.channel.clone().unwrap_or_default();
    let paths = masked(&call)?;
    let ws = call.context.workspace;
    let row = {
        let id = parse(&asked.id, "channel.id")?;
        let row = chats
            .db
            .in_workspace(&call.context, "chats.get_channel", async |tx: &mut Tx| store::find(tx, ws, id).await)
            .await?;
        row.filter(|row| !row.deleted).ok_or_else(Failure::not_found)?
    };
    call.context.sees_assistant(row.assistant_id)?;
    if row.kind == "widget" {
        return widget::update(chats, &call, &row, &paths).await;
    }
    if row.kind != "telegram" {
        return Err(built_in());
    }
    if call.update_mask.is_some() && paths.iter().any(|path| path.starts_with("widget")) {
        return Err(Failure::invalid("update_mask", "`widget` belongs to channels of kind CHANNEL_KIND_WIDGET"));
    }
    let named = assistant_of(&asked.assistant_id)?.filter(|named| *named != row.assistant_id);
    let moves = match named {
        Some(to) if paths.iter().any(|p| p == "assistant_id") => {
            call.context.sees_assistant(to)?;
            chats.plans.get(ws, to).await?;
            Some(to)
        }
        // Asked for below an assistant that it does not belong to.
        Some(_) => return Err(Failure::not_found()),
        None => None,
    };
    let token = (paths.iter().any(|p| p == "bot_token") && !asked.bot_token.is_empty())
        .then(|| Secret::new(asked.bot_token.trim().to_owned()));
    let me = match &token {
        Some(token) => Some(who_is(chats, token).await?),
        None => None,
    };
    let secret = new_secret();
    let id = row.id;
    let fresh = chats
        .db
        .in_workspace(&call.context, "chats.update_channel", async |tx: &mut Tx| {
            let now = store::lock(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            if asked.etag != "*" && asked.etag != now.etag.to_string() {
                return Err(Failure::etag_mismatch());
            }
            let assistant = moves.unwrap_or(now.assistant_id);
            if let (Some(token), Some(me)) = (&token, &me) {
                if Some(me.id) != now.bot_id {
                    let other = store::of_bot(tx, ws, me.id).await?;
                    if other.is_some_and(|other| other.id != id) {
                        return Err(in_use());
                    }
                    store::free_routes(tx, ws, id).await?;
                }
                write_bot(chats, tx, ws, id, assistant, token, me, &secret).await?;
            }
            if let Some(to) = moves {
                store::move_to(tx, ws, id, to).await?;
            }
            let detail = serde_json::json!({"assistant_id": moves, "token": token.is_some()});
            outbox::audit(tx, &call.context, &format!("channel:{id}"), detail).await?;
            store::find(tx, ws, id).await?.ok_or_else(Failure::not_found)
        })
        .await?;
    match token {
        Some(token) => set_hook(chats, ws, id, &token, &secret).await.map(channel),
        None => Ok(channel(fresh)),
    }
}

/// The fields that an update changes.
fn masked(call: &Call<UpdateChannelRequest>) -> Result<Vec<String>, Failure> {
    const KNOWN: [&str; 3] = ["bot_token", "assistant_id", "widget"];
    let known = |path: &str| KNOWN.contains(&path) || widget::is_field(path);
    match &call.update_mask {
        None => Ok(KNOWN.iter().map(|p| (*p).to_owned()).collect()),
        Some(mask) => match mask.paths.iter().find(|path| !known(path)) {
            Some(_) => Err(Failure::invalid(
                "update_mask",
                "may name bot_token, assistant_id, widget and the fields of widget that are not output only",
            )),
            None => Ok(mask.paths.clone()),
        },
    }
}

/// Disconnects a bot; its dialogues stay.
///
/// # Errors
/// CHANNEL_BUILT_IN, NOT_FOUND.
pub async fn delete(chats: &Chats, call: Call<DeleteChannelRequest>) -> Result<Channel, Failure> {
    let row = visible(chats, &call.context, &call.assistant_id, &call.id).await?;
    if row.kind == "widget" {
        return widget::delete(chats, &call.context, row).await;
    }
    if row.kind != "telegram" {
        return Err(built_in());
    }
    if row.deleted {
        return Ok(channel(row));
    }
    let (ws, id) = (call.context.workspace, row.id);
    if let Some(sealed) = &row.sealed_token
        && let Ok(token) = open_token(chats, ws, id, sealed)
        && let Err(error) = chats.telegram.delete_webhook(&token).await
    {
        // The route is gone all the same: what still comes finds no channel.
        tracing::warn!(error = &error as &dyn std::error::Error, channel.id = %id, "a webhook was not taken back");
    }
    let row = chats
        .db
        .in_workspace(&call.context, "chats.delete_channel", async |tx: &mut Tx| {
            store::free_routes(tx, ws, id).await?;
            outbox::audit(tx, &call.context, &format!("channel:{id}"), serde_json::Value::Null).await?;
            store::set_state(tx, ws, id, "not_connected", ("", "")).await
        })
        .await?;
    Ok(channel(row))
}

/// Asks Telegram how the bot is; nobody needs to be asked about a widget.
///
/// # Errors
/// CHANNEL_UNREACHABLE, NOT_FOUND.
pub async fn check(chats: &Chats, call: Call<CheckChannelRequest>) -> Result<Channel, Failure> {
    let row = visible(chats, &call.context, &call.assistant_id, &call.id).await?;
    let (ws, id) = (call.context.workspace, row.id);
    let (Some(sealed), Some(hook)) = (&row.sealed_token, row.hook_id) else {
        return widget::shown(chats, ws, vec![row]).await?.pop().ok_or_else(Failure::not_found);
    };
    let token = open_token(chats, ws, id, sealed)?;
    let trouble = match chats.telegram.webhook_info(&token).await {
        Ok(info) if info.url != hook_url(chats, hook) => Some(Trouble::HookTaken),
        Ok(info) if info.pending_update_count > 0 && info.last_error_message.is_some() => Some(Trouble::NotDelivered),
        Ok(_) => None,
        Err(error) => match Trouble::of(&error) {
            Trouble::Unreachable => return Err(refuse(error)),
            trouble => Some(trouble),
        },
    };
    note(chats, ws, id, trouble).await.map(channel)
}
