//! The harm that a room whose game panics does to its neighbours on the same thread: their p99 with and without it, in
//! turns in one run.
//!
//! ```text
//! neighbours join │ the poisoned room plays → pairs: a quiet round │ a round with panics, every other pair in reverse
//! ```
//!
//! The server runs in this process, so that its game can be told when to panic. The poisoned room plays in all rounds:
//! the panics alone differ. A room may make only so many ticks a minute without inputs, so that the panics come
//! [`PANICS_HZ`] times a second and not in every tick. The shard has one core to itself, everything else the other one.

use super::rhythm::Lateness;
use super::rhythm::lateness::Buckets;
use super::{SHARD_NAME, median, own_name};
use crate::lean::Load;
use crate::lean::rooms::{Scene, join};
use crate::pinning::{GENERATOR_CORE, MEASURED_CORE, Threads, has_two_cores, pin_this_thread};
use crate::precise::tighten_timers;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tickwire::{Game, Input, Leave, Rng, Rules, Seat, State, Step};
use tickwire_games::Crowd;
use tickwire_server::{Config, Running, Server};
use tickwire_tools::http::{self, post_json};
use tickwire_tools::load::Bystander;
use tickwire_tools::report::{DELIVERED_MIN, GENERATOR_LATE_MS, Spread, words_of_true};

/// Panics a second in a round with panics.
pub const PANICS_HZ: u32 = 3;

/// Milliseconds by which the p99 of neighbours may move.
pub const MOVED_MS_MAX: f64 = 0.1;

const SECOND_NS: u64 = 1_000_000_000;

/// Seconds of a round. With as many quiet rounds the room keeps within its ticks without inputs.
pub const ROUND_SECONDS: u32 = 4;

/// Time from the start of a round to the start of its measurement.
const WARM_UP_NS: u64 = SECOND_NS / 2;

/// Time between two looks at the sockets: half of the shift that is promised.
const STEP_NS: u64 = 50_000;

/// Every client must have a snapshot this long after the last one has connected.
const UP_NS_MAX: u64 = 30 * SECOND_NS;

/// The part of the time for which other threads may have the shard's core.
const WAITED_MAX: f64 = 0.005;

/// Whether the game panics at the moment, and the last tick in which it has.
static IS_POISONED: AtomicBool = AtomicBool::new(false);
static PANICKED_AT: AtomicU32 = AtomicU32::new(0);

/// A game that panics on the server when it is told to, by turns in a step and in a bot, once in a tick: the second attempt
/// at the tick succeeds.
#[derive(State, Clone, Default)]
struct Poisoned {
    steps: u32,
}

#[derive(Input, Clone, Copy, Default, PartialEq)]
struct Nothing {
    none: bool,
}

impl Game for Poisoned {
    type Input = Nothing;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("poisoned", Crowd::RULES.tick_rate_hz).seats(2).bots(2);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, _: Seat) {}

    fn leave(&mut self, _: Seat, _: Leave) {}

    fn step(&mut self, step: &mut Step<'_, Self>) {
        self.steps = self.steps.wrapping_add(1);
        let now = step.now().0;
        let is_first = || is_server() && PANICKED_AT.swap(now, Ordering::Relaxed) != now;
        assert!(!(is_due(now) && is_first()), "poison");
    }

    fn bot(&self, _: Seat, _: &mut Rng) -> Nothing {
        // Between two steps that panic.
        let now = self.steps + Self::RULES.tick_rate_hz / PANICS_HZ / 2;
        assert!(!(is_due(now) && is_server()), "poison");
        Nothing::default()
    }
}

/// A client of the room predicts and plays in this process too.
fn is_server() -> bool {
    std::thread::current().name() == Some(SHARD_NAME)
}

/// Whether the game panics in this tick.
fn is_due(now: u32) -> bool {
    IS_POISONED.load(Ordering::Relaxed) && now.is_multiple_of(Poisoned::RULES.tick_rate_hz / PANICS_HZ)
}

