//! Tumble: a field of boxes, and cubes that players roll through it. The scene for motion in three dimensions.
//!
//! Boxes fall, tumble, pile up a little and come to rest; what rests costs nothing until it is hit. Motion without
//! contact is predicted to the bit by both ends, so that what travels is what contacts change. y points up here;
//! metres, and ticks of a sixtieth of a second. `physics` is the step, `stage` draws.

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
use tickwire::{Game, Input, Leave, Rng, Rules, Seat, State, Step, Table};

/// From the middle of the field to each wall, in metres.
const FIELD_HALF: f32 = 18.0;
/// Bodies as near as this touch; so much is given away, or it would be fought over in every tick.
const SLOP: f32 = 3.0 * GRID;

/// Boxes unless said: 30 rows of 30.
const BODIES: u16 = 900;
const BODIES_MAX: u16 = 4_000;

/// What a player's cube gains per tick while it is steered, and where it stops gaining, in metres per tick.
const DRIVE: f32 = 8.0 * GRID;
const DRIVE_SPEED_MAX: f32 = 100.0 * GRID;
const JUMP_SPEED: f32 = 100.0 * GRID;
/// How far a player's magnet and blast reach, in metres.
const PULL_REACH: f32 = 4.5;
const BLAST_REACH: f32 = 5.0;
/// What the magnet adds to a velocity in each tick; more than gravity takes.
const PULL: f32 = 7.0 * GRID;
/// What a blast adds next to it; less farther out.
const BLAST: f32 = 180.0 * GRID;
const BLAST_RECHARGE_TICKS: u8 = 90;

/// A bot goes on as it does for so many ticks.
const DECISION_TICKS: u32 = 40;

/// What a room is created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Boxes besides players' cubes, at most 4,000.
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
    /// A player's; nobody's for a box.
    #[state(owner)]
    seat: Option<Seat>,
    phase: Phase,
    /// Metres per tick, on the grid of `at`: their sum is exact.
    #[state(range = -0.25..=0.25, step = 0.0009765625, moved_with = motion::fall)]
    velocity: Vec3,
    /// Radians per tick about each of the world's axes.
    #[state(range = -0.5..=0.5, step = 0.0009765625)]
    spin: Vec3,
    #[state(range = -24.0..=24.0, step = 0.0009765625, moved_by = velocity, smooth)]
    at: Vec3,
    #[state(rotation, bits = 11, moved_with = motion::turn, smooth)]
    rotation: Quat,
}

/// What a body's next tick is expected to be.
#[derive(State, Clone, Copy, Default, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing touched it.
    #[default]
    Flying,
    /// It touches something.
    Touching,
    /// It lies still, and takes no part until it is woken.
    Resting,
}

/// What a player has besides a cube.
#[derive(State, Clone, Default)]
struct Player {
    #[state(owner)]
    seat: Option<Seat>,
    /// Until the next blast.
    #[state(range = 0..=BLAST_RECHARGE_TICKS, moved_with = recharge)]
    recharge_ticks: u8,
    /// What the player did last: others' clients roll the cube on by it, and the boxes in its way.
    grip: Grip,
}

fn recharge(was: &u8, _: &Player) -> u8 {
    was.saturating_sub(1)
}

/// What a player does in one tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Grip {
    /// Where to roll: x, and z as y.
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

    fn new(options: &Options) -> Self {
        let bodies = options.bodies.min(BODIES_MAX);
        // Where boxes begin is part of the options, not of the room's dice.
        let mut dice = Rng::new(u64::from(bodies));
        let mut world = Self::default();
        for number in 0..bodies {
            world.bodies.insert(Body::laid_out(number, bodies, &mut dice));
        }
        world
    }

    fn join(&mut self, seat: Seat) {
        // Above the boxes, one in each quarter of the field.
        let (x, z) = (seat.number() % 2, seat.number() / 2 % 2);
        let at = vec3(f32::from(x) * 8.0 - 4.0, 4.0, f32::from(z) * 8.0 - 4.0);
        self.bodies.insert(Body { seat: Some(seat), at, ..Body::default() });
        self.players.insert(Player { seat: Some(seat), ..Player::default() });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.players.retain(|_, player| player.seat != Some(seat));
        let cube = self.bodies.iter().find(|(_, body)| body.seat == Some(seat)).map(|(id, _)| id);
        let Some(cube) = cube.and_then(|cube| self.bodies.remove(cube)) else { return };
        // What lay on it falls, and wakes what lies on that.
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
        // The way it goes is what it remembers of its plan.
        let going = vec2(mine.velocity.x, mine.velocity.z);
        let turns = dice.one_in(DECISION_TICKS) || going.length() < DRIVE;
        let stick = if turns { any_way(mine, dice) } else { math::limit_length(going * 1e3, 1.0) };
        // By where it is, so that a magnet is held for a while and then let go.
        let pull = math::fmod(mine.at.x + 2.0 * mine.at.z + 96.0, 12.0) < 3.0;
        Grip { stick, jump: dice.one_in(200), pull, blast: dice.one_in(300) }
    }
}

/// A new way for a bot: to somewhere well inside.
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

/// Boxes near by come up and gather around the cube.
fn pull(center: Vec3, bodies: &mut Table<Body>) {
    for body in bodies.values_mut().filter(|body| body.seat.is_none()) {
        let way = center + vec3(0.0, PLAYER_HALF, 0.0) - body.at;
        let distance = way.length();
        if distance < PULL_REACH && distance > PLAYER_HALF {
            body.push(way * (PULL / distance));
        }
    }
}

/// Boxes near by fly away, upwards too.
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
    /// The place of box `number` before the first tick: in rows, some already lying, some to fall on the others.
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
            // It rolls as it goes.
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
