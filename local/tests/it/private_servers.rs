//! Private Postgres and Redis: alive again after death, data kept, roles fenced.

use neipix_local::children::{State, free_port};
use neipix_local::infrastructure::{Given, Infrastructure, Options};
use neipix_local::postgres::{Postgres, Profile};
use neipix_local::redis::Redis;
use neipix_local::secrets::Secrets;
use neipix_local::settings::Settings;
use std::path::{Path, PathBuf};

use super::{dir_with_mode, eventually, open_dir, postgres_bin};

async fn client(url: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    drop(neipix_local::tasks::spawn(connection));
    Ok(client)
}

fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        postgres_bin: postgres_bin(),
        redis_server: PathBuf::from("redis-server"),
        profile: Profile::Test,
        given: Given::default(),
    }
}

fn pid_of(state: &tokio::sync::watch::Receiver<State>) -> i32 {
    match *state.borrow() {
        State::Ready { pid } => pid,
        ref other => panic!("not ready: {other:?}"),
    }
}

fn kill(pid: i32) {
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
}

#[tokio::test]
async fn a_killed_postgres_comes_back_with_its_data() {
    let dir = open_dir();
    let secrets = Secrets::open(dir.path()).unwrap();
    let port = free_port(None).unwrap();
    let home = dir.path().join("postgres");
    let postgres = Postgres::start(&postgres_bin(), &home, port, Profile::Durable, &secrets).await.unwrap();
    let owner = client(&postgres.owner_url()).await.unwrap();
    owner.batch_execute("create table kept (n int); insert into kept values (42)").await.unwrap();
    let durable = owner.query_one("select current_setting('fsync') || current_setting('synchronous_commit')", &[]);
    assert_eq!(durable.await.unwrap().get::<_, String>(0), "onon");

    let mut state = postgres.state();
    let first = pid_of(&state);
    kill(first);
    state.wait_for(|state| matches!(state, State::Restarting { .. })).await.unwrap();
    state.wait_for(|state| matches!(state, State::Ready { pid } if *pid != first)).await.unwrap();
    let owner = client(&postgres.owner_url()).await.unwrap();
    assert_eq!(owner.query_one("select n from kept", &[]).await.unwrap().get::<_, i32>(0), 42);
    postgres.stop().await;
    assert!(client(&format!("postgres://x@127.0.0.1:{port}/x")).await.is_err(), "it is stopped");
}

#[tokio::test]
async fn a_killed_redis_comes_back_with_what_it_wrote_down() {
    let dir = open_dir();
    let secrets = Secrets::open(dir.path()).unwrap();
    let port = free_port(None).unwrap();
    let redis = Redis::start(Path::new("redis-server"), &dir.path().join("redis"), port, &secrets).await.unwrap();
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let databases: (String, u32) =
        redis::cmd("CONFIG").arg("GET").arg("databases").query_async(&mut connection).await.unwrap();
    assert_eq!(databases.1, 1024);
    let () = redis::cmd("SET").arg("kept").arg(42).query_async(&mut connection).await.unwrap();

    let mut state = redis.state();
    let first = pid_of(&state);
    kill(first);
    state.wait_for(|state| matches!(state, State::Ready { pid } if *pid != first)).await.unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let kept: i32 = redis::cmd("GET").arg("kept").query_async(&mut connection).await.unwrap();
    assert_eq!(kept, 42);
    let stranger = redis::Client::open(format!("redis://127.0.0.1:{port}/0")).unwrap();
    let mut stranger = stranger.get_multiplexed_async_connection().await.unwrap();
    let refused: Result<i32, _> = redis::cmd("GET").arg("kept").query_async(&mut stranger).await;
    assert!(refused.unwrap_err().to_string().contains("NOAUTH"));
    redis.stop().await;
}

