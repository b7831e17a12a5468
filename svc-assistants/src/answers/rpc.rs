//! Reply: reads what the answer needs, where the search has not just read it, then streams.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use neipix_mesh::{AssistantId, Call, CallContext, Failure, PassageId, Stream, db::Tx};
use neipix_proto::assistants::v1::{AssistantSpec, DialogueRole, ReplyEvent, ReplyRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    attempt::Ready,
    prompt::{self, Ingredients, Material, Prompt},
    run::{Outlet, Run, order, shorter},
};
use crate::{
    Assistants,
    assistants::with_defaults,
    openai::{Question, Target},
    providers::{FIRST_TOKEN_TIMEOUT_MS, store::ProviderRow},
    search::store::{PassageRow, live_passages},
};

/// Events that may wait for a slow caller.
const EVENTS_WAITING_MAX: usize = 64;
/// Most tokens of an answer, whatever a caller asks.
const OUTPUT_TOKENS_MAX: i32 = 8_000;

/// Answers as a stream.
///
/// # Errors
/// NOT_PUBLISHED, FIELD_INVALID.
pub async fn reply(state: &Assistants, call: Call<ReplyRequest>) -> Result<Stream<ReplyEvent>, Failure> {
    let receiver = begin(state, &call.context, call.message.clone(), None).await?;
    Ok(Box::pin(ReceiverStream::new(receiver).map(Ok)))
}

/// Begins an answer: the live turn's and the test dialogue's. With `draft` instead of the version that the request names.
///
/// # Errors
/// NOT_PUBLISHED, FIELD_INVALID.
pub async fn begin(
    state: &Assistants,
    context: &CallContext,
    request: ReplyRequest,
    draft: Option<Arc<AssistantSpec>>,
) -> Result<mpsc::Receiver<ReplyEvent>, Failure> {
    let assistant: AssistantId =
        request.assistant_id.parse().map_err(|_| Failure::invalid("assistant_id", "must be a UUID"))?;
    let turn = request.turn_id.parse().map_err(|_| Failure::invalid("turn_id", "must be a UUID"))?;
    let ids = request
        .passage_ids
        .iter()
        .map(|id| id.parse::<PassageId>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Failure::invalid("passage_ids", "must be UUIDs"))?;
    let ws = context.workspace;
    let (spec, passages, providers) = state
        .db
        .read(context, "answers.read", async |tx: &mut Tx| {
            // What is known costs no statement, and no statement no transaction.
            let spec = match &draft {
                Some(draft) => draft.clone(),
                None => state.versions.get(tx, ws, assistant, request.version).await?,
            };
            let known = (state.recent.passages(ws, assistant, &ids), enabled(state, &request));
            let (passages, providers) = match known {
                (Some(passages), Some(providers)) => return Ok((spec, passages, providers)),
                _ => {
                    futures::future::join(live_passages(tx, ws, assistant, &ids), crate::providers::store::enabled(tx))
                        .await
                }
            };
            let providers = providers?;
            state.recent.enabled(&providers);
            Ok::<_, Failure>((spec, passages?, providers))
        })
        .await?;
    let spec = with_defaults((*spec).clone());
    let today = today(&spec, Utc::now());
    let output_tokens_max =
        request.output_tokens_max.min(spec.max_output_tokens.unwrap_or(OUTPUT_TOKENS_MAX)).clamp(1, OUTPUT_TOKENS_MAX);
    let tokens_max = i64::from(request.input_tokens_max);
    let full = build(&request, &spec, &passages, &today, tokens_max);
    let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
    let run = Run {
        outlet: Outlet::new(sender),
        turn,
        epoch: request.epoch,
        candidates: candidates(state, &request, providers)?,
        shorter: build(&request, &spec, &passages, &today, shorter(tokens_max).min(tokens_max)),
        question: Question {
            messages: vec![],
            temperature: request.temperature.or(spec.temperature).unwrap_or(0.3).clamp(0.0, 1.0),
            top_p: request.top_p.map(|p| p.clamp(0.0, 1.0)),
            stop: request.stop.iter().filter(|s| !s.is_empty()).take(4).cloned().collect(),
            output_tokens_max,
        },
        prompt: full,
        asked: request.inputs.join("\n"),
        switched_off: switched_off(&request.passage_ids, &passages),
        passages,
        streamed: request.streamed,
        state: state.clone(),
    };
    state.tasks.spawn("answer", run.run());
    Ok(receiver)
}

