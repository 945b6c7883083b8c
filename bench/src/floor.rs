//! How near our server is to the floor: the complete server with `crowd`, and a bare loop with the same clients, bytes
//! and inputs, in turn in one run.
//!
//! ```text
//! per number of clients: a server of ours and its clients → bytes per snapshot and input ─→ bare loop with the same
//! rounds: per number of clients: ours resumes, warms up, is measured, pauses │ the bare loop likewise
//! ```
//!
//! The measured side has one core to itself, and the load generator the other one. A round is short and every other
//! round is in reverse order, so that any other load on the machine meets both sides; the figures are medians over the
//! rounds. CPU is the kernel's account of the threads: all threads of our server, and the one of the bare loop.

pub mod bare;
mod journal;
mod page;
mod pair;
mod paused;
pub mod poison;
mod report;
pub mod rhythm;

pub use journal::{DATA_RATIO_MAX, INTERVAL_MORE_MS_MAX, Journal, Writer};
pub use page::page;
pub use paused::Pausable;
pub use report::{Report, Round, Side, median};

use crate::lean::rooms::Scene;
use crate::pinning::{GENERATOR_CORE, MEASURED_CORE, Threads, has_two_cores, pin_this_thread};
use crate::precise::tighten_timers;
use anyhow::{Context, Result, ensure};
use pair::Pair;
use std::net::SocketAddr;
use tickwire_tools::wire::Trust;

/// The thread of our server that is pinned.
pub(crate) const SHARD_NAME: &str = "shard-0";

/// Time for which one side is measured before the turn of the other.
pub const ROUND_SECONDS: u32 = 2;

/// The servers to measure, and how long.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Seconds to measure each side, at least [`ROUND_SECONDS`].
    pub seconds: u32,
    /// The motion and the entities of the rooms.
    pub scene: Scene,
    /// Numbers of clients, eight to a room, each with a server of its own.
    pub servers: Vec<Hosted>,
}

/// A server of ours, and the number of clients that play on it.
#[derive(Debug, Clone)]
pub struct Hosted {
    /// Clients.
    pub clients: u32,
    /// The address on which the server listens.
    pub address: SocketAddr,
    /// The authorities that the clients trust, where the server speaks TLS.
    pub trust: Option<Trust>,
    /// The server's process.
    pub pid: u32,
    /// The address of the server's metrics, where it keeps a journal in a folder of data.
    pub journal: Option<SocketAddr>,
}

/// Measures `plan` on the calling thread; calls `tell` after every round.
///
/// # Errors
/// When the machine has fewer than two cores, or when clients cannot connect or are lost.
pub fn run(plan: &Plan, mut tell: impl FnMut(usize, &Hosted, &Round)) -> Result<Vec<Report>> {
    ensure!(has_two_cores()?, "the floor needs cores {MEASURED_CORE} and {GENERATOR_CORE} for its own use");
    ensure!(plan.seconds >= ROUND_SECONDS, "a round alone takes {ROUND_SECONDS} seconds");
    pin_this_thread(GENERATOR_CORE)?;
    tighten_timers();
    let generator = Threads::named(std::process::id(), &own_name()?)?;
    let ready = plan.servers.iter().map(|hosted| Pair::start(hosted.clone(), &plan.scene, generator.clone()));
    let mut pairs = ready.collect::<Result<Vec<_>>>()?;
    for number in 0..plan.seconds.div_ceil(ROUND_SECONDS) {
        let (is_forward, last) = (number.is_multiple_of(2), pairs.len().saturating_sub(1));
        for index in 0..pairs.len() {
            let pair = &mut pairs[if is_forward { index } else { last - index }];
            let round = pair.round(is_forward)?;
            tell(number as usize, pair.hosted(), &round);
        }
    }
    let mut reports = pairs.into_iter().map(|pair| pair.finish(&plan.scene)).collect::<Result<Vec<_>>>()?;
    journal::compare(&mut reports);
    Ok(reports)
}

/// The name of the calling thread.
pub(crate) fn own_name() -> Result<String> {
    Ok(std::thread::current().name().context("the generator's thread has a name")?.to_owned())
}
