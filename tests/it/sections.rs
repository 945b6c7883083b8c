//! Sections decoded by the product's decoder and by one that is slow and plain: for worlds made by dice, for games that
//! bots play, and for damaged messages.

use crate::harness::visible_world;
use crate::reference::{Reference, undisturbed};
use crate::zoo::{Zoo, any_successor, any_world, canonical};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tickwire::limits::SEATS_MAX;
use tickwire::replication::{Encoder, Replica};
use tickwire::state::Schema;
use tickwire::world::snapshot::{Rows, Snapshot, Topic};
use tickwire::world::stepper::{Stepper, TickCauses};
use tickwire::{Game, Rng, RowId, Seat, Tick};
use tickwire_games::crowd::{Motion, Options};
use tickwire_games::{Arena, Crowd};

/// The greatest age of a baseline in these tests, in ticks.
const AGE_MAX: u32 = 15;

fn seat(number: u8) -> Seat {
    Seat::new(number).expect("a seat")
}

/// The world that one client holds, decoded by both decoders.
#[derive(Clone)]
pub(crate) struct Both<'a> {
    schema: &'a Schema,
    pub(crate) replica: Replica,
    reference: Reference<'a>,
}

impl<'a> Both<'a> {
    pub(crate) fn new(schema: &'a Schema) -> Self {
        Self { schema, replica: Replica::empty(schema), reference: Reference::new(schema) }
    }

    /// Gives both decoders the same priors; true if they took them.
    pub(crate) fn set_priors(&mut self, bytes: &[u8]) -> bool {
        let is_taken = self.replica.set_priors(bytes).is_ok();
        assert_eq!(self.reference.set_priors(bytes).is_some(), is_taken, "both take the same priors");
        is_taken
    }

    /// Gives both decoders the same message; true if they took it. Both must hold the same world afterwards, and a
    /// message that is refused must change nothing.
    pub(crate) fn apply(&mut self, tick: Tick, message: &[u8]) -> bool {
        let before = self.replica.world().clone();
        let outcome = self.replica.apply(self.schema, tick, message);
        let reference = self.reference.apply(tick, message);
        assert_eq!(reference.is_some(), outcome.is_ok(), "both take the same messages: {outcome:?}");
        assert_eq!(self.replica.world(), &self.reference.world());
        if outcome.is_err() {
            assert_eq!(self.replica.world(), &before, "all or nothing");
        }
        outcome.is_ok()
    }
}

/// All sections of the world that the player in `seat` may see.
fn sections(encoder: &mut Encoder, schema: &Schema, seat: Seat, base: Option<&Snapshot>, now: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.encode(schema, Topic::Room, base, now, !schema.has_private, &mut bytes);
    if schema.has_private {
        encoder.encode(schema, Topic::Seat(seat), base, now, true, &mut bytes);
    }
    bytes
}

/// An encoder that has learnt from a delta as if the priors were worth their bytes, and the priors that it publishes.
fn trained(schema: &Schema, seat: Seat, base: &Snapshot, now: &Snapshot) -> (Encoder, Vec<u8>) {
    let (mut encoder, mut published) = (Encoder::new(schema), Vec::new());
    for _ in 0..9 {
        encoder.learn(schema, Topic::Room, base, now);
        encoder.learn(schema, Topic::Seat(seat), base, now);
    }
    encoder.train(1_000_000);
    encoder.put_priors(&mut published);
    (encoder, published)
}

/// A world in which most rows are where their motion takes them undisturbed, and some rows are not.
fn moved_on(world: &Snapshot, ticks: u32, dice: &mut Rng) -> Snapshot {
    let mut next = undisturbed(&Schema::of::<Zoo>(), world, ticks);
    let other = any_successor(world, dice);
    for (rows, other) in next.tables.iter_mut().zip(&other.tables) {
        if rows.ids == other.ids && dice.one_in(2) {
            for (value, other) in rows.wire.iter_mut().zip(&other.wire).filter(|_| dice.one_in(20)) {
                *value = *other;
            }
        } else if dice.one_in(4) {
            rows.clone_from(other);
        }
    }
    canonical(&next)
}

