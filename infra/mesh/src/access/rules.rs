//! Field rules: the `buf.validate` options of the protos, compiled once per message and checked on every request.
//!
//! Which rules exist stands in the proto crate (`check.rs`); a proto with another one does not build. On top of them every
//! string is free of U+0000 (PostgreSQL cannot keep it) and every timestamp lies in the years 1 to 9999.

mod compile;
mod email;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use neipix_proto::access::v1::ErrorReason;
use prost::bytes::Bytes;
use prost_reflect::{DynamicMessage, MapKey, MessageDescriptor, ReflectMessage as _, Value};

use crate::failure::{Failure, FieldProblem};
use compile::{BytesRules, FieldRules, ListRules, MessageRules, StringRules, ValueRules};

/// At most so many problems of one request are told.
pub const MAX_PROBLEMS: usize = 20;
const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// Decodes a request and checks it.
///
/// Unknown fields are ignored, so that versions N and N−1 of a process talk to each other.
///
/// # Errors
/// `BODY_MALFORMED` where the bytes are not the message (invalid UTF-8 and nesting beyond 100 levels included),
/// `FIELD_INVALID` with all problems, at most 20, where fields break their rules.
pub fn read(descriptor: &MessageDescriptor, body: Bytes) -> Result<DynamicMessage, Failure> {
    let message = DynamicMessage::decode(descriptor.clone(), body).map_err(|e| {
        Failure::new(ErrorReason::BodyMalformed, "the body cannot be read as the request message").with_source(e)
    })?;
    let problems = problems(&message, Utc::now());
    if problems.is_empty() {
        return Ok(message);
    }
    let first = problems.first().map(|p| format!("{} {}", p.field, p.message)).unwrap_or_default();
    Err(Failure::new(ErrorReason::FieldInvalid, first).with_fields(problems))
}

/// What breaks the rules in a message, at most `MAX_PROBLEMS`.
#[must_use]
pub fn problems(message: &DynamicMessage, now: DateTime<Utc>) -> Vec<FieldProblem> {
    let mut walk = Walk { path: String::new(), found: vec![], now, limit: MAX_PROBLEMS };
    match Mask::of(message) {
        None => walk.message(message, false),
        Some(mask) => {
            // What the mask leaves out is not written, so it need not be right. All problems are looked for first.
            walk.limit = usize::MAX;
            walk.message(message, mask.paths.is_empty());
            walk.found.retain(|p| mask.covers(&p.field));
            walk.found.truncate(MAX_PROBLEMS);
        }
    }
    walk.found
}

/// The update mask of a request, and the field it speaks of.
struct Mask {
    resource: String,
    paths: Vec<String>,
}

impl Mask {
    fn of(message: &DynamicMessage) -> Option<Self> {
        let descriptor = message.descriptor();
        let mask = descriptor.get_field_by_name("update_mask")?;
        let resource = descriptor.fields().find(|f| f.kind().as_message().is_some() && *f != mask && !f.is_list())?;
        let value = message.get_field(&mask);
        let paths = value.as_message()?.get_field_by_name("paths")?;
        let paths = paths.as_list()?.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
        Some(Self { resource: resource.name().to_owned(), paths })
    }

    fn covers(&self, field: &str) -> bool {
        let Some(inner) = field.strip_prefix(self.resource.as_str()).and_then(|rest| rest.strip_prefix('.')) else {
            return true;
        };
        if self.paths.is_empty() || ["id", "etag"].contains(&inner) {
            return true;
        }
        let below = |longer: &str, shorter: &str| {
            longer.strip_prefix(shorter).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.paths.iter().any(|path| path == "*" || below(inner, path) || below(path, inner))
    }
}

struct Walk {
    path: String,
    found: Vec<FieldProblem>,
    now: DateTime<Utc>,
    limit: usize,
}

impl Walk {
    fn full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn add(&mut self, message: impl Into<String>) {
        if !self.full() {
            self.found.push(FieldProblem { field: self.path.clone(), message: message.into() });
        }
    }

