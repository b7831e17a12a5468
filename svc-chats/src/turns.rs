//! The runner of turns: gate, hold, retrieve, answer, store, settle, deliver.
//!
//! Commits in sequence: two before the first token (ingest; hold), two after the last (stored; settle). A worker that dies
//! anywhere leaves a job and a lease that runs out: another goes on.

pub mod answer;
pub mod end;
pub mod handoff;
pub mod store;

use std::time::Duration;

use chrono::Utc;
use neipix_mesh::{
    Failure, MessageId, TurnId, WorkspaceId,
    db::Tx,
    failure::read_status,
    jobs::{JobEnd, JobRun},
};
use neipix_proto::assistants::v1::{
    AnswerPlan, AssistantStatus, GetAnswerPlanRequest, assistant_service_client::AssistantServiceClient,
};

use self::store::{Dialogue, Line, Say, Step, TurnRow};
use crate::{
    Chats,
    gate::{self, Gate, Question},
    hub::Live,
    turn::State,
};

/// How often a lease is renewed.
pub const HEARTBEAT: Duration = Duration::from_secs(3);
/// How long a plan is good.
const PLAN_LIFE: Duration = Duration::from_secs(2);

/// A turn in this worker's hands.
#[derive(Debug, Clone)]
pub struct Running {
    /// The workspace.
    pub ws: WorkspaceId,
    /// The turn.
    pub turn: TurnId,
    /// The lease's epoch.
    pub epoch: i64,
    /// Its dialogue, as it was when the lease was taken.
    pub dialogue: Dialogue,
    /// The turn, as it was then.
    pub row: TurnRow,
    /// The dialogue's lines.
    pub lines: Vec<Line>,
    /// What the assistant may do.
    pub plan: AnswerPlan,
}

/// How a turn may go on.
#[derive(Debug)]
pub enum Begun {
    /// It runs here now.
    Mine(Box<Running>),
    /// Nothing is left to do.
    Over,
    /// Not yet: look again after that long.
    Later(Duration),
}

/// The job behind each unfinished turn.
///
/// # Errors
/// The job comes again.
pub async fn job(chats: &Chats, run: &JobRun) -> Result<JobEnd, Failure> {
    let turn: TurnId = run.text("turn_id").parse().map_err(Failure::internal)?;
    match begin(chats, run.workspace_id, turn).await? {
        Begun::Over => Ok(JobEnd::Done),
        Begun::Later(pause) => Ok(JobEnd::Again(pause)),
        Begun::Mine(running) => {
            go(chats, *running).await?;
            // The transaction that ended the turn removed the job; otherwise the sweep looks again.
            Ok(JobEnd::Again(Duration::from_secs(2)))
        }
    }
}

/// Takes the lease and passes the gate, in one transaction.
///
/// # Errors
/// Storage; svc-assistants does not answer.
pub async fn begin(chats: &Chats, ws: WorkspaceId, turn: TurnId) -> Result<Begun, Failure> {
    let Some(assistant) = assistant_of(chats, ws, turn).await? else { return Ok(Begun::Over) };
    let plan = plan(chats, ws, assistant).await?;
    let begun = chats
        .db
        .in_workspace_id(ws, "chats.begin_turn", async |tx: &mut Tx| begin_in(tx, chats, ws, turn, &plan).await)
        .await?;
    if matches!(begun, Begun::Over) {
        chats.hub.tell(ws, Live::Turn { turn });
    }
    Ok(begun)
}

async fn begin_in(
    tx: &mut Tx,
    chats: &Chats,
    ws: WorkspaceId,
    turn: TurnId,
    plan: &AnswerPlan,
) -> Result<Begun, Failure> {
    let Some(dialogue) = store::lock_dialogue(tx, ws, turn).await? else { return Ok(Begun::Over) };
    let Some(row) = store::read(tx, ws, turn, true).await? else { return Ok(Begun::Over) };
    if row.ended {
        neipix_mesh::jobs::finish(tx, &format!("turn:{turn}")).await?;
        return Ok(Begun::Over);
    }
    if row.leased {
        return Ok(Begun::Later(Duration::from_secs(2)));
    }
    if !row.started && !row.due {
        return Ok(Begun::Later(Duration::from_millis(300)));
    }
    if store::another_runs(tx, ws, dialogue.id, turn).await? {
        return Ok(Begun::Later(Duration::from_millis(200)));
    }
    let first = !row.started;
    let epoch = store::lease(tx, ws, turn, &chats.worker).await?;
    let row = store::read(tx, ws, turn, false).await?.ok_or_else(Failure::not_found)?;
    let lines = store::lines(tx, ws, dialogue.id, turn, row.input_to_seq.unwrap_or(0)).await?;
    let running = Running { ws, turn, epoch, dialogue, row, lines, plan: plan.clone() };
    store::tell(tx, ws, if first { "turn.started" } else { "turn.restarted" }, running.dialogue.id, turn).await?;
    if running.row.state == "queued" && silenced(tx, &running).await? {
        return Ok(Begun::Over);
    }
    Ok(Begun::Mine(Box::new(running)))
}

