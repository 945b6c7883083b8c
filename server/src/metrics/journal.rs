//! The metrics of the journal and of the rooms that come back from it.

use metrics::{Counter, Gauge, counter, gauge};

/// The numbers that a server counts of its journal.
pub(crate) struct JournalMetrics {
    /// Rooms that went on after a start.
    pub(crate) rooms_revived: Counter,
    /// Rooms that could not.
    pub(crate) rooms_lost: Counter,
    /// Of these, rooms that were set aside because processes ended in their ticks.
    pub(crate) rooms_quarantined: Counter,
    /// Rooms whose game played a recorded tick in another way.
    pub(crate) rooms_diverged: Counter,
    /// Failures of the disk: of writes, of syncs, of files for what is to be written, and of checkpoints.
    pub(crate) failures: [Counter; 4],
    /// Whether rooms go on without being written: 1, or 0.
    pub(crate) degraded: Gauge,
    /// The age of the oldest bytes that are not on the disk, in seconds.
    pub(crate) unsynced: Gauge,
    /// Bytes of the journal's files.
    pub(crate) bytes: Gauge,
}

impl JournalMetrics {
    pub(super) fn register() -> Self {
        Self {
            rooms_revived: counter!("tickwire_rooms_revived_total"),
            rooms_lost: counter!("tickwire_rooms_lost_total"),
            rooms_quarantined: counter!("tickwire_rooms_quarantined_total"),
            rooms_diverged: counter!("tickwire_rooms_diverged_total"),
            failures: ["write", "sync", "segment", "checkpoint"]
                .map(|reason| counter!("tickwire_journal_failures_total", "reason" => reason)),
            degraded: gauge!("tickwire_journal_degraded"),
            unsynced: gauge!("tickwire_journal_unsynced_seconds"),
            bytes: gauge!("tickwire_journal_bytes"),
        }
    }
}
