//! The bot of the arena: chases the nearest ship, leads its aim, keeps off rocks and walls.
//!
//! It sees what a player in its seat sees: nothing here looks at another ship's charge or home.

use super::{
    Arena, CHARGE_MAX, HP_MAX, Helm, ROCKS, SHIP_RADIUS, SHOT_CHARGE, SHOT_SPEED, SHOT_TICKS, Ship, WORLD, is_clear,
};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Rng, Seat};

/// Nearer than this it backs off.
const TOO_NEAR: f32 = 130.0;
/// Farther than this it closes in.
const TOO_FAR: f32 = 240.0;
/// How far ahead it looks for rocks.
const CAUTION: f32 = 130.0;
/// How near it lets a wall come.
const WALL_ROOM: f32 = 90.0;
/// Misses by this part of the distance at the most.
const CLUMSINESS: f32 = 0.4;

/// What the bot in seat `me` does.
pub(super) fn steer(arena: &Arena, me: Seat, dice: &mut Rng) -> Helm {
    let Some(ship) = arena.ship(me).filter(|ship| ship.is_flying()) else { return Helm::default() };
    let Some(prey) = nearest(arena, ship) else {
        let way = (WORLD * vec2(0.5, 0.3) - ship.at) * 0.002;
        return Helm { stick: avoid(ship, math::limit_length(way, 0.5)), ..Helm::default() };
    };
    let aim = lead(ship, prey);
    let distance = (prey.at - ship.at).length();
    let blunder = vec2(dice.range(-1.0, 1.0), dice.range(-1.0, 1.0)) * (distance * CLUMSINESS);
    let stick = avoid(ship, approach(ship, me, prey, distance));
    Helm { stick, aim: Some(aim + blunder), fire: fires(ship, prey, aim, dice) }
}

fn nearest<'a>(arena: &'a Arena, ship: &Ship) -> Option<&'a Ship> {
    let mut found: Option<(&Ship, f32)> = None;
    for other in arena.ships.values().filter(|other| other.is_flying() && other.seat != ship.seat) {
        // A shield is not worth the charge, and a wounded ship is worth a detour.
        let detour = if other.is_shielded() { 300.0 } else { f32::from(other.hp) };
        let cost = (other.at - ship.at).length() + detour;
        if found.is_none_or(|(_, least)| cost < least) {
            found = Some((other, cost));
        }
    }
    found.map(|(other, _)| other)
}

/// Where a shot meets the prey if that flies on as it does.
fn lead(ship: &Ship, prey: &Ship) -> Vec2 {
    let motion = prey.velocity - ship.velocity;
    let mut aim = prey.at;
    for _ in 0..2 {
        let ticks = (aim - ship.at).length() / SHOT_SPEED;
        aim = prey.at + motion * ticks;
    }
    aim
}

fn fires(ship: &Ship, prey: &Ship, aim: Vec2, dice: &mut Rng) -> bool {
    let way = aim - ship.at;
    let distance = way.length();
    let off = math::turn_between(ship.nose, math::angle_of(way)).abs();
    // From afar it keeps something back.
    let kept = if distance > TOO_FAR { CHARGE_MAX / 2 } else { SHOT_CHARGE };
    let in_reach = distance < SHOT_SPEED * f32::from(SHOT_TICKS) * 0.9;
    let worth_it = !prey.is_shielded() && ship.charge >= kept && is_clear(ship.at, prey.at, 0.0);
    in_reach && worth_it && off < 0.2 && dice.one_in(7)
}

/// Circles the prey at a distance it likes: farther when wounded.
fn approach(ship: &Ship, me: Seat, prey: &Ship, distance: f32) -> Vec2 {
    let way = (prey.at - ship.at) / math::max(distance, 1.0);
    let fear = if ship.hp < HP_MAX / 3 { 120.0 } else { 0.0 };
    if distance > TOO_FAR + fear || !is_clear(ship.at, prey.at, 0.0) {
        return way;
    }
    // Half of the bots circle one way, and each turns round when it is hit.
    let round = if (me.number() + ship.hp / 20).is_multiple_of(2) { 1.0 } else { -1.0 };
    let aside = vec2(-way.y, way.x) * round;
    let radial = if distance < TOO_NEAR + fear { -0.7 } else { 0.3 };
    math::limit_length(aside * 0.75 + way * radial, 0.9)
}

/// Bends the way it would like to go around rocks and away from walls.
fn avoid(ship: &Ship, stick: Vec2) -> Vec2 {
    let mut way = stick;
    let ahead = ship.at + math::limit_length(stick * CAUTION + ship.velocity * 6.0, CAUTION);
    for rock in &ROCKS {
        let room = rock.radius + 2.0 * SHIP_RADIUS;
        if super::distance(rock.at, ship.at, ahead) < room {
            let away = (ship.at - rock.at) / math::max((ship.at - rock.at).length(), 1.0);
            let aside = vec2(-away.y, away.x);
            let aside = if aside.dot(ahead - ship.at) < 0.0 { -aside } else { aside };
            way += aside * 1.2 + away * 0.6;
        }
    }
    let soon = ship.at + ship.velocity * 8.0;
    way.x += inward(soon.x, WORLD.x);
    way.y += inward(soon.y, WORLD.y);
    math::limit_length(way, 1.0)
}

/// The push away from the walls of one axis.
fn inward(at: f32, size: f32) -> f32 {
    math::max(WALL_ROOM - at, 0.0) / WALL_ROOM * 1.5 - math::max(at - size + WALL_ROOM, 0.0) / WALL_ROOM * 1.5
}
