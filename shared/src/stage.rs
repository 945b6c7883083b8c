//! How a game is controlled and drawn, without a web type in sight.
//!
//! The page, the dashboard and replays show a game through the same [`Stage`]: [`Pad`] in, [`Scene`] out.
//! Coordinates are the world's own, y pointing down.

mod sparks;

pub use sparks::Sparks;

use crate::game::Game;
use crate::id::Seat;
use crate::math::Vec2;
use alloc::string::String;
use alloc::vec::Vec;

/// A game that people can see and play.
pub trait Stage: Game {
    /// What the game is called on a page.
    const TITLE: &'static str;
    /// How to play, in one line: the keys and what they do.
    const HINT: &'static str;
    /// The same for fingers; [`Stage::HINT`] unless overridden.
    const TOUCH_HINT: &'static str = Self::HINT;
    /// Labels of the buttons on a touch screen; button `n` is bit `n` of [`Pad::buttons`]. One without a label is not
    /// there.
    const BUTTONS: &'static [&'static str] = &[];

    /// What the player does, from what the hands do.
    fn controls(pad: &Pad) -> Self::Input;

    /// Draws the world for the player in seat `me`, or for a spectator.
    fn draw(&self, me: Option<Seat>, scene: &mut Scene);

    /// Where a player is and how many points they have; `None` for a free seat.
    fn figure(&self, seat: Seat) -> Option<Figure>;

    /// What an event sounds like; silent unless overridden.
    fn sound(event: &Self::Event) -> Option<Tone> {
        let _ = event;
        None
    }

    /// What flies apart when an event happens; nothing unless overridden.
    fn burst(&self, event: &Self::Event) -> Option<Burst> {
        let _ = event;
        None
    }
}

/// Keyboard, touch or gamepad, reduced to what games ask for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pad {
    /// Direction, each axis within ±1: right and down are positive.
    pub stick: Vec2,
    /// The point of the world under the mouse or finger.
    pub aim: Option<Vec2>,
    /// The same from the middle of the camera of the scene that it points into. For games whose camera is part of the
    /// world: where it was when this was drawn they need not know.
    pub aim_in_view: Option<Vec2>,
    /// Held buttons, lowest bit first: space or the left mouse button, Shift or the right one, E, Q, or the labels of
    /// [`Stage::BUTTONS`]. Then [`Pad::FINGER`].
    pub buttons: u32,
}

impl Pad {
    /// The button that a finger on the picture holds: a mouse may point without one.
    pub const FINGER: u32 = 4;

    /// Whether button `n` is held.
    #[must_use]
    pub const fn button(&self, n: u32) -> bool {
        self.buttons >> n & 1 == 1
    }
}

/// A player as lists and overlays show them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Place in the world.
    pub at: Vec2,
    /// Points.
    pub score: i32,
    /// The colour of the player's name: mostly [`Color::of_seat`], or a team's.
    pub color: Color,
}

/// A short sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Pitch in hertz.
    pub hz: f32,
    /// Length in milliseconds.
    pub ms: u16,
    /// Shape.
    pub wave: Wave,
    /// Loudness, 0 to 1.
    pub volume: f32,
}

/// The shape of a sound's wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wave {
    /// Soft.
    Sine,
    /// Hollow.
    Square,
    /// Round.
    Triangle,
    /// Sharp.
    Saw,
    /// A burst of noise.
    Noise,
}

/// Sparks that fly from a point in all directions and die down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// Where it happens.
    pub at: Vec2,
    /// Of the sparks.
    pub color: Color,
    /// How many there are.
    pub sparks: u8,
    /// How far the fastest fly.
    pub reach: f32,
    /// How long they glow, in milliseconds.
    pub ms: u16,
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Color {
    /// `0xRRGGBB`.
    pub rgb: u32,
    /// Opacity, 0 to 1.
    pub alpha: f32,
}

impl Color {
    /// An opaque colour, `0xRRGGBB`.
    #[must_use]
    pub const fn new(rgb: u32) -> Self {
        Self { rgb: rgb & 0x00ff_ffff, alpha: 1.0 }
    }

    /// The same colour, so opaque.
    #[must_use]
    pub const fn fade(self, alpha: f32) -> Self {
        Self { rgb: self.rgb, alpha }
    }

    /// A colour of its own for each seat, far apart for neighbours.
    #[must_use]
    pub fn of_seat(seat: Seat) -> Self {
        const PALETTE: [u32; 12] = [
            0x4d_d8ff, 0xff_7a59, 0xb4_f25c, 0xff_cf4a, 0xc3_8bff, 0xff_6fae, 0x5c_ffc6, 0xf2_f2f2, 0x7f_a8ff,
            0xff_a14d, 0x9d_e05c, 0xe8_80e8,
        ];
        Self::new(PALETTE[seat.index() % PALETTE.len()])
    }
}

/// Which side of its point a text is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// The text begins at the point.
    Left,
    /// The text is centred on the point.
    Centre,
    /// The text ends at the point.
    Right,
}

