//! Robots in a dark yard: beams that hit at once, mines that only their owner sees, and a score.
//!
//! Every object is a row of a table. A player's machine predicts the player's own robot and mines,
//! and shows the other robots as they were a moment ago; a beam is judged by what its shooter saw.
//! This file holds the world and the order of a tick, `robot.rs` the robots, `bot.rs` the
//! bots, `stage.rs` the picture.

mod bot;
mod robot;
mod stage;

use tickwire::math::{Vec2, vec2};
use tickwire::{Event, Game, Input, Leave, Rng, Rules, Seat, State, Step, Table, To};

// Lengths are in units, y points down. Speeds are in units per tick, at 30 ticks a second.

/// The yard, from its upper left corner.
const YARD: Vec2 = vec2(640.0, 400.0);
/// Crates that stop robots and beams: the middle of each, and half its size.
const CRATES: [(Vec2, Vec2); 7] = [
    (vec2(320.0, 200.0), vec2(34.0, 34.0)),
    (vec2(160.0, 110.0), vec2(46.0, 14.0)),
    (vec2(480.0, 290.0), vec2(46.0, 14.0)),
    (vec2(170.0, 300.0), vec2(14.0, 40.0)),
    (vec2(470.0, 100.0), vec2(14.0, 40.0)),
    (vec2(320.0, 60.0), vec2(20.0, 20.0)),
    (vec2(320.0, 340.0), vec2(20.0, 20.0)),
];
const RADIUS: f32 = 10.0;
const HP_MAX: u8 = 3;
const MINES_MAX: u8 = 2;
const MINE_REACH: f32 = 26.0;
/// Ticks until a new mine is sharp: its owner can get away.
const MINE_ARM_TICKS: u8 = 20;
const AWAY_TICKS: u8 = 75;
const ROUND_TICKS: u16 = 30 * 150;
const CHEER_TICKS: u16 = 30 * 6;

/// The world.
#[derive(State, Clone, Default)]
pub struct TemplateGame {
    /// One robot for each seat that is taken.
    robots: Table<Robot>,
    /// Mines: a row is sent to its owner alone, so that no modified client can show it to others.
    #[state(only = owner)]
    mines: Table<Mine>,
    /// Ticks until the round ends, or until the next one begins.
    left_ticks: u16,
    /// Whether the round is over, and its winners are shown.
    is_over: bool,
    /// Only the server has a referee: no client decides that a robot is hit, since it does not know
    /// what the other players did meanwhile.
    #[state(only = server)]
    referee: bool,
}

/// A player's robot.
#[derive(State, Clone, Default)]
struct Robot {
    /// The player.
    #[state(owner)]
    seat: Option<Seat>,
    /// Units per tick.
    #[state(range = -8.0..=8.0, step = 0.03125)]
    velocity: Vec2,
    /// Its middle.
    #[state(range = 0.0..=1023.0, step = 0.0625, smooth, moved_by = velocity)]
    at: Vec2,
    /// The direction of its gun: 0 is right, a quarter turn is down.
    #[state(angle, bits = 9, smooth)]
    gun: f32,
    /// Hit points; 0 for a wreck.
    #[state(range = 0..=HP_MAX)]
    hp: u8,
    /// Robots that it has wrecked in this round.
    score: u8,
    /// Ticks until a wreck comes back.
    #[state(range = 0..=AWAY_TICKS)]
    away_ticks: u8,
    /// The end of its last beam.
    #[state(range = -64.0..=1023.0, step = 1.0)]
    beam_end: Vec2,
    /// Ticks for which the beam still glows.
    #[state(range = 0..=robot::GLOW_TICKS)]
    beam_ticks: u8,
    /// Ticks until the gun is loaded: an enemy has to guess that.
    #[state(range = 0..=robot::RELOAD_TICKS, only = owner)]
    reload_ticks: u8,
    /// Mines that it can still lay, a secret too.
    #[state(range = 0..=MINES_MAX, only = owner)]
    mines: u8,
}

/// A mine in the ground.
#[derive(State, Clone, Default)]
struct Mine {
    /// The player who laid it.
    #[state(owner)]
    seat: Option<Seat>,
    /// Its place.
    #[state(range = 0.0..=1023.0, step = 1.0)]
    at: Vec2,
    /// Ticks until it is sharp.
    #[state(range = 0..=MINE_ARM_TICKS)]
    arm_ticks: u8,
}

/// The input of a player in one tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Drive {
    /// The direction in which the robot drives, and how fast.
    #[input(range = -1.0..=1.0, step = 0.125)]
    pub stick: Vec2,
    /// The place that the gun points at; without one it points where the robot drives.
    #[input(range = -64.0..=1023.0, step = 1.0)]
    pub aim: Option<Vec2>,
    /// Shoot as soon as the gun is loaded.
    pub shoot: bool,
    /// Lay a mine.
    #[input(once)]
    pub mine: bool,
}

