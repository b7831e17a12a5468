//! Sessions in Postgres.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{BigInt, Bool, Bytea, Double, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    Failure, SessionId, UserId, WorkspaceId,
    config::Keyring,
    db::{Db, Tx},
    outbox::{self, Event},
};
use neipix_proto::auth::{
    events::v1::SessionRevoked as RevokedEvent,
    v1::{ErrorReason, SessionRevoked, revocation::What},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Gate, TICKET_LIFE, ends, gate};
use crate::{
    Auth,
    refresh::{self, Stored},
    revocations,
};

/// A session that just got a token.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// Its current workspace.
    pub workspace: Option<WorkspaceId>,
    /// `app`, `admin` or `api`.
    pub surface: String,
    /// Whether it remembers.
    pub remember: bool,
    /// The refresh token to hand out.
    pub refresh_token: String,
}

/// Opens a session with its first refresh token.
///
/// # Errors
/// Storage.
pub async fn open(
    tx: &mut Tx,
    auth: &Auth,
    user: UserId,
    workspace: Option<WorkspaceId>,
    surface: &str,
    remember: bool,
    random: [u8; 32],
) -> Result<Opened, Failure> {
    let session = SessionId::new(Utc::now());
    let (kid, _) = Keyring::first(&auth.refresh_keys);
    let token = refresh::first(kid, random);
    diesel::sql_query(
        "WITH made AS (INSERT INTO session (id, user_id, workspace_id, surface, remember) VALUES ($1, $2, $3, $4, $5) \
         RETURNING id) INSERT INTO refresh_token (hash, family_id, generation, expires_at) SELECT $6, id, 1, $7 FROM made",
    )
    .bind::<SqlUuid, _>(session)
    .bind::<SqlUuid, _>(user)
    .bind::<Nullable<SqlUuid>, _>(workspace)
    .bind::<Text, _>(surface)
    .bind::<Bool, _>(remember)
    .bind::<Bytea, _>(refresh::hash(&token).to_vec())
    .bind::<Timestamptz, _>(ends(remember, Utc::now()))
    .execute(tx)
    .await?;
    Ok(Opened { session, user, workspace, surface: surface.to_owned(), remember, refresh_token: token })
}

/// A refresh token with its session.
#[derive(Debug, QueryableByName)]
pub struct TokenRow {
    /// The session.
    #[diesel(sql_type = SqlUuid)]
    pub family_id: SessionId,
    /// Whose.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: UserId,
    /// Its current workspace.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub workspace_id: Option<WorkspaceId>,
    /// Where it is good.
    #[diesel(sql_type = Text)]
    pub surface: String,
    /// Whether it remembers.
    #[diesel(sql_type = Bool)]
    pub remember: bool,
    #[diesel(sql_type = Integer)]
    generation: i32,
    #[diesel(sql_type = Nullable<Text>)]
    successor_kid: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    used_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Timestamptz)]
    expires_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    successor_used: bool,
    #[diesel(sql_type = Bool)]
    revoked: bool,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

impl TokenRow {
    /// For the decision.
    #[must_use]
    pub fn stored(&self) -> (Stored, DateTime<Utc>) {
        let stored = Stored {
            used_at: self.used_at,
            expires_at: self.expires_at,
            successor_kid: self.successor_kid.clone(),
            successor_used: self.successor_used,
            revoked: self.revoked,
        };
        (stored, self.now)
    }
}

