//! What stands still in the arena: stars at three depths, mist, the floor's grid, walls and rocks.

use super::super::{ROCKS, Rock, WORLD};
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

/// Stars of each layer, and how fast it passes: far, middle, near.
const LAYERS: [(u16, f32, f32, f32); 3] = [(260, 0.12, 0.8, 0.45), (140, 0.25, 1.1, 0.65), (60, 0.45, 1.6, 0.9)];
/// Mist: place, radius, colour.
const MIST: [(Vec2, f32, u32); 5] = [
    (vec2(240.0, 160.0), 430.0, 0x2a_3f8f),
    (vec2(1370.0, 190.0), 380.0, 0x6a_2a6f),
    (vec2(820.0, 540.0), 460.0, 0x1f_5a6f),
    (vec2(220.0, 860.0), 360.0, 0x7a_3a3f),
    (vec2(1400.0, 860.0), 440.0, 0x2f_3f9a),
];

pub(super) fn draw(center: Vec2, view: Vec2, scene: &mut Scene) {
    scene.rect(WORLD / 2.0, WORLD, 0.0, FLOOR);
    for (at, radius, rgb) in MIST {
        scene.glow(at, radius, Color::new(rgb).fade(0.55));
    }
    draw_stars(center, view, scene);
    draw_grid(scene);
    draw_walls(scene);
    for (number, rock) in (0_u8..).zip(&ROCKS) {
        draw_rock(rock, f32::from(number), scene);
    }
}

/// Each layer is a tile that repeats, shifted by its part of the camera's way. The tile is larger than the
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

fn draw_grid(scene: &mut Scene) {
    let mut at = GRID_STEP;
    while at < WORLD.x {
        scene.line(vec2(at, 0.0), vec2(at, WORLD.y), 0.7, GRID.fade(0.16));
        if at < WORLD.y {
            scene.line(vec2(0.0, at), vec2(WORLD.x, at), 0.7, GRID.fade(0.16));
        }
        at += GRID_STEP;
    }
}

fn draw_walls(scene: &mut Scene) {
    let corners = [Vec2::ZERO, vec2(WORLD.x, 0.0), WORLD, vec2(0.0, WORLD.y)];
    for (width, alpha) in [(16.0, 0.07), (8.0, 0.16), (2.6, 0.95)] {
        for (from, to) in corners.into_iter().zip(corners.into_iter().cycle().skip(1)) {
            scene.line(from, to, width, WALL.fade(alpha));
        }
    }
}

/// Round for ships and shots, a little rough to the eye, lit from the upper left.
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
