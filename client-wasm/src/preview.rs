//! The match in the lobby: bots play all seats, in the page, without a server.

use crate::client::microseconds;
use crate::module;
use tickwire::limits::ADVANCE_TICKS_MAX;
use tickwire::world::bot_match::BotMatch;
use tickwire::world::interpolation::blend;
use tickwire::world::roster::BOT_NAMES;
use tickwire::world::snapshot::Snapshot;
use tickwire::{Game, Rng, Scene, Stage};
use wasm_bindgen::prelude::*;

/// A match that plays itself.
pub(crate) trait Show {
    /// Makes the ticks that are due, a few at the most.
    fn advance(&mut self, now_us: u64);

    /// Draws the world as a spectator sees it.
    fn draw(&self, scene: &mut Scene);
}

/// A match of game `G` between its bots.
pub(crate) struct Match<G: Game> {
    bots: BotMatch<G>,
    between: Snapshot,
    shown: G,
    /// The time at which the next tick is due; the first call sets it.
    due_us: Option<u64>,
}

impl<G: Game> Match<G> {
    /// The match that follows from this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let players = G::RULES.bots.clamp(1, G::RULES.seats);
        let bots = BotMatch::<G>::new(&G::Options::default(), players, Rng::new(seed), Rng::new(!seed));
        Self { between: bots.newest().clone(), shown: bots.world().clone(), due_us: None, bots }
    }
}

impl<G: Stage> Show for Match<G> {
    fn advance(&mut self, now_us: u64) {
        let tick_us = G::RULES.tick_us();
        let mut due_us = self.due_us.unwrap_or(now_us);
        for _ in 0..ADVANCE_TICKS_MAX {
            if due_us > now_us {
                break;
            }
            self.bots.step();
            due_us += tick_us;
        }
        // Time that the page slept through is not played.
        let due_us = if due_us > now_us { due_us } else { now_us + tick_us };
        self.due_us = Some(due_us);
        let part = 1.0 - (due_us - now_us) as f32 / tick_us as f32;
        blend(self.bots.schema(), self.bots.before(), self.bots.newest(), part, &mut self.between);
        self.between.restore(&mut self.shown);
    }

    fn draw(&self, scene: &mut Scene) {
        scene.set_names(self.bots.seats().iter().copied().zip(BOT_NAMES.into_iter().cycle()));
        self.shown.draw(None, scene);
    }
}

/// A match that plays itself, to be drawn like a [`Client`](crate::Client).
#[wasm_bindgen]
pub struct Preview {
    show: Option<Box<dyn Show>>,
    scene: Scene,
}

#[wasm_bindgen]
impl Preview {
    /// The match of this module's game that follows from a seed.
    #[must_use]
    #[wasm_bindgen(constructor)]
    pub fn new(seed: u32) -> Self {
        let show = module::game().map(|game| (game.show)(u64::from(seed)));
        let mut preview = Self { show, scene: Scene::default() };
        preview.draw();
        preview
    }

    /// Plays on to this time, `performance.now()` in milliseconds. The first call sets the start of time.
    pub fn advance(&mut self, now: f64) {
        if let Some(show) = &mut self.show {
            show.advance(microseconds(now));
        }
        self.draw();
    }

    fn draw(&mut self) {
        self.scene.clear();
        if let Some(show) = &self.show {
            show.draw(&mut self.scene);
        }
    }

    /// Address of the scene's first number in the module's memory.
    #[must_use]
    pub fn scene_ptr(&self) -> *const f32 {
        self.scene.commands().as_ptr()
    }

    /// Number of the scene's numbers.
    #[must_use]
    pub fn scene_len(&self) -> usize {
        self.scene.commands().len()
    }

    /// The texts of the scene.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.scene.texts().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::Dot;
    use crate::module::register;
    use tickwire::{Seat, Tick};

    #[test]
    fn bots_play_at_the_game_s_rate() {
        let mut dots = Match::<Dot>::new(1);
        for ms in (5_000..6_000).step_by(16) {
            dots.advance(ms * 1_000);
        }
        // 50 Hz for 992 ms, the first tick at once.
        assert_eq!(dots.bots.newest().tick, Tick(50));
        let playing = Seat::first(4).filter_map(|seat| dots.bots.world().figure(seat));
        assert_eq!(playing.count(), 3, "as many as its rules ask bots for");
    }

    #[test]
    fn time_that_was_slept_through_is_not_played() {
        let mut dots = Match::<Dot>::new(1);
        dots.advance(0);
        dots.advance(60_000_000);
        assert_eq!(dots.bots.newest().tick, Tick(1 + ADVANCE_TICKS_MAX));
        dots.advance(60_010_000);
        dots.advance(60_030_000);
        assert_eq!(dots.bots.newest().tick, Tick(2 + ADVANCE_TICKS_MAX));
    }

    #[test]
    fn a_preview_shows_a_scene_from_the_start() {
        assert_eq!(Preview::new(7).scene_len(), 0, "without a game");
        register::<Dot>();
        let mut preview = Preview::new(7);
        let before = preview.scene.commands().to_vec();
        assert!(preview.scene_len() > 5);
        assert_eq!(preview.texts(), ["Tock", "Pixel", "Comet"], "bots have the names that rooms give them");
        (0..100).for_each(|step| preview.advance(f64::from(step) * 16.0));
        assert_eq!(preview.scene_len(), before.len());
        assert_ne!(preview.scene.commands(), before);
    }
}
