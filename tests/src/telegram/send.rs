//! Sending: what the real API refuses is refused here, in UTF-16 units.

use std::time::Instant;

use serde_json::{Value, json};

use super::{
    api::{Answer, bad, number, ok, too_many},
    bot::{Call, Sent, World},
};

/// UTF-16 units of a text.
const TEXT_UNITS_MAX: usize = 4096;
/// Bytes of a button's data.
const CALLBACK_BYTES_MAX: usize = 64;

const ENTITY_KINDS: [&str; 20] = [
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
    "date_time",
];

pub(super) fn is_sending(method: &str) -> bool {
    matches!(method.to_lowercase().as_str(), "sendmessage" | "sendmessagedraft" | "editmessagetext" | "sendchataction")
}

pub(super) fn chat_id(params: &Value) -> Option<i64> {
    number(&params["chat_id"])
}

pub(super) fn run(world: &mut World, call: &mut Call) -> Answer {
    let Some(chat_id) = chat_id(&call.params) else {
        return bad("chat_id is empty");
    };
    let method = call.method.to_lowercase();
    if method == "sendchataction" {
        let known = call.params["action"].as_str().is_some_and(|a| a == "typing" || a.starts_with("upload_"));
        return if known { ok(json!(true)) } else { bad("wrong parameter action in request") };
    }
    if method == "sendmessagedraft" && chat_id < 0 {
        return bad("TEXTDRAFT_PEER_INVALID");
    }
    let empty_allowed = method == "sendmessagedraft";
    if let Err(refusal) = check(&call.params, empty_allowed) {
        return refusal;
    }
    match method.as_str() {
        "sendmessagedraft" => ok(json!(true)),
        "editmessagetext" => edit(world, call, chat_id),
        _ => send(world, call, chat_id),
    }
}

fn send(world: &mut World, call: &mut Call, chat_id: i64) -> Answer {
    if let Some(seconds) = world.blocked_for(&call.token, chat_id) {
        call.early = true;
        return too_many(seconds);
    }
    if let Some(seconds) = world.over_limit(&call.token, chat_id) {
        world.block(&call.token, chat_id, seconds);
        return too_many(seconds);
    }
    let message_id = world.next_message_id(chat_id);
    let params = &call.params;
    let sent = Sent {
        at: Instant::now(),
        token: call.token.clone(),
        chat_id,
        message_id,
        text: params["text"].as_str().unwrap_or_default().to_owned(),
        entities: params.get("entities").cloned().unwrap_or_else(|| json!([])),
        params: params.clone(),
    };
    let result = message(world, &sent);
    world.sent.push(sent);
    ok(result)
}

fn edit(world: &mut World, call: &Call, chat_id: i64) -> Answer {
    let wanted = number(&call.params["message_id"]);
    let text = call.params["text"].as_str().unwrap_or_default().to_owned();
    let found =
        world.sent.iter_mut().find(|s| s.chat_id == chat_id && Some(s.message_id) == wanted && s.token == call.token);
    let Some(sent) = found else {
        return bad("message to edit not found");
    };
    let entities = call.params.get("entities").cloned().unwrap_or_else(|| json!([]));
    if sent.text == text && sent.entities == entities {
        return bad(
            "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
        );
    }
    sent.text = text;
    sent.entities = entities;
    let edited = sent.clone();
    ok(message(world, &edited))
}

fn message(world: &World, sent: &Sent) -> Value {
    let bot = world.bots.get(&sent.token);
    json!({
        "message_id": sent.message_id,
        "from": {"id": bot.map(|b| b.id), "is_bot": true, "first_name": bot.map(|b| b.username.as_str())},
        "chat": {"id": sent.chat_id, "type": if sent.chat_id < 0 { "supergroup" } else { "private" }},
        "date": 1_795_430_400,
        "text": sent.text,
        "entities": sent.entities,
    })
}

