//! The note that turns are paid: many of them in one statement.

use std::collections::HashMap;

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bool, Bytea, Nullable, SmallInt, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ConversationId, Failure, TurnId, WorkspaceId,
    db::{Keep as _, Tx, queued_event, queued_job},
    redis::shard,
};

use crate::outbox::Events;

/// A turn that billing has settled.
#[derive(Debug, Clone, Copy)]
pub struct Note {
    /// Its tenant.
    pub workspace: WorkspaceId,
    /// Its dialogue.
    pub conversation: ConversationId,
    /// The turn.
    pub turn: TurnId,
    /// Its worker's number.
    pub epoch: i64,
    /// What it cost.
    pub cost_micro_pix: i64,
    /// Whether nothing of its answer is on its way.
    pub delivered: bool,
}

/// What came of a note.
#[derive(Debug, Clone, Copy)]
pub struct Settled {
    /// False where the turn is not this worker's any more.
    pub done: bool,
    /// The turn that waited for this one and is due.
    pub next: Option<TurnId>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    settled: TurnId,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    next: Option<TurnId>,
}

const SETTLE: &str = "SELECT settled, next FROM settle_turns($1, $2, $3, $4, $5, $6, $7, $8)";

/// `stored → settled` of turns of any workspaces, and on to `delivered` where nothing is on its way. The transaction's last
/// statement, or one by itself. Answers in their order.
///
/// # Errors
/// Storage.
pub async fn settle(tx: &mut Tx, notes: &[Note]) -> Result<Vec<Settled>, Failure> {
    let mut events = Events::default();
    for note in notes {
        events.turn("turn.settled", note.conversation, note.turn, note.epoch);
    }
    tx.last(SETTLE);
    let rows: Vec<Row> = sql_query(SETTLE)
        .bind::<Array<SqlUuid>, _>(notes.iter().map(|n| n.workspace).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(notes.iter().map(|n| n.turn).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(notes.iter().map(|n| n.epoch).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(notes.iter().map(|n| n.cost_micro_pix).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(notes.iter().map(|n| n.delivered).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(notes.iter().map(|n| i16::from(shard(n.workspace))).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(&events.ids)
        .bind::<Array<Bytea>, _>(&events.payloads)
        .kept()
        .load(tx)
        .await?;
    if !rows.is_empty() {
        queued_event();
    }
    if rows.iter().any(|row| row.next.is_some()) {
        queued_job();
    }
    let next = rows.into_iter().map(|row| (row.settled, row.next)).collect::<HashMap<_, _>>();
    let settled =
        |note: &Note| Settled { done: next.contains_key(&note.turn), next: next.get(&note.turn).copied().flatten() };
    Ok(notes.iter().map(settled).collect())
}
