//! Refresh, Logout, SwitchWorkspace.

use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    auth::v1::{ErrorReason, GetMeRequest, LogoutRequest, RefreshRequest, Role, SessionTokens, SwitchWorkspaceRequest},
};
use uuid::Uuid;

use super::{
    house::{House, PASSWORD, claims, login_of, refusal, signed},
    login::revoked,
};

fn refresh_of(token: &str) -> RefreshRequest {
    RefreshRequest { refresh_token: token.to_owned() }
}

async fn refresh(house: &House, token: &str) -> SessionTokens {
    house.client().refresh(refresh_of(token)).await.unwrap().into_inner()
}

/// Families with more than one unused token.
const BROKEN_FAMILIES: &str = "SELECT count(*) FROM (SELECT family_id FROM refresh_token WHERE used_at IS NULL \
                               GROUP BY family_id HAVING count(*) > 1) AS broken";

#[tokio::test(flavor = "multi_thread")]
async fn a_5_an_old_refresh_token_ends_the_session_everywhere() {
    // trust: A-5
    let house = House::start().await;
    let person = house.person().await;
    let first = house.login(&person).await;
    let second = refresh(&house, &first.refresh_token).await;
    let third = refresh(&house, &second.refresh_token).await;
    assert_eq!(claims(&first.access_token)["sid"], claims(&third.access_token)["sid"]);
    let reused = refusal(house.client().refresh(refresh_of(&first.refresh_token)).await);
    assert!(reused.is(ErrorReason::RefreshReused));
    let after = refusal(house.client().refresh(refresh_of(&third.refresh_token)).await);
    assert!(after.is(ErrorReason::RefreshInvalid));
    for token in [&first, &third] {
        revoked(&house, &token.access_token).await;
    }
    let (subject, _) = house.letter(&person.email, 1).await;
    assert!(subject.contains("завершили"), "{subject}");
    let kinds =
        "SELECT string_agg(kind, ' ' ORDER BY kind) FROM outbox WHERE kind IN ('audit.recorded', 'session.revoked')";
    assert_eq!(house.one(kinds).await, "audit.recorded session.revoked");
    // Again: nothing more happens.
    assert!(refusal(house.client().refresh(refresh_of(&first.refresh_token)).await).is(ErrorReason::RefreshInvalid));
    assert_eq!(house.one(kinds).await, "audit.recorded session.revoked");
    house.login(&person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_6_parallel_refreshes_and_lost_answers_get_the_same_successor() {
    // trust: A-6
    let house = House::start().await;
    let replica = house.replica().await;
    let first = house.login(&house.person().await).await.refresh_token;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..10 {
        let (mut client, request) = (if n % 2 == 0 { house.client() } else { replica.client() }, refresh_of(&first));
        calls.spawn(async move { client.refresh(request).await.unwrap().into_inner().refresh_token });
    }
    let mut successors = calls.join_all().await;
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert_eq!(refresh(&house, &first).await.refresh_token, successors[0]);
    // Later than 30 s it is a reuse.
    house.sql("UPDATE refresh_token SET used_at = used_at - interval '31 seconds' WHERE used_at IS NOT NULL").await;
    assert!(refusal(house.client().refresh(refresh_of(&first)).await).is(ErrorReason::RefreshReused));
    assert!(refusal(house.client().refresh(refresh_of(&successors[0])).await).is(ErrorReason::RefreshInvalid));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_6_a_repeat_survives_a_change_of_keys() {
    // trust: A-6, O-4
    let old = "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let both = format!("k2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=,{old}");
    let house = House::start_with(&[("REFRESH_KEYS", old)]).await;
    let first = house.login(&house.person().await).await.refresh_token;
    let second = refresh(&house, &first).await.refresh_token;
    let rotated = house.replica_with(&[("REFRESH_KEYS", &both)]).await;
    assert_eq!(refresh(&rotated, &first).await.refresh_token, second);
    let third = refresh(&rotated, &second).await.refresh_token;
    assert!(second.starts_with("rt_k1_") && third.starts_with("rt_k2_"));
    assert_eq!(refresh(&rotated, &second).await.refresh_token, third);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_52_crowds_leave_at_most_one_unused_token_per_family() {
    // trust: INV-52
    let house = House::start_with(&[("AUTH_POOL", "16")]).await;
    let replica = house.replica().await;
    let person = house.person().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (mut client, request) = (house.client(), login_of(&person.email, PASSWORD));
        calls.spawn(async move { client.login(request).await.unwrap().into_inner().refresh_token });
    }
    let families = calls.join_all().await;
    assert_eq!(families.len(), 40);
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..200 {
        let token = families[n % 40].clone();
        let mut client = if n % 3 == 0 { replica.client() } else { house.client() };
        calls.spawn(async move {
            if n % 5 == 4 && n % 40 < 20 {
                let _ = client.logout(LogoutRequest { refresh_token: token }).await.inspect_err(expected);
                return;
            }
            match client.refresh(refresh_of(&token)).await {
                // Some go on at once, so that repeats of the old token meet a used successor.
                Ok(tokens) if n % 7 == 0 => {
                    let next = refresh_of(&tokens.into_inner().refresh_token);
                    let _ = client.refresh(next).await.inspect_err(expected);
                }
                Ok(_) => {}
                Err(status) => expected(&status),
            }
        });
    }
    calls.join_all().await;
    let moved: i32 = house.one("SELECT count(*) FROM refresh_token WHERE used_at IS NOT NULL").await.parse().unwrap();
    assert!(moved >= 40, "{moved}");
    assert_eq!(house.one(BROKEN_FAMILIES).await, "0");
    let lost = "SELECT count(*) FROM session s WHERE revoked_at IS NULL AND NOT EXISTS \
                (SELECT 1 FROM refresh_token t WHERE t.family_id = s.id AND t.used_at IS NULL)";
    assert_eq!(house.one(lost).await, "0", "a live session has its token");
    let zombies = "SELECT count(*) FROM session s JOIN refresh_token t ON t.family_id = s.id \
                   WHERE s.revoked_at IS NOT NULL AND t.used_at IS NULL";
    assert_eq!(house.one(zombies).await, "0");
}

/// Refused for what it was, or, on a busy machine, for want of a connection: then nothing happened.
fn expected(status: &tonic::Status) {
    let reading = neipix_mesh::failure::read_status(status);
    let reasons = [ErrorReason::RefreshInvalid, ErrorReason::RefreshReused];
    assert!(reasons.iter().any(|r| reading.is(*r)) || reading.is(MeshReason::Unavailable), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_4_after_a_log_out_nothing_of_the_session_works_at_any_replica() {
    // trust: A-4
    let house = House::start().await;
    let replica = house.replica().await;
    let person = house.person().await;
    let (ended, other) = (house.login(&person).await, house.login(&person).await);
    house.client().get_me(signed(&ended.access_token, GetMeRequest {})).await.unwrap();
    let logout = LogoutRequest { refresh_token: ended.refresh_token.clone() };
    assert_eq!(house.client().logout(logout.clone()).await.unwrap().into_inner().refresh_token, "");
    for place in [&house, &replica] {
        revoked(place, &ended.access_token).await;
        place.client().get_me(signed(&other.access_token, GetMeRequest {})).await.unwrap();
    }
    assert!(refusal(house.client().refresh(refresh_of(&ended.refresh_token)).await).is(ErrorReason::RefreshInvalid));
    house.client().logout(logout).await.unwrap();
    for token in ["", "rt_k_unknown", "x"] {
        house.client().logout(LogoutRequest { refresh_token: token.to_owned() }).await.unwrap();
    }
    assert_eq!(house.one("SELECT count(*) FROM outbox WHERE kind = 'session.revoked'").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_2_a_refresh_token_is_no_bearer_and_an_access_token_no_refresh_token() {
    // trust: A-2
    let house = House::start().await;
    let tokens = house.login(&house.person().await).await;
    let bearer = refusal(house.client().get_me(signed(&tokens.refresh_token, GetMeRequest {})).await);
    assert!(bearer.is(MeshReason::TokenInvalid));
    let long = tokens.access_token[..200].to_owned();
    assert!(refusal(house.client().refresh(refresh_of(&long)).await).is(ErrorReason::RefreshInvalid));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_5_only_members_switch_to_a_workspace_and_the_session_remembers_it() {
    // trust: T-5
    let house = House::start().await;
    let (anna, boris) = (house.person().await, house.person().await);
    let tokens = house.login(&anna).await;
    let switch = |id: &str| signed(&tokens.access_token, SwitchWorkspaceRequest { workspace_id: id.to_owned() });
    let foreign = refusal(house.client().switch_workspace(switch(&boris.workspace)).await);
    let nowhere = refusal(house.client().switch_workspace(switch(&Uuid::now_v7().to_string())).await);
    assert!(foreign.is(MeshReason::NotFound));
    assert_eq!((foreign.message, foreign.fields), (nowhere.message, nowhere.fields));
    house
        .provision(|r| {
            r.email = anna.email.clone();
            r.join_workspace_id = boris.workspace.clone();
            r.set_role(Role::Operator);
        })
        .await;
    let switched = house.client().switch_workspace(switch(&boris.workspace)).await.unwrap().into_inner();
    let claims_there = claims(&switched.access_token);
    assert_eq!(
        (claims_there["ws"].as_str(), claims_there["role"].as_str()),
        (Some(&*boris.workspace), Some("operator"))
    );
    let me = house.client().get_me(signed(&switched.access_token, GetMeRequest {})).await.unwrap().into_inner();
    assert_eq!((me.role(), me.workspaces.len()), (Role::Operator, 2));
    let next = refresh(&house, &tokens.refresh_token).await;
    assert_eq!(claims(&next.access_token)["ws"], boris.workspace);
    // A blocked one is closed, and the session goes on in the other.
    house.sql(&format!("UPDATE workspace SET blocked_at = now() WHERE workspace_id = '{}'", boris.workspace)).await;
    assert!(refusal(house.client().switch_workspace(switch(&boris.workspace)).await).is(MeshReason::PermissionDenied));
    let next = refresh(&house, &next.refresh_token).await;
    assert_eq!(claims(&next.access_token)["ws"], anna.workspace);
}
