//! The numbers of the things of the whole server that are kept. Several threads write them, each into its own log; the
//! numbers put them in order.
//!
//! A number is *settled* once the thing is part of everything that is handed in as one piece, or never will be. So the
//! piece stands for all numbers up to the last one before which none is open.

use super::log::{Synced, Watermark};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The numbers of a data folder. They grow, over all processes.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    /// The number that was given last; 2^32 of them last for a year at a hundred a second.
    last: AtomicU32,
    settled: Mutex<Settled>,
}

#[derive(Debug, Default)]
struct Settled {
    up_to: u32,
    /// Settled numbers behind one that is open.
    beyond: BTreeSet<u32>,
}

impl Numbering {
    /// Goes on after the numbers of earlier processes, before any is given.
    pub(crate) fn begin_after(&self, last: u32) {
        self.last.store(last, Ordering::Relaxed);
        self.settled.lock().up_to = last;
    }

    /// The next number; `None` when there is no further one.
    pub(crate) fn next(&self) -> Option<u32> {
        let next = |last: u32| last.checked_add(1);
        let before = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        if before.is_err() {
            tracing::error!("the data folder has no further number for what is to be kept; begin a new folder");
        }
        before.ok()?.checked_add(1)
    }

    /// Notes that a number is settled.
    pub(crate) fn settle(&self, number: u32) {
        let mut settled = self.settled.lock();
        if number > settled.up_to {
            settled.beyond.insert(number);
        }
        while let Some(next) = settled.up_to.checked_add(1)
            && settled.beyond.remove(&next)
        {
            settled.up_to = next;
        }
    }

    /// The number up to which all are settled.
    pub(crate) fn settled(&self) -> u32 {
        self.settled.lock().up_to
    }
}

/// No position of a log: the batch is not written yet, or never will be.
const NOT_YET: u64 = u64::MAX;
const LOST: u64 = u64::MAX - 1;

/// The position that a batch will have in its log, for the thread that writes it. If it is dropped, the batch is lost.
#[derive(Debug)]
pub(super) struct BatchPromise(Arc<AtomicU64>);

impl BatchPromise {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOT_YET)))
    }

    /// The batch was written and its log ends at this position, or the batch was lost.
    pub(super) fn settle(self, position: Option<u64>) {
        self.0.store(position.unwrap_or(LOST), Ordering::Release);
    }

    /// The place of an entry of the batch, which has this number.
    pub(super) fn place(&self, number: u32, numbering: &Arc<Numbering>, watermark: Watermark) -> KeptPlace {
        KeptPlace { batch: Arc::clone(&self.0), watermark, number, numbering: Arc::clone(numbering) }
    }
}

impl Drop for BatchPromise {
    fn drop(&mut self) {
        let _ = self.0.compare_exchange(NOT_YET, LOST, Ordering::Release, Ordering::Relaxed);
    }
}

/// The place of something that a thread keeps in its own log, for the thread that goes on with it. Its number is settled
/// when the place is dropped.
#[derive(Debug)]
pub(crate) struct KeptPlace {
    batch: Arc<AtomicU64>,
    watermark: Watermark,
    number: u32,
    numbering: Arc<Numbering>,
}

impl KeptPlace {
    /// Whether it is written: `None` while nobody knows.
    pub(crate) fn is_written(&self) -> Option<bool> {
        let position = self.batch.load(Ordering::Acquire);
        (position != NOT_YET).then_some(position != LOST)
    }

    /// Whether the disk has it.
    pub(crate) fn synced(&self) -> Synced {
        match self.batch.load(Ordering::Acquire) {
            NOT_YET => Synced::NotYet,
            LOST => Synced::Lost,
            position => self.watermark.covers(position),
        }
    }

    /// It is part of everything now.
    pub(crate) fn settle(&self) {
        self.numbering.settle(self.number);
    }
}

impl Drop for KeptPlace {
    fn drop(&mut self) {
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::Log;
    use super::*;

    #[test]
    fn a_number_that_is_open_holds_back_those_after_it() {
        let numbering = Numbering::default();
        numbering.begin_after(7);
        assert_eq!([(); 4].map(|()| numbering.next()), [Some(8), Some(9), Some(10), Some(11)]);
        for (number, expected) in [(9, 7), (11, 7), (8, 9), (8, 9), (10, 11)] {
            numbering.settle(number);
            assert_eq!(numbering.settled(), expected, "{number}");
        }
        numbering.begin_after(u32::MAX - 1);
        assert_eq!([(); 2].map(|()| numbering.next()), [Some(u32::MAX), None]);
    }

    #[test]
    fn a_place_knows_its_batch_and_settles_its_number_in_the_end() {
        let numbering = Arc::new(Numbering::default());
        let (log, state, _supply) = Log::new();
        let promise = BatchPromise::new();
        let [first, second] =
            [(); 2].map(|()| promise.place(numbering.next().expect("a number"), &numbering, log.watermark()));
        assert_eq!((first.is_written(), first.synced()), (None, Synced::NotYet));
        promise.settle(Some(40));
        assert_eq!((first.is_written(), first.synced()), (Some(true), Synced::NotYet));
        state.set_synced(40);
        assert_eq!(first.synced(), Synced::Yes);
        drop(second);
        assert_eq!(numbering.settled(), 0);
        drop(first);
        assert_eq!(numbering.settled(), 2);
        // A thread that ends with a batch has not written it.
        let promise = BatchPromise::new();
        let third = promise.place(3, &numbering, log.watermark());
        drop(promise);
        assert_eq!((third.is_written(), third.synced()), (Some(false), Synced::Lost));
    }
}
