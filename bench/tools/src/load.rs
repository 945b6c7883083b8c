//! The load test: rooms full of bots, where each bot is a client session with a socket of its own.
//!
//! ```text
//! socket → connection → Link → Player: Full (the browser's Session) or Thin (heads only) → Meter
//! socket ← connection ← Link ← Player ← Game::bot on what the session shows, when the input is due
//! ```
//!
//! One thread, one runtime: a task per connection reads, and one driver makes the ticks that are due. The cost of the
//! generator is not counted as the server's, and the generator's own lateness is measured too.

mod bot_client;
mod bystander;
mod connection;
mod crowd;
mod full;
mod lives;
mod lobby;
mod player;
mod progress;
mod queue;
mod run;
mod slow;
mod thin;
mod tickets;

pub use bystander::{Bystander, Fared, Players};
pub use lives::{Life, Lives, ScoreOf, SeenTick};
pub use run::{SLOW_SECONDS_MIN, run};
pub use slow::queues::Queues;

use crate::measure::Meter;
use crate::wire::Trust;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;
use tickwire::link::LinkProfile;
use tickwire::message::topics::PlayerKey;

/// The server, the load, and the length of the measurement.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The address that bots connect to in the clear: that of the server, or of a relay that speaks TLS for them.
    pub address: SocketAddr,
    /// The server itself and the authorities that its clients trust, where it speaks TLS: slow readers speak it
    /// themselves, because a relay would read for them.
    pub secure: Option<(SocketAddr, Trust)>,
    /// The server's process, if its CPU time and memory are to be accounted.
    pub server_pid: Option<u32>,
    /// Rooms to create.
    pub rooms: u32,
    /// The options that the rooms are created with; `null` for the game's own options.
    pub options: serde_json::Value,
    /// Players in each.
    pub players: u32,
    /// Seconds to measure, after everyone has joined and warmed up.
    pub seconds: u32,
    /// Only the first player of each room is a full client; the others are thin ones.
    pub thin: bool,
    /// Additional clients, spread over the rooms, that read slowly; they join and leave in turns.
    pub slow_readers: u32,
    /// Additional clients that never read; they join and leave with the slow readers.
    pub never_readers: u32,
    /// Fields of clients' worlds that are damaged, spread over the measured time.
    pub corruptions: u32,
    /// The topic that every client hears, with `CODE` for the code of its room.
    pub topic: Option<String>,
    /// The queue in which the bots wait for their matches, instead of rooms that are created; empty for the first one of
    /// the game.
    pub queue: Option<String>,
    /// Bots in a party.
    pub party: u32,
    /// The file of the key that signs the bots' tickets, for a server that asks for them.
    pub ticket_key: Option<PathBuf>,
    /// The kind of link that each client has.
    pub link: LinkProfile,
    /// Seed of the run; the clients' names, bot policies and links follow from it.
    pub seed: u64,
}

/// A bot, before it plays.
#[derive(Debug, Clone)]
struct Bot {
    name: String,
    seed: u64,
    /// The secret of its player, when it has waited for its match.
    key: Option<PlayerKey>,
}

/// A room and the bots that are to play in it.
#[derive(Debug)]
struct Room {
    code: String,
    bots: Vec<Bot>,
}

/// Microseconds since the start of the run.
#[derive(Debug, Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now_us(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// State that all players of a run share.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    address: SocketAddr,
    meter: RefCell<Meter>,
}
