//! The arena on screen: a camera that follows the player, the objects that move, and the sounds of events.
//!
//! `space` draws the space around the ships, `hud` the texts and the map over it. No state is kept from frame to frame:
//! flames, flashes and wreckage follow from the world as it is, sparks follow from events. An enemy that no radar of
//! the player's team reaches is not drawn; its row is sent all the same, as long as the engine has no topics of that
//! kind.

mod hud;
mod space;

use super::{
    Arena, ArenaEvent, CHARGE_MAX, FLASH_TICKS, HP_MAX, Helm, REBIRTH_TICKS, SHIELD_TICKS, SHIP_RADIUS, SHOT_TICKS,
    Ship, Shot, What,
};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Burst, Color, Figure, Pad, Scene, Seat, Stage, Tone, Wave};

/// The part of the world around the player that every screen shows.
const VIEW: Vec2 = vec2(600.0, 400.0);
/// A tall or wide screen shows up to this many times as much.
const REACH: Vec2 = vec2(1.6, 2.6);
/// The width of the outside that is seen from beside a wall.
const OUTSIDE: f32 = 44.0;
const INK: Color = Color::new(0xef_e9dc);
const ALARM: Color = Color::new(0xff_4a3d);
const CHARGE: Color = Color::new(0xff_e08a);
const FLAME: Color = Color::new(0xff_9a4d);
const STEEL: Color = Color::new(0xcf_e6ff);
const REPAIR: Color = Color::new(0x7d_ffa0);
const VOID: Color = Color::new(0x04_050a);
const BLAST_TICKS: f32 = 30.0;
/// The screen of a destroyed player stays with the blast until this many ticks before the ship comes back.
const TRAVEL_TICKS: f32 = 30.0;

impl Stage for Arena {
    const TITLE: &'static str = "Arena";
    const HINT: &'static str =
        "Two teams. Fly with WASD or arrow keys, aim with the mouse, fire with click or space. Rocks hide you.";
    const TOUCH_HINT: &'static str = "Two teams. Fly with the stick, fire where you fly. Rocks hide you.";
    const BUTTONS: &'static [&'static str] = &["Fire"];

    fn controls(pad: &Pad) -> Helm {
        Helm { stick: pad.stick, aim: pad.aim, fire: pad.button(0) }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        let mine = me.and_then(|seat| self.ship(seat));
        let camera = self.camera(mine);
        scene.camera(camera.center, camera.view);
        scene.background(VOID);
        self.draw_space(mine, &camera, scene);
        self.shots.values().filter(|shot| camera.shows(shot.at)).for_each(|shot| draw_shot(shot, scene));
        for ship in self.ships.values().filter(|ship| camera.shows(ship.at)) {
            match ship.is_flying() {
                true if self.is_shown(mine, ship) => draw_ship(ship, ship.seat == me, scene),
                false if ship.hp == 0 => draw_wreck(ship, scene),
                _ => {}
            }
        }
        self.draw_hud(mine, &camera, scene);
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        let figure =
            |ship: &Ship| Figure { at: Some(ship.at), score: i32::from(ship.score), color: team_color(ship.team) };
        self.ship(seat).map(figure)
    }

    fn sound(event: &ArenaEvent) -> Option<Tone> {
        let (hz, ms, wave, volume) = match event.what {
            What::Shot => (520.0, 70, Wave::Triangle, 0.22),
            What::FarShot => (330.0, 60, Wave::Triangle, 0.07),
            What::Hit => (880.0, 70, Wave::Sine, 0.25),
            What::Hurt => (150.0, 130, Wave::Saw, 0.28),
            What::FarHit => (240.0, 50, Wave::Triangle, 0.06),
            What::Kill => (660.0, 320, Wave::Triangle, 0.4),
            What::Death => (90.0, 700, Wave::Noise, 0.5),
            What::Blast => (120.0, 420, Wave::Noise, 0.18),
            What::Spawn => (440.0, 260, Wave::Sine, 0.3),
            What::Chip => (900.0, 40, Wave::Noise, 0.06),
            What::Crumble => (300.0, 260, Wave::Noise, 0.16),
            What::Repair => (523.0, 240, Wave::Sine, 0.35),
            What::Rapid => (784.0, 240, Wave::Square, 0.16),
            What::Armour => (392.0, 300, Wave::Triangle, 0.4),
            What::Over => (587.0, 900, Wave::Triangle, 0.45),
            What::Begin => (880.0, 500, Wave::Sine, 0.4),
        };
        Some(Tone { hz, ms, wave, volume })
    }

    fn burst(&self, event: &ArenaEvent) -> Option<Burst> {
        let ship = event.who.and_then(|seat| self.ship(seat));
        let tint = ship.map_or(INK, |ship| team_color(ship.team));
        let (color, sparks, reach, ms) = match event.what {
            What::Hit | What::Hurt | What::FarHit => (CHARGE, 9, 46.0, 320),
            What::Kill | What::Death | What::Blast => (tint, 42, 170.0, 900),
            What::Spawn => (tint, 14, 70.0, 500),
            What::Chip => (CHARGE, 5, 26.0, 260),
            What::Crumble => (space::ROCK_LIGHT, 16, 70.0, 620),
            What::Repair => (REPAIR, 16, 60.0, 520),
            What::Rapid => (CHARGE, 16, 60.0, 520),
            What::Armour => (STEEL, 16, 60.0, 520),
            What::Shot | What::FarShot | What::Over | What::Begin => return None,
        };
        Some(Burst { at: ship.map_or(event.at, |ship| ship.at), color, sparks, reach, ms })
    }
}

