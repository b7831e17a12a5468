//! Ids of others: the answer must be the one for an id that nobody has, and nothing of theirs may change.

use futures::{StreamExt as _, stream};
use neipix_proto::{Method, Who, access::v1::Surface as Audience, methods};
use neipix_tests::{
    faces::rest_calls, generate::Seeds, generate::id_kind, grpc::Outcome, permissions::Table, telegram::Telegram, trust,
};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    callers::{Caller, Expect, Rights, key_caller},
    digest::settled,
    mesh::in_mesh,
    place::{Place, host},
    requests::{Maker, Meant, set},
    world::{SCOPES, World},
};

/// A field that names a row.
#[derive(Clone, Debug)]
struct IdField {
    path: String,
    kind: String,
    list: bool,
    /// The rpc is about this row: without it there is nothing to answer.
    needed: bool,
}

/// The fields of a request that name rows of these kinds.
fn id_fields(method: &Method, kinds: &Seeds) -> Vec<IdField> {
    let mut found = Vec::new();
    collect(method, &method.descriptor.input(), "", &mut found);
    // The OpenAI face calls an assistant a model.
    let model = match method.descriptor.name() {
        "CreateChatCompletion" => Some("model"),
        "ListModels" => Some("id"),
        _ => None,
    };
    found.retain(|field| model != Some(field.path.as_str()) && kinds.contains_key(field.kind.as_str()));
    found.extend(model.map(|path| {
        let kind = "assistant".to_owned();
        IdField { path: path.to_owned(), kind, list: false, needed: true }
    }));
    found
}

fn collect(method: &Method, message: &MessageDescriptor, prefix: &str, found: &mut Vec<IdField>) {
    for field in message.fields() {
        let path = format!("{prefix}{}", field.name());
        match field.kind() {
            Kind::String => {
                let kind = match field.name() {
                    "id" => id_kind(method),
                    "replaces_id" => "file",
                    name => name.strip_suffix("_id").or_else(|| name.strip_suffix("_ids")).unwrap_or_default(),
                };
                let kind = kind.to_owned();
                found.push(IdField { needed: needed(&field), list: field.is_list(), path, kind });
            }
            Kind::Message(inner)
                if prefix.is_empty() && !field.is_list() && inner.full_name().starts_with("neipix.") =>
            {
                collect(method, &inner, &format!("{path}."), found);
            }
            _ => {}
        }
    }
}

/// A UUID that may not be left out, or the id of the row to be updated.
fn needed(field: &FieldDescriptor) -> bool {
    let rules = field.parent_pool().get_extension_by_name("buf.validate.field").expect("field rules are known");
    let options = field.options();
    let ruled = options.has_extension(&rules);
    let rules = options.get_extension(&rules).into_owned();
    let rules = rules.as_message().expect("field rules are a message");
    let optional = rules.has_field_by_name("ignore");
    (ruled && rules.has_field_by_name("string") && field.name().ends_with("id") && !optional)
        || (field.name() == "id" && !ruled)
}

/// Puts an id there; false where the request has no such message.
fn put(request: &mut DynamicMessage, field: &IdField, id: &str) {
    let text = Value::String(id.to_owned());
    set(request, &field.path, if field.list { Value::List(vec![text]) } else { text });
}

/// An answer without what differs between any two: the id that was asked for, ids and times of new rows, secrets.
fn scrubbed(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Answered(json) => Outcome::Answered(scrub(json)),
        Outcome::Refused(mut refusal) => {
            refusal.rest = scrub(refusal.rest);
            Outcome::Refused(refusal)
        }
    }
}

fn scrub(json: Json) -> Json {
    match json {
        Json::Array(items) => items.into_iter().map(scrub).collect(),
        Json::Object(mut members) => {
            let _ = members.remove("etag");
            members.into_iter().map(|(name, value)| (name, scrub(value))).collect()
        }
        Json::String(text) if Uuid::parse_str(&text).is_ok() => "an id".into(),
        Json::String(text) if text.starts_with("npk_") => "a key".into(),
        Json::String(text) if chrono::DateTime::parse_from_rfc3339(&text).is_ok() => "a time".into(),
        other => other,
    }
}

