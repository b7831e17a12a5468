//! A product in a process of its own: its memory and its log can be read, and it can be killed.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use neipix_tests::{
    client::{Bearer, Rest, Surface},
    poll::within,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// Ends with the value.
pub struct Process {
    child: Child,
    pub pid: u64,
    pub address: SocketAddr,
    /// All it told.
    pub told: Value,
}

impl Process {
    pub async fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, "error", Stdio::inherit()).await
    }

    /// The same, its log filtered as said and sent there.
    pub async fn start_with(arguments: &[&str], filter: &str, log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stage"))
            .args(arguments)
            .env("RUST_LOG", filter)
            .stderr(log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let read = within(Duration::from_secs(60), "the product", out.read_line(&mut line)).await;
        assert_ne!(read.unwrap(), 0, "the product did not start");
        let told: Value = serde_json::from_str(&line).unwrap();
        let address = told["address"].as_str().unwrap().parse().unwrap();
        Self { child, pid: told["pid"].as_u64().unwrap(), address, told }
    }

    /// The owner of its workspace.
    pub fn owner(&self) -> Rest<Bearer> {
        self.person(Surface::Api, "ownerToken")
    }

    /// Its superadmin.
    pub fn staff(&self) -> Rest<Bearer> {
        self.person(Surface::Admin, "staffToken")
    }

    fn person(&self, surface: Surface, token: &str) -> Rest<Bearer> {
        Rest::at(self.address, surface).bearer(self.told[token].as_str().unwrap())
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
