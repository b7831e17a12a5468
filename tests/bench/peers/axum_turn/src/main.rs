//! `POST /v1/turns`: one customer turn in one process, with the SQL of `peers/fastapi/app.py`.
//!
//! A stand-in for what the hardware allows: no gRPC hop, no tenancy, no outbox, no audit.
//! With `PIPELINED=1` the same statements leave together (three round trips a transaction instead of six)
//! and the retrieval runs beside the hold.

use std::{env, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_postgres::{NoTls, types::ToSql};
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HOLD: i64 = 5_000_000;
const PRICE_PER_TOKEN: i64 = 1_000;

const INSERT_QUESTION: &str = "insert into messages (id, wallet_id, chat_id, external_id, author, body) values ($1, $2, $3, $4, 'customer', $5) on conflict (wallet_id, external_id) do nothing";
const INSERT_TURN: &str = "insert into turns (id, wallet_id, question_id, state, held) values ($1, $2, $3, 'held', $4)";
const POST_HOLD: &str = "with t as (insert into transfers (idempotency_key) values ($1) returning id) insert into postings (transfer_id, account, wallet_id, amount) select t.id, v.account, $2, v.amount from t, (values ('available', -$3::bigint), ('held', $3::bigint)) v(account, amount)";
const HOLD_WALLET: &str = "update wallets set held = held + $2 where id = $1 and balance - held >= $2";
const SEARCH: &str = "select id, body from passages, cast(replace(plainto_tsquery('russian', $1)::text, '&', '|') as tsquery) q where search @@ q order by ts_rank(search, q) desc limit 5";
const INSERT_ANSWER: &str =
    "insert into messages (id, wallet_id, chat_id, external_id, author, body) values ($1, $2, $3, $4, 'assistant', $5)";
const SETTLE_TURN: &str = "update turns set state = $2, answer_id = $3, cost = $4, prompt_tokens = $5, completion_tokens = $6, settled_at = now() where id = $1 and state = 'held'";
const POST_SETTLE: &str = "with t as (insert into transfers (idempotency_key) values ($1) returning id) insert into postings (transfer_id, account, wallet_id, amount) select t.id, v.account, $2, v.amount from t, (values ('held', -$3::bigint), ('available', $3::bigint - $4::bigint), ('revenue', $4::bigint)) v(account, amount)";
const SETTLE_WALLET: &str = "update wallets set balance = balance - $2, held = held - $3 where id = $1";
const STORED_ANSWER: &str = "select a.body from messages q join turns t on t.question_id = q.id join messages a on a.id = t.answer_id where q.wallet_id = $1 and q.external_id = $2";

#[derive(Clone)]
struct App {
    pool: Pool,
    http: Client<HttpConnector, Full<Bytes>>,
    upstream: Arc<str>,
    key: Arc<DecodingKey>,
    validation: Arc<Validation>,
    pipelined: bool,
}

#[derive(Deserialize)]
struct Claims {
    wallet: i64,
}

#[derive(Deserialize)]
struct Asked {
    chat_id: Uuid,
    text: String,
}

#[derive(Serialize)]
struct Delta<'a> {
    delta: &'a str,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: ChoiceDelta<'a>,
}

#[derive(Deserialize)]
struct ChoiceDelta<'a> {
    #[serde(borrow, default)]
    content: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
struct Usage {
    prompt_tokens: i32,
    completion_tokens: i32,
}

/// A failure with its HTTP status; the text says nothing of the inside.
struct Failure(StatusCode, &'static str);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"title": self.1, "status": self.0.as_u16()}))).into_response()
    }
}

