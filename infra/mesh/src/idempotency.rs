//! Idempotency keys: the same call twice is one effect and one answer.
//!
//! The record is written in the transaction of the effect, in the service's own database. Scope: workspace, principal, rpc
//! and key. Only a committed effect is kept; a refusal is not.

use std::time::Duration;

use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{BigInt, Bool, Bytea, Float8, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_proto::access::v1::ErrorReason;
use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::{
    context::{Call, CallContext},
    db::{Db, Keep as _, Tx, TxBody},
    failure::Failure,
    ids::WorkspaceId,
    jobs::JobEnd,
    seal::Sealer,
};

/// The job that forgets a workspace's old records. Nothing is swept across workspaces: that would read nothing.
pub(crate) const SWEEP: &str = "idempotency.sweep";
/// Records forgotten in one transaction.
const SWEEP_MOST: i64 = 1_000;

#[derive(QueryableByName)]
struct Record {
    #[diesel(sql_type = Bytea)]
    body_hash: Vec<u8>,
    #[diesel(sql_type = Nullable<Bytea>)]
    sealed_answer: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    object: String,
}

/// Runs a handler's transaction once for its idempotency key; without a key it is a plain transaction.
///
/// Where the rpc's answer holds a secret, a repeat answers ALREADY_DONE and names the object that `object_of` reads from
/// the first answer.
///
/// # Errors
/// The body's; IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, ALREADY_DONE.
pub async fn once<Q, A, F>(db: &Db, sealer: &Sealer, call: &Call<Q>, name: &'static str, body: F) -> Result<A, Failure>
where
    Q: Send + Sync,
    A: Message + Default,
    F: for<'r> AsyncFn(&'r mut Tx) -> Result<A, Failure>
        + for<'r> TxBody<&'r mut Tx, Result<A, Failure>, Fut: Send>
        + Send
        + Sync,
{
    once_named(db, sealer, call, name, |_| String::new(), body).await
}

/// The same, where a repeat must name what the first call made.
///
/// # Errors
/// As `once`.
pub async fn once_named<Q, A, N, F>(
    db: &Db,
    sealer: &Sealer,
    call: &Call<Q>,
    name: &'static str,
    object_of: N,
    body: F,
) -> Result<A, Failure>
where
    Q: Send + Sync,
    A: Message + Default,
    N: Fn(&A) -> String + Send + Sync,
    F: for<'r> AsyncFn(&'r mut Tx) -> Result<A, Failure>
        + for<'r> TxBody<&'r mut Tx, Result<A, Failure>, Fut: Send>
        + Send
        + Sync,
{
    let context = call.context.as_ref();
    let key = context.idempotency_key.as_deref().filter(|_| context.method.takes_idempotency_key());
    let Some(key) = key else { return db.in_workspace(context, name, body).await };
    let scope = Scope::of(context, key);
    let body = &body;
    db.in_workspace(context, name, async |tx: &mut Tx| {
        if !scope.lock(tx).await? {
            return Err(Failure::new(
                ErrorReason::IdempotencyInProgress,
                "the same call runs right now; repeat it in a moment",
            ));
        }
        if let Some(record) = scope.find(tx).await? {
            return scope.repeat(sealer, record);
        }
        let answer = body(tx).await?;
        scope.keep(tx, sealer, &answer, object_of(&answer)).await?;
        Ok(answer)
    })
    .await
}

struct Scope<'a> {
    context: &'a CallContext,
    principal: String,
    key: &'a str,
    hash: [u8; 32],
}

impl<'a> Scope<'a> {
    fn of(context: &'a CallContext, key: &'a str) -> Self {
        Self { context, principal: context.actor(), key, hash: Sha256::digest(&context.body).into() }
    }

    fn seal_context(&self) -> String {
        format!(
            "idempotency_record:{}:{}:{}:{}",
            self.context.workspace, self.principal, self.context.method.name, self.key
        )
    }

    /// One call with this key at a time; the lock ends with the transaction.
    async fn lock(&self, tx: &mut Tx) -> Result<bool, Failure> {
        #[derive(QueryableByName)]
        struct Got {
            #[diesel(sql_type = Bool)]
            got: bool,
        }
        let row: Got = diesel::sql_query("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS got")
            .bind::<Text, _>(self.seal_context())
            .kept()
            .get_result(tx)
            .await?;
        Ok(row.got)
    }

