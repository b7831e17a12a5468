//! Numbered events: svc-chats' own and those of others that screens need. One writer per workspace, outside the business
//! transaction: nothing commits behind a number that was seen.

use chrono::Utc;
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Jsonb, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use futures::future::BoxFuture;
use neipix_mesh::{
    EventId, Failure, WorkspaceId,
    consumer::{Consumer, EventRow},
    db::Tx,
    outbox::{self, Event},
    relay::{Row, Sequencer},
    service::Parts,
};
use neipix_proto::{
    assistants::events::v1::{AssistantChanged, FileStatusChanged},
    billing::events::v1::WalletChanged,
    chats::events::v1::{ChannelStateChanged, ConversationChanged, MessageChanged, TurnChanged},
};
use prost::Message as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    channels,
    hub::{Hub, Live},
};

/// Gives numbers.
pub struct Numbers(pub Hub);

impl Sequencer for Numbers {
    fn sequence<'a>(
        &'a self,
        tx: &'a mut Tx,
        workspace: WorkspaceId,
        rows: &'a [Row],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for row in rows {
                if let Some((kind, object, extra)) = shown(row) {
                    number(tx, workspace, kind, object, &extra).await?;
                }
            }
            Ok(())
        })
    }

    fn committed(&self, workspace: WorkspaceId) {
        self.0.tell(workspace, Live::Events);
    }
}

