//! Swarm: eight armies of hundreds of units, wells to hold, and nothing on the wire but players' inputs.
//!
//! Thousands of units march, fight, fall and come back; an army scores for every well that it holds. The game is made
//! for lockstep: every machine plays the whole world, and each player sends a few bytes of input, however many units
//! there are. Camera, selection box and selection are part of the world, one of each per army, so that machines agree
//! on them and replays show them. Armies without a player fight by themselves.
//!
//! This file holds the world and the order of a tick; `hand` applies the inputs of players, `unit` moves units and lets
//! them fight, `field` finds neighbours, `well` keeps wells, score and winner, `mind` plays armies without a player and
//! bots, `stage` draws the picture.

mod field;
mod hand;
mod mind;
mod stage;
mod unit;
mod well;

use field::Field;
use serde::{Deserialize, Serialize};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Event, Game, Input, Leave, Mode, OptionsError, QueueRules, Rng, Rules, Seat, State, Step, Table};

/// One army for each seat.
const ARMIES: usize = 8;
const WELLS: usize = 9;
const UNITS_MAX: u16 = 4_000;
const UNITS_MIN: u16 = 500;
/// Width and height of the world.
const SIZE: f32 = 2048.0;
const MIDDLE: Vec2 = Vec2::splat(SIZE / 2.0);

/// The hit points of a new unit: each hit takes one.
const HP_MAX: u8 = 5;
const RELOAD_TICKS: u16 = 12;
const REBIRTH_TICKS: u16 = 240;
/// A unit comes back this much sooner for each well that its army holds.
const WELL_TICKS: u16 = 20;
const HOLD_MAX: u8 = 12;
/// The part of the world that every player's screen shows.
const VIEW: Vec2 = vec2(440.0, 330.0);

/// The world. Lengths are in units, y points down; speeds are in units per tick, at 20 ticks a second.
#[derive(State, Clone, Default)]
pub struct Swarm {
    /// All units there will ever be, the dead included: unit number `n` belongs to army `n % 8`.
    units: Table<Unit>,
    /// One army for each seat.
    armies: [Army; ARMIES],
    /// The places that armies fight for.
    wells: [Well; WELLS],
    /// Whether the round goes on, or how it ended.
    phase: Phase,
    /// Ticks until the phase ends.
    left_ticks: u16,
    field: Field,
}

/// One unit of thousands: nine numbers.
#[derive(State, Clone, Default)]
struct Unit {
    /// Its place.
    #[state(range = 0.0..=2047.9375, step = 0.0625, smooth)]
    at: Vec2,
    /// Units of length per tick.
    #[state(range = -4.0..=4.0, step = 0.0625)]
    velocity: Vec2,
    /// The place that the unit was sent to.
    goal: Spot,
    /// The number of the unit that it fights, plus one; 0 for none.
    #[state(range = 0..=UNITS_MAX)]
    foe: u16,
    /// 0 for a dead unit.
    #[state(range = 0..=HP_MAX)]
    hp: u8,
    /// Ticks until the next shot, or until the unit comes back.
    #[state(range = 0..=REBIRTH_TICKS)]
    wait_ticks: u16,
    /// Whether its army's player has selected it.
    is_selected: bool,
}

/// A place to within four units, in one number.
#[derive(State, Clone, Copy, Default, PartialEq, Debug)]
struct Spot(u16);

/// An army, with the view and the pointer of its player.
#[derive(State, Clone, Default)]
struct Army {
    /// Whether a player leads it.
    is_taken: bool,
    /// The points of the round so far.
    score: u16,
    /// The middle of the player's view.
    #[state(range = 0.0..=2048.0, step = 1.0, smooth)]
    eye: Vec2,
    /// The place in the world where the finger or mouse was last.
    #[state(range = 0.0..=2048.0, step = 1.0)]
    cursor: Vec2,
    /// The effect of the player's finger or mouse button.
    grip: Grip,
    /// The place of the last order: units that come back go there.
    rally: Spot,
    /// Ticks since the last order.
    order_ticks: u8,
}

/// The effect of a finger or mouse button that is down.
#[derive(State, Clone, Copy, Default, PartialEq, Debug)]
enum Grip {
    /// It is up.
    #[default]
    Free,
    /// It draws a box from here to the cursor.
    Box {
        /// The corner where the box began.
        #[state(range = 0.0..=2048.0, step = 1.0)]
        from: Vec2,
    },
    /// It moves the view on the map.
    Map,
}

/// A place that scores for the army that holds it.
#[derive(State, Clone, Default)]
struct Well {
    /// The number of the army that holds it.
    #[state(range = 0..=7)]
    owner: Option<u8>,
    /// How firmly the owner holds it.
    #[state(range = 0..=HOLD_MAX)]
    hold: u8,
}

/// A round, or the pause after one.
#[derive(State, Clone, Copy, Default, PartialEq, Debug)]
enum Phase {
    /// The round goes on.
    #[default]
    Play,
    /// An army won.
    Won {
        /// The number of the army.
        #[state(range = 0..=7)]
        army: u8,
    },
}

/// The options that a room is created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The number of units of all armies together, 500 to 4,000, split evenly.
    pub units: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { units: 2_000 }
    }
}

