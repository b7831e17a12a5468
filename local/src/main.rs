//! The launcher of the all-in-one.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use neipix_local::{mesh, up, with_services};

#[derive(Debug, Parser)]
#[command(name = "neipix-local", version, about = "Neipix on one machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(Box<up::Args>),
    Mesh(Box<mesh::Args>),
    WithServices(Box<with_services::Args>),
}

fn main() -> ExitCode {
    // A child that reads a knowledge file is this program too, and must not start anything else.
    svc_assistants::extraction::child::run_if_asked();
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => {
            eprintln!("neipix-local: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .init();
    let result = match Cli::parse().command {
        Command::Up(args) => up::run(*args).await,
        Command::Mesh(args) => mesh::run(*args).await,
        Command::WithServices(args) => with_services::run(*args).await,
    };
    result.unwrap_or_else(|error| {
        eprintln!("neipix-local: {error:#}");
        ExitCode::FAILURE
    })
}