/// A random world, a random successor of it, and the successor's own successor after `ticks` ticks of mostly
/// undisturbed motion.
fn three_worlds(seed: u64, ticks: u32) -> [Snapshot; 3] {
    let mut dice = Rng::new(seed);
    let first = any_world(&mut dice);
    let second = any_successor(&first, &mut dice);
    let third = moved_on(&second, ticks, &mut dice);
    [first, second, third]
}

/// The worlds of a game among bots, one for each tick.
fn played<G: Game>(options: &G::Options, seats: u8, ticks: u32, seed: u64) -> Vec<Snapshot> {
    let (mut stepper, mut dice) = (Stepper::new(G::new(options), Rng::new(seed)), Rng::new(!seed));
    let seats: Vec<Seat> = Seat::first(seats).collect();
    let (schema, mut worlds) = (Schema::of::<G>(), Vec::new());
    let mut snapshot = Snapshot::empty(&schema);
    for tick in 1..=ticks {
        // Players come and go, so that rows do too.
        let world = &mut stepper.world;
        match tick % 97 {
            1 => seats.iter().take(seats.len() - 1).for_each(|seat| world.join(*seat)),
            30 => seats.last().into_iter().for_each(|seat| world.join(*seat)),
            96 => seats.iter().for_each(|seat| world.leave(*seat, tickwire::Leave::Quit)),
            _ => {}
        }
        let mut inputs = [None; SEATS_MAX as usize];
        seats.iter().for_each(|seat| inputs[seat.index()] = Some(world.bot(*seat, &mut dice)));
        let causes = TickCauses { tick: Tick(tick), roster: &[], heard: &[], inputs: &inputs };
        stepper.play(&schema, &snapshot, &causes, &mut Vec::new());
        snapshot.capture(&mut stepper.world, Tick(tick));
        worlds.push(snapshot.clone());
    }
    worlds
}

/// Leads both decoders through a game with deltas over random numbers of ticks, and with priors that are trained now
/// and then.
fn replay<G: Game>(options: &G::Options, ticks: u32, seed: u64) {
    let (schema, worlds, me) = (Schema::of::<G>(), played::<G>(options, 6, ticks, seed), seat(2));
    let (mut both, mut encoder, mut dice) = (Both::new(&schema), Encoder::new(&schema), Rng::new(seed));
    let (mut base, mut ages, mut publications) = (None::<&Snapshot>, BTreeSet::new(), 0);
    let mut at = 0;
    while let Some(now) = worlds.get(at) {
        for pair in worlds[at.saturating_sub(8)..=at].windows(2) {
            encoder.learn(&schema, Topic::Room, &pair[0], &pair[1]);
            encoder.learn(&schema, Topic::Seat(me), &pair[0], &pair[1]);
        }
        if dice.one_in(6) && encoder.train(1_000) {
            let mut published = Vec::new();
            encoder.put_priors(&mut published);
            assert!(both.set_priors(&published), "published priors can be read");
            publications += 1;
        }
        let base_now = base.filter(|_| !dice.one_in(25));
        let message = sections(&mut encoder, &schema, me, base_now, now);
        assert!(both.apply(now.tick, &message), "tick {:?} from {:?}", now.tick, base_now.map(|base| base.tick));
        assert_eq!(both.replica.world(), &visible_world(&schema, now, me));
        ages.extend(base_now.map(|base| now.tick.since(base.tick)));
        base = Some(now);
        at += if dice.one_in(2) { 1 } else { 1 + dice.below(AGE_MAX) as usize };
    }
    assert!(ages.len() >= 12 && publications > 0, "ages {ages:?}, {publications} publications: too few to show much");
}

/// A damaged copy of a message: it is cut, bits of it are flipped, or its bytes are made up. The first `keep` bytes
/// stay as they are.
fn damaged(message: &[u8], keep: usize, dice: &mut Rng) -> Vec<u8> {
    let mut damaged = message.to_vec();
    let keep = keep.min(message.len());
    let any_place = |dice: &mut Rng| keep + dice.below((message.len() - keep).max(1) as u32) as usize;
    match dice.below(4) {
        0 => damaged.truncate(any_place(dice)),
        1 => {
            damaged.truncate(keep);
            damaged.extend((0..dice.below(60)).map(|_| if dice.one_in(4) { 255 } else { dice.below(256) as u8 }));
        }
        _ => {
            for _ in 0..=dice.below(3) {
                let at = any_place(dice);
                damaged.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << dice.below(8));
            }
        }
    }
    damaged
}

