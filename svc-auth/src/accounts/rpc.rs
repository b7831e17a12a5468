//! Register, ResendCode, ConfirmEmail, ProvisionUser, BatchGetUsers, SearchUsers.

use chrono::Utc;
use neipix_mesh::{
    Call, Failure, RegistrationId, UserId, WorkspaceId,
    db::Tx,
    jobs::{self, Job, RunAt},
    outbox::{self, Event},
};
use neipix_proto::auth::{
    events::v1::{MembershipChanged as MembershipChangedEvent, UserRegistered, WorkspaceCreated},
    v1::{
        BatchGetUsersRequest, BatchGetUsersResponse, ConfirmEmailRequest, ErrorReason, MembershipChanged, PlatformRole,
        ProvisionUserRequest, ProvisionUserResponse, RegisterRequest, RegisterResponse, ResendCodeRequest,
        ResendCodeResponse, Role, SearchUsersRequest, SearchUsersResponse, SessionTokens, User, revocation::What,
    },
};
use serde_json::json;

use super::{
    CODE_LIFE, SENDS, TRIES, Waiting, code, code_hmac, confirms, email_key, may_write,
    store::{self, RegistrationRow, UserRow},
};
use crate::{Auth, letters, revocations, sessions};

/// What a code is sealed for.
#[must_use]
pub fn seal_context(id: RegistrationId) -> String {
    format!("registration.sealed_code:{id}")
}

/// Starts an account. Known and unknown addresses take the same way: a hash, a row, a letter.
///
/// # Errors
/// RATE_LIMITED where too many hash at once.
pub async fn register(auth: &Auth, call: Call<RegisterRequest>) -> Result<RegisterResponse, Failure> {
    let password_hash = auth.passwords.hash(auth.passwords.enter()?, call.password.clone()).await?;
    let id = RegistrationId::new(Utc::now());
    let code = code(rand::random());
    auth.db
        .platform("auth.register", async |tx: &mut Tx| {
            let key = email_key(&call.email);
            let known = store::by_email(tx, &key).await?.is_some();
            let (hour, day) = store::letters(tx, &key).await?;
            // Beyond the limit the answer stays the same, but no letter goes and no code works.
            let sends = i32::from(may_write(hour, day));
            let row = RegistrationRow {
                id,
                email: call.email.trim().to_owned(),
                name: call.name.clone(),
                workspace_name: call.workspace_name.clone(),
                locale: if call.locale.is_empty() { "ru".to_owned() } else { call.locale.clone() },
                password_hash: password_hash.clone(),
                code_hmac: code_hmac(auth.code_key(), id.0, &code),
                sealed_code: Some(auth.sealer.seal(&seal_context(id), code.as_bytes())),
                known,
                sends,
                tries: if sends == 0 { TRIES } else { 0 },
                used_at: None,
                expires_at: Utc::now() + CODE_LIFE,
            };
            store::insert_registration(tx, &row).await?;
            if sends == 0 { Ok(()) } else { letter(tx, id, sends).await }
        })
        .await?;
    Ok(RegisterResponse {
        registration_id: id.to_string(),
        code_expires_in_seconds: i32::try_from(CODE_LIFE.num_seconds()).unwrap_or(900),
    })
}

async fn letter(tx: &mut Tx, id: RegistrationId, n: i32) -> Result<(), Failure> {
    let job = Job {
        workspace: WorkspaceId::PLATFORM,
        kind: letters::REGISTRATION,
        key: format!("letter:{id}:{n}"),
        payload: json!({"registration_id": id}),
        run_at: RunAt::Now,
    };
    jobs::enqueue(tx, job).await
}

/// Sends another code; the former one stops working. Unknown registrations are answered the same way.
///
/// # Errors
/// Storage.
pub async fn resend(auth: &Auth, call: Call<ResendCodeRequest>) -> Result<ResendCodeResponse, Failure> {
    let id: RegistrationId =
        call.registration_id.parse().map_err(|_| Failure::invalid("registration_id", "must be a UUID"))?;
    let code = code(rand::random());
    auth.db
        .platform("auth.resend", async |tx: &mut Tx| {
            let Some(row) = store::lock_registration(tx, id).await? else { return Ok(()) };
            let (hour, day) = store::letters(tx, &email_key(&row.email)).await?;
            let spent = row.used_at.is_some() || row.sends == 0 || row.sends >= SENDS;
            if spent || !may_write(hour, day) {
                return Ok(());
            }
            let hmac = code_hmac(auth.code_key(), id.0, &code);
            let sealed = auth.sealer.seal(&seal_context(id), code.as_bytes());
            store::replace_code(tx, id, &hmac, &sealed, Utc::now() + CODE_LIFE).await?;
            letter(tx, id, row.sends + 1).await
        })
        .await?;
    Ok(ResendCodeResponse {})
}

