//! Closed-loop load on several targets, interleaved in rounds (A, B, C, A, B, C, …), so that a noisy machine
//! is equally noisy to all. Prints a markdown table of medians over rounds, and JSON with every round.

mod client;
mod config;
mod proc;
mod report;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use clap::Parser;
use hdrhistogram::Histogram;
use hyper::Uri;
use serde::Serialize;
use tokio::task::LocalSet;

use client::{Client, Tally};
use config::{Config, Lists, Target, grpc_frame};

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Args {
    /// The file of targets.
    targets: PathBuf,
    /// Only these targets, by name.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of one measurement.
    #[arg(long)]
    seconds: Option<f64>,
    #[arg(long, value_delimiter = ',')]
    concurrency: Vec<usize>,
    /// Where to write every round as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Send one request to each target, print what came back, and stop.
    #[arg(long)]
    probe: bool,
}

/// One measurement of one target. Times are milliseconds, CPU milliseconds per request, memory MiB.
#[derive(Serialize, Clone, Debug)]
pub struct Sample {
    pub target: String,
    pub concurrency: usize,
    pub round: usize,
    pub requests: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    pub rps: f64,
    pub ttft_p50: f64,
    pub ttft_p95: f64,
    pub ttft_p99: f64,
    pub total_p50: f64,
    pub total_p99: f64,
    pub cpu_ms: f64,
    pub shared_cpu_ms: BTreeMap<String, f64>,
    pub load_cpu_ms: f64,
    pub rss_before: f64,
    pub rss_peak: f64,
}

async fn load(target: &Target, concurrency: usize, seconds: f64, lists: &Rc<Lists>) -> (Tally, f64) {
    let tally = Rc::new(RefCell::new(Tally::new()));
    let start = Instant::now();
    let until = start + Duration::from_secs_f64(seconds);
    let workers: Vec<_> = (0..concurrency)
        .map(|_| tokio::task::spawn_local(Client::new(target).run(lists.clone(), tally.clone(), until)))
        .collect();
    for worker in workers {
        let _ = worker.await;
    }
    let wall = start.elapsed().as_secs_f64();
    (Rc::into_inner(tally).expect("all workers ended").into_inner(), wall)
}

async fn measure(config: &Config, target: &Target, concurrency: usize, round: usize, lists: &Rc<Lists>) -> Sample {
    if config.warmup > 0.0 {
        load(target, concurrency, config.warmup, lists).await;
    }
    let roots = proc::roots(&target.pids);
    let shared: BTreeMap<_, _> =
        config.shared.iter().map(|(name, file)| (name, proc::roots(&[file.display().to_string()]))).collect();
    let own = [std::process::id()];
    let rss_before = proc::tree(&roots).rss_mib;
    let peak = Rc::new(RefCell::new(rss_before));
    let sampler = {
        let (peak, roots) = (peak.clone(), roots.clone());
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(250)).await;
                let now = proc::tree(&roots).rss_mib;
                let mut peak = peak.borrow_mut();
                *peak = peak.max(now);
            }
        })
    };
    let before = (
        proc::tree(&roots).cpu_ms,
        shared.values().map(|r| proc::tree(r).cpu_ms).collect::<Vec<_>>(),
        proc::tree(&own).cpu_ms,
    );
    let (tally, wall) = load(target, concurrency, config.seconds, lists).await;
    let done = tally.total.len();
    let each = |ms: f64| ms / done.max(1) as f64;
    let shared_cpu_ms = shared
        .iter()
        .zip(&before.1)
        .map(|((name, r), was)| ((*name).clone(), each(proc::tree(r).cpu_ms - was)))
        .collect();
    let cpu_ms = each(proc::tree(&roots).cpu_ms - before.0);
    let load_cpu_ms = each(proc::tree(&own).cpu_ms - before.2);
    sampler.abort();
    let at = |h: &Histogram<u64>, q: f64| h.value_at_quantile(q) as f64 / 1000.0;
    Sample {
        target: target.name.clone(),
        concurrency,
        round,
        requests: done,
        errors: tally.errors,
        first_error: tally.first_error,
        rps: done as f64 / wall,
        ttft_p50: at(&tally.ttft, 0.5),
        ttft_p95: at(&tally.ttft, 0.95),
        ttft_p99: at(&tally.ttft, 0.99),
        total_p50: at(&tally.total, 0.5),
        total_p99: at(&tally.total, 0.99),
        cpu_ms,
        shared_cpu_ms,
        load_cpu_ms,
        rss_before,
        rss_peak: *peak.borrow(),
    }
}

