//! The queue of one endpoint: its rooms, the times at which they are due, and whether the endpoint is paused.

use super::super::event::{Event, RoomSerial};
use super::{Outcome, Shared};
#[cfg(test)]
use crate::kept::EventKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// `410 Gone`: the endpoint wants no more events.
const GONE: u16 = 410;

/// `429 Too Many Requests`.
const TOO_MANY: u16 = 429;

/// `502 Bad Gateway`, `503 Service Unavailable` and `504 Gateway Timeout`: the endpoint has too much to do.
const OVERLOADED: RangeInclusive<u16> = 502..=504;

/// The state of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Health {
    /// It takes events, or nothing else is known.
    #[default]
    Up,
    /// It has failed too often in a row: one request at a time finds out whether it is back.
    Paused {
        /// Requests that have failed since the pause began.
        probes: u32,
    },
    /// It has answered with `410 Gone`, and is sent nothing any more.
    Gone,
}

/// An event that waits.
#[derive(Debug)]
struct Waiting {
    event: Arc<Event>,
    since_ms: u64,
    /// Events right before this one that the endpoint misses. Fixed from the first attempt on: the body does not change.
    missed: u64,
    attempts: u32,
    /// Failures while the endpoint was up.
    failures: u32,
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
struct Flight {
    /// Whether it finds out if a paused endpoint is back.
    is_probe: bool,
}

/// The events of a room. Never empty; only the first one has been attempted.
#[derive(Debug)]
struct RoomQueue {
    events: VecDeque<Waiting>,
    /// The time from which the first event may be sent.
    due_ms: u64,
    flight: Option<Flight>,
}

/// An attempt, as the outbox makes a delivery of it.
pub(super) struct Attempt {
    pub(super) event: Arc<Event>,
    pub(super) missed: u64,
    pub(super) number: u32,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct EndpointQueue {
    rooms: BTreeMap<RoomSerial, RoomQueue>,
    /// The rooms that have no request under way, by the time at which they are due.
    due: BTreeSet<(u64, RoomSerial)>,
    /// All rooms, by the number of their events.
    lengths: BTreeSet<(usize, RoomSerial)>,
    /// Losses of rooms that have no event left to tell them. As many rooms as events at the most.
    untold: BTreeMap<RoomSerial, u64>,
    events: usize,
    bytes: usize,
    in_flight: usize,
    health: Health,
    failures_in_row: u32,
    /// Nothing is sent before this time.
    hold_until_ms: u64,
}

impl EndpointQueue {
    /// Events that wait or are under way.
    pub(super) const fn len(&self) -> usize {
        self.events
    }

    /// Bytes of these events.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn health(&self) -> Health {
        self.health
    }

    /// Takes in an event, right before which the endpoint misses so many. An endpoint that is gone loses it.
    pub(super) fn push(&mut self, event: Arc<Event>, missed: u64, now_ms: u64, shared: &mut Shared) {
        if self.health == Health::Gone {
            shared.counts.lost += 1;
            shared.note(event.key(), None);
            return;
        }
        let room = event.serial;
        let untold = self.untold.remove(&room).unwrap_or(0);
        let missed = missed + untold;
        if untold > 0 {
            shared.note(event.key(), Some(missed));
        }
        self.events += 1;
        self.bytes += event.bytes();
        let waiting = Waiting { event, since_ms: now_ms, missed, attempts: 0, failures: 0 };
        if let Some(queue) = self.rooms.get_mut(&room) {
            self.lengths.remove(&(queue.events.len(), room));
            queue.events.push_back(waiting);
            self.lengths.insert((queue.events.len(), room));
        } else {
            self.rooms.insert(room, RoomQueue { events: [waiting].into(), due_ms: now_ms, flight: None });
            self.lengths.insert((1, room));
            self.due.insert((now_ms, room));
        }
        self.make_room(room, shared);
    }

    /// Loses events until the bounds hold again, after `arriving` has got one more.
    ///
    /// The room with most waiting events pays, and the arriving one when several have as many. It loses the event before
    /// its last, so that its last one tells the loss, and a room that has closed is known to have closed. When the only
    /// event before the last has been attempted, its body is fixed, and the last one is lost instead.
    fn make_room(&mut self, arriving: RoomSerial, shared: &mut Shared) {
        while self.events > shared.settings.events_max || self.bytes > shared.settings.bytes_max {
            let Some(&(len, longest)) = self.lengths.last() else { return };
            let victim = if self.lengths.contains(&(len, arriving)) { arriving } else { longest };
            let queue = &self.rooms[&victim];
            let before_last = len.checked_sub(2).filter(|place| queue.events[*place].attempts == 0);
            let place = before_last.unwrap_or(len - 1);
            // Only an arriving event can be alone in the longest queue: without it the bounds hold.
            assert!(queue.events[place].attempts == 0, "an event that has been attempted keeps its place");
            self.remove(victim, place, shared);
            shared.counts.lost += 1;
        }
    }

