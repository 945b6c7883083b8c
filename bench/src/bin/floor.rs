//! `cargo floor`: our server on `crowd` and a bare loop, in turn in one run; CPU per client-tick of each.

use anyhow::{Context, Result, bail};
use clap::Parser;
use std::fs;
use std::io::{Write as _, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire_bench::floor::{Plan, Report, Round, run};
use tickwire_bench::server_process::ServerProcess;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// The name of the thread that generates the load.
const GENERATOR: &str = "generator";

/// Measures how near our server is to what the kernel alone costs.
#[derive(Debug, Parser)]
#[command(name = "floor", version)]
struct Args {
    /// Clients on each side, eight to a room.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=8_000))]
    clients: u32,
    /// Seconds to measure each side.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=3_600))]
    seconds: u32,
    /// How the entities move.
    #[arg(long, default_value = "erratic", value_parser = ["steady", "erratic", "still"])]
    motion: String,
    /// Entities per room besides players.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    entities: u32,
    /// Writes the report to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    raise_descriptor_limit();
    match start(&args) {
        Ok(code) => code,
        Err(error) => {
            // With stderr closed there is nobody to tell.
            let _ = writeln!(stderr(), "floor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Both sides of every connection of the bare loop are in this process.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // The soft limit stays where it was when this is not allowed, and a failed dial says so.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn start(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            outcome = floor(args) => outcome,
            // The server is killed when `floor` is dropped, paused or not.
            _ = interrupt.recv() => bail!("stopped by a signal"),
            _ = terminate.recv() => bail!("stopped by a signal"),
        }
    })
}

async fn floor(args: &Args) -> Result<ExitCode> {
    let server = ServerProcess::start().await?;
    let plan = Plan {
        clients: args.clients,
        seconds: args.seconds,
        motion: args.motion.clone(),
        entities: args.entities,
        address: server.address(),
        server_pid: server.pid(),
    };
    writeln!(stdout(), "\n  crowd, {} · {} entities a room · {} clients", plan.motion, plan.entities, plan.clients)?;
    let report = measure(plan).await?;
    server.stop().await?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    print(&report)
}

/// Measures on a thread of its own: this one looks after the server's output and signals.
async fn measure(plan: Plan) -> Result<Report> {
    let (result, measured) = oneshot::channel();
    std::thread::Builder::new().name(GENERATOR.into()).spawn(move || {
        let outcome = run(&plan, tell);
        // Nobody waits for it after a signal.
        let _ = result.send(outcome);
    })?;
    measured.await.context("the generator has panicked")?
}

fn tell(number: usize, round: &Round) {
    let Round { ours, floor } = round;
    // A closed stdout is no reason to stop measuring.
    let _ = writeln!(
        stdout(),
        "  round {:>3}        {:>9.2}{:>9.2}{:>9.3}",
        number + 1,
        ours.cpu_us,
        floor.cpu_us,
        round.ratio()
    );
}

fn print(report: &Report) -> Result<ExitCode> {
    let mut out = stdout().lock();
    writeln!(out, "\n{}", report.table())?;
    for doubt in report.doubts() {
        writeln!(out, "  ! {doubt}")?;
    }
    let faults = report.faults();
    for fault in &faults {
        writeln!(out, "  ✗ {fault}")?;
    }
    if faults.is_empty() {
        writeln!(out, "  ✓ both sides delivered")?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
