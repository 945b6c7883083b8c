//! The game of this module. [`export!`](crate::export) names it once, before JavaScript calls anything.

use crate::json::Json;
use crate::options::Options;
use crate::player::{Play, Player};
use crate::preview::{Match, Show};
use std::cell::Cell;
use std::fmt::{self, Formatter};
use tickwire::message::control;
use tickwire::{Rules, Stage};
use wasm_bindgen::prelude::*;

thread_local! {
    static GAME: Cell<Option<Entry>> = const { Cell::new(None) };
}

/// A game without its type: its name and texts, and the functions that play and show it.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    rules: Rules,
    title: &'static str,
    hint: &'static str,
    touch_hint: &'static str,
    buttons: &'static [&'static str],
    fingerprint: fn() -> u64,
    pub(crate) play: fn(&Options) -> Box<dyn Play>,
    pub(crate) show: fn(u64) -> Box<dyn Show>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.rules.name).finish_non_exhaustive()
    }
}

impl Entry {
    fn of<G: Stage>() -> Self {
        Self {
            rules: G::RULES,
            title: G::TITLE,
            hint: G::HINT,
            touch_hint: G::TOUCH_HINT,
            buttons: G::BUTTONS,
            fingerprint: control::fingerprint::<G>,
            play: |options| Box::new(Player::<G>::new(options)),
            show: |seed| Box::new(Match::<G>::new(seed)),
        }
    }

    /// The name of the game, by which rooms know it.
    pub(crate) const fn name(&self) -> &'static str {
        self.rules.name
    }

    fn about(&self) -> Json {
        Json::object([
            ("name", self.rules.name.into()),
            ("title", self.title.into()),
            ("hint", self.hint.into()),
            ("touch_hint", self.touch_hint.into()),
            ("buttons", Json::List(self.buttons.iter().map(|label| (*label).into()).collect())),
            ("seats", self.rules.seats.into()),
            ("tick_rate_hz", self.rules.tick_rate_hz.into()),
        ])
    }
}

/// Makes `G` the game of this module.
pub fn register<G: Stage>() {
    crate::console::report_panics();
    GAME.set(Some(Entry::of::<G>()));
}

/// The game of this module; `None` in a crate that has not called [`export!`](crate::export).
pub(crate) fn game() -> Option<Entry> {
    GAME.get()
}

/// The game of this module, as JSON `{name, title, hint, touch_hint, buttons, seats, tick_rate_hz}`; `null` when there is
/// none.
#[must_use]
#[wasm_bindgen]
pub fn about() -> String {
    game().map_or(Json::Null, |game| game.about()).to_string()
}

/// The fingerprint of the game, as 16 hexadecimal digits; empty when there is none. A server that was built from another
/// version of the game has another one, and refuses the connection with code 4009.
#[must_use]
#[wasm_bindgen]
pub fn fingerprint() -> String {
    game().map_or_else(String::new, |game| format!("{:016x}", (game.fingerprint)()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::Dot;
    use std::collections::BTreeSet;

    #[test]
    fn the_exported_game_tells_about_itself() {
        assert_eq!((about().as_str(), fingerprint().as_str()), ("null", ""));
        register::<Dot>();
        let game: serde_json::Value = serde_json::from_str(&about()).unwrap();
        assert_eq!((&game["name"], &game["title"]), (&"dot".into(), &"Dot".into()));
        assert_eq!(game["buttons"], serde_json::json!(["Jump"]));
        assert_eq!((&game["seats"], &game["tick_rate_hz"]), (&4.into(), &50.into()));
        let digits = fingerprint();
        assert_eq!((digits.len(), u64::from_str_radix(&digits, 16)), (16, Ok(control::fingerprint::<Dot>())));
    }

    #[test]
    fn every_game_of_the_page_has_a_module() {
        macro_rules! names {
            ($($game:ty),*) => { [$(<$game as tickwire::Game>::RULES.name),*] };
        }
        let games = BTreeSet::from(tickwire_games::for_each_page_game!(names).map(|name| format!("{name}.rs")));
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("modules");
        let files = std::fs::read_dir(folder).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>();
        assert_eq!(games, files);
    }
}
