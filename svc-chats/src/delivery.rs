//! Messages on their way to the customer, where the channel must be written to. Parts go strictly one after another.

pub mod send;

use chrono::Utc;
use diesel::sql_types::{Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ConversationId, DeliveryId, Failure, MessageId, TurnId, WorkspaceId,
    db::Tx,
    jobs::{self, Job, RunAt},
};
use serde_json::json;

use crate::turns::store::Dialogue;

/// UTF-16 units of a part; Telegram takes 4,096.
pub const PART_MOST: usize = 3_900;

/// Queues the parts of a message in the transaction that stores it; nothing where the channel is read by the customer.
///
/// # Errors
/// Storage.
pub async fn queue(
    tx: &mut Tx,
    ws: WorkspaceId,
    dialogue: &Dialogue,
    message: MessageId,
    turn: Option<TurnId>,
    text: &str,
) -> Result<(), Failure> {
    queue_for(tx, ws, dialogue.id, &dialogue.channel_kind, message, turn, text).await
}

/// The same where only the dialogue's id and channel are known.
///
/// # Errors
/// Storage.
pub async fn queue_for(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    channel_kind: &str,
    message: MessageId,
    turn: Option<TurnId>,
    text: &str,
) -> Result<(), Failure> {
    if channel_kind != "telegram" {
        return Ok(());
    }
    for (part, text) in split(text, PART_MOST).into_iter().enumerate() {
        diesel::sql_query(
            "INSERT INTO delivery (workspace_id, id, message_id, conversation_id, turn_id, part, text) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(DeliveryId::new(Utc::now()))
        .bind::<SqlUuid, _>(message)
        .bind::<SqlUuid, _>(conversation)
        .bind::<Nullable<SqlUuid>, _>(turn)
        .bind::<Integer, _>(i32::try_from(part).unwrap_or(0))
        .bind::<Text, _>(&text)
        .execute(tx)
        .await?;
    }
    again(tx, ws, message).await
}

/// The job that delivers a message.
///
/// # Errors
/// Storage.
pub async fn again(tx: &mut Tx, ws: WorkspaceId, message: MessageId) -> Result<(), Failure> {
    let job = Job {
        workspace: ws,
        kind: "message.deliver",
        key: format!("deliver:{message}"),
        payload: json!({"message_id": message}),
        run_at: RunAt::Now,
    };
    jobs::enqueue(tx, job).await
}

/// Makes failed parts wait again; how many there were.
///
/// # Errors
/// Storage.
pub async fn revive(tx: &mut Tx, ws: WorkspaceId, message: MessageId) -> Result<usize, Failure> {
    let sql = "UPDATE delivery SET state = 'queued', error = '' WHERE workspace_id = $1 AND message_id = $2 AND state = 'failed'";
    Ok(diesel::sql_query(sql).bind::<SqlUuid, _>(ws).bind::<SqlUuid, _>(message).execute(tx).await?)
}

/// Cuts a text into parts of at most `most` UTF-16 units: at an empty line, a line, a sentence, a space, and only then
/// inside a word; never inside a character.
#[must_use]
pub fn split(text: &str, most: usize) -> Vec<String> {
    let mut parts = vec![];
    let mut rest = text.trim();
    while !rest.is_empty() {
        let mut end = 0;
        let mut units = 0;
        for (at, c) in rest.char_indices() {
            units += c.len_utf16();
            if units > most {
                break;
            }
            end = at + c.len_utf8();
        }
        if end < rest.len() {
            let window = &rest[..end];
            let cut = ["\n\n", "\n", ". ", " "]
                .iter()
                .find_map(|mark| window.rfind(mark).map(|at| at + mark.len()).filter(|at| *at > end / 3));
            end = cut.unwrap_or(end);
        }
        let (part, after) = rest.split_at(end);
        parts.push(part.trim_end().to_owned());
        rest = after.trim_start();
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_paragraph() {
        let text = format!("{}\n\n{}", "а".repeat(60), "б".repeat(60));
        assert_eq!(split(&text, 100), ["а".repeat(60), "б".repeat(60)]);
    }

    proptest! {
        #[test]
        fn parts_are_small_enough_and_lose_nothing_but_white_space(text in "\\PC{0,300}", most in 10_usize..80) {
            let parts = split(&text, most);
            for part in &parts {
                prop_assert!(part.encode_utf16().count() <= most);
            }
            let squeeze = |t: &str| t.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&parts.concat()), squeeze(&text));
        }
    }
}