/// A picture as a flat list of numbers that a page reads in place, and the texts in it.
///
/// Each command is an opcode and its arguments; colours are two numbers, `0xRRGGBB` and opacity:
///
/// ```text
/// 0 camera  cx cy w h            this part of the world must be wholly visible
/// 1 clear   colour
/// 2 circle  x y r colour
/// 3 rect    cx cy w h angle colour
/// 4 ring    x y r width colour
/// 5 line    x0 y0 x1 y1 width colour
/// 6 polygon n colour x0 y0 …
/// 7 text    x y size align(-1, 0, 1) colour index
/// 8 glow    x y r colour
/// 9 dots    n r colour x y …
/// 10 dashes n width colour x0 y0 x1 y1 …
/// 11 camera_at_top cx cy w h     as camera; on a tall screen the rectangle is at the top, not in the middle
/// ```
#[derive(Debug, Clone, Default)]
pub struct Scene {
    commands: Vec<f32>,
    camera: Option<Vec2>,
    texts: Vec<String>,
}

impl Scene {
    /// Empties the picture and keeps its memory.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.camera = None;
        self.texts.clear();
    }

    /// The commands so far.
    #[must_use]
    pub fn commands(&self) -> &[f32] {
        &self.commands
    }

    /// The middle of the camera, if there is one.
    #[must_use]
    pub const fn camera_center(&self) -> Option<Vec2> {
        self.camera
    }

    /// The texts that the commands name by index.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    fn command(&mut self, op: f32, arguments: &[f32]) {
        self.commands.push(op);
        self.commands.extend_from_slice(arguments);
    }

    fn color(&mut self, color: Color) {
        // 24 bits fit a float exactly.
        self.commands.extend_from_slice(&[color.rgb as f32, color.alpha]);
    }

    /// The part of the world that must be wholly visible; the rest of the screen shows what is around it.
    pub fn camera(&mut self, center: Vec2, size: Vec2) {
        self.camera = Some(center);
        self.command(0.0, &[center.x, center.y, size.x, size.y]);
    }

    /// As [`Scene::camera`], and on a tall screen what lies below is shown rather than what lies above: for what is
    /// written at the top, and for hands at the bottom.
    pub fn camera_at_top(&mut self, center: Vec2, size: Vec2) {
        self.camera = Some(center);
        self.command(11.0, &[center.x, center.y, size.x, size.y]);
    }

    /// Paints everything in one colour.
    pub fn background(&mut self, color: Color) {
        self.command(1.0, &[]);
        self.color(color);
    }

    /// A filled circle.
    pub fn circle(&mut self, at: Vec2, radius: f32, color: Color) {
        self.command(2.0, &[at.x, at.y, radius]);
        self.color(color);
    }

    /// A filled rectangle around its centre, turned by `angle` radians.
    pub fn rect(&mut self, center: Vec2, size: Vec2, angle: f32, color: Color) {
        self.command(3.0, &[center.x, center.y, size.x, size.y, angle]);
        self.color(color);
    }

    /// The outline of a circle.
    pub fn ring(&mut self, at: Vec2, radius: f32, width: f32, color: Color) {
        self.command(4.0, &[at.x, at.y, radius, width]);
        self.color(color);
    }

    /// A line with round ends.
    pub fn line(&mut self, from: Vec2, to: Vec2, width: f32, color: Color) {
        self.command(5.0, &[from.x, from.y, to.x, to.y, width]);
        self.color(color);
    }

    /// A filled polygon.
    pub fn polygon(&mut self, points: impl ExactSizeIterator<Item = Vec2>, color: Color) {
        self.command(6.0, &[points.len() as f32]);
        self.color(color);
        for point in points {
            self.commands.extend_from_slice(&[point.x, point.y]);
        }
    }

    /// A line of text, `size` high.
    pub fn text(&mut self, at: Vec2, size: f32, align: Align, color: Color, text: impl Into<String>) {
        let side = match align {
            Align::Left => -1.0,
            Align::Centre => 0.0,
            Align::Right => 1.0,
        };
        self.command(7.0, &[at.x, at.y, size, side]);
        self.color(color);
        self.commands.push(self.texts.len() as f32);
        self.texts.push(text.into());
    }

    /// A soft light that brightens what is below.
    pub fn glow(&mut self, at: Vec2, radius: f32, color: Color) {
        self.command(8.0, &[at.x, at.y, radius]);
        self.color(color);
    }

    /// Many small lights of one kind, each brightest within half of `radius`: thousands cost one command.
    pub fn dots(&mut self, radius: f32, color: Color, points: impl Iterator<Item = Vec2>) {
        self.batch(9.0, radius, color, points.map(|at| [at.x, at.y]));
    }

    /// Many straight lines of one kind.
    pub fn dashes(&mut self, width: f32, color: Color, lines: impl Iterator<Item = (Vec2, Vec2)>) {
        self.batch(10.0, width, color, lines.map(|(from, to)| [from.x, from.y, to.x, to.y]));
    }

    /// A command whose count is known once all of it is there.
    fn batch<const N: usize>(&mut self, op: f32, size: f32, color: Color, items: impl Iterator<Item = [f32; N]>) {
        let start = self.commands.len();
        self.command(op, &[0.0, size]);
        self.color(color);
        let count = items.map(|item| self.commands.extend_from_slice(&item)).count();
        if count == 0 {
            self.commands.truncate(start);
        } else {
            self.commands[start + 1] = count as f32;
        }
    }
}
