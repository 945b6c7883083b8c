//! The promises of the scene: boxes behave, a body at rest stays at rest, and free motion is predicted to the bit.

use super::motion::{fall, turn};
use super::*;
use std::string::String;
use std::vec::Vec;
use tickwire::Tick;
use tickwire::replication::{CostReport, Encoder, Line};
use tickwire::state::Schema;
use tickwire::testing::{Play, assert_deterministic_for, assert_predictable_for};
use tickwire::world::snapshot::{Snapshot, Topic};

/// A world of these bodies alone.
fn world(bodies: impl IntoIterator<Item = Body>) -> Play<Tumble> {
    let mut world = Tumble::default();
    for body in bodies {
        world.bodies.insert(body);
    }
    Play::with(world, 0, 1)
}

/// A box that lies still at this place.
fn lying(x: f32, y: f32, z: f32) -> Body {
    Body { at: vec3(x, y, z), phase: Phase::Resting, ..Body::default() }
}

/// A box that is let go at this place.
fn dropped(x: f32, y: f32, z: f32) -> Body {
    Body { at: vec3(x, y, z), ..Body::default() }
}

fn bodies(play: &Play<Tumble>) -> Vec<Body> {
    play.world.bodies.values().cloned().collect()
}

fn wire(body: &Body) -> [u32; Body::WIDTH] {
    let mut wire = [0; Body::WIDTH];
    body.gather(&mut wire);
    wire
}

/// Plays without inputs until everything rests, and returns the number of ticks that it took.
fn settle(play: &mut Play<Tumble>, ticks_max: u32) -> u32 {
    for tick in 0..ticks_max {
        if play.world.bodies.values().all(|body| body.phase == Phase::Resting) {
            return tick;
        }
        play.tick(|_, _, _| Grip::default());
    }
    let awake: Vec<Body> = bodies(play).into_iter().filter(|body| body.phase != Phase::Resting).collect();
    panic!("still awake after {ticks_max} ticks: {awake:#?}");
}

/// How far the face that is nearest to level is from level: the sine of the angle.
fn tilt(body: &Body) -> f32 {
    let up = [Vec3::X, Vec3::Y, Vec3::Z].map(|axis| (body.rotation * axis).y.abs());
    let most = up.into_iter().fold(0.0, math::max);
    math::sqrt(math::max(1.0 - most * most, 0.0))
}

#[test]
fn every_run_is_the_same() {
    assert_deterministic_for::<Tumble>(150);
    assert_predictable_for::<Tumble>(150);
}

#[test]
fn the_field_falls_tumbles_and_comes_to_rest() {
    let mut play: Play<Tumble> = Play::new(1, 3);
    let falling = bodies(&play).iter().filter(|body| body.phase == Phase::Flying).count();
    assert!((100..250).contains(&falling), "{falling} begin in the air");
    let ticks = settle(&mut play, 600);
    assert!(ticks > 60, "they fall for a while");
    let level = bodies(&play).iter().filter(|body| tilt(body) < 0.02).count();
    assert!(level > 880, "boxes lie on their faces, but for a few that lean on others: {level} of 901");
}

#[test]
fn a_body_at_rest_stays_exactly_where_it_is() {
    let mut play: Play<Tumble> = Play::new(1, 5);
    for _ in 0..600 {
        play.bots();
    }
    settle(&mut play, 600);
    let before = bodies(&play);
    for _ in 0..100 {
        play.tick(|_, _, _| Grip::default());
    }
    assert_eq!(before, bodies(&play));
}

#[test]
fn a_box_that_is_woken_for_nothing_does_not_move() {
    // A pile of three, one turned, and a box that leans on nothing.
    let turned = Body { rotation: Quat::from_rotation_y(0.4), ..dropped(0.02, 0.78, 0.01) };
    let mut play = world([dropped(0.0, 0.26, 0.0), turned, dropped(0.0, 1.3, -0.05), dropped(3.0, 2.0, 1.0)]);
    settle(&mut play, 200);
    let before = bodies(&play);
    assert!(before[2].at.y > 1.2, "the pile stands");
    play.world.bodies.values_mut().for_each(Body::wake);
    assert_eq!(settle(&mut play, 10), 1, "one step finds that it changes nothing");
    assert_eq!(before, bodies(&play));
}

