//! The game of this module. [`export!`](crate::export) names it once, before JavaScript calls anything.

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

/// A game without its type: its rules, and the functions that play and show it. Its texts are in the script that is
/// generated beside the module.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    rules: Rules,
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
            fingerprint: control::fingerprint::<G>,
            play: |options| Box::new(Player::<G>::new(options)),
            show: |seed| Box::new(Match::<G>::new(seed)),
        }
    }

    /// The name of the game, by which rooms know it.
    pub(crate) const fn name(&self) -> &'static str {
        self.rules.name
    }
}

/// Makes `G` the game of this module.
pub fn register<G: Stage>() {
    crate::console::report_panics();
    GAME.set(Some(Entry::of::<G>()));
    #[cfg(feature = "determinism")]
    crate::determinism::register::<G>();
}

/// The game of this module; `None` in a crate that has not called [`export!`](crate::export).
pub(crate) fn game() -> Option<Entry> {
    GAME.get()
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

    #[test]
    fn the_exported_game_has_a_name_and_a_fingerprint() {
        assert!(game().is_none() && fingerprint().is_empty());
        register::<Dot>();
        assert_eq!(game().map(|game| game.name()), Some("dot"));
        let digits = fingerprint();
        assert_eq!((digits.len(), u64::from_str_radix(&digits, 16)), (16, Ok(control::fingerprint::<Dot>())));
    }
}
