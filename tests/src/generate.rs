//! Valid requests made from the field rules of the protos, so that a test can call every rpc.

use std::collections::HashMap;

use neipix_proto::POOL;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

/// Ids to put into fields, by what they name: `assistant`, `file`, `conversation` …
pub type Seeds = HashMap<&'static str, String>;

/// A message that holds every field its rules ask for, with ids from the seeds.
///
/// `id_kind` says what a field called `id` names. A seed that is missing becomes a random id.
#[must_use]
pub fn request(message: &MessageDescriptor, id_kind: &'static str, seeds: &Seeds) -> DynamicMessage {
    let mut dynamic = DynamicMessage::new(message.clone());
    for field in message.fields() {
        if let Some(value) = value(&field, id_kind, seeds) {
            dynamic.set_field(&field, value);
        }
    }
    dynamic
}

fn rules(field: &FieldDescriptor) -> Option<DynamicMessage> {
    let extension = POOL.get_extension_by_name("buf.validate.field")?;
    let options = field.options();
    options.has_extension(&extension).then(|| options.get_extension(&extension).as_message().cloned()).flatten()
}

fn inner(rules: &DynamicMessage, kind: &str) -> Option<DynamicMessage> {
    rules.has_field_by_name(kind).then(|| rules.get_field_by_name(kind)?.as_message().cloned()).flatten()
}

fn number(rules: &DynamicMessage, name: &str) -> i64 {
    match rules.get_field_by_name(name).map(|v| v.into_owned()) {
        Some(Value::U64(n)) => i64::try_from(n).unwrap_or(i64::MAX),
        Some(Value::I64(n)) => n,
        Some(Value::I32(n)) => i64::from(n),
        _ => 0,
    }
}

fn truth(rules: &DynamicMessage, name: &str) -> bool {
    rules.get_field_by_name(name).and_then(|v| v.as_bool()).unwrap_or(false)
}

fn ignored(rules: &DynamicMessage) -> bool {
    rules.get_field_by_name("ignore").and_then(|v| v.as_enum_number()).unwrap_or(0) != 0
}

fn id(kind: &str, seeds: &Seeds) -> String {
    seeds.get(kind).cloned().unwrap_or_else(|| uuid::Uuid::now_v7().to_string())
}

fn value(field: &FieldDescriptor, id_kind: &'static str, seeds: &Seeds) -> Option<Value> {
    let rules = rules(field);
    if field.name() == "etag" {
        return Some(Value::String("*".into()));
    }
    if field.name() == "draft" || field.name() == "assistant" && rules.is_some() {
        return Some(Value::Message(nested(field, id_kind, seeds)));
    }
    let rules = rules?;
    if field.is_list() {
        return list(field, &rules, id_kind, seeds);
    }
    if let Kind::Message(_) = field.kind() {
        let needed = truth(&rules, "required");
        return needed.then(|| Value::Message(nested(field, id_kind, seeds)));
    }
    if ignored(&rules) && !matches!(field.name(), "assistant_id") {
        return None;
    }
    scalar(field, Some(&rules), id_kind, seeds)
}

/// As many entries as there must be; those of a list of free texts or numbers are one letter or 1.
fn list(field: &FieldDescriptor, rules: &DynamicMessage, id_kind: &'static str, seeds: &Seeds) -> Option<Value> {
    let rules = inner(rules, "repeated")?;
    let least = usize::try_from(number(&rules, "min_items")).unwrap_or(0);
    if least == 0 {
        return None;
    }
    let item = inner(&rules, "items");
    let one = match field.kind() {
        Kind::Message(_) => Value::Message(nested(field, id_kind, seeds)),
        Kind::String if item.is_none() => Value::String("a".to_owned()),
        Kind::Int64 if item.is_none() => Value::I64(1),
        _ => scalar(field, item.as_ref(), id_kind, seeds)?,
    };
    Some(Value::List(vec![one; least]))
}

fn nested(field: &FieldDescriptor, id_kind: &'static str, seeds: &Seeds) -> DynamicMessage {
    match field.kind() {
        Kind::Message(message) => request(&message, id_kind, seeds),
        _ => unreachable!("only messages nest"),
    }
}

