//! The middle of a turn: hold beside retrieval, the answer's stream, the claim.

use std::time::{Duration, Instant};

use neipix_mesh::{
    Failure,
    db::Tx,
    failure::{Reading, read_status},
};
use neipix_proto::{
    assistants::v1::{
        Candidate, DialogueMessage, DialogueRole, FinishKind, Finished, ReplyEvent, ReplyRequest, RetrieveRequest,
        assistant_service_client::AssistantServiceClient, reply_event::Event,
    },
    billing::v1::{HoldRequest, HoldResponse, billing_service_client::BillingServiceClient},
};
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use super::{
    HEARTBEAT, Running,
    end::{self, Said},
    handoff, inputs, step_to,
    store::{self, Attempt},
};
use crate::{Chats, turn::State};

/// A turn waits this long for billing.
const BILLING_PATIENCE: Duration = Duration::from_secs(120);
/// A turn ends after this long, whatever happens.
const WHOLE: Duration = Duration::from_secs(150);
/// How often a streaming turn looks whether it still may speak.
const GLANCE: Duration = Duration::from_millis(400);

/// What the hold allows.
struct Allowed {
    candidates: Vec<Candidate>,
    price_ids: Vec<Uuid>,
    held: bool,
    input_tokens: i32,
    output_tokens: i32,
}

/// Runs a turn from its gate to its end.
///
/// # Errors
/// Storage, a lost lease: another worker goes on.
pub async fn run(chats: &Chats, running: &Running) -> Result<(), Failure> {
    if matches!(running.row.state.as_str(), "stored") {
        return end::settle(chats, running).await;
    }
    if running.row.age > i64::try_from(WHOLE.as_secs()).unwrap_or(i64::MAX) {
        return end::give_up(chats, running, State::Failed, "timeout", true, &Said::default()).await;
    }
    let (bound_in, bound_out) = bounds(running);
    let (held, passages) = tokio::join!(hold(chats, running, bound_in, bound_out), retrieve(chats, running));
    let allowed = match held {
        Ok(allowed) => allowed,
        Err(refusal) => return refused(chats, running, refusal).await,
    };
    neipix_mesh::crash::point("turn.after_hold").await?;
    let streamed = chats.streams(running);
    if !answering(chats, running, &allowed, streamed).await? {
        return end::give_up(chats, running, State::Cancelled, "take_over", false, &Said::default()).await;
    }
    let request = request(running, &allowed, passages, streamed);
    let limit = tokio::time::timeout(WHOLE, speak(chats, running, request, streamed)).await;
    let spoken = limit.unwrap_or_else(|_| Spoken { said: Said::default(), end: Ended::Failed("timeout") });
    finish(chats, running, spoken, &allowed, streamed).await
}

/// The bound of the cost: fixed prompt, history and passages at their budgets, this turn's words, the longest answer.
fn bounds(running: &Running) -> (i32, i32) {
    let spec = running.plan.spec.clone().unwrap_or_default();
    let words: usize = inputs(&running.lines).iter().map(|t| t.chars().count()).sum();
    let own = running.row.options.get("instruction").and_then(serde_json::Value::as_str).unwrap_or_default();
    let counted = i32::try_from((words + own.chars().count()) * 10 / 22 + 16).unwrap_or(i32::MAX / 2);
    let history = if running.row.options.get("history").is_some() {
        spec.history_tokens().max(4_000)
    } else {
        spec.history_tokens()
    };
    let input = running.plan.fixed_prompt_tokens + history + spec.passage_tokens() + counted;
    let asked = running.row.options.get("max_output_tokens").and_then(serde_json::Value::as_i64);
    let most = i64::from(spec.max_output_tokens());
    (input, i32::try_from(asked.map_or(most, |n| n.clamp(1, most))).unwrap_or(700))
}

