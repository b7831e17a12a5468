//! Numbers for clients, and what is learned from other services.

use std::collections::HashMap;

use chrono::Utc;
use diesel::{
    sql_query,
    sql_types::{Array, BigInt, Bytea, Jsonb, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use futures::future::BoxFuture;
use neipix_mesh::{
    AssistantId, ChannelId, EventId, Failure, WorkspaceId,
    consumer::EventRow,
    db::{Keep as _, Tx, queued_event},
    redis::shard,
    relay::{Row, Sequencer},
};
use neipix_proto::{
    assistants::events::v1::{AssistantChanged, FileStatusChanged},
    billing::events::v1::WalletChanged,
    chats::events::v1::{ChannelStateChanged, ConversationChanged, MessageChanged, TurnChanged},
};
use prost::Message as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Chats, channels::store as channels, live::Hub};

/// An event as clients will see it.
#[derive(Debug, PartialEq)]
struct Numbered {
    workspace: WorkspaceId,
    kind: String,
    object: Uuid,
    extra: Value,
}

/// What an outbox row tells clients; none for what they never see.
fn numbered(row: &Row) -> Option<Numbered> {
    let payload = row.payload.as_slice();
    let kind = row.kind.clone();
    let id = |text: &str| text.parse::<Uuid>().ok();
    let (object, extra) = match row.kind.split_once('.')?.0 {
        "conversation" | "handler" => {
            let event = ConversationChanged::decode(payload).ok()?;
            (id(&event.conversation_id)?, json!({}))
        }
        "message" => {
            let event = MessageChanged::decode(payload).ok()?;
            (id(&event.message_id)?, json!({"conversation_id": event.conversation_id}))
        }
        "turn" => {
            let event = TurnChanged::decode(payload).ok()?;
            (id(&event.turn_id)?, json!({"conversation_id": event.conversation_id}))
        }
        "channel" => {
            let event = ChannelStateChanged::decode(payload).ok()?;
            (id(&event.channel_id)?, json!({"assistant_id": event.assistant_id}))
        }
        "wallet" => {
            let event = WalletChanged::decode(payload).ok()?;
            let extra = json!({"available": event.available_micro_pix, "held": event.held_micro_pix});
            (row.workspace_id.0, extra)
        }
        "file" => {
            let event = FileStatusChanged::decode(payload).ok()?;
            let extra = json!({"assistant_id": event.assistant_id, "status": event.status, "reason": event.reason});
            (id(&event.file_id)?, extra)
        }
        "assistant" => {
            let event = AssistantChanged::decode(payload).ok()?;
            (id(&event.assistant_id)?, json!({"assistant_id": event.assistant_id, "status": event.status}))
        }
        _ => return None,
    };
    Some(Numbered { workspace: row.workspace_id, kind, object, extra })
}

/// Numbers this service's outbox, in the order of commits.
pub struct Numbers(pub Hub);

impl Sequencer for Numbers {
    fn sequence<'a>(&'a self, tx: &'a mut Tx, rows: &'a [Row]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let events: Vec<Numbered> = rows.iter().filter_map(numbered).collect();
            if events.is_empty() { Ok(()) } else { write(tx, events).await }
        })
    }

    fn committed(&self, workspace: WorkspaceId) {
        self.0.numbered(workspace);
    }
}

