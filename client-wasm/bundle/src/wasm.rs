//! From Rust to WebAssembly as cargo leaves it.
//!
//! cargo alone decides whether anything must be compiled, and one call of it compiles the modules of all games. Leaves
//! out what follows on that: the glue, and the smaller module.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::command::{self, CommandError, Progress};
use crate::program::{COMPILE_LIMIT, words_of_cargo};
use crate::project::{Modules, Project};
use crate::toolchain::{TARGET, Toolchain};

/// The settings of the profiles that modules are compiled with, for packages whose workspace has none of that name:
/// cargo reads profiles from the top of a workspace alone.
const PROFILES: [(&str, &[&str]); 2] = [
    (
        "wasm",
        &[
            "inherits=\"release\"",
            "opt-level=\"s\"",
            "lto=\"fat\"",
            "codegen-units=1",
            "panic=\"abort\"",
            "overflow-checks=false",
            "debug=false",
            "strip=\"debuginfo\"",
        ],
    ),
    ("wasm-dev", &["inherits=\"dev\"", "opt-level=1", "panic=\"abort\"", "debug=false", "strip=\"debuginfo\""]),
];

/// The kinds of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// For players.
    Players,
    /// With the means by which tests damage a client's world.
    TestHooks,
    /// Compiled fast, for a game that changes all the time.
    Dev,
    /// That plays the game from seeds, for the comparison of machines.
    Determinism,
}

impl Flavour {
    /// The profile of cargo.
    const fn profile(self) -> &'static str {
        match self {
            Self::Players | Self::TestHooks | Self::Determinism => "wasm",
            Self::Dev => "wasm-dev",
        }
    }

    /// The feature of the client.
    const fn feature(self) -> Option<&'static str> {
        match self {
            Self::Players | Self::Dev => None,
            Self::TestHooks => Some("tickwire-client/test-hooks"),
            Self::Determinism => Some("tickwire-client/determinism"),
        }
    }

    /// The folder of the linked modules; all kinds are kept, because tests and people take turns.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Players => "bindgen",
            Self::TestHooks => "bindgen-test-hooks",
            Self::Dev => "bindgen-dev",
            Self::Determinism => "determinism",
        }
    }

    /// Whether the time for a smaller module is well spent.
    pub(crate) const fn is_shrunk(self) -> bool {
        !matches!(self, Self::Dev)
    }
}

/// Reasons why a module was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// cargo failed.
    #[error("the game could not be compiled for browsers")]
    Compile(#[from] CommandError),
    /// A game without a module of its own.
    #[error(
        "the server has the game {game}, and {package} has no example {game} of `crate-type = [\"cdylib\"]` with \
         `tickwire_client::export!(…)`: each game of a package with several games needs one"
    )]
    NoModule {
        /// The game.
        game: String,
        /// The package.
        package: String,
    },
    /// Several games and one module.
    #[error(
        "the server has the games {games}, and the library of {package} can be the module of one: make the modules \
         examples of `crate-type = [\"cdylib\"]`, one for each game"
    )]
    OneModule {
        /// The games.
        games: String,
        /// The package.
        package: String,
    },
}

/// A module as cargo left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiled {
    /// The file.
    pub(crate) path: PathBuf,
    /// The stem of the names of the files that are made from it.
    pub(crate) stem: String,
}

/// Compiles the modules of all `games`, in the order of the names.
///
/// # Errors
/// When one does not compile, or a game has no module.
pub(crate) fn compile_games(
    project: &Project,
    toolchain: &Toolchain,
    games: &[String],
    flavour: Flavour,
) -> Result<Vec<Compiled>, WasmError> {
    let package = project.package().to_owned();
    match (project.modules(), games) {
        (Modules::Library { name }, [game]) => {
            let mut compiled = compile_library(project, toolchain, &package, name, flavour)?;
            compiled.stem = stem(game);
            Ok(vec![compiled])
        }
        (Modules::Library { .. }, games) => Err(WasmError::OneModule { games: games.join(", "), package }),
        (Modules::Examples(examples), games) => {
            if let Some(game) = games.iter().find(|game| !examples.contains(game)) {
                return Err(WasmError::NoModule { game: game.clone(), package });
            }
            compile_examples(project, toolchain, &package, games, flavour)
        }
    }
}

/// Compiles the library of a package of the workspace as a module of its own name.
///
/// # Errors
/// When it does not compile.
pub(crate) fn compile_library(
    project: &Project,
    toolchain: &Toolchain,
    package: &str,
    name: &str,
    flavour: Flavour,
) -> Result<Compiled, WasmError> {
    let cdylib = ["rustc", "-p", package, "--lib", "--crate-type", "cdylib"];
    let folder = cargo(project, toolchain, flavour, &cdylib)?;
    Ok(Compiled { path: folder.join(name).with_extension("wasm"), stem: name.to_owned() })
}

