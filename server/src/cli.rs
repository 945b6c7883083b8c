//! The program of a game: what `main!` makes of a list of games.
//!
//! The program's name, version, games and page are the author's; subcommands, settings and exit codes are those of every
//! Tickwire server.

mod autopsy;
mod health;
mod incident;
mod journal;
mod overflow;

use self::journal::JournalAction;
use crate::clock::unix_s;
use crate::config::{
    BasePath, Config, Faults, FileError, SettingFault, Settings, SettingsError, SettingsSource, VariableError,
    check_variables,
};
use crate::identity::mint_command::{Mint, MintCommandError};
use crate::journal::FolderFault;
use crate::logging::{Log, say_last};
use crate::net::PageFile;
use crate::server::{FileUse, Running, Server, Signals, StartError, file_faults};
use crate::threads::ThreadFault;
pub use autopsy::{ExplainError, explain};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use health::{HealthError, Question};
pub use incident::{Incident, explain_failure};
use overflow::warn_of_profile;
#[doc(hidden)]
pub use rust_embed;
use std::error::Error as _;
use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, iter};
use thiserror::Error;
#[doc(hidden)]
pub use tickwire_describe::Description;

/// Exit code of a server that could not start with the settings that it was given.
const CANNOT_START: u8 = 2;

/// Exit code of a server that the system did not let start, or that failed while it ran.
const FAILED: u8 = 1;

/// Makes the program of a server with these games: `tickwire_server::main!(MyGame);` is all of a `main.rs`.
///
/// The program has the subcommands `serve`, `config check` and `autopsy`, all settings of a server, and the name and
/// version of the author's crate. Its page is the one in the folder that the variable `TICKWIRE_BUILT_IN_PAGE` names
/// when the program is compiled, as `cargo tickwire build` does; `serve --page FOLDER` serves another one.
///
/// People play the games of the first list, and so each of them is a [`Stage`](tickwire::Stage). Games that exist to be
/// measured follow in a second list: `main!(Paddles, Arena; benchmarks: Crowd)`. A server offers them when it is asked
/// to. A filter of words comes last, see [`Server::chat_filter`](crate::Server::chat_filter):
///
/// ```no_run
/// # use tickwire_games::Paddles;
/// use tickwire_server::topics::Verdict;
///
/// fn polite(_name: &str, line: &str) -> Verdict {
///     if line.contains("darn") { Verdict::Replace(line.replace("darn", "****")) } else { Verdict::Pass }
/// }
///
/// tickwire_server::main!(Paddles; chat_filter: polite);
/// ```
#[macro_export]
macro_rules! main {
    ($($game:ty),+ $(,)? $(; benchmarks: $($benchmark:ty),* $(,)?)? $(; chat_filter: $filter:expr)?) => {
        fn main() -> ::std::process::ExitCode {
            // Cargo compiles the program again when a variable that is named here has changed.
            const _: [Option<&str>; 2] =
                [option_env!("TICKWIRE_BUILT_IN_PAGE"), option_env!("TICKWIRE_BUILT_IN_PAGE_ID")];

            #[derive($crate::cli::rust_embed::RustEmbed)]
            #[crate_path = "tickwire_server::cli::rust_embed"]
            #[folder = "$TICKWIRE_BUILT_IN_PAGE"]
            #[allow_missing = true]
            struct Page;

            $crate::cli::run(&$crate::cli::Program {
                name: env!("CARGO_PKG_NAME"),
                binary: option_env!("CARGO_BIN_NAME").unwrap_or(env!("CARGO_PKG_NAME")),
                version: env!("CARGO_PKG_VERSION"),
                build: option_env!("TICKWIRE_BUILT_IN_BUILD"),
                page: Page::get,
                offer: |server| server $(.stage_game::<$game>())+ $($(.benchmark_game::<$benchmark>())*)? $(.chat_filter($filter))?,
                describe: |build| ::std::vec![$($crate::cli::Description::of_build::<$game>(build)),+],
                explain: |incident| match incident.game() {
                    $(name if name == <$game as $crate::cli::Game>::RULES.name => {
                        incident.explain::<$game>().map(Some)
                    })+
                    $($(name if name == <$benchmark as $crate::cli::Game>::RULES.name => {
                        incident.explain::<$benchmark>().map(Some)
                    })*)?
                    _ => Ok(None),
                },
            })
        }
    };
}

#[doc(hidden)]
pub use tickwire::Game;

/// The parts of a program that are its author's. `main!` fills them in.
#[derive(Debug)]
pub struct Program {
    /// The name of the author's crate.
    pub name: &'static str,
    /// The name of the program's file.
    pub binary: &'static str,
    /// The version of the author's crate.
    pub version: &'static str,
    /// The id of the sources of the page that was compiled in, as 16 hexadecimal digits; `None` when it is unknown.
    pub build: Option<&'static str>,
    /// The file of this name in the page that was compiled in.
    pub page: PageFile,
    /// Adds the games to a server.
    pub offer: fn(Server) -> Server,
    /// Describes the games that people play to JavaScript and TypeScript; given the id of the sources, 0 for none.
    pub describe: fn(u64) -> Vec<Description>,
    /// An incident in words; `None` when it is of no game of this program.
    pub explain: fn(&Incident) -> Result<Option<String>, ExplainError>,
}

