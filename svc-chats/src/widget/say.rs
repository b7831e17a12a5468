//! What a visitor says: stored once, answered after the assistant's delay, read as it is written.

use futures::StreamExt as _;
use neipix_mesh::{Call, Failure, MessageId, Stream, WorkspaceId, db::Tx};
use neipix_proto::chats::v1::{
    AskEvent, AskTurn, Author, NotifyVisitorTypingRequest, NotifyVisitorTypingResponse, SendVisitorMessageRequest,
    SendVisitorMessageResponse, TurnState, VisitorAnswer, VisitorAnswerEvent, VisitorAnswerFinished, VisitorDelta,
    ask_event, visitor_answer_event::Event,
};
use uuid::Uuid;

use super::{
    Visiting,
    limits::{self, Comer},
    speaking,
    store::{
        self,
        dialogue::{self, SaidRow},
    },
};
use crate::{
    Chats, ask,
    ingest::{self, Arrival, Identity, Place, Taken, Timing},
    live::TypingNote,
    runner,
};

/// The delay where the assistant cannot be asked.
const USUAL_DELAY: std::time::Duration = std::time::Duration::from_secs(5);
/// The same words again within so many seconds are the same message.
const SAME_SECONDS: f64 = 10.0;

impl Visiting {
    /// How the channel names a message: no visitor can name another's.
    fn external_id(&self, client_id: Uuid) -> String {
        format!("{}:{client_id}", self.visitor.id)
    }
}

/// A message that is stored, and its answer where it runs here.
struct Said {
    ws: WorkspaceId,
    taken: Taken,
    live: Option<std::sync::Arc<crate::live::LiveTurn>>,
    answer: SendVisitorMessageResponse,
}

fn client_id(text: &str) -> Result<Uuid, Failure> {
    let id = Uuid::parse_str(text).ok().filter(|id| id.get_version_num() == 7);
    id.ok_or_else(|| Failure::invalid("client_id", "must be a UUIDv7"))
}

async fn say_in(chats: &Chats, call: &Call<SendVisitorMessageRequest>) -> Result<Said, Failure> {
    let client = client_id(&call.client_id)?;
    if call.text.trim().is_empty() {
        return Err(Failure::invalid("text", "must hold more than spaces"));
    }
    let visiting = speaking(chats, &call.context, &call.key).await?;
    let ws = visiting.page.workspace;
    let (taken, live) = match known(chats, &visiting, client, &call.text).await? {
        // Said before: whatever the limits, its answer is still theirs.
        Found { said: Some(said), .. } => (again(said), None),
        Found { begins, crowded, .. } => {
            let comer = Comer { page: &visiting.page, address: call.context.address, proof: call.proof.as_ref() };
            comer.writes(chats, visiting.visitor.id, begins).await?;
            if crowded {
                return Err(limits::crowded());
            }
            let arrival = arrival(chats, &visiting, client, &call.text).await;
            let taken = ingest::take(chats, &arrival).await?;
            let live = runner::start(chats, &arrival, &taken);
            (taken, live)
        }
    };
    let answer = stored(chats, ws, &taken).await?;
    Ok(Said { ws, taken, live, answer })
}

struct Found {
    said: Option<SaidRow>,
    /// Whether the message begins a dialogue.
    begins: bool,
    /// Whether too many anonymous visitors wait for answers.
    crowded: bool,
}

async fn known(chats: &Chats, visiting: &Visiting, client: Uuid, text: &str) -> Result<Found, Failure> {
    let (ws, of, external) = (visiting.page.workspace, visiting.of(), visiting.external_id(client));
    let anonymous = visiting.visitor.sub.is_none();
    chats
        .db
        .in_workspace_id(ws, "chats.visitor_said", async |tx: &mut Tx| {
            let mut said = dialogue::said(tx, ws, of.channel, &external).await?;
            let current = dialogue::current(tx, ws, of).await?;
            if let (None, Some(current)) = (said, &current) {
                said = dialogue::said_just_now(tx, ws, current.id, text, SAME_SECONDS).await?;
            }
            let crowded =
                said.is_none() && anonymous && store::anonymous_turns(tx, ws).await? >= limits::ANONYMOUS_TURNS;
            let begins = current.is_none_or(|current| current.is_closed());
            Ok::<_, Failure>(Found { said, begins, crowded })
        })
        .await
}

fn again(said: SaidRow) -> Taken {
    let SaidRow { message_id, conversation_id, turn_id } = said;
    Taken { message: message_id, conversation: conversation_id, turn: turn_id, duplicate: true, begun: None }
}

async fn arrival(chats: &Chats, visiting: &Visiting, client: Uuid, text: &str) -> Arrival {
    let page = &visiting.page;
    let delay = chats.plans.get(page.workspace, page.assistant).await.map_or(USUAL_DELAY, |plan| plan.answer_delay());
    Arrival {
        workspace: page.workspace,
        place: Place {
            channel: page.channel,
            assistant: page.assistant,
            external_key: String::new(),
            address: String::new(),
        },
        identity: Identity {
            kind: "visitor",
            scope: page.key.clone(),
            value: visiting.visitor.id.to_string(),
            name: String::new(),
        },
        external_id: visiting.external_id(client),
        update_id: None,
        text: text.to_owned(),
        timing: if delay.is_zero() { Timing::Now { streamed: true } } else { Timing::After { delay, streamed: true } },
        client_id: Some(client),
        request: None,
        ask_key: None,
    }
}

