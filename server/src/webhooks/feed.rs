//! The producer's side: a room tells its events without waiting.
//!
//! A feed numbers the events of its room. An event that finds the channel full is lost: it is counted, and the next one
//! that gets through says so.
//!
//! With a data folder an event waits in the feed until [`RoomFeed::write`] has it written together with its cause: the
//! tick, the opening or the end of the room. So a later process that knows of the one knows of the other, and tells no
//! event a second time under another id. An event whose writer is not there is written by the thread of webhooks.

use super::event::{CODE_BYTES_MAX, Event, EventError, GAME_BYTES_MAX, Participant, RoomEvent, RoomSerial, bounded};
use crate::journal::{JournalWriter, KeptPlace};
use crate::kept::{Change, KeptLog};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// Events that wait for the thread of webhooks at the most, of all rooms together; about 3 MB if all are results.
pub(crate) const CHANNEL_EVENTS_MAX: usize = 1_024;

/// Counts of deliveries: an event for two endpoints is two deliveries.
#[derive(Debug, Default)]
pub(crate) struct WebhookMetrics {
    /// Deliveries that were answered with 2xx.
    pub(crate) sent: AtomicU64,
    /// Attempts after the first one of a delivery.
    pub(crate) retried: AtomicU64,
    /// Deliveries that were given up: too old, failed too often, or the endpoint is gone.
    pub(crate) failed: AtomicU64,
    /// Deliveries for which there was no place, and those that waited when the server stopped.
    pub(crate) lost: AtomicU64,
    /// Deliveries that wait in the outbox now.
    pub(crate) waiting: AtomicU64,
    /// Endpoints that are paused or gone now.
    pub(crate) paused: AtomicU64,
}

/// The way to the thread of webhooks, from which each room has its own feed.
#[derive(Debug, Clone)]
pub(crate) struct Webhooks {
    pub(super) process: u64,
    pub(super) endpoints: u64,
    pub(super) events: mpsc::Sender<PlacedEvent>,
    pub(super) metrics: Arc<WebhookMetrics>,
    pub(super) kept: Option<KeptFeed>,
}

/// An event on its way to the thread of webhooks.
#[derive(Debug)]
pub(crate) struct PlacedEvent {
    pub(crate) event: Event,
    /// Its place in the log of the thread that has told it, if it is kept there.
    pub(super) place: Option<KeptPlace>,
}

/// Where events are kept before they are sent.
#[derive(Debug, Clone)]
pub(crate) struct KeptFeed {
    pub(super) log: Arc<KeptLog>,
    /// The endpoints, see [`EndpointUrl::fingerprint`](super::url::EndpointUrl::fingerprint).
    pub(super) endpoints: Arc<[u64]>,
}

impl Webhooks {
    /// The feed of a room that is about to open. No two rooms of a process may have the same serial.
    ///
    /// # Errors
    /// When the code or the name of the game is too long.
    pub(crate) fn feed(&self, serial: RoomSerial, code: &str, game: &str) -> Result<RoomFeed, EventError> {
        let room = bounded("the room's code", code, CODE_BYTES_MAX)?.into();
        let game = bounded("the game's name", game, GAME_BYTES_MAX)?.into();
        Ok(RoomFeed { webhooks: self.clone(), serial, room, game, order: 0, missed: 0, unwritten: Vec::new() })
    }

    /// The way to a test, which reads the events itself.
    #[cfg(test)]
    pub(crate) fn to_test() -> (Self, mpsc::Receiver<PlacedEvent>) {
        let (events, inbox) = mpsc::channel(CHANNEL_EVENTS_MAX);
        (Self { process: 1, endpoints: 1, events, metrics: Arc::default(), kept: None }, inbox)
    }

    /// The same, with events that are kept for one endpoint.
    #[cfg(test)]
    pub(super) fn to_test_in(log: &Arc<KeptLog>) -> (Self, mpsc::Receiver<PlacedEvent>) {
        let (webhooks, inbox) = Self::to_test();
        let kept = KeptFeed { log: Arc::clone(log), endpoints: [1].into() };
        (Self { kept: Some(kept), ..webhooks }, inbox)
    }

    /// The same, with a log of its own in this data folder.
    #[cfg(test)]
    pub(crate) fn to_test_kept(
        keeper: &crate::journal::KeeperHandle,
        folder: &std::path::Path,
    ) -> (Self, mpsc::Receiver<PlacedEvent>) {
        Self::to_test_in(&Arc::new(KeptLog::open(keeper, None, &[], folder).expect("nothing is to be read")))
    }

    /// The counts.
    #[must_use]
    pub(crate) const fn metrics(&self) -> &Arc<WebhookMetrics> {
        &self.metrics
    }
}

/// The events of one room.
#[derive(Debug)]
pub(crate) struct RoomFeed {
    webhooks: Webhooks,
    serial: RoomSerial,
    room: Arc<str>,
    game: Arc<str>,
    order: u64,
    /// Events that were lost since the last one that got through.
    missed: u64,
    /// Events that are to be written before they are on their way, and when they have happened.
    unwritten: Vec<(RoomEvent, u64)>,
}

impl RoomFeed {
    /// Goes on with a room of an earlier process, if that has kept anything of it; gives its players.
    pub(crate) fn go_on(&mut self) -> Vec<Participant> {
        let Some(KeptFeed { log, .. }) = &self.webhooks.kept else { return Vec::new() };
        let Some(room) = log.read(|state| state.rooms.get(self.serial.0).cloned()) else { return Vec::new() };
        self.order = room.order;
        room.players.values().filter_map(Participant::of).collect()
    }

