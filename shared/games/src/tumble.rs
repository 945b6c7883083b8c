//! Tumble: a field of boxes, and cubes that players roll through it. It is the scene for motion in three dimensions.
//!
//! Boxes fall, tumble, pile up a little and come to rest; a box at rest costs nothing until it is hit. Both ends
//! predict motion without contact to the bit, so that only the changes that contacts make travel. y points up here;
//! lengths are in metres, and a tick is a sixtieth of a second. `physics` is the step, `stage` draws the world.

mod grid;
mod motion;
mod physics;
mod solid;
mod stage;
mod touch;

use motion::GRID;
use physics::Physics;
use serde::{Deserialize, Serialize};
use solid::{BOX_HALF, BOX_RADIUS, PLAYER_HALF};
use tickwire::math::{self, Quat, Vec2, Vec3, vec2, vec3};
use tickwire::state::Fields;
use tickwire::{Game, Input, Leave, OptionsError, Rng, Rules, Seat, State, Step, Table};

/// The distance from the middle of the field to each wall, in metres.
const FIELD_HALF: f32 = 18.0;
/// Bodies as near as this touch. Gaps and overlaps up to this size are left alone, or the solver would fight over them
/// in every tick.
const SLOP: f32 = 3.0 * GRID;

/// The default number of boxes: 30 rows of 30.
const BODIES: u16 = 900;
const BODIES_MAX: u16 = 4_000;

/// The speed that a player's cube gains per tick while it is steered, and the speed at which it stops gaining, in
/// metres per tick.
const DRIVE: f32 = 8.0 * GRID;
const DRIVE_SPEED_MAX: f32 = 100.0 * GRID;
const JUMP_SPEED: f32 = 100.0 * GRID;
/// The reach of a player's magnet and blast, in metres.
const PULL_REACH: f32 = 4.5;
const BLAST_REACH: f32 = 5.0;
/// The speed that the magnet adds to a box in each tick; it is more than gravity takes.
const PULL: f32 = 7.0 * GRID;
/// The speed that a blast adds to a box next to it; a box farther out gains less.
const BLAST: f32 = 180.0 * GRID;
const BLAST_RECHARGE_TICKS: u8 = 90;

/// A bot keeps its direction for this many ticks on average.
const DECISION_TICKS: u32 = 40;

/// The options that a room is created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The number of boxes besides players' cubes, at most 4,000.
    pub bodies: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { bodies: BODIES }
    }
}

/// The world.
#[derive(State, Clone, Default)]
pub struct Tumble {
    #[state(predict)]
    bodies: Table<Body>,
    players: Table<Player>,
    scratch: Scratch,
}

/// A box, or a player's cube.
#[derive(State, Clone, Default, Debug, PartialEq)]
struct Body {
    /// The seat of a player; `None` for a box.
    #[state(owner)]
    seat: Option<Seat>,
    phase: Phase,
    /// In metres per tick, on the same grid as `at`: the sum of the two is exact.
    #[state(range = -0.25..=0.25, step = 0.0009765625, moved_with = motion::fall)]
    velocity: Vec3,
    /// In radians per tick about each of the world's axes.
    #[state(range = -0.5..=0.5, step = 0.0009765625)]
    spin: Vec3,
    #[state(range = -24.0..=24.0, step = 0.0009765625, moved_by = velocity, smooth)]
    at: Vec3,
    #[state(rotation, bits = 11, moved_with = motion::turn, smooth)]
    rotation: Quat,
}

/// The state of motion by which a body's next tick is predicted.
#[derive(State, Clone, Copy, Default, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing touched it.
    #[default]
    Flying,
    /// It touches something.
    Touching,
    /// It lies still, and takes no part in the step until it is woken.
    Resting,
}

/// The state of a player besides the cube.
#[derive(State, Clone, Default)]
struct Player {
    #[state(owner)]
    seat: Option<Seat>,
    /// Ticks until the next blast.
    #[state(range = 0..=BLAST_RECHARGE_TICKS, moved_with = recharge)]
    recharge_ticks: u8,
    /// The last input of the player: other clients predict the cube with it, and the boxes in the way of the cube.
    grip: Grip,
}

