//! Changes of who answers: take over, return, close, auto-return. All under the dialogue's lock.

use std::time::Duration;

use chrono::Utc;
use neipix_mesh::{
    ConversationId, Failure, TurnId, UserId, WorkspaceId,
    db::Tx,
    jobs::{self, Job, JobEnd, JobRun, RunAt},
};

use super::store::{self, Also, Locked};
use crate::{
    Chats,
    conversation::{Handler, Standing, Status, auto_return_at},
    gate::look,
    turn::{
        Notes, Reason, State,
        store::end::{self, Ending},
    },
};

/// Turns whose worker must look whether it may go on.
pub type Touched = Vec<TurnId>;

/// Ends what runs in a dialogue and is not claimed, since who answers there is about to change; answers the turns whose workers
/// must look.
async fn silence(
    tx: &mut Tx,
    ws: WorkspaceId,
    locked: &mut Locked,
    reason: Reason,
    next: Standing,
) -> Result<Touched, Failure> {
    let notes = Notes::new(locked.standing.epoch);
    if reason == Reason::TakeOver {
        notes.decided([look::silenced_by_person(next.epoch)]);
    }
    let record = notes.encoded();
    let mut touched = vec![];
    for turn in store::open_turns(tx, ws, locked.id).await? {
        touched.push(turn.id);
        if turn.claimed {
            // A whole message goes out; a stream is cut by its worker.
            continue;
        }
        let ending = Ending {
            turn: turn.id,
            epoch: None,
            state: State::Cancelled,
            reason,
            // One that has not started surely holds nothing.
            release: turn.started,
            says: None,
            away_since: None,
            to_person: false,
            pending: false,
            attempts: &[],
            record: &record,
        };
        end::end(tx, ws, locked, &ending).await?;
    }
    Ok(touched)
}

fn auto_return_key(id: ConversationId) -> String {
    format!("auto_return:{id}")
}

async fn watch_operator(tx: &mut Tx, ws: WorkspaceId, id: ConversationId, minutes: i32) -> Result<(), Failure> {
    let Some(minutes) = u64::try_from(minutes).ok().filter(|m| *m > 0) else { return Ok(()) };
    let job = Job {
        workspace: ws,
        kind: "conversation.auto_return",
        key: auto_return_key(id),
        payload: serde_json::json!({ "conversation_id": id }),
        run_at: RunAt::In(Duration::from_secs(minutes * 60)),
    };
    jobs::enqueue(tx, job).await
}

/// An operator takes over: the assistant falls silent at once.
///
/// # Errors
/// Storage.
pub async fn take_over(
    tx: &mut Tx,
    ws: WorkspaceId,
    locked: &mut Locked,
    member: UserId,
    auto_return_minutes: i32,
) -> Result<Touched, Failure> {
    let touched = silence(tx, ws, locked, Reason::TakeOver, locked.standing.taken_by(member)).await?;
    let standing = locked.standing.taken_by(member);
    store::write(tx, ws, locked, standing, Also { operator: true, ..Also::default() }).await?;
    watch_operator(tx, ws, locked.id, auto_return_minutes).await?;
    Ok(touched)
}

/// An operator gave a sign of life.
///
/// # Errors
/// Storage.
pub async fn still_here(
    tx: &mut Tx,
    ws: WorkspaceId,
    id: ConversationId,
    auto_return_minutes: i32,
) -> Result<(), Failure> {
    watch_operator(tx, ws, id, auto_return_minutes).await
}

/// The assistant has it again, and answers what nobody answered.
///
/// # Errors
/// Storage.
pub async fn give_back(tx: &mut Tx, ws: WorkspaceId, locked: &mut Locked) -> Result<(), Failure> {
    let was = locked.standing.handler;
    let standing = locked.standing.returned();
    store::write(tx, ws, locked, standing, Also { new_context: true, ..Also::default() }).await?;
    jobs::finish(tx, &auto_return_key(locked.id)).await?;
    if was != Handler::Assistant {
        store::open_for_unanswered(tx, ws, locked, TurnId::new(Utc::now())).await?;
    }
    Ok(())
}

/// Closes it: nothing more is said.
///
/// # Errors
/// Storage.
pub async fn close(tx: &mut Tx, ws: WorkspaceId, locked: &mut Locked) -> Result<Touched, Failure> {
    if locked.standing.status == Status::Closed {
        return Ok(vec![]);
    }
    let touched = silence(tx, ws, locked, Reason::Closed, locked.standing.closed()).await?;
    let standing = locked.standing.closed();
    store::write(tx, ws, locked, standing, Also { new_context: true, ..Also::default() }).await?;
    jobs::finish(tx, &auto_return_key(locked.id)).await?;
    Ok(touched)
}

/// Job `conversation.auto_return`: the assistant takes the dialogue back when its operator has been silent for long enough.
///
/// # Errors
/// Storage; the assistant cannot be asked.
pub async fn auto_return(chats: Chats, run: JobRun) -> Result<JobEnd, Failure> {
    let id: ConversationId = run.text("conversation_id").parse().map_err(Failure::internal)?;
    let ws = run.workspace_id;
    let assistant = chats
        .db
        .in_workspace_id(ws, "chats.auto_return_of", async |tx: &mut Tx| {
            Ok::<_, Failure>(store::lock(tx, ws, id).await?.map(|l| l.assistant))
        })
        .await?;
    let Some(assistant) = assistant else { return Ok(JobEnd::Done) };
    let minutes = chats.plans.get(ws, assistant).await?.auto_return_minutes();
    chats
        .db
        .in_workspace_id(ws, "chats.auto_return", async |tx: &mut Tx| {
            let Some(mut locked) = store::lock(tx, ws, id).await? else { return Ok(JobEnd::Done) };
            let seen = store::operator_at(tx, ws, id).await?;
            match auto_return_at(locked.standing.handler, seen, minutes) {
                None => Ok(JobEnd::Done),
                Some(at) if at > locked.now => {
                    Ok(JobEnd::Again((at - locked.now).to_std().unwrap_or(Duration::from_secs(1))))
                }
                Some(_) => {
                    give_back(tx, ws, &mut locked).await?;
                    tracing::info!(conversation.id = %id, "the assistant has dialogue {id} again: its operator was silent");
                    Ok(JobEnd::Done)
                }
            }
        })
        .await
}
