//! The metrics of a server and their names. Labels have few values: never a room's code, an address or a name.
//!
//! Bytes, messages and durations of every tick are counted in a [`Tally`] of plain integers, which a shard hands over
//! when its tick is done: an atomic for each read, message and write costs more than the head of a snapshot.

mod durations;
mod journal;
mod live;
mod nodes;
mod process;
mod tunnels;
mod words;

use crate::room::{Counters, GameCall};
use crate::threads::Load;
use crate::webhooks::feed::WebhookMetrics;
pub(crate) use durations::Durations;
use durations::DurationsMetric;
use journal::JournalMetrics;
pub(crate) use live::{LiveCounts, LiveTotals, ReadCounter, ShardNumbers};
use metrics::{Counter, Gauge, counter, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use nodes::NodeMetrics;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tickwire::message::close::CloseCode;
pub(crate) use tunnels::{TunnelMetrics, TunnelWay};

/// The side that ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// The limit that had a connection closed before it was in a room, to make room for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    PendingOfAddress,
    Pending,
    PagesOfAddress,
    Pages,
    Descriptors,
}

/// The end of a handshake of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshake {
    Done,
    /// The peer and the server have nothing in common, or the peer has gone.
    Failed,
    /// It took too long.
    Late,
    /// The peer does not speak TLS.
    Plain,
}

/// The metrics of one server. Every server of a process has its own, so that the counts of tests stay apart.
pub(crate) struct Metrics {
    pub(crate) connections: Gauge,
    pub(crate) rooms: Gauge,
    pub(crate) players: Gauge,
    pub(crate) bots: Gauge,
    pub(crate) ticks_dropped: Counter,
    pub(crate) rooms_slow: Counter,
    pub(crate) rooms_recovered: Counter,
    pub(crate) room_panics: Counter,
    pub(crate) rooms_started_over: Counter,
    pub(crate) connections_lost: Counter,
    /// Messages of topics that a connection lost, because it read too slowly.
    pub(crate) topic_messages_lost: Counter,
    /// Connections without a room.
    pub(crate) visitors: Gauge,
    /// Bytes of the messages of topics that are kept.
    pub(crate) topic_bytes: Gauge,
    webhooks: WebhookCounts,
    pub(crate) journal: JournalMetrics,
    pub(crate) nodes: NodeMetrics,
    pub(crate) tunnels: TunnelMetrics,
    pub(crate) origins_rejected: ReadCounter,
    pub(crate) rate_limited: ReadCounter,
    log_lines_missing: [Counter; 2],
    /// The counts of the dashboard.
    pub(crate) live: LiveCounts,
    /// The numbers of shards, in their order, and of slow lanes.
    pub(crate) shards: Mutex<Vec<Arc<ShardNumbers>>>,
    ticking: TickMetrics,
    room: RoomMetrics,
    /// Whether the server takes in new players: 1, or 0.
    pub(crate) ready: Gauge,
    /// Resident memory from which on no room is made, in bytes.
    pub(crate) memory_max: Gauge,
    closes: Vec<(CloseCode, Counter, Counter)>,
    closes_other: Counter,
    /// Connections that were closed instead of being let into a room.
    hellos_refused: Vec<(CloseCode, Counter)>,
    requests: [Counter; 4],
    connections_refused: [Counter; 5],
    handshakes: [Counter; 4],
    recorder: Arc<PrometheusRecorder>,
}

/// The counts of a shard since it last handed them over.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) messages_in: u64,
    pub(crate) writes_incomplete: u64,
    phase_late: Durations,
    late: Durations,
    late_in_slow_lane: Durations,
    turn: Durations,
    commit: Durations,
}

impl Tally {
    /// A shard has begun the ticks of a phase, `late_ns` nanoseconds too late.
    pub(crate) fn began(&mut self, late_ns: u64) {
        self.phase_late.add(late_ns);
    }

    /// A room has made a tick, which began `late_ns` nanoseconds too late and took `turn_ns`.
    pub(crate) fn ticked(&mut self, late_ns: u64, turn_ns: u64, in_slow_lane: bool) {
        // Rooms in a slow lane are counted apart, so that one slow room does not hide whether all others are on time.
        let late = if in_slow_lane { &mut self.late_in_slow_lane } else { &mut self.late };
        late.add(late_ns);
        self.turn.add(turn_ns);
    }

    /// The records of some rooms were written to the journal, which took `commit_ns` nanoseconds.
    pub(crate) fn committed(&mut self, commit_ns: u64) {
        self.commit.add(commit_ns);
    }
}

struct TickMetrics {
    ticks: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    messages_in: Counter,
    writes_incomplete: Counter,
    phase_late: DurationsMetric,
    late: DurationsMetric,
    late_in_slow_lane: DurationsMetric,
    turn: DurationsMetric,
    commit: DurationsMetric,
}

