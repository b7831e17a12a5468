//! F-25: the disk of the database is full. Its tables lie on a small file system of their own, which is filled and
//! emptied again; the write-ahead log lies elsewhere, as it should.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use neipix_local::{
    children::is_root,
    infrastructure::{Given, Infrastructure, Options, postgres_programs},
    postgres::{DATABASE, Profile},
    product,
    testing::TestProduct,
    with_services::temp_dir,
};
use neipix_tests::{
    client::{Bearer, Rest},
    mesh::settings,
    poll::eventually_within,
    stage, trust,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_postgres::NoTls;

/// Room for the migrated tables and a little more.
const MEGABYTES: u32 = 96;
/// Calls after which a full disk must have been noticed.
const TRIES: usize = 200;
const PATH: &str = "/api/v1/assistants";

/// A file system in memory; it goes with the value.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> Self {
        fs::create_dir(&at).unwrap();
        let size = format!("size={MEGABYTES}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "neipix"]).arg(&at).status().unwrap();
        assert!(mounted.success(), "mount: {mounted}");
        Self(at)
    }

    fn fill(&self) {
        let mut ballast = fs::File::create(self.0.join("ballast")).unwrap();
        let piece = vec![0; 4 << 10];
        while ballast.write_all(&piece).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn given(name: &str) -> Option<String> {
    Some(std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run by `make test-it`")))
}

/// A Postgres of its own, beside the servers of the suite.
async fn postgres(dir: &Path) -> Infrastructure {
    let others = Given {
        redis_url: given("REDIS_URL"),
        s3_endpoint: given("S3_ENDPOINT"),
        s3_bucket: given("S3_BUCKET"),
        s3_access_key: given("S3_ACCESS_KEY"),
        s3_secret_key: given("S3_SECRET_KEY"),
        smtp_url: given("SMTP_URL"),
        ..Given::default()
    };
    let options = Options {
        dir: dir.to_owned(),
        postgres_bin: postgres_programs(None).unwrap(),
        redis_server: "redis-server".into(),
        profile: Profile::Test,
        given: others,
    };
    Infrastructure::start(options).await.unwrap()
}

/// Moves the database to the disk, as only a superuser may.
async fn move_to(disk: &Disk, infrastructure: &Infrastructure, dir: &Path) {
    let owner = fs::metadata(dir.join("postgres/data")).unwrap();
    chown(&disk.0, Some(owner.uid()), Some(owner.gid())).unwrap();
    let mut config: tokio_postgres::Config = infrastructure.settings().get("DATABASE_URL").unwrap().parse().unwrap();
    config.user("postgres").password(infrastructure.secrets().get("postgres").unwrap()).dbname("postgres");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{}'", disk.0.display())).await.unwrap();
    client.batch_execute(&format!("ALTER DATABASE {DATABASE} SET TABLESPACE small")).await.unwrap();
}

async fn serve(infrastructure: &Infrastructure) -> TestProduct {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(infrastructure, listener.local_addr().unwrap().port(), &[]).unwrap();
    product::migrate(settings.database_url().unwrap().expose()).await.unwrap();
    let product = product::start(&settings, listener).await.unwrap();
    let verify_url = infrastructure.settings().get("VERIFY_DATABASE_URL").unwrap().to_owned();
    TestProduct { product, settings: vec![], verify_url, database: None }
}

/// A draft that no compression makes small.
fn draft(n: usize) -> Value {
    let noise: String = (0..300).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
    json!({"draft": {"name": format!("А{n}"), "instruction": noise, "answerDelaySeconds": 0}})
}

/// Writes until the disk is full and one more time; answers what was acknowledged.
async fn write_until_refused(api: &Rest<Bearer>) -> Vec<String> {
    let mut acknowledged = vec![];
    for n in 0..TRIES {
        let answer = api.post_once(PATH, &format!("key-{n}"), draft(n)).await;
        if answer.status == 200 {
            acknowledged.push(answer.ok()["id"].as_str().unwrap().to_owned());
            continue;
        }
        answer.problem(503, "UNAVAILABLE");
        assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{answer}");
        return acknowledged;
    }
    panic!("{TRIES} writes were taken by a full disk");
}

async fn ids(api: &Rest<Bearer>) -> Vec<String> {
    let list = api.get(&format!("{PATH}?pageSize=200")).await.ok();
    list["assistants"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn f_25_on_a_full_disk_writes_are_refused_reads_go_on_and_nothing_is_torn() {
    trust!("F-25");
    if !is_root() {
        // Only root may mount a small disk.
        return;
    }
    let dir = temp_dir().unwrap();
    let infrastructure = postgres(dir.path()).await;
    let disk = Disk::mount(dir.path().join("small"));
    move_to(&disk, &infrastructure, dir.path()).await;
    let test = serve(&infrastructure).await;
    let api = stage::owner(&test, "owner@romashka.example").await;
    let wallet = async || (api.get("/api/v1/billing/wallet").await.status == 200).then_some(());
    eventually_within(Duration::from_secs(15), "the wallet", wallet).await;
    let mut acknowledged = vec![api.post(PATH, draft(999)).await.ok()["id"].as_str().unwrap().to_owned()];

    disk.fill();
    acknowledged.extend(write_until_refused(&api).await);
    for path in [PATH, "/api/v1/billing/wallet", "/api/v1/chats", "/api/v1/auth/me"] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
    let mut found = ids(&api).await;
    found.sort();
    acknowledged.sort();
    assert_eq!(found, acknowledged, "what was acknowledged is there, what was refused is not");
    assert!(neipix_cli::verify::run(&test.verify_url, "").await.unwrap(), "an invariant is broken on a full disk");

    disk.empty();
    let refused = format!("key-{}", acknowledged.len() - 1);
    let body = draft(acknowledged.len() - 1);
    let made = eventually_within(Duration::from_secs(5), "the same call is taken", async || {
        let answer = api.post_once(PATH, &refused, body.clone()).await;
        (answer.status == 200).then(|| answer.ok())
    })
    .await;
    assert_eq!(ids(&api).await.len(), acknowledged.len() + 1);
    let published = format!("{PATH}/{}:publish", made["id"].as_str().unwrap());
    let _ = api.post(&published, json!({})).await.ok();
    let ask = json!({"assistantId": made["id"], "contactExternalId": "c1", "externalId": "m1", "text": "Есть кто?",
        "waitSeconds": 30});
    let answered = api.post("/api/v1/channels/api/messages", ask).await.ok();
    assert_ne!(answered["turn"]["state"], "TURN_STATE_FAILED", "{answered}");
    test.product.stop().await;
    assert!(neipix_cli::verify::run(&test.verify_url, "").await.unwrap(), "an invariant is broken afterwards");
    infrastructure.stop().await;
}
