//! `cargo topics`: the price of a busy topic for those who play beside it; the floor of this build beside that of another
//! one.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io::{Write as _, stderr, stdout};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire_bench::lean::rooms::Scene;
use tickwire_bench::topics::{Hearers, Plan, Report, beside, run};
use tickwire_tools::descriptors;
use tickwire_tools::server_process::ServerProcess;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// The name of the thread that generates the load.
const GENERATOR: &str = "generator";

/// Measures the price of a busy topic for those who play beside it.
#[derive(Debug, Parser)]
#[command(name = "topics", version)]
struct Args {
    /// Pairs of a quiet and a busy round; the promise is about the median of 5.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pairs: u32,
    /// Seconds of a round.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Players, eight to a room.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=8_000))]
    players: u32,
    /// Subscribers of the topic; as players, as many as there are at the most.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=8_000))]
    subscribers: u32,
    /// Messages in a second of a busy round.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    per_second: u32,
    /// The subscribers: the players themselves, or visitors without a room. Each is measured with a server of its own.
    #[arg(long, value_delimiter = ',', default_value = "players,visitors", value_parser = ["players", "visitors"])]
    hearers: Vec<String>,
    /// How the entities move.
    #[arg(long, default_value = "erratic", value_parser = ["steady", "erratic", "still"])]
    motion: String,
    /// Entities per room besides players.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    entities: u32,
    /// Instead compares the floor of this build with that of another one, whose program `floor` this is.
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["seconds", "subscribers", "per_second", "hearers"])]
    floor: Option<PathBuf>,
    /// Writes the report to this file: a list with one object for each kind of subscribers, or one object about floors.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    descriptors::raise_limit();
    match start(&args) {
        Ok(code) => code,
        Err(error) => {
            // With stderr closed the error cannot be shown.
            let _ = writeln!(stderr(), "topics: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> Result<ExitCode> {
    let faults = match &args.floor {
        Some(other) => compare_floors(args, other.clone())?,
        None => measure_topics(args)?,
    };
    let mut out = stdout().lock();
    for fault in &faults {
        writeln!(out, "  ✗ {fault}")?;
    }
    if faults.is_empty() {
        writeln!(out, "  ✓ within what is promised")?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure_topics(args: &Args) -> Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reports = runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            reports = measure_all(args) => reports,
            // The server is killed when `measure_all` is dropped.
            _ = interrupt.recv() => bail!("stopped by a signal"),
            _ = terminate.recv() => bail!("stopped by a signal"),
        }
    })?;
    write(args, &reports)?;
    let mut out = stdout().lock();
    for report in &reports {
        writeln!(out, "\n{}", report.table())?;
        for doubt in report.doubts() {
            writeln!(out, "  ! {doubt}")?;
        }
    }
    Ok(reports.iter().flat_map(Report::faults).collect())
}

async fn measure_all(args: &Args) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for hearers in [Hearers::Players, Hearers::Visitors] {
        if args.hearers.contains(&hearers.to_string()) {
            reports.push(measure(args, hearers).await?);
        }
    }
    Ok(reports)
}

async fn measure(args: &Args, hearers: Hearers) -> Result<Report> {
    let token = FileSetting::new()?;
    let options = ["--topics-token-file".as_ref(), token.path.as_os_str()];
    let process = ServerProcess::start_with(&tickwire_bench::server(), &options).await?;
    let plan = Plan {
        pairs: args.pairs,
        seconds: args.seconds,
        scene: Scene { motion: args.motion.clone(), entities: args.entities },
        players: args.players,
        hearers,
        subscribers: args.subscribers,
        per_second: args.per_second,
        address: process.address(),
        admin: process.metrics().context("the server does not say where its metrics are")?,
        token: token.token.clone(),
        pid: process.pid(),
    };
    let (result, measured) = oneshot::channel();
    // On a thread of its own, because this one serves the server's output and signals.
    std::thread::Builder::new().name(GENERATOR.into()).spawn(move || {
        let report = run(&plan, |words| {
            // A closed stdout is no reason to stop measuring.
            let _ = writeln!(stdout(), "  {words}");
        });
        // After a signal no receiver waits for the result.
        let _ = result.send(report);
    })?;
    let report = measured.await.context("the generator has panicked")??;
    process.stop().await?;
    Ok(report)
}

/// A token of services in a file that only this user may read.
struct FileSetting {
    path: PathBuf,
    token: String,
}

impl FileSetting {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("tickwire-topics-{}.token", std::process::id()));
        // It guards a server on loopback for a few minutes: it has to be long, and nobody else's.
        let mut bytes = [0; 24];
        std::io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut bytes)?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // A file that is there already may be somebody else's.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        let made = Self { path, token };
        file.write_all(made.token.as_bytes())?;
        Ok(made)
    }
}

impl Drop for FileSetting {
    fn drop(&mut self) {
        // A file that stays behind is the token of a server that has ended.
        let _ = fs::remove_file(&self.path);
    }
}

/// Compares the floor of this build with that of another one.
fn compare_floors(args: &Args, other: PathBuf) -> Result<Vec<String>> {
    let ours = std::env::current_exe()?.with_file_name("floor");
    ensure!(ours.is_file(), "{} is not built yet: `cargo build --release -p tickwire-bench`", ours.display());
    let option = |name: &str, value: &dyn ToString| [format!("--{name}"), value.to_string()];
    let arguments =
        [option("clients", &args.players), option("motion", &args.motion), option("entities", &args.entities)];
    let report = beside::run(&ours, &other, args.pairs, &arguments.concat(), |number, pair| {
        // A closed stdout is no reason to stop measuring.
        let _ = writeln!(
            stdout(),
            "  pair {number:>2}  ours {:>7.3}  other {:>7.3}  ratio {:>7.3}",
            pair.ours,
            pair.other,
            pair.ratio()
        );
    })?;
    write(args, &report)?;
    writeln!(stdout(), "\n  the floor's ratio is {:.3} times that of the other build (median)", report.ratio)?;
    Ok(report.faults())
}

fn write(args: &Args, report: &impl Serialize) -> Result<()> {
    let Some(path) = &args.json else { return Ok(()) };
    let json = serde_json::to_string_pretty(report)?;
    fs::write(path, format!("{json}\n")).with_context(|| format!("{} cannot be written", path.display()))
}
