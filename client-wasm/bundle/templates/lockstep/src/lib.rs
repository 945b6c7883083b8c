//! Sheepdogs: hundreds of sheep, up to four dogs, and nothing on the wire but inputs.
//!
//! In lockstep every machine plays the whole world from everyone's inputs. The sheep cost no byte,
//! however many there are; the room's options say how many. This file holds the world and the order
//! of a tick, `flock.rs` the sheep, `stage.rs` the picture.

mod flock;
mod stage;

use serde::{Deserialize, Serialize};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{
    Event, Game, Input, Leave, Mode, OptionsError, Rng, Rules, Seat, State, Step, Table, To,
};

// Lengths are in units, y points down. Speeds are in units per tick, at 30 ticks a second.

/// The meadow, from its upper left corner.
const MEADOW: Vec2 = vec2(800.0, 560.0);
const DOGS: usize = 4;
/// The pens are quarters of circles around the corners. The first two are opposite each other.
const PENS: [Vec2; DOGS] = [Vec2::ZERO, MEADOW, vec2(MEADOW.x, 0.0), vec2(0.0, MEADOW.y)];
const PEN: f32 = 110.0;
const DOG_SPEED: f32 = 5.0;
const BARK_TICKS: u8 = 60;
const ROUND_TICKS: u16 = 30 * 120;
const CHEER_TICKS: u16 = 30 * 8;
const SHEEP_MIN: u16 = 40;
const SHEEP_MAX: u16 = 1_000;

/// The world.
#[derive(State, Clone, Default)]
pub struct TemplateGame {
    /// All sheep.
    sheep: Table<Sheep>,
    /// One dog for each seat.
    dogs: [Dog; DOGS],
    /// Ticks until the round ends, or until the next one begins.
    left_ticks: u16,
    /// Whether the round goes on.
    is_on: bool,
}

/// One sheep of hundreds.
#[derive(State, Clone, Default)]
struct Sheep {
    /// Its place.
    #[state(range = 0.0..=1023.9375, step = 0.0625, smooth)]
    at: Vec2,
    /// Units per tick.
    #[state(range = -4.0..=4.0, step = 0.015625)]
    velocity: Vec2,
    /// The pen that it is in.
    #[state(range = 0..=3)]
    pen: Option<u8>,
}

/// A player's dog.
#[derive(State, Clone, Default)]
struct Dog {
    /// Whether a player leads it; the others sleep.
    is_awake: bool,
    /// Its place.
    #[state(range = 0.0..=1023.9375, step = 0.0625, smooth)]
    at: Vec2,
    /// The direction in which it looks.
    #[state(angle, bits = 8, smooth)]
    nose: f32,
    /// Ticks until it can bark again.
    bark_ticks: u8,
    /// Sheep in its pen.
    score: u16,
}

/// The options that a room is created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The number of sheep, 40 to 1,000.
    pub sheep: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { sheep: 240 }
    }
}

/// The input of a player in one tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Whistle {
    /// The direction in which the dog runs, and how fast.
    #[input(range = -1.0..=1.0, step = 0.25)]
    pub stick: Vec2,
    /// Bark.
    #[input(once)]
    pub bark: bool,
}

/// Things that are seen or heard, and not remembered.
#[derive(Event, Clone, Copy, PartialEq, Debug)]
pub enum Happening {
    /// A dog barked.
    Bark(Seat),
    /// A sheep got into the pen of this number.
    Penned {
        /// The pen.
        #[event(range = 0..=3)]
        pen: u8,
    },
    /// The round is over.
    Over,
}

impl Game for TemplateGame {
    type Input = Whistle;
    type Event = Happening;
    type Options = Options;
    const RULES: Rules = Rules::new("template_game", 30)
        .seats(DOGS as u8)
        .bots(2)
        .mode(Mode::Lockstep {
            rollback_ticks_max: 6,
        });

    fn check(options: &Options) -> Result<(), OptionsError> {
        OptionsError::unless("sheep", options.sheep, SHEEP_MIN..=SHEEP_MAX)
    }

    fn new(options: &Options) -> Self {
        let mut game = Self::default();
        for _ in 0..options.sheep.clamp(SHEEP_MIN, SHEEP_MAX) {
            game.sheep.insert(Sheep::default());
        }
        game
    }

