//! Channels of kind widget: made, changed, taken off their sites; the secrets of their sites' servers.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use neipix_mesh::{
    AssistantId, Call, CallContext, ChannelId, Failure, WorkspaceId, db::Tx, idempotency, outbox, seal, secret::Secret,
};
use neipix_proto::chats::v1::{
    Channel, CreateChannelRequest, RotateWidgetSecretRequest, RotateWidgetSecretResponse, UpdateChannelRequest, Widget,
    WidgetSecret,
};

use super::{
    rpc::{assistant_of, channel, parse, visible},
    store::{self, ChannelRow},
};
use crate::{
    Chats, stamp,
    widget::{
        origins::Origins,
        pages::fresh_key,
        store::{self as widgets, SecretRow, WidgetRow},
    },
};

/// The fields that a caller may change one by one.
const FIELDS: [&str; 7] = ["origins", "locale", "title", "greeting", "accent", "side", "scheme"];
const IDENTITY: &str = "require_identity";

/// Whether an update may name this field.
#[must_use]
pub fn is_field(path: &str) -> bool {
    path.strip_prefix("widget.").is_some_and(|field| FIELDS.contains(&field) || field == IDENTITY)
}

/// What stands in the site's pages.
fn snippet(chats: &Chats, key: &str) -> String {
    format!(
        "<script>(function(w,d,k,s){{w.Neipix=w.Neipix||function(){{(w.Neipix.q=w.Neipix.q||[]).push(arguments)}};\n\
         s=d.createElement('script');s.async=1;s.src='{}/v1/'+k+'.js';d.head.appendChild(s)}})(window,document,'{key}')</script>",
        chats.widget_origin
    )
}

fn widget(chats: &Chats, row: WidgetRow, secrets: &[&SecretRow]) -> Widget {
    let secret = |row: &&SecretRow| WidgetSecret { kid: row.kid.clone(), create_time: Some(stamp(row.created_at)) };
    Widget {
        snippet: snippet(chats, &row.key),
        key: row.key,
        origins: row.origins,
        locale: row.locale,
        title: row.title,
        greeting: row.greeting,
        accent: row.accent,
        side: row.side,
        scheme: row.scheme,
        require_identity: row.require_identity,
        secrets: secrets.iter().map(secret).collect(),
    }
}

/// Channels as callers see them, widgets with their settings.
///
/// # Errors
/// Storage.
pub async fn shown(chats: &Chats, ws: WorkspaceId, rows: Vec<ChannelRow>) -> Result<Vec<Channel>, Failure> {
    let ids: Vec<ChannelId> = rows.iter().filter(|row| row.kind == "widget").map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(rows.into_iter().map(channel).collect());
    }
    let (found, secrets) = chats
        .db
        .in_workspace_id(ws, "chats.widgets", async |tx: &mut Tx| {
            Ok::<_, Failure>((widgets::widgets(tx, ws, &ids).await?, widgets::secrets(tx, ws, &ids).await?))
        })
        .await?;
    let mut found: HashMap<ChannelId, WidgetRow> = found.into_iter().map(|row| (row.channel_id, row)).collect();
    let with_widget = |row: ChannelRow| {
        let own: Vec<&SecretRow> = secrets.iter().filter(|secret| secret.channel_id == row.id).collect();
        let widget = found.remove(&row.id).map(|found| widget(chats, found, &own));
        Channel { widget, ..channel(row) }
    };
    Ok(rows.into_iter().map(with_widget).collect())
}

async fn one(chats: &Chats, ws: WorkspaceId, row: ChannelRow) -> Result<Channel, Failure> {
    shown(chats, ws, vec![row]).await?.pop().ok_or_else(Failure::not_found)
}

/// What an owner sets, without spaces around texts.
fn row_of(channel: ChannelId, assistant: AssistantId, key: String, asked: &Widget) -> WidgetRow {
    WidgetRow {
        channel_id: channel,
        assistant_id: assistant,
        key,
        origins: asked.origins.clone(),
        locale: asked.locale.clone(),
        title: asked.title.trim().to_owned(),
        greeting: asked.greeting.trim().to_owned(),
        accent: asked.accent.to_ascii_lowercase(),
        side: asked.side.clone(),
        scheme: asked.scheme.clone(),
        require_identity: asked.require_identity,
        deleted: false,
    }
}

