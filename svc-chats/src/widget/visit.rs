//! Who a visitor is: begin, go on, become a known person, be forgotten.

use chrono::Utc;
use neipix_mesh::{
    Call, CallContext, ContactId, Failure, WorkspaceId, db::Tx, failure::read_status, outbox, secret::Secret,
};
use neipix_proto::{
    auth::v1::{
        AccessToken, ErrorReason as AuthReason, IssueVisitorTokenRequest, auth_service_client::AuthServiceClient,
    },
    chats::v1::{ErrorReason, ResetVisitorRequest, ResetVisitorResponse, StartVisitorRequest, VisitorSession},
};
use uuid::Uuid;

use super::{
    identity::{self, Identity, Key},
    limits::Comer,
    pages::Page,
    secret_context, site_of,
    store::{
        self, Former, TokenRow,
        dialogue::{self, Of},
        merge::{self, Known},
    },
    token::{self, Exchange},
};
use crate::{Chats, outbox::Events, turn::store::tell};

/// What came of an exchange.
struct Started {
    visitor: Uuid,
    token: String,
    identified: bool,
    conversation: String,
    replaced: bool,
}

fn dead() -> Failure {
    Failure::new(
        ErrorReason::VisitorTokenInvalid,
        "the visitor's token is unknown, was reset, is of another site or was not used for 30 days: begin anew without it",
    )
}

/// Begins, or goes on.
///
/// # Errors
/// ORIGIN_FORBIDDEN, IDENTITY_INVALID, IDENTITY_REQUIRED, VISITOR_TOKEN_INVALID, PROOF_REQUIRED, RATE_LIMITED, NOT_FOUND.
pub async fn start(chats: &Chats, call: Call<StartVisitorRequest>) -> Result<VisitorSession, Failure> {
    let page = chats.widget_pages.get(chats, &call.key).await?;
    let site = site_of(chats, &page, &call.context, &call.site_origin)?;
    let who = match call.identity_token.as_str() {
        "" => None,
        token => Some(verify(chats, &page, token).await?),
    };
    let given = (!call.visitor_token.is_empty()).then(|| token::hash(&call.visitor_token));
    if given.is_none() {
        if page.require_identity && who.is_none() {
            return Err(identity_required());
        }
        // Whom the site's server vouches for has passed its limits; still, nobody gets past the hard one.
        let comer = Comer { page: &page, address: call.context.address, proof: call.proof.as_ref() };
        comer.begins(chats).await?;
    }
    let context = in_workspace(&call.context, page.workspace);
    let ws = page.workspace;
    let started = chats
        .db
        .in_workspace_id(ws, "chats.start_visitor", async |tx: &mut Tx| {
            exchange(tx, &context, &page, &site, given, who.as_ref()).await
        })
        .await?;
    let access = issue(chats, &page, started.visitor).await?;
    Ok(VisitorSession {
        visitor_id: started.visitor.to_string(),
        visitor_token: started.token,
        access_token: access.access_token,
        expires_in_seconds: access.expires_in_seconds,
        identified: started.identified,
        conversation_id: started.conversation,
        replaced: started.replaced,
    })
}

fn identity_required() -> Failure {
    Failure::new(
        ErrorReason::IdentityRequired,
        "this widget talks to visitors whom the site's server vouches for: send identity_token",
    )
}

/// What the widget's workspace should hear of a call that came without one.
fn in_workspace(context: &CallContext, workspace: WorkspaceId) -> CallContext {
    CallContext { workspace, ..context.clone() }
}

async fn verify(chats: &Chats, page: &Page, token: &str) -> Result<Identity, Failure> {
    let (ws, channel) = (page.workspace, page.channel);
    let secrets = async |tx: &mut Tx| store::secrets(tx, ws, &[channel]).await;
    let rows = chats.db.in_workspace_id(ws, "chats.widget_secrets", secrets).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        let secret: Secret<String> = chats.sealer.open_text(&secret_context(page, &row.kid), &row.sealed)?;
        keys.push(Key { kid: row.kid, secret });
    }
    identity::verify(token, &keys, &page.key, chats.clock.now().timestamp())
}

/// A visitor in hand.
struct Held {
    id: Uuid,
    /// The token to keep from now on; empty = the one that was given stays good.
    token: String,
    sub: Option<String>,
    replaced: bool,
}

async fn exchange(
    tx: &mut Tx,
    context: &CallContext,
    page: &Page,
    site: &str,
    given: Option<[u8; 32]>,
    who: Option<&Identity>,
) -> Result<Started, Failure> {
    let mut held = match given {
        None => begin(tx, page, site).await?,
        Some(hash) => go_on(tx, page, site, &hash).await?,
    };
    if let Some(who) = who {
        let other = held.sub.as_ref().is_some_and(|sub| *sub != who.sub);
        if other || !become_known(tx, context, page, &mut held, who).await? {
            // Somebody else sits at the device, or two known people would become one: what was before is nobody's now.
            store::revoke(tx, page.workspace, held.id).await?;
            held = Held { replaced: true, ..begin(tx, page, site).await? };
            become_known(tx, context, page, &mut held, who).await?;
        }
    }
    if page.require_identity && held.sub.is_none() {
        return Err(identity_required());
    }
    let of = Of { channel: page.channel, key: &page.key, visitor: held.id };
    let dialogue = dialogue::current(tx, page.workspace, of).await?;
    Ok(Started {
        visitor: held.id,
        token: held.token,
        identified: held.sub.is_some(),
        conversation: dialogue.map(|d| d.id.to_string()).unwrap_or_default(),
        replaced: held.replaced,
    })
}

