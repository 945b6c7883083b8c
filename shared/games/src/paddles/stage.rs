//! Paddles on screen: the court, the light that the ball brings with it, and the winner.
//!
//! Everything is drawn from the world as it is; even the trail and the sparks of a hit follow from the place and the
//! velocity of the ball.

use super::{BALL_RADIUS, FACE, FIELD, Move, Paddles, REACH, SERVE_TICKS, Side, Sound, face, fold, outward};
use alloc::format;
use alloc::string::ToString;
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Align, Color, Figure, Pad, Scene, Seat, Stage, Tone, Wave};

const GROUND: Color = Color::new(0x0b_0a0d);
const COURT: Color = Color::new(0x13_1218);
const CHALK: Color = Color::new(0x3d_3b48);
const INK: Color = Color::new(0xef_e9dc);
const MARGIN: f32 = 10.0;
const PADDLE_WIDTH: f32 = 5.0;
/// The distance that the ball flies until the sparks of a hit have died.
const SPARKS_LAST: f32 = 34.0;

impl Stage for Paddles {
    const TITLE: &'static str = "Paddles";
    const HINT: &'static str = "Move with W and S, arrow keys or the mouse. The first to eleven points wins.";
    const TOUCH_HINT: &'static str =
        "Drag up and down on the court, or use the stick. The first to eleven points wins.";

    fn controls(pad: &Pad) -> Move {
        match pad.aim {
            _ if pad.stick.y != 0.0 => Move::Steer(pad.stick.y),
            Some(aim) => Move::To(aim.y),
            None => Move::Rest,
        }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        scene.camera(FIELD / 2.0, FIELD + Vec2::splat(2.0 * MARGIN));
        scene.background(GROUND);
        self.draw_court(scene);
        for (index, side) in self.sides.iter().enumerate() {
            self.draw_side(index, side, scene);
        }
        if self.pause_ticks == 0 {
            self.draw_flight(scene);
            return;
        }
        self.draw_names(me, scene);
        match self.winner() {
            Some(index) => self.draw_winner(index, me, scene),
            None => self.draw_serve(scene),
        }
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        let index = seat.index();
        let side = self.sides.get(index).filter(|side| side.seat.is_some())?;
        Some(Figure { at: Some(vec2(face(index), side.y)), score: i32::from(side.score), color: color(index) })
    }

    fn sound(event: &Sound) -> Option<Tone> {
        let (hz, ms, wave, volume) = match event {
            Sound::Bounce => (196.0, 45, Wave::Sine, 0.25),
            // A long rally climbs two octaves.
            Sound::Hit(rally) => (294.0 * math::pow(2.0, f32::from((*rally).min(24)) / 12.0), 70, Wave::Triangle, 0.4),
            Sound::Goal => (110.0, 320, Wave::Triangle, 0.4),
            Sound::Win => (587.0, 600, Wave::Sine, 0.4),
        };
        Some(Tone { hz, ms, wave, volume })
    }
}

/// The colour of a side is that of its player.
fn color(index: usize) -> Color {
    u8::try_from(index).ok().and_then(Seat::new).map_or(INK, Color::of_seat)
}

impl Paddles {
    fn draw_court(&self, scene: &mut Scene) {
        scene.rect(FIELD / 2.0, FIELD, 0.0, COURT);
        for (index, side) in self.sides.iter().enumerate() {
            let at = vec2(FIELD.x * 0.5 + outward(index) * FIELD.x * 0.25, FIELD.y * 0.5);
            scene.glow(at, 150.0, color(index).fade(if side.seat.is_some() { 0.09 } else { 0.03 }));
            if side.seat.is_some() {
                scene.text(at, 96.0, Align::Centre, color(index).fade(0.17), side.score.to_string());
            }
        }
        scene.ring(FIELD / 2.0, 26.0, 0.8, CHALK.fade(0.7));
        for dash in 0..15_u8 {
            let y = 6.0 + 12.0 * f32::from(dash);
            scene.line(vec2(FIELD.x / 2.0, y - 2.5), vec2(FIELD.x / 2.0, y + 2.5), 0.8, CHALK);
        }
        for y in [0.0, FIELD.y] {
            scene.line(vec2(0.0, y), vec2(FIELD.x, y), 1.4, INK.fade(0.75));
        }
    }

