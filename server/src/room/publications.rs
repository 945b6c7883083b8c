//! The messages of a game for the topics of its room.

use super::Room;
use tickwire::{Game, Publication};

impl<G: Game> Room<G> {
    /// The messages of the game because of the last tick. The game is asked here and not in the tick, whose owner may
    /// have nobody to tell.
    #[must_use]
    pub fn publications(&self) -> Vec<Publication> {
        if G::RULES.topics.is_empty() {
            return Vec::new();
        }
        let world = self.simulation.world();
        self.record.events.iter().filter_map(|(to, event)| world.publish(*to, event)).collect()
    }
}
