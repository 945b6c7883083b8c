//! The bot of the arena: it hunts the enemies that its team can see, leads its aim, goes for repairs when hurt, and
//! keeps off rocks.
//!
//! A bot knows no more than a player in its seat: nothing here looks at another ship's charge or home, nor at an enemy
//! that is not on the team's radar.

use super::ship::SHOT_CHARGE;
use super::{
    Arena, CHARGE_MAX, Gift, HP_MAX, Helm, Item, PLATES_MAX, SHIP_RADIUS, SHOT_SPEED, SHOT_TICKS, Ship, distance,
};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Rng, Seat};

/// A bot backs off from an enemy nearer than this.
const TOO_NEAR: f32 = 130.0;
/// A bot closes in on an enemy farther away than this.
const TOO_FAR: f32 = 240.0;
/// The distance ahead at which a bot looks for rocks.
const CAUTION: f32 = 130.0;
/// The distance to a wall below which a bot turns away from it.
const WALL_ROOM: f32 = 90.0;
/// A bot misses by this part of the distance at the most.
const CLUMSINESS: f32 = 0.4;
/// The distance that a bot goes for a pick-up that it needs badly.
const DETOUR: f32 = 700.0;
/// A bot does not chase an enemy that costs more than this: its distance and a penalty for shield or health.
const CHASE: f32 = 1_300.0;

/// The input of the bot in seat `me`.
pub(super) fn steer(arena: &Arena, me: Seat, dice: &mut Rng) -> Helm {
    let Some(ship) = arena.ship(me).filter(|ship| ship.is_flying()) else { return Helm::default() };
    let errand = errand(arena, ship).map(|item| item.at - ship.at);
    let Some(prey) = prey(arena, ship).filter(|_| !arena.round.is_over()) else {
        let way = errand.unwrap_or_else(|| beat(arena, ship, me) - ship.at);
        return Helm { stick: avoid(arena, ship, math::limit_length(way * 0.02, 0.9)), ..Helm::default() };
    };
    let aim = lead(ship, prey);
    let distance = (prey.at - ship.at).length();
    let blunder = vec2(dice.range(-1.0, 1.0), dice.range(-1.0, 1.0)) * (distance * CLUMSINESS);
    let way = errand.map_or_else(|| approach(arena, ship, me, prey, distance), |way| math::limit_length(way, 1.0));
    Helm { stick: avoid(arena, ship, way), aim: Some(aim + blunder), fire: fires(arena, ship, prey, aim, dice) }
}

/// The enemy that costs least to hunt, of those on the radar.
fn prey<'a>(arena: &'a Arena, ship: &Ship) -> Option<&'a Ship> {
    let mut found: Option<(&Ship, f32)> = None;
    for other in arena.ships.values().filter(|other| other.is_flying() && other.team != ship.team) {
        // A shield is not worth the charge, and a wounded ship is worth a detour.
        let detour = if other.is_shielded() { 300.0 } else { f32::from(other.hp) };
        let cost = (other.at - ship.at).length() + detour;
        if cost < CHASE && found.is_none_or(|(_, least)| cost < least) && arena.sees(ship.team, other) {
            found = Some((other, cost));
        }
    }
    found.map(|(other, _)| other)
}

/// The pick-up that is worth leaving a fight for, or that just lies near.
fn errand<'a>(arena: &'a Arena, ship: &Ship) -> Option<&'a Item> {
    let hurt = f32::from(HP_MAX.saturating_sub(ship.hp)) / f32::from(HP_MAX);
    let worth = |item: &Item| match item.gift {
        Gift::Repair if hurt < 0.3 => 0.0,
        Gift::Repair => hurt * DETOUR,
        Gift::Rapid if ship.rapid_ticks > 0 => 0.0,
        Gift::Armour if ship.plates == PLATES_MAX => 0.0,
        Gift::Rapid | Gift::Armour => DETOUR * 0.3,
    };
    let gain = |item: &Item| worth(item) - (item.at - ship.at).length();
    let there = arena.items.values().filter(|item| item.is_there && gain(item) > 0.0);
    there.reduce(|a, b| if gain(b) > gain(a) { b } else { a })
}