    fn draw_side(&self, index: usize, side: &Side, scene: &mut Scene) {
        let x = face(index) + outward(index) * PADDLE_WIDTH / 2.0;
        if side.seat.is_none() {
            for rung in 0..18_u8 {
                let y = 5.0 + 10.0 * f32::from(rung);
                scene.line(vec2(x - 2.0, y + 2.0), vec2(x + 2.0, y - 2.0), 1.2, CHALK);
            }
            return;
        }
        let at = vec2(x, side.y);
        // A paddle glows as the ball comes near.
        let near = math::clamp(1.0 - (self.ball.at - at).length() / 110.0, 0.0, 1.0);
        let color = color(index);
        scene.glow(at, 34.0 + 26.0 * near, color.fade(0.22 + 0.5 * near));
        scene.rect(at, vec2(PADDLE_WIDTH, 2.0 * REACH - PADDLE_WIDTH), 0.0, color);
        for end in [-1.0, 1.0] {
            scene.circle(at + vec2(0.0, end * (REACH - PADDLE_WIDTH / 2.0)), PADDLE_WIDTH / 2.0, color);
        }
        let shine = vec2(face(index) + outward(index) * 1.2, side.y);
        scene.rect(shine, vec2(1.0, 2.0 * REACH - 7.0), 0.0, INK.fade(0.35 + 0.6 * near));
    }

    /// The ball, the light around it, its trail, and the sparks of its last hit.
    fn draw_flight(&self, scene: &mut Scene) {
        let (at, velocity) = (self.ball.at, self.ball.velocity);
        let fast = math::clamp(velocity.length() / 5.0, 0.0, 1.0);
        // The ball has the colour of the side that hit it last.
        let hot = color(usize::from(velocity.x < 0.0));
        let hot = if self.ball.rally == 0 { INK } else { hot };
        self.draw_trail(14.0 + 66.0 * fast, hot, scene);
        self.draw_sparks(hot, scene);
        scene.glow(at, 60.0 + 40.0 * fast, hot.fade(0.2 + 0.15 * fast));
        scene.circle(at, BALL_RADIUS, INK);
        scene.glow(at, 11.0, INK.fade(0.8));
    }

    /// The path that the ball came, which gets narrower and fainter with its age.
    fn draw_trail(&self, length: f32, hot: Color, scene: &mut Scene) {
        const PARTS: u8 = 16;
        for step in 0..PARTS {
            let [near, far] = [step, step + 1].map(|step| f32::from(step) / f32::from(PARTS));
            let (from, to) = (self.came_from(near * length), self.came_from(far * length));
            let way = math::limit_length((to - from) * 100.0, BALL_RADIUS);
            let aside = vec2(-way.y, way.x);
            let (wide, narrow) = (aside * (1.0 - near), aside * (1.0 - far));
            let corners = [from + wide, to + narrow, to - narrow, from - wide];
            scene.polygon(corners.into_iter(), hot.fade(0.75 * (1.0 - near) * (1.0 - near)));
        }
    }

    /// The place of the ball `back` units of its path ago, with bounces off paddles and walls.
    fn came_from(&self, back: f32) -> Vec2 {
        let velocity = self.ball.velocity;
        let way = self.ball.at - velocity * (back / math::max(velocity.length(), 0.01));
        let (left, right) = (FACE + BALL_RADIUS, FIELD.x - FACE - BALL_RADIUS);
        let x = match way.x {
            x if velocity.x > 0.0 && x < left => 2.0 * left - x,
            x if velocity.x < 0.0 && x > right => 2.0 * right - x,
            x => x,
        };
        vec2(x, fold(way.y))
    }