async fn number(tx: &mut Tx, ws: WorkspaceId, kind: &str, object: Option<Uuid>, extra: &Value) -> Result<(), Failure> {
    diesel::sql_query(
        "WITH head AS (INSERT INTO event_head (workspace_id, last_seq) VALUES ($1, 1) ON CONFLICT (workspace_id) \
         DO UPDATE SET last_seq = event_head.last_seq + 1 RETURNING last_seq) \
         INSERT INTO event (workspace_id, id, seq, kind, object_id, extra) SELECT $1, $2, last_seq, $3, $4, $5 FROM head",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(EventId::new(Utc::now()))
    .bind::<Text, _>(kind)
    .bind::<Nullable<SqlUuid>, _>(object)
    .bind::<Jsonb, _>(extra)
    .execute(tx)
    .await?;
    Ok(())
}

/// What screens see of an outbox row; none for what is not theirs.
fn shown(row: &Row) -> Option<(&str, Option<Uuid>, Value)> {
    let bytes = row.payload.as_slice();
    let id = |text: String| text.parse::<Uuid>().ok();
    Some(match row.kind.split('.').next()? {
        "conversation" | "handler" => {
            (&row.kind, id(ConversationChanged::decode(bytes).ok()?.conversation_id), json!({}))
        }
        "message" => (&row.kind, id(MessageChanged::decode(bytes).ok()?.message_id), json!({})),
        "turn" => (&row.kind, id(TurnChanged::decode(bytes).ok()?.turn_id), json!({})),
        "channel" => (&row.kind, id(ChannelStateChanged::decode(bytes).ok()?.channel_id), json!({})),
        // What others told is kept whole: it holds ids and sums only.
        "shown" => {
            let told: Value = serde_json::from_slice(&relayed(bytes)?).ok()?;
            let kind = told.get("kind")?.as_str()?.to_owned();
            return numbered_as(row, kind, told);
        }
        _ => return None,
    })
}

/// Kinds of others travel through our own outbox, so that one writer numbers all.
fn numbered_as(_row: &Row, kind: String, told: Value) -> Option<(&'static str, Option<Uuid>, Value)> {
    const KINDS: &[&str] = &[
        "wallet.opened",
        "wallet.changed",
        "file.status_changed",
        "assistant.created",
        "assistant.updated",
        "assistant.published",
        "assistant.paused",
        "assistant.archived",
    ];
    let kind = KINDS.iter().find(|k| **k == kind)?;
    Some((kind, None, told))
}

/// The JSON inside a relayed event.
fn relayed(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(TurnChanged::decode(bytes).ok()?.turn_id.into_bytes())
}

async fn relay(tx: &mut Tx, ws: WorkspaceId, told: Value) -> Result<(), Failure> {
    // A message of one text field carries the JSON; only this service reads it back.
    let payload = TurnChanged { conversation_id: String::new(), turn_id: told.to_string() };
    outbox::push(tx, Event { workspace: ws, kind: "shown.event", object_version: 1, payload: &payload }).await?;
    Ok(())
}

/// The consumer of others' events.
pub fn consumer(parts: &Parts) -> Consumer {
    let mut consumer = Consumer::new(parts.db.clone(), parts.redis.clone(), parts.mesh.clone(), crate::NAME);
    for kind in ["wallet.opened", "wallet.changed"] {
        consumer = consumer.on("svc-billing", kind, |tx, event| Box::pin(wallet(tx, event)));
    }
    for kind in
        ["assistant.created", "assistant.updated", "assistant.published", "assistant.paused", "assistant.archived"]
    {
        consumer = consumer.on("svc-assistants", kind, |tx, event| Box::pin(assistant(tx, event)));
    }
    consumer.on("svc-assistants", "file.status_changed", |tx, event| Box::pin(file(tx, event)))
}

async fn wallet(tx: &mut Tx, event: &EventRow) -> Result<(), Failure> {
    let told = WalletChanged::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let told = json!({"kind": event.kind, "available": told.available_micro_pix, "held": told.held_micro_pix});
    relay(tx, event.workspace, told).await
}

async fn assistant(tx: &mut Tx, event: &EventRow) -> Result<(), Failure> {
    let told = AssistantChanged::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let id = told.assistant_id.parse().map_err(Failure::internal)?;
    channels::store::keep_api(tx, event.workspace, id, &told.status, event.object_version).await?;
    let told = json!({"kind": event.kind, "assistant_id": told.assistant_id, "status": told.status});
    relay(tx, event.workspace, told).await
}

async fn file(tx: &mut Tx, event: &EventRow) -> Result<(), Failure> {
    let told = FileStatusChanged::decode(event.payload.as_slice()).map_err(Failure::internal)?;
    let told = json!({"kind": event.kind, "assistant_id": told.assistant_id, "file_id": told.file_id,
                      "status": told.status, "reason": told.reason});
    relay(tx, event.workspace, told).await
}

/// A numbered event.
#[derive(Debug, Clone, QueryableByName)]
pub struct Numbered {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    /// Its kind.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Its object.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub object_id: Option<Uuid>,
    /// Ids and sums of others' events.
    #[diesel(sql_type = Jsonb)]
    pub extra: Value,
    /// When.
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    pub at: chrono::DateTime<Utc>,
}

/// Events after a number, at most 200.
///
/// # Errors
/// Storage.
pub async fn after(tx: &mut Tx, ws: WorkspaceId, seq: i64) -> Result<Vec<Numbered>, Failure> {
    Ok(diesel::sql_query(
        "SELECT seq, kind, object_id, extra, at FROM event WHERE workspace_id = $1 AND seq > $2 ORDER BY seq LIMIT 200",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<BigInt, _>(seq)
    .load(tx)
    .await?)
}

/// First and last number that are there.
///
/// # Errors
/// Storage.
pub async fn range(tx: &mut Tx, ws: WorkspaceId) -> Result<(i64, i64), Failure> {
    #[derive(QueryableByName)]
    struct Ends {
        #[diesel(sql_type = BigInt)]
        first: i64,
        #[diesel(sql_type = BigInt)]
        last: i64,
    }
    let row: Ends = diesel::sql_query(
        "SELECT coalesce((SELECT seq FROM event WHERE workspace_id = $1 ORDER BY seq LIMIT 1), 1) AS first, \
         coalesce((SELECT last_seq FROM event_head WHERE workspace_id = $1), 0) AS last",
    )
    .bind::<SqlUuid, _>(ws)
    .get_result(tx)
    .await?;
    Ok((row.first, row.last))
}