/// Tries damaged messages on copies of `both`, first with the hashes that they come with, then with the right ones. The
/// right hashes matter: without them nearly every damaged message would be refused by its hash, and nothing behind that
/// check would be tested. Gives the number of messages that were taken.
fn try_damage(both: &Both<'_>, tick: Tick, message: &[u8], tries: u32, dice: &mut Rng) -> u32 {
    let mut taken = 0;
    for _ in 0..tries {
        let keep = if dice.one_in(3) { 0 } else { 6 };
        let mut message = damaged(message, keep, dice);
        both.clone().apply(tick, &message);
        if both.reference.seal(tick, &mut message).is_some() {
            assert!(both.clone().apply(tick, &message), "the hash is right");
            taken += 1;
        }
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn both_decoders_decode_any_worlds(seed: u64, number in 0_u8..3, ticks in 1..=AGE_MAX, knows_priors: bool) {
        let (schema, worlds) = (Schema::of::<Zoo>(), three_worlds(seed, ticks));
        let mut both = Both::new(&schema);
        let mut encoder = Encoder::new(&schema);
        if knows_priors {
            let (trained, published) = trained(&schema, seat(number), &worlds[0], &worlds[1]);
            encoder = trained;
            prop_assert!(both.set_priors(&published));
        }
        let mut base = None;
        for now in &worlds {
            let message = sections(&mut encoder, &schema, seat(number), base, now);
            prop_assert!(both.apply(now.tick, &message));
            prop_assert_eq!(both.replica.world(), &visible_world(&schema, now, seat(number)));
            base = Some(now);
        }
    }

    #[test]
    fn a_row_that_moves_as_expected_takes_no_byte(seed: u64, number in 0_u8..3, ticks in 1..=AGE_MAX) {
        let schema = Schema::of::<Zoo>();
        let first = visible_world(&schema, &any_world(&mut Rng::new(seed)), seat(number));
        let second = undisturbed(&schema, &first, ticks);
        let mut bytes = Vec::new();
        Encoder::new(&schema).encode(&schema, Topic::Room, Some(&first), &second, false, &mut bytes);
        let sections = tickwire::replication::section_count(&schema, Topic::Room, Some(&first), &second);
        let rows: usize = first.tables.iter().map(|rows| rows.ids.len()).sum();
        // Each section has a head, and each row takes well below a bit.
        prop_assert!(bytes.len() <= sections as usize * 9 + rows / 8 + 8, "{} bytes for {rows} rows", bytes.len());
    }

    #[test]
    fn both_decoders_agree_on_damage(seed: u64, number in 0_u8..3, ticks in 1..=AGE_MAX) {
        let (schema, worlds) = (Schema::of::<Zoo>(), three_worlds(seed, ticks));
        let (mut encoder, published) = trained(&schema, seat(number), &worlds[0], &worlds[1]);
        let (mut both, mut base, mut dice) = (Both::new(&schema), None, Rng::new(seed));
        both.set_priors(&published);
        for now in &worlds {
            let message = sections(&mut encoder, &schema, seat(number), base, now);
            try_damage(&both, now.tick, &message, 8, &mut dice);
            both.apply(now.tick, &message);
            base = Some(now);
        }
    }

    #[test]
    fn both_decoders_agree_on_any_priors(seed: u64, made_up in prop::collection::vec(any::<u8>(), 0..300)) {
        let (schema, worlds) = (Schema::of::<Zoo>(), three_worlds(seed, 1));
        let (mut encoder, published) = trained(&schema, seat(1), &worlds[0], &worlds[1]);
        let mut dice = Rng::new(seed);
        for bytes in [made_up, damaged(&published, 0, &mut dice), damaged(&published, 8, &mut dice)] {
            let mut both = Both::new(&schema);
            both.set_priors(&bytes);
            // A message that was coded with other priors means something else: both decoders must make the same of it.
            let mut message = sections(&mut encoder, &schema, seat(1), None, &worlds[0]);
            both.apply(worlds[0].tick, &message);
            if both.reference.seal(worlds[0].tick, &mut message).is_some() {
                prop_assert!(both.apply(worlds[0].tick, &message));
            }
        }
    }
}

#[test]
fn both_decoders_decode_games_that_bots_play() {
    replay::<Arena>(&Default::default(), 400, 1);
    for motion in [Motion::Steady, Motion::Erratic, Motion::Still] {
        replay::<Crowd>(&Options { entities: 150, motion }, 300, 2);
    }
}

#[test]
fn both_decoders_agree_on_damaged_games() {
    fn try_game<G: Game>(options: &G::Options) {
        let (schema, worlds, me) = (Schema::of::<G>(), played::<G>(options, 6, 90, 5), seat(1));
        let (mut both, mut dice, mut taken) = (Both::new(&schema), Rng::new(5), 0);
        let (mut encoder, published) = trained(&schema, me, &worlds[60], &worlds[61]);
        both.set_priors(&published);
        let mut base = None;
        for (place, age) in [(50, 0), (51, 1), (66, 15), (70, 4), (71, 1)] {
            let now = &worlds[place];
            let message = sections(&mut encoder, &schema, me, base, now);
            taken += try_damage(&both, now.tick, &message, 150, &mut dice);
            assert!(both.apply(now.tick, &message), "{age} ticks");
            base = Some(now);
        }
        assert!(taken >= 20, "only {taken} damaged messages meant anything");
    }
    try_game::<Arena>(&Default::default());
    try_game::<Crowd>(&Options { entities: 60, motion: Motion::Steady });
}

#[test]
fn a_motion_that_overflows_ends_at_the_bounds_for_sender_and_receiver() {
    let (schema, mut dice) = (Schema::of::<Zoo>(), Rng::new(8));
    let meters = schema.tables.iter().position(|table| table.name == "meters").expect("a table of meters");
    let mut first = any_world(&mut dice);
    // The rate's wire integer 0 stands for −2^31, and twice that is a whole turn of 32 bits.
    let (total, rate) = (7, 0);
    first.tables[meters] = Rows::new(2);
    first.tables[meters].push(RowId::default()).copy_from_slice(&[total, rate]);
    for value in [total, 0, 4_000_000_000] {
        let mut second = Snapshot { tick: first.tick + 2, ..first.clone() };
        second.tables[meters].wire[0] = value;
        let (mut both, mut encoder) = (Both::new(&schema), Encoder::new(&schema));
        assert!(both.apply(first.tick, &sections(&mut encoder, &schema, seat(0), None, &first)));
        assert!(both.apply(second.tick, &sections(&mut encoder, &schema, seat(0), Some(&first), &second)));
        assert_eq!(both.replica.world(), &visible_world(&schema, &second, seat(0)));
    }
}

#[test]
fn a_section_over_too_old_a_baseline_is_refused_without_much_work() {
    let schema = Schema::of::<Zoo>();
    let first = any_world(&mut Rng::new(3));
    for (ticks, is_taken) in [(AGE_MAX, true), (AGE_MAX + 1, false), (2_000_000_000, false)] {
        let second = Snapshot { tick: first.tick + ticks, ..first.clone() };
        let (mut both, mut encoder) = (Both::new(&schema), Encoder::new(&schema));
        assert!(both.apply(first.tick, &sections(&mut encoder, &schema, seat(0), None, &first)));
        // The section is encoded with an age that takes little work, and the age in its head is raised afterwards.
        let near = Snapshot { tick: first.tick + 2, ..first.clone() };
        let mut message = sections(&mut encoder, &schema, seat(0), Some(&first), &near);
        if ticks > AGE_MAX {
            let mut age = Vec::new();
            tickwire::wire::put_varint(&mut age, ticks);
            message.splice(1..2, age);
        } else {
            message = sections(&mut encoder, &schema, seat(0), Some(&first), &second);
        }
        assert_eq!(both.apply(second.tick, &message), is_taken, "{ticks} ticks");
    }
}
