//! Watch: numbered events after a number and as they come; answers while they are written.

use std::{collections::HashMap, time::Duration};

use neipix_mesh::{Call, CallContext, ConversationId, Failure, Stream, TurnId, WorkspaceId, db::Tx};
use neipix_proto::chats::v1::{
    AnswerDelta, AssistantState, Author, Event, EventData, FileState, Heartbeat, Partial, Reset, Typing, WalletBalance,
    WatchRequest, WatchResponse, event_data::Object, watch_response::Frame,
};
use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

use crate::{
    Chats, channels,
    conversations::{store, wire},
    events::{self, Numbered},
    hub::Live,
};

/// The net under the wake-up.
const POLL: Duration = Duration::from_secs(2);
/// A sign of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Frames a reader may be behind; beyond, the stream ends and the reader resumes.
const BEHIND: usize = 256;
/// A reader that takes none for this long is cut off.
const STUCK: Duration = Duration::from_secs(10);

struct Watcher {
    chats: Chats,
    context: std::sync::Arc<CallContext>,
    ws: WorkspaceId,
    seq: i64,
    watched: Vec<ConversationId>,
    sent: HashMap<TurnId, i64>,
    out: mpsc::Sender<Result<WatchResponse, Failure>>,
}

/// The end of a watch.
struct Gone;

/// Opens a watch.
///
/// # Errors
/// FIELD_INVALID, storage.
pub async fn watch(chats: &Chats, call: Call<WatchRequest>) -> Result<Stream<WatchResponse>, Failure> {
    let ws = call.context.workspace;
    let mut watched = vec![];
    for id in &call.conversation_ids {
        let id: Uuid = id.parse().map_err(|_| Failure::invalid("conversation_ids", "must be UUIDs"))?;
        watched.push(ConversationId(id));
    }
    let live = chats.hub.listen(ws);
    let (first, last) =
        chats.db.in_workspace(&call.context, "chats.range", async |tx: &mut Tx| events::range(tx, ws).await).await?;
    let watched = visible(chats, &call.context, watched).await?;
    let (out, receiver) = mpsc::channel(BEHIND);
    let mut watcher = Watcher {
        chats: chats.clone(),
        context: call.context.clone(),
        ws,
        seq: last,
        watched,
        sent: HashMap::new(),
        out,
    };
    match call.after {
        None => {}
        Some(after) if after > last || after + 1 < first => watcher.reset(last).await?,
        Some(after) => watcher.seq = after,
    }
    chats.tasks.spawn("watch", async move {
        let _ = watcher.run(live).await;
    });
    Ok(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}

/// Of the dialogues those that the caller may see.
async fn visible(
    chats: &Chats,
    context: &CallContext,
    ids: Vec<ConversationId>,
) -> Result<Vec<ConversationId>, Failure> {
    if ids.is_empty() {
        return Ok(ids);
    }
    let raw: Vec<Uuid> = ids.iter().map(|i| i.0).collect();
    let rows = chats
        .db
        .in_workspace(context, "chats.visible", async |tx: &mut Tx| store::by_ids(tx, context.workspace, &raw).await)
        .await?;
    let seen =
        rows.into_iter().filter(|r| context.sees_assistant(r.assistant_id).is_ok()).map(|r| r.id).collect::<Vec<_>>();
    if seen.len() < ids.len() {
        return Err(Failure::not_found());
    }
    Ok(seen)
}

impl Watcher {
    async fn reset(&mut self, last: i64) -> Result<(), Failure> {
        self.seq = last;
        self.send(Frame::Reset(Reset { seq: last })).await.map_err(|Gone| Failure::unavailable("the reader is gone"))
    }

    async fn send(&self, frame: Frame) -> Result<(), Gone> {
        let sent = self.out.send(Ok(WatchResponse { frame: Some(frame) }));
        tokio::time::timeout(STUCK, sent).await.map_err(|_| Gone)?.map_err(|_| Gone)
    }

    async fn run(&mut self, mut live: broadcast::Receiver<Live>) -> Result<(), Gone> {
        for (turn, conversation, text) in self.chats.hub.partials(self.ws) {
            self.partial(turn, conversation, text).await?;
        }
        let mut poll = tokio::time::interval(POLL);
        let mut beat = tokio::time::interval(HEARTBEAT);
        beat.tick().await;
        let shutdown = self.chats.shutdown.clone();
        loop {
            self.catch_up().await?;
            tokio::select! {
                heard = live.recv() => match heard {
                    Ok(live) => self.live(live).await?,
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        for (turn, conversation, text) in self.chats.hub.partials(self.ws) {
                            self.partial(turn, conversation, text).await?;
                        }
                    }
                    Err(broadcast::error::RecvError::Closed) => live = self.chats.hub.listen(self.ws),
                },
                _ = poll.tick() => {}
                _ = beat.tick() => self.send(Frame::Heartbeat(Heartbeat {})).await?,
                () = shutdown.wait() => return Err(Gone),
                () = self.out.closed() => return Err(Gone),
            }
        }
    }

    async fn partial(&mut self, turn: TurnId, conversation: ConversationId, text: String) -> Result<(), Gone> {
        if !self.watched.contains(&conversation) {
            return Ok(());
        }
        let offset = i64::try_from(text.len()).unwrap_or(0);
        self.sent.insert(turn, offset);
        let (turn_id, conversation_id) = (turn.to_string(), conversation.to_string());
        self.send(Frame::Partial(Partial { turn_id, conversation_id, text, offset })).await
    }

    async fn live(&mut self, live: Live) -> Result<(), Gone> {
        match live {
            Live::Delta { turn, conversation, offset, text } if self.watched.contains(&conversation) => {
                // The partial told some of it already.
                if self.sent.get(&turn).is_some_and(|sent| *sent > offset) {
                    return Ok(());
                }
                self.sent.insert(turn, offset + i64::try_from(text.len()).unwrap_or(0));
                let (turn_id, conversation_id) = (turn.to_string(), conversation.to_string());
                self.send(Frame::Delta(AnswerDelta { turn_id, conversation_id, offset, text })).await
            }
            Live::Restarted { turn } => {
                self.sent.remove(&turn);
                Ok(())
            }
            Live::Typing { conversation, member } if self.watched.contains(&conversation) => {
                let author = if member.is_empty() { Author::Assistant } else { Author::Operator };
                let typing =
                    Typing { conversation_id: conversation.to_string(), author: author.into(), member_id: member };
                self.send(Frame::Typing(typing)).await
            }
            _ => Ok(()),
        }
    }

    /// Sends every event after the last one sent.
    async fn catch_up(&mut self) -> Result<(), Gone> {
        loop {
            let (ws, seq, context) = (self.ws, self.seq, self.context.clone());
            let read = self
                .chats
                .db
                .in_workspace(&context, "chats.watch", async |tx: &mut Tx| {
                    let rows = events::after(tx, ws, seq).await?;
                    fill(tx, &context, rows).await
                })
                .await;
            let filled = match read {
                Ok(filled) => filled,
                // Postgres is away for a moment: the next poll looks again.
                Err(_) => return Ok(()),
            };
            if filled.is_empty() {
                return Ok(());
            }
            for event in filled {
                self.seq = event.seq;
                self.send(Frame::Event(event)).await?;
            }
        }
    }
}

