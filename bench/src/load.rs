//! The load test: rooms full of bots, each a client session with a socket of its own.
//!
//! ```text
//! socket → connection → Link → Player: Full (the browser's Session) or Thin (heads only) → Meter
//! socket ← connection ← Link ← Player ← Game::bot on what the session shows, when the input is due
//! ```
//!
//! One thread, one runtime: a task per connection reads, one driver makes what is due. What the generator costs
//! is not the server's, and how late it was itself is measured too.

mod bot_client;
mod connection;
mod crowd;
mod full;
mod lobby;
mod player;
mod progress;
mod run;
mod slow;
mod thin;

pub use run::{SLOW_SECONDS_MIN, run};

use crate::measure::Meter;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Instant;
use tickwire::link::LinkProfile;

/// The server, the load, and how long it is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The server's process, if its CPU time and memory are to be accounted.
    pub server_pid: Option<u32>,
    /// Rooms to create.
    pub rooms: u32,
    /// What they are created with; `null` for the game's own options.
    pub options: serde_json::Value,
    /// Players in each.
    pub players: u32,
    /// Seconds to measure, after everyone has joined and warmed up.
    pub seconds: u32,
    /// Only the first player of each room is a whole client.
    pub thin: bool,
    /// Clients besides, spread over the rooms, that read slowly; they come and go in turns.
    pub slow_readers: u32,
    /// The same that never read.
    pub never_readers: u32,
    /// Fields of clients' worlds that are damaged, spread over the time.
    pub corruptions: u32,
    /// What each client's link does.
    pub link: LinkProfile,
    /// Names, policies and links follow from it.
    pub seed: u64,
}

/// Microseconds since the start of the run.
#[derive(Debug, Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now_us(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// What all players of a run share.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    address: SocketAddr,
    meter: RefCell<Meter>,
}
