//! CreateProvider, ListProviders, UpdateProvider, DeleteProvider: staff's.

use chrono::Utc;
use neipix_mesh::{
    Call, Failure, ProviderId,
    db::Tx,
    egress::{EgressError, Limits},
    idempotency, outbox, page,
    secret::Secret,
};
use neipix_proto::assistants::v1::{
    CreateProviderRequest, DeleteProviderRequest, DeleteProviderResponse, ListProvidersRequest, ListProvidersResponse,
    Provider as Wire, ProviderKind, UpdateProviderRequest,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    EXTRACTIVE, OPENAI_COMPATIBLE, ProviderError,
    store::{self, ProviderRow},
};
use crate::{
    Assistants,
    assistants::{check_etag, rpc::stamp},
    mask,
};

/// Adds a provider.
///
/// # Errors
/// URL_FORBIDDEN, FIELD_INVALID.
pub async fn create(state: &Assistants, call: Call<CreateProviderRequest>) -> Result<Wire, Failure> {
    let wire = call.provider.clone().unwrap_or_default();
    if wire.kind() != ProviderKind::OpenaiCompatible {
        return Err(Failure::invalid(
            "provider.kind",
            "must be PROVIDER_KIND_OPENAI_COMPATIBLE: the other one is built in",
        ));
    }
    check(state, &wire).await?;
    let made = |provider: &Wire| format!("provider:{}", provider.id);
    let created =
        idempotency::once_named(&state.db, &state.sealer, &call, "providers.create", made, async |tx: &mut Tx| {
            let mut row = ProviderRow {
                id: ProviderId::new(Utc::now()),
                name: wire.name.clone(),
                kind: OPENAI_COMPATIBLE.to_owned(),
                base_url: base_url(&wire.base_url),
                model: wire.model.trim().to_owned(),
                sealed_key: None,
                key_last4: String::new(),
                priority: wire.priority,
                disabled: wire.disabled,
                first_token_timeout_ms: wire.first_token_timeout_ms,
                etag: 1,
                created_at: Utc::now(),
            };
            set_key(state, &mut row, &wire.api_key);
            store::insert(tx, &row).await?;
            outbox::audit(tx, &call.context, &object(row.id), json!({"after": shown(&row)})).await?;
            Ok(to_wire(row))
        })
        .await?;
    state.recent.providers_changed();
    Ok(created)
}

/// A page of providers by priority.
///
/// # Errors
/// PAGE_TOKEN_INVALID.
pub async fn list(state: &Assistants, call: Call<ListProvidersRequest>) -> Result<ListProvidersResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let after: Option<(i32, Uuid)> = state.pages.decode(&call.context, &call.page_token)?;
    let mut rows = state
        .db
        .in_workspace(&call.context, "providers.list", async |tx: &mut Tx| {
            Ok::<_, Failure>(store::page(tx, after, size.fetch()).await?)
        })
        .await?;
    let next = size.cut(&mut rows).map(|last| (last.priority, last.id.0));
    Ok(ListProvidersResponse {
        next_page_token: next.map_or_else(|| Ok(String::new()), |key| state.pages.encode(&call.context, &key))?,
        providers: rows.into_iter().map(to_wire).collect(),
    })
}

/// Paths that an update may name.
const EDITABLE: [&str; 7] = ["name", "base_url", "model", "api_key", "priority", "disabled", "first_token_timeout_ms"];

/// Changes a provider.
///
/// # Errors
/// NOT_FOUND, ETAG_MISMATCH, URL_FORBIDDEN, PROVIDER_BUILT_IN, FIELD_INVALID.
pub async fn update(state: &Assistants, call: Call<UpdateProviderRequest>) -> Result<Wire, Failure> {
    let sent = call.provider.clone().unwrap_or_default();
    let id: ProviderId = sent.id.parse().map_err(|_| Failure::invalid("provider.id", "must be a UUID"))?;
    let mask = call.update_mask.as_ref();
    // The name's addresses are looked up before the transaction: it holds a row lock.
    if !sent.base_url.is_empty() {
        check_url(state, &sent.base_url).await?;
    }
    let updated = state
        .db
        .in_workspace(&call.context, "providers.update", async |tx: &mut Tx| {
            let before = store::lock(tx, id).await?.ok_or_else(Failure::not_found)?;
            check_etag("provider.etag", &sent.etag, before.etag)?;
            let stored = to_wire(before.clone());
            let merged = mask::apply("neipix.assistants.v1.Provider", &stored, &sent, mask, &EDITABLE)?;
            if before.is_extractive()
                && (merged.disabled || merged.priority != before.priority || !merged.base_url.is_empty())
            {
                return Err(ProviderError::BuiltIn.into());
            }
            fields(&merged, before.is_extractive())?;
            let mut row = ProviderRow {
                name: merged.name.clone(),
                base_url: base_url(&merged.base_url),
                model: merged.model.trim().to_owned(),
                priority: merged.priority,
                disabled: merged.disabled,
                first_token_timeout_ms: merged.first_token_timeout_ms,
                etag: before.etag + 1,
                ..before.clone()
            };
            set_key(state, &mut row, &merged.api_key);
            store::write(tx, &row).await?;
            let detail = json!({"before": shown(&before), "after": shown(&row)});
            outbox::audit(tx, &call.context, &object(id), detail).await?;
            Ok::<_, Failure>(to_wire(row))
        })
        .await?;
    state.recent.providers_changed();
    Ok(updated)
}

