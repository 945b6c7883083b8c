//! What is seen or heard rather than remembered: predicted at once, confirmed by the server, told at most once.
//!
//! An event that was predicted and told is expected until the server has it too. A replay that does not come to it
//! any more takes it back: the page stops the sound. Two events are the same when their kind and subject are and
//! their ticks are near each other; where exactly it happened, in fractions of a unit, does not tell them apart.

use crate::limits::{EVENT_TICKS_MAX, EVENTS_PER_TICK_MAX};
use crate::state::{Event, LeafKind, Schema, State};
use crate::wire::{BitReader, DecodeError, Reader};
use crate::{Game, Seat, Tick, To};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::marker::PhantomData;

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

/// An event as wire integers: what is done with them is the same code for every game.
type Row = Vec<u32>;

#[derive(Debug)]
struct Predicted {
    id: u32,
    tick: Tick,
    event: Row,
    /// Whether the replay that is looked through has it.
    is_expected: bool,
}

/// The events of one session.
pub(super) struct Events<G: Game> {
    ledger: Ledger,
    game: PhantomData<fn() -> G>,
}

impl<G: Game> Events<G> {
    pub(super) fn new() -> Self {
        Self { ledger: Ledger::new(Schema::of::<G::Event>()), game: PhantomData }
    }

    /// Takes in what happened in a tick that was predicted for the first time; what is for other ears is left out.
    pub(super) fn predict(&mut self, tick: Tick, me: Option<Seat>, events: &[(To, G::Event)]) {
        for (_, event) in events.iter().filter(|(to, _)| hears(me, *to)) {
            self.ledger.predict(tick, row(event));
        }
    }

    /// Reads the events of a snapshot, each with its age in ticks.
    pub(super) fn decode(&self, reader: &mut Reader<'_>) -> Result<Vec<(u32, Row)>, DecodeError> {
        self.ledger.decode(reader)
    }

    /// An event that the server says happened is news unless it was predicted and told already.
    pub(super) fn confirm_row(&mut self, tick: Tick, event: Row) {
        self.ledger.confirm(tick, event);
    }

    /// The same for one that this client came to itself from what the server says.
    pub(super) fn confirm(&mut self, tick: Tick, event: &G::Event) {
        self.ledger.confirm(tick, row(event));
    }

    /// The prediction was made anew and these are its events: takes back what was told and is not among them.
    pub(super) fn reconsider(&mut self, me: Option<Seat>, replayed: &[(Tick, To, G::Event)]) {
        self.ledger.predicted.iter_mut().for_each(|known| known.is_expected = false);
        for (tick, _, event) in replayed.iter().filter(|(_, to, _)| hears(me, *to)) {
            self.ledger.expect(*tick, &row(event));
        }
        self.ledger.take_back();
    }

    pub(super) fn poll(&mut self) -> Option<Happening<G::Event>> {
        let happening = self.ledger.queue.pop_front()?;
        let (Happening::Happened { event: row, .. } | Happening::Cancelled { event: row, .. }) = &happening;
        let mut event = G::Event::blank();
        event.scatter(row);
        Some(match happening {
            Happening::Happened { id, .. } => Happening::Happened { id, event },
            Happening::Cancelled { id, .. } => Happening::Cancelled { id, event },
        })
    }
}

fn row<E: Event>(event: &E) -> Row {
    let mut row = alloc::vec![0; E::WIDTH];
    event.gather(&mut row);
    row
}

/// What was told, and what is to be told.
struct Ledger {
    schema: Schema,
    queue: VecDeque<Happening<Row>>,
    predicted: Vec<Predicted>,
    next_id: u32,
}

impl Ledger {
    const fn new(schema: Schema) -> Self {
        Self { schema, queue: VecDeque::new(), predicted: Vec::new(), next_id: 0 }
    }

    fn decode(&self, reader: &mut Reader<'_>) -> Result<Vec<(u32, Row)>, DecodeError> {
        let count = reader.varint()?;
        let max = (EVENTS_PER_TICK_MAX as u64) * u64::from(EVENT_TICKS_MAX);
        if u64::from(count) > max {
            return Err(DecodeError::OutOfRange { value: u64::from(count), max });
        }
        let length = reader.varint()?;
        let mut bits = BitReader::new(reader.slice(usize::try_from(length).unwrap_or(usize::MAX))?);
        let mut events = Vec::new();
        for _ in 0..count {
            let age = bits.small()?;
            let leaves = self.schema.tables[0].leaves.iter();
            events.push((age, leaves.map(|leaf| bits.take_max(leaf.bits, leaf.max)).collect::<Result<_, _>>()?));
        }
        bits.finish()?;
        Ok(events)
    }

    fn predict(&mut self, tick: Tick, event: Row) {
        if let Some(id) = self.tell(event.clone()) {
            self.predicted.push(Predicted { id, tick, event, is_expected: true });
        }
    }

    fn confirm(&mut self, tick: Tick, event: Row) {
        match self.nearest(tick, &event, |_| true) {
            Some(index) => drop(self.predicted.remove(index)),
            None => drop(self.tell(event)),
        }
    }

    /// A replay has come to this event.
    fn expect(&mut self, tick: Tick, event: &[u32]) {
        if let Some(index) = self.nearest(tick, event, |known| !known.is_expected) {
            let known = &mut self.predicted[index];
            (known.is_expected, known.tick) = (true, tick);
        }
    }

    /// Takes back what is not expected.
    fn take_back(&mut self) {
        let queue = &mut self.queue;
        for Predicted { id, event, .. } in self.predicted.extract_if(.., |known| !known.is_expected) {
            let untold = queue.len();
            queue.retain(|told| !matches!(told, Happening::Happened { id: known, .. } if *known == id));
            if queue.len() == untold {
                queue.push_back(Happening::Cancelled { id, event });
            }
        }
    }

    /// The told prediction of an event in or near a tick.
    fn nearest(&self, tick: Tick, event: &[u32], counts: impl Fn(&Predicted) -> bool) -> Option<usize> {
        let candidates =
            self.predicted.iter().enumerate().filter(|(_, known)| counts(known) && self.same(&known.event, event));
        let near = candidates.map(|(index, known)| (known.tick.since(tick).abs(), index));
        near.filter(|(ticks, _)| *ticks <= EVENT_WINDOW_TICKS).min().map(|(_, index)| index)
    }

    /// Whether kind and subject are the same: everything but numbers with fractions and directions.
    fn same(&self, one: &[u32], other: &[u32]) -> bool {
        let leaves = self.schema.tables[0].leaves.iter().zip(one.iter().zip(other));
        leaves.filter(|(leaf, _)| leaf.kind != LeafKind::Turn && leaf.unit >= 1.0).all(|(_, (one, other))| one == other)
    }

    fn tell(&mut self, event: Row) -> Option<u32> {
        if self.queue.len() >= EVENTS_PER_TICK_MAX {
            return None;
        }
        self.next_id = self.next_id.wrapping_add(1);
        self.queue.push_back(Happening::Happened { id: self.next_id, event });
        Some(self.next_id)
    }
}

/// Whether the player in `me` hears of an event.
pub(super) fn hears(me: Option<Seat>, to: To) -> bool {
    to == To::Everyone || me.map(To::Seat) == Some(to)
}