    fn join(&mut self, seat: Seat) {
        let at = kennel(seat.index());
        self.dogs[seat.index()] = Dog {
            is_awake: true,
            at,
            ..Dog::default()
        };
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.dogs[seat.index()].is_awake = false;
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.left_ticks = self.left_ticks.saturating_sub(1);
        let all_are_penned = self.sheep.values().all(|sheep| sheep.pen.is_some());
        match self.is_on {
            false if self.left_ticks == 0 => self.begin(tick.rng()),
            true if self.left_ticks == 0 || all_are_penned => {
                (self.is_on, self.left_ticks) = (false, CHEER_TICKS);
                tick.emit(To::Everyone, Happening::Over);
            }
            _ => {}
        }
        for seat in tick.seats() {
            self.dogs[seat.index()].run(seat, tick);
        }
        if self.is_on {
            self.move_sheep(tick);
        }
    }

    /// A bot goes around the nearest sheep, to drive it home.
    fn bot(&self, me: Seat, dice: &mut Rng) -> Whistle {
        let (dog, home) = (&self.dogs[me.index()], PENS[me.index()]);
        // Every few seconds other sheep are its own, so that no two bots hold each other up for long.
        let turn = usize::from(self.left_ticks / 100) + me.index();
        let sheep = self
            .sheep
            .values()
            .enumerate()
            .filter(|(index, _)| (index + turn).is_multiple_of(3));
        let free = sheep
            .map(|(_, sheep)| sheep)
            .filter(|sheep| sheep.pen.is_none());
        let distance =
            |sheep: &&Sheep| (sheep.at - dog.at).length() + (sheep.at - home).length() * 0.2;
        let Some(sheep) = free.min_by(|a, b| distance(a).total_cmp(&distance(b))) else {
            return Whistle::default();
        };
        let outward = math::limit_length(sheep.at - home, 1.0);
        let aside = vec2(-outward.y, outward.x);
        // In front of the sheep a dog would drive it away: the way leads around it.
        let is_behind = (dog.at - sheep.at).dot(outward) > 0.0;
        let side = if (dog.at - sheep.at).dot(aside) >= 0.0 {
            1.0
        } else {
            -1.0
        };
        let goal = sheep.at
            + if is_behind {
                outward * 14.0
            } else {
                outward * 30.0 + aside * (side * 60.0)
            };
        let bark = is_behind && dice.one_in(120);
        Whistle {
            stick: math::limit_length((goal - dog.at) / 12.0, 1.0),
            bark,
        }
    }
}

impl TemplateGame {
    /// Spreads the sheep over the middle of the meadow, and calls the dogs home.
    fn begin(&mut self, dice: &mut Rng) {
        for sheep in self.sheep.values_mut() {
            let turn = math::heading(dice.range(0.0, math::TURN));
            let at = MEADOW / 2.0 + turn * vec2(dice.range(0.0, 250.0), dice.range(0.0, 180.0));
            *sheep = Sheep {
                at,
                ..Sheep::default()
            };
        }
        for (index, dog) in self.dogs.iter_mut().enumerate() {
            (dog.at, dog.score) = (kennel(index), 0);
        }
        (self.is_on, self.left_ticks) = (true, ROUND_TICKS);
    }

    /// The dogs that lead.
    fn leaders(&self) -> impl Iterator<Item = usize> {
        let best = self
            .dogs
            .iter()
            .map(|dog| dog.score)
            .max()
            .unwrap_or(0)
            .max(1);
        let leads = move |dog: &Dog| dog.is_awake && dog.score == best;
        self.dogs
            .iter()
            .enumerate()
            .filter(move |(_, dog)| leads(dog))
            .map(|(index, _)| index)
    }

    /// The sheep in the pen of a seat.
    #[must_use]
    pub fn score(&self, seat: Seat) -> u16 {
        self.dogs[seat.index()].score
    }
}

impl Dog {
    fn run(&mut self, seat: Seat, tick: &mut Step<'_, TemplateGame>) {
        let input = tick.input(seat);
        let way = math::limit_length(input.stick, 1.0) * DOG_SPEED;
        self.at = (self.at + way).clamp(Vec2::splat(8.0), MEADOW - Vec2::splat(8.0));
        if way != Vec2::ZERO {
            self.nose = math::angle_of(way);
        }
        self.bark_ticks = self.bark_ticks.saturating_sub(1);
        if input.bark && self.bark_ticks == 0 {
            self.bark_ticks = BARK_TICKS;
            tick.emit(To::Everyone, Happening::Bark(seat));
        }
    }
}

/// The place where a dog begins: before its pen.
fn kennel(index: usize) -> Vec2 {
    PENS[index] + math::limit_length(MEADOW / 2.0 - PENS[index], PEN + 25.0)
}

#[cfg(target_family = "wasm")]
tickwire_client::export!(TemplateGame);
