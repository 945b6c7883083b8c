//! Crowd, the benchmark: players and many entities that keep moving, the same on every server that is measured.
//!
//! The world is a square of 1000 units, at 30 ticks a second. Each entity flies straight and bounces off the walls;
//! only the room's dice, which no client has, make it turn. Entities do not collide: the benchmark measures the
//! transport of state alone.

use serde::{Deserialize, Serialize};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Game, Input, Leave, OptionsError, Rng, Rules, Seat, State, Step, Table};

/// Side of the square, in units.
const SIZE: f32 = 1000.0;
/// Entities of one room besides players, at the most.
const ENTITIES_MAX: u16 = 10_000;
/// Units per tick on each axis.
const SPEED_MAX: f32 = 2.0;
/// Directions of an angle: 10 bits.
const DIRECTIONS: f32 = 1024.0;
/// In erratic motion, the standard deviation of each tick's change of velocity, in units per tick and axis.
const SIGMA: f32 = 0.1;
/// In steady motion, one in this many entities takes a new direction in a tick.
const TURN_ONE_IN: u32 = 100;
/// A bot keeps its direction for this many ticks on average.
const DECISION_TICKS: u32 = 15;

/// How entities move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Motion {
    /// One entity in a hundred takes a new direction in a tick.
    #[default]
    Steady,
    /// All entities change their velocity a little in every tick.
    Erratic,
    /// No entity moves: only players do.
    Still,
}

/// The options that a room is created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The number of entities besides players, at most 10,000.
    pub entities: u16,
    /// How the entities move.
    pub motion: Motion,
}

impl Default for Options {
    fn default() -> Self {
        Self { entities: 100, motion: Motion::Steady }
    }
}

/// The world.
#[derive(State, Clone, Default)]
pub struct Crowd {
    movers: Table<Mover>,
    /// Clients need not know why entities turn.
    #[state(only = server)]
    motion: u8,
}

#[derive(State, Clone, Default)]
struct Mover {
    /// The seat of a player; `None` for an entity.
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = 0.0..=1000.0, step = 0.03125, smooth, moved_by = velocity)]
    at: Vec2,
    #[state(range = -2.0..=2.0, step = 0.03125)]
    velocity: Vec2,
    /// The angle counts in steps of 1/1024 turn, and so does the spin: sums of whole steps are exact.
    #[state(angle, bits = 10, moved_by = spin)]
    angle: u16,
    /// Steps per tick.
    #[state(range = -16..=16)]
    spin: i8,
    hp: u8,
}

/// The velocity that a player steers with: each axis from −2 to 2 units per tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Way {
    #[input(range = -2.0..=2.0, step = 0.03125)]
    velocity: Vec2,
}

impl Game for Crowd {
    type Input = Way;
    type Event = ();
    type Options = Options;
    const RULES: Rules = Rules::new("crowd", 30).seats(8).bots(8);

    fn check(options: &Options) -> Result<(), OptionsError> {
        OptionsError::unless("entities", options.entities, 0..=ENTITIES_MAX)
    }

    fn new(options: &Options) -> Self {
        // The first places follow from the options, not from the room's dice: every room has the same ones, so that
        // bytes can be compared.
        let mut dice = Rng::new(u64::from(options.entities));
        let mut world = Self { motion: options.motion as u8, ..Self::default() };
        for _ in 0..options.entities.min(ENTITIES_MAX) {
            let velocity = if options.motion == Motion::Still { Vec2::ZERO } else { any_velocity(&mut dice) };
            world.movers.insert(Mover::at_random(None, velocity, &mut dice));
        }
        world
    }

