//! The report of `cargo topics` and the promises that it is held to: its fields are an interface.

use super::{Hearers, Plan};
use crate::floor::median;
use crate::floor::rhythm::Lateness;
use crate::lean::rooms::SEATS;
use serde::Serialize;
use std::fmt::{self, Write as _};
use tickwire_tools::report::{DELIVERED_THIN_MIN, GENERATOR_LATE_MS, Spread, words_of_true};
use tickwire_tools::table::grouped;
use tickwire_tools::topic_ear::TopicCounts;

/// The players' p99 interval may move by this much, in milliseconds.
const SHIFT_MS_MAX: f64 = 0.1;

/// Bytes by which the subscribers and all that is said may make the server larger.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

/// The service must have published this part of its messages.
const PUBLISHED_MIN: f64 = 0.98;

/// Subscribers that miss more than this part of the messages are too slow, or the server is.
const MISSED_MAX: f64 = 0.01;

/// When other threads have the shard's core for more than this part of the time, its p99 is theirs.
const WAITED_MAX: f64 = 0.005;

/// Memory of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Anonymous memory of the process.
    pub user_bytes: u64,
    /// All resident memory, the program included.
    pub rss_bytes: u64,
}

/// The messages of a round, as all subscribers together received them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// Messages that arrived.
    pub messages: u64,
    /// Messages that are missing, as gaps say.
    pub missed: u64,
    /// Messages that are missing, and no gap says so.
    pub lost: u64,
    /// Messages that arrived once more, or after a newer one.
    pub doubles: u64,
}

impl From<TopicCounts> for Heard {
    fn from(counts: TopicCounts) -> Self {
        let TopicCounts { messages, missed, lost, doubles, .. } = counts;
        Self { messages, missed, lost, doubles }
    }
}

/// A round with or without the service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Round {
    /// Time from one snapshot to the next of the same player.
    pub interval_ms: Spread,
    /// How late the shard began the ticks of a phase, as the server counts it.
    pub late_us: Lateness,
    /// CPU time of the shard per player and tick, in microseconds.
    pub shard_cpu_us: f64,
    /// The part of the time for which the shard was ready while another thread had its core.
    pub shard_waited: f64,
    /// The part of the time for which the server's thread of topics was on a core.
    pub topics_busy: f64,
    /// The part of the time for which the load generator was on its core.
    pub generator_busy: f64,
    /// Snapshots delivered, as a part of those expected.
    pub delivered: f64,
    /// Messages that the service has published in the whole round.
    pub published: u64,
    /// The messages that reached the subscribers in the whole round.
    pub heard: Heard,
}

/// A quiet and a busy round, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The round without the service.
    pub quiet: Round,
    /// The round with it.
    pub busy: Round,
}

impl Pair {
    /// The distance by which the players' p99 interval moves, in milliseconds.
    #[must_use]
    pub fn shift_ms(&self) -> f64 {
        self.busy.interval_ms.p99 - self.quiet.interval_ms.p99
    }

    /// The distance by which the p99 of how late ticks begin moves, in milliseconds.
    #[must_use]
    pub fn late_shift_ms(&self) -> f64 {
        (self.busy.late_us.p99 - self.quiet.late_us.p99) / 1_000.0
    }

