//! A game without its type, to be compared with the same game in other machines.

use tickwire::determinism::{Playthrough, Run};
use tickwire::message::control::fingerprint;
use tickwire::{Game, Rules};

/// A game without its type.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The game's rules, with its name and rate.
    pub rules: Rules,
    /// The fingerprint of the game, which its module has as well.
    pub fingerprint: fn() -> u64,
    /// Begins the game from a seed, with or without detours.
    pub start: fn(u64, bool) -> Box<dyn Run>,
}

impl Entry {
    /// The entry of a game.
    #[must_use]
    pub const fn of<G: Game>() -> Self {
        let start = |seed, detours| -> Box<dyn Run> { Box::new(Playthrough::<G>::new(seed, detours)) };
        Self { rules: G::RULES, fingerprint: fingerprint::<G>, start }
    }
}
