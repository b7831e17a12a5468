//! CreateApiKey, ListApiKeys, RevokeApiKey, ExchangeApiKey.

use chrono::{DateTime, Utc};
use neipix_mesh::{
    Call, Failure, KeyId, WorkspaceId,
    access::token::Claims,
    db::Tx,
    idempotency,
    outbox::{self, Event},
    page,
};
use neipix_proto::auth::{
    events::v1::ApiKeyChanged,
    v1::{
        AccessToken, ApiKey, CreateApiKeyRequest, CreateApiKeyResponse, ErrorReason, ExchangeApiKeyRequest, KeyRevoked,
        ListApiKeysRequest, ListApiKeysResponse, RevokeApiKeyRequest, revocation::What,
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{
    LIMIT, make, refused,
    store::{self, KeyRow},
};
use crate::{Auth, refresh, revocations, sessions};

/// Life of a key's access token, in seconds.
const TOKEN_SECONDS: i64 = 300;

/// Makes a key; its secret is shown once.
///
/// # Errors
/// PERMISSION_ABOVE_OWN, API_KEY_LIMIT.
pub async fn create(auth: &Auth, call: Call<CreateApiKeyRequest>) -> Result<CreateApiKeyResponse, Failure> {
    let maker = call.context.member_id().ok_or_else(Failure::not_found)?;
    let above = refused(&call.permissions, call.context.permissions);
    if !above.is_empty() {
        let detail = format!("a key of yours cannot hold {}", above.join(", "));
        return Err(Failure::new(ErrorReason::PermissionAboveOwn, detail)
            .with_field("permissions", "must be permissions that you have and that a key may hold"));
    }
    let assistant = match call.assistant_id.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| Failure::invalid("assistant_id", "must be a UUID"))?),
    };
    let expires_at = call.expire_time.as_ref().map(instant).transpose()?;
    let (secret, prefix) = make(rand::random(), rand::random());
    let named = |answer: &CreateApiKeyResponse| {
        format!("api_key:{}", answer.api_key.as_ref().map(|k| k.id.as_str()).unwrap_or_default())
    };
    idempotency::once_named(&auth.db, &auth.sealer, &call, "auth.create_api_key", named, async |tx: &mut Tx| {
        let ws = call.context.workspace;
        if store::live(tx, ws).await? >= LIMIT {
            let detail = format!("a workspace has at most {LIMIT} live keys: revoke one");
            return Err(Failure::new(ErrorReason::ApiKeyLimit, detail));
        }
        let row = KeyRow {
            id: KeyId::new(Utc::now()),
            name: call.name.clone(),
            prefix: prefix.clone(),
            permissions: call.permissions.clone(),
            assistant_id: assistant,
            maker_id: maker,
            created_at: Utc::now(),
            expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        store::insert(tx, ws, &row, &refresh::hash(&secret)).await?;
        changed(tx, &call.context, "api_key.created", &row).await?;
        Ok(CreateApiKeyResponse { api_key: Some(wire(row)), secret: secret.clone() })
    })
    .await
}

async fn changed(
    tx: &mut Tx,
    context: &neipix_mesh::CallContext,
    kind: &'static str,
    row: &KeyRow,
) -> Result<(), Failure> {
    let payload = ApiKeyChanged { api_key_id: row.id.to_string() };
    outbox::push(tx, Event { workspace: context.workspace, kind, object_version: 1, payload: &payload }).await?;
    let detail = json!({"name": row.name, "permissions": row.permissions, "assistant_id": row.assistant_id});
    outbox::audit(tx, context, &format!("api_key:{}", row.id), detail).await?;
    Ok(())
}

/// A page of keys, newest first.
///
/// # Errors
/// PAGE_TOKEN_INVALID.
pub async fn list(auth: &Auth, call: Call<ListApiKeysRequest>) -> Result<ListApiKeysResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let after: Option<(DateTime<Utc>, Uuid)> = auth.pages.decode(&call.context, &call.page_token)?;
    let assistant: Option<Uuid> = call.assistant_id.parse().ok();
    let ws = call.context.workspace;
    let mut rows = auth
        .db
        .in_workspace(&call.context, "auth.list_api_keys", async |tx: &mut Tx| {
            store::page(tx, ws, &call.q, assistant, after, size.fetch()).await
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| (last.created_at, last.id.0));
    Ok(ListApiKeysResponse {
        next_page_token: next.map_or_else(|| Ok(String::new()), |key| auth.pages.encode(&call.context, &key))?,
        api_keys: rows.into_iter().map(wire).collect(),
    })
}

