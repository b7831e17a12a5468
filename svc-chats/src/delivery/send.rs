//! The job that sends a message's parts to Telegram, strictly one after another.
//!
//! Telegram knows no idempotency key: the intent is committed first, and a send whose outcome is unknown is shown to a
//! person, never repeated by itself.

use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ConversationId, DeliveryId, Failure, MessageId, TurnId, WorkspaceId,
    db::Tx,
    jobs::{JobEnd, JobRun},
    outbox::{self, Event},
    seal,
};
use neipix_proto::chats::events::v1::MessageChanged;
use serde_json::json;

use crate::{Chats, channels, telegram::ApiError, turns};

#[derive(Debug, QueryableByName)]
struct Part {
    #[diesel(sql_type = SqlUuid)]
    id: DeliveryId,
    #[diesel(sql_type = SqlUuid)]
    conversation_id: ConversationId,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    turn_id: Option<TurnId>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = SqlUuid)]
    channel_id: uuid::Uuid,
    #[diesel(sql_type = Text)]
    chat: String,
}

/// Sends what is left of a message.
///
/// # Errors
/// Storage: the job comes again.
pub async fn run(chats: &Chats, run: &JobRun) -> Result<JobEnd, Failure> {
    let message: MessageId = run.text("message_id").parse().map_err(Failure::internal)?;
    let ws = run.workspace_id;
    loop {
        let Some(part) = next(chats, ws, message).await? else { return Ok(JobEnd::Done) };
        if part.state == "sending" {
            // A worker died around the call: nobody knows whether the customer has it.
            outcome(chats, ws, message, &part, "failed", "outcome_unknown", None).await?;
            return Ok(JobEnd::Done);
        }
        match send(chats, ws, &part).await? {
            Ok(provider_id) => outcome(chats, ws, message, &part, "sent", "", Some(&provider_id)).await?,
            Err(ApiError::Wait(pause)) => {
                set(chats, ws, &part, "queued").await?;
                return Ok(JobEnd::Again(pause));
            }
            Err(ApiError::NotSent) => {
                set(chats, ws, &part, "queued").await?;
                return Err(Failure::unavailable("Telegram does not answer"));
            }
            Err(error) => {
                let reason = match &error {
                    ApiError::Blocked => "blocked",
                    ApiError::Token => "token_revoked",
                    ApiError::Unknown => "outcome_unknown",
                    _ => "refused",
                };
                if error == ApiError::Token {
                    revoked(chats, ws, &part).await?;
                }
                outcome(chats, ws, message, &part, "failed", reason, None).await?;
                return Ok(JobEnd::Done);
            }
        }
    }
}

async fn next(chats: &Chats, ws: WorkspaceId, message: MessageId) -> Result<Option<Part>, Failure> {
    chats
        .db
        .in_workspace_id(ws, "chats.next_part", async |tx: &mut Tx| {
            Ok::<_, Failure>(
                diesel::sql_query(
                    "SELECT d.id, d.conversation_id, d.turn_id, d.state, d.text, c.channel_id, c.external_key AS chat \
                     FROM delivery d JOIN conversation c ON c.workspace_id = d.workspace_id AND c.id = d.conversation_id \
                     WHERE d.workspace_id = $1 AND d.message_id = $2 AND d.state IN ('queued', 'sending') ORDER BY d.part LIMIT 1",
                )
                .bind::<SqlUuid, _>(ws)
                .bind::<SqlUuid, _>(message)
                .get_result(tx)
                .await
                .optional()?,
            )
        })
        .await
}

async fn set(chats: &Chats, ws: WorkspaceId, part: &Part, state: &str) -> Result<(), Failure> {
    chats
        .db
        .in_workspace_id(ws, "chats.set_part", async |tx: &mut Tx| {
            diesel::sql_query(
                "UPDATE delivery SET state = $3, sending_at = clock_timestamp() WHERE workspace_id = $1 AND id = $2",
            )
            .bind::<SqlUuid, _>(ws)
            .bind::<SqlUuid, _>(part.id)
            .bind::<Text, _>(state)
            .execute(tx)
            .await?;
            Ok::<_, Failure>(())
        })
        .await
}

async fn send(chats: &Chats, ws: WorkspaceId, part: &Part) -> Result<Result<String, ApiError>, Failure> {
    let channel = chats
        .db
        .in_workspace_id(ws, "chats.part_channel", async |tx: &mut Tx| {
            channels::store::by_ids(tx, ws, &[part.channel_id]).await
        })
        .await?
        .pop();
    let Some(sealed) = channel.and_then(|c| c.sealed_token) else { return Ok(Err(ApiError::Token)) };
    let context = seal::context("channel.sealed_token", ws, part.channel_id);
    let token = chats.sealer.open_text(&context, &sealed).map_err(Failure::internal)?;
    let chat: i64 = part.chat.parse().map_err(Failure::internal)?;
    set(chats, ws, part, "sending").await?;
    neipix_mesh::crash::point("delivery.sending").await?;
    let body = json!({"chat_id": chat, "text": part.text, "link_preview_options": {"is_disabled": true}});
    let answer = chats.telegram.call(&token, "sendMessage", &body).await;
    Ok(answer.map(|sent| sent.get("message_id").map(ToString::to_string).unwrap_or_default()))
}

async fn revoked(chats: &Chats, ws: WorkspaceId, part: &Part) -> Result<(), Failure> {
    let words =
        ("Telegram отозвал токен бота: подключите бота заново", "Telegram revoked the bot's token: connect it again");
    chats
        .db
        .in_workspace_id(ws, "chats.token_revoked", async |tx: &mut Tx| {
            channels::store::set_state(tx, ws, neipix_mesh::ChannelId(part.channel_id), "error", words).await
        })
        .await
}

/// Writes how a part ended, tells it, and ends the turn where this was its last.
async fn outcome(
    chats: &Chats,
    ws: WorkspaceId,
    message: MessageId,
    part: &Part,
    state: &str,
    error: &str,
    provider_id: Option<&str>,
) -> Result<(), Failure> {
    chats
        .db
        .in_workspace_id(ws, "chats.part_outcome", async |tx: &mut Tx| {
            diesel::sql_query(
                "UPDATE delivery SET state = $3, error = $4, provider_message_id = $5, sent_at = clock_timestamp() \
                 WHERE workspace_id = $1 AND id = $2 AND state <> 'sent'",
            )
            .bind::<SqlUuid, _>(ws)
            .bind::<SqlUuid, _>(part.id)
            .bind::<Text, _>(state)
            .bind::<Text, _>(error)
            .bind::<Nullable<Text>, _>(provider_id)
            .execute(tx)
            .await?;
            let changed =
                MessageChanged { conversation_id: part.conversation_id.to_string(), message_id: message.to_string() };
            let kind = "message.delivery_changed";
            outbox::push(tx, Event { workspace: ws, kind, object_version: 1, payload: &changed }).await?;
            if error == "outcome_unknown" {
                turns::handoff::to_a_person(tx, ws, part.conversation_id, false).await?;
            }
            if let Some(turn) = part.turn_id {
                turns::store::delivered(tx, ws, turn, message).await?;
            }
            Ok::<_, Failure>(())
        })
        .await
}