/// A refresh token, its session locked: parallel refreshes of a family take turns.
///
/// # Errors
/// Storage.
pub async fn lock_token(tx: &mut Tx, hash: &refresh::Hash) -> Result<Option<TokenRow>, Failure> {
    // The session is locked first; what the token says is read after the lock.
    diesel::sql_query(
        "SELECT 1 FROM session WHERE id = (SELECT family_id FROM refresh_token WHERE hash = $1) FOR UPDATE",
    )
    .bind::<Bytea, _>(hash.to_vec())
    .execute(tx)
    .await?;
    Ok(diesel::sql_query(
        "SELECT t.family_id, s.user_id, s.workspace_id, s.surface, s.remember, t.generation, t.successor_kid, t.used_at, \
         t.expires_at, s.revoked_at IS NOT NULL AS revoked, clock_timestamp() AS now, \
         EXISTS (SELECT 1 FROM refresh_token n WHERE n.family_id = t.family_id AND n.generation > t.generation \
                 AND n.used_at IS NOT NULL) AS successor_used \
         FROM refresh_token t JOIN session s ON s.id = t.family_id WHERE t.hash = $1",
    )
    .bind::<Bytea, _>(hash.to_vec())
    .get_result(tx)
    .await
    .optional()?)
}

/// Uses a token up and stores its successor.
///
/// # Errors
/// Storage.
pub async fn rotate(tx: &mut Tx, row: &TokenRow, hash: &refresh::Hash, next: &str, kid: &str) -> Result<(), Failure> {
    diesel::sql_query("UPDATE refresh_token SET used_at = clock_timestamp(), successor_kid = $2 WHERE hash = $1")
        .bind::<Bytea, _>(hash.to_vec())
        .bind::<Text, _>(kid)
        .execute(tx)
        .await?;
    diesel::sql_query("INSERT INTO refresh_token (hash, family_id, generation, expires_at) VALUES ($1, $2, $3, $4)")
        .bind::<Bytea, _>(refresh::hash(next).to_vec())
        .bind::<SqlUuid, _>(row.family_id)
        .bind::<Integer, _>(row.generation + 1)
        .bind::<Timestamptz, _>(ends(row.remember, row.now))
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends a session: its tokens, its event, its revocation. False where it had ended.
///
/// # Errors
/// Storage.
pub async fn revoke(tx: &mut Tx, session: SessionId, user: UserId, why: &'static str) -> Result<bool, Failure> {
    let ended = diesel::sql_query(
        "UPDATE session SET revoked_at = clock_timestamp(), revoked_why = $2 WHERE id = $1 AND revoked_at IS NULL",
    )
    .bind::<SqlUuid, _>(session)
    .bind::<Text, _>(why)
    .execute(tx)
    .await?;
    if ended == 0 {
        return Ok(false);
    }
    diesel::sql_query("UPDATE refresh_token SET used_at = clock_timestamp() WHERE family_id = $1 AND used_at IS NULL")
        .bind::<SqlUuid, _>(session)
        .execute(tx)
        .await?;
    revocations::record(tx, &What::SessionRevoked(SessionRevoked { session_id: session.to_string() })).await?;
    let event = RevokedEvent { session_id: session.to_string(), user_id: user.to_string(), reason: why.to_owned() };
    outbox::push(
        tx,
        Event { workspace: WorkspaceId::PLATFORM, kind: "session.revoked", object_version: 1, payload: &event },
    )
    .await?;
    Ok(true)
}

/// What log-in needs of an account.
#[derive(Debug, Clone, QueryableByName)]
pub struct AccountRow {
    /// Who.
    #[diesel(sql_type = SqlUuid)]
    pub id: UserId,
    /// Of the password.
    #[diesel(sql_type = Text)]
    pub password_hash: String,
    /// Whether blocked.
    #[diesel(sql_type = Bool)]
    pub blocked: bool,
    /// The platform role; empty = none.
    #[diesel(sql_type = Text)]
    pub platform_role: String,
}

/// The account of an address, for log-in.
///
/// # Errors
/// Storage.
pub async fn account(tx: &mut Tx, email_key: &str) -> Result<Option<AccountRow>, Failure> {
    Ok(diesel::sql_query(
        "SELECT u.id, c.password_hash, u.blocked_at IS NOT NULL AS blocked, coalesce(p.role, '') AS platform_role \
         FROM user_account u JOIN credential c ON c.user_id = u.id LEFT JOIN platform_role p ON p.user_id = u.id \
         WHERE u.email_key = $1",
    )
    .bind::<Text, _>(email_key)
    .get_result(tx)
    .await
    .optional()?)
}

/// The session that a refresh token was ever given for, where it is that person's: the device is known. Used, expired and
/// revoked ones count too.
///
/// # Errors
/// Storage.
pub async fn device(tx: &mut Tx, hash: &refresh::Hash, user: Option<UserId>) -> Result<Option<SessionId>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: SessionId,
    }
    let row: Option<Row> = diesel::sql_query(
        "SELECT s.id FROM refresh_token t JOIN session s ON s.id = t.family_id WHERE t.hash = $1 AND s.user_id = $2",
    )
    .bind::<Bytea, _>(hash.to_vec())
    .bind::<Nullable<SqlUuid>, _>(user)
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|r| r.id))
}

