//! CreateFile, ConfirmFile, RetryFile, GetFile, ListFiles, UpdateFile, DeleteFile.

use chrono::Utc;
use neipix_mesh::{
    AssistantId, Call, CallContext, Failure, FileId, WorkspaceId,
    db::Tx,
    idempotency,
    jobs::{self, Job, RunAt},
    outbox, page,
};
use neipix_proto::assistants::{
    events::v1::FileStatusChanged,
    v1::{
        ConfirmFileRequest, CreateFileRequest, CreateFileResponse, DeleteFileRequest, DeleteFileResponse,
        GetFileRequest, KnowledgeFile, ListFilesRequest, ListFilesResponse, PresignedPost, RetryFileRequest,
        UpdateFileRequest,
    },
};
use serde_json::json;

use super::{
    FILE_BYTES_MAX, FILES_MAX, KnowledgeError, Status, UPLOAD_TIME, clean_name, failure, file_type,
    store::{self, After, Change, FileRow, NewFile, extract_key},
};
use crate::{
    Assistants,
    assistants::{
        self, Verb, check_etag,
        rpc::{seen, stamp},
    },
    mask,
    storage::{FORM_SECONDS, key},
};

/// Announces a file and answers the form to upload it with.
///
/// # Errors
/// FILE_TOO_LARGE, FILE_TYPE, FILE_LIMIT, ASSISTANT_STATE, STORAGE_UNAVAILABLE, NOT_FOUND.
pub async fn create(state: &Assistants, call: Call<CreateFileRequest>) -> Result<CreateFileResponse, Failure> {
    let assistant = seen(&call.context, &call.assistant_id, "assistant_id")?;
    if call.size_bytes > FILE_BYTES_MAX {
        let refused = Failure::from(KnowledgeError::TooLarge { max: FILE_BYTES_MAX });
        return Err(refused.with_field("size_bytes", format!("must be at most {FILE_BYTES_MAX}")));
    }
    let name = clean_name(&call.name);
    let declared = file_type(&name, &call.media_type)?;
    let replaces = match call.replaces_id.as_str() {
        "" => None,
        id => Some(id.parse::<FileId>().map_err(|_| Failure::invalid("replaces_id", "must be a UUID"))?),
    };
    let ws = call.context.workspace;
    idempotency::once(&state.db, &state.sealer, &call, "knowledge.create", async |tx: &mut Tx| {
        // The assistant's lock makes the count true: uploads of one assistant are announced one by one.
        let owner = assistants::store::lock(tx, ws, assistant).await?.ok_or_else(Failure::not_found)?;
        owner.status().after(Verb::Edit)?;
        if store::count(tx, ws, assistant).await? >= FILES_MAX {
            return Err(KnowledgeError::Limit.into());
        }
        if let Some(replaced) = replaces {
            store::find(tx, ws, assistant, replaced).await?.ok_or_else(Failure::not_found)?;
        }
        let id = FileId::new(Utc::now());
        let file = NewFile {
            id,
            assistant,
            name: &name,
            file_type: declared.as_str(),
            media_type: declared.media_type(),
            size_bytes: call.size_bytes,
            replaces,
        };
        let row = store::insert(tx, ws, &file, UPLOAD_TIME).await?;
        watch(tx, ws, id, RunAt::In(UPLOAD_TIME)).await?;
        tell(tx, ws, &row).await?;
        outbox::audit(tx, &call.context, &object(id), json!({"after": {"size_bytes": call.size_bytes}})).await?;
        // Signing is arithmetic, not a call: nothing waits for the storage here.
        let form = state.storage.form(&key(ws, id), call.size_bytes).await?;
        let expires = row.created_at + std::time::Duration::from_secs(u64::from(FORM_SECONDS));
        let upload = PresignedPost { url: form.url, fields: form.fields, expire_time: Some(stamp(expires)) };
        Ok(CreateFileResponse { file: Some(to_wire(row, 0)), upload: Some(upload) })
    })
    .await
}

