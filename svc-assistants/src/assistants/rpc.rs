//! Create, Get, List, Update, Delete, Publish, Pause, Resume.

use chrono::{DateTime, Utc};
use neipix_mesh::{AssistantId, Call, CallContext, Failure, db::Tx, idempotency, outbox, page};
use neipix_proto::assistants::{
    events::v1::AssistantChanged,
    v1::{
        Assistant, AssistantSpec, CreateAssistantRequest, DeleteAssistantRequest, GetAssistantRequest,
        ListAssistantsRequest, ListAssistantsResponse, PauseAssistantRequest, PublishAssistantRequest,
        ResumeAssistantRequest, UpdateAssistantRequest,
    },
};
use prost_types::Timestamp;
use serde_json::json;

use super::{
    ASSISTANTS_MAX, AssistantError, Status, Verb, check_etag, draft,
    store::{self, After, AssistantRow, Filter, Order},
    versions,
};
use crate::{Assistants, mask};

/// Makes an assistant.
///
/// # Errors
/// DRAFT_INVALID, ASSISTANT_LIMIT.
pub async fn create(state: &Assistants, call: Call<CreateAssistantRequest>) -> Result<Assistant, Failure> {
    if call.context.assistant.is_some() {
        return Err(Failure::not_found());
    }
    let ws = call.context.workspace;
    let spec = call.draft.clone().unwrap_or_default();
    usable(&spec, "draft")?;
    idempotency::once(&state.db, &state.sealer, &call, "assistants.create", async |tx: &mut Tx| {
        if store::count_alive(tx, ws).await? >= ASSISTANTS_MAX {
            return Err(AssistantError::Limit.into());
        }
        let row = store::insert(tx, ws, AssistantId::new(Utc::now()), &spec).await?;
        tell(tx, &call.context, &row, "assistant.created").await?;
        outbox::audit(tx, &call.context, &object(row.id), json!({"after": {"name": row.name}})).await?;
        to_wire(row)
    })
    .await
}

/// One assistant.
///
/// # Errors
/// NOT_FOUND.
pub async fn get(state: &Assistants, call: Call<GetAssistantRequest>) -> Result<Assistant, Failure> {
    let id = seen(&call.context, &call.id, "id")?;
    let row = state
        .db
        .in_workspace(&call.context, "assistants.get", async |tx: &mut Tx| {
            Ok::<_, Failure>(store::find(tx, call.context.workspace, id).await?)
        })
        .await?;
    to_wire(row.ok_or_else(Failure::not_found)?)
}

/// A page of assistants.
///
/// # Errors
/// PAGE_TOKEN_INVALID.
pub async fn list(state: &Assistants, call: Call<ListAssistantsRequest>) -> Result<ListAssistantsResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let (order, falling) = order(&call.order_by);
    let after: Option<After> = state.pages.decode(&call.context, &call.page_token)?;
    let filter = Filter { status: Status::from_wire(call.status()), q: call.q.clone(), only: call.context.assistant };
    let mut rows = state
        .db
        .in_workspace(&call.context, "assistants.list", async |tx: &mut Tx| {
            let ws = call.context.workspace;
            Ok::<_, Failure>(store::page(tx, ws, &filter, (order, falling), after.clone(), size.fetch()).await?)
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| match order {
        Order::Created => After::Time(last.created_at, last.id.0),
        Order::Updated => After::Time(last.updated_at, last.id.0),
        Order::Name => After::Name(last.name.clone(), last.id.0),
    });
    Ok(ListAssistantsResponse {
        next_page_token: next.map_or_else(|| Ok(String::new()), |key| state.pages.encode(&call.context, &key))?,
        assistants: rows.into_iter().map(to_wire).collect::<Result<_, _>>()?,
    })
}

fn order(text: &str) -> (Order, bool) {
    let falling = text.is_empty() || text.ends_with(" desc");
    match text.split(' ').next() {
        Some("update_time") => (Order::Updated, falling),
        Some("name") => (Order::Name, falling),
        _ => (Order::Created, falling),
    }
}

