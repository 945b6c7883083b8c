//! How near our server is to the floor: `crowd` with everything in it, and a bare loop with the same clients,
//! bytes and inputs, in turn in one run.
//!
//! ```text
//! calibrate: bytes per snapshot and input ─→ bare loop with the same
//! rounds: ours resumes, warms up, is measured, pauses │ the bare loop likewise; every other round in reverse
//! ```
//!
//! What is measured has one core to itself, the load generator the other one. A round is short, so that what else
//! goes on in the machine meets both sides; the figures are medians over the rounds. CPU is the kernel's account
//! of the threads: all of our server's, the one of the bare loop.

pub mod bare;
mod paused;
mod report;

pub use paused::Pausable;
pub use report::{Report, Round, Side, median};

use crate::accounting::rss_bytes;
use crate::lean::http::{Upgraded, connect, post_json, upgrade};
use crate::lean::{Bare, Load, Talk, Tally, Thin, ThinKind};
use crate::pinning::{GENERATOR_CORE, MEASURED_CORE, Threads, has_two_cores, pin_this_thread};
use crate::precise::{now_ns, tighten_timers};
use anyhow::{Context, Result, ensure};
use bare::BareLoop;
use serde::Deserialize;
use std::net::SocketAddr;
use std::rc::Rc;
use tickwire::message::SUBPROTOCOL;
use tickwire::{Game, Rng};
use tickwire_games::Crowd;

/// The thread of our server that is pinned.
const SHARD_NAME: &str = "shard-0";

const SECOND_NS: u64 = 1_000_000_000;

/// One side is measured so long before it is the other's turn.
pub const ROUND_SECONDS: u32 = 2;

/// From when a side goes on to when it is measured.
const ROUND_WARM_UP_NS: u64 = SECOND_NS / 2;

/// From when everyone is in a room to when bytes are taken as typical.
const WARM_UP_NS: u64 = 2 * SECOND_NS;

/// Everyone has to have a snapshot so soon after the last one has connected.
const UP_NS_MAX: u64 = 10 * SECOND_NS;

/// What is to be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Clients, eight to a room.
    pub clients: u32,
    /// Seconds to measure each side, at least [`ROUND_SECONDS`].
    pub seconds: u32,
    /// How the entities move: `steady`, `erratic` or `still`.
    pub motion: String,
    /// Entities per room besides players.
    pub entities: u32,
    /// Where our server listens.
    pub address: SocketAddr,
    /// Its process.
    pub server_pid: u32,
}

#[derive(Debug, Deserialize)]
struct Created {
    code: String,
}

/// A side: its clients, and whose time counts.
struct Contender {
    load: Load,
    threads: Threads,
    total: Tally,
}

impl Contender {
    fn new(load: Load, threads: Threads) -> Self {
        Self { load, threads, total: Tally::default() }
    }

    /// Warms up and measures; the side is running.
    fn round(&mut self, clients: u32) -> Result<Side> {
        self.load.play(ROUND_WARM_UP_NS);
        let before = self.threads.times()?;
        let tally = self.load.measure(u64::from(ROUND_SECONDS) * SECOND_NS);
        let times = self.threads.times()?.since(before);
        self.load.rest();
        if let Some(end) = self.load.first_end() {
            anyhow::bail!("{end}");
        }
        self.total.add(&tally);
        Ok(Side {
            cpu_us: times.ran_ns as f64 / 1_000.0 / tally.snapshots as f64,
            delivered: tally.delivered_part(clients, Crowd::RULES.tick_rate_hz),
            waited: times.waited_ns as f64 / times.ran_ns as f64,
        })
    }

    fn delivered(&self, clients: u32) -> f64 {
        self.total.delivered_part(clients, Crowd::RULES.tick_rate_hz)
    }
}

/// Measures `plan` on the calling thread, and tells of every round.
///
/// # Errors
/// When there are not two cores, or clients cannot connect or are lost.
pub fn run(plan: &Plan, mut tell: impl FnMut(usize, &Round)) -> Result<Report> {
    ensure!(has_two_cores()?, "the floor needs cores {MEASURED_CORE} and {GENERATOR_CORE} for itself");
    ensure!(plan.seconds >= ROUND_SECONDS, "a round alone takes {ROUND_SECONDS} seconds");
    pin_this_thread(GENERATOR_CORE)?;
    tighten_timers();
    let generator = Threads::named(std::process::id(), &own_name()?)?;
    let server = Pausable::new(plan.server_pid)?;
    let load = join_rooms(plan)?;
    Threads::named(plan.server_pid, SHARD_NAME)?.pin(MEASURED_CORE)?;
    let mut ours = Contender::new(load, Threads::of(plan.server_pid)?);
    ours.load.play(WARM_UP_NS);
    let typical = ours.load.measure(SECOND_NS);
    let wire_bytes_out = typical.wire_bytes_per_snapshot().round() as usize;
    let wire_bytes_in = typical.wire_bytes_per_input().round() as usize;
    ours.load.rest();
    server.pause()?;
    let (bare, load) = start_bare(plan, wire_bytes_out, wire_bytes_in)?;
    let mut floor = Contender::new(load, Threads::named(std::process::id(), bare::THREAD_NAME)?);
    let (started_ns, busy_before) = (now_ns(), generator.times()?);
    let mut rounds = Vec::new();
    for number in 0..plan.seconds.div_ceil(ROUND_SECONDS) {
        let measure_ours = |ours: &mut Contender| {
            server.resume()?;
            let side = ours.round(plan.clients).context("our server")?;
            server.pause().map(|()| side)
        };
        let measure_floor = |floor: &mut Contender| {
            bare.go();
            let side = floor.round(plan.clients).context("the bare loop");
            bare.rest();
            side
        };
        let round = if number.is_multiple_of(2) {
            let ours = measure_ours(&mut ours)?;
            Round { ours, floor: measure_floor(&mut floor)? }
        } else {
            let floor = measure_floor(&mut floor)?;
            Round { floor, ours: measure_ours(&mut ours)? }
        };
        tell(rounds.len(), &round);
        rounds.push(round);
    }
    let busy_ns = generator.times()?.since(busy_before).ran_ns;
    let generator_busy = busy_ns as f64 / (now_ns() - started_ns) as f64;
    let ours_rss_bytes = rss_bytes(plan.server_pid)?;
    bare.stop()?;
    Ok(report(plan, &ours, &floor, Sizes { wire_bytes_out, wire_bytes_in, generator_busy, ours_rss_bytes }, rounds))
}

