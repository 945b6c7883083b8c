//! The space that the arena's ships fly through: stars at three depths, mist, the floor's grid, walls, rocks and the
//! shadows that they cast on a player's sight, debris and pick-ups.

use super::hud::gift_color;
use super::{Camera, INK, VOID};
use crate::arena::field::{CHUNK_RADIUS, ITEM_RADIUS};
use crate::arena::{Arena, Chunk, Gift, Item, Rock, Ship};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Color, Scene};

pub(super) const ROCK_LIGHT: Color = Color::new(0x8d_93a8);
const ROCK: Color = Color::new(0x4b_5066);
const ROCK_DARK: Color = Color::new(0x23_2636);
const FLOOR: Color = Color::new(0x0a_0d18);
const GRID: Color = Color::new(0x6f_8fd8);
const WALL: Color = Color::new(0x6f_d3c7);
const STAR: Color = Color::new(0xdd_e6ff);
const GRID_STEP: f32 = 100.0;
/// The length of shadows.
const SHADOW: f32 = 1_500.0;

/// The layers of stars, far, middle and near: the number of stars, the part of the camera's speed, the radius and the
/// opacity.
const LAYERS: [(u16, f32, f32, f32); 3] = [(260, 0.12, 0.8, 0.45), (140, 0.25, 1.1, 0.65), (60, 0.45, 1.6, 0.9)];
/// Mist: place in parts of the world, radius in parts of its height, colour.
const MIST: [(Vec2, f32, u32); 7] = [
    (vec2(0.10, 0.16), 0.47, 0x2a_4fa8),
    (vec2(0.88, 0.18), 0.42, 0x8a_3a5f),
    (vec2(0.51, 0.54), 0.50, 0x1f_5a6f),
    (vec2(0.14, 0.86), 0.40, 0x2a_6f8f),
    (vec2(0.88, 0.86), 0.46, 0x8f_4a2f),
    (vec2(0.33, 0.40), 0.30, 0x3f_2f8a),
    (vec2(0.68, 0.66), 0.30, 0x5f_2f7a),
];

impl Arena {
    pub(super) fn draw_space(&self, mine: Option<&Ship>, camera: &Camera, scene: &mut Scene) {
        scene.rect(self.size / 2.0, self.size, 0.0, FLOOR);
        for (at, radius, rgb) in MIST {
            scene.glow(at * self.size, radius * self.size.y, Color::new(rgb).fade(0.8));
        }
        draw_stars(camera.center, camera.view, scene);
        draw_grid(self.size, scene);
        draw_walls(self.size, scene);
        let rocks = || self.rocks.values().filter(|rock| camera.shows_around(rock.at, rock.radius));
        if let Some(ship) = mine.filter(|ship| ship.is_flying()) {
            rocks().for_each(|rock| draw_shadow(rock, ship.at, scene));
        }
        self.items.values().filter(|item| camera.shows(item.at)).for_each(|item| draw_item(item, scene));
        rocks().for_each(|rock| draw_rock(rock, rock.at.x * 0.01 + rock.at.y * 0.017, scene));
        let debris = self.debris.values().filter(|chunk| chunk.hp > 0 && camera.shows(chunk.at));
        debris.for_each(|chunk| draw_chunk(chunk, scene));
    }
}

/// The area that a rock hides from the player's own ship.
fn draw_shadow(rock: &Rock, eye: Vec2, scene: &mut Scene) {
    let off = rock.at - eye;
    let side = math::sqrt(math::max(off.length_squared() - rock.radius * rock.radius, 1.0));
    let (middle, half) = (math::angle_of(off), math::atan2(rock.radius, side));
    let [left, right] = [middle - half, middle + half].map(math::heading);
    let corners = [eye + left * side, eye + left * SHADOW, eye + right * SHADOW, eye + right * side];
    scene.polygon(corners.into_iter(), VOID.fade(0.42));
}

/// A pad and the pick-up on it: a cross stands for repair, arrows for faster fire, a shield for armour.
fn draw_item(item: &Item, scene: &mut Scene) {
    let color = gift_color(item.gift);
    if !item.is_there {
        scene.ring(item.at, ITEM_RADIUS, 1.0, INK.fade(0.16));
        return;
    }
    scene.glow(item.at, 44.0, color.fade(0.5));
    scene.circle(item.at, ITEM_RADIUS, VOID.fade(0.55));
    scene.ring(item.at, ITEM_RADIUS, 1.4, color.fade(0.9));
    match item.gift {
        Gift::Repair => {
            scene.rect(item.at, vec2(14.0, 4.4), 0.0, color);
            scene.rect(item.at, vec2(4.4, 14.0), 0.0, color);
        }
        Gift::Rapid => {
            for x in [-4.5, 1.5] {
                let [top, tip, bottom] = [vec2(x, -5.5), vec2(x + 5.0, 0.0), vec2(x, 5.5)].map(|off| item.at + off);
                scene.line(top, tip, 2.2, color);
                scene.line(tip, bottom, 2.2, color);
            }
        }
        Gift::Armour => {
            const SHIELD: [(f32, f32); 5] = [(-6.0, -6.5), (6.0, -6.5), (6.0, 1.0), (0.0, 8.0), (-6.0, 1.0)];
            scene.polygon(SHIELD.into_iter().map(|(x, y)| item.at + vec2(x, y)), color);
        }
    }
}

