//! The games for JavaScript, which can begin a game, play on, and read the world.

use crate::games::{Entry, Run};
use std::sync::Once;
use wasm_bindgen::prelude::*;

/// A game that is being played inside of a host.
#[wasm_bindgen(js_name = Run)]
pub struct HostedRun {
    run: Box<dyn Run>,
}

#[wasm_bindgen(js_class = Run)]
impl HostedRun {
    /// Begins a game from a seed, with or without detours.
    ///
    /// # Errors
    /// The name, when there is no such game.
    #[wasm_bindgen(constructor)]
    pub fn new(game: &str, seed: u32, detours: bool) -> Result<Self, String> {
        tell_panics();
        let entry = Entry::named(game).ok_or_else(|| format!("no game is called {game}"))?;
        Ok(Self { run: (entry.start)(u64::from(seed), detours) })
    }

    /// Plays `ticks` ticks; gives one hash for each.
    pub fn hashes(&mut self, ticks: u32) -> Vec<u64> {
        self.run.hashes(ticks)
    }

    /// The roster changes and inputs of the newest tick, as text for people.
    #[must_use]
    pub fn turn(&self) -> String {
        self.run.turn()
    }

    /// The newest full state, as the bytes of a lockstep keyframe.
    #[must_use]
    pub fn full_state(&self) -> Vec<u8> {
        self.run.full_state()
    }
}

/// Makes a panic an exception with its message: a trap alone has none.
fn tell_panics() {
    static TOLD: Once = Once::new();
    if cfg!(target_family = "wasm") {
        TOLD.call_once(|| std::panic::set_hook(Box::new(|panic| wasm_bindgen::throw_str(&panic.to_string()))));
    }
}
