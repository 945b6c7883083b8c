//! Events that outlive the process: they wait for the disk before they are sent, and the outcome of each is kept.
//!
//! ```text
//! told → written, and part of what is kept → on the disk → outbox
//! ```

use super::super::event::Event;
use super::super::feed::{KeptFeed, PlacedEvent};
use super::super::outbox::{EndpointId, Outbox, OutboxChange};
use crate::clock::unix_ms;
use crate::journal::{KeptPlace, Synced};
use crate::kept::Change;
use crate::limits::{KEPT_HELD_BYTES_MAX, KEPT_SYNC_MS_MAX, KEPT_TOLD_BYTES_MAX};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// The time after which the disk is looked at again, in milliseconds. It is behind by the interval of the journal's syncs.
const LOOK_MS: u64 = 5;

/// Where an event is kept.
enum Place {
    /// In the log of the thread that has told it.
    OfTeller(KeptPlace),
    /// In the log of everything, at this position.
    OfAll(u64),
}

/// An event that is part of what is kept.
struct Written {
    event: Event,
    place: Place,
    since_ms: u64,
}

/// The events that the disk does not have yet. Those of a room leave in their order; rooms do not wait for each other.
pub(super) struct Held {
    kept: KeptFeed,
    /// Those of which nobody knows yet whether they are written, and those behind them, in the order in which they were
    /// told.
    told: VecDeque<PlacedEvent>,
    told_bytes: usize,
    written: VecDeque<Written>,
    written_bytes: usize,
}

impl Held {
    /// Puts the events of an earlier process into the outbox. They are as old as they are, and the outbox's time begins at
    /// `start_ms`.
    pub(super) fn go_on(kept: KeptFeed, outbox: &mut Outbox, start_ms: u64) -> Self {
        let now_ms = unix_ms();
        outbox.note_changes();
        let mut found: Vec<_> = kept.log.read(|state| state.outbox.events().cloned().collect());
        // One that was written again stands behind later ones of its room.
        found.sort_by_key(|event| (event.key.room, event.key.order));
        let mut changes = Vec::new();
        for event in found {
            let since_ms = start_ms.saturating_sub(now_ms.saturating_sub(event.at_ms));
            let parsed = Event::of(&event).map(Arc::new);
            for (endpoint, missed) in &event.waiting {
                let index = kept.endpoints.iter().position(|known| known == endpoint);
                match (index, &parsed) {
                    (Some(index), Some(parsed)) => outbox.push_kept(parsed, EndpointId(index), *missed, since_ms),
                    // The settings do not name this endpoint any more.
                    _ => changes.push(Change::Done { event: event.key, endpoint: *endpoint }),
                }
            }
        }
        let held = Self { kept, told: VecDeque::new(), told_bytes: 0, written: VecDeque::new(), written_bytes: 0 };
        held.keep(changes);
        held
    }

    /// Takes in an event, in the order in which events are told.
    pub(super) fn hold(&mut self, told: PlacedEvent) {
        self.told_bytes += told.event.bytes();
        self.told.push_back(told);
    }

    /// Whether it has as many events as it may have.
    pub(super) const fn is_full(&self) -> bool {
        self.told_bytes >= KEPT_TOLD_BYTES_MAX
    }

    /// Gives the outbox the events that the disk has.
    pub(super) fn release(&mut self, outbox: &mut Outbox, now_ms: u64) {
        self.take_in_written(now_ms);
        let mut behind = BTreeSet::new();
        for Written { event, place, since_ms } in std::mem::take(&mut self.written) {
            let (synced, before) = match &place {
                Place::OfTeller(place) => (place.synced(), None),
                Place::OfAll(position) => (self.kept.log.synced(*position), Some(*position)),
            };
            let is_late = now_ms.saturating_sub(since_ms) >= KEPT_SYNC_MS_MAX;
            if behind.contains(&event.serial) || synced == Synced::NotYet && !is_late {
                behind.insert(event.serial);
                self.written.push_back(Written { event, place, since_ms });
                continue;
            }
            if synced == Synced::Yes {
                self.send(event, outbox, now_ms);
                continue;
            }
            self.keep([Change::Event(event.kept(&self.kept.endpoints))]);
            let again = self.kept.log.position();
            if before == Some(again) {
                // The disk takes nothing now, and the journal tells so: the studio is told all the same.
                self.send(event, outbox, now_ms);
            } else {
                behind.insert(event.serial);
                self.written.push_back(Written { event, place: Place::OfAll(again), since_ms: now_ms });
            }
        }
    }