/// Puts the objects into events, as they are now, for a caller who may read them; others get number and kind.
async fn fill(tx: &mut Tx, context: &CallContext, rows: Vec<Numbered>) -> Result<Vec<Event>, Failure> {
    let ws = context.workspace;
    let ids = |prefixes: &[&str]| -> Vec<Uuid> {
        rows.iter().filter(|r| prefixes.iter().any(|p| r.kind.starts_with(p))).filter_map(|r| r.object_id).collect()
    };
    let messages = store::messages_by_ids(tx, ws, &ids(&["message."])).await?;
    let turns = store::turns_by_ids(tx, ws, &ids(&["turn."])).await?;
    let mut wanted = ids(&["conversation.", "handler."]);
    wanted.extend(messages.iter().map(|m| m.conversation_id.0));
    wanted.extend(turns.iter().map(|t| t.conversation_id.0));
    let conversations = store::by_ids(tx, ws, &wanted).await?;
    let channels = channels::store::by_ids(tx, ws, &ids(&["channel."])).await?;
    let may = |conversation: ConversationId| {
        conversations
            .iter()
            .find(|c| c.id == conversation)
            .is_some_and(|c| context.sees_assistant(c.assistant_id).is_ok())
    };
    let object = |row: &Numbered| -> Option<Object> {
        let id = row.object_id;
        match row.kind.split('.').next()? {
            "message" => {
                let found = messages.iter().find(|m| Some(m.id.0) == id).filter(|m| may(m.conversation_id))?;
                Some(Object::Message(wire::message(found.clone())))
            }
            "turn" => {
                let found = turns.iter().find(|t| Some(t.id.0) == id).filter(|t| may(t.conversation_id))?;
                Some(Object::Turn(wire::turn(found.clone(), vec![])))
            }
            "conversation" | "handler" => {
                let found = conversations.iter().find(|c| Some(c.id.0) == id).filter(|c| may(c.id))?;
                Some(Object::Conversation(wire::conversation(found.clone(), None)))
            }
            "channel" => {
                let found = channels.iter().find(|c| Some(c.id.0) == id)?;
                context.sees_assistant(found.assistant_id).ok()?;
                context.has("channels.read").then(|| Object::Channel(channels::wire(found.clone())))
            }
            _ => foreign(context, row),
        }
    };
    Ok(rows
        .iter()
        .map(|row| Event {
            seq: row.seq,
            kind: row.kind.clone(),
            data: object(row).map(|object| EventData { object: Some(object) }),
            time: Some(wire::stamp(row.at)),
        })
        .collect())
}

/// Events of other services: ids and sums that came with them.
fn foreign(context: &CallContext, row: &Numbered) -> Option<Object> {
    let text = |name: &str| row.extra.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let number = |name: &str| row.extra.get(name).and_then(serde_json::Value::as_i64).unwrap_or(0);
    let sees = || text("assistant_id").parse().is_ok_and(|id| context.sees_assistant(id).is_ok());
    match row.kind.split('.').next()? {
        "wallet" if context.has("billing.read") => Some(Object::Wallet(WalletBalance {
            available_micro_pix: number("available"),
            held_micro_pix: number("held"),
        })),
        "file" if context.has("knowledge.read") && sees() => Some(Object::File(FileState {
            assistant_id: text("assistant_id"),
            file_id: text("file_id"),
            status: text("status"),
            reason: text("reason"),
        })),
        "assistant" if context.has("assistants.read") && sees() => {
            Some(Object::Assistant(AssistantState { assistant_id: text("assistant_id"), status: text("status") }))
        }
        _ => None,
    }
}
