//! The launcher of the all-in-one.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use neipix_local::with_services;

#[derive(Debug, Parser)]
#[command(name = "neipix-local", version, about = "Neipix on one machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The product itself is served by a subcommand beside this one.
#[derive(Debug, Subcommand)]
enum Command {
    WithServices(with_services::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .init();
    let result = match Cli::parse().command {
        Command::WithServices(args) => with_services::run(args).await,
    };
    result.unwrap_or_else(|error| {
        eprintln!("neipix-local: {error:#}");
        ExitCode::FAILURE
    })
}