/// Figures of a run that are of no round.
struct Sizes {
    wire_bytes_out: usize,
    wire_bytes_in: usize,
    generator_busy: f64,
    ours_rss_bytes: u64,
}

fn report(plan: &Plan, ours: &Contender, floor: &Contender, sizes: Sizes, rounds: Vec<Round>) -> Report {
    let ours_cpu_us = median(rounds.iter().map(|round| round.ours.cpu_us));
    let floor_cpu_us = median(rounds.iter().map(|round| round.floor.cpu_us));
    let ratios = || rounds.iter().map(Round::ratio);
    let late_ms = |side: &Contender| side.load.lateness_us().spread_ms().p99;
    Report {
        clients: plan.clients,
        payload_bytes: ours.total.payload_bytes(),
        ours_cpu_us,
        floor_cpu_us,
        ratio: ours_cpu_us / floor_cpu_us,
        ratio_range: [ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max)],
        motion: plan.motion.clone(),
        entities: plan.entities,
        seconds: plan.seconds.div_ceil(ROUND_SECONDS) * ROUND_SECONDS,
        wire_bytes_out: sizes.wire_bytes_out,
        wire_bytes_in: sizes.wire_bytes_in,
        ours_delivered: ours.delivered(plan.clients),
        floor_delivered: floor.delivered(plan.clients),
        ours_interval_ms: ours.load.intervals_us().spread_ms(),
        floor_interval_ms: floor.load.intervals_us().spread_ms(),
        generator_late_p99_ms: late_ms(ours).max(late_ms(floor)),
        generator_busy: sizes.generator_busy,
        ours_rss_bytes: sizes.ours_rss_bytes,
        rounds,
    }
}

/// Rooms of `crowd` on our server, and everyone in them. Whoever sees something there knows that the shard's
/// thread has come to name itself.
fn join_rooms(plan: &Plan) -> Result<Load> {
    let seats = u32::from(Crowd::RULES.seats);
    let wish = serde_json::json!({
        "game": Crowd::RULES.name,
        "options": { "motion": plan.motion, "entities": plan.entities },
    });
    let mut load = Load::new(plan.clients, Crowd::RULES.tick_rate_hz)?;
    let (kind, mut dice) = (Rc::new(ThinKind::default()), Rng::new(u64::from(plan.clients)));
    let mut code = String::new();
    for number in 0..plan.clients {
        if number % seats == 0 {
            let answer = post_json(plan.address, "/api/rooms", &wish.to_string())?;
            code = serde_json::from_str::<Created>(&answer).context("the answer names no room")?.code;
        }
        let talk = Talk::Tickwire(Box::new(Thin::new(Rc::clone(&kind), &code, dice.next_u64())));
        load.add(upgrade(plan.address, "/ws", Some(SUBPROTOCOL))?, talk)?;
        // Those who are here already play on, or the server would give them up.
        load.play(0);
    }
    up(load)
}

/// The bare loop and everyone connected to it; it rests.
fn start_bare(plan: &Plan, wire_bytes_out: usize, wire_bytes_in: usize) -> Result<(BareLoop, Load)> {
    let rate_hz = Crowd::RULES.tick_rate_hz;
    let bare = BareLoop::start(plan.clients as usize, wire_bytes_out, rate_hz)?;
    let mut load = Load::new(plan.clients, rate_hz)?;
    for _ in 0..plan.clients {
        let socket = Upgraded { stream: connect(bare.address())?, unread: Vec::new() };
        load.add(socket, Talk::Bare(Bare::new(wire_bytes_in)))?;
    }
    bare.go();
    let load = up(load)?;
    Threads::named(std::process::id(), bare::THREAD_NAME)?.pin(MEASURED_CORE)?;
    bare.rest();
    Ok((bare, load))
}

fn up(mut load: Load) -> Result<Load> {
    let all = load.play_until_up(UP_NS_MAX);
    ensure!(all, "only {} clients see anything: {}", load.up(), load.first_end().unwrap_or_default());
    Ok(load)
}

fn own_name() -> Result<String> {
    Ok(std::thread::current().name().context("the generator's thread has a name")?.to_owned())
}
