//! A visitor's dialogue as it stands: after a reload, in the middle of an answer too.

use neipix_mesh::{Call, ConversationId, Failure, TurnId, WorkspaceId, db::Tx, page};
use neipix_proto::chats::v1::{ListVisitorMessagesRequest, ListVisitorMessagesResponse, VisitorAnswer};

use super::{
    Visiting,
    store::dialogue::{self, DialogueRow, Of, Pending},
    visiting,
};
use crate::Chats;

impl Visiting {
    /// The visitor, for the dialogue's queries.
    #[must_use]
    pub fn of(&self) -> Of<'_> {
        Of { channel: self.page.channel, key: &self.page.key, visitor: self.visitor.id }
    }
}

/// The dialogue that a call names, or the one that goes on.
///
/// # Errors
/// NOT_FOUND for one that is not the visitor's; storage.
pub async fn dialogue(tx: &mut Tx, ws: WorkspaceId, of: Of<'_>, id: &str) -> Result<Option<DialogueRow>, Failure> {
    if id.is_empty() {
        return dialogue::current(tx, ws, of).await;
    }
    let id: ConversationId = id.parse().map_err(|_| Failure::invalid("conversation_id", "must be a UUID"))?;
    dialogue::own(tx, ws, of, id).await?.map(Some).ok_or_else(Failure::not_found)
}

/// The dialogue's messages, newest first.
///
/// # Errors
/// NOT_FOUND, PAGE_TOKEN_INVALID, ORIGIN_FORBIDDEN.
pub async fn messages(
    chats: &Chats,
    call: Call<ListVisitorMessagesRequest>,
) -> Result<ListVisitorMessagesResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let visiting = visiting(chats, &call.context, &call.key).await?;
    let (ws, of) = (visiting.page.workspace, visiting.of());
    // A token of one dialogue is none of another's.
    let (before, of_dialogue) = match chats.pages.decode::<(i64, ConversationId)>(&call.context, &call.page_token)? {
        Some((before, id)) => (Some(before), id.to_string()),
        None => (None, call.conversation_id.clone()),
    };
    let found = chats
        .db
        .in_workspace_id(ws, "chats.visitor_messages", async |tx: &mut Tx| {
            let Some(row) = dialogue(tx, ws, of, &of_dialogue).await? else { return Ok(None) };
            // Looked for first: an answer that ends in between is then among the messages.
            let pending = dialogue::pending(tx, ws, row.id).await?;
            let messages = dialogue::before(tx, ws, row.id, before, size.fetch()).await?;
            Ok::<_, Failure>(Some((row, pending, messages)))
        })
        .await?;
    let Some((row, pending, mut messages)) = found else { return Ok(ListVisitorMessagesResponse::default()) };
    let next = size.cut(&mut messages).map(|last| (last.seq, row.id));
    let next_page_token = next.map_or_else(|| Ok(String::new()), |key| chats.pages.encode(&call.context, &key))?;
    let answer = match pending.first() {
        Some(first) => Some(answer(chats, ws, row.id, *first).await),
        None => None,
    };
    Ok(ListVisitorMessagesResponse { messages, next_page_token, conversation: Some(row.shown()), answer })
}

async fn answer(chats: &Chats, ws: WorkspaceId, conversation: ConversationId, pending: Pending) -> VisitorAnswer {
    let text = if pending.started { shown_text(chats, ws, conversation, pending.id).await } else { String::new() };
    VisitorAnswer {
        turn_id: pending.id.to_string(),
        answering: pending.started,
        offset: i64::try_from(text.len()).unwrap_or(i64::MAX),
        text,
    }
}

/// What the visitor may see of a running answer, wherever it runs.
async fn shown_text(chats: &Chats, ws: WorkspaceId, conversation: ConversationId, turn: TurnId) -> String {
    let live = chats.live.turn(ws, turn, conversation);
    chats.live.catch_up(&live).await;
    let seen = live.look(0, 0);
    if seen.shown { live.text() } else { String::new() }
}
