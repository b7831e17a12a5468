//! Who calls, and whether they may.

use std::sync::Arc;

use http::{Extensions, HeaderMap, header::AUTHORIZATION};
use neipix_proto::{Method, Who, access::v1::ErrorReason};
use tonic::transport::{
    CertificateDer,
    server::{TcpConnectInfo, TlsConnectInfo},
};
use x509_parser::extensions::GeneralName;

use super::{
    revocations::Revocations,
    roles::{self, Permissions},
    token::{Claims, Subject, Verifier},
};
use crate::{
    client::InProcess,
    context::{CallContext, Caller},
    failure::Failure,
    ids::{AssistantId, WorkspaceId},
};

/// Where the layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In front of a service: everything is checked and the call's context is opened.
    Service,
    /// In front of what the edge passes on: who, surface and permission only; internal rpcs do not exist.
    Edge,
}

/// Checks callers. Built once per process.
#[derive(Clone)]
pub struct Guard {
    own: Arc<str>,
    verifier: Verifier,
    revocations: Revocations,
    mode: Mode,
}

/// Somebody who may call an rpc.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The rpc.
    pub method: &'static Method,
    /// Who calls.
    pub caller: Caller,
    /// The token's workspace. An internal call's comes from its request.
    pub workspace: WorkspaceId,
    /// The only assistant the caller may touch.
    pub assistant: Option<AssistantId>,
    /// The effective rights.
    pub permissions: Permissions,
}

impl Guard {
    /// The guard of a service; `own` is its name, such as `svc-billing`.
    #[must_use]
    pub fn new(own: &str, verifier: Verifier, revocations: Revocations) -> Self {
        Self { own: Arc::from(own), verifier, revocations, mode: Mode::Service }
    }

    /// The same for the edge.
    #[must_use]
    pub fn for_edge(verifier: Verifier, revocations: Revocations) -> Self {
        Self { own: Arc::from("edge"), verifier, revocations, mode: Mode::Edge }
    }

    /// Where it stands.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// This process's name.
    #[must_use]
    pub fn own(&self) -> &str {
        &self.own
    }

    /// What ended before its time.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Who verifies tokens.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Whether the caller may call the rpc.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`, `SESSION_REVOKED`, `PERMISSION_DENIED`; `UNAVAILABLE` where revocations were not
    /// heard; at the edge `METHOD_NOT_ALLOWED` (code UNIMPLEMENTED) for an internal rpc.
    pub async fn admit(
        &self,
        method: &'static Method,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Admitted, Failure> {
        let mut admitted = Admitted {
            method,
            caller: Caller::Anonymous,
            workspace: WorkspaceId::PLATFORM,
            assistant: None,
            permissions: Permissions::none(),
        };
        match &method.who {
            Who::Public => Ok(admitted),
            Who::Internal(_) if self.mode == Mode::Edge => Err(no_such_rpc()),
            Who::Internal(callers) => {
                admitted.caller = Caller::Service(internal_caller(callers, mesh_name(extensions))?);
                Ok(admitted)
            }
            Who::SignedIn | Who::Permission(_) => self.admit_token(method, bearer(headers)?).await,
        }
    }

    /// The same with the bare access token, for callers without headers, such as sockets at each of their frames.
    ///
    /// # Errors
    /// As `admit`.
    pub async fn admit_token(&self, method: &'static Method, token: &str) -> Result<Admitted, Failure> {
        let claims = self.verifier.verify(token).await?;
        if !claims.surface().is_some_and(|surface| method.surfaces.contains(&surface)) {
            return Err(Failure::new(
                ErrorReason::TokenInvalid,
                format!("an access token of audience `{}` is not good here", claims.aud),
            ));
        }
        let permissions = self.rights(&claims)?;
        needs(method, permissions)?;
        Ok(Admitted {
            method,
            workspace: claims.ws.map_or(WorkspaceId::PLATFORM, WorkspaceId),
            assistant: claims.ast.map(AssistantId),
            permissions,
            caller: match claims.subject() {
                Some(Subject::User(_)) => Caller::Member(claims),
                Some(Subject::Key(_)) => Caller::Key(claims),
                Some(Subject::Visitor(_)) => Caller::Visitor(claims),
                None => return Err(Failure::new(ErrorReason::TokenInvalid, "the access token names nobody")),
            },
        })
    }

    /// Whether an open stream may go on: nothing was lost of the rights that it was opened with. What was gained comes with
    /// the next call.
    ///
    /// # Errors
    /// `SESSION_REVOKED`; `PERMISSION_DENIED` where the rpc's own permission is gone; `UNAVAILABLE` where another is: opened
    /// again, the stream shows what may still be seen.
    pub fn still_admits(&self, context: &CallContext) -> Result<(), Failure> {
        let Some(claims) = context.caller.claims() else { return Ok(()) };
        let rights = match self.rights(claims) {
            Ok(rights) => rights,
            // Nothing was heard, so nothing was heard of an end.
            Err(failure) if failure.is(ErrorReason::Unavailable) => return Ok(()),
            Err(failure) => return Err(failure),
        };
        needs(context.method, rights)?;
        if rights.and(context.permissions) != context.permissions {
            return Err(Failure::unavailable("the caller's rights have changed; go on with the last number"));
        }
        Ok(())
    }

