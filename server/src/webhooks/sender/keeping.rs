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
use crate::limits::KEPT_HELD_BYTES_MAX;
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

/// The events that the disk does not have yet.
pub(super) struct Held {
    kept: KeptFeed,
    /// Those of which nobody knows yet whether they are written, and those behind them, in the order in which they were
    /// told.
    told: VecDeque<PlacedEvent>,
    /// Those that are part of what is kept.
    written: VecDeque<(Event, Place)>,
    bytes: usize,
}

impl Held {
    /// Puts the events of an earlier process into the outbox. They are as old as they are, and the outbox's time begins at
    /// `start_ms`.
    pub(super) fn go_on(kept: KeptFeed, outbox: &mut Outbox, start_ms: u64) -> Self {
        let now_ms = unix_ms();
        outbox.note_changes();
        let found: Vec<_> = kept.log.read(|state| state.outbox.events().cloned().collect());
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
        let held = Self { kept, told: VecDeque::new(), written: VecDeque::new(), bytes: 0 };
        held.keep(changes);
        held
    }

    /// Takes in an event, in the order in which events are told.
    pub(super) fn hold(&mut self, told: PlacedEvent) {
        self.bytes += told.event.bytes();
        self.told.push_back(told);
    }

    /// Whether it has as many events as it may have.
    pub(super) const fn is_full(&self) -> bool {
        self.bytes >= KEPT_HELD_BYTES_MAX
    }

    /// Gives the outbox the events that the disk has.
    pub(super) fn release(&mut self, outbox: &mut Outbox, now_ms: u64) {
        self.take_in_written();
        while let Some((event, place)) = self.written.pop_front() {
            let (synced, before) = match &place {
                Place::OfTeller(place) => (place.synced(), None),
                Place::OfAll(position) => (self.kept.log.synced(*position), Some(*position)),
            };
            match synced {
                Synced::NotYet => return self.written.push_front((event, place)),
                Synced::Yes => self.send(event, outbox, now_ms),
                Synced::Lost => {
                    self.keep([Change::Event(event.kept(&self.kept.endpoints))]);
                    let again = self.kept.log.position();
                    if before == Some(again) {
                        // The disk takes nothing now, and the journal tells so: the studio is told all the same.
                        self.send(event, outbox, now_ms);
                    } else {
                        return self.written.push_front((event, Place::OfAll(again)));
                    }
                }
            }
        }
    }

    /// Makes the events that are written a part of what is kept. One that is not written is no part of it before it is
    /// certain that its cause is not written either.
    fn take_in_written(&mut self) {
        let mut behind = BTreeSet::new();
        for PlacedEvent { event, place } in std::mem::take(&mut self.told) {
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
                    self.written.push_back((event, Place::OfTeller(place)));
                }
                (Some(_), _) => self.keep_event(event),
            }
        }
    }

    /// Keeps an event in the log of everything.
    fn keep_event(&mut self, event: Event) {
        self.keep([Change::Event(event.kept(&self.kept.endpoints))]);
        let position = self.kept.log.position();
        self.written.push_back((event, Place::OfAll(position)));
    }

    fn send(&mut self, event: Event, outbox: &mut Outbox, now_ms: u64) {
        self.bytes -= event.bytes();
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
        let start = std::time::Instant::now();
        while outbox.waiting() < count {
            held.release(outbox, 0);
            assert!(start.elapsed().as_secs() < 60, "the disk never has them");
            std::thread::yield_now();
        }
        assert_eq!((outbox.waiting(), held.len(), held.bytes > 0), (count, rest, rest > 0));
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
}
