//! The messages of a game for the topics of its room, and those of services that it hears there.

use super::{GameCall, Room};
use tickwire::world::heard::{HEARD_PER_TICK_MAX, Heard};
use tickwire::{Game, Publication};

/// Messages that wait for the ticks in which the game hears them. A service that says more than the game can hear loses
/// the rest.
const UNHEARD_MAX: usize = 64;

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

    /// Takes what a service has said in one of the game's topics, for one of the next ticks. Returns whether the game
    /// will hear it: it hears no such topic, or too much waits already.
    pub fn hear(&mut self, topic: &str, body: &str) -> bool {
        let heard = Heard::new::<G>(topic, body).filter(|_| self.unheard.len() < UNHEARD_MAX);
        let is_heard = heard.is_some();
        self.unheard.extend(heard);
        is_heard
    }

    /// Tells the game what it hears before its next step.
    pub(super) fn listen(&mut self) {
        self.record.heard.clear();
        if self.unheard.is_empty() {
            return;
        }
        let count = self.unheard.len().min(HEARD_PER_TICK_MAX);
        self.record.heard.extend(self.unheard.drain(..count));
        for heard in &self.record.heard {
            self.call = heard.topic::<G>().map(|topic| GameCall::Hear(topic.name));
            self.simulation.hear(heard);
        }
    }
}
