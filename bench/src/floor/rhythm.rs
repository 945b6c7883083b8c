//! How exactly our server keeps its rhythm under load, beside a thread that only sleeps until the same deadlines, in
//! turns on the same core in one run.
//!
//! ```text
//! clients join until the shard is half busy → rounds: the server resumes, warms up, is measured, pauses │ the timer sleeps
//! ```
//!
//! The lateness of ticks is the server's own account, read from its metrics before and after a round. The number of
//! ticks in a second is counted at the clients. The timer's lateness is the share of the kernel and the machine: the
//! server is responsible for its lateness beyond that.

pub(crate) mod lateness;
mod page;
mod report;
mod timer;

pub use page::page;
pub use report::{Lateness, Report, Round};

use super::{Pausable, SHARD_NAME, own_name};
use crate::lean::rooms::{SEATS, Scene, join};
use crate::lean::{CLIENTS_MAX, Load, Tally};
use crate::pinning::{GENERATOR_CORE, MEASURED_CORE, Threads, Times, has_two_cores, pin_this_thread};
use crate::precise::tighten_timers;
use anyhow::{Context, Result, bail, ensure};
use lateness::{Buckets, count_of};
use std::net::SocketAddr;
use tickwire::Game;
use tickwire_games::Crowd;
use tickwire_server::limits::{PHASE_ROOMS, PHASES};
use tickwire_tools::http;
use tickwire_tools::measure::Distribution;
use timer::BareTimer;

const SECOND_NS: u64 = 1_000_000_000;

/// Time for which one side is measured at the most before the turn of the other.
pub const ROUND_SECONDS: u32 = 10;

/// Time from the moment when the server goes on to the start of its measurement: by then the server has caught up with
/// the ticks that it missed while it was paused.
const WARM_UP_NS: u64 = SECOND_NS;

/// Time for which a load is tried out.
const TRIAL_NS: u64 = 2 * SECOND_NS;

/// Numbers of clients that are tried out at the most.
const TRIALS_MAX: u32 = 6;

/// The first number of clients that is tried out.
const FIRST_CLIENTS: u32 = 400;

/// The part of its time for which the shard's thread is meant to have work, and how near to it is good enough.
pub const BUSY_MEANT: f64 = 0.5;
const BUSY_OFF_MAX: f64 = 0.05;

/// Clients that join at once.
const JOIN_CLIENTS_MAX: u32 = 400;

/// Every client must have a snapshot this long after the last one has connected.
const UP_NS_MAX: u64 = 30 * SECOND_NS;

/// The thread of our server that answers requests.
const NET_NAME: &str = "net";

/// The server to measure, its load, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Seconds to measure each side.
    pub seconds: u32,
    /// The motion and the entities of the rooms.
    pub scene: Scene,
    /// Clients, as many as fill rooms of eight; `None` for as many as keep the shard half busy.
    pub clients: Option<u32>,
    /// The address on which the server listens.
    pub address: SocketAddr,
    /// The address of the server's metrics.
    pub metrics: SocketAddr,
    /// The server's process.
    pub pid: u32,
}

/// Measures `plan` on the calling thread; calls `tell` after every trial and round.
///
/// # Errors
/// When clients would leave a room half empty, when the machine has fewer than two cores, or when clients cannot
/// connect or are lost.
pub fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> Result<Report> {
    if let Some(clients) = plan.clients {
        let full = clients.max(1).next_multiple_of(SEATS);
        ensure!(clients == full, "the rhythm is measured in full rooms: with {full} clients, not {clients}");
    }
    ensure!(has_two_cores()?, "the rhythm needs cores {MEASURED_CORE} and {GENERATOR_CORE} for its own use");
    ensure!(plan.seconds > 0, "the rhythm needs at least one second");
    pin_this_thread(GENERATOR_CORE)?;
    tighten_timers();
    let mut ours = Ours::start(plan)?;
    match plan.clients {
        Some(clients) => ours.grow(plan, clients)?,
        None => ours.grow_to_half_load(plan, &mut tell)?,
    }
    let phases = phases_of(ours.clients.div_ceil(SEATS));
    let timer = BareTimer::start(u64::from(Crowd::RULES.tick_rate_hz) * u64::from(phases))?;
    // The network thread answers the requests for metrics, which is no work of the shard. Until now it had to let all
    // clients in.
    Threads::named(plan.pid, NET_NAME)?.pin(GENERATOR_CORE)?;
    ours.server.pause()?;
    let mut rounds = Vec::new();
    let (mut found, mut slept, mut busy) = (Found::default(), Distribution::default(), Busy::default());
    let count = plan.seconds.div_ceil(ROUND_SECONDS);
    let round_ns = u64::from(plan.seconds) * SECOND_NS / u64::from(count);
    for number in 0..count {
        let generator = ours.generator.times()?;
        let mut server = || ours.round(plan, round_ns);
        let bare = || timer.measure(round_ns);
        let ((its, times), (sleeps, timer_times)) = match number.is_multiple_of(2) {
            true => (server()?, bare()?),
            false => {
                let bare = bare()?;
                (server()?, bare)
            }
        };
        busy.add(round_ns, times, timer_times, ours.generator.times()?.since(generator));
        let round = Round {
            rate_hz: its.tally.mean_rate_hz(),
            ours_late_us: its.phases.lateness(),
            timer_late_us: Lateness::of_ns(&sleeps),
        };
        tell(&format!("round {:>3} {round}", number + 1));
        found.add(&its);
        slept.add(&sleeps);
        rounds.push(round);
    }
    ours.server.resume()?;
    Ok(report(plan, &ours, &found, &slept, &busy, rounds))
}