/// What a log-in may do by the wrong passwords of the last hour. A try that must be counted first is counted here.
///
/// # Errors
/// Storage.
pub async fn pass_gate(tx: &mut Tx, key: &[u8]) -> Result<Gate, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        failures: i32,
        #[diesel(sql_type = BigInt)]
        since: i64,
    }
    let row: Option<Row> = diesel::sql_query(
        "SELECT failures, (extract(epoch FROM clock_timestamp() - last_at) * 1000)::bigint AS since FROM login_failure \
         WHERE account_key = $1 AND last_at > clock_timestamp() - interval '1 hour' FOR UPDATE",
    )
    .bind::<Bytea, _>(key)
    .get_result(tx)
    .await
    .optional()?;
    let gate = row.map_or(Gate::Open, |r| gate(r.failures, chrono::Duration::milliseconds(r.since)));
    if gate == Gate::Counted {
        count_failure(tx, key, false).await?;
    }
    Ok(gate)
}

/// Counts a wrong password, or forgets them after a right one.
///
/// # Errors
/// Storage.
pub async fn count_failure(tx: &mut Tx, key: &[u8], right: bool) -> Result<(), Failure> {
    let sql = if right {
        "DELETE FROM login_failure WHERE account_key = $1"
    } else {
        "INSERT INTO login_failure (account_key, failures, last_at) VALUES ($1, 1, clock_timestamp()) \
         ON CONFLICT (account_key) DO UPDATE SET last_at = clock_timestamp(), failures = \
         CASE WHEN login_failure.last_at > clock_timestamp() - interval '1 hour' THEN login_failure.failures + 1 ELSE 1 END"
    };
    diesel::sql_query(sql).bind::<Bytea, _>(key).execute(tx).await?;
    Ok(())
}

/// A membership with its workspace.
#[derive(Debug, Clone, QueryableByName)]
pub struct MembershipRow {
    /// The workspace.
    #[diesel(sql_type = SqlUuid)]
    pub workspace_id: WorkspaceId,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The role there.
    #[diesel(sql_type = Text)]
    pub role: String,
    /// The membership's version.
    #[diesel(sql_type = BigInt)]
    pub mv: i64,
    /// Whether the workspace is blocked.
    #[diesel(sql_type = Bool)]
    pub blocked: bool,
}

/// A person's memberships, oldest first; the transaction must be in the person's context.
///
/// # Errors
/// Storage.
pub async fn memberships(tx: &mut Tx, user: UserId) -> Result<Vec<MembershipRow>, Failure> {
    Ok(diesel::sql_query(
        "SELECT m.workspace_id, w.name, m.role, m.mv, w.blocked_at IS NOT NULL AS blocked FROM membership m \
         JOIN workspace w ON w.workspace_id = m.workspace_id WHERE m.user_id = $1 ORDER BY m.created_at, m.workspace_id LIMIT 200",
    )
    .bind::<SqlUuid, _>(user)
    .load(tx)
    .await?)
}