    /// Makes the events that are written a part of what is kept, as long as it has space for them. One that is not written
    /// is no part of it before it is certain that its cause is not written either.
    fn take_in_written(&mut self, now_ms: u64) {
        let mut behind = BTreeSet::new();
        let mut told = std::mem::take(&mut self.told);
        while self.written_bytes < KEPT_HELD_BYTES_MAX
            && let Some(PlacedEvent { event, place }) = told.pop_front()
        {
            // An event without a place is in no other log.
            let is_written = place.as_ref().map_or(Some(false), KeptPlace::is_written);
            match (is_written.filter(|_| !behind.contains(&event.serial)), place) {
                (None, place) => {
                    // The later events of its room wait for it, and a thread that is slow holds up nobody else's.
                    behind.insert(event.serial);
                    self.told.push_back(PlacedEvent { event, place });
                }
                (Some(true), Some(place)) => {
                    self.kept.log.take_in(Change::Event(event.kept(&self.kept.endpoints)), &place);
                    self.has_written(event, Place::OfTeller(place), now_ms);
                }
                (Some(_), _) => {
                    self.keep([Change::Event(event.kept(&self.kept.endpoints))]);
                    let position = self.kept.log.position();
                    self.has_written(event, Place::OfAll(position), now_ms);
                }
            }
        }
        self.told.append(&mut told);
    }

    fn has_written(&mut self, event: Event, place: Place, now_ms: u64) {
        self.told_bytes -= event.bytes();
        self.written_bytes += event.bytes();
        self.written.push_back(Written { event, place, since_ms: now_ms });
    }

    fn send(&mut self, event: Event, outbox: &mut Outbox, now_ms: u64) {
        self.written_bytes -= event.bytes();
        outbox.push(event, now_ms);
    }

    /// Keeps what has become of events.
    pub(super) fn note(&self, outbox: &mut Outbox) {
        self.keep(outbox.take_changes().into_iter().map(|OutboxChange { endpoint, event, missed }| {
            let endpoint = self.kept.endpoints[endpoint.0];
            match missed {
                Some(missed) => Change::Missed { event, endpoint, missed },
                None => Change::Done { event, endpoint },
            }
        }));
    }

    fn keep(&self, changes: impl IntoIterator<Item = Change, IntoIter: ExactSizeIterator>) {
        let changes = changes.into_iter();
        if changes.len() > 0
            && let Err(error) = self.kept.log.keep(changes)
        {
            tracing::debug!(%error, "news of webhooks are not kept yet");
        }
    }

    /// Events that the disk does not have yet.
    pub(super) fn len(&self) -> usize {
        self.told.len() + self.written.len()
    }