/// Removes a provider; one that is gone already is no error.
///
/// # Errors
/// PROVIDER_BUILT_IN.
pub async fn delete(state: &Assistants, call: Call<DeleteProviderRequest>) -> Result<DeleteProviderResponse, Failure> {
    let id: ProviderId = call.id.parse().map_err(|_| Failure::invalid("id", "must be a UUID"))?;
    let deleted = state
        .db
        .in_workspace(&call.context, "providers.delete", async |tx: &mut Tx| {
            let row = store::lock(tx, id).await?.ok_or_else(Failure::not_found)?;
            if row.is_extractive() {
                return Err(ProviderError::BuiltIn.into());
            }
            store::delete(tx, id).await?;
            outbox::audit(tx, &call.context, &object(id), json!({"before": shown(&row)})).await?;
            Ok::<_, Failure>(DeleteProviderResponse {})
        })
        .await?;
    state.recent.providers_changed();
    Ok(deleted)
}

async fn check(state: &Assistants, wire: &Wire) -> Result<(), Failure> {
    fields(wire, false)?;
    check_url(state, &wire.base_url).await
}

fn fields(wire: &Wire, extractive: bool) -> Result<(), Failure> {
    if wire.name.trim().is_empty() {
        return Err(Failure::invalid("provider.name", "must hold more than white space"));
    }
    if (1..100).contains(&wire.first_token_timeout_ms) {
        return Err(Failure::invalid("provider.first_token_timeout_ms", "must be 0 (15,000) or 100 to 120,000"));
    }
    if !extractive && wire.model.trim().is_empty() {
        return Err(Failure::invalid("provider.model", "must be the model's name at the provider"));
    }
    if !extractive && wire.base_url.trim().is_empty() {
        return Err(Failure::invalid(
            "provider.base_url",
            "must be the base address, such as https://api.example.com/v1",
        ));
    }
    Ok(())
}

async fn check_url(state: &Assistants, url: &str) -> Result<(), Failure> {
    match state.egress.check(&base_url(url), Limits::PROVIDER).await {
        // A name that has no address today may have one tomorrow; every connect is checked again.
        Ok(()) | Err(EgressError::Unreachable { .. } | EgressError::Timeout { .. }) => Ok(()),
        Err(EgressError::Invalid { what }) => Err(Failure::invalid("provider.base_url", what)),
        Err(_) => Err(ProviderError::UrlForbidden.into()),
    }
}

fn base_url(text: &str) -> String {
    text.trim().trim_end_matches('/').to_owned()
}

fn set_key(state: &Assistants, row: &mut ProviderRow, key: &str) {
    let key = key.trim();
    if key.is_empty() {
        return;
    }
    let characters: Vec<char> = key.chars().collect();
    // Four characters of a short key would be most of it.
    let shown = if characters.len() >= 12 { 4 } else { 0 };
    row.key_last4 = characters[characters.len() - shown..].iter().collect();
    row.sealed_key = Some(state.sealer.seal_text(&row.seal_context(), &Secret::from(key)));
}

fn object(id: ProviderId) -> String {
    format!("provider:{id}")
}

fn shown(row: &ProviderRow) -> serde_json::Value {
    json!({
        "name": row.name, "base_url": row.base_url, "model": row.model, "priority": row.priority,
        "disabled": row.disabled, "api_key": if row.sealed_key.is_some() { format!("…{}", row.key_last4) } else { String::new() },
    })
}

fn to_wire(row: ProviderRow) -> Wire {
    Wire {
        id: row.id.to_string(),
        kind: if row.kind == EXTRACTIVE { ProviderKind::Extractive } else { ProviderKind::OpenaiCompatible }.into(),
        name: row.name,
        base_url: row.base_url,
        model: row.model,
        api_key: String::new(),
        api_key_last4: row.key_last4,
        priority: row.priority,
        disabled: row.disabled,
        first_token_timeout_ms: row.first_token_timeout_ms,
        etag: row.etag.to_string(),
        create_time: Some(stamp(row.created_at)),
    }
}
