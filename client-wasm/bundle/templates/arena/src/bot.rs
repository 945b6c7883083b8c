//! The bots: they hunt the nearest robot that they can see, and lay a mine now and then.

use super::robot::wall_ahead;
use super::{Drive, Robot, TemplateGame, YARD};
use tickwire::math::{self, Vec2};
use tickwire::{Rng, Seat};

/// A bot keeps this far away from the robot that it shoots at.
const RESPECT: f32 = 110.0;

pub(crate) fn decide(world: &TemplateGame, me: Seat, dice: &mut Rng) -> Drive {
    let Some(mine) = world.robots.values().find(|robot| robot.seat == Some(me)) else {
        return Drive::default();
    };
    let others = world
        .robots
        .values()
        .filter(|robot| robot.seat != Some(me) && robot.hp > 0);
    let distance = |other: &&Robot| (other.at - mine.at).length();
    let Some(foe) = others.min_by(|a, b| distance(a).total_cmp(&distance(b))) else {
        return Drive {
            stick: (YARD / 2.0 - mine.at) / 200.0,
            ..Drive::default()
        };
    };
    let (far, way) = (distance(&foe), math::limit_length(foe.at - mine.at, 1.0));
    let is_clear = wall_ahead(mine.at, way) >= far;
    // It circles around its foe; around a crate it goes by the same side each time.
    let aside = Vec2::new(-way.y, way.x)
        * if me.number().is_multiple_of(2) {
            1.0
        } else {
            -1.0
        };
    let ahead = if is_clear && far < RESPECT {
        -way * 0.5
    } else {
        way
    };
    let stick = math::limit_length(ahead + aside * if is_clear { 0.7 } else { 0.9 }, 1.0);
    // The aim is a guess where the foe will be, and a little off.
    let off = Vec2::new(dice.range(-14.0, 14.0), dice.range(-14.0, 14.0));
    let shoot = is_clear && far < 260.0 && dice.one_in(8);
    Drive {
        stick,
        aim: Some(foe.at + foe.velocity * 2.0 + off),
        shoot,
        mine: dice.one_in(240),
    }
}
