//! The picture and the sounds that a player gets of the arena, and the ships that cover hides from them.

use super::*;
use crate::arena::{RADAR, Rock, SHOT_SPEED};
use std::vec::Vec;
use tickwire::To;
use tickwire::testing::Play;

/// The picture for a seat.
fn picture(world: &Arena, me: Option<Seat>) -> Vec<f32> {
    let mut scene = Scene::default();
    world.draw(me, &mut scene);
    scene.commands().to_vec()
}

/// The picture without the second ship.
fn without(world: &Arena, me: Option<Seat>) -> Vec<f32> {
    let mut world = world.clone();
    let second = world.ships.iter().nth(1).map(|(id, _)| id).expect("two ships");
    world.ships.remove(second);
    picture(&world, me)
}

/// Two ships of two teams, and a rock in the middle between them.
fn two_and_a_rock() -> Play<Arena> {
    let mut play = Play::<Arena>::new(2, 1);
    play.world.rocks.retain(|_, _| false);
    play.world.rocks.insert(Rock { at: vec2(500.0, 500.0), radius: 40.0 });
    for (ship, x) in play.world.ships.values_mut().zip([400.0, 600.0]) {
        (ship.at, ship.velocity, ship.hp, ship.rebirth_ticks) = (vec2(x, 500.0), vec2(1.0, 2.0), 40, 0.0);
    }
    play
}

fn second(play: &mut Play<Arena>) -> &mut Ship {
    play.world.ships.values_mut().nth(1).expect("two ships")
}

#[test]
fn nothing_on_screen_shows_an_enemy_behind_a_rock() {
    let mut play = two_and_a_rock();
    let me = Some(play.seats[0]);
    let behind = vec2(600.0, 500.0);
    // One place is on screen, the other far beyond its edge, where only the map and a pointer would show the enemy.
    for at in [behind, vec2(880.0, 500.0)] {
        second(&mut play).at = at;
        assert!(picture(&play.world, me) == without(&play.world, me), "at {at}");
        // An enemy that burns, is hit or is shielded is as dark as one at rest.
        (second(&mut play).flash_ticks, second(&mut play).plates) = (FLASH_TICKS, 3);
        (second(&mut play).push, second(&mut play).rebirth_ticks) = (Vec2::X, SHIELD_TICKS);
        assert!(picture(&play.world, me) == without(&play.world, me), "at {at}");
        (second(&mut play).rebirth_ticks, second(&mut play).team) = (0.0, 0);
        assert!(picture(&play.world, me) != without(&play.world, me), "a friend at {at}");
        second(&mut play).team = 1;
        assert!(picture(&play.world, None) != without(&play.world, None), "spectators see all, at {at}");
        // The rock hides the two ships from each other.
        let enemy = Some(play.seats[1]);
        assert!(!is_drawn(&picture(&play.world, enemy), vec2(400.0, 500.0)), "from {at}");
    }
}

/// Whether there is a light in the middle of this place, as every ship has one.
fn is_drawn(picture: &[f32], at: Vec2) -> bool {
    const GLOW: f32 = 8.0;
    picture.windows(3).any(|window| window == [GLOW, at.x, at.y])
}

#[test]
fn an_enemy_in_the_open_is_drawn_where_it_is_with_its_health() {
    let mut play = two_and_a_rock();
    let me = Some(play.seats[0]);
    for (at, is_seen) in [(vec2(600.0, 500.0), false), (vec2(560.0, 620.0), true), (vec2(520.0, 380.0), true)] {
        second(&mut play).at = at;
        let picture = picture(&play.world, me);
        assert_eq!(is_drawn(&picture, at), is_seen, "at {at}");
        const RECT: f32 = 3.0;
        let bar = at + vec2(0.0, -24.0);
        assert_eq!(picture.windows(3).any(|window| window == [RECT, bar.x, bar.y]), is_seen, "its bar, at {at}");
        assert!(is_drawn(&picture, vec2(400.0, 500.0)), "the player's own ship");
    }
    // The enemy is so near that it is seen through anything.
    second(&mut play).at = vec2(400.0 + RADAR - 1.0, 500.0);
    assert!(is_drawn(&picture(&play.world, me), second(&mut play).at));
}

