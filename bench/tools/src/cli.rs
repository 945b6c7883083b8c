//! The program behind [`main!`](crate::main): its subcommands, and the games that it knows.
//!
//! A game's type is known where the program is written. Here each game is a [`GameTools`]: its rules, and a function for
//! each subcommand. With several games `--game` chooses; for one game it is not needed.

pub mod bots;
pub mod bytes;
pub mod determinism;
pub mod feel;

use crate::determinism::Entry;
use crate::feel::FeelPlan;
use crate::nearest::nearest;
use crate::server_process::ServerSource;
use anyhow::Result;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::env;
use std::ffi::OsString;
use std::io::{Write as _, stderr};
use std::process::ExitCode;
use thiserror::Error;
use tickwire::Game;

/// Makes the program with the tools of one game or of several: `main!(MyGame);`, `main!(Duel, Race);`.
///
/// The program has the subcommands `bots`, `bytes`, `determinism` and `feel`. `bots` builds and starts the server of the
/// package that the program belongs to. After a semicolon, an expression gives further [`Extras`](crate::cli::Extras).
#[macro_export]
macro_rules! main {
    ($($game:ty),+ $(,)?) => {
        $crate::main!($($game),+; $crate::cli::Extras::default());
    };
    ($($game:ty),+ $(,)?; $extras:expr) => {
        fn main() -> ::std::process::ExitCode {
            let origin = $crate::cli::Origin {
                program: match option_env!("CARGO_BIN_NAME") {
                    Some(program) => program,
                    None => env!("CARGO_PKG_NAME"),
                },
                version: env!("CARGO_PKG_VERSION"),
                folder: env!("CARGO_MANIFEST_DIR"),
            };
            $crate::cli::main(origin, [$($crate::cli::GameTools::of::<$game>()),+].into(), $extras)
        }
    };
}

/// The program that calls [`main!`](crate::main), as its compiler knows it.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The program's name.
    pub program: &'static str,
    /// The version of its package.
    pub version: &'static str,
    /// The folder of the package whose server is measured.
    pub folder: &'static str,
}

impl Origin {
    /// The server of the program's package.
    #[must_use]
    pub fn server(&self) -> ServerSource {
        ServerSource::Package(self.folder.into())
    }
}

/// A game without its type: its rules, and a function for each subcommand.
pub struct GameTools {
    /// The game as it is compared with other machines; its rules are in it.
    pub entry: Entry,
    bots: fn(&bots::Options, &Origin) -> Result<ExitCode>,
    bytes: fn(&bytes::Options) -> Result<ExitCode>,
    feel: FeelPlan,
}

impl GameTools {
    /// The tools of a game.
    #[must_use]
    pub fn of<G: Game>() -> Self {
        Self { entry: Entry::of::<G>(), bots: bots::run::<G>, bytes: bytes::run::<G>, feel: FeelPlan::of::<G>() }
    }

    const fn name(&self) -> &'static str {
        self.entry.rules.name
    }
}

/// Additions to the tools of some games.
#[derive(Default)]
pub struct Extras {
    /// The game that is played when none is named; by default the first.
    pub default_game: Option<&'static str>,
    /// Plans for `feel`, by the game's name.
    pub feel: Vec<(&'static str, FeelPlan)>,
}

/// The choice among the games of a program.
#[derive(Debug, Clone, Default, Args)]
pub struct Choice {
    /// The game; needed only where the program has several, and where not its first one is meant.
    #[arg(long, value_name = "NAME")]
    pub game: Option<String>,
}

/// Reasons why no game was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GameError {
    /// No game has the name.
    #[error("there is no game {name}{}; there are {}", hint(.nearest.as_deref()), .known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// The name that was most likely meant.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

#[derive(Debug, Parser)]
#[command(about = "Load test, bytes per field, determinism and feel of a game")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fills rooms with bots, measures the snapshots that they receive, and holds the server to its promises.
    Bots {
        #[command(flatten)]
        choice: Choice,
        #[command(flatten)]
        options: Box<bots::Options>,
    },
    /// Plays rooms of bots and measures the cost of every field of every delta.
    Bytes {
        #[command(flatten)]
        choice: Choice,
        #[command(flatten)]
        options: bytes::Options,
    },
    /// Plays natively, in node and in browsers, and compares every tick.
    Determinism {
        #[command(flatten)]
        choice: Choice,
        #[command(flatten)]
        options: determinism::Options,
    },
    /// Plays over every kind of link, in simulated time and from a seed, and reports how it felt.
    Feel {
        #[command(flatten)]
        choice: Choice,
        #[command(flatten)]
        options: feel::Options,
    },
}

impl Task {
    const fn name(&self) -> &'static str {
        match self {
            Self::Bots { .. } => "bots",
            Self::Bytes { .. } => "bytes",
            Self::Determinism { .. } => "determinism",
            Self::Feel { .. } => "feel",
        }
    }
}

