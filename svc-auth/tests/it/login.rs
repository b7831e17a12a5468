//! Login: surfaces, blocks, and wrong passwords.

use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    auth::v1::{ErrorReason, GetMeRequest, LoginRequest, PlatformRole, RefreshRequest},
};

use super::house::{
    House, PASSWORD, Person, claims, eventually, fresh_email, login_of, refusal, signed, staff_login_of,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_gives_what_the_contract_says() {
    let house = House::start().await;
    let person = house.person().await;
    let tokens = house.login(&person).await;
    let claims = claims(&tokens.access_token);
    assert_eq!(claims["aud"], "app");
    assert_eq!(claims["sub"], format!("user:{}", person.id));
    assert_eq!(claims["ws"], person.workspace);
    assert_eq!((claims["role"].as_str(), claims["mv"].as_i64()), (Some("owner"), Some(1)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert!(claims.get("prole").is_none() && claims.get("scp").is_none_or(|scp| scp.as_array().unwrap().is_empty()));
    assert_eq!((tokens.expires_in_seconds, tokens.refresh_max_age_seconds), (600, 0));
    let me = house.client().get_me(signed(&tokens.access_token, GetMeRequest {})).await.unwrap().into_inner();
    assert_eq!(me, tokens.me.unwrap());
    let remembered = LoginRequest { remember_me: true, ..login_of(&person.email, PASSWORD) };
    let tokens = house.client().login(remembered).await.unwrap().into_inner();
    assert_eq!(tokens.refresh_max_age_seconds, 30 * 86_400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_staffs_panel_opens_for_staff_only_and_says_so_only_after_a_right_password() {
    let house = House::start().await;
    let (person, staff) = (house.person().await, house.staff(PlatformRole::Billing).await);
    let mut client = house.client();
    let wrong = refusal(client.login(staff_login_of(&person.email, "wrong horse")).await);
    assert!(wrong.is(ErrorReason::CredentialsInvalid));
    let right = refusal(client.login(staff_login_of(&person.email, PASSWORD)).await);
    assert!(right.is(ErrorReason::SurfaceForbidden));
    let tokens = client.login(staff_login_of(&staff.email, PASSWORD)).await.unwrap().into_inner();
    let claims = claims(&tokens.access_token);
    assert_eq!((claims["aud"].as_str(), claims["prole"].as_str()), (Some("admin"), Some("billing")));
    assert!(claims.get("ws").is_none() && claims.get("role").is_none());
    let me = tokens.me.unwrap();
    assert_eq!(me.platform_role(), PlatformRole::Billing);
    assert_eq!(me.permissions, ["platform.prices.manage", "platform.users.read"]);
    assert!(me.workspace.is_none());
    // The same person is nobody in the app.
    let app = house.login(&staff).await;
    assert!(app.me.unwrap().permissions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_51_nothing_of_a_blocked_person_or_workspace_goes_on() {
    // trust: INV-51
    let house = House::start().await;
    let (person, other) = (house.person().await, house.person().await);
    let tokens = house.login(&person).await;
    house.sql(&format!("UPDATE user_account SET blocked_at = clock_timestamp() WHERE id = '{}'", person.id)).await;
    let mut client = house.client();
    assert!(refusal(client.login(login_of(&person.email, "wrong")).await).is(ErrorReason::CredentialsInvalid));
    assert!(refusal(client.login(login_of(&person.email, PASSWORD)).await).is(ErrorReason::Blocked));
    let refresh = RefreshRequest { refresh_token: tokens.refresh_token };
    assert!(refusal(client.refresh(refresh.clone()).await).is(ErrorReason::Blocked));
    assert!(refusal(client.refresh(refresh).await).is(ErrorReason::RefreshInvalid));
    revoked(&house, &tokens.access_token).await;
    let before = house.one("SELECT count(*) FROM session WHERE revoked_at IS NULL").await;
    house
        .sql(&format!("UPDATE workspace SET blocked_at = clock_timestamp() WHERE workspace_id = '{}'", other.workspace))
        .await;
    assert!(refusal(client.login(login_of(&other.email, PASSWORD)).await).is(ErrorReason::Blocked));
    assert_eq!(house.one("SELECT count(*) FROM session WHERE revoked_at IS NULL").await, before);
}

/// Polls until a token is refused as revoked: at most the two seconds of the promise.
pub async fn revoked(house: &House, token: &str) {
    let began = std::time::Instant::now();
    eventually("the token is refused", async || {
        let answer = house.client().get_me(signed(token, GetMeRequest {})).await;
        answer.is_err_and(|status| neipix_mesh::failure::read_status(&status).is(MeshReason::SessionRevoked))
    })
    .await;
    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
}

async fn guess(house: &House, person: &Person, times: usize) {
    for _ in 0..times {
        let refused = refusal(house.client().login(login_of(&person.email, "wrong horse")).await);
        assert!(refused.is(ErrorReason::CredentialsInvalid));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_7_guessing_slows_down_for_known_and_unknown_addresses_but_not_for_a_known_device() {
    // trust: A-7
    let house = House::start().await;
    let person = house.person().await;
    let nobody = Person { email: fresh_email(), ..person.clone() };
    let device = house.login(&person).await.refresh_token;
    for whom in [&person, &nobody] {
        guess(&house, whom, 5).await;
        let refused = refusal(house.client().login(login_of(&whom.email, PASSWORD)).await);
        assert!(refused.is(MeshReason::RateLimited) && refused.retry_after.is_some(), "even the right password waits");
    }
    let known = LoginRequest { refresh_token: device.clone(), ..login_of(&person.email, PASSWORD) };
    house.client().login(known.clone()).await.unwrap();
    // A device of somebody else is not known, and a known one may guess five times too, no more.
    let other = house.person().await;
    let foreign = house.login(&other).await.refresh_token;
    let request = LoginRequest { refresh_token: foreign, ..login_of(&person.email, PASSWORD) };
    assert!(refusal(house.client().login(request).await).is(MeshReason::RateLimited));
    for _ in 0..5 {
        let wrong = LoginRequest { password: "wrong horse".to_owned(), ..known.clone() };
        assert!(refusal(house.client().login(wrong).await).is(ErrorReason::CredentialsInvalid));
    }
    assert!(refusal(house.client().login(known).await).is(MeshReason::RateLimited));
    assert!(house.login(&other).await.me.is_some(), "nobody else waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_7_after_the_wait_one_of_many_parallel_guesses_gets_through() {
    // trust: A-7
    let house = House::start().await;
    let person = house.person().await;
    guess(&house, &person, 5).await;
    house.sql("UPDATE login_failure SET last_at = last_at - interval '40 seconds'").await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (mut client, request) = (house.client(), login_of(&person.email, "wrong horse"));
        calls.spawn(async move { refusal(client.login(request).await).is(ErrorReason::CredentialsInvalid) });
    }
    assert_eq!(calls.join_all().await.into_iter().filter(|looked_at| *looked_at).count(), 1);
    // A right one forgets them all.
    house.sql("UPDATE login_failure SET last_at = last_at - interval '40 seconds'").await;
    house.login(&person).await;
    assert_eq!(house.one("SELECT count(*) FROM login_failure").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_9_an_unknown_address_takes_as_long_as_a_wrong_password() {
    // trust: A-9
    // The hash dominates: ten milliseconds and more.
    let house = House::start_with(&[("ARGON2", "m=16384,t=2,p=1")]).await;
    let person = house.person().await;
    let mut times = [vec![], vec![]];
    for _ in 0..15 {
        house.sql("DELETE FROM login_failure").await;
        for (n, email) in [person.email.clone(), fresh_email()].into_iter().enumerate() {
            let began = std::time::Instant::now();
            refusal(house.client().login(login_of(&email, "wrong horse")).await);
            times[n].push(began.elapsed());
        }
    }
    let [known, unknown] = times.map(|mut all| {
        all.sort();
        all[all.len() / 2].as_secs_f64()
    });
    assert!((0.5..2.0).contains(&(known / unknown)), "known {known} s, unknown {unknown} s");
}
