//! The first conversation, by REST alone: register, assistant, file, publish, question, cited answer, ledger, take-over.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use std::time::Duration;

use http::Method;
use neipix_local::testing::{self, TestProduct};
use neipix_tests::{
    client::{Bearer, Mailbox, Rest, Surface, http},
    poll::eventually_within,
    provider::{Behaviour, Provider},
    trust,
};
use serde_json::{Value, json};

const FILE: &str = "Возврат и обмен\n\nВернуть товар можно в течение 14 дней со дня покупки. Деньги возвращаем на карту за 3 дня.\n\n\
    Доставка\n\nДоставка по Москве стоит 300 рублей и занимает один день.\n";

async fn register(product: &TestProduct, email: &str) -> Rest<Bearer> {
    let api = Rest::at(product.product.address, Surface::Api);
    let body = json!({"email": email, "password": "long enough 1", "name": "Анна", "workspaceName": "Ромашка"});
    let registered = api.post("/api/v1/auth/register", body).await.ok();
    let mailbox = Mailbox::new(&std::env::var("MAILBOX_URL").expect("MAILBOX_URL: run by `make test-it`"));
    let code = mailbox.code_for(email).await;
    let body = json!({"registrationId": registered["registrationId"], "code": code});
    let tokens = api.post("/api/v1/auth/confirm-email", body).await.ok();
    api.bearer(tokens["accessToken"].as_str().expect("an access token"))
}

async fn ready_assistant(api: &Rest<Bearer>) -> String {
    let draft = json!({"draft": {"name": "Ромашка", "instruction": "Отвечай коротко.", "answerDelaySeconds": 0}});
    let created = api.post("/api/v1/assistants", draft).await.ok();
    let id = created["id"].as_str().unwrap().to_owned();
    let announced = api
        .post(
            &format!("/api/v1/assistants/{id}/files"),
            json!({"name": "правила.txt", "sizeBytes": FILE.len().to_string()}),
        )
        .await
        .ok();
    upload(&announced["upload"], FILE).await;
    let file = announced["file"]["id"].as_str().unwrap().to_owned();
    let _ = api.post(&format!("/api/v1/assistants/{id}/files/{file}:confirm"), json!({})).await.ok();
    eventually_within(Duration::from_secs(30), "the file is ready", async || {
        let file = api.get(&format!("/api/v1/assistants/{id}/files/{file}")).await.ok();
        assert_ne!(file["status"], "FILE_STATUS_FAILED", "{file}");
        (file["status"] == "FILE_STATUS_READY").then_some(())
    })
    .await;
    let published = api.post(&format!("/api/v1/assistants/{id}:publish"), json!({})).await.ok();
    assert_eq!(published["status"], "ASSISTANT_STATUS_PUBLISHED");
    id
}

