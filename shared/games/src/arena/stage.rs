//! The arena on screen: a camera that follows the player, space with some depth, and what is at stake.
//!
//! `space` draws what stands still, this file what moves. Nothing is remembered from frame to frame: flames,
//! flashes and wreckage follow from the world as it is.

mod space;

use super::{
    Arena, CHARGE_MAX, FLASH_TICKS, HP_MAX, Helm, REBIRTH_TICKS, ROCKS, SHIELD_TICKS, SHIP_RADIUS, SHOT_CHARGE,
    SHOT_TICKS, Ship, Shot, Sound, WORLD,
};
use alloc::format;
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Align, Color, Figure, Pad, Scene, Seat, Stage, Tone, Wave};

/// The part of the world around the player that every screen shows.
const VIEW: Vec2 = vec2(560.0, 380.0);
/// So much of the outside is seen from beside a wall.
const OUTSIDE: f32 = 44.0;
const INK: Color = Color::new(0xef_e9dc);
const ALARM: Color = Color::new(0xff_4a3d);
const CHARGE: Color = Color::new(0xff_e08a);
const FLAME: Color = Color::new(0xff_9a4d);
const VOID: Color = Color::new(0x04_050a);
const BLAST_TICKS: f32 = 30.0;
/// How far away a ship is pointed at.
const POINTED_AT: f32 = 650.0;

impl Stage for Arena {
    const TITLE: &'static str = "Arena";
    const HINT: &'static str = "Fly with WASD or arrow keys, aim with the mouse, fire with click or space.";
    const BUTTONS: &'static [&'static str] = &["Fire"];

    fn controls(pad: &Pad) -> Helm {
        Helm { stick: pad.stick, aim: pad.aim, fire: pad.button(0) }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        let mine = me.and_then(|seat| self.ship(seat));
        let (center, view) = mine.map_or((WORLD / 2.0, WORLD + Vec2::splat(OUTSIDE)), |ship| (camera(ship), VIEW));
        scene.camera(center, view);
        scene.background(VOID);
        space::draw(center, view, scene);
        self.shots.values().for_each(|shot| draw_shot(shot, scene));
        for ship in self.ships.values() {
            match ship.is_flying() {
                true => draw_ship(ship, ship.seat == me, scene),
                false => draw_wreck(ship, scene),
            }
        }
        if let Some(ship) = mine {
            self.draw_pointers(ship, center, scene);
            self.draw_map(ship, center, scene);
            draw_message(ship, center, scene);
        }
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        self.ship(seat).map(|ship| Figure { at: ship.at, score: i32::from(ship.score) })
    }

    fn sound(event: &Sound) -> Option<Tone> {
        let (hz, ms, wave, volume) = match event {
            Sound::Shot => (520.0, 70, Wave::Triangle, 0.22),
            Sound::FarShot => (330.0, 60, Wave::Triangle, 0.07),
            Sound::Hit => (880.0, 70, Wave::Sine, 0.25),
            Sound::Hurt => (150.0, 130, Wave::Saw, 0.28),
            Sound::FarHit => (240.0, 50, Wave::Triangle, 0.06),
            Sound::Kill => (660.0, 320, Wave::Triangle, 0.4),
            Sound::Death => (90.0, 700, Wave::Noise, 0.5),
            Sound::Blast => (120.0, 420, Wave::Noise, 0.18),
            Sound::Spawn => (440.0, 260, Wave::Sine, 0.3),
        };
        Some(Tone { hz, ms, wave, volume })
    }
}

/// The middle of the screen: the ship; of a wreck, the way to where it comes back.
fn camera(ship: &Ship) -> Vec2 {
    let left = math::clamp((ship.rebirth_ticks - SHIELD_TICKS) / (REBIRTH_TICKS - SHIELD_TICKS), 0.0, 1.0);
    // Stays with the blast for a while, then leaves and arrives gently.
    let gone = math::clamp((1.0 - left) * 1.5 - 0.5, 0.0, 1.0);
    let home = ship.home.unwrap_or(ship.at);
    let at = if ship.is_flying() { ship.at } else { ship.at.lerp(home, gone * gone * (3.0 - 2.0 * gone)) };
    let low = VIEW / 2.0 - Vec2::splat(OUTSIDE);
    vec2(math::clamp(at.x, low.x, WORLD.x - low.x), math::clamp(at.y, low.y, WORLD.y - low.y))
}

fn color(seat: Option<Seat>) -> Color {
    seat.map_or(INK, Color::of_seat)
}

