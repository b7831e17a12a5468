//! The workers of knowledge files: reading, watching deadlines, removing objects. Every step is harmless to repeat, and a
//! worker that lost its file to another, or to a deletion, writes nothing.

use std::{io::Cursor, time::Duration};

use bytes::Bytes;
use neipix_mesh::{
    Failure, FileId, WorkspaceId,
    db::Tx,
    jobs::{JobEnd, JobRun, RunAt},
};
use sha2::{Digest as _, Sha256};

use super::{
    CRASHES_MAX, EXTRACTION_TIME, Status,
    rpc::{close, tell, watch},
    store::{self, Change, FileRow},
};
use crate::{
    Assistants,
    extraction::{Extracted, ExtractionFailure, Extractor, FileType},
    passages,
    storage::{FORM_SECONDS, Head, key, of_key},
};

/// Pause while the storage does not answer: the file waits, it does not fail.
const STORAGE_PAUSE: Duration = Duration::from_secs(5);
/// Pause before a child that died is started again.
const CRASH_PAUSE: Duration = Duration::from_secs(1);
/// How often objects without a row are looked for.
const SWEEP_PAUSE: Duration = Duration::from_secs(3_600);
/// Younger objects may still get their row.
const ORPHAN_AGE: chrono::TimeDelta = chrono::TimeDelta::hours(24);

fn file_of(run: &JobRun) -> Result<FileId, Failure> {
    run.text("file_id").parse().map_err(Failure::internal)
}

/// Job `file.extract`.
///
/// # Errors
/// Storage; the job is tried again.
pub async fn extract(state: &Assistants, extractor: &Extractor, run: &JobRun) -> Result<JobEnd, Failure> {
    let (ws, id) = (run.workspace_id, file_of(run)?);
    let found = state
        .db
        .in_workspace_id(ws, "knowledge.extract_find", async |tx: &mut Tx| {
            Ok::<_, Failure>(store::lock(tx, ws, id).await?)
        })
        .await?;
    let Some(row) = found.filter(|r| matches!(r.status(), Status::Queued | Status::Extracting)) else {
        return Ok(JobEnd::Done);
    };
    // Read before the clock of the extraction starts: while the storage is gone, files wait.
    let (head, bytes) = match fetch(state, ws, id).await {
        Ok(Some(fetched)) => fetched,
        Ok(None) => return fail(state, ws, &row, "storage").await,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, file.id = %id, "file {id} waits for the storage");
            return Ok(JobEnd::Again(STORAGE_PAUSE));
        }
    };
    let hash = Sha256::digest(&bytes).to_vec();
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let is_other = row.sha256.as_ref().is_some_and(|before| *before != hash);
    if size != row.size_bytes || head.tag != row.object_tag || is_other {
        return fail(state, ws, &row, "changed").await;
    }
    let Some(row) = begin(state, ws, id).await? else { return Ok(JobEnd::Done) };
    let extractor = extractor.clone();
    let Some(declared) = FileType::parse(&row.file_type) else { return fail(state, ws, &row, "unsupported").await };
    let length = u64::try_from(size).unwrap_or(0);
    let read = tokio::task::spawn_blocking(move || extractor.extract(declared, length, Cursor::new(bytes)));
    match read.await.map_err(Failure::internal)? {
        Ok(extracted) => ready(state, ws, &row, &extracted, &hash).await,
        Err(failure) => failed(state, ws, &row, &failure).await,
    }
}

async fn fetch(
    state: &Assistants,
    ws: WorkspaceId,
    id: FileId,
) -> Result<Option<(Head, Bytes)>, crate::storage::StorageError> {
    let Some(head) = state.storage.head(&key(ws, id)).await? else { return Ok(None) };
    Ok(state.storage.read(&key(ws, id)).await?.map(|bytes| (head, bytes)))
}

