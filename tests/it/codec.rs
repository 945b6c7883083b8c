//! State, sections and replicas, tried on worlds made by dice: a receiver decodes exactly the world that was encoded.

use crate::harness::visible_world;
use crate::zoo::{Cage, Mood, Zoo, any_successor, any_world, canonical, with_other_secrets};
use glam::Vec2;
use proptest::prelude::*;
use std::fmt::Debug;
use std::ops::RangeInclusive;
use tickwire::input::{Ack, InputCodec, InputFrame, ViewAge};
use tickwire::replication::{Encoder, Replica};
use tickwire::state::{Codec, Fixed, Schema, State};
use tickwire::wire::DecodeError;
use tickwire::world::interpolation::blend;
use tickwire::world::snapshot::{Snapshot, Topic};
use tickwire::{Rng, Seat, Tick};

fn seat(number: u8) -> Seat {
    Seat::new(number).expect("a seat")
}

/// All sections of the world that the player in `seat` may see, as a snapshot message carries them, and the room's
/// hash.
fn sections(schema: &Schema, seat: Seat, base: Option<&Snapshot>, now: &Snapshot) -> (Vec<u8>, u32) {
    let (mut bytes, mut encoder) = (Vec::new(), Encoder::new(schema));
    let hash = encoder.encode(schema, Topic::Room, base, now, false, &mut bytes);
    encoder.encode(schema, Topic::Seat(seat), base, now, true, &mut bytes);
    (bytes, hash)
}

/// The replica of a client that has received a keyframe of the first world, and then a delta to each of the others.
fn replay(schema: &Schema, seat: Seat, worlds: &[Snapshot]) -> Replica {
    let mut replica = Replica::empty(schema);
    let mut base = None;
    for world in worlds {
        let (bytes, hash) = sections(schema, seat, base, world);
        replica.apply(schema, world.tick, &bytes).expect("what was encoded is decoded");
        assert_eq!(replica.room_hash(), hash, "both sides hash the same rows");
        base = Some(world);
    }
    replica
}

/// Both ends of a range, which dice would hardly find, and any number between.
fn ends<T: Copy + Debug + 'static>(low: T, high: T) -> impl Strategy<Value = T>
where
    RangeInclusive<T>: Strategy<Value = T>,
{
    prop_oneof![Just(low), Just(high), low..=high]
}

