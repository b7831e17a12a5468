//! The ledger in Postgres. A transfer with its postings, key and the wallet's update is one statement, so that the wallet's
//! row is locked as briefly as can be.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension as _, QueryableByName,
    sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    PriceId, TransferId, TurnId, WorkspaceId,
    db::{Keep as _, Tx},
};
use uuid::Uuid;

use super::{Closing, MicroPix, Price, Split, Tokens};

/// How long a hold lives without a renewal.
pub const HOLD_MINUTES: i32 = 15;

/// A hold as it stands.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The turn.
    pub turn: TurnId,
    /// What was taken from where.
    pub taken: Split,
    /// Models and their prices, in the same order.
    pub priced: Vec<(String, PriceId)>,
    /// When the sweeper releases it.
    pub expires_at: DateTime<Utc>,
    /// Whether it was closed.
    pub closed: bool,
}

#[derive(QueryableByName)]
struct HoldRow {
    #[diesel(sql_type = BigInt)]
    from_bonus_micro_pix: i64,
    #[diesel(sql_type = BigInt)]
    from_plan_micro_pix: i64,
    #[diesel(sql_type = BigInt)]
    from_purchased_micro_pix: i64,
    #[diesel(sql_type = Array<Text>)]
    models: Vec<String>,
    #[diesel(sql_type = Array<SqlUuid>)]
    price_ids: Vec<Uuid>,
    #[diesel(sql_type = Timestamptz)]
    expires_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    closed: bool,
}

fn split(bonus: i64, plan: i64, purchased: i64) -> Split {
    Split { bonus: MicroPix::new(bonus), plan: MicroPix::new(plan), purchased: MicroPix::new(purchased) }
}

impl HoldRow {
    fn into_hold(self, turn: TurnId) -> Hold {
        Hold {
            turn,
            taken: split(self.from_bonus_micro_pix, self.from_plan_micro_pix, self.from_purchased_micro_pix),
            priced: self.models.into_iter().zip(self.price_ids.into_iter().map(PriceId)).collect(),
            expires_at: self.expires_at,
            closed: self.closed,
        }
    }
}

/// The hold of a turn, closed or not.
///
/// # Errors
/// Storage.
pub async fn hold_of(mut tx: &Tx, ws: WorkspaceId, turn: TurnId) -> diesel::QueryResult<Option<Hold>> {
    let row = diesel::sql_query(
        "SELECT from_bonus_micro_pix, from_plan_micro_pix, from_purchased_micro_pix, models, price_ids, expires_at, \
         closed_at IS NOT NULL AS closed FROM hold WHERE workspace_id = $1 AND turn_id = $2",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result::<HoldRow>(&mut tx)
    .await
    .optional()?;
    Ok(row.map(|r| r.into_hold(turn)))
}

/// Moves an open hold's end to 15 minutes from now; none where it is not open.
///
/// # Errors
/// Storage.
pub async fn renew(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> diesel::QueryResult<Option<Hold>> {
    let row = diesel::sql_query(format!(
        "WITH renewed AS (UPDATE hold SET expires_at = clock_timestamp() + make_interval(mins => {HOLD_MINUTES}) \
         WHERE workspace_id = $1 AND turn_id = $2 AND closed_at IS NULL RETURNING *), \
         moved AS (UPDATE job SET run_at = renewed.expires_at FROM renewed \
         WHERE job.key = 'hold:' || $2::text AND job.dead_at IS NULL) \
         SELECT from_bonus_micro_pix, from_plan_micro_pix, from_purchased_micro_pix, models, price_ids, expires_at, \
         false AS closed FROM renewed"
    ))
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result::<HoldRow>(tx)
    .await
    .optional()?;
    Ok(row.map(|r| r.into_hold(turn)))
}

/// What came of trying to hold.
#[derive(Debug)]
pub enum Held {
    /// Taken.
    Taken {
        /// From where.
        taken: Split,
        /// When the sweeper releases it.
        expires_at: DateTime<Utc>,
    },
    /// The turn's key exists: it holds, or was closed.
    KeyExists,
    /// Too little is available.
    Short {
        /// What there is.
        available: MicroPix,
    },
    /// There is no wallet.
    NoWallet,
    /// One of the prices holds no more.
    Repriced,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = Bool)]
    enough: bool,
    #[diesel(sql_type = Bool)]
    good: bool,
    #[diesel(sql_type = Bool)]
    fresh: bool,
    #[diesel(sql_type = BigInt)]
    bonus: i64,
    #[diesel(sql_type = BigInt)]
    plan: i64,
    #[diesel(sql_type = BigInt)]
    purchased: i64,
    #[diesel(sql_type = Timestamptz)]
    expires_at: DateTime<Utc>,
}

