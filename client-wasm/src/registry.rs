//! The games that this module can play. They are registered once, by [`export!`](crate::export), before JavaScript
//! calls anything.

use crate::json::Json;
use crate::options::Options;
use crate::player::{Play, Player};
use crate::preview::{Match, Show};
use std::cell::RefCell;
use tickwire::{Rules, Stage};
use wasm_bindgen::prelude::*;

thread_local! {
    static GAMES: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// A game without its type: its name and texts, and the functions that play and show it.
#[derive(Clone, Copy)]
pub struct Entry {
    rules: Rules,
    title: &'static str,
    hint: &'static str,
    touch_hint: &'static str,
    buttons: &'static [&'static str],
    pub(crate) play: fn(&Options) -> Box<dyn Play>,
    pub(crate) show: fn(u64) -> Box<dyn Show>,
}

impl Entry {
    /// The entry of a game.
    #[must_use]
    pub const fn of<G: Stage>() -> Self {
        Self {
            rules: G::RULES,
            title: G::TITLE,
            hint: G::HINT,
            touch_hint: G::TOUCH_HINT,
            buttons: G::BUTTONS,
            play: |options| Box::new(Player::<G>::new(options)),
            show: |seed| Box::new(Match::<G>::new(seed)),
        }
    }

    fn describe(&self) -> Json {
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

/// Registers games; a game that is there already under the same name is replaced.
pub fn register(games: &[Entry]) {
    crate::console::report_panics();
    GAMES.with_borrow_mut(|known| {
        known.retain(|old| games.iter().all(|new| new.rules.name != old.rules.name));
        known.extend_from_slice(games);
    });
}

/// The game of this name.
pub(crate) fn find(name: &str) -> Option<Entry> {
    GAMES.with_borrow(|games| games.iter().find(|game| game.rules.name == name).copied())
}

/// The games that can be played, as a JSON list of `{name, title, hint, touch_hint, buttons, seats, tick_rate_hz}`.
#[must_use]
#[wasm_bindgen]
pub fn games() -> String {
    GAMES.with_borrow(|games| Json::List(games.iter().map(Entry::describe).collect()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::Dot;

    #[test]
    fn an_exported_game_is_listed_and_found_by_its_name() {
        register(&[Entry::of::<Dot>()]);
        register(&[Entry::of::<Dot>()]);
        let games: serde_json::Value = serde_json::from_str(&games()).unwrap();
        let dots: Vec<_> = games.as_array().unwrap().iter().filter(|game| game["name"] == "dot").collect();
        assert_eq!(dots.len(), 1, "registered twice, listed once");
        assert_eq!(dots[0]["title"], "Dot");
        assert_eq!(dots[0]["buttons"], serde_json::json!(["Jump"]));
        assert_eq!(dots[0]["seats"], 4);
        assert_eq!(dots[0]["tick_rate_hz"], 50);
        assert!(find("dot").is_some() && find("dots").is_none());
    }
}
