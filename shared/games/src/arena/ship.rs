//! A ship: how it flies, shoots, is hurt, and comes back.

use super::field::Ground;
use super::{
    Arena, ArenaEvent, CHARGE_MAX, FLASH_TICKS, HP_MAX, Helm, REBIRTH_TICKS, RELOAD_TICKS, SHIELD_TICKS, SHIP_RADIUS,
    SHOT_SPEED, SHOT_TICKS, Ship, Shot, What,
};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Rng, Seat, Step, To};

const THRUST: f32 = 0.45;
const DRAG: f32 = 0.955;
/// Steps of the wire per unit.
const VELOCITY_STEPS: f32 = 64.0;
const PUSH_STEPS: f32 = 16.0;
const BOUNCE: f32 = 0.55;
/// Radians per tick.
const TURN_MAX: f32 = 0.22;
const SHOT_DAMAGE: u8 = 20;
pub(super) const SHOT_CHARGE: u8 = 15;
/// The charge of a shot while the gun fires faster.
const RAPID_CHARGE: u8 = 6;
const RAPID_RELOAD_TICKS: u8 = 3;
/// The part of a shot's speed that its victim takes over.
const SHOT_PUSH: f32 = 0.08;

impl Ship {
    pub(super) const fn is_flying(&self) -> bool {
        self.rebirth_ticks <= SHIELD_TICKS
    }

    pub(super) const fn is_shielded(&self) -> bool {
        self.is_flying() && self.rebirth_ticks > 0.0
    }

    /// Plays one tick of everything but the gun.
    pub(super) fn live(&mut self, seat: Seat, size: Vec2, ground: &Ground, tick: &mut Step<'_, Arena>) {
        self.flash_ticks = self.flash_ticks.saturating_sub(1);
        self.reload_ticks = reload(&self.reload_ticks, self);
        self.rapid_ticks = self.rapid_ticks.saturating_sub(1);
        self.charge = recharge(&self.charge, self);
        self.rebirth_ticks = count_down(&self.rebirth_ticks, self);
        if self.rebirth_ticks == SHIELD_TICKS {
            self.at = self.home.take().unwrap_or(self.at);
            (self.hp, self.charge, self.velocity) = (HP_MAX, CHARGE_MAX, Vec2::ZERO);
            tick.emit(To::Seat(seat), ArenaEvent { what: What::Spawn, who: Some(seat), at: Vec2::ZERO });
        }
        if self.is_flying() {
            self.steer(tick.input(seat));
            self.drift(size, ground);
        }
    }

    fn steer(&mut self, helm: Helm) {
        self.push = on_grid(math::limit_length(helm.stick, 1.0), PUSH_STEPS);
        self.velocity = coast(&self.velocity, self);
        let ahead = helm.aim.map_or(self.push, |aim| aim - self.at);
        if ahead.length_squared() > 0.01 {
            self.nose += math::clamp(math::turn_between(self.nose, math::angle_of(ahead)), -TURN_MAX, TURN_MAX);
        }
    }

    fn drift(&mut self, size: Vec2, ground: &Ground) {
        self.at += self.velocity;
        for solid in ground.near(self.at, self.at, SHIP_RADIUS) {
            let (away, reach) = (self.at - solid.at, solid.radius + SHIP_RADIUS);
            let distance = away.length();
            if distance < reach {
                let normal = if distance > 0.0 { away / distance } else { Vec2::X };
                self.at = solid.at + normal * reach;
                let inward = math::min(self.velocity.dot(normal), 0.0);
                self.velocity -= normal * inward * (1.0 + BOUNCE);
            }
        }
        bounce(&mut self.at.x, &mut self.velocity.x, size.x);
        bounce(&mut self.at.y, &mut self.velocity.y, size.y);
    }

    pub(super) fn shoots(&self, tick: &Step<'_, Arena>) -> bool {
        let wants = self.seat.is_some_and(|seat| tick.input(seat).fire);
        wants && self.is_flying() && self.reload_ticks == 0 && self.charge >= self.gun().0
    }

    /// The cost of a shot: its charge, and the ticks until the next one.
    pub(super) const fn gun(&self) -> (u8, u8) {
        if self.rapid_ticks > 0 { (RAPID_CHARGE, RAPID_RELOAD_TICKS) } else { (SHOT_CHARGE, RELOAD_TICKS) }
    }

    /// The shot that leaves the gun now; the ship's own velocity is part of the shot's.
    pub(super) fn shot(&self) -> Shot {
        let way = math::heading(self.nose);
        let velocity = way * SHOT_SPEED + self.velocity;
        let at = self.at + way * SHIP_RADIUS;
        Shot { seat: self.seat, team: self.team, at, velocity, life_ticks: SHOT_TICKS }
    }

