//! The things of the whole server that outlive its end: tickets that were used, revocations, the messages of topics and
//! their receipts, and the events that wait for webhooks.
//!
//! ```text
//! gate, topics, webhooks → keep: Change → entry of the journal, then the answer leaves
//! now and then           → KeptState as one piece, which frees the segments before it
//! start                  → newest piece, then the changes after it → KeptState
//! ```
//!
//! * A change is written before [`KeptLog::keep`] returns, so that it survives a kill of the process. A change that the
//!   disk does not take is in the next piece of everything.
//! * Several changes of one call are there together or not at all.
//! * All of it is bounded, and decoders take any bytes.
//!
//! The log is behind a lock. Such changes are rare beside ticks, but a shard that tells webhooks of a player waits for it,
//! also while everything is copied. Nothing of this is there without a data folder.

mod outbox;
mod state;
mod topics;

pub(crate) use outbox::{EventKey, EventKind, KeptEvent, KeptPlayer};
pub(crate) use state::{Change, KeptRevocation, KeptState};
pub(crate) use topics::{KeptLine, KeptReceipt, KeptTopic, KeptTopics, Said};

use crate::clock::unix_ms;
use crate::journal::{Frozen, KeeperHandle, KeptWriter, Numbered, Synced, Watermark};
use crate::limits::{KEPT_CHANGES_MAX, KEPT_WORLD_INTERVAL};
use parking_lot::Mutex;
use std::fmt;

/// The log of everything that the server keeps, shared by its threads.
pub(crate) struct KeptLog {
    inner: Mutex<Inner>,
    watermark: Watermark,
}

struct Inner {
    writer: KeptWriter,
    state: KeptState,
    /// The number of the last entry; 2^32 of them last for a year at a hundred a second.
    number: u32,
    /// Changes since everything was last handed in.
    changes: usize,
    handed_in_us: u64,
}

/// Everything, on its way to the disk.
struct FrozenState(KeptState);

impl Frozen for FrozenState {
    fn encode(&mut self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

impl KeptLog {
    /// The log of this process, with the state that an earlier one has kept. Parts that cannot be read are named in the
    /// log of the program, and left out.
    pub(crate) fn open(keeper: &KeeperHandle, world: Option<Numbered>, entries: &[Numbered]) -> Self {
        let (state, number) = found_state(world.as_ref(), entries);
        let writer = KeptWriter::new(keeper, world.is_some() || !entries.is_empty());
        let watermark = writer.watermark();
        let inner = Inner { writer, state, number, changes: 0, handed_in_us: 0 };
        Self { inner: Mutex::new(inner), watermark }
    }

    /// Looks at everything that is kept.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&KeptState) -> T) -> T {
        look(&self.inner.lock().state)
    }

    /// Keeps changes. When the disk does not take them, they are kept as soon as it does, and the journal tells of it.
    pub(crate) fn keep(&self, changes: impl IntoIterator<Item = Change>) {
        let mut inner = self.inner.lock();
        for change in changes {
            inner.put(change);
        }
        if let Err(error) = inner.writer.commit() {
            tracing::debug!(%error, "something is not kept yet");
        }
    }

    /// Writes everything as one piece if it is time for that.
    pub(crate) fn care(&self, now_us: u64) {
        let mut inner = self.inner.lock();
        let age_us = u128::from(now_us.saturating_sub(inner.handed_in_us));
        let is_old = inner.changes > 0 && age_us >= KEPT_WORLD_INTERVAL.as_micros();
        if inner.writer.wants_all() || is_old || inner.changes >= KEPT_CHANGES_MAX {
            inner.state.advance(unix_ms());
            let (number, all) = (inner.number, Box::new(FrozenState(inner.state.clone())));
            inner.writer.hand_in(number, all);
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
    fn put(&mut self, change: Change) {
        let Some(number) = self.number.checked_add(1) else {
            tracing::error!("the data folder has no further number for what is to be kept; begin a new folder");
            return;
        };
        self.number = number;
        self.changes += 1;
        self.writer.put(number, &change.encode());
        self.state.apply(change);
    }
}

impl fmt::Debug for KeptLog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeptLog")
    }
}

/// The entries that were found as one state, and the number of its last change.
fn found_state(world: Option<&Numbered>, entries: &[Numbered]) -> (KeptState, u32) {
    let read = |(_, bytes): &Numbered| match KeptState::decode(bytes) {
        Ok(state) => state,
        Err(fault) => {
            tracing::error!(%fault, "tickets, topics and webhooks of an earlier process cannot be read");
            KeptState::default()
        }
    };
    let mut state = world.map(read).unwrap_or_default();
    for (number, bytes) in entries {
        match Change::decode(bytes) {
            Ok(change) => state.apply(change),
            Err(fault) => tracing::error!(%number, %fault, "something that was kept cannot be read"),
        }
    }
    // Much of it may have ended while no process was there.
    state.advance(unix_ms());
    let last = entries.last().or(world).map_or(0, |(number, _)| number.0);
    (state, last)
}