/// The neighbours, and how long they are measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Pairs of a quiet round and one with panics.
    pub pairs: u32,
    /// The motion and the entities of the neighbours' rooms.
    pub scene: Scene,
    /// Neighbours, eight to a room.
    pub clients: u32,
}

/// One round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Round {
    /// Time from one snapshot to the next of the same neighbour.
    pub interval_ms: Spread,
    /// How late the shard began the ticks of a phase, as the server counts it.
    pub late_us: Lateness,
    /// Panics of steps that were survived.
    pub panics: u64,
    /// Those of bots.
    pub bot_panics: u64,
    /// Snapshots delivered to neighbours, as a part of those expected.
    pub delivered: f64,
    /// The part of the time for which the shard was ready while another thread had its core.
    pub waited: f64,
}

/// A quiet round and one with panics, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pair {
    /// The round without panics.
    pub quiet: Round,
    /// The round with them.
    pub poisoned: Round,
}

impl Pair {
    /// The distance by which the neighbours' p99 interval moves, in milliseconds.
    #[must_use]
    pub fn moved_ms(&self) -> f64 {
        self.poisoned.interval_ms.p99 - self.quiet.interval_ms.p99
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quiet, poisoned } = self;
        write!(
            out,
            "interval p99 {:.3} ms, with {} panics {:.3} ms; ticks late p99 {:.1} µs, {:.1} µs",
            quiet.interval_ms.p99, poisoned.panics, poisoned.interval_ms.p99, quiet.late_us.p99, poisoned.late_us.p99
        )
    }
}

/// The result of a run: its fields are an interface.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Neighbours.
    pub clients: u32,
    /// Milliseconds by which their p99 interval is longer beside panics: the median of the pairs.
    pub interval_p99_more_ms: f64,
    /// The smallest and the largest of these differences.
    pub interval_p99_more_ms_range: [f64; 2],
    /// Microseconds by which the p99 of how late ticks begin is larger beside panics: the median of the pairs.
    pub late_p99_more_us: f64,
    /// Panics in all rounds.
    pub panics: u64,
    /// Panics of bots that were survived.
    pub bot_panics: u64,
    /// Connections of neighbours and of the poisoned room's player that have ended.
    pub disconnects: u64,
    /// How late the generator itself was, in milliseconds: one input in a hundred was later.
    pub generator_late_p99_ms: f64,
    /// All pairs.
    pub pairs: Vec<Pair>,
}

impl Report {
    /// The promises that were not kept, in words; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let more = self.interval_p99_more_ms;
        let delivered = self.rounds().map(|round| round.delivered).fold(f64::INFINITY, f64::min);
        words_of_true([
            // A figure that is no number is none that was kept.
            (
                more.partial_cmp(&MOVED_MS_MAX).is_none_or(|order| order.is_gt()),
                format!("beside a room that panics the interval's p99 is {more:.3} ms longer, not {MOVED_MS_MAX}"),
            ),
            (self.panics == 0 || self.bot_panics == 0, "no step has panicked, or no bot has".into()),
            (self.disconnects > 0, format!("{} connections have ended", self.disconnects)),
            (delivered < DELIVERED_MIN, format!("only {:.2} % of the snapshots were delivered", 100.0 * delivered)),
        ])
    }

    /// Reasons to doubt the figures that do not make them wrong.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let (waited, late) = (median(self.rounds().map(|round| round.waited)), self.generator_late_p99_ms);
        words_of_true([
            (
                waited > WAITED_MAX,
                format!("other threads had the shard's core for {:.2} % of the time", 100.0 * waited),
            ),
            (late > GENERATOR_LATE_MS, format!("the generator was {late:.1} ms late at p99")),
        ])
    }

    fn rounds(&self) -> impl Iterator<Item = &Round> {
        self.pairs.iter().flat_map(|pair| [&pair.quiet, &pair.poisoned])
    }

    /// The figures as a table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let [least, most] = self.interval_p99_more_ms_range;
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "  {} neighbours of a room with {} panics of steps and {} of bots",
            self.clients, self.panics, self.bot_panics
        );
        let _ = writeln!(
            out,
            "  interval p99   {:+.3} ms beside panics ({least:+.3} to {most:+.3}, {} pairs)",
            self.interval_p99_more_ms,
            self.pairs.len()
        );
        let _ = write!(out, "  ticks late p99 {:+.1} µs beside panics", self.late_p99_more_us);
        out
    }
}

