//! The scenes whose feel is measured, and the players' inputs in them.

use crate::harness::Client;
use tickwire::math::vec2;
use tickwire::{Rng, Tick};
use tickwire_games::Arena;
use tickwire_games::arena::Helm;

/// A scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// All players fly about and none shoots.
    Open,
    /// The game's own bots fight.
    Battle,
}

impl Scene {
    /// Both scenes.
    pub const ALL: [Self; 2] = [Self::Open, Self::Battle];

    /// The scene's name in tables and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Battle => "battle",
        }
    }
}

/// The hands of one room's players.
pub(super) struct Hands {
    scene: Scene,
    players: Vec<Pilot>,
}

/// A player who changes course about every third of a second, as people do when they dodge.
struct Pilot {
    dice: Rng,
    decided: Tick,
    helm: Helm,
}

impl Hands {
    pub(super) fn new(scene: Scene, seed: u64, players: u32) -> Self {
        let mut dice = Rng::new(!seed);
        let mut pilot = || Pilot { dice: Rng::new(dice.next_u64()), decided: Tick(0), helm: Helm::default() };
        Self { scene, players: (0..players).map(|_| pilot()).collect() }
    }

    /// Decides on a player's input, after a frame.
    pub(super) fn steer(&mut self, index: usize, client: &mut Client<Arena>) {
        if self.scene == Scene::Battle {
            return;
        }
        let pilot = &mut self.players[index];
        let tick = client.session.predicted_tick();
        if tick > pilot.decided {
            pilot.decided = tick;
            if pilot.dice.one_in(10) {
                let stick = vec2(pilot.dice.range(-1.0, 1.0), pilot.dice.range(-1.0, 1.0));
                pilot.helm = Helm { stick, ..Helm::default() };
            }
        }
        client.hands = Some(pilot.helm);
    }
}
