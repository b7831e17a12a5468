//! What an OpenAI client asks, read tolerantly where ignoring is harmless and refused where it would change the meaning.

use neipix_proto::chats::v1::{CompletionMessage, CreateChatCompletionRequest};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::Refusal;

/// A request, translated.
#[derive(Debug)]
pub struct Read {
    /// For svc-chats.
    pub request: CreateChatCompletionRequest,
    /// Whether the last chunk before `[DONE]` has the usage.
    pub include_usage: bool,
    /// Parameters that were accepted and ignored.
    pub ignored: Vec<String>,
}

const HONOURED: &[&str] = &[
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "user",
    "safety_identifier",
    "metadata",
];
/// Ignoring these would change the meaning of the answer.
const REFUSED: &[&str] = &["tools", "functions", "tool_choice", "function_call", "logprobs", "top_logprobs", "audio"];

/// Translates a body.
///
/// # Errors
/// 400 with the parameter.
pub fn read(body: Value, bytes: &[u8], retried: bool) -> Result<Read, Refusal> {
    let Value::Object(body) = body else { return Err(Refusal::invalid(None, "the body must be a JSON object")) };
    refuse(&body)?;
    let text = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(s)) => Ok(s.clone()),
        Some(_) => Err(Refusal::invalid(Some(name), "must be a string")),
    };
    let user = [text("user")?, text("safety_identifier")?].into_iter().find(|s| !s.is_empty()).unwrap_or_default();
    let metadata = metadata(&body)?;
    let request = CreateChatCompletionRequest {
        model: text("model")?,
        messages: messages(&body)?,
        stream: flag(&body, "stream")?,
        user,
        conversation_key: metadata.get("conversation_id").and_then(Value::as_str).unwrap_or_default().to_owned(),
        max_output_tokens: lower_limit(&body)?,
        temperature: number(&body, "temperature", 2.0)?,
        top_p: number(&body, "top_p", 1.0)?,
        stop: stop(&body)?,
        body_hash: Sha256::digest(bytes).to_vec(),
        retried,
    };
    let options = body.get("stream_options").and_then(Value::as_object);
    let include_usage = options.is_some_and(|o| o.get("include_usage") == Some(&Value::Bool(true)));
    let ignored = body.keys().filter(|k| !HONOURED.contains(&k.as_str())).take(30).map(|k| header_safe(k)).collect();
    Ok(Read { request, include_usage, ignored })
}

fn header_safe(key: &str) -> String {
    key.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect()
}

fn refuse(body: &Map<String, Value>) -> Result<(), Refusal> {
    for name in REFUSED {
        let set = match body.get(*name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::String(s)) => s != "none" && s != "auto",
            Some(_) => true,
        };
        if set {
            return Err(Refusal::parameter(name, format!("{name} is not supported: an assistant answers with text")));
        }
    }
    if body.get("n").is_some_and(|n| n.as_u64() != Some(1) && !n.is_null()) {
        return Err(Refusal::parameter("n", "an assistant gives one answer: leave n out or send 1"));
    }
    let format = body.get("response_format").and_then(|f| f.get("type")).and_then(Value::as_str);
    if format.is_some_and(|f| f != "text") {
        return Err(Refusal::parameter("response_format", "only {\"type\":\"text\"} is supported"));
    }
    if body.get("modalities").and_then(Value::as_array).is_some_and(|m| m.iter().any(|v| v != "text")) {
        return Err(Refusal::parameter("modalities", "only text is supported"));
    }
    Ok(())
}

fn messages(body: &Map<String, Value>) -> Result<Vec<CompletionMessage>, Refusal> {
    let Some(Value::Array(items)) = body.get("messages") else {
        return Err(Refusal::invalid(Some("messages"), "must be a list of messages"));
    };
    if items.is_empty() || items.len() > 500 {
        return Err(Refusal::invalid(Some("messages"), "must hold 1 to 500 messages"));
    }
    items.iter().enumerate().map(|(i, item)| message(i, item)).collect()
}

