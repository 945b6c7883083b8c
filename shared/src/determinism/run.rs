//! A game that is being played from a seed, without its type.

use super::Playthrough;
use crate::game::Game;
use crate::wire::DecodeError;
use crate::world::diff::{Named, of_full_states};
use crate::world::full_state::FullState;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A game that is being played, natively or in a module: what a comparison of machines asks of it.
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