    fn join(&mut self, seat: Seat) {
        let mut dice = Rng::new(u64::from(seat.number()));
        self.movers.insert(Mover::at_random(Some(seat), Vec2::ZERO, &mut dice));
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.movers.retain(|_, mover| mover.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        let (is_steady, is_erratic) = (self.motion == Motion::Steady as u8, self.motion == Motion::Erratic as u8);
        for mover in self.movers.values_mut() {
            match mover.seat {
                Some(seat) => mover.velocity = tick.input(seat).velocity,
                None if is_steady && tick.rng().one_in(TURN_ONE_IN) => mover.velocity = any_velocity(tick.rng()),
                None if is_erratic => mover.velocity += nudge(tick.rng()),
                None => {}
            }
            mover.fly();
        }
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Way {
        let mine = self.movers.values().find(|mover| mover.seat == Some(me));
        match mine {
            Some(mover) if !dice.one_in(DECISION_TICKS) => Way { velocity: mover.velocity },
            _ => Way { velocity: any_velocity(dice) },
        }
    }
}

impl Mover {
    fn at_random(seat: Option<Seat>, velocity: Vec2, dice: &mut Rng) -> Self {
        let at = vec2(dice.range(0.0, SIZE), dice.range(0.0, SIZE));
        let spin = if velocity == Vec2::ZERO { 0 } else { i8::try_from(dice.between(-8, 8)).unwrap_or(0) };
        Self { seat, at, velocity, angle: 0, spin, hp: 100 }
    }

    fn fly(&mut self) {
        self.velocity = vec2(on_grid(self.velocity.x), on_grid(self.velocity.y));
        self.at += self.velocity;
        bounce(&mut self.at.x, &mut self.velocity.x);
        bounce(&mut self.at.y, &mut self.velocity.y);
        self.angle = self.angle.wrapping_add_signed(i16::from(self.spin)) % DIRECTIONS as u16;
    }
}

/// Rounds a speed to the wire's grid before it moves anything: a remainder would be lost after the step.
fn on_grid(speed: f32) -> f32 {
    math::floor(math::clamp(speed, -SPEED_MAX, SPEED_MAX) * 32.0 + 0.5) / 32.0
}

fn bounce(at: &mut f32, velocity: &mut f32) {
    if *at < 0.0 || *at > SIZE {
        *at = math::clamp(*at, 0.0, SIZE);
        *velocity = -*velocity;
    }
}

fn any_velocity(dice: &mut Rng) -> Vec2 {
    vec2(dice.range(-SPEED_MAX, SPEED_MAX), dice.range(-SPEED_MAX, SPEED_MAX))
}

/// A small change on both axes, drawn much finer than the grid of velocities.
fn nudge(dice: &mut Rng) -> Vec2 {
    vec2(bell(dice.next_u32()) * SIGMA, bell(dice.next_u32()) * SIGMA)
}

/// A draw with mean 0 and deviation 1 from 32 random bits: the sum of four even draws, one for each byte, is near
/// enough to a normal draw.
fn bell(bits: u32) -> f32 {
    let sum: u16 = bits.to_le_bytes().into_iter().map(u16::from).sum();
    // Four bytes have a mean of 510, and a variance of 4 * (256² - 1) / 12.
    (f32::from(sum) - 510.0) * (1.0 / 147.800_54)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::testing::{Play, assert_deterministic, assert_predictable};

    #[test]
    fn every_run_is_the_same() {
        assert_deterministic::<Crowd>();
        assert_predictable::<Crowd>();
    }

    #[test]
    fn erratic_changes_have_the_documented_deviation() {
        let mut dice = Rng::new(5);
        let draws: std::vec::Vec<f32> = (0..100_000).map(|_| bell(dice.next_u32())).collect();
        let mean = draws.iter().sum::<f32>() / 100_000.0;
        let variance = draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum::<f32>() / 100_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "mean {mean}, variance {variance}");
    }

    #[test]
    fn everything_stays_inside_and_keeps_moving() {
        for motion in [Motion::Steady, Motion::Erratic] {
            let mut play: Play<Crowd> = Play::new(8, 3);
            play.world.motion = motion as u8;
            let mut turned = 0;
            for _ in 0..1_000 {
                let before: std::vec::Vec<Vec2> = play.world.movers.values().map(|mover| mover.velocity).collect();
                play.bots();
                let movers = play.world.movers.values();
                turned += movers.zip(&before).filter(|(mover, before)| mover.velocity != **before).count();
                for mover in play.world.movers.values() {
                    assert!((0.0..=SIZE).contains(&mover.at.x) && (0.0..=SIZE).contains(&mover.at.y));
                }
            }
            // 100 entities and 8 players over 1,000 ticks.
            let expected = if motion == Motion::Steady { 1_000..4_000 } else { 90_000..108_000 };
            assert!(expected.contains(&turned), "{turned} turns in {motion:?} motion");
        }
    }
}
