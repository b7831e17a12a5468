//! Ask and AskStream: a question by program, answered whole or as it is written.
//!
//! The external id makes them safe to repeat: a repeat joins the first message's turn, wherever it runs, or gets its
//! stored answer.

use std::{sync::Arc, time::Duration};

use neipix_mesh::{AssistantId, Call, CallContext, Failure, Stream, TurnId, WorkspaceId, db::Tx};
use neipix_proto::chats::v1::{
    Accepted, AnswerDelta, AskEvent, AskRequest, AskResponse, AskTurn, ErrorReason, Partial, Restarted, TurnState,
    ask_event::Event,
};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    Chats, channels,
    ingest::{self, Arrival, Identity, Place, Taken, Timing},
    live::LiveTurn,
    runner,
    turn::store::read::{self, held_by_person},
};

/// How long Ask waits where the caller does not say.
const USUAL_WAIT: u64 = 30;
/// How often a turn that runs elsewhere is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// A stream's end if its turn does not come to one.
const STREAM_MOST: Duration = Duration::from_secs(600);
/// Events that a slow reader is behind at most.
const BEHIND: usize = 16;
/// A reader that takes nothing for so long is gone.
const READER_MOST: Duration = Duration::from_secs(30);

/// The assistant that is asked.
fn assistant_of(context: &CallContext, given: &str) -> Result<AssistantId, Failure> {
    match (given, context.assistant) {
        ("", Some(only)) => Ok(only),
        ("", None) => {
            Err(Failure::new(ErrorReason::AssistantRequired, "name the assistant: this key is not narrowed to one")
                .with_field("assistant_id", "must be an assistant's id"))
        }
        (given, _) => {
            let assistant = given.parse().map_err(|_| Failure::invalid("assistant_id", "must be a UUID"))?;
            context.sees_assistant(assistant)?;
            Ok(assistant)
        }
    }
}

/// The turn of a question, and whether it runs here.
struct Asked {
    taken: Taken,
    live: Option<Arc<LiveTurn>>,
}

async fn ask_in(chats: &Chats, call: &Call<AskRequest>, streamed: bool) -> Result<Asked, Failure> {
    let ws = call.context.workspace;
    let assistant = assistant_of(&call.context, &call.assistant_id)?;
    chats.flood.check(ws, &format!("api:{assistant}:{}", call.contact_external_id)).await?;
    let channel = channels::api_channel(chats, ws, assistant).await?;
    let arrival = Arrival {
        workspace: ws,
        place: Place { channel, assistant, external_key: String::new(), address: String::new() },
        identity: Identity {
            kind: "api",
            scope: assistant.to_string(),
            value: call.contact_external_id.clone(),
            name: call.contact_name.clone(),
        },
        external_id: call.external_id.clone(),
        update_id: None,
        text: call.text.clone(),
        timing: Timing::Now { streamed },
        client_id: None,
        request: None,
        ask_key: None,
    };
    let taken = ingest::take(chats, &arrival).await?;
    let live = runner::start(chats, &arrival, &taken);
    Ok(Asked { taken, live })
}

/// Asks and waits for the whole answer.
///
/// # Errors
/// CONTACT_FLOOD, ASSISTANT_REQUIRED, NOT_FOUND for the assistant.
pub async fn ask(chats: &Chats, call: Call<AskRequest>) -> Result<AskResponse, Failure> {
    let Asked { taken, live } = ask_in(chats, &call, false).await?;
    let wait = call.wait_seconds.map_or(USUAL_WAIT, |s| u64::try_from(s).unwrap_or(0));
    let until =
        Instant::now() + Duration::from_secs(wait).min(call.context.remaining().saturating_sub(Duration::from_secs(1)));
    let turn = match taken.turn {
        None => held_by_person(),
        Some(turn) => outcome(chats, call.context.workspace, turn, live, until).await?,
    };
    Ok(AskResponse {
        message_id: taken.message.to_string(),
        conversation_id: taken.conversation.to_string(),
        turn: Some(turn),
    })
}

/// Waits for a turn's end until an instant; answers how it stands then.
async fn outcome(
    chats: &Chats,
    ws: WorkspaceId,
    turn: TurnId,
    live: Option<Arc<LiveTurn>>,
    until: Instant,
) -> Result<AskTurn, Failure> {
    let live = match live {
        Some(live) => live,
        None => {
            let now = stands(chats, ws, turn).await?;
            if now.ended {
                return Ok(now.turn);
            }
            chats.live.turn(ws, turn, now.conversation)
        }
    };
    let mut ear = live.ear();
    loop {
        let seen = live.look(0, 0);
        if let Some(end) = seen.finished {
            return Ok(end.as_ref().clone());
        }
        if seen.ended_elsewhere {
            return Ok(stands(chats, ws, turn).await?.turn);
        }
        tokio::select! {
            _ = ear.changed() => {}
            () = tokio::time::sleep_until(until) => return Ok(stands(chats, ws, turn).await?.turn),
            () = tokio::time::sleep(LOOK) => {
                let now = stands(chats, ws, turn).await?;
                if now.ended {
                    return Ok(now.turn);
                }
            }
        }
    }
}

async fn stands(chats: &Chats, ws: WorkspaceId, turn: TurnId) -> Result<read::Outcome, Failure> {
    let found =
        chats.db.in_workspace_id(ws, "chats.turn_result", async |tx: &mut Tx| read::result(tx, ws, turn).await).await?;
    found.ok_or_else(|| Failure::internal("a message's turn is not there"))
}