#[test]
fn a_shot_is_seen_wherever_it_flies() {
    let mut play = two_and_a_rock();
    let me = Some(play.seats[0]);
    let before = picture(&play.world, me).len();
    let shot = Shot { at: vec2(560.0, 500.0), velocity: vec2(SHOT_SPEED, 0.0), team: 1, life_ticks: 9, seat: None };
    play.world.shots.insert(shot);
    assert!(picture(&play.world, me).len() > before, "a shot shines behind the rock too");
}

/// Every kind of event.
const ALL: [What; 16] = [
    What::Shot,
    What::FarShot,
    What::Hit,
    What::Hurt,
    What::FarHit,
    What::Kill,
    What::Death,
    What::Blast,
    What::Spawn,
    What::Chip,
    What::Crumble,
    What::Repair,
    What::Rapid,
    What::Armour,
    What::Over,
    What::Begin,
];

#[test]
fn every_event_is_heard_and_a_players_own_events_are_the_loudest() {
    let volume = |what| {
        let tone = Arena::sound(&ArenaEvent { what, who: None, at: Vec2::ZERO }).expect("a sound");
        assert!(tone.volume > 0.0 && tone.volume <= 1.0 && tone.hz > 50.0 && tone.ms > 0, "{what:?}: {tone:?}");
        tone.volume
    };
    ALL.into_iter().for_each(|what| assert!(volume(what) > 0.0));
    for (own, far) in [(What::Shot, What::FarShot), (What::Hit, What::FarHit), (What::Death, What::Blast)] {
        assert!(volume(own) > 2.0 * volume(far), "{own:?} is louder than {far:?}");
    }
}

#[test]
fn sparks_fly_at_the_place_of_an_event() {
    let play = two_and_a_rock();
    let enemy = Some(play.seats[1]);
    let elsewhere = vec2(64.0, 96.0);
    for what in ALL {
        let burst = |who| play.world.burst(&ArenaEvent { what, who, at: elsewhere });
        let is_seen = !matches!(what, What::Shot | What::FarShot | What::Over | What::Begin);
        assert_eq!(burst(enemy).map(|burst| burst.at), is_seen.then_some(vec2(600.0, 500.0)), "{what:?} to a ship");
        assert_eq!(burst(None).map(|burst| burst.at), is_seen.then_some(elsewhere), "{what:?} to a stone");
        assert!(burst(enemy).is_none_or(|burst| burst.sparks > 0 && burst.reach > 0.0 && burst.ms > 0), "{what:?}");
    }
    let reach = |what| play.world.burst(&ArenaEvent { what, who: enemy, at: elsewhere }).map(|burst| burst.reach);
    assert!(reach(What::Kill) > reach(What::Hit), "a ship that bursts is seen from afar");
}

#[test]
fn a_target_that_a_shot_meets_gives_off_sparks_there() {
    let mut play = two_and_a_rock();
    play.world.ships.values_mut().for_each(|ship| (ship.velocity, ship.charge) = (Vec2::ZERO, CHARGE_MAX));
    for (what, clear) in [(What::Chip, false), (What::Hit, true)] {
        play.world.debris.retain(|_, _| false);
        play.world.rocks.retain(|_, _| !clear);
        let me = play.seats[0];
        let heard = (0..60).find_map(|_| {
            let aim = Some(vec2(600.0, 500.0));
            play.tick(|_, seat, _| Helm { aim, fire: seat == me, ..Helm::default() });
            let mine = play.events.iter().find(|(to, event)| *to == To::Seat(me) && event.what == what);
            mine.map(|(_, event)| *event)
        });
        let burst = play.world.burst(&heard.expect("a shot meets something")).expect("sparks");
        let place = if clear { second(&mut play).at } else { vec2(460.0, 500.0) };
        assert!((burst.at - place).length() < 24.0, "{what:?} at {}", burst.at);
    }
}