async fn probe(target: &Target, lists: &Lists) {
    let mut client = Client::new(target);
    let outcome = client.ask(lists).await;
    let body = String::from_utf8_lossy(&client.body);
    let (head, tail): (String, String) = (body.chars().take(700).collect(), body.chars().rev().take(400).collect());
    println!("== {} {outcome:?}\n{head}\n…{}\n", target.name, tail.chars().rev().collect::<String>());
}

/// The file of targets with what the command line says over it.
fn configured(args: &Args) -> Result<Config, Box<dyn std::error::Error>> {
    let mut config: Config = toml::from_str(&std::fs::read_to_string(&args.targets)?)?;
    if !args.only.is_empty() {
        config.targets.retain(|t| args.only.contains(&t.name));
    }
    config.rounds = args.rounds.unwrap_or(config.rounds);
    config.seconds = args.seconds.unwrap_or(config.seconds);
    if !args.concurrency.is_empty() {
        config.concurrency = args.concurrency.clone();
    }
    if config.concurrency.is_empty() {
        config.concurrency = vec![1, 16, 64];
    }
    for target in &config.targets {
        let uri: Uri = target.url.parse().map_err(|e| format!("{}: {e}", target.name))?;
        if !matches!(uri.host(), Some("127.0.0.1" | "localhost")) {
            return Err(format!("{}: only targets on this machine are loaded", target.name).into());
        }
        if target.grpc.as_deref().is_some_and(|hex| grpc_frame(hex).is_none()) {
            return Err(format!("{}: grpc is not hex", target.name).into());
        }
    }
    Ok(config)
}

/// The lines of the lists that the targets left over mention.
fn lists(config: &Config) -> Result<Lists, Box<dyn std::error::Error>> {
    let mut lists = Lists::new();
    for (name, file) in config.lists.iter().filter(|(name, _)| config.targets.iter().any(|t| t.mentions(name))) {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        lists.insert(name.clone(), text.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect());
    }
    Ok(lists)
}

/// Every target at every level, interleaved.
async fn run(config: &Config, lists: &Rc<Lists>) -> Vec<Sample> {
    let mut samples = Vec::new();
    for &concurrency in &config.concurrency {
        for round in 0..config.rounds {
            for target in
                config.targets.iter().filter(|t| t.concurrency.is_empty() || t.concurrency.contains(&concurrency))
            {
                let sample = measure(config, target, concurrency, round, lists).await;
                eprintln!(
                    "c={concurrency} round {round} {:<14} {:>8.1}/s ttft {:.2} ms, cpu {:.3} ms, errors {}{}",
                    sample.target,
                    sample.rps,
                    sample.ttft_p50,
                    sample.cpu_ms,
                    sample.errors,
                    sample.first_error.as_deref().map_or(String::new(), |e| format!(" ({e})")),
                );
                samples.push(sample);
            }
        }
    }
    samples
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let config = configured(&args)?;
    let lists = Rc::new(lists(&config)?);
    let local = LocalSet::new();
    if args.probe {
        for target in &config.targets {
            local.run_until(probe(target, &lists)).await;
        }
        return Ok(());
    }
    let samples = local.run_until(run(&config, &lists)).await;
    if samples.is_empty() {
        return Ok(());
    }
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&samples)?)?;
    }
    print!("{}", report::markdown(&samples, config.baseline.as_deref(), config.subject.as_deref()));
    Ok(())
}
