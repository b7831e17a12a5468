//! Customers' questions by program: Ask, AskStream, and the OpenAI-compatible face.

pub mod completions;

use std::time::Duration;

use neipix_mesh::{AssistantId, Call, CallContext, Failure, Stream, TurnId, WorkspaceId, db::Tx};
use neipix_proto::chats::v1::{
    Accepted, AnswerDelta, AskEvent, AskRequest, AskResponse, AskTurn, ErrorReason, Partial, Restarted, TurnState,
    ask_event::Event,
};
use serde_json::json;
use tokio::sync::{broadcast, mpsc};

use crate::{
    Chats, channels,
    conversations::{store, wire},
    hub::Live,
    ingest::{self, Incoming, Ingested},
    turns::{self, Begun},
};

/// How often a waiting call looks at its turn without being told.
const LOOK: Duration = Duration::from_millis(500);
/// A stream that waits for its turn longer ends.
const STREAM_MOST: Duration = Duration::from_secs(180);

/// Asks and waits.
///
/// # Errors
/// NOT_FOUND, ASSISTANT_REQUIRED, CONTACT_FLOOD.
pub async fn ask(chats: &Chats, call: Call<AskRequest>) -> Result<AskResponse, Failure> {
    let live = chats.hub.listen(call.context.workspace);
    let ingested = take(chats, &call.context, &call.message).await?;
    start(chats, &call.context, &ingested, false);
    let wait = Duration::from_secs(u64::try_from(call.wait_seconds.unwrap_or(30)).unwrap_or(30));
    let turn = wait_for(chats, call.context.workspace, &ingested, live, wait).await?;
    Ok(AskResponse {
        message_id: ingested.message.to_string(),
        conversation_id: ingested.conversation.to_string(),
        turn: Some(turn),
    })
}

/// Stores a question of the API channel.
async fn take(chats: &Chats, context: &CallContext, request: &AskRequest) -> Result<Ingested, Failure> {
    let assistant = assistant(context, &request.assistant_id)?;
    let ws = context.workspace;
    let channel = api_channel(chats, context, assistant).await?;
    let incoming = Incoming {
        channel,
        assistant,
        identity_kind: "api",
        identity_scope: assistant.to_string(),
        identity: request.contact_external_id.clone(),
        name: request.contact_name.clone(),
        external_key: request.contact_external_id.clone(),
        external_id: request.external_id.clone(),
        text: request.text.clone(),
        delay_seconds: None,
        options: json!({}),
    };
    chats
        .db
        .in_workspace(context, "chats.ingest", async |tx: &mut Tx| {
            let ingested = ingest::ingest(tx, ws, &incoming).await?;
            neipix_mesh::crash::point("ingest.before_commit").await?;
            Ok::<_, Failure>(ingested)
        })
        .await
}

/// The assistant a caller means: the key's own, or the named one.
fn assistant(context: &CallContext, named: &str) -> Result<AssistantId, Failure> {
    if named.is_empty() {
        return context.assistant.ok_or_else(|| {
            Failure::new(ErrorReason::AssistantRequired, "this key may use several assistants: name one")
                .with_field("assistant_id", "must be the id of an assistant")
        });
    }
    let id: AssistantId = named.parse().map_err(|_| Failure::invalid("assistant_id", "must be a UUID"))?;
    context.sees_assistant(id)?;
    Ok(id)
}

/// The assistant's api channel; made here where its event has not come yet and the assistant exists.
async fn api_channel(
    chats: &Chats,
    context: &CallContext,
    assistant: AssistantId,
) -> Result<neipix_mesh::ChannelId, Failure> {
    let ws = context.workspace;
    let found = chats
        .db
        .in_workspace(context, "chats.api_channel", async |tx: &mut Tx| channels::store::api(tx, ws, assistant).await)
        .await?;
    if let Some(id) = found {
        return Ok(id);
    }
    // svc-assistants knows whether it exists in this workspace.
    let plan = turns::plan(chats, ws, assistant).await?;
    if plan.version == 0 {
        return Err(Failure::not_found());
    }
    chats
        .db
        .in_workspace(context, "chats.make_api_channel", async |tx: &mut Tx| {
            channels::store::keep_api(tx, ws, assistant, "published", 0).await?;
            channels::store::api(tx, ws, assistant).await?.ok_or_else(Failure::not_found)
        })
        .await
}

