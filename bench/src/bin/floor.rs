//! `cargo floor`: our server on `crowd` and a bare loop, in turn in one run; the CPU time per client-tick of each, or
//! the lateness of each.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Write as _, stderr, stdout};
use std::iter;
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire_bench::data_folder::DataFolder;
use tickwire_bench::floor::{Hosted, Plan, Report, Round, Writer, page, poison, rhythm, run};
use tickwire_bench::lean::rooms::Scene;
use tickwire_bench::memory;
use tickwire_bench::page::{Page, page_path};
use tickwire_tools::descriptors;
use tickwire_tools::server_process::ServerProcess;
use tickwire_tools::wire::{OwnCertificate, Trust};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// The name of the thread that generates the load.
const GENERATOR: &str = "generator";

/// Clients on each side by default.
const CLIENTS: u32 = 400;

/// Seconds to measure each side by default.
const SECONDS: u32 = 20;

/// Seconds to measure each side of the rhythm by default; the rhythm is promised over a minute.
const RHYTHM_SECONDS: u32 = 60;

/// Neighbours of a room that panics by default, and the seconds for which they are measured beside panics.
const NEIGHBOURS: u32 = 64;
const POISON_SECONDS: u32 = 20;

/// Measures how near our server is to the cost of the kernel alone.
#[derive(Debug, Parser)]
#[command(name = "floor", version)]
struct Args {
    /// Clients on each side, eight to a room; several numbers are measured in turns in one run. The default is 400.
    /// With --rhythm the number is a multiple of eight, and by default it is as many as keep the shard half busy.
    #[arg(long, value_delimiter = ',', value_name = "N,N,N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=8_000))]
    clients: Vec<u32>,
    /// Seconds to measure each side of each number of clients; by default 20, or 60 with --rhythm.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=3_600))]
    seconds: Option<u32>,
    /// How the entities move.
    #[arg(long, default_value = "erratic", value_parser = ["steady", "erratic", "still"])]
    motion: String,
    /// Entities per room besides players.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    entities: u32,
    /// Only measures how much memory our server takes per connection, at 500 to 4,000 of them.
    #[arg(long, conflicts_with_all = ["clients", "seconds"])]
    memory: bool,
    /// Only measures the mean rate and how late ticks begin, beside a thread that only sleeps.
    #[arg(long, conflicts_with = "memory")]
    rhythm: bool,
    /// Measures each number of clients with TLS too, in the same run; with --memory, only with TLS.
    #[arg(long, conflicts_with = "rhythm")]
    tls: bool,
    /// Measures each number of clients also with a folder of data, in turns in the same run.
    #[arg(long, conflicts_with_all = ["rhythm", "memory", "tls"])]
    data: bool,
    /// Measures with --data beside a neighbour that writes 100 MB a second to the same disk.
    #[arg(long, requires = "data")]
    beside_writer: bool,
    /// Only measures how far the p99 of neighbours moves beside a room that panics, in turns with and without panics.
    #[arg(long, conflicts_with_all = ["rhythm", "memory", "tls", "data", "report"])]
    beside_poison: bool,
    /// Writes the report to this file: one object, or a list of objects for several numbers of clients.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the report as a page to this file; with --json the default is a page beside that file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    descriptors::raise_limit();
    match start(&args) {
        Ok(code) => code,
        Err(error) => {
            // With stderr closed the error cannot be shown.
            let _ = writeln!(stderr(), "floor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            outcome = floor(args) => outcome,
            // The servers are killed when `floor` is dropped, paused or not.
            _ = interrupt.recv() => bail!("stopped by a signal"),
            _ = terminate.recv() => bail!("stopped by a signal"),
        }
    })
}

