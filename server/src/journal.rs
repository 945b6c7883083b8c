//! The journal: the records that a kill cannot take back.
//!
//! ```text
//! shard   Batch → Log::commit, one write          ticks/<incarnation>-<shard>-<n>.log
//! keeper  syncs all logs, encodes checkpoints     worlds/<incarnation>-<n>.log
//! start   Folder::open → Found: rooms with their worlds, ticks and verdicts, and the suspects of a bad end
//! ```
//!
//! * A batch whose commit has returned survives a kill of the process, and a loss of power once the keeper has synced it.
//! * A batch is there as a whole or not at all. A torn tail is cut; any other damage is named, and its file is kept.
//! * A segment is freed when no room needs it. The segments of a former process wait for checkpoints of this one.
//! * A failure never stops a shard: its log is degraded until the keeper has given it a fresh segment.
//!
//! Formats, scanner and revival know no file. [`disk`] alone opens, writes and syncs. The bodies of entries belong to the
//! caller.

mod aside;
mod batch;
mod disk;
mod folder;
mod fuzzing;
mod keeper;
mod keeping;
mod log;
mod looking;
mod numbering;
mod revival;
mod segment;
mod suspects;
mod writer;

pub(crate) use aside::Remains;
pub(crate) use folder::Folder;
pub use folder::FolderFault;
pub use fuzzing::scan_damaged;
pub(crate) use keeper::{Frozen, KeeperHandle, KeeperThread};
pub(crate) use keeping::KeptWriter;
pub(crate) use log::{Synced, Watermark};
pub(crate) use looking::look;
pub(crate) use numbering::KeptPlace;
pub(crate) use revival::{Found, FoundRoom, Numbered, RoomVerdict, Torn};
pub(crate) use suspects::Measure;
pub(crate) use writer::JournalWriter;

use crate::limits::{
    JOURNAL_BYTES, JOURNAL_RESERVE_BYTES, JOURNAL_SEGMENT_BYTES, JOURNAL_SYNC_INTERVAL, REPLAY_MS_MAX,
    WORLD_SECONDS_MAX,
};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;

/// The settings that an operator may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalSettings {
    /// Bytes of all segments together, at least four segments.
    pub(crate) bytes_max: u64,
    /// The time by which a disk may be behind.
    pub(crate) sync_interval: Duration,
    /// When rooms are kept whole.
    pub(crate) pace: CheckpointPace,
    /// Bytes of a segment. The same for the whole life of a folder; otherwise spare files are made anew.
    pub(crate) segment_bytes: u64,
    /// Bytes of the file that is deleted when the disk is full; 0 for none.
    pub(crate) reserve_bytes: u64,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            bytes_max: JOURNAL_BYTES,
            sync_interval: JOURNAL_SYNC_INTERVAL,
            pace: CheckpointPace::default(),
            segment_bytes: JOURNAL_SEGMENT_BYTES,
            reserve_bytes: JOURNAL_RESERVE_BYTES,
        }
    }
}

/// When rooms are kept whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckpointPace {
    /// The time that the ticks since the newest checkpoints of a shard's rooms may take to be played again.
    pub(crate) replay_max: Duration,
    /// The time in the game after which a room is kept whole at the latest.
    pub(crate) age_max: Duration,
}

impl Default for CheckpointPace {
    fn default() -> Self {
        let replay_max = Duration::from_millis(REPLAY_MS_MAX.into());
        Self { replay_max, age_max: Duration::from_secs(WORLD_SECONDS_MAX.into()) }
    }
}

/// Why something is not in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum JournalError {
    /// The write failed.
    #[error("the write failed: {0}")]
    Write(io::ErrorKind),
    /// There is no segment to write to, because of an earlier failure or because the journal is full.
    #[error("there is no segment to write to")]
    NoSegment,
    /// The batch does not fit into a segment.
    #[error("a batch of {bytes} bytes does not fit into a segment")]
    TooLarge {
        /// Bytes of the batch.
        bytes: u64,
    },
    /// No bytes can be made of a room.
    #[error("no bytes can be made of it")]
    Encode,
    /// The write succeeded, and the sync did not.
    #[error("the sync failed")]
    Sync,
}

/// The journal in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct JournalFigures {
    /// Writes that failed.
    pub(crate) write_failures: u64,
    pub(crate) sync_failures: u64,
    /// Segments that could not be prepared or freed.
    pub(crate) prepare_failures: u64,
    pub(crate) checkpoint_failures: u64,
    pub(crate) syncs: u64,
    pub(crate) checkpoints: u64,
    /// Segments that were freed.
    pub(crate) retired: u64,
    /// Bytes of the files, without the reserve.
    pub(crate) bytes: u64,
    pub(crate) segments: u64,
    /// By how many milliseconds the disk was behind at the last sync.
    pub(crate) unsynced_ms: u64,
    /// Logs whose last batch was lost.
    pub(crate) degraded_logs: u64,
    pub(crate) has_reserve: bool,
}

impl JournalFigures {
    /// Failures by which ticks may be missing.
    const fn losses(&self) -> u64 {
        self.write_failures + self.sync_failures
    }

    /// Whether the disk has not taken something that was written, now or earlier.
    pub(crate) const fn has_failed(&self) -> bool {
        self.degraded_logs > 0 || self.losses() > 0
    }
}

/// Whether rooms are in danger: while a log takes no batch, and after each failure until the rooms behind the gap have
/// been kept whole, which takes seconds.
#[derive(Debug, Default)]
pub(crate) struct JournalTrouble {
    losses: u64,
    until_us: u64,
}

impl JournalTrouble {
    /// Notes the figures, and says whether rooms are in danger: a failure is told for this long.
    pub(crate) fn note(&mut self, figures: &JournalFigures, told: Duration, now_us: u64) -> bool {
        if figures.losses() > self.losses {
            self.losses = figures.losses();
            self.until_us = now_us + u64::try_from(told.as_micros()).unwrap_or(u64::MAX);
        }
        figures.degraded_logs > 0 || now_us < self.until_us
    }
}

/// The figures as the keeper shows them after each turn. Two figures of one look may be of two turns.
#[derive(Debug, Default)]
pub(crate) struct JournalGauges {
    numbers: [AtomicU64; 12],
}

impl JournalGauges {
    /// The figures of the last turn.
    pub(crate) fn figures(&self) -> JournalFigures {
        let [
            writes,
            sync_failures,
            prepares,
            failed,
            syncs,
            checkpoints,
            retired,
            bytes,
            segments,
            unsynced,
            logs,
            reserve,
        ] = std::array::from_fn(|at| self.numbers[at].load(Ordering::Relaxed));
        JournalFigures {
            write_failures: writes,
            sync_failures,
            prepare_failures: prepares,
            checkpoint_failures: failed,
            syncs,
            checkpoints,
            retired,
            bytes,
            segments,
            unsynced_ms: unsynced,
            degraded_logs: logs,
            has_reserve: reserve != 0,
        }
    }

    fn show(&self, figures: &JournalFigures) {
        let numbers = [
            figures.write_failures,
            figures.sync_failures,
            figures.prepare_failures,
            figures.checkpoint_failures,
            figures.syncs,
            figures.checkpoints,
            figures.retired,
            figures.bytes,
            figures.segments,
            figures.unsynced_ms,
            figures.degraded_logs,
            figures.has_reserve.into(),
        ];
        for (shown, number) in self.numbers.iter().zip(numbers) {
            shown.store(number, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
pub(crate) use looking::batches;

#[cfg(test)]
pub(crate) mod tests;
