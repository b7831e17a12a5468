//! Sessions that end, rights that shrink, refresh tokens that come back: everywhere within two seconds.

use std::time::{Duration, Instant};

use neipix_proto::{access::v1::Surface as Audience, auth::v1::Role, methods};
use neipix_tests::{
    client::{Browser, Mailbox, Rest, Surface},
    faces::rest_calls,
    poll::eventually_within,
    trust,
};
use prost_reflect::DynamicMessage;
use serde_json::json;
use uuid::Uuid;

use crate::{
    mesh::in_mesh,
    open::open_doors_close,
    place::{PASSWORD, Place, env, fresh_email},
    tokens::{probed, welcome},
    world::{make_key, member},
};

/// The promise for revocations and changes of rights.
pub const WITHIN: Duration = Duration::from_secs(2);

/// From a change on it holds within two seconds: nothing that is asked later finds the old state. What was asked before may
/// take its time, as it does on a busy machine.
pub async fn within_two_seconds(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let changed = Instant::now();
    loop {
        let asked = changed.elapsed();
        if holds().await {
            return;
        }
        assert!(asked < WITHIN, "{what}: the old state was found {asked:?} after the change");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// From a change on, the token is answered with a reason at every door within two seconds.
async fn becomes(place: &Place, token: &str, status: u16, reason: &str) {
    within_two_seconds(reason, async || {
        let all = probed(place, token).await;
        all.iter().all(|(_, s, r)| (*s, r.as_str()) == (status, reason))
    })
    .await;
}

/// A browser that signed in, with its access token.
async fn signed_in(place: &Place, email: &str) -> (Rest<Browser>, String) {
    let browser = place.rest(Surface::App).browser();
    let tokens = browser.post("/api/v1/auth/login", json!({"email": email, "password": PASSWORD})).await.ok();
    (browser, tokens["accessToken"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_4_after_a_log_out_the_token_ends_at_every_service_and_at_the_edge() {
    trust!("A-4");
    let place = Place::one_process_with(&[]).await;
    a_log_out_ends_its_token(&place).await;
    a_revoked_key_ends(&place).await;
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_19_a_demoted_members_live_token_loses_its_rights_at_every_service_and_at_the_edge() {
    trust!("A-19");
    let place = Place::one_process_with(&[]).await;
    a_demotion_takes_rights(&place).await;
    place.stop().await;
}

#[test]
fn p_9_what_ends_or_shrinks_does_so_within_two_seconds_at_every_process_edge_and_socket() {
    trust!("A-4", "A-19", "R-3", "P9");
    in_mesh(async |place, _| {
        a_log_out_ends_its_token(place).await;
        a_revoked_key_ends(place).await;
        a_demotion_takes_rights(place).await;
        open_doors_close(place).await;
    });
}

async fn a_log_out_ends_its_token(place: &Place) {
    let email = fresh_email();
    let _ = member(place, &email, None).await;
    let (browser, ended) = signed_in(place, &email).await;
    let (_, other) = signed_in(place, &email).await;
    welcome(place, &ended).await;
    let _ = browser.post("/api/v1/auth/logout", json!({})).await.ok();
    becomes(place, &ended, 401, "SESSION_REVOKED").await;
    welcome(place, &other).await;
    let again = browser.post("/api/v1/auth/refresh", json!({})).await;
    let _ = again.problem(401, "REFRESH_INVALID");
}

/// As a key and as the token that it was exchanged for.
async fn a_revoked_key_ends(place: &Place) {
    let email = fresh_email();
    let _ = member(place, &email, None).await;
    let owner = place.login(&email, Audience::Api).await.access_token;
    let api = place.rest(Surface::Api).bearer(&owner);
    let (id, key) = make_key(&api, &["chats.read"], None).await;
    let token = place.exchange(&key).await;
    let paths = ["/neipix.chats.v1.ConversationService/ListConversations"];
    let asked = async || {
        let mut all = statuses(place, &token, &paths).await;
        all.extend(statuses(place, &key, &paths).await);
        all
    };
    assert!(asked().await.iter().all(|status| *status == 200));
    let _ = api.delete(&format!("/api/v1/api-keys/{id}")).await.ok();
    within_two_seconds("the key is refused", async || asked().await.iter().all(|status| *status == 401)).await;
}

async fn a_demotion_takes_rights(place: &Place) {
    let workspace = member(place, &fresh_email(), None).await;
    let email = fresh_email();
    let _ = member(place, &email, Some((&workspace, Role::Manager))).await;
    let token = place.login(&email, Audience::Api).await.access_token;
    // A manager's key narrows with its maker.
    let (_, key) = make_key(&place.rest(Surface::Api).bearer(&token), &["chats.read", "knowledge.write"], None).await;
    let changing = [
        "/neipix.auth.v1.AuthService/ListApiKeys",
        "/neipix.billing.v1.BillingService/GetWallet",
        "/neipix.assistants.v1.AssistantService/DeleteAssistant",
        "/neipix.chats.v1.ConversationService/Close",
    ];
    let before = statuses(place, &token, &changing).await;
    assert!(before.iter().all(|status| *status == 200 || *status == 404), "{before:?}");
    let _ = member(place, &email, Some((&workspace, Role::Viewer))).await;
    let gone = async || statuses(place, &token, &changing).await.iter().all(|status| *status == 403);
    within_two_seconds("the rights are gone", gone).await;
    let readable = ["/neipix.chats.v1.ConversationService/ListConversations"];
    assert!(statuses(place, &token, &readable).await.iter().all(|status| *status == 200), "a viewer reads on");
    assert!(statuses(place, &key, &readable).await.iter().all(|status| *status == 200));
    let writing = ["/neipix.assistants.v1.KnowledgeService/DeleteFile"];
    assert!(statuses(place, &key, &writing).await.iter().all(|status| *status == 403), "a viewer's key writes nothing");
}

/// What comes of rpcs on rows that nobody has, at each process and each edge; a key is known at the edge only.
async fn statuses(place: &Place, credential: &str, paths: &[&str]) -> Vec<u16> {
    let mut all = Vec::new();
    for view in place.views() {
        for path in paths {
            let method: &'static neipix_proto::Method = methods().get(path).unwrap();
            let mut request = DynamicMessage::new(method.descriptor.input());
            for name in ["assistant_id", "id"] {
                if method.descriptor.input().get_field_by_name(name).is_some() {
                    request.set_field_by_name(name, prost_reflect::Value::String(Uuid::now_v7().to_string()));
                }
            }
            let call = rest_calls(method, &request).remove(0);
            if !credential.starts_with("npk_") {
                all.push(view.direct("edge", method, &request, Some(credential)).await);
            }
            all.push(view.rest_call(Surface::Api, &call, Some(credential)).await);
        }
    }
    for outcome in &all {
        let right = match outcome.short() {
            // The edge asks for a revoked key's token and gets none.
            (401, "TOKEN_INVALID") => credential.starts_with("npk_"),
            (401, reason) => reason == "SESSION_REVOKED",
            (403, reason) => reason == "PERMISSION_DENIED",
            _ => true,
        };
        assert!(right, "{outcome:?}");
    }
    all.iter().map(|outcome| outcome.short().0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_5_a_stolen_cookie_that_comes_back_ends_the_session_for_both() {
    trust!("A-5");
    let place = Place::one_process_with(&[]).await;
    let email = fresh_email();
    let _ = member(&place, &email, None).await;
    let (browser, access) = signed_in(&place, &email).await;
    let stolen = browser.caller().cookies();
    for _ in 0..2 {
        let _ = browser.post("/api/v1/auth/refresh", json!({})).await.ok();
    }
    let cookie = format!("{}={}", stolen[0].name, stolen[0].value);
    let thief = place.rest(Surface::App).with_header("cookie", &cookie);
    let _ = thief.post("/api/v1/auth/refresh", json!({})).await.problem(401, "REFRESH_REUSED");
    becomes(&place, &access, 401, "SESSION_REVOKED").await;
    let _ = browser.post("/api/v1/auth/refresh", json!({})).await.problem(401, "REFRESH_INVALID");
    let mails = Mailbox::new(&env("MAILBOX_URL")).wait_for(&email, 1).await;
    assert!(mails.iter().any(|mail| mail.subject.contains("завершили")), "{mails:?}");
    // The person's chain is the platform's: it is told there that the session was ended, and why.
    let database = place.database().await;
    let sql = "SELECT count(*) FROM admin.audit_record WHERE object LIKE 'session:%'";
    eventually_within(Duration::from_secs(10), "the audit record", async || {
        let count: i64 = database.query_one(sql, &[]).await.unwrap().get(0);
        (count == 1).then_some(())
    })
    .await;
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_6_parallel_refreshes_of_a_browser_get_the_same_successor() {
    trust!("A-6");
    let place = Place::one_process_with(&[]).await;
    let email = fresh_email();
    let _ = member(&place, &email, None).await;
    let (browser, _) = signed_in(&place, &email).await;
    let first = browser.caller().cookies().remove(0);
    let cookie = format!("{}={}", first.name, first.value);
    let tab = place.rest(Surface::App).with_header("cookie", &cookie);
    let refreshes = (0..10).map(|_| tab.post("/api/v1/auth/refresh", json!({})));
    let answers = futures::future::join_all(refreshes).await;
    let mut successors: Vec<String> = answers
        .iter()
        .map(|answer| {
            let _ = answer.ok();
            answer.header("set-cookie").split(';').next().unwrap().to_owned()
        })
        .collect();
    // The answer was lost: the repeat gets that successor too.
    let again = tab.post("/api/v1/auth/refresh", json!({})).await;
    successors.push(again.header("set-cookie").split(';').next().unwrap().to_owned());
    successors.dedup();
    assert_eq!(successors.len(), 1, "{successors:?}");
    assert_ne!(successors[0], cookie);
    // Once the successor is used, the first one is a reuse.
    let next = place.rest(Surface::App).with_header("cookie", &successors[0]);
    let _ = next.post("/api/v1/auth/refresh", json!({})).await.ok();
    let _ = tab.post("/api/v1/auth/refresh", json!({})).await.problem(401, "REFRESH_REUSED");
    let database = place.database().await;
    let broken = "SELECT count(*) FROM (SELECT family_id FROM auth.refresh_token WHERE used_at IS NULL \
                  GROUP BY family_id HAVING count(*) > 1) AS broken";
    let broken: i64 = database.query_one(broken, &[]).await.unwrap().get(0);
    assert_eq!(broken, 0);
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_53_every_workspace_keeps_its_owner() {
    trust!("INV-53");
    let place = Place::one_process_with(&[]).await;
    let email = fresh_email();
    let workspace = member(&place, &email, None).await;
    for role in [Role::Viewer, Role::Manager, Role::Operator] {
        let _ = member(&place, &email, Some((&workspace, role))).await;
    }
    // A registration that is confirmed makes its workspace and owner together.
    let api = place.rest(Surface::Api);
    let other = fresh_email();
    let body = json!({"email": other, "password": PASSWORD, "name": "Анна"});
    let registered = api.post("/api/v1/auth/register", body).await.ok();
    let code = Mailbox::new(&env("MAILBOX_URL")).code_for(&other).await;
    let body = json!({"registrationId": registered["registrationId"], "code": code});
    let _ = api.post("/api/v1/auth/confirm-email", body).await.ok();
    let database = place.database().await;
    let ownerless = "SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM auth.membership m \
                     WHERE m.workspace_id = w.workspace_id AND m.role = 'owner')), count(*) FROM auth.workspace w";
    let row = database.query_one(ownerless, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (0, 2));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_5_nobody_switches_into_a_workspace_of_others() {
    let place = Place::one_process_with(&[]).await;
    let (anna, boris) = (fresh_email(), fresh_email());
    let _ = member(&place, &anna, None).await;
    let theirs = member(&place, &boris, None).await;
    let token = place.login(&anna, Audience::Api).await.access_token;
    let api = place.rest(Surface::Api).bearer(&token);
    let switch = async |id: &str| {
        let answer = api.post("/api/v1/auth/switch-workspace", json!({"workspaceId": id})).await;
        answer.problem(404, "NOT_FOUND").without_trace()
    };
    assert_eq!(switch(&theirs).await, switch(&Uuid::now_v7().to_string()).await);
    place.stop().await;
}
