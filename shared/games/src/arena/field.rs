//! The objects in the arena: rocks that stand still, debris that drifts, pick-ups that come back.
//!
//! A field is laid out from the room's options alone and is the same for both sides, turned by half a turn. A client
//! does not know when an object comes back ([`Item::wait_ticks`] stays 0 on a client), so on a client no object comes
//! back before the server sends it.

use super::grid::{Circle, Grid, Near};
use super::{
    Arena, ArenaEvent, CHARGE_MAX, CHUNK_HP, Chunk, Gift, HP_MAX, Item, Options, PLATES_MAX, RAPID_TICKS, Rock,
    SHIP_RADIUS, Ship, What,
};
use tickwire::math::{self, Vec2, vec2};
use tickwire::state::Fields;
use tickwire::{Rng, State, Step, Table, To};

/// The size of the field for [`PLAYERS`] players; fields for other numbers have as much room for each player.
const SIZE: Vec2 = vec2(1600.0, 1000.0);
const PLAYERS: u8 = 8;
/// The largest field is this many times as wide.
const SCALE_MAX: f32 = 2.5;
/// There is one rock for this many square units.
const ROCK_AREA: f32 = 170_000.0;
const ROCKS_MAX: u16 = 60;
/// The gap between two rocks, so that ships fit through.
const ROCK_GAP: f32 = 90.0;

pub(super) const CHUNK_RADIUS: f32 = 13.0;
const CHUNK_AWAY_TICKS: u16 = 450;
pub(super) const ITEM_RADIUS: f32 = 15.0;
const ITEM_AWAY_TICKS: u16 = 360;
const REPAIR: u8 = 60;

/// The places of all objects in this tick: scratch memory that a step fills before it reads it, and no part of the
/// state.
#[derive(Clone, Default)]
pub(super) struct Ground {
    pub(super) rocks: Grid,
    debris: Grid,
    /// The ships that fly.
    pub(super) ships: Grid,
}

impl State for Ground {
    const WIDTH: usize = 0;
    fn describe(_: &mut Fields<'_>) {}
    fn gather(&self, _: &mut [u32]) {}
    fn scatter(&mut self, _: &[u32]) {}
}

impl Ground {
    pub(super) fn survey_rocks(&mut self, rocks: &Table<Rock>) {
        self.rocks.clear();
        for (id, rock) in rocks.iter() {
            self.rocks.insert_whole(Circle { id, at: rock.at, radius: rock.radius });
        }
    }

    pub(super) fn survey_ships(&mut self, ships: &Table<Ship>) {
        self.ships.clear();
        for (id, ship) in ships.iter().filter(|(_, ship)| ship.is_flying()) {
            self.ships.insert_centre(Circle { id, at: ship.at, radius: SHIP_RADIUS });
        }
    }

    pub(super) fn debris_near(&self, from: Vec2, to: Vec2, reach: f32) -> Near<'_> {
        self.debris.near(from, to, reach + CHUNK_RADIUS)
    }

    /// Everything solid that may come nearer than `reach` to the straight line between two points. Rocks come last:
    /// they do not give way, so the place that they push a ship to is the final one.
    pub(super) fn near(&self, from: Vec2, to: Vec2, reach: f32) -> impl Iterator<Item = &Circle> {
        self.debris_near(from, to, reach).chain(self.rocks.near(from, to, reach))
    }
}

impl Arena {
    /// Makes the field that the options ask for.
    pub(super) fn lay_out(&mut self, options: &Options) {
        let Options { players, entities, .. } = *options;
        let scale = math::min(math::sqrt(f32::from(players) / f32::from(PLAYERS)), SCALE_MAX);
        self.size = vec2(math::round(SIZE.x * scale), math::round(SIZE.y * scale));
        // The field has dice of its own: the same options make the same field.
        let mut dice = Rng::new(u64::from(players));
        let rocks = ((self.size.x * self.size.y / ROCK_AREA) as u16).min(ROCKS_MAX).min(entities / 2);
        self.rocks.insert(Rock { at: self.size / 2.0, radius: 84.0 });
        for _ in 0..rocks / 2 {
            let radius = math::round(dice.range(28.0, 78.0));
            for at in self.pair_of_places(radius, ROCK_GAP, &mut dice).into_iter().flatten() {
                self.rocks.insert(Rock { at, radius });
            }
        }
        let pairs = u16::from(players).min(entities / 2).div_ceil(2).div_ceil(2) + 1;
        for gift in [Gift::Repair, Gift::Rapid, Gift::Armour].into_iter().cycle().take(usize::from(pairs)) {
            for at in self.pair_of_places(ITEM_RADIUS, 3.0 * ITEM_RADIUS, &mut dice).into_iter().flatten() {
                self.items.insert(Item { at, gift, is_there: true, wait_ticks: 0 });
            }
        }
        let laid = self.rocks.len() + self.items.len();
        for _ in laid..usize::from(entities) {
            let at = vec2(dice.range(40.0, self.size.x - 40.0), dice.range(40.0, self.size.y - 40.0));
            self.debris.insert(Chunk { at, velocity: any_drift(&mut dice), hp: CHUNK_HP, wait_ticks: 0 });
        }
    }

