//! Builders of updates, in the shapes of the Bot API.

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

/// Message ids of people's messages; one row for all chats, since an id is unique in its chat anyway.
static MESSAGE_IDS: AtomicI64 = AtomicI64::new(57);

/// Seconds of every date.
const DATE: i64 = 1_795_430_400;

/// An update without its number, which the delivery gives.
#[derive(Clone, Debug)]
pub struct Update(Value);

impl Update {
    /// Any update.
    #[must_use]
    pub fn from_value(value: Value) -> Self {
        Self(value)
    }

    /// Fixes the number: for repetitions.
    #[must_use]
    pub fn number(mut self, update_id: i64) -> Self {
        self.0["update_id"] = update_id.into();
        self
    }

    /// The id of the message inside, if there is one.
    #[must_use]
    pub fn message_id(&self) -> Option<i64> {
        ["message", "edited_message"].iter().find_map(|kind| self.0[*kind]["message_id"].as_i64())
    }

    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }
}

/// A person in a chat.
#[derive(Clone, Debug)]
pub struct Chat {
    person_id: i64,
    first_name: String,
    chat: Value,
}

impl Chat {
    /// The chat's id is the person's.
    #[must_use]
    pub fn private(person_id: i64, first_name: &str) -> Self {
        let chat = json!({"id": person_id, "first_name": first_name, "type": "private"});
        Self { person_id, first_name: first_name.to_owned(), chat }
    }

    /// The same person in a supergroup (a negative id).
    #[must_use]
    pub fn in_group(&self, chat_id: i64, title: &str) -> Self {
        let chat = json!({"id": chat_id, "title": title, "type": "supergroup"});
        Self { chat, ..self.clone() }
    }

    #[must_use]
    pub fn id(&self) -> i64 {
        self.chat["id"].as_i64().unwrap_or_default()
    }

    fn from(&self) -> Value {
        json!({"id": self.person_id, "is_bot": false, "first_name": self.first_name, "language_code": "ru"})
    }

    /// A message with any content: `{"text": …}`, `{"location": …}`.
    #[must_use]
    pub fn message(&self, content: Value) -> Update {
        let id = MESSAGE_IDS.fetch_add(1, Ordering::SeqCst);
        let mut message = json!({"message_id": id, "from": self.from(), "chat": self.chat, "date": DATE});
        if let (Some(into), Value::Object(fields)) = (message.as_object_mut(), content) {
            into.extend(fields);
        }
        Update(json!({"message": message}))
    }

    /// A text; a leading `/command` gets its entity.
    #[must_use]
    pub fn text(&self, text: &str) -> Update {
        let mut content = json!({"text": text});
        if text.starts_with('/') {
            let command = text.split_whitespace().next().unwrap_or_default();
            content["entities"] =
                json!([{"offset": 0, "length": command.encode_utf16().count(), "type": "bot_command"}]);
        }
        self.message(content)
    }

    #[must_use]
    pub fn sticker(&self, emoji: &str) -> Update {
        self.message(json!({"sticker": {
            "file_id": "CAACAg-sticker", "file_unique_id": "AgADst", "type": "regular", "width": 512, "height": 512,
            "is_animated": false, "is_video": false, "emoji": emoji, "file_size": 20_000,
        }}))
    }

    #[must_use]
    pub fn poll(&self, question: &str, options: &[&str]) -> Update {
        let options: Vec<Value> = options.iter().map(|text| json!({"text": text, "voter_count": 0})).collect();
        self.message(json!({"poll": {
            "id": "5000000000000000001", "question": question, "options": options, "total_voter_count": 0,
            "is_closed": false, "is_anonymous": true, "type": "regular", "allows_multiple_answers": false,
        }}))
    }

    #[must_use]
    pub fn voice(&self, file_id: &str, seconds: u32) -> Update {
        self.message(json!({"voice": {
            "duration": seconds, "mime_type": "audio/ogg", "file_id": file_id, "file_unique_id": "AgADxx", "file_size": 15_210,
        }}))
    }

    #[must_use]
    pub fn photo(&self, file_id: &str, caption: Option<&str>) -> Update {
        let mut content = json!({"photo": photo_sizes(file_id)});
        if let Some(caption) = caption {
            content["caption"] = caption.into();
        }
        self.message(content)
    }

    /// Several photos of one album, each a message; the caption is on the first.
    #[must_use]
    pub fn album(&self, file_ids: &[&str], caption: &str) -> Vec<Update> {
        let group = format!("135{}", MESSAGE_IDS.load(Ordering::SeqCst));
        let one = |(n, id): (usize, &&str)| {
            let mut content = json!({"media_group_id": group, "photo": photo_sizes(id)});
            if n == 0 {
                content["caption"] = caption.into();
            }
            self.message(content)
        };
        file_ids.iter().enumerate().map(one).collect()
    }

    /// The earlier message with another text.
    #[must_use]
    pub fn edited(&self, message_id: i64, text: &str) -> Update {
        Update(json!({"edited_message": {
            "message_id": message_id, "from": self.from(), "chat": self.chat, "date": DATE, "edit_date": DATE + 10, "text": text,
        }}))
    }

    /// A pressed button under the bot's message.
    #[must_use]
    pub fn callback(&self, message_id: i64, data: &str) -> Update {
        let id = MESSAGE_IDS.fetch_add(1, Ordering::SeqCst);
        Update(json!({"callback_query": {
            "id": format!("23627{id}"), "from": self.from(), "chat_instance": "-4200", "data": data,
            "message": {"message_id": message_id, "chat": self.chat, "date": DATE, "text": "Помог ответ?"},
        }}))
    }

    /// The person blocked the bot.
    #[must_use]
    pub fn blocks(&self, bot_id: i64) -> Update {
        self.member(bot_id, "member", "kicked")
    }

    /// The person let it in again.
    #[must_use]
    pub fn unblocks(&self, bot_id: i64) -> Update {
        self.member(bot_id, "kicked", "member")
    }

    fn member(&self, bot_id: i64, before: &str, after: &str) -> Update {
        let state = |status: &str| {
            let mut member = json!({"user": {"id": bot_id, "is_bot": true, "first_name": "Bot"}, "status": status});
            if status == "kicked" {
                member["until_date"] = 0.into();
            }
            member
        };
        Update(json!({"my_chat_member": {
            "chat": self.chat, "from": self.from(), "date": DATE,
            "old_chat_member": state(before), "new_chat_member": state(after),
        }}))
    }
}

fn photo_sizes(file_id: &str) -> Value {
    let size = |side: u32, id: String| json!({"file_id": id, "file_unique_id": format!("u{side}"), "width": side, "height": side, "file_size": side * 50});
    json!([size(90, format!("{file_id}-s")), size(800, file_id.to_owned())])
}