/// Everything of a hold in one statement. The prices must hold, by the database's clock. The key comes first: without it
/// nothing else is written.
const HOLD: &str = "
WITH priced AS MATERIALIZED (
    SELECT count(*) = cardinality($6) AS good FROM price
    WHERE id = ANY ($6) AND valid_from <= clock_timestamp() AND (valid_to IS NULL OR valid_to > clock_timestamp())
), old AS MATERIALIZED (
    SELECT bonus, plan, purchased, bonus + plan + purchased AS available, version FROM wallet WHERE workspace_id = $1 FOR UPDATE
), split AS MATERIALIZED (
    SELECT least(bonus, $4) AS bonus, least(plan, greatest($4 - bonus, 0)) AS plan,
           greatest($4 - bonus - plan, 0) AS purchased, available - $4 AS after, version + 1 AS n,
           clock_timestamp() AS at, clock_timestamp() + make_interval(mins => $7) AS expires_at
    FROM old, priced WHERE available >= $4 AND priced.good
), key AS (
    INSERT INTO transfer_key (workspace_id, key, transfer_id) SELECT $1, 'hold:' || $2::text, $3 FROM split
    ON CONFLICT DO NOTHING RETURNING transfer_id
), moved AS (
    INSERT INTO transfer (workspace_id, id, n, kind, turn_id, amount_micro_pix, balance_micro_pix, created_at)
    SELECT $1, $3, split.n, 'hold', $2, -$4, split.after, split.at FROM split, key
), lines AS (
    INSERT INTO posting (workspace_id, transfer_id, n, account, amount_micro_pix)
    SELECT $1, $3, line.n, line.account, line.amount FROM split, key,
    LATERAL (VALUES (1, 'bonus', -split.bonus), (2, 'plan', -split.plan), (3, 'purchased', -split.purchased), (4, 'held', $4))
        AS line (n, account, amount) WHERE line.amount <> 0
), held AS (
    INSERT INTO hold (workspace_id, turn_id, transfer_id, amount_micro_pix, from_bonus_micro_pix, from_plan_micro_pix,
                      from_purchased_micro_pix, models, price_ids, expires_at)
    SELECT $1, $2, $3, $4, split.bonus, split.plan, split.purchased, $5, $6, split.expires_at FROM split, key
), sweep AS (
    INSERT INTO job (workspace_id, kind, key, payload, run_at)
    SELECT $1, 'hold.expire', 'hold:' || $2::text, jsonb_build_object('turn_id', $2::text), split.expires_at FROM split, key
), paid AS (
    UPDATE wallet SET bonus = wallet.bonus - split.bonus, plan = wallet.plan - split.plan,
        purchased = wallet.purchased - split.purchased, held = wallet.held + $4, version = split.n, updated_at = split.at
    FROM split, key WHERE wallet.workspace_id = $1
)
SELECT old.available, old.available >= $4 AS enough, priced.good, EXISTS (SELECT 1 FROM key) AS fresh,
       coalesce(split.bonus, 0) AS bonus, coalesce(split.plan, 0) AS plan, coalesce(split.purchased, 0) AS purchased,
       coalesce(split.expires_at, clock_timestamp()) AS expires_at
FROM old CROSS JOIN priced LEFT JOIN split ON true";