async fn hold(chats: &Chats, running: &Running, input: i32, output: i32) -> Result<Allowed, Status> {
    let free = |c: &&Candidate| c.model.is_empty();
    let models: Vec<String> = running.plan.candidates.iter().filter(|c| !free(c)).map(|c| c.model.clone()).collect();
    if models.is_empty() {
        let candidates = running.plan.candidates.clone();
        return Ok(Allowed { candidates, price_ids: vec![], held: false, input_tokens: input, output_tokens: output });
    }
    let request = HoldRequest {
        workspace_id: running.ws.to_string(),
        turn_id: running.turn.to_string(),
        assistant_id: running.dialogue.assistant_id.to_string(),
        models,
        input_tokens_max: i64::from(input),
        output_tokens_max: i64::from(output),
    };
    let held: HoldResponse =
        BillingServiceClient::new(chats.mesh.background("svc-billing")).hold(request).await?.into_inner();
    let priced = |c: &Candidate| c.model.is_empty() || held.priced.iter().any(|p| p.model == c.model);
    Ok(Allowed {
        candidates: running.plan.candidates.iter().filter(|c| priced(c)).cloned().collect(),
        price_ids: held.priced.iter().filter_map(|p| p.price_id.parse().ok()).collect(),
        held: true,
        input_tokens: input,
        output_tokens: output,
    })
}

/// The passages that fit; none where the search fails: an answer without them is better than none.
async fn retrieve(chats: &Chats, running: &Running) -> Vec<String> {
    let question: String = inputs(&running.lines).join("\n").chars().take(20_000).collect();
    let request = RetrieveRequest {
        workspace_id: running.ws.to_string(),
        assistant_id: running.dialogue.assistant_id.to_string(),
        question,
        limit: 0,
    };
    match AssistantServiceClient::new(chats.mesh.background("svc-assistants")).retrieve(request).await {
        Ok(found) => found.into_inner().passages.into_iter().map(|p| p.passage_id).collect(),
        Err(status) => {
            tracing::warn!(turn.id = %running.turn, code = ?status.code(), "the knowledge base was not searched");
            vec![]
        }
    }
}

/// Billing's no: no funds and no price end the turn; silence waits, at most two minutes, and then a person is asked.
async fn refused(chats: &Chats, running: &Running, status: Status) -> Result<(), Failure> {
    let reading: Reading = read_status(&status);
    let reason = match reading.reason_or_standard().name {
        "INSUFFICIENT_FUNDS" => "no_funds",
        "UNPRICED" => "unpriced",
        "HOLD_NOT_FOUND" => {
            return end::give_up(chats, running, State::Failed, "internal", true, &Said::default()).await;
        }
        _ if running.row.age > i64::try_from(BILLING_PATIENCE.as_secs()).unwrap_or(120) => {
            return end::give_up(chats, running, State::Failed, "billing_unavailable", true, &Said::default()).await;
        }
        _ => {
            // The lease runs out and the turn begins again.
            return Err(Failure::from(status));
        }
    };
    let (ws, turn) = (running.ws, running.turn);
    chats
        .db
        .in_workspace_id(ws, "chats.refused", async |tx: &mut Tx| {
            store::lock_dialogue(tx, ws, turn).await?;
            handoff::to_a_person(tx, ws, running.dialogue.id, reason == "no_funds").await?;
            end::skip(tx, running, reason, "").await
        })
        .await
}

/// queued → held → answering in one write. For a streamed answer this is the claim: false where somebody took over.
async fn answering(chats: &Chats, running: &Running, allowed: &Allowed, streamed: bool) -> Result<bool, Failure> {
    let (ws, turn) = (running.ws, running.turn);
    chats
        .db
        .in_workspace_id(ws, "chats.answering", async |tx: &mut Tx| {
            if streamed {
                let dialogue = store::lock_dialogue(tx, ws, turn).await?.ok_or_else(Failure::not_found)?;
                let ours = dialogue.handler == "assistant" && dialogue.handler_epoch == running.dialogue.handler_epoch;
                if !ours || dialogue.status == "closed" {
                    return Ok(false);
                }
            }
            let hold = if allowed.held { "hold_id = id" } else { "hold_id = NULL" };
            if running.row.state == "queued" {
                step_to(tx, running, State::Held, "", false, hold.to_owned()).await?;
            }
            let claim = if streamed {
                format!(", claimed_handler_epoch = {}, streamed = true", running.dialogue.handler_epoch)
            } else {
                String::new()
            };
            let set = format!("{hold}, version = {}{claim}", running.plan.version);
            step_to(tx, running, State::Answering, "", false, set).await?;
            Ok::<_, Failure>(true)
        })
        .await
}