fn draw_shot(shot: &Shot, scene: &mut Scene) {
    let color = color(shot.seat);
    // Its tail grows out of the gun.
    let flown = math::min(f32::from(SHOT_TICKS - shot.life_ticks), 1.5);
    scene.line(shot.at - shot.velocity * (flown * 0.9), shot.at, 2.0, color.fade(0.45));
    scene.line(shot.at - shot.velocity * (flown * 0.4), shot.at, 2.6, INK);
    scene.glow(shot.at, 17.0, color.fade(0.85));
}

fn draw_ship(ship: &Ship, is_me: bool, scene: &mut Scene) {
    let color = color(ship.seat);
    let flash = f32::from(ship.flash_ticks) / f32::from(FLASH_TICKS);
    scene.glow(ship.at, 52.0, color.fade(0.28));
    draw_flames(ship, scene);
    let (way, aside) = (math::heading(ship.nose), math::heading(ship.nose + math::TURN / 4.0));
    let place = |(along, across): (f32, f32)| ship.at + way * along + aside * across;
    const HULL: [(f32, f32); 6] = [(17.0, 0.0), (-4.0, 8.0), (-12.0, 11.5), (-7.0, 0.0), (-12.0, -11.5), (-4.0, -8.0)];
    scene.polygon(HULL.into_iter().map(place), color);
    const DECK: [(f32, f32); 4] = [(9.0, 0.0), (-3.0, 4.6), (-4.5, 0.0), (-3.0, -4.6)];
    scene.polygon(DECK.into_iter().map(place), VOID.fade(0.75));
    for side in [-1.0, 1.0] {
        scene.line(place((15.0, side * 0.6)), place((-11.0, side * 10.6)), 1.1, INK.fade(0.55));
    }
    if is_me {
        scene.circle(ship.at, 2.4, INK);
    }
    if flash > 0.0 {
        scene.glow(ship.at, 40.0, INK.fade(flash));
        scene.circle(ship.at, SHIP_RADIUS, INK.fade(flash * 0.5));
    }
    if ship.is_shielded() {
        let pulse = 0.5 + 0.3 * math::sin(ship.rebirth_ticks * 0.5);
        // It opens up when the ship has just arrived.
        let opening = math::max(ship.rebirth_ticks - SHIELD_TICKS + 10.0, 0.0) * 6.0;
        scene.ring(ship.at, 22.0 + opening, 1.6, color.fade(pulse));
        scene.glow(ship.at, 46.0 + opening, color.fade(0.5 * pulse));
    }
    draw_bars(ship, is_me, scene);
}

/// The engine pushes where the stick says; the flames go the other way.
fn draw_flames(ship: &Ship, scene: &mut Scene) {
    let power = ship.push.length();
    if power < 0.1 {
        return;
    }
    let way = -ship.push / power;
    let root = ship.at + way * 7.0;
    // No clock here: what flickers is the place.
    let flicker = 0.8 + 0.2 * math::sin(ship.at.x * 0.9 + ship.at.y * 1.3);
    let tip = root + way * (26.0 * power * flicker);
    let aside = vec2(-way.y, way.x);
    scene.glow(root + way * 6.0, 28.0 * power, FLAME.fade(0.75));
    scene.polygon([root + aside * 4.6, tip, root - aside * 4.6].into_iter(), FLAME.fade(0.85));
    let middle = root.lerp(tip, 0.6);
    scene.polygon([root + aside * 2.4, middle, root - aside * 2.4].into_iter(), CHARGE);
    scene.glow(tip, 12.0, FLAME.fade(0.5));
}

/// Health for everyone to see; what the gun has left only for its owner, who alone knows.
fn draw_bars(ship: &Ship, is_me: bool, scene: &mut Scene) {
    let hp = f32::from(ship.hp) / f32::from(HP_MAX);
    let tint = if hp < 0.35 { ALARM } else { color(ship.seat) };
    draw_bar(ship.at + vec2(0.0, -24.0), hp, 3.0, tint, scene);
    if is_me {
        let shots = ship.charge / SHOT_CHARGE;
        let full = CHARGE_MAX / SHOT_CHARGE;
        let tint = if shots == 0 { ALARM } else { CHARGE };
        for pip in 0..full {
            let at = ship.at + vec2((f32::from(pip) - f32::from(full - 1) / 2.0) * 5.6, 25.0);
            scene.rect(at, vec2(4.4, 2.6), 0.0, VOID.fade(0.7));
            let part =
                f32::from(ship.charge.saturating_sub(pip * SHOT_CHARGE).min(SHOT_CHARGE)) / f32::from(SHOT_CHARGE);
            let left = at.x - 2.2 * (1.0 - part);
            scene.rect(vec2(left, at.y), vec2(4.4 * part, 2.6), 0.0, tint.fade(if pip < shots { 1.0 } else { 0.45 }));
        }
    }
}