/// Takes a hold: the transaction's last statement.
///
/// # Errors
/// Storage.
pub async fn take(
    tx: &mut Tx,
    ws: WorkspaceId,
    turn: TurnId,
    transfer: TransferId,
    amount: MicroPix,
    prices: &[Price],
) -> diesel::QueryResult<Held> {
    let models: Vec<String> = prices.iter().map(|p| p.model.clone()).collect();
    let ids: Vec<Uuid> = prices.iter().map(|p| p.id.0).collect();
    tx.last(HOLD);
    let row = diesel::sql_query(HOLD)
        .bind::<SqlUuid, _>(ws)
        .bind::<SqlUuid, _>(turn)
        .bind::<SqlUuid, _>(transfer)
        .bind::<BigInt, _>(amount.get())
        .bind::<Array<Text>, _>(models)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<diesel::sql_types::Integer, _>(HOLD_MINUTES)
        .kept()
        .get_result::<HeldRow>(tx)
        .await
        .optional()?;
    Ok(match row {
        None => Held::NoWallet,
        Some(r) if !r.good => Held::Repriced,
        Some(r) if !r.enough => Held::Short { available: MicroPix::new(r.available) },
        Some(r) if !r.fresh => Held::KeyExists,
        Some(r) => Held::Taken { taken: split(r.bonus, r.plan, r.purchased), expires_at: r.expires_at },
    })
}

/// Marks a turn that never held as closed, so that a late hold of it is refused. False where it holds after all.
///
/// # Errors
/// Storage.
pub async fn mark_closed(tx: &mut Tx, ws: WorkspaceId, turn: TurnId) -> diesel::QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        marked: bool,
    }
    let row = diesel::sql_query(
        "WITH hold_key AS (INSERT INTO transfer_key (workspace_id, key) VALUES ($1, 'hold:' || $2::text) \
         ON CONFLICT DO NOTHING RETURNING 1), \
         close_key AS (INSERT INTO transfer_key (workspace_id, key) SELECT $1, 'close:' || $2::text FROM hold_key \
         ON CONFLICT DO NOTHING) \
         SELECT EXISTS (SELECT 1 FROM hold_key) OR EXISTS (SELECT 1 FROM transfer_key \
         WHERE workspace_id = $1 AND key = 'hold:' || $2::text AND transfer_id IS NULL) AS marked",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result::<Row>(tx)
    .await?;
    Ok(row.marked)
}

/// How a turn was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The transfer.
    pub transfer: TransferId,
    /// What was charged.
    pub charged: MicroPix,
    /// `settle` or `release`.
    pub kind: String,
    /// Available balance and held amount after it; only of a fresh one.
    pub after: Option<(MicroPix, MicroPix)>,
    /// The wallet's version after it.
    pub version: i64,
}

/// A hold to close.
#[derive(Debug)]
pub struct Ending {
    /// The wallet.
    pub workspace: WorkspaceId,
    /// The turn.
    pub turn: TurnId,
    /// The transfer's id.
    pub transfer: TransferId,
    /// What it holds.
    pub held: MicroPix,
    /// Where that goes.
    pub closing: Closing,
    /// The count of a settle; none = a release.
    pub charge: Option<serde_json::Value>,
    /// The trace of what caused it; empty = none.
    pub traceparent: String,
}

impl Ending {
    fn kind(&self) -> &'static str {
        if self.charge.is_some() { "settle" } else { "release" }
    }
}

#[derive(QueryableByName)]
struct ClosedRow {
    #[diesel(sql_type = SqlUuid)]
    transfer: TransferId,
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = BigInt)]
    still_held: i64,
    #[diesel(sql_type = BigInt)]
    wallet_version: i64,
}

