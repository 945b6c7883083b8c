//! The one list of the games that are compared.

use crate::planted::{Counter, Forgetful, Hidden, NoNumber, Order, Remembering, Sine};
use tickwire::determinism::{Divergence, Played, Playthrough, Policy, sync_test};
use tickwire::wire::DecodeError;
use tickwire::world::diff::{Named, of_full_states};
use tickwire::world::full_state::FullState;
use tickwire::{Game, Rules};
use tickwire_games::for_each_game;

macro_rules! entries {
    ($($game:ty),*) => { [$(Entry::of::<$game>()),*] };
}

/// The demo games.
pub const DEMO: [Entry; 5] = for_each_game!(entries);

/// Games with one mistake each.
pub const PLANTED: [Entry; 7] = [
    Entry::of::<Sine>(),
    Entry::of::<Order>(),
    Entry::of::<NoNumber>(),
    Entry::of::<Forgetful>(),
    Entry::of::<Hidden>(),
    Entry::of::<Counter>(),
    Entry::of::<Remembering>(),
];

/// A game without its type.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The game's rules, with its name and rate.
    pub rules: Rules,
    /// Begins the game from a seed, with or without detours.
    pub start: fn(u64, bool) -> Box<dyn Run>,
    /// Plays the game against itself.
    pub sync_test: fn(&Policy) -> Result<Played, Divergence>,
}

impl Entry {
    /// The entry of a game.
    #[must_use]
    pub const fn of<G: Game>() -> Self {
        let start = |seed, detours| -> Box<dyn Run> { Box::new(Playthrough::<G>::new(seed, detours)) };
        Self { rules: G::RULES, start, sync_test: sync_test::<G> }
    }

    /// The game of this name; games with a planted mistake are included.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        DEMO.iter().chain(&PLANTED).find(|entry| entry.rules.name == name).copied()
    }
}

/// A game that is being played.
pub trait Run {
    /// Plays `ticks` ticks; gives one hash for each.
    fn hashes(&mut self, ticks: u32) -> Vec<u64>;

    /// The roster changes and inputs of the newest tick, as text for people.
    fn turn(&self) -> String;

    /// The newest full state, as the bytes of a lockstep keyframe.
    fn full_state(&self) -> Vec<u8>;

    /// The fields in which another full state differs from the newest one.
    ///
    /// # Errors
    /// When `theirs` are not the bytes of a full state of this game.
    fn differences(&self, theirs: &[u8]) -> Result<Vec<Named>, DecodeError>;
}

impl<G: Game> Run for Playthrough<G> {
    fn hashes(&mut self, ticks: u32) -> Vec<u64> {
        (0..ticks).map(|_| self.advance()).collect()
    }

    fn turn(&self) -> String {
        Self::turn(self).to_string()
    }

    fn full_state(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        FullState::of(self.simulation().checkpoint()).encode(self.simulation().schema(), &mut bytes);
        bytes
    }

    fn differences(&self, theirs: &[u8]) -> Result<Vec<Named>, DecodeError> {
        let schema = self.simulation().schema();
        let (ours, theirs) = (FullState::of(self.simulation().checkpoint()), FullState::decode_kept(schema, theirs)?);
        Ok(of_full_states(schema, &ours, &theirs).map(|difference| difference.name(schema)).collect())
    }
}
