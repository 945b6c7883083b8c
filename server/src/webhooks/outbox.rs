//! The outbox: the events that wait for each endpoint, and the time at which each may be sent. It has no socket,
//! clock or thread.
//!
//! ```text
//! push → one EndpointQueue for each endpoint → poll: Posting → POST → answered
//! ```
//!
//! * **Order.** An event is not sent before the earlier ones of its room were answered with 2xx or given up. Rooms do
//!   not wait for each other, and endpoints share nothing: each has its own bounds.
//! * **Failures.** Standard Webhooks 1.0.0, "Posting success and failure": 2xx is success, and everything else failure.
//!   - `410 Gone` ends the endpoint: all that waits for it is given up, and it is sent nothing until the next start.
//!   - `429`, and `502` to `504` with `Retry-After`, hold back the whole endpoint for the time it asks for, within bounds.
//!   - All others are tried again, `404` and the rest of 4xx as well: the specification names 404 as an example of a
//!     failure like 500, and a receiver that is being deployed or has lost its route answers so.
//!   - An event is given up after [`OutboxSettings::failures_max`] failures while its endpoint took other events: it is
//!     the event that is at fault then. Otherwise it is given up after [`OutboxSettings::age_ms_max`].
//! * **Pauses.** An endpoint that fails [`OutboxSettings::failures_before_pause`] times in a row is paused: one request at
//!   a time goes there, after ever longer waits, until one is taken. Such requests use other rooms in turn, so that an
//!   event at fault does not keep the endpoint paused.
//! * **Losses.** When a queue is full, the room with most waiting events loses the one before its last: a room that floods
//!   harms itself, and its last event is there to tell the loss. See `EndpointQueue::make_room`. When all queues together
//!   are full, the endpoint with most waiting bytes loses its oldest events: it is one that takes none.

mod endpoint;

pub(crate) use endpoint::Health;

use super::event::{Event, RoomSerial};
use crate::kept::EventKey;
use endpoint::EndpointQueue;
use std::sync::Arc;

/// The bounds and times of an outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutboxSettings {
    /// Requests under way to one endpoint at the most. At least 1.
    pub(crate) in_flight_max: usize,
    /// Events that wait for one endpoint at the most. At least 1.
    pub(crate) events_max: usize,
    /// Bytes of the events that wait for one endpoint at the most. At least the longest event.
    pub(crate) bytes_max: usize,
    /// Bytes of the events that wait for all endpoints together at the most.
    pub(crate) bytes_in_all_max: usize,
    /// The wait after the first failure, in milliseconds; it doubles with each further one.
    pub(crate) backoff_ms: u64,
    /// The longest wait after a failure, in milliseconds.
    pub(crate) backoff_ms_max: u64,
    /// The longest wait that an endpoint may ask for, in milliseconds.
    pub(crate) retry_after_ms_max: u64,
    /// The age at which an event is given up, in milliseconds since it came into the outbox.
    pub(crate) age_ms_max: u64,
    /// Failures after which an event is given up, counted while its endpoint is not paused.
    pub(crate) failures_max: u32,
    /// Failures in a row after which an endpoint is paused.
    pub(crate) failures_before_pause: u32,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self {
            in_flight_max: 8,
            events_max: 16_384,
            bytes_max: 16 << 20,
            bytes_in_all_max: 128 << 20,
            backoff_ms: 1_000,
            backoff_ms_max: 5 * 60 * 1_000,
            retry_after_ms_max: 60 * 60 * 1_000,
            age_ms_max: 24 * 60 * 60 * 1_000,
            failures_max: 12,
            failures_before_pause: 5,
        }
    }
}

/// The number of an endpoint, in the order of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EndpointId(pub(crate) usize);

/// An attempt that is to be made now. It goes back to the outbox with its outcome, and only once: it cannot be cloned.
#[derive(Debug)]
#[must_use = "an attempt without an outcome holds back its room for ever"]
pub(crate) struct Posting {
    /// The endpoint.
    pub(crate) endpoint: EndpointId,
    /// The idempotency key: the same on every attempt.
    pub(crate) id: String,
    /// The body: the same on every attempt.
    pub(crate) body: Vec<u8>,
    /// The number of the attempt, from 1.
    pub(crate) attempt: u32,
    room: RoomSerial,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The endpoint answered with 2xx.
    Taken,
    /// The endpoint answered with another status.
    Refused {
        /// The status.
        status: u16,
        /// The wait that the endpoint asks for, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// There was no answer, or none in time.
    Failed,
}

/// Counts of deliveries since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OutboxCounts {
    /// Deliveries that were taken.
    pub(crate) sent: u64,
    /// Attempts after the first one of a delivery.
    pub(crate) retried: u64,
    /// Deliveries that were given up.
    pub(crate) failed: u64,
    /// Deliveries for which there was no place.
    pub(crate) lost: u64,
}

/// Waits, spread at random.
#[derive(Debug)]
struct Backoff {
    start_ms: u64,
    ms_max: u64,
    /// The state of SplitMix64: good enough for jitter, and not for secrets.
    state: u64,
}

impl Backoff {
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The wait after so many failures in a row, from half of the full wait to the full one: rooms that failed together
    /// do not come back together.
    fn wait_ms(&mut self, failures: u32) -> u64 {
        // 2^40 ms are 35 years: the exponent is bounded so that the product is exact.
        let doubled = self.start_ms.saturating_mul(1 << failures.saturating_sub(1).min(40));
        let full_ms = doubled.min(self.ms_max);
        full_ms / 2 + self.random() % (full_ms / 2 + 1)
    }
}

