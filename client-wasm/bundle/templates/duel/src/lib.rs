//! Two discs on a slippery ring: push the other one off. The first to five points wins the match.
//!
//! This file holds all of the rules. The same code runs on the server, which decides, and on each
//! player's machine, which shows the effect of a key at once. `stage.rs` draws the world.

mod stage;

use tickwire::math::{self, Vec2, vec2};
use tickwire::{Event, Game, Input, Leave, Rng, Rules, Seat, State, Step, To};

// Lengths are in units, y points down. Speeds are in units per tick, at 60 ticks a second.

/// The radius of the ring when a round begins, and after it has shrunk.
const RING: f32 = 100.0;
const RING_MIN: f32 = 45.0;
/// The ring shrinks by this much in a tick, so that no round lasts for ever.
const SHRINK: f32 = 0.03125;
const RADIUS: f32 = 11.0;
const PUSH: f32 = 0.109375;
const DASH: f32 = 3.0;
const DASH_TICKS: u8 = 50;
/// The part of its speed that a disc keeps in a tick.
const GLIDE: f32 = 0.965;
const SPEED_MAX: f32 = 7.0;
/// A disc falls for so long before the point is given. A player's machine guesses the input of the
/// other player, and the server has this long to correct a fall that did not happen after all.
const FALL_TICKS: u8 = 40;
const READY_TICKS: u8 = 80;
const CHEER_TICKS: u8 = 200;
const POINTS_TO_WIN: u8 = 5;

/// The world. Both players' machines predict all of it (`predict`).
#[derive(State, Clone, Default)]
pub struct TemplateGame {
    /// One disc for each seat.
    #[state(predict)]
    discs: [Disc; 2],
    /// The radius of the ring.
    #[state(range = 0.0..=127.0, step = 0.03125, smooth, predict)]
    ring: f32,
    /// Ticks until the round begins; 0 while it goes on.
    #[state(predict)]
    pause_ticks: u8,
}

/// A player's disc.
#[derive(State, Clone, Default)]
struct Disc {
    /// The player: nobody moves a disc without one, and it is not there.
    #[state(owner)]
    seat: Option<Seat>,
    /// Units per tick.
    #[state(range = -8.0..=8.0, step = 0.015625)]
    velocity: Vec2,
    /// Its middle; the middle of the ring is at 0, 0.
    #[state(range = -255.0..=255.0, step = 0.0625, smooth, moved_by = velocity)]
    at: Vec2,
    /// The direction in which the player pushes. The other player's machine guesses by it how this
    /// disc goes on.
    #[state(range = -1.0..=1.0, step = 0.125)]
    push: Vec2,
    /// Ticks until the disc can dash again.
    dash_ticks: u8,
    /// Ticks since the disc fell off the ring; 0 while it stands.
    fall_ticks: u8,
    /// The points of this match.
    score: u8,
}

/// The input of a player in one tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Push {
    /// The direction of the push, and how strong it is.
    #[input(range = -1.0..=1.0, step = 0.125)]
    pub stick: Vec2,
    /// Dash in that direction. A dash is a command: when the next input is late, it is not repeated.
    #[input(once)]
    pub dash: bool,
}

/// Things that are seen or heard, and not remembered.
#[derive(Event, Clone, Copy, PartialEq, Debug)]
pub enum Happening {
    /// The discs met in this place.
    Clash {
        /// The place.
        #[event(range = -255.0..=255.0, step = 1.0)]
        at: Vec2,
    },
    /// A player dashed.
    Dash(Seat),
    /// A player fell off.
    Fall(Seat),
    /// A point was won.
    Point,
    /// The match was won.
    Win,
}

impl Game for TemplateGame {
    type Input = Push;
    type Event = Happening;
    type Options = ();
    const RULES: Rules = Rules::new("template_game", 60).seats(2).bots(2);

    fn new((): &()) -> Self {
        let mut game = Self::default();
        game.begin_round();
        game
    }

    fn join(&mut self, seat: Seat) {
        self.discs[seat.index()] = Disc {
            seat: Some(seat),
            ..Disc::default()
        };
        self.begin_match();
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.discs[seat.index()] = Disc::default();
        self.begin_match();
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        if self.pause_ticks > 0 {
            self.pause_ticks -= 1;
            if self.pause_ticks == 0 && self.winner().is_some() {
                self.begin_match();
            }
            return;
        }
        let is_contested = self.discs.iter().all(|disc| disc.seat.is_some());
        if is_contested {
            self.ring = math::max(self.ring - SHRINK, RING_MIN);
        }
        for disc in &mut self.discs {
            let Some(seat) = disc.seat else { continue };
            disc.drive(tick.input(seat), self.ring, seat, tick);
        }
        self.collide(tick);
        if let Some(fallen) = self
            .discs
            .iter()
            .position(|disc| disc.fall_ticks >= FALL_TICKS)
        {
            self.end_round(fallen, is_contested, tick);
        }
    }