/// Every wire integer of a body that nothing touches is as the prediction from the tick before gives it.
#[test]
fn free_motion_is_predicted_to_the_bit() {
    let mut dice = Rng::new(9);
    let thrown = (0..100_u8).map(|number| {
        let mut any = |most: f32| dice.range(-most, most);
        let (velocity, spin) = (vec3(any(0.2), any(0.2), any(0.2)), vec3(any(0.3), any(0.3), any(0.3)));
        let rotation = Quat::from_xyzw(any(1.0), any(1.0), any(1.0), any(1.0)).normalize();
        let (row, column) = (f32::from(number / 10), f32::from(number % 10));
        Body { velocity, spin, rotation, ..dropped(row * 3.0 - 13.5, 12.0, column * 3.0 - 13.5) }
    });
    let mut play = world(thrown);
    // One tick puts the bodies on the wire's grid, where they stay in the ticks that follow.
    play.tick(|_, _, _| Grip::default());
    let mut predicted = 0;
    for _ in 0..60 {
        let before = bodies(&play);
        play.tick(|_, _, _| Grip::default());
        for (was, now) in before.iter().zip(bodies(&play)).filter(|(_, now)| now.phase == Phase::Flying) {
            let mut guess = Body { phase: now.phase, ..was.clone() };
            guess.velocity = fall(&was.velocity, &guess);
            guess.at += guess.velocity;
            guess.rotation = turn(&was.rotation, &guess);
            let stays_inside = guess.at.abs().max_element() < FIELD_HALF - 1.0;
            assert!(!stays_inside || wire(&guess) == wire(&now), "{was:?} became {now:?}");
            predicted += u32::from(stays_inside);
        }
    }
    assert!(predicted > 3_000, "most of them keep flying: {predicted}");
}

#[test]
fn a_box_beyond_the_edge_tips_over_it_and_lies_flat() {
    for overhang in [0.05, 0.1, 0.2] {
        let mut play = world([lying(0.0, BOX_HALF, 0.0), dropped(0.25 + overhang, 0.76, 0.0)]);
        settle(&mut play, 400);
        let fallen = &bodies(&play)[1];
        assert!(fallen.at.y < 0.3, "overhang {overhang}: {fallen:?}");
        assert!(tilt(fallen) < 0.02, "overhang {overhang}: {fallen:?}");
    }
}

#[test]
fn boxes_on_a_box_fall_when_it_is_taken_away() {
    let mut play = world([lying(0.0, 0.25, 0.0), lying(0.0, 0.751, 0.0), lying(0.0, 1.252, 0.0)]);
    play.world.bodies.values_mut().take(1).for_each(|body| body.push(vec3(0.25, 0.0, 0.0)));
    settle(&mut play, 600);
    let highest = bodies(&play).iter().map(|body| body.at.y).fold(0.0, math::max);
    assert!(highest < 0.8, "{:?}", bodies(&play));
}

#[test]
fn a_push_goes_through_a_row_of_boxes() {
    let row = (0..5_u8).map(|place| lying(f32::from(place) * 0.501, 0.25, 0.0));
    let mut play = world(row);
    play.world.join(Seat::first(1).next().unwrap());
    play.world.bodies.values_mut().skip(5).for_each(|cube| cube.at = vec3(-1.2, PLAYER_HALF, 0.0));
    play.seats = Seat::first(1).collect();
    for _ in 0..90 {
        play.tick(|_, _, _| Grip { stick: Vec2::X, ..Grip::default() });
    }
    let last = &bodies(&play)[4];
    assert!(last.at.x > 2.5, "the last of the row moved: {last:?}");
}

#[test]
fn nothing_leaves_the_field_or_sinks_into_the_ground() {
    let mut play: Play<Tumble> = Play::new(4, 9);
    for _ in 0..900 {
        play.bots();
        for body in play.world.bodies.values() {
            let (x, z) = (body.at.x.abs(), body.at.z.abs());
            assert!(x < FIELD_HALF && z < FIELD_HALF && body.at.y > 0.8 * body.half(), "{body:?}");
        }
    }
}