fn draw_bar(at: Vec2, part: f32, height: f32, color: Color, scene: &mut Scene) {
    const WIDTH: f32 = 32.0;
    scene.rect(at, vec2(WIDTH + 2.0, height + 2.0), 0.0, VOID.fade(0.7));
    let left = at.x - WIDTH / 2.0 * (1.0 - part);
    scene.rect(vec2(left, at.y), vec2(WIDTH * part, height), 0.0, color);
}

/// A ship that has just burst: light, a shock wave, splinters.
fn draw_wreck(ship: &Ship, scene: &mut Scene) {
    let age = REBIRTH_TICKS - ship.rebirth_ticks;
    if !(0.0..BLAST_TICKS).contains(&age) {
        return;
    }
    let (part, color) = (age / BLAST_TICKS, color(ship.seat));
    let left = 1.0 - part;
    let burst = 1.0 - left * left * left;
    scene.ring(ship.at, 8.0 + 96.0 * burst, 5.0 * left, color.fade(0.8 * left));
    scene.ring(ship.at, 4.0 + 60.0 * burst, 2.0 * left, INK.fade(0.6 * left));
    scene.glow(ship.at, 60.0 + 90.0 * burst, FLAME.fade(left));
    scene.glow(ship.at, 40.0, INK.fade(left * left));
    for splinter in 0..18_u8 {
        let seed = f32::from(splinter) * 2.399 + ship.nose;
        let speed = 0.45 + 0.55 * math::sin(seed * 7.7).abs();
        let way = math::heading(seed);
        let tip = ship.at + way * (10.0 + 120.0 * burst * speed);
        let tint = if splinter % 3 == 0 { FLAME } else { color };
        scene.line(tip - way * (16.0 * left * speed), tip, 2.2 * left + 0.4, tint.fade(left));
    }
}

fn draw_message(ship: &Ship, center: Vec2, scene: &mut Scene) {
    if ship.is_flying() {
        return;
    }
    let seconds = math::ceil((ship.rebirth_ticks - SHIELD_TICKS) / 30.0) as u8;
    let at = center + vec2(0.0, VIEW.y * 0.36);
    scene.text(at, 20.0, Align::Centre, INK.fade(0.9), format!("Back in {seconds}"));
}

impl Arena {
    /// Points at ships not far beyond the edge of the screen.
    fn draw_pointers(&self, mine: &Ship, center: Vec2, scene: &mut Scene) {
        let edge = VIEW / 2.0 - Vec2::splat(13.0);
        for ship in self.ships.values().filter(|ship| ship.is_flying() && ship.seat != mine.seat) {
            let off = ship.at - center;
            let beyond = math::max(off.x.abs() / edge.x, off.y.abs() / edge.y);
            let near = 1.0 - off.length() / POINTED_AT;
            if beyond <= 1.05 || near <= 0.0 {
                continue;
            }
            let way = math::limit_length(off, 1.0);
            let (tip, aside) = (center + off / beyond, vec2(-way.y, way.x));
            let corners = [tip + way * 6.0, tip - way * 5.0 + aside * 5.0, tip - way * 5.0 - aside * 5.0];
            scene.polygon(corners.into_iter(), color(ship.seat).fade(math::min(0.2 + near, 0.9)));
        }
    }

    /// The whole world, small, in the upper left corner.
    fn draw_map(&self, mine: &Ship, center: Vec2, scene: &mut Scene) {
        const SCALE: f32 = 0.056;
        let size = WORLD * SCALE;
        let corner = center - VIEW / 2.0 + Vec2::splat(10.0);
        let place = |at: Vec2| corner + at * SCALE;
        scene.rect(corner + size / 2.0, size + Vec2::splat(3.0), 0.0, INK.fade(0.28));
        scene.rect(corner + size / 2.0, size + Vec2::splat(2.0), 0.0, VOID.fade(0.9));
        scene.rect(place(center), VIEW * SCALE, 0.0, INK.fade(0.07));
        for rock in &ROCKS {
            scene.circle(place(rock.at), rock.radius * SCALE, space::ROCK_LIGHT.fade(0.8));
        }
        for ship in self.ships.values().filter(|ship| ship.is_flying()) {
            scene.circle(place(ship.at), 1.9, color(ship.seat));
            if ship.seat == mine.seat {
                scene.ring(place(ship.at), 4.0, 0.9, INK);
            }
        }
    }
}
