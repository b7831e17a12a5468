//! E-17: Idempotency-Key.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use neipix_tests::{
    client::{Bearer, Rest, Surface},
    poll::eventually_within,
    proxy::{Mode, Proxy},
    trust,
};
use serde_json::{Value, json};

use crate::{process::Process, scene::Scene};

const PATH: &str = "/api/v1/assistants";

fn draft(name: &str) -> Value {
    json!({"draft": {"name": name}})
}

async fn names(owner: &Rest<Bearer>) -> Vec<String> {
    let list = owner.get(&format!("{PATH}?orderBy=name")).await.ok();
    list["assistants"].as_array().unwrap().iter().map(|a| a["draft"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_a_key_gives_the_first_answer_again_and_refuses_another_body() {
    trust!("E-17");
    let scene = Scene::set().await;
    let first = scene.owner.post_once(PATH, "key-1", draft("А")).await.ok();
    let before = scene.state().await;
    let again = scene.owner.post_once(PATH, "key-1", draft("А")).await.ok();
    assert_eq!(again, first);
    // Another spelling of the same request is the same request.
    let spelt = json!({"draft": {"stopWords": [], "name": "А"}});
    assert_eq!(scene.owner.post_once(PATH, "key-1", spelt).await.ok(), first);
    scene.owner.post_once(PATH, "key-1", draft("Б")).await.problem(422, "IDEMPOTENCY_KEY_REUSED");
    scene.unchanged(&before).await;
    for bad in ["", " ", "a b", &"k".repeat(256)] {
        let refused = scene.owner.clone().with_header("idempotency-key", bad).post(PATH, draft("В")).await;
        refused.problem(400, "FIELD_INVALID").names("Idempotency-Key");
    }
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_parallel_calls_with_one_key_have_one_effect() {
    trust!("E-17");
    let scene = Scene::set().await;
    let answers = join_all((0..20).map(|_| scene.owner.post_once(PATH, "key-1", draft("А")))).await;
    let mut made = vec![];
    for answer in answers {
        if answer.status == 409 {
            answer.problem(409, "IDEMPOTENCY_IN_PROGRESS");
        } else {
            made.push(answer.ok());
        }
    }
    assert!(!made.is_empty() && made.iter().all(|answer| *answer == made[0]), "{made:?}");
    assert_eq!(names(&scene.owner).await, ["А"]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_another_caller_has_keys_of_their_own() {
    trust!("E-17");
    let scene = Scene::set().await;
    let stranger = scene.stranger().await;
    let mine = scene.owner.post_once(PATH, "key-1", draft("А")).await.ok();
    let theirs = stranger.post_once(PATH, "key-1", draft("Б")).await.ok();
    assert_ne!(mine["id"], theirs["id"]);
    assert_eq!((names(&scene.owner).await, names(&stranger).await), (vec!["А".to_owned()], vec!["Б".to_owned()]));

    // The same person by an API key is another principal; another rpc is another scope.
    let key = json!({"name": "K", "permissions": ["knowledge.write", "knowledge.read"]});
    let made = scene.owner.post_once("/api/v1/api-keys", "key-1", key.clone()).await.ok();
    let by_key = scene.owner.api_key(made["secret"].as_str().unwrap());
    let file = json!({"name": "a.txt", "sizeBytes": "1"});
    let files = format!("{PATH}/{}/files", mine["id"].as_str().unwrap());
    let by_person = scene.owner.post_once(&files, "key-1", file.clone()).await.ok();
    let by_key = by_key.post_once(&files, "key-1", file).await.ok();
    assert_ne!(by_person["file"]["id"], by_key["file"]["id"]);

    // An answer with a secret is never kept: the repeat names what was made.
    let refused = scene.owner.post_once("/api/v1/api-keys", "key-1", key).await.problem(409, "ALREADY_DONE");
    assert!(refused.json["object"].as_str().unwrap().contains(made["apiKey"]["id"].as_str().unwrap()), "{refused:?}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_a_refusal_is_not_kept() {
    trust!("E-17");
    let scene = Scene::set().await;
    let before = scene.state().await;
    scene.owner.post_once(PATH, "key-1", draft("")).await.problem(400, "FIELD_INVALID").names("draft.name");
    scene.owner.post_once(PATH, "key-1", json!({"draft": 1})).await.problem(400, "FIELD_INVALID").names("draft");
    scene.unchanged(&before).await;
    let made = scene.owner.post_once(PATH, "key-1", draft("А")).await.ok();
    assert_eq!(made["draft"]["name"], "А");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_a_kill_after_the_commit_leaves_the_first_answer() {
    trust!("E-17");
    let scene = Scene::set().await;
    let settings = serde_json::to_string(&scene.test.settings).unwrap();
    let replica = Process::start(&["--beside", &settings]).await;
    let proxy = Proxy::start(replica.address).await.unwrap();
    proxy.set(Mode::DropResponses).await;
    let host = format!("api.localhost:{}", scene.test.product.address.port());
    let caller = Rest::at(proxy.addr(), Surface::Api).with_host(&host).bearer(&scene.owner.caller().0);
    let caller = caller.with_header("idempotency-key", "key-1");

    // Committed, the answer lost, the process killed.
    let lost = tokio::spawn(async move { caller.try_call(Method::POST, PATH, Some(draft("А"))).await });
    eventually_within(Duration::from_secs(20), "the commit", async || {
        (names(&scene.owner).await == ["А"]).then_some(())
    })
    .await;
    replica.kill().await;
    proxy.cut();
    assert!(lost.await.unwrap().is_err(), "the answer came through");

    let before = scene.state().await;
    let again = scene.owner.post_once(PATH, "key-1", draft("А")).await.ok();
    let list = scene.owner.get(PATH).await.ok();
    assert_eq!(list["assistants"], json!([again]));
    scene.owner.post_once(PATH, "key-1", draft("Б")).await.problem(422, "IDEMPOTENCY_KEY_REUSED");
    scene.unchanged(&before).await;
    scene.end().await;
}
