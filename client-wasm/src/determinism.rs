//! Games that JavaScript plays from seeds, for the comparison of machines. Only with the feature `determinism`.
//!
//! The game that [`export!`](crate::export) names is one of them. [`export_runs!`](crate::export_runs) names games that
//! nobody plays on a page.

use std::cell::RefCell;
use std::fmt::{self, Formatter};
use std::sync::Once;
use tickwire::Game;
use tickwire::determinism::{Playthrough, Run};
use tickwire::message::control;
use wasm_bindgen::prelude::*;

thread_local! {
    static GAMES: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// A game without its type.
#[derive(Clone, Copy)]
struct Entry {
    name: &'static str,
    fingerprint: fn() -> u64,
    start: fn(u64, bool) -> Box<dyn Run>,
}

impl Entry {
    fn named(name: &str) -> Option<Self> {
        GAMES.with_borrow(|games| games.iter().find(|game| game.name == name).copied())
    }
}

/// Lets JavaScript play `G` from seeds.
pub fn register<G: Game>() {
    let start = |seed, detours| -> Box<dyn Run> { Box::new(Playthrough::<G>::new(seed, detours)) };
    let entry = Entry { name: G::RULES.name, fingerprint: control::fingerprint::<G>, start };
    GAMES.with_borrow_mut(|games| games.push(entry));
}

/// Makes a module of games that are only compared, and that nobody plays on a page: `export_runs!(One, Other);`, once in
/// a `cdylib` crate. Without the feature `determinism` the module has nothing in it.
#[macro_export]
macro_rules! export_runs {
    ($($game:ty),+ $(,)?) => {
        const _: () = {
            #[$crate::wasm_bindgen::prelude::wasm_bindgen(start, private, wasm_bindgen = $crate::wasm_bindgen)]
            fn start() {
                $($crate::determinism::register::<$game>();)+
            }
        };
    };
}

/// A game that is being played inside of a host.
#[wasm_bindgen(js_name = Run)]
pub struct HostedRun {
    run: Box<dyn Run>,
}

impl fmt::Debug for HostedRun {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}

#[wasm_bindgen(js_class = Run)]
impl HostedRun {
    /// Begins a game from a seed, with or without detours.
    ///
    /// # Errors
    /// The name, when the module has no such game.
    #[wasm_bindgen(constructor)]
    pub fn new(game: &str, seed: u32, detours: bool) -> Result<Self, String> {
        tell_panics();
        let entry = Entry::named(game).ok_or_else(|| format!("the module has no game {game}"))?;
        Ok(Self { run: (entry.start)(u64::from(seed), detours) })
    }

    /// The fingerprint of a game, as 16 hexadecimal digits; empty when the module has no such game.
    #[must_use]
    pub fn fingerprint(game: &str) -> String {
        Entry::named(game).map_or_else(String::new, |entry| format!("{:016x}", (entry.fingerprint)()))
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
