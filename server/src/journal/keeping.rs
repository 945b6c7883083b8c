//! The means by which the things of the whole server are written: one log, and the way of all of them together to the
//! keeper.
//!
//! Other threads keep things of the whole server in logs of their own, together with what has caused them: see
//! [`JournalWriter::kept`](super::JournalWriter::kept).

use super::JournalError;
use super::batch::{Batch, EntryKind};
use super::keeper::{CheckpointDesk, Frozen, KeeperHandle, Notice};
use super::log::{Log, Watermark};
use super::numbering::Numbering;
use super::revival::SERVER;
use crate::clock::unix_ms;
use std::sync::Arc;
use tickwire::Tick;

/// The log, for a holder that has it under a lock.
pub(crate) struct KeptWriter {
    log: Log,
    batch: Batch,
    desk: CheckpointDesk,
    numbering: Arc<Numbering>,
    wants_all: bool,
}

impl KeptWriter {
    /// A writer with a log of its own, before any other thread has one. `last` is the last number of an earlier process,
    /// if anything of one is there: its segments are freed by everything in one piece.
    pub(crate) fn new(keeper: &KeeperHandle, last: Option<u32>) -> Self {
        let numbering = Arc::clone(keeper.numbering());
        numbering.begin_after(last.unwrap_or(0));
        let (log, batch, desk) = (keeper.new_log(), Batch::new(), keeper.desk());
        Self { log, batch, desk, numbering, wants_all: last.is_some() }
    }

    /// Adds an entry to the next write, and gives its number; `None` when there is no further one.
    pub(crate) fn put(&mut self, body: &[u8]) -> Option<u32> {
        let number = self.numbering.next()?;
        self.batch.put(EntryKind::Kept, SERVER, Tick(number), |out| out.extend_from_slice(body));
        Some(number)
    }

    /// The entry with this number is part of everything now.
    pub(crate) fn settle(&self, number: u32) {
        self.numbering.settle(number);
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
                Notice::Wanted { room, .. } => self.wants_all |= room == SERVER,
            }
        }
        self.wants_all
    }

    /// Hands in everything. It is wanted again when that comes to nothing.
    pub(crate) fn hand_in(&mut self, all: Box<dyn Frozen>) {
        // Entries of other threads may be on their way, and are no part of it: they count after it.
        self.wants_all = self.desk.checkpoint(SERVER, Tick(self.numbering.settled()), all).is_err();
    }
}