fn message(i: usize, item: &Value) -> Result<CompletionMessage, Refusal> {
    let at = format!("messages[{i}]");
    let role = item.get("role").and_then(Value::as_str).unwrap_or_default();
    if !["system", "developer", "user", "assistant"].contains(&role) {
        return Err(Refusal::invalid(Some(&at), "role must be system, developer, user or assistant"));
    }
    let text = match item.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let mut text = String::new();
            for part in parts {
                match (part.get("type").and_then(Value::as_str), part.get("text").and_then(Value::as_str)) {
                    (Some("text"), Some(words)) => text.push_str(words),
                    _ => return Err(Refusal::parameter(&at, "only text parts are supported")),
                }
            }
            text
        }
        None | Some(Value::Null) if role == "assistant" => String::new(),
        _ => return Err(Refusal::invalid(Some(&at), "content must be a text or a list of text parts")),
    };
    Ok(CompletionMessage { role: role.to_owned(), text })
}

fn flag(body: &Map<String, Value>, name: &str) -> Result<bool, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(b)) => Ok(*b),
        Some(_) => Err(Refusal::invalid(Some(name), "must be true or false")),
    }
}

fn number(body: &Map<String, Value>, name: &str, most: f64) -> Result<Option<f64>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .filter(|n| (0.0..=most).contains(n))
            .map(Some)
            .ok_or_else(|| Refusal::invalid(Some(name), format!("must be a number from 0 to {most}"))),
    }
}

/// Of `max_tokens` and `max_completion_tokens` the lower one; the version's own limit clips it later (L-5).
fn lower_limit(body: &Map<String, Value>) -> Result<Option<i32>, Refusal> {
    let mut lowest: Option<i32> = None;
    for name in ["max_tokens", "max_completion_tokens"] {
        let limit = match body.get(name) {
            None | Some(Value::Null) => continue,
            // `1e9` is a whole number to a client, though not to a JSON reader.
            Some(value) => {
                value.as_u64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && *n >= 1.0).map(|_| u64::MAX))
            }
        };
        let limit =
            limit.filter(|n| *n > 0).ok_or_else(|| Refusal::invalid(Some(name), "must be a whole number above 0"))?;
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        lowest = Some(lowest.map_or(limit, |l| l.min(limit)));
    }
    Ok(lowest)
}

fn stop(body: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let texts = match body.get("stop") {
        None | Some(Value::Null) => vec![],
        Some(Value::String(s)) => vec![s.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .map(|v| v.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| Refusal::invalid(Some("stop"), "must be texts"))?,
        Some(_) => return Err(Refusal::invalid(Some("stop"), "must be a text or a list of texts")),
    };
    if texts.len() > 4 {
        return Err(Refusal::invalid(Some("stop"), "must be at most 4 texts"));
    }
    Ok(texts.into_iter().filter(|t| !t.is_empty()).collect())
}

fn metadata(body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    match body.get("metadata") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(pairs)) if pairs.len() <= 16 => Ok(pairs.clone()),
        Some(_) => Err(Refusal::invalid(Some("metadata"), "must be an object of at most 16 pairs")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn try_read(body: Value) -> Result<Read, Refusal> {
        let bytes = body.to_string();
        read(body, bytes.as_bytes(), false)
    }

    #[test]
    fn l_5_huge_limits_are_clipped_and_what_changes_the_meaning_is_refused() {
        let asked = json!({"model": "a", "messages": [{"role": "user", "content": "?"}], "max_tokens": 1e9});
        assert_eq!(try_read(asked).unwrap().request.max_output_tokens, Some(i32::MAX));
        for (name, value) in [("n", json!(128)), ("tools", json!([{"type": "function"}])), ("logprobs", json!(true))] {
            let mut asked = json!({"model": "a", "messages": [{"role": "user", "content": "?"}]});
            asked[name] = value;
            let refusal = try_read(asked).unwrap_err();
            assert_eq!(refusal.body()["error"]["code"], "unsupported_parameter");
            assert_eq!(refusal.body()["error"]["param"], name);
        }
    }

    #[test]
    fn l_6_addresses_and_keys_of_providers_are_ignored_and_named() {
        let asked = json!({"model": "a", "messages": [{"role": "user", "content": [{"type": "text", "text": "?"}]}],
            "api_base": "http://evil.tld", "api_key": "x", "seed": 1});
        let read = try_read(asked).unwrap();
        let mut ignored = read.ignored;
        ignored.sort();
        assert_eq!(ignored, ["api_base", "api_key", "seed"]);
        assert!(!format!("{:?}", read.request).contains("evil"));
    }
}