    /// `set_only`: fields without presence count as absent when they are zero (an update without a mask).
    fn message(&mut self, message: &DynamicMessage, set_only: bool) {
        let descriptor = message.descriptor();
        if descriptor.full_name() == TIMESTAMP {
            return self.timestamp(message);
        }
        let rules = MessageRules::of(&descriptor);
        for field in &rules.fields {
            if self.full() {
                return;
            }
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(field.descriptor.name());
            self.field(message, field, set_only);
            self.path.truncate(length);
        }
    }

    fn field(&mut self, message: &DynamicMessage, field: &FieldRules, set_only: bool) {
        let set = message.has_field(&field.descriptor);
        if !set {
            if field.required && !set_only {
                return self.add("is required");
            }
            if field.presence || field.ignore_zero || set_only {
                return;
            }
        }
        let value = message.get_field(&field.descriptor);
        match &*value {
            Value::List(items) => self.list(items, field),
            Value::Map(entries) => {
                for (key, value) in entries {
                    let length = self.path.len();
                    let (text, in_quotes) = key_text(key);
                    // A map's key is the caller's text: shown short and escaped.
                    let short: String = text.chars().take(64).collect();
                    let _ = if in_quotes { write!(self.path, "[{short:?}]") } else { write!(self.path, "[{short}]") };
                    if text.contains('\0') {
                        self.add("must not contain the character U+0000");
                    }
                    self.value(value, &ValueRules::default(), false);
                    self.path.truncate(length);
                }
            }
            value => self.value(value, &field.value, set_only),
        }
    }

    fn list(&mut self, items: &[Value], field: &FieldRules) {
        if let Some(problem) = list_problem(items, &field.list) {
            self.add(problem);
            // A list that is too long is not walked: the work would be the caller's to choose.
            if field.list.max.is_some_and(|max| items.len() as u64 > max) {
                return;
            }
        }
        for (index, item) in items.iter().enumerate() {
            if self.full() {
                return;
            }
            let length = self.path.len();
            let _ = write!(self.path, "[{index}]");
            self.value(item, &field.value, false);
            self.path.truncate(length);
        }
    }

    fn value(&mut self, value: &Value, rules: &ValueRules, set_only: bool) {
        match value {
            Value::String(text) => {
                if text.contains('\0') {
                    self.add("must not contain the character U+0000");
                } else if let Some(problem) = string_problem(text, &rules.string) {
                    self.add(problem);
                }
            }
            Value::Message(message) => {
                self.message(message, set_only);
                if rules.after_now && !self.full() && !after(message, self.now) {
                    self.add("must be in the future");
                }
            }
            Value::Bytes(bytes) => {
                if let Some(problem) = bytes_problem(bytes, &rules.bytes) {
                    self.add(problem);
                }
            }
            Value::EnumNumber(number) => {
                let unknown = rules.defined.as_ref().is_some_and(|names| names.get_value(*number).is_none());
                if unknown || rules.not_in.contains(number) {
                    self.add(&*rules.enum_words);
                }
            }
            Value::I32(n) => self.integer(i64::from(*n), rules),
            Value::I64(n) => self.integer(*n, rules),
            Value::F64(n) => {
                let (low, high) = rules.double;
                if low.is_some_and(|low| n.is_nan() || *n < low) || high.is_some_and(|high| n.is_nan() || *n > high) {
                    self.add(range_words(low, high));
                }
            }
            _ => {}
        }
    }

    fn integer(&mut self, n: i64, rules: &ValueRules) {
        let (low, high) = rules.integer;
        if low.is_some_and(|low| n < low) || high.is_some_and(|high| n > high) {
            self.add(range_words(low, high));
        }
    }

    fn timestamp(&mut self, message: &DynamicMessage) {
        let (seconds, nanos) = seconds_and_nanos(message);
        // The first second of the year 1 and the last of 9999, as in the protobuf documentation.
        if !(-62_135_596_800..=253_402_300_799).contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
            self.add("must be a time in the years 1 to 9999");
        }
    }
}

fn seconds_and_nanos(message: &DynamicMessage) -> (i64, i32) {
    let seconds = message.get_field_by_number(1).and_then(|v| v.as_i64()).unwrap_or(0);
    (seconds, message.get_field_by_number(2).and_then(|v| v.as_i32()).unwrap_or(0))
}

