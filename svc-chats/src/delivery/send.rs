//! Job `delivery.send`: sends a message's parts to Telegram, one after another.

use std::time::Duration;

use neipix_mesh::{
    Failure, MessageId, WorkspaceId, crash,
    db::Tx,
    jobs::{JobEnd, JobRun},
    redis::workspace_key,
    secret::Secret,
};

use super::store::{self, Next};
use crate::{
    Chats,
    channels::{self, Trouble},
    conversations::store as dialogue,
    telegram::api::CallError,
};

/// After a failure that passes: an outage of Telegram must not make a tight loop.
const AGAIN: Duration = Duration::from_secs(5);
/// A longer wish to be left alone is worth telling the channel's owner.
const LONG: Duration = Duration::from_secs(30);
/// Messages of one bot, within so many seconds: Telegram takes about thirty a second.
const RATE: (u32, u32) = (25, 1);
/// Behind an earlier message of the dialogue.
const BEHIND: Duration = Duration::from_millis(500);

/// What became of one send.
enum Sent {
    Yes(i64),
    /// Surely not; later, and others may go on.
    Wait(Duration),
    /// Surely not, and nobody else of the channel either; its owner should know.
    Down(Duration),
    /// Never.
    No(&'static str),
}

/// Sends what is left of a message.
///
/// # Errors
/// Storage.
pub async fn job(chats: Chats, run: JobRun) -> Result<JobEnd, Failure> {
    let message: MessageId = run.text("message_id").parse().map_err(Failure::internal)?;
    let ws = run.workspace_id;
    loop {
        let next = chats
            .db
            .in_workspace_id(ws, "chats.next_part", async |tx: &mut Tx| store::next(tx, ws, message).await)
            .await?;
        let Some(next) = next else { return Ok(JobEnd::Done) };
        if next.state == "sending" {
            if next.leased {
                return Ok(JobEnd::Again(AGAIN));
            }
            // Whoever sent it died, or heard nothing: nobody knows.
            give_up(&chats, ws, message, &next, "outcome_unknown").await?;
            continue;
        }
        if next.behind {
            return Ok(JobEnd::Again(BEHIND));
        }
        if next.blocked {
            give_up(&chats, ws, message, &next, "blocked").await?;
            continue;
        }
        match step(&chats, ws, message, &next).await? {
            None => {}
            Some(wait) => return Ok(JobEnd::Again(wait)),
        }
    }
}

/// One part; answers how long to wait before it is tried again.
async fn step(chats: &Chats, ws: WorkspaceId, message: MessageId, next: &Next) -> Result<Option<Duration>, Failure> {
    let channel = chats
        .db
        .in_workspace_id(ws, "chats.channel", async |tx: &mut Tx| channels::store::find(tx, ws, next.channel_id).await)
        .await?;
    let usable = channel.filter(|row| !row.deleted);
    let Some((row, sealed)) = usable.and_then(|row| row.sealed_token.clone().map(|sealed| (row, sealed))) else {
        give_up(chats, ws, message, next, "channel_gone").await?;
        return Ok(None);
    };
    if row.paused_seconds > 0.0 {
        return Ok(Some(Duration::from_secs_f64(row.paused_seconds)));
    }
    let bucket = workspace_key("tg", ws, &next.channel_id.to_string());
    if let Some(wait) = chats.sends.take(bucket, RATE).await {
        // Those who wait do not all come again at once.
        return Ok(Some(wait + Duration::from_millis(rand::random_range(0..1_000))));
    }
    let token = channels::open_token(chats, ws, next.channel_id, &sealed)?;
    let begun =
        chats.db.in_workspace_id(ws, "chats.sending", async |tx: &mut Tx| store::begin(tx, ws, next.id).await).await?;
    let Some(attempt) = begun else { return Ok(Some(AGAIN)) };
    crash::point("delivery.sending").await?;
    let sent = send(chats, ws, &token, next).await;
    match sent {
        Sent::Yes(number) => {
            crash::point("delivery.sent_unrecorded").await?;
            let well_again = row.last_error_en == Trouble::Waiting.texts().1;
            chats
                .db
                .in_workspace_id(ws, "chats.sent", async |tx: &mut Tx| {
                    store::lock_turn(tx, ws, message).await?;
                    if store::sent(tx, ws, next.id, attempt, &number.to_string()).await? {
                        store::conclude(tx, ws, next.conversation_id, message).await?;
                    }
                    if well_again {
                        channels::store::set_state(tx, ws, next.channel_id, "connected", ("", "")).await?;
                    }
                    Ok::<_, Failure>(())
                })
                .await?;
            Ok(None)
        }
        Sent::Wait(wait) | Sent::Down(wait) => {
            let down = matches!(sent, Sent::Down(_));
            chats
                .db
                .in_workspace_id(ws, "chats.put_back", async |tx: &mut Tx| {
                    store::put_back(tx, ws, next.id, attempt).await?;
                    if down && row.state == "connected" {
                        let texts = Trouble::Waiting.texts();
                        channels::store::set_state(tx, ws, next.channel_id, "error", texts).await?;
                    }
                    if down {
                        channels::store::pause(tx, ws, next.channel_id, wait.as_secs_f64()).await?;
                    }
                    Ok::<_, Failure>(())
                })
                .await?;
            Ok(Some(wait))
        }
        Sent::No(error) => {
            give_up(chats, ws, message, next, error).await?;
            Ok(None)
        }
    }
}

async fn send(chats: &Chats, ws: WorkspaceId, token: &Secret<String>, next: &Next) -> Sent {
    let error = match chats.telegram.send(token, &next.address, &next.text, &next.entities).await {
        Ok(number) => return Sent::Yes(number),
        Err(error) => error,
    };
    tracing::warn!(error = &error as &dyn std::error::Error, delivery.id = %next.id, "part {} was not sent", next.part);
    match error {
        CallError::NotSent(_) => Sent::Down(AGAIN),
        CallError::Unknown(_) => Sent::No("outcome_unknown"),
        CallError::NoToken | CallError::Refused { code: 401 | 404, .. } => {
            let noted = chats
                .db
                .in_workspace_id(ws, "chats.channel_broken", async |tx: &mut Tx| {
                    channels::store::set_state(tx, ws, next.channel_id, "error", Trouble::Token.texts()).await
                })
                .await;
            if let Err(error) = noted {
                tracing::warn!(error = &error as &dyn std::error::Error, "a channel's state was not noted");
            }
            Sent::No("channel_error")
        }
        CallError::Refused { code: 429, retry_after, .. } => {
            let wait = retry_after.unwrap_or(AGAIN).max(Duration::from_secs(1));
            // A group may be full for a minute; what is so long elsewhere is the bot's own silence.
            let group = next.address.starts_with('-');
            if wait >= LONG && !group { Sent::Down(wait) } else { Sent::Wait(wait) }
        }
        CallError::Refused { code, .. } if code >= 500 => Sent::Down(AGAIN),
        CallError::Refused { code: 403, .. } => Sent::No("blocked"),
        CallError::Refused { .. } => Sent::No("refused"),
    }
}

/// A part is not sent for good. A person sees it, unless the customer wants nothing.
async fn give_up(
    chats: &Chats,
    ws: WorkspaceId,
    message: MessageId,
    next: &Next,
    error: &'static str,
) -> Result<(), Failure> {
    chats
        .db
        .in_workspace_id(ws, "chats.not_sent", async |tx: &mut Tx| {
            let Some(mut locked) = dialogue::lock(tx, ws, next.conversation_id).await? else { return Ok(()) };
            store::lock_turn(tx, ws, message).await?;
            if !store::failed(tx, ws, message, next.id, error).await? {
                return Ok(());
            }
            if error == "blocked" {
                store::mark_blocked(tx, ws, next.conversation_id).await?;
            } else {
                let standing = locked.standing.to_person();
                dialogue::write(tx, ws, &mut locked, standing, dialogue::Also::default()).await?;
            }
            store::conclude(tx, ws, next.conversation_id, message).await
        })
        .await
}