/// Confirms an address: account, workspace, membership and session come to be together.
///
/// # Errors
/// CODE_INVALID.
pub async fn confirm(auth: &Auth, call: Call<ConfirmEmailRequest>) -> Result<SessionTokens, Failure> {
    let id: RegistrationId =
        call.registration_id.parse().map_err(|_| Failure::invalid("registration_id", "must be a UUID"))?;
    let keys = auth.refresh_keys.iter();
    let given: Vec<_> = keys.map(|(_, key)| code_hmac(key.expose(), id.0, &call.code)).collect();
    let (ws, user) = (WorkspaceId::new(Utc::now()), UserId::new(Utc::now()));
    let random: [u8; 32] = rand::random();
    // A wrong code must be counted although the call fails, so the decision leaves the transaction as a value.
    let confirmed = auth
        .db
        .as_member(ws, user.0, "auth.confirm", async |tx: &mut Tx| {
            let Some(row) = store::lock_registration(tx, id).await? else { return Ok(None) };
            let waiting = Waiting {
                code_hmac: row.code_hmac.clone(),
                known: row.known,
                tries: row.tries,
                used: row.used_at.is_some(),
                expires_at: row.expires_at,
            };
            if !confirms(&waiting, &given, Utc::now()) {
                store::count(tx, id, false).await?;
                return Ok(None);
            }
            if !store::insert(tx, user, (&row.email, &row.name, &row.locale), &row.password_hash).await? {
                return Ok(None);
            }
            store::count(tx, id, true).await?;
            let name = if row.workspace_name.is_empty() { &row.name } else { &row.workspace_name };
            told(tx, user, "").await?;
            found(tx, ws, user, name).await?;
            let opened = sessions::store::open(tx, auth, user, Some(ws), "app", false, random).await?;
            Ok::<_, Failure>(Some(opened))
        })
        .await?;
    let opened = confirmed.ok_or_else(|| {
        Failure::new(ErrorReason::CodeInvalid, "the code is wrong, was used, or has expired: ask for a new one")
            .with_field("code", "must be the last code that was sent, within 15 minutes")
    })?;
    sessions::rpc::tokens(auth, &opened).await
}

/// A workspace with its owner, and the event that opens its wallet.
async fn found(tx: &mut Tx, ws: WorkspaceId, owner: UserId, name: &str) -> Result<(), Failure> {
    store::insert_workspace(tx, ws, name).await?;
    store::put_member(tx, ws, owner, "owner").await?;
    let created = WorkspaceCreated { owner_user_id: owner.to_string() };
    outbox::push(tx, Event { workspace: ws, kind: "workspace.created", object_version: 1, payload: &created }).await?;
    Ok(())
}

async fn told(tx: &mut Tx, user: UserId, platform_role: &str) -> Result<(), Failure> {
    let registered = UserRegistered { user_id: user.to_string(), platform_role: platform_role.to_owned() };
    let event =
        Event { workspace: WorkspaceId::PLATFORM, kind: "user.registered", object_version: 1, payload: &registered };
    outbox::push(tx, event).await?;
    Ok(())
}