#[derive(Debug, Parser)]
#[command(about = "Multiplayer games that stay the same on every screen")]
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
    /// Asks a server that runs whether it is ready; with the same settings as the server it finds it by itself. The exit
    /// code is 0 when it is ready and 1 otherwise, and one line says why.
    Health(Box<Health>),
    /// Makes tickets for trying a server out, and the keys of tickets.
    Mint(Mint),
    /// Prints an autopsy or the report on a failed room that a server has written, and simulates its tick again.
    Autopsy {
        /// A file from the server's folder of autopsies.
        file: PathBuf,
    },
    /// Tells what is in a data folder; nothing in it is changed, and a server may use it meanwhile.
    #[command(subcommand)]
    Journal(JournalAction),
    /// Writes the scripts and types of the games, by which pages load them, into a folder.
    #[command(hide = true)]
    Describe {
        /// The folder.
        folder: PathBuf,
        /// The id of the sources of the page, as 16 hexadecimal digits.
        #[arg(long, default_value = "0")]
        build: String,
    },
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// TOML file with any of these settings, by the name of the variable in lower case and without TICKWIRE_. The
    /// command line and the environment take precedence over it.
    #[arg(long, env = "TICKWIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints all settings as such a file, each with the place that it comes from, and ends.
    #[arg(long)]
    print_config: bool,
    /// The settings that come from the environment.
    #[arg(skip)]
    from_variables: Vec<&'static str>,
}

#[derive(Debug, Args)]
struct Health {
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    settings: Settings,
    /// The file of settings with which the server was started.
    #[arg(long, env = "TICKWIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Checks whether a file can be used as --config, with the files that it names, and tells all that is wrong.
    Check {
        /// The file.
        file: PathBuf,
    },
}

impl Program {
    /// The id of the sources; 0 when they are unknown.
    fn build_id(&self) -> u64 {
        self.build.map_or(0, id_of)
    }
}

/// The id that these digits stand for; 0, which is none, for anything else.
fn id_of(digits: &str) -> u64 {
    u64::from_str_radix(digits, 16).unwrap_or_default()
}

