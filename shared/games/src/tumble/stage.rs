//! Tumble on screen: the field from the south and above, without perspective, nearer bodies over farther ones.

use super::{BLAST_REACH, BLAST_RECHARGE_TICKS, Body, FIELD_HALF, Grip, PLAYER_HALF, Phase, Player, Tumble};
use alloc::vec::Vec;
use tickwire::math::{self, Vec2, Vec3, vec2, vec3};
use tickwire::{Color, Figure, Pad, Scene, Seat, Stage};

/// The part of the world that is always visible, in metres of the screen.
const VIEW: Vec2 = vec2(17.0, 10.0);
/// This many times as much is drawn, for wide and tall screens.
const DRAWN: Vec2 = vec2(1.4, 2.2);
/// The size of a metre of depth, and of a metre of height, on the screen: the camera looks down by 45 degrees.
const DEPTH: f32 = 0.72;
const HEIGHT: f32 = 0.69;
/// The directions from a face towards the camera, and towards the light.
const CAMERA: Vec3 = vec3(0.0, DEPTH, HEIGHT);
const LIGHT: Vec3 = vec3(-0.45, 0.8, 0.4);
/// The shadow that a metre of height throws.
const SHADOW: Vec2 = vec2(0.56, -0.36);

const VOID: Color = Color::new(0x0d_1016);
const GROUND: Color = Color::new(0x1b_2029);
const LINE: Color = Color::new(0x2a_3140);
const EDGE: Color = Color::new(0x58_6c8f);
const RESTING: Color = Color::new(0x6d_7a90);
const MOVING: Color = Color::new(0xe0_9a4e);
const FLYING: Color = Color::new(0xf2_c463);
const INK: Color = Color::new(0xf3_efe6);
const BLACK: Color = Color::new(0);
const LINES_APART: f32 = 3.0;
const RING_TICKS: u8 = 24;

impl Stage for Tumble {
    const TITLE: &'static str = "Tumble";
    const HINT: &'static str = "Roll with WASD or arrow keys; space jumps, Shift pulls boxes near, E blows them away.";
    const BUTTONS: &'static [&'static str] = &["Jump", "Pull", "Blast"];

    fn controls(pad: &Pad) -> Grip {
        Grip { stick: pad.stick, jump: pad.button(0), pull: pad.button(1), blast: pad.button(2) }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        let center = me.and_then(|seat| self.cube(seat)).map_or(Vec2::ZERO, |cube| camera(cube.at));
        scene.camera(center, VIEW);
        scene.background(VOID);
        draw_ground(scene);
        let is_seen = |body: &&Body| {
            let off = (project(body.at) - center).abs() * 2.0;
            off.x < VIEW.x * DRAWN.x && off.y < VIEW.y * DRAWN.y
        };
        let mut seen: Vec<&Body> = self.bodies.values().filter(is_seen).collect();
        seen.iter().for_each(|body| draw_shadow(body, scene));
        self.players.values().for_each(|player| self.draw_ring(player, scene));
        seen.sort_by(|a, b| a.at.dot(CAMERA).total_cmp(&b.at.dot(CAMERA)));
        seen.iter().for_each(|body| draw_body(body, me, scene));
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        self.cube(seat).map(|cube| Figure {
            at: Some(vec2(cube.at.x, cube.at.z)),
            score: 0,
            color: Color::of_seat(seat),
        })
    }
}

impl Tumble {
    fn cube(&self, seat: Seat) -> Option<&Body> {
        self.bodies.values().find(|body| body.seat == Some(seat))
    }

    /// The wave of a blast that has just gone off.
    fn draw_ring(&self, player: &Player, scene: &mut Scene) {
        let age = BLAST_RECHARGE_TICKS - player.recharge_ticks;
        let Some(cube) = player.seat.and_then(|seat| self.cube(seat)).filter(|_| age < RING_TICKS) else { return };
        let part = f32::from(age) / f32::from(RING_TICKS);
        let (reach, left) = (BLAST_REACH * math::sqrt(part), 1.0 - part);
        let color = player.seat.map_or(INK, Color::of_seat);
        let point = |angle: f32| project(cube.at + vec3(math::cos(angle), 0.0, math::sin(angle)) * reach);
        for corner in 0..24_u8 {
            let angle = f32::from(corner) * math::TURN / 24.0;
            scene.line(point(angle), point(angle + math::TURN / 24.0), 0.25 * left + 0.02, color.fade(0.8 * left));
        }
    }
}

/// The place of a point of the world on the screen.
fn project(at: Vec3) -> Vec2 {
    vec2(at.x, at.z * DEPTH - at.y * HEIGHT)
}