/// Makes a confirmed account without a letter; an existing address keeps its password.
///
/// # Errors
/// Storage.
pub async fn provision(auth: &Auth, call: Call<ProvisionUserRequest>) -> Result<ProvisionUserResponse, Failure> {
    let password_hash = auth.passwords.hash(auth.passwords.enter()?, call.password.clone()).await?;
    let joined: Option<WorkspaceId> = match call.join_workspace_id.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| Failure::invalid("join_workspace_id", "must be a UUID"))?),
    };
    let role = match (joined, role_name(call.role())) {
        (Some(_), None) => return Err(Failure::invalid("role", "must be set to join a workspace")),
        (_, role) => role.unwrap_or("owner"),
    };
    let ws = joined.unwrap_or_else(|| WorkspaceId::new(Utc::now()));
    let platform_role = platform_role_name(call.platform_role());
    let (user, made, changed) = auth
        .db
        .in_workspace_id(ws, "auth.provision", async |tx: &mut Tx| {
            let existing = store::by_email(tx, &email_key(&call.email)).await?;
            let user = existing.as_ref().map_or_else(|| UserId::new(Utc::now()), |u| u.id);
            if existing.is_none() {
                store::insert(tx, user, (call.email.trim(), &call.name, "ru"), &password_hash).await?;
                told(tx, user, platform_role.unwrap_or_default()).await?;
            }
            if let Some(role) = platform_role {
                store::put_platform_role(tx, user, role).await?;
            }
            if joined.is_some() {
                let changed = join(tx, ws, user, role).await?;
                return Ok((user, true, changed));
            }
            let makes = existing.is_none() && !call.workspace_name.is_empty();
            if makes {
                found(tx, ws, user, &call.workspace_name).await?;
            }
            Ok::<_, Failure>((user, makes, None))
        })
        .await?;
    if let Some(what) = changed {
        revocations::tell(&auth.bell, &auth.redis, what).await;
    }
    let ws = if made { Some(ws) } else { sessions::store::first_workspace(&auth.db, user).await? };
    Ok(ProvisionUserResponse {
        user_id: user.to_string(),
        user_workspace_id: ws.map(|w| w.to_string()).unwrap_or_default(),
    })
}

/// Puts a person into a workspace: the membership, its event, and what every process must hear of it.
async fn join(tx: &mut Tx, ws: WorkspaceId, user: UserId, role: &str) -> Result<Option<What>, Failure> {
    if !store::workspace_exists(tx, ws).await? {
        return Err(Failure::not_found());
    }
    let Some(version) = store::put_member(tx, ws, user, role).await? else { return Ok(None) };
    let changed =
        MembershipChangedEvent { user_id: user.to_string(), role: role.to_owned(), membership_version: version };
    let event = Event { workspace: ws, kind: "membership.changed", object_version: version, payload: &changed };
    outbox::push(tx, event).await?;
    let what = What::MembershipChanged(MembershipChanged {
        workspace_id: ws.to_string(),
        user_id: user.to_string(),
        membership_version: version,
        role: role.to_owned(),
    });
    revocations::record(tx, &what).await?;
    Ok(Some(what))
}

/// Names and addresses of users; unknown ids are left out.
///
/// # Errors
/// Storage.
pub async fn batch(auth: &Auth, call: Call<BatchGetUsersRequest>) -> Result<BatchGetUsersResponse, Failure> {
    let ids: Vec<uuid::Uuid> = call.user_ids.iter().filter_map(|id| id.parse().ok()).collect();
    let rows = auth.db.platform("auth.batch_users", async |tx: &mut Tx| store::by_ids(tx, &ids).await).await?;
    Ok(BatchGetUsersResponse { users: rows.into_iter().map(user).collect() })
}

/// Ids of users whose address or name contains a text.
///
/// # Errors
/// Storage.
pub async fn search(auth: &Auth, call: Call<SearchUsersRequest>) -> Result<SearchUsersResponse, Failure> {
    let ids = auth.db.platform("auth.search_users", async |tx: &mut Tx| store::search(tx, &call.q).await).await?;
    Ok(SearchUsersResponse { user_ids: ids.into_iter().map(|id| id.to_string()).collect() })
}

/// A person as callers see it.
#[must_use]
pub fn user(row: UserRow) -> User {
    User {
        id: row.id.to_string(),
        email: row.email,
        name: row.name,
        locale: row.locale,
        create_time: Some(crate::stamp(row.created_at)),
        blocked: row.blocked,
    }
}

/// The name of a role; none where it is not set.
#[must_use]
pub fn role_name(role: Role) -> Option<&'static str> {
    match role {
        Role::Owner => Some("owner"),
        Role::Manager => Some("manager"),
        Role::Operator => Some("operator"),
        Role::Viewer => Some("viewer"),
        Role::Unspecified => None,
    }
}

fn platform_role_name(role: PlatformRole) -> Option<&'static str> {
    match role {
        PlatformRole::Superadmin => Some("superadmin"),
        PlatformRole::Admin => Some("admin"),
        PlatformRole::Billing => Some("billing"),
        PlatformRole::Support => Some("support"),
        PlatformRole::Content => Some("content"),
        PlatformRole::Unspecified => None,
    }
}
