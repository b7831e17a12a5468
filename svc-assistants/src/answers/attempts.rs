//! The log of attempts: written in batches beside the turn, for operations. The turn's own record lies in svc-chats.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use neipix_mesh::{
    AttemptId, Failure, ProviderId, TurnId,
    db::{Db, Tx},
    shutdown::Shutdown,
    tasks::Tasks,
};
use neipix_proto::assistants::v1::Usage;
use tokio::sync::mpsc;

use crate::schema::provider_attempt;

/// Attempts that wait for the next batch; beyond, they are counted and dropped: a log must not stop a turn.
const WAITING_MAX: usize = 4_096;
/// Rows of one statement.
const BATCH: usize = 200;
/// How long a row waits for company.
const PAUSE: Duration = Duration::from_millis(300);

/// One attempt.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = provider_attempt)]
pub struct Attempt {
    /// The attempt.
    pub id: AttemptId,
    /// The turn.
    pub turn_id: TurnId,
    /// The lease's epoch.
    pub epoch: i64,
    /// Who was asked.
    pub provider_id: ProviderId,
    /// For what.
    pub model: String,
    /// Kind of failure; empty = it went well.
    pub error: String,
    /// The provider's words, masked.
    pub detail: String,
    /// Milliseconds; 0 = none came.
    pub first_token_ms: i32,
    /// Milliseconds.
    pub total_ms: i32,
    /// Tokens.
    pub input_tokens: i64,
    /// Tokens.
    pub cached_input_tokens: i64,
    /// Tokens.
    pub cache_write_tokens: i64,
    /// Tokens.
    pub output_tokens: i64,
    /// Counted by us.
    pub estimated: bool,
}

impl Attempt {
    /// The same with what it used.
    #[must_use]
    pub fn with_usage(mut self, usage: &Usage) -> Self {
        self.input_tokens = usage.input_tokens;
        self.cached_input_tokens = usage.cached_input_tokens;
        self.cache_write_tokens = usage.cache_write_tokens;
        self.output_tokens = usage.output_tokens;
        self.estimated = usage.estimated;
        self
    }
}

/// Where attempts are told. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Log(mpsc::Sender<Attempt>);

impl Log {
    /// Starts the writer.
    #[must_use]
    pub fn start(db: &Db, tasks: &Tasks, shutdown: &Shutdown) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (db, shutdown) = (db.clone(), shutdown.clone());
        tasks.spawn("attempts", write(db, receiver, shutdown));
        Self(sender)
    }

    /// Tells one.
    pub fn tell(&self, attempt: Attempt) {
        let outcome = if attempt.error.is_empty() { "good".to_owned() } else { attempt.error.clone() };
        metrics::counter!("neipix_provider_attempts_total", "outcome" => outcome).increment(1);
        if self.0.try_send(attempt).is_err() {
            metrics::counter!("neipix_provider_attempts_dropped_total").increment(1);
        }
    }
}

async fn write(db: Db, mut receiver: mpsc::Receiver<Attempt>, shutdown: Shutdown) {
    let mut batch: Vec<Attempt> = vec![];
    loop {
        let got = tokio::select! {
            got = receiver.recv_many(&mut batch, BATCH) => got,
            () = shutdown.wait() => 0,
        };
        if got > 0 && batch.len() < BATCH {
            shutdown.sleep(PAUSE).await;
            while batch.len() < BATCH
                && let Ok(more) = receiver.try_recv()
            {
                batch.push(more);
            }
        }
        // What came until the end of shutting down is written too.
        while let Ok(more) = receiver.try_recv() {
            batch.push(more);
        }
        flush(&db, &mut batch).await;
        if got == 0 {
            return;
        }
    }
}

async fn flush(db: &Db, batch: &mut Vec<Attempt>) {
    for rows in batch.chunks(BATCH) {
        let written = db
            .platform("attempts.write", async |tx: &mut Tx| {
                diesel::insert_into(provider_attempt::table).values(rows).on_conflict_do_nothing().execute(tx).await?;
                Ok::<_, Failure>(())
            })
            .await;
        if let Err(error) = written {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                rows = rows.len(),
                "attempts were not written down"
            );
        }
    }
    batch.clear();
}