/// Changes the draft.
///
/// # Errors
/// NOT_FOUND, ETAG_MISMATCH, ASSISTANT_STATE, DRAFT_INVALID, FIELD_INVALID.
pub async fn update(state: &Assistants, call: Call<UpdateAssistantRequest>) -> Result<Assistant, Failure> {
    let sent = call.assistant.clone().unwrap_or_default();
    let id = seen(&call.context, &sent.id, "assistant.id")?;
    let ws = call.context.workspace;
    state
        .db
        .in_workspace(&call.context, "assistants.update", async |tx: &mut Tx| {
            let row = store::lock(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            row.status().after(Verb::Edit)?;
            check_etag("assistant.etag", &sent.etag, row.etag)?;
            let stored = Assistant { draft: Some(row.spec()?), ..Assistant::default() };
            let mask = call.update_mask.as_ref();
            let merged = mask::apply("neipix.assistants.v1.Assistant", &stored, &sent, mask, &["draft"])?;
            let (old, new) = (stored.draft.unwrap_or_default(), merged.draft.unwrap_or_default());
            if new == old {
                return to_wire(row);
            }
            usable(&new, "assistant.draft")?;
            let row = store::write_draft(tx, ws, id, &new).await?;
            tell(tx, &call.context, &row, "assistant.updated").await?;
            outbox::audit(tx, &call.context, &object(id), changes(&old, &new)).await?;
            to_wire(row)
        })
        .await
}

/// Archives.
///
/// # Errors
/// NOT_FOUND.
pub async fn archive(state: &Assistants, call: Call<DeleteAssistantRequest>) -> Result<Assistant, Failure> {
    move_to(state, &call.context, &call.id, Verb::Archive, "assistant.archived").await
}

/// Falls silent.
///
/// # Errors
/// NOT_FOUND, ASSISTANT_STATE.
pub async fn pause(state: &Assistants, call: Call<PauseAssistantRequest>) -> Result<Assistant, Failure> {
    move_to(state, &call.context, &call.id, Verb::Pause, "assistant.paused").await
}

/// Answers again.
///
/// # Errors
/// NOT_FOUND, ASSISTANT_STATE.
pub async fn resume(state: &Assistants, call: Call<ResumeAssistantRequest>) -> Result<Assistant, Failure> {
    move_to(state, &call.context, &call.id, Verb::Resume, "assistant.published").await
}

async fn move_to(
    state: &Assistants,
    context: &CallContext,
    id: &str,
    verb: Verb,
    kind: &'static str,
) -> Result<Assistant, Failure> {
    let id = seen(context, id, "id")?;
    let ws = context.workspace;
    state
        .db
        .in_workspace(context, "assistants.move", async |tx: &mut Tx| {
            let row = store::lock(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            let (before, after) = (row.status(), row.status().after(verb)?);
            if before == after {
                return to_wire(row);
            }
            let published = (row.published_version, row.published_hash.clone());
            let row = store::write_status(tx, ws, id, after, published).await?;
            tell(tx, context, &row, kind).await?;
            let detail = json!({"before": {"status": before.as_str()}, "after": {"status": after.as_str()}});
            outbox::audit(tx, context, &object(id), detail).await?;
            to_wire(row)
        })
        .await
}

/// Freezes the draft and answers with it.
///
/// # Errors
/// NOT_FOUND, ASSISTANT_STATE, DRAFT_INVALID.
pub async fn publish(state: &Assistants, call: Call<PublishAssistantRequest>) -> Result<Assistant, Failure> {
    let id = seen(&call.context, &call.id, "id")?;
    let ws = call.context.workspace;
    state
        .db
        .in_workspace(&call.context, "assistants.publish", async |tx: &mut Tx| {
            let row = store::lock(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            let (before, after) = (row.status(), row.status().after(Verb::Publish)?);
            let changed = row.published_hash.as_ref() != Some(&row.draft_hash);
            if !changed && before == after {
                return to_wire(row);
            }
            let spec = row.spec()?;
            usable(&spec, "draft")?;
            let number = row.published_version + i32::from(changed);
            if changed {
                versions::freeze(tx, ws, id, number, &spec, &call.context.actor()).await?;
            }
            let row = store::write_status(tx, ws, id, after, (number, Some(row.draft_hash))).await?;
            tell(tx, &call.context, &row, "assistant.published").await?;
            let detail = json!({"before": {"status": before.as_str()},
                "after": {"status": after.as_str(), "version": number}});
            outbox::audit(tx, &call.context, &object(id), detail).await?;
            to_wire(row)
        })
        .await
}

fn usable(spec: &AssistantSpec, prefix: &str) -> Result<(), AssistantError> {
    let problems = draft::problems(spec, prefix);
    if problems.is_empty() { Ok(()) } else { Err(AssistantError::Draft(problems)) }
}

/// An id that the caller may see at all.
///
/// # Errors
/// FIELD_INVALID, NOT_FOUND.
pub fn seen(context: &CallContext, id: &str, field: &str) -> Result<AssistantId, Failure> {
    let id: AssistantId = id.parse().map_err(|_| Failure::invalid(field, "must be a UUID"))?;
    context.sees_assistant(id)?;
    Ok(id)
}

fn object(id: AssistantId) -> String {
    format!("assistant:{id}")
}

async fn tell(tx: &mut Tx, context: &CallContext, row: &AssistantRow, kind: &'static str) -> Result<(), Failure> {
    let payload = AssistantChanged {
        assistant_id: row.id.to_string(),
        status: row.status.clone(),
        version: row.published_version,
    };
    let event = outbox::Event { workspace: context.workspace, kind, object_version: row.etag, payload: &payload };
    outbox::push(tx, event).await.map(|_| ())
}

/// Names of the fields that changed; texts stay out of the audit trail but for the name.
fn changes(old: &AssistantSpec, new: &AssistantSpec) -> serde_json::Value {
    let fields = [
        ("name", old.name != new.name),
        ("description", old.description != new.description),
        ("instruction", old.instruction != new.instruction),
        ("temperature", old.temperature != new.temperature),
        ("answer_delay_seconds", old.answer_delay_seconds != new.answer_delay_seconds),
        ("max_output_tokens", old.max_output_tokens != new.max_output_tokens),
        ("history_tokens", old.history_tokens != new.history_tokens),
        ("passage_tokens", old.passage_tokens != new.passage_tokens),
        ("schedule", old.schedule != new.schedule),
        ("stop_words", old.stop_words != new.stop_words),
        ("auto_return_minutes", old.auto_return_minutes != new.auto_return_minutes),
    ];
    let changed: Vec<&str> = fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    json!({"changed": changed, "before": {"name": old.name}, "after": {"name": new.name}})
}

fn to_wire(row: AssistantRow) -> Result<Assistant, Failure> {
    Ok(Assistant {
        id: row.id.to_string(),
        status: row.status().to_wire().into(),
        draft: Some(row.spec()?),
        published_version: row.published_version,
        unpublished_changes: row.published_hash.as_ref() != Some(&row.draft_hash),
        etag: row.etag.to_string(),
        create_time: Some(stamp(row.created_at)),
        update_time: Some(stamp(row.updated_at)),
    })
}

/// A time on the wire.
#[must_use]
pub fn stamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}
