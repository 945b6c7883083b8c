//! The messages of a game for the topics of its room, and those of services that it hears there.

use super::{Attempt, GameCall, Room};
use crate::game_panic;
use tickwire::world::heard::{HEARD_PER_TICK_MAX, Heard};
use tickwire::{Game, Publication};

/// Messages that wait for the ticks in which the game hears them. A service that says more than the game can hear loses
/// the rest.
const UNHEARD_MAX: usize = 64;

impl<G: Game> Room<G> {
    /// The messages of the game because of the last tick. The game is asked here and not in the tick: the tick's owner
    /// may have nobody to tell. A message on which it panics is lost.
    #[must_use]
    pub fn publications(&mut self) -> Vec<Publication> {
        if G::RULES.topics.is_empty() {
            return Vec::new();
        }
        let (world, mut published) = (self.simulation.world(), Vec::new());
        for (to, event) in &self.record.events {
            match game_panic::catch(|| world.publish(*to, event)) {
                Ok(publication) => published.extend(publication),
                Err(panic) => {
                    self.counters.publish_panics += 1;
                    self.survived.note::<G>(self.tick, GameCall::Publish, Attempt::Everything, &panic);
                }
            }
        }
        published
    }

    /// Takes what a service has said in one of the game's topics, for one of the next ticks. Returns whether the game
    /// will hear it: it hears no such topic, or too much waits already.
    pub fn hear(&mut self, topic: &str, body: &str) -> bool {
        let heard = Heard::new::<G>(topic, body).filter(|_| self.unheard.len() < UNHEARD_MAX);
        let is_heard = heard.is_some();
        self.unheard.extend(heard);
        is_heard
    }

    /// Takes over what the game hears before its next step.
    pub(super) fn listen(&mut self) {
        if self.unheard.is_empty() {
            return;
        }
        let count = self.unheard.len().min(HEARD_PER_TICK_MAX);
        self.record.heard.extend(self.unheard.drain(..count));
    }
}
