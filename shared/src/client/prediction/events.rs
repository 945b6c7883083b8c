//! Events: seen or heard rather than remembered, predicted at once, confirmed by the server, reported at most once.
//!
//! An event that was predicted and reported is expected until the server has it too. A replay that does not come to the
//! event any more cancels it: the page stops the sound. Two events are the same when their kinds and subjects are equal
//! and their ticks are near each other. The exact place, which is a float or a direction, does not tell them apart,
//! because a prediction is often off by a little.
//!
//! # When a connection breaks
//!
//! The server sends the events of a tick once, on the connection that is open then. For the ticks up to the welcome of
//! the next connection (in lockstep: up to a full state that replaces the world) it will never say which predictions
//! came true. Those predictions are *undecided*: each was reported, and stays reported. To cancel one would stop the
//! sound of a shot that may well have been fired, and to forget it at once would play the sound a second time, if the
//! server reaches the event a few ticks later than predicted. So an undecided prediction is neither expected nor
//! missing: no replay cancels it, a confirmation near it is taken for it, and it is forgotten when the prediction is
//! more than 8 ticks past it.
//!
//! The ticks after the welcome are predicted again, from the new connection's first snapshot, and a client that was
//! ahead has reported some of their events already. These count as *missing* at first. When the prediction comes to
//! such an event again, the event is expected as before and not reported twice; when the prediction has passed its
//! tick without it, the event is cancelled. Nothing is cancelled before its tick has been played again.

use crate::game::{Game, To};
use crate::id::Seat;
use crate::limits::EVENTS_HEARD_PER_TICK_MAX;
use crate::message::events::{self, EventRow as Row};
use crate::state::{Event, Leaf, LeafKind, Schema, State};
use crate::tick::Tick;
use crate::wire::{DecodeError, Reader};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::marker::PhantomData;

/// Ticks within which a predicted and a confirmed event are taken for the same one.
const EVENT_WINDOW_TICKS: i64 = 8;

/// An event of the game that happened, or that turned out not to have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventUpdate<E> {
    /// The event happened, or is predicted to happen.
    Happened {
        /// The number by which a cancellation would name the event.
        id: u32,
        /// The event.
        event: E,
    },
    /// The event was predicted wrongly: its sound is to be stopped, and its particles are to be removed.
    Cancelled {
        /// The number under which the event was reported.
        id: u32,
        /// The event as it was reported.
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

/// The prospects of a prediction that was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    /// The newest replay has the event.
    Expected,
    /// The replay that is being looked through has not come to the event so far.
    Missing,
    /// The server will not send the events of its tick, which was before this connection.
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

    /// Takes in the events of a tick that was predicted for the first time. Events for other players are left out.
    pub(crate) fn predict(&mut self, tick: Tick, me: Option<Seat>, events: &[(To, G::Event)]) {
        for (_, event) in events.iter().filter(|(to, _)| hears(me, *to)) {
            self.tracker.predict(tick, row(event));
        }
    }

    /// Reads the events of a snapshot, each with its age in ticks.
    pub(crate) fn decode(&self, reader: &mut Reader<'_>) -> Result<Vec<(u32, Row)>, DecodeError> {
        events::decode(&self.tracker.schema, reader)
    }

    /// Takes in an event that the server has sent. It is reported unless it was predicted and reported already.
    pub(crate) fn confirm_row(&mut self, tick: Tick, event: Row) {
        self.tracker.confirm(tick, event);
    }

    /// Takes in an event that this client has found itself, in a tick that it played from the server's tick inputs.
    pub(crate) fn confirm(&mut self, tick: Tick, event: &G::Event) {
        self.tracker.confirm(tick, row(event));
    }

    /// Takes in the events of a prediction that was made anew up to the tick `now`, and cancels those that were
    /// reported and are not among them.
    pub(crate) fn reconsider(&mut self, me: Option<Seat>, now: Tick, replayed: &[(Tick, To, G::Event)]) {
        self.tracker.mark_unconfirmed(None);
        for (tick, _, event) in replayed.iter().filter(|(_, to, _)| hears(me, *to)) {
            self.tracker.expect(*tick, &row(event));
        }
        self.tracker.take_back(now);
    }

    /// Starts over for another connection, on which the server sends the events of the ticks after `told`. Events of
    /// these ticks will be predicted again; reported events of earlier ticks become undecided.
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

/// The predictions that were reported, and the updates that are to be reported.
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

    /// Marks every prediction as missing, until a replay comes to it again. Those up to the tick `undecided` become
    /// undecided instead, because no replay will come to them.
    fn mark_unconfirmed(&mut self, undecided: Option<Tick>) {
        for known in self.predicted.iter_mut().filter(|known| known.outlook != Outlook::Undecided) {
            let is_over = undecided.is_some_and(|tick| known.tick <= tick);
            known.outlook = if is_over { Outlook::Undecided } else { Outlook::Missing };
        }
    }

    /// Takes in an event of a tick that is predicted for the first time on this connection.
    fn predict(&mut self, tick: Tick, event: Row) {
        let is_near = |known: &Predicted| tick.since(known.tick) <= EVENT_WINDOW_TICKS;
        self.predicted.retain(|known| known.outlook == Outlook::Expected || is_near(known));
        if self.expect(tick, &event) {
            // The event was reported before the connection broke.
        } else if let Some(id) = self.tell(event.clone()) {
            self.predicted.push(Predicted { id, tick, event, outlook: Outlook::Expected });
        }
    }

    /// Takes in an event that is known to have happened.
    fn confirm(&mut self, tick: Tick, event: Row) {
        match self.nearest(tick, &event, |_| true) {
            Some(index) => drop(self.predicted.remove(index)),
            None => drop(self.tell(event)),
        }
    }

    /// Takes in an event that a replay has come to, and gives whether it was reported and missing.
    fn expect(&mut self, tick: Tick, event: &[u32]) -> bool {
        let missing = self.nearest(tick, event, |known| known.outlook == Outlook::Missing);
        if let Some(index) = missing {
            let known = &mut self.predicted[index];
            (known.outlook, known.tick) = (Outlook::Expected, tick);
        }
        missing.is_some()
    }

    /// Cancels the events that are missing, up to the tick `now`: events of later ticks will be predicted again when
    /// those ticks are played. An event that still waits in the queue is removed from it instead, and the page never
    /// learns of it.
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

    /// The reported prediction of an event in or near a tick.
    fn nearest(&self, tick: Tick, event: &[u32], counts: impl Fn(&Predicted) -> bool) -> Option<usize> {
        let candidates =
            self.predicted.iter().enumerate().filter(|(_, known)| counts(known) && self.same(&known.event, event));
        let near = candidates.map(|(index, known)| (known.tick.since(tick).abs(), index));
        near.filter(|(ticks, _)| *ticks <= EVENT_WINDOW_TICKS).min().map(|(_, index)| index)
    }

    /// Whether kind and subject of two events are the same: all leaves but floats, directions and rotations.
    fn same(&self, one: &[u32], other: &[u32]) -> bool {
        let table = &self.schema.tables[0];
        let is_subject =
            |at: usize, leaf: &Leaf| leaf.kind != LeafKind::Turn && !leaf.is_float && !table.is_of_rotation(at);
        let mut leaves = table.leaves.iter().enumerate();
        leaves.all(|(at, leaf)| one[at] == other[at] || !is_subject(at, leaf))
    }

    /// Reports an event and gives its number; `None` when so many events wait already that it is dropped.
    fn tell(&mut self, event: Row) -> Option<u32> {
        if self.queue.len() >= EVENTS_HEARD_PER_TICK_MAX {
            return None;
        }
        self.next_id = self.next_id.wrapping_add(1);
        self.queue.push_back(EventUpdate::Happened { id: self.next_id, event });
        Some(self.next_id)
    }
}

