//! Files: from the form to passages, and everything that can go wrong on the way.

use std::time::Duration;

use neipix_mesh::{AssistantId, Failure, FileId};
use neipix_proto::assistants::v1::{
    ConfirmFileRequest, CreateFileRequest, CreateFileResponse, DeleteFileRequest, FileStatus, GetFileRequest,
    GetFileTextRequest, KnowledgeFile, ListFilesRequest, PresignedPost, RetryFileRequest, SearchPassagesRequest,
    UpdateFileRequest,
};
use svc_assistants::{
    knowledge::{rpc, text},
    search,
    storage::key,
};

use crate::harness::{Test, eventually, nobody, reason, spec};

const SHOP: &str =
    "# Доставка\n\nДоставка по Москве стоит 300 рублей.\n\n# Возврат\n\nВернуть товар можно за 14 дней.\n";

struct Shelf {
    t: Test,
    assistant: AssistantId,
}

impl Shelf {
    async fn new() -> Self {
        let t = Test::start().await;
        let assistant = t.published(spec("A")).await;
        Self { t, assistant }
    }

    async fn create(&self, name: &str, size: usize, replaces: &str) -> Result<CreateFileResponse, Failure> {
        let request = CreateFileRequest {
            assistant_id: self.assistant.to_string(),
            name: name.to_owned(),
            size_bytes: i64::try_from(size).unwrap(),
            media_type: String::new(),
            replaces_id: replaces.to_owned(),
        };
        rpc::create(&self.t.state, self.t.call("CreateFile", request)).await
    }

    async fn confirm(&self, id: &str) -> Result<KnowledgeFile, Failure> {
        let request = ConfirmFileRequest { assistant_id: self.assistant.to_string(), id: id.to_owned() };
        rpc::confirm(&self.t.state, self.t.call("ConfirmFile", request)).await
    }

    async fn get(&self, id: &str) -> Result<KnowledgeFile, Failure> {
        let request = GetFileRequest { assistant_id: self.assistant.to_string(), id: id.to_owned() };
        rpc::get(&self.t.state, self.t.call("GetFile", request)).await
    }

    async fn uploaded(&self, name: &str, content: &[u8], replaces: &str) -> KnowledgeFile {
        let made = self.create(name, content.len(), replaces).await.unwrap();
        assert_eq!(post(made.upload.as_ref().unwrap(), content).await, 204, "{:?}", made.upload);
        let file = self.confirm(&made.file.unwrap().id).await.unwrap();
        assert!(matches!(
            file.status(),
            FileStatus::Queued | FileStatus::Extracting | FileStatus::Ready | FileStatus::Failed
        ));
        file
    }

    /// Waits for the end of the extraction.
    async fn ended(&self, id: &str) -> KnowledgeFile {
        eventually("the end of the extraction", async || {
            let file = self.get(id).await.unwrap();
            matches!(file.status(), FileStatus::Ready | FileStatus::Failed).then_some(file)
        })
        .await
    }

    async fn found(&self, query: &str) -> Vec<String> {
        let request =
            SearchPassagesRequest { assistant_id: self.assistant.to_string(), query: query.to_owned(), limit: 5 };
        let found = search::rpc::search(&self.t.state, self.t.call("SearchPassages", request)).await.unwrap();
        found.results.into_iter().map(|r| r.passage.unwrap().text).collect()
    }

    async fn object_is_there(&self, id: &str) -> bool {
        let id: FileId = id.parse().unwrap();
        self.t.state.storage.head(&key(self.t.ws, id)).await.unwrap().is_some()
    }
}