async fn begin(tx: &mut Tx, page: &Page, site: &str) -> Result<Held, Failure> {
    let (id, token) = (neipix_mesh::uuid_v7(Utc::now()), token::fresh());
    store::insert_visitor(tx, page.workspace, page.channel, id, site, &token::hash(&token)).await?;
    Ok(Held { id, token, sub: None, replaced: false })
}

async fn go_on(tx: &mut Tx, page: &Page, site: &str, hash: &[u8; 32]) -> Result<Held, Failure> {
    let ws = page.workspace;
    let row = store::by_token(tx, ws, page.channel, hash).await?.filter(|row| row.is_of(site)).ok_or_else(dead)?;
    let standing = row.standing();
    let mut fresh = String::new();
    match token::exchange(standing, row.now) {
        Exchange::Dead => return Err(dead()),
        Exchange::Keep => store::seen(tx, ws, row.id, standing.current).await?,
        turn @ (Exchange::Rotate | Exchange::Again) => {
            fresh = token::fresh();
            let former = if turn == Exchange::Again { Former::Stays } else { Former::Replaced };
            store::rotate(tx, ws, row.id, &token::hash(&fresh), former).await?;
        }
    }
    let TokenRow { id, sub, .. } = row;
    Ok(Held { id, token: fresh, sub, replaced: false })
}

/// The visitor is the person that the site's server vouches for. False where their contact is somebody else already: two
/// known people never become one by themselves.
async fn become_known(
    tx: &mut Tx,
    context: &CallContext,
    page: &Page,
    held: &mut Held,
    who: &Identity,
) -> Result<bool, Failure> {
    let (ws, value) = (page.workspace, held.id.to_string());
    let as_person = Known { kind: "user", scope: "", value: &who.sub };
    let as_visitor = Known { kind: "visitor", scope: &page.key, value: &value };
    let person = merge::contact(tx, ws, as_person).await?;
    let before = merge::contact(tx, ws, as_visitor).await?;
    let contact = match (person, before) {
        (Some(person), Some(before)) if person == before => person,
        (_, Some(before)) if merge::is_verified(tx, ws, before).await? => return Ok(false),
        (Some(person), Some(before)) => {
            merge_into(tx, context, held.id, before, person).await?;
            person
        }
        (Some(person), None) => {
            merge::add(tx, ws, person, as_visitor).await?;
            person
        }
        (None, Some(before)) => {
            merge::add(tx, ws, before, as_person).await?;
            before
        }
        (None, None) => {
            let fresh = ContactId::new(Utc::now());
            merge::make(tx, ws, fresh, &who.name, as_person).await?;
            merge::add(tx, ws, fresh, as_visitor).await?;
            fresh
        }
    };
    merge::name(tx, ws, contact, &who.name).await?;
    if held.sub.is_none() {
        merge::vouch(tx, ws, held.id, &who.sub).await?;
        // The page around the frame may know the anonymous token: it must not open what a known person says.
        held.token = token::fresh();
        store::rotate(tx, ws, held.id, &token::hash(&held.token), Former::Ends).await?;
        held.sub = Some(who.sub.clone());
    }
    Ok(true)
}

async fn merge_into(
    tx: &mut Tx,
    context: &CallContext,
    visitor: Uuid,
    from: ContactId,
    into: ContactId,
) -> Result<(), Failure> {
    let (ws, id) = (context.workspace, neipix_mesh::uuid_v7(Utc::now()));
    let moved = merge::merge(tx, ws, visitor, (from, into), id).await?;
    let mut events = Events::default();
    for dialogue in &moved {
        events.conversation("conversation.updated", dialogue.id, dialogue.version);
    }
    tell(tx, ws, &events).await?;
    let detail = serde_json::json!({"merge": id, "from": from, "conversations": moved.len()});
    outbox::audit(tx, context, &format!("contact:{into}"), detail).await?;
    Ok(())
}

async fn issue(chats: &Chats, page: &Page, visitor: Uuid) -> Result<AccessToken, Failure> {
    let request = IssueVisitorTokenRequest {
        workspace_id: page.workspace.to_string(),
        visitor_id: visitor.to_string(),
        assistant_id: page.assistant.to_string(),
    };
    let mut auth = AuthServiceClient::new(chats.mesh.background("svc-auth"));
    auth.issue_visitor_token(request).await.map(tonic::Response::into_inner).map_err(|status| {
        // A blocked company's widget is on no site any more.
        if read_status(&status).is(AuthReason::Blocked) { Failure::not_found() } else { status.into() }
    })
}

/// Forgets a visitor on this device.
///
/// # Errors
/// ORIGIN_FORBIDDEN, NOT_FOUND for the widget.
pub async fn reset(chats: &Chats, call: Call<ResetVisitorRequest>) -> Result<ResetVisitorResponse, Failure> {
    let page = chats.widget_pages.get(chats, &call.key).await?;
    from_some_page(chats, &page, &call.context)?;
    let (ws, hash) = (page.workspace, token::hash(&call.visitor_token));
    chats
        .db
        .in_workspace_id(ws, "chats.reset_visitor", async |tx: &mut Tx| {
            if let Some(row) = store::by_token(tx, ws, page.channel, &hash).await? {
                store::revoke(tx, ws, row.id).await?;
            }
            Ok::<_, Failure>(())
        })
        .await?;
    Ok(ResetVisitorResponse {})
}

/// Whoever has the token may end it, from our frame or from a listed site.
fn from_some_page(chats: &Chats, page: &Page, context: &CallContext) -> Result<(), Failure> {
    if context.origin.as_deref() == Some(&*chats.widget_origin) {
        return Ok(());
    }
    site_of(chats, page, context, "").map(|_| ())
}