    /// Loses the event that has waited for the longest time and is not under way; `false` when there is none.
    pub(super) fn lose_oldest(&mut self, shared: &mut Shared) -> bool {
        let first = |room: &RoomSerial| self.rooms[room].events.front();
        let since = |room: &RoomSerial| first(room).map(|first| (first.since_ms, *room, first.attempts > 0));
        let Some((_, room, has_tried)) = self.due.iter().filter_map(|(_, room)| since(room)).min() else {
            return false;
        };
        self.remove(room, 0, shared);
        // The endpoint may have taken one that was attempted, and its answer never came.
        *if has_tried { &mut shared.counts.failed } else { &mut shared.counts.lost } += 1;
        true
    }

    /// Removes an event that was not taken; the next one of its room tells so. A room without events has no queue.
    fn remove(&mut self, room: RoomSerial, place: usize, shared: &mut Shared) {
        let queue = self.rooms.get_mut(&room).expect("an event is removed from a room that has it");
        let len = queue.events.len();
        let removed = queue.events.remove(place).expect("the place is one of the queue");
        self.events -= 1;
        self.bytes -= removed.event.bytes();
        let missed = removed.missed + 1;
        shared.note(removed.event.key(), None);
        match queue.events.get_mut(place) {
            Some(next) => {
                next.missed += missed;
                shared.note(next.event.key(), Some(next.missed));
            }
            None if !removed.event.is_last() => *self.untold.entry(room).or_default() += missed,
            None => {}
        }
        self.relist(room, len);
        // A room whose closing never came in leaves its count behind: the oldest rooms are forgotten.
        if self.untold.len() > shared.settings.events_max {
            self.untold.pop_first();
        }
    }

    /// Lists a room by its new length after it has had `len_before` events; takes it out if it has none.
    fn relist(&mut self, room: RoomSerial, len_before: usize) {
        self.lengths.remove(&(len_before, room));
        let queue = &self.rooms[&room];
        if queue.events.is_empty() {
            self.due.remove(&(queue.due_ms, room));
            self.rooms.remove(&room);
        } else {
            self.lengths.insert((queue.events.len(), room));
        }
    }

    /// The next attempt, if one may be made now.
    pub(super) fn poll(&mut self, now_ms: u64, shared: &mut Shared) -> Option<Attempt> {
        while self.may_send(shared) && now_ms >= self.hold_until_ms {
            let &(due_ms, room) = self.due.first().filter(|(due_ms, _)| *due_ms <= now_ms)?;
            let queue = self.rooms.get_mut(&room).expect("a room that is due has events");
            let first = queue.events.front_mut().expect("a room without events has no queue");
            if now_ms.saturating_sub(first.since_ms) >= shared.settings.age_ms_max {
                shared.counts.failed += 1;
                self.remove(room, 0, shared);
                continue;
            }
            first.attempts = first.attempts.saturating_add(1);
            shared.counts.retried += u64::from(first.attempts > 1);
            queue.flight = Some(Flight { is_probe: self.health != Health::Up });
            self.due.remove(&(due_ms, room));
            self.in_flight += 1;
            return Some(Attempt { event: Arc::clone(&first.event), missed: first.missed, number: first.attempts });
        }
        None
    }

    /// Whether there is a place for one more request.
    const fn may_send(&self, shared: &Shared) -> bool {
        match self.health {
            Health::Up => self.in_flight < shared.settings.in_flight_max,
            Health::Paused { .. } => self.in_flight == 0,
            Health::Gone => false,
        }
    }

    /// The time at which something may be sent; `None` while that depends on an answer or an event.
    pub(super) fn wake_at_ms(&self, shared: &Shared) -> Option<u64> {
        let (due_ms, _) = self.due.first().filter(|_| self.may_send(shared))?;
        Some(self.hold_until_ms.max(*due_ms))
    }

    /// Takes in the outcome of the request of a room.
    pub(super) fn answered(&mut self, room: RoomSerial, outcome: Outcome, now_ms: u64, shared: &mut Shared) {
        // An endpoint that is gone has no rooms any more; its last requests may still be answered.
        let Some(queue) = self.rooms.get_mut(&room) else { return };
        let Some(flight) = queue.flight.take() else { return };
        self.in_flight -= 1;
        match outcome {
            Outcome::Taken => self.take(room, flight, now_ms, shared),
            Outcome::Refused { status: GONE, .. } => self.end(shared),
            Outcome::Refused { status, retry_after_ms } => {
                self.fail(room, flight, Some(status), retry_after_ms, now_ms, shared)
            }
            Outcome::Failed => self.fail(room, flight, None, None, now_ms, shared),
        }
    }