/// The part of the world that the screen shows.
struct Camera {
    center: Vec2,
    view: Vec2,
}

impl Camera {
    /// Whether a small object there may be on screen.
    fn shows(&self, at: Vec2) -> bool {
        self.shows_around(at, 60.0)
    }

    fn shows_around(&self, at: Vec2, radius: f32) -> bool {
        (at - self.center).abs().cmplt(self.view / 2.0 * REACH + Vec2::splat(radius)).all()
    }
}

impl Arena {
    /// The camera is on the player's ship; for a wreck, on the way to the place where it comes back; for a spectator,
    /// on everything.
    fn camera(&self, mine: Option<&Ship>) -> Camera {
        let Some(ship) = mine else {
            // There is room for the score above the world.
            let above = vec2(0.0, self.size.y * 0.05);
            return Camera { center: (self.size - above) / 2.0, view: self.size + above + Vec2::splat(OUTSIDE) };
        };
        let gone = math::clamp(1.0 - (ship.rebirth_ticks - SHIELD_TICKS) / TRAVEL_TICKS, 0.0, 1.0);
        let home = ship.home.unwrap_or(ship.at);
        let at = if ship.is_flying() { ship.at } else { ship.at.lerp(home, gone * gone * (3.0 - 2.0 * gone)) };
        let low = VIEW / 2.0 - Vec2::splat(OUTSIDE);
        let inside = |at: f32, low: f32, size: f32| math::clamp(at, low, size - low);
        let center = vec2(inside(at.x, low.x, self.size.x), inside(at.y, low.y, self.size.y));
        Camera { center, view: VIEW }
    }

    /// Whether the player may see this ship; a spectator sees all ships.
    fn is_shown(&self, mine: Option<&Ship>, ship: &Ship) -> bool {
        mine.is_none_or(|mine| self.sees(mine.team, ship))
    }
}

const fn team_color(team: u8) -> Color {
    const TEAMS: [Color; 4] =
        [Color::new(0x4d_d8ff), Color::new(0xff_7a59), Color::new(0xb4_f25c), Color::new(0xc3_8bff)];
    TEAMS[team as usize % TEAMS.len()]
}

fn draw_shot(shot: &Shot, scene: &mut Scene) {
    let color = team_color(shot.team);
    // The tail of a shot grows out of the gun.
    let flown = math::min(f32::from(SHOT_TICKS - shot.life_ticks), 1.5);
    scene.line(shot.at - shot.velocity * (flown * 0.9), shot.at, 2.0, color.fade(0.45));
    scene.line(shot.at - shot.velocity * (flown * 0.4), shot.at, 2.6, INK);
    scene.glow(shot.at, 17.0, color.fade(0.85));
}

fn draw_ship(ship: &Ship, is_me: bool, scene: &mut Scene) {
    let color = team_color(ship.team);
    let flash = f32::from(ship.flash_ticks) / f32::from(FLASH_TICKS);
    draw_trail(ship, color, scene);
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
        scene.ring(ship.at, 19.0, 0.8, INK.fade(0.35));
    }
    for plate in 0..ship.plates {
        let angle = ship.nose + (f32::from(plate) - 1.0) * 0.75;
        let [left, right] = [angle - 0.3, angle + 0.3].map(|angle| ship.at + math::heading(angle) * 19.0);
        scene.line(left, right, 2.4, STEEL);
        scene.glow((left + right) / 2.0, 12.0, STEEL.fade(0.6));
    }
    if flash > 0.0 {
        scene.glow(ship.at, 40.0, INK.fade(flash));
        scene.circle(ship.at, SHIP_RADIUS, INK.fade(flash * 0.5));
    }
    if ship.is_shielded() {
        let pulse = 0.5 + 0.3 * math::sin(ship.rebirth_ticks * 0.5);
        // The shield opens up when the ship has just arrived.
        let opening = math::max(ship.rebirth_ticks - SHIELD_TICKS + 10.0, 0.0) * 6.0;
        scene.ring(ship.at, 22.0 + opening, 1.6, color.fade(pulse));
        scene.glow(ship.at, 46.0 + opening, color.fade(0.5 * pulse));
    }
    draw_bars(ship, is_me, scene);
}

