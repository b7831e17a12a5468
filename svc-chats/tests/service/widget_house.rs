//! A widget on a site, and browsers that visit it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use neipix_mesh::{
    Call, CallContext, Caller, Failure, Stream, WorkspaceId,
    access::{
        roles::{Permissions, permissions_of_visitors},
        token::Claims,
    },
};
use neipix_proto::chats::v1::{
    Channel, ChannelKind, CreateChannelRequest, ListVisitorMessagesRequest, ListVisitorMessagesResponse, Proof,
    ResetVisitorRequest, RotateWidgetSecretRequest, SendVisitorMessageRequest, SendVisitorMessageResponse,
    StartVisitorRequest, VisitorEvent, VisitorSession, WatchVisitorRequest, Widget, visitor_event::Frame,
};
use sha2::Sha256;
use svc_chats::{channels, widget};
use uuid::Uuid;

use crate::harness::Test;

pub const SHOP: &str = "https://shop.example";

/// A widget and where its visitors come from.
pub struct Site<'a> {
    pub t: &'a Test,
    pub channel: Channel,
    pub key: String,
}

impl<'a> Site<'a> {
    pub async fn open(t: &'a Test) -> Self {
        Self::with(t, |_| {}).await
    }

    pub async fn with(t: &'a Test, change: impl FnOnce(&mut Widget)) -> Self {
        let mut settings = Widget { origins: vec![SHOP.into(), "https://*.big.example".into()], ..Widget::default() };
        change(&mut settings);
        let request = CreateChannelRequest {
            assistant_id: t.assistant.to_string(),
            kind: ChannelKind::Widget.into(),
            widget: Some(settings),
            ..CreateChannelRequest::default()
        };
        let channel = channels::rpc::create(&t.chats, t.call("CreateChannel", request)).await.unwrap();
        let key = channel.widget.as_ref().unwrap().key.clone();
        Self { t, channel, key }
    }

    /// `kid` and secret.
    pub async fn secret(&self) -> (String, String) {
        let request =
            RotateWidgetSecretRequest { assistant_id: self.channel.assistant_id.clone(), id: self.channel.id.clone() };
        let made = channels::widget::rotate(&self.t.chats, self.t.call("RotateWidgetSecret", request)).await.unwrap();
        (made.kid, made.secret)
    }

    /// Somebody in a browser.
    pub fn browser(&self) -> Browser<'_> {
        Browser { site: self, from: Some(SHOP.into()), address: "203.0.113.7".parse().unwrap() }
    }
}

/// What of a call the edge tells.
fn seen<T>(call: Call<T>, from: Option<&str>, address: IpAddr) -> Call<T> {
    let context = CallContext { origin: from.map(str::to_owned), address: Some(address), ..(*call.context).clone() };
    Call { message: call.message, context: Arc::new(context) }
}

#[derive(Clone)]
pub struct Browser<'a> {
    pub site: &'a Site<'a>,
    /// What the browser says in `Origin`.
    pub from: Option<String>,
    pub address: IpAddr,
}

impl<'a> Browser<'a> {
    pub fn request(&self) -> StartVisitorRequest {
        StartVisitorRequest { key: self.site.key.clone(), ..StartVisitorRequest::default() }
    }

    pub async fn start(&self, request: StartVisitorRequest) -> Result<VisitorSession, Failure> {
        let call =
            self.site.t.call_by(Caller::Anonymous, Permissions::none(), WorkspaceId::PLATFORM, "StartVisitor", request);
        widget::visit::start(&self.site.t.chats, seen(call, self.from.as_deref(), self.address)).await
    }

    /// A new visitor.
    pub async fn visit(&self) -> Visitor<'a> {
        let session = self.start(self.request()).await.unwrap();
        Visitor { browser: self.clone(), session, key: self.site.key.clone() }
    }

    /// The visitor of a token.
    pub async fn come_back(&self, token: &str) -> Result<VisitorSession, Failure> {
        self.start(StartVisitorRequest { visitor_token: token.to_owned(), ..self.request() }).await
    }

    /// With a token of the site's server.
    pub async fn identify(&self, token: &str, identity: &str) -> Result<VisitorSession, Failure> {
        let request = StartVisitorRequest {
            visitor_token: token.to_owned(),
            identity_token: identity.to_owned(),
            ..self.request()
        };
        self.start(request).await
    }

    pub async fn reset(&self, token: &str) {
        let request = ResetVisitorRequest { key: self.site.key.clone(), visitor_token: token.to_owned() };
        let call =
            self.site.t.call_by(Caller::Anonymous, Permissions::none(), WorkspaceId::PLATFORM, "ResetVisitor", request);
        widget::visit::reset(&self.site.t.chats, seen(call, self.from.as_deref(), self.address)).await.unwrap();
    }

    pub fn as_visitor(&self, session: VisitorSession) -> Visitor<'a> {
        Visitor { browser: self.clone(), session, key: self.site.key.clone() }
    }
}

