//! The display over the arena: score and clock, the map, pointers at ships nearby, and the winner.

use super::{ALARM, CHARGE, Camera, INK, REPAIR, STEEL, VIEW, VOID, space, team_color};
use crate::arena::{Arena, Gift, Phase, SHIELD_TICKS, Ship};
use alloc::format;
use alloc::string::{String, ToString};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Align, Color, Scene};

/// The distance up to which a pointer shows a ship.
const POINTED_AT: f32 = 650.0;
/// The longer side of the map.
const MAP_WIDTH: f32 = 104.0;
const TEAM_NAMES: [&str; 4] = ["Cyan", "Ember", "Lime", "Violet"];

pub(super) const fn gift_color(gift: Gift) -> Color {
    match gift {
        Gift::Repair => REPAIR,
        Gift::Rapid => CHARGE,
        Gift::Armour => STEEL,
    }
}

impl Arena {
    pub(super) fn draw_hud(&self, mine: Option<&Ship>, camera: &Camera, scene: &mut Scene) {
        // A spectator sees more of the world: texts must grow with it.
        let scale = camera.view.y / VIEW.y;
        if let Some(ship) = mine {
            self.draw_pointers(ship, camera.center, scene);
            // On a tall screen the map is above the view, not in the middle of it.
            scene.camera_at_top(camera.center, camera.view);
            self.draw_map(ship, camera.center, scene);
        }
        self.draw_score(mine, camera, scale, scene);
        // The camera goes back to the view, because fingers point into it.
        scene.camera(camera.center, camera.view);
        match self.round.phase {
            Phase::Play => draw_wait(mine, camera, scene),
            Phase::Won { team } => self.draw_end(Some(team), mine, camera, scale, scene),
            Phase::Drawn => self.draw_end(None, mine, camera, scale, scene),
        }
    }

    /// Each team's kills and its progress towards the goal, with the clock between the teams.
    fn draw_score(&self, mine: Option<&Ship>, camera: &Camera, scale: f32, scene: &mut Scene) {
        let top = camera.center + vec2(0.0, 14.0 * scale - camera.view.y / 2.0);
        let plate = |at: Vec2, scene: &mut Scene| scene.rect(at, vec2(40.0, 17.0) * scale, 0.0, VOID.fade(0.45));
        let seconds = self.round.left_seconds;
        let is_short = seconds <= 20 && !self.round.is_over();
        let clock = format!("{}:{:02}", seconds / 60, seconds % 60);
        plate(top, scene);
        scene.text(top, 12.0 * scale, Align::Centre, if is_short { ALARM } else { INK.fade(0.85) }, clock);
        let teams = self.round.teams;
        for team in 0..teams {
            // Half of the teams are on each side of the clock.
            let half = teams.div_ceil(2);
            let (side, place) = if team < half { (-1.0, half - 1 - team) } else { (1.0, team - half) };
            let at = top + vec2(side * (42.0 + 42.0 * f32::from(place)), 0.0) * scale;
            let below = at + vec2(0.0, 9.5) * scale;
            let color = team_color(team);
            let score = self.round.scores[usize::from(team)];
            let part = math::min(f32::from(score) / f32::from(self.round.goal.max(1)), 1.0);
            let bar = vec2(40.0, 2.0) * scale;
            plate(at, scene);
            scene.rect(below, bar, 0.0, color.fade(0.25));
            scene.rect(below - vec2(bar.x * (1.0 - part) / 2.0, 0.0), bar * vec2(part, 1.0), 0.0, color);
            scene.text(at, 14.0 * scale, Align::Centre, color, score.to_string());
            if mine.is_some_and(|ship| ship.team == team) {
                scene.circle(at - vec2(14.0, 0.0) * scale, 2.0 * scale, INK);
            }
        }
    }

    /// Points at ships not far beyond the edge of the screen.
    fn draw_pointers(&self, mine: &Ship, center: Vec2, scene: &mut Scene) {
        let edge = VIEW / 2.0 - Vec2::splat(13.0);
        for ship in self.ships.values().filter(|ship| ship.is_flying() && ship.seat != mine.seat) {
            let off = ship.at - center;
            let beyond = math::max(off.x.abs() / edge.x, off.y.abs() / edge.y);
            let near = 1.0 - off.length() / POINTED_AT;
            if beyond <= 1.05 || near <= 0.0 || !self.sees(mine.team, ship) {
                continue;
            }
            let way = math::limit_length(off, 1.0);
            let (tip, aside) = (center + off / beyond, vec2(-way.y, way.x));
            let corners = [tip + way * 6.0, tip - way * 5.0 + aside * 5.0, tip - way * 5.0 - aside * 5.0];
            scene.polygon(corners.into_iter(), team_color(ship.team).fade(math::min(0.2 + near, 0.9)));
        }
    }