/// Says that the upload is complete. Again is the same.
///
/// # Errors
/// FILE_NOT_UPLOADED, FILE_TOO_LARGE, FILE_STATE, STORAGE_UNAVAILABLE, NOT_FOUND.
pub async fn confirm(state: &Assistants, call: Call<ConfirmFileRequest>) -> Result<KnowledgeFile, Failure> {
    let (assistant, id) = named(&call.context, &call.assistant_id, &call.id)?;
    let ws = call.context.workspace;
    let row = load(state, &call.context, assistant, id).await?;
    if row.status() != Status::Uploading {
        return confirmed_before(state, &call.context, row).await;
    }
    let head = state.storage.head(&key(ws, id)).await?.ok_or(KnowledgeError::NotUploaded)?;
    if head.size != row.size_bytes {
        // The form refuses it already; what came by another way is not kept.
        state.storage.delete(&key(ws, id)).await?;
        return Err(if head.size > row.size_bytes {
            KnowledgeError::TooLarge { max: row.size_bytes }.into()
        } else {
            KnowledgeError::NotUploaded.into()
        });
    }
    let row = state
        .db
        .in_workspace(&call.context, "knowledge.confirm", async |tx: &mut Tx| {
            let row = store::lock(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            match row.status() {
                Status::Uploading => queue(tx, ws, &row, Some(&head.tag)).await,
                Status::Deleted => Err(Failure::not_found()),
                _ => Ok(row),
            }
        })
        .await?;
    shown(state, &call.context, row).await
}

async fn confirmed_before(state: &Assistants, context: &CallContext, row: FileRow) -> Result<KnowledgeFile, Failure> {
    match row.status() {
        Status::Failed => {
            Err(KnowledgeError::State("the file failed: retry it, or upload it again as a new one").into())
        }
        _ => shown(state, context, row).await,
    }
}

/// Tries a failed file again. One that waits or is read already stays so.
///
/// # Errors
/// FILE_STATE, NOT_FOUND.
pub async fn retry(state: &Assistants, call: Call<RetryFileRequest>) -> Result<KnowledgeFile, Failure> {
    let (assistant, id) = named(&call.context, &call.assistant_id, &call.id)?;
    let ws = call.context.workspace;
    let row = state
        .db
        .in_workspace(&call.context, "knowledge.retry", async |tx: &mut Tx| {
            store::find(tx, ws, assistant, id).await?.ok_or_else(Failure::not_found)?;
            let row = store::lock(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            match row.status() {
                Status::Queued | Status::Extracting => Ok(row),
                // What was never confirmed, or changed since, has no object to go back to.
                Status::Failed if row.object_tag.is_empty() || row.failure_reason.as_deref() == Some("changed") => {
                    Err(KnowledgeError::State("nothing usable was uploaded: upload the file again as a new one").into())
                }
                Status::Failed => queue(tx, ws, &row, None).await,
                Status::Uploading => Err(KnowledgeError::State("the file is not confirmed yet: confirm it").into()),
                Status::Ready => Err(KnowledgeError::State("the file is ready: there is nothing to retry").into()),
                Status::Deleted => Err(Failure::not_found()),
            }
        })
        .await?;
    shown(state, &call.context, row).await
}

async fn queue(tx: &mut Tx, ws: WorkspaceId, row: &FileRow, tag: Option<&str>) -> Result<FileRow, Failure> {
    let change = Change {
        status: Some(Status::Queued.as_str()),
        status_deadline: Some(None),
        failure_reason: Some(None),
        object_tag: tag,
        crashes: Some(0),
        ..Change::default()
    };
    let row = store::write(tx, ws, row.id, &change).await?;
    let job = Job {
        workspace: ws,
        kind: "file.extract",
        key: extract_key(row.id),
        payload: json!({"file_id": row.id}),
        run_at: RunAt::Now,
    };
    jobs::enqueue(tx, job).await?;
    tell(tx, ws, &row).await?;
    Ok(row)
}

/// One file.
///
/// # Errors
/// NOT_FOUND.
pub async fn get(state: &Assistants, call: Call<GetFileRequest>) -> Result<KnowledgeFile, Failure> {
    let (assistant, id) = named(&call.context, &call.assistant_id, &call.id)?;
    let row = load(state, &call.context, assistant, id).await?;
    shown(state, &call.context, row).await
}

async fn load(
    state: &Assistants,
    context: &CallContext,
    assistant: AssistantId,
    id: FileId,
) -> Result<FileRow, Failure> {
    state
        .db
        .in_workspace(context, "knowledge.get", async |tx: &mut Tx| {
            store::find(tx, context.workspace, assistant, id).await?.ok_or_else(Failure::not_found)
        })
        .await
}

/// A page of an assistant's files.
///
/// # Errors
/// NOT_FOUND, PAGE_TOKEN_INVALID.
pub async fn list(state: &Assistants, call: Call<ListFilesRequest>) -> Result<ListFilesResponse, Failure> {
    let assistant = seen(&call.context, &call.assistant_id, "assistant_id")?;
    let size = page::Size::new(call.page_size);
    let by_name = call.order_by.starts_with("name");
    let falling = call.order_by.is_empty() || call.order_by.ends_with(" desc");
    let after: Option<After> = state.pages.decode(&call.context, &call.page_token)?;
    let ws = call.context.workspace;
    let (mut rows, places) = state
        .db
        .in_workspace(&call.context, "knowledge.list", async |tx: &mut Tx| {
            assistants::store::find(tx, ws, assistant).await?.ok_or_else(Failure::not_found)?;
            let filter = (Status::from_wire(call.status()), call.q.as_str());
            let order = (by_name, falling);
            let rows = store::page(tx, (ws, assistant), filter, order, after.clone(), size.fetch()).await?;
            let places = store::places(tx, &rows).await?;
            Ok::<_, Failure>((rows, places))
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| {
        if by_name { After::Name(last.name.clone(), last.id.0) } else { After::Time(last.created_at, last.id.0) }
    });
    let place = |id: FileId| places.iter().find(|(file, _)| *file == id).map_or(0, |(_, place)| *place);
    Ok(ListFilesResponse {
        next_page_token: next.map_or_else(|| Ok(String::new()), |key| state.pages.encode(&call.context, &key))?,
        files: rows
            .into_iter()
            .map(|row| {
                let at = place(row.id);
                to_wire(row, at)
            })
            .collect(),
    })
}

/// Renames a file, or switches it off and on.
///
/// # Errors
/// NOT_FOUND, ETAG_MISMATCH, FIELD_INVALID.
pub async fn update(state: &Assistants, call: Call<UpdateFileRequest>) -> Result<KnowledgeFile, Failure> {
    let sent = call.file.clone().unwrap_or_default();
    let (assistant, id) = named(&call.context, &sent.assistant_id, &sent.id)?;
    let ws = call.context.workspace;
    let row = state
        .db
        .in_workspace(&call.context, "knowledge.update", async |tx: &mut Tx| {
            store::find(tx, ws, assistant, id).await?.ok_or_else(Failure::not_found)?;
            let row = store::lock(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            check_etag("file.etag", &sent.etag, row.etag)?;
            let stored = to_wire(row.clone(), 0);
            let mask = call.update_mask.as_ref();
            let merged =
                mask::apply("neipix.assistants.v1.KnowledgeFile", &stored, &sent, mask, &["name", "disabled"])?;
            let name = clean_name(&merged.name);
            if name.is_empty() {
                return Err(Failure::invalid("file.name", "must hold more than white space and marks"));
            }
            if name == row.name && merged.disabled == row.disabled {
                return Ok(row);
            }
            let change = Change { name: Some(&name), disabled: Some(merged.disabled), ..Change::default() };
            let after = store::write(tx, ws, id, &change).await?;
            tell(tx, ws, &after).await?;
            let detail = json!({"before": {"disabled": row.disabled}, "after": {"disabled": after.disabled}});
            outbox::audit(tx, &call.context, &object(id), detail).await?;
            Ok(after)
        })
        .await?;
    shown(state, &call.context, row).await
}

/// Deletes a file: nothing is answered from it from the next search on. Its passages stay, closed, for the record of past
/// turns; its object goes.
///
/// # Errors
/// NOT_FOUND.
pub async fn delete(state: &Assistants, call: Call<DeleteFileRequest>) -> Result<DeleteFileResponse, Failure> {
    let (assistant, id) = named(&call.context, &call.assistant_id, &call.id)?;
    let ws = call.context.workspace;
    state
        .db
        .in_workspace(&call.context, "knowledge.delete", async |tx: &mut Tx| {
            let row = store::lock(tx, ws, id).await?.filter(|row| row.assistant_id == assistant);
            let row = row.ok_or_else(Failure::not_found)?;
            if row.status() == Status::Deleted {
                return Ok(DeleteFileResponse {});
            }
            close(tx, ws, id).await?;
            outbox::audit(tx, &call.context, &object(id), json!({"before": {"status": row.status}})).await?;
            Ok(DeleteFileResponse {})
        })
        .await
}

/// Ends a file's life, with its jobs, and queues the removal of its object.
///
/// # Errors
/// Storage.
pub async fn close(tx: &mut Tx, ws: WorkspaceId, id: FileId) -> Result<(), Failure> {
    let now = store::now(tx).await?;
    let change = Change {
        status: Some(Status::Deleted.as_str()),
        status_deadline: Some(None),
        failure_reason: Some(None),
        valid_to: Some(Some(now)),
        ..Change::default()
    };
    let row = store::write(tx, ws, id, &change).await?;
    jobs::finish(tx, &extract_key(id)).await?;
    jobs::finish(tx, &watch_key(id)).await?;
    let job = Job {
        workspace: ws,
        kind: "object.delete",
        key: format!("object.delete:{id}"),
        payload: json!({"file_id": id}),
        run_at: RunAt::Now,
    };
    jobs::enqueue(tx, job).await?;
    tell(tx, ws, &row).await
}

/// Queues a look at a file when its status may have ended.
///
/// # Errors
/// Storage.
pub async fn watch(tx: &mut Tx, ws: WorkspaceId, id: FileId, run_at: RunAt) -> Result<(), Failure> {
    let payload = json!({"file_id": id});
    jobs::enqueue(tx, Job { workspace: ws, kind: "file.watch", key: watch_key(id), payload, run_at }).await
}

fn watch_key(id: FileId) -> String {
    format!("file.watch:{id}")
}

/// Tells that a file's status changed.
///
/// # Errors
/// Storage.
pub async fn tell(tx: &mut Tx, ws: WorkspaceId, row: &FileRow) -> Result<(), Failure> {
    let payload = FileStatusChanged {
        assistant_id: row.assistant_id.to_string(),
        file_id: row.id.to_string(),
        status: row.status.clone(),
        reason: row.failure_reason.clone().unwrap_or_default(),
    };
    let event =
        outbox::Event { workspace: ws, kind: "file.status_changed", object_version: row.etag, payload: &payload };
    outbox::push(tx, event).await.map(|_| ())
}

/// The ids in a path, as far as the caller may see them.
///
/// # Errors
/// FIELD_INVALID, NOT_FOUND.
pub fn named(context: &CallContext, assistant: &str, id: &str) -> Result<(AssistantId, FileId), Failure> {
    let assistant = seen(context, assistant, "assistant_id")?;
    Ok((assistant, id.parse().map_err(|_| Failure::invalid("id", "must be a UUID"))?))
}

fn object(id: FileId) -> String {
    format!("file:{id}")
}

async fn shown(state: &Assistants, context: &CallContext, row: FileRow) -> Result<KnowledgeFile, Failure> {
    if row.status() != Status::Queued {
        return Ok(to_wire(row, 0));
    }
    let list = [row.clone()];
    let places = state
        .db
        .in_workspace(context, "knowledge.place", async |tx: &mut Tx| Ok::<_, Failure>(store::places(tx, &list).await?))
        .await?;
    Ok(to_wire(row, places.first().map_or(1, |(_, place)| *place)))
}

fn to_wire(row: FileRow, place: i32) -> KnowledgeFile {
    KnowledgeFile {
        status: row.status().to_wire().into(),
        id: row.id.to_string(),
        assistant_id: row.assistant_id.to_string(),
        name: row.name,
        media_type: row.media_type,
        size_bytes: row.size_bytes,
        sha256: row.sha256.map(hex::encode).unwrap_or_default(),
        queue_position: place,
        failure: row.failure_reason.as_deref().map(failure),
        disabled: row.disabled,
        passage_count: row.passage_count,
        page_count: row.page_count,
        replaces_id: row.replaces.map(|id| id.to_string()).unwrap_or_default(),
        etag: row.etag.to_string(),
        create_time: Some(stamp(row.created_at)),
        status_deadline: row.status_deadline.map(stamp),
    }
}