struct RoomMetrics {
    snapshots: Counter,
    keyframes: Counter,
    superseded: Counter,
    encodings: Counter,
    late: Counter,
    early: Counter,
    duplicate: Counter,
    starved: Counter,
    hashes: Counter,
    mismatches: Counter,
    unpacked_worlds: Counter,
    clamped_views: Counter,
    disputes_claimed: Counter,
    desyncs: Counter,
    desyncs_healed: Counter,
    other_builds: Counter,
    ticks_undone: [Counter; GameCall::CAUSES.len()],
    bot_panics: Counter,
    publish_panics: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = Arc::new(PrometheusBuilder::new().build_recorder());
        metrics::with_local_recorder(&*recorder, || Self::register(Arc::clone(&recorder)))
    }

    fn register(recorder: Arc<PrometheusRecorder>) -> Self {
        words::describe();
        let codes = (1000..5000).filter_map(CloseCode::from_number);
        Self {
            connections: gauge!("tickwire_connections"),
            rooms: gauge!("tickwire_rooms"),
            players: gauge!("tickwire_players", "kind" => "person"),
            bots: gauge!("tickwire_players", "kind" => "bot"),
            ticks_dropped: counter!("tickwire_ticks_dropped_total"),
            rooms_slow: counter!("tickwire_rooms_slow_total"),
            rooms_recovered: counter!("tickwire_rooms_recovered_total"),
            room_panics: counter!("tickwire_room_panics_total"),
            rooms_started_over: counter!("tickwire_rooms_started_over_total"),
            connections_lost: counter!("tickwire_connections_lost_total"),
            topic_messages_lost: counter!("tickwire_topic_messages_lost_total"),
            visitors: gauge!("tickwire_visitors"),
            topic_bytes: gauge!("tickwire_topic_bytes"),
            webhooks: WebhookCounts::register(),
            journal: JournalMetrics::register(),
            nodes: NodeMetrics::register(),
            tunnels: TunnelMetrics::register(),
            origins_rejected: ReadCounter::new(counter!("tickwire_origins_rejected_total")),
            rate_limited: ReadCounter::new(counter!("tickwire_rate_limited_total")),
            log_lines_missing: ["flood", "blocked"]
                .map(|reason| counter!("tickwire_log_lines_missing_total", "reason" => reason)),
            live: LiveCounts::default(),
            shards: Mutex::default(),
            ticking: TickMetrics::register(),
            room: RoomMetrics::register(),
            ready: gauge!("tickwire_ready"),
            memory_max: gauge!("tickwire_memory_max_bytes"),
            hellos_refused: codes.clone().map(|code| (code, refused_hello(code))).collect(),
            closes: codes.map(|code| (code, close(code, "server"), close(code, "client"))).collect(),
            closes_other: counter!("tickwire_ws_close_total", "code" => "other", "side" => "client"),
            requests: ["2xx", "3xx", "4xx", "5xx"]
                .map(|status| counter!("tickwire_http_requests_total", "status" => status)),
            connections_refused: ["pending_of_address", "pending", "pages_of_address", "pages", "descriptors"]
                .map(|reason| counter!("tickwire_connections_refused_total", "reason" => reason)),
            handshakes: ["done", "failed", "late", "plain"]
                .map(|outcome| counter!("tickwire_tls_handshakes_total", "outcome" => outcome)),
            recorder,
        }
    }

    /// Notes how many lines are missing in the log: left out of a flood, and lost because it is read too slowly.
    pub(crate) fn note_log(&self, left_out: u64, lost: u64) {
        self.log_lines_missing.iter().zip([left_out, lost]).for_each(|(counter, count)| counter.absolute(count));
    }

    /// Counts a connection that was closed to make room for another.
    pub(crate) fn refused(&self, reason: Crowded) {
        self.connections_refused[reason as usize].increment(1);
        self.live.refused(reason);
    }

    /// Counts the end of a handshake of TLS.
    pub(crate) fn shook_hands(&self, outcome: Handshake) {
        self.handshakes[outcome as usize].increment(1);
    }

    /// Notes the time at which the certificate expires, in seconds since 1970.
    pub(crate) fn note_certificate(&self, expires_unix_s: i64) {
        // A server without TLS has no such metric, or it would look like one whose certificate has expired. The
        // conversion is lossless for thousands of years.
        let note = || gauge!("tickwire_tls_certificate_expires_seconds").set(expires_unix_s as f64);
        metrics::with_local_recorder(&*self.recorder, note);
    }

    /// Counts a connection that was closed. Clients may send any code; codes that are not ours are counted together.
    pub(crate) fn closed(&self, code: Option<u16>, side: Side) {
        let code = code.and_then(CloseCode::from_number);
        // Clients may send any code, and a code of ours would look like a fault of the server.
        self.live.closed(code.filter(|_| side == Side::Server));
        match (self.closes.iter().find(|(known, ..)| Some(*known) == code), side) {
            (Some((_, server, _)), Side::Server) => server.increment(1),
            (Some((_, _, client)), Side::Client) => client.increment(1),
            (None, _) => self.closes_other.increment(1),
        }
    }

    /// Counts a connection that was closed instead of being let into a room.
    pub(crate) fn refused_hello(&self, code: CloseCode) {
        self.closed(Some(code.number()), Side::Server);
        if let Some((_, counter)) = self.hellos_refused.iter().find(|(known, _)| *known == code) {
            counter.increment(1);
        }
    }

    /// The counters of refused requests, one for each of these kinds, which never change.
    pub(crate) fn refused_requests<const KINDS: usize>(&self, kinds: [&'static str; KINDS]) -> [Counter; KINDS] {
        let counter = |kind| counter!("tickwire_refusals_total", "at" => "request", "reason" => kind);
        metrics::with_local_recorder(&*self.recorder, || kinds.map(counter))
    }

    /// Counts a request that was answered, by the class of its status.
    pub(crate) fn answered(&self, status: u16) {
        self.live.answered(status);
        let class = usize::from(status / 100).saturating_sub(2);
        if let Some(counter) = self.requests.get(class) {
            counter.increment(1);
        }
    }

    /// Enters a shard or a slow lane before its thread starts; gives what it counts with.
    pub(crate) fn enter_shard(&self, shard: usize, is_slow_lane: bool, load: &Arc<Load>) -> Arc<ShardNumbers> {
        let numbers = ShardNumbers::new(shard, is_slow_lane, Arc::clone(load));
        self.shards.lock().push(Arc::clone(&numbers));
        numbers
    }

    /// Takes over the counts of the shard with these numbers, and starts its tally over.
    pub(crate) fn take_over(&self, tally: &mut Tally, shard: &ShardNumbers) {
        let tally = std::mem::take(tally);
        self.live.add_tally(&tally);
        shard.add(&tally);
        let ticking = &self.ticking;
        let pairs = [
            (&ticking.ticks, tally.turn.count()),
            (&ticking.bytes_in, tally.bytes_in),
            (&ticking.bytes_out, tally.bytes_out),
            (&ticking.messages_in, tally.messages_in),
            (&ticking.writes_incomplete, tally.writes_incomplete),
        ];
        for (counter, count) in pairs {
            counter.increment(count);
        }
        ticking.phase_late.add(&tally.phase_late);
        ticking.late.add(&tally.late);
        ticking.late_in_slow_lane.add(&tally.late_in_slow_lane);
        ticking.turn.add(&tally.turn);
        ticking.commit.add(&tally.commit);
    }

    /// Takes over the counts of a room since the last call for that room.
    pub(crate) fn add_room(&self, counters: &Counters) {
        self.live.add_room(counters);
        let room = &self.room;
        let pairs = [
            (&room.snapshots, counters.snapshots),
            (&room.keyframes, counters.keyframes),
            (&room.superseded, counters.superseded_snapshots),
            (&room.encodings, counters.encodings),
            (&room.late, counters.late_inputs),
            (&room.early, counters.early_inputs),
            (&room.duplicate, counters.duplicate_inputs),
            (&room.starved, counters.starved_ticks),
            (&room.hashes, counters.hashes_compared),
            (&room.mismatches, counters.hash_mismatches),
            (&room.unpacked_worlds, counters.unpacked_worlds),
            (&room.clamped_views, counters.clamped_views),
            (&room.disputes_claimed, counters.disputes_claimed),
            (&room.desyncs, counters.desyncs),
            (&room.desyncs_healed, counters.desyncs_healed),
            (&room.other_builds, counters.other_builds),
            (&room.bot_panics, counters.bot_panics),
            (&room.publish_panics, counters.publish_panics),
        ];
        for (counter, count) in pairs.into_iter().chain(room.ticks_undone.iter().zip(counters.ticks_undone)) {
            counter.increment(count);
        }
    }

    /// All metrics in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        let mut out = self.recorder.handle().render();
        let TickMetrics { phase_late, late, late_in_slow_lane, turn, commit, .. } = &self.ticking;
        for durations in [phase_late, late, late_in_slow_lane, turn, commit] {
            durations.render(&mut out);
        }
        process::render(&mut out);
        out
    }
}