async fn upload(upload: &Value, text: &str) {
    let mut form = reqwest::multipart::Form::new();
    for (name, value) in upload["fields"].as_object().unwrap() {
        form = form.text(name.clone(), value.as_str().unwrap().to_owned());
    }
    form = form.part("file", reqwest::multipart::Part::bytes(text.as_bytes().to_vec()).file_name("file"));
    let answer = http().post(upload["url"].as_str().unwrap()).multipart(form).send().await.unwrap();
    assert!(answer.status().is_success(), "the storage refuses: {} {}", answer.status(), answer.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_a_file_is_answered_with_a_citation_and_an_operator_can_take_over() {
    trust!("C-12", "INV-2");
    let product = testing::start(&[]).await.expect("the product");
    let api = register(&product, "anna@romashka.example").await;
    let assistant = ready_assistant(&api).await;

    // The question, by the API channel.
    let ask = json!({"assistantId": assistant, "contactExternalId": "c1", "externalId": "m1",
                     "text": "За сколько дней можно вернуть товар?", "waitSeconds": 30});
    let answered = api.post("/api/v1/channels/api/messages", ask).await.ok();
    let turn = &answered["turn"];
    assert_eq!(turn["state"], "TURN_STATE_DELIVERED", "{answered}");
    assert!(turn["answer"].as_str().unwrap().contains("14 дней"), "{answered}");
    assert_eq!(turn["citations"][0]["title"], "правила.txt", "{answered}");

    // The same external id is the same message, whatever its text.
    let repeat = json!({"assistantId": assistant, "contactExternalId": "c1", "externalId": "m1", "text": "другое"});
    let again = api.post("/api/v1/channels/api/messages", repeat).await.ok();
    assert_eq!(again["messageId"], answered["messageId"]);
    assert_eq!(again["turn"]["id"], turn["id"]);

    // An operator takes over: the assistant falls silent, and says why.
    let chat = answered["conversationId"].as_str().unwrap();
    let taken = api.post(&format!("/api/v1/chats/{chat}:takeOver"), json!({})).await.ok();
    assert_eq!(taken["handler"], "HANDLER_OPERATOR");
    let ask = json!({"assistantId": assistant, "contactExternalId": "c1", "externalId": "m2", "text": "А доставка?"});
    let silent = api.post("/api/v1/channels/api/messages", ask).await.ok();
    assert_eq!(silent["turn"]["state"], "TURN_STATE_SKIPPED", "{silent}");
    assert_eq!(silent["turn"]["reason"], "operator");

    // Handing back wakes it: it answers what is owed.
    let _ = api.post(&format!("/api/v1/chats/{chat}:return"), json!({})).await.ok();
    eventually_within(Duration::from_secs(15), "the owed answer", async || {
        let messages = api.get(&format!("/api/v1/chats/{chat}/messages")).await.ok();
        let last = &messages["messages"][0];
        (last["author"] == "AUTHOR_ASSISTANT" && last["text"].as_str().unwrap().contains("300")).then_some(())
    })
    .await;
    product.product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_priced_answer_is_held_settled_streamed_and_sums_to_zero() {
    trust!("INV-20", "INV-21", "INV-22", "INV-24");
    let provider = Provider::start().await.unwrap();
    provider.on_model("test-priced", Behaviour::text("Вернуть можно за 14 дней [1]."));
    let product = testing::start(&[("WELCOME_GRANT_MICRO_PIX", "100000000")]).await.expect("the product");
    staff_adds_a_model(&product, &provider.base_url()).await;
    let api = register(&product, "boris@romashka.example").await;
    let wallet = eventually_within(Duration::from_secs(15), "the wallet", async || {
        let answer = api.get("/api/v1/billing/wallet").await;
        (answer.status == 200).then(|| answer.ok())
    })
    .await;
    assert_eq!(wallet["availableMicroPix"], "100000000");
    let assistant = ready_assistant(&api).await;

    let ask =
        json!({"assistantId": assistant, "contactExternalId": "c1", "externalId": "m1", "text": "Как вернуть товар?"});
    let mut stream = api.stream(Method::POST, "/api/v1/channels/api/messages:stream", Some(ask)).await;
    let mut text = String::new();
    let finished = loop {
        let event = stream.next().await.expect("an event");
        match event.event.as_str() {
            "delta" => text += event.json()["text"].as_str().unwrap(),
            "finished" => break event.json(),
            "accepted" | "partial" => {}
            other => panic!("{other}: {}", event.data),
        }
    };
    assert_eq!(text, "Вернуть можно за 14 дней [1].", "{finished}");
    let cost: i64 = finished["costMicroPix"].as_str().unwrap().parse().unwrap();
    assert!(cost > 0, "{finished}");

    let after = api.get("/api/v1/billing/wallet").await.ok();
    let number = |name: &str| after[name].as_str().unwrap().parse::<i64>().unwrap();
    assert_eq!(number("availableMicroPix"), 100_000_000 - cost);
    assert_eq!(number("heldMicroPix"), 0);
    let statement = api.get("/api/v1/billing/statement").await.ok();
    let transfers = statement["transfers"].as_array().unwrap();
    let kinds: Vec<&str> = transfers.iter().map(|t| t["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["TRANSFER_KIND_SETTLE", "TRANSFER_KIND_HOLD", "TRANSFER_KIND_GRANT"]);
    for transfer in transfers {
        let whole = api.get(&format!("/api/v1/billing/transfers/{}", transfer["id"].as_str().unwrap())).await.ok();
        let amounts = whole["postings"].as_array().unwrap().iter();
        let sum: i64 = amounts.map(|p| p["amountMicroPix"].as_str().unwrap().parse::<i64>().unwrap()).sum();
        assert_eq!(sum, 0, "{whole}");
    }
    product.product.stop().await;
}

/// Staff sign in to the panel, add a provider and its price.
async fn staff_adds_a_model(product: &TestProduct, base_url: &str) {
    use neipix_proto::auth::v1::{PlatformRole, ProvisionUserRequest, auth_service_client::AuthServiceClient};
    let request = ProvisionUserRequest {
        email: "root@neipix.example".into(),
        password: "long enough 1".into(),
        name: "Root".into(),
        platform_role: PlatformRole::Superadmin.into(),
        ..ProvisionUserRequest::default()
    };
    AuthServiceClient::new(product.product.cli.background("svc-auth")).provision_user(request).await.unwrap();
    let panel = Rest::at(product.product.address, Surface::Admin).browser();
    let body = json!({"email": "root@neipix.example", "password": "long enough 1", "surface": "SURFACE_ADMIN"});
    let tokens = panel.post("/api/v1/auth/login", body).await.ok();
    let staff = Rest::at(product.product.address, Surface::Admin).bearer(tokens["accessToken"].as_str().unwrap());
    let provider = json!({"provider": {"name": "Test", "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE", "baseUrl": base_url,
                          "model": "test-priced", "apiKey": "sk-test-1234", "priority": 1}});
    let made = staff.post("/api/v1/admin/providers", provider).await.ok();
    assert_eq!(made["apiKeyLast4"], "1234");
    assert_eq!(made["apiKey"], "");
    let price = json!({"price": {"model": "test-priced", "inputMicroPix": "1000000000", "outputMicroPix": "2000000000",
                       "markupBp": 10000}});
    let _ = staff.post("/api/v1/admin/prices", price).await.ok();
}