/// Makes a widget.
///
/// # Errors
/// FIELD_INVALID for its sites.
pub async fn create(
    chats: &Chats,
    call: &Call<CreateChannelRequest>,
    assistant: AssistantId,
    status: &'static str,
) -> Result<Channel, Failure> {
    if !call.bot_token.is_empty() {
        return Err(Failure::invalid("bot_token", "belongs to kind CHANNEL_KIND_TELEGRAM"));
    }
    let asked = call.widget.clone().unwrap_or_default();
    Origins::check(&asked.origins)?;
    let ws = call.context.workspace;
    let object = |made: &Channel| format!("channel:{}", made.id);
    idempotency::once_named(&chats.db, &chats.sealer, call, "chats.make_widget", object, async |tx: &mut Tx| {
        let row = row_of(ChannelId::new(Utc::now()), assistant, fresh_key(), &asked);
        widgets::insert(tx, ws, &row, status).await?;
        let detail = serde_json::json!({"widget": row.key, "origins": row.origins});
        outbox::audit(tx, &call.context, &format!("channel:{}", row.channel_id), detail).await?;
        let made = store::find(tx, ws, row.channel_id).await?.ok_or_else(Failure::not_found)?;
        store::tell_state(tx, ws, &made).await?;
        Ok::<_, Failure>(Channel { widget: Some(widget(chats, row, &[])), ..channel(made) })
    })
    .await
}

