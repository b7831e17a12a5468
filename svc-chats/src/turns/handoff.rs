//! Who holds a dialogue after a turn: the handler and its history.

use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{ConversationId, Failure, WorkspaceId, db::Tx};

/// Makes a dialogue wait for a person; `hand_over` takes it from the assistant too. The dialogue's row must be locked.
///
/// # Errors
/// Storage.
pub async fn to_a_person(
    tx: &mut Tx,
    ws: WorkspaceId,
    conversation: ConversationId,
    hand_over: bool,
) -> Result<(), Failure> {
    use neipix_mesh::outbox::{self, Event};
    let handler =
        if hand_over { "handler = 'nobody', handler_member_id = NULL, handler_epoch = handler_epoch + 1," } else { "" };
    diesel::sql_query(format!(
        "UPDATE conversation SET {handler} status = 'pending', version = version + 1 WHERE workspace_id = $1 AND id = $2"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .execute(tx)
    .await?;
    if hand_over {
        history(tx, ws, conversation).await?;
    }
    let changed = neipix_proto::chats::events::v1::ConversationChanged { conversation_id: conversation.to_string() };
    let kind = if hand_over { "handler.changed" } else { "conversation.updated" };
    outbox::push(tx, Event { workspace: ws, kind, object_version: 1, payload: &changed }).await?;
    Ok(())
}

/// Writes who answers from the next message on.
///
/// # Errors
/// Storage.
pub async fn history(tx: &mut Tx, ws: WorkspaceId, conversation: ConversationId) -> Result<(), Failure> {
    diesel::sql_query(
        "INSERT INTO handler_history (workspace_id, conversation_id, epoch, handler, from_seq) \
         SELECT workspace_id, id, handler_epoch, handler, last_seq + 1 FROM conversation WHERE workspace_id = $1 AND id = $2 \
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(conversation)
    .execute(tx)
    .await?;
    Ok(())
}