/// The middle of the screen for a player: near the walls it stays inside.
fn camera(at: Vec3) -> Vec2 {
    let (x, y) = (FIELD_HALF + 1.0 - VIEW.x / 2.0, (FIELD_HALF + 1.0) * DEPTH - VIEW.y / 2.0);
    let ground = project(vec3(at.x, math::min(at.y, 3.0), at.z));
    vec2(math::clamp(ground.x, -x, x), math::clamp(ground.y, -y, y))
}

fn draw_ground(scene: &mut Scene) {
    let size = vec2(FIELD_HALF, FIELD_HALF * DEPTH) * 2.0;
    scene.rect(Vec2::ZERO, size, 0.0, GROUND);
    let mut at = -FIELD_HALF;
    while at <= FIELD_HALF {
        let is_edge = at.abs() == FIELD_HALF;
        let (width, color) = if is_edge { (0.12, EDGE) } else { (0.03, LINE) };
        scene.line(project(vec3(at, 0.0, -FIELD_HALF)), project(vec3(at, 0.0, FIELD_HALF)), width, color);
        scene.line(project(vec3(-FIELD_HALF, 0.0, at)), project(vec3(FIELD_HALF, 0.0, at)), width, color);
        at += LINES_APART;
    }
}

/// The cube's outline as the light sees it, on the ground: fainter from higher up.
fn draw_shadow(body: &Body, scene: &mut Scene) {
    let corners = corners(body).map(|at| vec2(at.x, at.z * DEPTH) + SHADOW * math::max(at.y, 0.0));
    let alpha = 0.42 / (1.0 + 0.35 * math::max(body.at.y - body.half(), 0.0));
    scene.polygon(outline(corners).into_iter(), BLACK.fade(alpha));
}

fn corners(body: &Body) -> [Vec3; 8] {
    let half = body.half();
    core::array::from_fn(|corner| {
        let side = |axis: usize| if corner >> axis & 1 == 1 { half } else { -half };
        body.at + body.rotation * vec3(side(0), side(1), side(2))
    })
}

/// The convex outline of some points, around it once.
fn outline(mut points: [Vec2; 8]) -> Vec<Vec2> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let mut around: Vec<Vec2> = Vec::with_capacity(16);
    let mut chain = |points: &mut dyn Iterator<Item = Vec2>| {
        let first = around.len();
        for point in points {
            while let [.., a, b] = around[first..] {
                if (b - a).perp_dot(point - b) > 0.0 {
                    break;
                }
                around.pop();
            }
            around.push(point);
        }
        // The last point of one chain is the first of the other.
        around.pop();
    };
    chain(&mut points.into_iter());
    chain(&mut points.into_iter().rev());
    around
}

fn draw_body(body: &Body, me: Option<Seat>, scene: &mut Scene) {
    let (half, is_mine) = (body.half(), body.seat.is_some() && body.seat == me);
    let color = match (body.seat, body.phase) {
        (Some(seat), _) => Color::of_seat(seat),
        (None, Phase::Resting) => RESTING,
        (None, Phase::Touching) => MOVING,
        (None, Phase::Flying) => FLYING,
    };
    if body.seat.is_some() {
        scene.glow(project(body.at), half * 3.2, color.fade(if is_mine { 0.5 } else { 0.3 }));
    }
    let axes = [Vec3::X, Vec3::Y, Vec3::Z].map(|axis| body.rotation * axis);
    for (index, axis) in axes.into_iter().enumerate() {
        let out = if axis.dot(CAMERA) < 0.0 { -axis } else { axis };
        let (u, v) = (axes[(index + 1) % 3] * half, axes[(index + 2) % 3] * half);
        let middle = body.at + out * half;
        let light = 0.55 + 0.45 * out.dot(LIGHT);
        let corners = [middle + u + v, middle - u + v, middle - u - v, middle + u - v].map(project);
        scene.polygon(corners.into_iter(), shade(color, light));
        // Seams show which of the many cubes is a player's.
        for (from, to) in corners.into_iter().zip(corners.into_iter().cycle().skip(1)).filter(|_| half == PLAYER_HALF) {
            scene.line(from, to, 0.05, INK.fade(0.7));
        }
    }
}

/// The colour in this much light: 1 leaves it as it is.
fn shade(color: Color, light: f32) -> Color {
    let channel = |shift: u32| {
        let value = (color.rgb >> shift & 0xff) as f32 * math::clamp(light, 0.15, 1.35);
        (math::min(value, 255.0) as u32) << shift
    };
    Color::new(channel(16) | channel(8) | channel(0))
}