/// The input of a player in one tick: mostly the same as in the last one.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Hand {
    /// Moves the view; 4 is full speed.
    #[input(range = -4..=4)]
    pub pan_x: i8,
    /// Moves the view; 4 is full speed.
    #[input(range = -4..=4)]
    pub pan_y: i8,
    /// The place of the finger or mouse, from the middle of the view; `None` while it does not matter.
    #[input(range = -1024.0..=1024.0, step = 2.0)]
    pub point: Option<Vec2>,
    /// While held down, it draws a box or moves the view on the map; a short touch is an order.
    pub press: bool,
    /// Send the selected units to the point.
    #[input(once)]
    pub order: bool,
    /// Select the whole army.
    #[input(once)]
    pub all: bool,
}

/// An event that is heard, or seen as an explosion.
#[derive(Event, Clone, Copy, PartialEq, Debug)]
pub enum SwarmEvent {
    /// A unit fell.
    Fallen {
        /// The army of the unit.
        #[event(range = 0..=7)]
        army: u8,
        /// The place where it fell.
        #[event(range = 0.0..=2048.0, step = 8.0)]
        at: Vec2,
    },
    /// Units fight where you look.
    Clash,
    /// You sent units somewhere.
    Sent,
    /// An army took a well.
    Captured {
        /// The army that took it.
        #[event(range = 0..=7)]
        army: u8,
        /// The number of the well.
        #[event(range = 0..=8)]
        well: u8,
    },
    /// The round is over.
    Won {
        /// The army that won it.
        #[event(range = 0..=7)]
        army: u8,
    },
    /// A round begins.
    Begin,
}

impl Game for Swarm {
    type Input = Hand;
    type Event = SwarmEvent;
    type Options = Options;
    const RULES: Rules = Rules::new("swarm", 20)
        .seats(ARMIES as u8)
        .matched(4)
        .bots(2)
        .mode(Mode::Lockstep { rollback_ticks_max: 5 })
        .queues(&[QueueRules::free_for_all("battle", 4).bots_after_ms(20_000)]);

    fn check(options: &Options) -> Result<(), OptionsError> {
        OptionsError::unless("units", options.units, UNITS_MIN..=UNITS_MAX)
    }

    fn new(options: &Options) -> Self {
        let mut swarm = Self::default();
        let units = usize::from(options.units.clamp(UNITS_MIN, UNITS_MAX)) / ARMIES * ARMIES;
        for _ in 0..units {
            swarm.units.insert(Unit::default());
        }
        swarm.begin_round();
        swarm
    }

    fn join(&mut self, seat: Seat) {
        if let Some(army) = self.armies.get_mut(seat.index()) {
            (army.is_taken, army.eye, army.grip) = (true, home(seat.index()), Grip::Free);
        }
        self.select(seat.index(), |_| false);
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        if let Some(army) = self.armies.get_mut(seat.index()) {
            (army.is_taken, army.grip) = (false, Grip::Free);
        }
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.keep_time(tick);
        for army in 0..ARMIES {
            match Seat::first(ARMIES as u8).nth(army).filter(|_| self.armies[army].is_taken) {
                Some(seat) => self.obey(seat, tick),
                None => self.fend(army, tick),
            }
        }
        let mut field = core::mem::take(&mut self.field);
        field.survey(&self.units);
        self.move_units(&mut field, tick.now());
        self.bury(&field, tick);
        self.tend_well(&field, tick);
        self.field = field;
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Hand {
        self.guess(me, dice)
    }
}

/// The home of an army: homes lie around the middle, the first two opposite each other.
fn home(army: usize) -> Vec2 {
    const TURNS: [f32; ARMIES] = [0.5, 0.0, 0.25, 0.75, 0.625, 0.125, 0.375, 0.875];
    MIDDLE + math::heading(TURNS[army % ARMIES] * math::TURN) * 880.0
}

/// The place of a well: one well is in the middle, the others are around it between the homes.
fn well_at(well: usize) -> Vec2 {
    let turn = (well as f32 + 0.5) / (WELLS - 1) as f32;
    if well == WELLS - 1 { MIDDLE } else { MIDDLE + math::heading(turn * math::TURN) * 520.0 }
}

impl Spot {
    const STEP: f32 = 8.0;

    fn near(at: Vec2) -> Self {
        // The casts saturate: a place outside is at the edge.
        let column = |at: f32| (at * (1.0 / Self::STEP)) as u8;
        Self(u16::from_le_bytes([column(at.x), column(at.y)]))
    }

    fn at(self) -> Vec2 {
        let [x, y] = self.0.to_le_bytes();
        (vec2(f32::from(x), f32::from(y)) + Vec2::splat(0.5)) * Self::STEP
    }
}
const _: () = assert!(SIZE == Spot::STEP * 256.0, "a spot is a byte for each direction");

/// Places around a centre, near ones first, arranged like the seeds of a sunflower: any number of them forms a disc.
struct Sunflower {
    way: Vec2,
    number: f32,
}

impl Sunflower {
    const fn new() -> Self {
        Self { way: vec2(1.0, 0.0), number: 0.0 }
    }
}

impl Iterator for Sunflower {
    type Item = Vec2;

    fn next(&mut self) -> Option<Vec2> {
        // Each seed is turned by the golden angle.
        const TURN: Vec2 = vec2(-0.737_368_9, 0.675_490_3);
        let place = self.way * (5.4 * math::sqrt(self.number));
        self.way = vec2(self.way.x * TURN.x - self.way.y * TURN.y, self.way.x * TURN.y + self.way.y * TURN.x);
        self.number += 1.0;
        Some(place)
    }
}

#[cfg(test)]
mod tests;
