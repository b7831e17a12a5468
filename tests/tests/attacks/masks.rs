//! E-14: update masks that reach too far.

use neipix_tests::trust;
use serde_json::json;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn e_14_a_mask_reaches_only_what_people_edit() {
    trust!("E-14");
    let scene = Scene::set().await;
    let id = scene.assistant("А").await;
    let path = format!("/api/v1/assistants/{id}");
    let made = scene.owner.get(&path).await.ok();
    let before = scene.state().await;
    let body = json!({"draft": {"name": "Б"}, "etag": "*"});
    let thousand = vec!["id"; 1_000].join(",");
    let deep = vec!["draft"; 1_000].join(".");
    for mask in [
        "*",
        "draft.*",
        "id,workspaceId",
        "id",
        "workspaceId",
        "status",
        "draft.name,createTime",
        "etag",
        &thousand,
        &deep,
    ] {
        let refused = scene.owner.patch(&format!("{path}?updateMask={mask}"), body.clone()).await;
        refused.problem(400, "FIELD_INVALID").names("updateMask");
    }
    scene.unchanged(&before).await;

    // Output-only fields may stand in the body, as a client sends back what it read; they never change.
    let mut sent = made.clone();
    sent["draft"]["name"] = json!("Б");
    sent["status"] = json!("ASSISTANT_STATUS_PUBLISHED");
    sent["publishedVersion"] = json!(7);
    sent["createTime"] = json!("2001-01-01T00:00:00Z");
    for mask in ["", "?updateMask=draft.name"] {
        sent["etag"] = json!("*");
        let answer = scene.owner.patch(&format!("{path}{mask}"), sent.clone()).await;
        if answer.status == 400 {
            answer.problem(400, "FIELD_INVALID");
        }
        let read = scene.owner.get(&path).await.ok();
        for field in ["id", "status", "publishedVersion", "createTime"] {
            assert_eq!(read[field], made[field], "{field} after {mask:?}: {answer}");
        }
    }
    scene.end().await;
}
