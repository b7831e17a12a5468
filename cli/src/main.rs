//! The staff's command line. It speaks to services over gRPC; `backend verify` reads the databases as the read-only role
//! `neipix_verify`, which no service uses.

#![expect(clippy::print_stdout, reason = "a command line prints")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use neipix_cli::{health, verify};

/// Runs and checks a Neipix installation.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks of the backend.
    #[command(subcommand)]
    Backend(Backend),
}

#[derive(Subcommand)]
enum Backend {
    /// Check every invariant of the databases; prints offending rows and ends with 1 where one is broken.
    Verify {
        /// URL of the role `neipix_verify`.
        #[arg(long, env = "VERIFY_DATABASE_URL", hide_env_values = true)]
        database_url: String,
        /// Only invariants whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Ask services how they are; ends with 1 unless all serve.
    Health {
        /// Addresses such as `http://127.0.0.1:9001`, one or more.
        #[arg(required = true)]
        addresses: Vec<String>,
        /// The gRPC service to ask for; empty = the process as a whole.
        #[arg(long, default_value = "")]
        service: String,
        /// Wait that long for all to serve, in seconds.
        #[arg(long, default_value_t = 0)]
        wait: u64,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Backend(Backend::Verify { database_url, only }) => verify::run(&database_url, &only).await,
        Command::Backend(Backend::Health { addresses, service, wait }) => health::run(&addresses, &service, wait).await,
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
