//! The swarm on screen: the player's view in a few batches of lights, and the sounds of events.
//!
//! `hud` draws the texts and the map over it. Units outside of the view are not drawn; units in it cost a few numbers
//! each.

mod hud;

use super::hand::MAP;
use super::well::WELL_RADIUS;
use super::{ARMIES, Grip, HOLD_MAX, HP_MAX, Hand, MIDDLE, SIZE, Swarm, SwarmEvent, Unit, VIEW, home, well_at};
use alloc::vec::Vec;
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Burst, Color, Figure, Pad, Scene, Seat, Stage, Tone, Wave};

/// The reach of a wide screen, and of a tall one below the view, in units from the middle of the view.
const REACH: Vec2 = vec2(490.0, 300.0);
const REACH_DOWN: f32 = 780.0;
const INK: Color = Color::new(0xef_e9dc);
const VOID: Color = Color::new(0x05_060c);
/// Ticks for which the place of an order is shown.
const PING_TICKS: f32 = 16.0;

impl Stage for Swarm {
    const TITLE: &'static str = "Swarm";
    const HINT: &'static str =
        "Hold the wells. Drag a box over units, click to send them; E selects all. Look around with WASD or the map.";
    const TOUCH_HINT: &'static str =
        "Hold the wells. Drag a box over units, tap to send them. Look around with the stick or the map.";
    const BUTTONS: &'static [&'static str] = &["", "", "All"];

    fn controls(pad: &Pad) -> Hand {
        let (press, order) = (pad.button(0) || pad.button(Pad::FINGER), pad.button(1));
        let pan = |axis: f32| (axis * 4.0) as i8;
        // The place of a mouse that hovers has no effect, and would make up most of the bytes that are sent.
        let point = pad.aim_in_view.filter(|_| press || order);
        Hand { pan_x: pan(pad.stick.x), pan_y: pan(pad.stick.y), point, press, order, all: pad.button(2) }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        let me = me.map(Seat::index).filter(|me| *me < ARMIES);
        let camera = Camera::of(me.map(|me| self.armies[me].eye));
        match me {
            Some(_) => scene.camera_at_top(camera.center, camera.view),
            None => scene.camera(camera.center, camera.view),
        }
        scene.background(VOID);
        draw_ground(&camera, scene);
        self.draw_wells(&camera, scene);
        self.draw_units(me, &camera, scene);
        if let Some(me) = me {
            self.draw_hand(me, scene);
        }
        self.draw_hud(me, &camera, scene);
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        let army = self.armies.get(seat.index()).filter(|army| army.is_taken)?;
        Some(Figure { at: Some(army.eye), score: i32::from(army.score), color: Color::of_seat(seat) })
    }

    fn sound(event: &SwarmEvent) -> Option<Tone> {
        let (hz, ms, wave, volume) = match event {
            SwarmEvent::Fallen { .. } => return None,
            SwarmEvent::Clash => (190.0, 90, Wave::Noise, 0.1),
            SwarmEvent::Sent => (620.0, 60, Wave::Triangle, 0.2),
            SwarmEvent::Captured { .. } => (392.0, 320, Wave::Sine, 0.25),
            SwarmEvent::Won { .. } => (587.0, 900, Wave::Triangle, 0.45),
            SwarmEvent::Begin => (880.0, 500, Wave::Sine, 0.4),
        };
        Some(Tone { hz, ms, wave, volume })
    }

    fn burst(&self, event: &SwarmEvent) -> Option<Burst> {
        match *event {
            SwarmEvent::Fallen { army, at } => {
                Some(Burst { at, color: color_of(army.into()), sparks: 5, reach: 18.0, ms: 420 })
            }
            SwarmEvent::Captured { army, well } => {
                let at = well_at(well.into());
                Some(Burst { at, color: color_of(army.into()), sparks: 40, reach: 150.0, ms: 1_100 })
            }
            SwarmEvent::Clash | SwarmEvent::Sent | SwarmEvent::Won { .. } | SwarmEvent::Begin => None,
        }
    }
}

/// The part of the world that the screen shows.
struct Camera {
    center: Vec2,
    view: Vec2,
    /// How much more of the world is seen than by a player: texts must grow with it.
    scale: f32,
}

impl Camera {
    /// The camera is around a player's eye; for a spectator, it is on everything.
    fn of(eye: Option<Vec2>) -> Self {
        match eye {
            Some(center) => Self { center, view: VIEW, scale: 1.0 },
            // There is room for the scores above the world.
            None => {
                let view = vec2(SIZE, SIZE * 1.12);
                Self { center: MIDDLE - vec2(0.0, SIZE * 0.06), view, scale: view.y / VIEW.y }
            }
        }
    }

    fn shows(&self, at: Vec2, radius: f32) -> bool {
        let way = at - self.center;
        self.scale > 1.0 || way.x.abs() < REACH.x + radius && way.y > -REACH.y - radius && way.y < REACH_DOWN + radius
    }

    /// The size of a mark that is `size` large for a player. A spectator sees much more of the world, so their marks
    /// are larger, but by less than the scale.
    fn size(&self, size: f32) -> f32 {
        size * math::sqrt(math::sqrt(self.scale))
    }
}

fn color_of(army: usize) -> Color {
    Seat::first(ARMIES as u8).nth(army).map_or(INK, Color::of_seat)
}

/// Specks all over the world, always in the same places.
fn dust() -> impl Iterator<Item = Vec2> {
    let place = |bits: u32| (bits & 0x7ff) as f32 * (SIZE / 2_048.0);
    let any =
        (1..900_u32).map(|number| number.wrapping_mul(0x9e37_79b9) ^ number.wrapping_mul(0x85eb_ca6b).rotate_left(13));
    any.map(move |bits| vec2(place(bits), place(bits >> 12)))
}

