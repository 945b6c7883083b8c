//! How a game is controlled and drawn, without any type of the web.
//!
//! The page, the dashboard and replays show a game through the same [`Stage`]: it turns a [`Pad`] into an input and a
//! world into a [`Scene`]. Coordinates are the world's own, with y pointing down. Names of players are no part of the
//! world: the caller gives them to the scene before the world is drawn.

mod sparks;

pub use sparks::Sparks;

use crate::game::Game;
use crate::id::Seat;
use crate::math::Vec2;
use alloc::string::String;
use alloc::vec::Vec;

/// A game that people can see and play.
pub trait Stage: Game {
    /// The name of the game on a page.
    const TITLE: &'static str;
    /// How to play, in one line: the keys and their effects.
    const HINT: &'static str;
    /// The same line for touch screens; [`Stage::HINT`] unless overridden.
    const TOUCH_HINT: &'static str = Self::HINT;
    /// Labels of the buttons on a touch screen; button `n` is bit `n` of [`Pad::buttons`]. A button without a label is
    /// not shown.
    const BUTTONS: &'static [&'static str] = &[];

    /// Turns the state of the controls into the player's input.
    fn controls(pad: &Pad) -> Self::Input;

    /// Draws the world for the player in seat `me`, or for a spectator. [`Scene::name`] knows the players' names.
    fn draw(&self, me: Option<Seat>, scene: &mut Scene);

    /// The place, the points and the colour of the player in `seat`; `None` for a free seat.
    fn figure(&self, seat: Seat) -> Option<Figure>;

    /// The sound of an event; silent unless overridden.
    fn sound(event: &Self::Event) -> Option<Tone> {
        let _ = event;
        None
    }

    /// The sparks that an event throws off; none unless overridden.
    fn burst(&self, event: &Self::Event) -> Option<Burst> {
        let _ = event;
        None
    }
}

/// The state of a keyboard, touch screen or gamepad, reduced to the values that games ask for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pad {
    /// Direction of the stick or the arrow keys, each axis within ±1: right and down are positive.
    pub stick: Vec2,
    /// The point of the world under the mouse or finger, in the world's coordinates; `None` without one.
    pub aim: Option<Vec2>,
    /// The same point, relative to the middle of the camera of the scene that it points into. It is for games whose
    /// camera is part of the world: such a game need not know where the camera was when the scene was drawn.
    pub aim_in_view: Option<Vec2>,
    /// Held buttons, lowest bit first: the space bar or the left mouse button, Shift or the right mouse button, E, Q;
    /// on a touch screen, the labels of [`Stage::BUTTONS`]. [`Pad::FINGER`] follows.
    pub buttons: u32,
}

impl Pad {
    /// The number of the button that is held while a finger touches the picture: a mouse can point without a button.
    pub const FINGER: u32 = 4;

    /// Whether the button with bit `n` is held.
    #[must_use]
    pub const fn button(&self, n: u32) -> bool {
        self.buttons >> n & 1 == 1
    }
}

/// A player as lists and overlays of the page show them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// The player's place in the world; `None` for a player without one, as in a game of cards, or after a defeat.
    pub at: Option<Vec2>,
    /// The player's points.
    pub score: i32,
    /// The colour of the player's name: in most games [`Color::of_seat`], or that of a team.
    pub color: Color,
}

/// A short sound of one pitch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Pitch in hertz.
    pub hz: f32,
    /// Length in milliseconds.
    pub ms: u16,
    /// The shape of the wave.
    pub wave: Wave,
    /// Loudness, 0 to 1.
    pub volume: f32,
}

/// The shape of a sound's wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wave {
    /// A soft sound.
    Sine,
    /// A hollow sound.
    Square,
    /// A round sound.
    Triangle,
    /// A sharp sound.
    Saw,
    /// A burst of noise.
    Noise,
}

/// Sparks that fly from a point in all directions and die down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// The point from which the sparks fly.
    pub at: Vec2,
    /// The colour of the sparks.
    pub color: Color,
    /// How many sparks there are.
    pub sparks: u8,
    /// How far the fastest sparks fly, in units of the world.
    pub reach: f32,
    /// How long the sparks glow, in milliseconds.
    pub ms: u16,
}

/// A colour with an opacity.
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

    /// The same colour with the opacity `alpha`.
    #[must_use]
    pub const fn fade(self, alpha: f32) -> Self {
        Self { rgb: self.rgb, alpha }
    }

    /// The colour of a seat, far apart from that of its neighbours; seats that are 12 apart share one.
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

/// A picture as a flat list of numbers that a page reads in place, and the texts that belong to it.
///
/// Each command is an opcode and its arguments; a colour is two numbers, `0xRRGGBB` and the opacity:
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
    names: Vec<(Seat, String)>,
}

