use std::sync::Arc;

use neipix_proto::{
    auth::v1::{KeyRevoked, MembershipChanged, Revocation, SessionRevoked, WorkspaceBlocked, revocation::What},
    methods,
};
use rcgen::{CertificateParams, KeyPair, SanType};
use uuid::Uuid;

use super::*;
use crate::access::token::tests::{Maker, key_claims, member_claims, visitor_claims};

fn guard_of(maker: &Maker) -> Guard {
    Guard::new("svc-billing", maker.verifier(), Revocations::unwatched())
}

fn method(path: &str) -> &'static Method {
    methods().get(path).unwrap()
}

fn wallet() -> &'static Method {
    method("/neipix.billing.v1.BillingService/GetWallet")
}

fn prices() -> &'static Method {
    method("/neipix.billing.v1.PriceService/ListPrices")
}

fn say(guard: &Guard, what: What) {
    guard.revocations().hear(&Revocation { what: Some(what) });
}

fn changed(claims: &Claims, version: i64, role: &str) -> What {
    What::MembershipChanged(MembershipChanged {
        workspace_id: claims.ws.unwrap().to_string(),
        user_id: claims.member().unwrap().to_string(),
        membership_version: version,
        role: role.to_owned(),
    })
}

fn certificate(ids: &[&str]) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(vec!["svc-chats".to_owned()]).unwrap();
    params.subject_alt_names.extend(ids.iter().map(|id| SanType::URI((*id).try_into().unwrap())));
    let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    CertificateDer::from(made.der().to_vec())
}

#[test]
fn a_certificate_names_one_service() {
    assert_eq!(service_of(&certificate(&["spiffe://neipix/svc-chats"])).as_deref(), Some("svc-chats"));
    for bad in [
        &[][..],
        &["spiffe://evil/svc-chats"],
        &["spiffe://neipix/"],
        &["spiffe://neipix/svc-chats/x"],
        &["spiffe://neipix/svc-chats", "spiffe://neipix/svc-auth"],
        &["https://neipix/svc-chats"],
    ] {
        assert_eq!(service_of(&certificate(bad)), None, "{bad:?}");
    }
    assert_eq!(service_of(&CertificateDer::from(vec![1, 2, 3])), None);
}

#[test]
fn e_12_internal_rpcs_take_named_callers_only() {
    let named = ["svc-chats".to_owned()];
    let all = ["all".to_owned()];
    let caller = |name: &str| Some(name.to_owned());
    assert_eq!(internal_caller(&named, caller("svc-chats")).unwrap(), "svc-chats");
    for (callers, name) in [
        (&named, caller("svc-auth")),
        (&named, caller("edge")),
        (&named, None),
        (&all, None),
        (&all, caller("cli")),
        (&all, caller("evil")),
    ] {
        assert!(internal_caller(callers, name.clone()).unwrap_err().is(ErrorReason::PermissionDenied), "{name:?}");
    }
    assert_eq!(internal_caller(&all, caller("edge")).unwrap(), "edge");
    assert_eq!(internal_caller(&["all".to_owned(), "cli".to_owned()], caller("cli")).unwrap(), "cli");
}

#[tokio::test]
async fn the_role_decides() {
    let maker = Maker::new();
    let guard = guard_of(&maker);
    for (role, good) in
        [("owner", true), ("manager", true), ("operator", false), ("viewer", false), ("custom:1", false)]
    {
        let mut claims = member_claims();
        claims.role = Some(role.to_owned());
        let result = guard.admit_token(wallet(), &maker.sign(&claims)).await;
        match result {
            Ok(admitted) => {
                assert!(good, "{role}");
                assert_eq!(Some(admitted.workspace.0), claims.ws);
            }
            Err(failure) => {
                assert!(!good && failure.is(ErrorReason::PermissionDenied), "{role}");
                assert!(failure.detail().contains("billing.read"));
            }
        }
    }
}

#[tokio::test]
async fn a_2_a_token_of_another_surface_is_refused() {
    let maker = Maker::new();
    let guard = guard_of(&maker);
    let mut admin = member_claims();
    (admin.aud, admin.ws, admin.role, admin.prole) = ("admin".to_owned(), None, None, Some("superadmin".to_owned()));
    assert!(guard.admit_token(prices(), &maker.sign(&admin)).await.is_ok());
    let refused = guard.admit_token(wallet(), &maker.sign(&admin)).await.unwrap_err();
    assert!(refused.is(ErrorReason::TokenInvalid));
    let refused = guard.admit_token(prices(), &maker.sign(&member_claims())).await.unwrap_err();
    assert!(refused.is(ErrorReason::TokenInvalid));
    admin.prole = Some("support".to_owned());
    let refused = guard.admit_token(prices(), &maker.sign(&admin)).await.unwrap_err();
    assert!(refused.is(ErrorReason::PermissionDenied));
}

