//! A game in the words of JavaScript and TypeScript: the script that loads its module, and the types of its world,
//! inputs and events. Both are generated from the shapes of the game's types and from the comments of its author.
//!
//! Only native programs contain this code: a build step writes the texts beside the modules, so that no module pays for
//! them.
//!
//! # Layouts
//!
//! The script of a game holds a *layout* of each type: a tree that says what each column of a table means, so that one
//! library reads the worlds of all games. The leaves of the tree, counted from 0 in its order, are the columns of a row
//! and the entries of an input or event.
//!
//! | node | leaves | plain value | columns |
//! | --- | --- | --- | --- |
//! | `{ name: NODE, .. }` | those of its nodes | struct: object; `0`, `1`, .. for fields without names | object of columns |
//! | `['f']` | 1 | float: number | `Float32Array` |
//! | `['i']` | 1 | integer within 32 bits with a sign: number | `Int32Array` |
//! | `['u']` | 1 | integer within 32 bits without a sign: number | `Uint32Array` |
//! | `['w', 'min', base]` | 1 | integer beyond both: bigint, `min` and `leaf - base` modulo 2^32 | `Uint32Array`: the lowest 32 bits |
//! | `['b']` | 1 | boolean | `Int32Array`: 0 or 1 |
//! | `['s']` | 1 | seat: number | `Int32Array` |
//! | `['os']` | 1 | seat of the owner: number or null | `Int32Array`: -1 for null |
//! | `['r']` | 1 | id of a row: number | `Uint32Array` |
//! | `['u64']`, `['i64']` | 2, lower half first | bigint | `{ low, high }` of `Uint32Array` |
//! | `['q']` | 4: x, y, z, w | rotation: object of a unit quaternion | `{ x, y, z, w }` of `Float32Array` |
//! | `['e', 'A', 'B', ..]` | 1: the variant's number | enum of units: its name | `Int32Array` |
//! | `['v', { A: NODE, B: NODE, .. }]` | 1: the variant's number, then those of all variants | `{ kind: 'A', .. }` with the fields of `A` | `{ kind, A: .., B: .. }` without the units |
//! | `['o', NODE]` | 1: whether it is there, then those of `NODE` | the value or null | `{ some, value }` |
//! | `['n', NODE, count]` | those of `NODE`, `count` times | array | array of columns |
//! | `['l', NODE, max]` | 1: the length, then those of `NODE`, `max` times | list: array | `{ length, items }`, `items` an array of `max` columns |
//! | `['m', KEY, VALUE, max]` | 1: the length, then those of `KEY` and `VALUE` in turn, `max` times | map: array of `[key, value]` | `{ length, items }`, each item `{ key, value }` |
//! | `['t', NODE]` | 0; its rows have those of `NODE` | table | |
//!
//! * Tables are numbered from 1 in the order of the tree; an array of structs with tables has as many tables as
//!   structs. The world itself is table 0, with one row.
//! * A field that has neither leaves nor tables is left out; a variant without fields is `{}`.
//! * An event and an input hold a number for each leaf. A `w` is the value itself there, exact up to 2^53; the formula
//!   above gives it too.
//! * `neutral` holds the numbers of the neutral input. A leaf that means nothing in it, such as that of another variant,
//!   has the number nearest to 0: a field that a page leaves out is that number.
//! * A field of a variant that is called `kind` is `kind_`, because `kind` names the variant.

mod declarations;
mod docs;
mod js;
mod layout;
mod neutral;

use self::js::Js;
use std::path::{Path, PathBuf};
use std::{fs, io};
use tickwire::message::control::fingerprint;
use tickwire::state::State;
use tickwire::{Game, Stage};

/// The texts of one game.
#[derive(Debug, Clone)]
pub struct Description {
    /// The name in the game's rules, from which the names of the files follow.
    pub name: &'static str,
    /// `NAME.js`: the module that loads the game, with the game's layouts and texts.
    pub script: String,
    /// `NAME.d.ts`: the types of the game for TypeScript.
    pub declarations: String,
    /// The texts that a list of games shows.
    entry: Vec<(String, Js)>,
}

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {cause}", path = path.display())]
pub struct WriteError {
    /// The file or folder.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub cause: io::Error,
}

