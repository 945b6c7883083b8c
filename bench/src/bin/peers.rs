//! `cargo peers`: the same game on our server and on Colyseus, one generator for both, and the ratios.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use std::fs;
use std::io::{Write as _, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire_bench::peers::{Comparison, MOTIONS, Plan, SEATS, WORKLOADS, check, compare, install, render};
use tickwire_bench::pinning::has_two_cores;
use tokio::signal::unix::{SignalKind, signal};

/// Plays the same game on our server and on Colyseus.
#[derive(Debug, Parser)]
#[command(name = "peers", version)]
struct Args {
    /// Clients, in rooms of eight.
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u32).range(8..=16_384))]
    clients: u32,
    /// Seconds that count, per round and server, after joining and three seconds of warm-up.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Turns of each server per workload.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Only this workload; may be given several times.
    #[arg(long, value_parser = PossibleValuesParser::new(WORKLOADS.map(|workload| workload.name)))]
    workload: Vec<String>,
    /// Writes the report to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only has Colyseus' own client compare what it sees with what its server has.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match start(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("peers: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// To stderr: stdout is the table's. With stderr closed there is nobody to tell.
fn say(words: &str) {
    let _ = writeln!(stderr(), "{words}");
}

fn start(args: &Args) -> Result<ExitCode> {
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = peers(args) => outcome,
            // A server of ours is killed when `peers` is dropped.
            signal = stopped() => signal.and_then(|()| bail!("stopped by a signal")),
        }
    });
    // A load that was stopped in its middle is not waited for.
    runtime.shutdown_background();
    outcome
}

/// Every client is a descriptor here, and one in the server, which inherits the limit.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // The soft limit stays where it was when this is not allowed, and a failed connection says so.
    let _ = setrlimit(Resource::Nofile, limit);
}

async fn stopped() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn peers(args: &Args) -> Result<ExitCode> {
    ensure!(args.clients.is_multiple_of(SEATS), "--clients is a multiple of {SEATS}: rooms have so many seats");
    install().await?;
    if args.check {
        for motion in MOTIONS {
            writeln!(stdout(), "{}", check(motion).await?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(has_two_cores()?, "cores 0 and 1 are needed: one for the server, one for its clients");
    let plan = Plan { clients: args.clients, seconds: args.seconds, rounds: args.rounds };
    let mut comparisons: Vec<Comparison> = Vec::new();
    for workload in WORKLOADS {
        if args.workload.is_empty() || args.workload.iter().any(|name| name == workload.name) {
            comparisons.push(compare(workload, plan, say).await?);
        }
    }
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&comparisons)? + "\n";
        fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let faults: Vec<String> = comparisons.iter().flat_map(Comparison::faults).collect();
    let mut out = stdout().lock();
    writeln!(out, "\n{}", render(&comparisons))?;
    for fault in &faults {
        writeln!(out, "  ✗ {fault}")?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
