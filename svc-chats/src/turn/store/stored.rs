//! `answering → stored`: answers into their tables, in one statement.

use diesel::{
    sql_query,
    sql_types::{Array, BigInt, Bool, Bytea, Integer, Jsonb, Nullable, SmallInt, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    ChannelId, ConversationId, Failure, MessageId, TurnId, WorkspaceId,
    db::{Keep as _, Tx, queued_event, queued_job},
    redis::shard,
};
use uuid::Uuid;

use super::Place;
use crate::{delivery::Part, outbox::Events};

/// A try at a provider, as it is kept.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// Its id.
    pub id: Uuid,
    /// Provider's name.
    pub provider: String,
    /// Price list key; empty = free.
    pub model: String,
    /// Tokens read, read from a cache, written to one, made.
    pub tokens: [i64; 4],
    /// Counted by us.
    pub estimated: bool,
    /// Whether the customer pays for it.
    pub charged: bool,
    /// The price that held.
    pub price: Option<Uuid>,
    /// Kind of failure; empty = none.
    pub error: String,
    /// Milliseconds to the first token.
    pub first_token_ms: i32,
    /// Milliseconds in all.
    pub total_ms: i32,
}

/// What `store` writes of one answer.
#[derive(Debug)]
pub struct Stored {
    /// Its tenant.
    pub workspace: WorkspaceId,
    /// The dialogue.
    pub conversation: ConversationId,
    /// Its channel.
    pub channel: ChannelId,
    /// The turn.
    pub turn: TurnId,
    /// This worker's number.
    pub epoch: i64,
    /// The period that the turn was started in.
    pub handler_epoch: i64,
    /// The answer's message.
    pub message: MessageId,
    /// Its text.
    pub text: String,
    /// Where it comes from.
    pub citations: serde_json::Value,
    /// All tries.
    pub attempts: Vec<Attempt>,
    /// Parts that the channel delivers; none where it reads.
    pub parts: Vec<Part>,
    /// What its explanation needs.
    pub record: Vec<u8>,
}

const STORE: &str = "SELECT place FROM store_answers($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
                     $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33) AS place";

/// `answering → stored`, of turns of any workspaces: messages, attempts, deliveries, events; the claim where there is none yet.
/// A transaction of its own. Answers in their order: false where a turn is not this worker's any more, or somebody took over.
///
/// # Errors
/// Storage.
pub async fn store(tx: &mut Tx, answers: &[Stored]) -> Result<Vec<bool>, Failure> {
    let (mut messages, mut turns) = (Events::default(), Events::default());
    for one in answers {
        messages.message("message.created", one.conversation, one.message);
        turns.turn("turn.stored", one.conversation, one.turn, one.epoch);
    }
    let numbered = || (1_i64..).zip(answers);
    let tries = numbered().flat_map(|(n, one)| one.attempts.iter().map(move |a| (n, a))).collect::<Vec<_>>();
    let parts = numbered().flat_map(|(n, one)| one.parts.iter().map(move |p| (n, p))).collect::<Vec<_>>();
    let tokens = |kind: usize| tries.iter().map(|(_, a)| a.tokens[kind]).collect::<Vec<i64>>();
    let rows = sql_query(STORE)
        .bind::<Array<SqlUuid>, _>(answers.iter().map(|a| a.workspace).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(answers.iter().map(|a| a.conversation).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(answers.iter().map(|a| a.channel).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(answers.iter().map(|a| a.turn).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(answers.iter().map(|a| a.epoch).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(answers.iter().map(|a| a.handler_epoch).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(answers.iter().map(|a| a.message).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(answers.iter().map(|a| a.text.as_str()).collect::<Vec<_>>())
        .bind::<Array<Jsonb>, _>(answers.iter().map(|a| &a.citations).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(tries.iter().map(|(n, _)| *n).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(tries.iter().map(|(_, a)| a.id).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tries.iter().map(|(_, a)| a.provider.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tries.iter().map(|(_, a)| a.model.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(tokens(0))
        .bind::<Array<BigInt>, _>(tokens(1))
        .bind::<Array<BigInt>, _>(tokens(2))
        .bind::<Array<BigInt>, _>(tokens(3))
        .bind::<Array<Bool>, _>(tries.iter().map(|(_, a)| a.estimated).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(tries.iter().map(|(_, a)| a.charged).collect::<Vec<_>>())
        .bind::<Array<Nullable<SqlUuid>>, _>(tries.iter().map(|(_, a)| a.price).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tries.iter().map(|(_, a)| a.error.as_str()).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(tries.iter().map(|(_, a)| a.first_token_ms).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(tries.iter().map(|(_, a)| a.total_ms).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(parts.iter().map(|(n, _)| *n).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(parts.iter().map(|(_, p)| p.id).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(parts.iter().map(|(_, p)| p.text.as_str()).collect::<Vec<_>>())
        .bind::<Array<Jsonb>, _>(parts.iter().map(|(_, p)| &p.entities).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(answers.iter().map(|a| i16::from(shard(a.workspace))).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(&messages.ids)
        .bind::<Array<Bytea>, _>(&messages.payloads)
        .bind::<Array<SqlUuid>, _>(&turns.ids)
        .bind::<Array<Bytea>, _>(&turns.payloads)
        .bind::<Array<Bytea>, _>(answers.iter().map(|a| a.record.as_slice()).collect::<Vec<_>>())
        .kept()
        .load(tx)
        .await?;
    let stored = Place::among(rows, answers.len());
    if stored.contains(&true) {
        queued_event();
    }
    if answers.iter().zip(&stored).any(|(answer, stored)| *stored && !answer.parts.is_empty()) {
        queued_job();
    }
    Ok(stored)
}
