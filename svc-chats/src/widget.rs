//! The web widget: keys, the sites that may embed it, its visitors and what they may do.
//!
//! A visitor is a browser on one site; who the person is, the contact says. An anonymous visitor's token is their only proof:
//! it opens their own dialogue and nothing else. A site's server may vouch for a visitor with a signed identity.

pub mod identity;
pub mod limits;
pub mod origins;
pub mod pages;
pub mod proof;
pub mod read;
pub mod say;
pub mod store;
pub mod token;
pub mod visit;
pub mod watch;

use neipix_mesh::{CallContext, Caller, Failure};
use neipix_proto::{access::v1::ErrorReason as MeshReason, chats::v1::ErrorReason};
use uuid::Uuid;

use self::{origins::Origins, pages::Page, store::VisitorRow};
use crate::Chats;

/// The context of an identity secret's seal.
#[must_use]
pub fn secret_context(page: &Page, kid: &str) -> String {
    neipix_mesh::seal::context("widget_secret.sealed", page.workspace, format!("{}:{kid}", page.channel))
}

/// Refuses a page that may not use the widget.
#[must_use]
pub fn forbidden(detail: &'static str) -> Failure {
    Failure::new(ErrorReason::OriginForbidden, detail)
}

/// The site that a call comes from: the page itself, or the one around our frame.
///
/// # Errors
/// ORIGIN_FORBIDDEN.
pub fn site_of(chats: &Chats, page: &Page, context: &CallContext, around: &str) -> Result<String, Failure> {
    let from = context.origin.as_deref().ok_or_else(|| {
        forbidden("the request does not say which page it comes from: only browsers' pages may use the widget")
    })?;
    let site = if from == &*chats.widget_origin {
        around
    } else if around.is_empty() || around == from {
        from
    } else {
        return Err(forbidden("site_origin is not the page that the browser names"));
    };
    if Origins::allow(&page.origins, site) {
        return Ok(site.to_owned());
    }
    Err(forbidden("this site is not among the widget's sites: add it in the channel's settings"))
}

/// A visitor who calls.
#[derive(Debug)]
pub struct Visiting {
    /// The widget.
    pub page: std::sync::Arc<Page>,
    /// The visitor.
    pub visitor: VisitorRow,
}

/// The same for calls that say something: browsers name the page in each of them, and whoever does not is no browser.
///
/// # Errors
/// As `visiting`; ORIGIN_FORBIDDEN where no page is named.
pub async fn speaking(chats: &Chats, context: &CallContext, key: &str) -> Result<Visiting, Failure> {
    if context.origin.is_none() {
        return Err(forbidden("the request does not say which page it comes from"));
    }
    visiting(chats, context, key).await
}

/// The visitor of an access token, if the token is of this widget and the page may use it. What a browser sends to its own
/// origin by GET names no page: the token is bound to one.
///
/// # Errors
/// NOT_FOUND, SESSION_REVOKED, ORIGIN_FORBIDDEN.
pub async fn visiting(chats: &Chats, context: &CallContext, key: &str) -> Result<Visiting, Failure> {
    let Caller::Visitor(claims) = &context.caller else { return Err(Failure::not_found()) };
    let id: Uuid = claims.sid.parse().map_err(|_| Failure::not_found())?;
    let page = chats.widget_pages.get(chats, key).await?;
    // A token of another widget opens nothing here.
    if page.workspace != context.workspace {
        return Err(Failure::not_found());
    }
    let ws = page.workspace;
    let find = async |tx: &mut neipix_mesh::db::Tx| store::visitor(tx, ws, id).await;
    let visitor = chats.db.in_workspace_id(ws, "chats.visitor", find).await?;
    let visitor = visitor.filter(|v| v.channel_id == page.channel).ok_or_else(Failure::not_found)?;
    if visitor.revoked {
        return Err(revoked());
    }
    if let Some(from) = context.origin.as_deref()
        && from != &*chats.widget_origin
        && from != visitor.origin
    {
        return Err(forbidden("the visitor's token is of another site"));
    }
    if !Origins::allow(&page.origins, &visitor.origin) {
        return Err(forbidden("this site is not among the widget's sites any more"));
    }
    Ok(Visiting { page, visitor })
}

/// The visitor was reset.
#[must_use]
pub fn revoked() -> Failure {
    Failure::new(MeshReason::SessionRevoked, "the visitor was reset; begin anew")
}
