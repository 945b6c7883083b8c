//! The server in numbers, for operators: the counts of the last second, and of the last ten for the last hour.

use super::Net;
use crate::clock::{process_cpu_ns, unix_ms};
use crate::memory::resident_bytes;
use crate::metrics::{Durations, LiveTotals};
use crate::operators::{Row, recent_lines};
use crate::readiness::Reason;
use serde_json::{Map, Value, json};
use tickwire::message::close::CloseCode;

/// The bounds of the columns of the heat map, in microseconds. All of them are bounds of the server's own counts.
const LATE_BOUNDS_US: [u64; 9] = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 31_500];

/// Everything that is counted from the start on, at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    at_us: u64,
    cpu_ns: u64,
    live: LiveTotals,
    origins_rejected: u64,
    rate_limited: u64,
    /// For each shard and slow lane: how late ticks began, and how long turns took.
    shards: Vec<(Durations, Durations)>,
}

/// The counts between two times.
struct Period {
    seconds: f64,
    cpu_percent: u64,
    live: LiveTotals,
    origins_rejected: u64,
    rate_limited: u64,
    shards: Vec<(Durations, Durations)>,
}

impl Totals {
    pub(super) fn now(net: &Net) -> Self {
        let metrics = &net.setup.metrics;
        Self {
            at_us: net.setup.clock.now_us(),
            cpu_ns: process_cpu_ns(),
            live: metrics.live.totals(),
            origins_rejected: metrics.origins_rejected.total(),
            rate_limited: metrics.rate_limited.total(),
            shards: metrics.shards.lock().iter().map(|shard| shard.durations()).collect(),
        }
    }

    fn since(&self, earlier: &Self) -> Period {
        let elapsed_us = self.at_us.saturating_sub(earlier.at_us).max(1);
        let none = (Durations::default(), Durations::default());
        // A slow lane that has started meanwhile has counted nothing before.
        let before = earlier.shards.iter().chain(std::iter::repeat(&none));
        let shards = self.shards.iter().zip(before);
        Period {
            seconds: elapsed_us as f64 / 1e6,
            cpu_percent: self.cpu_ns.saturating_sub(earlier.cpu_ns) / 10 / elapsed_us,
            live: self.live.since(&earlier.live),
            origins_rejected: self.origins_rejected - earlier.origins_rejected,
            rate_limited: self.rate_limited - earlier.rate_limited,
            shards: shards.map(|(now, before)| (now.0.since(&before.0), now.1.since(&before.1))).collect(),
        }
    }
}

impl Period {
    /// A count as one per second, rounded.
    fn per_second(&self, count: u64) -> u64 {
        // Counts of a few seconds are far below the numbers that a float would round.
        (count as f64 / self.seconds).round() as u64
    }

    fn closes_of(&self, codes: &[CloseCode]) -> u64 {
        codes.iter().filter_map(|code| self.live.closes.get(&code.number())).sum()
    }

