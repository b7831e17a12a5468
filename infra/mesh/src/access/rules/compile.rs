//! Rules as they stand in the field options, in a form that is fast to check.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, RwLock},
};

use neipix_proto::POOL;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};
use regex::Regex;

/// The rules of a message's fields; fields that nothing can be said about are left out.
pub(super) struct MessageRules {
    pub fields: Vec<FieldRules>,
}

/// The rules of a field.
pub(super) struct FieldRules {
    pub descriptor: FieldDescriptor,
    /// Absent and zero differ.
    pub presence: bool,
    pub required: bool,
    pub ignore_zero: bool,
    pub list: ListRules,
    /// Of the value, or of each entry.
    pub value: ValueRules,
}

#[derive(Default)]
pub(super) struct ListRules {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub unique: bool,
}

#[derive(Default)]
pub(super) struct StringRules {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub pattern: Option<Regex>,
    pub one_of: Vec<String>,
    pub uuid: bool,
    pub email: bool,
}

#[derive(Default)]
pub(super) struct BytesRules {
    pub exact: Option<u64>,
    pub max: Option<u64>,
}

#[derive(Default)]
pub(super) struct ValueRules {
    pub string: StringRules,
    pub bytes: BytesRules,
    pub integer: (Option<i64>, Option<i64>),
    pub double: (Option<f64>, Option<f64>),
    pub defined: Option<EnumDescriptor>,
    pub not_in: Vec<i32>,
    pub enum_words: String,
    pub after_now: bool,
}

/// `buf.validate.Ignore`.
const IGNORE_IF_ZERO_VALUE: i32 = 1;
const IGNORE_ALWAYS: i32 = 3;

static RULES: LazyLock<Option<ExtensionDescriptor>> =
    LazyLock::new(|| POOL.get_extension_by_name("buf.validate.field"));

impl MessageRules {
    /// The rules of a message, compiled when first asked for.
    pub fn of(descriptor: &MessageDescriptor) -> Arc<Self> {
        static CACHE: LazyLock<RwLock<HashMap<String, Arc<MessageRules>>>> = LazyLock::new(RwLock::default);
        let cache = CACHE.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(rules) = cache.get(descriptor.full_name()) {
            return rules.clone();
        }
        drop(cache);
        let rules = Arc::new(Self { fields: descriptor.fields().filter_map(field_rules).collect() });
        let mut cache = CACHE.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        cache.entry(descriptor.full_name().to_owned()).or_insert(rules).clone()
    }
}

fn field_rules(descriptor: FieldDescriptor) -> Option<FieldRules> {
    let options = descriptor.options();
    let written = RULES.as_ref().filter(|e| options.has_extension(e)).map(|e| options.get_extension(e).into_owned());
    let written = written.as_ref().and_then(Value::as_message);
    let ignore = written.and_then(|w| get(w, "ignore")).and_then(|v| v.as_enum_number()).unwrap_or(0);
    if ignore == IGNORE_ALWAYS {
        return None;
    }
    let holds_text = matches!(descriptor.kind(), Kind::String | Kind::Message(_));
    if written.is_none() && !holds_text {
        return None;
    }
    let mut rules = FieldRules {
        presence: descriptor.supports_presence(),
        required: written.and_then(|w| get(w, "required")).and_then(|v| v.as_bool()).unwrap_or(false),
        ignore_zero: ignore == IGNORE_IF_ZERO_VALUE,
        list: ListRules::default(),
        value: ValueRules::default(),
        descriptor,
    };
    let Some(written) = written else { return Some(rules) };
    let kind = rules.descriptor.kind();
    if let Some(list) = get(written, "repeated").as_ref().and_then(Value::as_message) {
        rules.list = ListRules {
            min: unsigned(list, "min_items"),
            max: unsigned(list, "max_items"),
            unique: flag(list, "unique"),
        };
        if let Some(items) = get(list, "items").as_ref().and_then(Value::as_message) {
            rules.value = value_rules(items, &kind);
        }
    } else {
        rules.value = value_rules(written, &kind);
    }
    Some(rules)
}

fn value_rules(written: &DynamicMessage, kind: &Kind) -> ValueRules {
    let mut rules = ValueRules::default();
    if let Some(string) = get(written, "string").as_ref().and_then(Value::as_message) {
        rules.string = string_rules(string);
    }
    if let Some(bytes) = get(written, "bytes").as_ref().and_then(Value::as_message) {
        rules.bytes = BytesRules { exact: unsigned(bytes, "len"), max: unsigned(bytes, "max_len") };
    }
    for name in ["int32", "int64"] {
        if let Some(range) = get(written, name).as_ref().and_then(Value::as_message) {
            rules.integer = (signed(range, "gte"), signed(range, "lte"));
        }
    }
    if let Some(range) = get(written, "double").as_ref().and_then(Value::as_message) {
        let bound = |name| get(range, name).and_then(|v| v.as_f64());
        rules.double = (bound("gte"), bound("lte"));
    }
    if let (Some(written), Kind::Enum(names)) = (get(written, "enum").as_ref().and_then(Value::as_message), kind) {
        if flag(written, "defined_only") {
            rules.defined = Some(names.clone());
        }
        let not_in = get(written, "not_in");
        let not_in = not_in.as_ref().and_then(Value::as_list).unwrap_or_default();
        rules.not_in = not_in.iter().filter_map(Value::as_i32).collect();
        let good = names.values().filter(|v| !rules.not_in.contains(&v.number()));
        let good: Vec<String> = good.map(|v| v.name().to_owned()).collect();
        rules.enum_words = format!("must be one of {}", good.join(", "));
    }
    if let Some(time) = get(written, "timestamp").as_ref().and_then(Value::as_message) {
        rules.after_now = flag(time, "gt_now");
    }
    rules
}

fn string_rules(written: &DynamicMessage) -> StringRules {
    let pattern = get(written, "pattern").and_then(|v| v.as_str().map(str::to_owned));
    let one_of = get(written, "in");
    let one_of = one_of.as_ref().and_then(Value::as_list).unwrap_or_default();
    StringRules {
        min: unsigned(written, "min_len"),
        max: unsigned(written, "max_len"),
        // A pattern that is no regular expression would be skipped; a test of the protos finds it.
        pattern: pattern.and_then(|p| Regex::new(&p).ok()),
        one_of: one_of.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        uuid: flag(written, "uuid"),
        email: flag(written, "email"),
    }
}

fn get(message: &DynamicMessage, name: &str) -> Option<Value> {
    message.has_field_by_name(name).then(|| message.get_field_by_name(name).map(|v| v.into_owned())).flatten()
}

fn unsigned(message: &DynamicMessage, name: &str) -> Option<u64> {
    get(message, name).and_then(|v| v.as_u64())
}

fn signed(message: &DynamicMessage, name: &str) -> Option<i64> {
    get(message, name).and_then(|v| v.as_i64().or_else(|| v.as_i32().map(i64::from)))
}

fn flag(message: &DynamicMessage, name: &str) -> bool {
    get(message, name).and_then(|v| v.as_bool()).unwrap_or(false)
}
