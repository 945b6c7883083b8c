//! `cargo hostile`: every attack of the walk against a server, beside honest players.

use anyhow::{Context, Result};
use clap::Parser;
use std::fs;
use std::io::{IsTerminal, Write as _, stderr, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use tickwire_bench::hostile::{Event, LATE_MS_MAX, Needs, Plan, line, rows, walk};
use tickwire_tools::descriptors;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Attacks a server over raw sockets while honest players play in it.
#[derive(Debug, Parser)]
#[command(name = "hostile", version)]
struct Args {
    /// Attacks the server at this address instead of one that it starts; rows that need the process are left out. The
    /// server has to believe the forwarding headers of this machine.
    #[arg(long, value_name = "ADDRESS:PORT")]
    against: Option<SocketAddr>,
    /// The address of the metrics of that server.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "against")]
    admin: Option<SocketAddr>,
    /// Attacks this program instead of the release build.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "against")]
    server: Option<PathBuf>,
    /// Makes the same attacks under TLS, with a certificate that is made for the walk.
    #[arg(long, conflicts_with = "against")]
    tls: bool,
    /// Tries only the rows with these ids.
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Milliseconds that the attacks may add to the 99th percentile of the honest players' intervals. Attackers, players
    /// and server share the cores of this machine: on a busy one a millisecond says nothing.
    #[arg(long, value_name = "MS", default_value_t = LATE_MS_MAX)]
    late_ms: f64,
    /// Lists all rows and tries none.
    #[arg(long)]
    list: bool,
    /// Writes the report to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    // `cargo hostile -- --json F` arrives with its dashes, `cargo hostile --json F` without.
    let args = Args::parse_from(std::env::args().filter(|argument| argument != "--"));
    match if args.list { list() } else { run(args) } {
        Ok(code) => code,
        Err(error) => {
            // With stderr closed the words cannot be shown.
            let _ = writeln!(stderr(), "hostile: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> Result<ExitCode> {
    for row in rows() {
        let needs = match row.needs {
            Needs::Socket => "",
            Needs::Metrics => ", needs the metrics",
            Needs::Process => ", needs the process",
        };
        writeln!(stdout(), "{:<12} {} → {}{needs}", row.id, row.tried, row.want)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn run(args: Args) -> Result<ExitCode> {
    descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (handle, (stop, stopped)) = (runtime.handle().clone(), oneshot::channel::<()>());
    // A thread of its own reads the output of servers, so that no server waits for it.
    let reader = thread::spawn(move || runtime.block_on(stopped));
    let outcome = attack(args, &handle);
    drop(stop);
    // The reader ends when its channel does, and gives nothing.
    let _ = reader.join();
    outcome
}

fn attack(args: Args, runtime: &Handle) -> Result<ExitCode> {
    let plan = Plan {
        against: args.against,
        admin: args.admin,
        program: args.server,
        tls: args.tls,
        only: args.only,
        late_ms_max: args.late_ms,
    };
    let colours = stdout().is_terminal();
    let report = walk(&plan, runtime, |event| show(event, colours))?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        fs::write(path, format!("{json}\n")).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    writeln!(stdout(), "\n{}", report.table(colours))?;
    Ok(if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(event: Event<'_>, colours: bool) {
    let mut out = stdout().lock();
    // A terminal shows the row that is being tried until its outcome takes the place of that line. With stdout closed
    // nothing can be shown.
    let _ = match event {
        Event::Quiet(time) => writeln!(out, "  … the bystander plays alone for {} s", time.as_secs()),
        Event::Begins(row) if colours => write!(out, "  … {:<12} {}", row.id, row.tried),
        Event::Begins(_) => Ok(()),
        Event::Ended(row) if colours => writeln!(out, "\r\u{1b}[2K{}", line(row, colours)),
        Event::Ended(row) => writeln!(out, "{}", line(row, colours)),
    }
    .and_then(|()| out.flush());
}
