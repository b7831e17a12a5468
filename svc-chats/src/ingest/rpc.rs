//! `Ingest`: a webhook's update, checked, stored and only then acknowledged.

use neipix_mesh::{Call, Failure, HookId, WorkspaceId, db::Tx, secret::Secret};
use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    chats::v1::{ErrorReason, IngestRequest, IngestResponse},
};
use sha2::{Digest as _, Sha256};

use super::{Arrival, Identity, Place, Timing, store, take};
use crate::{
    Chats,
    channels::store::{self as channels, ChannelRow},
    telegram::update::{self, Message, What},
};

/// The delay where the assistant cannot be asked.
const USUAL_DELAY: std::time::Duration = std::time::Duration::from_secs(5);

fn wrong_secret() -> Failure {
    // The same for an unknown hook: nobody learns which hooks exist.
    Failure::new(ErrorReason::HookSecret, "the webhook's secret is wrong")
}

/// Takes an update.
///
/// # Errors
/// HOOK_SECRET; RATE_LIMITED; storage. A body that is no update is no error: it would come again and again.
pub async fn ingest(chats: &Chats, call: Call<IngestRequest>) -> Result<IngestResponse, Failure> {
    let hook: HookId = call.hook_id.parse().map_err(|_| wrong_secret())?;
    let route = chats.db.platform("chats.route", async |tx: &mut Tx| channels::route(tx, hook).await).await?;
    let route = route.ok_or_else(wrong_secret)?;
    let ws = route.workspace_id;
    let row = chats
        .db
        .in_workspace_id(ws, "chats.hook_channel", async |tx: &mut Tx| channels::find(tx, ws, route.channel_id).await)
        .await?
        .filter(|row| !row.deleted)
        .ok_or_else(wrong_secret)?;
    let hash = Secret::new(Sha256::digest(&call.secret).to_vec());
    if row.hook_secret_hash.clone().map(Secret::new) != Some(hash) {
        return Err(wrong_secret());
    }
    let Ok(update) = update::parse(&call.update, row.title.trim_start_matches('@')) else {
        metrics::counter!("neipix_telegram_ignored_total", "kind" => "not_an_update").increment(1);
        return Ok(IngestResponse { duplicate: false });
    };
    let duplicate = match update.what {
        What::Message(message) if message.for_bot => take_message(chats, ws, &row, update.update_id, message).await?,
        What::Message(_) => ignored(chats, ws, &row, update.update_id, "not_for_bot").await?,
        What::Edited(message) => edited(chats, ws, &row, update.update_id, &message).await?,
        What::Blocked { user_id, blocked } => {
            chats
                .db
                .in_workspace_id(ws, "chats.blocked", async |tx: &mut Tx| {
                    let fresh = store::note_update(tx, ws, row.id, update.update_id).await?;
                    store::mark_blocked(tx, ws, &user_id.to_string(), blocked).await?;
                    Ok::<_, Failure>(!fresh)
                })
                .await?
        }
        What::Ignored(kind) => ignored(chats, ws, &row, update.update_id, kind).await?,
    };
    Ok(IngestResponse { duplicate })
}

async fn ignored(
    chats: &Chats,
    ws: WorkspaceId,
    row: &ChannelRow,
    update: i64,
    kind: &'static str,
) -> Result<bool, Failure> {
    metrics::counter!("neipix_telegram_ignored_total", "kind" => kind).increment(1);
    let fresh = chats
        .db
        .in_workspace_id(ws, "chats.note_update", async |tx: &mut Tx| store::note_update(tx, ws, row.id, update).await)
        .await?;
    Ok(!fresh)
}

fn external_id(message: &Message) -> String {
    format!("telegram:{}:{}", message.chat_id, message.message_id)
}

async fn take_message(
    chats: &Chats,
    ws: WorkspaceId,
    row: &ChannelRow,
    update_id: i64,
    message: Message,
) -> Result<bool, Failure> {
    let user = message.user_id.to_string();
    // The messaging service comes again by itself, later and in order.
    chats.flood.check(ws, &format!("telegram:{user}")).await.map_err(|flood| {
        Failure::new(MeshReason::RateLimited, "this contact writes too fast")
            .with_retry_after(flood.retry_after().unwrap_or(std::time::Duration::from_secs(1)))
    })?;
    let delay = chats.plans.get(ws, row.assistant_id).await.map_or(USUAL_DELAY, |plan| plan.answer_delay());
    let arrival = Arrival {
        workspace: ws,
        place: Place {
            channel: row.id,
            assistant: row.assistant_id,
            external_key: if message.private { String::new() } else { message.chat_id.to_string() },
            address: message.chat_id.to_string(),
        },
        external_id: external_id(&message),
        identity: Identity { kind: "telegram", scope: String::new(), value: user.clone(), name: message.name },
        update_id: Some(update_id),
        text: message.text,
        timing: Timing::After { delay, streamed: false },
        client_id: None,
        request: None,
        ask_key: None,
    };
    let taken = take(chats, &arrival).await?;
    if !taken.duplicate && message.private {
        // Whoever writes does not block the bot any more.
        chats
            .db
            .in_workspace_id(ws, "chats.unblocked", async |tx: &mut Tx| store::mark_blocked(tx, ws, &user, false).await)
            .await?;
    }
    Ok(taken.duplicate)
}

async fn edited(
    chats: &Chats,
    ws: WorkspaceId,
    row: &ChannelRow,
    update_id: i64,
    message: &Message,
) -> Result<bool, Failure> {
    chats
        .db
        .in_workspace_id(ws, "chats.edited", async |tx: &mut Tx| {
            let fresh = store::note_update(tx, ws, row.id, update_id).await?;
            if fresh {
                store::edit(tx, ws, row.id, &external_id(message), &message.text).await?;
            }
            Ok::<_, Failure>(!fresh)
        })
        .await
}