impl Description {
    /// Describes a game.
    #[must_use]
    pub fn of<G: Stage>() -> Self {
        Self::of_build::<G>(0)
    }

    /// Describes a game that was built from the sources with this id; 0 when the id is not known. The script tells the
    /// id to the server, which tells the page its own.
    #[must_use]
    pub fn of_build<G: Stage>(build: u64) -> Self {
        let entry = entry::<G>();
        Self { name: G::RULES.name, script: script::<G>(&entry, build), declarations: declarations::of::<G>(), entry }
    }
}

/// Writes `NAME.js` and `NAME.d.ts` of each game into a folder, and `games.js` with the list of them.
///
/// # Errors
/// The first file that cannot be written.
pub fn write(folder: &Path, games: &[Description]) -> Result<(), WriteError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |cause| WriteError { path, cause }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let put = |name: String, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(failed(&path))
    };
    for game in games {
        put(format!("{}.js", game.name), &game.script)?;
        put(format!("{}.d.ts", game.name), &game.declarations)?;
    }
    put("games.js".to_owned(), &list(games))
}

/// `games.js`: the texts of each game for a lobby, and the way to load it.
fn list(games: &[Description]) -> String {
    let games = games.iter().map(|game| {
        let load = format!("() => import('./{}.js').then((script) => script.default)", game.name);
        Js::Object([game.entry.clone(), vec![("load".to_owned(), Js::Code(load))]].concat())
    });
    let games = Js::Rows(games.collect()).to_text(0);
    format!("// Generated: the games that this page can load.\nexport const games = {games};\n")
}

fn entry<G: Stage>() -> Vec<(String, Js)> {
    let buttons = G::BUTTONS.iter().map(|label| Js::text(label)).collect();
    [
        ("name", Js::text(G::RULES.name)),
        ("title", Js::text(G::TITLE)),
        ("hint", Js::text(G::HINT)),
        ("touch_hint", Js::text(G::TOUCH_HINT)),
        ("buttons", Js::List(buttons)),
        ("seats", Js::number(G::RULES.seats)),
        ("queues", Js::List(G::RULES.queues.iter().map(|queue| Js::text(queue.name)).collect())),
        ("tick_rate_hz", Js::number(G::RULES.tick_rate_hz)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

fn script<G: Stage>(entry: &[(String, Js)], build: u64) -> String {
    let layout = Js::object([
        ("world", layout::of(&G::shape())),
        ("input", layout::of(&<G as Game>::Input::shape())),
        ("event", layout::of(&<G as Game>::Event::shape())),
    ]);
    let build = (build != 0).then(|| ("build".to_owned(), Js::Text(format!("{build:016x}"))));
    let own = [
        ("fingerprint".to_owned(), Js::Text(format!("{:016x}", fingerprint::<G>()))),
        ("layout".to_owned(), layout),
        ("neutral".to_owned(), neutral::of::<<G as Game>::Input>()),
        ("options".to_owned(), Js::Code(default_options::<G>())),
        ("load".to_owned(), Js::Code("load".to_owned())),
    ];
    let game = Js::Object([entry, build.as_slice(), &own].concat()).to_text(0);
    SCRIPT.replace("NAME", G::RULES.name).replacen("GAME", &game, 1)
}

/// The default options of the game as JSON, which is JavaScript too; options that JSON cannot say are none.
fn default_options<G: Game>() -> String {
    serde_json::to_string(&G::Options::default()).unwrap_or_else(|_| "null".to_owned())
}

/// `NAME.js`, where `GAME` stands for the object of the game.
const SCRIPT: &str = "\
// Generated from the Rust code of the game `NAME`: give its default export to `connect` of the package `tickwire`.
import init, * as module from './NAME_wasm.js';

const game = GAME;

let loading = null;

// The module and its memory. A download that failed is tried again by the next call.
function load() {
  loading ??= start().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function start() {
  const { memory } = await init();
  const found = module.fingerprint();
  if (found !== game.fingerprint) {
    throw new Error(`NAME_wasm.js and NAME.js are of two builds (${found}, ${game.fingerprint}): build both again`);
  }
  return { module, memory };
}

export default game;
";

#[cfg(test)]
mod tests;

/// The page of the package in a registry: its examples compile.
#[cfg(doctest)]
#[doc = include_str!("../CRATE.md")]
struct CratePage;
