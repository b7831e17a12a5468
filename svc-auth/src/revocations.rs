//! What ended before its time: written with its cause, told to every process within 2 seconds.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

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
use tokio::sync::{Notify, mpsc, watch};

use crate::Auth;

/// How often streams say that they live, and what other replicas wrote is looked for.
const EVERY: Duration = Duration::from_millis(500);
/// So many rows before the last one may still be on their way to their commit.
const LATE_ROWS: i64 = 200;

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
    if let Err(error) = publish(redis, &[Revocation { what: Some(what) }]).await {
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

/// What one look at the table found. All streams of a process share it.
struct Look {
    /// Rows after this one.
    after: i64,
    /// The last row that any look found.
    last: i64,
    rows: Vec<(i64, Revocation)>,
    /// When it was told to the streams.
    at: Instant,
}

/// Where the streams of this process see the last look that succeeded.
#[derive(Clone)]
pub struct Looks(watch::Sender<Option<Arc<Look>>>);

impl Default for Looks {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

/// Looks at the table for all streams, every 500 ms and when the bell rings. Rows are looked at again for a while, because a
/// lower id may commit later.
pub async fn look(auth: Auth) {
    let mut last = 0;
    loop {
        let rung = auth.bell.0.notified();
        let after = (last - LATE_ROWS).max(0);
        match since(&auth.db, after).await {
            Ok(rows) => {
                last = rows.last().map_or(last, |(id, _)| *id);
                auth.looks.0.send_replace(Some(Arc::new(Look { after, last, rows, at: Instant::now() })));
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "revocations cannot be read"),
        }
        tokio::select! {
            () = rung => {}
            () = tokio::time::sleep(EVERY) => {}
            () = auth.shutdown.wait() => return,
        }
    }
}

/// The stream every process holds: the last 15 minutes, then what happens, and a heartbeat with each look.
///
/// # Errors
/// Storage, for the backlog.
pub async fn watch(auth: &Auth, _call: Call<WatchRevocationsRequest>) -> Result<Stream<Revocation>, Failure> {
    let (db, shutdown, mut looks) = (auth.db.clone(), auth.shutdown.clone(), auth.looks.0.subscribe());
    let backlog = since(&db, 0).await?;
    let (sender, receiver) = mpsc::channel(256);
    auth.tasks.spawn("auth.watch", async move {
        let mut sent = BTreeSet::new();
        let mut reached = backlog.last().map_or(0, |(id, _)| *id);
        let mut told = send(&sender, &mut sent, [&backlog, &[]]).await;
        while told.is_ok() {
            tokio::select! {
                changed = looks.changed() => if changed.is_err() { return },
                () = shutdown.wait() => return,
                () = sender.closed() => return,
            }
            // A slow reader may have kept this stream from an older look: its heartbeat would promise too much.
            let Some(look) = looks.borrow_and_update().clone().filter(|look| look.at.elapsed() < 2 * EVERY) else {
                continue;
            };
            let Some(missed) = missed(&db, reached, &look).await else { continue };
            told = send(&sender, &mut sent, [&missed, &look.rows]).await;
            reached = reached.max(look.last);
            while sent.len() > 10_000 {
                sent.pop_first();
            }
        }
    });
    Ok(Box::pin(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}

/// Rows between what a stream has reached and where a look begins: it may have been slow for several looks. None = they
/// cannot be read.
async fn missed(db: &Db, reached: i64, look: &Look) -> Option<Vec<(i64, Revocation)>> {
    if look.after <= reached {
        return Some(vec![]);
    }
    match since(db, (reached - LATE_ROWS).max(0)).await {
        Ok(rows) => Some(rows),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "revocations cannot be read");
            None
        }
    }
}

/// Sends what was not sent yet, and a heartbeat: everything up to now was told. An error = nobody listens.
async fn send(
    sender: &mpsc::Sender<Result<Revocation, Failure>>,
    sent: &mut BTreeSet<i64>,
    rows: [&[(i64, Revocation)]; 2],
) -> Result<(), ()> {
    for (id, revocation) in rows.into_iter().flatten() {
        if sent.insert(*id) {
            sender.send(Ok(revocation.clone())).await.map_err(drop)?;
        }
    }
    let heartbeat = Revocation { what: Some(What::Heartbeat(Heartbeat {})) };
    sender.send(Ok(heartbeat)).await.map_err(drop)
}
