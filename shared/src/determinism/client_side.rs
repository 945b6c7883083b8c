//! The client's side of a playthrough: each tick once more, from the part of the world that a client has.
//!
//! A client predicts with the part of the world that it may see, and with random numbers of its own. Here it starts each
//! tick from the right world and is given everyone's inputs, so nothing but hidden knowledge makes a difference. A field
//! that is wrong nearly each time that it changes can never be predicted. A field that is rarely wrong (a ship that
//! starts anew at a random place) is left alone.

use super::script::Turn;
use super::unpredictable::{Unknown, Unpredictable};
use crate::game::{Game, LagCompensation, To};
use crate::id::Seat;
use crate::input::ViewAge;
use crate::limits::SEATS_MAX;
use crate::rng::Rng;
use crate::state::Schema;
use crate::tick::Tick;
use crate::world::diff::path_of_field;
use crate::world::merge::{receive_world, shows_predicted};
use crate::world::rewind::{RewindCache, RoomViews};
use crate::world::simulation::Checkpoint;
use crate::world::snapshot::Snapshot;
use crate::world::stepper::{TickCauses, guessed_rng, predict_tick};
use alloc::vec::Vec;
use core::ops::Range;

/// Players whose side is played in one tick; they take turns.
const SEATS_PER_TICK: usize = 2;

/// Changes of a field before it is judged.
const CHANGES_MIN: u32 = 10;

/// The percentage of a field's changes that differ when the field counts as unpredictable. A flag that the dice throw
/// is guessed rightly now and then, and reaches two thirds.
const DIFFERS_PERCENT: u32 = 60;

/// The percentage of wrong predictions that the room's random numbers make right, or do not, when the cause is clear.
const CLEAR_PERCENT: u32 = 90;

/// Plays ticks as clients would, and counts what they have wrong.
pub(super) struct ClientSide<G: Game> {
    counts: Vec<Count>,
    /// The world as the client has it before the tick, after it by the server, and after it by the client.
    before: Snapshot,
    truth: Snapshot,
    guess: Snapshot,
    world: G,
    veil: Veil<G>,
    cache: RewindCache<G>,
    events: Vec<(To, G::Event)>,
}

/// How often a field changed, and was wrong.
#[derive(Clone)]
struct Count {
    table: usize,
    leaves: Range<usize>,
    changes: u32,
    differs: u32,
    /// How often it was wrong without the room's random numbers, and right with them.
    random: u32,
}

/// The outcome for one field of one row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Changed,
    Differs,
}

impl<G: Game> ClientSide<G> {
    pub(super) fn new(schema: &Schema) -> Self {
        let empty = || Snapshot::empty(schema);
        let mut counts = Vec::new();
        for (table, shape) in schema.tables.iter().enumerate() {
            let mut first = 0;
            while first < shape.leaves.len() {
                let leaves = shape.leaves_of_field(first);
                first = leaves.end;
                counts.push(Count { table, leaves, changes: 0, differs: 0, random: 0 });
            }
        }
        Self {
            counts,
            before: empty(),
            truth: empty(),
            guess: empty(),
            world: G::default(),
            veil: Veil { seen: empty(), received: empty(), world: G::default() },
            cache: RewindCache::default(),
            events: Vec::new(),
        }
    }

    /// Makes the tick that led from `before` to `after` once more, as clients of some of its players.
    pub(super) fn compare(&mut self, schema: &Schema, before: &Checkpoint<G>, turn: &Turn<G>, after: &Snapshot) {
        // A client is not told which players join and leave in a tick that it predicts.
        if !turn.roster.is_empty() || !turn.heard.is_empty() || turn.actions.is_empty() {
            return;
        }
        let first = after.tick.0 as usize * SEATS_PER_TICK;
        for index in first..first + SEATS_PER_TICK.min(turn.actions.len()) {
            self.compare_for(turn.actions[index % turn.actions.len()].0, schema, before, turn, after);
        }
    }

    fn compare_for(&mut self, me: Seat, schema: &Schema, before: &Checkpoint<G>, turn: &Turn<G>, after: &Snapshot) {
        receive_world(schema, Some(me), before.history.newest(), &mut self.before);
        receive_world(schema, Some(me), after, &mut self.truth);
        self.play(me, schema, before, turn, guessed_rng(after.tick));
        let wrong = self.count(schema, me);
        if wrong.is_empty() {
            return;
        }
        let mut rng = before.rng.clone();
        rng.begin_step(after.tick.0);
        self.play(me, schema, before, turn, rng);
        for (count, row) in wrong {
            let is_right = self.outcome(schema, me, count, row) != Some(Outcome::Differs);
            self.counts[count].random += u32::from(is_right);
        }
    }