/// Asks and reads the answer as it is written.
///
/// # Errors
/// CONTACT_FLOOD, ASSISTANT_REQUIRED, NOT_FOUND for the assistant.
pub async fn ask_stream(chats: &Chats, call: Call<AskRequest>) -> Result<Stream<AskEvent>, Failure> {
    let Asked { taken, live } = ask_in(chats, &call, true).await?;
    Ok(follow(chats, call.context.workspace, taken, live, Followed::Ask))
}

/// Which face reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// AskStream: partials for repeats, restarts.
    Ask,
    /// The OpenAI face: deltas only; a restart after shown text cannot be told.
    Completion,
}

/// A turn's events as its asker reads them.
pub fn follow(
    chats: &Chats,
    ws: WorkspaceId,
    taken: Taken,
    live: Option<Arc<LiveTurn>>,
    face: Followed,
) -> Stream<AskEvent> {
    let (sender, receiver) = mpsc::channel(BEHIND);
    let reader = Reader { chats: chats.clone(), ws, taken, face, sender };
    chats.tasks.spawn("ask.follow", async move {
        let sender = reader.sender.clone();
        match reader.read(live).await {
            Ok(()) | Err(Stopped::Gone) => {}
            Err(Stopped::Failed(failure)) => {
                // Nobody listens: fine.
                let _ = sender.try_send(Err(failure));
            }
        }
    });
    Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver))
}

enum Stopped {
    /// The reader is gone or too slow.
    Gone,
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

struct Reader {
    chats: Chats,
    ws: WorkspaceId,
    taken: Taken,
    face: Followed,
    sender: mpsc::Sender<Result<AskEvent, Failure>>,
}

impl Reader {
    async fn tell(&self, event: Event) -> Result<(), Stopped> {
        let sent = self.sender.send_timeout(Ok(AskEvent { event: Some(event) }), READER_MOST).await;
        sent.map_err(|_| Stopped::Gone)
    }

    async fn read(&self, live: Option<Arc<LiveTurn>>) -> Result<(), Stopped> {
        let turn_id = self.taken.turn.map(|t| t.to_string()).unwrap_or_default();
        let accepted = Accepted {
            message_id: self.taken.message.to_string(),
            conversation_id: self.taken.conversation.to_string(),
            turn_id,
        };
        self.tell(Event::Accepted(accepted)).await?;
        let Some(turn) = self.taken.turn else { return self.tell(Event::Finished(held_by_person())).await };
        match live {
            Some(live) => self.read_live(turn, live).await,
            None => {
                let now = stands(&self.chats, self.ws, turn).await?;
                if now.ended {
                    return self.tell_end(turn, now.turn, 0).await;
                }
                let live = self.chats.live.turn(self.ws, turn, self.taken.conversation);
                if live.look(0, 0).text.is_empty() {
                    self.chats.live.catch_up(&live).await;
                }
                self.read_live(turn, live).await
            }
        }
    }

    async fn read_live(&self, turn: TurnId, live: Arc<LiveTurn>) -> Result<(), Stopped> {
        let mut ear = live.ear();
        let until = Instant::now() + STREAM_MOST;
        // Restarts before the first look are none of this reader's.
        let (mut restarts, mut offset, mut repeat) = (live.look(0, 0).restarts, 0, self.taken.duplicate);
        loop {
            let seen = live.look(restarts, offset);
            if seen.shown {
                if seen.restarted && offset > 0 && self.face == Followed::Ask {
                    self.tell(Event::Restarted(Restarted { turn_id: turn.to_string() })).await?;
                }
                if !seen.text.is_empty() {
                    let text_ends = seen.offset + seen.text.len();
                    self.tell_text(turn, seen.offset, seen.text, repeat).await?;
                    offset = text_ends;
                } else if seen.restarted {
                    offset = 0;
                }
                restarts = seen.restarts;
                repeat = false;
            }
            if let Some(end) = seen.finished {
                return self.tell_end(turn, end.as_ref().clone(), offset).await;
            }
            let mut over = seen.ended_elsewhere;
            if !over {
                tokio::select! {
                    _ = ear.changed() => {}
                    () = self.sender.closed() => return Err(Stopped::Gone),
                    () = tokio::time::sleep_until(until) => {
                        return Err(Failure::unavailable("the answer is not there yet; ask again with the same id").into());
                    }
                    () = tokio::time::sleep(LOOK) => over = stands(&self.chats, self.ws, turn).await?.ended,
                }
            }
            if over && live.look(restarts, offset).finished.is_none() {
                return self.tell_end(turn, stands(&self.chats, self.ws, turn).await?.turn, offset).await;
            }
        }
    }

    async fn tell_text(&self, turn: TurnId, offset: usize, text: String, repeat: bool) -> Result<(), Stopped> {
        let (turn_id, conversation_id) = (turn.to_string(), self.taken.conversation.to_string());
        if repeat && offset == 0 && self.face == Followed::Ask {
            let offset = i64::try_from(text.len()).unwrap_or(i64::MAX);
            return self.tell(Event::Partial(Partial { turn_id, conversation_id, text, offset })).await;
        }
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        self.tell(Event::Delta(AnswerDelta { turn_id, conversation_id, offset, text })).await
    }

    /// What was not told of the answer, then the end.
    async fn tell_end(&self, turn: TurnId, end: AskTurn, told: usize) -> Result<(), Stopped> {
        let rest = end.answer.get(told..).unwrap_or_default();
        let whole =
            matches!(end.state(), TurnState::Stored | TurnState::Settled | TurnState::Delivered | TurnState::Skipped);
        if !rest.is_empty() && (whole || told > 0) {
            self.tell_text(turn, told, rest.to_owned(), self.taken.duplicate && told == 0).await?;
        }
        self.tell(Event::Finished(end)).await
    }
}