    /// CPU time of the shard, busy over quiet.
    #[must_use]
    pub fn cpu_ratio(&self) -> f64 {
        self.busy.shard_cpu_us / self.quiet.shard_cpu_us
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quiet, busy } = self;
        write!(
            out,
            "interval p99{:>8.3}{:>8.3} ms, {:>+7.3}   ticks late p99{:>8.1}{:>8.1} µs   shard{:>7.3}{:>7.3} µs, {:.3}   \
             topics{:>5.1} % of a core",
            quiet.interval_ms.p99,
            busy.interval_ms.p99,
            self.shift_ms(),
            quiet.late_us.p99,
            busy.late_us.p99,
            quiet.shard_cpu_us,
            busy.shard_cpu_us,
            self.cpu_ratio(),
            100.0 * busy.topics_busy
        )
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The kind of subscribers.
    pub hearers: Hearers,
    /// The number of subscribers.
    pub subscribers: u32,
    /// Messages in a second.
    pub per_second: u32,
    /// Players.
    pub players: u32,
    /// Rooms that they played in.
    pub rooms: u32,
    /// Seconds of a round.
    pub seconds: u32,
    /// The distance by which the players' p99 interval moves, in milliseconds: the median of the pairs.
    pub shift_ms: f64,
    /// The distance by which the p99 of how late ticks begin moves, in milliseconds: the median of the pairs.
    pub late_shift_ms: f64,
    /// CPU time of the shard, busy over quiet: the median of the pairs.
    pub cpu_ratio: f64,
    /// How late the generator itself was, in milliseconds: one input in a hundred was later.
    pub generator_late_p99_ms: f64,
    /// Memory while all players play and nobody has subscribed.
    pub memory_playing: Memory,
    /// Memory with all subscriptions, before the first message.
    pub memory_subscribed: Memory,
    /// Memory after all rounds.
    pub memory_after: Memory,
    /// All pairs.
    pub pairs: Vec<Pair>,
}

impl Report {
    pub(super) fn new(plan: &Plan, pairs: Vec<Pair>, memory: [Memory; 3], generator_late_p99_ms: f64) -> Self {
        let [memory_playing, memory_subscribed, memory_after] = memory;
        Self {
            hearers: plan.hearers,
            subscribers: plan.subscribers,
            per_second: plan.per_second,
            players: plan.players,
            rooms: plan.players.div_ceil(SEATS),
            seconds: plan.seconds,
            shift_ms: median(pairs.iter().map(Pair::shift_ms)),
            late_shift_ms: median(pairs.iter().map(Pair::late_shift_ms)),
            cpu_ratio: median(pairs.iter().map(Pair::cpu_ratio)),
            generator_late_p99_ms,
            memory_playing,
            memory_subscribed,
            memory_after,
            pairs,
        }
    }

    fn rounds(&self) -> impl Iterator<Item = &Round> {
        self.pairs.iter().flat_map(|pair| [&pair.quiet, &pair.busy])
    }

    /// The messages of all rounds that arrived, and the number that should have arrived.
    fn heard(&self) -> (Heard, u64) {
        let (mut sum, mut expected) = (Heard::default(), 0);
        for Round { heard, published, .. } in self.rounds() {
            sum.messages += heard.messages;
            sum.missed += heard.missed;
            sum.lost += heard.lost;
            sum.doubles += heard.doubles;
            expected += published * u64::from(self.subscribers);
        }
        (sum, expected)
    }

    /// Whether the generator was so late that the intervals are its own.
    fn is_generator_late(&self) -> bool {
        self.generator_late_p99_ms > GENERATOR_LATE_MS
    }

    /// The shift that is held to the promise: that of the players' intervals, or of the server's own account where the
    /// generator could not keep up with thousands of further sockets.
    fn judged_shift_ms(&self) -> (f64, &'static str) {
        if self.is_generator_late() { (self.late_shift_ms, "ticks' lateness") } else { (self.shift_ms, "intervals") }
    }