fn report(plan: &Plan, ours: &Ours, found: &Found, slept: &Distribution, busy: &Busy, rounds: Vec<Round>) -> Report {
    let rate_hz_meant = Crowd::RULES.tick_rate_hz;
    Report {
        clients: ours.clients,
        rooms: ours.clients.div_ceil(SEATS),
        phases: phases_of(ours.clients.div_ceil(SEATS)),
        motion: plan.scene.motion.clone(),
        entities: plan.scene.entities,
        seconds: plan.seconds,
        shard_busy: busy.part(busy.ours.ran_ns),
        rate_hz: found.tally.mean_rate_hz(),
        rate_hz_meant: f64::from(rate_hz_meant),
        ours_late_us: found.phases.lateness(),
        timer_late_us: Lateness::of_ns(slept),
        room_late_us: found.rooms.lateness(),
        wake_ups: found.phases.count(),
        timer_wake_ups: slept.count(),
        ticks_dropped: found.dropped,
        delivered: found.tally.delivered_part(ours.clients, rate_hz_meant),
        ours_waited: busy.part(busy.ours.waited_ns),
        timer_waited: busy.part(busy.timer.waited_ns),
        generator_busy: busy.part(busy.generator.ran_ns),
        generator_late_p99_ms: ours.load.lateness_us().spread_ms().p99,
        rounds,
    }
}

/// Phases that this many rooms fill.
fn phases_of(rooms: u32) -> u32 {
    rooms.div_ceil(u32::try_from(PHASE_ROOMS).unwrap_or(u32::MAX)).min(PHASES)
}

/// The measurements of the server, in one round or in all.
#[derive(Debug, Default)]
struct Found {
    tally: Tally,
    /// How late the server's phases began.
    phases: Buckets,
    /// How late the server's rooms began, behind the rooms before them in their phase.
    rooms: Buckets,
    dropped: u64,
}

impl Found {
    fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.phases.add(&other.phases);
        self.rooms.add(&other.rooms);
        self.dropped += other.dropped;
    }
}

/// CPU times of the threads.
#[derive(Debug, Default)]
struct Busy {
    elapsed_ns: u64,
    ours: Times,
    timer: Times,
    generator: Times,
}

impl Busy {
    fn add(&mut self, round_ns: u64, ours: Times, timer: Times, generator: Times) {
        self.elapsed_ns += round_ns;
        self.ours = self.ours.plus(ours);
        self.timer = self.timer.plus(timer);
        self.generator = self.generator.plus(generator);
    }

    /// A time as a part of the time that was measured on one side.
    fn part(&self, ns: u64) -> f64 {
        ns as f64 / self.elapsed_ns as f64
    }
}

/// Our server and all clients that play on it.
struct Ours {
    load: Load,
    clients: u32,
    server: Pausable,
    shard: Threads,
    generator: Threads,
}

impl Ours {
    /// Starts with one full room: once its clients have a snapshot, the shard's thread is known to have set its name.
    fn start(plan: &Plan) -> Result<Self> {
        let server = Pausable::new(plan.pid)?;
        let mut load = Load::new(SEATS, Crowd::RULES.tick_rate_hz)?;
        join(&mut load, plan.address, None, &plan.scene, SEATS, 0)?;
        load.play_until_up(UP_NS_MAX)?;
        let shard = Threads::named(plan.pid, SHARD_NAME)?;
        shard.pin(MEASURED_CORE)?;
        let generator = Threads::named(std::process::id(), &own_name()?)?;
        Ok(Self { load, clients: SEATS, server, shard, generator })
    }

    /// Makes more clients join, up to this many in all, a few at a time: a shard admits no client while a tick is due.
    fn grow(&mut self, plan: &Plan, clients: u32) -> Result<()> {
        while self.clients < clients {
            let more = JOIN_CLIENTS_MAX.min(clients - self.clients);
            self.clients += more;
            self.load.expect(self.clients)?;
            join(&mut self.load, plan.address, None, &plan.scene, more, u64::from(self.clients))?;
            self.load.play_until_up(UP_NS_MAX)?;
        }
        self.load.play(WARM_UP_NS);
        self.all_well()
    }