    /// A place and the one opposite, both with `gap` around them; `None` if there is so little room that no try found
    /// one.
    fn pair_of_places(&self, radius: f32, gap: f32, dice: &mut Rng) -> Option<[Vec2; 2]> {
        let margin = Vec2::splat(radius + gap);
        let place = |dice: &mut Rng| {
            let at = vec2(dice.range(margin.x, self.size.x - margin.x), dice.range(margin.y, self.size.y - margin.y));
            vec2(math::round(at.x), math::round(at.y))
        };
        let is_free = |at: &Vec2| {
            let far_from = |other: Vec2, size: f32| (other - *at).length() > radius + size + gap;
            far_from(self.size - *at, radius)
                && self.rocks.values().all(|rock| far_from(rock.at, rock.radius))
                && self.items.values().all(|item| far_from(item.at, 6.0 * ITEM_RADIUS))
        };
        let at = (0..60).map(|_| place(dice)).find(is_free)?;
        Some([at, self.size - at])
    }

    /// Moves debris on, bounces it off rocks and walls, and enters it in `ground`.
    pub(super) fn drift_debris(&mut self, ground: &mut Ground) {
        ground.debris.clear();
        for (id, chunk) in self.debris.iter_mut() {
            chunk.wait();
            turn_at_wall(chunk.at.x, &mut chunk.velocity.x, self.size.x);
            turn_at_wall(chunk.at.y, &mut chunk.velocity.y, self.size.y);
            chunk.at += chunk.velocity;
            for rock in ground.rocks.near(chunk.at, chunk.at, CHUNK_RADIUS) {
                let away = chunk.at - rock.at;
                let distance = math::max(away.length(), 1.0);
                let inward = chunk.velocity.dot(away / distance);
                if distance < rock.radius + CHUNK_RADIUS && inward < 0.0 {
                    chunk.velocity -= away / distance * (2.0 * inward);
                }
            }
            if chunk.hp > 0 {
                ground.debris.insert_centre(Circle { id, at: chunk.at, radius: CHUNK_RADIUS });
            }
        }
    }

    /// Gives pick-ups to the ships that fly over them, and puts the next ones out.
    pub(super) fn hand_out_items(&mut self, ground: &Ground, tick: &mut Step<'_, Self>) {
        for item in self.items.values_mut() {
            if item.wait_ticks > 0 {
                item.wait_ticks -= 1;
                item.is_there |= item.wait_ticks == 0;
            }
            if !item.is_there {
                continue;
            }
            let reach = ITEM_RADIUS + SHIP_RADIUS;
            let taker = ground.ships.near(item.at, item.at, reach).find(|ship| (ship.at - item.at).length() < reach);
            if let Some(ship) = taker.and_then(|taker| self.ships.get_mut(taker.id))
                && let Some(seat) = ship.seat
            {
                tick.emit(To::Seat(seat), ArenaEvent { what: item.gift.what(), who: Some(seat), at: Vec2::ZERO });
                ship.receive(item.gift);
                (item.gift, item.is_there, item.wait_ticks) = (item.gift.next(), false, ITEM_AWAY_TICKS);
            }
        }
    }
}

impl Chunk {
    /// The stone is intact again when its time is up. It has drifted on meanwhile: nothing that clients show ever
    /// jumps.
    const fn wait(&mut self) {
        if self.wait_ticks > 0 {
            self.wait_ticks -= 1;
            if self.wait_ticks == 0 {
                self.hp = CHUNK_HP;
            }
        }
    }

    /// Takes a hit, and returns whether the stone burst.
    pub(super) const fn suffer(&mut self) -> bool {
        self.hp = self.hp.saturating_sub(1);
        if self.hp == 0 {
            self.wait_ticks = CHUNK_AWAY_TICKS;
        }
        self.hp == 0
    }
}

impl Gift {
    const fn next(self) -> Self {
        match self {
            Self::Repair => Self::Rapid,
            Self::Rapid => Self::Armour,
            Self::Armour => Self::Repair,
        }
    }

    const fn what(self) -> What {
        match self {
            Self::Repair => What::Repair,
            Self::Rapid => What::Rapid,
            Self::Armour => What::Armour,
        }
    }
}

impl Ship {
    fn receive(&mut self, gift: Gift) {
        match gift {
            Gift::Repair => self.hp = (self.hp + REPAIR).min(HP_MAX),
            Gift::Rapid => (self.rapid_ticks, self.charge) = (RAPID_TICKS, CHARGE_MAX),
            Gift::Armour => self.plates = PLATES_MAX,
        }
    }
}

/// A random velocity on the wire's grid, so that drifting is exact.
fn any_drift(dice: &mut Rng) -> Vec2 {
    let mut axis = || math::round(dice.range(-1.2, 1.2) * 16.0) / 16.0;
    vec2(axis(), axis())
}

/// Sends a stone that is outside on one axis back in.
fn turn_at_wall(at: f32, velocity: &mut f32, size: f32) {
    if at < CHUNK_RADIUS {
        *velocity = velocity.abs();
    } else if at > size - CHUNK_RADIUS {
        *velocity = -velocity.abs();
    }
}
