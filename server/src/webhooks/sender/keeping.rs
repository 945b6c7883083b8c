//! Events that outlive the process: they wait for the disk before they are sent, and the outcome of each is kept.

use super::super::event::Event;
use super::super::feed::KeptFeed;
use super::super::outbox::{EndpointId, Outbox, OutboxChange};
use crate::clock::unix_ms;
use crate::journal::Synced;
use crate::kept::Change;
use std::collections::VecDeque;
use std::sync::Arc;

/// The time after which the disk is looked at again, in milliseconds. It is behind by the interval of the journal's syncs.
const LOOK_MS: u64 = 5;

/// The events that the disk does not have yet, in their order.
pub(super) struct Held {
    kept: KeptFeed,
    events: VecDeque<(Event, u64)>,
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
        if !changes.is_empty() {
            kept.log.keep(changes);
        }
        Self { kept, events: VecDeque::new() }
    }

    /// Takes in an event, which is written already.
    pub(super) fn hold(&mut self, event: Event) {
        let position = self.kept.log.position();
        self.events.push_back((event, position));
    }

    /// Gives the outbox the events that the disk has.
    pub(super) fn release(&mut self, outbox: &mut Outbox, now_ms: u64) {
        while let Some((event, position)) = self.events.pop_front() {
            match self.kept.log.synced(position) {
                Synced::Yes => outbox.push(event, now_ms),
                Synced::NotYet => return self.events.push_front((event, position)),
                Synced::Lost => {
                    self.kept.log.keep([Change::Event(event.kept(&self.kept.endpoints))]);
                    let again = self.kept.log.position();
                    if again == position {
                        // The disk takes nothing now, and the journal tells so: the studio is told all the same.
                        outbox.push(event, now_ms);
                    } else {
                        return self.events.push_front((event, again));
                    }
                }
            }
        }
    }

    /// Keeps what has become of events.
    pub(super) fn note(&self, outbox: &mut Outbox) {
        let changes = outbox.take_changes();
        if changes.is_empty() {
            return;
        }
        self.kept.log.keep(changes.into_iter().map(|OutboxChange { endpoint, event, missed }| {
            let endpoint = self.kept.endpoints[endpoint.0];
            match missed {
                Some(missed) => Change::Missed { event, endpoint, missed },
                None => Change::Done { event, endpoint },
            }
        }));
    }

    /// Events that the disk does not have yet.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// The time after which to look again; `None` when nothing is held.
    pub(super) fn wait_ms(&self) -> Option<u64> {
        (!self.events.is_empty()).then_some(LOOK_MS)
    }
}