    /// Refusals: too often, from another origin, too many that wait, no seat or no time, and without proof.
    fn refusals(&self) -> [(&'static str, u64); 5] {
        [
            ("rate", self.rate_limited + self.closes_of(&[CloseCode::Rate])),
            ("origin", self.origins_rejected),
            ("pending", self.live.pending_refused),
            ("full", self.closes_of(&[CloseCode::Full, CloseCode::Overloaded])),
            ("auth", self.live.unauthorized + self.closes_of(&[CloseCode::Auth, CloseCode::TicketReplayed])),
        ]
    }
}

/// The median, the percentile and the longest as JSON.
fn spread(durations: &Durations, longest_us: u64) -> Value {
    let percentile = |percent| durations.percentile_us(percent).min(longest_us);
    json!({ "p50": percentile(50), "p99": percentile(99), "max": longest_us })
}

impl Net {
    /// The text of `admin/overview`; `longest_us` are the longest delays and turns of each shard.
    pub(super) fn overview(&self, now: &Totals, earlier: &Totals, longest_us: &[(u64, u64)]) -> String {
        let period = now.since(earlier);
        let (rooms, players, bots) = self.directory.borrow().totals();
        let (warnings, errors) = recent_lines().counts();
        let reasons: Vec<&str> = self.setup.readiness.reasons().map(Reason::name).collect();
        let (spectators, in_rooms) = self.watched.borrow().people();
        let visitors = self.setup.metrics.live.visitors();
        let (live, uptime_s) = (&period.live, now.at_us / 1_000_000);
        let ticks = period.shards.iter().map(|(_, turns)| turns.count()).sum();
        json!({
            "at_ms": unix_ms(),
            "server": {
                "name": "tickwire", "version": env!("CARGO_PKG_VERSION"), "uptime_s": uptime_s,
                "ready": reasons.is_empty(), "draining": reasons.contains(&Reason::Draining.name()), "reasons": reasons,
            },
            "rooms": rooms, "players": players, "bots": bots, "spectators": spectators, "visitors": visitors,
            "connections": in_rooms + u64::from(visitors),
            "memory": { "bytes": resident_bytes(), "bytes_max": self.config().memory_bytes_max },
            "cpu_percent": period.cpu_percent,
            "bytes_in_s": period.per_second(live.bytes_in), "bytes_out_s": period.per_second(live.bytes_out),
            "ticks_s": period.per_second(ticks),
            "shards": self.shards(&period, longest_us),
            "late_bounds_us": LATE_BOUNDS_US,
            "inputs": {
                "late_s": period.per_second(live.late_inputs), "starved_s": period.per_second(live.starved_ticks),
                "corrections_s": period.per_second(live.corrections),
            },
            "desyncs": { "claimed": live.disputes_claimed, "confirmed": live.desyncs, "healed": live.desyncs_healed },
            "closes": closes(live),
            "refusals": period.refusals().into_iter().map(|(reason, count)| (reason.to_owned(), count.into()))
                .collect::<Map<_, _>>(),
            "log": { "warnings": warnings, "errors": errors },
        })
        .to_string()
    }

    fn shards(&self, period: &Period, longest_us: &[(u64, u64)]) -> Vec<Value> {
        let shards = self.setup.metrics.shards.lock();
        let counted = shards.iter().zip(&period.shards).zip(longest_us);
        counted
            .filter(|((shard, (_, turns)), _)| !shard.is_slow_lane || shard.rooms() > 0 || turns.count() > 0)
            .map(|((shard, (late, turn)), (late_us, turn_us))| {
                json!({
                    "shard": shard.shard, "load_percent": shard.load.percent(), "rooms": shard.rooms(), "is_slow_lane": shard.is_slow_lane,
                    "turn_us": spread(turn, *turn_us), "late_us": spread(late, *late_us),
                    "late_counts": late.counts_by(&LATE_BOUNDS_US),
                })
            })
            .collect()
    }

    /// A row of the last hour.
    pub(super) fn history_row(&self, now: &Totals, earlier: &Totals) -> Row {
        let period = now.since(earlier);
        let (rooms, players, bots) = self.directory.borrow().totals();
        let (mut late, mut turn) = (Durations::default(), Durations::default());
        let shards = self.setup.metrics.shards.lock();
        for (shard, (late_here, turn_here)) in shards.iter().zip(&period.shards) {
            turn.join(turn_here);
            if !shard.is_slow_lane {
                late.join(late_here);
            }
        }
        let live = &period.live;
        [
            unix_ms(),
            rooms as u64,
            players.into(),
            bots.into(),
            period.cpu_percent,
            resident_bytes(),
            period.per_second(live.bytes_in),
            period.per_second(live.bytes_out),
            turn.percentile_us(99),
            late.percentile_us(99),
            period.per_second(live.late_inputs),
            period.per_second(live.starved_ticks),
            period.per_second(live.corrections),
            live.desyncs,
            live.closes.values().sum(),
            period.refusals().into_iter().map(|(_, count)| count).sum(),
        ]
        .map(Some)
    }
}

fn closes(live: &LiveTotals) -> Map<String, Value> {
    let name = |code: u16| if code == 0 { "other".to_owned() } else { code.to_string() };
    live.closes.iter().map(|(code, count)| (name(*code), (*count).into())).collect()
}
