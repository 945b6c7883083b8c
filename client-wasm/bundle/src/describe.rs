//! The demo games as the client's program `describe` tells of them: a script for each game, its types, and the list.
//!
//! Guarantees: the list of games exists once, in the crate of the games, and a page never lists a game that it cannot
//! load. Leaves out the modules themselves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Workspace;
use crate::assets::Asset;
use crate::command::{self, CommandError, Progress};
use crate::wasm::COMPILE_LIMIT;

/// The program, as arguments of cargo.
const DESCRIBE: [&str; 4] = ["-p", "tickwire-client", "--bin", "describe"];

/// The script with the list of all games.
const LIST: &str = "games.js";

/// Reasons why there are no descriptions of games.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// The program does not compile, or it failed.
    #[error("the program `describe` of the client failed")]
    Program(#[from] CommandError),
    /// The program wrote no list of games.
    #[error("the program `describe` of the client has not written {LIST}")]
    NoList,
    /// The program described no game at all.
    #[error("the program `describe` of the client has not described a single game")]
    NoGames,
    /// A name that cannot be the name of a file on every machine.
    #[error("{name:?} is no name for a game: lower-case letters, digits and `_`, with a letter first")]
    Name {
        /// The name.
        name: String,
    },
    /// A file operation failed.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The games and the files that describe them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    /// The names of all games, sorted.
    pub(crate) games: Vec<String>,
    /// `NAME.js` and `NAME.d.ts` of each game, and the list.
    pub(crate) files: Vec<Asset>,
}

/// Runs the program and reads the files that it has written.
///
/// # Errors
/// See [`DescribeError`].
pub(crate) fn run(workspace: &Workspace) -> Result<Described, DescribeError> {
    let folder = workspace.target().join("wasm/described");
    // A game that is gone shall not come back from the last run.
    if folder.exists() {
        file(&folder, fs::remove_dir_all(&folder))?;
    }
    file(&folder, fs::create_dir_all(&folder))?;
    let mut cargo = workspace.cargo();
    cargo.arg("run");
    // A release build of this program shares its crates with the release build of the server, a debug build with those
    // of the tests.
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.args(DESCRIBE).arg("--").arg(&folder);
    let mut progress = Progress::start("client: describing the games");
    command::run(&mut cargo, COMPILE_LIMIT, |line| progress.watch_cargo(line))?;
    read(&folder)
}

fn read(folder: &Path) -> Result<Described, DescribeError> {
    let mut files = Vec::new();
    for entry in file(folder, fs::read_dir(folder))? {
        let entry = file(folder, entry)?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let content = file(&path, fs::read(&path))?;
        files.push(Asset { name, content });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    if files.iter().all(|file| file.name != LIST) {
        return Err(DescribeError::NoList);
    }
    let games: Vec<String> = files.iter().filter_map(game).collect();
    if games.is_empty() {
        return Err(DescribeError::NoGames);
    }
    match games.iter().find(|name| !is_game_name(name)) {
        Some(name) => Err(DescribeError::Name { name: name.clone() }),
        None => Ok(Described { games, files }),
    }
}

/// The game that a file describes: its script imports the glue of a module of the same name.
fn game(file: &Asset) -> Option<String> {
    let name = file.name.strip_suffix(".js")?;
    let text = str::from_utf8(&file.content).ok()?;
    let imports = ['\'', '"'].iter().any(|quote| text.contains(&format!("{quote}./{name}_wasm.js{quote}")));
    imports.then(|| name.to_owned())
}

fn is_game_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn file<T>(path: &Path, result: io::Result<T>) -> Result<T, DescribeError> {
    result.map_err(|source| DescribeError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::{Scratch, workspace_with_cargo};

    fn described(files: &[(&str, &str)]) -> Result<Described, DescribeError> {
        let scratch = Scratch::new("described");
        for (name, text) in files {
            fs::write(scratch.path().join(name), text).unwrap();
        }
        read(scratch.path())
    }

    #[test]
    fn a_game_is_a_script_that_imports_a_module_of_its_own_name() {
        let found = described(&[
            ("arena.js", "import init, * as module from './arena_wasm.js';"),
            ("arena.d.ts", "export default game;"),
            ("games.js", "load: () => import('./arena.js')"),
            ("layout.js", "import './arena_wasm.js'"),
        ]);
        let found = found.unwrap();
        assert_eq!(found.games, ["arena"]);
        assert_eq!(found.files.len(), 4);
    }

    #[test]
    fn a_list_without_games_games_without_a_list_and_odd_names_are_errors() {
        let arena = ("arena.js", "import './arena_wasm.js'");
        let error = described(&[arena]).unwrap_err();
        assert!(matches!(error, DescribeError::NoList), "{error}");
        let error = described(&[("games.js", "")]).unwrap_err();
        assert!(matches!(error, DescribeError::NoGames), "{error}");
        let error = described(&[("games.js", ""), ("My-Game.js", "import './My-Game_wasm.js'")]).unwrap_err();
        assert!(error.to_string().starts_with("\"My-Game\" is no name"), "{error}");
    }

    #[test]
    fn the_words_of_a_program_that_fails_are_quoted() {
        let scratch = Scratch::new("failing");
        let workspace = workspace_with_cargo(&scratch, "echo no seats for arena >&2; exit 1");
        let error = run(&workspace).unwrap_err();
        let DescribeError::Program(CommandError::Failed { output, .. }) = &error else { panic!("{error}") };
        assert_eq!(output, "no seats for arena");
    }

    #[test]
    fn a_game_that_is_gone_does_not_come_back_from_the_last_run() {
        let scratch = Scratch::new("gone");
        let script =
            r#"for folder; do :; done; echo "import './arena_wasm.js'" > "$folder/arena.js"; : > "$folder/games.js""#;
        let workspace = workspace_with_cargo(&scratch, script);
        assert_eq!(run(&workspace).unwrap().games, ["arena"]);
        let folder = workspace.target().join("wasm/described");
        fs::write(folder.join("swarm.js"), "import './swarm_wasm.js'").unwrap();
        assert_eq!(run(&workspace).unwrap().games, ["arena"]);
    }
}