fn recharge(was: &u8, _: &Player) -> u8 {
    was.saturating_sub(1)
}

/// The input of a player in one tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Grip {
    /// The direction in which to roll: x, and z as y.
    #[input(range = -1.0..=1.0, step = 0.125)]
    pub stick: Vec2,
    /// Jump when there is ground below.
    #[input(once)]
    pub jump: bool,
    /// Pull boxes near.
    pub pull: bool,
    /// Blow boxes away, once recharged.
    #[input(once)]
    pub blast: bool,
}

/// The physics' memory, kept from step to step for its capacity alone: neither state nor part of a copy.
#[derive(Debug, Default)]
struct Scratch(Physics);

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl State for Scratch {
    const WIDTH: usize = 0;
    fn describe(_: &mut Fields<'_>) {}
    fn gather(&self, _: &mut [u32]) {}
    fn scatter(&mut self, _: &[u32]) {}
}

impl Game for Tumble {
    type Input = Grip;
    type Event = ();
    type Options = Options;
    const RULES: Rules = Rules::new("tumble", 60).seats(4).bots(2);

    fn check(options: &Options) -> Result<(), OptionsError> {
        OptionsError::unless("bodies", options.bodies, 0..=BODIES_MAX)
    }

    fn new(options: &Options) -> Self {
        let bodies = options.bodies.min(BODIES_MAX);
        // The places where boxes begin follow from the options, not from the room's dice.
        let mut dice = Rng::new(u64::from(bodies));
        let mut world = Self::default();
        for number in 0..bodies {
            world.bodies.insert(Body::laid_out(number, bodies, &mut dice));
        }
        world
    }

    fn join(&mut self, seat: Seat) {
        // Cubes start above the boxes, one in each quarter of the field.
        let (x, z) = (seat.number() % 2, seat.number() / 2 % 2);
        let at = vec3(f32::from(x) * 8.0 - 4.0, 4.0, f32::from(z) * 8.0 - 4.0);
        self.bodies.insert(Body { seat: Some(seat), at, ..Body::default() });
        self.players.insert(Player { seat: Some(seat), ..Player::default() });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.players.retain(|_, player| player.seat != Some(seat));
        let cube = self.bodies.iter().find(|(_, body)| body.seat == Some(seat)).map(|(id, _)| id);
        let Some(cube) = cube.and_then(|cube| self.bodies.remove(cube)) else { return };
        // The boxes on the cube fall, and wake the boxes that lie on them.
        let is_near = |body: &&mut Body| (body.at - cube.at).length() < 2.0 * PLAYER_HALF + BOX_RADIUS;
        self.bodies.values_mut().filter(is_near).for_each(Body::wake);
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        let Self { bodies, players, scratch } = self;
        for player in players.values_mut() {
            if let Some(seat) = player.seat {
                player.play(seat, tick.input(seat), bodies);
            }
        }
        scratch.0.step(bodies);
    }

    fn last_input(&self, seat: Seat) -> Grip {
        self.players.values().find(|player| player.seat == Some(seat)).map(|player| player.grip).unwrap_or_default()
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Grip {
        let Some(mine) = self.bodies.values().find(|body| body.seat == Some(me)) else { return Grip::default() };
        // A bot keeps no memory of its plan but the direction in which its cube rolls.
        let going = vec2(mine.velocity.x, mine.velocity.z);
        let turns = dice.one_in(DECISION_TICKS) || going.length() < DRIVE;
        let stick = if turns { any_way(mine, dice) } else { math::limit_length(going * 1e3, 1.0) };
        // The magnet depends on the place of the cube, so that a bot holds it for a while and then lets go.
        let pull = math::fmod(mine.at.x + 2.0 * mine.at.z + 96.0, 12.0) < 3.0;
        Grip { stick, jump: dice.one_in(200), pull, blast: dice.one_in(300) }
    }
}

/// A new direction for a bot: towards a place well inside the field.
fn any_way(mine: &Body, dice: &mut Rng) -> Vec2 {
    let target = vec2(dice.range(-12.0, 12.0), dice.range(-12.0, 12.0));
    math::limit_length((target - vec2(mine.at.x, mine.at.z)) * 1e3, 1.0)
}

impl Player {
    fn play(&mut self, seat: Seat, grip: Grip, bodies: &mut Table<Body>) {
        self.recharge_ticks = recharge(&self.recharge_ticks, self);
        let Some(mine) = bodies.values_mut().find(|body| body.seat == Some(seat)) else { return };
        self.grip = grip;
        mine.steer(grip);
        let center = mine.at;
        if grip.pull {
            pull(center, bodies);
        }
        if grip.blast && self.recharge_ticks == 0 {
            self.recharge_ticks = BLAST_RECHARGE_TICKS;
            blast(center, bodies);
        }
    }
}

/// Boxes nearby come up and gather around the cube.
fn pull(center: Vec3, bodies: &mut Table<Body>) {
    for body in bodies.values_mut().filter(|body| body.seat.is_none()) {
        let way = center + vec3(0.0, PLAYER_HALF, 0.0) - body.at;
        let distance = way.length();
        if distance < PULL_REACH && distance > PLAYER_HALF {
            body.push(way * (PULL / distance));
        }
    }
}

/// Boxes nearby fly away, upwards too.
fn blast(center: Vec3, bodies: &mut Table<Body>) {
    for body in bodies.values_mut().filter(|body| body.seat.is_none()) {
        let way = body.at - center + vec3(0.0, PLAYER_HALF, 0.0);
        let distance = way.length();
        if distance < BLAST_REACH && distance > 0.0 {
            let part = 1.0 - distance / BLAST_REACH;
            body.push(way * (BLAST * part / distance));
        }
    }
}

impl Body {
    /// The place of box `number` before the first tick: boxes are in rows, some already lie, some will fall on the
    /// others.
    fn laid_out(number: u16, of: u16, dice: &mut Rng) -> Self {
        let per_row = math::ceil(math::sqrt(f32::from(of)));
        let pitch = 2.0 * (FIELD_HALF - 2.0) / per_row;
        let (row, column) = (math::floor(f32::from(number) / per_row), f32::from(number) % per_row);
        let place = |n: f32| (n + 0.5) * pitch - per_row * pitch / 2.0;
        let yaw = Quat::from_rotation_y(dice.range(0.0, math::TURN));
        let falls = dice.one_in(6);
        let at = vec3(place(column), if falls { dice.range(1.0, 5.0) } else { BOX_HALF }, place(row));
        if falls {
            let mut spin = || dice.range(-0.06, 0.06);
            let spin = vec3(spin(), spin(), spin());
            return Self { at, rotation: yaw, spin, ..Self::default() };
        }
        Self { at, rotation: yaw, phase: Phase::Resting, ..Self::default() }
    }

    const fn half(&self) -> f32 {
        if self.seat.is_some() { PLAYER_HALF } else { BOX_HALF }
    }

    fn wake(&mut self) {
        if self.phase == Phase::Resting {
            self.phase = Phase::Touching;
        }
    }

    /// Adds to the velocity.
    fn push(&mut self, change: Vec3) {
        self.wake();
        self.velocity = motion::on_grid(self.velocity + change, GRID, motion::SPEED_MAX);
    }

    fn steer(&mut self, grip: Grip) {
        let stick = math::limit_length(grip.stick, 1.0);
        let way = vec3(stick.x, 0.0, stick.y);
        if way != Vec3::ZERO && self.velocity.dot(way) < DRIVE_SPEED_MAX * way.length() {
            self.push(way * DRIVE);
            // The cube rolls as it goes.
            let roll = Vec3::Y.cross(way) * (0.25 * DRIVE / PLAYER_HALF);
            self.spin = motion::on_grid(self.spin + roll, motion::SPIN_GRID, motion::SPIN_MAX);
        }
        if grip.jump && self.phase != Phase::Flying {
            self.push(vec3(0.0, JUMP_SPEED, 0.0));
        }
    }
}

#[cfg(test)]
mod tests;
