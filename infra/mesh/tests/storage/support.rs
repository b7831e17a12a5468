//! Databases, services and callers for tests.

use std::time::Duration;

use diesel::{
    QueryableByName,
    pg::Pg,
    sql_types::{BigInt, Nullable, Text},
};
use diesel_async::{
    AsyncConnection as _, AsyncConnectionCore, AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _,
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use neipix_mesh::{
    Failure, WorkspaceId,
    db::{Db, Tx},
    migrate,
    redis::Redis,
    secret::Secret,
};
use neipix_testdb::TestDatabase;
use uuid::Uuid;

pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
pub const SCHEMA: &str = "sample";
const ROLE: &str = "sample_service";
const PASSWORD: &str = "sample";
/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(10);

#[expect(clippy::disallowed_methods, reason = "the suite's own settings")]
fn setting(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `make test-it`, or start Postgres and Redis and set it"))
}

pub async fn connect(url: &Secret<String>) -> AsyncPgConnection {
    AsyncPgConnection::establish(url.expose()).await.unwrap()
}

/// A database of one test. Goes with it.
pub struct TestDb(TestDatabase);

impl TestDb {
    /// Migrated.
    pub async fn new() -> Self {
        let owner = setting("DATABASE_URL");
        let made = TestDatabase::new(&owner, async |url| {
            let url = Secret::new(url);
            migrate::run(&url, SCHEMA, MIGRATIONS).await?;
            Ok(connect(&url).await.batch_execute(&format!("ALTER ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")).await?)
        });
        Self(made.await.unwrap())
    }

    /// Without our schema.
    pub async fn bare() -> Self {
        // The role's log-in belongs to the server: it comes with the template.
        drop(Self::new().await);
        Self(TestDatabase::empty(&setting("DATABASE_URL")).await.unwrap())
    }

    pub fn name(&self) -> &str {
        self.0.name()
    }

    pub fn owner_url(&self) -> Secret<String> {
        Secret::new(self.0.at(&setting("DATABASE_URL")))
    }

    pub fn service_url(&self) -> Secret<String> {
        let owner = self.0.at(&setting("DATABASE_URL"));
        let (scheme, rest) = owner.split_once("://").unwrap();
        let server = rest.rsplit_once('@').map_or(rest, |(_, server)| server);
        Secret::new(format!("{scheme}://{ROLE}:{PASSWORD}@{server}"))
    }

    /// As the service sees it.
    pub fn db(&self, pool: usize) -> Db {
        Db::connect(&self.service_url(), pool, "mesh-test").unwrap()
    }

    /// As its owner, past row security.
    pub async fn owner(&self) -> AsyncPgConnection {
        connect(&self.owner_url()).await
    }

    /// Runs statements as the owner.
    pub async fn sql(&self, sql: &str) {
        let mut owner = self.owner().await;
        owner.batch_execute(&format!("SET search_path = {SCHEMA}, public; {sql}")).await.unwrap();
    }

    /// A number that the owner reads.
    pub async fn number(&self, sql: &str) -> i64 {
        let mut owner = self.owner().await;
        owner.batch_execute(&format!("SET search_path = {SCHEMA}, public")).await.unwrap();
        number(&mut owner, sql).await.unwrap()
    }

    /// A text that the owner reads; empty = null.
    pub async fn text(&self, sql: &str) -> String {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Nullable<Text>)]
            text: Option<String>,
        }
        let mut owner = self.owner().await;
        owner.batch_execute(&format!("SET search_path = {SCHEMA}, public")).await.unwrap();
        let sql = format!("SELECT ({sql})::text AS text");
        diesel::sql_query(sql).get_result::<Row>(&mut owner).await.unwrap().text.unwrap_or_default()
    }
}

/// A number on a connection of any role; no row is 0.
pub async fn number<C: AsyncConnectionCore<Backend = Pg>>(
    connection: &mut C,
    sql: &str,
) -> Result<i64, diesel::result::Error> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let sql = format!("SELECT coalesce(({sql}), 0)::bigint AS n");
    Ok(diesel::sql_query(sql).get_result::<Row>(connection).await?.n)
}

/// A statement on a connection of any role; how many rows it touched.
pub async fn execute<C: AsyncConnectionCore<Backend = Pg>>(
    connection: &mut C,
    sql: &str,
) -> Result<usize, diesel::result::Error> {
    diesel::sql_query(sql).execute(connection).await
}

/// A fresh tenant.
pub fn workspace() -> WorkspaceId {
    WorkspaceId::new(chrono::Utc::now())
}

/// Adds a note of a workspace.
pub async fn add_note(tx: &mut Tx, ws: WorkspaceId, text: &str) -> Result<(), Failure> {
    diesel::sql_query("INSERT INTO note (workspace_id, id, text) VALUES ($1, $2, $3)")
        .bind::<diesel::sql_types::Uuid, _>(ws)
        .bind::<diesel::sql_types::Uuid, _>(Uuid::now_v7())
        .bind::<Text, _>(text)
        .execute(tx)
        .await?;
    Ok(())
}

/// Adds one to a tally.
pub async fn count(tx: &mut Tx, name: &str) -> Result<(), Failure> {
    diesel::sql_query("INSERT INTO tally (name, n) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET n = tally.n + 1")
        .bind::<Text, _>(name)
        .execute(tx)
        .await?;
    Ok(())
}

/// A Redis database of one test, emptied. Tests that share a number would hear each other.
pub async fn redis(number: u8) -> Redis {
    let url = setting("REDIS_URL");
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    let redis = Redis::new(&Secret::new(format!("{scheme}://{authority}/{number}")), 16).unwrap();
    redis.run::<()>(&::redis::cmd("FLUSHDB")).await.unwrap();
    redis
}

/// A Redis that does not answer.
pub fn no_redis() -> Redis {
    Redis::new(&Secret::from("redis://127.0.0.1:9/0"), 4).unwrap()
}

/// Waits for what must happen soon.
pub async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, happens).await;
    waited.unwrap_or_else(|_| panic!("not within {} s: {what}", PATIENCE.as_secs()))
}

/// Asks until there is an answer, for a while.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "not within {} s: {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