/// One rpc with one foreign id and with one that nobody has, by every door.
async fn compared(
    maker: &Maker<'_>,
    caller: &Caller,
    method: &'static Method,
    field: &IdField,
    id: &str,
) -> Vec<String> {
    let nobodys = Uuid::now_v7().to_string();
    let mut requests = Vec::new();
    for id in [id, &nobodys] {
        let mut request = maker.request(method, Meant::ToFail).await;
        put(&mut request, field, id);
        requests.push(request);
    }
    let place = maker.place;
    let (token, credential) = (caller.token.as_deref(), caller.credential.as_deref());
    let mut pairs = vec![];
    let direct = [&requests[0], &requests[1]].map(|request| place.direct("edge", method, request, token));
    let [theirs, nobodys] = direct;
    pairs.push((theirs.await, nobodys.await));
    for (theirs, nobodys) in rest_calls(method, &requests[0]).into_iter().zip(rest_calls(method, &requests[1])) {
        let at = host(caller.audience);
        let theirs = place.rest_call(at, &theirs, credential).await;
        pairs.push((theirs, place.rest_call(at, &nobodys, credential).await));
    }
    let mut faults = Vec::new();
    for (theirs, nobodys) in pairs {
        let about = format!("{} → {} with {}", caller.name, method.name, field.path);
        let (theirs, nobodys) = (scrubbed(theirs), scrubbed(nobodys));
        if theirs != nobodys {
            faults.push(format!("{about}: {theirs:?} is not {nobodys:?}"));
        }
        let (status, reason) = theirs.short();
        if field.needed && (status != 404 || !["NOT_FOUND", "MODEL_NOT_FOUND"].contains(&reason)) {
            faults.push(format!("{about}: no 404, but {theirs:?}"));
        }
    }
    faults
}

/// Every rpc that the caller may call × every field that names a row × somebody else's row.
async fn try_ids(maker: &Maker<'_>, caller: &Caller, theirs: &Seeds) -> Vec<String> {
    let table = Table::checked_in();
    let mut tried = Vec::new();
    for method in methods().all() {
        let of_workspace = matches!(&method.who, Who::Permission(name) if !name.starts_with("platform."));
        if !of_workspace && method.who != Who::SignedIn
            || caller.directly(&table, table.rule(&method.name)) != Expect::Through
        {
            continue;
        }
        for field in id_fields(method, theirs) {
            tried.push((method, field));
        }
    }
    assert!(tried.len() >= 20, "{} fields of {}", tried.len(), caller.name);
    // What makes a row comes last: the others list rows.
    let (reads, makes): (Vec<_>, Vec<_>) = tried.into_iter().partition(|(method, _)| method.idempotent);
    let mut faults = Vec::new();
    for tried in [reads, makes] {
        let compared = stream::iter(tried).map(async |(method, field): (&'static Method, IdField)| {
            let id = &theirs[field.kind.as_str()];
            compared(maker, caller, method, &field, id).await
        });
        faults.extend(compared.buffer_unordered(8).collect::<Vec<_>>().await.concat());
    }
    faults
}

async fn ids_of_others_are_ids_of_nobody(place: &Place, telegram: &Telegram) {
    let (ours, theirs) = (World::make(place, telegram).await, World::make(place, telegram).await);
    let platform = Seeds::new();
    let maker = Maker { place, telegram, world: &ours, platform: &platform, staff: "" };
    let owner = Caller {
        name: "another owner".to_owned(),
        rights: Rights::Role("owner"),
        audience: Audience::Api,
        token: Some(ours.owner.clone()),
        credential: Some(ours.owner.clone()),
    };
    let key = key_caller(place, "another's key", ours.key.clone(), SCOPES.into(), "owner").await;
    let before = settled(place, &theirs.id).await;
    let mut faults = Vec::new();
    for caller in [owner, key] {
        faults.extend(try_ids(&maker, &caller, &theirs.seeds).await);
    }
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults.join("\n"));
    assert_eq!(before, settled(place, &theirs.id).await, "something of theirs changed");
}

async fn a_narrow_key_sees_one_assistant(place: &Place, telegram: &Telegram) {
    let world = World::make(place, telegram).await;
    let platform = Seeds::new();
    let maker = Maker { place, telegram, world: &world, platform: &platform, staff: "" };
    let narrow = key_caller(place, "a narrow key", world.narrow_key.clone(), SCOPES.into(), "owner").await;
    let before = settled(place, &world.id).await;
    let faults = try_ids(&maker, &narrow, &world.seeds).await;
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults.join("\n"));
    assert_eq!(before, settled(place, &world.id).await, "something of the other assistant changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_1_ids_of_another_workspace_are_answered_like_ids_of_nobody() {
    trust!("T-1", "T-4");
    let telegram = Telegram::start().await.expect("the stand-in");
    let place = Place::one_process(&telegram).await;
    ids_of_others_are_ids_of_nobody(&place, &telegram).await;
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_narrowed_to_an_assistant_sees_the_others_as_if_they_were_not() {
    let telegram = Telegram::start().await.expect("the stand-in");
    let place = Place::one_process(&telegram).await;
    a_narrow_key_sees_one_assistant(&place, &telegram).await;
    place.stop().await;
}

/// As in the one process; each single call asks one edge and one process of a service, both in turn.
#[test]
fn t_1_ids_of_another_workspace_or_assistant_are_answered_like_ids_of_nobody_in_the_mesh() {
    trust!("T-1", "T-4");
    in_mesh(async |place, telegram| {
        ids_of_others_are_ids_of_nobody(place, telegram).await;
        a_narrow_key_sees_one_assistant(place, telegram).await;
    });
}
