//! What `cargo feel` plays of arena, and the bounds that the results are held to.
//!
//! Two scenes are played. In the open, players only fly: every correction there is caused by the network alone. In
//! battle the game's own bots fight: a client cannot predict that its own ship is hit or killed. Over one of the links,
//! [`PAUSED_LINK`], pauses are played as well: [`PAUSES`], in games that send snapshots and in games that run in lockstep.
//!
//! [`browser`] measures the same in a real browser, in real time.

mod bounds;
pub mod browser;
mod open;

pub use bounds::{broken, broken_pause, is_bounded};

use std::process::ExitCode;
use tickwire::link::LinkProfile;
use tickwire_games::{Arena, Paddles, Swarm};
use tickwire_tools::feel::{BrowserRun, Feel, FeelPlan, PAUSED_LINK, PAUSES, PauseFeel, Scene, Size, measure_pauses};

/// The name of the scene in which players only fly.
pub const OPEN: &str = "open";

/// The name of the scene in which bots fight.
pub const BATTLE: &str = "battle";

/// Rooms of each pause and game for each room of a profile: a room with a pause is short, and gives one value.
const PAUSES_PER_ROOM: u32 = 4;

/// Rooms of a profile below which pauses are not played: there would be too few values for bounds.
const PAUSED_ROOMS_MIN: u32 = 4;

/// A room of swarm takes this many times as long as one of the other games.
const SWARM_SHARE: u32 = 4;

/// The scenes of arena, their bounds, and arena in a browser.
#[must_use]
pub fn arena() -> FeelPlan {
    let [open, battle] = scenes();
    FeelPlan { scenes: vec![open.followed_by(add_pauses), battle], broken, browser: Some(in_browser) }
}

/// The two scenes of arena, without the pauses.
#[must_use]
pub fn scenes() -> [Scene; 2] {
    [Scene::steered::<Arena>(OPEN, open::hands), Scene::bots::<Arena>(BATTLE)]
}

fn add_pauses(feel: &mut Feel, link: LinkProfile, size: Size, seed: u64) {
    if feel.profile == PAUSED_LINK && size.rooms >= PAUSED_ROOMS_MIN {
        feel.pauses = pauses(link, PAUSES_PER_ROOM * size.rooms, seed);
    }
}

/// Plays every pause in every game, in this many rooms each. The game with thousands of units has fewer rooms.
fn pauses(link: LinkProfile, rooms: u32, seed: u64) -> Vec<PauseFeel> {
    let feels = PAUSES.map(|pause| {
        [
            measure_pauses::<Arena>(pause, link, rooms, seed),
            measure_pauses::<Paddles>(pause, link, rooms, seed),
            measure_pauses::<Swarm>(pause, link, rooms.div_ceil(SWARM_SHARE), seed),
        ]
    });
    feels.into_iter().flatten().collect()
}

fn in_browser(run: &BrowserRun) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(browser::play(run))
}