/// The ranges of a cage's numbers.
const SERIALS: (u64, u64) = (u64::MAX - 615, u64::MAX);
const DEPTHS: (i64, i64) = (i64::MIN, -9_223_372_036_854_775_001);
const CHILLS: (i32, i32) = (-1_999, -3);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_captured_world_that_is_restored_is_the_same_world(seed: u64, dirt: u64) {
        let (schema, world) = (Schema::of::<Zoo>(), any_world(&mut Rng::new(seed)));
        prop_assert_eq!(&canonical(&world), &world, "capturing what was restored changes nothing");
        prop_assert_eq!(canonical(&world).hash(&schema), world.hash(&schema));
        let mut zoo = Zoo::default();
        any_world(&mut Rng::new(dirt)).restore(&mut zoo);
        world.restore(&mut zoo);
        let mut again = Snapshot::empty(&Schema::of::<Zoo>());
        again.capture(&mut zoo, world.tick);
        prop_assert_eq!(again, world, "no trace is left of the world that was there before");
    }

    #[test]
    fn different_worlds_have_different_hashes(seed: u64) {
        let mut dice = Rng::new(seed);
        let world = any_world(&mut dice);
        let next = any_successor(&world, &mut dice);
        let schema = Schema::of::<Zoo>();
        prop_assert_eq!(world.tables == next.tables, world.hash(&schema) == next.hash(&schema));
    }

    #[test]
    fn a_delta_between_any_two_worlds_leads_from_one_to_the_other(seed: u64, number in 0_u8..3) {
        let mut dice = Rng::new(seed);
        let mut worlds = vec![any_world(&mut dice)];
        for _ in 0..3 {
            worlds.push(any_successor(worlds.last().expect("not empty"), &mut dice));
        }
        let far = any_world(&mut dice);
        worlds.push(Snapshot { tick: worlds[3].tick + 1, ..far });
        let (schema, seat) = (Schema::of::<Zoo>(), seat(number));
        let replica = replay(&schema, seat, &worlds);
        prop_assert_eq!(replica.world(), &visible_world(&schema, &worlds[4], seat));
    }

    #[test]
    fn a_keyframe_leads_to_its_world_from_any_other(seed: u64, number in 0_u8..3) {
        let (mut dice, schema, seat) = (Rng::new(seed), Schema::of::<Zoo>(), seat(number));
        let first = any_world(&mut dice);
        let mut replica = replay(&schema, seat, &[first]);
        let second = Snapshot { tick: Tick(9), ..any_world(&mut dice) };
        let (bytes, _) = sections(&schema, seat, None, &second);
        replica.apply(&schema, second.tick, &bytes).expect("a keyframe is decoded");
        prop_assert_eq!(replica.world(), &visible_world(&schema, &second, seat));
    }

    #[test]
    fn the_bytes_for_a_player_do_not_depend_on_hidden_fields(seed: u64, number in 0_u8..3) {
        let (mut dice, schema, seat) = (Rng::new(seed), Schema::of::<Zoo>(), seat(number));
        let base = any_world(&mut dice);
        let now = any_successor(&base, &mut dice);
        let (base_too, now_too) =
            (with_other_secrets(Some(seat), &base, &mut dice), with_other_secrets(Some(seat), &now, &mut dice));
        for (base, base_too) in [(None, None), (Some(&base), Some(&base_too))] {
            let (sent, same) = (sections(&schema, seat, base, &now), sections(&schema, seat, base_too, &now_too));
            prop_assert_eq!(sent, same);
        }
    }

    #[test]
    fn a_delta_on_another_baseline_is_refused_and_changes_nothing(seed: u64) {
        let (mut dice, schema) = (Rng::new(seed), Schema::of::<Zoo>());
        let first = any_world(&mut dice);
        let second = any_successor(&first, &mut dice);
        let third = any_successor(&second, &mut dice);
        let mut replica = replay(&schema, seat(1), &[first]);
        let before = replica.world().clone();
        let (bytes, _) = sections(&schema, seat(1), Some(&second), &third);
        prop_assert!(replica.apply(&schema, third.tick, &bytes).is_err());
        prop_assert_eq!(replica.world(), &before);
    }

    #[test]
    fn any_float_comes_back_within_its_range_and_stays(
        low in -2_000_i32..=2_000, steps in 1_i32..=5_000, step in 1_i32..=400, digits in 0_usize..=4, bits: u32,
        part in 0.0_f32..=1.0,
    ) {
        // The numbers are decimal, as the literals of an attribute are: 0.1 and 0.3 are no binary fractions.
        let decimal = |number: i32| format!("{number}e-{digits}").parse::<f32>().expect("a number");
        let (min, max) = (decimal(low * step), decimal((low + steps) * step));
        let codec = Fixed::new(min, max, decimal(step));
        let mut value = Vec2::new(f32::from_bits(bits), min + part * (max - min));
        let (mut wire, mut again) = ([0; 2], [0; 2]);
        codec.gather(&value, &mut wire);
        codec.scatter(&mut value, &wire);
        for axis in value.to_array() {
            prop_assert!(axis >= min && axis <= max, "{} is not within {}..={}", axis, min, max);
            prop_assert!(axis != 0.0 || axis.is_sign_positive(), "no negative zero");
        }
        codec.gather(&value, &mut again);
        prop_assert_eq!(wire, again);
        let (mut ends, mut wire) = (Vec2::new(min, max), [9; 2]);
        codec.gather(&ends, &mut wire);
        prop_assert_eq!(wire, [0, u32::try_from(steps).expect("a wire integer")]);
        codec.scatter(&mut ends, &wire);
        prop_assert_eq!(ends, Vec2::new(min, max), "both ends are points");
    }

    #[test]
    fn any_integer_comes_back_up_to_the_ends_of_its_type(
        code in ends(u64::MIN, u64::MAX), born in ends(i64::MIN, i64::MAX),
        serial in ends(SERIALS.0, SERIALS.1), depth in ends(DEPTHS.0, DEPTHS.1), chill in ends(CHILLS.0, CHILLS.1),
    ) {
        let cage = Cage::numbered(code, born, serial, depth, chill);
        prop_assert_eq!(&Zoo::on_the_wire(&cage), &cage);
        let kept = Zoo::on_the_wire(&Cage::numbered(code, born, code, born, chill * 1_000_000));
        prop_assert_eq!(kept.serial, code.clamp(SERIALS.0, SERIALS.1));
        prop_assert_eq!(kept.depth, born.clamp(DEPTHS.0, DEPTHS.1));
        prop_assert_eq!(kept.chill, CHILLS.0);
    }

    #[test]
    fn a_blend_of_two_worlds_is_a_world(seed: u64, part in 0.0_f32..=1.0) {
        let (mut dice, schema) = (Rng::new(seed), Schema::of::<Zoo>());
        let before = any_world(&mut dice);
        let after = any_successor(&before, &mut dice);
        let mut shown = Snapshot::empty(&schema);
        blend(&schema, &before, &after, part, &mut shown);
        for (rows, table) in shown.tables.iter().zip(&schema.tables) {
            let maxima = table.leaves.iter().map(|leaf| leaf.max).cycle();
            prop_assert!(rows.wire.iter().zip(maxima).all(|(value, max)| *value <= max), "in range");
        }
        prop_assert_eq!(&canonical(&shown).tables, &shown.tables, "no row or field is half there");
        blend(&schema, &before, &after, 0.0, &mut shown);
        prop_assert_eq!(&shown.tables, &before.tables);
        blend(&schema, &before, &before, part, &mut shown);
        prop_assert_eq!(&shown.tables, &before.tables, "a leaf that stays is shown as it is");
    }

    #[test]
    fn any_input_frame_comes_back(
        seed: u64, tick: u32, count in 1_usize..=8, ack: Option<(u32, u32)>, wants: bool, ages: Option<[u8; 8]>,
    ) {
        let (codec, mut dice) = (InputCodec::new(), Rng::new(seed));
        let schema = Schema::of::<crate::zoo::Control>();
        let ack = ack.map(|(tick, hash)| Ack { tick: Tick(tick), hash });
        let mut frame = InputFrame::one(Tick(tick), crate::zoo::Control::default(), ack, wants);
        frame.count = count;
        for input in &mut frame.inputs[..count] {
            let leaves = &schema.tables[0].leaves;
            let wire: Vec<u32> = leaves.iter().map(|leaf| dice.below(leaf.max + 1)).collect();
            input.scatter(&wire);
        }
        let plain = frame;
        for (age, parts) in frame.ages.iter_mut().zip(ages.unwrap_or_default()).take(count) {
            *age = ViewAge::from_parts(parts);
        }
        let mut message = Vec::new();
        codec.encode(&frame, &mut message);
        prop_assert_eq!(codec.decode(&message), Ok(frame));
        for cut in 0..message.len() {
            prop_assert!(codec.decode(&message[..cut]).is_err(), "cut at {}", cut);
        }
        let mut shorter = Vec::new();
        codec.encode(&plain, &mut shorter);
        prop_assert!(message.len() <= shorter.len() + count, "a byte for each input at the most");
    }
}