/// Whether the player in `me` receives an event.
pub(crate) fn hears(me: Option<Seat>, to: To) -> bool {
    to == To::Everyone || me.map(To::Seat) == Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::Vec2;

    #[derive(Clone, Copy, PartialEq, Debug, crate::state::Event)]
    enum Noise {
        /// The player that is hit, and the place: in steps of a unit, and of four.
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
    fn two_events_that_differ_in_their_place_alone_are_the_same() {
        let hit = |whom, x, y, depth| row(&Noise::Hit(whom, Vec2::new(x, y), depth));
        let pose = |turn: f32| row(&Noise::Pose(glam::Quat::from_rotation_z(turn)));
        let pairs = [
            (hit(1, 50.0, 50.0, 8.0), hit(1, 51.0, 47.0, 12.0), true),
            (hit(1, 50.0, 50.0, 8.0), hit(2, 50.0, 50.0, 8.0), false),
            (row(&Noise::Honk(0.0)), row(&Noise::Honk(2.0)), true),
            (row(&Noise::Honk(0.0)), hit(0, 0.0, 0.0, 0.0), false),
            // The largest component of one rotation is not that of the other.
            (pose(0.1), pose(3.0), true),
        ];
        for (predicted, confirmed, is_same) in pairs {
            let mut tracker = EventTracker::new(Schema::of::<Noise>());
            tracker.predict(Tick(7), predicted);
            tracker.confirm(Tick(8), confirmed);
            tracker.mark_unconfirmed(None);
            tracker.take_back(Tick(9));
            let expected: &[(bool, u32)] = if is_same { &[(true, 1)] } else { &[(true, 2)] };
            assert_eq!(told(&mut tracker), expected, "the event is reported once, or the other one instead");
        }
    }

    #[test]
    fn a_prediction_from_before_a_lost_connection_is_neither_reported_again_nor_cancelled() {
        let honk = || row(&Noise::Honk(0.0));
        let mut tracker = EventTracker::new(Schema::of::<Noise>());
        for tick in [90, 100, 110] {
            tracker.predict(Tick(tick), honk());
        }
        assert_eq!(told(&mut tracker), [(true, 1), (true, 2), (true, 3)]);
        // The server sends the events of the ticks after 105.
        tracker.mark_unconfirmed(Some(Tick(105)));
        tracker.confirm(Tick(107), honk());
        assert_eq!(told(&mut tracker), [], "the nearest is the one of tick 110");
        tracker.confirm(Tick(107), honk());
        assert_eq!(told(&mut tracker), [], "the server came to the event of tick 100 a little later");
        tracker.mark_unconfirmed(None);
        tracker.take_back(Tick(111));
        assert_eq!(told(&mut tracker), [], "the outcome of tick 90 stays unknown");
        tracker.predict(Tick(112), honk());
        assert_eq!(told(&mut tracker), [(true, 4)], "this is another event");
        assert_eq!(tracker.predicted.len(), 1, "the old event is forgotten");
    }

    #[test]
    fn ticks_that_are_predicted_again_on_another_connection_report_no_event_twice() {
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