    /// Makes clients join until the shard is half busy, or as near to that as it gets.
    fn grow_to_half_load(&mut self, plan: &Plan, tell: &mut impl FnMut(&str)) -> Result<()> {
        let mut clients = FIRST_CLIENTS;
        for _ in 0..TRIALS_MAX {
            self.grow(plan, clients)?;
            let before = self.shard.times()?;
            let snapshots = self.load.measure(TRIAL_NS).snapshots;
            let ran_ns = self.shard.times()?.since(before).ran_ns;
            // The load follows from the cost of a snapshot: a shard whose core other threads take away is not idle.
            let per_second = f64::from(clients) * f64::from(Crowd::RULES.tick_rate_hz);
            let busy = ran_ns as f64 / snapshots.max(1) as f64 * per_second / SECOND_NS as f64;
            tell(&format!("{clients:>6} clients keep the shard {:.1} % busy", 100.0 * busy));
            if busy >= BUSY_MEANT - BUSY_OFF_MAX || clients >= CLIENTS_MAX {
                return Ok(());
            }
            clients = next_trial(clients, busy);
        }
        Ok(())
    }

    /// Lets the server run for this long, and pauses it.
    fn round(&mut self, plan: &Plan, round_ns: u64) -> Result<(Found, Times)> {
        self.server.resume()?;
        self.load.play(WARM_UP_NS);
        let before = http::get(plan.metrics, "/metrics")?;
        let times = self.shard.times()?;
        let tally = self.load.measure(round_ns);
        let times = self.shard.times()?.since(times);
        let after = http::get(plan.metrics, "/metrics")?;
        self.load.rest();
        self.server.pause()?;
        self.all_well()?;
        let lateness =
            |name| anyhow::Ok(Buckets::in_metrics(&after, name)?.since(&Buckets::in_metrics(&before, name)?));
        let dropped = |metrics| count_of(metrics, "tickwire_ticks_dropped_total");
        let found = Found {
            tally,
            phases: lateness("tickwire_phase_late_seconds")?,
            rooms: lateness("tickwire_tick_late_seconds")?,
            dropped: dropped(&after)?.saturating_sub(dropped(&before)?),
        };
        Ok((found, times))
    }

    fn all_well(&self) -> Result<()> {
        self.load.first_end().map_or(Ok(()), |end| bail!("{end}")).context("our server")
    }
}

/// The number of clients to try after these, in full rooms: with more clients each costs less, so the way up overshoots
/// little.
fn next_trial(clients: u32, busy: f64) -> u32 {
    // In the first steps the shard's fixed costs are a large part of all its work.
    let most = clients.saturating_mul(4).min(CLIENTS_MAX);
    let wanted = (f64::from(clients) * BUSY_MEANT / busy.max(f64::MIN_POSITIVE)).min(f64::from(most));
    // In range: at most `CLIENTS_MAX`.
    (wanted as u32).next_multiple_of(SEATS).max(clients + SEATS).min(CLIENTS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_half_load_is_short_and_ends() {
        // The cost of a client shrinks with the number of clients.
        let busy = |clients: u32| f64::from(clients) * (0.000_2 + 0.02 / f64::from(clients));
        let mut clients = FIRST_CLIENTS;
        let mut trials = 1;
        while busy(clients) < BUSY_MEANT - BUSY_OFF_MAX {
            clients = next_trial(clients, busy(clients));
            trials += 1;
        }
        assert!(trials < TRIALS_MAX && busy(clients) < BUSY_MEANT + BUSY_OFF_MAX, "{clients} after {trials}");
        assert_eq!(clients % SEATS, 0);
        assert_eq!(next_trial(CLIENTS_MAX, 0.1), CLIENTS_MAX);
        assert_eq!(next_trial(80, 0.0), 320);
    }

    #[test]
    fn rooms_that_are_not_full_are_refused() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let scene = Scene { motion: "still".into(), entities: 0 };
        let plan = Plan { seconds: 1, scene, clients: None, address, metrics: address, pid: 0 };
        for (clients, full) in [(0, 8), (4, 8), (100, 104)] {
            let error = run(&Plan { clients: Some(clients), ..plan.clone() }, |_| ()).unwrap_err().to_string();
            assert_eq!(error, format!("the rhythm is measured in full rooms: with {full} clients, not {clients}"));
        }
    }

    #[test]
    fn rooms_fill_one_phase_after_the_other() {
        assert_eq!([1, 16, 17, 128, 4_000].map(phases_of), [1, 1, 2, 8, 8]);
    }
}
