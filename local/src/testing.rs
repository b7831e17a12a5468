//! The product for tests: each on its own database and its own Redis, beside the servers of `with-services`.

use anyhow::Context as _;
use neipix_mesh::config::Settings;
use neipix_testdb::TestDatabase;
use tokio::net::TcpListener;

use crate::product::{self, Product};

/// Databases of one Redis; `with-services` starts it with so many.
const REDIS_DATABASES: u64 = 1_024;

/// A product of one test.
pub struct TestProduct {
    /// It.
    pub product: Product,
    /// What it was started with.
    pub settings: Vec<(String, String)>,
    /// The role `neipix_verify` on its database.
    pub verify_url: String,
    /// Goes with it, unless the caller has a database of its own.
    pub database: Option<TestDatabase>,
}

#[expect(clippy::disallowed_methods, reason = "tests learn their servers this way")]
fn env(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run tests with `make test-it`"))
}

/// The launcher beside the test's own program, or one folder up where that lies in `deps`: it offers the children that
/// read files.
fn launcher() -> Option<std::path::PathBuf> {
    let own = std::env::current_exe().ok()?;
    own.ancestors().skip(1).take(2).map(|folder| folder.join("neipix-local")).find(|launcher| launcher.is_file())
}

/// An empty database of Redis. Database 0 counts them, so that processes of tests beside and behind each other get
/// different ones.
async fn redis_database(server: &str) -> anyhow::Result<String> {
    // The address may name a database of its own: it ends after host and port.
    let host = server.find("://").map_or(0, |at| at + 3);
    let end = server[host..].find('/').map_or(server.len(), |at| host + at);
    let at = async |number: u64| {
        let url = format!("{}/{number}", &server[..end]);
        let connection = ::redis::Client::open(url.as_str())?.get_multiplexed_async_connection().await?;
        anyhow::Ok((url, connection))
    };
    let count: u64 = ::redis::cmd("INCR").arg("neipix:test:databases").query_async(&mut at(0).await?.1).await?;
    let (url, mut own) = at(1 + count % (REDIS_DATABASES - 1)).await?;
    ::redis::cmd("FLUSHDB").query_async::<()>(&mut own).await?;
    Ok(url)
}

/// Starts a product; `more` settings win.
///
/// # Errors
/// When the servers of `with-services` are not there.
pub async fn start(more: &[(&str, &str)]) -> anyhow::Result<TestProduct> {
    start_through(more, |_, url| url).await
}

/// The same, with the addresses of databases and Redis led through something: `through` gets a setting's name and value.
///
/// # Errors
/// As `start`.
pub async fn start_through(
    more: &[(&str, &str)],
    through: impl Fn(&str, String) -> String,
) -> anyhow::Result<TestProduct> {
    if let Some(launcher) = launcher() {
        svc_assistants::extraction::set_program(launcher);
    }
    let owner = env("DATABASE_URL")?;
    let database = TestDatabase::new(&owner, async |url| product::migrate(&url).await).await?;
    let redis = redis_database(&env("REDIS_URL")?).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let mut pairs: Vec<(String, String)> = vec![];
    let mut set = |name: &str, value: String| pairs.push((name.to_owned(), value));
    set("NEIPIX_ENV", "test".into());
    for service in ["AUTH", "ASSISTANTS", "BILLING", "CHATS", "ADMIN"] {
        let name = format!("{service}_DATABASE_URL");
        set(&name, through(&name, database.at(&env(&name)?)));
        set(&format!("{service}_POOL"), "6".into());
    }
    set("REDIS_URL", through("REDIS_URL", redis));
    for name in ["S3_ENDPOINT", "S3_PUBLIC_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY", "SMTP_URL"] {
        set(name, env(name)?);
    }
    set("MAIL_FROM", "Neipix <hello@neipix.example>".into());
    for (name, host) in [("APP", "app"), ("ADMIN", "admin"), ("API", "api"), ("WIDGET", "widget"), ("FILES", "files")] {
        set(&format!("{name}_ORIGIN"), format!("http://{host}.localhost:{port}"));
    }
    set("AUTH_ISSUER", format!("http://api.localhost:{port}"));
    set("ARGON2", "m=64,t=1,p=1".into());
    set("EGRESS_ALLOW", "127.0.0.0/8".into());
    for (name, value) in more {
        set(name, (*value).to_owned());
    }
    let settings = Settings::from_pairs("local", pairs.clone())?;
    let product = product::start(&settings, listener).await?;
    let verify_url = database.at(&env("VERIFY_DATABASE_URL")?);
    Ok(TestProduct { product, settings: pairs, verify_url, database: Some(database) })
}

/// Another replica of everything, an edge included, with the settings of a `TestProduct`: on the same servers.
///
/// # Errors
/// When no port is free.
pub async fn replica(settings: &[(String, String)]) -> anyhow::Result<Product> {
    let settings = Settings::from_pairs("local", settings.to_vec())?;
    product::start(&settings, TcpListener::bind("127.0.0.1:0").await?).await
}
