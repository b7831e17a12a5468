//! A visitor turns out to be a known person: their contact, and what was said before.

use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Jsonb, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ContactId, ConversationId, Failure, WorkspaceId,
    db::{Keep as _, Tx},
};
use uuid::Uuid;

/// By what a contact is known.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// `user` or `visitor`.
    pub kind: &'a str,
    /// Empty, or the widget's key.
    pub scope: &'a str,
    /// The id.
    pub value: &'a str,
}

#[derive(QueryableByName)]
struct ContactRow {
    #[diesel(sql_type = SqlUuid)]
    contact_id: ContactId,
}

/// The contact that is known so.
///
/// # Errors
/// Storage.
pub async fn contact(tx: &mut Tx, ws: WorkspaceId, known: Known<'_>) -> Result<Option<ContactId>, Failure> {
    let row: Option<ContactRow> = sql_query(
        "SELECT contact_id FROM contact_identity WHERE workspace_id = $1 AND kind = $2 AND scope = $3 AND value = $4",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<Text, _>(known.kind)
    .bind::<Text, _>(known.scope)
    .bind::<Text, _>(known.value)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.map(|row| row.contact_id))
}

/// Makes a contact that is known so; somebody who came in between makes the transaction run again.
///
/// # Errors
/// Storage.
pub async fn make(tx: &mut Tx, ws: WorkspaceId, id: ContactId, name: &str, known: Known<'_>) -> Result<(), Failure> {
    sql_query("INSERT INTO contact (workspace_id, id, display_name) VALUES ($1, $2, $3)")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(name)
        .kept()
        .execute(tx)
        .await?;
    add(tx, ws, id, known).await
}

/// A contact is known so from now on.
///
/// # Errors
/// Storage; as `make`.
pub async fn add(tx: &mut Tx, ws: WorkspaceId, id: ContactId, known: Known<'_>) -> Result<(), Failure> {
    let added = sql_query(
        "INSERT INTO contact_identity (workspace_id, kind, scope, value, contact_id) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<Text, _>(known.kind)
    .bind::<Text, _>(known.scope)
    .bind::<Text, _>(known.value)
    .bind::<SqlUuid, _>(id)
    .kept()
    .execute(tx)
    .await?;
    if added == 0 {
        return Err(neipix_mesh::db::retry_error().into());
    }
    Ok(())
}

/// The name that the site's server vouches for; an empty one changes nothing.
///
/// # Errors
/// Storage.
pub async fn name(tx: &mut Tx, ws: WorkspaceId, id: ContactId, name: &str) -> Result<(), Failure> {
    sql_query(
        "UPDATE contact SET display_name = $3 WHERE workspace_id = $1 AND id = $2 AND $3 <> '' AND display_name <> $3",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(name)
    .kept()
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes who the site's server says a visitor is.
///
/// # Errors
/// Storage.
pub async fn vouch(tx: &mut Tx, ws: WorkspaceId, visitor: Uuid, sub: &str) -> Result<(), Failure> {
    sql_query("UPDATE visitor SET sub = $3 WHERE workspace_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(visitor)
        .bind::<Text, _>(sub)
        .kept()
        .execute(tx)
        .await?;
    Ok(())
}

/// Whether a contact has an identity that somebody vouches for.
///
/// # Errors
/// Storage.
pub async fn is_verified(tx: &mut Tx, ws: WorkspaceId, id: ContactId) -> Result<bool, Failure> {
    let row: Option<ContactRow> = sql_query(
        "SELECT contact_id FROM contact_identity WHERE workspace_id = $1 AND contact_id = $2 AND kind = 'user' LIMIT 1",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .kept()
    .get_result(tx)
    .await
    .optional()?;
    Ok(row.is_some())
}

/// A dialogue that was moved.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Moved {
    /// The dialogue.
    #[diesel(sql_type = SqlUuid)]
    pub id: ConversationId,
    /// Version of its events.
    #[diesel(sql_type = BigInt)]
    pub version: i64,
}

/// Moves everything of an anonymous contact to a known one, and notes what. Dialogues are locked before; one that goes on
/// beside one of the known contact's keeps going under a key of its own, so that each has its place.
///
/// # Errors
/// Storage.
pub async fn merge(
    tx: &mut Tx,
    ws: WorkspaceId,
    visitor: Uuid,
    (from, into): (ContactId, ContactId),
    id: Uuid,
) -> Result<Vec<Moved>, Failure> {
    #[derive(QueryableByName)]
    struct Identities {
        #[diesel(sql_type = Nullable<Jsonb>)]
        all: Option<serde_json::Value>,
    }
    sql_query("SELECT id, version FROM conversation WHERE workspace_id = $1 AND contact_id IN ($2, $3) ORDER BY id FOR NO KEY UPDATE")
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(from)
        .bind::<SqlUuid, _>(into)
        .kept()
        .load::<Moved>(tx)
        .await?;
    let moved: Vec<Moved> = sql_query(
        "UPDATE conversation c SET contact_id = $3, version = version + 1, \
         external_key = CASE WHEN c.status <> 'closed' AND EXISTS (SELECT 1 FROM conversation o WHERE o.workspace_id = $1 \
             AND o.contact_id = $3 AND o.channel_id = c.channel_id AND o.external_key = c.external_key AND o.status <> 'closed') \
             THEN 'merged:' || c.id::text ELSE c.external_key END \
         WHERE c.workspace_id = $1 AND c.contact_id = $2 RETURNING c.id, c.version",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(from)
    .bind::<SqlUuid, _>(into)
    .kept()
    .load(tx)
    .await?;
    let identities: Identities = sql_query(
        "WITH moved AS (UPDATE contact_identity SET contact_id = $3 WHERE workspace_id = $1 AND contact_id = $2 \
         RETURNING kind, scope, value) \
         SELECT jsonb_agg(jsonb_build_object('kind', kind, 'scope', scope, 'value', value)) AS all FROM moved",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(from)
    .bind::<SqlUuid, _>(into)
    .kept()
    .get_result(tx)
    .await?;
    sql_query(
        "INSERT INTO contact_merge (workspace_id, id, visitor_id, from_contact_id, into_contact_id, identities, conversations) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(visitor)
    .bind::<SqlUuid, _>(from)
    .bind::<SqlUuid, _>(into)
    .bind::<Jsonb, _>(identities.all.unwrap_or_else(|| serde_json::json!([])))
    .bind::<Array<SqlUuid>, _>(moved.iter().map(|m| m.id).collect::<Vec<_>>())
    .kept()
    .execute(tx)
    .await?;
    Ok(moved)
}
