//! What is seen or heard rather than remembered: predicted at once, confirmed by the server, told at most once.
//!
//! An event that was predicted and told is expected until the server has it too. A replay that does not come to it
//! any more takes it back: the page stops the sound. Two events are the same when their kind and subject are and
//! their ticks are near each other; where exactly it happened, a float or a direction, does not tell them apart.
//!
//! When a connection breaks, nobody will ever say what became of the predictions that were on their way: they stay
//! told, and if they come true after all they are not told again.

use crate::game::{Game, To};
use crate::id::Seat;
use crate::limits::EVENTS_PER_TICK_MAX;
use crate::message::events::{self, EventRow as Row};
use crate::state::{Event, Leaf, LeafKind, Schema, State};
use crate::tick::Tick;
use crate::wire::{DecodeError, Reader};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::marker::PhantomData;

/// Ticks within which a predicted and a confirmed event are taken for the same.
const EVENT_WINDOW_TICKS: i64 = 8;

/// Something that happened in the game, or that turned out not to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventUpdate<E> {
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

#[derive(Debug)]
struct Predicted {
    id: u32,
    tick: Tick,
    event: Row,
    outlook: Outlook,
}

/// What is known of a prediction that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    /// The newest replay has it.
    Expected,
    /// The replay that is looked through does not have it, so far.
    Missing,
    /// The server will not tell of its tick: it was before this connection.
    Undecided,
}

/// The events of one session.
pub(crate) struct Events<G: Game> {
    tracker: EventTracker,
    game: PhantomData<fn() -> G>,
}

impl<G: Game> Events<G> {
    pub(crate) fn new() -> Self {
        Self { tracker: EventTracker::new(Schema::of::<G::Event>()), game: PhantomData }
    }

    /// Takes in what happened in a tick that was predicted for the first time; what is for other ears is left out.
    pub(crate) fn predict(&mut self, tick: Tick, me: Option<Seat>, events: &[(To, G::Event)]) {
        for (_, event) in events.iter().filter(|(to, _)| hears(me, *to)) {
            self.tracker.predict(tick, row(event));
        }
    }

    /// Reads the events of a snapshot, each with its age in ticks.
    pub(crate) fn decode(&self, reader: &mut Reader<'_>) -> Result<Vec<(u32, Row)>, DecodeError> {
        events::decode(&self.tracker.schema, reader)
    }

    /// An event that the server says happened is news unless it was predicted and told already.
    pub(crate) fn confirm_row(&mut self, tick: Tick, event: Row) {
        self.tracker.confirm(tick, event);
    }

    /// The same for one that this client came to itself from what the server says.
    pub(crate) fn confirm(&mut self, tick: Tick, event: &G::Event) {
        self.tracker.confirm(tick, row(event));
    }

    /// The prediction was made anew up to the tick `now` and these are its events: takes back what was told and is not
    /// among them.
    pub(crate) fn reconsider(&mut self, me: Option<Seat>, now: Tick, replayed: &[(Tick, To, G::Event)]) {
        self.tracker.mark_unconfirmed(None);
        for (tick, _, event) in replayed.iter().filter(|(_, to, _)| hears(me, *to)) {
            self.tracker.expect(*tick, &row(event));
        }
        self.tracker.take_back(now);
    }

    /// Another connection, on which the server tells of the ticks after `told`. What was predicted of them is predicted
    /// anew; what was predicted of others is left as it is.
    pub(crate) fn restart(&mut self, told: Tick) {
        self.tracker.mark_unconfirmed(Some(told));
    }

    pub(crate) fn poll(&mut self) -> Option<EventUpdate<G::Event>> {
        let update = self.tracker.queue.pop_front()?;
        let (EventUpdate::Happened { event: row, .. } | EventUpdate::Cancelled { event: row, .. }) = &update;
        let mut event = G::Event::blank();
        event.scatter(row);
        Some(match update {
            EventUpdate::Happened { id, .. } => EventUpdate::Happened { id, event },
            EventUpdate::Cancelled { id, .. } => EventUpdate::Cancelled { id, event },
        })
    }
}

