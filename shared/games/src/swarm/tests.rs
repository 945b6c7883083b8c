//! The rules that players of the swarm can rely on, with bots, dice or scripted pads at the controls.

use super::hand::{MAP, MAP_AT, map_point};
use super::well::GOAL;
use super::*;
use std::vec::Vec;
use tickwire::input::{InputCodec, InputFrame};
use tickwire::testing::{Play, assert_deterministic_for};
use tickwire::{Pad, Scene, Stage, Tick, To};

const SECOND: u32 = Swarm::RULES.tick_rate_hz;
const MINUTE: u32 = 60 * SECOND;

fn assert_valid(world: &Swarm) {
    let count = world.units.len();
    for (number, unit) in world.units.values().enumerate() {
        assert!(unit.at.cmpge(Vec2::ZERO).all() && unit.at.cmple(Vec2::splat(SIZE)).all(), "a unit at {}", unit.at);
        assert!(unit.velocity.abs().cmple(Vec2::splat(4.0)).all(), "a unit as fast as {}", unit.velocity);
        assert!(unit.foe().is_none_or(|foe| foe < count && foe % ARMIES != number % ARMIES), "its foe is {}", unit.foe);
        assert!(unit.is_alive() || !unit.is_selected, "the dead are not selected");
    }
    for army in &world.armies {
        assert!(army.eye.cmpge(Vec2::ZERO).all() && army.eye.cmple(Vec2::splat(SIZE)).all(), "looks at {}", army.eye);
    }
    assert!(world.wells.iter().all(|well| well.owner.is_none_or(|owner| usize::from(owner) < ARMIES)));
}

fn units(world: &Swarm, army: usize) -> impl Iterator<Item = &Unit> {
    world.units.values().skip(army).step_by(ARMIES)
}

/// Plays on for `ticks` ticks: the player in the first seat holds `pad`, the others do nothing.
fn hands(play: &mut Play<Swarm>, pad: Pad, ticks: u32) {
    let me = play.seats[0];
    for _ in 0..ticks {
        play.tick(|_, seat, _| if seat == me { Swarm::controls(&pad) } else { Hand::default() });
        assert_valid(&play.world);
    }
}

/// A mouse with these buttons, or a finger, on a point of the view.
fn at(point: Vec2, buttons: u32) -> Pad {
    Pad { aim_in_view: Some(point), buttons, ..Pad::default() }
}

const LEFT: u32 = 1;
const RIGHT: u32 = 2;
const ALL: u32 = 4;
const FINGER: u32 = 1 << Pad::FINGER;

/// Draws a box from one point of the view to another and lets go.
fn drag(play: &mut Play<Swarm>, from: Vec2, to: Vec2, button: u32) {
    for part in [0.0, 0.5, 1.0] {
        hands(play, at(from.lerp(to, part), button), 1);
    }
    hands(play, Pad::default(), 1);
}

/// A game with all armies far apart and at rest, so that no other army disturbs a test.
fn quiet() -> Play<Swarm> {
    let mut play = Play::<Swarm>::new(ARMIES as u8, 1);
    hands(&mut play, Pad::default(), 5 * SECOND);
    play
}

#[test]
fn every_run_gives_the_same_worlds() {
    assert_deterministic_for::<Swarm>(400);
}

#[test]
fn a_late_joiner_of_the_largest_swarm_plays_on_as_the_server_does() {
    use tickwire::world::full_state::FullState;
    use tickwire::world::roster::RosterChange;
    use tickwire::world::simulation::Simulation;
    let schema = tickwire::state::Schema::of::<Swarm>();
    let mut server = Simulation::<Swarm>::new(5, &Options { units: 4_000 });
    let seats: Vec<Seat> = Seat::first(6).collect();
    seats.iter().for_each(|seat| server.tell(&[RosterChange::Joined(*seat)]));
    server.step(&[], &mut Vec::new());
    let (mut dice, mut late, mut events) = (Rng::new(8), Swarm::default(), Vec::new());
    for _ in 0..400 {
        let mut whole = FullState::of(server.checkpoint());
        let mut rng = whole.restore(&mut late);
        let hands: Vec<(Seat, Hand)> = seats.iter().map(|seat| (*seat, server.world().bot(*seat, &mut dice))).collect();
        let mut inputs = [None; ARMIES];
        hands.iter().for_each(|(seat, hand)| inputs[seat.index()] = Some(InputCodec::new().quantize(*hand)));
        let actions: Vec<_> = hands.iter().map(|(seat, _)| (*seat, inputs[seat.index()].unwrap().into())).collect();
        let tick = server.tick().next();
        late.step(&mut Step::new(tick, &inputs, &mut rng, &mut events));
        whole.capture(&mut late, &rng, tick);
        server.step(&actions, &mut Vec::new());
        assert_eq!(whole.hash(&schema), FullState::of(server.checkpoint()).hash(&schema), "at {tick:?}");
    }
}

