//! One JSON object in the shape of the request message, out of path, query and body.

use std::collections::HashMap;

use neipix_mesh::Failure;
use neipix_proto::access::v1::ErrorReason;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use crate::names::{json_path, proto_path};

/// Where the body of a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyRule {
    /// There is none.
    None,
    /// It is the request.
    Whole,
    /// It is this field of the request, by proto name.
    Field(String),
}

/// What an HTTP request brings.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Decoded path variables with their field paths in proto names.
    pub variables: Vec<(&'a str, String)>,
    /// The raw query.
    pub query: Option<&'a str>,
    /// The parsed body; `Null` where there is none.
    pub body: Value,
}

/// Merges path, query and body.
///
/// # Errors
/// FIELD_INVALID or BODY_MALFORMED, with the JSON path.
pub fn bind(input: &MessageDescriptor, rule: &BodyRule, parts: Parts<'_>) -> Result<Value, Failure> {
    let mut object = Map::new();
    match rule {
        BodyRule::None => {
            if !parts.body.is_null() {
                return Err(Failure::new(ErrorReason::BodyMalformed, "this call takes no body"));
            }
        }
        BodyRule::Whole => object = as_object(parts.body)?,
        BodyRule::Field(name) => {
            object.insert(name.clone(), Value::Object(as_object(parts.body)?));
        }
    }
    one_name_each(input, &object, "")?;
    imply_mask(input, rule, &parts.variables, &mut object);
    for (path, text) in parts.variables {
        let field = field_at(input, path).ok_or_else(|| Failure::invalid(json_path(path), "no such field"))?;
        let value = scalar(&field, &text, path)?;
        put(input, &mut object, path, value)?;
    }
    if *rule != BodyRule::Whole {
        bind_query(input, parts.query, &mut object)?;
    } else if parts.query.is_some_and(|q| !q.is_empty()) {
        return Err(Failure::invalid("query", "this call takes its fields from the body, not from the query"));
    }
    Ok(Value::Object(object))
}

fn as_object(body: Value) -> Result<Map<String, Value>, Failure> {
    match body {
        Value::Null => Ok(Map::new()),
        Value::Object(object) => Ok(object),
        _ => Err(Failure::new(ErrorReason::BodyMalformed, "the body must be a JSON object")),
    }
}

