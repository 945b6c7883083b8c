//! From Rust to WebAssembly as cargo leaves it.
//!
//! cargo alone decides whether anything must be compiled, and one call of it compiles the modules of all games. Leaves
//! out what follows on that: the glue, and the smaller module.

use std::path::PathBuf;
use std::time::Duration;

use crate::Workspace;
use crate::command::{self, CommandError, Progress};
use crate::toolchain::{TARGET, Toolchain};

/// Time limit for a complete compilation on a slow machine.
pub(crate) const COMPILE_LIMIT: Duration = Duration::from_secs(3600);

/// The cargo profile that modules are compiled with.
const PROFILE: &str = "wasm";

/// The crate of the client; each of its examples is the module of one game.
const CLIENT: &str = "tickwire-client";

/// The feature with which tests damage a client's world.
const TEST_HOOKS: &str = "test-hooks";

/// A library crate of the workspace that becomes a module for browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// The crate.
    pub package: &'static str,
    /// The stem of its files' names: the crate's name in Rust.
    pub stem: &'static str,
}

/// Reasons why a module was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// cargo failed.
    #[error("the client could not be compiled")]
    Compile(#[from] CommandError),
    /// A game without a module of its own.
    #[error(
        "the game {game} is on the page's list, but {CLIENT} has no example {game}: client-wasm/modules/{game}.rs and \
         its entry in client-wasm/Cargo.toml are needed"
    )]
    NoModule {
        /// The game.
        game: String,
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

/// Compiles a library crate.
///
/// # Errors
/// When it does not compile.
pub(crate) fn compile(workspace: &Workspace, toolchain: &Toolchain, module: Module) -> Result<Compiled, WasmError> {
    let folder = cargo_build(workspace, toolchain, &["-p", module.package, "--lib"])?;
    Ok(Compiled { path: folder.join(module.stem).with_extension("wasm"), stem: module.stem.to_owned() })
}

/// Compiles the modules of all `games`, in the order of the names.
///
/// # Errors
/// When one does not compile, or a game has no module.
pub(crate) fn compile_games(
    workspace: &Workspace,
    toolchain: &Toolchain,
    games: &[String],
    test_hooks: bool,
) -> Result<Vec<Compiled>, WasmError> {
    let hooks: &[&str] = if test_hooks { &["--features", TEST_HOOKS] } else { &[] };
    let folder = cargo_build(workspace, toolchain, &[&["-p", CLIENT, "--examples"], hooks].concat())?.join("examples");
    let compiled = games.iter().map(|game| {
        let path = folder.join(game).with_extension("wasm");
        let there = path.is_file();
        there
            .then(|| Compiled { path, stem: format!("{game}_wasm") })
            .ok_or_else(|| WasmError::NoModule { game: game.clone() })
    });
    compiled.collect()
}

/// Has cargo build `what` for browsers, and gives the folder of the results.
fn cargo_build(workspace: &Workspace, toolchain: &Toolchain, what: &[&str]) -> Result<PathBuf, CommandError> {
    let target = workspace.target().join("wasm");
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--profile", PROFILE, "--target", TARGET]).args(what);
    cargo.env("CARGO_TARGET_DIR", &target);
    cargo.arg("--config").arg(path_setting(workspace));
    toolchain.apply(&mut cargo);
    let mut progress = Progress::start("client: compiling to WebAssembly");
    command::run(&mut cargo, COMPILE_LIMIT, |line| progress.watch_cargo(line))?;
    Ok(target.join(TARGET).join(PROFILE))
}

/// Replaces the folders of this machine in the client's panic messages: the page is public, and equal sources shall
/// have equal names on every machine that builds them. Covers only code outside of the workspace, because cargo names
/// code inside by its path below the workspace.
fn path_setting(workspace: &Workspace) -> String {
    let registry = workspace.tools.cargo_home.iter().map(|home| home.join("registry/src"));
    let flags = registry.map(|from| format!("--remap-path-prefix={}=crates", from.display()));
    format!("target.{TARGET}.rustflags={:?}", flags.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::{Scratch, workspace_with_cargo};
    use std::fs;

    #[test]
    fn a_game_without_a_module_is_named() {
        let scratch = Scratch::new("modules");
        // As `run` is for `cargo run`, the file `build` is the script for `cargo build`.
        let workspace = workspace_with_cargo(&scratch, "");
        fs::write(scratch.path().join("build"), "").unwrap();
        let folder = workspace.target().join("wasm").join(TARGET).join(PROFILE).join("examples");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("arena.wasm"), "").unwrap();
        let games = ["arena".to_owned(), "swarm".to_owned()];
        let compiled = compile_games(&workspace, &Toolchain::Installed, &games[..1], false).unwrap();
        assert_eq!(compiled, [Compiled { path: folder.join("arena.wasm"), stem: "arena_wasm".to_owned() }]);
        let error = compile_games(&workspace, &Toolchain::Installed, &games, false).unwrap_err();
        assert!(matches!(&error, WasmError::NoModule { game } if game == "swarm"), "{error}");
    }
}