    /// Tells an event that has happened `at_ms` milliseconds after 1970. Never waits. An event that is to be kept is on
    /// its way with the next [`Self::write`].
    pub(crate) fn tell(&mut self, event: RoomEvent, at_ms: u64) {
        if self.webhooks.kept.is_some() {
            return self.unwritten.push((event, at_ms));
        }
        self.send(event, at_ms, None);
    }

    /// Adds the events that were told to the next write of a thread's log.
    pub(crate) fn write(&mut self, journal: &mut JournalWriter) {
        for (event, at_ms) in std::mem::take(&mut self.unwritten) {
            self.send(event, at_ms, Some(journal));
        }
    }

    /// Sends an event on its way, if there is a place for it.
    fn send(&mut self, event: RoomEvent, at_ms: u64, journal: Option<&mut JournalWriter>) {
        self.order += 1;
        let event = Event {
            process: self.webhooks.process,
            serial: self.serial,
            room: Arc::clone(&self.room),
            game: Arc::clone(&self.game),
            order: self.order,
            missed: self.missed,
            at_ms,
            event,
        };
        let Ok(way) = self.webhooks.events.try_reserve() else {
            self.missed += 1;
            self.webhooks.metrics.lost.fetch_add(self.webhooks.endpoints, Ordering::Relaxed);
            return;
        };
        self.missed = 0;
        let place = match (&self.webhooks.kept, journal) {
            (Some(kept), Some(journal)) => journal.kept(&Change::Event(event.kept(&kept.endpoints)).encode()),
            _ => None,
        };
        way.send(PlacedEvent { event, place });
    }
}

impl Drop for RoomFeed {
    fn drop(&mut self) {
        for (event, at_ms) in std::mem::take(&mut self.unwritten) {
            self.send(event, at_ms, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Reason;
    use super::*;
    use crate::kept::tests::{Process, Temporary};

    #[test]
    fn a_room_never_waits_and_the_next_event_tells_the_loss() {
        let (events, mut inbox) = mpsc::channel(2);
        let webhooks = Webhooks { process: 1, endpoints: 3, events, metrics: Arc::default(), kept: None };
        let mut feed = webhooks.feed(RoomSerial(1), "BCDFGH", "arena").unwrap();
        (0..7).for_each(|at_ms| feed.tell(RoomEvent::RoomOpened, at_ms));
        assert_eq!(webhooks.metrics().lost.load(Ordering::Relaxed), 5 * 3);
        let mut told = || inbox.try_recv().ok().map(|told| (told.event.order, told.event.missed));
        assert_eq!((told(), told(), told()), (Some((1, 0)), Some((2, 0)), None));
        feed.tell(RoomEvent::RoomOpened, 7);
        feed.tell(RoomEvent::RoomOpened, 8);
        assert_eq!((told(), told()), (Some((8, 5)), Some((9, 0))));
    }

    #[test]
    fn a_feed_goes_on_when_the_thread_is_gone() {
        let (events, inbox) = mpsc::channel(2);
        let webhooks = Webhooks { process: 1, endpoints: 1, events, metrics: Arc::default(), kept: None };
        let mut feed = webhooks.feed(RoomSerial(1), "BCDFGH", "arena").unwrap();
        drop(inbox);
        feed.tell(RoomEvent::RoomOpened, 0);
        assert_eq!(webhooks.metrics().lost.load(Ordering::Relaxed), 1);
        assert!(webhooks.feed(RoomSerial(2), &"c".repeat(CODE_BYTES_MAX + 1), "arena").is_err());
    }
    #[test]
    fn a_room_of_an_earlier_process_goes_on_with_its_players_and_after_its_last_event() {
        let data = Temporary::new("feed");
        let process = Process::start(&data.0);
        let (webhooks, mut inbox) = Webhooks::to_test_in(&process.log);
        let mut feed = webhooks.feed(RoomSerial(7), "BCDFGH", "arena").unwrap();
        let [ada, bob] = [("ada", 0), ("bob", 3)].map(|(id, seat)| Participant::new(id, id, seat).unwrap());
        let reason = Reason::new("left");
        feed.tell(RoomEvent::RoomOpened, 0);
        feed.tell(RoomEvent::PlayerJoined { player: ada.clone() }, 1);
        feed.tell(RoomEvent::PlayerJoined { player: bob.clone() }, 2);
        feed.tell(RoomEvent::PlayerLeft { player: ada, reason }, 3);
        drop(feed);
        while let Ok(told) = inbox.try_recv() {
            process.log.keep([Change::Event(told.event.kept(&[]))]).unwrap();
        }
        let mut feed = webhooks.feed(RoomSerial(7), "BCDFGH", "arena").unwrap();
        assert_eq!(feed.go_on(), [bob]);
        feed.tell(RoomEvent::RoomClosed { reason }, 4);
        drop(feed);
        let closed = inbox.try_recv().unwrap().event;
        assert_eq!((closed.order, closed.missed), (5, 0));
        process.log.keep([Change::Event(closed.kept(&[]))]).unwrap();
        let mut other = webhooks.feed(RoomSerial(7), "BCDFGH", "arena").unwrap();
        assert!(other.go_on().is_empty(), "nothing is known of a room that has ended");
        assert_eq!(other.order, 0);
    }
}
