//! Register, ResendCode, ConfirmEmail.

use neipix_proto::{
    access::v1::ErrorReason as MeshReason,
    auth::v1::{ConfirmEmailRequest, ErrorReason, RegisterRequest, RegisterResponse, ResendCodeRequest, Role},
};
use uuid::Uuid;

use super::house::{House, PASSWORD, eventually, fresh_email, login_of, refusal};

fn register_of(email: &str) -> RegisterRequest {
    RegisterRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        name: "Анна".to_owned(),
        workspace_name: "Ромашка".to_owned(),
        locale: "ru".to_owned(),
    }
}

async fn register(house: &House, email: &str) -> RegisterResponse {
    house.client().register(register_of(email)).await.unwrap().into_inner()
}

fn confirm_of(id: &str, code: &str) -> ConfirmEmailRequest {
    ConfirmEmailRequest { registration_id: id.to_owned(), code: code.to_owned() }
}

fn code_in(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6).unwrap().to_owned()
}

fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_makes_account_workspace_and_session_together() {
    let house = House::start().await;
    let email = fresh_email().replace('u', "U");
    let started = register(&house, &email).await;
    assert_eq!(started.code_expires_in_seconds, 900);
    let (subject, text) = house.letter(&email, 1).await;
    let code = code_in(&text);
    assert!(subject.starts_with(&code) && text.contains("Анна"));
    let request = confirm_of(&started.registration_id, &code);
    let tokens = house.client().confirm_email(request.clone()).await.unwrap().into_inner();
    let me = tokens.me.clone().unwrap();
    assert_eq!((me.role(), me.workspace.unwrap().name), (Role::Owner, "Ромашка".to_owned()));
    assert_eq!(me.user.unwrap().email, email);
    assert!(tokens.refresh_token.starts_with("rt_"));
    let kinds = "SELECT string_agg(kind, ' ' ORDER BY id) FROM outbox";
    assert_eq!(house.one(kinds).await, "user.registered workspace.created");
    house.client().login(login_of(&email.to_lowercase(), PASSWORD)).await.unwrap();
    assert!(refusal(house.client().confirm_email(request).await).is(ErrorReason::CodeInvalid), "a code works once");
    assert_eq!(house.one("SELECT count(*) FROM user_account").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_confirmations_make_one_account() {
    let house = House::start().await;
    let email = fresh_email();
    // Two registrations of one address, each confirmed four times at once.
    let (one, two) = (register(&house, &email).await, register(&house, &email).await);
    house.letter(&email, 2).await;
    let mut calls = tokio::task::JoinSet::new();
    for (id, n) in [(&one.registration_id, 0), (&two.registration_id, 1)] {
        for letter in house.letters(&email).await {
            let code = code_in(&letter.1);
            for _ in 0..2 {
                let (mut client, request) = (house.client(), confirm_of(id, &code));
                calls.spawn(async move { (n, client.confirm_email(request).await.is_ok()) });
            }
        }
    }
    let good = calls.join_all().await.into_iter().filter(|(_, good)| *good).count();
    assert_eq!(good, 1);
    assert_eq!(house.one("SELECT count(*) || ' ' || (SELECT count(*) FROM workspace) FROM user_account").await, "1 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_9_known_and_unknown_addresses_are_answered_the_same() {
    // trust: A-9
    let house = House::start().await;
    let known = house.person().await;
    let unknown = fresh_email();
    let (a, b) = (register(&house, &known.email).await, register(&house, &unknown).await);
    assert_eq!(a.code_expires_in_seconds, b.code_expires_in_seconds);
    for id in [&a.registration_id, &b.registration_id] {
        assert_eq!(Uuid::parse_str(id).unwrap().get_version_num(), 7);
    }
    let (told, _) = house.letter(&known.email, 1).await;
    assert!(told.contains("уже есть аккаунт"), "{told}");
    let code = code_in(&house.letter(&unknown, 1).await.1);
    // The right code of somebody else, a wrong one, and an unknown registration: one answer.
    let nobody = Uuid::now_v7().to_string();
    let mut words = vec![];
    for id in [&a.registration_id, &b.registration_id, &nobody] {
        let refused = refusal(house.client().confirm_email(confirm_of(id, &another(&code))).await);
        assert!(refused.is(ErrorReason::CodeInvalid));
        words.push((refused.code, refused.message, refused.fields));
        house.client().resend_code(ResendCodeRequest { registration_id: id.clone() }).await.unwrap();
    }
    words.dedup();
    assert_eq!(words.len(), 1, "{words:?}");
    let mut words = vec![];
    for email in [&known.email, &unknown] {
        let refused = refusal(house.client().login(login_of(email, "wrong horse")).await);
        assert!(refused.is(ErrorReason::CredentialsInvalid));
        words.push((refused.code, refused.message, refused.fields));
    }
    words.dedup();
    assert_eq!(words.len(), 1, "{words:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_11_codes_end_after_five_wrong_ones_when_superseded_and_in_time() {
    // trust: A-11
    let house = House::start().await;
    let email = fresh_email();
    let id = register(&house, &email).await.registration_id;
    let first = code_in(&house.letter(&email, 1).await.1);
    house.client().resend_code(ResendCodeRequest { registration_id: id.clone() }).await.unwrap();
    let second = code_in(&house.letter(&email, 2).await.1);
    if first != second {
        assert!(refusal(house.client().confirm_email(confirm_of(&id, &first)).await).is(ErrorReason::CodeInvalid));
    }
    house.sql("UPDATE registration SET expires_at = clock_timestamp() - interval '1 second'").await;
    assert!(refusal(house.client().confirm_email(confirm_of(&id, &second)).await).is(ErrorReason::CodeInvalid));
    house.sql("UPDATE registration SET expires_at = clock_timestamp() + interval '1 minute', tries = 0").await;
    for _ in 0..5 {
        let request = confirm_of(&id, &another(&second));
        assert!(refusal(house.client().confirm_email(request).await).is(ErrorReason::CodeInvalid));
    }
    assert!(refusal(house.client().confirm_email(confirm_of(&id, &second)).await).is(ErrorReason::CodeInvalid));
    house.client().resend_code(ResendCodeRequest { registration_id: id.clone() }).await.unwrap();
    let third = code_in(&house.letter(&email, 3).await.1);
    house.client().confirm_email(confirm_of(&id, &third)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_12_an_address_that_is_none_gets_no_letter() {
    // trust: A-12
    let house = House::start().await;
    for email in ["a@x.ru,b@y.ru", "a@x.ru\r\nBcc: b@y.ru", "a@x.ru b@y.ru", "<a@x.ru>", "a", "", "\u{0}@x.ru"] {
        let refused = refusal(house.client().register(register_of(email)).await);
        assert!(refused.is(MeshReason::FieldInvalid), "{email:?}");
        assert_eq!(refused.fields[0].field, "email");
    }
    assert_eq!(house.one("SELECT count(*) || ' ' || (SELECT count(*) FROM job) FROM registration").await, "0 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_15_a_long_password_is_refused_before_it_is_hashed() {
    // trust: A-15
    // Hashing with this cost would take far longer than the answer may.
    let house = House::start_with(&[("ARGON2", "m=262144,t=3,p=1")]).await;
    for length in [1_000_000, 201, 7] {
        let request = RegisterRequest { password: "p".repeat(length), ..register_of(&fresh_email()) };
        let began = std::time::Instant::now();
        let refused = refusal(house.client().register(request).await);
        assert!(refused.is(MeshReason::FieldInvalid));
        assert_eq!(refused.fields[0].field, "password");
        assert!(began.elapsed() < std::time::Duration::from_millis(250), "{length}: {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_gets_five_letters_an_hour_and_the_same_answer_for_more() {
    let house = House::start().await;
    let email = fresh_email();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (mut client, request) = (house.client(), register_of(&email));
        calls.spawn(async move { client.register(request).await.unwrap().into_inner() });
    }
    assert_eq!(calls.join_all().await.len(), 8);
    eventually("all jobs ran", async || house.one("SELECT count(*) FROM job").await == "0").await;
    assert_eq!(house.letters(&email).await.len(), 5);
    assert_eq!(house.one("SELECT count(*) FROM registration WHERE sends = 0 AND tries = 5").await, "3");
    // An hour later letters go again.
    house.sql("UPDATE registration SET created_at = created_at - interval '61 minutes'").await;
    register(&house, &email).await;
    house.letter(&email, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_101_a_code_lies_nowhere_after_its_letter() {
    // trust: INV-101
    let house = House::start().await;
    let email = fresh_email();
    register(&house, &email).await;
    let code = code_in(&house.letter(&email, 1).await.1);
    let open = "SELECT count(*) FROM registration WHERE sealed_code IS NOT NULL";
    eventually("the sealed code is gone", async || house.one(open).await == "0").await;
    let plain = format!(
        "SELECT count(*) FROM registration r WHERE r::text LIKE '%{code}%' AND r.email_key NOT LIKE '%{code}%'"
    );
    assert_eq!(house.one(&plain).await, "0");
}