#[tokio::test]
async fn everything_starts_again_at_the_same_addresses_with_all_data() {
    let dir = open_dir();
    let first = Infrastructure::start(options(dir.path())).await.unwrap();
    let before: Vec<(String, String)> = pairs(first.settings());
    let owner = client(first.settings().get("DATABASE_URL").unwrap()).await.unwrap();
    owner.batch_execute("create table kept (n int)").await.unwrap();
    let second = Infrastructure::start(options(dir.path())).await.unwrap_err();
    assert!(second.to_string().contains("in use by another launcher"), "{second:#}");
    first.stop().await;

    let again = Infrastructure::start(options(dir.path())).await.unwrap();
    assert_eq!(pairs(again.settings()), before);
    let owner = client(again.settings().get("DATABASE_URL").unwrap()).await.unwrap();
    owner.batch_execute("select n from kept").await.unwrap();
    again.stop().await;
}

fn pairs(settings: &Settings) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn a_service_role_owns_nothing_and_may_not_bypass_row_security() {
    let dir = open_dir();
    let running = Infrastructure::start(options(dir.path())).await.unwrap();
    for (setting, role) in neipix_local::postgres::SERVICES {
        let service = client(running.settings().get(setting).unwrap()).await.unwrap();
        let row = service
            .query_one(
                "select current_user::text, rolsuper or rolcreaterole or rolcreatedb, rolbypassrls \
                 from pg_roles where rolname = current_user",
                &[],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, String>(0), role);
        assert!(!row.get::<_, bool>(1), "{role} has powers");
        assert_eq!(row.get::<_, bool>(2), role == "neipix_verify", "{role}");
        let refused = service.batch_execute("create table mine (n int)").await;
        assert!(refused.is_err(), "{role} made a table");
    }
    running.stop().await;
}

#[tokio::test]
async fn given_servers_are_used_and_not_started() {
    let ours = open_dir();
    let running = Infrastructure::start(options(ours.path())).await.unwrap();
    let setting = |name: &str| running.settings().get(name).map(str::to_owned);
    let other = open_dir();
    let mut with_given = options(other.path());
    with_given.postgres_bin = PathBuf::from("/nowhere");
    with_given.redis_server = PathBuf::from("/nowhere");
    with_given.given = Given {
        database_url: setting("DATABASE_URL"),
        redis_url: setting("REDIS_URL"),
        s3_endpoint: setting("S3_ENDPOINT"),
        smtp_url: setting("SMTP_URL"),
        ..Given::default()
    };
    let error = Infrastructure::start(with_given.clone()).await.unwrap_err();
    assert!(error.to_string().contains("S3_BUCKET is missing"), "{error:#}");
    with_given.given.s3_bucket = setting("S3_BUCKET");
    with_given.given.s3_access_key = setting("S3_ACCESS_KEY");
    with_given.given.s3_secret_key = setting("S3_SECRET_KEY");
    let second = Infrastructure::start(with_given).await.unwrap();
    for name in ["DATABASE_URL", "REDIS_URL", "S3_ENDPOINT", "SMTP_URL"] {
        assert_eq!(second.settings().get(name).map(str::to_owned), setting(name));
    }
    assert!(second.postgres().is_none() && second.redis().is_none());
    client(second.settings().get("CHATS_DATABASE_URL").unwrap()).await.unwrap();
    second.stop().await;
    running.stop().await;
}

#[tokio::test]
async fn a_missing_program_is_named_with_the_cure() {
    let dir = open_dir();
    let mut without = options(dir.path());
    without.postgres_bin = dir.path().join("nowhere");
    let error = Infrastructure::start(without).await.unwrap_err();
    assert!(format!("{error:#}").contains("make setup"), "{error:#}");
    // What had started beside it is gone.
    eventually("redis ends", async || super::processes_in(dir.path()).is_empty()).await;
}

#[tokio::test]
async fn a_folder_that_nobody_else_may_enter_will_do() {
    let closed = dir_with_mode(0o700);
    let running = Infrastructure::start(options(closed.path())).await.unwrap();
    client(running.settings().get("DATABASE_URL").unwrap()).await.unwrap();
    running.stop().await;
    let again = Infrastructure::start(options(closed.path())).await.unwrap();
    again.stop().await;
}