fn check(params: &Value, empty_allowed: bool) -> Result<(), Answer> {
    if params.get("parse_mode").is_some_and(|mode| !mode.is_null() && mode != "") {
        return Err(bad("can't parse entities: this stand-in takes entities, not parse_mode"));
    }
    let text = params["text"].as_str().unwrap_or_default();
    if text.trim().is_empty() && !empty_allowed {
        return Err(bad("message text is empty"));
    }
    let units: Vec<u16> = text.encode_utf16().collect();
    if units.len() > TEXT_UNITS_MAX {
        return Err(bad("message is too long"));
    }
    if text.contains('\0') {
        return Err(bad("strings must be encoded in UTF-8"));
    }
    check_entities(&units, params.get("entities").unwrap_or(&Value::Null))?;
    let rows = params["reply_markup"]["inline_keyboard"].as_array().into_iter().flatten();
    for button in rows.filter_map(Value::as_array).flatten() {
        let data = button["callback_data"].as_str();
        if data.is_some_and(|d| d.is_empty() || d.len() > CALLBACK_BYTES_MAX) {
            return Err(bad("BUTTON_DATA_INVALID"));
        }
    }
    Ok(())
}

struct Span<'a> {
    kind: &'a str,
    start: usize,
    end: usize,
}

fn check_entities(units: &[u16], entities: &Value) -> Result<(), Answer> {
    let list = match entities {
        Value::Null => return Ok(()),
        Value::Array(list) => list,
        _ => return Err(bad("can't parse entities: expected an Array")),
    };
    let spans = list.iter().map(|entity| span(units, entity)).collect::<Result<Vec<_>, _>>()?;
    for (n, a) in spans.iter().enumerate() {
        for b in &spans[n + 1..] {
            let apart = a.end <= b.start || b.end <= a.start;
            let nested = (a.start <= b.start && b.end <= a.end) || (b.start <= a.start && a.end <= b.end);
            let of_kind = |kinds: &[&str]| kinds.contains(&a.kind) || kinds.contains(&b.kind);
            let quote = |kind: &str| kind.ends_with("blockquote");
            if !apart && !nested {
                return Err(bad("can't parse entities: entities cross"));
            }
            if !apart && of_kind(&["code", "pre"]) && !(quote(a.kind) || quote(b.kind)) {
                return Err(bad("can't parse entities: code and pre contain no other entity"));
            }
            if !apart && quote(a.kind) && quote(b.kind) {
                return Err(bad("can't parse entities: blockquotes do not nest"));
            }
        }
    }
    Ok(())
}

fn span<'a>(units: &[u16], entity: &'a Value) -> Result<Span<'a>, Answer> {
    let kind = entity["type"].as_str().unwrap_or_default();
    if !ENTITY_KINDS.contains(&kind) {
        return Err(bad(&format!("can't parse MessageEntity: unknown type «{kind}»")));
    }
    let place = |name: &str| number(&entity[name]).and_then(|n| usize::try_from(n).ok());
    let (Some(start), Some(length)) = (place("offset"), place("length")) else {
        return Err(bad("can't parse MessageEntity: offset and length are not negative"));
    };
    let end = start.saturating_add(length);
    if length == 0 || end > units.len() {
        return Err(bad(&format!(
            "can't parse entities: {kind} at {start}+{length} leaves the text of {} units",
            units.len()
        )));
    }
    // A boundary before a low surrogate cuts a letter in two.
    let cuts = |at: usize| units.get(at).is_some_and(|unit| (0xDC00..0xE000).contains(unit));
    if cuts(start) || cuts(end) {
        return Err(bad(&format!("can't parse entities: {kind} at {start}+{length} cuts a surrogate pair")));
    }
    if kind == "text_link" && entity["url"].as_str().is_none_or(str::is_empty) {
        return Err(bad("can't parse MessageEntity: text_link without url"));
    }
    Ok(Span { kind, start, end })
}
