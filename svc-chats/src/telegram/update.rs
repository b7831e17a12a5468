//! What an update says. Tolerant: what cannot be read becomes a visible line, what we do not know is ignored and counted.

use serde::Deserialize;
use serde_json::Value;

/// Most characters of a text that are kept; Telegram itself sends 4,096 at most.
const TEXT_MAX: usize = 20_000;

/// A parsed update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Grows; the key of deduplication.
    pub update_id: i64,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Somebody wrote.
    Message(Message),
    /// Somebody changed what they wrote.
    Edited(Message),
    /// A customer blocked the bot, or allows it again.
    Blocked {
        /// Telegram user.
        user_id: i64,
        /// Whether it is blocked now.
        blocked: bool,
    },
    /// Nothing for us; the kind, for the count.
    Ignored(&'static str),
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it was written.
    pub chat_id: i64,
    /// Whether only the customer and the bot are there.
    pub private: bool,
    /// Its number in the chat.
    pub message_id: i64,
    /// Who wrote.
    pub user_id: i64,
    /// Their name.
    pub name: String,
    /// What they wrote, or a visible line for what we cannot read.
    pub text: String,
    /// Whether it is meant for the bot (always so in a private chat).
    pub for_bot: bool,
}

/// It is no update at all.
#[derive(Debug, thiserror::Error)]
#[error("the body is not an update")]
pub struct NotAnUpdate;

#[derive(Deserialize)]
struct RawMessage {
    message_id: i64,
    chat: RawChat,
    from: Option<RawUser>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    caption: Option<String>,
    #[serde(default)]
    reply_to_message: Option<Value>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct RawChat {
    id: i64,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Deserialize)]
struct RawUser {
    id: i64,
    #[serde(default)]
    is_bot: bool,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    #[serde(default)]
    username: String,
}

/// Kinds of content that we cannot read yet, and what people see instead.
const UNREADABLE: &[(&str, &str)] = &[
    ("sticker", "[стикер]"),
    ("voice", "[голосовое сообщение]"),
    ("video_note", "[видеосообщение]"),
    ("animation", "[анимация]"),
    ("photo", "[фото]"),
    ("video", "[видео]"),
    ("audio", "[аудио]"),
    ("document", "[файл]"),
    ("venue", "[место]"),
    ("location", "[геопозиция]"),
    ("contact", "[контакт]"),
    ("poll", "[опрос]"),
    ("dice", "[кубик]"),
    ("game", "[игра]"),
    ("story", "[история]"),
    ("rich_message", "[сообщение с оформлением]"),
];

/// Parts of a message that say nothing to us and are no content of the customer's.
const SERVICE: &[&str] = &[
    "new_chat_members",
    "left_chat_member",
    "new_chat_title",
    "new_chat_photo",
    "delete_chat_photo",
    "group_chat_created",
    "supergroup_chat_created",
    "pinned_message",
    "migrate_to_chat_id",
    "migrate_from_chat_id",
    "message_auto_delete_timer_changed",
    "forum_topic_created",
    "video_chat_started",
    "video_chat_ended",
];

/// Reads an update. `bot` is the bot's `username`, without `@`, for groups.
///
/// # Errors
/// The body is no JSON object with an `update_id`.
pub fn parse(body: &[u8], bot: &str) -> Result<Update, NotAnUpdate> {
    let Ok(Value::Object(mut all)) = serde_json::from_slice::<Value>(body) else { return Err(NotAnUpdate) };
    let update_id = all.get("update_id").and_then(Value::as_i64).ok_or(NotAnUpdate)?;
    let what = if let Some(message) = all.remove("message") {
        message_of(message, bot).map_or_else(What::Ignored, What::Message)
    } else if let Some(message) = all.remove("edited_message") {
        message_of(message, bot).map_or_else(What::Ignored, What::Edited)
    } else if let Some(member) = all.get("my_chat_member") {
        blocked(member).unwrap_or(What::Ignored("my_chat_member"))
    } else {
        let known = ["callback_query", "business_message", "business_connection", "channel_post", "inline_query"];
        What::Ignored(known.into_iter().find(|kind| all.contains_key(*kind)).unwrap_or("unknown"))
    };
    Ok(Update { update_id, what })
}

