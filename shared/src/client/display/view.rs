//! The view: one world out of two, own rows from prediction and all other rows from interpolation.
//!
//! Own rows are shown between the newest predicted tick and the one after it (if the input stays as it is), moved by
//! the rest of their corrections. Looking one tick ahead instead of interpolating one tick back makes own things answer
//! a tick earlier; when the input changes, it costs a fraction of a tick's movement.
//!
//! # Teleports
//!
//! A leap is not shown as movement: a leaf that jumps farther than it could have moved stays where it is until the tick
//! in which it is elsewhere. All leaves of a row wait together, because half a teleport is a place where nothing was.
//! The fields of the world's own row are not one thing, nor are fields that are predicted apart from their row, so each
//! of them waits alone.
//!
//! A game does not say that it puts a thing elsewhere: a world is numbers alone, and the author of a game writes the
//! same assignment for a step and for a teleport. A leap is therefore told from movement by its distance. If the tick
//! before is known, so is the speed, and a leaf leaps when it moves much farther than that speed allows: a fast thing
//! may move far, and a thing at rest may not. Without the tick before, as for a row that is new, only a distance of
//! more than an eighth of the leaf's range counts.
//!
//! # Easing
//!
//! Easing adds the offset of a leaf to the place to which the look ahead has moved it, and leaves the predicted world
//! alone. The two are independent: a row that waits to leap is still eased, and its old correction goes on to fade. A
//! rotation is the exception. It travels as the index of its largest component and the values of the others, and an
//! offset of these values is meant for one largest component. Where the look ahead comes to another one, the same
//! numbers mean another turn, so the offset is not applied there.

use crate::client::prediction::predictor::Predicted;
use crate::id::Seat;
use crate::state::{Leaf, Schema, TableSchema};
use crate::world::interpolation::{InterpolationSample, MotionSegment, difference, moved, play_row};
use crate::world::merge::{Layer, merge_predicted, predicts_leaf, predicts_row};
use crate::world::snapshot::{Rows, Snapshot};

/// Fills `out` with the world that the player in `me` is to see: others as `sample` has them, own things as predicted.
pub(crate) fn compose(
    schema: &Schema,
    me: Option<Seat>,
    sample: &InterpolationSample<'_>,
    predicted: &Predicted,
    out: &mut Snapshot,
) {
    out.tick = predicted.now.tick;
    out.tables.resize_with(schema.tables.len(), Rows::default);
    for (number, table) in schema.tables.iter().enumerate() {
        let easing = Easing { number, table, me, predicted };
        let (own, others) = (&predicted.now.tables[number], &sample.before.tables[number]);
        let rows = &mut out.tables[number];
        merge_predicted(table, me, own, others, rows, |layer, row| match layer {
            Layer::Other(index) => play_row(table, number, index, sample, row),
            Layer::Own(index) => {
                row.copy_from_slice(own.row(index));
                easing.ease(index, row);
            }
            Layer::Leaves(index) => easing.ease(index, row),
        });
    }
}

/// How the predicted rows of a table are shown.
struct Easing<'a> {
    number: usize,
    table: &'a TableSchema,
    me: Option<Seat>,
    predicted: &'a Predicted,
}

