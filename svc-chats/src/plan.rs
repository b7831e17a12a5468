//! What svc-assistants says about an assistant, kept for two seconds: gate, limits, candidates.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use neipix_mesh::{AssistantId, Failure, WorkspaceId, client::Mesh, failure::read_status};
use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    assistants::v1::{
        AnswerPlan, AssistantSpec, AssistantStatus, ErrorReason, GetAnswerPlanRequest,
        assistant_service_client::AssistantServiceClient,
    },
};

use crate::{gate::Schedule, stopwords::StopWords};

/// How long an answer is good.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// Assistants that are remembered.
const MOST: usize = 20_000;
/// Characters per token of a customer's words, times ten: low on purpose, since the bound must hold.
const CHARS_PER_TOKEN_X10: i64 = 22;

/// A plan, compiled.
#[derive(Debug)]
pub struct Plan {
    /// As svc-assistants gave it.
    pub answer: AnswerPlan,
    /// Working hours; none = always.
    pub schedule: Option<Schedule>,
    /// Stop words.
    pub stop_words: StopWords,
    fetched: Instant,
}

impl Plan {
    /// Compiles what svc-assistants said.
    #[must_use]
    pub fn of(answer: AnswerPlan) -> Self {
        let spec = answer.spec.clone().unwrap_or_default();
        let (stop_words, bad) = StopWords::of(&spec.stop_words);
        for problem in bad {
            tracing::error!(error = &problem as &dyn std::error::Error, "a published stop word cannot be used");
        }
        let schedule = spec.schedule.as_ref().map(Schedule::of);
        Self { answer, schedule, stop_words, fetched: Instant::now() }
    }

    /// Whether it answers at all.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.answer.status() == AssistantStatus::Published && self.answer.version > 0
    }

    fn spec(&self) -> Option<&AssistantSpec> {
        self.answer.spec.as_ref()
    }

    /// Wait after the customer's last message where people type.
    #[must_use]
    pub fn answer_delay(&self) -> Duration {
        let seconds = self.spec().and_then(|s| s.answer_delay_seconds).unwrap_or(5);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(5))
    }

    /// Minutes after which the assistant takes a dialogue back; 0 = never.
    #[must_use]
    pub fn auto_return_minutes(&self) -> i32 {
        self.spec().and_then(|s| s.auto_return_minutes).unwrap_or(30)
    }

    /// Longest answer in tokens.
    #[must_use]
    pub fn output_tokens_max(&self) -> i32 {
        self.spec().and_then(|s| s.max_output_tokens).unwrap_or(700)
    }

    /// Bound of the tokens read for words of that many characters.
    #[must_use]
    pub fn input_tokens_max(&self, characters: usize) -> i32 {
        let budget = |value: Option<i32>, usual| i64::from(value.unwrap_or(usual));
        let spec = self.spec();
        let words = (i64::try_from(characters).unwrap_or(i64::MAX / 10) * 10).div_euclid(CHARS_PER_TOKEN_X10) + 1;
        let all = i64::from(self.answer.fixed_prompt_tokens)
            + budget(spec.and_then(|s| s.history_tokens), 2_000)
            + budget(spec.and_then(|s| s.passage_tokens), 2_500)
            + words;
        i32::try_from(all).unwrap_or(i32::MAX).max(1)
    }
}

type Key = (WorkspaceId, AssistantId);
type Place = Arc<tokio::sync::Mutex<Option<Arc<Plan>>>>;

/// The plans of this process. Cheap to clone.
#[derive(Clone)]
pub struct Plans {
    mesh: Mesh,
    known: Arc<Mutex<HashMap<Key, Place>>>,
}

impl Plans {
    /// None yet.
    #[must_use]
    pub fn new(mesh: Mesh) -> Self {
        Self { mesh, known: Arc::default() }
    }

    /// The plan of an assistant, at most two seconds old. Many who ask at once cause one call.
    ///
    /// # Errors
    /// NOT_FOUND where there is no such assistant; what the call says.
    pub async fn get(&self, ws: WorkspaceId, assistant: AssistantId) -> Result<Arc<Plan>, Failure> {
        let place = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() > MOST {
                known.clear();
            }
            known.entry((ws, assistant)).or_default().clone()
        };
        let mut place = place.lock().await;
        if let Some(plan) = place.as_ref().filter(|plan| plan.fetched.elapsed() < GOOD_FOR) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(self.fetch(ws, assistant).await?);
        *place = Some(plan.clone());
        Ok(plan)
    }

    /// Forgets an assistant's plan: it changed.
    pub fn forget(&self, ws: WorkspaceId, assistant: AssistantId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&(ws, assistant));
    }

    async fn fetch(&self, ws: WorkspaceId, assistant: AssistantId) -> Result<Plan, Failure> {
        let request = GetAnswerPlanRequest { workspace_id: ws.to_string(), assistant_id: assistant.to_string() };
        let mut client = AssistantServiceClient::new(self.mesh.background("svc-assistants"));
        match client.get_answer_plan(request).await {
            Ok(answer) => Ok(Plan::of(answer.into_inner())),
            Err(status) => {
                let reading = read_status(&status);
                if reading.is(ErrorReason::NotPublished) {
                    Ok(Plan::of(AnswerPlan { status: AssistantStatus::Draft.into(), ..AnswerPlan::default() }))
                } else if reading.is(MeshReason::NotFound) {
                    Err(Failure::not_found())
                } else {
                    Err(Failure::unavailable("the assistant cannot be asked right now; try again").with_source(status))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_budgets_and_the_customers_words() {
        let spec = AssistantSpec { history_tokens: Some(100), passage_tokens: Some(300), ..AssistantSpec::default() };
        let plan = Plan::of(AnswerPlan { fixed_prompt_tokens: 50, spec: Some(spec), ..AnswerPlan::default() });
        assert_eq!(plan.input_tokens_max(0), 451);
        assert_eq!(plan.input_tokens_max(220), 551);
        assert_eq!(plan.output_tokens_max(), 700);
        assert!(!plan.answers());
    }
}
