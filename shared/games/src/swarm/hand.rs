//! The actions of players: they look around, draw boxes and send units.
//!
//! All points are measured from the middle of the player's view, as they were drawn: the view is part of the world and
//! moves a moment later than the hand.

use super::{ARMIES, Grip, SIZE, Spot, Sunflower, Swarm, SwarmEvent, Unit, VIEW};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Seat, Step, To};

/// The speed of a view that is panned, in units per tick.
const PAN: f32 = 26.0;
/// A finger that moves less does not draw a box: it gives an order.
const TAP: f32 = 14.0;
/// A tap without a selection selects the units this near.
const GRAB: f32 = 36.0;
/// Width and height of the map on screen, and how far it is from the edges of the view.
pub(super) const MAP: f32 = 92.0;
const MARGIN: f32 = 8.0;
/// The middle of the map, from the middle of the view.
pub(super) const MAP_AT: Vec2 = vec2(MARGIN + MAP / 2.0 - VIEW.x / 2.0, MARGIN + MAP / 2.0 - VIEW.y / 2.0);

/// The place in the world that a point on the map stands for; `None` for a point beside the map.
fn on_map(point: Vec2) -> Option<Vec2> {
    let way = point - MAP_AT;
    way.abs().cmple(Vec2::splat(MAP / 2.0)).all().then(|| (way / MAP + Vec2::splat(0.5)) * SIZE)
}

/// The point on the map that stands for a place in the world.
pub(super) fn map_point(place: Vec2) -> Vec2 {
    MAP_AT + (place / SIZE - Vec2::splat(0.5)) * MAP
}

fn inside(place: Vec2) -> Vec2 {
    vec2(math::clamp(place.x, 0.0, SIZE), math::clamp(place.y, 0.0, SIZE))
}

impl Swarm {
    /// Applies one tick of a player's input.
    pub(super) fn obey(&mut self, seat: Seat, tick: &mut Step<'_, Self>) {
        let (number, hand) = (seat.index(), tick.input(seat));
        let army = &mut self.armies[number];
        army.order_ticks = army.order_ticks.saturating_add(1);
        army.eye = inside(army.eye + vec2(f32::from(hand.pan_x), f32::from(hand.pan_y)) * (PAN / 4.0));
        let place = hand.point.map(|point| inside(army.eye + point));
        let map = hand.point.and_then(on_map);
        let pressed = place.filter(|_| hand.press);
        let (grip, cursor) = (army.grip, army.cursor);
        match (grip, pressed, map) {
            (Grip::Free | Grip::Map, Some(_), Some(map)) => (army.grip, army.eye) = (Grip::Map, map),
            (Grip::Free, Some(place), None) => (army.grip, army.cursor) = (Grip::Box { from: place }, place),
            (Grip::Box { .. }, Some(place), _) => army.cursor = place,
            (_, None, _) => army.grip = Grip::Free,
            (Grip::Map, Some(_), None) => {}
        }
        let mut order = map.or(place).filter(|_| hand.order);
        if let (Grip::Box { from }, None) = (grip, pressed) {
            let (middle, half) = ((from + cursor) / 2.0, (from - cursor).abs() / 2.0);
            if half.cmpgt(Vec2::splat(TAP / 2.0)).any() {
                self.select(number, |unit| (unit.at - middle).abs().cmple(half).all());
            } else if self.count(number).1 > 0 {
                order = Some(cursor);
            } else {
                self.select(number, |unit| (unit.at - cursor).length_squared() < GRAB * GRAB);
            }
        }
        if hand.all {
            self.select(number, |_| true);
        }
        if order.is_some_and(|place| self.send(number, place)) {
            tick.emit(To::Seat(seat), SwarmEvent::Sent);
        }
    }

    /// Selects the living units of an army that `which` accepts, and no others.
    pub(super) fn select(&mut self, army: usize, which: impl Fn(&Unit) -> bool) {
        for unit in self.units.values_mut().skip(army).step_by(ARMIES) {
            unit.is_selected = unit.is_alive() && which(unit);
        }
    }

    /// Sends an army's selected units to a place, where each has a spot of its own; returns whether there were any.
    pub(super) fn send(&mut self, army: usize, place: Vec2) -> bool {
        let units = self.units.values_mut().skip(army).step_by(ARMIES).filter(|unit| unit.is_selected);
        let mut sent = false;
        for (unit, off) in units.zip(Sunflower::new()) {
            unit.goal = Spot::near(inside(place + off));
            sent = true;
        }
        let army = &mut self.armies[army];
        if sent {
            (army.rally, army.order_ticks) = (Spot::near(place), 0);
        }
        sent
    }
}