/// Passes the gate; true where a rule silenced the turn, which then has ended.
async fn silenced(tx: &mut Tx, running: &Running) -> Result<bool, Failure> {
    let spec = running.plan.spec.clone().unwrap_or_default();
    let text = inputs(&running.lines).join("\n");
    let question = Question {
        handler: &running.dialogue.handler,
        status: running.plan.status(),
        schedule: spec.schedule.as_ref(),
        stop_words: &spec.stop_words,
        text: &text,
        away_key: &running.dialogue.away_key,
        now: Utc::now(),
    };
    let Gate::Silent { reason, reply, pending, hand_over, away_key } = gate::decide(&question) else {
        return Ok(false);
    };
    let (ws, conversation) = (running.ws, running.dialogue.id);
    let mut set = String::new();
    if let Some(reply) = &reply {
        let message = MessageId::new(Utc::now());
        let say = Say {
            author: "system",
            member: None,
            text: reply,
            citations: serde_json::json!([]),
            claimed: None,
            interrupted: false,
            turn: Some(running.turn),
        };
        store::say(tx, ws, conversation, message, &say).await?;
        crate::delivery::queue(tx, ws, &running.dialogue, message, Some(running.turn), reply).await?;
        set = format!("answer_message_id = '{message}'");
    }
    if let Some(key) = away_key {
        crate::conversations::store::set_away(tx, ws, conversation, &key).await?;
    }
    if pending || hand_over {
        handoff::to_a_person(tx, ws, conversation, hand_over).await?;
    }
    end::skip(tx, running, reason, &set).await?;
    Ok(true)
}

/// The customer's words of this turn, oldest first.
#[must_use]
pub fn inputs(lines: &[Line]) -> Vec<String> {
    lines.iter().filter(|l| l.input).map(|l| l.text.clone()).collect()
}

/// Answers a turn and ends it, whatever happens on the way.
///
/// # Errors
/// Storage, a lost lease: the turn stays for another worker.
pub async fn go(chats: &Chats, running: Running) -> Result<(), Failure> {
    let (ws, turn) = (running.ws, running.turn);
    let result = answer::run(chats, &running).await;
    chats.hub.forget(ws, turn);
    chats.hub.tell(ws, Live::Turn { turn });
    result
}

async fn assistant_of(
    chats: &Chats,
    ws: WorkspaceId,
    turn: TurnId,
) -> Result<Option<neipix_mesh::AssistantId>, Failure> {
    chats
        .db
        .in_workspace_id(ws, "chats.assistant_of_turn", async |tx: &mut Tx| {
            crate::conversations::store::assistant_of_turn(tx, ws, turn).await
        })
        .await
}

/// The assistant's plan, remembered for two seconds. One that was never published answers nobody.
///
/// # Errors
/// svc-assistants does not answer.
pub async fn plan(chats: &Chats, ws: WorkspaceId, assistant: neipix_mesh::AssistantId) -> Result<AnswerPlan, Failure> {
    if let Some(plan) = chats.plans.get(ws, assistant, PLAN_LIFE) {
        return Ok(plan);
    }
    let request = GetAnswerPlanRequest { workspace_id: ws.to_string(), assistant_id: assistant.to_string() };
    let mut assistants = AssistantServiceClient::new(chats.mesh.background("svc-assistants"));
    let plan = match assistants.get_answer_plan(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let name = read_status(&status).reason_or_standard().name;
            if name != "NOT_PUBLISHED" && name != "NOT_FOUND" {
                return Err(status.into());
            }
            AnswerPlan { status: AssistantStatus::Draft.into(), ..AnswerPlan::default() }
        }
    };
    chats.plans.put(ws, assistant, plan.clone());
    Ok(plan)
}

/// Ends a turn that never answered; its hold, if any, is released by a durable job.
///
/// # Errors
/// Storage.
pub async fn step_to(
    tx: &mut Tx,
    running: &Running,
    to: State,
    reason: &str,
    ends: bool,
    set: String,
) -> Result<(), Failure> {
    let step = Step { turn: running.turn, epoch: running.epoch, to, reason, ends, set };
    store::step(tx, running.ws, &step).await
}