    /// The effective rights of a verified token.
    ///
    /// # Errors
    /// `SESSION_REVOKED` where session, key, membership or workspace ended; `UNAVAILABLE` for a person while no revocations
    /// are heard.
    pub fn rights(&self, claims: &Claims) -> Result<Permissions, Failure> {
        let subject = claims.subject();
        let person = matches!(subject, Some(Subject::User(_)));
        if person && !self.revocations.is_fresh() {
            return Err(Failure::unavailable("log-ins cannot be checked now; try again"));
        }
        let ended = match subject {
            Some(Subject::Key(id)) => {
                self.revocations.is_key_revoked(&id.to_string()) || self.revocations.is_key_revoked(&claims.sid)
            }
            _ => false,
        };
        if ended
            || self.revocations.is_revoked(&claims.sid)
            || claims.ws.is_some_and(|ws| self.revocations.is_blocked(ws))
        {
            return Err(revoked());
        }
        if claims.aud == "admin" {
            return Ok(claims.prole.as_deref().map(roles::permissions_of_platform_role).unwrap_or_default());
        }
        let role = self.role(claims)?;
        let of_role = role.as_deref().map(roles::permissions_of_role).unwrap_or_default();
        let scopes = |most: Permissions| Permissions::of(&claims.scp).and(most);
        Ok(match subject {
            Some(Subject::User(_)) => of_role,
            Some(Subject::Key(_)) => scopes(roles::permissions_of_keys()).and(of_role),
            Some(Subject::Visitor(_)) => scopes(roles::permissions_of_visitors()),
            None => Permissions::none(),
        })
    }

    /// The member's role: the token's, or a newer one that was heard.
    fn role(&self, claims: &Claims) -> Result<Option<String>, Failure> {
        let heard = match (claims.ws, claims.member()) {
            (Some(ws), Some(member)) => self.revocations.membership(ws, member),
            _ => None,
        };
        match heard.filter(|heard| heard.version > claims.mv) {
            Some(heard) if heard.role.is_empty() => Err(revoked()),
            Some(heard) => Ok(Some(heard.role)),
            None => Ok(claims.role.clone()),
        }
    }
}

fn needs(method: &Method, rights: Permissions) -> Result<(), Failure> {
    match &method.who {
        Who::Permission(needed) if !rights.has(needed) => {
            Err(Failure::new(ErrorReason::PermissionDenied, format!("this needs the permission {needed}")))
        }
        _ => Ok(()),
    }
}

fn revoked() -> Failure {
    Failure::new(ErrorReason::SessionRevoked, "the session, key or membership has ended; sign in again")
}

/// What is not there, and what must look as if it were not.
pub(super) fn no_such_rpc() -> Failure {
    Failure::new(ErrorReason::MethodNotAllowed, "there is no such rpc here")
}

fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (all.next(), all.next());
    let token = first.filter(|_| second.is_none()).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    });
    token.filter(|t| !t.is_empty()).ok_or_else(|| {
        Failure::new(
            ErrorReason::TokenInvalid,
            "sign in: exactly one header `authorization: Bearer <access token>` is needed",
        )
    })
}

/// The process of the mesh that calls: its mark in process, its certificate on a socket.
pub(super) fn mesh_name(extensions: &Extensions) -> Option<String> {
    if let Some(mark) = extensions.get::<InProcess>() {
        return Some(mark.caller.to_string());
    }
    let chain = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?.peer_certs()?;
    service_of(chain.first()?)
}

fn internal_caller(callers: &[String], name: Option<String>) -> Result<String, Failure> {
    let refused = |detail| Failure::new(ErrorReason::PermissionDenied, detail);
    let name = name.ok_or_else(|| refused("only processes of the mesh may call this"))?;
    // `all` means the services and the edge; tools such as the cli only where they are named.
    let everybody = callers.iter().any(|c| c == "all") && (name == "edge" || name.starts_with("svc-"));
    if everybody || callers.contains(&name) {
        return Ok(name);
    }
    Err(refused("this process of the mesh may not call this"))
}

/// The service that a certificate names: its one SAN `spiffe://neipix/<service>`.
fn service_of(certificate: &CertificateDer<'static>) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut ids = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    // More than one identity would let its holder choose.
    let (id, None) = (ids.next()?, ids.next()) else { return None };
    let name = id.strip_prefix("spiffe://neipix/")?;
    let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    good.then(|| name.to_owned())
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