    /// The map of the world in the upper left corner: it shows the ships on the team's radar.
    fn draw_map(&self, mine: &Ship, center: Vec2, scene: &mut Scene) {
        let scale = MAP_WIDTH / math::max(self.size.x, 1.0);
        let size = self.size * scale;
        let corner = center - VIEW / 2.0 + Vec2::splat(10.0);
        let place = |at: Vec2| corner + at * scale;
        scene.rect(corner + size / 2.0, size + Vec2::splat(3.0), 0.0, INK.fade(0.28));
        scene.rect(corner + size / 2.0, size + Vec2::splat(2.0), 0.0, VOID.fade(0.9));
        scene.rect(place(center), VIEW * scale, 0.0, INK.fade(0.09));
        for rock in self.rocks.values() {
            scene.circle(place(rock.at), rock.radius * scale, space::ROCK_LIGHT.fade(0.55));
        }
        for item in self.items.values().filter(|item| item.is_there) {
            scene.rect(place(item.at), Vec2::splat(2.0), 0.0, gift_color(item.gift).fade(0.8));
        }
        for ship in self.ships.values().filter(|ship| ship.is_flying() && self.sees(mine.team, ship)) {
            scene.circle(place(ship.at), 1.8, team_color(ship.team));
            if ship.seat == mine.seat {
                scene.ring(place(ship.at), 4.0, 0.9, INK);
            }
        }
    }

    /// The winner of the round, in a burst of light.
    fn draw_end(&self, team: Option<u8>, mine: Option<&Ship>, camera: &Camera, scale: f32, scene: &mut Scene) {
        let at = camera.center + vec2(0.0, -62.0 * scale);
        let color = team.map_or(INK, team_color);
        scene.rect(camera.center, camera.view * 4.0, 0.0, VOID.fade(0.35));
        scene.glow(at, 230.0 * scale, color.fade(0.5));
        for ray in 0..28_u8 {
            let angle = f32::from(ray) * math::TURN / 28.0;
            let (long, way) = (f32::from(ray % 2) * 26.0, math::heading(angle) * vec2(1.9, 1.0));
            scene.line(at + way * (62.0 * scale), at + way * ((78.0 + long) * scale), 1.6 * scale, color.fade(0.5));
        }
        let name = team.and_then(|team| TEAM_NAMES.get(usize::from(team))).unwrap_or(&"Nobody");
        let words = match (team, mine.map(|ship| ship.team)) {
            (None, _) => "A draw".to_string(),
            (Some(team), Some(mine)) if team == mine => "Victory".to_string(),
            _ => format!("{name} wins"),
        };
        scene.text(at, 40.0 * scale, Align::Centre, color, words);
        let own = self.best_pilot(mine, scene);
        scene.text(at + vec2(0.0, 34.0) * scale, 15.0 * scale, Align::Centre, INK, own);
        let next = format!("Next round in {}", self.round.left_seconds);
        scene.text(at + vec2(0.0, 56.0) * scale, 12.0 * scale, Align::Centre, INK.fade(0.7), next);
    }

    /// The best pilot by name, and the points of this player.
    fn best_pilot(&self, mine: Option<&Ship>, scene: &Scene) -> String {
        let best = self.ships.values().map(|ship| ship.score).max().unwrap_or(0);
        if let Some(ship) = mine.filter(|ship| ship.score == best && best > 0) {
            return format!("Best pilot: you, with {}", ship.score);
        }
        let pilot = self.ships.values().find(|ship| ship.score == best && best > 0).and_then(|ship| ship.seat);
        let name = pilot.map_or("", |seat| scene.name(seat));
        let words = if name.is_empty() { format!("Best pilot: {best}") } else { format!("Best pilot: {name}, {best}") };
        match mine {
            Some(ship) => format!("You: {}   {words}", ship.score),
            None => words,
        }
    }
}

/// The seconds until a wreck is back.
fn draw_wait(mine: Option<&Ship>, camera: &Camera, scene: &mut Scene) {
    if let Some(ship) = mine.filter(|ship| !ship.is_flying()) {
        let seconds = math::ceil((ship.rebirth_ticks - SHIELD_TICKS) / 30.0) as u8;
        let at = camera.center + vec2(0.0, VIEW.y * 0.36);
        scene.text(at, 20.0, Align::Centre, INK.fade(0.9), format!("Back in {seconds}"));
    }
}