#[test]
fn players_roll_pull_blast_and_jump() {
    let mut play: Play<Tumble> = Play::new(1, 2);
    settle(&mut play, 600);
    let moving = |play: &Play<Tumble>| bodies(play).iter().filter(|body| body.phase != Phase::Resting).count();
    let cube = |play: &Play<Tumble>| bodies(play).into_iter().find(|body| body.seat.is_some()).unwrap();
    let start = cube(&play);
    for _ in 0..60 {
        play.tick(|_, _, _| Grip { stick: vec2(1.0, 0.0), ..Grip::default() });
    }
    let rolled = cube(&play);
    assert!(rolled.at.x - start.at.x > 1.0, "{start:?} became {rolled:?}");
    for _ in 0..60 {
        play.tick(|_, _, _| Grip { pull: true, ..Grip::default() });
    }
    assert!((20..200).contains(&moving(&play)), "{} are pulled", moving(&play));
    settle(&mut play, 1_000);
    let before = bodies(&play);
    play.tick(|_, _, _| Grip { blast: true, ..Grip::default() });
    assert!(moving(&play) > 10, "{} fly away", moving(&play));
    settle(&mut play, 1_000);
    assert_ne!(before, bodies(&play));
    let ground = cube(&play).at.y;
    play.tick(|_, _, _| Grip { jump: true, ..Grip::default() });
    for _ in 0..10 {
        play.tick(|_, _, _| Grip::default());
    }
    assert!(cube(&play).at.y > ground + 0.5);
}

/// The cost of a tick on the wire, with the priors of a room that has run for a while.
struct Scale {
    schema: Schema,
    encoder: Encoder,
    before: Snapshot,
}

impl Scale {
    fn trained(play: &mut Play<Tumble>) -> Self {
        let schema = Schema::of::<Tumble>();
        let mut scale = Self { encoder: Encoder::new(&schema), before: Snapshot::empty(&schema), schema };
        scale.before.capture(&mut play.world, Tick(1));
        for _ in 0..600 {
            play.bots();
            let now = scale.now(play);
            scale.encoder.learn(&scale.schema, Topic::Room, &scale.before, &now);
            scale.before = now;
        }
        assert!(scale.encoder.train(1_800), "a room that has run for a while knows its motions");
        scale
    }

    fn now(&self, play: &mut Play<Tumble>) -> Snapshot {
        let mut now = Snapshot::empty(&self.schema);
        now.capture(&mut play.world, self.before.tick.next());
        now
    }

    /// Bits and surprises of the changes since the last call: those of rows as such, and those of each leaf.
    fn weigh(&mut self, play: &mut Play<Tumble>) -> Vec<(String, f64, u64)> {
        let (now, mut bill) = (self.now(play), CostReport::default());
        self.encoder.account(&self.schema, Topic::Room, &self.before, &now, &mut bill);
        self.before = now;
        let named = |line: &Line| {
            let leaf = line.leaf.map(|leaf| self.schema.tables[line.table].leaves[leaf].path.clone());
            (leaf.unwrap_or_default(), line.bits, line.surprises)
        };
        bill.lines().iter().map(named).collect()
    }
}

#[test]
fn nine_hundred_boxes_at_rest_take_a_few_bits_together() {
    let mut play: Play<Tumble> = Play::new(1, 9);
    let mut scale = Scale::trained(&mut play);
    settle(&mut play, 600);
    scale.weigh(&mut play);
    play.tick(|_, _, _| Grip::default());
    let bits: f64 = scale.weigh(&mut play).iter().map(|(_, bits, _)| bits).sum();
    assert!(bits < 24.0, "{bits} bits for a world that rests");
}

#[test]
fn places_and_rotations_follow_from_velocities_and_spins_even_in_a_crash() {
    let mut play: Play<Tumble> = Play::new(2, 6);
    let mut scale = Scale::trained(&mut play);
    let mut told = 0;
    for _ in 0..200 {
        play.tick(|world, seat, dice| Grip { pull: true, ..world.bot(seat, dice) });
        for (leaf, _, surprises) in scale.weigh(&mut play) {
            assert!(!leaf.starts_with("at") && !leaf.starts_with("rotation") || surprises == 0, "{leaf}");
            told += if leaf.starts_with("velocity") { surprises } else { 0 };
        }
    }
    assert!(told > 2_000, "velocities change: {told}");
}
