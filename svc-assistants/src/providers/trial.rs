//! TestProvider: one short question, and what came of it.

use std::time::Instant;

use neipix_mesh::{Call, Failure, ProviderId, db::Tx};
use neipix_proto::assistants::v1::{TestProviderRequest, TestProviderResponse};

use super::{HealthKey, breaker::Outcome, store};
use crate::{
    Assistants,
    answers::rpc::ready,
    openai::{self, CallError, ErrorKind, Event, Message, Question, Role, Target},
};

/// Tries when a model names parameters that it refuses.
const TRIES: usize = 4;
/// Characters of the answer that are told.
const TEXT_CHARS_MAX: usize = 200;

/// Asks a provider for one short answer. A failure is an answer too: `ok` is false.
///
/// # Errors
/// NOT_FOUND.
pub async fn test(state: &Assistants, call: Call<TestProviderRequest>) -> Result<TestProviderResponse, Failure> {
    let id: ProviderId = call.id.parse().map_err(|_| Failure::invalid("id", "must be a UUID"))?;
    let row = state
        .db
        .in_workspace(&call.context, "providers.test", async |tx: &mut Tx| {
            store::find(tx, id).await?.ok_or_else(Failure::not_found)
        })
        .await?;
    let ready = ready(state, row)?;
    let Some(target) = &ready.target else {
        let text = "The built-in answerer needs no network".to_owned();
        return Ok(TestProviderResponse { ok: true, text, ..TestProviderResponse::default() });
    };
    let key = HealthKey { provider: ready.id.0, etag: ready.etag };
    for _ in 0..TRIES {
        match ask(state, target, &key, ready.first_token).await {
            Ok(answer) => {
                // Staff mended what was broken: customers need not wait for the pause to end.
                state.health.of(&key, |known| known.breaker.report(Outcome::Good, Instant::now()));
                return Ok(answer);
            }
            Err(error) => {
                let parameter = error.parameter.clone().unwrap_or_default();
                if !state.health.of(&key, |known| known.quirks.note(&parameter)) {
                    let error = error.kind.as_str().to_owned();
                    return Ok(TestProviderResponse { ok: false, error, ..TestProviderResponse::default() });
                }
            }
        }
    }
    Ok(TestProviderResponse { ok: false, error: ErrorKind::BadRequest.as_str().to_owned(), ..Default::default() })
}

async fn ask(
    state: &Assistants,
    target: &Target,
    key: &HealthKey,
    first_token: std::time::Duration,
) -> Result<TestProviderResponse, CallError> {
    let question = Question {
        messages: vec![Message { role: Role::User, content: "Answer with the single word: ready".to_owned() }],
        temperature: 0.0,
        top_p: None,
        stop: vec![],
        output_tokens_max: 64,
    };
    let quirks = state.health.of(key, |known| known.quirks);
    let started = Instant::now();
    let mut call = openai::Call::start(&state.egress, target, &question, quirks, first_token.min(super::TRIAL)).await?;
    let mut answer = TestProviderResponse::default();
    while let Some(event) = call.next().await {
        match event {
            Event::Delta(text) => {
                if answer.text.is_empty() {
                    answer.first_token_ms = i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX).max(1);
                }
                answer.text.push_str(&text);
            }
            Event::Failed(error) => return Err(error),
            Event::Finished(_) => answer.ok = !answer.text.is_empty(),
            Event::Usage(_) | Event::ToolCall { .. } => {}
        }
    }
    answer.text = answer.text.chars().take(TEXT_CHARS_MAX).collect();
    if !answer.ok {
        return Err(CallError::new(ErrorKind::Server, "an answer without text"));
    }
    Ok(answer)
}