/// Dust that shows how the view moves, and the edge of the world.
fn draw_ground(camera: &Camera, scene: &mut Scene) {
    const GRID: f32 = 128.0;
    let lines = (0..=(SIZE / GRID) as u8).map(|line| f32::from(line) * GRID);
    let rows = lines.clone().map(|y| (vec2(0.0, y), vec2(SIZE, y)));
    let columns = lines.map(|x| (vec2(x, 0.0), vec2(x, SIZE)));
    scene.dashes(camera.size(0.7), Color::new(0x1a_2033), rows.chain(columns));
    scene.dots(camera.size(1.1), Color::new(0x6f_82b8).fade(0.5), dust().filter(|at| camera.shows(*at, 2.0)));
    scene.glow(MIDDLE, SIZE * 0.55, Color::new(0x20_2c58).fade(0.4));
    let corners = [vec2(0.0, 0.0), vec2(SIZE, 0.0), vec2(SIZE, SIZE), vec2(0.0, SIZE)];
    let edges = corners.into_iter().zip(corners.into_iter().cycle().skip(1));
    scene.dashes(camera.size(2.0), Color::new(0x3c_4a70), edges);
}

impl Swarm {
    fn draw_wells(&self, camera: &Camera, scene: &mut Scene) {
        for army in 0..ARMIES {
            let (at, color) = (home(army), color_of(army));
            if camera.shows(at, 120.0) {
                scene.glow(at, 110.0, color.fade(0.45));
                let corner = |turn: u8| at + math::heading(f32::from(turn) * math::TURN / 6.0) * 26.0;
                scene.polygon((0..6).map(corner), color.fade(0.22));
                scene.dashes(camera.size(2.0), color, (0..6).map(|turn| (corner(turn), corner(turn + 1))));
            }
        }
        for (number, well) in self.wells.iter().enumerate() {
            let (at, color) = (well_at(number), well.owner.map_or(INK, |owner| color_of(owner.into())));
            if !camera.shows(at, WELL_RADIUS * 1.8) {
                continue;
            }
            let bright = if well.owner.is_some() { 0.5 } else { 0.14 };
            scene.glow(at, WELL_RADIUS * 1.7, color.fade(bright));
            scene.ring(at, WELL_RADIUS, camera.size(1.2), color.fade(0.35));
            scene.ring(at, 11.0, camera.size(2.0), color.fade(0.9));
            // Marks around the rim show how firmly the well is held.
            let marks = (0..well.hold).map(|mark| math::heading(f32::from(mark) * math::TURN / f32::from(HOLD_MAX)));
            scene.dashes(camera.size(2.6), color, marks.map(|way| (at + way * 15.0, at + way * 21.0)));
        }
    }

    fn draw_units(&self, me: Option<usize>, camera: &Camera, scene: &mut Scene) {
        let units: Vec<&Unit> = self.units.values().collect();
        let mut shown: Vec<(usize, u8, &Unit)> = Vec::with_capacity(units.len());
        let living = units.iter().enumerate().filter(|(_, unit)| unit.is_alive() && camera.shows(unit.at, 8.0));
        shown.extend(living.map(|(number, unit)| (number % ARMIES, unit.hp, *unit)));
        shown.sort_unstable_by_key(|(army, hp, _)| (*army, *hp));
        if let Some(me) = me {
            let own = shown.iter().filter(|(army, _, unit)| *army == me && unit.is_selected);
            scene.dots(8.8, INK.fade(0.8), own.map(|(_, _, unit)| unit.at));
        }
        for army in shown.chunk_by(|a, b| a.0 == b.0) {
            let color = color_of(army[0].0);
            let moving = army.iter().map(|(_, _, unit)| unit).filter(|unit| unit.velocity.length_squared() > 0.5);
            scene.dashes(
                camera.size(1.6),
                color.fade(0.3),
                moving.map(|unit| (unit.at - unit.velocity * 4.0, unit.at)),
            );
            let shots = army.iter().filter(|(_, _, unit)| unit.shoots());
            let rays = shots.filter_map(|(_, _, unit)| Some((unit.at, units.get(unit.foe()?)?.at)));
            scene.dashes(camera.size(0.9), color.fade(0.75), rays);
        }
        for alike in shown.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (army, hp, _) = alike[0];
            let bright = 0.35 + 0.65 * f32::from(hp) / f32::from(HP_MAX);
            scene.dots(camera.size(7.0), color_of(army).fade(bright), alike.iter().map(|(_, _, unit)| unit.at));
        }
    }

    /// The player's box and the place of their last order: no other player sees these.
    fn draw_hand(&self, me: usize, scene: &mut Scene) {
        let army = &self.armies[me];
        if let Grip::Box { from } = army.grip {
            let (to, color) = (army.cursor, color_of(me));
            scene.rect((from + to) / 2.0, (to - from).abs(), 0.0, color.fade(0.12));
            let corners = [from, vec2(to.x, from.y), to, vec2(from.x, to.y)];
            scene.dashes(1.2, color, corners.into_iter().zip(corners.into_iter().cycle().skip(1)));
        }
        let age = f32::from(army.order_ticks) / PING_TICKS;
        if age < 1.0 {
            let at = army.rally.at();
            scene.ring(at, 6.0 + 26.0 * (1.0 - age), 1.6, INK.fade(1.0 - age));
            scene.glow(at, 30.0, color_of(me).fade(0.7 * (1.0 - age)));
        }
    }
}