fn inside<E: std::fmt::Display>(error: E) -> Failure {
    eprintln!("{error}");
    Failure(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
}

struct Turn {
    id: Uuid,
    wallet: i64,
    chat: Uuid,
}

/// Stores the question, the turn and the hold in one commit. `None`: this key was seen before.
async fn begin(app: &App, wallet: i64, asked: &Asked, key: &str) -> Result<Option<Turn>, Failure> {
    let mut db = app.pool.get().await.map_err(inside)?;
    let tx = db.transaction().await.map_err(inside)?;
    let (question, id) = (Uuid::now_v7(), Uuid::now_v7());
    let insert = tx.prepare_cached(INSERT_QUESTION).await.map_err(inside)?;
    let insert_turn = tx.prepare_cached(INSERT_TURN).await.map_err(inside)?;
    let post = tx.prepare_cached(POST_HOLD).await.map_err(inside)?;
    let hold = tx.prepare_cached(HOLD_WALLET).await.map_err(inside)?;
    let hold_key = format!("hold:{id}");
    let question_row: [&(dyn ToSql + Sync); 5] = [&question, &wallet, &asked.chat_id, &key, &asked.text];
    let turn_row: [&(dyn ToSql + Sync); 4] = [&id, &wallet, &question, &HOLD];
    let post_row: [&(dyn ToSql + Sync); 3] = [&hold_key, &wallet, &HOLD];
    let hold_row: [&(dyn ToSql + Sync); 2] = [&wallet, &HOLD];
    let covered = if app.pipelined {
        // A second delivery of the key makes the turn's foreign key fail; the transaction is dropped all the same.
        let (inserted, turn, posted, held) = tokio::join!(
            biased;
            tx.execute(&insert, &question_row),
            tx.execute(&insert_turn, &turn_row),
            tx.execute(&post, &post_row),
            tx.execute(&hold, &hold_row),
        );
        if inserted.map_err(inside)? == 0 {
            return Ok(None);
        }
        turn.and(posted).map_err(inside)?;
        held.map_err(inside)?
    } else {
        if tx.execute(&insert, &question_row).await.map_err(inside)? == 0 {
            return Ok(None);
        }
        tx.execute(&insert_turn, &turn_row).await.map_err(inside)?;
        tx.execute(&post, &post_row).await.map_err(inside)?;
        tx.execute(&hold, &hold_row).await.map_err(inside)?
    };
    if covered == 0 {
        return Err(Failure(StatusCode::PAYMENT_REQUIRED, "not enough pix"));
    }
    tx.commit().await.map_err(inside)?;
    Ok(Some(Turn { id, wallet, chat: asked.chat_id }))
}

async fn retrieve(app: &App, text: &str) -> Result<Vec<(i64, String)>, Failure> {
    let db = app.pool.get().await.map_err(inside)?;
    let search = db.prepare_cached(SEARCH).await.map_err(inside)?;
    let rows = db.query(&search, &[&text]).await.map_err(inside)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Stores the answer and settles in one commit; an empty answer releases the hold.
async fn finish(app: &App, turn: &Turn, answer: &str, usage: &Usage) -> Result<i64, Failure> {
    let mut db = app.pool.get().await.map_err(inside)?;
    let tx = db.transaction().await.map_err(inside)?;
    let failed = answer.is_empty();
    let cost = if failed { 0 } else { PRICE_PER_TOKEN * i64::from(usage.prompt_tokens + usage.completion_tokens) };
    let (state, answer_id) = if failed { ("failed", None) } else { ("settled", Some(Uuid::now_v7())) };
    let insert = tx.prepare_cached(INSERT_ANSWER).await.map_err(inside)?;
    let settle = tx.prepare_cached(SETTLE_TURN).await.map_err(inside)?;
    let post = tx.prepare_cached(POST_SETTLE).await.map_err(inside)?;
    let wallet = tx.prepare_cached(SETTLE_WALLET).await.map_err(inside)?;
    let (answer_key, settle_key) = (format!("answer:{}", turn.id), format!("settle:{}", turn.id));
    let settle_row: [&(dyn ToSql + Sync); 6] =
        [&turn.id, &state, &answer_id, &cost, &usage.prompt_tokens, &usage.completion_tokens];
    let post_row: [&(dyn ToSql + Sync); 4] = [&settle_key, &turn.wallet, &HOLD, &cost];
    let wallet_row: [&(dyn ToSql + Sync); 3] = [&turn.wallet, &cost, &HOLD];
    let store = async {
        match &answer_id {
            Some(id) => tx.execute(&insert, &[id, &turn.wallet, &turn.chat, &answer_key, &answer]).await,
            None => Ok(0),
        }
    };
    let settled = if app.pipelined {
        let (stored, settled, posted, paid) = tokio::join!(
            biased;
            store,
            tx.execute(&settle, &settle_row),
            tx.execute(&post, &post_row),
            tx.execute(&wallet, &wallet_row),
        );
        stored.and(posted).and(paid).map_err(inside)?;
        settled.map_err(inside)?
    } else {
        store.await.map_err(inside)?;
        let settled = tx.execute(&settle, &settle_row).await.map_err(inside)?;
        tx.execute(&post, &post_row).await.map_err(inside)?;
        tx.execute(&wallet, &wallet_row).await.map_err(inside)?;
        settled
    };
    if settled == 0 {
        return Ok(0);
    }
    tx.commit().await.map_err(inside)?;
    Ok(cost)
}

/// Streams the provider's answer to `out`, then settles whether or not the customer still listens.
async fn answer(
    app: App,
    turn: Turn,
    prompt: Bytes,
    sources: Vec<i64>,
    out: mpsc::Sender<Result<Bytes, std::convert::Infallible>>,
) {
    let (mut text, mut usage) = (String::new(), Usage::default());
    let streamed = async {
        let request = hyper::Request::post(&*app.upstream)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(prompt))
            .map_err(inside)?;
        let response = app.http.request(request).await.map_err(inside)?;
        if !response.status().is_success() {
            return Err(Failure(StatusCode::BAD_GATEWAY, "provider failed"));
        }
        let mut body = response.into_body();
        let mut pending: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(inside)?.into_data() else { continue };
            pending.extend_from_slice(&data);
            let Some(end) = pending.iter().rposition(|b| *b == b'\n') else { continue };
            let mut events = Vec::new();
            for line in pending[..end].split(|b| *b == b'\n') {
                let Some(data) = line.strip_prefix(b"data: ") else { continue };
                if data == b"[DONE]" {
                    continue;
                }
                let chunk: Chunk = serde_json::from_slice(data).map_err(inside)?;
                if let Some(delta) =
                    chunk.choices.first().and_then(|c| c.delta.content.as_deref()).filter(|d| !d.is_empty())
                {
                    text.push_str(delta);
                    events.extend_from_slice(b"data: ");
                    serde_json::to_writer(&mut events, &Delta { delta }).map_err(inside)?;
                    events.extend_from_slice(b"\n\n");
                }
                if let Some(used) = chunk.usage {
                    usage = used;
                }
            }
            pending.drain(..=end);
            if !events.is_empty() {
                let _ = out.send(Ok(events.into())).await;
            }
        }
        Ok(())
    }
    .await;
    if let Err(Failure(_, title)) = &streamed {
        text.clear();
        let _ = out.send(Ok(format!("data: {}\n\n", json!({"error": title})).into())).await;
    }
    match finish(&app, &turn, &text, &usage).await {
        Ok(cost) if streamed.is_ok() => {
            let _ = out
                .send(Ok(format!("data: {}\n\n", json!({"done": turn.id, "cost": cost, "sources": sources})).into()))
                .await;
        }
        Ok(_) => {}
        Err(Failure(_, title)) => {
            let _ = out.send(Ok(format!("data: {}\n\n", json!({"error": title})).into())).await;
        }
    }
}

