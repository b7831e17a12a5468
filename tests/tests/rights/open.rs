//! What stays open for minutes: sockets, and streams of events through the edge and at the service itself. None of them
//! outlives the rights that it was opened with by more than two seconds.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use http::Method;
use neipix_mesh::failure::read_status;
use neipix_proto::{
    access::v1::Surface as Audience,
    auth::v1::{PlatformRole, Role},
    billing::v1::{HoldRequest, ReleaseRequest, billing_service_client::BillingServiceClient},
    chats::v1::{WatchRequest, WatchResponse, conversation_service_client::ConversationServiceClient},
};
use neipix_tests::{
    client::{Rest, Socket, Sse, Surface},
    poll::within,
    trust,
};
use serde_json::{Value, json};
use tonic::Streaming;
use uuid::Uuid;

use crate::{
    place::{Place, fresh_email},
    sessions::{WITHIN, within_two_seconds},
    world::{make_key, member, staff},
};

/// What does not end in this time never does.
const NEVER: Duration = Duration::from_secs(10);

/// All that one caller holds open.
struct Open {
    socket: Socket,
    /// Through the edge.
    events: Sse,
    /// At a process of the service.
    watch: Streaming<WatchResponse>,
}

impl Open {
    /// `credential` is what the edge is sent, `token` what services see.
    async fn by(place: &Place, credential: &str, token: &str) -> Self {
        let rest = place.rest(Surface::Api);
        let signed = rest.bearer(credential);
        let ticket = signed.post("/api/v1/auth/socket-tickets", json!({})).await.ok();
        let protocols = format!("neipix.v1, ticket.{}", ticket["ticket"].as_str().unwrap());
        let mut socket = rest.socket("/api/v1/events", Some(&protocols)).await.unwrap();
        // From now on.
        socket.send(&json!({"t": "resume"})).await;
        let events = signed.stream(Method::GET, "/api/v1/events", None).await;
        let upstream = place.as_process("edge").upstream("svc-chats").unwrap();
        let mut request = tonic::Request::new(WatchRequest::default());
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let watch = ConversationServiceClient::new(upstream).watch(request).await.unwrap().into_inner();
        Self { socket, events, watch }
    }

    /// Ends within two seconds: the socket with that code, the streams for that reason.
    async fn ends(mut self, code: u16, reason: &str) {
        let began = Instant::now();
        let streams = streams_end(&mut self.events, &mut self.watch);
        let (socket, streams) = tokio::join!(self.socket.closed_within(NEVER), streams);
        assert_eq!((socket, streams), (Some(code), [reason.to_owned(), reason.to_owned()]));
        assert!(began.elapsed() < WITHIN, "{reason}: {:?}", began.elapsed());
    }
}

/// Why both streams ended.
async fn streams_end(events: &mut Sse, watch: &mut Streaming<WatchResponse>) -> [String; 2] {
    let events = async { events.until("error").await.json()["reason"].as_str().unwrap().to_owned() };
    let watch = async {
        loop {
            match watch.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return "a clean end".to_owned(),
                Err(status) => return read_status(&status).reason_or_standard().name.to_owned(),
            }
        }
    };
    let (events, watch) = within(NEVER, "the end of the streams", async { tokio::join!(events, watch) }).await;
    [events, watch]
}

/// An owner with a workspace, or a member of one: the address, the workspace, tokens.
struct Somebody {
    email: String,
    workspace: String,
    access: String,
    refresh: String,
}

impl Somebody {
    async fn owner(place: &Place) -> Self {
        let email = fresh_email();
        let workspace = member(place, &email, None).await;
        Self::signed_in(place, email, workspace).await
    }

    async fn of(place: &Place, workspace: &str, role: Role) -> Self {
        let email = fresh_email();
        let _ = member(place, &email, Some((workspace, role))).await;
        Self::signed_in(place, email, workspace.to_owned()).await
    }

    async fn signed_in(place: &Place, email: String, workspace: String) -> Self {
        let tokens = place.login(&email, Audience::Api).await;
        Self { email, workspace, access: tokens.access_token, refresh: tokens.refresh_token }
    }

    async fn open(&self, place: &Place) -> Open {
        Open::by(place, &self.access, &self.access).await
    }