/// A change of the events that wait for an endpoint, besides a new event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutboxChange {
    pub(crate) endpoint: EndpointId,
    pub(crate) event: EventKey,
    /// Events right before this one that the endpoint misses; `None` when it waits no more.
    pub(crate) missed: Option<u64>,
}

/// The settings, counts and random numbers that all endpoints use.
#[derive(Debug)]
struct Shared {
    settings: OutboxSettings,
    backoff: Backoff,
    counts: OutboxCounts,
    /// The changes since they were last taken, if anybody takes them.
    changes: Option<Vec<OutboxChange>>,
    /// The endpoint at work.
    endpoint: usize,
}

impl Shared {
    fn note(&mut self, event: EventKey, missed: Option<u64>) {
        let endpoint = EndpointId(self.endpoint);
        if let Some(changes) = &mut self.changes {
            changes.push(OutboxChange { endpoint, event, missed });
        }
    }
}

/// The outbox.
#[derive(Debug)]
pub(crate) struct Outbox {
    shared: Shared,
    endpoints: Vec<EndpointQueue>,
    /// The endpoint that is asked first by the next poll.
    turn: usize,
}

impl Outbox {
    /// An outbox for so many endpoints. `seed` makes the jitter.
    ///
    /// # Panics
    /// When a bound is 0.
    #[must_use]
    pub(crate) fn new(endpoints: usize, settings: OutboxSettings, seed: u64) -> Self {
        assert!(settings.in_flight_max > 0 && settings.events_max > 0, "an outbox without places sends nothing");
        let backoff = Backoff { start_ms: settings.backoff_ms, ms_max: settings.backoff_ms_max, state: seed };
        let shared = Shared { settings, backoff, counts: OutboxCounts::default(), changes: None, endpoint: 0 };
        Self { shared, endpoints: (0..endpoints).map(|_| EndpointQueue::default()).collect(), turn: 0 }
    }

    /// Takes in an event for every endpoint. The events of a room come in their order.
    pub(crate) fn push(&mut self, event: Event, now_ms: u64) {
        let event = Arc::new(event);
        for (index, queue) in self.endpoints.iter_mut().enumerate() {
            self.shared.endpoint = index;
            queue.push(Arc::clone(&event), event.missed, now_ms, &mut self.shared);
        }
        self.make_room();
    }

    /// Loses events until the bound of all endpoints together holds again. Events that are under way stay.
    fn make_room(&mut self) {
        while self.endpoints.iter().map(EndpointQueue::bytes).sum::<usize>() > self.shared.settings.bytes_in_all_max {
            let queues = self.endpoints.iter_mut().enumerate();
            let Some((index, fullest)) = queues.max_by_key(|(_, queue)| queue.bytes()) else { return };
            self.shared.endpoint = index;
            if !fullest.lose_oldest(&mut self.shared) {
                return;
            }
        }
    }

    /// From here on [`Self::take_changes`] has what happens to events.
    pub(crate) fn note_changes(&mut self) {
        self.shared.changes = Some(Vec::new());
    }

    /// The changes since the last time.
    pub(crate) fn take_changes(&mut self) -> Vec<OutboxChange> {
        self.shared.changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes in an event of an earlier process for one endpoint, which misses so many right before it.
    pub(crate) fn push_kept(&mut self, event: &Arc<Event>, endpoint: EndpointId, missed: u64, since_ms: u64) {
        self.shared.endpoint = endpoint.0;
        self.endpoints[endpoint.0].push(Arc::clone(event), missed, since_ms, &mut self.shared);
        self.make_room();
    }

    /// The next attempt that may be made; `None` when there is nothing to do before [`Self::wake_at_ms`]. Endpoints take
    /// turns.
    pub(crate) fn poll(&mut self, now_ms: u64) -> Option<Posting> {
        let count = self.endpoints.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            self.shared.endpoint = index;
            if let Some(attempt) = self.endpoints[index].poll(now_ms, &mut self.shared) {
                self.turn = (index + 1) % count;
                let (id, body) = (attempt.event.id(), attempt.event.body(attempt.missed));
                let (endpoint, room) = (EndpointId(index), attempt.event.serial);
                return Some(Posting { endpoint, id, body, attempt: attempt.number, room });
            }
        }
        None
    }

    /// Takes in the outcome of an attempt.
    pub(crate) fn answered(&mut self, delivery: Posting, outcome: Outcome, now_ms: u64) {
        self.shared.endpoint = delivery.endpoint.0;
        self.endpoints[delivery.endpoint.0].answered(delivery.room, outcome, now_ms, &mut self.shared);
    }

    /// The time at which [`Self::poll`] is worth asking again if nothing else happens before; `None` for never.
    #[must_use]
    pub(crate) fn wake_at_ms(&self) -> Option<u64> {
        self.endpoints.iter().filter_map(|queue| queue.wake_at_ms(&self.shared)).min()
    }

    /// Deliveries that wait or are under way.
    #[must_use]
    pub(crate) fn waiting(&self) -> usize {
        self.endpoints.iter().map(EndpointQueue::len).sum()
    }

    /// The state of an endpoint.
    #[must_use]
    pub(crate) fn health(&self, endpoint: EndpointId) -> Health {
        self.endpoints[endpoint.0].health()
    }

    /// The counts.
    #[must_use]
    pub(crate) const fn counts(&self) -> OutboxCounts {
        self.shared.counts
    }
}

#[cfg(test)]
mod tests;
