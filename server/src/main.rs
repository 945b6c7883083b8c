//! `tickwire`: the server with the games of `tickwire_games`, and the check of its settings.

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire_games::{for_each_benchmark_game, for_each_page_game};
use tickwire_server::{BasePath, Config, Running, Server, Settings, Signals, StartError, ThreadFault, check_variables};

/// Exit code of a server that could not start with the settings that it was given.
const CANNOT_START: u8 = 2;

/// Exit code of a server that the system did not let start, or that failed while it ran.
const FAILED: u8 = 1;

#[derive(Debug, Parser)]
#[command(name = "tickwire", version, about = "Multiplayer games that stay the same on every screen")]
struct CommandLine {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Runs the server until it receives SIGINT or SIGTERM.
    Serve(Box<Serve>),
    /// Looks at settings without starting a server.
    #[command(subcommand)]
    Config(ConfigAction),
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// TOML file with any of these settings, by the name of the variable in lower case and without TICKWIRE_. The
    /// command line and the environment take precedence over it.
    #[arg(long, env = "TICKWIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints all settings as such a file, with the defaults for those that are missing, and ends.
    #[arg(long)]
    print_config: bool,
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Checks whether a file can be used as --config.
    Check {
        /// The file.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match CommandLine::parse().action {
        Action::Serve(serve) => run(*serve),
        Action::Config(ConfigAction::Check { file }) => check(file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When stderr is closed, there is no place left for the message.
            let _ = writeln!(stderr(), "tickwire: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Whether other settings would help, or not.
fn exit_code(error: &anyhow::Error) -> u8 {
    let is_of_system = matches!(error.downcast_ref(), Some(StartError::Thread(_) | StartError::Net(_)));
    if is_of_system || error.is::<ThreadFault>() { FAILED } else { CANNOT_START }
}

fn run(serve: Serve) -> anyhow::Result<()> {
    check_variables(std::env::vars_os())?;
    let config = read(serve.settings, serve.config)?;
    if serve.print_config {
        return say(&config.to_toml());
    }
    let (log, ansi) = (config.log.filter(), stderr().is_terminal());
    tracing_subscriber::fmt().with_env_filter(log).with_writer(stderr).with_ansi(ansi).init();
    let signals = Signals::listen()?;
    let base = config.base_path.clone();
    let running = server(config).start()?;
    announce(&running, &base)?;
    Ok(running.run_until_signal(signals)?)
}

fn check(file: PathBuf) -> anyhow::Result<()> {
    let said = format!("{} can be used\n", file.display());
    read(Settings::default(), Some(file))?;
    say(&said)
}

/// The configuration of these settings and those of the file.
fn read(settings: Settings, file: Option<PathBuf>) -> anyhow::Result<Config> {
    let fallback = file.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let config = settings.or(fallback).into_config();
    config.check()?;
    Ok(config)
}

fn server(config: Config) -> Server {
    let mut server = Server::new(config);
    macro_rules! offer {
        ($($game:ty),*) => { $(server = server.game::<$game>();)* };
    }
    macro_rules! offer_benchmarks {
        ($($game:ty),*) => { $(server = server.benchmark_game::<$game>();)* };
    }
    for_each_page_game!(offer);
    for_each_benchmark_game!(offer_benchmarks);
    server
}

/// Prints one line for people and programs; everything else goes to the log.
fn announce(running: &Running, base: &BasePath) -> anyhow::Result<()> {
    let admin =
        running.admin_address().map_or_else(String::new, |admin| format!(", metrics on http://{admin}/metrics"));
    // Relative addresses of the page need the slash at the end, which the root has by itself.
    let path = if *base == BasePath::default() { String::new() } else { format!("{base}/") };
    say(&format!("tickwire is listening on http://{}{path}{admin}\n", running.address()))
}

fn say(text: &str) -> anyhow::Result<()> {
    write!(stdout(), "{text}").and_then(|()| stdout().flush()).context("nobody reads the output")
}