async fn floor(args: &Args) -> Result<ExitCode> {
    let scene = Scene { motion: args.motion.clone(), entities: args.entities };
    let (faults, kept) = if args.memory {
        (measure_memory(args, scene).await?, "a connection takes no more memory than promised")
    } else if args.beside_poison {
        (measure_poison(args, scene).await?, "neighbours do not notice a room that panics")
    } else if args.rhythm {
        (measure_rhythm(args, scene).await?, "the mean rate is exact, and ticks are hardly later than a bare timer")
    } else {
        (measure_floor(args, scene).await?, "both sides delivered")
    };
    let mut out = stdout().lock();
    for fault in &faults {
        writeln!(out, "  ✗ {fault}")?;
    }
    if faults.is_empty() {
        writeln!(out, "  ✓ {kept}")?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures both sides, prints and writes the reports; gives the checks that failed.
async fn measure_floor(args: &Args, scene: Scene) -> Result<Vec<String>> {
    let numbers = if args.clients.is_empty() { &[CLIENTS][..] } else { &args.clients };
    let Servers { _folders, processes, servers } = start_servers(args, numbers).await?;
    let writer = if args.beside_writer { Some(Writer::start()?) } else { None };
    writeln!(stdout(), "\n  crowd, {} · {} entities a room", scene.motion, scene.entities)?;
    let plan = Plan { seconds: args.seconds.unwrap_or(SECONDS), scene, servers };
    let reports = on_generator(move || run(&plan, tell)).await?;
    for process in processes {
        process.stop().await?;
    }
    writer.map_or(Ok(()), Writer::finish)?;
    let json = match &reports[..] {
        [report] => serde_json::to_string_pretty(report)?,
        reports => serde_json::to_string_pretty(reports)?,
    };
    write(args, &json, &page(&reports))?;
    let mut out = stdout().lock();
    for pair in reports.windows(2).filter(|pair| pair[1].tls) {
        let ratio = pair[1].ours_cpu_us / pair[0].ours_cpu_us;
        let bytes = i64::try_from(pair[1].ours_rss_bytes)? - i64::try_from(pair[0].ours_rss_bytes)?;
        let kib = bytes / 1_024 / i64::from(pair[0].clients);
        writeln!(
            out,
            "\n  {} clients: TLS takes {ratio:.3} times the CPU, and {kib} KiB more a client",
            pair[0].clients
        )?;
    }
    for report in &reports {
        writeln!(out, "\n{}", report.table())?;
        for doubt in report.doubts() {
            writeln!(out, "  ! {doubt}")?;
        }
    }
    Ok(reports.iter().flat_map(Report::faults).collect())
}

/// The servers of a run, and the folders of their data.
struct Servers {
    processes: Vec<ServerProcess>,
    servers: Vec<Hosted>,
    _folders: Vec<DataFolder>,
}

/// Starts a server for each number of clients, and another one under TLS or with a folder of data where that is asked
/// for.
async fn start_servers(args: &Args, numbers: &[u32]) -> Result<Servers> {
    let certificate = if args.tls { Some(OwnCertificate::make()?) } else { None };
    let (mut processes, mut servers, mut folders) = (Vec::new(), Vec::new(), Vec::new());
    for &clients in numbers {
        let mut add = |process: ServerProcess, trust, journal| {
            servers.push(Hosted { clients, address: process.address(), trust, pid: process.pid(), journal });
            processes.push(process);
        };
        for certificate in iter::once(None).chain(certificate.as_ref().map(Some)) {
            let (process, trust) = serve(certificate).await?;
            add(process, trust, None);
        }
        if args.data {
            let folder = DataFolder::new(&format!("floor-{clients}"))?;
            let options = [OsStr::new("--data"), folder.path().as_os_str()];
            let process = ServerProcess::start_with(&tickwire_bench::server(), &options).await?;
            let metrics = process.metrics().context("the server does not say where its metrics are")?;
            add(process, None, Some(metrics));
            folders.push(folder);
        }
    }
    Ok(Servers { processes, servers, _folders: folders })
}

/// Starts a server, under TLS where there is a certificate for it; gives the authorities that its clients trust.
async fn serve(certificate: Option<&OwnCertificate>) -> Result<(ServerProcess, Option<Trust>)> {
    let options: Vec<OsString> = certificate.into_iter().flat_map(OwnCertificate::options).collect();
    let options: Vec<&OsStr> = options.iter().map(OsString::as_os_str).collect();
    let process = ServerProcess::start_with(&tickwire_bench::server(), &options).await?;
    Ok((process, certificate.map(OwnCertificate::trust).transpose()?))
}

/// Measures the rhythm, prints and writes the report; gives the promises that were not kept.
async fn measure_rhythm(args: &Args, scene: Scene) -> Result<Vec<String>> {
    ensure!(args.clients.len() <= 1, "the rhythm is measured with one number of clients");
    let process = ServerProcess::start(&tickwire_bench::server()).await?;
    writeln!(stdout(), "\n  crowd, {} · {} entities a room", scene.motion, scene.entities)?;
    let plan = rhythm::Plan {
        seconds: args.seconds.unwrap_or(RHYTHM_SECONDS),
        scene,
        clients: args.clients.first().copied(),
        address: process.address(),
        metrics: process.metrics().context("the server does not say where its metrics are")?,
        pid: process.pid(),
    };
    let report = on_generator(move || {
        rhythm::run(&plan, |words| {
            // A closed stdout is no reason to stop measuring.
            let _ = writeln!(stdout(), "  {words}");
        })
    })
    .await?;
    process.stop().await?;
    write(args, &serde_json::to_string_pretty(&report)?, &rhythm::page(&report))?;
    let mut out = stdout().lock();
    writeln!(out, "\n{}", report.table())?;
    for doubt in report.doubts() {
        writeln!(out, "  ! {doubt}")?;
    }
    Ok(report.faults())
}

/// Measures the neighbours of a room that panics, prints and writes the report; gives the promises that were not kept.
async fn measure_poison(args: &Args, scene: Scene) -> Result<Vec<String>> {
    ensure!(args.clients.len() <= 1, "neighbours are measured with one number of clients");
    let clients = args.clients.first().copied().unwrap_or(NEIGHBOURS);
    let seconds = args.seconds.unwrap_or(POISON_SECONDS);
    let plan = poison::Plan { pairs: seconds.div_ceil(poison::ROUND_SECONDS), scene, clients };
    let report = on_generator(move || {
        poison::run(&plan, |words| {
            // A closed stdout is no reason to stop measuring.
            let _ = writeln!(stdout(), "  {words}");
        })
    })
    .await?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        fs::write(path, format!("{json}\n")).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let mut out = stdout().lock();
    writeln!(out, "\n{}", report.table())?;
    for doubt in report.doubts() {
        writeln!(out, "  ! {doubt}")?;
    }
    Ok(report.faults())
}

/// Measures memory, prints and writes the report; gives the promises that were not kept.
async fn measure_memory(args: &Args, scene: Scene) -> Result<Vec<String>> {
    let certificate = if args.tls { Some(OwnCertificate::make()?) } else { None };
    let (process, trust) = serve(certificate.as_ref()).await?;
    let plan = memory::Plan { scene, address: process.address(), trust, server_pid: process.pid() };
    let report = on_generator(move || {
        memory::run(&plan, |point| {
            // A closed stdout is no reason to stop measuring.
            let _ = writeln!(stdout(), "  {point}");
        })
    })
    .await?;
    process.stop().await?;
    write(args, &serde_json::to_string_pretty(&report)?, &memory::page(&report))?;
    writeln!(stdout(), "\n{}", report.table())?;
    Ok(report.faults())
}

/// Measures on a thread of its own, because the calling thread serves the server's output and signals.
async fn on_generator<T: Send + 'static>(measure: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (result, measured) = oneshot::channel();
    std::thread::Builder::new().name(GENERATOR.into()).spawn(move || {
        // After a signal no receiver waits for the result.
        let _ = result.send(measure());
    })?;
    measured.await.context("the generator has panicked")?
}

fn tell(number: usize, hosted: &Hosted, round: &Round) {
    let Round { ours, floor } = round;
    let kind = match (&hosted.trust, hosted.journal) {
        (Some(_), _) => " TLS",
        (None, Some(_)) => " data",
        (None, None) => "",
    };
    // A closed stdout is no reason to stop measuring.
    let _ = writeln!(
        stdout(),
        "  round {:>3} {:>6}{kind:<5}{:>9.2}{:>9.2}{:>9.3}",
        number + 1,
        hosted.clients,
        ours.cpu_us,
        floor.cpu_us,
        round.ratio()
    );
}

fn write(args: &Args, json: &str, page: &Page) -> Result<()> {
    if let Some(path) = &args.json {
        fs::write(path, format!("{json}\n")).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    page_path(args.report.as_deref(), args.json.as_deref()).map_or(Ok(()), |path| page.write(&path))
}