/// Things that are seen or heard, and not remembered.
#[derive(Event, Clone, Copy, PartialEq, Debug)]
pub enum Happening {
    /// A robot shot.
    Shot(Seat),
    /// A robot was hit.
    Hit(Seat),
    /// A robot was wrecked.
    Wreck(Seat),
    /// A mine went up here.
    Bang {
        /// The place.
        #[event(range = 0.0..=1024.0, step = 4.0)]
        at: Vec2,
    },
    /// You laid a mine.
    Laid,
    /// The round is over.
    Over,
}

impl Game for TemplateGame {
    type Input = Drive;
    type Event = Happening;
    type Options = ();
    const RULES: Rules = Rules::new("template_game", 30).seats(8).matched(6).bots(4);

    fn new((): &()) -> Self {
        Self {
            left_ticks: ROUND_TICKS,
            referee: true,
            ..Self::default()
        }
    }

    fn join(&mut self, seat: Seat) {
        self.leave(seat, Leave::Quit);
        let at = home(seat.index());
        self.robots.insert(Robot {
            seat: Some(seat),
            at,
            mines: MINES_MAX,
            hp: HP_MAX,
            ..Robot::default()
        });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.robots.retain(|_, robot| robot.seat != Some(seat));
        self.mines.retain(|_, mine| mine.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.left_ticks = self.left_ticks.saturating_sub(1);
        if self.left_ticks == 0 && self.referee {
            self.turn_round(tick);
        }
        if self.is_over {
            return;
        }
        self.drive(tick);
        self.shoot(tick);
        self.tend_mines(tick);
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Drive {
        bot::decide(self, me, dice)
    }
}

impl TemplateGame {
    /// The players that lead, once the round is over.
    fn winners(&self) -> impl Iterator<Item = &Robot> {
        let best = self
            .robots
            .values()
            .map(|robot| robot.score)
            .max()
            .unwrap_or(0);
        self.robots
            .values()
            .filter(move |robot| self.is_over && robot.score == best)
    }

    fn turn_round(&mut self, tick: &mut Step<'_, Self>) {
        self.is_over = !self.is_over;
        if self.is_over {
            self.left_ticks = CHEER_TICKS;
            tick.emit(To::Everyone, Happening::Over);
            return;
        }
        self.left_ticks = ROUND_TICKS;
        self.mines.retain(|_, _| false);
        for robot in self.robots.values_mut() {
            let at = robot.seat.map_or(YARD / 2.0, |seat| home(seat.index()));
            let seat = robot.seat;
            *robot = Robot {
                seat,
                at,
                mines: MINES_MAX,
                hp: HP_MAX,
                ..Robot::default()
            };
        }
    }

    /// Mines get sharp, and go up below robots of others.
    fn tend_mines(&mut self, tick: &mut Step<'_, Self>) {
        let mut gone = Vec::new();
        for (id, mine) in self.mines.iter_mut() {
            mine.arm_ticks = mine.arm_ticks.saturating_sub(1);
            let steps_on = |robot: &Robot| {
                robot.hp > 0
                    && robot.seat != mine.seat
                    && (robot.at - mine.at).length() < RADIUS + 4.0
            };
            if self.referee && mine.arm_ticks == 0 && self.robots.values().any(steps_on) {
                gone.push((id, mine.clone()));
            }
        }
        for (id, mine) in gone {
            self.mines.remove(id);
            tick.emit(To::Everyone, Happening::Bang { at: mine.at });
            for robot in self
                .robots
                .values_mut()
                .filter(|robot| robot.seat == mine.seat)
            {
                robot.mines = (robot.mines + 1).min(MINES_MAX);
            }
            let near = |robot: &Robot| robot.hp > 0 && (robot.at - mine.at).length() < MINE_REACH;
            let hit = self
                .robots
                .iter()
                .filter(|(_, robot)| near(robot))
                .map(|(id, _)| id);
            for id in hit.collect::<Vec<_>>() {
                self.hurt(id, mine.seat, 2, tick);
            }
        }
    }
}

/// The place where the robot of a seat begins: around the yard, the first two opposite each other.
fn home(seat: usize) -> Vec2 {
    const HOMES: [Vec2; 8] = [
        vec2(40.0, 200.0),
        vec2(600.0, 200.0),
        vec2(40.0, 40.0),
        vec2(600.0, 360.0),
        vec2(600.0, 40.0),
        vec2(40.0, 360.0),
        vec2(250.0, 200.0),
        vec2(390.0, 200.0),
    ];
    HOMES[seat % HOMES.len()]
}

#[cfg(target_family = "wasm")]
tickwire_client::export!(TemplateGame);