fn after(message: &DynamicMessage, now: DateTime<Utc>) -> bool {
    let (seconds, nanos) = seconds_and_nanos(message);
    (seconds, i64::from(nanos)) > (now.timestamp(), i64::from(now.timestamp_subsec_nanos()))
}

fn key_text(key: &MapKey) -> (String, bool) {
    match key {
        MapKey::String(text) => (text.clone(), true),
        MapKey::Bool(b) => (b.to_string(), false),
        MapKey::I32(n) => (n.to_string(), false),
        MapKey::I64(n) => (n.to_string(), false),
        MapKey::U32(n) => (n.to_string(), false),
        MapKey::U64(n) => (n.to_string(), false),
    }
}

fn string_problem(text: &str, rules: &StringRules) -> Option<String> {
    // Bytes are never fewer than characters: most texts need no counting.
    let too_long = rules.max.is_some_and(|max| text.len() as u64 > max && text.chars().count() as u64 > max);
    let too_short = rules
        .min
        .is_some_and(|min| (text.chars().take(usize::try_from(min).unwrap_or(usize::MAX)).count() as u64) < min);
    if too_long || too_short {
        return Some(length_words(rules.min, rules.max, "characters long"));
    }
    if rules.uuid && !is_uuid(text) {
        return Some("must be a UUID, such as 0190d8f0-1c2d-7e3f-8a4b-5c6d7e8f9a0b".to_owned());
    }
    if rules.email && !email::is_address(text) {
        return Some("must be an e-mail address, such as name@example.org".to_owned());
    }
    if let Some(pattern) = rules.pattern.as_ref().filter(|p| !p.is_match(text)) {
        return Some(format!("must match the pattern {}", pattern.as_str()));
    }
    if !rules.one_of.is_empty() && !rules.one_of.iter().any(|allowed| allowed == text) {
        let names: Vec<String> =
            rules.one_of.iter().map(|v| if v.is_empty() { "empty".to_owned() } else { format!("`{v}`") }).collect();
        return Some(format!("must be one of {}", names.join(", ")));
    }
    None
}

fn bytes_problem(bytes: &[u8], rules: &BytesRules) -> Option<String> {
    let length = bytes.len() as u64;
    if let Some(exact) = rules.exact.filter(|exact| length != *exact) {
        return Some(format!("must be {exact} bytes long"));
    }
    rules.max.filter(|max| length > *max).map(|max| format!("must be at most {} bytes long", grouped(max)))
}

fn list_problem(items: &[Value], rules: &ListRules) -> Option<String> {
    let count = items.len() as u64;
    if rules.max.is_some_and(|max| count > max) || rules.min.is_some_and(|min| count < min) {
        return Some(length_words(rules.min, rules.max, "entries").replacen("be", "have", 1));
    }
    if !rules.unique {
        return None;
    }
    let mut seen = std::collections::HashSet::with_capacity(items.len());
    let repeated = items.iter().any(|item| !seen.insert(scalar_text(item)));
    repeated.then(|| "must not name anything twice".to_owned())
}

fn scalar_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The canonical form only, with hyphens; letters in either case.
fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn length_words(min: Option<u64>, max: Option<u64>, what: &str) -> String {
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!("must be exactly {} {what}", grouped(min)),
        (Some(min), Some(max)) => format!("must be {} to {} {what}", grouped(min), grouped(max)),
        (Some(min), None) => format!("must be at least {} {what}", grouped(min)),
        (None, Some(0)) => "must be empty".to_owned(),
        (None, Some(max)) => format!("must be at most {} {what}", grouped(max)),
        (None, None) => String::new(),
    }
}

fn range_words<T: std::fmt::Display>(low: Option<T>, high: Option<T>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("must be {low} to {high}"),
        (Some(low), None) => format!("must be at least {low}"),
        (None, Some(high)) => format!("must be at most {high}"),
        (None, None) => String::new(),
    }
}

/// 20000 as 20,000.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
