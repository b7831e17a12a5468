//! E-5, and every field of every REST body with a value of another type: refused, the field named, nothing changed.

use http::Method;
use neipix_proto::{Method as Rpc, Who, access::v1::Surface as Audience, auth::v1::PlatformRole, methods};
use neipix_tests::{
    client::{Answer, Bearer, Rest},
    stage, trust,
};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};

use crate::scene::Scene;

/// A wrong value: where it stands as JSON path, and the body that holds it and nothing else.
struct Wrong {
    path: String,
    body: Value,
}

/// Each field below a message, filled with values that its type does not know.
fn wrongs(message: &MessageDescriptor, given: &[String], depth: u32) -> Vec<Wrong> {
    let mut all = vec![];
    for field in message.fields().filter(|f| !given.contains(&f.name().to_owned())) {
        let name = field.json_name().to_owned();
        let values = if field.is_list() || field.is_map() { vec![json!(7)] } else { of_another_type(&field) };
        all.extend(values.into_iter().map(|value| Wrong { path: name.clone(), body: json!({&name: value}) }));
        if field.is_map() {
            continue;
        }
        let within: Vec<Wrong> = match field.kind() {
            Kind::Message(inner) if depth > 0 && !inner.full_name().starts_with("google.") => {
                wrongs(&inner, &[], depth - 1)
            }
            _ if field.is_list() => {
                of_another_type(&field).into_iter().map(|value| Wrong { path: String::new(), body: value }).collect()
            }
            _ => vec![],
        };
        for Wrong { path, body } in within {
            let (at, body) = if field.is_list() { (format!("{name}[0]"), json!([body])) } else { (name.clone(), body) };
            let path = if path.is_empty() { at } else { format!("{at}.{path}") };
            all.push(Wrong { path, body: json!({&name: body}) });
        }
    }
    all
}

fn of_another_type(field: &FieldDescriptor) -> Vec<Value> {
    match field.kind() {
        Kind::String => vec![json!({"a": 1})],
        Kind::Bool => vec![json!("yes")],
        Kind::Enum(_) => vec![json!("NOT_A_NAME")],
        Kind::Bytes => vec![json!("%%%")],
        Kind::Double | Kind::Float => vec![json!("much")],
        Kind::Message(message) if message.full_name() == "google.protobuf.Timestamp" => vec![json!("yesterday")],
        Kind::Message(_) => vec![json!("text")],
        _ => vec![json!(1.5)],
    }
}

/// The path of an rpc's main route with fresh ids in it.
fn path(rpc: &Rpc) -> (String, Vec<String>) {
    let (mut path, mut given, mut rest) = (String::new(), vec![], rpc.bindings[0].template.as_str());
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').unwrap();
        path += before;
        path += &uuid::Uuid::now_v7().to_string();
        given.push(name.rsplit('.').next().unwrap().to_owned());
        rest = tail;
    }
    (path + rest, given)
}