#[derive(Debug, Deserialize)]
struct Created {
    code: String,
}

/// Measures `plan` on the calling thread; calls `tell` after every pair.
///
/// # Errors
/// When the machine has fewer than two cores, or when clients cannot connect or are lost.
pub fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> Result<Report> {
    ensure!(has_two_cores()?, "neighbours need cores {MEASURED_CORE} and {GENERATOR_CORE} for their own use");
    ensure!(plan.pairs >= 1, "nothing is measured in no time");
    pin_this_thread(GENERATOR_CORE)?;
    tighten_timers();
    let config = Config { shards: 1, ..Config::on_free_ports() };
    let server = Server::new(config).game::<Crowd>().game::<Poisoned>().start().context("the server")?;
    let mut neighbours = Neighbours::start(plan, &server)?;
    // The room of a quick match has bots.
    let answer = post_json(server.address(), None, "/api/match", &json!({ "game": Poisoned::RULES.name }).to_string())?;
    let created: Created = serde_json::from_str(&answer).with_context(|| format!("{answer} names no room"))?;
    let player = Bystander::join::<Poisoned>(server.address(), &[created.code], 1, 1)?;
    let mut pairs = Vec::new();
    for number in 0..plan.pairs {
        let quiet_first = number.is_multiple_of(2);
        let first = neighbours.round(plan, !quiet_first)?;
        let second = neighbours.round(plan, quiet_first)?;
        let (quiet, poisoned) = if quiet_first { (first, second) } else { (second, first) };
        let pair = Pair { quiet, poisoned };
        tell(&format!("pair {:>2} {pair}", number + 1));
        pairs.push(pair);
    }
    let fared = player.fared()?;
    ensure!(fared.up == 1, "the poisoned room has ended");
    let moved = || pairs.iter().map(Pair::moved_ms);
    let late = pairs.iter().map(|pair| pair.poisoned.late_us.p99 - pair.quiet.late_us.p99);
    Ok(Report {
        clients: plan.clients,
        interval_p99_more_ms: median(moved()),
        interval_p99_more_ms_range: [moved().fold(f64::INFINITY, f64::min), moved().fold(f64::NEG_INFINITY, f64::max)],
        late_p99_more_us: median(late),
        panics: pairs.iter().map(|pair| pair.poisoned.panics).sum(),
        bot_panics: pairs.iter().map(|pair| pair.poisoned.bot_panics).sum(),
        disconnects: fared.disconnects,
        generator_late_p99_ms: neighbours.load.lateness_us().spread_ms().p99,
        pairs,
    })
}

/// The neighbours, and the thread that they share with the poisoned room.
struct Neighbours {
    load: Load,
    shard: Threads,
    metrics: SocketAddr,
}

impl Neighbours {
    /// Lets all of them join. Once they have a snapshot, the shard's thread is known to have set its name.
    fn start(plan: &Plan, server: &Running) -> Result<Self> {
        let mut load = Load::new(plan.clients, Crowd::RULES.tick_rate_hz)?.looking_every(STEP_NS);
        join(&mut load, server.address(), None, &plan.scene, plan.clients, 0)?;
        load.play_until_up(UP_NS_MAX)?;
        let shard = Threads::named(std::process::id(), SHARD_NAME)?;
        shard.pin(MEASURED_CORE)?;
        Threads::named(std::process::id(), &own_name()?)?.pin(GENERATOR_CORE)?;
        let metrics = server.admin_address().context("the server says where its metrics are")?;
        Ok(Self { load, shard, metrics })
    }