fn row<E: Event>(event: &E) -> Row {
    let mut row = alloc::vec![0; E::WIDTH];
    event.gather(&mut row);
    row
}

/// What was told, and what is to be told.
struct EventTracker {
    schema: Schema,
    queue: VecDeque<EventUpdate<Row>>,
    predicted: Vec<Predicted>,
    next_id: u32,
}

impl EventTracker {
    const fn new(schema: Schema) -> Self {
        Self { schema, queue: VecDeque::new(), predicted: Vec::new(), next_id: 0 }
    }

    /// The predictions are to be found in a replay again; those up to the tick `undecided` will be in none.
    fn mark_unconfirmed(&mut self, undecided: Option<Tick>) {
        for known in self.predicted.iter_mut().filter(|known| known.outlook != Outlook::Undecided) {
            let is_over = undecided.is_some_and(|tick| known.tick <= tick);
            known.outlook = if is_over { Outlook::Undecided } else { Outlook::Missing };
        }
    }

    fn predict(&mut self, tick: Tick, event: Row) {
        let is_near = |known: &Predicted| tick.since(known.tick) <= EVENT_WINDOW_TICKS;
        self.predicted.retain(|known| known.outlook == Outlook::Expected || is_near(known));
        if self.expect(tick, &event) {
            // It was told before the connection broke.
        } else if let Some(id) = self.tell(event.clone()) {
            self.predicted.push(Predicted { id, tick, event, outlook: Outlook::Expected });
        }
    }

    fn confirm(&mut self, tick: Tick, event: Row) {
        match self.nearest(tick, &event, |_| true) {
            Some(index) => drop(self.predicted.remove(index)),
            None => drop(self.tell(event)),
        }
    }

    /// A replay has come to this event: whether it was told and was missing.
    fn expect(&mut self, tick: Tick, event: &[u32]) -> bool {
        let missing = self.nearest(tick, event, |known| known.outlook == Outlook::Missing);
        if let Some(index) = missing {
            let known = &mut self.predicted[index];
            (known.outlook, known.tick) = (Outlook::Expected, tick);
        }
        missing.is_some()
    }