    /// Makes the tick from the world as the client has it.
    fn play(&mut self, me: Seat, schema: &Schema, before: &Checkpoint<G>, turn: &Turn<G>, mut rng: Rng) {
        let (mut inputs, mut ages) = ([None; SEATS_MAX as usize], [ViewAge::NONE; SEATS_MAX as usize]);
        for (seat, action) in &turn.actions {
            inputs[seat.index()] = Some(action.input);
            ages[seat.index()] = action.age;
        }
        let tick: Tick = self.before.tick.next();
        self.before.restore(&mut self.world);
        let every_ticks = G::RULES.message_ticks();
        let past = RoomViews::new(schema, &before.history, &ages, every_ticks, &mut self.cache);
        let mut past = Veiled { past, schema, me, veil: &mut self.veil };
        let causes = TickCauses { tick, roster: &[], heard: &[], inputs: &inputs };
        predict_tick(&mut self.world, &mut rng, &causes, &mut past, &mut self.events);
        self.guess.capture(&mut self.world, tick);
    }

    /// Counts the fields of all rows, and gives those that are wrong: the index of the count, and that of the row before
    /// the tick.
    fn count(&mut self, schema: &Schema, me: Seat) -> Vec<(usize, usize)> {
        let mut wrong = Vec::new();
        for index in 0..self.counts.len() {
            for row in 0..self.before.tables[self.counts[index].table].ids.len() {
                let outcome = self.outcome(schema, me, index, row);
                self.counts[index].changes += u32::from(outcome.is_some());
                if outcome == Some(Outcome::Differs) {
                    self.counts[index].differs += 1;
                    wrong.push((index, row));
                }
            }
        }
        wrong
    }

    /// The outcome for a field of a row, by their indices; `None` for one that the client does not predict, or that
    /// stays as it was.
    fn outcome(&self, schema: &Schema, me: Seat, count: usize, row: usize) -> Option<Outcome> {
        let Count { table, leaves, .. } = &self.counts[count];
        let (shape, rows) = (&schema.tables[*table], &self.before.tables[*table]);
        let (id, before) = (rows.ids[row], rows.row(row));
        let (truth, guess) =
            (self.truth.tables[*table].find_near(row, id)?, self.guess.tables[*table].find_near(row, id)?);
        let part = leaves.clone();
        if truth[part.clone()] == before[part.clone()] && guess[part.clone()] == before[part.clone()] {
            return None;
        }
        let leaf = &shape.leaves[leaves.start];
        let is_shown = [before, truth].into_iter().all(|row| shows_predicted(shape, leaf, row, Some(me)));
        let outcome = if truth[part.clone()] == guess[part] { Outcome::Changed } else { Outcome::Differs };
        is_shown.then_some(outcome)
    }

    /// The fields that can never be predicted, the worst first.
    pub(super) fn unpredictable(&self, schema: &Schema) -> Vec<Unpredictable> {
        let is_hopeless = |count: &&Count| {
            count.changes >= CHANGES_MIN && count.differs * 100 >= count.changes.saturating_mul(DIFFERS_PERCENT)
        };
        let mut found: Vec<&Count> = self.counts.iter().filter(is_hopeless).collect();
        found.sort_by_key(|count| core::cmp::Reverse(u64::from(count.differs) * 100 / u64::from(count.changes)));
        found.into_iter().map(|count| count.named(schema)).collect()
    }
}

impl Count {
    fn named(&self, schema: &Schema) -> Unpredictable {
        let random_percent = u64::from(self.random) * 100 / u64::from(self.differs.max(1));
        let depends_on = match random_percent {
            percent if percent >= u64::from(CLEAR_PERCENT) => Unknown::RandomNumbers,
            percent if percent <= u64::from(100 - CLEAR_PERCENT) => Unknown::HiddenField,
            _ => Unknown::Either,
        };
        let field = path_of_field(schema, self.table, self.leaves.start);
        Unpredictable { field, changes: self.changes, differs: self.differs, depends_on }
    }
}

/// Memory for a world of the past without its hidden parts.
struct Veil<G> {
    seen: Snapshot,
    received: Snapshot,
    world: G,
}

/// The views of the players as one client has them, without the parts that are hidden from it.
struct Veiled<'a, G> {
    past: RoomViews<'a, G>,
    schema: &'a Schema,
    me: Seat,
    veil: &'a mut Veil<G>,
}

impl<G: Game> LagCompensation<G> for Veiled<'_, G> {
    fn seen_by(&mut self, seat: Seat, tables: &dyn Fn(&G) -> u32) -> &G {
        let mut world = self.past.seen_by(seat, tables).clone();
        let Veil { seen, received, world: veiled } = &mut *self.veil;
        seen.capture(&mut world, Tick(0));
        receive_world(self.schema, Some(self.me), seen, received);
        received.restore(veiled);
        veiled
    }
}
