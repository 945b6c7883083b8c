//! The things of the whole server that outlive its end: tickets that were used, revocations, the messages of topics with
//! their receipts, mutes and blocks, and the events that wait for webhooks.
//!
//! ```text
//! gate, topics, webhooks → keep: Change → entry of the journal, then the answer leaves
//! now and then           → KeptState as one piece, which frees the segments before it
//! start                  → newest piece, then the changes after it → KeptState
//! ```
//!
//! * A change is written before [`KeptLog::keep`] returns, so that it survives a kill of the process. A change that the
//!   disk does not take is in the next piece of everything, and whoever has made it learns of it.
//! * Several changes of one call are there together or not at all.
//! * A shard never touches this log. It writes an event for webhooks into its own log, together with the tick that has
//!   caused it, and [`KeptLog::take_in`] adds it to the state afterwards.
//! * All of it is bounded, so that the piece fits into a segment, and decoders take any bytes.
//!
//! The log is behind a lock, which the net thread, the thread of topics and that of webhooks share. Nothing of this is
//! there without a data folder.

mod outbox;
mod people;
mod rooms;
mod state;
mod topics;

pub(crate) use outbox::{EventKey, EventKind, KeptEvent, KeptPlayer};
pub(crate) use state::{Change, KeptRevocation, KeptState};
pub(crate) use topics::{KeptLine, KeptReceipt, KeptTopic, KeptTopics, Said};

use crate::clock::unix_ms;
use crate::journal::{Frozen, JournalError, KeeperHandle, KeptPlace, KeptWriter, Numbered, Remains, Synced, Watermark};
use crate::limits::{KEPT_CHANGES_MAX, KEPT_WORLD_INTERVAL};
use crate::versioned::Unreadable;
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::path::Path;
use thiserror::Error;

/// The reason for which a change may not outlive the process. It counts in this one all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NotKept {
    /// It is not written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The data folder has given all of its numbers.
    #[error("the data folder has no further number")]
    NoNumber,
}

/// The log of everything that the server keeps, shared by its threads.
pub(crate) struct KeptLog {
    inner: Mutex<Inner>,
    watermark: Watermark,
}

struct Inner {
    writer: KeptWriter,
    state: KeptState,
    /// Changes since everything was last handed in.
    changes: usize,
    handed_in_us: u64,
}

/// Everything, on its way to the disk.
struct FrozenState(KeptState);

impl Frozen for FrozenState {
    fn encode(&mut self, out: &mut Vec<u8>) -> Result<(), JournalError> {
        self.0.encode(out);
        Ok(())
    }
}

impl KeptLog {
    /// The log of this process, with the state that an earlier one has kept. If a part cannot be read, a copy of all that
    /// was found is set aside in this folder, and the server goes on without the part.
    ///
    /// # Errors
    /// When the copy cannot be written. Nothing is changed then.
    pub(crate) fn open(
        keeper: &KeeperHandle,
        world: Option<&Numbered>,
        entries: &[Numbered],
        folder: &Path,
    ) -> io::Result<Self> {
        let (state, faults) = found_state(world, entries);
        if faults > 0 {
            Remains::of_server(world, entries).set_aside(folder)?;
            tracing::error!(
                faults,
                "tickets, topics or webhooks of an earlier process cannot be read; a copy is in the folder `quarantine`"
            );
        }
        // Numbers go on after those that cannot be read as well.
        let numbers = entries.iter().chain(world).map(|(number, _)| number.0);
        let last = numbers.max().map(|last| last.max(state.number));
        let writer = KeptWriter::new(keeper, last);
        let watermark = writer.watermark();
        let inner = Inner { writer, state, changes: 0, handed_in_us: 0 };
        Ok(Self { inner: Mutex::new(inner), watermark })
    }

    /// Looks at everything that is kept.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&KeptState) -> T) -> T {
        look(&self.inner.lock().state)
    }

    /// Keeps changes.
    ///
    /// # Errors
    /// When the disk does not take them. They are kept as soon as it does, and the journal tells of it.
    pub(crate) fn keep(&self, changes: impl IntoIterator<Item = Change>) -> Result<(), NotKept> {
        let mut inner = self.inner.lock();
        let mut kept = Ok(());
        for change in changes {
            let put = inner.put(change);
            kept = kept.and(put);
        }
        let written = inner.writer.commit().map_err(NotKept::from);
        kept.and(written)
    }

    /// Takes in a change that another thread has written at this place of its own log.
    pub(crate) fn take_in(&self, change: Change, place: &KeptPlace) {
        let mut inner = self.inner.lock();
        inner.changes += 1;
        inner.state.apply(change);
        place.settle();
    }

    /// Forgets what was told of all other rooms: they did not go on, or nobody was told of them any more.
    pub(crate) fn retain_rooms(&self, stays: impl Fn(u64) -> bool) {
        self.inner.lock().state.rooms.retain(stays);
    }

    /// Writes everything as one piece if it is time for that.
    pub(crate) fn care(&self, now_us: u64) {
        let mut inner = self.inner.lock();
        let age_us = u128::from(now_us.saturating_sub(inner.handed_in_us));
        let is_old = inner.changes > 0 && age_us >= KEPT_WORLD_INTERVAL.as_micros();
        if inner.writer.wants_all() || is_old || inner.changes >= KEPT_CHANGES_MAX {
            inner.state.advance(unix_ms());
            let all = Box::new(FrozenState(inner.state.clone()));
            inner.writer.hand_in(all);
            (inner.changes, inner.handed_in_us) = (0, now_us);
        }
    }

    /// The place behind everything that was kept so far.
    pub(crate) fn position(&self) -> u64 {
        self.inner.lock().writer.position()
    }

    /// Whether the disk has everything up to a place.
    pub(crate) fn synced(&self, position: u64) -> Synced {
        self.watermark.covers(position)
    }
}

impl Inner {
    /// Adds a change to the state and to the next write.
    fn put(&mut self, change: Change) -> Result<(), NotKept> {
        let number = self.writer.put(&change.encode());
        self.changes += 1;
        self.state.apply(change);
        let number = number.ok_or(NotKept::NoNumber)?;
        self.state.number = number;
        self.writer.settle(number);
        Ok(())
    }
}

impl fmt::Debug for KeptLog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeptLog")
    }
}

/// The entries that were found as one state, and the number of those that cannot be read.
fn found_state(world: Option<&Numbered>, entries: &[Numbered]) -> (KeptState, usize) {
    let mut faults = 0;
    let mut note = |number: u32, fault: &Unreadable| {
        faults += 1;
        tracing::error!(number, %fault, "something that an earlier process has kept cannot be read");
    };
    let mut state = KeptState::default();
    if let Some((number, bytes)) = world {
        match KeptState::decode(bytes) {
            Ok(found) => state = found,
            Err(fault) => note(number.0, &fault),
        }
    }
    for (number, bytes) in entries {
        match Change::decode(bytes) {
            Ok(change) => state.go_on_with(number.0, change),
            Err(fault) => note(number.0, &fault),
        }
    }
    // Much of it may have ended while no process was there.
    state.advance(unix_ms());
    (state, faults)
}

#[cfg(test)]
pub(crate) mod tests;
