//! Login, Refresh, Logout, GetMe, SwitchWorkspace, CreateSocketTicket, RedeemSocketTicket, GetJwks.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use neipix_mesh::{
    Call, CallContext, Failure, SessionId, UserId, WorkspaceId,
    access::{
        roles,
        token::{Claims, PublicKey},
    },
    db::Tx,
    outbox,
};
use neipix_proto::{
    access::v1::{ErrorReason as MeshReason, Surface},
    auth::v1::{
        AccessToken, CreateSocketTicketRequest, ErrorReason, GetJwksRequest, GetMeRequest, Jwks, LoginRequest,
        LogoutRequest, LogoutResponse, Me, PlatformRole, RedeemSocketTicketRequest, RefreshRequest, Role,
        SessionRevoked, SessionTokens, SocketTicket, SwitchWorkspaceRequest, Workspace, WorkspaceMembership,
        revocation::What,
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{
    ACCESS_LIFE, Gate, REMEMBERED, TICKET_LIFE, failure_key,
    store::{self, MembershipRow, Opened, Ticket},
};
use crate::{
    Auth, accounts,
    accounts::email_key,
    api_keys, letters,
    refresh::{self, Verdict},
    revocations, signing,
};

/// Signs in. Known and unknown addresses take the same way and the same time.
///
/// # Errors
/// CREDENTIALS_INVALID, SURFACE_FORBIDDEN, BLOCKED, RATE_LIMITED.
pub async fn login(auth: &Auth, call: Call<LoginRequest>) -> Result<SessionTokens, Failure> {
    let place = auth.passwords.enter()?;
    let key = email_key(&call.email);
    let device = refresh::hash(&call.refresh_token);
    let (account, failures, gate) = auth
        .db
        .platform("auth.login_read", async |tx: &mut Tx| {
            let account = store::account(tx, &key).await?;
            let device = store::device(tx, &device, account.as_ref().map(|a| a.id)).await?;
            let failures = failure_key(&key, device);
            let gate = store::pass_gate(tx, &failures).await?;
            Ok::<_, Failure>((account, failures, gate))
        })
        .await?;
    if let Gate::Wait(left) = gate {
        let detail = "too many wrong passwords for this address; wait and try again";
        let seconds = u64::try_from(left.num_milliseconds()).unwrap_or(0).div_ceil(1_000);
        return Err(Failure::new(MeshReason::RateLimited, detail)
            .with_retry_after(std::time::Duration::from_secs(seconds.max(1))));
    }
    let stored = account.as_ref().map(|a| a.password_hash.clone());
    let right = auth.passwords.verify(place, call.password.clone(), stored).await?;
    let Some(account) = account.filter(|_| right) else {
        if gate == Gate::Open {
            let counted = async |tx: &mut Tx| store::count_failure(tx, &failures, false).await;
            auth.db.platform("auth.login_failed", counted).await?;
        }
        return Err(Failure::new(ErrorReason::CredentialsInvalid, "e-mail or password is wrong"));
    };
    if account.blocked {
        return Err(Failure::new(ErrorReason::Blocked, "this account is blocked: write to support"));
    }
    let surface = match call.surface() {
        Surface::Admin if account.platform_role.is_empty() => {
            return Err(Failure::new(ErrorReason::SurfaceForbidden, "this account has no access to the staff's panel"));
        }
        Surface::Admin => "admin",
        Surface::Api => "api",
        _ => "app",
    };
    let workspace = if surface == "admin" { None } else { store::first_workspace(&auth.db, account.id).await? };
    let random: [u8; 32] = rand::random();
    let opened = auth
        .db
        .platform("auth.login", async |tx: &mut Tx| {
            store::count_failure(tx, &failures, true).await?;
            store::open(tx, auth, account.id, workspace, surface, call.remember_me, random).await
        })
        .await?;
    tokens(auth, &opened).await
}

/// Exchanges a refresh token.
///
/// # Errors
/// REFRESH_INVALID, REFRESH_REUSED (the session is over), BLOCKED.
pub async fn refresh(auth: &Auth, call: Call<RefreshRequest>) -> Result<SessionTokens, Failure> {
    enum Outcome {
        Fresh(Opened),
        Invalid,
        Reused(What),
    }
    let token = &call.refresh_token;
    let hash = refresh::hash(token);
    let outcome = auth
        .db
        .platform("auth.refresh", async |tx: &mut Tx| {
            let Some(row) = store::lock_token(tx, &hash).await? else { return Ok(Outcome::Invalid) };
            let (stored, now) = row.stored();
            let next = match refresh::decide(&stored, now) {
                Verdict::Invalid => return Ok(Outcome::Invalid),
                Verdict::Reused => {
                    if store::revoke(tx, row.family_id, row.user_id, "refresh_reused").await? {
                        let (object, detail) = (
                            format!("session:{}", row.family_id),
                            json!({"why": "refresh_reused", "user": row.user_id}),
                        );
                        outbox::audit(tx, &call.context, &object, detail).await?;
                        letters::enqueue_reused(tx, row.family_id).await?;
                    }
                    let revoked = SessionRevoked { session_id: row.family_id.to_string() };
                    return Ok(Outcome::Reused(What::SessionRevoked(revoked)));
                }
                Verdict::Same(kid) => {
                    let Some(key) = auth.refresh_keys.get(&kid) else { return Ok(Outcome::Invalid) };
                    refresh::successor(&kid, key.expose(), token)
                }
                Verdict::Rotate => {
                    let (kid, key) = auth.refresh_keys.first();
                    let next = refresh::successor(kid, key.expose(), token);
                    store::rotate(tx, &row, &hash, &next, kid).await?;
                    next
                }
            };
            Ok::<_, Failure>(Outcome::Fresh(Opened {
                session: row.family_id,
                user: row.user_id,
                workspace: row.workspace_id,
                surface: row.surface,
                remember: row.remember,
                refresh_token: next,
            }))
        })
        .await?;
    match outcome {
        Outcome::Fresh(opened) => match tokens(auth, &opened).await {
            Err(blocked) if blocked.is(ErrorReason::Blocked) => {
                end(auth, opened.session, opened.user, "blocked").await?;
                Err(blocked)
            }
            answer => answer,
        },
        Outcome::Invalid => {
            Err(Failure::new(ErrorReason::RefreshInvalid, "the refresh token is unknown or has expired: sign in again"))
        }
        Outcome::Reused(what) => {
            revocations::tell(&auth.bell, &auth.redis, what).await;
            Err(Failure::new(
                ErrorReason::RefreshReused,
                "an old refresh token came back, so somebody may have a copy: the session is over, sign in again",
            ))
        }
    }
}

/// Ends the session of a refresh token; an unknown one is answered the same way.
///
/// # Errors
/// Storage.
pub async fn logout(auth: &Auth, call: Call<LogoutRequest>) -> Result<LogoutResponse, Failure> {
    let hash = refresh::hash(&call.refresh_token);
    let found = auth.db.platform("auth.logout", async |tx: &mut Tx| store::lock_token(tx, &hash).await).await?;
    if let Some(row) = found {
        end(auth, row.family_id, row.user_id, "logout").await?;
    }
    Ok(LogoutResponse::default())
}

/// Ends a session and tells every process; again changes nothing.
async fn end(auth: &Auth, session: SessionId, user: UserId, why: &'static str) -> Result<(), Failure> {
    let revoke = async |tx: &mut Tx| store::revoke(tx, session, user, why).await;
    if auth.db.platform("auth.end_session", revoke).await? {
        let what = What::SessionRevoked(SessionRevoked { session_id: session.to_string() });
        revocations::tell(&auth.bell, &auth.redis, what).await;
    }
    Ok(())
}

/// Tokens of a session, with who signed in and where.
///
/// # Errors
/// Storage; BLOCKED for a blocked person or workspace.
pub async fn tokens(auth: &Auth, opened: &Opened) -> Result<SessionTokens, Failure> {
    let (claims, me) = claims(auth, opened).await?;
    Ok(SessionTokens {
        access_token: auth.signing.sign(&claims).await?,
        expires_in_seconds: i32::try_from(ACCESS_LIFE.num_seconds()).unwrap_or(600),
        refresh_token: opened.refresh_token.clone(),
        refresh_max_age_seconds: if opened.remember { i32::try_from(REMEMBERED.num_seconds()).unwrap_or(0) } else { 0 },
        me: Some(me),
    })
}

/// The claims of a session as it stands now.
async fn claims(auth: &Auth, opened: &Opened) -> Result<(Claims, Me), Failure> {
    let user = opened.user;
    let (person, memberships, platform_role) = auth
        .db
        .as_member(WorkspaceId::PLATFORM, user.0, "auth.claims", async |tx: &mut Tx| {
            let person = accounts::store::by_ids(tx, &[user.0]).await?.pop().ok_or_else(Failure::not_found)?;
            let role = if opened.surface == "admin" { store::platform_role(tx, user).await? } else { String::new() };
            Ok::<_, Failure>((person, store::memberships(tx, user).await?, role))
        })
        .await?;
    if person.blocked {
        return Err(Failure::new(ErrorReason::Blocked, "this account is blocked: write to support"));
    }
    let current = if opened.surface == "admin" { None } else { store::current(&memberships, opened.workspace)? };
    let now = Utc::now();
    let claims = Claims {
        iss: auth.issuer.clone(),
        aud: opened.surface.clone(),
        sub: format!("user:{user}"),
        sid: opened.session.to_string(),
        ws: current.map(|m| m.workspace_id.0),
        role: current.map(|m| m.role.clone()),
        prole: (!platform_role.is_empty()).then(|| platform_role.clone()),
        mv: current.map_or(0, |m| m.mv),
        scp: vec![],
        ast: None,
        act: None,
        mkr: None,
        iat: now.timestamp(),
        exp: (now + ACCESS_LIFE).timestamp(),
        jti: Uuid::now_v7().to_string(),
    };
    let me = me(accounts::rpc::user(person), current, &memberships, &platform_role);
    Ok((claims, me))
}

fn me(
    user: neipix_proto::auth::v1::User,
    current: Option<&MembershipRow>,
    all: &[MembershipRow],
    platform_role: &str,
) -> Me {
    let permissions = match current {
        Some(m) => roles::permissions_of_role(&m.role),
        None => roles::permissions_of_platform_role(platform_role),
    };
    let mut permissions: Vec<String> = permissions.names().into_iter().map(str::to_owned).collect();
    permissions.sort();
    let workspace = |m: &MembershipRow| Workspace { id: m.workspace_id.to_string(), name: m.name.clone() };
    Me {
        user: Some(user),
        workspace: current.map(workspace),
        role: current.map_or(Role::Unspecified, |m| role_named(&m.role)).into(),
        permissions,
        platform_role: platform_role_named(platform_role).into(),
        workspaces: all
            .iter()
            .map(|m| WorkspaceMembership { workspace: Some(workspace(m)), role: role_named(&m.role).into() })
            .collect(),
    }
}

fn role_named(name: &str) -> Role {
    Role::from_str_name(&format!("ROLE_{}", name.to_uppercase())).unwrap_or(Role::Unspecified)
}

fn platform_role_named(name: &str) -> PlatformRole {
    PlatformRole::from_str_name(&format!("PLATFORM_ROLE_{}", name.to_uppercase())).unwrap_or(PlatformRole::Unspecified)
}

/// For rpcs of signed-in people: whoever is blocked has no session any more.
fn as_revoked(failure: Failure) -> Failure {
    if failure.is(ErrorReason::Blocked) {
        return Failure::new(MeshReason::SessionRevoked, "the account or workspace is blocked: write to support");
    }
    failure
}

/// Who a call is of; keys stand under their maker.
fn caller(context: &CallContext) -> Result<UserId, Failure> {
    context.member_id().ok_or_else(|| Failure::new(MeshReason::PermissionDenied, "only a person may do this"))
}

fn session_of(context: &CallContext, user: UserId) -> Result<Opened, Failure> {
    let claims = context.caller.claims().ok_or_else(Failure::not_found)?;
    Ok(Opened {
        session: claims.sid.parse().map_err(Failure::internal)?,
        user,
        workspace: claims.ws.map(WorkspaceId),
        surface: claims.aud.clone(),
        remember: false,
        refresh_token: String::new(),
    })
}

/// The signed-in person, the current workspace and what may be done in it now.
///
/// # Errors
/// Storage.
pub async fn get_me(auth: &Auth, call: Call<GetMeRequest>) -> Result<Me, Failure> {
    let opened = session_of(&call.context, caller(&call.context)?)?;
    let (_, mut me) = claims(auth, &opened).await.map_err(as_revoked)?;
    let mut permissions: Vec<String> = call.context.permissions.names().into_iter().map(str::to_owned).collect();
    permissions.sort();
    me.permissions = permissions;
    Ok(me)
}

/// Makes another workspace the current one.
///
/// # Errors
/// NOT_FOUND where the caller is not in it.
pub async fn switch(auth: &Auth, call: Call<SwitchWorkspaceRequest>) -> Result<AccessToken, Failure> {
    let user = caller(&call.context)?;
    if call.context.key_id().is_some() {
        return Err(Failure::new(MeshReason::PermissionDenied, "a key belongs to one workspace"));
    }
    let ws: WorkspaceId = call.workspace_id.parse().map_err(|_| Failure::invalid("workspace_id", "must be a UUID"))?;
    let mut opened = session_of(&call.context, user)?;
    let session = opened.session;
    auth.db
        .as_member(WorkspaceId::PLATFORM, user.0, "auth.switch", async |tx: &mut Tx| {
            let all = store::memberships(tx, user).await?;
            let wanted = all.iter().find(|m| m.workspace_id == ws).ok_or_else(Failure::not_found)?;
            if wanted.blocked {
                return Err(Failure::new(MeshReason::PermissionDenied, "that workspace is blocked: write to support"));
            }
            store::switch(tx, session, ws).await
        })
        .await?;
    opened.workspace = Some(ws);
    let (claims, _) = claims(auth, &opened).await.map_err(as_revoked)?;
    access(auth, &claims).await
}

/// A token for claims, with the life that is left in them.
///
/// # Errors
/// UNAVAILABLE before the first signing key.
pub async fn access(auth: &Auth, claims: &Claims) -> Result<AccessToken, Failure> {
    Ok(AccessToken {
        access_token: auth.signing.sign(claims).await?,
        expires_in_seconds: i32::try_from(claims.exp - claims.iat).unwrap_or(0),
    })
}

/// A ticket for one socket, bound to the caller's session and workspace.
///
/// # Errors
/// Storage.
pub async fn create_ticket(auth: &Auth, call: Call<CreateSocketTicketRequest>) -> Result<SocketTicket, Failure> {
    let claims = call.context.caller.claims().ok_or_else(Failure::not_found)?;
    let session: Uuid = claims.sid.parse().map_err(Failure::internal)?;
    let of = Ticket {
        sub: claims.sub.clone(),
        sid: claims.sid.clone(),
        ws: claims.ws.map(WorkspaceId),
        aud: claims.aud.clone(),
    };
    let random: [u8; 32] = rand::random();
    let ticket = URL_SAFE_NO_PAD.encode(random);
    let hash = refresh::hash(&ticket);
    auth.db.platform("auth.ticket", async |tx: &mut Tx| store::insert_ticket(tx, &hash, session, &of).await).await?;
    Ok(SocketTicket { ticket, expires_in_seconds: i32::try_from(TICKET_LIFE.num_seconds()).unwrap_or(30) })
}

/// Spends a ticket for an access token of its session, with the rights of this moment.
///
/// # Errors
/// TICKET_INVALID, also where session, key or membership have ended since.
pub async fn redeem_ticket(auth: &Auth, call: Call<RedeemSocketTicketRequest>) -> Result<AccessToken, Failure> {
    let invalid = || Failure::new(ErrorReason::TicketInvalid, "the ticket was spent, has expired or never was");
    let hash = refresh::hash(&call.ticket);
    let spent = auth.db.platform("auth.redeem", async |tx: &mut Tx| store::spend_ticket(tx, &hash).await).await?;
    let ticket = spent.ok_or_else(invalid)?;
    let claims = match (ticket.sub.split_once(':'), ticket.ws) {
        (Some(("user", user)), _) => {
            let opened = Opened {
                session: ticket.sid.parse().map_err(Failure::internal)?,
                user: user.parse().map_err(Failure::internal)?,
                workspace: ticket.ws,
                surface: ticket.aud,
                remember: false,
                refresh_token: String::new(),
            };
            let live = async |tx: &mut Tx| store::live(tx, opened.session).await;
            if !auth.db.platform("auth.redeem_session", live).await? {
                return Err(invalid());
            }
            let found = claims(auth, &opened).await;
            found.map_err(|f| if f.is(ErrorReason::Blocked) { invalid() } else { f })?.0
        }
        (Some(("key", key)), Some(ws)) => {
            let key = key.parse().map_err(Failure::internal)?;
            api_keys::rpc::claims(auth, ws, key).await?.ok_or_else(invalid)?
        }
        _ => return Err(invalid()),
    };
    // A membership that ended since must not lead into another workspace.
    if claims.ws != ticket.ws.map(|ws| ws.0) {
        return Err(invalid());
    }
    access(auth, &claims).await
}

/// The public keys, the signing one first.
///
/// # Errors
/// Storage.
pub async fn jwks(auth: &Auth, _call: Call<GetJwksRequest>) -> Result<Jwks, Failure> {
    let mut keys = signing::store::all(&auth.db).await?;
    if keys.is_empty() {
        auth.signing.refresh().await?;
        keys = signing::store::all(&auth.db).await?;
    }
    let states: Vec<_> = keys.iter().map(|k| k.state.clone()).collect();
    let first = signing::signing(&states, Utc::now()).map(|k| k.kid.clone());
    keys.sort_by_key(|k| Some(&k.state.kid) != first.as_ref());
    let keys = keys.into_iter().map(|k| PublicKey { kid: k.state.kid, key: k.public }.to_jwk());
    Ok(Jwks { keys: keys.collect() })
}
