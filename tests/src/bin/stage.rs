//! Serves the product with test settings, an owner and a superadmin, for checks that are not written in Rust: prints one
//! line of JSON with its addresses and their tokens, and stops when its input ends. Each line of its input is a person to
//! make, `{"email", "name", "workspace" | "join" + "role", "platformRole"}`, answered by a line with their ids or the refusal.
//! With `--no-limits` rate limits are forgotten as they are counted, so that a fuzzer sees more than 429. `--set NAME=VALUE`
//! adds a setting. With `--beside <settings>` it is a replica of a product that runs: nobody is made. Its log goes to the error
//! stream, as much of it as `RUST_LOG` says.
//!
//! Run it beside the servers of `neipix-local with-services`.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use neipix_local::testing::TestProduct;
use neipix_proto::auth::v1::{PlatformRole, Role};
use neipix_tests::{
    client::Surface,
    stage::{self, Newcomer},
    telegram::Telegram,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = tokio::io::stderr().write_all(format!("stage: {error:#}\n").as_bytes()).await;
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut no_limits, mut settings) = (false, vec![]);
    while let Some(option) = arguments.next() {
        match option.as_str() {
            "--no-limits" => no_limits = true,
            "--set" => {
                let pair = arguments.next().context("--set NAME=VALUE")?;
                let (name, value) = pair.split_once('=').context("--set NAME=VALUE")?;
                settings.push((name.to_owned(), value.to_owned()));
            }
            "--beside" => {
                let settings = arguments.next().context("--beside <settings>")?;
                return beside(&serde_json::from_str::<Vec<(String, String)>>(&settings)?).await;
            }
            other => anyhow::bail!("unknown option {other}: there are --no-limits, --set, --beside"),
        }
    }
    alone(no_limits, &settings).await
}

async fn beside(settings: &[(String, String)]) -> anyhow::Result<()> {
    let product = neipix_local::testing::replica(settings).await?;
    tell(&json!({"address": product.address.to_string(), "pid": std::process::id()})).await?;
    input_ends().await?;
    product.stop().await;
    Ok(())
}

async fn alone(no_limits: bool, more: &[(String, String)]) -> anyhow::Result<()> {
    // Nothing leaves the machine.
    let telegram = Telegram::start().await?;
    let telegram_api = telegram.base_url();
    let mut settings = vec![("WELCOME_GRANT_MICRO_PIX", "100000000"), ("TELEGRAM_API", telegram_api.as_str())];
    settings.extend(more.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let test = neipix_local::testing::start(&settings).await?;
    let owner = stage::owner(&test, "owner@romashka.example").await;
    let staff = stage::staff(&test, "root@neipix.example", PlatformRole::Superadmin).await;
    let port = test.product.address.port();
    let host = |surface: Surface| format!("{}.localhost:{port}", surface.label());
    let told = json!({
        "address": test.product.address.to_string(),
        "pid": std::process::id(),
        "apiHost": host(Surface::Api),
        "adminHost": host(Surface::Admin),
        "ownerToken": owner.caller().0,
        "staffToken": staff.caller().0,
        "verifyUrl": test.verify_url,
    });
    tell(&told).await?;
    let redis = test.settings.iter().find(|(name, _)| name == "REDIS_URL").map(|(_, url)| url.clone());
    tokio::select! {
        ended = newcomers(&test) => ended?,
        ended = forget_limits(redis.unwrap_or_default()), if no_limits => ended?,
    }
    test.product.stop().await;
    Ok(())
}

async fn tell(what: &serde_json::Value) -> anyhow::Result<()> {
    let mut out = tokio::io::stdout();
    out.write_all(format!("{what}\n").as_bytes()).await?;
    Ok(out.flush().await?)
}

/// Makes the people that the input names, until it ends.
async fn newcomers(test: &TestProduct) -> anyhow::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let asked: Value = serde_json::from_str(&line).context("a line of the input is a person as JSON")?;
        let word = |name: &str| asked[name].as_str().unwrap_or_default();
        let newcomer = Newcomer {
            name: asked["name"].as_str().unwrap_or("Анна"),
            workspace: word("workspace"),
            join: word("join"),
            role: named(word("role"), Role::from_str_name)?,
            platform_role: named(word("platformRole"), PlatformRole::from_str_name)?,
            ..Newcomer::of(word("email"))
        };
        match stage::provision(test, newcomer).await {
            Ok(made) => tell(&json!({"userId": made.user_id, "workspaceId": made.user_workspace_id})).await?,
            Err(refusal) => tell(&json!({"error": refusal.message()})).await?,
        }
    }
    Ok(())
}

/// A value of an enum by its name; the default for an empty one.
fn named<T: Default>(name: &str, find: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
    if name.is_empty() { Ok(T::default()) } else { find(name).with_context(|| format!("there is no role {name}")) }
}

async fn input_ends() -> anyhow::Result<()> {
    let mut rest = [0; 64];
    while tokio::io::stdin().read(&mut rest).await? > 0 {}
    Ok(())
}

async fn forget_limits(redis: String) -> anyhow::Result<()> {
    let mut connection = redis::Client::open(redis)?.get_multiplexed_async_connection().await?;
    loop {
        let keys: Vec<String> = redis::cmd("KEYS").arg("neipix:rl:*").query_async(&mut connection).await?;
        if !keys.is_empty() {
            redis::cmd("DEL").arg(keys).exec_async(&mut connection).await?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
