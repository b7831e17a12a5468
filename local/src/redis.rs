//! A private Redis: started, watched and stopped by the launcher.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::children::{Program, Spec, State, Supervised, wait_for_orphan};
use crate::secrets::{Secrets, write_private};

/// Enough for every test to have its own.
const DATABASES: u32 = 1024;

/// A running private instance.
#[derive(Debug)]
pub struct Redis {
    supervised: Supervised,
    url: String,
}

impl Redis {
    /// Starts the instance whose data lies in `dir`, which is made where it is missing.
    ///
    /// # Errors
    /// When `redis-server` is missing or refuses; the text carries the end of its log.
    pub async fn start(program: &Path, dir: &Path, port: u16, secrets: &Secrets) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let home = dir.canonicalize()?;
        let password = secrets.get("redis")?;
        let settings = format!(
            "bind 127.0.0.1\nport {port}\nprotected-mode yes\nrequirepass {password}\ndatabases {DATABASES}\n\
             save \"\"\nappendonly yes\nappendfsync everysec\ndaemonize no\npidfile redis.pid\n"
        );
        write_private(&home.join("redis.conf"), settings.as_bytes())?;
        wait_for_orphan(&home.join("redis.pid"), &home, Duration::from_secs(15)).await?;
        let server = Server { program: program.to_owned(), home, port, password: password.clone() };
        let supervised = Supervised::start(server).await?;
        Ok(Self { supervised, url: format!("redis://:{password}@127.0.0.1:{port}/0") })
    }

    /// Its address, for `REDIS_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How it is.
    pub fn state(&self) -> watch::Receiver<State> {
        self.supervised.state()
    }

    /// Ends it cleanly.
    pub async fn stop(self) {
        self.supervised.stop().await;
    }
}

#[derive(Debug)]
struct Server {
    program: PathBuf,
    home: PathBuf,
    port: u16,
    password: String,
}

impl Server {
    async fn ping(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request = format!("AUTH {}\r\nPING\r\n", self.password);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0_u8; 12];
        stream.read_exact(&mut answer).await?;
        Ok(&answer == b"+OK\r\n+PONG\r\n")
    }
}

impl Program for Server {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn spec(&self) -> Spec {
        // The folder is the working directory, so that no path needs quoting in the settings.
        let mut spec = Spec::new(&self.program).args(["redis.conf"]);
        spec.dir = Some(self.home.clone());
        spec.log = Some(self.log());
        spec
    }

    async fn is_ready(&self) -> bool {
        let answer = tokio::time::timeout(Duration::from_secs(2), self.ping()).await;
        matches!(answer, Ok(Ok(true)))
    }

    fn stop_signal(&self) -> i32 {
        libc::SIGTERM
    }

    fn log(&self) -> PathBuf {
        self.home.join("redis.log")
    }
}