/// Revokes a key; again changes nothing.
///
/// # Errors
/// NOT_FOUND.
pub async fn revoke(auth: &Auth, call: Call<RevokeApiKeyRequest>) -> Result<ApiKey, Failure> {
    let id: KeyId = call.id.parse().map_err(|_| Failure::invalid("id", "must be a UUID"))?;
    let what = What::KeyRevoked(KeyRevoked { key_id: id.to_string() });
    let row = auth
        .db
        .in_workspace(&call.context, "auth.revoke_api_key", async |tx: &mut Tx| {
            let (row, fresh) = store::revoke(tx, call.context.workspace, id).await?.ok_or_else(Failure::not_found)?;
            if fresh {
                revocations::record(tx, &what).await?;
                changed(tx, &call.context, "api_key.revoked", &row).await?;
            }
            Ok::<_, Failure>(row)
        })
        .await?;
    revocations::tell(&auth.bell, &auth.redis, what.clone()).await;
    Ok(wire(row))
}

/// Exchanges a key for a short token: its permissions, under its maker's role as it is now.
///
/// # Errors
/// API_KEY_INVALID.
pub async fn exchange(auth: &Auth, call: Call<ExchangeApiKeyRequest>) -> Result<AccessToken, Failure> {
    let invalid = || Failure::new(ErrorReason::ApiKeyInvalid, "the API key is unknown, expired or revoked");
    let hash = refresh::hash(&call.api_key);
    let routed = auth.db.platform("auth.route_key", async |tx: &mut Tx| store::route(tx, &hash).await).await?;
    let (ws, id) = routed.ok_or_else(invalid)?;
    let claims = claims(auth, ws, id).await?.ok_or_else(invalid)?;
    sessions::rpc::access(auth, &claims).await
}

/// The claims of a key as it stands now; none where it does not work any more. Notes its use.
///
/// # Errors
/// Storage.
pub async fn claims(auth: &Auth, ws: WorkspaceId, id: KeyId) -> Result<Option<Claims>, Failure> {
    let working =
        auth.db.in_workspace_id(ws, "auth.exchange_key", async |tx: &mut Tx| store::working(tx, ws, id).await).await?;
    let now = Utc::now().timestamp();
    Ok(working.map(|key| Claims {
        iss: auth.issuer.clone(),
        aud: "api".to_owned(),
        sub: format!("key:{id}"),
        sid: id.to_string(),
        ws: Some(ws.0),
        role: Some(key.role),
        prole: None,
        mv: key.mv,
        scp: key.permissions,
        ast: key.assistant_id,
        act: None,
        mkr: Some(key.maker_id),
        iat: now,
        exp: now + TOKEN_SECONDS,
        jti: Uuid::now_v7().to_string(),
    }))
}

fn wire(row: KeyRow) -> ApiKey {
    ApiKey {
        id: row.id.to_string(),
        name: row.name,
        prefix: row.prefix,
        permissions: row.permissions,
        assistant_id: row.assistant_id.map(|a| a.to_string()).unwrap_or_default(),
        maker_id: row.maker_id.to_string(),
        create_time: Some(crate::stamp(row.created_at)),
        expire_time: row.expires_at.map(crate::stamp),
        last_use_time: row.last_used_at.map(crate::stamp),
        revoke_time: row.revoked_at.map(crate::stamp),
    }
}

/// The latest end of a key: what every clock and format can still write.
const LATEST: i64 = 253_402_300_799;

fn instant(at: &prost_types::Timestamp) -> Result<DateTime<Utc>, Failure> {
    let nanos = u32::try_from(at.nanos).ok().filter(|n| *n < 1_000_000_000);
    let read = nanos.filter(|_| at.seconds <= LATEST).and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos));
    read.ok_or_else(|| Failure::invalid("expire_time", "must be a time before the year 10000"))
}