    fn user(&self) -> String {
        let claims = B64.decode(self.access.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        claims["sub"].as_str().unwrap().strip_prefix("user:").unwrap().to_owned()
    }
}

/// Every kind of loss, at each edge and each process.
pub async fn open_doors_close(place: &Place) {
    for view in place.views() {
        tokio::join!(
            of_a_session_that_ended(&view),
            of_a_key_that_was_revoked(&view),
            of_the_blocked(&view),
            of_who_is_no_member(&view),
            of_who_may_see_less(&view),
        );
    }
}

async fn of_a_session_that_ended(place: &Place) {
    let somebody = Somebody::owner(place).await;
    let open = somebody.open(place).await;
    let api = place.rest(Surface::Api);
    let _ = api.post("/api/v1/auth/logout", json!({"refreshToken": somebody.refresh})).await.ok();
    open.ends(4001, "SESSION_REVOKED").await;
}

async fn of_a_key_that_was_revoked(place: &Place) {
    let owner = Somebody::owner(place).await;
    let api = place.rest(Surface::Api).bearer(&owner.access);
    let (id, key) = make_key(&api, &["chats.read"], None).await;
    let open = Open::by(place, &key, &place.exchange(&key).await).await;
    let _ = api.delete(&format!("/api/v1/api-keys/{id}")).await.ok();
    open.ends(4001, "SESSION_REVOKED").await;
}

/// No rpc blocks anybody yet, so what it will write is written as the database's owner.
async fn of_the_blocked(place: &Place) {
    let database = place.database().await;
    let (person, other) = (Somebody::owner(place).await, Somebody::owner(place).await);
    let (persons, others) = (person.open(place).await, other.open(place).await);
    let blocked = "UPDATE auth.user_account SET blocked_at = clock_timestamp() WHERE id::text = $1";
    assert_eq!(database.execute(blocked, &[&person.user()]).await.unwrap(), 1);
    // A blocked person's sessions end when one is used.
    let refresh = json!({"refreshToken": person.refresh});
    let _ = place.rest(Surface::Api).post("/api/v1/auth/refresh", refresh).await.problem(403, "BLOCKED");
    let ws = json!({"ws": other.workspace});
    revoke(&database, "workspace", &ws).await;
    tokio::join!(persons.ends(4001, "SESSION_REVOKED"), others.ends(4001, "SESSION_REVOKED"));
}

/// No rpc removes a member or gives a role of one's own making yet.
async fn of_who_is_no_member(place: &Place) {
    let database = place.database().await;
    let owner = Somebody::owner(place).await;
    for (role, code, reason) in [("", 4001, "SESSION_REVOKED"), ("custom:x", 4003, "PERMISSION_DENIED")] {
        let somebody = Somebody::of(place, &owner.workspace, Role::Operator).await;
        let open = somebody.open(place).await;
        let subject = json!({"ws": owner.workspace, "user": somebody.user(), "mv": 1_000, "role": role});
        revoke(&database, "membership", &subject).await;
        open.ends(code, reason).await;
    }
}

async fn revoke(database: &tokio_postgres::Client, kind: &str, subject: &Value) {
    let sql = "INSERT INTO auth.revocation (kind, subject) VALUES ($1, $2::text::jsonb)";
    let _ = database.execute(sql, &[&kind, &subject.to_string()]).await.unwrap();
}

/// A manager who becomes a viewer: the socket stays, but shows and does no more than a viewer's.
async fn of_who_may_see_less(place: &Place) {
    let owner = Somebody::owner(place).await;
    let demoted = Somebody::of(place, &owner.workspace, Role::Manager).await;
    let Open { mut socket, mut events, mut watch } = demoted.open(place).await;
    let model = priced(place).await;
    wallet_moves(place, &owner.workspace, &model).await;
    assert_ne!(told_wallet(&mut socket).await, Value::Null, "a manager sees the wallet");
    assert_eq!(refused(&mut socket).await, "NOT_FOUND", "a manager may take over what is there");
    let _ = member(place, &demoted.email, Some((&owner.workspace, Role::Viewer))).await;
    // The streams end; whoever comes back sees what is left.
    let ended = streams_end(&mut events, &mut watch).await;
    assert_eq!(ended, ["UNAVAILABLE", "UNAVAILABLE"]);
    within_two_seconds("what a viewer may not do", async || refused(&mut socket).await == "PERMISSION_DENIED").await;
    within_two_seconds("what a viewer may not see", async || {
        wallet_moves(place, &owner.workspace, &model).await;
        told_wallet(&mut socket).await.is_null()
    })
    .await;
    let api = place.rest(Surface::Api).bearer(&demoted.access);
    let mut again = api.stream(Method::GET, "/api/v1/events?after=0", None).await;
    assert!(again.until("wallet.changed").await.json()["data"].is_null(), "a viewer sees that it changed");
}

/// What the next event of the wallet tells.
async fn told_wallet(socket: &mut Socket) -> Value {
    socket.until("the wallet", |frame| frame["kind"] == "wallet.changed").await["data"].take()
}

/// Why a dialogue that is not there cannot be taken over.
async fn refused(socket: &mut Socket) -> String {
    let call = json!({"t": "call", "id": "1", "rpc": "chats.v1.ConversationService/TakeOver",
        "body": {"id": Uuid::now_v7().to_string()}});
    socket.send(&call).await;
    let frame = socket.until("an answer", |frame| frame["t"] == "error").await;
    frame["reason"].as_str().unwrap().to_owned()
}

/// A model with a price.
async fn priced(place: &Place) -> String {
    let staff = place.login(&staff(place, PlatformRole::Superadmin).await, Audience::Admin).await.access_token;
    let admin: Rest<_> = place.rest(Surface::Admin).bearer(&staff);
    let model = Uuid::now_v7().to_string();
    let price = json!({"price": {"model": model, "inputMicroPix": "1000000", "markupBp": 0}});
    let _ = admin.post("/api/v1/admin/prices", price).await.ok();
    model
}

/// Takes something and gives it back, as chats does for a turn that fails.
async fn wallet_moves(place: &Place, workspace: &str, model: &str) {
    let turn = Uuid::now_v7().to_string();
    let mut billing = BillingServiceClient::new(place.as_process("svc-chats").background("svc-billing"));
    let hold = HoldRequest {
        workspace_id: workspace.to_owned(),
        turn_id: turn.clone(),
        assistant_id: Uuid::now_v7().to_string(),
        models: vec![model.to_owned()],
        input_tokens_max: 1_000,
        output_tokens_max: 0,
    };
    // The wallet opens a moment after its workspace.
    neipix_tests::poll::eventually_within(NEVER, "a hold", async || billing.hold(hold.clone()).await.ok()).await;
    let release = ReleaseRequest { workspace_id: workspace.to_owned(), turn_id: turn, reason: "failed".to_owned() };
    let _ = billing.release(release).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r_3_what_is_open_closes_or_shows_less_when_its_rights_end() {
    trust!("R-3");
    let place = Place::one_process_with(&[]).await;
    open_doors_close(&place).await;
    place.stop().await;
}