impl Scene {
    /// Empties the picture, and keeps the names and the memory.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.camera = None;
        self.texts.clear();
    }

    /// The commands so far, in the layout of [`Scene`].
    #[must_use]
    pub fn commands(&self) -> &[f32] {
        &self.commands
    }

    /// Names the room's players, people and bots: the caller does it before each [`Stage::draw`]. As long as seats and
    /// names are those of the last call, this allocates nothing.
    pub fn set_names<'a>(&mut self, players: impl Iterator<Item = (Seat, &'a str)>) {
        let mut places = 0;
        for (seat, name) in players {
            self.set_name(places, seat, name);
            places += 1;
        }
        self.names.truncate(places);
    }

    /// Not inlined: a page holds it once, and its caller for a session and for a match of bots.
    #[inline(never)]
    fn set_name(&mut self, place: usize, seat: Seat, name: &str) {
        match self.names.get_mut(place) {
            Some(known) if known.0 == seat && known.1 == name => {}
            Some(known) => *known = (seat, name.into()),
            None => self.names.push((seat, name.into())),
        }
    }

    /// The name of the player in `seat`, of a bot too; empty for a free seat.
    ///
    /// ```
    /// use tickwire::math::vec2;
    /// use tickwire::{Align, Color, Scene, Seat};
    ///
    /// fn draw_label(scene: &mut Scene, seat: Seat) {
    ///     let name = scene.name(seat).to_owned();
    ///     scene.text(vec2(0.0, -12.0), 9.0, Align::Centre, Color::of_seat(seat), name);
    /// }
    ///
    /// let mut scene = Scene::default();
    /// let seat = Seat::default();
    /// assert_eq!(scene.name(seat), "");
    /// scene.set_names([(seat, "Ada")].into_iter());
    /// draw_label(&mut scene, seat);
    /// assert_eq!(scene.texts(), ["Ada"]);
    /// ```
    #[must_use]
    pub fn name(&self, seat: Seat) -> &str {
        self.names.iter().find(|(named, _)| *named == seat).map_or("", |(_, name)| name)
    }

    /// The middle of the camera, or `None` before a camera was given.
    #[must_use]
    pub const fn camera_center(&self) -> Option<Vec2> {
        self.camera
    }

    /// The texts that the text commands name by index.
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

    /// Names the part of the world that must be wholly visible; the rest of the screen shows its surroundings.
    pub fn camera(&mut self, center: Vec2, size: Vec2) {
        self.camera = Some(center);
        self.command(0.0, &[center.x, center.y, size.x, size.y]);
    }

    /// As [`Scene::camera`], but a tall screen shows the rectangle at its top and more of the world below it. It is for
    /// games with text at the top, and for hands that hold the bottom.
    pub fn camera_at_top(&mut self, center: Vec2, size: Vec2) {
        self.camera = Some(center);
        self.command(11.0, &[center.x, center.y, size.x, size.y]);
    }

    /// Paints the whole screen in one colour.
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

    /// Many small lights of one kind, each brightest within half of `radius`. Thousands of them cost one command.
    pub fn dots(&mut self, radius: f32, color: Color, points: impl Iterator<Item = Vec2>) {
        self.batch(9.0, radius, color, points.map(|at| [at.x, at.y]));
    }

    /// Many straight lines of one kind, as one command.
    pub fn dashes(&mut self, width: f32, color: Color, lines: impl Iterator<Item = (Vec2, Vec2)>) {
        self.batch(10.0, width, color, lines.map(|(from, to)| [from.x, from.y, to.x, to.y]));
    }

    /// A command whose count is known only when all of its items have been written.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outlast_a_picture_and_a_free_seat_has_none() {
        let mut scene = Scene::default();
        let [ada, bob, eve] = [0, 1, 2].map(|number| Seat::new(number).expect("a seat"));
        scene.set_names([(ada, "Ada"), (bob, "Bob")].into_iter());
        scene.clear();
        assert_eq!([ada, bob, eve].map(|seat| scene.name(seat)), ["Ada", "Bob", ""]);
        scene.set_names([(bob, "Tock"), (eve, "Eve")].into_iter());
        assert_eq!([ada, bob, eve].map(|seat| scene.name(seat)), ["", "Tock", "Eve"]);
    }

    #[test]
    fn the_same_names_once_more_are_not_copied() {
        let mut scene = Scene::default();
        let place = |scene: &Scene| scene.name(Seat::default()).as_ptr();
        scene.set_names([(Seat::default(), "Ada")].into_iter());
        let before = place(&scene);
        scene.set_names([(Seat::default(), "Ada")].into_iter());
        assert_eq!(place(&scene), before);
    }
}
