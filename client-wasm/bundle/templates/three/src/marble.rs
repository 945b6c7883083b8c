//! How a marble rolls, falls and bounces.

use super::{BOOST, BOOST_TICKS, FALL_TICKS, GLIDE, GRAVITY, HILL, Happening, ISLAND, MOAT, Marble};
use super::{PUSH, RADIUS, Roll, SPEED_MAX, TOP, TemplateGame, start};
use tickwire::math::{self, Vec2};
use tickwire::{Seat, Step, To};

impl Marble {
    pub(crate) fn is_on_top(&self) -> bool {
        self.fall_ticks == 0.0 && self.at.length() < TOP
    }

    pub(crate) fn restart(&mut self) {
        let seat = self.seat;
        *self = Self {
            seat,
            at: seat.map_or(Vec2::ZERO, start),
            ..Self::default()
        };
    }

    pub(crate) fn roll(&mut self, input: Roll, seat: Seat, tick: &mut Step<'_, TemplateGame>) {
        self.boost_ticks = self.boost_ticks.saturating_sub(1);
        if self.fall_ticks > 0.0 {
            self.fall_ticks += 1.0;
            self.at += self.velocity;
            if self.fall_ticks > f32::from(FALL_TICKS) {
                let score = self.score;
                self.restart();
                self.score = score;
            }
            return;
        }
        self.push = math::limit_length(input.stick, 1.0);
        self.velocity = (self.velocity + self.push * PUSH - slope(self.at) * GRAVITY) * GLIDE;
        if input.boost && self.boost_ticks == 0 && self.push != Vec2::ZERO {
            self.velocity += math::limit_length(self.push * 100.0, BOOST);
            self.boost_ticks = BOOST_TICKS;
            tick.emit(To::Everyone, Happening::Boost(seat));
        }
        self.velocity = math::limit_length(self.velocity, SPEED_MAX);
        self.at += self.velocity;
        if self.at.length() > ISLAND {
            self.fall_ticks = 1.0;
            tick.emit(To::Everyone, Happening::Fall(seat));
        }
    }

    /// Bounces off another marble, if they touch and come closer.
    pub(crate) fn meets(&mut self, other: &mut Self) -> bool {
        let between = other.at - self.at;
        let distance = between.length();
        let are_there = self.fall_ticks == 0.0 && other.fall_ticks == 0.0;
        if !are_there || distance >= 2.0 * RADIUS || distance < 0.01 {
            return false;
        }
        let way = between / distance;
        let closing = (self.velocity - other.velocity).dot(way);
        let overlap = way * ((2.0 * RADIUS - distance) / 2.0);
        (self.at, other.at) = (self.at - overlap, other.at + overlap);
        let kick = way * (math::max(closing, 0.0) + 0.25);
        self.velocity = math::limit_length(self.velocity - kick, SPEED_MAX);
        other.velocity = math::limit_length(other.velocity + kick, SPEED_MAX);
        true
    }
}

/// How steep the island is at a place, and which way is up.
fn slope(at: Vec2) -> Vec2 {
    let r = at.length();
    if r < 0.01 {
        return Vec2::ZERO;
    }
    let bell = |from: f32, width: f32| {
        let part = (r - from) / width;
        -2.0 * part / width * math::exp(-part * part)
    };
    at / r * (HILL.0 * bell(0.0, HILL.1) - MOAT.0 * bell(MOAT.1, MOAT.2))
}