#[test]
fn any_input_leaves_the_world_valid() {
    for units in [500, 4_000] {
        let mut play = Play::with(Swarm::new(&Options { units }), 8, 3);
        let mut held = [Hand::default(); ARMIES];
        for _ in 0..600 {
            play.tick(|_, seat, dice| {
                if dice.one_in(4) {
                    let point = vec2(dice.range(-1_100.0, 1_100.0), dice.range(-1_100.0, 1_100.0));
                    held[seat.index()] = Hand {
                        pan_x: dice.between(-4, 4) as i8,
                        pan_y: dice.between(-4, 4) as i8,
                        point: (!dice.one_in(4)).then_some(if dice.one_in(2) { point } else { point / 8.0 }),
                        press: dice.one_in(2),
                        order: dice.one_in(3),
                        all: dice.one_in(8),
                    };
                }
                held[seat.index()]
            });
            assert_valid(&play.world);
        }
        let falls = play.world.units.values().filter(|unit| !unit.is_alive()).count();
        assert!(falls > 0, "armies that run about meet");
    }
}

#[test]
fn a_box_selects_the_units_in_it_and_a_tap_sends_those_and_no_others() {
    for button in [LEFT, FINGER] {
        let mut play = quiet();
        play.world.armies[0].eye = units(&play.world, 0).map(|unit| unit.at).sum::<Vec2>() / 250.0;
        let (eye, before) = (play.world.armies[0].eye, play.world.clone());
        drag(&mut play, vec2(0.0, -150.0), vec2(180.0, 150.0), button);
        let is_inside = |unit: &Unit| unit.at.x > eye.x + 1.0;
        let (_, selected) = play.world.count(0);
        assert!((50..200).contains(&selected), "{selected} selected in half of the army");
        for (unit, was) in units(&play.world, 0).zip(units(&before, 0)) {
            assert!(unit.is_selected == is_inside(was) || (was.at.x - eye.x).abs() < 3.0, "{} of {eye}", was.at);
        }
        // A short touch sends the selected units there.
        let target = vec2(120.0, -140.0);
        hands(&mut play, at(target, button), 2);
        hands(&mut play, Pad::default(), 12 * SECOND);
        for (unit, was) in units(&play.world, 0).zip(units(&before, 0)) {
            let (way, moved) = ((unit.at - eye - target).length(), (unit.at - was.at).length());
            assert!(if unit.is_selected { way < 90.0 } else { moved < 40.0 }, "{way} from the target, {moved} moved");
        }
        for army in 1..ARMIES {
            let moved =
                units(&play.world, army).zip(units(&before, army)).map(|(unit, was)| (unit.at - was.at).length());
            assert!(moved.fold(0.0, math::max) < 20.0, "other armies stay where they are");
        }
    }
}

#[test]
fn a_tap_without_a_selection_selects_the_units_nearby() {
    let mut play = quiet();
    let eye = units(&play.world, 0).next().unwrap().at;
    play.world.armies[0].eye = eye;
    drag(&mut play, Vec2::ZERO, vec2(3.0, -3.0), FINGER);
    let (_, selected) = play.world.count(0);
    assert!((5..60).contains(&selected), "{selected} selected by a tap");
    drag(&mut play, vec2(-190.0, -60.0), vec2(-150.0, 0.0), FINGER);
    assert_eq!(play.world.count(0).1, 0, "an empty box clears the selection");
}

#[test]
fn the_right_button_and_the_button_for_all_send_the_whole_army() {
    let mut play = quiet();
    hands(&mut play, at(Vec2::ZERO, ALL), 1);
    assert_eq!(play.world.count(0), (250, 250));
    let eye = play.world.armies[0].eye;
    hands(&mut play, at(vec2(100.0, 40.0), RIGHT), 3);
    assert!((play.world.armies[0].rally.at() - eye - vec2(100.0, 40.0)).length() < 8.0);
    assert!(units(&play.world, 0).all(|unit| (unit.goal.at() - eye - vec2(100.0, 40.0)).length() < 100.0));
}

