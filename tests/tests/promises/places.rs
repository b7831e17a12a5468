//! INV-43: what lies outside Postgres says whose it is.

use std::collections::{BTreeMap, BTreeSet};

use neipix_mesh::{
    WorkspaceId,
    config::Settings,
    redis::{shard, stream_key},
};
use neipix_tests::{
    client::{Bearer, Rest},
    poll::eventually_within,
    trust,
};
use redis::aio::MultiplexedConnection;
use serde_json::json;
use svc_assistants::storage::Storage;

use crate::seed::{Seeded, ask, assistant, owner, seeded};

/// Events of the platform's own work.
const PLATFORM: WorkspaceId = WorkspaceId::PLATFORM;

async fn workspace(api: &Rest<Bearer>) -> WorkspaceId {
    api.get("/api/v1/auth/me").await.ok()["workspace"]["id"].as_str().unwrap().parse().unwrap()
}

async fn redis_of(seeded: &Seeded) -> MultiplexedConnection {
    let url = seeded.product.settings.iter().find(|(name, _)| name == "REDIS_URL").map(|(_, url)| url.clone()).unwrap();
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Whose the entries of a stream are.
async fn owners(redis: &mut MultiplexedConnection, stream: &str) -> BTreeSet<WorkspaceId> {
    let entries: Vec<(String, BTreeMap<String, Vec<u8>>)> =
        redis::cmd("XRANGE").arg(stream).arg("-").arg("+").query_async(redis).await.unwrap();
    let whose = |(id, entry): (String, BTreeMap<String, Vec<u8>>)| {
        let ws = entry.get("ws").unwrap_or_else(|| panic!("{stream} {id} is nobody's"));
        std::str::from_utf8(ws).unwrap().parse().unwrap()
    };
    entries.into_iter().map(whose).collect()
}

/// Keys that belong to no workspace: how often a person, a key or an address called, and which sessions ended. Both are
/// the same in whatever workspace they act.
fn is_nobodys(key: &str) -> bool {
    let limit = key.strip_prefix("neipix:rl:").and_then(|rest| rest.split_once(':'));
    let by = limit.is_some_and(|(_, by)| {
        by.parse::<std::net::IpAddr>().is_ok() || by.starts_with("user:") || by.starts_with("key:")
    });
    by || key == "neipix:rev:{all}" || key == "neipix:rev:{all}:alive"
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_43_keys_of_redis_entries_of_streams_and_objects_carry_their_workspace() {
    trust!("INV-43");
    let seeded = seeded(&[]).await;
    // Somebody else does the same under the same names.
    let stranger = owner(&seeded.product, &format!("vera-{}@vasilek.example", uuid::Uuid::now_v7())).await;
    let theirs = assistant(&stranger).await;
    let answered = ask(&stranger, &theirs, "m1").await;
    assert_eq!(answered["turn"]["state"], "TURN_STATE_DELIVERED", "{answered}");
    let ours = [workspace(&seeded.api).await, workspace(&stranger).await];
    let dialogues = async |api: &Rest<Bearer>| {
        let list = api.get("/api/v1/chats").await.ok();
        list["conversations"].as_array().unwrap().len()
    };
    assert_eq!((dialogues(&seeded.api).await, dialogues(&stranger).await), (1, 1));

    let mut redis = redis_of(&seeded).await;
    let wallets = ours.map(|ws| stream_key("svc-billing", shard(ws)));
    eventually_within(std::time::Duration::from_secs(15), "events of both", async || {
        let (one, other) = (owners(&mut redis, &wallets[0]).await, owners(&mut redis, &wallets[1]).await);
        (one.contains(&ours[0]) && other.contains(&ours[1])).then_some(())
    })
    .await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    for key in &keys {
        if key.starts_with("neipix:ev:") {
            for ws in owners(&mut redis, key).await {
                assert!(ws == PLATFORM || ours.contains(&ws), "{key}: {ws}");
                assert!(key.ends_with(&format!(":{{{:02x}}}", shard(ws))), "{key} is not the place of {ws}");
            }
            continue;
        }
        let carries = |ws: &WorkspaceId| key.contains(&format!(":{{{:02x}}}:{ws}:", shard(*ws)));
        assert!(ours.iter().any(carries) || is_nobodys(key), "whose is {key}?");
    }

    let settings = Settings::from_pairs("local", seeded.product.settings.clone()).unwrap();
    let storage = Storage::new(settings.s3().unwrap()).unwrap();
    let (mut objects, mut after) = (vec![], None);
    loop {
        let page = storage.list(after).await.unwrap();
        after = page.last().map(|object| object.key.clone());
        objects.extend(page.into_iter().map(|object| object.key));
        if after.is_none() {
            break;
        }
    }
    for (ws, api, assistant) in [(ours[0], &seeded.api, &seeded.assistant), (ours[1], &stranger, &theirs)] {
        let files = api.get(&format!("/api/v1/assistants/{assistant}/files")).await.ok();
        let expected: BTreeSet<String> =
            files["files"].as_array().unwrap().iter().map(|f| format!("{ws}/{}", f["id"].as_str().unwrap())).collect();
        let found: BTreeSet<String> =
            objects.iter().filter(|key| key.starts_with(&format!("{ws}/"))).cloned().collect();
        assert_eq!((found, expected.len()), (expected.clone(), 1));
        // What was searched and kept for one is not found by the other.
        let search = json!({"query": "Как вернуть товар?"});
        let passages = api.post(&format!("/api/v1/assistants/{assistant}/passages:search"), search).await.ok();
        let passages = passages["results"].as_array().unwrap();
        let own =
            |p: &serde_json::Value| expected.contains(&format!("{ws}/{}", p["passage"]["fileId"].as_str().unwrap()));
        assert!(!passages.is_empty() && passages.iter().all(own), "{passages:?}");
    }
    seeded.product.product.stop().await;
}