/// Compiles examples of a package of the workspace, each of which is the module of a game.
///
/// # Errors
/// When one does not compile.
pub(crate) fn compile_examples(
    project: &Project,
    toolchain: &Toolchain,
    package: &str,
    games: &[String],
    flavour: Flavour,
) -> Result<Vec<Compiled>, WasmError> {
    let mut what = vec!["build", "-p", package];
    what.extend(games.iter().flat_map(|game| ["--example", game.as_str()]));
    let folder = cargo(project, toolchain, flavour, &what)?.join("examples");
    let compiled = |game: &String| Compiled { path: folder.join(game).with_extension("wasm"), stem: stem(game) };
    Ok(games.iter().map(compiled).collect())
}

fn stem(game: &str) -> String {
    format!("{game}_wasm")
}

/// Has cargo build `what` for browsers, and gives the folder of the results.
fn cargo(project: &Project, toolchain: &Toolchain, flavour: Flavour, what: &[&str]) -> Result<PathBuf, CommandError> {
    let (target, profile) = (project.wasm(), flavour.profile());
    let mut cargo = project.cargo();
    cargo.args(what).args(["--profile", profile, "--target", TARGET]);
    if let Some(feature) = flavour.feature() {
        cargo.args(["--features", feature]);
    }
    cargo.args(profile_settings(project, profile));
    cargo.env("CARGO_TARGET_DIR", &target);
    cargo.arg("--config").arg(path_setting(project));
    toolchain.apply(&mut cargo);
    let mut progress = Progress::start("client: compiling to WebAssembly");
    let built = command::run(&mut cargo, COMPILE_LIMIT, |line| progress.watch_cargo(line));
    built.map_err(|error| error.with_output(words_of_cargo))?;
    Ok(target.join(TARGET).join(profile))
}

/// The settings of a profile that the workspace does not have, as arguments of cargo.
fn profile_settings(project: &Project, profile: &str) -> Vec<OsString> {
    let manifest = fs::read_to_string(project.workspace_root().join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let profiles = manifest.get("profile").and_then(toml::Value::as_table);
    if profiles.is_some_and(|profiles| profiles.contains_key(profile)) {
        return Vec::new();
    }
    let known = PROFILES.iter().find(|(name, _)| *name == profile);
    let settings = known.into_iter().flat_map(|(_, settings)| *settings);
    settings.flat_map(|setting| ["--config".into(), format!("profile.{profile}.{setting}").into()]).collect()
}

/// Replaces the folders of this machine in the module's panic messages: the page is public, and equal sources shall
/// have equal names on every machine that builds them. cargo itself names code in the workspace by its path below the
/// workspace.
fn path_setting(project: &Project) -> String {
    let home = project.tools().cargo_home.iter();
    let downloads = home.flat_map(|home| ["registry/src", "git/checkouts"].map(|part| home.join(part)));
    let downloads = downloads.map(|from| (from, "crates"));
    let local = project.sources().iter().map(|(name, folder)| (folder.clone(), name.as_str()));
    let local = local.filter(|(folder, _)| !folder.starts_with(project.workspace_root()));
    let flags = downloads.chain(local).map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    format!("target.{TARGET}.rustflags={:?}", flags.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::{Scratch, project_with_cargo};

    #[test]
    fn a_game_without_a_module_is_named() {
        let scratch = Scratch::new("modules");
        // As `run` is for `cargo run`, the file `build` is the script for `cargo build`.
        let project = project_with_cargo(&scratch, "build", "");
        let folder = project.wasm().join(TARGET).join("wasm/examples");
        let games = ["arena".to_owned(), "swarm".to_owned()];
        let compile = |games: &[String]| compile_games(&project, &Toolchain::Installed, games, Flavour::Players);
        assert_eq!(
            compile(&games[..1]).unwrap(),
            [Compiled { path: folder.join("arena.wasm"), stem: "arena_wasm".to_owned() }]
        );
        let error = compile(&games).unwrap_err();
        assert!(matches!(&error, WasmError::NoModule { game, .. } if game == "swarm"), "{error}");
    }

    #[test]
    fn a_profile_of_the_workspace_stays_as_it_is() {
        let scratch = Scratch::new("profiles");
        let project = project_with_cargo(&scratch, "build", "");
        assert!(profile_settings(&project, "wasm").contains(&"profile.wasm.lto=\"fat\"".into()));
        fs::write(scratch.path().join("Cargo.toml"), "[profile.wasm]\nopt-level = 3\n").unwrap();
        assert!(profile_settings(&project, "wasm").is_empty() && !profile_settings(&project, "wasm-dev").is_empty());
    }
}
