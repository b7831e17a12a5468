//! Announcing files: sizes, names, kinds and places that are refused before a byte is uploaded.

use serde_json::json;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_taken_is_refused_when_it_is_announced() {
    let scene = Scene::set().await;
    let assistant = scene.assistant("А").await;
    let before = scene.state().await;
    let files = format!("/api/v1/assistants/{assistant}/files");
    for size in ["0", "-1"] {
        let answer = scene.owner.post(&files, json!({"name": "a.pdf", "sizeBytes": size})).await;
        answer.problem(400, "FIELD_INVALID").names("sizeBytes");
    }
    for size in [(300 << 20_i64).to_string(), (50 << 20_i64 | 1).to_string(), i64::MAX.to_string()] {
        let answer = scene.owner.post(&files, json!({"name": "a.pdf", "sizeBytes": size})).await;
        answer.problem(400, "FILE_TOO_LARGE").names("sizeBytes");
    }
    for name in ["setup.exe", "archive.zip", "pdf", "a.pdf.exe"] {
        let answer = scene.owner.post(&files, json!({"name": name, "sizeBytes": "1"})).await;
        answer.problem(400, "FILE_TYPE").names("name");
    }
    for name in ["", "a\u{0}.pdf", &"я".repeat(256)] {
        let answer = scene.owner.post(&files, json!({"name": name, "sizeBytes": "1"})).await;
        answer.problem(400, "FIELD_INVALID").names("name");
    }
    let replaced = json!({"name": "a.pdf", "sizeBytes": "1", "replacesId": uuid::Uuid::now_v7().to_string()});
    scene.owner.post(&files, replaced).await.problem(404, "NOT_FOUND");
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspaces_assistant_takes_no_file() {
    let scene = Scene::set().await;
    let stranger = scene.stranger().await;
    let assistant = scene.assistant("А").await;
    let before = scene.state().await;
    let announce = json!({"name": "a.pdf", "sizeBytes": "1"});
    let theirs = stranger.post(&format!("/api/v1/assistants/{assistant}/files"), announce.clone()).await;
    let random = format!("/api/v1/assistants/{}/files", uuid::Uuid::now_v7());
    let nobodys = stranger.post(&random, announce).await.problem(404, "NOT_FOUND");
    assert_eq!(theirs.problem(404, "NOT_FOUND").without_trace(), nobodys.without_trace());
    scene.unchanged(&before).await;
    scene.end().await;
}
