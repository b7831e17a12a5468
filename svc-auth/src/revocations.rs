//! What ended before its time: written with its cause, told to every process within 2 seconds.

use std::{sync::Arc, time::Duration};

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Jsonb, Text},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    Call, Failure, Stream,
    access::revocations::publish,
    db::{Db, Tx},
    redis::Redis,
};
use neipix_proto::auth::v1::{
    Heartbeat, KeyRevoked, MembershipChanged, Revocation, SessionRevoked, WatchRevocationsRequest, WorkspaceBlocked,
    revocation::What,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::Auth;

/// How often a stream says that it lives, and looks for what other replicas wrote.
const EVERY: Duration = Duration::from_millis(500);

/// Wakes the streams of this process.
#[derive(Clone, Default)]
pub struct Bell(Arc<Notify>);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Jsonb)]
    subject: Value,
}

/// Writes a revocation in the transaction of its cause.
///
/// # Errors
/// Storage.
pub async fn record(tx: &mut Tx, what: &What) -> Result<(), Failure> {
    let (kind, subject) = match what {
        What::SessionRevoked(s) => ("session", json!({"session": s.session_id})),
        What::MembershipChanged(m) => {
            ("membership", json!({"ws": m.workspace_id, "user": m.user_id, "mv": m.membership_version, "role": m.role}))
        }
        What::KeyRevoked(k) => ("key", json!({"key": k.key_id})),
        What::WorkspaceBlocked(w) => ("workspace", json!({"ws": w.workspace_id})),
        What::Heartbeat(_) => return Ok(()),
    };
    diesel::sql_query("INSERT INTO revocation (kind, subject) VALUES ($1, $2)")
        .bind::<Text, _>(kind)
        .bind::<Jsonb, _>(subject)
        .execute(tx)
        .await?;
    Ok(())
}

/// After the commit: rings the streams of this process and tells Redis. A lost Redis costs half a second, no more.
pub async fn tell(bell: &Bell, redis: &Redis, what: What) {
    bell.0.notify_waiters();
    if let Err(error) = publish(redis.pool(), &[Revocation { what: Some(what) }]).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "Redis did not take a revocation; the stream tells it"
        );
    }
}

/// All of the last 15 minutes after a row.
///
/// # Errors
/// Storage.
pub async fn since(db: &Db, after: i64) -> Result<Vec<(i64, Revocation)>, Failure> {
    let rows = db
        .platform("auth.revocations", async |tx: &mut Tx| {
            Ok::<_, Failure>(
                diesel::sql_query(
                    "SELECT id, kind, subject FROM revocation WHERE id > $1 AND at > clock_timestamp() - interval '15 minutes' \
                     ORDER BY id",
                )
                .bind::<BigInt, _>(after)
                .load::<Row>(tx)
                .await?,
            )
        })
        .await?;
    Ok(rows.into_iter().filter_map(|r| Some((r.id, Revocation { what: Some(read(&r.kind, &r.subject)?) }))).collect())
}

fn read(kind: &str, subject: &Value) -> Option<What> {
    let text = |name: &str| subject.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match kind {
        "session" => What::SessionRevoked(SessionRevoked { session_id: text("session") }),
        "membership" => What::MembershipChanged(MembershipChanged {
            workspace_id: text("ws"),
            user_id: text("user"),
            membership_version: subject.get("mv").and_then(Value::as_i64).unwrap_or(0),
            role: text("role"),
        }),
        "key" => What::KeyRevoked(KeyRevoked { key_id: text("key") }),
        "workspace" => What::WorkspaceBlocked(WorkspaceBlocked { workspace_id: text("ws") }),
        _ => return None,
    })
}

/// The stream every process holds: the last 15 minutes, then what happens, and a heartbeat every 500 ms. Rows are looked at
/// again for a while, because a lower id may commit later.
///
/// # Errors
/// Storage, for the backlog.
pub async fn watch(auth: &Auth, _call: Call<WatchRevocationsRequest>) -> Result<Stream<Revocation>, Failure> {
    let (db, bell, shutdown) = (auth.db.clone(), auth.bell.clone(), auth.shutdown.clone());
    let backlog = since(&db, 0).await?;
    let (sender, receiver) = tokio::sync::mpsc::channel(256);
    auth.tasks.spawn("auth.watch", async move {
        let mut sent: std::collections::BTreeSet<i64> = backlog.iter().map(|(id, _)| *id).collect();
        for (_, revocation) in backlog {
            if sender.send(Ok(revocation)).await.is_err() {
                return;
            }
        }
        loop {
            let rung = bell.0.notified();
            let heartbeat = Revocation { what: Some(What::Heartbeat(Heartbeat {})) };
            let after = sent.iter().next_back().map_or(0, |last| last - 200).max(0);
            match since(&db, after).await {
                Ok(rows) => {
                    for (id, revocation) in rows {
                        if sent.insert(id) && sender.send(Ok(revocation)).await.is_err() {
                            return;
                        }
                    }
                    // A heartbeat says that everything up to now was told: not while the table cannot be read.
                    if sender.send(Ok(heartbeat)).await.is_err() {
                        return;
                    }
                }
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "revocations cannot be read"),
            }
            while sent.len() > 10_000 {
                sent.pop_first();
            }
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(EVERY) => {}
                () = shutdown.wait() => return,
                () = sender.closed() => return,
            }
        }
    });
    Ok(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}