/// Starts the clock; none where the file is somebody else's or nobody's by now.
async fn begin(state: &Assistants, ws: WorkspaceId, id: FileId) -> Result<Option<FileRow>, Failure> {
    state
        .db
        .in_workspace_id(ws, "knowledge.extract_begin", async |tx: &mut Tx| {
            let Some(row) = store::lock(tx, ws, id).await? else { return Ok(None) };
            if !matches!(row.status(), Status::Queued | Status::Extracting) {
                return Ok(None);
            }
            let change = Change {
                status: Some(Status::Extracting.as_str()),
                status_deadline: Some(Some(store::now(tx).await? + EXTRACTION_TIME)),
                run: Some(row.run + 1),
                ..Change::default()
            };
            let row = store::write(tx, ws, id, &change).await?;
            watch(tx, ws, id, RunAt::In(EXTRACTION_TIME)).await?;
            tell(tx, ws, &row).await?;
            Ok::<_, Failure>(Some(row))
        })
        .await
}

async fn ready(
    state: &Assistants,
    ws: WorkspaceId,
    mine: &FileRow,
    extracted: &Extracted,
    hash: &[u8],
) -> Result<JobEnd, Failure> {
    for warning in &extracted.warnings {
        tracing::info!(file.id = %mine.id, warning, "file {} was read with a remark", mine.id);
    }
    let cut = passages::split(&extracted.pages);
    if cut.list.is_empty() {
        return fail(state, ws, mine, "empty").await;
    }
    let whole = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    state
        .db
        .in_workspace_id(ws, "knowledge.extract_ready", async |tx: &mut Tx| {
            let Some(row) = still_mine(tx, ws, mine).await? else { return Ok(()) };
            store::add_passages(tx, ws, (row.assistant_id, row.id, row.run), &cut.list).await?;
            let change = Change {
                status: Some(Status::Ready.as_str()),
                status_deadline: Some(None),
                sha256: Some(Some(hash)),
                valid_from: Some(Some(store::now(tx).await?)),
                crashes: Some(0),
                passage_count: Some(whole(cut.list.len())),
                page_count: Some(whole(extracted.pages.len())),
                ..Change::default()
            };
            let row = store::write(tx, ws, row.id, &change).await?;
            // The upload form may work a little longer: whoever uses it again is found out after it ended.
            watch(tx, ws, row.id, RunAt::In(Duration::from_secs(u64::from(FORM_SECONDS) + 60))).await?;
            tell(tx, ws, &row).await?;
            if let Some(replaced) = row.replaces.map(FileId)
                && let Some(old) = store::lock(tx, ws, replaced).await?
                && old.status() != Status::Deleted
            {
                close(tx, ws, replaced).await?;
            }
            Ok::<_, Failure>(())
        })
        .await?;
    Ok(JobEnd::Done)
}

async fn still_mine(tx: &mut Tx, ws: WorkspaceId, mine: &FileRow) -> Result<Option<FileRow>, Failure> {
    let row = store::lock(tx, ws, mine.id).await?;
    Ok(row.filter(|row| row.status() == Status::Extracting && row.run == mine.run))
}

async fn failed(
    state: &Assistants,
    ws: WorkspaceId,
    mine: &FileRow,
    failure: &ExtractionFailure,
) -> Result<JobEnd, Failure> {
    tracing::warn!(file.id = %mine.id, reason = failure.reason.as_str(), "file {} gave no text", mine.id);
    if !failure.reason.may_pass_on_retry() || mine.crashes + 1 >= CRASHES_MAX {
        return fail(state, ws, mine, failure.reason.as_str()).await;
    }
    let again = state
        .db
        .in_workspace_id(ws, "knowledge.extract_again", async |tx: &mut Tx| {
            let Some(row) = still_mine(tx, ws, mine).await? else { return Ok(false) };
            let change = Change {
                status: Some(Status::Queued.as_str()),
                status_deadline: Some(None),
                crashes: Some(row.crashes + 1),
                ..Change::default()
            };
            let row = store::write(tx, ws, row.id, &change).await?;
            tell(tx, ws, &row).await?;
            Ok::<_, Failure>(true)
        })
        .await?;
    Ok(if again { JobEnd::Again(CRASH_PAUSE) } else { JobEnd::Done })
}

