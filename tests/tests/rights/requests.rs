//! A request of each rpc that would succeed: generated from the field rules, with the rows of a world, and with what no
//! rule can say.

use neipix_proto::{
    Method,
    access::v1::Surface as Audience,
    auth::v1::{CreateSocketTicketRequest, auth_service_client::AuthServiceClient},
    methods,
};
use neipix_tests::{
    generate::{self, Seeds},
    grpc::Outcome,
    telegram::Telegram,
};
use prost_reflect::{DynamicMessage, Kind, ReflectMessage as _, Value};
use uuid::Uuid;

use crate::{
    place::{PASSWORD, Place},
    world::{World, bot},
};

/// Whether a request may be carried out: then it uses up no row that others need.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    ToPass,
    ToFail,
}

/// Sets a field by its path in proto names.
pub fn set(message: &mut DynamicMessage, path: &str, value: Value) {
    match path.split_once('.') {
        None => message.set_field_by_name(path, value),
        Some((first, rest)) => {
            let inner = message.get_field_by_name_mut(first).and_then(Value::as_message_mut);
            set(inner.unwrap_or_else(|| panic!("{path} is no message")), rest, value);
        }
    }
}

fn texts(message: &mut DynamicMessage, pairs: &[(&str, &str)]) {
    for (path, text) in pairs {
        set(message, path, Value::String((*text).to_owned()));
    }
}

fn mask(message: &mut DynamicMessage, paths: &[&str]) {
    let field = message.descriptor().get_field_by_name("update_mask").expect("a mask");
    let Kind::Message(kind) = field.kind() else { panic!("a mask is a message") };
    let mut inner = DynamicMessage::new(kind);
    inner.set_field_by_name("paths", Value::List(paths.iter().map(|p| Value::String((*p).to_owned())).collect()));
    message.set_field(&field, Value::Message(inner));
}

/// What requests are made of.
pub struct Maker<'a> {
    pub place: &'a Place,
    pub telegram: &'a Telegram,
    pub world: &'a World,
    /// Ids of the platform's rows.
    pub platform: &'a Seeds,
    /// A token of the staff, for rows to be deleted.
    pub staff: &'a str,
}