    /// Takes back what is missing, up to the tick `now`: what was told of later ones is predicted again when they come.
    fn take_back(&mut self, now: Tick) {
        let is_missing = |known: &Predicted| known.outlook == Outlook::Missing && known.tick <= now;
        while let Some(index) = self.predicted.iter().position(is_missing) {
            let Predicted { id, event, .. } = self.predicted.remove(index);
            let is_it =
                |told: &EventUpdate<Row>| matches!(told, EventUpdate::Happened { id: known, .. } if *known == id);
            match self.queue.iter().position(is_it) {
                Some(untold) => drop(self.queue.remove(untold)),
                None => self.queue.push_back(EventUpdate::Cancelled { id, event }),
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

    /// Whether kind and subject are the same: everything but floats, directions and rotations.
    fn same(&self, one: &[u32], other: &[u32]) -> bool {
        let table = &self.schema.tables[0];
        let is_subject =
            |at: usize, leaf: &Leaf| leaf.kind != LeafKind::Turn && !leaf.is_float && !table.is_of_rotation(at);
        let mut leaves = table.leaves.iter().enumerate();
        leaves.all(|(at, leaf)| one[at] == other[at] || !is_subject(at, leaf))
    }

    fn tell(&mut self, event: Row) -> Option<u32> {
        if self.queue.len() >= EVENTS_PER_TICK_MAX {
            return None;
        }
        self.next_id = self.next_id.wrapping_add(1);
        self.queue.push_back(EventUpdate::Happened { id: self.next_id, event });
        Some(self.next_id)
    }
}

/// Whether the player in `me` hears of an event.
pub(crate) fn hears(me: Option<Seat>, to: To) -> bool {
    to == To::Everyone || me.map(To::Seat) == Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::Vec2;

    #[derive(Clone, Copy, PartialEq, Debug, crate::state::Event)]
    enum Noise {
        /// Of whom, and where: in steps of a unit, and of four.
        Hit(u8, #[event(range = 0..=100, step = 1)] Vec2, #[event(range = 0.0..=100.0, step = 4.0)] f32),
        Honk(#[event(angle, bits = 4)] f32),
        Pose(#[event(rotation, bits = 5)] glam::Quat),
    }

    fn told(tracker: &mut EventTracker) -> Vec<(bool, u32)> {
        let tell = |update| match update {
            EventUpdate::Happened { id, .. } => (true, id),
            EventUpdate::Cancelled { id, .. } => (false, id),
        };
        core::iter::from_fn(|| tracker.queue.pop_front()).map(tell).collect()
    }

    #[test]
    fn where_something_happened_is_no_part_of_what_happened() {
        let hit = |whom, x, y, depth| row(&Noise::Hit(whom, Vec2::new(x, y), depth));
        let pose = |turn: f32| row(&Noise::Pose(glam::Quat::from_rotation_z(turn)));
        let pairs = [
            (hit(1, 50.0, 50.0, 8.0), hit(1, 51.0, 47.0, 12.0), true),
            (hit(1, 50.0, 50.0, 8.0), hit(2, 50.0, 50.0, 8.0), false),
            (row(&Noise::Honk(0.0)), row(&Noise::Honk(2.0)), true),
            (row(&Noise::Honk(0.0)), hit(0, 0.0, 0.0, 0.0), false),
            // Another component is the largest.
            (pose(0.1), pose(3.0), true),
        ];
        for (predicted, confirmed, is_same) in pairs {
            let mut tracker = EventTracker::new(Schema::of::<Noise>());
            tracker.predict(Tick(7), predicted);
            tracker.confirm(Tick(8), confirmed);
            tracker.mark_unconfirmed(None);
            tracker.take_back(Tick(9));
            let expected: &[(bool, u32)] = if is_same { &[(true, 1)] } else { &[(true, 2)] };
            assert_eq!(told(&mut tracker), expected, "told once, or the other one instead");
        }
    }

    #[test]
    fn what_was_predicted_before_a_connection_broke_is_not_told_again_nor_taken_back_unheard() {
        let honk = || row(&Noise::Honk(0.0));
        let mut tracker = EventTracker::new(Schema::of::<Noise>());
        for tick in [90, 100, 110] {
            tracker.predict(Tick(tick), honk());
        }
        assert_eq!(told(&mut tracker), [(true, 1), (true, 2), (true, 3)]);
        // The server tells of ticks after 105.
        tracker.mark_unconfirmed(Some(Tick(105)));
        tracker.confirm(Tick(107), honk());
        assert_eq!(told(&mut tracker), [], "the nearest is the one of tick 110");
        tracker.confirm(Tick(107), honk());
        assert_eq!(told(&mut tracker), [], "what the server came to a little later");
        tracker.mark_unconfirmed(None);
        tracker.take_back(Tick(111));
        assert_eq!(told(&mut tracker), [], "nobody knows what became of tick 90");
        tracker.predict(Tick(112), honk());
        assert_eq!(told(&mut tracker), [(true, 4)], "this is another one");
        assert_eq!(tracker.predicted.len(), 1, "and the old one is forgotten");
    }

    #[test]
    fn ticks_that_are_predicted_anew_on_another_connection_are_not_told_twice() {
        let mut tracker = EventTracker::new(Schema::of::<Noise>());
        tracker.predict(Tick(110), row(&Noise::Honk(0.0)));
        tracker.predict(Tick(111), row(&Noise::Hit(3, Vec2::ZERO, 0.0)));
        tracker.mark_unconfirmed(Some(Tick(105)));
        tracker.predict(Tick(110), row(&Noise::Honk(0.0)));
        tracker.take_back(Tick(110));
        assert_eq!(told(&mut tracker), [(true, 1), (true, 2)], "tick 111 is yet to be played");
        tracker.mark_unconfirmed(None);
        tracker.expect(Tick(110), &row(&Noise::Honk(0.0)));
        tracker.take_back(Tick(111));
        assert_eq!(told(&mut tracker), [(false, 2)], "and this time nothing is hit");
    }
}
