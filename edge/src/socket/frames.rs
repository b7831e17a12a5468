//! Frames of the socket as JSON.

use neipix_proto::chats::v1::watch_response::Frame as Watched;
use prost::Message;
use prost_reflect::DynamicMessage;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::transcode;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromClient {
    /// Events after this number. None are sent before it is said, so that no event of now comes before those missed.
    Resume {
        /// The last number the client has; none = from now.
        #[serde(default)]
        after: Option<i64>,
    },
    /// Partials and deltas of this dialogue too.
    Watch {
        /// The dialogue.
        conversation: String,
    },
    /// The person types.
    Typing {
        /// The dialogue.
        conversation: String,
    },
    /// A sign of life.
    Hb,
    /// An rpc, with the same checks as over REST.
    Call {
        /// The client's id of the call.
        id: String,
        /// `chats.v1.ConversationService/TakeOver`.
        rpc: String,
        /// The request as JSON.
        #[serde(default)]
        body: Value,
    },
}

/// A frame of Watch as the client reads it.
#[must_use]
pub fn to_client(frame: Watched) -> Value {
    match frame {
        Watched::Event(event) => {
            let data = event.data.as_ref().map_or(Value::Null, |data| as_json(data, "neipix.chats.v1.EventData"));
            json!({"t": "event", "seq": event.seq, "kind": event.kind, "data": data})
        }
        Watched::Partial(p) => {
            json!({"t": "partial", "turn": p.turn_id, "conversation": p.conversation_id, "text": p.text, "offset": p.offset})
        }
        Watched::Delta(d) => {
            json!({"t": "delta", "turn": d.turn_id, "conversation": d.conversation_id, "offset": d.offset, "text": d.text})
        }
        Watched::Typing(t) => {
            json!({"t": "typing", "conversation": t.conversation_id, "author": t.author().as_str_name(), "member": t.member_id})
        }
        Watched::Reset(r) => json!({"t": "reset", "seq": r.seq}),
        Watched::Heartbeat(_) => json!({"t": "hb"}),
    }
}

/// A refusal as a frame.
#[must_use]
pub fn error(reason: &str, detail: &str, id: Option<&str>) -> Value {
    let mut frame = json!({"t": "error", "reason": reason, "detail": detail});
    if let Some(id) = id {
        frame["id"] = json!(id);
    }
    frame
}

fn as_json(message: &impl Message, name: &str) -> Value {
    let descriptor = neipix_proto::POOL.get_message_by_name(name);
    descriptor
        .and_then(|d| DynamicMessage::decode(d, message.encode_to_vec().as_slice()).ok())
        .and_then(|dynamic| transcode::dynamic_to_json(&dynamic).ok())
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or(Value::Null)
}