/// A field may be written as `displayName` or `display_name`, not both (E-4).
fn one_name_each(message: &MessageDescriptor, object: &Map<String, Value>, at: &str) -> Result<(), Failure> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (key, value) in object {
        let Some(field) = field_named(message, key) else {
            return Err(Failure::invalid(format!("{at}{}", json_path(key)), "no such field; check the spelling"));
        };
        if seen.insert(field.name().to_owned(), key).is_some() {
            return Err(Failure::invalid(
                format!("{at}{}", field.json_name()),
                "the field stands twice, under two names",
            ));
        }
        let Kind::Message(inner) = field.kind() else { continue };
        if inner.full_name().starts_with("google.protobuf.") || field.is_map() {
            continue;
        }
        match value {
            Value::Object(o) => one_name_each(&inner, o, &format!("{at}{}.", field.json_name()))?,
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    if let Value::Object(o) = item {
                        one_name_each(&inner, o, &format!("{at}{}[{i}].", field.json_name()))?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// PATCH without a mask changes what the body holds (AIP-134): the mask names those fields, two levels deep.
fn imply_mask(
    input: &MessageDescriptor,
    rule: &BodyRule,
    variables: &[(&str, String)],
    object: &mut Map<String, Value>,
) {
    let (BodyRule::Field(name), Some(_)) = (rule, input.get_field_by_name("update_mask")) else { return };
    let Some(Kind::Message(resource)) = input.get_field_by_name(name).map(|f| f.kind()) else { return };
    let Some(Value::Object(body)) = object.get(name) else { return };
    let mut paths = Vec::new();
    for (key, value) in body {
        let Some(field) = field_named(&resource, key) else { continue };
        let full = format!("{name}.{}", field.name());
        if field.name() == "etag" || variables.iter().any(|(v, _)| *v == full) {
            continue;
        }
        match (field.kind(), value) {
            (Kind::Message(inner), Value::Object(o))
                if !inner.full_name().starts_with("google.protobuf.") && !o.is_empty() =>
            {
                paths.extend(o.keys().filter_map(|k| {
                    field_named(&inner, k).map(|f| format!("{}.{}", field.json_name(), f.json_name()))
                }));
            }
            _ => paths.push(field.json_name().to_owned()),
        }
    }
    if !paths.is_empty() {
        object.insert("update_mask".to_owned(), Value::String(paths.join(",")));
    }
}

fn bind_query(input: &MessageDescriptor, query: Option<&str>, object: &mut Map<String, Value>) -> Result<(), Failure> {
    for (key, text) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let path = proto_path(&key);
        let Some(field) = field_at(input, &path) else {
            return Err(Failure::invalid(json_path(&key), "no such parameter; check the spelling"));
        };
        if text.contains('\u{fffd}') {
            return Err(Failure::invalid(json_path(&path), "is not UTF-8"));
        }
        let value = scalar(&field, &text, &path)?;
        if field.is_list() {
            let list = object.entry(field.name().to_owned()).or_insert_with(|| Value::Array(vec![]));
            if let Value::Array(items) = list {
                items.push(value);
            }
            continue;
        }
        if path == "update_mask" {
            object.insert(path, value);
            continue;
        }
        put(input, object, &path, value)?;
    }
    Ok(())
}

/// Sets a value below the request; one that is there already must be the same.
fn put(input: &MessageDescriptor, object: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), Failure> {
    let mut message = input.clone();
    let mut place = object;
    let mut segments = path.split('.').peekable();
    while let Some(segment) = segments.next() {
        let field = message.get_field_by_name(segment);
        let json = field.as_ref().map_or(segment, |f| f.json_name()).to_owned();
        let key = if place.contains_key(&json) { json } else { segment.to_owned() };
        if segments.peek().is_none() {
            if place.get(&key).is_some_and(|before| *before != value) {
                return Err(Failure::invalid(json_path(path), "differs between the path, the query and the body"));
            }
            place.insert(key, value);
            return Ok(());
        }
        if let Some(Kind::Message(inner)) = field.map(|f| f.kind()) {
            message = inner;
        }
        match place.entry(key).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(inner) => place = inner,
            _ => return Err(Failure::invalid(json_path(path), "must be an object")),
        }
    }
    Ok(())
}

fn field_named(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
}

/// The field of a path in proto names.
#[must_use]
pub fn field_at(message: &MessageDescriptor, path: &str) -> Option<FieldDescriptor> {
    let mut segments = path.split('.').peekable();
    let mut message = message.clone();
    loop {
        let field = field_named(&message, segments.next()?)?;
        if segments.peek().is_none() {
            return Some(field);
        }
        match field.kind() {
            Kind::Message(inner) if !field.is_list() && !field.is_map() => message = inner,
            _ => return None,
        }
    }
}

/// A path or query text as the JSON of its field.
fn scalar(field: &FieldDescriptor, text: &str, path: &str) -> Result<Value, Failure> {
    let bad = |rule: &str| Err(Failure::invalid(json_path(path), rule));
    Ok(match field.kind() {
        Kind::Bool => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return bad("must be true or false"),
        },
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            match text.parse::<i64>() {
                Ok(number) => Value::from(number),
                Err(_) => return bad("must be a whole number"),
            }
        }
        Kind::Uint32 | Kind::Fixed32 | Kind::Uint64 | Kind::Fixed64 => match text.parse::<u64>() {
            Ok(number) => Value::from(number),
            Err(_) => return bad("must be a whole number, 0 or more"),
        },
        Kind::Float | Kind::Double => match text.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
            Some(number) => Value::Number(number),
            None => return bad("must be a number"),
        },
        Kind::Enum(values) => {
            if values.get_value_by_name(text).is_none() {
                let names: Vec<String> = values.values().skip(1).map(|v| v.name().to_owned()).collect();
                return bad(&format!("must be one of {}", names.join(", ")));
            }
            Value::from(text)
        }
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.FieldMask" => Value::from(json_path(text)),
            "google.protobuf.Timestamp" | "google.protobuf.Duration" => Value::from(text),
            _ => return bad("an object cannot be a parameter; name its fields"),
        },
        Kind::String | Kind::Bytes => Value::from(text),
    })
}