#[test]
fn a_row_that_only_another_player_may_see_leaves_no_trace() {
    let (schema, mut dice) = (Schema::of::<Zoo>(), Rng::new(5));
    let notes = schema.tables.iter().position(|table| table.name == "notes").expect("a table of notes");
    let mut now = any_world(&mut dice);
    let width = now.tables[notes].width;
    // One note of seat 0 in a slot that only a second section reaches.
    let far = schema.tables[notes].slots_per_section + 3;
    now.tables[notes] = tickwire::world::snapshot::Rows::new(width);
    let without = now.clone();
    now.tables[notes].push(tickwire::RowId { slot: far, generation: 0 })[0] = 1;
    assert_ne!(sections(&schema, seat(0), None, &now), sections(&schema, seat(0), None, &without));
    assert_eq!(sections(&schema, seat(1), None, &now), sections(&schema, seat(1), None, &without));
}

#[test]
fn a_blend_turns_rotations_the_short_way_and_holds_fields_whose_kind_changes() {
    let schema = Schema::of::<Zoo>();
    let world = |fill: &dyn Fn(&mut Zoo)| {
        let (mut zoo, mut snapshot) = (Zoo::default(), Snapshot::empty(&schema));
        fill(&mut zoo);
        snapshot.capture(&mut zoo, Tick(1));
        snapshot
    };
    let before = world(&|zoo| zoo.place(-0.7, 0.25, None, &[(0, 10), (1, 30)], Mood::Asleep));
    let after = world(&|zoo| zoo.place(1.1, 8.25, Some(2.0), &[(0, 14), (2, 10)], Mood::Playing(seat(1), 3.0)));
    let (mut shown, mut zoo) = (Snapshot::empty(&schema), Zoo::default());
    blend(&schema, &before, &after, 0.5, &mut shown);
    shown.restore(&mut zoo);
    let half = world(&|zoo| zoo.place(0.2, 4.25, None, &[(0, 12), (1, 30)], Mood::Asleep));
    assert_eq!(shown.tables, half.tables);
}

#[test]
fn an_input_frame_has_one_encoding() {
    let codec = InputCodec::new();
    let frame = InputFrame::one(Tick(5), crate::zoo::Control::default(), None, false);
    let encode = |age| {
        let mut message = Vec::new();
        codec.encode(&frame.seeing(ViewAge::from_parts(age)), &mut message);
        message
    };
    let (plain, mut seeing) = (encode(0), encode(200));
    assert_eq!((plain[2], seeing[2]), (0, 1 << 5), "kind, tick, flags");
    for flags in 64..=u8::MAX {
        let message = [&plain[..2], &[flags], &plain[3..]].concat();
        assert_eq!(codec.decode(&message), Err(DecodeError::OutOfRange { value: flags.into(), max: 63 }));
    }
    // The flag says that there are ages, and all ages are zero: the same frame has a shorter encoding without the flag.
    let bits = Schema::of::<crate::zoo::Control>().tables[0].leaves.iter().map(|leaf| leaf.bits).sum::<u32>();
    for bit in bits..bits + 8 {
        seeing[3 + usize::try_from(bit / 8).unwrap()] &= !(1 << (bit % 8));
    }
    assert_eq!(codec.decode(&seeing), Err(DecodeError::OutOfRange { value: 1 << 5, max: 63 }));
}
