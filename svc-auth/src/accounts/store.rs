//! Accounts in Postgres.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{Array, Bool, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{Failure, RegistrationId, SessionId, UserId, WorkspaceId, db::Tx};
use uuid::Uuid;

/// A person.
#[derive(Debug, Clone, QueryableByName)]
pub struct UserRow {
    /// Who.
    #[diesel(sql_type = SqlUuid)]
    pub id: UserId,
    /// As given.
    #[diesel(sql_type = Text)]
    pub email: String,
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// `ru` or `en`.
    #[diesel(sql_type = Text)]
    pub locale: String,
    /// Whether blocked.
    #[diesel(sql_type = Bool)]
    pub blocked: bool,
    /// Since when.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

const USER: &str = "id, email, name, locale, blocked_at IS NOT NULL AS blocked, created_at";

/// The account of an address.
///
/// # Errors
/// Storage.
pub async fn by_email(tx: &mut Tx, email_key: &str) -> Result<Option<UserRow>, Failure> {
    let sql = format!("SELECT {USER} FROM user_account WHERE email_key = $1");
    Ok(diesel::sql_query(sql).bind::<Text, _>(email_key).get_result(tx).await.optional()?)
}

/// Accounts by id.
///
/// # Errors
/// Storage.
pub async fn by_ids(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<UserRow>, Failure> {
    let sql = format!("SELECT {USER} FROM user_account WHERE id = ANY ($1)");
    Ok(diesel::sql_query(sql).bind::<Array<SqlUuid>, _>(ids).load(tx).await?)
}

/// Whose a session is.
///
/// # Errors
/// Storage.
pub async fn person_of(tx: &mut Tx, session: SessionId) -> Result<Option<UserRow>, Failure> {
    let sql = format!("SELECT {USER} FROM user_account WHERE id = (SELECT user_id FROM session WHERE id = $1)");
    Ok(diesel::sql_query(sql).bind::<SqlUuid, _>(session).get_result(tx).await.optional()?)
}

/// Ids of at most 200 accounts whose address or name contains a text.
///
/// # Errors
/// Storage.
pub async fn search(tx: &mut Tx, q: &str) -> Result<Vec<Uuid>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let escaped = q.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let rows: Vec<Row> = diesel::sql_query("SELECT id FROM search_users($1) AS u (id) ORDER BY id DESC")
        .bind::<Text, _>(format!("%{escaped}%"))
        .load(tx)
        .await?;
    Ok(rows.into_iter().map(|r| r.id).collect())
}

/// A new account with its password. False where the address has one already.
///
/// # Errors
/// Storage.
pub async fn insert(
    tx: &mut Tx,
    id: UserId,
    (email, name, locale): (&str, &str, &str),
    password_hash: &str,
) -> Result<bool, Failure> {
    let made = diesel::sql_query(
        "WITH made AS (INSERT INTO user_account (id, email, email_key, name, locale) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING RETURNING id) INSERT INTO credential (user_id, password_hash) SELECT id, $6 FROM made",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(email)
    .bind::<Text, _>(super::email_key(email))
    .bind::<Text, _>(name)
    .bind::<Text, _>(locale)
    .bind::<Text, _>(password_hash)
    .execute(tx)
    .await?;
    Ok(made == 1)
}

/// A new workspace; the transaction must be in its context.
///
/// # Errors
/// Storage.
pub async fn insert_workspace(tx: &mut Tx, ws: WorkspaceId, name: &str) -> Result<(), Failure> {
    diesel::sql_query("INSERT INTO workspace (workspace_id, name) VALUES ($1, $2)")
        .bind::<SqlUuid, _>(ws)
        .bind::<Text, _>(name)
        .execute(tx)
        .await?;
    Ok(())
}

/// Adds a member or gives one another role; the transaction must be in the workspace's context. An owner stays one, so
/// that no workspace is left without. Answers the membership's new version; none where nothing changed.
///
/// # Errors
/// Storage.
pub async fn put_member(tx: &mut Tx, ws: WorkspaceId, user: UserId, role: &str) -> Result<Option<i64>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        mv: i64,
    }
    let row: Option<Row> = diesel::sql_query(
        "INSERT INTO membership (workspace_id, user_id, role) VALUES ($1, $2, $3) ON CONFLICT (workspace_id, user_id) \
         DO UPDATE SET role = excluded.role, mv = membership.mv + 1 \
         WHERE membership.role NOT IN ('owner', excluded.role) RETURNING mv",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(user)
    .bind::<Text, _>(role)
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|r| r.mv))
}

/// Whether a workspace exists; the transaction must be in its context.
///
/// # Errors
/// Storage.
pub async fn workspace_exists(tx: &mut Tx, ws: WorkspaceId) -> Result<bool, Failure> {
    let found = diesel::sql_query("SELECT 1 FROM workspace WHERE workspace_id = $1").bind::<SqlUuid, _>(ws);
    Ok(found.execute(tx).await? == 1)
}

/// Gives a platform role.
///
/// # Errors
/// Storage.
pub async fn put_platform_role(tx: &mut Tx, user: UserId, role: &str) -> Result<(), Failure> {
    diesel::sql_query(
        "INSERT INTO platform_role (user_id, role) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET role = excluded.role",
    )
    .bind::<SqlUuid, _>(user)
    .bind::<Text, _>(role)
    .execute(tx)
    .await?;
    Ok(())
}

