//! Signing keys in Postgres.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Bytea, Text, Timestamptz},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    Failure,
    access::token::Signer,
    db::{Db, Tx},
    seal::Sealer,
};
use uuid::Uuid;

use super::{KeyState, Need, PUBLISHED_AFTER, need};

/// A key as it lies in the table.
#[derive(Debug, Clone)]
pub struct Key {
    /// Id and times.
    pub state: KeyState,
    /// Sealed PKCS#8.
    pub sealed: Vec<u8>,
    /// The public key, 32 bytes.
    pub public: Vec<u8>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    kid: String,
    #[diesel(sql_type = Bytea)]
    sealed: Vec<u8>,
    #[diesel(sql_type = Bytea)]
    public_key: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    signs_from: DateTime<Utc>,
}

/// What a key is sealed for.
#[must_use]
pub fn seal_context(kid: &str) -> String {
    format!("signing_key.sealed:{kid}")
}

async fn read(tx: &mut Tx) -> Result<Vec<Key>, Failure> {
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT kid, sealed, public_key, signs_from FROM signing_key \
         WHERE retired_at IS NULL OR retired_at > clock_timestamp() ORDER BY signs_from DESC",
    )
    .load(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Key {
            state: KeyState { kid: r.kid, signs_from: r.signs_from },
            sealed: r.sealed,
            public: r.public_key,
        })
        .collect())
}

/// All keys that are published, the newest first.
///
/// # Errors
/// Storage.
pub async fn all(db: &Db) -> Result<Vec<Key>, Failure> {
    db.platform("auth.keys", async |tx: &mut Tx| read(tx).await).await
}

/// Makes a key where one is needed; one process at a time.
///
/// # Errors
/// Storage.
pub async fn keep(db: &Db, sealer: &Sealer) -> Result<(), Failure> {
    db.platform("auth.keep_keys", async |tx: &mut Tx| {
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtext('neipix.signing_key'))").execute(tx).await?;
        let keys = read(tx).await?;
        let states: Vec<KeyState> = keys.into_iter().map(|k| k.state).collect();
        let now = Utc::now();
        let from = match need(&states, now) {
            Need::Nothing => return Ok(()),
            Need::First => now,
            Need::Next(from) => from,
        };
        let kid = Uuid::now_v7().simple().to_string()[..16].to_owned();
        let pkcs8 = Signer::generate()?;
        let public = Signer::new(&kid, &pkcs8)?.public();
        diesel::sql_query(
            "WITH retired AS (UPDATE signing_key SET retired_at = $4 + make_interval(mins => $5) WHERE retired_at IS NULL) \
             INSERT INTO signing_key (kid, sealed, public_key, signs_from) VALUES ($1, $2, $3, $4)",
        )
        .bind::<Text, _>(&kid)
        .bind::<Bytea, _>(sealer.seal(&seal_context(&kid), &pkcs8))
        .bind::<Bytea, _>(public.key.to_vec())
        .bind::<Timestamptz, _>(from)
        .bind::<diesel::sql_types::Integer, _>(i32::try_from(PUBLISHED_AFTER.num_minutes()).unwrap_or(20))
        .execute(tx)
        .await?;
        Ok::<_, Failure>(())
    })
    .await
}