/// Closes holds of any workspaces; none where one was closed before. Answers in their order.
///
/// # Errors
/// Storage.
pub async fn close(tx: &mut Tx, endings: &[Ending]) -> diesel::QueryResult<Vec<Option<Closed>>> {
    let column = |of: fn(&Ending) -> MicroPix| endings.iter().map(|e| of(e).get()).collect::<Vec<_>>();
    let rows = diesel::sql_query("SELECT * FROM close_holds($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
        .bind::<Array<SqlUuid>, _>(endings.iter().map(|e| e.workspace).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(endings.iter().map(|e| e.turn).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(endings.iter().map(|e| e.transfer).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(endings.iter().map(Ending::kind).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(column(|e| e.held))
        .bind::<Array<BigInt>, _>(column(|e| e.closing.charged))
        .bind::<Array<BigInt>, _>(column(|e| e.closing.back.bonus))
        .bind::<Array<BigInt>, _>(column(|e| e.closing.back.plan))
        .bind::<Array<BigInt>, _>(column(|e| e.closing.back.purchased))
        .bind::<Array<Nullable<Jsonb>>, _>(endings.iter().map(|e| e.charge.clone()).collect::<Vec<_>>())
        .kept()
        .load::<ClosedRow>(tx)
        .await?;
    let mut rows = rows.into_iter().map(|row| (row.transfer, row)).collect::<HashMap<_, _>>();
    let closed = |ending: &Ending| {
        rows.remove(&ending.transfer).map(|row| Closed {
            transfer: ending.transfer,
            charged: ending.closing.charged,
            kind: ending.kind().to_owned(),
            after: Some((MicroPix::new(row.available), MicroPix::new(row.still_held))),
            version: row.wallet_version,
        })
    };
    Ok(endings.iter().map(closed).collect())
}

/// The transfer that closed a turn; none where it is not closed, or only marked.
///
/// # Errors
/// Storage.
pub async fn closed(mut tx: &Tx, ws: WorkspaceId, turn: TurnId) -> diesel::QueryResult<Option<Closed>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: TransferId,
        #[diesel(sql_type = Text)]
        kind: String,
        #[diesel(sql_type = BigInt)]
        charged: i64,
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let row = diesel::sql_query(
        "SELECT t.id, t.kind, t.n, coalesce((SELECT sum(p.amount_micro_pix)::bigint FROM posting p \
         WHERE p.workspace_id = t.workspace_id AND p.transfer_id = t.id AND p.account = 'revenue'), 0) AS charged \
         FROM transfer_key k JOIN transfer t ON t.workspace_id = k.workspace_id AND t.id = k.transfer_id \
         WHERE k.workspace_id = $1 AND k.key = 'close:' || $2::text",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(turn)
    .kept()
    .get_result::<Row>(&mut tx)
    .await
    .optional()?;
    Ok(row.map(|r| Closed {
        transfer: r.id,
        charged: MicroPix::new(r.charged),
        kind: r.kind,
        after: None,
        version: r.n,
    }))
}

/// Opens a wallet with a grant into `bonus`, once for ever. Answers its balance where this call opened it.
///
/// # Errors
/// Storage.
pub async fn open_wallet(
    tx: &mut Tx,
    ws: WorkspaceId,
    transfer: TransferId,
    grant: MicroPix,
) -> diesel::QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        opened: bool,
    }
    let row = diesel::sql_query(
        "WITH key AS (INSERT INTO transfer_key (workspace_id, key, transfer_id) \
         SELECT $1, 'grant:welcome:' || $1::text, CASE WHEN $3 > 0 THEN $2 END ON CONFLICT DO NOTHING RETURNING 1), \
         moved AS (INSERT INTO transfer (workspace_id, id, n, kind, amount_micro_pix, balance_micro_pix) \
         SELECT $1, $2, 1, 'grant', $3, $3 FROM key WHERE $3 > 0), \
         lines AS (INSERT INTO posting (workspace_id, transfer_id, n, account, amount_micro_pix) \
         SELECT $1, $2, line.n, line.account, line.amount FROM key, \
         (VALUES (1, 'funding', -$3), (2, 'bonus', $3)) AS line (n, account, amount) WHERE $3 > 0), \
         opened AS (INSERT INTO wallet (workspace_id, bonus, funding, version) \
         SELECT $1, $3, -$3, CASE WHEN $3 > 0 THEN 1 ELSE 0 END FROM key) \
         SELECT EXISTS (SELECT 1 FROM key) AS opened",
    )
    .bind::<SqlUuid, _>(ws)
    .bind::<SqlUuid, _>(transfer)
    .bind::<BigInt, _>(grant.get())
    .kept()
    .get_result::<Row>(tx)
    .await?;
    Ok(row.opened)
}

/// What a settle keeps of its count: ids and numbers only.
#[must_use]
pub fn charge_record(
    attempts: &[(Uuid, String, Tokens)],
    priced: &[(String, PriceId)],
    closing: Closing,
) -> serde_json::Value {
    let attempts: Vec<serde_json::Value> = attempts
        .iter()
        .map(|(id, model, tokens)| {
            let price = priced.iter().find(|(m, _)| m == model).map(|(_, p)| p.to_string());
            serde_json::json!({
                "attempt_id": id, "model": model, "price_id": price, "input": tokens.input,
                "cached_input": tokens.cached_input, "cache_write": tokens.cache_write, "output": tokens.output,
            })
        })
        .collect();
    serde_json::json!({
        "attempts": attempts,
        "cost_micro_pix": closing.charged.get(),
        "above_hold_micro_pix": closing.above_hold.get(),
    })
}
