//! Paddles, the tutorial game: two players, one ball, first to eleven.
//!
//! This file holds all of the rules. The library runs them on the server, which decides, and on each player's machine,
//! which shows the effect of a key at once. The module `stage` draws the same world.

mod stage;

use alloc::format;
use serde::Serialize;
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Event, Game, Input, Leave, Mode, OwnTopic, Publication, QueueRules, Rng, Rules, Seat, State, Step, To};

/// The field, in units; y points down.
const FIELD: Vec2 = vec2(320.0, 180.0);
/// The distance from an end of the field to the face of its paddle.
const FACE: f32 = 14.0;
/// Half the height of a paddle.
const REACH: f32 = 15.0;
const BALL_RADIUS: f32 = 3.0;
/// A ball is lost once it is this far behind the end. It is not lost sooner: a player's machine guesses where the other
/// paddle is, and the server has this long to correct the guess when the ball was saved after all.
const LOST_BEHIND: f32 = 24.0;

// Speeds are in units per tick, at 60 ticks a second.
const PADDLE_SPEED: f32 = 3.0;
const SERVE_SPEED: f32 = 2.0;
const HIT_SPEED: f32 = 2.5;
const SPEED_PER_HIT: f32 = 0.15625;
/// In a tick a ball flies less than its own width, so that it never jumps past a paddle.
const SPEED_MAX: f32 = 5.0;
/// A gust of wind makes the ball faster or slower by this, up to [`GUST_SPEED_MAX`] upwards or downwards.
const GUST: f32 = 0.5;
const GUST_SPEED_MAX: f32 = 4.0;
/// A ball that hits the tip of a paddle leaves it at this angle, in radians.
const SPIN: f32 = 0.95;

const POINTS_TO_WIN: u8 = 11;
const SERVE_TICKS: u8 = 75;
const CHEER_TICKS: u8 = 240;

/// The world. The attributes of a field define how it is sent; all players' machines predict the fields marked
/// `predict`.
#[derive(State, Clone, Default)]
pub struct Paddles {
    /// Left, then right.
    sides: [Side; 2],
    /// The ball.
    #[state(predict)]
    ball: Ball,
    /// Ticks until the ball flies; 0 while it does.
    #[state(predict)]
    pause_ticks: u8,
}

/// One end of the field.
#[derive(State, Clone, Default)]
struct Side {
    /// The player of this side: the player's machine predicts it. A side without a player is a wall to practise
    /// against.
    #[state(owner)]
    seat: Option<Seat>,
    /// The middle of the paddle.
    #[state(range = 0.0..=180.0, step = 0.0625, smooth)]
    y: f32,
    /// The points of this side.
    score: u8,
}

/// The ball, a circle of radius 3.
#[derive(State, Clone, Default)]
struct Ball {
    /// Its middle.
    #[state(range = -40.0..=360.0, step = 0.0625, smooth, moved_by = velocity)]
    at: Vec2,
    /// Zero until the direction of the next serve is drawn.
    #[state(range = -8.0..=8.0, step = 0.015625)]
    velocity: Vec2,
    /// The number of hits since the serve: each hit makes the ball faster.
    rally: u8,
}