    /// Pays for a shot; the ship gives up its shield as well.
    pub(super) const fn recoil(&mut self) {
        let (charge, reload_ticks) = self.gun();
        self.charge = self.charge.saturating_sub(charge);
        self.reload_ticks = reload_ticks;
        self.rebirth_ticks = 0.0;
    }

    /// Takes a hit, and returns whether no hit points are left.
    pub(super) fn suffer(&mut self, velocity: Vec2) -> bool {
        if self.is_shielded() {
            return false;
        }
        self.flash_ticks = FLASH_TICKS;
        self.velocity += velocity * SHOT_PUSH;
        if self.plates > 0 {
            self.plates -= 1;
            return false;
        }
        self.hp = self.hp.saturating_sub(SHOT_DAMAGE);
        self.hp == 0
    }

    pub(super) fn burst(&mut self) {
        self.withdraw(REBIRTH_TICKS);
        (self.plates, self.rapid_ticks, self.home) = (0, 0, None);
    }

    /// Takes the ship away, until `rebirth_ticks` have counted down to [`SHIELD_TICKS`].
    pub(super) const fn withdraw(&mut self, rebirth_ticks: f32) {
        self.rebirth_ticks = rebirth_ticks;
        (self.velocity, self.push) = (Vec2::ZERO, Vec2::ZERO);
    }
}

// The rules by which a ship's fields change by themselves: the step applies them, and both ends of a connection apply
// them before a delta.

/// The engine pushes and space drags; the velocity stays on the wire's grid, so that both ends predict the place
/// exactly.
pub(super) fn coast(velocity: &Vec2, ship: &Ship) -> Vec2 {
    on_grid((*velocity + ship.push * THRUST) * DRAG, VELOCITY_STEPS)
}

fn on_grid(vector: Vec2, steps: f32) -> Vec2 {
    (vector * steps + 0.5).floor() / steps
}

pub(super) fn count_down(ticks: &f32, _: &Ship) -> f32 {
    math::max(ticks - 1.0, 0.0)
}

pub(super) fn recharge(charge: &u8, _: &Ship) -> u8 {
    (charge + 1).min(CHARGE_MAX)
}

pub(super) const fn reload(ticks: &u8, _: &Ship) -> u8 {
    ticks.saturating_sub(1)
}

impl Arena {
    /// Chooses the place where each ship that is away comes back. The choice is made long before the return: a client's
    /// dice fall differently, and by then the client has received the server's choice.
    pub(super) fn choose_homes(&mut self, dice: &mut Rng) {
        loop {
            let homeless = self.ships.iter().find(|(_, ship)| !ship.is_flying() && ship.home.is_none());
            let Some((id, ship)) = homeless else { return };
            let home = self.lonely_place(ship.team, dice);
            let Some(ship) = self.ships.get_mut(id) else { return };
            ship.home = Some(home);
        }
    }

    /// Among a few clear places on a team's side, the one that is farthest from every other ship.
    fn lonely_place(&self, team: u8, dice: &mut Rng) -> Vec2 {
        let (low, high) = self.side(team);
        let (mut best, mut loneliest) = ((low + high) / 2.0, -1.0);
        for _ in 0..8 {
            let at = vec2(dice.range(low.x, high.x), dice.range(low.y, high.y));
            let places = self.ships.values().map(|ship| ship.home.unwrap_or(ship.at));
            let lonely = places.fold(self.size.x, |nearest, place| math::min(nearest, (place - at).length()));
            if lonely > loneliest && self.is_clear(at, at, 3.0 * SHIP_RADIUS) {
                (best, loneliest) = (at, lonely);
            }
        }
        vec2(math::round(best.x), math::round(best.y))
    }

    /// The area where a team comes back: the corners of its third of the field, or of its quarter when there are more
    /// than two teams.
    pub(super) fn side(&self, team: u8) -> (Vec2, Vec2) {
        let (middle, margin) = (self.size / 2.0, Vec2::splat(60.0));
        let part = |low: f32, middle: f32, high: f32, is_low: bool| match is_low {
            true => (low, low + (middle - low) * 0.7),
            false => (high - (high - middle) * 0.7, high),
        };
        let (left, right) = part(margin.x, middle.x, self.size.x - margin.x, team.is_multiple_of(2));
        let (top, bottom) = match self.round.teams {
            0..=2 => (margin.y, self.size.y - margin.y),
            _ => part(margin.y, middle.y, self.size.y - margin.y, team < 2),
        };
        (vec2(left, top), vec2(right, bottom))
    }
}

/// Keeps a ship off the walls on one axis.
fn bounce(at: &mut f32, velocity: &mut f32, size: f32) {
    let inside = math::clamp(*at, SHIP_RADIUS, size - SHIP_RADIUS);
    if inside != *at {
        let inward = if *at < inside { 1.0 } else { -1.0 };
        (*at, *velocity) = (inside, inward * velocity.abs() * BOUNCE);
    }
}
