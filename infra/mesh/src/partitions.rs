//! Partitions by month: made three months ahead by a function of the owner; a default one that is not empty is an alert.

use std::time::Duration;

use diesel::{QueryableByName, sql_types::Bool};
use diesel_async::RunQueryDsl as _;

use crate::{
    db::{Db, Tx},
    failure::Failure,
    shutdown::Shutdown,
};

/// How often.
const EVERY: Duration = Duration::from_secs(6 * 3_600);
/// After a failure.
const SOON: Duration = Duration::from_secs(10);

/// Makes the partitions of these tables at start and several times a day, until shutdown.
pub async fn keep(db: &Db, tables: &[&'static str], shutdown: Shutdown) {
    loop {
        let mut pause = EVERY;
        for table in tables {
            if let Err(error) = make(db, table).await {
                tracing::warn!(error = &error as &dyn std::error::Error, table, "partitions of {table} were not made");
                pause = SOON;
            }
        }
        if !shutdown.sleep(pause).await {
            return;
        }
    }
}

async fn make(db: &Db, table: &'static str) -> Result<(), Failure> {
    #[derive(QueryableByName)]
    struct Strays {
        #[diesel(sql_type = Bool)]
        strays: bool,
    }
    let row: Strays = db
        .platform("partitions.make", async |tx: &mut Tx| {
            diesel::sql_query(format!("SELECT make_partitions('{table}')")).execute(tx).await?;
            // Row security hides rows here; the statistics of the default partition do not lie about emptiness for long.
            let sql = format!("SELECT coalesce(pg_relation_size(to_regclass('{table}_default')), 0) > 0 AS strays");
            Ok::<_, Failure>(diesel::sql_query(sql).get_result(tx).await?)
        })
        .await?;
    if row.strays {
        tracing::error!(table, "the default partition of {table} holds rows: a month was missing");
    }
    Ok(())
}