/// Passages that were found, and may not be answered from any more.
fn switched_off(asked: &[String], there: &[PassageRow]) -> Vec<String> {
    asked.iter().filter(|id| there.iter().all(|row| row.id.to_string() != **id)).cloned().collect()
}

/// The enabled providers as they were a moment ago, where all asked ones are among them: one may be new.
fn enabled(state: &Assistants, request: &ReplyRequest) -> Option<Vec<ProviderRow>> {
    let rows = state.recent.providers()?;
    let known = |id: &str| rows.iter().any(|row| row.id.to_string() == id);
    request.candidates.iter().all(|candidate| known(&candidate.provider_id)).then_some(rows)
}

fn build(
    request: &ReplyRequest,
    spec: &AssistantSpec,
    passages: &[PassageRow],
    today: &str,
    tokens_max: i64,
) -> Prompt {
    let materials: Vec<Material<'_>> =
        passages.iter().map(|p| Material { title: &p.file_name, page: p.page, text: &p.indexed }).collect();
    let history: Vec<(DialogueRole, &str)> = request.history.iter().map(|m| (m.role(), m.text.as_str())).collect();
    prompt::build(&Ingredients {
        instruction: &prompt::fill(&spec.instruction, &request.contact_name, &spec.name, today),
        caller_instruction: &request.caller_instruction,
        materials: &materials,
        history: &history,
        inputs: &request.inputs,
        tokens_max,
        history_tokens_max: i64::from(spec.history_tokens.unwrap_or(0)),
        material_tokens_max: i64::from(spec.passage_tokens.unwrap_or(0)),
    })
}

/// The asked candidates that are enabled now and still sell the model that was asked for: its price was held.
fn candidates(state: &Assistants, request: &ReplyRequest, rows: Vec<ProviderRow>) -> Result<Vec<Ready>, Failure> {
    let mut known = HashMap::new();
    for row in rows {
        let asked = request
            .candidates
            .iter()
            .any(|c| c.provider_id == row.id.to_string() && (row.is_extractive() || c.model == row.model));
        if asked {
            known.insert(row.id.to_string(), ready(state, row)?);
        }
    }
    let asked: Vec<String> = request.candidates.iter().map(|c| c.provider_id.clone()).collect();
    Ok(order(&asked, known))
}

/// A provider made ready to be called.
///
/// # Errors
/// INTERNAL where its key does not open.
pub fn ready(state: &Assistants, row: ProviderRow) -> Result<Ready, Failure> {
    let key = match &row.sealed_key {
        Some(sealed) => Some(state.sealer.open_text(&row.seal_context(), sealed)?),
        None => None,
    };
    let timeout = if row.first_token_timeout_ms == 0 { FIRST_TOKEN_TIMEOUT_MS } else { row.first_token_timeout_ms };
    Ok(Ready {
        id: row.id,
        etag: row.etag,
        target: (!row.is_extractive()).then_some(Target { base_url: row.base_url, model: row.model, key }),
        name: row.name,
        first_token: Duration::from_millis(u64::try_from(timeout).unwrap_or(0)),
    })
}

/// The day where the company is.
fn today(spec: &AssistantSpec, now: DateTime<Utc>) -> String {
    let zone = spec.schedule.as_ref().and_then(|s| s.time_zone.parse().ok()).unwrap_or(chrono_tz::Europe::Moscow);
    now.with_timezone(&zone).format("%Y-%m-%d").to_string()
}
