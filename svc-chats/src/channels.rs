//! Channels: the built-in one of each assistant, Telegram bots, and widgets on customers' own sites.

pub mod rpc;
pub mod store;
pub mod widget;

use chrono::Utc;
use neipix_mesh::{AssistantId, ChannelId, Failure, WorkspaceId, db::Tx, seal, secret::Secret};
use neipix_proto::{
    assistants::v1::AssistantStatus,
    chats::v1::{ChannelKind, ChannelState},
};

use crate::{Chats, telegram::api::CallError};

/// What went wrong with a channel, in words for its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The token is not valid any more.
    Token,
    /// Another program took the webhook.
    HookTaken,
    /// Telegram cannot reach us.
    NotDelivered,
    /// Telegram does not answer.
    Unreachable,
    /// Telegram takes no messages for a while.
    Waiting,
    /// Telegram refuses for another reason.
    Refused,
}

impl Trouble {
    /// In Russian and in English.
    #[must_use]
    pub fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Token => (
                "Токен бота недействителен: получите новый у @BotFather и сохраните его здесь",
                "The bot's token is not valid: get a new one from @BotFather and save it here",
            ),
            Self::HookTaken => (
                "Сообщения бота забирает другая программа: подключите бота заново",
                "Another program receives the bot's messages: connect the bot again",
            ),
            Self::NotDelivered => (
                "Telegram не может доставить нам сообщения; он повторит сам",
                "Telegram cannot deliver messages to us; it will try again by itself",
            ),
            Self::Unreachable => {
                ("Telegram не отвечает; попробуйте позже", "Telegram does not answer; try again later")
            }
            Self::Waiting => (
                "Telegram сейчас не принимает сообщения: они ждут и уйдут по порядку",
                "Telegram takes no messages right now: they wait and go out in their order",
            ),
            Self::Refused => ("Telegram отклонил настройку бота", "Telegram refused to set the bot up"),
        }
    }

    /// Of a failed call.
    #[must_use]
    pub fn of(error: &CallError) -> Self {
        match error {
            CallError::NoToken | CallError::Refused { code: 401 | 404, .. } => Self::Token,
            CallError::NotSent(_) | CallError::Unknown(_) => Self::Unreachable,
            CallError::Refused { code, .. } if *code >= 500 || *code == 429 => Self::Unreachable,
            CallError::Refused { .. } => Self::Refused,
        }
    }
}

/// A kind as it stands in the table.
#[must_use]
pub fn kind_of(kind: &str) -> ChannelKind {
    match kind {
        "api" => ChannelKind::Api,
        "telegram" => ChannelKind::Telegram,
        "widget" => ChannelKind::Widget,
        _ => ChannelKind::Unspecified,
    }
}

/// A state as it stands in the table.
#[must_use]
pub fn state_of(state: &str) -> ChannelState {
    match state {
        "checking" => ChannelState::Checking,
        "connected" => ChannelState::Connected,
        "error" => ChannelState::Error,
        _ => ChannelState::NotConnected,
    }
}

/// An assistant's status as events and the table have it.
#[must_use]
pub fn status_name(status: AssistantStatus) -> &'static str {
    match status {
        AssistantStatus::Published => "published",
        AssistantStatus::Paused => "paused",
        AssistantStatus::Archived => "archived",
        AssistantStatus::Draft | AssistantStatus::Unspecified => "draft",
    }
}

/// Where a bot's token is sealed.
#[must_use]
pub fn token_context(ws: WorkspaceId, channel: ChannelId) -> String {
    seal::context("channel.sealed_token", ws, channel)
}

/// A channel's bot token; none where it has none.
///
/// # Errors
/// Storage; the token does not open.
pub async fn token_of(chats: &Chats, ws: WorkspaceId, channel: ChannelId) -> Result<Option<Secret<String>>, Failure> {
    let row =
        chats.db.in_workspace_id(ws, "chats.token", async |tx: &mut Tx| store::find(tx, ws, channel).await).await?;
    row.and_then(|row| row.sealed_token).map(|sealed| open_token(chats, ws, channel, &sealed)).transpose()
}

/// Opens a sealed token.
///
/// # Errors
/// It was changed, or its key is gone.
pub fn open_token(
    chats: &Chats,
    ws: WorkspaceId,
    channel: ChannelId,
    sealed: &[u8],
) -> Result<Secret<String>, Failure> {
    let plain = chats.sealer.open(&token_context(ws, channel), sealed)?;
    let text = String::from_utf8(plain.expose().clone()).map_err(|_| Failure::internal("a sealed token is no text"))?;
    Ok(Secret::new(text))
}

/// The built-in channel of an assistant, made where it is not there yet.
///
/// # Errors
/// NOT_FOUND where there is no such assistant; storage.
pub async fn api_channel(chats: &Chats, ws: WorkspaceId, assistant: AssistantId) -> Result<ChannelId, Failure> {
    if let Some(known) = chats.api_channels.get(ws, assistant) {
        return Ok(known);
    }
    let found = chats
        .db
        .in_workspace_id(ws, "chats.api_channel", async |tx: &mut Tx| store::api_channel(tx, ws, assistant).await)
        .await?;
    let id = match found {
        Some(id) => id,
        None => {
            let status = status_name(chats.plans.get(ws, assistant).await?.answer.status());
            let fresh = ChannelId::new(Utc::now());
            chats
                .db
                .in_workspace_id(ws, "chats.make_api_channel", async |tx: &mut Tx| {
                    store::make_api_channel(tx, ws, assistant, fresh, status).await
                })
                .await?
        }
    };
    chats.api_channels.put(ws, assistant, id);
    Ok(id)
}
