//! The report of a load test: its fields are an interface, and so are the promises that it is held to.

pub mod corrections;
pub mod corruptions;
pub mod queue;
pub mod slow;
pub mod topic;

use corrections::Corrections;
use corruptions::Corruptions;
use queue::QueueWaits;
use serde::Serialize;
use slow::SlowReaders;
use topic::Topic;

/// Part of the expected ticks that must be delivered.
pub const DELIVERED_MIN: f64 = 0.99;

/// Part of the expected ticks that must be delivered when clients are thin, so that the generator has time for all of
/// them.
pub const DELIVERED_THIN_MIN: f64 = 0.999;

/// With thin clients, the mean rate may be off by this part: 0.02 of 30 Hz.
const RATE_OFF_THIN_MAX: f64 = 0.02 / 30.0;

/// A generator that is later than this measures itself rather than a server.
pub const GENERATOR_LATE_MS: f64 = 8.0;

/// The words of the checks that are true.
#[must_use]
pub fn words_of_true(checks: impl IntoIterator<Item = (bool, String)>) -> Vec<String> {
    checks.into_iter().filter(|(is_true, _)| *is_true).map(|(_, words)| words).collect()
}

/// A distribution in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub p50: f64,
    /// One value in a hundred is above.
    pub p99: f64,
    /// One value in a thousand is above.
    pub p999: f64,
}

/// A distribution and its largest value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Extent<T> {
    /// The median.
    pub p50: T,
    /// One value in a hundred is above.
    pub p99: T,
    /// The largest.
    pub max: T,
}

/// The results of a load test. Rates and distributions are of the measured seconds; hashes, errors and disconnects are
/// of the whole run, the joining of the clients included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Clients that played.
    pub clients: u32,
    /// Rooms that they played in.
    pub rooms: u32,
    /// Seconds that were measured.
    pub seconds: u32,
    /// Snapshots that all clients together should have received.
    pub ticks_expected: u64,
    /// Snapshots that arrived.
    pub ticks_delivered: u64,
    /// Snapshots that a client received in a second, from the mean of all gaps.
    pub rate_hz: f64,
    /// The rate of the game's rules.
    #[serde(skip)]
    pub rate_hz_meant: f64,
    /// Whether all but one client of a room were thin, so that more is promised.
    #[serde(skip)]
    pub thin: bool,
    /// Section hashes that clients compared with the server's.
    pub hashes_compared: u64,
    /// Compared hashes that differed.
    pub hash_mismatches: u64,
    /// Messages that could not be decoded.
    pub decode_errors: u64,
    /// Connections that ended before the bots left, and connection attempts that failed.
    pub disconnects: u64,
    /// WebSocket payload received.
    pub bytes_per_client_per_s: f64,
    /// Mean size of the snapshots that were no keyframes, head included.
    pub bytes_per_snapshot: f64,
    /// Mean size of the keyframes.
    pub keyframe_bytes: f64,
    /// Time from one snapshot to the next of the same client.
    pub tick_interval_ms: Spread,
    /// Time from when an input was due to the first snapshot of its tick or of a later one.
    pub input_to_snapshot_ms: Spread,
    /// Distance by which predictions of own rows were off before smoothing, in the game's unit.
    pub correction_units: Extent<f64>,
    /// Ticks replayed for a snapshot.
    pub rollback_ticks: Extent<u64>,
    /// Mean of how early inputs arrived.
    pub input_lead_ticks: f64,
    /// Client-ticks that the server made without an input of the client.
    pub starved_ticks: u64,
    /// Times at which a client had no newer snapshot to show.
    pub interpolation_underruns: u64,
    /// CPU time of the server's threads; `null` when the process is not known.
    pub server_cpu_us_per_client_tick: Option<f64>,
    /// Resident memory of the server at the end; `null` when the process is not known.
    pub server_rss_bytes: Option<u64>,
    /// The seed that names, policies and links followed from.
    pub seed: u64,
    /// Results of clients that hardly read, if the run had any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_readers: Option<SlowReaders>,
    /// The fields that clients predicted wrong in the whole run, the worst first; left out when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrected_fields: Vec<Corrections>,
    /// Results of planted corruptions, if the run damaged its clients' worlds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corruptions: Option<Corruptions>,
    /// The topic that the clients heard, if they heard one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// How long the clients waited for their matches, if they waited for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueWaits>,
}

impl Report {
    /// Part of the expected snapshots that arrived.
    #[must_use]
    pub fn delivered_part(&self) -> f64 {
        if self.ticks_expected == 0 { 0.0 } else { self.ticks_delivered as f64 / self.ticks_expected as f64 }
    }