async fn turn(State(app): State<App>, headers: HeaderMap, Json(asked): Json<Asked>) -> Result<Response, Failure> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let token = text("authorization")
        .and_then(|v| v.strip_prefix("Bearer "))
        .ok_or(Failure(StatusCode::UNAUTHORIZED, "no token"))?;
    let claims = jsonwebtoken::decode::<Claims>(token, &app.key, &app.validation)
        .map_err(|_| Failure(StatusCode::UNAUTHORIZED, "bad token"))?
        .claims;
    let key = text("idempotency-key").ok_or(Failure(StatusCode::BAD_REQUEST, "Idempotency-Key is missing"))?;
    if asked.text.is_empty() || asked.text.len() > 16_384 {
        return Err(Failure(StatusCode::UNPROCESSABLE_ENTITY, "text: 1 to 16384 bytes"));
    }

    let (begun, found) = if app.pipelined {
        let (begun, found) = tokio::join!(begin(&app, claims.wallet, &asked, key), retrieve(&app, &asked.text));
        (begun, Some(found))
    } else {
        (begin(&app, claims.wallet, &asked, key).await, None)
    };
    let Some(turn) = begun? else {
        let db = app.pool.get().await.map_err(inside)?;
        let stored = db.prepare_cached(STORED_ANSWER).await.map_err(inside)?;
        let row = db.query_opt(&stored, &[&claims.wallet, &key]).await.map_err(inside)?;
        let row = row.ok_or(Failure(StatusCode::CONFLICT, "this turn is still being answered"))?;
        return Ok(Json(json!({"answer": row.get::<_, String>(0), "replayed": true})).into_response());
    };
    let found = match found {
        Some(found) => found,
        None => retrieve(&app, &asked.text).await,
    };
    let passages = match found {
        Ok(passages) => passages,
        Err(failure) => {
            finish(&app, &turn, "", &Usage::default()).await?;
            return Err(failure);
        }
    };
    let context: String = passages.iter().map(|(id, body)| format!("[{id}] {body}\n")).collect();
    let prompt = json!({
        "model": "mock", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "system", "content": format!("Answer from these passages only:\n{context}")}, {"role": "user", "content": asked.text}],
    });
    let (out, events) = mpsc::channel(64);
    let sources = passages.into_iter().map(|(id, _)| id).collect();
    tokio::spawn(answer(app, turn, prompt.to_string().into(), sources, out));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(ReceiverStream::new(events))).into_response())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config: tokio_postgres::Config = env::var("DATABASE_URL")?.parse()?;
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_aud = false;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let app = App {
        pool: Pool::builder(manager)
            .max_size(env::var("DB_POOL").ok().and_then(|v| v.parse().ok()).unwrap_or(20))
            .build()?,
        http: Client::builder(TokioExecutor::new()).build(connector),
        upstream: format!("{}/v1/chat/completions", env::var("UPSTREAM")?).into(),
        key: Arc::new(DecodingKey::from_secret(env::var("JWT_SECRET")?.as_bytes())),
        validation: Arc::new(validation),
        pipelined: env::var("PIPELINED").is_ok_and(|v| v == "1"),
    };
    let router = Router::new().route("/v1/turns", post(turn)).route("/health", get(|| async { "ok" })).with_state(app);
    let listener = tokio::net::TcpListener::bind(env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:18083".into())).await?;
    axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |socket| {
            let _ = socket.set_nodelay(true);
        }),
        router,
    )
    .await?;
    Ok(())
}
