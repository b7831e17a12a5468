//! Files of another workspace: neither shown by the product nor reached in its storage.

use base64::{Engine as _, engine::general_purpose::STANDARD as B64};
use http::Method;
use neipix_proto::methods;
use neipix_tests::{
    client::{Surface, http},
    telegram::Telegram,
    trust,
};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{digest::settled, place::Place, world::World};

#[tokio::test(flavor = "multi_thread")]
async fn t_3_files_of_another_workspace_are_neither_shown_nor_reached_in_the_storage() {
    trust!("T-3");
    let telegram = Telegram::start().await.expect("the stand-in");
    let place = Place::one_process(&telegram).await;
    let (ours, theirs) = (World::make(&place, &telegram).await, World::make(&place, &telegram).await);
    let shown = format!("/api/v1/assistants/{}/files/{}/text", theirs.seeds["assistant"], theirs.seeds["file"]);
    let text = theirs.api(&place).get(&shown).await.ok();
    let before = settled(&place, &theirs.id).await;
    the_product_shows_nothing(&place, &ours, &theirs).await;
    the_storage_gives_and_takes_nothing(&place, &ours, &theirs).await;
    assert_eq!(before, settled(&place, &theirs.id).await, "something of theirs changed");
    assert_eq!(theirs.api(&place).get(&shown).await.ok(), text);
    place.stop().await;
}

/// By any way to a file's content: its text and its passages. A download or an export does not exist yet; where one comes
/// it is tried here.
async fn the_product_shows_nothing(place: &Place, ours: &World, theirs: &World) {
    let all = methods().all();
    let templates = all.iter().flat_map(|method| &method.bindings).map(|binding| binding.template.as_str());
    let ways =
        templates.filter(|path| ["text", "preview", "download", "export", "content"].iter().any(|w| path.ends_with(w)));
    assert_eq!(ways.collect::<Vec<_>>(), ["/api/v1/assistants/{assistant_id}/files/{id}/text"]);
    let nobodys = Uuid::now_v7().to_string();
    for credential in [&ours.owner, &ours.key] {
        let api = place.rest(Surface::Api).bearer(credential);
        let refused = async |assistant: &str, file: &str| {
            let path = format!("/api/v1/assistants/{assistant}/files/{file}");
            let (row, text) = (api.get(&path).await, api.get(&format!("{path}/text")).await);
            [row, text].map(|answer| answer.problem(404, "NOT_FOUND").without_trace())
        };
        let (assistant, file) = (&theirs.seeds["assistant"], &theirs.seeds["file"]);
        let like_nobodys = refused(&nobodys, &nobodys).await;
        for (assistant, file) in [(assistant, file), (&ours.seeds["assistant"], file), (assistant, &ours.seeds["file"])]
        {
            assert_eq!(refused(assistant, file).await, like_nobodys, "{assistant} {file}");
        }
        let search = async |assistant: &str| {
            let path = format!("/api/v1/assistants/{assistant}/passages:search");
            api.post(&path, json!({"query": "вернуть товар"})).await.problem(404, "NOT_FOUND").without_trace()
        };
        assert_eq!(search(assistant).await, search(&nobodys).await);
    }
}

/// By the one thing signed that leaves the product, an upload's form, bent in every way; and by no signature at all.
async fn the_storage_gives_and_takes_nothing(place: &Place, ours: &World, theirs: &World) {
    let api = ours.api(place);
    let files = format!("/api/v1/assistants/{}/files", ours.seeds["assistant"]);
    let announced = api.post(&files, json!({"name": "a.txt", "sizeBytes": "10"})).await.ok();
    let form = &announced["upload"];
    let key = form["fields"]["key"].as_str().expect("a key").to_owned();
    let (own_file, their_key) = (&ours.seeds["file"], format!("{}/{}", theirs.id, theirs.seeds["file"]));
    assert!(key.starts_with(&format!("{}/", ours.id)), "{key}");
    let others = [
        their_key.clone(),
        // Even a file of one's own that is there already.
        format!("{}/{own_file}", ours.id),
        format!("{}/{}", theirs.id, Uuid::now_v7()),
        format!("{key}/../../{their_key}"),
        format!("{key}x"),
    ];
    // A form that breaks its policy is a bad request to the storage beside tests, where Amazon's says forbidden.
    let refused = |status: u16| status == 400 || status == 403;
    for other in &others {
        let status = posted(form, &[("key", other)]).await;
        assert!(refused(status), "{other}: {status}");
    }
    // A policy of one's own making, and one whose limits were moved, under the signature of the first.
    let policy = form["fields"]["policy"].as_str().or(form["fields"]["Policy"].as_str()).expect("a policy").to_owned();
    let name = if form["fields"]["policy"].is_string() { "policy" } else { "Policy" };
    let words = String::from_utf8(B64.decode(policy).expect("base64")).expect("JSON");
    assert!(words.contains(&key), "{words}");
    let moved = B64.encode(words.replace(&key, &their_key));
    assert_eq!(posted(form, &[("key", &their_key), (name, &moved)]).await, 403, "a policy of theirs");
    // Without a signature, or with the form's as a query.
    let url = form["url"].as_str().expect("an address").trim_end_matches('/').to_owned();
    let fields = form["fields"].as_object().expect("fields").iter();
    let query = fields.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
    let signed = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    for verb in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        for query in [String::new(), format!("?{signed}")] {
            let answer =
                http().request(verb.clone(), format!("{url}/{their_key}{query}")).body("aaaaaaaaaa").send().await;
            let status = answer.expect("the storage answers").status().as_u16();
            assert_eq!(status, 403, "{verb} {query}");
        }
    }
    let list = http().get(format!("{url}?list-type=2&prefix={}", theirs.id)).send().await.expect("the storage answers");
    assert_eq!(list.status().as_u16(), 403, "a list of theirs");
    assert_eq!(posted(form, &[]).await / 100, 2, "as it was given it is good");
}

/// Sends the form with some of its fields changed; answers the status.
async fn posted(form: &Value, changed: &[(&str, &str)]) -> u16 {
    let mut sent = Form::new();
    for (name, value) in form["fields"].as_object().expect("fields") {
        let other = changed.iter().find(|(changed, _)| changed == name).map(|(_, other)| *other);
        sent = sent.text(name.clone(), other.or(value.as_str()).expect("a text").to_owned());
    }
    sent = sent.part("file", Part::bytes(b"aaaaaaaaaa".to_vec()).file_name("file"));
    let url = form["url"].as_str().expect("an address");
    http().post(url).multipart(sent).send().await.expect("the storage answers").status().as_u16()
}