impl Maker<'_> {
    /// The request of an rpc.
    pub async fn request(&self, method: &'static Method, meant: Meant) -> DynamicMessage {
        let mut seeds = self.world.seeds.clone();
        seeds.extend(self.platform.clone());
        let mut message = generate::request(&method.descriptor.input(), generate::id_kind(method), &seeds);
        self.complete(method.descriptor.name(), &mut message);
        if meant == Meant::ToPass {
            self.renew(method.descriptor.name(), &mut message).await;
        }
        message
    }

    /// What the field rules do not say.
    fn complete(&self, rpc: &str, message: &mut DynamicMessage) {
        let fresh = Uuid::now_v7().to_string();
        let spare = |kind: &str| self.world.spare[kind].as_str();
        let provider = [("provider.base_url", "http://127.0.0.1:9"), ("provider.model", "m")];
        if message.descriptor().full_name().starts_with("neipix.chats.v1.")
            && message.descriptor().get_field_by_name("key").is_some()
        {
            texts(message, &[("key", &self.world.widget_key)]);
        }
        match rpc {
            "RotateWidgetSecret" => texts(message, &[("id", spare("widget"))]),
            "Login" => texts(message, &[("email", &self.world.email), ("password", PASSWORD)]),
            "ExchangeApiKey" => texts(message, &[("api_key", &self.world.key)]),
            "UpdateAssistant" => {
                texts(message, &[("assistant.id", spare("assistant"))]);
                mask(message, &["draft.description"]);
            }
            "PublishAssistant" | "PauseAssistant" | "ResumeAssistant" => {
                texts(message, &[("id", spare("assistant"))]);
            }
            "Simulate" => {
                texts(message, &[("request_id", &fresh)]);
                set(message, "version", Value::I32(0));
            }
            "CreateFile" => texts(message, &[("name", "правила.txt")]),
            "UpdateFile" => mask(message, &["name"]),
            "CreateProvider" | "UpdateProvider" => {
                texts(message, &provider);
                set(message, "provider.kind", Value::EnumNumber(1));
                set(message, "provider.disabled", Value::Bool(true));
                if rpc == "UpdateProvider" {
                    texts(message, &[("provider.id", &self.platform["provider"])]);
                    mask(message, &["name"]);
                }
            }
            "CreatePrice" => texts(message, &[("price.model", &fresh)]),
            "CreateChannel" => {
                texts(message, &[("bot_token", &bot(self.telegram))]);
                set(message, "kind", Value::EnumNumber(2));
            }
            "UpdateChannel" => {
                let id = spare("moved_channel");
                texts(message, &[("channel.id", id), ("channel.bot_token", &self.world.moved_token)]);
                mask(message, &["bot_token"]);
            }
            "DeleteChannel" => texts(message, &[("id", spare("channel"))]),
            "Close" => texts(message, &[("id", spare("conversation"))]),
            "Ask" | "AskStream" => {
                texts(message, &[("contact_external_id", &fresh), ("external_id", &fresh)]);
                set(message, "wait_seconds", Value::I32(0));
            }
            "CreateChatCompletion" => {
                texts(message, &[("model", &self.world.seeds["assistant"]), ("user", &fresh)]);
                let messages = message.get_field_by_name_mut("messages").and_then(Value::as_list_mut);
                let first = messages.and_then(|list| list.first_mut()).and_then(Value::as_message_mut);
                texts(first.expect("a generated message"), &[("role", "user"), ("text", "Как вернуть товар?")]);
                let hash: [u8; 32] = rand::random();
                set(message, "body_hash", Value::Bytes(hash.to_vec().into()));
            }
            "Ingest" => {
                texts(message, &[("hook_id", &self.world.hook_id), ("secret", &self.world.hook_secret)]);
                set(message, "update", Value::Bytes(br#"{"update_id":1}"#.to_vec().into()));
            }
            "Hold" | "Settle" | "Release" | "Reply" => texts(message, &[("turn_id", &fresh)]),
            _ => {}
        }
    }

    /// Rows and credentials that are used up by the call.
    async fn renew(&self, rpc: &str, message: &mut DynamicMessage) {
        match rpc {
            "Refresh" | "Logout" => {
                let tokens = self.place.login(&self.world.email, Audience::Api).await;
                texts(message, &[("refresh_token", &tokens.refresh_token)]);
            }
            "RedeemSocketTicket" => texts(message, &[("ticket", &self.ticket().await)]),
            "DeleteAssistant" => {
                let made = self.made("/neipix.assistants.v1.AssistantService/CreateAssistant", &self.world.owner).await;
                texts(message, &[("id", made["id"].as_str().expect("an id"))]);
            }
            "DeleteFile" => {
                let made = self.made("/neipix.assistants.v1.KnowledgeService/CreateFile", &self.world.owner).await;
                texts(message, &[("id", made["file"]["id"].as_str().expect("an id"))]);
            }
            "DeleteProvider" => {
                let made = self.made("/neipix.assistants.v1.ProviderService/CreateProvider", self.staff).await;
                texts(message, &[("id", made["id"].as_str().expect("an id"))]);
            }
            _ => {}
        }
    }

    async fn ticket(&self) -> String {
        let mut auth = AuthServiceClient::new(self.place.as_process("edge").upstream("svc-auth").expect("svc-auth"));
        let mut request = tonic::Request::new(CreateSocketTicketRequest {});
        let bearer = format!("Bearer {}", self.world.owner).parse().expect("a header");
        request.metadata_mut().insert("authorization", bearer);
        auth.create_socket_ticket(request).await.expect("a ticket").into_inner().ticket
    }

    /// Makes a row directly at its service.
    async fn made(&self, path: &str, token: &str) -> serde_json::Value {
        let method = methods().get(path).expect("an rpc");
        let request = Box::pin(self.request(method, Meant::ToFail)).await;
        match self.place.direct("edge", method, &request, Some(token)).await {
            Outcome::Answered(json) => json,
            Outcome::Refused(refusal) => panic!("{path}: {refusal:?}"),
        }
    }
}
