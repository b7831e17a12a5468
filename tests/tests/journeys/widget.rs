//! The chat on a customer's site, from the snippet to the charge, through the edge's widget host.

use std::{fs, time::Duration};

use http::Method;
use neipix_tests::{
    client::{Anonymous, Bearer, Rest, Sse, Surface},
    poll::eventually_within,
    provider::{Behaviour, Gate},
    trust,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{House, Person, SOON, number, text};

const MODEL: &str = "test-priced";
const SHOP: &str = "https://shop.example";
const WORDS: &str = "За сколько дней можно вернуть товар?";
const FRAME: &str = "<!doctype html><title>Чат</title><script id=\"config\" type=\"application/json\">__NEIPIX_WIDGET_CONFIG__</script>";

/// A product with a built widget, and a shop that has it on its pages.
struct Shop {
    house: House,
    owner: Person,
    channel: Value,
    key: String,
    _built: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let built = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("widget/loader.js", "start(__NEIPIX_WIDGET_CONFIG__)"),
            ("widget/index.html", FRAME),
            ("widget/assets/frame-1a2b3c4d.js", "console.info('frame')"),
        ] {
            let path = built.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let house = House::open_with(&[("WEB_DIR", built.path().to_str().unwrap())]).await;
        house.provider.on_model(MODEL, Behaviour::text("Вернуть товар можно за 14 дней [1]."));
        let (owner, assistant) = house.with_model(MODEL).await;
        let widget = json!({"origins": [SHOP, "https://*.big.example"], "greeting": "</script><b>Привет</b>", "accent": "#AABBCC"});
        let body = json!({"kind": "CHANNEL_KIND_WIDGET", "widget": widget});
        let channel = owner.api.post(&format!("/api/v1/assistants/{assistant}/channels"), body).await.ok();
        let key = text(&channel["widget"]["key"]).to_owned();
        Self { house, owner, channel, key, _built: built }
    }

    /// A page of that origin at the widget's host; none = no browser.
    fn page(&self, origin: Option<&str>) -> Rest<Anonymous> {
        let host = self.house.at(Surface::Widget);
        match origin {
            Some(origin) => host.with_header("origin", origin),
            None => host,
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/widget/{}{rest}", self.key)
    }

    /// A visitor and their session.
    async fn visitor(&self) -> (Rest<Bearer>, Value) {
        let session = self.page(Some(SHOP)).post(&self.path("/visitor"), json!({})).await.ok();
        (self.page(Some(SHOP)).bearer(text(&session["accessToken"])), session)
    }

    async fn watch(&self, visitor: &Rest<Bearer>, after: i64) -> Sse {
        visitor
            .clone()
            .with_header("last-event-id", &after.to_string())
            .stream(Method::GET, &self.path("/events"), None)
            .await
    }
}

fn words(words: &str) -> Value {
    json!({"clientId": Uuid::now_v7().to_string(), "text": words})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_asks_the_answer_streams_an_operator_takes_over_and_the_wallet_pays_once() {
    let shop = Shop::open().await;
    let (owner, gate) = (&shop.owner.api, Gate::after(1));
    shop.house.provider.on_model(MODEL, Behaviour::text("Вернуть товар можно за 14 дней [1].").gate(&gate));
    let (visitor, session) = shop.visitor().await;
    assert_eq!(session["expiresInSeconds"], 900);
    let mut stream = shop.watch(&visitor, 0).await;
    let state = stream.until("state").await;
    assert_eq!(state.json()["id"], "");
    let asked = words(WORDS);
    let said = visitor.post(&shop.path("/messages"), asked.clone()).await.ok();
    let own = stream.until("message").await;
    assert_eq!((own.id.as_deref(), &own.json()["clientId"]), (Some("1"), &asked["clientId"]));
    // Cut in the middle, and back with the last number.
    let part = loop {
        let part = stream.until("partial").await.json();
        if part["text"] != "" {
            break part;
        }
    };
    drop(stream);
    let list = visitor.get(&shop.path("/messages")).await.ok();
    assert!(text(&list["answer"]["text"]).starts_with(text(&part["text"])), "{list}");
    let mut stream = shop.watch(&visitor, 1).await;
    gate.release();
    let answer = stream.until("message").await;
    assert_eq!((answer.id.as_deref(), &answer.json()["author"]), (Some("2"), &json!("AUTHOR_ASSISTANT")));
    assert!(text(&answer.json()["text"]).contains("14 дней"));
    // The same id again is the same message.
    let again = visitor.post(&shop.path("/messages"), asked).await.ok();
    assert_eq!((&again["message"]["id"], &again["duplicate"]), (&said["message"]["id"], &json!(true)));

    let chat = text(&said["conversationId"]);
    let _ = owner.post(&format!("/api/v1/chats/{chat}:takeOver"), json!({})).await.ok();
    let taken = loop {
        let state = stream.until("state").await.json();
        if state["handler"] == "HANDLER_OPERATOR" {
            break state;
        }
    };
    assert_eq!(taken["id"], chat);
    let mine = Uuid::new_v4().to_string();
    let sent = json!({"text": "Здравствуйте, это Ольга", "clientId": mine});
    let sent = owner.post(&format!("/api/v1/chats/{chat}/messages"), sent).await.ok();
    assert_eq!(sent["clientId"], mine.as_str());
    let told = stream.until("message").await;
    assert_eq!((told.id.as_deref(), &told.json()["author"]), (Some("3"), &json!("AUTHOR_OPERATOR")));
    let inbox = owner.get(&format!("/api/v1/chats/{chat}")).await.ok();
    assert_eq!(inbox["channelKind"], "CHANNEL_KIND_WIDGET");
    drop(stream);
    let charges = async || {
        let wallet = owner.get("/api/v1/billing/wallet").await.ok();
        let turn = owner.get(&format!("/api/v1/chats/{chat}/turns")).await.ok()["turns"][0].clone();
        let (cost, spent) = (number(&turn["costMicroPix"]), number(&wallet["spentMicroPix"]));
        (cost > 0 && spent == cost && number(&wallet["heldMicroPix"]) == 0).then_some(())
    };
    eventually_within(SOON, "one charge", charges).await;
    shop.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_9_only_listed_pages_use_a_widget_and_only_they_read_its_answers() {
    trust!("C-9", "W-4", "E-19");
    let shop = Shop::open().await;
    for from in [None, Some("null"), Some("https://evil.example"), Some("https://shop.example.evil.tld")] {
        let refused = shop.page(from).post(&shop.path("/visitor"), json!({})).await;
        refused.problem(403, "ORIGIN_FORBIDDEN");
        assert_eq!(refused.header("access-control-allow-origin"), "", "{from:?}");
    }
    let frame = shop.house.at(Surface::Widget).origin();
    let around = |origin: &str| json!({"siteOrigin": origin});
    let _ = shop.page(Some(&frame)).post(&shop.path("/visitor"), around(SHOP)).await.ok();
    shop.page(Some(&frame))
        .post(&shop.path("/visitor"), around("https://evil.example"))
        .await
        .problem(403, "ORIGIN_FORBIDDEN");
    let good = shop.page(Some("https://a.b.big.example")).post(&shop.path("/visitor"), json!({})).await;
    assert_eq!(good.header("access-control-allow-origin"), "https://a.b.big.example");
    assert!(good.header("vary").contains("origin") && good.header("access-control-allow-credentials").is_empty());
    let preflight = |origin: &str| {
        let page = shop.page(Some(origin)).with_header("access-control-request-method", "POST");
        let path = shop.path("/messages");
        async move { page.call(Method::OPTIONS, &path, None).await }
    };
    let listed = preflight(SHOP).await;
    assert_eq!((listed.header("access-control-allow-origin"), listed.header("access-control-max-age")), (SHOP, "7200"));
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), "");
    // What a script says of itself is not believed.
    let forged = shop.page(None).with_header("x-neipix-origin", SHOP).with_header("x-neipix-address", "198.51.100.1");
    forged.post(&shop.path("/visitor"), json!({})).await.problem(403, "ORIGIN_FORBIDDEN");
    shop.page(Some(SHOP))
        .post("/api/v1/widget/wk_0000000000000000000000/visitor", json!({}))
        .await
        .problem(404, "NOT_FOUND");
    // Elsewhere the widget's calls are not there.
    for surface in [Surface::App, Surface::Api] {
        let there = shop.house.at(surface).with_header("origin", SHOP);
        there.post(&shop.path("/visitor"), json!({})).await.problem(404, "NOT_FOUND");
    }
    let (visitor, _) = shop.visitor().await;
    visitor.post(&shop.path("/messages"), words(&"я".repeat(4_001))).await.problem(400, "FIELD_INVALID");
    visitor.post(&shop.path("/messages"), words(&"я".repeat(20_000))).await.problem(413, "BODY_TOO_LARGE");
    shop.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_11_a_visitors_token_opens_their_dialogue_and_nothing_else() {
    trust!("C-11");
    let shop = Shop::open().await;
    let (anna, _) = shop.visitor().await;
    let (boris, session) = shop.visitor().await;
    let said = anna.post(&shop.path("/messages"), words(WORDS)).await.ok();
    let chat = text(&said["conversationId"]);
    boris.get(&shop.path(&format!("/messages?conversationId={chat}"))).await.problem(404, "NOT_FOUND");
    // On the other hosts such a token is none.
    let token = text(&session["accessToken"]);
    for surface in [Surface::App, Surface::Api] {
        let elsewhere = shop.house.at(surface).bearer(token);
        for path in
            [format!("/api/v1/chats/{chat}"), format!("/api/v1/chats/{chat}/messages"), "/api/v1/auth/me".into()]
        {
            elsewhere.get(&path).await.problem(401, "TOKEN_INVALID");
        }
        elsewhere.post(&format!("/api/v1/chats/{chat}:takeOver"), json!({})).await.problem(401, "TOKEN_INVALID");
    }
    let page = shop.page(Some(SHOP));
    let _ = page.post(&shop.path("/visitor:reset"), json!({"visitorToken": session["visitorToken"]})).await.ok();
    boris.get(&shop.path("/messages")).await.problem(401, "SESSION_REVOKED");
    page.post(&shop.path("/visitor"), json!({"visitorToken": session["visitorToken"]}))
        .await
        .problem(401, "VISITOR_TOKEN_INVALID");
    shop.house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w_4_the_loader_is_for_everybody_and_the_frame_for_listed_sites() {
    trust!("W-4", "W-3");
    let shop = Shop::open().await;
    let host = shop.page(Some("https://anywhere.example"));
    let loader = host.get(&format!("/v1/{}.js", shop.key)).await;
    assert_eq!(loader.status, 200, "{loader}");
    for (name, value) in [
        ("content-type", "text/javascript; charset=utf-8"),
        ("cache-control", "public, max-age=300, stale-while-revalidate=86400"),
        ("access-control-allow-origin", "*"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(loader.header(name), value, "{name}");
    }
    let config: Value = serde_json::from_str(loader.text().trim_start_matches("start(").trim_end_matches(')')).unwrap();
    assert_eq!((&config["key"], &config["accent"]), (&json!(shop.key), &json!("#aabbcc")));
    assert!(config["origins"].is_null(), "a site learns nothing of the others");

    let frame = host.get(&format!("/f/{}", shop.key)).await;
    let policy = frame.header("content-security-policy").to_owned();
    assert!(policy.contains("frame-ancestors https://shop.example https://*.big.example;"), "{policy}");
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-frame-options", ""),
        ("cache-control", "no-cache"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(frame.header(name), value, "{name}");
    }
    // An owner's words end no script.
    assert_eq!(frame.text().matches("</script>").count(), 1, "{frame}");
    assert!(frame.text().contains("\\u003cb\\u003eПривет"), "{frame}");
    let script = host.get("/assets/frame-1a2b3c4d.js").await;
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    for gone in [
        "/v1/wk_0000000000000000000000.js",
        "/f/wk_0000000000000000000000",
        "/f/..%2f..",
        "/assets/no.js",
        "/index.html",
        "/loader.js",
    ] {
        assert_eq!(host.get(gone).await.status, 404, "{gone}");
    }
    // Taken off its sites, it is gone from the edge too.
    let (assistant, id) = (text(&shop.channel["assistantId"]), text(&shop.channel["id"]));
    let _ = shop.owner.api.delete(&format!("/api/v1/assistants/{assistant}/channels/{id}")).await.ok();
    eventually_within(Duration::from_secs(15), "the end of the widget", async || {
        (host.get(&format!("/f/{}", shop.key)).await.status == 404).then_some(())
    })
    .await;
    shop.house.close().await;
}
