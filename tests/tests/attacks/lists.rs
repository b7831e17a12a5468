//! E-15, E-16: pages, order and filters of lists.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::{StreamExt as _, stream};
use neipix_proto::auth::v1::PlatformRole;
use neipix_tests::{stage, trust};
use serde_json::json;

use crate::scene::Scene;

const PATH: &str = "/api/v1/assistants";

#[tokio::test(flavor = "multi_thread")]
async fn e_15_a_page_token_is_good_for_its_own_list_only() {
    trust!("E-15");
    let scene = Scene::set().await;
    let stranger = scene.stranger().await;
    for name in ["А", "Б", "В"] {
        let _ = scene.assistant(name).await;
    }
    let page = scene.owner.get(&format!("{PATH}?pageSize=1")).await.ok();
    let token = page["nextPageToken"].as_str().unwrap().to_owned();
    let next = scene.owner.get(&format!("{PATH}?pageSize=1&pageToken={token}")).await.ok();
    assert_ne!(next["assistants"][0]["id"], page["assistants"][0]["id"]);

    let before = scene.state().await;
    let mut forged = vec!["AAAA".to_owned(), "%3D".to_owned(), "a".repeat(1_000)];
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        forged.push(URL_SAFE_NO_PAD.encode(flipped));
    }
    forged.push(URL_SAFE_NO_PAD.encode(&bytes[..15]));
    for forged in forged {
        let refused = scene.owner.get(&format!("{PATH}?pageSize=1&pageToken={forged}")).await;
        refused.problem(400, "PAGE_TOKEN_INVALID").names("pageToken");
    }
    for elsewhere in [
        format!("{PATH}?pageToken={token}&q=A"),
        format!("{PATH}?pageToken={token}&orderBy=name"),
        format!("{PATH}?pageToken={token}&status=ASSISTANT_STATUS_DRAFT"),
        format!("/api/v1/api-keys?pageToken={token}"),
        format!("/api/v1/chats?pageToken={token}"),
    ] {
        scene.owner.get(&elsewhere).await.problem(400, "PAGE_TOKEN_INVALID").names("pageToken");
    }
    stranger.get(&format!("{PATH}?pageToken={token}")).await.problem(400, "PAGE_TOKEN_INVALID").names("pageToken");
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_15_a_page_has_no_negative_size_and_never_more_than_200_rows() {
    trust!("E-15");
    let scene = Scene::set().await;
    let assistant = scene.assistant("А").await;
    let path = format!("{PATH}/{assistant}/files");
    let announced = stream::iter(0..205).map(|n| {
        let (owner, path) = (scene.owner.clone(), path.clone());
        async move { owner.post(&path, json!({"name": format!("{n}.txt"), "sizeBytes": "1"})).await.ok() }
    });
    let announced = announced.buffer_unordered(8).count().await;
    assert_eq!(announced, 205);
    scene.owner.get(&format!("{path}?pageSize=-1")).await.problem(400, "FIELD_INVALID").names("pageSize");
    scene.owner.get(&format!("{path}?pageSize=1.5")).await.problem(400, "FIELD_INVALID").names("pageSize");
    scene.owner.get(&format!("{path}?pageSize=99999999999")).await.problem(400, "FIELD_INVALID").names("pageSize");
    let page = scene.owner.get(&format!("{path}?pageSize=1000000000")).await.ok();
    assert_eq!(page["files"].as_array().unwrap().len(), 200);
    assert_ne!(page["nextPageToken"], "");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_16_order_and_filters_are_no_sql() {
    trust!("E-16");
    let scene = Scene::set().await;
    let staff = stage::staff(&scene.test, "root@neipix.example", PlatformRole::Superadmin).await;
    let odd = r"100%_\' OR 1=1--";
    let assistant = scene.assistant(odd).await;
    let _ = scene.assistant("обычный").await;
    let before = scene.state().await;
    for order in ["(select pg_sleep(5))", "name;drop table assistant", "name desc, id", "NAME", "id", "name  desc"] {
        let query: String = form_urlencoded::byte_serialize(order.as_bytes()).collect();
        for path in [PATH.to_owned(), format!("{PATH}/{assistant}/files")] {
            let refused = scene.owner.get(&format!("{path}?orderBy={query}")).await;
            refused.problem(400, "FIELD_INVALID").names("orderBy");
        }
        staff.get(&format!("/api/v1/admin/users?orderBy={query}")).await.problem(400, "FIELD_INVALID").names("orderBy");
    }
    let found = async |q: &str| -> Vec<String> {
        let query: String = form_urlencoded::byte_serialize(q.as_bytes()).collect();
        let list = scene.owner.get(&format!("{PATH}?q={query}")).await.ok();
        let rows = list["assistants"].as_array().unwrap();
        rows.iter().map(|row| row["draft"]["name"].as_str().unwrap().to_owned()).collect()
    };
    for literal in [odd, r"%_\' OR 1=1--", "%_", r"\", "'", "--"] {
        assert_eq!(found(literal).await, [odd], "{literal}");
    }
    for nothing in ["%%", "__", r"\\", "%' OR '1'='1", "о_ычный", "об%"] {
        assert_eq!(found(nothing).await, Vec::<String>::new(), "{nothing}");
    }
    let users = staff.get("/api/v1/admin/users?q=%25%25").await.ok();
    assert_eq!(users["users"].as_array().unwrap().len(), 0, "{users}");
    scene.unchanged(&before).await;
    scene.end().await;
}
