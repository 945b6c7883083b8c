//! The games as the server's program tells of them: a script for each game, its types, and the list.
//!
//! Guarantees: the list of games exists once, in the `main!` of the server, and a page never lists a game that it cannot
//! load. Leaves out the modules themselves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Project;
use crate::assets::Asset;
use crate::command::{self, CommandError};

/// The script with the list of all games.
const LIST: &str = "games.js";

/// Time limit for the program; it takes a few milliseconds.
const DESCRIBE_LIMIT: Duration = Duration::from_secs(60);

/// Reasons why there are no descriptions of games.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// The program failed.
    #[error("the server's program could not describe its games")]
    Program(#[from] CommandError),
    /// The program wrote no list of games.
    #[error("the server's program has not written {LIST}")]
    NoList,
    /// The program described no game at all.
    #[error("the server's program has not described a single game")]
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

/// Runs the program of the server and reads the files that it has written.
///
/// # Errors
/// See [`DescribeError`].
pub(crate) fn run(project: &Project, mut server: Command, build_id: &str) -> Result<Described, DescribeError> {
    let folder = project.output().join("described");
    // A game that is gone shall not come back from the last run.
    if folder.exists() {
        file(&folder, fs::remove_dir_all(&folder))?;
    }
    file(&folder, fs::create_dir_all(&folder))?;
    command::run(server.arg("describe").arg(&folder).args(["--build", build_id]), DESCRIBE_LIMIT, |_| ())?;
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
    use crate::scratch::Scratch;

    /// A server that is this script of a shell; its arguments are `describe` and the folder.
    fn server(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]);
        shell
    }

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
        let project = Project::of_test(scratch.path(), "cargo");
        let error = run(&project, server("echo no seats for arena >&2; exit 1"), "0").unwrap_err();
        let DescribeError::Program(CommandError::Failed { output, .. }) = &error else { panic!("{error}") };
        assert_eq!(output, "no seats for arena");
    }

    #[test]
    fn a_game_that_is_gone_does_not_come_back_from_the_last_run() {
        let scratch = Scratch::new("gone");
        let script = r#"echo "import './arena_wasm.js'" > "$2/arena.js"; : > "$2/games.js""#;
        let project = Project::of_test(scratch.path(), "cargo");
        assert_eq!(run(&project, server(script), "0").unwrap().games, ["arena"]);
        let folder = project.output().join("described");
        fs::write(folder.join("swarm.js"), "import './swarm_wasm.js'").unwrap();
        assert_eq!(run(&project, server(script), "0").unwrap().games, ["arena"]);
    }
}