/// The database's function goes from workspace to workspace. One writer per workspace: whoever has the head's lock.
async fn write(tx: &mut Tx, events: Vec<Numbered>) -> Result<(), Failure> {
    const NUMBER: &str = "SELECT number_events($1, $2, $3, $4, $5)";
    let now = Utc::now();
    tx.last(NUMBER);
    sql_query(NUMBER)
        .bind::<Array<SqlUuid>, _>(events.iter().map(|e| e.workspace).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(events.iter().map(|_| EventId::new(now).0).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(events.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(events.iter().map(|e| e.object).collect::<Vec<_>>())
        .bind::<Array<Jsonb>, _>(events.iter().map(|e| e.extra.clone()).collect::<Vec<_>>())
        .kept()
        .execute(tx)
        .await?;
    Ok(())
}

/// Another service's event, as it is put in line.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The event.
    pub id: EventId,
    /// Its kind.
    pub kind: &'a str,
    /// Its object's version.
    pub version: i64,
    /// Its message.
    pub payload: &'a [u8],
}

impl<'a> From<&'a EventRow> for Heard<'a> {
    fn from(row: &'a EventRow) -> Self {
        Self {
            workspace: row.workspace,
            id: row.event_id,
            kind: &row.kind,
            version: row.object_version,
            payload: &row.payload,
        }
    }
}

/// Puts other services' events in line with this service's own, to be numbered only: they are published already.
///
/// # Errors
/// Storage.
pub async fn line_up(tx: &mut Tx, events: &[Heard<'_>]) -> Result<(), Failure> {
    sql_query(
        "INSERT INTO outbox (workspace_id, shard, event_id, kind, object_version, payload, published_at, acked_at) \
         SELECT e.ws, e.shard, e.id, e.kind, e.version, e.payload, clock_timestamp(), clock_timestamp() \
         FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::text[], $5::bigint[], $6::bytea[]) \
         WITH ORDINALITY AS e (ws, shard, id, kind, version, payload, n) ORDER BY e.n",
    )
    .bind::<Array<SqlUuid>, _>(events.iter().map(|e| e.workspace).collect::<Vec<_>>())
    .bind::<Array<SmallInt>, _>(events.iter().map(|e| i16::from(shard(e.workspace))).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(events.iter().map(|e| e.id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(events.iter().map(|e| e.kind).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(events.iter().map(|e| e.version).collect::<Vec<_>>())
    .bind::<Array<Bytea>, _>(events.iter().map(|e| e.payload).collect::<Vec<_>>())
    .kept()
    .execute(tx)
    .await?;
    queued_event();
    Ok(())
}

/// `assistant.*`: its built-in channel is made with it, its status noted, its plan asked for anew.
///
/// # Errors
/// Storage; an event that cannot be read.
pub async fn assistant_changed(chats: &Chats, tx: &mut Tx, event: &EventRow) -> Result<(), Failure> {
    let changed = AssistantChanged::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let assistant: AssistantId = changed.assistant_id.parse().map_err(Failure::internal)?;
    let ws = event.workspace;
    channels::make_api_channel(tx, ws, assistant, ChannelId::new(Utc::now()), &changed.status).await?;
    channels::set_status(tx, ws, assistant, &changed.status).await?;
    chats.plans.forget(ws, assistant);
    line_up(tx, &[event.into()]).await
}

/// Kinds that other services tell, by service.
#[must_use]
pub fn consumed() -> HashMap<&'static str, &'static [&'static str]> {
    HashMap::from([
        (
            "svc-assistants",
            &[
                "assistant.created",
                "assistant.updated",
                "assistant.published",
                "assistant.paused",
                "assistant.archived",
                "file.status_changed",
            ][..],
        ),
        ("svc-billing", &["wallet.opened", "wallet.changed"][..]),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &str, payload: Vec<u8>) -> Row {
        Row {
            id: 1,
            workspace_id: WorkspaceId::PLATFORM,
            shard: 0,
            event_id: EventId::new(Utc::now()),
            kind: kind.to_owned(),
            object_version: 1,
            payload,
            traceparent: String::new(),
            published: false,
        }
    }

    #[test]
    fn clients_see_dialogues_money_and_files_but_no_audit() {
        let id = Uuid::now_v7();
        let turn = TurnChanged { conversation_id: "c".to_owned(), turn_id: id.to_string() }.encode_to_vec();
        assert_eq!(numbered(&row("turn.started", turn)).unwrap().object, id);
        let wallet = WalletChanged { available_micro_pix: 7, held_micro_pix: 1 }.encode_to_vec();
        assert_eq!(numbered(&row("wallet.changed", wallet)).unwrap().extra, json!({"available": 7, "held": 1}));
        assert_eq!(numbered(&row("audit.recorded", vec![])), None);
        assert_eq!(numbered(&row("turn.started", b"\xff\xff".to_vec())), None, "what cannot be read is left out");
    }
}