/// A visitor with an access token.
pub struct Visitor<'a> {
    pub browser: Browser<'a>,
    pub session: VisitorSession,
    pub key: String,
}

impl Visitor<'_> {
    pub fn call<T: prost::Message + Clone>(&self, rpc: &str, message: T) -> Call<T> {
        let t = self.browser.site.t;
        let id = &self.session.visitor_id;
        let claims = serde_json::json!({"iss": "t", "aud": "widget", "sub": format!("visitor:{id}"), "sid": id,
            "ws": t.ws, "scp": ["widget.chat"], "ast": t.assistant, "iat": 0, "exp": 4_000_000_000i64, "jti": "j"});
        let claims: Claims = serde_json::from_value(claims).unwrap();
        let call = t.call_by(Caller::Visitor(Arc::new(claims)), permissions_of_visitors(), t.ws, rpc, message);
        seen(call, self.browser.from.as_deref(), self.browser.address)
    }

    pub fn words(&self, client_id: Uuid, text: &str) -> SendVisitorMessageRequest {
        SendVisitorMessageRequest {
            key: self.key.clone(),
            client_id: client_id.to_string(),
            text: text.to_owned(),
            proof: None,
        }
    }

    pub async fn try_say(&self, client_id: Uuid, text: &str) -> Result<SendVisitorMessageResponse, Failure> {
        let call = self.call("SendVisitorMessage", self.words(client_id, text));
        widget::say::send(&self.browser.site.t.chats, call).await
    }

    pub async fn say(&self, text: &str) -> SendVisitorMessageResponse {
        self.try_say(Uuid::now_v7(), text).await.unwrap()
    }

    pub async fn try_list(&self, conversation: &str) -> Result<ListVisitorMessagesResponse, Failure> {
        let request = ListVisitorMessagesRequest {
            key: self.key.clone(),
            conversation_id: conversation.to_owned(),
            ..ListVisitorMessagesRequest::default()
        };
        widget::read::messages(&self.browser.site.t.chats, self.call("ListVisitorMessages", request)).await
    }

    pub async fn list(&self) -> ListVisitorMessagesResponse {
        self.try_list("").await.unwrap()
    }

    pub async fn try_watch(&self, conversation: &str, after: Option<i64>) -> Result<Stream<VisitorEvent>, Failure> {
        let request = WatchVisitorRequest { key: self.key.clone(), conversation_id: conversation.to_owned(), after };
        widget::watch::watch(&self.browser.site.t.chats, self.call("WatchVisitor", request)).await
    }

    pub async fn watch(&self, after: Option<i64>) -> Watching {
        Watching(self.try_watch("", after).await.unwrap())
    }
}

/// An open stream.
pub struct Watching(Stream<VisitorEvent>);

impl Watching {
    /// The next frame that is no sign of life.
    pub async fn next(&mut self) -> Frame {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(8), self.0.next()).await;
            let frame = next.expect("a frame in time").expect("the stream goes on").unwrap().frame.unwrap();
            if !matches!(frame, Frame::Heartbeat(_)) {
                return frame;
            }
        }
    }

    /// The first frame that fits.
    pub async fn until<T>(&mut self, fits: impl Fn(Frame) -> Option<T>) -> T {
        loop {
            if let Some(found) = fits(self.next().await) {
                return found;
            }
        }
    }

    /// The refusal that ends it.
    pub async fn refusal(&mut self) -> Failure {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(8), self.0.next()).await;
            if let Err(failure) = next.expect("an end in time").expect("a refusal before the end") {
                return failure;
            }
        }
    }
}

/// An identity token.
pub fn signed(kid: &str, secret: &str, aud: &str, sub: &str) -> String {
    let now = chrono::Utc::now().timestamp();
    let claims = serde_json::json!({"sub": sub, "aud": aud, "iat": now, "exp": now + 600, "name": "Анна"});
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let text = format!("{}.{}", part(serde_json::json!({"alg": "HS256", "typ": "JWT", "kid": kid})), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// The work that a challenge asks for.
pub fn solved(challenge: &str) -> Proof {
    let bits: u32 = challenge.split('.').nth(1).unwrap().parse().unwrap();
    let n = (0..).find(|n| widget::proof::zero_bits(challenge, *n) >= bits).unwrap();
    Proof { challenge: challenge.to_owned(), n }
}
