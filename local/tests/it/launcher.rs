//! The launcher as a process: what it passes on, and what it leaves behind.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{eventually, open_dir, postgres_bin, processes_in};

fn launcher(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neipix-local"));
    command.args(["with-services", "--postgres-bin"]).arg(postgres_bin()).arg("--dir").arg(dir);
    for name in ["DATABASE_URL", "REDIS_URL", "S3_ENDPOINT", "SMTP_URL", "MAILBOX_URL"] {
        command.env_remove(name);
    }
    command
}

#[tokio::test]
async fn the_command_sees_the_servers_and_its_exit_code_is_ours() {
    let dir = open_dir();
    let script = r#"for name in DATABASE_URL AUTH_DATABASE_URL VERIFY_DATABASE_URL REDIS_URL S3_ENDPOINT \
        S3_PUBLIC_ENDPOINT S3_BUCKET S3_ACCESS_KEY S3_SECRET_KEY SMTP_URL MAILBOX_URL
        do [ -n "${!name}" ] || { echo "$name is missing"; exit 1; }; done; exit 7"#;
    let output = launcher(dir.path()).args(["--", "bash", "-c", script]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(processes_in(dir.path()).is_empty(), "servers are stopped before it ends");
}

#[tokio::test]
async fn a_killed_launcher_leaves_nothing_running_and_the_next_start_has_all_data() {
    let dir = open_dir();
    let psql = postgres_bin().join("psql");
    let write = format!(
        "{} -qc 'create table kept as select 42' $DATABASE_URL && touch done && exec sleep 600",
        psql.display()
    );
    let mut killed = launcher(dir.path());
    let mut killed = killed.args(["--profile", "durable", "--", "sh", "-c", &write]);
    killed = killed.current_dir(dir.path()).stdin(Stdio::null());
    let mut child = killed.spawn().unwrap();
    eventually("the table is written", async || dir.path().join("done").exists()).await;
    assert!(processes_in(dir.path()).len() >= 3, "postgres, redis and the command run");
    child.kill().unwrap(); // SIGKILL.
    child.wait().unwrap();
    // The command's own children are its own affair; the servers are ours.
    eventually("the servers end", async || {
        processes_in(&dir.path().join("postgres")).is_empty() && processes_in(&dir.path().join("redis")).is_empty()
    })
    .await;
    let read = format!("{} -qAtc 'select * from kept' $DATABASE_URL", psql.display());
    let output = launcher(dir.path()).args(["--profile", "durable", "--", "sh", "-c", &read]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42", "{output:?}");
}

#[tokio::test]
async fn a_polite_stop_reaches_the_command_and_then_the_servers() {
    let dir = open_dir();
    let script = "trap 'exit 3' TERM; touch up; while :; do sleep 0.05; done";
    let mut command = launcher(dir.path());
    let mut child = command.args(["--", "sh", "-c", script]).current_dir(dir.path()).spawn().unwrap();
    eventually("the command runs", async || dir.path().join("up").exists()).await;
    let stopped = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(stopped.success());
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(processes_in(dir.path()).is_empty());
}
