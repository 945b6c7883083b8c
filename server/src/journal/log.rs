//! A log: the batches that one thread writes, one after another.
//!
//! A log belongs to its thread. A commit is one write; it takes no lock, and allocates nothing. The keeper hands fresh
//! segments over ahead of time. A failure makes the log degraded: batches are lost until a fresh segment has come and
//! a commit in it has succeeded. The number of a batch grows for a lost one too, so that the loss can be seen later.

use super::JournalError;
use super::batch::Batch;
use super::disk;
use super::segment::{SEGMENT_HEAD_BYTES, Segment};
use crate::limits::JOURNAL_PAGE_BYTES;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tickwire::bug::Bug;

/// The facts that the keeper knows of a log.
#[derive(Debug, Default)]
pub(crate) struct LogState {
    is_degraded: AtomicBool,
    has_ended: AtomicBool,
    /// Writes that failed.
    failures: AtomicU64,
    /// Whether one of them failed for want of space.
    is_full: AtomicBool,
    synced: AtomicU64,
    lost: AtomicU64,
}

impl LogState {
    pub(crate) fn is_degraded(&self) -> bool {
        self.is_degraded.load(Ordering::Relaxed)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether the disk was full since the last question.
    pub(crate) fn take_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed) && self.is_full.swap(false, Ordering::Relaxed)
    }

    /// The disk has the log up to this position.
    pub(crate) fn set_synced(&self, position: u64) {
        self.synced.fetch_max(position, Ordering::Release);
    }

    /// The disk may have lost the log up to this position.
    pub(crate) fn set_lost(&self, position: u64) {
        self.lost.fetch_max(position, Ordering::Release);
    }
}

/// Whether the disk has a position of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Synced {
    /// It has.
    Yes,
    /// It will soon.
    NotYet,
    /// A sync has failed since, so that nobody knows: all that counts has to be written again.
    Lost,
}

/// How far the disk is with a log. Others may ask.
#[derive(Debug, Clone)]
pub(crate) struct Watermark(Arc<LogState>);

impl Watermark {
    /// Whether the disk has the log up to this position, see [`Log::position`].
    pub(crate) fn covers(&self, position: u64) -> Synced {
        // Read first: a loss is noted before a later position is synced.
        let synced = if Bug::WatermarkAhead.is_planted() { u64::MAX } else { self.0.synced.load(Ordering::Acquire) };
        if position <= self.0.lost.load(Ordering::Acquire) {
            return Synced::Lost;
        }
        if position <= synced { Synced::Yes } else { Synced::NotYet }
    }
}

/// A log of one thread.
#[derive(Debug)]
pub(crate) struct Log {
    state: Arc<LogState>,
    supply: Receiver<Arc<Segment>>,
    current: Option<Arc<Segment>>,
    /// The place of the next batch in the segment.
    at: u64,
    seq: u64,
    position: u64,
    has_recovered: bool,
}

impl Log {
    /// A log without a segment, the keeper's knowledge of it, and the way on which segments come.
    pub(crate) fn new() -> (Self, Arc<LogState>, SyncSender<Arc<Segment>>) {
        let state = Arc::new(LogState::default());
        let (sender, supply) = sync_channel(1);
        let shared = Arc::clone(&state);
        let log = Self { state: shared, supply, current: None, at: 0, seq: 0, position: 0, has_recovered: false };
        (log, state, sender)
    }

    /// Writes a batch. It is empty afterwards, also when the write fails.
    ///
    /// # Errors
    /// When the batch is not written; the log is degraded then.
    pub(crate) fn commit(&mut self, batch: &mut Batch, wall_ms: u64) -> Result<(), JournalError> {
        if batch.is_empty() {
            return Ok(());
        }
        let written = self.write(batch, wall_ms);
        batch.clear();
        self.seq += 1;
        if let Err(JournalError::TooLarge { .. }) = written {
            // The disk has done nothing wrong, and the entries of the batch are lost all the same.
            self.has_recovered = true;
            return written;
        }
        if written.is_err() {
            // A batch for which there is no segment is no new failure: each would put the next segment off again.
            let is_failure = matches!(written, Err(JournalError::Write(_)));
            self.state.failures.fetch_add(is_failure.into(), Ordering::Relaxed);
            self.state.is_degraded.store(true, Ordering::Relaxed);
        } else if self.is_degraded() {
            self.state.is_degraded.store(false, Ordering::Relaxed);
            self.has_recovered = true;
        }
        written
    }

    /// Whether the last batch was lost.
    pub(crate) fn is_degraded(&self) -> bool {
        self.state.is_degraded()
    }

    /// Whether the log goes on after batches were lost. It says so once: the rooms need checkpoints then.
    pub(crate) fn take_recovery(&mut self) -> bool {
        std::mem::take(&mut self.has_recovered)
    }

    /// Bytes that were written. Outputs that need the disk wait until the watermark covers this position.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn watermark(&self) -> Watermark {
        Watermark(Arc::clone(&self.state))
    }

    /// The number of the segment in use.
    pub(crate) fn segment_number(&self) -> Option<u32> {
        self.current.as_ref().map(|segment| segment.head.number)
    }

    fn write(&mut self, batch: &mut Batch, wall_ms: u64) -> Result<(), JournalError> {
        let len = batch.len() as u64;
        if self.current.as_ref().is_some_and(|segment| segment.is_bad()) {
            // The bytes that it held may be lost: that is a gap like any other one.
            self.state.is_degraded.store(true, Ordering::Relaxed);
            self.leave();
        }
        let segment = match self.current.take() {
            Some(segment) if self.place(&segment) + len <= segment.len => segment,
            full => {
                self.current = full;
                self.leave();
                self.take_segment()?
            }
        };
        self.at = self.place(&segment);
        if self.at + len > segment.len {
            self.current = Some(segment);
            return Err(JournalError::TooLarge { bytes: len });
        }
        let written = disk::write_all(&*segment.file, batch.seal(&segment.head, self.at, self.seq, wall_ms), self.at);
        if let Err(error) = written {
            // Half a batch may be there. Nothing may follow on it, or it would not be the end of its segment.
            segment.fail();
            // On some file systems a write over old bytes needs space as well.
            self.state.is_full.fetch_or(error.kind() == io::ErrorKind::StorageFull, Ordering::Relaxed);
            return Err(JournalError::Write(error.kind()));
        }
        self.at += len;
        segment.written(self.at, wall_ms);
        self.position = segment.position(self.at);
        self.current = Some(segment);
        Ok(())
    }

    /// The place for the next batch: behind the last one, or on a new page if the disk has the last one. A write to a
    /// page that is on its way to the disk may wait for it.
    fn place(&self, segment: &Segment) -> u64 {
        let is_fresh = self.at == SEGMENT_HEAD_BYTES as u64;
        if !is_fresh && segment.synced() == self.at { self.at.next_multiple_of(JOURNAL_PAGE_BYTES) } else { self.at }
    }

    fn leave(&mut self) {
        if let Some(segment) = self.current.take() {
            segment.seal();
        }
    }

    fn take_segment(&mut self) -> Result<Arc<Segment>, JournalError> {
        let segment = self.supply.try_recv().map_err(|_| JournalError::NoSegment)?;
        self.at = SEGMENT_HEAD_BYTES as u64;
        segment.begin(self.position);
        Ok(segment)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.leave();
        // A segment that was never used is given back by its seal.
        while let Ok(segment) = self.supply.try_recv() {
            segment.seal();
        }
        self.state.has_ended.store(true, Ordering::Release);
    }
}