/// Starts a fresh turn in this process at once: a program does not wait for a worker's poll.
fn start(chats: &Chats, context: &CallContext, ingested: &Ingested, streamed: bool) {
    let Some(turn) = ingested.turn.filter(|_| !ingested.duplicate) else { return };
    let (chats, ws) = (chats.clone(), context.workspace);
    if streamed {
        chats.streaming(turn);
    }
    let tasks = chats.tasks.clone();
    tasks.spawn("turn", async move {
        match turns::begin(&chats, ws, turn).await {
            Ok(Begun::Mine(running)) => {
                if let Err(error) = turns::go(&chats, *running).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, turn.id = %turn, "turn {turn} goes on elsewhere");
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, turn.id = %turn, "turn {turn} waits"),
        }
        chats.streamed_no_more(turn);
    });
}

/// Waits until a turn has ended or is stored, at most that long.
async fn wait_for(
    chats: &Chats,
    ws: WorkspaceId,
    ingested: &Ingested,
    mut live: broadcast::Receiver<Live>,
    wait: Duration,
) -> Result<AskTurn, Failure> {
    let Some(turn) = ingested.turn else { return Ok(AskTurn::default()) };
    let until = tokio::time::Instant::now() + wait;
    loop {
        let seen = read(chats, ws, turn).await?;
        if over(&seen) || tokio::time::Instant::now() >= until {
            return Ok(seen);
        }
        let next = until.min(tokio::time::Instant::now() + LOOK);
        while let Ok(heard) = tokio::time::timeout_at(next, live.recv()).await {
            match heard {
                Ok(Live::Turn { turn: told }) if told == turn => break,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => break,
                Err(broadcast::error::RecvError::Closed) => {
                    live = chats.hub.listen(ws);
                    break;
                }
            }
        }
    }
}

fn over(turn: &AskTurn) -> bool {
    matches!(
        turn.state(),
        TurnState::Settled | TurnState::Delivered | TurnState::Skipped | TurnState::Cancelled | TurnState::Failed
    )
}

/// A turn as its asker sees it.
///
/// # Errors
/// Storage.
pub async fn read(chats: &Chats, ws: WorkspaceId, turn: TurnId) -> Result<AskTurn, Failure> {
    chats
        .db
        .in_workspace_id(ws, "chats.read_turn", async |tx: &mut Tx| {
            let row = store::turns_by_ids(tx, ws, &[turn.0]).await?.pop().ok_or_else(Failure::not_found)?;
            let mut seen = AskTurn {
                id: turn.to_string(),
                state: wire::turn_state(&row.state).into(),
                reason: row.reason.clone(),
                cost_micro_pix: row.cost,
                ..AskTurn::default()
            };
            if let Some(id) = row.answer_message_id
                && let Some(message) = store::messages_by_ids(tx, ws, &[id]).await?.pop()
            {
                seen.answered_by = message.author.clone();
                seen.citations = wire::citations(&message.citations);
                seen.answer = message.text;
            }
            if row.ended_at.is_some() {
                let attempts = store::attempts(tx, ws, turn).await?;
                seen.usage = Some(sum(attempts.iter().filter(|a| a.charged).map(|a| wire::usage(&a.usage))));
            }
            Ok(seen)
        })
        .await
}

fn sum(usages: impl Iterator<Item = neipix_proto::assistants::v1::Usage>) -> neipix_proto::assistants::v1::Usage {
    usages.fold(neipix_proto::assistants::v1::Usage::default(), |mut total, u| {
        total.input_tokens += u.input_tokens;
        total.cached_input_tokens += u.cached_input_tokens;
        total.cache_write_tokens += u.cache_write_tokens;
        total.output_tokens += u.output_tokens;
        total.estimated |= u.estimated;
        total
    })
}

/// What a stream of an answer tells.
#[derive(Debug)]
pub enum Told {
    /// The text so far.
    Partial(String),
    /// More text after so many bytes.
    Delta(i64, String),
    /// It starts over.
    Restarted,
    /// The end.
    Finished(AskTurn),
}