#[test]
fn the_map_moves_the_view_and_takes_orders_for_far_away() {
    let mut play = quiet();
    let far = vec2(1_500.0, 700.0);
    hands(&mut play, at(map_point(far), FINGER), 1);
    assert!((play.world.armies[0].eye - far).length() < 2.0 * SIZE / MAP, "looks at {}", play.world.armies[0].eye);
    // The finger is dragged on: its place on the map counts, wherever the view has gone meanwhile.
    hands(&mut play, at(map_point(MIDDLE), FINGER), 20);
    assert!((play.world.armies[0].eye - MIDDLE).length() < 2.0 * SIZE / MAP);
    hands(&mut play, at(MAP_AT + vec2(MAP, 0.0), FINGER), 2);
    assert_eq!(play.world.armies[0].grip, Grip::Map, "off the map's edge it draws no box");
    hands(&mut play, at(MAP_AT, FINGER | ALL), 1);
    hands(&mut play, at(map_point(far), RIGHT), 1);
    assert!((play.world.armies[0].rally.at() - far).length() < 2.0 * SIZE / MAP);
}

#[test]
fn the_stick_moves_the_view_and_a_hovering_mouse_sends_nothing() {
    let mut play = quiet();
    let eye = play.world.armies[0].eye;
    hands(&mut play, Pad { stick: vec2(1.0, -0.5), ..Pad::default() }, 10);
    let moved = play.world.armies[0].eye - eye;
    assert!(moved.x > 100.0 && moved.y < -50.0, "{moved}");
    assert_eq!(Swarm::controls(&at(vec2(37.0, -90.0), 0)), Hand::default());
}

#[test]
fn units_that_were_sent_to_one_place_keep_apart() {
    let mut play = quiet();
    hands(&mut play, at(vec2(60.0, 60.0), ALL | RIGHT), 1);
    hands(&mut play, Pad::default(), 15 * SECOND);
    let places: Vec<Vec2> = units(&play.world, 0).map(|unit| unit.at).collect();
    let tight = |at: &&Vec2| places.iter().any(|other| other != *at && (*other - **at).length() < 3.0);
    let count = places.iter().filter(tight).count();
    assert!(count < 10, "{count} of 250 stand on each other");
}

#[test]
fn armies_that_meet_fight_and_the_dead_come_back() {
    let mut play = quiet();
    for (number, unit) in play.world.units.values_mut().enumerate() {
        // Two armies stand side by side, the others stay as they are.
        if number % ARMIES < 2 {
            let place = vec2((number / ARMIES % 16) as f32 * 9.0, (number / ARMIES / 16) as f32 * 9.0);
            unit.at = MIDDLE + place + vec2((number % ARMIES) as f32 * 170.0, 200.0);
            unit.goal = Spot::near(unit.at);
        }
    }
    let (mut fallen, mut risen, mut before) = (0, 0, play.world.count(0).0 + play.world.count(1).0);
    for _ in 0..30 * SECOND {
        play.tick(|_, _, _| Hand::default());
        assert_valid(&play.world);
        let now = play.world.count(0).0 + play.world.count(1).0;
        fallen += before.saturating_sub(now);
        risen += now.saturating_sub(before);
        before = now;
        let told = play.events.iter().filter(|(_, event)| matches!(event, SwarmEvent::Fallen { .. })).count();
        assert!(told <= 8, "{told} falls reported in one tick");
    }
    assert!(fallen > 150 && risen > 100, "{fallen} fell and {risen} came back");
}

#[test]
fn bots_take_wells_and_finish_rounds() {
    for (seats, seed) in [(8, 1), (2, 2), (0, 3)] {
        let mut play = Play::<Swarm>::new(seats, seed);
        let (mut captured, mut won, mut begun, mut best) = (0, 0, 0, 0);
        for _ in 0..5 * MINUTE {
            play.bots();
            for (to, event) in &play.events {
                captured += u32::from(matches!(event, SwarmEvent::Captured { .. }));
                won += u32::from(matches!(event, SwarmEvent::Won { .. }));
                begun += u32::from(*event == SwarmEvent::Begin);
                assert!(*to == To::Everyone || matches!(event, SwarmEvent::Clash | SwarmEvent::Sent));
            }
            if won == 0 {
                best = play.world.armies.iter().map(|army| army.score).max().unwrap_or(0);
            }
        }
        assert_valid(&play.world);
        assert!(captured > 30, "{captured} wells taken with {seats} bots");
        assert!((1..=5).contains(&won) && (1..=5).contains(&begun), "{won} rounds won, {begun} begun, {seats} bots");
        assert!(best > GOAL / 3, "the winner scored {best}");
    }
}