async fn send(caller: &Rest<Bearer>, rpc: &Rpc, path: &str, body: &Value) -> Answer {
    let verb = Method::from_bytes(rpc.bindings[0].verb.as_bytes()).unwrap();
    caller.call(verb, path, Some(body.clone())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_every_body_is_refused_by_name_where_its_type_is_wrong() {
    let scene = Scene::set().await;
    let staff = stage::staff(&scene.test, "root@neipix.example", PlatformRole::Superadmin).await;
    let visitor = scene.visitor().await;
    let before = scene.state().await;
    let (mut rpcs, mut tried) = (0, 0);
    for rpc in methods().all().into_iter().filter(|m| m.bindings.first().is_some_and(|b| !b.body.is_empty())) {
        let caller = match rpc.surfaces.as_slice() {
            [Audience::Widget] => &visitor,
            surfaces if surfaces.contains(&Audience::Api) => &scene.owner,
            _ => &staff,
        };
        let (path, given) = path(rpc);
        let input = rpc.descriptor.input();
        let (message, prefix) = match rpc.bindings[0].body.as_str() {
            "*" => (input, String::new()),
            field => match input.get_field_by_name(field).unwrap().kind() {
                Kind::Message(message) => (message, format!("{field}.")),
                other => panic!("{}: a body of {other:?}", rpc.name),
            },
        };
        rpcs += 1;
        let unknown = Wrong { path: "isStaff".to_owned(), body: json!({"isStaff": true}) };
        for Wrong { path: field, body } in wrongs(&message, &given, 4).into_iter().chain([unknown]) {
            let answer = send(caller, rpc, &path, &body).await;
            assert_eq!(answer.status, 400, "{} with {body}: {answer}", rpc.name);
            answer.problem(400, "FIELD_INVALID").names(&format!("{prefix}{field}"));
            tried += 1;
        }
        for body in [json!([]), json!("text"), json!(7)] {
            if matches!(rpc.who, Who::Public) && rpc.rate.is_some() {
                break;
            }
            send(caller, rpc, &path, &body).await.problem(400, "BODY_MALFORMED");
        }
    }
    assert!(rpcs >= 25 && tried >= 100, "{rpcs} rpcs, {tried} fields: the generator misses some");
    scene.unchanged(&before).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e_5_numbers_names_and_times_outside_their_type_are_refused_by_field() {
    trust!("E-5");
    let scene = Scene::set().await;
    let staff = stage::staff(&scene.test, "root@neipix.example", PlatformRole::Superadmin).await;
    let assistant = scene.assistant("А").await;
    let before = scene.state().await;
    let files = format!("/api/v1/assistants/{assistant}/files");
    for number in [
        "1.5",
        r#""1.5""#,
        r#""9223372036854775808""#,
        "9223372036854775808",
        "1e300",
        r#""NaN""#,
        r#""""#,
        r#"" 1""#,
        r#""0x1""#,
    ] {
        let body = format!(r#"{{"name": "a.txt", "sizeBytes": {number}}}"#).into_bytes();
        let answer = scene.owner.try_bytes(Method::POST, &files, "application/json", Some(body)).await.unwrap();
        answer.problem(400, "FIELD_INVALID").names("sizeBytes");
        let body = format!(r#"{{"price": {{"model": "m", "inputMicroPix": {number}}}}}"#).into_bytes();
        let answer =
            staff.try_bytes(Method::POST, "/api/v1/admin/prices", "application/json", Some(body)).await.unwrap();
        answer.problem(400, "FIELD_INVALID").names("price.inputMicroPix");
    }
    let bare = br#"{"name": "a.txt", "sizeBytes": NaN}"#.to_vec();
    let answer = scene.owner.try_bytes(Method::POST, &files, "application/json", Some(bare)).await.unwrap();
    answer.problem(400, "BODY_MALFORMED");
    for temperature in [json!("NaN"), json!("Infinity"), json!(-0.1), json!(1.1)] {
        let body = json!({"draft": {"name": "a", "temperature": temperature}});
        scene.owner.post("/api/v1/assistants", body).await.problem(400, "FIELD_INVALID").names("draft.temperature");
    }
    for delay in [json!(601), json!(-1), json!(4_294_967_296_i64), json!(0.5), json!(true)] {
        let body = json!({"draft": {"name": "a", "answerDelaySeconds": delay}});
        scene
            .owner
            .post("/api/v1/assistants", body)
            .await
            .problem(400, "FIELD_INVALID")
            .names("draft.answerDelaySeconds");
    }
    for (value, field) in [
        (json!("STOP_WORD_MATCH_GUESS"), "match"),
        (json!("stop_word_match_phrase"), "match"),
        (json!(99), "match"),
        (json!(0), "match"),
    ] {
        let word = json!({"pattern": "a", "match": value, "action": "STOP_WORD_ACTION_SILENT"});
        let body = json!({"draft": {"name": "a", "stopWords": [word]}});
        let refused = scene.owner.post("/api/v1/assistants", body).await.problem(400, "FIELD_INVALID");
        refused.names(&format!("draft.stopWords[0].{field}"));
    }
    for time in [
        "+10000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0000-12-31T23:59:59Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01",
        "now",
    ] {
        let key = json!({"name": "K", "permissions": ["chats.read"], "expireTime": time});
        scene.owner.post("/api/v1/api-keys", key).await.problem(400, "FIELD_INVALID").names("expireTime");
        let query: String = form_urlencoded::byte_serialize(time.as_bytes()).collect();
        let list = format!("/api/v1/audit?fromTime={query}");
        scene.owner.get(&list).await.problem(400, "FIELD_INVALID").names("fromTime");
    }
    scene.owner.get("/api/v1/assistants?status=NOT_A_STATUS").await.problem(400, "FIELD_INVALID").names("status");
    scene.owner.get("/api/v1/assistants?status=99").await.problem(400, "FIELD_INVALID").names("status");
    scene
        .owner
        .get(&format!("/api/v1/assistants/{assistant}/versions/1.5"))
        .await
        .problem(400, "FIELD_INVALID")
        .names("number");
    scene.unchanged(&before).await;
    scene.end().await;
}