    fn round(&mut self, plan: &Plan, is_poisoned: bool) -> Result<Round> {
        IS_POISONED.store(is_poisoned, Ordering::Relaxed);
        self.load.play(WARM_UP_NS);
        let before = http::get(self.metrics, "/metrics")?;
        // Nothing was read while the server answered.
        self.load.play(WARM_UP_NS);
        let times = self.shard.times()?;
        let tally = self.load.measure(u64::from(ROUND_SECONDS) * SECOND_NS);
        let times = self.shard.times()?.since(times);
        IS_POISONED.store(false, Ordering::Relaxed);
        let interval_ms = self.load.take_intervals_us().spread_ms();
        // The shard hands its counts over once a second.
        self.load.play(3 * WARM_UP_NS);
        let after = http::get(self.metrics, "/metrics")?;
        self.load.rest();
        if let Some(end) = self.load.first_end() {
            bail!("a neighbour noticed: {end}");
        }
        let late = |metrics| Buckets::in_metrics(metrics, "tickwire_phase_late_seconds");
        Ok(Round {
            interval_ms,
            late_us: late(&after)?.since(&late(&before)?).lateness(),
            panics: count(&after, UNDONE).saturating_sub(count(&before, UNDONE)),
            bot_panics: count(&after, SKIPPED).saturating_sub(count(&before, SKIPPED)),
            delivered: tally.delivered_part(plan.clients, Crowd::RULES.tick_rate_hz),
            waited: times.waited_ns as f64 / tally.elapsed_ns as f64,
        })
    }
}

/// The series of ticks that were undone because of a step, and of choices of bots that a panic has left out.
const UNDONE: &str = "tickwire_ticks_undone_total{cause=\"step\"} ";
const SKIPPED: &str = "tickwire_calls_skipped_total{call=\"bot\"} ";

fn count(metrics: &str, series: &str) -> u64 {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: Round = Round {
        interval_ms: Spread { p50: 33.3, p99: 33.5, p999: 34.0 },
        late_us: Lateness { p50: 5.0, p99: 20.0, p999: 60.0 },
        panics: 0,
        bot_panics: 0,
        delivered: 1.0,
        waited: 0.0,
    };

    fn report(p99: f64) -> Report {
        let interval_ms = Spread { p99, ..ROUND.interval_ms };
        let pair = Pair { quiet: ROUND, poisoned: Round { interval_ms, panics: 12, bot_panics: 11, ..ROUND } };
        Report {
            clients: 64,
            interval_p99_more_ms: pair.moved_ms(),
            interval_p99_more_ms_range: [pair.moved_ms(); 2],
            late_p99_more_us: 0.0,
            panics: 12,
            bot_panics: 11,
            disconnects: 0,
            generator_late_p99_ms: 0.1,
            pairs: vec![pair],
        }
    }

    #[test]
    fn neighbours_that_notice_a_panic_are_a_fault_and_so_is_a_run_without_panics() {
        assert_eq!(report(33.55).faults(), Vec::<String>::new());
        assert_eq!(report(33.65).faults().len(), 1);
        assert_eq!(report(f64::NAN).faults().len(), 1);
        assert_eq!(Report { panics: 0, ..report(33.5) }.faults(), ["no step has panicked, or no bot has"]);
        assert_eq!(Report { bot_panics: 0, ..report(33.5) }.faults().len(), 1);
        assert_eq!(Report { disconnects: 2, ..report(33.5) }.faults(), ["2 connections have ended"]);
    }

    #[test]
    fn panics_are_those_of_steps_and_bots() {
        let metrics = "tickwire_ticks_undone_total{cause=\"join\"} 4\ntickwire_ticks_undone_total{cause=\"step\"} 7\n\
                       tickwire_calls_skipped_total{call=\"bot\"} 3\n";
        assert_eq!([UNDONE, SKIPPED].map(|series| count(metrics, series)), [7, 3]);
        assert_eq!(count("", UNDONE), 0);
    }
}
