//! Open space: all players fly about and none shoots.

use tickwire::math::vec2;
use tickwire::{Rng, Tick};
use tickwire_games::Arena;
use tickwire_games::arena::Helm;
use tickwire_tools::feel::Hands;
use tickwire_tools::harness::Client;

/// A player who changes course about every third of a second, as people do when they dodge.
struct Pilot {
    dice: Rng,
    decided: Tick,
    helm: Helm,
}

impl Pilot {
    fn new(seed: u64) -> Self {
        Self { dice: Rng::new(seed), decided: Tick(0), helm: Helm::default() }
    }

    /// Decides on the input, after a frame.
    fn steer(&mut self, client: &mut Client<Arena>) {
        let tick = client.session.predicted_tick();
        if tick > self.decided {
            self.decided = tick;
            if self.dice.one_in(10) {
                let stick = vec2(self.dice.range(-1.0, 1.0), self.dice.range(-1.0, 1.0));
                self.helm = Helm { stick, ..Helm::default() };
            }
        }
        client.hands = Some(self.helm);
    }
}

/// The hands of one room's players.
pub(super) fn hands(seed: u64, players: u32) -> Hands<Arena> {
    let mut dice = Rng::new(!seed);
    let mut pilots: Vec<Pilot> = (0..players).map(|_| Pilot::new(dice.next_u64())).collect();
    Box::new(move |index, client| pilots[index].steer(client))
}