/// A stone turns as it drifts: its angle follows from its place.
fn draw_chunk(chunk: &Chunk, scene: &mut Scene) {
    let turn = (chunk.at.x - chunk.at.y) * 0.03;
    let corner = |corner: u8, size: f32| {
        let rough = 0.94 + 0.12 * math::sin(f32::from(corner) * 2.7 + chunk.velocity.x * 9.0);
        chunk.at + math::heading(turn + f32::from(corner) * math::TURN / 8.0) * (CHUNK_RADIUS * rough * size)
    };
    scene.polygon((0..8_u8).map(|n| corner(n, 1.08)), ROCK_LIGHT.fade(0.75));
    scene.polygon((0..8_u8).map(|n| corner(n, 0.94)), if chunk.hp > 1 { ROCK } else { ROCK_DARK });
    if chunk.hp == 1 {
        scene.line(corner(1, 0.9), corner(5, 0.5), 1.2, ROCK_LIGHT);
        scene.line(corner(7, 0.8), corner(3, 0.4), 1.0, ROCK_LIGHT);
    }
    scene.circle(corner(2, 0.4), 2.6, ROCK_DARK);
}

/// Each layer is a tile that repeats, shifted by the layer's part of the camera's path. The tile is larger than the
/// view, because a tall or wide screen shows more.
fn draw_stars(center: Vec2, view: Vec2, scene: &mut Scene) {
    let tile = vec2(view.x * 2.0, view.y * 3.4);
    for (layer, (stars, depth, radius, alpha)) in (1_u32..).zip(LAYERS) {
        for star in 0..u32::from(stars) {
            let (x, y) = (scatter(star * 2 + layer * 977), scatter(star * 2 + 1 + layer * 977));
            let place = vec2(x - center.x * depth / tile.x, y - center.y * depth / tile.y);
            let within = vec2(place.x - math::floor(place.x) - 0.5, place.y - math::floor(place.y) - 0.5);
            scene.circle(center + within * tile, radius * 0.8, STAR.fade(alpha));
        }
    }
}

/// A number within 0 to 1 that looks random.
fn scatter(n: u32) -> f32 {
    let mixed = (n.wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0xc2b2_ae35);
    // 16 bits fit a float exactly.
    f32::from(u16::try_from(mixed >> 16).unwrap_or(0)) / 65_536.0
}

fn draw_grid(size: Vec2, scene: &mut Scene) {
    let mut at = GRID_STEP;
    while at < size.x {
        scene.line(vec2(at, 0.0), vec2(at, size.y), 0.7, GRID.fade(0.16));
        if at < size.y {
            scene.line(vec2(0.0, at), vec2(size.x, at), 0.7, GRID.fade(0.16));
        }
        at += GRID_STEP;
    }
}

fn draw_walls(size: Vec2, scene: &mut Scene) {
    let corners = [Vec2::ZERO, vec2(size.x, 0.0), size, vec2(0.0, size.y)];
    for (width, alpha) in [(16.0, 0.07), (8.0, 0.16), (2.6, 0.95)] {
        for (from, to) in corners.into_iter().zip(corners.into_iter().cycle().skip(1)) {
            scene.line(from, to, width, WALL.fade(alpha));
        }
    }
}

/// A rock is round for ships and shots, a little rough to the eye, and lit from the upper left.
fn draw_rock(rock: &Rock, seed: f32, scene: &mut Scene) {
    let edge = |shrink: f32, shift: Vec2| {
        (0..28_u8).map(move |corner| {
            let angle = f32::from(corner) * math::TURN / 28.0;
            let rough = 0.97 + 0.035 * math::sin(angle * 3.0 + seed) + 0.02 * math::sin(angle * 7.0 + seed * 2.3);
            rock.at + shift + math::heading(angle) * (rock.radius * rough * shrink)
        })
    };
    let light = vec2(-0.07, -0.07) * rock.radius;
    scene.circle(rock.at - light * 1.2, rock.radius * 1.05, Color::new(0).fade(0.35));
    scene.polygon(edge(1.0, Vec2::ZERO), ROCK_LIGHT.fade(0.9));
    scene.polygon(edge(0.975, light * -0.25), ROCK_DARK);
    scene.polygon(edge(0.86, light), ROCK.fade(0.55));
    scene.polygon(edge(0.62, light * 2.6), ROCK_LIGHT.fade(0.16));
    for crater in 0..5_u8 {
        let angle = f32::from(crater) * 2.4 + seed * 1.7;
        let far = 0.25 + 0.11 * f32::from(crater);
        let at = rock.at + math::heading(angle) * (rock.radius * far);
        let size = rock.radius * (0.15 - 0.018 * f32::from(crater));
        scene.circle(at + light * 0.35, size, ROCK_LIGHT.fade(0.4));
        scene.circle(at, size, ROCK_DARK);
    }
}