async fn stored(chats: &Chats, ws: WorkspaceId, taken: &Taken) -> Result<SendVisitorMessageResponse, Failure> {
    let id: MessageId = taken.message;
    let find = async |tx: &mut Tx| dialogue::message(tx, ws, id).await;
    let message = chats.db.in_workspace_id(ws, "chats.visitor_message", find).await?;
    Ok(SendVisitorMessageResponse {
        message,
        conversation_id: taken.conversation.to_string(),
        turn_id: taken.turn.map(|turn| turn.to_string()).unwrap_or_default(),
        duplicate: taken.duplicate,
    })
}

/// Stores a message.
///
/// # Errors
/// ORIGIN_FORBIDDEN, PROOF_REQUIRED, RATE_LIMITED, FIELD_INVALID, NOT_FOUND for the widget.
pub async fn send(chats: &Chats, call: Call<SendVisitorMessageRequest>) -> Result<SendVisitorMessageResponse, Failure> {
    Ok(say_in(chats, &call).await?.answer)
}

/// Stores a message, and reads its answer as it is written. The answer does not end with its reader.
///
/// # Errors
/// As `send`.
pub async fn send_stream(
    chats: &Chats,
    call: Call<SendVisitorMessageRequest>,
) -> Result<Stream<VisitorAnswerEvent>, Failure> {
    let Said { ws, taken, live, answer } = say_in(chats, &call).await?;
    let (conversation, chats) = (taken.conversation, chats.clone());
    let mut accepted = Some(answer);
    let events = ask::follow(&chats, ws, taken, live, ask::Followed::Ask).then(move |event| {
        let (chats, accepted) = (chats.clone(), accepted.take());
        async move {
            let event = match event?.event.ok_or_else(|| Failure::internal("an empty event"))? {
                ask_event::Event::Accepted(_) => accepted.map(Event::Accepted),
                ask_event::Event::Finished(turn) => {
                    let with_person = with_person(&chats, ws, conversation).await?;
                    Some(Event::Finished(finished(turn, with_person)))
                }
                other => shown(AskEvent { event: Some(other) }),
            };
            Ok::<_, Failure>(VisitorAnswerEvent { event })
        }
    });
    Ok(Box::pin(events))
}

async fn with_person(
    chats: &Chats,
    ws: WorkspaceId,
    conversation: neipix_mesh::ConversationId,
) -> Result<bool, Failure> {
    let find = async |tx: &mut Tx| dialogue::by_id(tx, ws, conversation).await;
    let row = chats.db.in_workspace_id(ws, "chats.visitor_handler", find).await?;
    Ok(row.is_some_and(|row| row.is_with_person()))
}

/// A text as its visitor sees it.
fn shown(event: AskEvent) -> Option<Event> {
    match event.event? {
        ask_event::Event::Partial(p) => {
            Some(Event::Partial(VisitorAnswer { turn_id: p.turn_id, answering: true, text: p.text, offset: p.offset }))
        }
        ask_event::Event::Delta(d) => {
            Some(Event::Delta(VisitorDelta { turn_id: d.turn_id, offset: d.offset, text: d.text }))
        }
        ask_event::Event::Restarted(r) => {
            Some(Event::Partial(VisitorAnswer { turn_id: r.turn_id, answering: true, text: String::new(), offset: 0 }))
        }
        ask_event::Event::Accepted(_) | ask_event::Event::Finished(_) => None,
    }
}

/// The end, without what it cost and why.
fn finished(turn: AskTurn, to_person: bool) -> VisitorAnswerFinished {
    let failed = matches!(turn.state(), TurnState::Failed | TurnState::Cancelled);
    let author = match turn.answered_by.as_str() {
        "assistant" => Author::Assistant,
        "system" => Author::System,
        _ if turn.answer.is_empty() => Author::Unspecified,
        _ => Author::Assistant,
    };
    VisitorAnswerFinished {
        interrupted: failed && !turn.answer.is_empty(),
        author: author.into(),
        turn_id: turn.id,
        text: turn.answer,
        citations: turn.citations,
        to_person,
    }
}

/// Tells the inbox that the visitor types.
///
/// # Errors
/// ORIGIN_FORBIDDEN, NOT_FOUND for the widget.
pub async fn typing(
    chats: &Chats,
    call: Call<NotifyVisitorTypingRequest>,
) -> Result<NotifyVisitorTypingResponse, Failure> {
    let visiting = speaking(chats, &call.context, &call.key).await?;
    let (ws, of) = (visiting.page.workspace, visiting.of());
    let find = async |tx: &mut Tx| dialogue::current(tx, ws, of).await;
    if let Some(dialogue) = chats.db.in_workspace_id(ws, "chats.visitor_typing", find).await? {
        let note = TypingNote { conversation: dialogue.id, author: Author::Contact, member: String::new() };
        chats.live.typing(ws, &note);
    }
    Ok(NotifyVisitorTypingResponse {})
}
