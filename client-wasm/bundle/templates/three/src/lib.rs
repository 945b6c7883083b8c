//! Marbles on an island in the sky: the marble that is alone on top of the hill is its king.
//!
//! This file holds the world and the order of a tick, and `marble.rs` how a marble rolls. The page in
//! `web/` draws them in three dimensions; `stage.rs` has what the library needs to know of a game
//! besides: names, controls, a plain picture.

mod marble;
mod stage;

use tickwire::math::{self, Vec2};
use tickwire::{Event, Game, Input, Leave, Rng, Rules, Seat, State, Step, Table, To};

// Lengths are in units. Speeds are in units per tick, at 60 ticks a second. The world is flat:
// heights follow from places, and `web/island.js` has the same shape of the island.

/// The radius of the island.
const ISLAND: f32 = 120.0;
/// Height and width of the hill, and depth, place and width of the moat around it.
const HILL: (f32, f32) = (30.0, 30.0);
const MOAT: (f32, f32, f32) = (8.0, 76.0, 18.0);
/// Nearer to the middle than this a marble is on top.
const TOP: f32 = 15.0;
const RADIUS: f32 = 6.0;
const GRAVITY: f32 = 0.0625;
const PUSH: f32 = 0.078125;
const GLIDE: f32 = 0.972;
const BOOST: f32 = 2.25;
const BOOST_TICKS: u8 = 100;
const SPEED_MAX: f32 = 6.0;
const FALL_TICKS: u8 = 75;
/// Ticks alone on top for a point.
const POINT_TICKS: u8 = 60;
const POINTS_TO_WIN: u8 = 20;
const CHEER_TICKS: u16 = 60 * 6;

/// The world. All players' machines predict all of it (`predict`), because marbles push each other.
#[derive(State, Clone, Default)]
pub struct TemplateGame {
    /// One marble for each seat that is taken.
    #[state(predict)]
    marbles: Table<Marble>,
    /// Ticks until the next match begins; 0 while one goes on.
    #[state(range = 0..=CHEER_TICKS)]
    cheer_ticks: u16,
}

/// A player's marble.
#[derive(State, Clone, Default)]
struct Marble {
    /// The player.
    #[state(owner)]
    seat: Option<Seat>,
    /// Units per tick.
    #[state(range = -8.0..=8.0, step = 0.015625)]
    velocity: Vec2,
    /// Its place; the top of the hill is at 0, 0.
    #[state(range = -511.0..=511.0, step = 0.0625, smooth, moved_by = velocity)]
    at: Vec2,
    /// The direction in which its player pushes: other machines guess by it how the marble goes on.
    #[state(range = -1.0..=1.0, step = 0.125)]
    push: Vec2,
    /// Ticks until it can boost again.
    boost_ticks: u8,
    /// Ticks since it rolled off the island; 0 while it is on it. Smooth, for the picture.
    #[state(range = 0.0..=127.0, step = 1.0, smooth)]
    fall_ticks: f32,
    /// Ticks on top towards the next point.
    top_ticks: u8,
    /// The points of this match.
    score: u8,
}

/// The input of a player in one tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub struct Roll {
    /// The direction of the push, and how strong it is.
    #[input(range = -1.0..=1.0, step = 0.125)]
    pub stick: Vec2,
    /// Boost in that direction.
    #[input(once)]
    pub boost: bool,
}

/// Things that are seen or heard, and not remembered.
#[derive(Event, Clone, Copy, PartialEq, Debug)]
pub enum Happening {
    /// Marbles met.
    Clack,
    /// A player boosted.
    Boost(Seat),
    /// A marble rolled off the island.
    Fall(Seat),
    /// A player got a point.
    Point(Seat),
    /// A player won the match.
    Win(Seat),
}