    fn take(&mut self, room: RoomSerial, flight: Flight, now_ms: u64, shared: &mut Shared) {
        shared.counts.sent += 1;
        let queue = self.rooms.get_mut(&room).expect("a room with a request has events");
        let len = queue.events.len();
        let taken = queue.events.pop_front().expect("a room without events has no queue");
        self.events -= 1;
        self.bytes -= taken.event.bytes();
        shared.note(taken.event.key(), None);
        queue.due_ms = now_ms;
        self.due.insert((now_ms, room));
        self.relist(room, len);
        // Only a probe ends a pause: an answer to an earlier request may have been long under way.
        if self.health == Health::Up {
            self.failures_in_row = 0;
        } else if flight.is_probe {
            (self.health, self.failures_in_row, self.hold_until_ms) = (Health::Up, 0, now_ms);
        }
    }

    fn fail(
        &mut self,
        room: RoomSerial,
        flight: Flight,
        status: Option<u16>,
        retry_after_ms: Option<u64>,
        now_ms: u64,
        shared: &mut Shared,
    ) {
        let is_throttled = status == Some(TOO_MANY)
            || retry_after_ms.is_some() && status.is_some_and(|status| OVERLOADED.contains(&status));
        let counts = self.health == Health::Up && !is_throttled;
        self.fail_endpoint(flight, now_ms, shared);
        if is_throttled {
            // An endpoint that asks for less than the usual wait still gets that.
            let usual_ms = shared.backoff.wait_ms(self.failures_in_row);
            let asked_ms = retry_after_ms.unwrap_or(0).min(shared.settings.retry_after_ms_max);
            self.hold_until_ms = self.hold_until_ms.max(now_ms.saturating_add(asked_ms.max(usual_ms)));
        }
        let queue = self.rooms.get_mut(&room).expect("a room with a request has events");
        let first = queue.events.front_mut().expect("a room without events has no queue");
        first.failures += u32::from(counts);
        let is_over = first.failures >= shared.settings.failures_max
            || now_ms.saturating_sub(first.since_ms) >= shared.settings.age_ms_max;
        let wait_ms = if is_over { 0 } else { shared.backoff.wait_ms(first.attempts) };
        // While the endpoint is held, other rooms may get something to send: they are due earlier, and go first.
        queue.due_ms = self.hold_until_ms.max(now_ms.saturating_add(wait_ms));
        self.due.insert((queue.due_ms, room));
        if is_over {
            shared.counts.failed += 1;
            self.remove(room, 0, shared);
        }
    }

    /// Notes a failure of the endpoint: it may be paused now, or stay so for longer.
    fn fail_endpoint(&mut self, flight: Flight, now_ms: u64, shared: &mut Shared) {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        let probes = match self.health {
            Health::Up if self.failures_in_row >= shared.settings.failures_before_pause => 0,
            // Requests of before the pause say nothing new.
            Health::Paused { probes } if flight.is_probe => probes.saturating_add(1),
            _ => return,
        };
        self.health = Health::Paused { probes };
        let wait_ms = shared.backoff.wait_ms(probes.saturating_add(1));
        self.hold_until_ms = self.hold_until_ms.max(now_ms.saturating_add(wait_ms));
    }

    /// Gives up all that waits: the endpoint is gone.
    fn end(&mut self, shared: &mut Shared) {
        shared.counts.failed += self.events as u64;
        let waiting = self.rooms.values().flat_map(|queue| &queue.events);
        waiting.for_each(|waiting| shared.note(waiting.event.key(), None));
        *self = Self { health: Health::Gone, ..Self::default() };
    }

    /// The events that wait, each with the number of those that the endpoint misses before it.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> impl Iterator<Item = (EventKey, u64)> {
        self.rooms.values().flat_map(|queue| &queue.events).map(|waiting| (waiting.event.key(), waiting.missed))
    }

    /// The losses that no event tells yet.
    #[cfg(test)]
    pub(super) fn untold(&self) -> impl Iterator<Item = (RoomSerial, u64)> {
        self.untold.iter().map(|(room, missed)| (*room, *missed))
    }

    /// Whether all parts agree with each other.
    #[cfg(test)]
    pub(super) fn assert_consistent(&self, shared: &Shared) {
        let events = || self.rooms.values().flat_map(|queue| &queue.events);
        assert_eq!(self.events, events().count());
        assert_eq!(self.bytes, events().map(|waiting| waiting.event.bytes()).sum::<usize>());
        assert_eq!(self.in_flight, self.rooms.values().filter(|queue| queue.flight.is_some()).count());
        let due = self.rooms.iter().filter(|(_, queue)| queue.flight.is_none());
        assert_eq!(self.due, due.map(|(room, queue)| (queue.due_ms, *room)).collect());
        assert_eq!(self.lengths, self.rooms.iter().map(|(room, queue)| (queue.events.len(), *room)).collect());
        assert!(self.rooms.values().all(|queue| !queue.events.is_empty()));
        assert!(self.rooms.values().all(|queue| queue.events.iter().skip(1).all(|waiting| waiting.attempts == 0)));
        assert!(self.events <= shared.settings.events_max && self.bytes <= shared.settings.bytes_max);
        assert!(self.in_flight <= shared.settings.in_flight_max && self.untold.len() <= shared.settings.events_max);
    }
}
