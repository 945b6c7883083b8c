//! The robots: they drive, shoot, are hit, and come back.

use super::{
    AWAY_TICKS, CRATES, Drive, HP_MAX, Happening, MINE_ARM_TICKS, MINES_MAX, Mine, RADIUS,
};
use super::{Robot, TemplateGame, YARD, home};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{RowId, Seat, Step, To};

pub(crate) const RELOAD_TICKS: u8 = 18;
pub(crate) const GLOW_TICKS: u8 = 6;
/// The length of a beam that nothing stops.
pub(crate) const BEAM: f32 = 300.0;
const SPEED: f32 = 4.0;
/// The part of the way to the wanted speed that a robot makes in a tick.
const GRIP: f32 = 0.25;

impl TemplateGame {
    pub(crate) fn drive(&mut self, tick: &mut Step<'_, Self>) {
        for robot in self.robots.values_mut() {
            let Some(seat) = robot.seat else { continue };
            let input = tick.input(seat);
            robot.beam_ticks = robot.beam_ticks.saturating_sub(1);
            robot.reload_ticks = robot.reload_ticks.saturating_sub(1);
            if robot.hp == 0 {
                robot.wait(seat, self.referee);
                continue;
            }
            robot.steer(input);
            if input.mine && robot.mines > 0 {
                robot.mines -= 1;
                let (at, arm_ticks) = (robot.at, MINE_ARM_TICKS);
                self.mines.insert(Mine {
                    seat: Some(seat),
                    at,
                    arm_ticks,
                });
                tick.emit(To::Seat(seat), Happening::Laid);
            }
        }
    }

    /// A beam hits the robots that its shooter saw under it: the robots of a moment ago, in
    /// [`Step::past_table`]. What it does to them happens now.
    pub(crate) fn shoot(&mut self, tick: &mut Step<'_, Self>) {
        let ready = |robot: &Robot| robot.hp > 0 && robot.reload_ticks == 0;
        let shooters = self.robots.iter().filter(|(_, robot)| ready(robot));
        for id in shooters.map(|(id, _)| id).collect::<Vec<_>>() {
            let Some(robot) = self.robots.get_mut(id) else {
                continue;
            };
            let Some(seat) = robot.seat.filter(|seat| tick.input(*seat).shoot) else {
                continue;
            };
            let (from, way) = (robot.at, math::heading(robot.gun));
            let seen = tick.past_table(seat, |world| &world.robots);
            let mut hit = (wall_ahead(from, way), None);
            for (other, target) in seen
                .iter()
                .filter(|(other, target)| *other != id && target.hp > 0)
            {
                let along = (target.at - from).dot(way);
                let aside = (target.at - from - way * along).length();
                if along > 0.0 && along < hit.0 && aside < RADIUS + 2.0 {
                    hit = (along, Some(other));
                }
            }
            robot.reload_ticks = RELOAD_TICKS;
            (robot.beam_end, robot.beam_ticks) = (from + way * hit.0, GLOW_TICKS);
            tick.emit(To::Everyone, Happening::Shot(seat));
            if let Some(target) = hit.1.filter(|_| self.referee) {
                self.hurt(target, Some(seat), 1, tick);
            }
        }
    }

    /// Takes hit points from a robot, and gives a point to `by` for a wreck.
    pub(crate) fn hurt(&mut self, id: RowId, by: Option<Seat>, hp: u8, tick: &mut Step<'_, Self>) {
        let Some(robot) = self.robots.get_mut(id).filter(|robot| robot.hp > 0) else {
            return;
        };
        let Some(seat) = robot.seat else { return };
        robot.hp = robot.hp.saturating_sub(hp);
        if robot.hp > 0 {
            return tick.emit(To::Everyone, Happening::Hit(seat));
        }
        (robot.away_ticks, robot.velocity) = (AWAY_TICKS, Vec2::ZERO);
        tick.emit(To::Everyone, Happening::Wreck(seat));
        for other in self
            .robots
            .values_mut()
            .filter(|other| by.is_some() && other.seat == by)
        {
            other.score = other.score.saturating_add(u8::from(by != Some(seat)));
        }
    }
}

impl Robot {
    fn steer(&mut self, input: Drive) {
        let wanted = math::limit_length(input.stick, 1.0) * SPEED;
        self.velocity += (wanted - self.velocity) * GRIP;
        let from = self.at;
        self.at = pushed_out(from + self.velocity);
        self.velocity = self.at - from;
        let ahead = input.aim.map_or(input.stick, |aim| aim - self.at);
        if ahead != Vec2::ZERO {
            self.gun = math::angle_of(ahead);
        }
    }

    /// A wreck comes back at home; the server says when.
    fn wait(&mut self, seat: Seat, referee: bool) {
        self.away_ticks = self.away_ticks.saturating_sub(1);
        if self.away_ticks == 0 && referee {
            (self.hp, self.mines, self.at) = (HP_MAX, MINES_MAX, home(seat.index()));
        }
    }
}

/// The nearest place to `at` where a robot is inside the yard and outside of all crates.
fn pushed_out(mut at: Vec2) -> Vec2 {
    for (middle, half) in CRATES {
        let nearest = middle + clamped(at - middle, half);
        let away = at - nearest;
        let distance = away.length();
        if distance >= RADIUS {
            continue;
        }
        // Inside of a crate there is no way out but the shortest: up or down, left or right.
        let out = if distance > 0.01 {
            away / distance
        } else {
            vec2(0.0, 1.0)
        };
        at = nearest + out * RADIUS;
    }
    YARD / 2.0 + clamped(at - YARD / 2.0, YARD / 2.0 - Vec2::splat(RADIUS))
}

fn clamped(at: Vec2, half: Vec2) -> Vec2 {
    vec2(
        math::clamp(at.x, -half.x, half.x),
        math::clamp(at.y, -half.y, half.y),
    )
}

/// How far it is to the fence around the yard.
fn fence_ahead(from: Vec2, way: Vec2) -> f32 {
    let along = |from: f32, way: f32, size: f32| {
        let end = if way > 0.0 { size } else { 0.0 };
        if way.abs() < 1e-4 {
            BEAM
        } else {
            (end - from) / way
        }
    };
    math::max(
        math::min(along(from.x, way.x, YARD.x), along(from.y, way.y, YARD.y)),
        0.0,
    )
}

/// How far a beam flies from `from` until a crate, the fence or the end of its power stops it.
pub(crate) fn wall_ahead(from: Vec2, way: Vec2) -> f32 {
    let hits = CRATES.iter().filter_map(|(middle, half)| {
        // Where the beam is between the two sides of the crate, along each axis.
        let between = |from: f32, way: f32, middle: f32, half: f32| {
            if way.abs() < 1e-4 {
                let inside = (from - middle).abs() < half;
                return if inside { (-BEAM, BEAM) } else { (BEAM, -BEAM) };
            }
            let (one, two) = ((middle - half - from) / way, (middle + half - from) / way);
            (math::min(one, two), math::max(one, two))
        };
        let (x0, x1) = between(from.x, way.x, middle.x, half.x);
        let (y0, y1) = between(from.y, way.y, middle.y, half.y);
        let (enters, leaves) = (math::max(x0, y0), math::min(x1, y1));
        (enters < leaves && leaves > 0.0).then(|| math::max(enters, 0.0))
    });
    hits.fold(math::min(BEAM, fence_ahead(from, way)), math::min)
}