/// Ends a file with a reason, if it still stands where it was seen.
async fn fail(state: &Assistants, ws: WorkspaceId, seen: &FileRow, reason: &str) -> Result<JobEnd, Failure> {
    state
        .db
        .in_workspace_id(ws, "knowledge.fail", async |tx: &mut Tx| {
            let Some(row) = store::lock(tx, ws, seen.id).await? else { return Ok(()) };
            if row.run != seen.run || matches!(row.status(), Status::Deleted | Status::Failed) {
                return Ok(());
            }
            let change = Change {
                status: Some(Status::Failed.as_str()),
                status_deadline: Some(None),
                failure_reason: Some(Some(reason)),
                valid_from: Some(None),
                ..Change::default()
            };
            let row = store::write(tx, ws, row.id, &change).await?;
            tell(tx, ws, &row).await
        })
        .await?;
    Ok(JobEnd::Done)
}

/// Job `file.watch`: ends a status whose time is over, and looks once whether a ready file's object is still the same.
///
/// # Errors
/// Storage; the job is tried again.
pub async fn watch_file(state: &Assistants, run: &JobRun) -> Result<JobEnd, Failure> {
    let (ws, id) = (run.workspace_id, file_of(run)?);
    let (found, now) = state
        .db
        .in_workspace_id(ws, "knowledge.watch", async |tx: &mut Tx| {
            Ok::<_, Failure>((store::lock(tx, ws, id).await?, store::now(tx).await?))
        })
        .await?;
    let Some(row) = found else { return Ok(JobEnd::Done) };
    if row.status() == Status::Ready {
        let head = state.storage.head(&key(ws, id)).await?;
        let is_same = head.is_some_and(|h| h.tag == row.object_tag && h.size == row.size_bytes);
        return if is_same { Ok(JobEnd::Done) } else { fail(state, ws, &row, "changed").await };
    }
    let Some(deadline) = row.status_deadline else { return Ok(JobEnd::Done) };
    if deadline > now {
        return Ok(JobEnd::Again((deadline - now).to_std().unwrap_or_default()));
    }
    let end = fail(state, ws, &row, "timeout").await?;
    if row.status() == Status::Uploading {
        // What was never confirmed is of no use to anybody.
        state.storage.delete(&key(ws, id)).await?;
    }
    Ok(end)
}

/// Job `object.delete`: removes the object of a deleted file.
///
/// # Errors
/// Storage; the job is tried again.
pub async fn delete_object(state: &Assistants, run: &JobRun) -> Result<JobEnd, Failure> {
    state.storage.delete(&key(run.workspace_id, file_of(run)?)).await?;
    Ok(JobEnd::Done)
}

/// Job `objects.sweep`: removes objects that have had no row for a day.
///
/// # Errors
/// Storage; the job is tried again.
pub async fn sweep(state: &Assistants) -> Result<JobEnd, Failure> {
    let mut after = None;
    loop {
        let page = state.storage.list(after.clone()).await?;
        let Some(last) = page.last() else { return Ok(JobEnd::Again(SWEEP_PAUSE)) };
        after = Some(last.key.clone());
        for object in page {
            let old = chrono::DateTime::parse_from_rfc3339(&object.modified)
                .is_ok_and(|at| chrono::Utc::now().signed_duration_since(at) > ORPHAN_AGE);
            let Some((ws, id)) = of_key(&object.key).filter(|_| old) else { continue };
            let held = state
                .db
                .in_workspace_id(ws, "knowledge.sweep", async |tx: &mut Tx| {
                    Ok::<_, Failure>(store::holds_object(tx, ws, id).await?)
                })
                .await?;
            if !held {
                tracing::warn!(object.key = object.key, "object {} has no file and is removed", object.key);
                state.storage.delete(&object.key).await?;
            }
        }
    }
}