#[test]
fn a_new_round_puts_all_units_home_and_keeps_the_players() {
    let mut play = quiet();
    play.world.armies[3].score = GOAL;
    hands(&mut play, Pad::default(), 1);
    assert_eq!(play.world.phase, Phase::Won { army: 3 });
    hands(&mut play, Pad::default(), 9 * SECOND);
    assert_eq!(play.world.phase, Phase::Play);
    assert!(play.world.armies.iter().all(|army| army.is_taken && army.score == 0));
    assert!(play.world.units.values().all(|unit| unit.hp == HP_MAX));
    for army in 0..ARMIES {
        assert!(units(&play.world, army).all(|unit| (unit.at - home(army)).length() < 250.0));
    }
}

#[test]
fn an_army_without_a_player_fights_by_itself_until_a_player_takes_it() {
    let mut play = Play::<Swarm>::new(1, 4);
    let mut rallies = Vec::new();
    for _ in 0..MINUTE / 2 {
        play.tick(|_, _, _| Hand::default());
        rallies.push(play.world.armies[5].rally);
    }
    rallies.dedup_by(|a, b| a == b);
    assert!(rallies.len() > 2, "it sends units to several places");
    let own = play.world.armies[0].rally;
    assert_eq!(own, Spot::near(home(0).lerp(MIDDLE, 0.12)), "a player's army waits for orders");
    play.leave(play.seats[0], Leave::Quit);
    for _ in 0..10 * SECOND {
        play.bots();
    }
    assert_ne!(play.world.armies[0].rally, own);
    assert!(play.world.figure(Seat::default()).is_none());
}

#[test]
fn inputs_are_few_bytes_and_mostly_the_same_whatever_the_number_of_units() {
    let codec = InputCodec::<Hand>::new();
    let changes = [500, 4_000].map(|units| {
        let mut play = Play::with(Swarm::new(&Options { units }), 8, 9);
        let (mut last, mut changed, mut bytes) = ([Hand::default(); ARMIES], 0, Vec::new());
        for now in 0..MINUTE / 2 {
            play.tick(|world, seat, dice| {
                let hand = codec.quantize(world.bot(seat, dice));
                changed += u32::from(hand != last[seat.index()]);
                last[seat.index()] = hand;
                bytes.clear();
                codec.encode(&InputFrame::one(Tick(now), hand, None, false), &mut bytes);
                assert!(bytes.len() <= 9, "{hand:?} takes {} bytes", bytes.len());
                hand
            });
        }
        changed
    });
    let ticks = 8 * MINUTE / 2;
    assert!(changes.iter().all(|changed| (20..ticks / 8).contains(changed)), "{changes:?} of {ticks}");
}

#[test]
fn options_beyond_their_bounds_still_make_even_armies() {
    for (units, made) in [(0, 496), (501, 496), (u16::MAX, 4_000)] {
        let world = Swarm::new(&Options { units });
        assert_eq!(world.units.len(), made);
        assert!((0..ARMIES).all(|army| world.count(army).0 == made / ARMIES));
    }
}

#[test]
fn a_picture_of_thousands_is_a_few_batches_and_leaves_out_units_off_the_screen() {
    let mut play = Play::with(Swarm::new(&Options { units: 4_000 }), 2, 6);
    for _ in 0..20 * SECOND {
        play.bots();
    }
    let mut scene = Scene::default();
    play.world.draw(None, &mut scene);
    let whole = scene.commands().len();
    assert!((8_000..60_000).contains(&whole), "{whole} numbers for everything");
    scene.clear();
    play.world.armies[0].eye = vec2(40.0, 40.0);
    play.world.draw(Some(play.seats[0]), &mut scene);
    assert!(scene.commands().len() < whole / 4, "{} numbers for an empty corner", scene.commands().len());
    assert_eq!(scene.camera_center(), Some(vec2(40.0, 40.0)));
}

#[test]
fn a_world_of_arbitrary_rows_is_stepped_without_a_fault() {
    let mut nothing = Swarm::default();
    let inputs = [Some(Hand { all: true, order: true, point: Some(Vec2::ZERO), ..Hand::default() })];
    nothing.step(&mut Step::new(Tick(30), &inputs, &mut Rng::new(1), &mut Vec::new()));
    let mut play = quiet();
    for unit in play.world.units.values_mut().take(20) {
        (unit.foe, unit.at, unit.goal) = (UNITS_MAX, Vec2::NAN, Spot(u16::MAX));
    }
    play.bots();
    assert_valid(&play.world);
}
