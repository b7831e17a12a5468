//! The product as a newcomer starts it: asked, killed, started again, stopped.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{eventually, open_dir, postgres_bin, processes_in};

/// A first start makes a database and hashes passwords, in a debug build beside other tests.
const STARTS_WITHIN: Duration = Duration::from_secs(90);

/// A PATH with Redis, and traps for what a start must not need.
fn path(dir: &Path) -> std::path::PathBuf {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let output = Command::new("sh").args(["-c", "command -v redis-server"]).output().unwrap();
    symlink(String::from_utf8(output.stdout).unwrap().trim(), bin.join("redis-server")).unwrap();
    for trap in ["cargo", "npm", "node", "pip", "python3", "apt-get", "curl"] {
        let script = format!("#!/bin/sh\necho {trap} >> {}\nexit 1\n", dir.join("trapped").display());
        fs::write(bin.join(trap), script).unwrap();
        fs::set_permissions(bin.join(trap), fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

struct Up {
    child: Child,
    said: String,
    port: u16,
    key: String,
    assistant: String,
}

fn start(dir: &Path, bin: &Path) -> Up {
    let data = dir.join("data");
    let (said, errors) = (dir.join("said"), dir.join("errors"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_neipix-local"));
    command.args(["up", "--port", "0", "--postgres-bin"]).arg(postgres_bin()).arg("--dir").arg(&data);
    // Nothing of the suite's own servers may leak in.
    command.env_clear().env("PATH", bin).env("HOME", dir).current_dir(dir);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&said).unwrap())
        .stderr(File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + STARTS_WITHIN;
    let said = loop {
        let text = fs::read_to_string(&said).unwrap();
        if text.contains("externalId") && text.trim_end().ends_with("}'") {
            break text;
        }
        let gone = child.try_wait().unwrap();
        if gone.is_some() || Instant::now() > deadline {
            let _ = child.kill();
            panic!("not up ({gone:?}): {}", fs::read_to_string(&errors).unwrap());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let demo: Value = serde_json::from_slice(&fs::read(data.join("demo.json")).unwrap()).unwrap();
    let port = said.split("http://api.localhost:").nth(1).unwrap();
    let port = port.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
    let [key, assistant] = ["api_key", "assistant"].map(|name| demo[name].as_str().unwrap().to_owned());
    assert!(said.contains(&key) && said.contains(&assistant), "the printed call is ready to use: {said}");
    Up { child, said, port, key, assistant }
}

impl Up {
    async fn ask(&self, external_id: &str) -> Value {
        neipix_mesh::run::install_crypto();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = json!({"assistantId": self.assistant, "contactExternalId": "me", "externalId": external_id,
                          "text": "За сколько дней можно вернуть товар?", "waitSeconds": 30});
        let request = client.post(format!("http://127.0.0.1:{}/api/v1/channels/api/messages", self.port));
        let request = request.header("host", format!("api.localhost:{}", self.port)).bearer_auth(&self.key).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn a_newcomer_asks_the_demo_and_a_killed_product_comes_back_with_all_data() {
    let dir = open_dir();
    let bin = path(dir.path());
    let mut first = start(dir.path(), &bin);
    let asked = first.ask("m1").await;
    assert!(asked["turn"]["answer"].as_str().unwrap().contains("14 дней"), "{asked}");
    assert!(!asked["turn"]["citations"].as_array().unwrap().is_empty(), "{asked}");
    first.child.kill().unwrap(); // SIGKILL.
    first.child.wait().unwrap();
    let data = dir.path().join("data");
    eventually("the servers end", async || processes_in(&data).is_empty()).await;

    let mut second = start(dir.path(), &bin);
    assert_eq!(second.key, first.key, "the demo is made once");
    assert!(second.said.contains("owner@neipix.example"));
    let again = second.ask("m1").await;
    assert_eq!(again["messageId"], asked["messageId"]);
    assert_eq!(again["turn"]["id"], asked["turn"]["id"]);

    let stopped = Command::new("kill").args(["-INT", &second.child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert_eq!(second.child.wait().unwrap().code(), Some(0));
    assert!(processes_in(&data).is_empty(), "Ctrl-C leaves nothing behind");
    assert!(!dir.path().join("trapped").exists(), "a start needs no builder and no network tool");
}

#[test]
fn a_taken_port_is_named_and_nothing_is_started() {
    let dir = open_dir();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_neipix-local"));
    let output = command.args(["up", "--port", &port, "--dir"]).arg(dir.path().join("data")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&port) && said.contains("is taken") && said.contains("--port"), "{said}");
    assert!(!dir.path().join("data").exists());
}
