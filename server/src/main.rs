//! `tickwire serve`: the server with the games of `tickwire_games`.

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::io::{IsTerminal, Write, stderr, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire_games::for_each_game;
use tickwire_server::{AdminListen, AutopsyFolder, Running, Server, Settings, Signals};
use tracing_subscriber::EnvFilter;

/// Exit code of a server that could not start with the settings that it was given.
const CANNOT_START: u8 = 2;

#[derive(Debug, Parser)]
#[command(name = "tickwire", version, about = "Multiplayer games that stay the same on every screen")]
struct CommandLine {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Runs the server until it receives SIGINT or SIGTERM.
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Serve {
    /// Address that players connect to [default: 127.0.0.1:8080].
    #[arg(long, env = "TICKWIRE_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Address that serves metrics, or 0 for none [default: 127.0.0.1:9090].
    #[arg(long, env = "TICKWIRE_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    admin_listen: Option<AdminListen>,
    /// Threads that own rooms [default: one per core].
    #[arg(long, env = "TICKWIRE_SHARDS", value_name = "N")]
    shards: Option<usize>,
    /// Another origin whose pages may connect, scheme and port included; repeatable.
    #[arg(long = "origin", env = "TICKWIRE_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    origins: Option<Vec<String>>,
    /// Folder for autopsies, the reports on clients whose worlds differ, or off [default: tickwire-autopsies among
    /// temporary files].
    #[arg(long, env = "TICKWIRE_AUTOPSIES", value_name = "FOLDER")]
    autopsies: Option<AutopsyFolder>,
    /// Headers that a request may have, 32 to 1000 [default: 100].
    #[arg(long, env = "TICKWIRE_REQUEST_HEADERS_MAX", value_name = "N")]
    request_headers_max: Option<usize>,
    /// Bytes that the head of a request may have, 8192 to 1048576 [default: 32768].
    #[arg(long, env = "TICKWIRE_REQUEST_HEAD_BYTES_MAX", value_name = "BYTES")]
    request_head_bytes_max: Option<usize>,
    /// TOML file with any of these settings; the command line and the environment take precedence over it.
    #[arg(long, env = "TICKWIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Filter for the log: error, warn, info, debug, or filters by module.
    #[arg(long, env = "TICKWIRE_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
}

fn main() -> ExitCode {
    let CommandLine { action: Action::Serve(serve) } = CommandLine::parse();
    match run(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When stderr is closed, there is no place left for the message.
            let _ = writeln!(stderr(), "tickwire: {error:#}");
            ExitCode::from(CANNOT_START)
        }
    }
}

fn run(serve: Serve) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&serve.log).with_context(|| format!("--log {} is not a filter", serve.log))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal()).init();
    let file = serve.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let Serve { listen, admin_listen, shards, origins, autopsies, request_headers_max, request_head_bytes_max, .. } =
        serve;
    let settings =
        Settings { listen, admin_listen, shards, origins, autopsies, request_headers_max, request_head_bytes_max };
    let config = settings.or(file).into_config();
    let signals = Signals::listen()?;
    macro_rules! offer {
        ($($game:ty),*) => { Server::new(config)$(.game::<$game>())* };
    }
    let running = for_each_game!(offer).start()?;
    announce(&running)?;
    Ok(running.run_until(signals)?)
}

/// Prints one line for people and programs; everything else goes to the log.
fn announce(running: &Running) -> anyhow::Result<()> {
    let admin =
        running.admin_address().map_or_else(String::new, |admin| format!(", metrics on http://{admin}/metrics"));
    writeln!(stdout(), "tickwire is listening on http://{}{admin}", running.address())?;
    Ok(stdout().flush()?)
}
