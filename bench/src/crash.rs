//! Kills a server in which bots play, starts it again with the same folder of data, and compares the ticks that the bots
//! receive afterwards with those that they had received before.
//!
//! ```text
//! rooms full of bots → trials: play on for a random time → kill -9 → start → all are back → half a second → judge
//! ```
//!
//! The bots are those of the load test: client sessions that come back by themselves. The server has a port outside of
//! the range from which the kernel gives ports to clients. On a port of that range a bot that calls while the server is
//! away could be given that very port, and so meet itself and keep the server out.

mod game;
mod judge;
mod report;
mod server;

pub use game::{Played, games};
pub use judge::{Broken, Trial, Violation};
pub use report::{Report, line};
pub use server::RoomCounts;

use anyhow::{Context, Result, ensure};
use judge::Kill;
use report::Sums;
use serde_json::{Map, Value};
use server::Server;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tickwire::Rng;
use tickwire_tools::load::Players;
use tokio::runtime::Handle;

/// A kill comes this long after all bots have played for [`SETTLE`], at the most, at a random instant.
const PLAY_MS_MAX: u32 = 3_500;

/// Time for which all bots play after a restart before they are judged: in it their hashes are compared.
const SETTLE: Duration = Duration::from_millis(500);

/// All bots must play again this long after a kill.
const BACK_TIMEOUT: Duration = Duration::from_secs(20);

/// The interval at which the bots are asked whether they play again.
const BACK_POLL: Duration = Duration::from_millis(50);

/// The server to kill, its load, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Kills.
    pub trials: u32,
    /// Rooms.
    pub rooms: u32,
    /// Bots in each.
    pub players: u32,
    /// Only the first bot of each room is a full client; the others read no more than the heads of snapshots.
    pub thin: bool,
    /// The instants of the kills, and the bots' names and policies follow from it.
    pub seed: u64,
    /// The name of the game.
    pub game: String,
    /// The options of the rooms; without any, those with which scores can be compared, or else the game's own.
    pub options: Map<String, Value>,
    /// The program of the server; by default the release build of this workspace.
    pub program: Option<PathBuf>,
    /// The folder of data, which must not exist yet.
    pub data: PathBuf,
}

/// An event of a run, for those who watch it.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// All bots play.
    Playing {
        /// Bots.
        bots: u64,
    },
    /// The trial with this number was judged.
    Judged(u32, &'a Trial),
}

/// Tries all kills of the plan, and tells `tell` of each event.
///
/// # Errors
/// When the server does not start, or does not start again, or when not every bot gets into its room at first.
pub fn run(plan: &Plan, runtime: &Handle, mut tell: impl FnMut(Event<'_>)) -> Result<Report> {
    let played = games().into_iter().find(|game| game.name == plan.game);
    let mut played = played.with_context(|| format!("there is no game {}", plan.game))?;
    if !plan.options.is_empty() {
        (played.options, played.scores_only_grow) = (Value::from(plan.options.clone()), false);
    }
    ensure!(plan.players <= played.seats, "a room of {} has {} seats", played.name, played.seats);
    ensure!(!plan.data.exists(), "{} is there already", plan.data.display());
    let started = Instant::now();
    let mut server = Server::start(plan, runtime)?;
    let codes = (0..plan.rooms).map(|_| server.create_room(&played)).collect::<Result<Vec<_>>>()?;
    let players = Players { each: plan.players, thin: plan.thin, seed: plan.seed };
    let bots = (played.join)(server.address(), &codes, players)?;
    let count = u64::from(plan.rooms) * u64::from(plan.players);
    tell(Event::Playing { bots: count });
    sleep(SETTLE);
    let (mut dice, mut sums) = (Rng::new(plan.seed), Sums::default());
    for number in 1..=plan.trials {
        sleep(Duration::from_millis(u64::from(dice.below(PLAY_MS_MAX))));
        let at = server.kill()?;
        server.start_again()?;
        let ready = server.wait_until_ready()?;
        let all_back = loop {
            if bots.play_since(at)? == count {
                break true;
            }
            if at.elapsed() > BACK_TIMEOUT {
                break false;
            }
            sleep(BACK_POLL);
        };
        sleep(SETTLE);
        let trial = judge::judge(&bots.lives()?, &Kill { at, ready, compares_scores: played.scores_only_grow });
        let trial = Trial { counts: server.counts(plan.rooms)?, ..trial };
        tell(Event::Judged(number, &trial));
        sums.add(&trial);
        if !all_back {
            break;
        }
    }
    let report = Report::new(plan, &sums, &bots.fared()?, started.elapsed());
    drop(bots);
    server.stop()?;
    Ok(report)
}
