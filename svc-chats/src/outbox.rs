//! Events of this service, gathered and written as columns of one statement.

use chrono::Utc;
use neipix_mesh::{AssistantId, ChannelId, ConversationId, EventId, MessageId, TurnId};
use neipix_proto::chats::events::v1::{ChannelStateChanged, ConversationChanged, MessageChanged, TurnChanged};
use prost::Message as _;
use uuid::Uuid;

/// Events of one transaction, in order.
#[derive(Debug, Default)]
pub struct Events {
    /// Ids.
    pub ids: Vec<Uuid>,
    /// Kinds.
    pub kinds: Vec<&'static str>,
    /// Versions of the objects.
    pub versions: Vec<i64>,
    /// Messages.
    pub payloads: Vec<Vec<u8>>,
}

impl Events {
    fn add(&mut self, kind: &'static str, version: i64, payload: Vec<u8>) {
        self.ids.push(EventId::new(Utc::now()).0);
        self.kinds.push(kind);
        self.versions.push(version);
        self.payloads.push(payload);
    }

    /// `conversation.*` or `handler.changed`.
    pub fn conversation(&mut self, kind: &'static str, id: ConversationId, version: i64) -> &mut Self {
        self.add(kind, version, ConversationChanged { conversation_id: id.to_string() }.encode_to_vec());
        self
    }

    /// `message.*`.
    pub fn message(&mut self, kind: &'static str, conversation: ConversationId, id: MessageId) -> &mut Self {
        let payload = MessageChanged { conversation_id: conversation.to_string(), message_id: id.to_string() };
        self.add(kind, 1, payload.encode_to_vec());
        self
    }

    /// `turn.*`.
    pub fn turn(&mut self, kind: &'static str, conversation: ConversationId, id: TurnId, version: i64) -> &mut Self {
        let payload = TurnChanged { conversation_id: conversation.to_string(), turn_id: id.to_string() };
        self.add(kind, version, payload.encode_to_vec());
        self
    }

    /// `channel.state_changed`.
    pub fn channel(&mut self, assistant: AssistantId, id: ChannelId, version: i64) -> &mut Self {
        let payload = ChannelStateChanged { assistant_id: assistant.to_string(), channel_id: id.to_string() };
        self.add("channel.state_changed", version, payload.encode_to_vec());
        self
    }
}
