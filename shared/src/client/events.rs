//! What is seen or heard rather than remembered: predicted at once, confirmed by the server, told at most once.
//!
//! An event that was predicted and told is expected until the server has it too. A replay that does not come to it
//! any more takes it back: the page stops the sound. Two events are the same when their kind and subject are and
//! their ticks are near each other; where exactly it happened, in fractions of a unit, does not tell them apart.

use crate::limits::{EVENT_TICKS_MAX, EVENTS_PER_TICK_MAX, ROW_WIDTH_MAX};
use crate::state::{Event, LeafKind, Schema, State};
use crate::wire::{BitReader, DecodeError, Reader};
use crate::{Game, Seat, Tick, To};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Ticks within which a predicted and a confirmed event are taken for the same.
const EVENT_WINDOW_TICKS: i64 = 8;

/// Something that happened in the game, or that turned out not to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening<E> {
    /// It happened, or so it is predicted.
    Happened {
        /// What a cancellation names it by.
        id: u32,
        /// What happened.
        event: E,
    },
    /// It was predicted wrongly: stop its sound, take back its particles.
    Cancelled {
        /// Which one.
        id: u32,
        /// What did not happen.
        event: E,
    },
}

#[derive(Debug, Clone, Copy)]
struct Predicted<E> {
    id: u32,
    tick: Tick,
    event: E,
    /// Whether the replay that is looked through has it.
    is_expected: bool,
}

/// The events of one session.
pub(super) struct Events<G: Game> {
    schema: Schema,
    queue: VecDeque<Happening<G::Event>>,
    predicted: VecDeque<Predicted<G::Event>>,
    next_id: u32,
}

impl<G: Game> Events<G> {
    pub(super) fn new() -> Self {
        Self { schema: Schema::of::<G::Event>(), queue: VecDeque::new(), predicted: VecDeque::new(), next_id: 0 }
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
        for (_, event) in events.iter().filter(|(to, _)| hears(me, *to)) {
            if let Some(id) = self.tell(*event) {
                self.predicted.push_back(Predicted { id, tick, event: *event, is_expected: true });
            }
        }
    }

    /// An event that the server says happened is news unless it was predicted and told already.
    pub(super) fn confirm(&mut self, tick: Tick, event: G::Event) {
        match self.nearest(tick, &event, |_| true) {
            Some(index) => drop(self.predicted.remove(index)),
            None => drop(self.tell(event)),
        }
    }

    /// The prediction was made anew and these are its events: takes back what was told and is not among them.
    pub(super) fn reconsider(&mut self, me: Option<Seat>, replayed: &[(Tick, To, G::Event)]) {
        self.predicted.iter_mut().for_each(|known| known.is_expected = false);
        for (tick, _, event) in replayed.iter().filter(|(_, to, _)| hears(me, *to)) {
            if let Some(index) = self.nearest(*tick, event, |known| !known.is_expected) {
                let known = &mut self.predicted[index];
                (known.is_expected, known.tick) = (true, *tick);
            }
        }
        while let Some(index) = self.predicted.iter().position(|known| !known.is_expected) {
            if let Some(Predicted { id, event, .. }) = self.predicted.remove(index) {
                self.take_back(id, event);
            }
        }
    }

    fn take_back(&mut self, id: u32, event: G::Event) {
        let untold = self.queue.len();
        self.queue.retain(|told| !matches!(told, Happening::Happened { id: known, .. } if *known == id));
        if self.queue.len() == untold {
            self.queue.push_back(Happening::Cancelled { id, event });
        }
    }

    /// The told prediction of an event in or near a tick.
    fn nearest(&self, tick: Tick, event: &G::Event, counts: impl Fn(&Predicted<G::Event>) -> bool) -> Option<usize> {
        let candidates =
            self.predicted.iter().enumerate().filter(|(_, known)| counts(known) && self.same(&known.event, event));
        let near = candidates.map(|(index, known)| (known.tick.since(tick).abs(), index));
        near.filter(|(ticks, _)| *ticks <= EVENT_WINDOW_TICKS).min().map(|(_, index)| index)
    }

    /// Whether kind and subject are the same: everything but numbers with fractions and directions.
    fn same(&self, one: &G::Event, other: &G::Event) -> bool {
        let (mut left, mut right) = ([0; ROW_WIDTH_MAX], [0; ROW_WIDTH_MAX]);
        one.gather(&mut left[..G::Event::WIDTH]);
        other.gather(&mut right[..G::Event::WIDTH]);
        let leaves = self.schema.tables[0].leaves.iter().zip(left.iter().zip(&right));
        leaves
            .filter(|(leaf, _)| leaf.kind != LeafKind::Turn && leaf.unit >= 1.0)
            .all(|(_, (left, right))| left == right)
    }

    fn tell(&mut self, event: G::Event) -> Option<u32> {
        if self.queue.len() >= EVENTS_PER_TICK_MAX {
            return None;
        }
        self.next_id = self.next_id.wrapping_add(1);
        self.queue.push_back(Happening::Happened { id: self.next_id, event });
        Some(self.next_id)
    }

    pub(super) fn poll(&mut self) -> Option<Happening<G::Event>> {
        self.queue.pop_front()
    }
}

/// Whether the player in `me` hears of an event.
pub(super) fn hears(me: Option<Seat>, to: To) -> bool {
    to == To::Everyone || me.map(To::Seat) == Some(to)
}
