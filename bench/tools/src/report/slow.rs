//! The effect of clients that hardly read on a server and on the clients that play beside them, and the promises about
//! it.

use super::Spread;
use serde::Serialize;
use std::collections::BTreeMap;

/// Bytes that may wait in the server for one slow reader.
pub const QUEUED_BYTES_MAX: u64 = 65_536;

/// Seconds without an acknowledgement after which the server gives up a client.
pub const LAG_SECONDS: f64 = 5.0;

/// A client that never reads is closed this long after that limit at the latest, in seconds.
pub const CLOSED_SECONDS_MAX: f64 = 6.0;

/// The other clients' intervals may be longer by this much.
pub const SHIFT_MS_MAX: f64 = 1.0;

/// A connection that the server has closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Time from the last byte that the client read to the moment when the close was seen.
    pub after_us: u64,
    /// The close code, 1006 when none arrived.
    pub code: u16,
}

/// The results of a run with slow readers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlowReaders {
    /// Clients that read slowly.
    pub slow: u32,
    /// Bytes that each of them read in a second.
    pub slow_bytes_per_s: f64,
    /// Connections of slow readers that the server closed, by code.
    pub slow_closes: BTreeMap<u16, u32>,
    /// Clients that never read.
    pub never: u32,
    /// Connections of clients that never read.
    pub never_connections: u32,
    /// Connections of clients that never read which the server closed, by code.
    pub never_closes: BTreeMap<u16, u32>,
    /// The longest time from the last byte that one read to the end of its connection.
    pub never_closed_after_s_max: f64,
    /// Looks at the server's queue for one of them.
    pub queue_samples: u64,
    /// The most bytes that waited in the server for any of them.
    pub queued_bytes_max: u64,
    /// Time from one snapshot to the next of the other clients, while the slow ones are away.
    pub without_interval_ms: Spread,
    /// Time from one snapshot to the next of the other clients, while the slow ones are there.
    pub with_interval_ms: Spread,
}

impl SlowReaders {
    /// The distance by which the 99th percentile of the others' intervals moves.
    #[must_use]
    pub fn shift_ms(&self) -> f64 {
        self.with_interval_ms.p99 - self.without_interval_ms.p99
    }

    /// Time from the lag limit to the close of the last client that never read, in seconds.
    #[must_use]
    pub fn closed_after_limit_s(&self) -> f64 {
        (self.never_closed_after_s_max - LAG_SECONDS).max(0.0)
    }

    /// The promises that were not kept, in words; empty when all is well.
    #[must_use]
    pub fn broken_promises(&self) -> Vec<String> {
        let closed: u32 = self.never_closes.values().sum();
        let (queued, after_s) = (self.queued_bytes_max, self.closed_after_limit_s());
        let open = self.never_connections.saturating_sub(closed);
        let shift_ms = self.shift_ms();
        let checks = [
            (queued > QUEUED_BYTES_MAX, format!("{queued} bytes waited for a slow reader, not {QUEUED_BYTES_MAX}")),
            (self.queue_samples == 0, "the queues of slow readers were never read".into()),
            (self.never > 0 && closed == 0, "no client was closed for never reading".into()),
            (open > 0, format!("{open} clients that never read were not closed")),
            (
                after_s > CLOSED_SECONDS_MAX,
                format!(
                    "a client that never read was closed {after_s:.1} s after the lag limit, not {CLOSED_SECONDS_MAX} s"
                ),
            ),
            (
                shift_ms >= SHIFT_MS_MAX,
                format!("the others' p99 interval moved by {shift_ms:.2} ms, not less than {SHIFT_MS_MAX} ms"),
            ),
        ];
        checks.into_iter().filter(|(broken, _)| *broken).map(|(_, words)| words).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> SlowReaders {
        let spread = |p99| Spread { p50: 33.3, p99, p999: 40.0 };
        SlowReaders {
            slow: 100,
            slow_bytes_per_s: 1_020.0,
            slow_closes: [(4007, 3)].into(),
            never: 10,
            never_connections: 20,
            never_closes: [(4007, 19), (1006, 1)].into(),
            never_closed_after_s_max: 5.9,
            queue_samples: 10_000,
            queued_bytes_max: 30_000,
            without_interval_ms: spread(34.0),
            with_interval_ms: spread(34.9),
        }
    }

    #[test]
    fn the_lag_limit_is_the_servers() {
        assert_eq!(LAG_SECONDS, f64::from(tickwire_server::limits::LAG_SECONDS_MAX));
    }

    #[test]
    fn every_promise_is_checked_and_named() {
        assert!(found().broken_promises().is_empty());
        type Break = fn(&mut SlowReaders);
        let breaks: [(Break, &str); 5] = [
            (|found| found.queued_bytes_max = 70_000, "70000 bytes waited"),
            (|found| found.queue_samples = 0, "were never read"),
            (|found| found.never_connections = 21, "1 clients that never read were not closed"),
            (|found| found.never_closed_after_s_max = 11.2, "6.2 s after the lag limit"),
            (|found| found.with_interval_ms.p99 = 35.0, "moved by 1.00 ms"),
        ];
        for (break_it, words) in breaks {
            let mut broken = found();
            break_it(&mut broken);
            let promises = broken.broken_promises();
            assert!(promises.len() == 1 && promises[0].contains(words), "{promises:?}");
        }
    }
}
