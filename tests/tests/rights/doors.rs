//! The doors themselves: log-in and registration under attack, cookies, keys by other ways, metadata of strangers.

use std::collections::BTreeSet;

use neipix_proto::{access::v1::Surface as Audience, methods};
use neipix_tests::{
    client::{Anonymous, Answer, Mailbox, Rest, Surface},
    grpc, trust,
};
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use crate::{
    mesh::{TURN, in_mesh},
    place::{PASSWORD, Place, env, fresh_email, owner},
    tokens::PROBES,
    world::{make_key, member},
};

fn wrong(email: &str) -> Value {
    json!({"email": email, "password": "wrong horse"})
}

fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "name": "Анна"})
}

/// Status, headers and body without what differs between any two answers.
fn bare(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let own = ["date", "traceparent", "x-request-id"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let mut body = answer.json();
    for name in ["trace_id", "registrationId"] {
        let _ = body.as_object_mut().unwrap().remove(name);
    }
    (answer.status.as_u16(), headers, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_8_an_address_is_believed_of_our_own_proxies_only() {
    trust!("A-8");
    // Nobody here is a proxy of ours: what they claim changes neither limit.
    let place = Place::one_process_with(&[("TRUSTED_PROXIES", "192.0.2.0/24")]).await;
    let email = fresh_email();
    let _ = member(&place, &email, None).await;
    for _ in 0..5 {
        let answer = place.rest(Surface::Api).post("/api/v1/auth/login", wrong(&email)).await;
        let _ = answer.problem(401, "CREDENTIALS_INVALID");
    }
    let right = json!({"email": email, "password": PASSWORD});
    let answer = place.rest(Surface::Api).post("/api/v1/auth/login", right).await;
    let _ = answer.problem(429, "RATE_LIMITED");
    let mut limited = 0;
    for _ in 0..40 {
        let answer = place.rest(Surface::Api).post("/api/v1/auth/login", wrong(&fresh_email())).await;
        limited += u32::from(answer.status == 429);
    }
    assert!(limited >= 5, "{limited} of 40 calls from one address were limited");
    place.stop().await;
    // Behind a proxy of ours each of its clients is one.
    let place = Place::one_process_with(&[]).await;
    for _ in 0..40 {
        let answer = place.rest(Surface::Api).post("/api/v1/auth/login", wrong(&fresh_email())).await;
        let _ = answer.problem(401, "CREDENTIALS_INVALID");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_9_known_and_unknown_addresses_get_the_same_status_headers_and_body() {
    trust!("A-9");
    let place = Place::one_process_with(&[]).await;
    let known = fresh_email();
    let _ = member(&place, &known, None).await;
    for surface in [Surface::Api, Surface::App, Surface::Admin] {
        let rest = place.rest(surface);
        let mut answers = Vec::new();
        for email in [&known, &fresh_email()] {
            let login = rest.post("/api/v1/auth/login", wrong(email)).await;
            let register = rest.post("/api/v1/auth/register", registration(email)).await;
            let id = register.ok()["registrationId"].clone();
            let resend = rest.post("/api/v1/auth/resend-code", json!({"registrationId": id})).await;
            let body = json!({"registrationId": id, "code": "000000"});
            let confirm = rest.post("/api/v1/auth/confirm-email", body).await;
            answers.push([login, register, resend, confirm].map(|answer| bare(&answer)));
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].each_ref().map(|a| a.0), [401, 200, 200, 400]);
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_12_an_address_that_is_more_than_one_gets_no_letter() {
    trust!("A-12");
    let place = Place::one_process_with(&[]).await;
    let api = place.rest(Surface::Api);
    let (a, b) = (fresh_email(), fresh_email());
    let bad = [
        json!([a, b]),
        json!(format!("{a},{b}")),
        json!(format!("{a};{b}")),
        json!(format!("{a}\r\nBcc: {b}")),
        json!(format!("{a}\nTo: {b}")),
        json!(format!("{a}\u{0}")),
        json!(format!("Anna <{a}>")),
        json!({"email": a}),
        json!(7),
    ];
    for email in &bad {
        let mut body = registration("");
        body["email"] = email.clone();
        api.post("/api/v1/auth/register", body).await.problem(400, "FIELD_INVALID").names("email");
        let body = json!({"email": email, "password": PASSWORD});
        api.post("/api/v1/auth/login", body).await.problem(400, "FIELD_INVALID").names("email");
    }
    let database = place.database().await;
    let rows = "SELECT (SELECT count(*) FROM auth.registration) + (SELECT count(*) FROM auth.job)";
    let rows: i64 = database.query_one(rows, &[]).await.unwrap().get(0);
    assert_eq!(rows, 0, "nothing waits to be sent");
    let mailbox = Mailbox::new(&env("MAILBOX_URL"));
    assert!(mailbox.to(&a).await.is_empty() && mailbox.to(&b).await.is_empty());
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_15_huge_passwords_are_refused_and_a_flood_of_log_ins_leaves_room_for_others() {
    // The room that is left is this machine's.
    let _alone = TURN.lock().await;
    let place = Place::one_process_with(&[("ARGON2", "m=19456,t=2,p=1")]).await;
    let email = fresh_email();
    let _ = member(&place, &email, None).await;
    let token = place.login(&email, Audience::Api).await.access_token;
    let huge = "p".repeat(1_000_000);
    let api = place.rest(Surface::Api);
    let body = json!({"email": email, "password": huge});
    api.post("/api/v1/auth/login", body).await.problem(400, "FIELD_INVALID").names("password");
    let body = json!({"email": email, "password": huge, "name": "Анна"});
    api.post("/api/v1/auth/register", body).await.problem(400, "FIELD_INVALID").names("password");
    let flood = futures::future::join_all(
        (0..500).map(async |_| place.rest(Surface::Api).post("/api/v1/auth/login", wrong(&fresh_email())).await),
    );
    let others = async {
        for _ in 0..50 {
            let _ = place.rest(Surface::Api).bearer(&token).get("/api/v1/auth/me").await.ok();
        }
    };
    let (answers, ()) = tokio::join!(flood, others);
    let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    for answer in answers.iter().filter(|answer| answer.status == 429) {
        let _ = answer.problem(429, "RATE_LIMITED");
    }
    assert_eq!(with(401) + with(429), 500);
    assert!(with(429) > 250 && with(401) >= 30, "{} hashed, {} surplus", with(401), with(429));
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_16_nobody_gives_himself_a_role_or_a_flag() {
    trust!("A-16");
    let place = Place::one_process_with(&[]).await;
    let api = place.rest(Surface::Api);
    let more = [
        ("role", json!("ROLE_OWNER")),
        ("isStaff", json!(true)),
        ("emailVerified", json!(true)),
        ("platformRole", json!("PLATFORM_ROLE_SUPERADMIN")),
        ("platform_role", json!(1)),
        ("joinWorkspaceId", json!(uuid::Uuid::now_v7())),
    ];
    for (name, value) in more {
        let mut body = registration(&fresh_email());
        body[name] = value;
        let problem = api.post("/api/v1/auth/register", body).await.problem(400, "FIELD_INVALID");
        let field = if name == "platform_role" { "platformRole" } else { name };
        problem.names(field);
    }
    // A person cannot be changed by anybody yet; where that comes, it is tried here with the same fields.
    let email = fresh_email();
    let _ = member(&place, &email, None).await;
    let token = place.login(&email, Audience::Api).await.access_token;
    let me = api.bearer(&token).patch("/api/v1/auth/me", json!({"role": "ROLE_OWNER"})).await;
    let _ = me.problem(405, "METHOD_NOT_ALLOWED");
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_20_a_key_is_taken_as_a_bearer_only() {
    trust!("A-20");
    let place = Place::one_process_with(&[]).await;
    let email = fresh_email();
    let _ = member(&place, &email, None).await;
    let token = place.login(&email, Audience::Api).await.access_token;
    let rest = place.rest(Surface::Api);
    let (_, key) = make_key(&rest.bearer(&token), &["chats.read", "chats.ask"], None).await;
    let paths = ["/api/v1/chats", "/api/v1/events", "/api/v1/openai/models"];
    for path in paths {
        for name in ["api_key", "apiKey", "key", "access_token", "token"] {
            assert_eq!(rest.get(&format!("{path}?{name}={key}")).await.status, 401, "{path}?{name}");
        }
        let headers = [
            ("x-api-key", key.clone()),
            ("api-key", key.clone()),
            ("cookie", format!("api_key={key}; __Host-refresh={key}; token={key}")),
            ("authorization", key.clone()),
            ("authorization", format!("Basic {key}")),
            ("authorization", format!("Token {key}")),
            ("authorization", format!("ApiKey {key}")),
            ("proxy-authorization", format!("Bearer {key}")),
        ];
        for (name, value) in headers {
            assert_eq!(rest.clone().with_header(name, &value).get(path).await.status, 401, "{path}: {name}");
        }
    }
    let _ = rest.api_key(&key).get("/api/v1/chats").await.ok();
    let problem = rest.clone().with_header("x-api-key", &key).get("/api/v1/chats").await;
    let _ = problem.problem(401, "TOKEN_INVALID");
    // At a service a key is no credential at all: only the edge exchanges it.
    for path in PROBES {
        let method = methods().get(path).unwrap();
        let request = DynamicMessage::new(method.descriptor.input());
        let outcome = place.direct("edge", method, &request, Some(&key)).await;
        assert_eq!(outcome.short(), (401, "TOKEN_INVALID"), "{path}");
    }
    place.stop().await;
}

/// A browser's refresh cookie: `__Host-refresh=…`.
async fn cookie_of(place: &Place, surface: Surface, email: &str, remember: bool) -> Answer {
    let body = json!({"email": email, "password": PASSWORD, "rememberMe": remember});
    let answer = place.rest(surface).post("/api/v1/auth/login", body).await;
    let _ = answer.ok();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn w_1_a_cookie_is_not_used_for_another_site() {
    trust!("W-1");
    let place = Place::one_process_with(&[]).await;
    let email = fresh_email();
    let _ = member(&place, &email, None).await;
    let answer = cookie_of(&place, Surface::App, &email, false).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let own = place.rest(Surface::App).origin();
    let admin = place.rest(Surface::Admin).origin();
    let longer = format!("{own}.evil.tld");
    let foreign: [&[(&str, &str)]; 9] = [
        &[],
        &[("origin", "null")],
        &[("origin", "https://evil.tld")],
        &[("origin", &admin)],
        &[("origin", &longer)],
        &[("origin", "https://evil.tld"), ("sec-fetch-site", "same-origin")],
        &[("origin", ""), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ];
    for path in ["/api/v1/auth/refresh", "/api/v1/auth/logout", "/api/v1/auth/login"] {
        for headers in foreign {
            let mut rest = place.without_origin(Surface::App).with_header("cookie", &cookie);
            for (name, value) in headers {
                rest = rest.with_header(name, value);
            }
            let answer = rest.post(path, json!({})).await;
            let _ = answer.problem(403, "CSRF_REFUSED");
            assert_eq!(answer.header("set-cookie"), "", "{headers:?}");
            // What a form of another site can send, without scripts.
            for media_type in ["text/plain", "application/x-www-form-urlencoded"] {
                let sent = rest.try_bytes(http::Method::POST, path, media_type, Some(b"{}".to_vec())).await.unwrap();
                let _ = sent.problem(403, "CSRF_REFUSED");
            }
        }
    }
    // Nothing of it has ended or moved the session.
    let same =
        place.without_origin(Surface::App).with_header("cookie", &cookie).with_header("sec-fetch-site", "same-origin");
    let _ = same.post("/api/v1/auth/refresh", json!({})).await.ok();
    place.stop().await;
}

fn attributes(answer: &Answer) -> (String, BTreeSet<String>) {
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 1, "{answer}");
    let mut parts = cookies[0].to_str().unwrap().split("; ").map(str::to_owned);
    (parts.next().unwrap(), parts.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn w_6_cookies_are_closed_and_nothing_of_the_api_is_stored() {
    trust!("W-6");
    let place = Place::one_process_with(&[]).await;
    let email = fresh_email();
    let _ = member(&place, &email, None).await;
    let closed = |more: &[&str]| -> BTreeSet<String> {
        ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"].iter().chain(more).map(|a| (*a).to_owned()).collect()
    };
    for (remember, life) in [(false, &[][..]), (true, &["Max-Age=2592000"][..])] {
        let answer = cookie_of(&place, Surface::App, &email, remember).await;
        let (pair, found) = attributes(&answer);
        assert!(pair.starts_with("__Host-refresh=rt_"), "{pair}");
        assert_eq!(found, closed(life));
        assert_eq!(answer.ok()["refreshToken"], "", "a script never sees it");
        assert_eq!(answer.header("cache-control"), "no-store");
        let rest = place.rest(Surface::App).with_header("cookie", &pair);
        let refreshed = rest.post("/api/v1/auth/refresh", json!({})).await;
        assert_eq!(attributes(&refreshed).1, closed(life));
        let (pair, found) = attributes(&rest.post("/api/v1/auth/logout", json!({})).await);
        assert_eq!((pair.as_str(), found), ("__Host-refresh=", closed(&["Max-Age=0"])));
    }
    // Programs get it in the body, and no cookie.
    let answer = cookie_of(&place, Surface::Api, &email, false).await;
    assert_eq!(answer.header("set-cookie"), "");
    let tokens = answer.ok();
    assert!(tokens["refreshToken"].as_str().unwrap().starts_with("rt_"));
    let api = place.rest(Surface::Api).bearer(tokens["accessToken"].as_str().unwrap());
    let nobody = place.rest(Surface::Api);
    let answers = [
        api.get("/api/v1/auth/me").await,
        api.get("/api/v1/assistants").await,
        api.get("/api/v1/nothing").await,
        api.delete("/api/v1/auth/me").await,
        api.get(&format!("/api/v1/assistants/{}", uuid::Uuid::now_v7())).await,
        nobody.get("/api/v1/auth/me").await,
        nobody.get("/api/v1/openai/models").await,
        nobody.post("/api/v1/auth/login", wrong(&fresh_email())).await,
        nobody.post("/webhooks/telegram/x", json!({})).await,
    ];
    for answer in answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer}");
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_13_our_own_metadata_from_a_stranger_means_nothing() {
    trust!("E-13");
    let place = Place::one_process_with(&[]).await;
    lies_change_nothing(&place).await;
    place.stop().await;
}

#[test]
fn e_13_our_own_metadata_from_a_stranger_means_nothing_in_the_mesh() {
    trust!("E-13");
    in_mesh(async |place, _| lies_change_nothing(place).await);
}

async fn lies_change_nothing(place: &Place) {
    let mut tokens = Vec::new();
    let mut workspaces = Vec::new();
    for _ in 0..2 {
        let email = fresh_email();
        workspaces.push(member(place, &email, None).await);
        tokens.push(place.login(&email, Audience::Api).await.access_token);
    }
    let made = json!({"draft": {"name": "Ромашка", "instruction": "Отвечай коротко."}});
    let theirs = place.rest(Surface::Api).bearer(&tokens[1]).post("/api/v1/assistants", made).await.ok();
    let lies = [
        ("x-neipix-workspace", workspaces[1].clone()),
        ("x-neipix-workspace-id", workspaces[1].clone()),
        ("x-neipix-user", "svc-chats".to_owned()),
        ("x-neipix-caller", "svc-chats".to_owned()),
        ("grpc-metadata-workspace-id", workspaces[1].clone()),
        ("grpc-metadata-authorization", format!("Bearer {}", tokens[1])),
        ("workspace_id", workspaces[1].clone()),
        ("workspace-id", workspaces[1].clone()),
        ("x-forwarded-client-cert", "URI=spiffe://neipix/svc-chats".to_owned()),
        ("grpc-timeout", "99999999H".to_owned()),
    ];
    let metadata: Vec<(&str, String)> = lies.to_vec();
    let with_lies = |rest: Rest<Anonymous>| lies.iter().fold(rest, |rest, (name, value)| rest.with_header(name, value));
    let honest = place.rest(Surface::Api).bearer(&tokens[0]);
    let lying = with_lies(place.rest(Surface::Api)).bearer(&tokens[0]);
    for path in ["/api/v1/auth/me", "/api/v1/assistants", "/api/v1/billing/statement", "/api/v1/chats"] {
        assert_eq!(honest.get(path).await.ok(), lying.get(path).await.ok(), "{path}");
        let _ = with_lies(place.rest(Surface::Api)).get(path).await.problem(401, "TOKEN_INVALID");
    }
    let one = format!("/api/v1/assistants/{}", theirs["id"].as_str().unwrap());
    let _ = lying.get(&one).await.problem(404, "NOT_FOUND");
    let internal = methods().get("/neipix.billing.v1.BillingService/BatchGetBalances").unwrap();
    let paths = PROBES.map(|path| methods().get(path).unwrap());
    for method in paths.into_iter().chain([internal]) {
        let request = DynamicMessage::new(method.descriptor.input());
        let mut signed = metadata.clone();
        signed.push(("authorization", format!("Bearer {}", tokens[0])));
        let upstream = || place.as_process("edge").upstream(owner(method)).unwrap();
        let honest = place.direct("edge", method, &request, Some(&tokens[0])).await;
        assert_eq!(grpc::call(upstream(), method, &request, &signed).await, honest, "{}", method.name);
        let status = grpc::call(upstream(), method, &request, &metadata).await.short().0;
        assert_eq!(status, if method.is_internal() { 403 } else { 401 }, "{}", method.name);
        let at_edge = place.grpc_with(Surface::Api, method, &request, &metadata).await;
        assert_eq!(at_edge.short().0, if method.is_internal() { 404 } else { 401 }, "{}", method.name);
    }
}
