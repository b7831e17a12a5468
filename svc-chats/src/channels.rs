//! How customers reach an assistant: the api channel that each has, and Telegram bots.

pub mod rpc;
pub mod store;

use neipix_proto::chats::v1::{Channel, ChannelState};

use crate::conversations::wire::{channel_kind, stamp};

/// A channel as callers see it.
#[must_use]
pub fn wire(row: store::ChannelRow) -> Channel {
    let state = format!("CHANNEL_STATE_{}", row.state.to_uppercase());
    Channel {
        id: row.id.to_string(),
        assistant_id: row.assistant_id.to_string(),
        kind: channel_kind(&row.kind).into(),
        state: ChannelState::from_str_name(&state).unwrap_or_default().into(),
        title: row.title,
        bot_token: String::new(),
        bot_token_last4: row.token_last4,
        check_time: row.checked_at.map(stamp),
        last_error_ru: row.last_error_ru,
        last_error_en: row.last_error_en,
        etag: row.etag,
        create_time: Some(stamp(row.created_at)),
    }
}