impl TickMetrics {
    fn register() -> Self {
        Self {
            ticks: counter!("tickwire_ticks_total"),
            bytes_in: counter!("tickwire_bytes_in_total"),
            bytes_out: counter!("tickwire_bytes_out_total"),
            messages_in: counter!("tickwire_messages_in_total"),
            writes_incomplete: counter!("tickwire_writes_incomplete_total"),
            phase_late: DurationsMetric::new(
                "tickwire_phase_late_seconds",
                "How late a shard begins the ticks of a phase.",
            ),
            late: DurationsMetric::new("tickwire_tick_late_seconds", "How late ticks begin, but for slow lanes."),
            commit: DurationsMetric::new(
                "tickwire_journal_commit_seconds",
                "Time that the records of rooms that are written together took to be written to the journal.",
            ),
            late_in_slow_lane: DurationsMetric::new(
                "tickwire_slow_lane_tick_late_seconds",
                "How late ticks begin in slow lanes.",
            ),
            turn: DurationsMetric::new("tickwire_turn_seconds", "Time that a tick of a room takes."),
        }
    }
}

impl RoomMetrics {
    fn register() -> Self {
        let inputs = |fate: &'static str| counter!("tickwire_inputs_dropped_total", "reason" => fate);
        Self {
            snapshots: counter!("tickwire_snapshots_total"),
            keyframes: counter!("tickwire_keyframes_total"),
            superseded: counter!("tickwire_snapshots_superseded_total"),
            encodings: counter!("tickwire_encodings_total"),
            late: inputs("late"),
            early: inputs("early"),
            duplicate: inputs("duplicate"),
            starved: counter!("tickwire_starved_ticks_total"),
            hashes: counter!("tickwire_hashes_compared_total"),
            mismatches: counter!("tickwire_hash_mismatches_total"),
            unpacked_worlds: counter!("tickwire_worlds_unpacked_total"),
            clamped_views: counter!("tickwire_views_clamped_total"),
            disputes_claimed: counter!("tickwire_disputes_claimed_total"),
            desyncs: counter!("tickwire_desyncs_total"),
            desyncs_healed: counter!("tickwire_desyncs_healed_total"),
            other_builds: counter!("tickwire_other_builds_total"),
            ticks_undone: GameCall::CAUSES.map(|cause| counter!("tickwire_ticks_undone_total", "cause" => cause)),
            bot_panics: counter!("tickwire_calls_skipped_total", "call" => "bot"),
            publish_panics: counter!("tickwire_calls_skipped_total", "call" => "publish"),
        }
    }
}