/// The path that the ship came, as light that fades: the faster the ship, the longer the trail.
fn draw_trail(ship: &Ship, color: Color, scene: &mut Scene) {
    let aside = math::limit_length(vec2(-ship.velocity.y, ship.velocity.x), 1.0);
    for wing in [-1.0, 1.0] {
        let root = ship.at + aside * (wing * 8.0);
        for (near, far, alpha) in [(1.0, 3.0, 0.3), (3.0, 5.5, 0.17), (5.5, 8.5, 0.08)] {
            scene.line(root - ship.velocity * near, root - ship.velocity * far, 1.6, color.fade(alpha));
        }
    }
}

/// The engine pushes in the direction of the stick; the flames go the other way.
fn draw_flames(ship: &Ship, scene: &mut Scene) {
    let power = ship.push.length();
    if power < 0.1 {
        return;
    }
    let way = -ship.push / power;
    let root = ship.at + way * 7.0;
    // Drawing has no clock: the flicker follows from the place of the ship.
    let flicker = 0.8 + 0.2 * math::sin(ship.at.x * 0.9 + ship.at.y * 1.3);
    let tip = root + way * (26.0 * power * flicker);
    let aside = vec2(-way.y, way.x);
    scene.glow(root + way * 6.0, 28.0 * power, FLAME.fade(0.75));
    scene.polygon([root + aside * 4.6, tip, root - aside * 4.6].into_iter(), FLAME.fade(0.85));
    let middle = root.lerp(tip, 0.6);
    scene.polygon([root + aside * 2.4, middle, root - aside * 2.4].into_iter(), CHARGE);
    scene.glow(tip, 12.0, FLAME.fade(0.5));
}

/// The health bar is drawn for all players; the charge of the gun only for its owner, because no other client knows it.
fn draw_bars(ship: &Ship, is_me: bool, scene: &mut Scene) {
    let hp = f32::from(ship.hp) / f32::from(HP_MAX);
    let tint = if hp < 0.35 { ALARM } else { team_color(ship.team) };
    draw_bar(ship.at + vec2(0.0, -24.0), hp, 3.0, tint, scene);
    if is_me {
        let cost = ship.gun().0;
        let (shots, full) = (ship.charge / cost, CHARGE_MAX / cost);
        let tint = if shots == 0 { ALARM } else { CHARGE };
        let step = 33.6 / f32::from(full);
        for pip in 0..full {
            let at = ship.at + vec2((f32::from(pip) - f32::from(full - 1) / 2.0) * step, 25.0);
            let width = step - 1.2;
            scene.rect(at, vec2(width, 2.6), 0.0, VOID.fade(0.7));
            let part = f32::from(ship.charge.saturating_sub(pip * cost).min(cost)) / f32::from(cost);
            let left = at.x - width / 2.0 * (1.0 - part);
            let alpha = if pip < shots { 1.0 } else { 0.45 };
            scene.rect(vec2(left, at.y), vec2(width * part, 2.6), 0.0, tint.fade(alpha));
        }
    }
}

fn draw_bar(at: Vec2, part: f32, height: f32, color: Color, scene: &mut Scene) {
    const WIDTH: f32 = 32.0;
    scene.rect(at, vec2(WIDTH + 2.0, height + 2.0), 0.0, VOID.fade(0.7));
    let left = at.x - WIDTH / 2.0 * (1.0 - part);
    scene.rect(vec2(left, at.y), vec2(WIDTH * part, height), 0.0, color);
}

/// A ship that has just burst: light and a shock wave; the splinters come from the event.
fn draw_wreck(ship: &Ship, scene: &mut Scene) {
    let age = REBIRTH_TICKS - ship.rebirth_ticks;
    if !(0.0..BLAST_TICKS).contains(&age) {
        return;
    }
    let (part, color) = (age / BLAST_TICKS, team_color(ship.team));
    let left = 1.0 - part;
    let burst = 1.0 - left * left * left;
    scene.ring(ship.at, 8.0 + 96.0 * burst, 5.0 * left, color.fade(0.8 * left));
    scene.ring(ship.at, 4.0 + 60.0 * burst, 2.0 * left, INK.fade(0.6 * left));
    scene.glow(ship.at, 60.0 + 90.0 * burst, FLAME.fade(left));
    scene.glow(ship.at, 40.0, INK.fade(left * left));
}

#[cfg(test)]
mod tests;