    /// The promises that were not kept, in words; empty when all is well.
    #[must_use]
    pub fn broken_promises(&self) -> Vec<String> {
        let (part, least) = (self.delivered_part(), if self.thin { DELIVERED_THIN_MIN } else { DELIVERED_MIN });
        let (percent, least_percent) = (100.0 * part, 100.0 * least);
        // In a short run one tick of each client is a large part, and may fall on the window's edge.
        let is_edge = self.ticks_delivered > 0 && self.ticks_expected <= self.ticks_delivered + u64::from(self.clients);
        let is_short = part < least && !is_edge;
        let (rate_hz, meant_hz) = (self.rate_hz, self.rate_hz_meant);
        let is_off = self.thin && (rate_hz - meant_hz).abs() > RATE_OFF_THIN_MAX * meant_hz;
        let checks = [
            (is_short, format!("{percent:.2} % of the ticks were delivered, not {least_percent} %")),
            (is_off, format!("the mean rate was {rate_hz:.3} Hz, not {meant_hz} Hz")),
            (self.hashes_compared == 0, "nothing was compared with the server".into()),
            (
                self.hash_mismatches > 0 && self.corruptions.is_none(),
                format!("{} hashes differed from the server's", self.hash_mismatches),
            ),
            (self.decode_errors > 0, format!("{} messages could not be decoded", self.decode_errors)),
            (self.disconnects > 0, format!("{} connections were lost", self.disconnects)),
        ];
        let broken = checks.into_iter().filter(|(broken, _)| *broken).map(|(_, words)| words);
        let broken = broken.chain(self.slow_readers.iter().flat_map(SlowReaders::broken_promises));
        let broken = broken.chain(self.topic.iter().flat_map(Topic::broken_promises));
        broken.chain(self.corruptions.into_iter().flat_map(Corruptions::broken_promises)).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn report() -> Report {
        let spread = Spread { p50: 33.3, p99: 34.0, p999: 36.0 };
        Report {
            clients: 160,
            rooms: 20,
            seconds: 30,
            ticks_expected: 144_000,
            ticks_delivered: 143_990,
            rate_hz: 30.0,
            rate_hz_meant: 30.0,
            thin: false,
            hashes_compared: 150_000,
            hash_mismatches: 0,
            decode_errors: 0,
            disconnects: 0,
            bytes_per_client_per_s: 4_500.0,
            bytes_per_snapshot: 149.5,
            keyframe_bytes: 900.0,
            tick_interval_ms: spread,
            input_to_snapshot_ms: spread,
            correction_units: Extent { p50: 0.0, p99: 0.25, max: 3.0 },
            rollback_ticks: Extent { p50: 2, p99: 3, max: 4 },
            input_lead_ticks: 1.5,
            starved_ticks: 0,
            interpolation_underruns: 1,
            server_cpu_us_per_client_tick: Some(14.2),
            server_rss_bytes: Some(20 << 20),
            seed: 1,
            slow_readers: None,
            corrected_fields: Vec::new(),
            corruptions: None,
            topic: None,
            queue: None,
        }
    }

    #[test]
    fn the_fields_have_the_names_that_checks_read() {
        let json = serde_json::to_value(report()).unwrap();
        let mut names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "clients",
            "rooms",
            "seconds",
            "ticks_expected",
            "ticks_delivered",
            "rate_hz",
            "hashes_compared",
            "hash_mismatches",
            "decode_errors",
            "disconnects",
            "bytes_per_client_per_s",
            "bytes_per_snapshot",
            "keyframe_bytes",
            "tick_interval_ms",
            "input_to_snapshot_ms",
            "correction_units",
            "rollback_ticks",
            "input_lead_ticks",
            "starved_ticks",
            "interpolation_underruns",
            "server_cpu_us_per_client_tick",
            "server_rss_bytes",
            "seed",
        ];
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected);
        for (field, parts) in [
            ("tick_interval_ms", ["p50", "p99", "p999"]),
            ("input_to_snapshot_ms", ["p50", "p99", "p999"]),
            ("correction_units", ["p50", "p99", "max"]),
            ("rollback_ticks", ["p50", "p99", "max"]),
        ] {
            assert!(parts.iter().all(|part| json[field][part].is_number()), "{field}");
        }
    }

    #[test]
    fn every_promise_is_checked_and_named() {
        assert!(report().broken_promises().is_empty());
        type Break = fn(&mut Report);
        let breaks: [(Break, &str); 5] = [
            (|report| report.ticks_delivered = 142_000, "98.61 %"),
            (|report| report.hashes_compared = 0, "nothing was compared"),
            (|report| report.hash_mismatches = 2, "2 hashes differed"),
            (|report| report.decode_errors = 3, "3 messages"),
            (|report| report.disconnects = 4, "4 connections"),
        ];
        for (break_it, words) in breaks {
            let mut broken = report();
            break_it(&mut broken);
            let promises = broken.broken_promises();
            assert!(promises.len() == 1 && promises[0].contains(words), "{promises:?}");
        }
    }

    #[test]
    fn a_run_with_thin_clients_promises_more() {
        let thin = || Report { thin: true, ..report() };
        assert!(thin().broken_promises().is_empty());
        let few = || Report { ticks_delivered: 143_800, ..thin() };
        assert!(few().broken_promises()[0].contains("99.86 % of the ticks were delivered, not 99.9 %"));
        assert!(Report { thin: false, ..few() }.broken_promises().is_empty());
        for rate_hz in [29.97, 30.03] {
            assert_eq!(Report { rate_hz, ..thin() }.broken_promises().len(), 1);
            assert!(Report { rate_hz, ..report() }.broken_promises().is_empty());
        }
    }

    #[test]
    fn one_tick_of_each_client_may_fall_on_the_edge_of_a_short_run() {
        let short = |ticks_delivered| {
            Report { clients: 8, ticks_expected: 2_400, ticks_delivered, thin: true, ..report() }.broken_promises()
        };
        assert!(short(2_392).is_empty());
        assert_eq!(short(2_391).len(), 1);
    }

    #[test]
    fn a_run_without_clients_delivers_nothing() {
        let empty = Report { ticks_expected: 0, ticks_delivered: 0, hashes_compared: 0, ..report() };
        assert_eq!(empty.broken_promises().len(), 2);
    }
}
