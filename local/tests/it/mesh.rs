//! The product as production runs it: a process that dies comes back, and nothing outlives its launcher.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{eventually, open_dir, postgres_bin, processes_in};

/// Thirteen processes in a debug build, beside other tests.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
/// Two of each of five services, and two edges.
const PROCESSES: usize = 12;

/// A port that is free, as the next one is.
fn two_ports() -> u16 {
    let start = 10_000 + rand::random::<u16>() % 9_000;
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (start..20_000).find(|port| free(*port) && free(port + 1)).expect("two free ports")
}

fn start(dir: &Path, port: u16) -> (Child, Value) {
    let (said, errors) = (dir.join("said"), dir.join("errors"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_neipix-local"));
    command.args(["mesh", "--port", &port.to_string(), "--postgres-bin"]).arg(postgres_bin());
    command.arg("--dir").arg(dir.join("data")).current_dir(dir).stdin(Stdio::null());
    for name in ["DATABASE_URL", "REDIS_URL", "S3_ENDPOINT", "SMTP_URL", "MAILBOX_URL"] {
        command.env_remove(name);
    }
    let mut child =
        command.stdout(File::create(&said).unwrap()).stderr(File::create(&errors).unwrap()).spawn().unwrap();
    let deadline = Instant::now() + STARTS_WITHIN;
    while !fs::read_to_string(&said).unwrap().contains("The second edge") {
        let gone = child.try_wait().unwrap();
        if gone.is_some() || Instant::now() > deadline {
            let _ = child.kill();
            panic!("not up ({gone:?}): {}", fs::read_to_string(&errors).unwrap());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    (child, serde_json::from_slice(&fs::read(dir.join("data/demo.json")).unwrap()).unwrap())
}

/// Asks the demo through an edge, under the host that both edges serve.
async fn ask(demo: &Value, port: u16, edge: u16) -> Option<Value> {
    neipix_mesh::run::prepare_process();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({"assistantId": demo["assistant"], "contactExternalId": "me", "externalId": "m1",
                      "text": "За сколько дней можно вернуть товар?", "waitSeconds": 30});
    let request = client.post(format!("http://127.0.0.1:{}/api/v1/channels/api/messages", port + edge));
    let request =
        request.header("host", format!("api.localhost:{port}")).bearer_auth(demo["api_key"].as_str().unwrap());
    request.json(&body).send().await.ok()?.error_for_status().ok()?.json().await.ok()
}

#[tokio::test]
async fn a_process_that_dies_comes_back_and_a_killed_launcher_leaves_nothing() {
    let dir = open_dir();
    let (port, home) = (two_ports(), dir.path().join("data/mesh"));
    let (mut launcher, demo) = start(dir.path(), port);
    let answer = ask(&demo, port, 1).await.expect("the second edge serves the same hosts");
    assert!(answer["turn"]["answer"].as_str().unwrap().contains("14 дней"), "{answer}");

    let before: BTreeSet<String> = processes_in(&home).into_iter().collect();
    assert_eq!(before.len(), PROCESSES);
    let victims = before.iter().take(3);
    assert!(Command::new("kill").arg("-9").args(victims).status().unwrap().success());
    eventually("the dead come back", async || {
        let now: BTreeSet<String> = processes_in(&home).into_iter().collect();
        now.len() == PROCESSES && now.difference(&before).count() == 3
    })
    .await;
    eventually("the same message has the same answer", async || {
        let again = ask(&demo, port, 0).await;
        again.is_some_and(|again| again["messageId"] == answer["messageId"])
    })
    .await;

    launcher.kill().unwrap(); // SIGKILL.
    launcher.wait().unwrap();
    eventually("everything ends with the launcher", async || processes_in(&dir.path().join("data")).is_empty()).await;

    let (mut launcher, again) = start(dir.path(), port);
    assert_eq!(again, demo, "the same data");
    assert!(Command::new("kill").args(["-INT", &launcher.id().to_string()]).status().unwrap().success());
    assert_eq!(launcher.wait().unwrap().code(), Some(0));
    assert!(processes_in(&dir.path().join("data")).is_empty(), "Ctrl-C leaves nothing behind");
}
