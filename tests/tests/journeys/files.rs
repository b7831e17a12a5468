//! Files by the outer faces: hostile and broken ones end with a reason in both languages, and nothing else changes.

use std::time::Duration;

use neipix_tests::{
    client::{Bearer, Rest},
    poll::eventually_within,
    trust,
};
use serde_json::{Value, json};

use crate::{
    archive,
    house::{House, announce, ended, post_form, question, ready_assistant, text, uploaded},
};

/// What the assistant answers and lists: must stay as it is whatever is uploaded beside it.
async fn standing(api: &Rest<Bearer>, assistant: &str, n: u32) -> (Value, Value) {
    let ask = question(assistant, &format!("c{n}"), "m1", "За сколько дней можно вернуть товар?");
    let answer = api.post("/api/v1/channels/api/messages", ask).await.ok();
    let ready = api.get(&format!("/api/v1/assistants/{assistant}/files?status=FILE_STATUS_READY")).await.ok();
    let shown = api.get(&format!("/api/v1/assistants/{assistant}")).await.ok();
    (json!([answer["turn"]["answer"], ready["files"], shown]), answer)
}

/// Uploads what must fail; checks reason, words and what a retry does.
async fn fails(api: &Rest<Bearer>, assistant: &str, name: &str, content: &[u8], reasons: &[&str]) -> Value {
    let file = uploaded(api, assistant, name, content).await;
    let failed = ended(api, assistant, &file).await;
    assert_eq!(failed["status"], "FILE_STATUS_FAILED", "{name}: {failed}");
    let failure = &failed["failure"];
    assert!(reasons.contains(&text(&failure["reason"])), "{name}: {failure}");
    let (russian, english) = (text(&failure["textRu"]), text(&failure["textEn"]));
    assert!(
        russian.chars().any(|c| ('а'..='я').contains(&c)) && english.is_ascii() && !english.is_empty(),
        "{failure}"
    );
    failed
}