/// Runs the program with the arguments of its command line.
pub fn main(origin: Origin, games: Vec<GameTools>, extras: Extras) -> ExitCode {
    // An alias of cargo may end in a `--` of its own, so that in `cargo bots -- --game duel` a second one reaches this
    // program.
    let arguments = env::args_os().filter(|argument| argument != "--");
    let mut command = Arguments::command().name(origin.program).version(origin.version);
    let arguments = command.try_get_matches_from_mut(arguments).and_then(|found| Arguments::from_arg_matches(&found));
    let task = arguments.unwrap_or_else(|error| error.exit()).task;
    let name = task.name();
    Games::new(games, extras).run(task, &origin).unwrap_or_else(|error| {
        // With stderr closed the error cannot be shown.
        let _ = writeln!(stderr(), "{name}: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs the program with these arguments, the program's name first; for tests.
///
/// # Errors
/// When the arguments are wrong, and when the subcommand fails.
pub fn run_with(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    origin: &Origin,
    games: Vec<GameTools>,
    extras: Extras,
) -> Result<ExitCode> {
    Games::new(games, extras).run(Arguments::try_parse_from(arguments)?.task, origin)
}

/// The games of a program; there is at least one.
struct Games {
    games: Vec<GameTools>,
    default_game: Option<&'static str>,
}

impl Games {
    fn new(mut games: Vec<GameTools>, extras: Extras) -> Self {
        assert!(!games.is_empty(), "a program with tools has a game");
        for (name, plan) in extras.feel {
            if let Some(game) = games.iter_mut().find(|game| game.name() == name) {
                game.feel = plan;
            }
        }
        Self { games, default_game: extras.default_game }
    }

    fn run(&self, task: Task, origin: &Origin) -> Result<ExitCode> {
        match task {
            Task::Bots { choice, options } => (self.chosen(&choice)?.bots)(&options, origin),
            Task::Bytes { choice, options } => (self.chosen(&choice)?.bytes)(&options),
            Task::Determinism { choice, options } => {
                let chosen = choice.game.is_some().then(|| self.chosen(&choice)).transpose()?;
                let entries = self.games.iter().map(|game| game.entry);
                determinism::run(&options, &entries.collect::<Vec<_>>(), chosen.map(|game| &game.entry))
            }
            Task::Feel { choice, options } => {
                let game = self.chosen(&choice)?;
                feel::run(&options, &game.entry.rules, &game.feel)
            }
        }
    }

    fn chosen(&self, choice: &Choice) -> Result<&GameTools, GameError> {
        let Some(name) = choice.game.as_deref().or(self.default_game) else { return Ok(&self.games[0]) };
        let names = || self.games.iter().map(GameTools::name);
        self.games.iter().find(|game| game.name() == name).ok_or_else(|| GameError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, names()).map(str::to_owned),
            known: names().map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_games::{Arena, Paddles};

    const ORIGIN: Origin = Origin { program: "my-game-tools", version: "0.1.0", folder: "nowhere" };

    fn games(extras: Extras) -> Games {
        Games::new(vec![GameTools::of::<Paddles>(), GameTools::of::<Arena>()], extras)
    }

    fn chosen(games: &Games, name: Option<&str>) -> Result<&'static str, GameError> {
        games.chosen(&Choice { game: name.map(str::to_owned) }).map(GameTools::name)
    }

    #[test]
    fn several_games_are_chosen_by_name_and_the_first_without_one() {
        let games = games(Extras::default());
        assert_eq!(chosen(&games, None), Ok("paddles"));
        assert_eq!(chosen(&games, Some("arena")), Ok("arena"));
        let error = chosen(&games, Some("areena")).expect_err("no such game").to_string();
        assert_eq!(error, "there is no game areena (did you mean arena?); there are paddles, arena");
        let error = chosen(&games, Some("chess")).expect_err("no such game").to_string();
        assert_eq!(error, "there is no game chess; there are paddles, arena");
    }

    #[test]
    fn a_program_can_name_another_default() {
        let games = games(Extras { default_game: Some("arena"), ..Extras::default() });
        assert_eq!(chosen(&games, None), Ok("arena"));
        assert_eq!(chosen(&games, Some("paddles")), Ok("paddles"));
    }

    #[test]
    fn a_plan_replaces_that_of_its_game_alone() {
        let plan = FeelPlan { broken: |_| vec!["of arena".into()], ..FeelPlan::of::<Arena>() };
        let games = games(Extras { feel: vec![("arena", plan)], ..Extras::default() });
        let is_own = games.games.iter().map(|game| {
            std::ptr::fn_addr_eq(
                game.feel.broken,
                crate::feel::Feel::disagreements as fn(&crate::feel::Feel) -> Vec<String>,
            )
        });
        assert_eq!(is_own.collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_program_of_one_game_needs_no_name_and_wrong_arguments_are_errors() {
        let run = |arguments: &[&str]| {
            let arguments = ["my-game-tools"].iter().chain(arguments);
            run_with(arguments, &ORIGIN, vec![GameTools::of::<Paddles>()], Extras::default())
        };
        assert!(run(&["bytes", "--rooms", "1", "--seconds", "1"]).is_ok());
        assert!(run(&["bytes", "--game", "paddles", "--rooms", "1", "--seconds", "1"]).is_ok());
        for (arguments, words) in [
            (&["bytes", "--game", "arena"][..], "there is no game arena; there are paddles"),
            (&["bytes", "--options", "points=3"], "these are no options of paddles"),
            (&["bots", "--rooms", "0"], "0 is not in 1..=4096"),
            (&["bots"], "nowhere/Cargo.toml is gone"),
            (&["feel", "--browser"], "paddles has no scene for a browser"),
            (&["determinism", "--modules", "nowhere", "--node-only"], "no module"),
        ] {
            let error = run(arguments).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains(words), "{arguments:?}: {error}");
        }
    }
}