    fn last_input(&self, seat: Seat) -> Push {
        Push {
            stick: self.discs[seat.index()].push,
            dash: false,
        }
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Push {
        let (mine, other) = (&self.discs[me.index()], &self.discs[1 - me.index()]);
        // A bot is not always wide awake.
        if dice.one_in(5) {
            return Push {
                stick: mine.push,
                dash: false,
            };
        }
        let ahead = mine.at + mine.velocity * 14.0;
        let in_danger = ahead.length() > self.ring - RADIUS * 1.5;
        let goal = if in_danger || other.seat.is_none() {
            Vec2::ZERO
        } else {
            other.at
        };
        let way = math::limit_length((goal - ahead) / 20.0, 1.0);
        let near = (other.at - mine.at).length() < 45.0;
        let dash = if in_danger {
            dice.one_in(8)
        } else {
            near && dice.one_in(25)
        };
        Push { stick: way, dash }
    }
}

impl TemplateGame {
    /// The points of the player in a seat.
    #[must_use]
    pub fn score(&self, seat: Seat) -> u8 {
        self.discs[seat.index()].score
    }

    fn begin_match(&mut self) {
        self.discs.iter_mut().for_each(|disc| disc.score = 0);
        self.begin_round();
    }

    /// Puts the discs in their places, where they wait.
    fn begin_round(&mut self) {
        for (disc, x) in self.discs.iter_mut().zip([-50.0, 50.0]) {
            let (seat, score) = (disc.seat, disc.score);
            *disc = Disc {
                seat,
                score,
                at: vec2(x, 0.0),
                ..Disc::default()
            };
        }
        (self.ring, self.pause_ticks) = (RING, READY_TICKS);
    }

    /// Discs that meet swap their speeds along the line between them, and get a little more.
    fn collide(&mut self, tick: &mut Step<'_, Self>) {
        let [one, two] = &mut self.discs;
        let are_there = one.stands() && two.stands();
        let between = two.at - one.at;
        let distance = between.length();
        if !are_there || distance >= 2.0 * RADIUS || distance < 0.01 {
            return;
        }
        let way = between / distance;
        let closing = (one.velocity - two.velocity).dot(way);
        let overlap = way * ((2.0 * RADIUS - distance) / 2.0);
        (one.at, two.at) = (one.at - overlap, two.at + overlap);
        if closing > 0.0 {
            let kick = way * (closing * 1.05 + 0.5);
            one.velocity = math::limit_length(one.velocity - kick, SPEED_MAX);
            two.velocity = math::limit_length(two.velocity + kick, SPEED_MAX);
            tick.emit(
                To::Everyone,
                Happening::Clash {
                    at: (one.at + two.at) / 2.0,
                },
            );
        }
    }

    fn end_round(&mut self, fallen: usize, is_contested: bool, tick: &mut Step<'_, Self>) {
        if is_contested {
            let other = &mut self.discs[1 - fallen];
            other.score = other.score.saturating_add(1);
        }
        let is_won = self.winner().is_some();
        self.begin_round();
        if is_won {
            self.pause_ticks = CHEER_TICKS;
        }
        tick.emit(
            To::Everyone,
            if is_won {
                Happening::Win
            } else {
                Happening::Point
            },
        );
    }

    /// The seat that has won the match, until the next one begins.
    fn winner(&self) -> Option<Seat> {
        self.discs
            .iter()
            .find(|disc| disc.score >= POINTS_TO_WIN)?
            .seat
    }
}

impl Disc {
    fn stands(&self) -> bool {
        self.seat.is_some() && self.fall_ticks == 0
    }

    fn drive(&mut self, input: Push, ring: f32, seat: Seat, tick: &mut Step<'_, TemplateGame>) {
        self.dash_ticks = self.dash_ticks.saturating_sub(1);
        if self.stands() {
            self.push = math::limit_length(input.stick, 1.0);
            self.velocity = self.velocity * GLIDE + self.push * PUSH;
            let dashes = input.dash && self.dash_ticks == 0 && self.push != Vec2::ZERO;
            if dashes {
                self.velocity += self.push / self.push.length() * DASH;
                self.dash_ticks = DASH_TICKS;
                tick.emit(To::Everyone, Happening::Dash(seat));
            }
            self.velocity = math::limit_length(self.velocity, SPEED_MAX);
        } else {
            self.fall_ticks = self.fall_ticks.saturating_add(1);
        }
        self.at += self.velocity;
        if self.fall_ticks == 0 && self.at.length() > ring {
            self.fall_ticks = 1;
            tick.emit(To::Everyone, Happening::Fall(seat));
        }
    }
}

#[cfg(target_family = "wasm")]
tickwire_client::export!(TemplateGame);