/// Reasons for which a program ended without having done its work.
#[derive(Debug, Error)]
enum CliError {
    /// The environment has a setting that does not exist.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The file of settings that was to be checked cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file of settings that was to be checked cannot be used.
    #[error(transparent)]
    Check(#[from] Faults<CheckFault>),
    /// The log cannot be written.
    #[error("the log cannot be written")]
    Log(#[source] io::Error),
    /// The server could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The server failed while it ran.
    #[error(transparent)]
    Fault(#[from] ThreadFault),
    /// No ticket or key was made.
    #[error(transparent)]
    Mint(#[from] MintCommandError),
    /// The server that was asked is not ready.
    #[error("not ready")]
    Health(#[from] HealthError),
    /// The file of an autopsy cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is no autopsy", path.display())]
    NoAutopsy {
        /// The file.
        path: PathBuf,
        /// The first thing that does not fit.
        source: serde_json::Error,
    },
    /// The autopsy cannot be told.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// The autopsy is of a game of another program.
    #[error("{} is of the game {game}, which {program} does not have", path.display())]
    OtherGame {
        /// The file.
        path: PathBuf,
        /// The game.
        game: String,
        /// This program.
        program: &'static str,
    },
    /// The data folder cannot be read.
    #[error(transparent)]
    Journal(FolderFault),
    /// Rooms in the data folder are damaged, or come out in another way.
    #[error("{0} faults")]
    JournalFaults(usize),
    /// The data folder has no such room.
    #[error("there is no room {room}; `journal ls` names all rooms")]
    NoSuchRoom {
        /// The code or the number that was asked for.
        room: String,
    },
    /// The scripts of the games cannot be written.
    #[error(transparent)]
    Describe(#[from] tickwire_describe::WriteError),
    /// Standard output is closed.
    #[error("nobody reads the output")]
    Output(#[source] io::Error),
}

/// A fault that the check of a file has found.
#[derive(Debug, Error)]
enum CheckFault {
    /// A setting cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingFault),
    /// A file or a folder that a setting names cannot be used.
    #[error(transparent)]
    File(#[from] FileUse),
}

impl CliError {
    /// The exit code: whether other settings would help, or not.
    const fn code(&self) -> u8 {
        match self {
            Self::Start(
                StartError::Thread(_) | StartError::Net(_) | StartError::Listen { .. } | StartError::Name { .. },
            )
            | Self::Fault(_)
            | Self::Log(_)
            | Self::Health(_)
            | Self::JournalFaults(_) => FAILED,
            _ => CANNOT_START,
        }
    }
}

/// Runs a program.
#[must_use]
pub fn run(program: &Program) -> ExitCode {
    let action = command_line(program);
    // A check of health has two outcomes for the program that asks, whatever the reason.
    let is_check = matches!(action, Action::Health(_));
    let done = match action {
        Action::Serve(serve) => serve_games(program, *serve),
        Action::Config(ConfigAction::Check { file }) => check(&file),
        Action::Health(health) => ask_health(*health),
        Action::Mint(mint) => mint.run(unix_s(), &mut stdout()).map_err(CliError::Mint),
        Action::Autopsy { file } => print_autopsy(program, file),
        Action::Journal(action) => journal::run(program, &action),
        Action::Describe { folder, build } => describe(program, &folder, &build),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = iter::successors(error.source(), |cause| (*cause).source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            say_last(format!("{}: {error}{causes}\n", program.binary));
            ExitCode::from(if is_check { FAILED } else { error.code() })
        }
    }
}

/// The command line, read under the program's own name. With a mistake in it, the process ends.
fn command_line(program: &Program) -> Action {
    // All settings are options of `health` too, so that the variables count; in its help most would be in the way.
    let is_shown = |name: &str| ["url", "config", "help"].contains(&name);
    let only_own = |argument: Arg| if is_shown(argument.get_id().as_str()) { argument } else { argument.hide(true) };
    let command = CommandLine::command().mut_subcommand("health", |health| health.mut_args(only_own));
    let command = command.name(program.binary).bin_name(program.binary).version(program.version);
    let matches = command.get_matches();
    let mut line = CommandLine::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let (Action::Serve(serve), Some(matches)) = (&mut line.action, matches.subcommand_matches("serve")) {
        serve.from_variables = from_variables(matches);
    }
    line.action
}

/// The settings that come from the environment.
fn from_variables(matches: &ArgMatches) -> Vec<&'static str> {
    let is_variable = |name: &&str| matches.value_source(name) == Some(ValueSource::EnvVariable);
    Settings::NAMES.iter().copied().filter(is_variable).collect()
}

fn serve_games(program: &Program, serve: Serve) -> Result<(), CliError> {
    check_variables(std::env::vars_os())?;
    let source = SettingsSource::new(serve.settings, serve.from_variables, serve.config);
    if serve.print_config {
        return say(&source.print()?);
    }
    let config = source.read()?;
    let log = Log::start(&config).map_err(CliError::Log)?;
    let served = serve_logged(program, config, source, log.clone());
    log.flush();
    served
}

/// Serves with a log that is open.
fn serve_logged(program: &Program, config: Config, source: SettingsSource, log: Log) -> Result<(), CliError> {
    warn_of_profile(program.name);
    let signals = Signals::listen()?;
    let base = config.base_path.clone();
    let server = Server::new(config).page(program.page).build_id(program.build_id()).settings_from(source).log(log);
    let running = (program.offer)(server).start()?;
    announce(program, &running, &base)?;
    Ok(running.run_until_signal(signals)?)
}

/// Says in one line whether the server is ready. Its settings are not checked here: the server has done that.
fn ask_health(Health { question, settings, config }: Health) -> Result<(), CliError> {
    let (config, _) = SettingsSource::new(settings, Vec::new(), config).look()?;
    let address = health::ask(&question, &config)?;
    say(&format!("ready: {address}\n"))
}

/// Checks everything about the settings of a file that can be known without a server.
fn check(file: &Path) -> Result<(), CliError> {
    let (config, faults) = SettingsSource::of_file(file).look()?;
    let mut faults: Vec<_> = faults.into_iter().map(CheckFault::Setting).collect();
    faults.extend(file_faults(&config).into_iter().map(CheckFault::File));
    Faults::check(faults)?;
    say(&format!("{} can be used\n", file.display()))
}

fn print_autopsy(program: &Program, path: PathBuf) -> Result<(), CliError> {
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(source) => return Err(CliError::Read { path, source }),
    };
    let incident = match Incident::read(&text) {
        Ok(incident) => incident,
        Err(source) => return Err(CliError::NoAutopsy { path, source }),
    };
    match (program.explain)(&incident)? {
        Some(words) => say(&words),
        None => Err(CliError::OtherGame { path, game: incident.game().into(), program: program.binary }),
    }
}

fn describe(program: &Program, folder: &Path, build: &str) -> Result<(), CliError> {
    Ok(tickwire_describe::write(folder, &(program.describe)(id_of(build)))?)
}

/// Prints one line for people and programs; everything else goes to the log.
fn announce(program: &Program, running: &Running, base: &BasePath) -> Result<(), CliError> {
    let admin = running.admin_address().map_or_else(String::new, |admin| {
        let scheme = if running.has_tls() && !admin.ip().to_canonical().is_loopback() { "https" } else { "http" };
        format!(", dashboard on {scheme}://{admin}, metrics on {scheme}://{admin}/metrics")
    });
    // Relative addresses of the page need the slash at the end, which the root has by itself.
    let path = if *base == BasePath::default() { String::new() } else { format!("{base}/") };
    let scheme = if running.has_tls() { "https" } else { "http" };
    say(&format!("{} is listening on {scheme}://{}{path}{admin}\n", program.binary, running.address()))
}

fn say(text: &str) -> Result<(), CliError> {
    write!(stdout(), "{text}").and_then(|()| stdout().flush()).map_err(CliError::Output)
}