#[tokio::test]
async fn a_4_ended_sessions_keys_and_workspaces_are_refused() {
    let maker = Maker::new();
    let check = async |claims: &Claims, what: What| {
        let guard = guard_of(&maker);
        let method = method("/neipix.chats.v1.ConversationService/ListConversations");
        let token = maker.sign(claims);
        assert!(guard.admit_token(method, &token).await.is_ok());
        say(&guard, what);
        assert!(guard.admit_token(method, &token).await.unwrap_err().is(ErrorReason::SessionRevoked));
    };
    let member = member_claims();
    check(&member, What::SessionRevoked(SessionRevoked { session_id: member.sid.clone() })).await;
    check(&member, What::WorkspaceBlocked(WorkspaceBlocked { workspace_id: member.ws.unwrap().to_string() })).await;
    check(&member, changed(&member, member.mv + 1, "")).await;
    let key = key_claims();
    check(&key, What::KeyRevoked(KeyRevoked { key_id: key.sid.clone() })).await;
    check(&key, changed(&key, key.mv + 1, "")).await;
}

#[tokio::test]
async fn a_19_a_newer_membership_wins_and_an_older_does_not() {
    let maker = Maker::new();
    let guard = guard_of(&maker);
    let claims = member_claims();
    let token = maker.sign(&claims);
    say(&guard, changed(&claims, claims.mv - 1, "viewer"));
    assert!(guard.admit_token(wallet(), &token).await.is_ok());
    say(&guard, changed(&claims, claims.mv + 2, "viewer"));
    assert!(guard.admit_token(wallet(), &token).await.unwrap_err().is(ErrorReason::PermissionDenied));
    // Told late: the newest stays.
    say(&guard, changed(&claims, claims.mv + 1, "owner"));
    assert!(guard.admit_token(wallet(), &token).await.unwrap_err().is(ErrorReason::PermissionDenied));
}

#[tokio::test]
async fn a_key_holds_what_its_scope_and_its_maker_both_hold() {
    let maker = Maker::new();
    let guard = guard_of(&maker);
    let mut claims = key_claims();
    claims.scp = ["chats.read", "chats.ask", "billing.read", "platform.users.read"].map(str::to_owned).to_vec();
    let rights = guard.rights(&claims).unwrap();
    assert_eq!(rights.names(), ["chats.read", "chats.ask"]);
    say(&guard, changed(&claims, claims.mv + 1, "viewer"));
    assert_eq!(guard.rights(&claims).unwrap().names(), ["chats.read"]);
}

#[tokio::test]
async fn silence_stops_people_only() {
    let maker = Maker::new();
    let guard = Guard::new("svc-billing", maker.verifier(), Revocations::new());
    assert!(guard.rights(&member_claims()).unwrap_err().is(ErrorReason::Unavailable));
    assert!(guard.rights(&key_claims()).is_ok());
    assert!(guard.rights(&visitor_claims()).is_ok());
    guard.revocations().alive();
    assert!(guard.rights(&member_claims()).is_ok());
}

#[tokio::test]
async fn visitors_and_keys_are_bound_to_their_assistant() {
    let maker = Maker::new();
    let guard = guard_of(&maker);
    let mut claims = key_claims();
    claims.ast = Some(Uuid::now_v7());
    let method = method("/neipix.chats.v1.ConversationService/ListConversations");
    let admitted = guard.admit_token(method, &maker.sign(&claims)).await.unwrap();
    assert_eq!(admitted.assistant.map(|a| a.0), claims.ast);
}

#[tokio::test]
async fn the_edge_knows_no_internal_rpc_and_one_credential() {
    let maker = Maker::new();
    let guard = Guard::for_edge(maker.verifier(), Revocations::unwatched());
    let mut extensions = Extensions::new();
    extensions.insert(InProcess { caller: Arc::from("svc-chats") });
    let hold = method("/neipix.billing.v1.BillingService/Hold");
    let refused = guard.admit(hold, &HeaderMap::new(), &extensions).await.unwrap_err();
    assert_eq!(refused.into_status().code(), tonic::Code::Unimplemented);

    let good = format!("Bearer {}", maker.sign(&member_claims()));
    let mut headers = HeaderMap::new();
    assert!(guard.admit(wallet(), &headers, &extensions).await.unwrap_err().is(ErrorReason::TokenInvalid));
    headers.append(AUTHORIZATION, good.parse().unwrap());
    assert!(guard.admit(wallet(), &headers, &extensions).await.is_ok());
    headers.append(AUTHORIZATION, good.parse().unwrap());
    assert!(guard.admit(wallet(), &headers, &extensions).await.unwrap_err().is(ErrorReason::TokenInvalid));
}