fn request(running: &Running, allowed: &Allowed, passage_ids: Vec<String>, streamed: bool) -> ReplyRequest {
    let options = &running.row.options;
    let number = |name: &str| options.get(name).and_then(serde_json::Value::as_f64);
    let given = options.get("history").and_then(serde_json::Value::as_array);
    let history = match given {
        Some(messages) => messages.iter().filter_map(given_message).collect(),
        None => running.lines.iter().filter(|l| !l.input).filter_map(line_message).collect(),
    };
    let mut words = inputs(&running.lines);
    if words.is_empty() {
        words.push(String::from("…"));
    }
    ReplyRequest {
        workspace_id: running.ws.to_string(),
        assistant_id: running.dialogue.assistant_id.to_string(),
        version: running.plan.version,
        turn_id: running.turn.to_string(),
        epoch: running.epoch,
        history,
        inputs: words.into_iter().rev().take(100).rev().collect(),
        passage_ids,
        candidates: allowed.candidates.clone(),
        input_tokens_max: allowed.input_tokens,
        output_tokens_max: allowed.output_tokens,
        streamed,
        contact_name: running.dialogue.contact_name.chars().take(200).collect(),
        temperature: number("temperature"),
        top_p: number("top_p"),
        stop: options
            .get("stop")
            .and_then(serde_json::Value::as_array)
            .map(|s| s.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect())
            .unwrap_or_default(),
        caller_instruction: options
            .get("instruction")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    }
}

fn given_message(value: &serde_json::Value) -> Option<DialogueMessage> {
    let text = value.get("text")?.as_str()?.to_owned();
    let role = match value.get("role")?.as_str()? {
        "assistant" => DialogueRole::Assistant,
        _ => DialogueRole::Customer,
    };
    Some(DialogueMessage { role: role.into(), text })
}

fn line_message(line: &store::Line) -> Option<DialogueMessage> {
    let role = match line.author.as_str() {
        "contact" => DialogueRole::Customer,
        "assistant" => DialogueRole::Assistant,
        "operator" => DialogueRole::Operator,
        _ => return None,
    };
    Some(DialogueMessage { role: role.into(), text: line.text.clone() })
}

