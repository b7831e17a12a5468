//! Updates of Telegram: the secret is checked here, the update is stored before it is acknowledged.

use neipix_mesh::{Call, Failure, db::Tx};
use neipix_proto::chats::v1::{ErrorReason, IngestRequest, IngestResponse};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    Chats, channels,
    ingest::{self, Incoming},
    telegram, turns,
};

/// Takes one raw update.
///
/// # Errors
/// HOOK_SECRET; storage, so that Telegram sends it again.
pub async fn ingest(chats: &Chats, call: Call<IngestRequest>) -> Result<IngestResponse, Failure> {
    let refused = || Failure::new(ErrorReason::HookSecret, "no such webhook, or its secret is wrong");
    let routed =
        chats.db.platform("chats.hook", async |tx: &mut Tx| channels::store::hook(tx, &call.hook_id).await).await?;
    let (ws, id) = routed.ok_or_else(refused)?;
    let channel = chats
        .db
        .in_workspace_id(ws, "chats.hook_channel", async |tx: &mut Tx| channels::store::by_ids(tx, ws, &[id.0]).await)
        .await?
        .pop()
        .ok_or_else(refused)?;
    let given: [u8; 32] = Sha256::digest(call.secret.as_bytes()).into();
    let right: bool = channel.hook_secret_hash.as_deref().unwrap_or_default().ct_eq(&given).into();
    if !right || channel.state == "not_connected" {
        return Err(refused());
    }
    // A poison update is acknowledged: a repeat would not make it readable.
    let parsed = serde_json::from_slice::<Value>(&call.update).ok().and_then(|u| telegram::read(&u));
    let Some((update, message)) = parsed else {
        metrics::counter!("neipix_telegram_unreadable_total").increment(1);
        return Ok(IngestResponse { duplicate: false });
    };
    let plan = turns::plan(chats, ws, channel.assistant_id).await;
    let delay = plan.ok().and_then(|p| p.spec).map_or(5, |s| s.answer_delay_seconds());
    let fresh = chats
        .db
        .in_workspace_id(ws, "chats.ingest_update", async |tx: &mut Tx| {
            if !channels::store::take_update(tx, ws, id, update).await? {
                return Ok(false);
            }
            if let Some(message) = &message {
                let incoming = Incoming {
                    channel: id,
                    assistant: channel.assistant_id,
                    identity_kind: "telegram",
                    identity_scope: String::new(),
                    identity: message.from.to_string(),
                    name: message.name.clone(),
                    external_key: message.chat.to_string(),
                    external_id: format!("{}:{}", message.chat, message.message_id),
                    text: message.text.clone(),
                    delay_seconds: Some(delay),
                    options: json!({}),
                };
                ingest::ingest(tx, ws, &incoming).await?;
            }
            Ok::<_, Failure>(true)
        })
        .await?;
    Ok(IngestResponse { duplicate: !fresh })
}