/// The input of a player in one tick.
#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub enum Move {
    /// The paddle does not move.
    #[default]
    Rest,
    /// The paddle moves up (−1) or down (1), or slower in between.
    Steer(#[input(range = -1.0..=1.0, step = 0.25)] f32),
    /// The paddle moves towards this height, as fast as it can.
    To(#[input(range = 0.0..=180.0, step = 0.5)] f32),
}

/// The sounds of the game.
#[derive(Event, Clone, Copy, PartialEq, Debug)]
pub enum Sound {
    /// The ball met a wall.
    Bounce,
    /// A paddle met the ball, the n-th time since the serve.
    Hit(u8),
    /// The ball is lost.
    Goal,
    /// A side won the last point, and with it the game.
    Win,
}

/// The result of a match.
#[derive(Serialize)]
struct Outcome {
    winner: Option<Seat>,
    score: [u8; 2],
}

/// The score after each point, for pages that follow a match without playing it.
const POINTS: OwnTopic = OwnTopic::new("points").by_services().kept(16, 600);
/// The wind that an audience makes, by a service of the studio: the words `up` and `down`.
const WIND: OwnTopic = OwnTopic::new("wind").heard_by_game().bytes_max(16);

impl Game for Paddles {
    type Input = Move;
    type Event = Sound;
    type Options = ();
    const RULES: Rules = Rules::new("paddles", 60)
        .seats(2)
        .bots(2)
        .mode(Mode::Lockstep { rollback_ticks_max: 8 })
        .topics(&[POINTS, WIND])
        .queues(&[QueueRules::free_for_all("duel", 2).bots_after_ms(20_000)]);

    fn new(_: &()) -> Self {
        let mut game = Self::default();
        game.start();
        game
    }

    fn join(&mut self, seat: Seat) {
        if let Some(side) = self.sides.get_mut(seat.index()) {
            side.seat = Some(seat);
        }
        self.start();
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        if let Some(side) = self.sides.get_mut(seat.index()) {
            side.seat = None;
        }
        self.start();
    }

    fn publish(&self, _: To, event: &Sound) -> Option<Publication> {
        let over = match event {
            Sound::Goal => false,
            Sound::Win => true,
            Sound::Bounce | Sound::Hit(_) => return None,
        };
        let [left, right] = [&self.sides[0], &self.sides[1]].map(|side| side.score);
        let body = format!(r#"{{"score":[{left},{right}],"over":{over}}}"#);
        Some(Publication { topic: POINTS.name, body })
    }

    fn hear(&mut self, _: &str, body: &str) {
        let gust = match body {
            "up" => -GUST,
            "down" => GUST,
            _ => return,
        };
        if self.pause_ticks == 0 {
            self.ball.velocity.y = math::clamp(self.ball.velocity.y + gust, -GUST_SPEED_MAX, GUST_SPEED_MAX);
        }
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        for side in &mut self.sides {
            if let Some(seat) = side.seat {
                side.steer(tick.input(seat));
            }
        }
        if self.pause_ticks > 0 {
            self.wait(tick);
        } else if let Some(index) = self.fly(tick) {
            self.lose(index, tick);
        }
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Move {
        let Some(side) = self.sides.get(me.index()) else { return Move::Rest };
        // A bot misses some ticks, as no player is always wide awake.
        if dice.one_in(4) {
            return Move::Rest;
        }
        let ball = &self.ball;
        if self.pause_ticks > 0 || ball.velocity.x * outward(me.index()) <= 0.0 {
            return Move::To(FIELD.y / 2.0 + (side.y - FIELD.y / 2.0) * 0.9);
        }
        // The guess is the place where the ball arrives, with its path folded back by the walls; the longer the rally,
        // the worse the guess. The mistake depends on the ball's direction, so that it stays the same all the way.
        let arrival = ball.at.y + ball.velocity.y * (face(me.index()) - ball.at.x) / ball.velocity.x;
        let whim = math::sin(ball.velocity.y * 97.0 + f32::from(ball.rally));
        Move::To(fold(arrival) + whim * (12.0 + 1.5 * f32::from(ball.rally)))
    }
}

impl Paddles {
    /// Starts a new game.
    fn start(&mut self) {
        for side in &mut self.sides {
            (side.y, side.score) = (FIELD.y / 2.0, 0);
        }
        self.rest(SERVE_TICKS);
    }

    /// Puts the ball in the middle, where it waits.
    fn rest(&mut self, ticks: u8) {
        self.ball = Ball { at: FIELD / 2.0, ..Ball::default() };
        self.pause_ticks = ticks;
    }

    fn wait(&mut self, tick: &mut Step<'_, Self>) {
        // The direction is drawn at the start of the pause: in snapshot mode only the server has the dice, and by the
        // time the ball flies every client has received the result.
        if self.ball.velocity == Vec2::ZERO {
            let way = if tick.rng().one_in(2) { 1.0 } else { -1.0 };
            self.ball.velocity = math::heading(tick.rng().range(-0.6, 0.6)) * vec2(way * SERVE_SPEED, SERVE_SPEED);
        }
        self.pause_ticks -= 1;
        if self.pause_ticks == 0 && self.winner().is_some() {
            self.start();
        }
    }

    /// Moves the ball on, and returns the side that lost it.
    fn fly(&mut self, tick: &mut Step<'_, Self>) -> Option<usize> {
        let ball = &mut self.ball;
        let from = ball.at;
        ball.at += ball.velocity;
        let inside = math::clamp(ball.at.y, BALL_RADIUS, FIELD.y - BALL_RADIUS);
        if inside != ball.at.y {
            ball.at.y = inside;
            ball.velocity.y = -ball.velocity.y;
            tick.emit(To::Everyone, Sound::Bounce);
        }
        for (index, side) in self.sides.iter().enumerate() {
            let (way, face) = (outward(index), face(index));
            let edge = way * BALL_RADIUS;
            let arrives = (face - edge - from.x) * way >= 0.0 && (face - edge - ball.at.x) * way <= 0.0;
            if arrives && ball.velocity.x * way > 0.0 && side.reaches(ball.at.y) {
                ball.at.x = face - edge;
                tick.emit(To::Everyone, side.hit(ball, way));
            }
        }
        let past = |index: &usize| (self.ball.at.x - FIELD.x / 2.0) * outward(*index) > FIELD.x / 2.0 + LOST_BEHIND;
        (0..2).find(past)
    }

    fn lose(&mut self, index: usize, tick: &mut Step<'_, Self>) {
        let winner = &mut self.sides[1 - index];
        // A wall scores no points.
        winner.score = winner.score.saturating_add(u8::from(winner.seat.is_some()));
        let over = self.winner().is_some();
        self.rest(if over { CHEER_TICKS } else { SERVE_TICKS });
        tick.emit(To::Everyone, if over { Sound::Win } else { Sound::Goal });
        if over {
            let [left, right] = [&self.sides[0], &self.sides[1]].map(|side| side.score);
            tick.finish(&Outcome {
                winner: self.winner().and_then(|side| self.sides[side].seat),
                score: [left, right],
            });
        }
    }

    /// The side that has won, until the next game starts.
    fn winner(&self) -> Option<usize> {
        self.sides.iter().position(|side| side.score >= POINTS_TO_WIN)
    }
}

impl Side {
    fn steer(&mut self, input: Move) {
        let way = match input {
            Move::Rest => 0.0,
            Move::Steer(stick) => stick * PADDLE_SPEED,
            Move::To(y) => math::clamp(y - self.y, -PADDLE_SPEED, PADDLE_SPEED),
        };
        self.y = math::clamp(self.y + way, REACH, FIELD.y - REACH);
    }

    fn reaches(&self, y: f32) -> bool {
        self.seat.is_none() || (y - self.y).abs() <= REACH + BALL_RADIUS
    }

    /// Sends the ball back: a wall reflects it, a paddle makes it faster and steers it by the place of the hit.
    fn hit(&self, ball: &mut Ball, way: f32) -> Sound {
        if self.seat.is_none() {
            ball.velocity.x = -ball.velocity.x;
            return Sound::Bounce;
        }
        ball.rally = ball.rally.saturating_add(1);
        let speed = math::min(HIT_SPEED + SPEED_PER_HIT * f32::from(ball.rally), SPEED_MAX);
        let aside = (ball.at.y - self.y) / (REACH + BALL_RADIUS);
        ball.velocity = math::heading(aside * SPIN) * vec2(-way * speed, speed);
        Sound::Hit(ball.rally)
    }
}

/// The direction out of the field on a side: −1 on the left, 1 on the right.
const fn outward(index: usize) -> f32 {
    if index == 0 { -1.0 } else { 1.0 }
}

/// The x at which a side's paddle meets the ball.
const fn face(index: usize) -> f32 {
    if index == 0 { FACE } else { FIELD.x - FACE }
}

/// The height of a ball between the walls that would be at `y` without them.
fn fold(y: f32) -> f32 {
    let span = FIELD.y - 2.0 * BALL_RADIUS;
    let way = (y - BALL_RADIUS) / (2.0 * span);
    let part = (way - math::floor(way)) * 2.0;
    BALL_RADIUS + span * if part > 1.0 { 2.0 - part } else { part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;
    use std::vec::Vec;
    use tickwire::testing::{Play, assert_deterministic, assert_predictable};
    use tickwire::{Scene, Stage};

    #[test]
    fn every_run_gives_the_same_worlds() {
        assert_deterministic::<Paddles>();
        assert_predictable::<Paddles>();
    }

    #[test]
    fn the_wind_of_the_audience_moves_a_flying_ball_and_no_other() {
        let mut play = Play::<Paddles>::new(2, 4);
        play.bots();
        let before = play.world.ball.velocity;
        play.hear("wind", "up");
        assert_eq!(play.world.ball.velocity, before, "a ball that waits keeps the direction of its serve");
        play.bots_until(600, |play| play.world.pause_ticks == 0);
        let before = play.world.ball.velocity;
        play.hear("wind", "sideways");
        assert_eq!(play.world.ball.velocity, before);
        play.hear("wind", "up");
        assert_eq!(play.world.ball.velocity, vec2(before.x, before.y - GUST));
        (0..20).for_each(|_| play.hear("wind", "down"));
        assert_eq!(play.world.ball.velocity, vec2(before.x, GUST_SPEED_MAX));
        play.bots_until(6_000, |play| play.events.iter().any(|(_, sound)| matches!(sound, Sound::Goal | Sound::Win)));
    }

    #[test]
    fn a_match_ends_once_with_its_winner_and_the_score() {
        let mut play = Play::<Paddles>::new(2, 4);
        let mut results = Vec::new();
        for _ in 0..60 * 60 * 15 {
            play.bots();
            results.extend(play.results.iter().map(|result| String::from(result.json())));
            if results.len() == 2 {
                break;
            }
        }
        for result in &results {
            let is_won =
                |winner: u8, score: &str| result.starts_with(&format!("{{\"winner\":{winner},\"score\":{score}"));
            assert!(is_won(0, "[11,") || is_won(1, "[") && result.ends_with(",11]}"), "{result}");
        }
        assert_eq!(results.len(), 2, "{results:?}");
    }

    #[test]
    fn bots_keep_rallies_and_score() {
        let mut play = Play::<Paddles>::new(2, 4);
        let (mut longest, mut goals, mut wins) = (0, [0, 0], 0);
        for _ in 0..60 * 60 * 15 {
            let before = [0, 1].map(|side: usize| play.world.sides[side].score);
            play.bots();
            longest = longest.max(play.world.ball.rally);
            for (side, before) in before.into_iter().enumerate() {
                goals[side] += u32::from(play.world.sides[side].score > before);
            }
            wins += u32::from(play.events.iter().any(|(_, sound)| *sound == Sound::Win));
        }
        assert!(longest >= 10, "the longest rally had {longest} hits");
        assert!(goals.iter().all(|goals| *goals >= 15), "goals: {goals:?}");
        assert!(wins >= 1, "no bot got to {POINTS_TO_WIN} in a quarter of an hour: {goals:?}");
    }

    #[test]
    fn a_bot_loses_points_to_a_player_that_only_follows_the_ball() {
        let mut play = Play::<Paddles>::new(2, 9);
        let mut points = 0;
        for _ in 0..60 * 120 {
            let before = play.world.sides[0].score;
            play.tick(|world, seat, dice| match seat.index() {
                0 => Move::To(world.ball.at.y + 9.0),
                _ => world.bot(seat, dice),
            });
            points += u32::from(play.world.sides[0].score > before);
        }
        assert!(points >= 3, "only {points} points in two minutes");
    }

    #[test]
    fn a_lone_player_has_a_wall_to_play_against() {
        let mut play = Play::<Paddles>::new(1, 2);
        let (mut longest, mut missed) = (0, 0);
        for _ in 0..60 * 60 {
            play.tick(|world, seat, dice| if world.ball.rally < 6 { world.bot(seat, dice) } else { Move::Rest });
            longest = longest.max(play.world.ball.rally);
            missed += u32::from(play.events.iter().any(|(_, sound)| *sound == Sound::Goal));
        }
        assert!(longest >= 5 && missed >= 1, "{longest} hits, {missed} missed");
        assert_eq!(play.world.sides.each_ref().map(|side| side.score), [0, 0]);
    }

    #[test]
    fn the_scores_start_over_after_a_win() {
        let mut play = Play::<Paddles>::new(2, 3);
        play.world.sides[1].score = POINTS_TO_WIN - 1;
        play.world.ball.at.x = -20.0;
        play.world.ball.velocity = vec2(-5.0, 0.0);
        play.world.pause_ticks = 0;
        play.tick(|_, _, _| Move::Rest);
        assert_eq!(play.events, [(To::Everyone, Sound::Win)]);
        assert_eq!(play.world.winner(), Some(1));
        for _ in 0..CHEER_TICKS {
            play.tick(|_, _, _| Move::Rest);
        }
        assert_eq!(play.world.sides.each_ref().map(|side| side.score), [0, 0]);
        assert!(play.world.pause_ticks > 0);
    }

    #[test]
    fn players_read_who_plays_beside_the_paddles_and_who_has_won() {
        let mut play = Play::<Paddles>::new(2, 3);
        let [left, right] = [play.seats[0], play.seats[1]];
        let texts = |world: &Paddles, me| {
            let mut scene = Scene::default();
            scene.set_names([(left, "Ada"), (right, "Tock")].into_iter());
            world.draw(me, &mut scene);
            scene.texts().iter().filter(|text| text.parse::<u8>().is_err()).cloned().collect::<Vec<_>>()
        };
        assert!(play.world.pause_ticks > 0, "before the ball flies");
        assert_eq!(texts(&play.world, Some(left)), ["you", "Tock"]);
        assert_eq!(texts(&play.world, Some(right)), ["Ada", "you"]);
        assert_eq!(texts(&play.world, None), ["Ada", "Tock"]);
        play.world.sides[1].score = POINTS_TO_WIN;
        assert_eq!(texts(&play.world, None), ["Ada", "Tock", "Tock wins"]);
        assert_eq!(texts(&play.world, Some(left)).last().map(String::as_str), Some("You lose"));
        play.world.pause_ticks = 0;
        assert_eq!(texts(&play.world, None), [""; 0], "nothing is written over the court while the ball flies");
    }

    #[test]
    fn any_input_leaves_the_world_valid() {
        for seed in 0..8 {
            let mut play = Play::<Paddles>::new(2, seed);
            let mut held = [Move::Rest; 2];
            for _ in 0..3_000 {
                play.tick(|_, seat, dice| {
                    if dice.one_in(15) {
                        held[seat.index()] = match dice.below(3) {
                            0 => Move::Rest,
                            1 => Move::Steer(dice.range(-1.0, 1.0)),
                            _ => Move::To(dice.range(0.0, FIELD.y)),
                        };
                    }
                    held[seat.index()]
                });
                let Paddles { sides, ball, .. } = &play.world;
                assert!(sides.iter().all(|side| (REACH..=FIELD.y - REACH).contains(&side.y)));
                assert!((BALL_RADIUS..=FIELD.y - BALL_RADIUS).contains(&ball.at.y), "{}", ball.at);
                assert!((-LOST_BEHIND..=FIELD.x + LOST_BEHIND).contains(&ball.at.x), "{}", ball.at);
                assert!(ball.velocity.length() <= SPEED_MAX + 0.05, "{}", ball.velocity);
            }
        }
    }
}
