//! The templates of games, which are in this program, and the crates that they become.
//!
//! A template is the folder of its name on top of the folder `all`. Its sources are Rust that compiles for a game
//! with the name `template-game`; that name is replaced in all its forms.

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;
use include_dir::{Dir, File, include_dir};

use super::name::GameName;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The end of the names of files that tools would take for their own if they were called so among the templates.
const ASIDE: &str = ".in";

/// The ways to build a game that a new one begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Template {
    /// Two discs on a ring: prediction, rounds and a score. The smallest.
    #[default]
    Duel,
    /// Robots in a yard, 2 to 8: tables, shots with lag compensation, hidden information.
    Arena,
    /// Dogs and hundreds of sheep: inputs only, and options.
    Lockstep,
    /// Marbles on an island: a page of your own, drawn by three.js.
    Three,
}

/// A file of a new crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateFile {
    /// Its path in the crate.
    pub(crate) path: PathBuf,
    pub(crate) content: Vec<u8>,
}

/// The words of a template about itself in the crate.
struct About {
    folder: &'static str,
    /// For the README.
    words: &'static str,
    /// Rows for the README's table of files.
    files: &'static str,
    dependencies: &'static str,
    /// Bytes of a mean delta that the tests allow.
    delta_budget_bytes: u32,
}

impl Template {
    /// The files of a game with this name, which finds Tickwire in the folder `tickwire`; sorted by path.
    pub(crate) fn files(self, name: &GameName, tickwire: &str) -> Vec<TemplateFile> {
        let about = self.about();
        let sources = self.sources();
        let type_name = free_type_name(name, &sources);
        let texts = [
            ("TEMPLATE_ABOUT", about.words),
            ("TEMPLATE_FILES", about.files),
            ("# TEMPLATE_DEPENDENCIES\n", about.dependencies),
            ("TEMPLATE_DELTA", &about.delta_budget_bytes.to_string()),
            ("template-game", name.package()),
            ("template_game", &name.library()),
            ("TemplateGame", &type_name),
            ("Template Game", &name.title()),
            // Last, because a path may hold any words.
            ("TICKWIRE_PATH", &escape(tickwire)),
        ];
        let fill = |text: &str| texts.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        let file = |(path, text): (PathBuf, &str)| TemplateFile { path, content: fill(text).into_bytes() };
        sources.into_iter().map(file).collect()
    }

    /// The files as they are among the templates, under the paths that they get; sorted.
    fn sources(self) -> Vec<(PathBuf, &'static str)> {
        let mut sources = Vec::new();
        for folder in ["all", self.about().folder] {
            let root = TEMPLATES.get_dir(folder).expect("the templates are in the program");
            let mut files = Vec::new();
            collect(root, &mut files);
            for file in files {
                let path = file.path().strip_prefix(folder).expect("a file is in its folder").to_string_lossy();
                let path = path.strip_suffix(ASIDE).unwrap_or(&path);
                sources.push((PathBuf::from(path), file.contents_utf8().expect("templates are texts")));
            }
        }
        sources.sort();
        sources
    }

    const fn about(self) -> About {
        match self {
            Self::Duel => About {
                folder: "duel",
                words: "Two discs on a slippery ring: push the other one off. The first to five points wins.",
                files: "",
                dependencies: "",
                delta_budget_bytes: 24,
            },
            Self::Arena => About {
                folder: "arena",
                words: "Robots in a dark yard, two to eight: beams that hit at once, mines that only their owner sees.",
                files: "| `src/robot.rs`, `src/bot.rs` | what a robot does, and what the bots do |\n",
                dependencies: "",
                delta_budget_bytes: 48,
            },
            Self::Lockstep => About {
                folder: "lockstep",
                words: "Up to four dogs and hundreds of sheep: drive them into your corner before the time is up.",
                files: "| `src/flock.rs` | what the sheep do |\n",
                dependencies: "# For the options of a room.\n\
                    serde = { version = \"1\", default-features = false, features = [\"alloc\", \"derive\"] }\n",
                delta_budget_bytes: 24,
            },
            Self::Three => About {
                folder: "three",
                words: "Marbles on an island in the sky: stay alone on top of the hill.",
                files: "| `src/marble.rs` | how a marble rolls, falls and bounces |\n\
                    | `web/` | the page: `main.js` has rooms and camera, `island.js` the picture in three.js |\n",
                dependencies: "",
                delta_budget_bytes: 40,
            },
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.about().folder)
    }
}

fn collect<'a>(folder: &'a Dir<'a>, files: &mut Vec<&'a File<'a>>) {
    files.extend(folder.files());
    folder.dirs().for_each(|inner| collect(inner, files));
}

/// The name of the game's type: that of the game, unless the sources have something else of that name.
fn free_type_name(name: &GameName, sources: &[(PathBuf, &str)]) -> String {
    let plain = name.type_name();
    let is_free = |wanted: &str| {
        let ends_word = |letter: char| !letter.is_alphanumeric() && letter != '_';
        let is_in = |text: &str| text.split(ends_word).any(|word| word == wanted);
        let is_rust = |path: &PathBuf| path.extension().is_some_and(|end| end == "rs");
        !sources.iter().any(|(path, text)| is_rust(path) && is_in(text))
    };
    if is_free(&plain) { plain } else { plain + "World" }
}

/// A text as it stands between the quotes of a string in TOML.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '\\' => escaped.extend(['\\', letter]),
            letter if letter.is_control() => escaped.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => escaped.push(letter),
        }
    }
    escaped
}