fn refused_hello(code: CloseCode) -> Counter {
    counter!("tickwire_refusals_total", "at" => "hello", "reason" => code.number().to_string())
}

fn close(code: CloseCode, side: &'static str) -> Counter {
    counter!("tickwire_ws_close_total", "code" => code.number().to_string(), "side" => side)
}

/// Deliveries of webhooks.
struct WebhookCounts {
    counters: [Counter; 4],
    waiting: Gauge,
    paused: Gauge,
}

impl WebhookCounts {
    fn register() -> Self {
        let counter = |outcome| counter!("tickwire_webhooks_total", "outcome" => outcome);
        Self {
            counters: ["sent", "retried", "failed", "lost"].map(counter),
            waiting: gauge!("tickwire_webhooks_waiting"),
            paused: gauge!("tickwire_webhook_endpoints_paused"),
        }
    }
}

impl Metrics {
    /// Takes over the counts of the thread of webhooks.
    pub(crate) fn note_webhooks(&self, counts: &WebhookMetrics) {
        let WebhookMetrics { sent, retried, failed, lost, waiting, paused } = counts;
        for (counter, count) in self.webhooks.counters.iter().zip([sent, retried, failed, lost]) {
            counter.absolute(count.load(Ordering::Relaxed));
        }
        for (gauge, count) in [(&self.webhooks.waiting, waiting), (&self.webhooks.paused, paused)] {
            // The conversion is lossless: a float rounds no number that fits into memory.
            gauge.set(count.load(Ordering::Relaxed) as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_counts_for_itself() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.closed(Some(4004), Side::Server);
        one.closed(Some(3999), Side::Client);
        one.answered(404);
        let mut tally = Tally::default();
        tally.began(20_000);
        tally.ticked(30_000, 2_000_000, false);
        tally.ticked(70_000_000, 2_000_000, true);
        one.take_over(&mut tally, &ShardNumbers::new(0, false, Arc::default()));
        let (one, other) = (one.render(), other.render());
        for line in [
            "tickwire_ws_close_total{code=\"4004\",side=\"server\"} 1",
            "tickwire_ws_close_total{code=\"other\",side=\"client\"} 1",
            "tickwire_http_requests_total{status=\"4xx\"} 1",
            "tickwire_ticks_total 2",
            "tickwire_phase_late_seconds_count 1",
            "tickwire_tick_late_seconds_count 1",
            "tickwire_slow_lane_tick_late_seconds_count 1",
            "tickwire_tick_late_seconds_bucket{le=\"0.00005\"} 1",
        ] {
            assert!(one.lines().any(|one| one == line), "{line} is missing in\n{one}");
            assert!(!other.lines().any(|other| other == line), "{line} is in\n{other}");
        }
    }
}
