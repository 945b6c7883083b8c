//! A shot in flight: the first obstacle on its path, and the effect of the hit.

use super::field::Ground;
use super::{Arena, Chunk, HP_MAX, SHIP_RADIUS, SHIP_SPEED_MAX, Ship, Shot, What, distance, nearest_part, tell};
use tickwire::math::{self, Vec2};
use tickwire::{Game, RowId, Step, Table};

const SHOT_RADIUS: f32 = 2.0;
/// A kill repairs its winner by this much.
const KILL_REPAIR: u8 = 40;
/// A shooter sees a ship where it was up to `past_ticks_max` ticks ago. A ship that the shooter sees in the path of a
/// shot may be this far away from it now, along each axis.
const MEMORY: f32 = SHIP_SPEED_MAX * Arena::RULES.past_ticks_max() as f32 + SHIP_RADIUS + SHOT_RADIUS;

/// The life of a shot a tick later.
pub(super) const fn age(ticks: &u8, _: &Shot) -> u8 {
    ticks.saturating_sub(1)
}

/// An obstacle in the path of a shot.
#[derive(Clone, Copy)]
enum Target {
    Ship(RowId),
    Chunk(RowId),
    Rock,
}

impl Shot {
    /// Moves the shot on; false when it hit something or is spent.
    pub(super) fn fly(&mut self, arena: &mut Arena, ground: &Ground, tick: &mut Step<'_, Arena>) -> bool {
        let from = self.at;
        self.at += self.velocity;
        self.life_ticks = age(&self.life_ticks, self);
        let seen = self.seat.map_or(&arena.ships, |seat| tick.past_table(seat, |arena| &arena.ships));
        let (victim, stop) = (self.victim(from, ground, seen), self.stop(from, ground));
        let first =
            if stop.is_some_and(|(part, _)| victim.is_none_or(|(other, _)| part < other)) { stop } else { victim };
        match first {
            None => {
                let inside = self.at.cmpgt(Vec2::ZERO).all() && self.at.cmplt(arena.size).all();
                return inside && self.life_ticks > 0;
            }
            Some((_, Target::Ship(id))) => self.hit(id, arena, tick),
            Some((part, Target::Chunk(id))) => {
                let burst = arena.debris.get_mut(id).is_some_and(Chunk::suffer);
                let what = if burst { What::Crumble } else { What::Chip };
                tell(&arena.ships, tick, None, from + self.velocity * part, &[], what);
            }
            Some((part, Target::Rock)) => tell(&arena.ships, tick, None, from + self.velocity * part, &[], What::Chip),
        }
        false
    }

    /// The ship that the shot meets in this tick, and the part of its path at which it does. `seen` holds the ships as
    /// the shooter saw them (lag compensation). The grid holds the ships as they are now, so the search reaches farther
    /// by [`MEMORY`].
    fn victim(&self, from: Vec2, ground: &Ground, seen: &Table<Ship>) -> Option<(f32, Target)> {
        let mut first = None;
        for circle in ground.ships.near(from, self.at, MEMORY) {
            let ship = seen.get(circle.id).filter(|ship| ship.is_flying() && ship.team != self.team);
            let part = ship.and_then(|ship| self.meets(from, ship.at, SHIP_RADIUS));
            sooner(&mut first, part, Target::Ship(circle.id));
        }
        first
    }

    /// The rock or stone that stops the shot in this tick, and the part of its path at which it does.
    fn stop(&self, from: Vec2, ground: &Ground) -> Option<(f32, Target)> {
        let mut first = None;
        for rock in ground.rocks.near(from, self.at, SHOT_RADIUS) {
            sooner(&mut first, self.meets(from, rock.at, rock.radius), Target::Rock);
        }
        for chunk in ground.debris_near(from, self.at, SHOT_RADIUS) {
            sooner(&mut first, self.meets(from, chunk.at, chunk.radius), Target::Chunk(chunk.id));
        }
        first
    }

    /// The part of this tick's path, 0 to 1, at which the shot meets a circle.
    fn meets(&self, from: Vec2, at: Vec2, radius: f32) -> Option<f32> {
        let reach = radius + SHOT_RADIUS;
        let depth = reach / math::max((self.at - from).length(), 1.0);
        let is_met = distance(at, from, self.at) < reach;
        is_met.then(|| math::max(nearest_part(at, from, self.at) - depth, 0.0))
    }

    fn hit(&self, id: RowId, arena: &mut Arena, tick: &mut Step<'_, Arena>) {
        let Arena { ships, round, .. } = arena;
        let Some(ship) = ships.get_mut(id).filter(|ship| ship.is_flying()) else { return };
        let (at, seat) = (ship.at, ship.seat);
        let is_dead = ship.suffer(self.velocity) && round.referee;
        if !is_dead {
            tell(ships, tick, seat, at, &[(self.seat, What::Hit), (seat, What::Hurt)], What::FarHit);
            return;
        }
        ship.burst();
        round.count_kill(self.team);
        for winner in ships.values_mut().filter(|ship| ship.seat == self.seat) {
            winner.score = winner.score.saturating_add(1);
            // The last shot of a ship that is a wreck now repairs nothing.
            if winner.is_flying() {
                winner.hp = (winner.hp + KILL_REPAIR).min(HP_MAX);
            }
        }
        tell(ships, tick, seat, at, &[(self.seat, What::Kill), (seat, What::Death)], What::Blast);
    }
}

/// Keeps the target that the shot meets first.
fn sooner(first: &mut Option<(f32, Target)>, part: Option<f32>, target: Target) {
    if let Some(part) = part
        && first.is_none_or(|(best, _)| part < best)
    {
        *first = Some((part, target));
    }
}