/// Changes a widget.
///
/// # Errors
/// ETAG_MISMATCH, FIELD_INVALID, NOT_FOUND for the assistant.
pub async fn update(
    chats: &Chats,
    call: &Call<UpdateChannelRequest>,
    found: &ChannelRow,
    paths: &[String],
) -> Result<Channel, Failure> {
    let asked = call.channel.clone().unwrap_or_default();
    if !asked.bot_token.is_empty() {
        return Err(Failure::invalid("channel.bot_token", "belongs to kind CHANNEL_KIND_TELEGRAM"));
    }
    let (ws, id) = (call.context.workspace, found.id);
    let moves = moved_to(chats, call, found, paths).await?;
    let (row, key) = chats
        .db
        .in_workspace(&call.context, "chats.update_widget", async |tx: &mut Tx| {
            let now = store::lock(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            if asked.etag != "*" && asked.etag != now.etag.to_string() {
                return Err(Failure::etag_mismatch());
            }
            let before = widgets::widgets(tx, ws, &[id]).await?.pop().ok_or_else(Failure::not_found)?;
            let after = changed(before.clone(), asked.widget.as_ref(), paths);
            Origins::check(&after.origins)?;
            widgets::update(tx, ws, &after).await?;
            if let Some(to) = moves {
                store::move_to(tx, ws, id, to).await?;
            }
            let detail = serde_json::json!({"assistant_id": moves, "origins": {"before": before.origins, "after": after.origins},
                "require_identity": {"before": before.require_identity, "after": after.require_identity}});
            outbox::audit(tx, &call.context, &format!("channel:{id}"), detail).await?;
            let row = store::find(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
            store::tell_state(tx, ws, &row).await?;
            Ok::<_, Failure>((row, after.key))
        })
        .await?;
    chats.widget_pages.forget(&key);
    one(chats, ws, row).await
}

async fn moved_to(
    chats: &Chats,
    call: &Call<UpdateChannelRequest>,
    found: &ChannelRow,
    paths: &[String],
) -> Result<Option<AssistantId>, Failure> {
    let asked = call.channel.as_ref().map(|c| c.assistant_id.as_str()).unwrap_or_default();
    let Some(to) = assistant_of(asked)?.filter(|to| *to != found.assistant_id) else { return Ok(None) };
    // Asked for below an assistant that it does not belong to.
    if call.update_mask.is_none() || !paths.iter().any(|path| path == "assistant_id") {
        return Err(Failure::not_found());
    }
    call.context.sees_assistant(to)?;
    chats.plans.get(call.context.workspace, to).await?;
    Ok(Some(to))
}

/// The settings with what an update names; without a mask, what the body holds.
fn changed(before: WidgetRow, asked: Option<&Widget>, paths: &[String]) -> WidgetRow {
    let Some(asked) = asked else { return before };
    let asked = row_of(before.channel_id, before.assistant_id, before.key.clone(), asked);
    let named = |field: &str| paths.iter().any(|path| path == "widget" || path.strip_prefix("widget.") == Some(field));
    let pick = |field: &str, new: String, old: String| if named(field) { new } else { old };
    WidgetRow {
        origins: if named("origins") { asked.origins } else { before.origins },
        locale: pick("locale", asked.locale, before.locale),
        title: pick("title", asked.title, before.title),
        greeting: pick("greeting", asked.greeting, before.greeting),
        accent: pick("accent", asked.accent, before.accent),
        side: pick("side", asked.side, before.side),
        scheme: pick("scheme", asked.scheme, before.scheme),
        require_identity: if named(IDENTITY) { asked.require_identity } else { before.require_identity },
        ..asked
    }
}

/// Takes a widget off all sites; its dialogues stay.
///
/// # Errors
/// Storage.
pub async fn delete(chats: &Chats, context: &CallContext, row: ChannelRow) -> Result<Channel, Failure> {
    let (ws, id) = (context.workspace, row.id);
    if row.deleted {
        return one(chats, ws, row).await;
    }
    let (row, keys) = chats
        .db
        .in_workspace(context, "chats.delete_widget", async |tx: &mut Tx| {
            let keys: Vec<String> = widgets::widgets(tx, ws, &[id]).await?.into_iter().map(|w| w.key).collect();
            outbox::audit(tx, context, &format!("channel:{id}"), serde_json::Value::Null).await?;
            Ok::<_, Failure>((store::set_state(tx, ws, id, "not_connected", ("", "")).await?, keys))
        })
        .await?;
    for key in keys {
        chats.widget_pages.forget(&key);
    }
    one(chats, ws, row).await
}

/// Makes the next identity secret.
///
/// # Errors
/// NOT_FOUND where the channel is no widget.
pub async fn rotate(
    chats: &Chats,
    call: Call<RotateWidgetSecretRequest>,
) -> Result<RotateWidgetSecretResponse, Failure> {
    let row = visible(chats, &call.context, &call.assistant_id, &call.id).await?;
    if row.kind != "widget" || row.deleted {
        return Err(Failure::not_found());
    }
    let (ws, id) = (call.context.workspace, parse(&call.id, "id")?);
    let secret = fresh_secret();
    let object = |made: &RotateWidgetSecretResponse| format!("widget_secret:{}", made.kid);
    idempotency::once_named(&chats.db, &chats.sealer, &call, "chats.rotate_secret", object, async |tx: &mut Tx| {
        let number = widgets::next_secret(tx, ws, id).await?.ok_or_else(Failure::not_found)?;
        let kid = format!("k{number}");
        let place = seal::context("widget_secret.sealed", ws, format!("{id}:{kid}"));
        widgets::add_secret(tx, ws, id, &kid, &chats.sealer.seal_text(&place, &secret)).await?;
        let detail = serde_json::json!({"secret": kid});
        outbox::audit(tx, &call.context, &format!("channel:{id}"), detail).await?;
        let found = widgets::widgets(tx, ws, &[id]).await?.pop().ok_or_else(Failure::not_found)?;
        let secrets = widgets::secrets(tx, ws, &[id]).await?;
        let made =
            Channel { widget: Some(widget(chats, found, &secrets.iter().collect::<Vec<_>>())), ..channel(row.clone()) };
        Ok::<_, Failure>(RotateWidgetSecretResponse { kid, secret: secret.expose().clone(), channel: Some(made) })
    })
    .await
}

/// 256 random bits.
fn fresh_secret() -> Secret<String> {
    let mut bytes = [0u8; 32];
    rand::fill(&mut bytes);
    Secret::new(format!("wis_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(widget: &Widget) -> WidgetRow {
        row_of(ChannelId::new(Utc::now()), AssistantId::new(Utc::now()), "wk_1".into(), widget)
    }

    #[test]
    fn an_update_changes_what_it_names_and_never_the_key() {
        let before = row(&Widget { origins: vec!["https://a.ru".into()], title: "A".into(), ..Widget::default() });
        let asked = Widget { key: "wk_2".into(), title: " B ".into(), require_identity: true, ..Widget::default() };
        let after = changed(before.clone(), Some(&asked), &["widget.title".into()]);
        assert_eq!((after.title.as_str(), after.origins.len(), after.require_identity), ("B", 1, false));
        assert_eq!(after.key, "wk_1");
        let whole = changed(before.clone(), Some(&asked), &["widget".into()]);
        assert!(whole.origins.is_empty() && whole.require_identity);
        assert_eq!(changed(before, None, &["widget".into()]).title, "A");
        assert!(is_field("widget.origins") && !is_field("widget.key") && !is_field("widget.secrets"));
    }
}