impl Game for TemplateGame {
    type Input = Roll;
    type Event = Happening;
    type Options = ();
    const RULES: Rules = Rules::new("template_game", 60).seats(6).bots(3);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        self.leave(seat, Leave::Quit);
        self.marbles.insert(Marble {
            seat: Some(seat),
            at: start(seat),
            ..Marble::default()
        });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.marbles.retain(|_, marble| marble.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        if self.cheer_ticks > 0 {
            self.cheer_ticks -= 1;
            if self.cheer_ticks == 0 {
                self.marbles.values_mut().for_each(Marble::restart);
            }
        }
        for marble in self.marbles.values_mut() {
            if let Some(seat) = marble.seat {
                marble.roll(tick.input(seat), seat, tick);
            }
        }
        self.collide(tick);
        if self.cheer_ticks == 0 {
            self.crown(tick);
        }
    }

    fn last_input(&self, seat: Seat) -> Roll {
        let marble = self
            .marbles
            .values()
            .find(|marble| marble.seat == Some(seat));
        Roll {
            stick: marble.map_or(Vec2::ZERO, |marble| marble.push),
            boost: false,
        }
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Roll {
        let Some(mine) = self.marbles.values().find(|marble| marble.seat == Some(me)) else {
            return Roll::default();
        };
        // A bot is not always wide awake.
        if dice.one_in(3) {
            return Roll {
                stick: mine.push,
                boost: false,
            };
        }
        let others = self
            .marbles
            .values()
            .filter(|marble| marble.seat != Some(me));
        let king = others
            .filter(|marble| marble.is_on_top())
            .find(|marble| marble.fall_ticks == 0.0);
        let ahead = mine.at + mine.velocity * 12.0;
        // Around the hill each bot has a way of its own.
        let aside = math::heading(f32::from(me.number()) * 2.4) * 5.0;
        let goal = king.map_or(aside, |king| king.at + king.velocity * 6.0);
        let near = (goal - mine.at).length() < 50.0;
        let boost = king.is_some() && near && dice.one_in(20);
        Roll {
            stick: math::limit_length((goal - ahead) / 12.0, 1.0),
            boost,
        }
    }
}

impl TemplateGame {
    /// Marbles that meet swap their speeds along the line between them.
    fn collide(&mut self, tick: &mut Step<'_, Self>) {
        let ids: Vec<_> = self.marbles.iter().map(|(id, _)| id).collect();
        for (index, first) in ids.iter().enumerate() {
            for second in &ids[index + 1..] {
                let pair = (
                    self.marbles.get(*first).cloned(),
                    self.marbles.get(*second).cloned(),
                );
                let (Some(mut one), Some(mut two)) = pair else {
                    continue;
                };
                if one.meets(&mut two) {
                    self.marbles
                        .get_mut(*first)
                        .into_iter()
                        .for_each(|marble| *marble = one.clone());
                    self.marbles
                        .get_mut(*second)
                        .into_iter()
                        .for_each(|marble| *marble = two.clone());
                    tick.emit(To::Everyone, Happening::Clack);
                }
            }
        }
    }

    /// The marble that is alone on top gets its time counted.
    fn crown(&mut self, tick: &mut Step<'_, Self>) {
        let mut on_top = self
            .marbles
            .values_mut()
            .filter(|marble| marble.is_on_top());
        let (Some(king), None) = (on_top.next(), on_top.next()) else {
            return;
        };
        let Some(seat) = king.seat else { return };
        king.top_ticks += 1;
        if king.top_ticks < POINT_TICKS {
            return;
        }
        (king.top_ticks, king.score) = (0, king.score.saturating_add(1));
        let is_won = king.score >= POINTS_TO_WIN;
        tick.emit(
            To::Everyone,
            if is_won {
                Happening::Win(seat)
            } else {
                Happening::Point(seat)
            },
        );
        if is_won {
            self.cheer_ticks = CHEER_TICKS;
        }
    }

    /// The points of the player in a seat.
    #[must_use]
    pub fn score(&self, seat: Seat) -> u8 {
        self.marbles
            .values()
            .find(|marble| marble.seat == Some(seat))
            .map_or(0, |marble| marble.score)
    }
}

/// The place where the marble of a seat begins: in the moat around the hill.
fn start(seat: Seat) -> Vec2 {
    const TURNS: [f32; 6] = [0.25, 0.75, 0.0, 0.5, 0.125, 0.625];
    math::heading(TURNS[seat.index() % TURNS.len()] * math::TURN) * MOAT.1
}

#[cfg(target_family = "wasm")]
tickwire_client::export!(TemplateGame);