    fn draw_sparks(&self, hot: Color, scene: &mut Scene) {
        let (at, velocity) = (self.ball.at, self.ball.velocity);
        let index = usize::from(velocity.x < 0.0);
        let speed = math::max(velocity.length(), 0.01);
        let edge = face(index) - outward(index) * BALL_RADIUS;
        let flown = (at.x - edge) / velocity.x * speed;
        if self.ball.rally == 0 || !(0.0..SPARKS_LAST).contains(&flown) {
            return;
        }
        let part = flown / SPARKS_LAST;
        let origin = vec2(face(index), fold(at.y - velocity.y * flown / speed));
        scene.glow(origin, 50.0 * (1.0 - part), hot.fade(0.9 * (1.0 - part)));
        for spark in 0..9_u8 {
            let lean = (f32::from(spark) - 4.0) * 0.33;
            let reach = 8.0 + 7.0 * math::sin(f32::from(spark) * 2.4 + f32::from(self.ball.rally));
            let way = math::heading(lean) * vec2(-outward(index), 1.0);
            let tip = origin + way * (reach + 26.0 * part);
            scene.line(tip - way * (7.0 * (1.0 - part)), tip, 0.9, hot.fade(1.0 - part));
        }
    }

    fn draw_serve(&self, scene: &mut Scene) {
        let left = f32::from(self.pause_ticks) / f32::from(SERVE_TICKS);
        scene.circle(self.ball.at, BALL_RADIUS, INK);
        scene.glow(self.ball.at, 40.0, INK.fade(0.4));
        scene.ring(self.ball.at, BALL_RADIUS + 23.0 * left, 1.2, INK.fade(0.8));
        let way = math::limit_length(self.ball.velocity * 10.0, 1.0);
        for step in 1..=3_u8 {
            let alpha = math::clamp((1.0 - left) * 3.0 - f32::from(step) * 0.6, 0.0, 1.0);
            let tip = self.ball.at + way * (27.0 + 8.0 * f32::from(step));
            for side in [vec2(-way.y, way.x), vec2(way.y, -way.x)] {
                scene.line(tip, tip + (side - way) * 4.0, 1.6, INK.fade(alpha * 0.9));
            }
        }
    }

    /// The name of each player, beside the paddle.
    fn draw_names(&self, me: Option<Seat>, scene: &mut Scene) {
        for (index, side) in self.sides.iter().enumerate() {
            let Some(seat) = side.seat else { continue };
            let name = if me == Some(seat) { "you".to_string() } else { scene.name(seat).to_string() };
            let at = vec2(face(index) - outward(index) * 12.0, side.y);
            let align = if at.x < FIELD.x / 2.0 { Align::Left } else { Align::Right };
            scene.text(at, 9.0, align, INK.fade(0.7), name);
        }
    }

    fn draw_winner(&self, index: usize, me: Option<Seat>, scene: &mut Scene) {
        let winner = self.sides.get(index).and_then(|side| side.seat).map_or("", |seat| scene.name(seat));
        let words = match me.map(Seat::index) {
            Some(mine) if mine == index => "You win".to_string(),
            Some(mine) if mine < self.sides.len() => "You lose".to_string(),
            _ if winner.is_empty() => ["Left wins", "Right wins"][index % 2].to_string(),
            _ => format!("{winner} wins"),
        };
        let center = FIELD / 2.0;
        let sway = f32::from(self.pause_ticks) * 0.05;
        for ray in 0..24_u8 {
            let angle = f32::from(ray) * math::TURN / 24.0 + sway * 0.3;
            let reach = 62.0 + 16.0 * math::sin(sway * 2.0 + f32::from(ray) * 1.9);
            let way = math::heading(angle);
            scene.line(center + way * 50.0, center + way * reach, 1.2, color(index).fade(0.55));
        }
        scene.glow(center, 120.0, color(index).fade(0.5));
        scene.text(center, 26.0, Align::Centre, INK, words);
    }
}
