//! What is seen or heard rather than remembered: predicted at once, confirmed by the server, told at most once.

use crate::limits::{EVENT_TICKS_MAX, EVENTS_PER_TICK_MAX, ROW_WIDTH_MAX};
use crate::state::{Event, Schema, State};
use crate::wire::{BitReader, DecodeError, Reader};
use crate::{Game, Seat, Tick, To};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Ticks within which a predicted and a confirmed event are taken for the same.
const EVENT_WINDOW_TICKS: i64 = 8;

/// The events of one session.
pub(super) struct Events<G: Game> {
    schema: Schema,
    queue: VecDeque<G::Event>,
    predicted: VecDeque<(Tick, G::Event)>,
}

impl<G: Game> Events<G> {
    pub(super) fn new() -> Self {
        Self { schema: Schema::of::<G::Event>(), queue: VecDeque::new(), predicted: VecDeque::new() }
    }

    /// Reads the events of a snapshot, each with its age in ticks.
    pub(super) fn decode(&self, reader: &mut Reader<'_>) -> Result<Vec<(u32, G::Event)>, DecodeError> {
        let count = reader.varint()?;
        let max = (EVENTS_PER_TICK_MAX as u64) * u64::from(EVENT_TICKS_MAX);
        if u64::from(count) > max {
            return Err(DecodeError::OutOfRange { value: u64::from(count), max });
        }
        let length = reader.varint()?;
        let mut bits = BitReader::new(reader.slice(usize::try_from(length).unwrap_or(usize::MAX))?);
        let mut wire = [0; ROW_WIDTH_MAX];
        let mut events = Vec::new();
        for _ in 0..count {
            let age = bits.small()?;
            for (leaf, value) in self.schema.tables[0].leaves.iter().zip(&mut wire) {
                *value = bits.take_max(leaf.bits, leaf.max)?;
            }
            let mut event = G::Event::blank();
            event.scatter(&wire[..G::Event::WIDTH]);
            events.push((age, event));
        }
        bits.finish()?;
        Ok(events)
    }

    /// Events of a tick that was predicted for the first time; those for other ears are left out.
    pub(super) fn predict(&mut self, tick: Tick, me: Option<Seat>, events: &[(To, G::Event)]) {
        for (to, event) in events {
            if *to == To::Everyone || me.map(To::Seat) == Some(*to) {
                self.predicted.push_back((tick, *event));
                self.push(*event);
            }
        }
    }

    /// An event that the server says happened is news unless it was predicted and shown already.
    pub(super) fn confirm(&mut self, tick: Tick, event: G::Event) {
        let same = |(predicted, known): &(Tick, G::Event)| {
            *known == event && predicted.since(tick).abs() <= EVENT_WINDOW_TICKS
        };
        match self.predicted.iter().position(same) {
            Some(index) => drop(self.predicted.remove(index)),
            None => self.push(event),
        }
    }

    fn push(&mut self, event: G::Event) {
        if self.queue.len() < EVENTS_PER_TICK_MAX {
            self.queue.push_back(event);
        }
    }

    /// Forgets predictions that nothing can confirm any more, now that the world of `newest` is known.
    pub(super) fn forget_until(&mut self, newest: Tick) {
        while self.predicted.front().is_some_and(|(tick, _)| newest.since(*tick) > EVENT_WINDOW_TICKS) {
            self.predicted.pop_front();
        }
    }

    pub(super) fn poll(&mut self) -> Option<G::Event> {
        self.queue.pop_front()
    }
}