/// A program long enough to be known as one.
fn program() -> Vec<u8> {
    let mut bytes = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".to_vec();
    bytes.resize(4_096, 0);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn k_1_k_2_k_3_hostile_files_fail_with_a_reason_and_change_nothing_else() {
    trust!("K-1", "K-2", "K-3");
    let house = House::open().await;
    let owner = house.owner().await;
    let (api, assistant) = (&owner.api, ready_assistant(&owner.api).await);
    let (before, _) = standing(api, &assistant, 1).await;

    let huge = json!({"name": "большой.pdf", "sizeBytes": (300_u64 << 20).to_string()});
    let refused = api.post(&format!("/api/v1/assistants/{assistant}/files"), huge).await;
    refused.problem(400, "FILE_TOO_LARGE");
    let program_by_name = json!({"name": "a.exe", "sizeBytes": "10"});
    api.post(&format!("/api/v1/assistants/{assistant}/files"), program_by_name).await.problem(400, "FILE_TYPE");

    let failed = fails(api, &assistant, "договор.pdf", &program(), &["type_mismatch"]).await;
    let polyglot = b"<html><body>text</body></html>\n%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer <<>>\n%%EOF";
    fails(api, &assistant, "два.html", polyglot, &["type_mismatch"]).await;
    let bomb = archive::docx(archive::bomb("word/document.xml", 1 << 30), vec![]);
    assert!(bomb.len() < 2 << 20, "small outside");
    fails(api, &assistant, "бомба.docx", &bomb, &["limit_exceeded"]).await;
    let entities = "<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let laughs = archive::docx(archive::body(entities, "&b;"), vec![]);
    fails(api, &assistant, "сущности.docx", &laughs, &["limit_exceeded", "extraction_crashed"]).await;
    let attributes: String = (0..1_000_000).map(|n| format!(" a{n}=\"\"")).collect();
    let wide = archive::docx(archive::body("", &format!("<w:p{attributes}/>")), vec![]);
    fails(api, &assistant, "атрибуты.docx", &wide, &["limit_exceeded"]).await;
    let mut nested = b"%PDF-1.7\n1 0 obj\n".to_vec();
    nested.extend(b"[".repeat(10_000));
    nested.extend(b"]".repeat(10_000));
    nested.extend(b"\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer <</Root 1 0 R /Prev 0>>\nstartxref\n0\n%%EOF");
    let crashed = fails(api, &assistant, "петля.pdf", &nested, &["extraction_crashed"]).await;

    // A retry ends the same; nothing is stuck.
    for file in [&failed, &crashed] {
        let path = format!("/api/v1/assistants/{assistant}/files/{}", text(&file["id"]));
        let again = api.post(&format!("{path}:retry"), json!({})).await.ok();
        assert!(matches!(text(&again["status"]), "FILE_STATUS_QUEUED" | "FILE_STATUS_EXTRACTING"), "{again}");
        let ended = ended(api, &assistant, text(&file["id"])).await;
        assert_eq!(ended["failure"], file["failure"]);
        assert_eq!(api.delete(&path).await.status, 200);
    }
    let (after, answer) = standing(api, &assistant, 2).await;
    assert_eq!(after, before, "{answer}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k_4_a_document_that_names_files_and_addresses_is_read_without_them() {
    trust!("K-4");
    let house = House::open().await;
    let owner = house.owner().await;
    let assistant = ready_assistant(&owner.api).await;
    let listener = neipix_tests::provider::Provider::start().await.unwrap();
    let doctype = format!(
        "<!DOCTYPE d [<!ENTITY file SYSTEM \"file:///etc/passwd\"><!ENTITY net SYSTEM \"{}/x\">]>",
        listener.base_url()
    );
    let paragraph = "<w:p><w:r><w:t>Гарантия составляет пять лет. &file;&net;</w:t></w:r></w:p>";
    let content = archive::docx(archive::body(&doctype, paragraph), vec![]);
    let file = uploaded(&owner.api, &assistant, "гарантия.docx", &content).await;
    let ready = ended(&owner.api, &assistant, &file).await;
    assert_eq!(ready["status"], "FILE_STATUS_READY", "{ready}");
    let read = owner.api.get(&format!("/api/v1/assistants/{assistant}/files/{file}/text")).await.ok();
    assert!(read.to_string().contains("пять лет") && !read.to_string().contains("root:"), "{read}");
    assert!(listener.exchanges().is_empty(), "no request");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k_5_k_6_the_storage_takes_what_was_announced_and_nothing_else() {
    trust!("K-5", "K-6");
    let house = House::open().await;
    let owner = house.owner().await;
    let (api, assistant) = (&owner.api, ready_assistant(&owner.api).await);
    let files = format!("/api/v1/assistants/{assistant}/files");
    let announced = announce(api, &assistant, "a.txt", 10).await;
    let path = format!("{files}/{}", text(&announced["file"]["id"]));
    api.post(&format!("{path}:confirm"), json!({})).await.problem(400, "FILE_NOT_UPLOADED");
    let refused = post_form(&announced["upload"], &[b'a'; 11]).await;
    assert!((400..500).contains(&refused), "one byte too many: {refused}");
    api.post(&format!("{path}:confirm"), json!({})).await.problem(400, "FILE_NOT_UPLOADED");
    // The form is good for this one place only.
    let mut elsewhere = announced["upload"].clone();
    let key = text(&elsewhere["fields"]["key"]).to_owned();
    elsewhere["fields"]["key"] = json!(key.replace(&owner.workspace, &uuid::Uuid::now_v7().to_string()));
    assert_ne!(elsewhere["fields"]["key"], key, "keys carry the workspace");
    let refused = post_form(&elsewhere, &[b'a'; 10]).await;
    assert!((400..500).contains(&refused), "another workspace's place: {refused}");

    assert!((200..300).contains(&post_form(&announced["upload"], &[b'a'; 10]).await));
    let _ = api.post(&format!("{path}:confirm"), json!({})).await.ok();
    let other = house.owner().await;
    for path in [path.clone(), format!("{path}/text")] {
        other.api.get(&path).await.problem(404, "NOT_FOUND");
    }
    other.api.delete(&path).await.problem(404, "NOT_FOUND");
    assert_eq!(ended(api, &assistant, text(&announced["file"]["id"])).await["status"], "FILE_STATUS_READY");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k_7_names_are_inert() {
    trust!("K-7");
    let house = House::open().await;
    let owner = house.owner().await;
    let assistant = ready_assistant(&owner.api).await;
    for (given, shown) in [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("a\u{202e}fdp.txt", "afdp.txt"),
        ("\"><img src=x onerror=alert(1)>.txt", "\"><img src=x onerror=alert(1)>.txt"),
        ("C:\\temp\\цены.txt", "цены.txt"),
    ] {
        let announced = announce(&owner.api, &assistant, given, 10).await;
        assert_eq!(announced["file"]["name"], shown, "{given}");
        let key = text(&announced["upload"]["fields"]["key"]);
        assert!(key.ends_with(text(&announced["file"]["id"])) && key.is_ascii() && !key.contains(".."), "{key}");
    }
    let nul = json!({"name": "a\u{0}b.txt", "sizeBytes": "10"});
    let refused = owner.api.post(&format!("/api/v1/assistants/{assistant}/files"), nul).await;
    assert_eq!(refused.status, 400, "{refused}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k_8_a_provider_inside_the_house_is_refused() {
    let house = House::open().await;
    let staff = house.staff().await;
    for url in [
        "http://169.254.169.254/v1",
        "http://10.0.0.1/v1",
        "http://[::ffff:10.0.0.1]/v1",
        "http://[::1]/v1",
        "http://2852039166/v1",
        "http://0xa9fea9fe/v1",
    ] {
        let provider = json!({"provider": {"name": "x", "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE", "baseUrl": url,
            "model": "x", "apiKey": "sk-canary-1234", "priority": 1}});
        let refused = staff.post("/api/v1/admin/providers", provider).await;
        refused.problem(400, "URL_FORBIDDEN");
    }
    let listed = staff.get("/api/v1/admin/providers").await.ok();
    assert_eq!(listed["providers"].as_array().unwrap().len(), 1, "the built-in one alone: {listed}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k_11_a_file_deleted_while_it_is_read_is_never_answered_from() {
    trust!("K-11", "INV-91");
    let house = House::open().await;
    let owner = house.owner().await;
    let (api, assistant) = (&owner.api, ready_assistant(&owner.api).await);
    let words = "Хранение кобальта стоит семь рублей в сутки.\n\n".repeat(4_000);
    let file = uploaded(api, &assistant, "кобальт.txt", words.as_bytes()).await;
    let path = format!("/api/v1/assistants/{assistant}/files/{file}");
    assert_eq!(api.delete(&path).await.status, 200);
    api.get(&path).await.problem(404, "NOT_FOUND");
    let jobs = format!("SELECT count(*) FROM assistants.job WHERE key LIKE '%{file}'");
    eventually_within(Duration::from_secs(60), "the work on it is over", async || {
        (house.number(&jobs).await == 0).then_some(())
    })
    .await;
    let search = json!({"query": "хранение кобальта"});
    let found = api.post(&format!("/api/v1/assistants/{assistant}/passages:search"), search).await.ok();
    assert!(!found.to_string().contains("кобальт"), "{found}");
    let ask = question(&assistant, "c1", "m1", "Сколько стоит хранение кобальта?");
    let answer = api.post("/api/v1/channels/api/messages", ask).await.ok();
    assert!(!answer.to_string().contains("семь рублей"), "{answer}");
    house.close().await;
}