    /// The promises that were not kept, in words; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let who = self.hearers;
        let (Heard { messages, missed, lost, doubles }, expected) = self.heard();
        let told = messages + missed;
        let delivered = self.rounds().map(|round| round.delivered).fold(1.0, f64::min);
        let grown = self.memory_after.user_bytes.saturating_sub(self.memory_playing.user_bytes);
        let (shift_ms, of) = self.judged_shift_ms();
        words_of_true([
            (expected == 0 || shift_ms.is_nan(), format!("{who}: nothing was measured")),
            (
                shift_ms >= SHIFT_MS_MAX,
                format!("{who}: the p99 of {of} moved by {shift_ms:.3} ms, not by less than {SHIFT_MS_MAX} ms"),
            ),
            (told != expected, format!("{who}: of {expected} messages {told} arrived or were said to be missing")),
            (lost > 0, format!("{who}: {lost} messages are missing, and no gap says so")),
            (doubles > 0, format!("{who}: {doubles} messages arrived twice or in disorder")),
            (
                delivered < DELIVERED_THIN_MIN,
                format!("{who}: only {:.2} % of the snapshots arrived in some round", 100.0 * delivered),
            ),
            (
                grown > GROWTH_BYTES_MAX,
                format!("{who}: the server grew by {grown} bytes, not by {GROWTH_BYTES_MAX} at the most"),
            ),
        ])
    }

    /// Reasons to doubt the figures that do not make them wrong.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let who = self.hearers;
        let waited = self.rounds().map(|round| round.shard_waited).fold(0.0, f64::max);
        let (Heard { missed, .. }, expected) = self.heard();
        let published = self.pairs.iter().map(|pair| pair.busy.published).min().unwrap_or(0);
        // The warm-up is a second.
        let meant = u64::from(self.per_second) * u64::from(self.seconds + 1);
        let late = self.generator_late_p99_ms;
        words_of_true([
            (
                waited > WAITED_MAX,
                format!("{who}: other threads had the shard's core for up to {:.1} % of the time", 100.0 * waited),
            ),
            (
                (published as f64) < PUBLISHED_MIN * meant as f64,
                format!("{who}: the service said only {published} of {meant} messages in a round"),
            ),
            (
                missed as f64 > MISSED_MAX * expected as f64,
                format!("{who}: the subscribers were too slow for {missed} of {expected} messages"),
            ),
            (
                self.is_generator_late(),
                format!(
                    "{who}: the generator was {late:.1} ms late: intervals are its own, and only ticks' lateness counts"
                ),
            ),
        ])
    }

    /// The report as text for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |label: &str, words: String| {
            writeln!(out, "  {label:<14}{words}").expect("writing to a string cannot fail");
        };
        let Self { hearers, subscribers, per_second, rooms, players, pairs, .. } = self;
        line(
            "topic",
            format!("{per_second} messages/s to {subscribers} {hearers}, beside {players} players in {rooms} rooms"),
        );
        let (heard, expected) = self.heard();
        let Heard { messages, missed, lost, doubles } = heard;
        let (messages, expected) = (grouped(messages), grouped(expected));
        line(
            "heard",
            format!("{messages} of {expected}; {missed} missed, {lost} lost without a gap, {doubles} doubles"),
        );
        let count = pairs.len();
        line("interval p99", format!("{:+.3} ms, {SHIFT_MS_MAX} promised (median of {count} pairs)", self.shift_ms));
        let late = self.late_shift_ms;
        let late =
            if late.is_finite() { format!("{late:+.3} ms at p99") } else { "more than the server counts".into() };
        line("ticks late", format!("{late}, by the server's own account"));
        line("shard", format!("{:.3} times its CPU of a quiet round", self.cpu_ratio));
        let busy = |part: fn(&Round) -> f64| 100.0 * median(pairs.iter().map(|pair| part(&pair.busy)));
        line(
            "other core",
            format!(
                "topics {:.1} %, generator {:.1} % of it",
                busy(|round| round.topics_busy),
                busy(|round| round.generator_busy)
            ),
        );
        let mib = |memory: Memory| memory.user_bytes as f64 / f64::from(1 << 20);
        let [playing, subscribed, after] = [self.memory_playing, self.memory_subscribed, self.memory_after].map(mib);
        line(
            "memory",
            format!("{playing:.2} MiB of its own, {subscribed:.2} with subscribers, {after:.2} after all rounds"),
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(p99: f64, published: u64) -> Round {
        let late_us = Lateness { p50: 20.0, p99: 1_000.0 * (p99 - 33.3), p999: 400.0 };
        Round {
            interval_ms: Spread { p50: 33.3, p99, p999: 34.5 },
            late_us,
            shard_cpu_us: 4.0 + published as f64 / 1_000.0,
            shard_waited: 0.0,
            topics_busy: 0.1,
            generator_busy: 0.4,
            delivered: 1.0,
            published,
            heard: Heard { messages: 10 * published, ..Heard::default() },
        }
    }

    fn report() -> Report {
        let pair = |shift: f64| Pair { quiet: round(33.5, 0), busy: round(33.5 + shift, 550) };
        let plan = Plan {
            pairs: 3,
            seconds: 10,
            scene: crate::lean::rooms::Scene { motion: "erratic".into(), entities: 100 },
            players: 80,
            hearers: Hearers::Visitors,
            subscribers: 10,
            per_second: 50,
            address: ([127, 0, 0, 1], 1).into(),
            admin: ([127, 0, 0, 1], 2).into(),
            token: "a token of services".into(),
            pid: 1,
        };
        let memory = |mib: u64| Memory { user_bytes: mib << 20, rss_bytes: (mib + 9) << 20 };
        Report::new(&plan, vec![pair(0.5), pair(0.04), pair(-0.01)], [memory(20), memory(21), memory(23)], 0.4)
    }

    #[test]
    fn the_median_of_the_pairs_is_promised() {
        let report = report();
        assert!((report.shift_ms - 0.04).abs() < 1e-9 && (report.late_shift_ms - 0.04).abs() < 1e-9);
        assert!((report.cpu_ratio - 4.55 / 4.0).abs() < 1e-9);
        assert_eq!((report.faults(), report.doubts()), (Vec::new(), Vec::new()));
        let table = report.table();
        for words in ["50 messages/s to 10 visitors, beside 80 players in 10 rooms", "16,500 of 16,500", "+0.040 ms"] {
            assert!(table.contains(words), "{words} is not in\n{table}");
        }
        assert_eq!(serde_json::to_value(report).unwrap()["hearers"], "visitors");
    }

    #[test]
    fn lateness_beyond_the_servers_buckets_is_said_so() {
        let late = Report { late_shift_ms: f64::INFINITY - f64::INFINITY, ..report() };
        assert!(late.table().contains("more than the server counts") && report().table().contains("+0.040 ms at p99"));
    }

    #[test]
    fn every_promise_is_checked_and_named() {
        type Break = fn(&mut Report);
        let breaks: [(Break, &str); 7] = [
            (|report| report.shift_ms = 0.1, "moved by 0.100 ms"),
            (|report| report.shift_ms = f64::NAN, "nothing was measured"),
            (|report| report.pairs[0].busy.heard.messages -= 1, "of 16500 messages 16499 arrived"),
            (|report| report.pairs[1].busy.heard.lost = 1, "1 messages are missing"),
            (|report| report.pairs[1].busy.heard.doubles = 2, "2 messages arrived twice"),
            (|report| report.pairs[2].quiet.delivered = 0.9, "only 90.00 %"),
            (|report| report.memory_after.user_bytes = 99 << 20, "the server grew"),
        ];
        for (break_it, words) in breaks {
            let mut broken = report();
            break_it(&mut broken);
            let faults = broken.faults();
            assert!(faults.len() == 1 && faults[0].contains(words), "{faults:?}");
        }
    }

    #[test]
    fn a_busy_machine_and_slow_subscribers_are_doubts() {
        let mut doubtful = report();
        doubtful.pairs[0].quiet.shard_waited = 0.02;
        doubtful.generator_late_p99_ms = 9.0;
        doubtful.shift_ms = 9.0;
        doubtful.pairs[0].busy.published = 100;
        doubtful.pairs[0].busy.heard = Heard { messages: 600, missed: 400, ..Heard::default() };
        assert_eq!(doubtful.doubts().len(), 4);
        assert!(doubtful.faults().is_empty(), "what a gap says is not lost: {:?}", doubtful.faults());
        doubtful.late_shift_ms = 0.2;
        assert!(doubtful.faults()[0].contains("the p99 of ticks' lateness moved by 0.200 ms"));
    }
}