/// A registration as it lies in the table.
#[derive(Debug, Clone, QueryableByName)]
pub struct RegistrationRow {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: RegistrationId,
    /// As given.
    #[diesel(sql_type = Text)]
    pub email: String,
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Of the workspace to make.
    #[diesel(sql_type = Text)]
    pub workspace_name: String,
    /// `ru` or `en`.
    #[diesel(sql_type = Text)]
    pub locale: String,
    /// Of the password.
    #[diesel(sql_type = Text)]
    pub password_hash: String,
    /// Of the code.
    #[diesel(sql_type = Bytea)]
    pub code_hmac: Vec<u8>,
    /// The code, until its letter is sent.
    #[diesel(sql_type = Nullable<Bytea>)]
    pub sealed_code: Option<Vec<u8>>,
    /// Whether the address had an account.
    #[diesel(sql_type = Bool)]
    pub known: bool,
    /// Letters so far.
    #[diesel(sql_type = Integer)]
    pub sends: i32,
    /// Wrong codes so far.
    #[diesel(sql_type = Integer)]
    pub tries: i32,
    /// When it was used.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub used_at: Option<DateTime<Utc>>,
    /// When it ends.
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
}

/// Writes a registration.
///
/// # Errors
/// Storage.
pub async fn insert_registration(tx: &mut Tx, row: &RegistrationRow) -> Result<(), Failure> {
    diesel::sql_query(
        "INSERT INTO registration (id, email, email_key, name, workspace_name, locale, password_hash, code_hmac, \
         sealed_code, known, expires_at, sends, tries) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind::<SqlUuid, _>(row.id)
    .bind::<Text, _>(&row.email)
    .bind::<Text, _>(super::email_key(&row.email))
    .bind::<Text, _>(&row.name)
    .bind::<Text, _>(&row.workspace_name)
    .bind::<Text, _>(&row.locale)
    .bind::<Text, _>(&row.password_hash)
    .bind::<Bytea, _>(&row.code_hmac)
    .bind::<Nullable<Bytea>, _>(&row.sealed_code)
    .bind::<Bool, _>(row.known)
    .bind::<Timestamptz, _>(row.expires_at)
    .bind::<Integer, _>(row.sends)
    .bind::<Integer, _>(row.tries)
    .execute(tx)
    .await?;
    Ok(())
}

/// Letters that an address got in the last hour and day. One transaction at a time may ask for an address, so that
/// parallel ones cannot pass the limit together.
///
/// # Errors
/// Storage.
pub async fn letters(tx: &mut Tx, email_key: &str) -> Result<(i64, i64), Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        hour: i64,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        day: i64,
    }
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('registration:' || $1, 0))")
        .bind::<Text, _>(email_key)
        .execute(tx)
        .await?;
    let row: Row = diesel::sql_query(
        "SELECT coalesce(sum(sends) FILTER (WHERE created_at > clock_timestamp() - interval '1 hour'), 0)::bigint AS hour, \
         coalesce(sum(sends), 0)::bigint AS day FROM registration \
         WHERE email_key = $1 AND created_at > clock_timestamp() - interval '1 day'",
    )
    .bind::<Text, _>(email_key)
    .get_result(tx)
    .await?;
    Ok((row.hour, row.day))
}

/// A registration, locked.
///
/// # Errors
/// Storage.
pub async fn lock_registration(tx: &mut Tx, id: RegistrationId) -> Result<Option<RegistrationRow>, Failure> {
    Ok(diesel::sql_query(
        "SELECT id, email, name, workspace_name, locale, password_hash, code_hmac, sealed_code, known, sends, tries, \
         used_at, expires_at FROM registration WHERE id = $1 FOR UPDATE",
    )
    .bind::<SqlUuid, _>(id)
    .get_result(tx)
    .await
    .optional()?)
}

/// Gives a registration another code.
///
/// # Errors
/// Storage.
pub async fn replace_code(
    tx: &mut Tx,
    id: RegistrationId,
    code_hmac: &[u8],
    sealed: &[u8],
    expires_at: DateTime<Utc>,
) -> Result<(), Failure> {
    diesel::sql_query(
        "UPDATE registration SET code_hmac = $2, sealed_code = $3, expires_at = $4, sends = sends + 1, tries = 0 WHERE id = $1",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Bytea, _>(code_hmac)
    .bind::<Bytea, _>(sealed)
    .bind::<Timestamptz, _>(expires_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// Counts a wrong code, or marks the registration used.
///
/// # Errors
/// Storage.
pub async fn count(tx: &mut Tx, id: RegistrationId, used: bool) -> Result<(), Failure> {
    let set = if used { "used_at = clock_timestamp(), sealed_code = NULL" } else { "tries = tries + 1" };
    diesel::sql_query(format!("UPDATE registration SET {set} WHERE id = $1"))
        .bind::<SqlUuid, _>(id)
        .execute(tx)
        .await?;
    Ok(())
}

/// Forgets the code after its letter went out; a newer one, whose letter is still to go, stays.
///
/// # Errors
/// Storage.
pub async fn forget_code(tx: &mut Tx, id: RegistrationId, sends: i32) -> Result<(), Failure> {
    diesel::sql_query("UPDATE registration SET sealed_code = NULL WHERE id = $1 AND sends = $2")
        .bind::<SqlUuid, _>(id)
        .bind::<Integer, _>(sends)
        .execute(tx)
        .await?;
    Ok(())
}