/// A person's first workspace that is not blocked; none for a person without any.
///
/// # Errors
/// BLOCKED where all are.
pub async fn first_workspace(db: &Db, user: UserId) -> Result<Option<WorkspaceId>, Failure> {
    let all = db
        .as_member(WorkspaceId::PLATFORM, user.0, "auth.memberships", async |tx: &mut Tx| memberships(tx, user).await)
        .await?;
    Ok(current(&all, None)?.map(|m| m.workspace_id))
}

/// The membership a session works in: the wanted one, or the first whose workspace is not blocked.
///
/// # Errors
/// BLOCKED where all are.
pub fn current(all: &[MembershipRow], wanted: Option<WorkspaceId>) -> Result<Option<&MembershipRow>, Failure> {
    let open = || all.iter().filter(|m| !m.blocked);
    let found = open().find(|m| Some(m.workspace_id) == wanted).or_else(|| open().next());
    if found.is_none() && !all.is_empty() {
        return Err(Failure::new(ErrorReason::Blocked, "this workspace is blocked: write to support"));
    }
    Ok(found)
}

/// The platform role of a person; empty = none.
///
/// # Errors
/// Storage.
pub async fn platform_role(tx: &mut Tx, user: UserId) -> Result<String, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        role: String,
    }
    let row: Option<Row> = diesel::sql_query("SELECT role FROM platform_role WHERE user_id = $1")
        .bind::<SqlUuid, _>(user)
        .get_result(tx)
        .await
        .optional()?;
    Ok(row.map(|r| r.role).unwrap_or_default())
}

/// Makes another workspace the session's current one.
///
/// # Errors
/// Storage.
pub async fn switch(tx: &mut Tx, session: SessionId, ws: WorkspaceId) -> Result<(), Failure> {
    diesel::sql_query("UPDATE session SET workspace_id = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind::<SqlUuid, _>(session)
        .bind::<SqlUuid, _>(ws)
        .execute(tx)
        .await?;
    Ok(())
}

/// A session that has not ended, whoever's it is.
///
/// # Errors
/// Storage.
pub async fn live(tx: &mut Tx, session: SessionId) -> Result<bool, Failure> {
    let found = diesel::sql_query("SELECT 1 FROM session WHERE id = $1 AND revoked_at IS NULL");
    Ok(found.bind::<SqlUuid, _>(session).execute(tx).await? == 1)
}

/// Who asked for a ticket, and where: ids only. What may be done is read anew when the ticket is spent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// `user:<id>` or `key:<id>`.
    pub sub: String,
    /// The session, or the key's id.
    pub sid: String,
    /// The workspace.
    pub ws: Option<WorkspaceId>,
    /// `app` or `api`.
    pub aud: String,
}

/// Stores a socket ticket.
///
/// # Errors
/// Storage.
pub async fn insert_ticket(tx: &mut Tx, hash: &refresh::Hash, session: Uuid, ticket: &Ticket) -> Result<(), Failure> {
    let claims = serde_json::to_value(ticket).map_err(Failure::internal)?;
    diesel::sql_query(
        "INSERT INTO socket_ticket (hash, session_id, claims, expires_at) \
         VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))",
    )
    .bind::<Bytea, _>(hash.to_vec())
    .bind::<SqlUuid, _>(session)
    .bind::<Jsonb, _>(claims)
    .bind::<Double, _>(TICKET_LIFE.as_seconds_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Spends a ticket; none where it was spent, has expired or never was.
///
/// # Errors
/// Storage.
pub async fn spend_ticket(tx: &mut Tx, hash: &refresh::Hash) -> Result<Option<Ticket>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Jsonb)]
        claims: serde_json::Value,
    }
    let row: Option<Row> = diesel::sql_query(
        "UPDATE socket_ticket SET used_at = clock_timestamp() WHERE hash = $1 AND used_at IS NULL \
         AND expires_at > clock_timestamp() RETURNING claims",
    )
    .bind::<Bytea, _>(hash.to_vec())
    .get_result(tx)
    .await
    .optional()?;
    row.map(|r| serde_json::from_value(r.claims).map_err(Failure::internal)).transpose()
}