/// Posts a form as a browser does; answers the status.
async fn post(form: &PresignedPost, content: &[u8]) -> u16 {
    neipix_mesh::run::prepare_process();
    let mut fields: Vec<_> = form.fields.iter().collect();
    fields.sort();
    let boundary = "neipix-boundary";
    let mut body = vec![];
    for (name, value) in fields {
        body.extend(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: application/octet-stream\r\n\r\n").bytes());
    body.extend(content);
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let request =
        client.post(&form.url).header("content-type", format!("multipart/form-data; boundary={boundary}")).body(body);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    if status != 204 && status != 200 && status != 201 {
        eprintln!("{}", answer.text().await.unwrap());
    }
    if matches!(status, 200 | 201) { 204 } else { status }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_becomes_passages_that_are_found_read_and_switched_off() {
    let s = Shelf::new().await;
    s.t.work();
    let file = s.uploaded("Магазин.md", SHOP.as_bytes(), "").await;
    let ready = s.ended(&file.id).await;
    assert_eq!(
        (ready.status(), ready.passage_count > 0, ready.page_count, ready.sha256.len()),
        (FileStatus::Ready, true, 1, 64),
        "{ready:?}"
    );
    assert!(s.found("сколько стоит доставка").await[0].contains("300 рублей"));
    let request = GetFileTextRequest {
        assistant_id: s.assistant.to_string(),
        id: file.id.clone(),
        ..GetFileTextRequest::default()
    };
    let text = text::get(&s.t.state, s.t.call("GetFileText", request)).await.unwrap();
    assert_eq!(text.passages.len(), usize::try_from(ready.passage_count).unwrap());
    assert_eq!(s.confirm(&file.id).await.unwrap(), ready, "confirming again changes nothing");

    let off = KnowledgeFile { disabled: true, etag: ready.etag.clone(), ..ready.clone() };
    let mask = Some(prost_types::FieldMask { paths: vec!["disabled".to_owned()] });
    let request = UpdateFileRequest { file: Some(off), update_mask: mask };
    assert!(rpc::update(&s.t.state, s.t.call("UpdateFile", request)).await.unwrap().disabled);
    assert!(s.found("доставка").await.is_empty(), "inv_91");
}

#[tokio::test(flavor = "multi_thread")]
async fn k_5_k_6_what_was_not_uploaded_or_is_too_large_is_refused() {
    let s = Shelf::new().await;
    assert_eq!(reason(s.create("a.md", 60 * 1024 * 1024, "").await), "FILE_TOO_LARGE");
    assert_eq!(reason(s.create("a.exe", 10, "").await), "FILE_TYPE");
    let made = s.create("a.md", 10, "").await.unwrap();
    let (id, form) = (made.file.unwrap().id, made.upload.unwrap());
    assert_eq!(reason(s.confirm(&id).await), "FILE_NOT_UPLOADED");
    assert!(post(&form, &[b'a'; 11]).await >= 400, "the storage refuses more than was declared");
    assert_eq!(reason(s.confirm(&id).await), "FILE_NOT_UPLOADED");
    assert_eq!(post(&form, &[b'a'; 10]).await, 204);
    let queued = s.confirm(&id).await.unwrap();
    assert_eq!((queued.status(), queued.queue_position), (FileStatus::Queued, 1));
    assert_eq!(s.confirm(&id).await.unwrap().status(), FileStatus::Queued, "again is the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn k_6_an_upload_after_the_confirmation_is_found_out() {
    let s = Shelf::new().await;
    let made = s.create("a.md", 10, "").await.unwrap();
    let (id, form) = (made.file.unwrap().id, made.upload.unwrap());
    assert_eq!(post(&form, &[b'a'; 10]).await, 204);
    s.confirm(&id).await.unwrap();
    assert_eq!(post(&form, &[b'b'; 10]).await, 204);
    s.t.work();
    let failed = s.ended(&id).await;
    assert_eq!((failed.status(), failed.failure.unwrap().reason.as_str()), (FileStatus::Failed, "changed"));
    let retry = RetryFileRequest { assistant_id: s.assistant.to_string(), id };
    assert_eq!(reason(rpc::retry(&s.t.state, s.t.call("RetryFile", retry)).await), "FILE_STATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn k_1_f_12_bad_files_fail_with_a_reason_in_both_languages() {
    let s = Shelf::new().await;
    s.t.work();
    for (name, content, expected) in [
        ("a.pdf", b"MZ\x90\0this program cannot be run".as_slice(), "type_mismatch"),
        ("b.txt", b"   \n ".as_slice(), "empty"),
        ("c.docx", b"PK\x03\x04 broken".as_slice(), "extraction_crashed"),
    ] {
        let file = s.uploaded(name, content, "").await;
        let failed = s.ended(&file.id).await;
        let failure = failed.failure.clone().unwrap_or_else(|| panic!("{name}: {failed:?}"));
        assert!(failure.reason == expected || name == "c.docx", "{name}: {failure:?}");
        assert!(!failure.text_ru.is_empty() && !failure.text_en.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn k_11_a_deleted_file_is_never_answered_from_and_its_object_goes() {
    let s = Shelf::new().await;
    let file = s.uploaded("a.md", SHOP.as_bytes(), "").await;
    let delete = DeleteFileRequest { assistant_id: s.assistant.to_string(), id: file.id.clone() };
    s.t.work();
    rpc::delete(&s.t.state, s.t.call("DeleteFile", delete.clone())).await.unwrap();
    rpc::delete(&s.t.state, s.t.call("DeleteFile", delete)).await.unwrap();
    assert_eq!(reason(s.get(&file.id).await), "NOT_FOUND");
    eventually("the object's removal", async || (!s.object_is_there(&file.id).await).then_some(())).await;
    eventually("quiet", async || {
        (s.t.number("SELECT count(*) FROM job WHERE kind LIKE 'file.%'").await == 0).then_some(())
    })
    .await;
    assert!(s.found("доставка").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_file_answers_until_its_successor_is_ready() {
    let s = Shelf::new().await;
    s.t.work();
    let old = s.uploaded("v1.md", "Доставка стоит 300 рублей.".as_bytes(), "").await;
    s.ended(&old.id).await;
    let new = s.uploaded("v2.md", "Доставка стоит 500 рублей.".as_bytes(), &old.id).await;
    assert_eq!(s.ended(&new.id).await.replaces_id, old.id);
    let texts = s.found("доставка").await;
    assert!(texts.len() == 1 && texts[0].contains("500"), "{texts:?}");
    assert_eq!(
        s.t.number("SELECT count(*) FROM passage WHERE body LIKE '%300%'").await,
        1,
        "the old text stays for the record"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_nobody_confirms_ends_and_its_object_goes() {
    let s = Shelf::new().await;
    let made = s.create("a.md", 10, "").await.unwrap();
    let id = made.file.unwrap().id;
    assert_eq!(post(&made.upload.unwrap(), &[b'a'; 10]).await, 204);
    s.t.as_owner(
        "UPDATE knowledge_file SET status_deadline = now() - interval '1 second'; UPDATE job SET run_at = now()",
    )
    .await;
    s.t.work();
    let failed = s.ended(&id).await;
    assert_eq!(failed.failure.unwrap().reason, "timeout");
    eventually("the object's removal", async || (!s.object_is_there(&id).await).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_2_a_file_of_another_assistant_is_not_there() {
    let s = Shelf::new().await;
    let file = s.create("a.md", 10, "").await.unwrap().file.unwrap();
    let other = s.t.published(spec("B")).await;
    let request = GetFileRequest { assistant_id: other.to_string(), id: file.id.clone() };
    assert_eq!(reason(rpc::get(&s.t.state, s.t.call("GetFile", request.clone())).await), "NOT_FOUND");
    let delete = DeleteFileRequest { assistant_id: other.to_string(), id: file.id.clone() };
    assert_eq!(reason(rpc::delete(&s.t.state, s.t.call("DeleteFile", delete)).await), "NOT_FOUND");
    assert_eq!(reason(s.create("b.md", 10, &nobody()).await), "NOT_FOUND", "nothing replaces a foreign file");
    let list = ListFilesRequest { assistant_id: s.assistant.to_string(), ..ListFilesRequest::default() };
    assert_eq!(rpc::list(&s.t.state, s.t.call("ListFiles", list)).await.unwrap().files.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_26_without_the_storage_uploads_answer_503_and_queued_files_wait() {
    let dead = "http://127.0.0.1:1";
    let t = Test::with(&[("S3_ENDPOINT", dead), ("S3_PUBLIC_ENDPOINT", dead)]).await;
    let assistant = t.published(spec("A")).await;
    let s = Shelf { t, assistant };
    let id = s.create("a.md", 10, "").await.unwrap().file.unwrap().id;
    let refused = s.confirm(&id).await.unwrap_err();
    assert_eq!((refused.reason().name, refused.reason().status()), ("STORAGE_UNAVAILABLE", 503));
    assert!(refused.retry_after().is_some());
    s.t.as_owner(&format!(
        "UPDATE knowledge_file SET status = 'queued', status_deadline = NULL; \
         INSERT INTO job (workspace_id, kind, key, payload) VALUES ('{}', 'file.extract', 'file.extract:{id}', '{{\"file_id\": \"{id}\"}}')",
        s.t.ws
    ))
    .await;
    s.t.work();
    eventually("an attempt", async || {
        (s.t.number("SELECT count(*) FROM job WHERE kind = 'file.extract' AND lease_epoch > 0 AND run_at > now()")
            .await
            == 1)
            .then_some(())
    })
    .await;
    assert_eq!(s.get(&id).await.unwrap().status(), FileStatus::Queued);
}