/// How the stream ended.
enum Ended {
    Whole,
    Cancelled(&'static str),
    Failed(&'static str),
    Lost,
}

struct Spoken {
    said: Said,
    end: Ended,
}

/// Reads the answer's stream, shows it, and watches lease and handler meanwhile.
async fn speak(chats: &Chats, running: &Running, request: ReplyRequest, streamed: bool) -> Spoken {
    let mut spoken = Spoken { said: Said::default(), end: Ended::Failed("internal") };
    let opened = AssistantServiceClient::new(chats.mesh.background("svc-assistants")).reply(request).await;
    let mut stream = match opened {
        Ok(stream) => stream.into_inner(),
        Err(status) => {
            tracing::warn!(turn.id = %running.turn, code = ?status.code(), "svc-assistants does not answer");
            spoken.end = Ended::Lost;
            return spoken;
        }
    };
    let mut glance = tokio::time::interval(GLANCE);
    glance.tick().await;
    let mut renewed = Instant::now();
    loop {
        tokio::select! {
            event = stream.message() => match event {
                Ok(Some(ReplyEvent { event: Some(event) })) => {
                    if let Some(end) = take(chats, running, event, streamed, &mut spoken.said).await {
                        spoken.end = end;
                        return spoken;
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return spoken,
                Err(_) => {
                    spoken.end = if spoken.said.text.is_empty() || !streamed { Ended::Lost } else { Ended::Failed("interrupted") };
                    return spoken;
                }
            },
            _ = glance.tick() => {
                if let Some(end) = look(chats, running, &mut renewed).await {
                    spoken.end = end;
                    return spoken;
                }
            }
        }
    }
}

/// Whether this worker may go on: its lease, and who answers.
async fn look(chats: &Chats, running: &Running, renewed: &mut Instant) -> Option<Ended> {
    let (ws, turn) = (running.ws, running.turn);
    let due = renewed.elapsed() >= HEARTBEAT;
    let seen = chats
        .db
        .in_workspace_id(ws, "chats.glance", async |tx: &mut Tx| {
            if due && !store::renew(tx, ws, turn, running.epoch).await? {
                return Ok(None);
            }
            store::glance(tx, ws, turn).await
        })
        .await;
    match seen {
        Ok(Some((handler, lease))) if lease == running.epoch => {
            if due {
                *renewed = Instant::now();
            }
            (handler != running.dialogue.handler_epoch).then_some(Ended::Cancelled("take_over"))
        }
        Ok(_) => Some(Ended::Lost),
        // Postgres is away for a moment: the lease decides when it is back.
        Err(_) => None,
    }
}

async fn take(chats: &Chats, running: &Running, event: Event, streamed: bool, said: &mut Said) -> Option<Ended> {
    match event {
        Event::Started(started) => said.attempts.push(Attempt {
            id: started.attempt_id.parse().unwrap_or_default(),
            provider: started.provider,
            model: started.model,
            usage: json!({}),
            charged: false,
            error: String::new(),
        }),
        Event::Delta(delta) => {
            said.text.push_str(&delta.text);
            if streamed {
                chats.hub.delta(running.ws, running.turn, running.dialogue.id, &delta.text);
            }
            if neipix_mesh::crash::point("turn.mid_stream").await.is_err() {
                return Some(Ended::Lost);
            }
        }
        Event::AttemptEnded(ended) => {
            if let Some(attempt) = said.attempts.iter_mut().find(|a| a.id.to_string() == ended.attempt_id) {
                let usage = ended.usage.unwrap_or_default();
                attempt.usage = json!({
                    "input": usage.input_tokens, "cached_input": usage.cached_input_tokens,
                    "cache_write": usage.cache_write_tokens, "output": usage.output_tokens, "estimated": usage.estimated,
                });
                attempt.error = ended.error;
                if !streamed && !attempt.error.is_empty() {
                    // Nobody saw it: the next provider begins anew.
                    said.text.clear();
                }
            }
        }
        Event::Handoff(handoff) => {
            said.pending = true;
            if handoff.reason == "customer_asked" {
                return Some(Ended::Cancelled("handoff"));
            }
        }
        Event::Finished(finished) => return Some(finished_with(finished, said)),
    }
    None
}

fn finished_with(finished: Finished, said: &mut Said) -> Ended {
    for attempt in &mut said.attempts {
        attempt.charged = finished.charged_attempt_ids.contains(&attempt.id.to_string());
    }
    said.citations = finished
        .citations
        .iter()
        .map(|c| {
            json!({"n": c.n, "passage_id": c.passage_id, "file_id": c.file_id, "title": c.title, "page": c.page,
                   "start": c.start, "end": c.end, "quote": c.quote})
        })
        .collect();
    let kind = finished.kind();
    said.prompt_hash = finished.prompt_hash;
    match kind {
        FinishKind::Interrupted => Ended::Failed("interrupted"),
        FinishKind::Filtered => Ended::Cancelled("handoff"),
        _ => Ended::Whole,
    }
}

async fn finish(
    chats: &Chats,
    running: &Running,
    mut spoken: Spoken,
    allowed: &Allowed,
    streamed: bool,
) -> Result<(), Failure> {
    spoken.said.price_ids = allowed.price_ids.clone();
    if !streamed {
        // Nobody has seen any of it.
        if !matches!(spoken.end, Ended::Whole) {
            spoken.said.text.clear();
        }
        if let Some(word) = chats.stopped(running, &spoken.said.text) {
            let hand_over = word == neipix_proto::assistants::v1::StopWordAction::Handoff;
            spoken.said.text.clear();
            return end::give_up(chats, running, State::Cancelled, "stop_word", hand_over, &spoken.said).await;
        }
    }
    match spoken.end {
        Ended::Lost => Err(Failure::unavailable("the turn is not finished here")),
        Ended::Failed(reason) => {
            let shown = streamed && !spoken.said.text.is_empty();
            end::give_up(chats, running, State::Failed, reason, !shown, &spoken.said).await
        }
        Ended::Cancelled(reason) => {
            let shown = streamed && !spoken.said.text.is_empty();
            let to = if shown { State::Failed } else { State::Cancelled };
            end::give_up(chats, running, to, reason, reason == "handoff", &spoken.said).await
        }
        Ended::Whole => {
            if !end::store_answer(chats, running, &spoken.said, streamed).await? {
                spoken.said.text.clear();
                return end::give_up(chats, running, State::Cancelled, "take_over", false, &spoken.said).await;
            }
            chats.hub.tell(running.ws, crate::hub::Live::Turn { turn: running.turn });
            neipix_mesh::crash::point("turn.stored").await?;
            end::settle(chats, running).await
        }
    }
}
