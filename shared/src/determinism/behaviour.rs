//! The behaviour of a build: the hash of a short, fixed match of a game.

use crate::game::Game;
use crate::rng::Rng;
use crate::world::bot_match::BotMatch;

/// How many ticks [`behaviour_hash`] plays.
const BEHAVIOUR_TICKS: u32 = 32;

/// This build of the library, as an autopsy names it.
pub const BUILD: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    cfg_select! { target_arch = "wasm32" => { " wasm32" } target_arch = "x86_64" => { " x86_64" } _ => { " other" } },
    cfg_select! { debug_assertions => { " debug" } _ => { " release" } },
);

/// The hash of the world after bots have played for a moment in this build. Where it differs between two builds, the
/// rules of the game do, or a machine is not as deterministic as it should be.
#[must_use]
pub fn behaviour_hash<G: Game>() -> u64 {
    let mut bots = BotMatch::<G>::new(&G::Options::default(), G::RULES.seats, Rng::new(2), Rng::new(1));
    (0..BEHAVIOUR_TICKS).for_each(|_| bots.step());
    bots.newest().hash(bots.schema())
}
