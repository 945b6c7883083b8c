//! The price of a busy topic: a server full of players, with and without a service that says something many times a
//! second to thousands of subscribers.
//!
//! ```text
//! players join → memory → subscribers → memory → pairs: a quiet round │ a busy round, every other pair in reverse → memory
//! ```
//!
//! Subscribers are the players themselves, or visitors: connections without a room, so that the players are the others.
//! The shard has one core to itself. The load generator, the publisher, the server's thread of topics and the one that
//! answers requests share the other one.

pub mod beside;
mod publisher;
mod report;

pub use report::{Heard, Memory, Pair, Report, Round};

use crate::floor::rhythm::lateness::Buckets;
use crate::floor::{SHARD_NAME, own_name};
use crate::lean::Load;
use crate::lean::rooms::{SEATS, Scene, join, visit};
use crate::pinning::{GENERATOR_CORE, MEASURED_CORE, Threads, has_two_cores, pin_this_thread};
use crate::precise::tighten_timers;
use anyhow::{Context, Result, bail, ensure};
use publisher::{Notice, Publisher};
use serde::Serialize;
use std::fmt;
use std::net::SocketAddr;
use tickwire::Game;
use tickwire_games::Crowd;
use tickwire_tools::accounting::{rss_bytes, user_bytes};
use tickwire_tools::http;

/// The topic that is busy.
const TOPIC: &str = "announce";

/// What is said: a line of the usual length.
const BODY: &str = "The cup begins in ten minutes: bring a friend, a snack and a good connection.";

const SECOND_NS: u64 = 1_000_000_000;

/// Time between two looks at the sockets: half of the shift that is promised.
const STEP_NS: u64 = 50_000;

/// Time from the start of a round to the start of its measurement.
const WARM_UP_NS: u64 = SECOND_NS;

/// Time after a round in which the last messages arrive.
const DRAIN_NS: u64 = SECOND_NS;

/// Time from a question to the server to the start of a measurement.
const SETTLE_BRIEFLY_NS: u64 = SECOND_NS / 10;

/// Time that is played before memory is read: by then histories of snapshots are full.
const SETTLE_NS: u64 = 3 * SECOND_NS;

/// Players that join at once: a shard admits no client while a tick is due.
const JOIN_PLAYERS: u32 = 400;

/// Every client must have what it came for this long after it has connected.
const UP_NS_MAX: u64 = 30 * SECOND_NS;

/// The threads of our server that do not play.
const OTHER_THREADS: [&str; 2] = ["net", TOPICS_NAME];
const TOPICS_NAME: &str = "topics";

/// The kind of subscribers of the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Hearers {
    /// The players, beside their games.
    Players,
    /// Connections without a room.
    Visitors,
}

impl fmt::Display for Hearers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Players => "players",
            Self::Visitors => "visitors",
        })
    }
}

/// The server to measure, its load, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Pairs of a quiet and a busy round.
    pub pairs: u32,
    /// Seconds of a round.
    pub seconds: u32,
    /// The motion and the entities of the rooms.
    pub scene: Scene,
    /// Players, eight to a room.
    pub players: u32,
    /// The kind of subscribers.
    pub hearers: Hearers,
    /// Subscribers; as players, at most as many as there are.
    pub subscribers: u32,
    /// Messages in a second of a busy round.
    pub per_second: u32,
    /// The address on which the server listens.
    pub address: SocketAddr,
    /// The address of the operators' listener.
    pub admin: SocketAddr,
    /// The token of services.
    pub token: String,
    /// The server's process.
    pub pid: u32,
}

/// Measures `plan` on the calling thread; calls `tell` after every step.
///
/// # Errors
/// When the machine has fewer than two cores, when clients cannot connect or are lost, and when the service is refused.
pub fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> Result<Report> {
    ensure!(has_two_cores()?, "topics need cores {MEASURED_CORE} and {GENERATOR_CORE} for their own use");
    ensure!(plan.pairs >= 1 && plan.seconds >= 1, "nothing is measured in no time");
    ensure!(plan.subscribers >= 1 && plan.per_second >= 1, "a topic without messages or subscribers is not busy");
    let players_hear = plan.hearers == Hearers::Players;
    ensure!(!players_hear || plan.subscribers <= plan.players, "there are not more subscribers than players");
    pin_this_thread(GENERATOR_CORE)?;
    tighten_timers();
    let mut server = Measured::start(plan)?;
    tell(&format!("{} players in rooms of {SEATS}", plan.players));
    let playing = server.memory(plan)?;
    server.subscribe(plan)?;
    tell(&format!("{} {} have subscribed", plan.subscribers, plan.hearers));
    let subscribed = server.memory(plan)?;
    let mut pairs = Vec::new();
    for number in 0..plan.pairs {
        let pair = if number.is_multiple_of(2) {
            let quiet = server.round(plan, false)?;
            Pair { quiet, busy: server.round(plan, true)? }
        } else {
            let busy = server.round(plan, true)?;
            Pair { quiet: server.round(plan, false)?, busy }
        };
        tell(&format!("pair {:>2} {pair}", number + 1));
        pairs.push(pair);
    }
    let after = server.memory(plan)?;
    Ok(Report::new(plan, pairs, [playing, subscribed, after], server.load.lateness_us().spread_ms().p99))
}

