//! How units march, keep apart, fight, fall and come back.
//!
//! Every unit decides by the places of all units in the last tick, and all hits take effect at once: no unit is ahead
//! for being listed earlier.

use super::field::Field;
use super::{
    ARMIES, HP_MAX, MIDDLE, Phase, REBIRTH_TICKS, RELOAD_TICKS, SIZE, Spot, Sunflower, Swarm, SwarmEvent, Unit, VIEW,
    WELL_TICKS, home,
};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Seat, Step, Tick, To};

/// Units per tick.
const SPEED: f32 = 3.0;
/// Two units keep this far apart.
const ROOM: f32 = 9.0;
/// A unit this near to its spot is content: crowds come to rest as they please, not on a grid.
const CONTENT: f32 = 9.0;
const RANGE: f32 = 26.0;
const SIGHT: f32 = 56.0;
/// A unit this near to its goal attacks an enemy that it sees; farther away it only shoots in passing.
const GUARD: f32 = 110.0;
/// A unit without a foe looks around once in this many ticks.
const LOOK_TICKS: usize = 6;
const EDGE: f32 = 6.0;
/// The number of fallen units that one tick reports at the most.
const FALLS_MAX: u8 = 8;
/// Ticks from one sound of fighting to the next.
const CLASH_TICKS: u32 = 6;

impl Unit {
    pub(super) const fn is_alive(&self) -> bool {
        self.hp > 0
    }

    pub(super) fn foe(&self) -> Option<usize> {
        self.foe.checked_sub(1).map(usize::from)
    }

    /// Whether the unit has just shot.
    pub(super) fn shoots(&self) -> bool {
        self.is_alive() && self.foe > 0 && self.wait_ticks + 3 > RELOAD_TICKS
    }

    /// Plays one tick of a living unit.
    fn live(&mut self, number: usize, now: Tick, is_peace: bool, field: &mut Field) {
        self.wait_ticks = self.wait_ticks.saturating_sub(1);
        let foe = if is_peace { None } else { self.look(number, now, field) };
        self.foe = foe.and_then(|foe| u16::try_from(foe + 1).ok()).unwrap_or(0);
        let to_foe = foe.map(|foe| field.place(foe) - self.at);
        let is_in_range = to_foe.is_some_and(|way| way.length_squared() < RANGE * RANGE);
        if let (true, 0, Some(foe)) = (is_in_range, self.wait_ticks, foe) {
            field.hits[foe] = field.hits[foe].saturating_add(1);
            self.wait_ticks = RELOAD_TICKS;
        }
        let to_goal = self.goal.at() - self.at;
        let wish = match to_foe {
            Some(_) if is_in_range && to_goal.length_squared() < GUARD * GUARD => Vec2::ZERO,
            Some(to_foe) if to_goal.length_squared() < GUARD * GUARD => pace(to_foe),
            Some(_) if is_in_range => pace(to_goal) * 0.4,
            _ if to_goal.length_squared() < CONTENT * CONTENT => Vec2::ZERO,
            _ => pace(to_goal),
        };
        let push = field.push(self.at, ROOM) * 0.35;
        self.velocity = math::limit_length(self.velocity * 0.5 + wish * 0.5 + push, SPEED * 1.2);
        let inside = |at: f32| math::clamp(at, EDGE, SIZE - EDGE);
        let at = self.at + self.velocity;
        self.at = vec2(inside(at.x), inside(at.y));
    }

    /// The foe that the unit fights: the one it had while that is in sight, else the nearest.
    fn look(&self, number: usize, now: Tick, field: &Field) -> Option<usize> {
        let kept = self.foe().filter(|foe| (field.place(*foe) - self.at).length_squared() < SIGHT * SIGHT);
        let army = number % ARMIES;
        let is_turn = (number / ARMIES + now.0 as usize).is_multiple_of(LOOK_TICKS);
        if kept.is_some() || !is_turn || !field.has_enemies(self.at, army) {
            return kept;
        }
        field.nearest_enemy(self.at, army, SIGHT).map(usize::from)
    }

    /// Makes the unit alive again, at home and on its way to the army's last order.
    pub(super) fn rise(&mut self, army: usize, place: Vec2, rally: Spot) {
        let goal = Spot::near(rally.at() + place);
        *self = Self { at: home(army) + place, goal, hp: HP_MAX, ..Self::default() };
    }
}

/// The velocity towards a target that is `way` off: slower on the last steps.
fn pace(way: Vec2) -> Vec2 {
    math::limit_length(way * 0.2, SPEED)
}

impl Swarm {
    pub(super) fn move_units(&mut self, field: &mut Field, now: Tick) {
        let is_peace = self.phase != Phase::Play;
        let armies = &self.armies;
        let mut places = Sunflower::new().flat_map(|place| [place; ARMIES]);
        for (number, unit) in self.units.values_mut().enumerate() {
            let place = places.next().unwrap_or_default();
            if unit.is_alive() {
                unit.live(number, now, is_peace, field);
            } else if unit.wait_ticks == 0 {
                unit.rise(number % ARMIES, place, armies[number % ARMIES].rally);
            } else {
                unit.wait_ticks -= 1;
            }
        }
    }

    /// Applies the hits of this tick, and emits events for units that fell.
    pub(super) fn bury(&mut self, field: &Field, tick: &mut Step<'_, Self>) {
        let held: [u16; ARMIES] = core::array::from_fn(|army| self.wells_of(army) as u16);
        let (mut told, mut seen) = (0, [false; ARMIES]);
        for (number, (unit, hits)) in
            self.units.values_mut().zip(&field.hits).enumerate().filter(|(_, (_, hits))| **hits > 0)
        {
            unit.hp = unit.hp.saturating_sub(*hits);
            if unit.is_alive() {
                continue;
            }
            let army = number % ARMIES;
            (unit.is_selected, unit.foe, unit.velocity) = (false, 0, Vec2::ZERO);
            unit.wait_ticks = REBIRTH_TICKS.saturating_sub(WELL_TICKS * held[army]).max(WELL_TICKS);
            if told < FALLS_MAX {
                told += 1;
                tick.emit(To::Everyone, SwarmEvent::Fallen { army: army as u8, at: unit.at });
            }
            for (seen, army) in seen.iter_mut().zip(&self.armies) {
                *seen |= army.is_taken && (army.eye - unit.at).abs().cmplt(VIEW * 0.7).all();
            }
        }
        if tick.now().0.is_multiple_of(CLASH_TICKS) {
            let near = Seat::first(ARMIES as u8).zip(seen).filter(|(_, seen)| *seen);
            near.for_each(|(seat, _)| tick.emit(To::Seat(seat), SwarmEvent::Clash));
        }
    }

    /// Puts all units home, and sends them a little way ahead.
    pub(super) fn muster(&mut self) {
        let mut places = Sunflower::new().flat_map(|place| [place; ARMIES]);
        for (army, number) in self.armies.iter_mut().zip(0..) {
            army.rally = Spot::near(home(number).lerp(MIDDLE, 0.12));
        }
        for (number, unit) in self.units.values_mut().enumerate() {
            let army = number % ARMIES;
            unit.rise(army, places.next().unwrap_or_default(), self.armies[army].rally);
        }
    }

    /// How many units of an army live, and how many of those are selected.
    pub(super) fn count(&self, army: usize) -> (usize, usize) {
        let living = self.units.values().skip(army).step_by(ARMIES).filter(|unit| unit.is_alive());
        living.fold((0, 0), |(living, selected), unit| (living + 1, selected + usize::from(unit.is_selected)))
    }
}