    async fn find(&self, tx: &mut Tx) -> Result<Option<Record>, Failure> {
        Ok(diesel::sql_query(
            "SELECT body_hash, sealed_answer, object FROM idempotency_record WHERE workspace_id = $1 AND principal = $2 \
             AND rpc = $3 AND key = $4 AND expires_at > clock_timestamp()",
        )
        .bind::<SqlUuid, _>(self.context.workspace)
        .bind::<Text, _>(&self.principal)
        .bind::<Text, _>(&self.context.method.name)
        .bind::<Text, _>(self.key)
        .kept()
        .get_result(tx)
        .await
        .optional()?)
    }

    fn repeat<A: Message + Default>(&self, sealer: &Sealer, record: Record) -> Result<A, Failure> {
        if record.body_hash != self.hash {
            return Err(Failure::new(
                ErrorReason::IdempotencyKeyReused,
                "this Idempotency-Key was used with another body: take a fresh key for another call",
            ));
        }
        let Some(sealed) = record.sealed_answer else {
            return Err(Failure::new(ErrorReason::AlreadyDone, "this was done before; its secret was shown then")
                .with_object(record.object));
        };
        let plain = sealer.open(&self.seal_context(), &sealed).map_err(Failure::internal)?;
        A::decode(plain.expose().as_slice()).map_err(Failure::internal)
    }

    async fn keep<A: Message>(&self, tx: &mut Tx, sealer: &Sealer, answer: &A, object: String) -> Result<(), Failure> {
        let sealed =
            (!self.context.method.answers_secret).then(|| sealer.seal(&self.seal_context(), &answer.encode_to_vec()));
        diesel::sql_query(KEEP)
            .bind::<SqlUuid, _>(self.context.workspace)
            .bind::<Text, _>(&self.principal)
            .bind::<Text, _>(&self.context.method.name)
            .bind::<Text, _>(self.key)
            .bind::<Bytea, _>(self.hash.to_vec())
            .bind::<Nullable<Bytea>, _>(sealed)
            .bind::<Text, _>(object)
            .bind::<Text, _>(SWEEP)
            .kept()
            .execute(tx)
            .await?;
        Ok(())
    }
}

/// The record and, where the workspace has none yet, the job that forgets it after its time.
const KEEP: &str = "
WITH kept AS (
    INSERT INTO idempotency_record (workspace_id, principal, rpc, key, body_hash, sealed_answer, object)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (workspace_id, principal, rpc, key) DO UPDATE SET
    body_hash = excluded.body_hash, sealed_answer = excluded.sealed_answer, object = excluded.object,
    expires_at = excluded.expires_at RETURNING expires_at
)
INSERT INTO job (workspace_id, kind, key, run_at) SELECT $1, $8, $8 || ':' || $1::text, expires_at FROM kept
ON CONFLICT (key) DO NOTHING";

const FORGET: &str = "
WITH old AS (
    SELECT principal, rpc, key FROM idempotency_record WHERE workspace_id = $1 AND expires_at < clock_timestamp() LIMIT $2
)
DELETE FROM idempotency_record r USING old
WHERE r.workspace_id = $1 AND (r.principal, r.rpc, r.key) = (old.principal, old.rpc, old.key)";

/// Forgets a workspace's records whose time is over, and comes again when the next one's is.
pub(crate) async fn sweep(db: &Db, workspace: WorkspaceId) -> Result<JobEnd, Failure> {
    #[derive(QueryableByName)]
    struct Next {
        #[diesel(sql_type = Nullable<Float8>)]
        seconds: Option<f64>,
    }
    let next: Next = db
        .in_workspace_id(workspace, "idempotency.sweep", async |tx: &mut Tx| {
            diesel::sql_query(FORGET).bind::<SqlUuid, _>(workspace).bind::<BigInt, _>(SWEEP_MOST).execute(tx).await?;
            let sql = "SELECT extract(epoch FROM min(expires_at) - clock_timestamp())::float8 AS seconds \
                       FROM idempotency_record WHERE workspace_id = $1";
            Ok::<_, Failure>(diesel::sql_query(sql).bind::<SqlUuid, _>(workspace).get_result(tx).await?)
        })
        .await?;
    Ok(match next.seconds {
        None => JobEnd::Done,
        Some(seconds) if seconds < 0.0 => JobEnd::Again(Duration::from_secs(1)),
        // At most one run a minute for a workspace that writes all the time.
        Some(seconds) => JobEnd::Again(Duration::from_secs_f64(seconds.max(60.0))),
    })
}
