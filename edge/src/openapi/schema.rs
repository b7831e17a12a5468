//! JSON Schemas of messages. What is sent and what is answered differ: an answer always holds its plain fields, a request
//! holds what its rules ask for.

use std::collections::{BTreeMap, HashSet};

use neipix_proto::POOL;
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value as Reflected};
use serde_json::{Map, Value, json};

use super::Comments;

/// Schemas that were asked for, and those they lead to.
pub struct Schemas<'a> {
    comments: &'a Comments,
    done: BTreeMap<String, Value>,
    begun: HashSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Input,
    Output,
}

impl<'a> Schemas<'a> {
    /// None yet, but for the problem.
    pub fn new(comments: &'a Comments) -> Self {
        let done = BTreeMap::from([("Problem".to_owned(), problem())]);
        Self { comments, done, begun: HashSet::new() }
    }

    /// All of them.
    pub fn finish(self) -> BTreeMap<String, Value> {
        self.done
    }

    /// A reference to what an rpc answers.
    pub fn output(&mut self, message: &MessageDescriptor) -> Value {
        self.reference(message, Direction::Output)
    }

    /// A reference to a request's body; where the path brings fields, a schema of its own without them.
    pub fn body(&mut self, message: &MessageDescriptor, given: &[String]) -> Value {
        if given.is_empty() {
            return self.reference(message, Direction::Input);
        }
        self.object(message, Direction::Input, given)
    }

    /// The schema of one request field, as parameter.
    pub fn input_field(&mut self, field: &FieldDescriptor, in_path: bool) -> Value {
        let mut schema = self.field(field, Direction::Input);
        if in_path && let Some(object) = schema.as_object_mut() {
            object.remove("description");
            object.entry("minLength").or_insert(json!(1));
        }
        schema
    }