/// Follows a turn to its end: what is there, then what comes. Offsets make it whole whoever writes the answer.
pub async fn follow(
    chats: Chats,
    ws: WorkspaceId,
    turn: TurnId,
    mut live: broadcast::Receiver<Live>,
    out: mpsc::Sender<Result<Told, Failure>>,
) {
    let mut told = 0_i64;
    if let Some(text) = chats.hub.partial(ws, turn).filter(|t| !t.is_empty()) {
        told = i64::try_from(text.len()).unwrap_or(0);
        if out.send(Ok(Told::Partial(text))).await.is_err() {
            return;
        }
    }
    let until = tokio::time::Instant::now() + STREAM_MOST;
    loop {
        match tokio::time::timeout(LOOK, live.recv()).await {
            Ok(Ok(Live::Delta { turn: of, offset, text, .. })) if of == turn => {
                let end = offset + i64::try_from(text.len()).unwrap_or(0);
                if end <= told {
                    continue;
                }
                told = end;
                if out.send(Ok(Told::Delta(offset, text))).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(Ok(Live::Restarted { turn: of })) if of == turn => {
                told = 0;
                if out.send(Ok(Told::Restarted)).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(Ok(Live::Turn { turn: of })) if of == turn => {}
            Ok(Ok(_)) => continue,
            Ok(Err(broadcast::error::RecvError::Closed)) => live = chats.hub.listen(ws),
            Ok(Err(broadcast::error::RecvError::Lagged(_))) | Err(_) => {}
        }
        match read(&chats, ws, turn).await {
            Ok(seen) if over(&seen) => {
                let full = i64::try_from(seen.answer.len()).unwrap_or(0);
                if full > told && told >= 0 {
                    let at = usize::try_from(told).unwrap_or(0);
                    if let Some(rest) = seen.answer.get(at..) {
                        let _ = out.send(Ok(Told::Delta(told, rest.to_owned()))).await;
                    }
                }
                let _ = out.send(Ok(Told::Finished(seen))).await;
                return;
            }
            Ok(_) if tokio::time::Instant::now() > until => {
                let _ =
                    out.send(Err(Failure::unavailable("the answer takes too long; ask again with the same id"))).await;
                return;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "a followed turn cannot be read"),
        }
    }
}

/// Asks and streams.
///
/// # Errors
/// NOT_FOUND, ASSISTANT_REQUIRED, CONTACT_FLOOD.
pub async fn ask_stream(chats: &Chats, call: Call<AskRequest>) -> Result<Stream<AskEvent>, Failure> {
    let ws = call.context.workspace;
    let live = chats.hub.listen(ws);
    let ingested = take(chats, &call.context, &call.message).await?;
    start(chats, &call.context, &ingested, true);
    let accepted = Accepted {
        message_id: ingested.message.to_string(),
        conversation_id: ingested.conversation.to_string(),
        turn_id: ingested.turn.map(|t| t.to_string()).unwrap_or_default(),
    };
    let conversation_id = ingested.conversation.to_string();
    let (out, mut told) = mpsc::channel(256);
    if let Some(turn) = ingested.turn {
        let chats = chats.clone();
        let tasks = chats.tasks.clone();
        tasks.spawn("follow", follow(chats, ws, turn, live, out));
    }
    let turn_id = accepted.turn_id.clone();
    let stream = async_stream(accepted, move |told| event(told, &turn_id, &conversation_id), {
        futures::stream::poll_fn(move |cx| told.poll_recv(cx))
    });
    Ok(stream)
}

fn async_stream(
    accepted: Accepted,
    shape: impl Fn(Told) -> Event + Send + 'static,
    told: impl futures::Stream<Item = Result<Told, Failure>> + Send + 'static,
) -> Stream<AskEvent> {
    use futures::StreamExt as _;
    let first = futures::stream::iter([Ok(AskEvent { event: Some(Event::Accepted(accepted)) })]);
    Box::pin(first.chain(told.map(move |item| item.map(|told| AskEvent { event: Some(shape(told)) }))))
}

fn event(told: Told, turn_id: &str, conversation_id: &str) -> Event {
    let (turn_id, conversation_id) = (turn_id.to_owned(), conversation_id.to_owned());
    match told {
        Told::Partial(text) => {
            let offset = i64::try_from(text.len()).unwrap_or(0);
            Event::Partial(Partial { turn_id, conversation_id, text, offset })
        }
        Told::Delta(offset, text) => Event::Delta(AnswerDelta { turn_id, conversation_id, offset, text }),
        Told::Restarted => Event::Restarted(Restarted { turn_id }),
        Told::Finished(turn) => Event::Finished(turn),
    }
}
