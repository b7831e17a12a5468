//! A product in a process of its own: its memory can be read, and it can be killed.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use neipix_tests::poll::within;
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
        let mut child = Command::new(env!("CARGO_BIN_EXE_stage"))
            .args(arguments)
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

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