    fn reference(&mut self, message: &MessageDescriptor, direction: Direction) -> Value {
        let name = match direction {
            Direction::Input if message.name().ends_with("Request") => message.name().to_owned(),
            Direction::Input => format!("{}Input", message.name()),
            Direction::Output => message.name().to_owned(),
        };
        if self.begun.insert(name.clone()) {
            let schema = self.object(message, direction, &[]);
            self.done.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn object(&mut self, message: &MessageDescriptor, direction: Direction, without: &[String]) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in message.fields().filter(|f| !without.contains(&f.name().to_owned())) {
            let mut schema = self.field(&field, direction);
            let text = self.comments.of_field(&field);
            if let (Some(object), false) = (schema.as_object_mut(), text.is_empty()) {
                object.insert("description".to_owned(), json!(text));
            }
            let needed = match direction {
                Direction::Output => !field.supports_presence(),
                Direction::Input => is_required(&field),
            };
            if needed {
                required.push(json!(field.json_name()));
            }
            properties.insert(field.json_name().to_owned(), schema);
        }
        let mut schema = json!({
            "type": "object",
            "description": self.comments.of_message(message),
            "properties": properties,
        });
        if !required.is_empty() {
            schema["required"] = Value::Array(required);
        }
        if direction == Direction::Input {
            schema["additionalProperties"] = json!(false);
        }
        schema
    }

    fn field(&mut self, field: &FieldDescriptor, direction: Direction) -> Value {
        let rules = if direction == Direction::Input { rules_of(field) } else { None };
        if field.is_map() {
            return json!({"type": "object", "additionalProperties": {"type": "string"}});
        }
        if field.is_list() {
            let list = rules.as_ref().and_then(|r| message_in(r, "repeated"));
            let items = list.as_ref().and_then(|l| message_in(l, "items"));
            let mut schema = json!({"type": "array", "items": self.kind(&field.kind(), direction, items.as_ref())});
            if let Some(list) = list {
                copy(&list, "min_items", &mut schema, "minItems");
                copy(&list, "max_items", &mut schema, "maxItems");
                copy(&list, "unique", &mut schema, "uniqueItems");
            }
            return schema;
        }
        self.kind(&field.kind(), direction, rules.as_ref())
    }

    fn kind(&mut self, kind: &Kind, direction: Direction, rules: Option<&DynamicMessage>) -> Value {
        let mut schema = match kind {
            Kind::Message(message) => return self.message(message, direction),
            Kind::Enum(values) => return self.enumeration(values, direction, rules),
            Kind::Double | Kind::Float => json!({"type": "number", "format": "double"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({"type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX})
            }
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"})
            }
            Kind::Bool => json!({"type": "boolean"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
        };
        if let Some(rules) = rules {
            scalar_rules(rules, &mut schema);
        }
        schema
    }

    fn message(&mut self, message: &MessageDescriptor, direction: Direction) -> Value {
        match message.full_name() {
            "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
            "google.protobuf.Duration" => json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$"}),
            "google.protobuf.FieldMask" => {
                json!({"type": "string", "pattern": "^[A-Za-z_.]+(,[A-Za-z_.]+)*$", "maxLength": 2000})
            }
            _ => self.reference(message, direction),
        }
    }

    fn enumeration(&mut self, values: &EnumDescriptor, direction: Direction, rules: Option<&DynamicMessage>) -> Value {
        let refused: Vec<i32> = rules
            .and_then(|r| message_in(r, "enum"))
            .and_then(|r| {
                Some(r.get_field_by_name("not_in")?.as_list()?.iter().filter_map(Reflected::as_i32).collect())
            })
            .unwrap_or_default();
        let name = values.name().to_owned();
        if direction == Direction::Input && !refused.is_empty() {
            let names: Vec<String> =
                values.values().filter(|v| !refused.contains(&v.number())).map(|v| v.name().to_owned()).collect();
            return json!({"type": "string", "enum": names});
        }
        if self.begun.insert(name.clone()) {
            let names: Vec<String> = values.values().map(|v| v.name().to_owned()).collect();
            let schema = json!({"type": "string", "enum": names, "description": self.comments.of_enum(values)});
            self.done.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }
}

fn rules_of(field: &FieldDescriptor) -> Option<DynamicMessage> {
    let extension = POOL.get_extension_by_name("buf.validate.field")?;
    let options = field.options();
    options.has_extension(&extension).then(|| options.get_extension(&extension).as_message().cloned()).flatten()
}

fn message_in(rules: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    rules.has_field_by_name(name).then(|| rules.get_field_by_name(name)?.as_message().cloned()).flatten()
}

fn number(value: &Reflected) -> Option<Value> {
    match value {
        Reflected::U64(n) => Some(json!(n)),
        Reflected::I64(n) => Some(json!(n)),
        Reflected::I32(n) => Some(json!(n)),
        Reflected::F64(n) => Some(json!(n)),
        Reflected::Bool(b) => Some(json!(b)),
        Reflected::String(s) => Some(json!(s)),
        _ => None,
    }
}

fn copy(rules: &DynamicMessage, from: &str, schema: &mut Value, to: &str) {
    if rules.has_field_by_name(from)
        && let Some(value) = rules.get_field_by_name(from).and_then(|v| number(&v))
    {
        schema[to] = value;
    }
}

fn scalar_rules(rules: &DynamicMessage, schema: &mut Value) {
    if let Some(text) = message_in(rules, "string") {
        copy(&text, "min_len", schema, "minLength");
        copy(&text, "max_len", schema, "maxLength");
        copy(&text, "pattern", schema, "pattern");
        for (rule, format) in [("uuid", "uuid"), ("email", "email")] {
            if text.get_field_by_name(rule).and_then(|v| v.as_bool()) == Some(true) {
                schema["format"] = json!(format);
            }
        }
        if let Some(list) = text.get_field_by_name("in").and_then(|v| Some(v.as_list()?.to_vec()))
            && !list.is_empty()
        {
            schema["enum"] = list.iter().filter_map(number).collect();
        }
    }
    if let Some(bounds) = message_in(rules, "int64")
        && bounds.has_field_by_name("gte")
    {
        let least = bounds.get_field_by_name("gte").and_then(|v| v.as_i64()).unwrap_or(i64::MIN);
        let digits = match least {
            1.. => "^[1-9][0-9]{0,17}$",
            0 => "^[0-9]{1,18}$",
            _ => "^-?[0-9]{1,18}$",
        };
        schema["pattern"] = json!(digits);
    }
    for kind in ["int32", "double"] {
        if let Some(bounds) = message_in(rules, kind) {
            copy(&bounds, "gte", schema, "minimum");
            copy(&bounds, "lte", schema, "maximum");
        }
    }
}

/// Whether a request breaks a rule without the field.
fn is_required(field: &FieldDescriptor) -> bool {
    let Some(rules) = rules_of(field) else { return false };
    if rules.get_field_by_name("required").and_then(|v| v.as_bool()) == Some(true) {
        return true;
    }
    let ignored = rules.get_field_by_name("ignore").and_then(|v| v.as_enum_number()).unwrap_or(0) != 0;
    if ignored || field.supports_presence() {
        return false;
    }
    let at_least_one = |kind: &str, rule: &str| {
        message_in(&rules, kind).is_some_and(|r| match r.get_field_by_name(rule).map(|v| v.into_owned()) {
            Some(Reflected::U64(n)) => n > 0,
            Some(Reflected::I32(n)) => r.has_field_by_name(rule) && n > 0,
            Some(Reflected::I64(n)) => r.has_field_by_name(rule) && n > 0,
            Some(Reflected::Bool(b)) => b,
            Some(Reflected::String(s)) => !s.is_empty(),
            Some(Reflected::List(l)) => l.iter().any(|v| v.as_i32() == Some(0)),
            _ => false,
        })
    };
    at_least_one("string", "min_len")
        || at_least_one("string", "uuid")
        || at_least_one("string", "email")
        || at_least_one("string", "pattern")
        || at_least_one("repeated", "min_items")
        || at_least_one("int32", "gte")
        || at_least_one("int64", "gte")
        || at_least_one("enum", "not_in")
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "A refusal, as RFC 9457 has it.",
        "required": ["type", "title", "status", "detail", "reason", "trace_id"],
        "properties": {
            "type": {"type": "string", "description": "Address of the reason's explanation."},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "reason": {"type": "string", "description": "The stable name of what went wrong."},
            "trace_id": {"type": "string", "description": "Tell it to support."},
            "object": {"type": "string", "description": "What the first call made (ALREADY_DONE)."},
            "challenge": {"type": "string", "description": "What must be solved first (PROOF_REQUIRED)."},
            "errors": {"type": "array", "items": {
                "type": "object", "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}}}},
        },
    })
}
