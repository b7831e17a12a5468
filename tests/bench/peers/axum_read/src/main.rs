//! `GET /v1/wallets/{workspace}`: the product's own wallet row as JSON, with nothing between axum and Postgres.

use std::env;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use chrono::{DateTime, Utc};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use serde::Serialize;
use tokio_postgres::NoTls;
use uuid::Uuid;

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WALLET: &str =
    "select bonus, plan, purchased, held, revenue, updated_at from billing.wallet where workspace_id = $1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wallet {
    available_micro_pix: i64,
    bonus_micro_pix: i64,
    plan_micro_pix: i64,
    purchased_micro_pix: i64,
    held_micro_pix: i64,
    spent_micro_pix: i64,
    update_time: DateTime<Utc>,
}

fn inside<E: std::fmt::Display>(error: E) -> StatusCode {
    eprintln!("{error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn wallet(State(pool): State<Pool>, Path(workspace): Path<Uuid>) -> Result<Json<Wallet>, StatusCode> {
    let db = pool.get().await.map_err(inside)?;
    let statement = db.prepare_cached(WALLET).await.map_err(inside)?;
    let row = db.query_opt(&statement, &[&workspace]).await.map_err(inside)?.ok_or(StatusCode::NOT_FOUND)?;
    let [bonus, plan, purchased, held, spent] = [0, 1, 2, 3, 4].map(|n| row.get::<_, i64>(n));
    Ok(Json(Wallet {
        available_micro_pix: bonus + plan + purchased,
        bonus_micro_pix: bonus,
        plan_micro_pix: plan,
        purchased_micro_pix: purchased,
        held_micro_pix: held,
        spent_micro_pix: spent,
        update_time: row.get(5),
    }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config: tokio_postgres::Config = env::var("DATABASE_URL")?.parse()?;
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let pool = Pool::builder(manager).max_size(8).build()?;
    let router = Router::new()
        .route("/v1/wallets/{workspace}", get(wallet))
        .route("/health", get(|| async { "ok" }))
        .with_state(pool);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:18089").await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}
