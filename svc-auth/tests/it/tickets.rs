//! Socket tickets.

use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    auth::v1::{CreateSocketTicketRequest, ErrorReason, LogoutRequest, RedeemSocketTicketRequest, Role},
};

use super::house::{House, claims, refusal, signed};

async fn ticket(house: &House, token: &str) -> RedeemSocketTicketRequest {
    let made = house.client().create_socket_ticket(signed(token, CreateSocketTicketRequest {})).await.unwrap();
    RedeemSocketTicketRequest { workspace_id: String::new(), ticket: made.into_inner().ticket }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_1_a_ticket_opens_one_socket_of_its_session() {
    // trust: R-1
    let house = House::start().await;
    let person = house.person().await;
    let tokens = house.login(&person).await;
    let spend = ticket(&house, &tokens.access_token).await;
    let stranger = refusal(house.as_service("svc-chats").redeem_socket_ticket(spend.clone()).await);
    assert!(stranger.is(MeshReason::PermissionDenied));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (mut client, spend) = (house.client(), spend.clone());
        calls.spawn(async move { client.redeem_socket_ticket(spend).await });
    }
    let (good, bad): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (1, 9));
    for answer in bad {
        assert!(refusal(answer).is(ErrorReason::TicketInvalid));
    }
    let token = good.into_iter().next().unwrap().unwrap().into_inner().access_token;
    let (of_ticket, of_login) = (claims(&token), claims(&tokens.access_token));
    for name in ["sub", "sid", "ws", "aud", "role"] {
        assert_eq!(of_ticket[name], of_login[name], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_1_an_expired_ticket_and_one_of_an_ended_session_open_nothing() {
    // trust: R-1
    let house = House::start().await;
    let person = house.person().await;
    let tokens = house.login(&person).await;
    let spend = ticket(&house, &tokens.access_token).await;
    house.sql("UPDATE socket_ticket SET expires_at = clock_timestamp() - interval '1 second'").await;
    assert!(refusal(house.client().redeem_socket_ticket(spend).await).is(ErrorReason::TicketInvalid));
    let spend = ticket(&house, &tokens.access_token).await;
    house.client().logout(LogoutRequest { refresh_token: tokens.refresh_token }).await.unwrap();
    assert!(refusal(house.client().redeem_socket_ticket(spend).await).is(ErrorReason::TicketInvalid));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_19_a_ticket_is_spent_for_the_rights_of_that_moment() {
    // trust: A-19
    let house = House::start().await;
    let owner = house.person().await;
    let colleague = house.colleague(&owner, Role::Manager).await;
    let tokens = house.login(&colleague).await;
    let spend = ticket(&house, &tokens.access_token).await;
    house
        .provision(|r| {
            r.email = colleague.email.clone();
            r.join_workspace_id = owner.workspace.clone();
            r.set_role(Role::Viewer);
        })
        .await;
    let token = house.client().redeem_socket_ticket(spend).await.unwrap().into_inner().access_token;
    let claims = claims(&token);
    assert_eq!((claims["role"].as_str(), claims["mv"].as_i64()), (Some("viewer"), Some(2)));
}