/// The place that a bot goes to when there is no enemy to hunt: on an enemy team's side, at a height that depends on
/// its seat.
fn beat(arena: &Arena, ship: &Ship, me: Seat) -> Vec2 {
    let enemy = (ship.team + 1 + me.number() % (arena.round.teams.max(2) - 1)) % arena.round.teams.max(2);
    let (low, high) = arena.side(enemy);
    let part = f32::from(me.number() % 8) / 7.0;
    vec2((low.x + high.x) / 2.0, low.y + (high.y - low.y) * part)
}

/// The place where a shot meets the prey if the prey keeps its velocity.
fn lead(ship: &Ship, prey: &Ship) -> Vec2 {
    let motion = prey.velocity - ship.velocity;
    let mut aim = prey.at;
    for _ in 0..2 {
        let ticks = (aim - ship.at).length() / SHOT_SPEED;
        aim = prey.at + motion * ticks;
    }
    aim
}

fn fires(arena: &Arena, ship: &Ship, prey: &Ship, aim: Vec2, dice: &mut Rng) -> bool {
    let way = aim - ship.at;
    let distance = way.length();
    let off = math::turn_between(ship.nose, math::angle_of(way)).abs();
    // From afar a bot keeps a part of its charge back.
    let kept = if distance > TOO_FAR && ship.rapid_ticks == 0 { CHARGE_MAX / 2 } else { SHOT_CHARGE };
    let in_reach = distance < SHOT_SPEED * f32::from(SHOT_TICKS) * 0.9;
    let patience = if ship.rapid_ticks > 0 { 3 } else { 7 };
    in_reach
        && off < 0.2
        && !prey.is_shielded()
        && ship.charge >= kept
        && dice.one_in(patience)
        && arena.is_clear(ship.at, prey.at, 0.0)
}

/// Circles the prey at a distance that suits the bot: farther away when it is wounded.
fn approach(arena: &Arena, ship: &Ship, me: Seat, prey: &Ship, distance: f32) -> Vec2 {
    let way = (prey.at - ship.at) / math::max(distance, 1.0);
    let fear = if ship.hp < HP_MAX / 3 { 120.0 } else { 0.0 };
    if distance > TOO_FAR + fear || !arena.is_clear(ship.at, prey.at, 0.0) {
        return way;
    }
    // Half of the bots circle one way, and each bot turns round when it is hit.
    let round = if (me.number() / 2 + ship.hp / 20).is_multiple_of(2) { 1.0 } else { -1.0 };
    let aside = vec2(-way.y, way.x) * round;
    let radial = if distance < TOO_NEAR + fear { -0.7 } else { 0.3 };
    math::limit_length(aside * 0.75 + way * radial, 0.9)
}

/// Bends the direction that a bot would like to take around rocks and away from walls.
fn avoid(arena: &Arena, ship: &Ship, stick: Vec2) -> Vec2 {
    let mut way = stick;
    let ahead = ship.at + math::limit_length(stick * CAUTION + ship.velocity * 6.0, CAUTION);
    for rock in arena.rocks.values() {
        let (off, room) = (ship.at - rock.at, rock.radius + 2.0 * SHIP_RADIUS);
        let reach = room + CAUTION;
        if off.length_squared() < reach * reach && distance(rock.at, ship.at, ahead) < room {
            let away = off / math::max(off.length(), 1.0);
            let aside = vec2(-away.y, away.x);
            let aside = if aside.dot(ahead - ship.at) < 0.0 { -aside } else { aside };
            way += aside * 1.2 + away * 0.6;
        }
    }
    let soon = ship.at + ship.velocity * 8.0;
    way.x += inward(soon.x, arena.size.x);
    way.y += inward(soon.y, arena.size.y);
    math::limit_length(way, 1.0)
}

/// The push away from the walls of one axis.
fn inward(at: f32, size: f32) -> f32 {
    math::max(WALL_ROOM - at, 0.0) / WALL_ROOM * 1.5 - math::max(at - size + WALL_ROOM, 0.0) / WALL_ROOM * 1.5
}
