//! Removes what is worth nothing any more, so that tables do not grow with every log-in.
//!
//! Each replica does it; a row that another one removes at the same time is simply gone.

use std::time::Duration;

use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    Failure,
    db::{Db, Tx},
    shutdown::Shutdown,
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(3_600);
/// Rows of one statement.
const AT_ONCE: usize = 1_000;

/// Table and condition of what goes. A used refresh token stays until it would have ended by itself: until then its reuse
/// must be noticed.
const ENDED: [(&str, &str); 5] = [
    ("registration", "expires_at < clock_timestamp() - interval '1 day'"),
    ("refresh_token", "expires_at < clock_timestamp() - interval '1 day'"),
    ("socket_ticket", "expires_at < clock_timestamp()"),
    ("login_failure", "last_at < clock_timestamp() - interval '1 day'"),
    ("revocation", "at < clock_timestamp() - interval '1 day'"),
];

/// Sweeps now and every hour until shutdown.
pub async fn run(db: Db, shutdown: Shutdown) {
    loop {
        if let Err(error) = once(&db).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old rows stay for another hour");
        }
        if !shutdown.sleep(EVERY).await {
            return;
        }
    }
}

/// Removes all that has ended.
///
/// # Errors
/// Storage.
pub async fn once(db: &Db) -> Result<(), Failure> {
    for (table, ended) in ENDED {
        let sql = format!(
            "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {ended} LIMIT {AT_ONCE}))"
        );
        loop {
            let delete = async |tx: &mut Tx| Ok::<_, Failure>(diesel::sql_query(&sql).execute(tx).await?);
            if db.platform("auth.sweep", delete).await? < AT_ONCE {
                break;
            }
        }
    }
    Ok(())
}