/// Our server with all its clients.
struct Measured {
    load: Load,
    shard: Threads,
    topics: Threads,
    generator: Threads,
}

impl Measured {
    /// Lets all players join. Once the first of them have a snapshot, the server's threads are known to have set their
    /// names.
    fn start(plan: &Plan) -> Result<Self> {
        let visitors = if plan.hearers == Hearers::Visitors { plan.subscribers } else { 0 };
        let load = Load::new(plan.players + visitors, Crowd::RULES.tick_rate_hz)?;
        let mut load = load.looking_every(STEP_NS);
        let first = SEATS.min(plan.players);
        join(&mut load, plan.address, None, &plan.scene, first, 0)?;
        load.play_until_up(UP_NS_MAX)?;
        let shard = Threads::named(plan.pid, SHARD_NAME)?;
        shard.pin(MEASURED_CORE)?;
        for name in OTHER_THREADS {
            Threads::named(plan.pid, name)?.pin(GENERATOR_CORE)?;
        }
        let topics = Threads::named(plan.pid, TOPICS_NAME)?;
        let generator = Threads::named(std::process::id(), &own_name()?)?;
        let mut joined = first;
        while joined < plan.players {
            let more = JOIN_PLAYERS.min(plan.players - joined);
            joined += more;
            join(&mut load, plan.address, None, &plan.scene, more, u64::from(joined))?;
            load.play_until_up(UP_NS_MAX)?;
        }
        Ok(Self { load, shard, topics, generator })
    }

    fn subscribe(&mut self, plan: &Plan) -> Result<()> {
        match plan.hearers {
            Hearers::Players => self.load.listen(plan.subscribers, TOPIC),
            Hearers::Visitors => visit(&mut self.load, plan.address, plan.subscribers, TOPIC)?,
        }
        self.load.play_until_up(UP_NS_MAX).with_context(|| format!("nobody may hear {TOPIC}"))
    }

    fn memory(&mut self, plan: &Plan) -> Result<Memory> {
        self.load.play(SETTLE_NS);
        self.all_well()?;
        Ok(Memory { user_bytes: user_bytes(plan.pid)?, rss_bytes: rss_bytes(plan.pid)? })
    }

    /// Plays a round with or without the service.
    fn round(&mut self, plan: &Plan, is_busy: bool) -> Result<Round> {
        let heard = self.load.heard();
        let publisher = is_busy.then(|| Publisher::start(notice(plan))).transpose()?;
        self.load.play(WARM_UP_NS);
        let late = || Buckets::in_metrics(&http::get(plan.admin, "/metrics")?, "tickwire_phase_late_seconds");
        let threads = [&self.shard, &self.topics, &self.generator];
        let late_before = late()?;
        // Nothing was read while the server answered.
        self.load.play(SETTLE_BRIEFLY_NS);
        let before = threads.iter().map(|threads| threads.times()).collect::<Result<Vec<_>>>()?;
        let length_ns = u64::from(plan.seconds) * SECOND_NS;
        let tally = self.load.measure(length_ns);
        let spent = threads.iter().zip(before).map(|(threads, before)| Ok(threads.times()?.since(before)));
        let spent = spent.collect::<Result<Vec<_>>>()?;
        let late_us = late()?.since(&late_before).lateness();
        let interval_ms = self.load.take_intervals_us().spread_ms();
        let published = publisher.map_or(Ok(0), Publisher::finish)?;
        self.load.play(DRAIN_NS);
        self.load.rest();
        self.all_well()?;
        let busy = |ran_ns: u64| ran_ns as f64 / tally.elapsed_ns as f64;
        Ok(Round {
            interval_ms,
            late_us,
            shard_cpu_us: spent[0].ran_ns as f64 / 1_000.0 / tally.snapshots.max(1) as f64,
            shard_waited: spent[0].waited_ns as f64 / tally.elapsed_ns as f64,
            topics_busy: busy(spent[1].ran_ns),
            generator_busy: busy(spent[2].ran_ns),
            delivered: tally.delivered_part(plan.players, Crowd::RULES.tick_rate_hz),
            published,
            heard: self.load.heard().since(heard).into(),
        })
    }

    fn all_well(&self) -> Result<()> {
        self.load.first_end().map_or(Ok(()), |end| bail!("{end}")).context("our server")
    }
}

fn notice(plan: &Plan) -> Notice {
    let Plan { admin, token, per_second, .. } = plan.clone();
    Notice { admin, token, topic: TOPIC.into(), body: BODY.into(), per_second }
}
