//! The means by which the things of the whole server are written: one log, and the way of all of them together to the
//! keeper.

use super::JournalError;
use super::batch::{Batch, EntryKind};
use super::keeper::{CheckpointDesk, Frozen, KeeperHandle, Notice};
use super::log::{Log, Watermark};
use super::revival::SERVER;
use crate::clock::unix_ms;
use tickwire::Tick;

/// The log, for a holder that has it under a lock.
pub(crate) struct KeptWriter {
    log: Log,
    batch: Batch,
    desk: CheckpointDesk,
    wants_all: bool,
}

impl KeptWriter {
    /// A writer with a log of its own. `has_found` says that something of an earlier process is there: its segments are
    /// freed by everything in one piece.
    pub(crate) fn new(keeper: &KeeperHandle, has_found: bool) -> Self {
        Self { log: keeper.new_log(), batch: Batch::new(), desk: keeper.desk(), wants_all: has_found }
    }

    /// Adds an entry to the next write. Numbers grow, over all processes.
    pub(crate) fn put(&mut self, number: u32, body: &[u8]) {
        self.batch.put(EntryKind::Kept, SERVER, Tick(number), |out| out.extend_from_slice(body));
    }

    /// Writes what was added, all or nothing.
    ///
    /// # Errors
    /// When it is not written.
    pub(crate) fn commit(&mut self) -> Result<(), JournalError> {
        let written = self.log.commit(&mut self.batch, unix_ms());
        // A change that was lost before is in the next piece of everything.
        self.wants_all |= self.log.take_recovery();
        written
    }

    /// The place behind everything that was written, for the watermark.
    pub(crate) fn position(&self) -> u64 {
        self.log.position()
    }

    pub(crate) fn watermark(&self) -> Watermark {
        self.log.watermark()
    }

    /// Whether everything is to be written anew, because a part was lost or a segment waits for it.
    pub(crate) fn wants_all(&mut self) -> bool {
        while let Some(notice) = self.desk.notice() {
            match notice {
                Notice::Done { outcome: Err(error @ JournalError::TooLarge { .. }), .. } => {
                    // With every further attempt it would be as large.
                    tracing::error!(%error, "tickets, topics and webhooks are too much to be kept in one piece");
                }
                Notice::Done { outcome, .. } => self.wants_all |= outcome.is_err(),
                Notice::Wanted(room) => self.wants_all |= room == SERVER,
            }
        }
        self.wants_all
    }

    /// Hands in everything up to the entry with this number. It is wanted again when that comes to nothing.
    pub(crate) fn hand_in(&mut self, number: u32, all: Box<dyn Frozen>) {
        self.wants_all = self.desk.checkpoint(SERVER, Tick(number), all).is_err();
    }
}