    /// The time after which to look again; `None` when nothing is held.
    pub(super) fn wait_ms(&self) -> Option<u64> {
        (self.len() > 0).then_some(LOOK_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::event::{RoomEvent, RoomSerial};
    use super::super::super::feed::Webhooks;
    use super::super::super::outbox::OutboxSettings;
    use super::*;
    use crate::kept::tests::{Process, Temporary};

    /// Releases events until so many wait to be sent, and so many are still held.
    fn release(held: &mut Held, outbox: &mut Outbox, count: usize, rest: usize) {
        release_at(0, held, outbox, count, rest);
    }

    fn release_at(now_ms: u64, held: &mut Held, outbox: &mut Outbox, count: usize, rest: usize) {
        let start = std::time::Instant::now();
        while outbox.waiting() < count {
            held.release(outbox, now_ms);
            assert!(start.elapsed().as_secs() < 60, "the disk never has them");
            std::thread::yield_now();
        }
        let bytes = held.told_bytes + held.written_bytes;
        assert_eq!((outbox.waiting(), held.len(), bytes > 0), (count, rest, rest > 0));
    }

    #[test]
    fn an_event_is_kept_with_its_cause_and_sent_once_the_disk_has_it() {
        let data = Temporary::new("held");
        let process = Process::start(&data.0);
        let (webhooks, mut inbox) = Webhooks::to_test_in(&process.log);
        let mut outbox = Outbox::new(1, OutboxSettings::default(), 1);
        let mut held = Held::go_on(webhooks.kept.clone().unwrap(), &mut outbox, 0);
        let mut journal = process.writer();
        let mut feed = webhooks.feed(RoomSerial(1), "BCDFGH", "arena").unwrap();
        let is_kept = || process.log.read(|state| state.outbox.events().count());
        feed.tell(RoomEvent::RoomOpened, 0);
        assert!(inbox.try_recv().is_err(), "its cause is not in the log yet");
        feed.write(&mut journal);
        held.hold(inbox.try_recv().unwrap());
        // Nobody has written this one; it waits for its turn.
        feed.tell(RoomEvent::RoomOpened, 1);
        drop(feed);
        held.hold(inbox.try_recv().unwrap());
        held.release(&mut outbox, 0);
        assert_eq!((outbox.waiting(), held.len(), is_kept()), (0, 2, 0));
        // A thread that has not come to its write holds up no other one.
        let (mut swift, mut other) = (process.writer(), webhooks.feed(RoomSerial(3), "BCDFGH", "arena").unwrap());
        other.tell(RoomEvent::RoomOpened, 1);
        other.write(&mut swift);
        swift.commit();
        held.hold(inbox.try_recv().unwrap());
        release(&mut held, &mut outbox, 1, 2);
        journal.commit();
        release(&mut held, &mut outbox, 3, 0);
        assert_eq!(is_kept(), 3);
        let ids = std::iter::from_fn(|| outbox.poll(0)).map(|posting| posting.id).collect::<Vec<_>>();
        let first = ["evt_0000000000000001_1_1", "evt_0000000000000001_3_1"];
        assert_eq!(ids, first, "the second one of a room waits for the first one");
        // The thread that has told this one ends without a write: its cause is lost, and the event is not.
        let mut feed = webhooks.feed(RoomSerial(2), "BCDFGH", "arena").unwrap();
        feed.tell(RoomEvent::RoomOpened, 2);
        feed.write(&mut journal);
        held.hold(inbox.try_recv().unwrap());
        drop(journal);
        release(&mut held, &mut outbox, 4, 0);
        assert_eq!(is_kept(), 4);
    }

    #[test]
    fn an_event_in_a_log_that_is_never_synced_goes_on_by_another_one_and_holds_up_its_own_room_alone() {
        let (data, other) = (Temporary::new("late"), Temporary::new("silent"));
        let process = Process::start(&data.0);
        let (webhooks, mut inbox) = Webhooks::to_test_in(&process.log);
        let mut outbox = Outbox::new(1, OutboxSettings::default(), 1);
        let mut held = Held::go_on(webhooks.kept.clone().unwrap(), &mut outbox, 0);
        let (mut silent, mut journal) = (Process::silent_writer(&other.0), process.writer());
        for (room, journal, count) in [(1, &mut silent, 2), (2, &mut journal, 1)] {
            let mut feed = webhooks.feed(RoomSerial(room), "BCDFGH", "arena").unwrap();
            for at_ms in 0..count {
                feed.tell(RoomEvent::RoomOpened, at_ms);
                feed.write(journal);
            }
            journal.commit();
        }
        while let Ok(told) = inbox.try_recv() {
            held.hold(told);
        }
        release(&mut held, &mut outbox, 1, 2);
        held.release(&mut outbox, KEPT_SYNC_MS_MAX - 1);
        assert_eq!((outbox.waiting(), held.len()), (1, 2), "the disk has time");
        release_at(KEPT_SYNC_MS_MAX, &mut held, &mut outbox, 3, 0);
        assert_eq!(process.log.read(|state| state.outbox.events().count()), 3, "each of them once");
        let ids = std::iter::from_fn(|| outbox.poll(KEPT_SYNC_MS_MAX)).map(|posting| posting.id).collect::<Vec<_>>();
        assert_eq!(ids, ["evt_0000000000000001_2_1", "evt_0000000000000001_1_1"]);
    }

    #[test]
    fn the_events_of_a_room_go_on_in_their_order_however_they_were_written() {
        let data = Temporary::new("order");
        let process = Process::start(&data.0);
        let (webhooks, mut inbox) = Webhooks::to_test_in(&process.log);
        let kept = webhooks.kept.clone().unwrap();
        let mut feed = webhooks.feed(RoomSerial(1), "BCDFGH", "arena").unwrap();
        let mut journal = process.writer();
        for at_ms in 0..2 {
            feed.tell(RoomEvent::RoomOpened, at_ms);
            feed.write(&mut journal);
        }
        let told: Vec<_> = std::iter::from_fn(|| inbox.try_recv().ok()).collect();
        let changes: Vec<_> = told.iter().rev().map(|told| Change::Event(told.event.kept(&kept.endpoints))).collect();
        kept.log.keep(changes).unwrap();
        let mut outbox = Outbox::new(1, OutboxSettings::default(), 1);
        let _held = Held::go_on(kept, &mut outbox, 0);
        assert_eq!((outbox.waiting(), outbox.poll(0).unwrap().id), (2, "evt_0000000000000001_1_1".to_owned()));
    }
}
