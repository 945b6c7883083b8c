//! `cargo peers`: the same game on our server and on Colyseus, one generator for both, and the ratios.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use std::fs;
use std::io::{Write as _, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire_bench::lean::rooms::SEATS;
use tickwire_bench::page::{Page, page_path};
use tickwire_bench::peers::{
    Comparison, MOTIONS, Plan, WORKLOADS, Workload, capacity, check, compare, install, page, render,
};
use tickwire_bench::pinning::has_two_cores;
use tickwire_tools::descriptors;
use tokio::signal::unix::{SignalKind, signal};

/// Seconds that count per round of a comparison.
const SECONDS: u32 = 10;

/// Seconds that count per step of a search.
const CAPACITY_SECONDS: u32 = 4;

/// Plays the same game on our server and on Colyseus.
#[derive(Debug, Parser)]
#[command(name = "peers", version)]
struct Args {
    /// Clients, in rooms of eight; several numbers are measured in turns in one run.
    #[arg(long, default_value = "80", value_delimiter = ',', value_name = "N,N,N")]
    #[arg(value_parser = clap::value_parser!(u32).range(8..=16_384))]
    clients: Vec<u32>,
    /// Seconds that count, per round and server, after joining and three seconds of warm-up; by default 10, or 4 per
    /// step of --capacity.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: Option<u32>,
    /// Turns of each server per workload and number of clients.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Searches the number of clients that one process of each server holds; by default with the first workload.
    #[arg(long, conflicts_with_all = ["clients", "rounds", "check"])]
    capacity: bool,
    /// Only this workload; may be given several times.
    #[arg(long, value_parser = PossibleValuesParser::new(WORKLOADS.map(|workload| workload.name)))]
    workload: Vec<String>,
    /// Writes the report to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the report as a page to this file; with --json the default is a page beside that file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Only makes Colyseus' own client compare the states that it sees with its server's.
    #[arg(long)]
    check: bool,
}

impl Args {
    /// The workloads of the command line, or else these.
    fn workloads(&self, usual: &[Workload]) -> Vec<Workload> {
        let is_asked = |workload: &Workload| self.workload.iter().any(|name| name == workload.name);
        if self.workload.is_empty() { usual.to_vec() } else { WORKLOADS.into_iter().filter(is_asked).collect() }
    }
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

/// Prints to stderr, because stdout is the table's. With stderr closed the words cannot be shown.
fn say(words: &str) {
    let _ = writeln!(stderr(), "{words}");
}

fn start(args: &Args) -> Result<ExitCode> {
    descriptors::raise_limit();
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

async fn stopped() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn peers(args: &Args) -> Result<ExitCode> {
    let is_full = |clients: &u32| clients.is_multiple_of(SEATS);
    ensure!(args.clients.iter().all(is_full), "--clients are multiples of {SEATS}: rooms have {SEATS} seats");
    install().await?;
    if args.check {
        for motion in MOTIONS {
            writeln!(stdout(), "{}", check(motion).await?)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(has_two_cores()?, "cores 0 and 1 are needed: one for the server, one for its clients");
    let faults = if args.capacity { find_capacity(args).await? } else { compare_all(args).await? };
    for fault in &faults {
        writeln!(stdout(), "  ✗ {fault}")?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Compares, prints and writes the report; gives the checks that failed.
async fn compare_all(args: &Args) -> Result<Vec<String>> {
    let plan = Plan { clients: args.clients.clone(), seconds: args.seconds.unwrap_or(SECONDS), rounds: args.rounds };
    let mut comparisons: Vec<Comparison> = Vec::new();
    for workload in args.workloads(&WORKLOADS) {
        comparisons.extend(compare(workload, &plan, say).await?);
    }
    write(args, &serde_json::to_string_pretty(&comparisons)?, &page(&comparisons))?;
    writeln!(stdout(), "\n{}", render(&comparisons))?;
    Ok(comparisons.iter().flat_map(Comparison::faults).collect())
}

/// Searches the capacity of both servers, prints and writes the report; gives the promises that were not kept.
async fn find_capacity(args: &Args) -> Result<Vec<String>> {
    let mut reports = Vec::new();
    for workload in args.workloads(&WORKLOADS[..1]) {
        let plan = capacity::Plan { workload, seconds: args.seconds.unwrap_or(CAPACITY_SECONDS) };
        let report = capacity::measure(plan, say).await?;
        writeln!(stdout(), "\n  {}\n{}", report.workload, report.table())?;
        reports.push(report);
    }
    write(args, &serde_json::to_string_pretty(&reports)?, &capacity::page(&reports))?;
    Ok(reports.iter().flat_map(capacity::Report::faults).collect())
}

fn write(args: &Args, json: &str, page: &Page) -> Result<()> {
    if let Some(path) = &args.json {
        fs::write(path, format!("{json}\n")).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    page_path(args.report.as_deref(), args.json.as_deref()).map_or(Ok(()), |path| page.write(&path))
}
