//! The product as a newcomer starts it: asked, killed, started again, stopped.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{eventually, open_dir, postgres_bin, processes_in};

/// A first start makes a database and hashes passwords, in a debug build beside other tests.
const STARTS_WITHIN: Duration = Duration::from_secs(90);

const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

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
    let mut command = Command::new(env!("CARGO_BIN_EXE_neipix-local"));
    command.args(["up", "--port", "0", "--postgres-bin"]).arg(postgres_bin()).arg("--dir").arg(dir.join("data"));
    // Nothing of the suite's own servers may leak in.
    command.env_clear().env("PATH", bin).env("HOME", dir).current_dir(dir);
    come_up(dir, command)
}

/// Waits for the call that a newcomer is shown.
fn come_up(dir: &Path, mut command: Command) -> Up {
    let data = dir.join("data");
    let (said, errors) = (dir.join("said"), dir.join("errors"));
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
        self.try_ask(external_id).await.unwrap()
    }

    async fn try_ask(&self, external_id: &str) -> reqwest::Result<Value> {
        neipix_mesh::run::prepare_process();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = json!({"assistantId": self.assistant, "contactExternalId": "me", "externalId": external_id,
                          "text": "За сколько дней можно вернуть товар?", "waitSeconds": 30});
        let request = client.post(format!("http://127.0.0.1:{}/api/v1/channels/api/messages", self.port));
        let request = request.header("host", format!("api.localhost:{}", self.port)).bearer_auth(&self.key).json(&body);
        request.send().await?.error_for_status()?.json().await
    }

    /// What it says of its own start, in seconds.
    fn took(&self) -> f64 {
        let said = self.said.split("Neipix serves since ").nth(1).unwrap();
        said.split(' ').next().unwrap().parse().unwrap()
    }
}

/// Leaves the network behind: only the loopback is there.
fn alone(command: &mut Command) {
    let leave = || {
        // SAFETY: plain system calls on integers and on a structure of our own; all are async-signal-safe.
        unsafe {
            let user = if libc::geteuid() == 0 { 0 } else { libc::CLONE_NEWUSER };
            if libc::unshare(user | libc::CLONE_NEWNET) != 0 {
                return Err(io::Error::last_os_error());
            }
            let mut loopback: libc::ifreq = std::mem::zeroed();
            loopback.ifr_name[0] = libc::c_char::try_from(b'l').unwrap_or(0);
            loopback.ifr_name[1] = libc::c_char::try_from(b'o').unwrap_or(0);
            let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
            loopback.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or(1);
            if socket < 0 || libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const loopback) != 0 {
                return Err(io::Error::last_os_error());
            }
            libc::close(socket);
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing and calls only async-signal-safe functions.
    unsafe {
        command.pre_exec(leave);
    }
}

/// Whether the system lets a process leave the network: some containers do not.
fn may_be_alone() -> bool {
    let mut nothing = Command::new("true");
    alone(&mut nothing);
    nothing.status().is_ok()
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

/// `make up` with a launcher that was built already, its data in `dir`.
fn make_up(dir: &Path, bin: &Path) -> Command {
    use std::os::unix::fs::PermissionsExt;
    let launch = dir.join("launch");
    let (launcher, data) = (env!("CARGO_BIN_EXE_neipix-local"), dir.join("data"));
    let script = format!(
        "#!/bin/sh\nexec {launcher} \"$@\" --port 0 --postgres-bin {} --dir {}\n",
        postgres_bin().display(),
        data.display()
    );
    fs::write(&launch, script).unwrap();
    fs::set_permissions(&launch, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("make");
    command.arg("-C").arg(CHECKOUT).arg("up");
    command.arg(format!("launcher={}", launch.display()));
    command.env_clear().env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())).env("HOME", dir);
    // As a shell starts it in a terminal: Ctrl-C reaches all of the group.
    command.process_group(0);
    command
}

#[tokio::test]
async fn a_second_make_up_takes_under_ten_seconds_and_needs_no_builder_and_no_network() {
    // What a first `make up` does beside starting the product.
    let web = Command::new("make").arg("-C").arg(CHECKOUT).arg("web").output().unwrap();
    assert!(web.status.success(), "{}", String::from_utf8_lossy(&web.stderr));
    let dir = open_dir();
    let bin = path(dir.path());
    let mut first = start(dir.path(), &bin);
    let stopped = Command::new("kill").args(["-INT", &first.child.id().to_string()]).status().unwrap();
    assert!(stopped.success() && first.child.wait().unwrap().success());

    let mut command = make_up(dir.path(), &bin);
    if may_be_alone() {
        alone(&mut command);
    }
    let mut second = come_up(dir.path(), command);
    assert_eq!(second.key, first.key);
    assert!(second.took() < 10.0, "{}", second.said);
    assert!(!dir.path().join("trapped").exists(), "{}", fs::read_to_string(dir.path().join("trapped")).unwrap());

    let group = format!("-{}", second.child.id());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    second.child.wait().unwrap();
    assert!(processes_in(&dir.path().join("data")).is_empty(), "Ctrl-C leaves nothing behind");
    let left = Command::new("kill").args(["-0", "--", &group]).stderr(Stdio::null()).status().unwrap();
    assert!(!left.success(), "nobody of its group is left");
}

#[tokio::test]
async fn a_postgres_or_redis_that_dies_comes_back_and_the_product_goes_on() {
    let dir = open_dir();
    let bin = path(dir.path());
    let mut up = start(dir.path(), &bin);
    let first = up.ask("m1").await;
    for (server, message) in [("postgres", "m2"), ("redis", "m3")] {
        let home = dir.path().join("data").join(server);
        let before = processes_in(&home);
        assert!(Command::new("kill").arg("-9").args(&before).status().unwrap().success());
        eventually("the server comes back", async || {
            let now = processes_in(&home);
            !now.is_empty() && now.iter().all(|pid| !before.contains(pid))
        })
        .await;
        eventually("an answer", async || {
            up.try_ask(message).await.is_ok_and(|asked| asked["turn"]["answer"] == first["turn"]["answer"])
        })
        .await;
        assert!(up.child.try_wait().unwrap().is_none(), "the launcher lives");
    }
    assert_eq!(up.ask("m1").await["messageId"], first["messageId"], "nothing that was acknowledged is lost");
    let stopped = Command::new("kill").args(["-INT", &up.child.id().to_string()]).status().unwrap();
    assert!(stopped.success() && up.child.wait().unwrap().success());
    assert!(processes_in(&dir.path().join("data")).is_empty());
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