fn message_of(value: Value, bot: &str) -> Result<Message, &'static str> {
    let raw: RawMessage = serde_json::from_value(value).map_err(|_| "odd_message")?;
    let Some(from) = raw.from else { return Err("no_sender") };
    if from.is_bot {
        return Err("from_bot");
    }
    let unreadable = UNREADABLE.iter().find(|(kind, _)| raw.rest.contains_key(*kind)).map(|(_, line)| *line);
    let words = raw.text.or(raw.caption).unwrap_or_default();
    let text = match (unreadable, words.is_empty()) {
        (Some(line), true) => line.to_owned(),
        (Some(line), false) => format!("{line} {words}"),
        (None, false) => words.clone(),
        (None, true) if SERVICE.iter().any(|kind| raw.rest.contains_key(*kind)) => return Err("service_message"),
        (None, true) => "[сообщение неизвестного вида]".to_owned(),
    };
    let private = raw.chat.kind == "private";
    let to_bot = raw.reply_to_message.as_ref().is_some_and(|m| {
        let replied = m.pointer("/from/username").and_then(Value::as_str);
        !bot.is_empty() && replied.is_some_and(|name| name.eq_ignore_ascii_case(bot))
    });
    let mention = !bot.is_empty() && words.to_lowercase().contains(&format!("@{}", bot.to_lowercase()));
    let command = words.starts_with('/') && !words.split_whitespace().next().unwrap_or_default().contains('@');
    Ok(Message {
        chat_id: raw.chat.id,
        private,
        message_id: raw.message_id,
        user_id: from.id,
        name: name_of(&from.first_name, &from.last_name, &from.username),
        text: text.chars().filter(|c| *c != '\0').take(TEXT_MAX).collect(),
        for_bot: private || to_bot || mention || command,
    })
}

fn name_of(first: &str, last: &str, username: &str) -> String {
    let full = format!("{first} {last}");
    let full = if full.trim().is_empty() { username } else { full.trim() };
    full.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn blocked(member: &Value) -> Option<What> {
    if member.pointer("/chat/type")?.as_str()? != "private" {
        return None;
    }
    let user_id = member.pointer("/from/id")?.as_i64()?;
    let status = member.pointer("/new_chat_member/status")?.as_str()?;
    matches!(status, "kicked" | "member").then_some(What::Blocked { user_id, blocked: status == "kicked" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> What {
        parse(value.to_string().as_bytes(), "shop_bot").unwrap().what
    }

    fn message(more: Value) -> Value {
        let mut message = json!({"message_id": 57, "date": 1_795_430_400, "chat": {"id": 55, "type": "private"},
            "from": {"id": 55, "is_bot": false, "first_name": "Анна", "language_code": "ru"}});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"update_id": 812_345_001, "message": message})
    }

    fn text(value: &Value) -> String {
        match read(value) {
            What::Message(message) => message.text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_text_is_read_with_its_sender() {
        let What::Message(read) = read(&message(json!({"text": "Сколько стоит?"}))) else { panic!() };
        assert_eq!((read.chat_id, read.user_id, read.name.as_str(), read.private), (55, 55, "Анна", true));
    }

    #[test]
    fn what_cannot_be_read_is_a_visible_line() {
        assert_eq!(text(&message(json!({"sticker": {"file_id": "x"}}))), "[стикер]");
        assert_eq!(text(&message(json!({"photo": [], "caption": "вот"}))), "[фото] вот");
        assert_eq!(text(&message(json!({"hologram": {}}))), "[сообщение неизвестного вида]");
    }

    #[test]
    fn c_3_odd_updates_are_ignored_and_never_an_error() {
        // trust: C-3
        assert_eq!(read(&json!({"update_id": 1, "poll_answer": {}})), What::Ignored("unknown"));
        assert_eq!(read(&json!({"update_id": 1, "message": 7})), What::Ignored("odd_message"));
        assert_eq!(read(&message(json!({"pinned_message": {}}))), What::Ignored("service_message"));
        assert!(parse(b"[]", "").is_err() && parse(b"{}", "").is_err() && parse(b"\xff", "").is_err());
    }

    #[test]
    fn a_block_is_heard() {
        let member = |status| {
            json!({"update_id": 4, "my_chat_member": {"chat": {"id": 9, "type": "private"},
            "from": {"id": 9, "is_bot": false}, "new_chat_member": {"status": status}}})
        };
        assert_eq!(read(&member("kicked")), What::Blocked { user_id: 9, blocked: true });
        assert_eq!(read(&member("member")), What::Blocked { user_id: 9, blocked: false });
    }

    #[test]
    fn in_a_group_only_what_is_meant_for_the_bot_counts() {
        let group = |text: &str| {
            let mut update = message(json!({"text": text}));
            update["message"]["chat"] = json!({"id": -100, "type": "supergroup"});
            let What::Message(message) = read(&update) else { panic!() };
            message.for_bot
        };
        assert!(group("@Shop_bot сколько?") && group("/price"));
        assert!(!group("просто разговор") && !group("/price@other_bot"));
    }

    proptest! {
        #[test]
        fn no_body_breaks_it(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&body, "b");
        }

        #[test]
        fn no_object_breaks_it(text in "\\PC{0,100}", id in any::<i64>()) {
            let update = json!({"update_id": id, "message": {"message_id": id, "chat": {"id": id, "type": text},
                "from": {"id": id, "first_name": text}, "text": text}});
            prop_assert!(parse(update.to_string().as_bytes(), &text).is_ok());
        }
    }
}
