//! `cargo crash`: kills a server under load, starts it again, and checks that the matches go on where they were seen.

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::Value;
use std::fs;
use std::io::{Write as _, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use tickwire::Game as _;
use tickwire_bench::crash::{Event, Plan, games, line, run};
use tickwire_bench::data_folder::DataFolder;
use tickwire_games::Arena;
use tickwire_tools::descriptors;
use tickwire_tools::options::room_option;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Kills a server in the middle of matches, starts it again, and checks that nobody lost more than a moment.
#[derive(Debug, Parser)]
#[command(name = "crash", version)]
struct Args {
    /// Kills.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    trials: u32,
    /// Rooms.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=4_000))]
    rooms: u32,
    /// Bots in each room.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    players: u32,
    /// Only the first bot of each room is a full client; the others read no more than the heads of snapshots.
    #[arg(long)]
    thin: bool,
    /// The game.
    #[arg(long, default_value = Arena::RULES.name, value_parser = game)]
    game: String,
    /// Options of the rooms, such as motion=still,entities=0.
    #[arg(long, value_delimiter = ',', value_parser = room_option, value_name = "KEY=VALUE")]
    options: Vec<(String, Value)>,
    /// The instants of the kills follow from it, and the bots' names and policies.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Kills this program instead of the release build.
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// The folder for the server's data, which must not exist yet. By default it is one beside this program, which is
    /// removed unless a promise was broken.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Writes the report to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn game(name: &str) -> Result<String, String> {
    let known = games();
    let names = || known.iter().map(|game| game.name).collect::<Vec<_>>().join(", ");
    known.iter().any(|game| game.name == name).then(|| name.to_owned()).ok_or_else(|| format!("there are {}", names()))
}

fn main() -> ExitCode {
    // `cargo crash -- --json F` arrives with its dashes, `cargo crash --json F` without.
    let args = Args::parse_from(std::env::args().filter(|argument| argument != "--"));
    match start(args) {
        Ok(code) => code,
        Err(error) => {
            // With stderr closed the words cannot be shown.
            let _ = writeln!(stderr(), "crash: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> Result<ExitCode> {
    descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (handle, (stop, stopped)) = (runtime.handle().clone(), oneshot::channel::<()>());
    // A thread of its own reads the output of servers, so that no server waits for it.
    let reader = thread::spawn(move || runtime.block_on(stopped));
    let outcome = crash(args, &handle);
    drop(stop);
    // The reader ends when its channel does, and gives nothing.
    let _ = reader.join();
    outcome
}

fn crash(args: Args, runtime: &Handle) -> Result<ExitCode> {
    let mut folder = DataFolder::new("crash")?;
    let plan = Plan {
        trials: args.trials,
        rooms: args.rooms,
        players: args.players,
        thin: args.thin,
        seed: args.seed,
        game: args.game,
        options: args.options.into_iter().collect(),
        program: args.server,
        data: args.data.unwrap_or_else(|| folder.path().to_owned()),
    };
    let report = run(&plan, runtime, show)?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        fs::write(path, format!("{json}\n")).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let mut out = stdout().lock();
    writeln!(out, "\n{}", report.table())?;
    if report.is_ok() {
        return Ok(ExitCode::SUCCESS);
    }
    folder.keep();
    writeln!(out, "the server's data is in {}", plan.data.display())?;
    Ok(ExitCode::FAILURE)
}

fn show(event: Event<'_>) {
    // A closed stdout is no reason to stop.
    let _ = match event {
        Event::Playing { bots } => writeln!(stdout(), "  {bots} bots play"),
        Event::Judged(number, trial) => writeln!(stdout(), "  {}", line(number, trial)),
    };
}