fn scalar(
    field: &FieldDescriptor,
    rules: Option<&DynamicMessage>,
    id_kind: &'static str,
    seeds: &Seeds,
) -> Option<Value> {
    let rules_of = |kind: &str| rules.and_then(|r| inner(r, kind));
    Some(match field.kind() {
        Kind::String => Value::String(text(field, rules_of("string"), id_kind, seeds)?),
        Kind::Bytes => {
            let length = rules_of("bytes").map_or(0, |r| number(&r, "len"));
            Value::Bytes(vec![7; usize::try_from(length).unwrap_or(0)].into())
        }
        Kind::Int32 => Value::I32(i32::try_from(rules_of("int32").map_or(0, |r| number(&r, "gte"))).unwrap_or(0)),
        Kind::Int64 => Value::I64(rules_of("int64").map_or(0, |r| number(&r, "gte"))),
        Kind::Double => return None,
        Kind::Enum(values) => {
            let not_zero = rules_of("enum").is_some_and(|r| r.has_field_by_name("not_in"));
            let first = values.values().find(|v| !not_zero || v.number() != 0)?;
            Value::EnumNumber(first.number())
        }
        _ => return None,
    })
}

fn text(
    field: &FieldDescriptor,
    rules: Option<DynamicMessage>,
    id_kind: &'static str,
    seeds: &Seeds,
) -> Option<String> {
    let rules = rules?;
    if truth(&rules, "uuid") {
        let kind = match field.name() {
            "id" => id_kind,
            other => other.strip_suffix("_id").unwrap_or(other),
        };
        // Known kinds only: the names are the seeds' names.
        return Some(id(kind, seeds));
    }
    if truth(&rules, "email") {
        return Some(format!("{}@example.com", uuid::Uuid::now_v7().simple()));
    }
    match rules.get_field_by_name("pattern").and_then(|v| v.as_str().map(str::to_owned)).as_deref() {
        Some("^[0-9]{6}$") => return Some("000000".into()),
        Some(p) if p.contains("\\.") => return Some("chats.read".into()),
        Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$") => return Some("2026-12-31".into()),
        _ => {}
    }
    if let Some(Value::List(allowed)) = rules.get_field_by_name("in").map(|v| v.into_owned())
        && !allowed.is_empty()
    {
        return allowed.iter().filter_map(Value::as_str).find(|s| !s.is_empty()).map(str::to_owned);
    }
    let least = number(&rules, "min_len");
    (least > 0).then(|| "a".repeat(usize::try_from(least.max(3)).unwrap_or(3)))
}

/// What a field called `id` names in an rpc.
#[must_use]
pub fn id_kind(method: &neipix_proto::Method) -> &'static str {
    match (method.service.rsplit('.').next().unwrap_or_default(), method.descriptor.name()) {
        ("AssistantService", _) => "assistant",
        ("KnowledgeService", _) => "file",
        ("ProviderService", _) => "provider",
        ("PriceService", _) => "price",
        ("ChannelService", _) => "channel",
        ("BillingService", _) => "transfer",
        ("AuthService", _) => "api_key",
        (_, "ResendMessage" | "ExplainMessage") => "message",
        (_, "GetTurn" | "ExplainTurn") => "turn",
        ("SimulationService", "ExplainSimulatedTurn") => "simulated_turn",
        ("SimulationService", _) => "assistant",
        _ => "conversation",
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::ReflectMessage as _;

    use super::*;

    /// The product's own check of field rules finds nothing to refuse.
    #[test]
    fn every_request_keeps_every_rule() {
        for method in neipix_proto::methods().all() {
            let made = request(&method.descriptor.input(), id_kind(method), &Seeds::new());
            let problems = neipix_mesh::access::rules::problems(&made, chrono::Utc::now());
            assert!(problems.is_empty(), "{}: {problems:?}", method.name);
        }
    }

    #[test]
    fn every_rpc_gets_a_request_with_its_ids() {
        let seeds = Seeds::from([("assistant", "0190a7c2-0000-7000-8000-000000000001".to_owned())]);
        for method in neipix_proto::methods().all() {
            let made = request(&method.descriptor.input(), id_kind(method), &seeds);
            assert_eq!(made.descriptor().full_name(), method.descriptor.input().full_name());
        }
        let get = neipix_proto::methods().get("/neipix.assistants.v1.AssistantService/GetAssistant").unwrap();
        let made = request(&get.descriptor.input(), id_kind(get), &seeds);
        assert_eq!(made.get_field_by_name("id").unwrap().as_str(), Some("0190a7c2-0000-7000-8000-000000000001"));
    }
}
