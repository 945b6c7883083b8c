//! What is counted, under which names. Labels have few values: never a room's code, an address or a name.

use crate::room::Counters;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::time::Duration;
use tickwire::message::CloseCode;

/// Bounds of the lateness histogram in seconds.
const LATE_SECONDS: [f64; 10] = [0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.010, 0.020, 0.050];

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// One server's metrics. Every server of a process has its own, so that tests do not count each other.
pub(crate) struct Metrics {
    pub(crate) connections: Gauge,
    pub(crate) rooms: Gauge,
    pub(crate) players: Gauge,
    pub(crate) bots: Gauge,
    pub(crate) ticks: Counter,
    pub(crate) ticks_dropped: Counter,
    pub(crate) tick_late: Histogram,
    pub(crate) turn: Histogram,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) messages_in: Counter,
    pub(crate) writes_incomplete: Counter,
    pub(crate) room_panics: Counter,
    pub(crate) connections_lost: Counter,
    pub(crate) origins_rejected: Counter,
    pub(crate) rate_limited: Counter,
    room: RoomMetrics,
    closes: Vec<(CloseCode, Counter, Counter)>,
    closes_other: Counter,
    requests: [Counter; 4],
    handle: PrometheusHandle,
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
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new().set_buckets(&LATE_SECONDS).expect("there are buckets").build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || Self::register(handle))
    }

    fn register(handle: PrometheusHandle) -> Self {
        let codes = (1000..5000).filter_map(CloseCode::from_number);
        Self {
            connections: gauge!("tickwire_connections"),
            rooms: gauge!("tickwire_rooms"),
            players: gauge!("tickwire_players", "kind" => "person"),
            bots: gauge!("tickwire_players", "kind" => "bot"),
            ticks: counter!("tickwire_ticks_total"),
            ticks_dropped: counter!("tickwire_ticks_dropped_total"),
            tick_late: histogram!("tickwire_tick_late_seconds"),
            turn: histogram!("tickwire_turn_seconds"),
            bytes_in: counter!("tickwire_bytes_in_total"),
            bytes_out: counter!("tickwire_bytes_out_total"),
            messages_in: counter!("tickwire_messages_in_total"),
            writes_incomplete: counter!("tickwire_writes_incomplete_total"),
            room_panics: counter!("tickwire_room_panics_total"),
            connections_lost: counter!("tickwire_connections_lost_total"),
            origins_rejected: counter!("tickwire_origins_rejected_total"),
            rate_limited: counter!("tickwire_rate_limited_total"),
            room: RoomMetrics::register(),
            closes: codes.map(|code| (code, close(code, "server"), close(code, "client"))).collect(),
            closes_other: counter!("tickwire_ws_close_total", "code" => "other", "side" => "client"),
            requests: ["2xx", "3xx", "4xx", "5xx"]
                .map(|status| counter!("tickwire_http_requests_total", "status" => status)),
            handle,
        }
    }

    /// A connection was closed. Clients may name any code; those that are not ours count together.
    pub(crate) fn closed(&self, code: Option<u16>, side: Side) {
        let code = code.and_then(CloseCode::from_number);
        match (self.closes.iter().find(|(known, ..)| Some(*known) == code), side) {
            (Some((_, server, _)), Side::Server) => server.increment(1),
            (Some((_, _, client)), Side::Client) => client.increment(1),
            (None, _) => self.closes_other.increment(1),
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(2);
        if let Some(counter) = self.requests.get(class) {
            counter.increment(1);
        }
    }

    /// A tick of a room was begun so much too late.
    pub(crate) fn ticked(&self, late: Duration) {
        self.ticks.increment(1);
        self.tick_late.record(late);
    }

    /// What a room has counted since the last time.
    pub(crate) fn add_room(&self, counters: &Counters) {
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
        ];
        for (counter, count) in pairs {
            counter.increment(count);
        }
    }

    /// All metrics as Prometheus reads them.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }

    /// Sums up what histograms have collected: without it they would grow until somebody looks.
    pub(crate) fn sum_up(&self) {
        self.handle.run_upkeep();
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
        }
    }
}

fn close(code: CloseCode, side: &'static str) -> Counter {
    counter!("tickwire_ws_close_total", "code" => code.number().to_string(), "side" => side)
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
        one.ticked(Duration::from_micros(30));
        let (one, other) = (one.render(), other.render());
        for line in [
            "tickwire_ws_close_total{code=\"4004\",side=\"server\"} 1",
            "tickwire_ws_close_total{code=\"other\",side=\"client\"} 1",
            "tickwire_http_requests_total{status=\"4xx\"} 1",
            "tickwire_tick_late_seconds_bucket{le=\"0.00005\"} 1",
        ] {
            assert!(one.contains(line), "{line} is missing in\n{one}");
            assert!(!other.contains(line));
        }
    }
}