impl Easing<'_> {
    /// Moves the predicted leaves of a row on towards the next tick, and by the rest of a correction. In a row that is
    /// predicted as a whole these are all leaves, and in any other row those that are predicted apart from it.
    fn ease(&self, index: usize, out: &mut [u32]) {
        let Self { number, table, me, predicted } = *self;
        let now = &predicted.now.tables[number];
        let (id, row) = (now.ids[index], now.row(index));
        let is_whole = number > 0 && predicts_row(table, row, me);
        let predicts = |leaf: &Leaf, row: &[u32]| is_whole || predicts_leaf(leaf, row, me);
        let next = predicted.ahead.tables[number].find_near(index, id).unwrap_or(row);
        if next == row && predicted.corrections.is_empty() {
            // The row rests, and nothing of it is being eased.
            return;
        }
        let earlier = predicted.before.tables[number].find_near(index, id).map(|earlier| (earlier, 1));
        let segment = MotionSegment { ends: (row, next), ticks: 1, earlier, part: predicted.part };
        let leaps = is_whole && segment.leaps(table, None);
        for at in table.smooth.iter().copied() {
            let leaf = &table.leaves[at];
            if !predicts(leaf, row) {
                continue;
            }
            let stays = leaps || segment.leaps_at(table, at) || table.is_replaced(at, row, next);
            let way = if stays { 0.0 } else { difference(leaf, row[at], next[at]) as f32 * segment.part };
            out[at] = moved(leaf, row[at], way + predicted.corrections.offset(number, id, at));
        }
        let part = if leaps { 0.0 } else { segment.part };
        for first in table.smooth_rotations().filter(|first| predicts(&table.leaves[*first], row)) {
            let turned = table.rotation_between(first, row, next, part);
            for (at, (leaf, value)) in (first..).zip(table.leaves[first..].iter().zip(turned)) {
                // An offset belongs to one largest component: it ends where another component becomes the largest.
                let is_same = turned[0] == row[first];
                let offset = if is_same { predicted.corrections.offset(number, id, at) } else { 0.0 };
                out[at] = moved(leaf, value, offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::display::first_ids::FirstIds;
    use crate::client::display::interpolation_buffer::InterpolationBuffer;
    use crate::client::prediction::corrections::{CorrectedRow, Correction, Corrections};
    use crate::game::LagCompensation;
    use crate::input::ViewAge;
    use crate::state::{ALL_TABLES, State};
    use crate::table::Table;
    use crate::world::history::{History, Recalled};
    use crate::world::rewind::{RewindCache, RoomViews};

    /// A field of the world for each way in which a field is seen, and rows that are owned, predicted by every client,
    /// and predicted by none.
    #[derive(State, Clone, Default)]
    struct World {
        #[state(range = 0..=4_000, smooth)]
        clock: u16,
        #[state(range = 0..=4_000, smooth, predict)]
        door: u16,
        ships: Table<Ship>,
        #[state(predict)]
        balls: Table<Ship>,
        stones: Table<Stone>,
    }

    #[derive(State, Clone, Default)]
    struct Ship {
        #[state(owner)]
        seat: Option<Seat>,
        #[state(range = 0..=4_000, smooth)]
        x: u16,
        plates: u8,
    }

    /// A row of nobody, with a field that every client predicts and a part that has an owner of its own.
    #[derive(State, Clone, Default)]
    struct Stone {
        #[state(range = 0..=4_000, smooth)]
        x: u16,
        #[state(range = 0..=4_000, smooth, predict)]
        lift: u16,
        rider: Ship,
    }

    fn seat(number: u8) -> Seat {
        Seat::new(number).expect("a seat")
    }

    /// Twenty ticks in which everything moves by 8, one ship is new, and the slot of another changes hands.
    fn worlds(schema: &Schema) -> History {
        let mut world = World::default();
        let mut history = History::new(Snapshot::empty(schema));
        let first = world.ships.insert(Ship { seat: Some(seat(1)), ..Ship::default() });
        world.balls.insert(Ship::default());
        let rider = Ship { seat: Some(seat(1)), ..Ship::default() };
        world.stones.insert(Stone { rider, ..Stone::default() });
        for tick in 1..=20 {
            match tick {
                12 => drop(world.ships.remove(first)),
                15 | 18 => drop(world.ships.insert(Ship { seat: Some(seat(tick as u8 % 2)), ..Ship::default() })),
                _ => {}
            }
            (world.clock, world.door) = (world.clock + 8, world.door + 8);
            for ship in world.ships.values_mut().chain(world.balls.values_mut()) {
                (ship.x, ship.plates) = (ship.x + 8, ship.plates + 1);
            }
            for stone in world.stones.values_mut() {
                (stone.x, stone.lift, stone.rider.x) = (stone.x + 8, stone.lift + 8, stone.rider.x + 8);
            }
            history.push(schema, &mut world);
        }
        history
    }

    #[test]
    fn the_screen_shows_the_world_that_the_server_judges_by() {
        let schema = Schema::of::<World>();
        let (history, mut recalled) = (worlds(&schema), Recalled::default());
        let mut interpolation = InterpolationBuffer::new(33_333.0, 1);
        for tick in 4..=20 {
            let world = history.at(&schema, crate::tick::Tick(tick), &mut recalled).expect("kept");
            interpolation.push(world, u64::from(tick) * 33_333);
        }
        let newest = history.newest();
        let (before, now, ahead) = (newest.clone(), newest.clone(), newest.clone());
        let (corrections, first_ids) = (Corrections::default(), FirstIds::default());
        let predicted = Predicted { before, now, ahead, part: 0.0, corrections, first_ids };
        let (mut cache, mut screen, mut judged) =
            (RewindCache::default(), Snapshot::empty(&schema), Snapshot::empty(&schema));
        let mut compared = 0;
        for parts in 16..=200 {
            let age = ViewAge::from_parts(parts);
            let sample = interpolation.sample_at(age.before(newest.tick.next())).expect("there are snapshots");
            for number in 0..3 {
                compose(&schema, Some(seat(number)), &sample, &predicted, &mut screen);
                let ages = [age; 3];
                let mut past = RoomViews::<World>::new(&schema, &history, &ages, 1, &mut cache);
                judged.capture(&mut past.seen_by(seat(number), &|_| ALL_TABLES).clone(), screen.tick);
                assert_eq!(screen.tables, judged.tables, "seat {number}, {parts} sixteenths of a tick ago");
                compared += 1;
            }
        }
        assert_eq!(compared, 185 * 3);
    }

    #[test]
    fn predicted_fields_of_rows_that_are_not_predicted_are_shown_in_the_present_and_eased() {
        let schema = Schema::of::<World>();
        let (history, mut recalled, mut screen) = (worlds(&schema), Recalled::default(), Snapshot::empty(&schema));
        let mut interpolation = InterpolationBuffer::new(33_333.0, 1);
        for tick in 4..=20 {
            let world = history.at(&schema, crate::tick::Tick(tick), &mut recalled).expect("kept");
            interpolation.push(world, u64::from(tick) * 33_333);
        }
        let stones = 3;
        let newest = history.newest();
        let (mut now, mut ahead) = (newest.clone(), newest.clone());
        // The lift was predicted to be 100 higher, and moves on by 8 until the next tick.
        let (old, id) = (newest.tables[stones].row(0).to_vec(), newest.tables[stones].ids[0]);
        let lift = 1;
        now.tables[stones].row_mut(0)[lift] += 100;
        ahead.tables[stones].row_mut(0)[lift] += 108;
        let mut corrections = Corrections::default();
        let corrected = CorrectedRow { number: stones, id, was: &old, is: now.tables[stones].row(0) };
        let table = &schema.tables[stones];
        corrections.add_row(table, corrected, &mut Correction::default(), |leaf| leaf.marks.predict, |_, _| false);
        let first_ids = FirstIds::default();
        let predicted = Predicted { before: now.clone(), now, ahead, part: 0.5, corrections, first_ids };
        let sample = interpolation.sample_at(ViewAge::from_parts(80).before(newest.tick.next())).expect("a sample");
        for (me, rider) in [(1, 160), (0, 128)] {
            compose(&schema, Some(seat(me)), &sample, &predicted, &mut screen);
            let mut shown = World::default();
            screen.restore(&mut shown);
            let stone = shown.stones.values().next().expect("there is a stone");
            // The row is shown as it was five ticks ago, and its predicted field half a tick ahead, off by the correction.
            assert_eq!((stone.x, stone.lift, stone.rider.x), (128, 164, rider), "seat {me}");
        }
    }
}
