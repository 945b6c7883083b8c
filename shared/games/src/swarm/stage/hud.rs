//! The display over the swarm: scores, the map, the selection, and the winner.

use super::{Camera, INK, MAP, VOID, color_of};
use crate::swarm::hand::MAP_AT;
use crate::swarm::well::GOAL;
use crate::swarm::{ARMIES, Phase, SIZE, Swarm, VIEW, well_at};
use alloc::format;
use alloc::string::ToString;
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Align, Color, Game, Scene};

/// The number of cells of the map in each direction: each cell shows the armies that are there.
const CELLS: usize = 46;
const NAMES: [&str; ARMIES] = ["Cyan", "Coral", "Lime", "Amber", "Violet", "Rose", "Mint", "White"];

impl Swarm {
    pub(super) fn draw_hud(&self, me: Option<usize>, camera: &Camera, scene: &mut Scene) {
        self.draw_scores(me, camera, scene);
        if let Some(me) = me {
            self.draw_map(camera, scene);
            let (living, selected) = self.count(me);
            let words = match selected {
                0 => format!("{living} units"),
                _ => format!("{selected} of {living} selected"),
            };
            let at = camera.center + vec2(MAP + 18.0, 46.0) - VIEW / 2.0;
            scene.text(at, 10.0, Align::Left, color_of(me), words);
        }
        if let Phase::Won { army } = self.phase {
            self.draw_end(army.into(), me, camera, scene);
        }
    }

    /// Each army's score, with its wells above it; below it are bars for its living units and for its way to the goal,
    /// and below all the clock.
    fn draw_scores(&self, me: Option<usize>, camera: &Camera, scene: &mut Scene) {
        let scale = camera.scale;
        // The scores are beside the map for a player; a spectator has no map.
        let left = if me.is_some() { MAP + 14.0 - VIEW.x / 2.0 } else { -140.0 };
        let width = 280.0 / ARMIES as f32;
        let corner = camera.center + vec2(left, 4.0 - VIEW.y / 2.0) * scale;
        let whole = math::max((self.units.len() / ARMIES) as f32, 1.0);
        for (number, army) in self.armies.iter().enumerate() {
            let at = corner + vec2((number as f32 + 0.5) * width, 10.0) * scale;
            let color = color_of(number);
            scene.rect(at + vec2(0.0, 2.0) * scale, vec2(width - 3.0, 22.0) * scale, 0.0, VOID.fade(0.6));
            let ink = if me == Some(number) { INK } else { color };
            scene.text(at, 11.0 * scale, Align::Centre, ink, army.score.to_string());
            let parts = [(8.0, self.count(number).0 as f32 / whole), (11.0, f32::from(army.score) / f32::from(GOAL))];
            for ((down, part), tint) in parts.into_iter().zip([color, INK]) {
                let (part, bar) = (math::min(part, 1.0), vec2(width - 5.0, 1.8) * scale);
                let middle = at + vec2(0.0, down) * scale;
                scene.rect(middle, bar, 0.0, tint.fade(0.2));
                scene.rect(middle - vec2(bar.x * (1.0 - part) / 2.0, 0.0), bar * vec2(part, 1.0), 0.0, tint.fade(0.8));
            }
            let wells = (0..self.wells_of(number)).map(|well| at + vec2(well as f32 * 3.4 - 14.0, -8.0) * scale);
            scene.dots(2.4 * scale, color, wells);
        }
        let seconds = u32::from(self.left_ticks) / Self::RULES.tick_rate_hz;
        let clock = format!("{}:{:02}   first to {GOAL}", seconds / 60, seconds % 60);
        scene.rect(corner + vec2(62.0, 36.0) * scale, vec2(122.0, 25.0) * scale, 0.0, VOID.fade(0.55));
        scene.text(corner + vec2(4.0, 31.0) * scale, 8.0 * scale, Align::Left, INK.fade(0.65), clock);
    }

    /// The map of the world in the upper left corner of the view.
    fn draw_map(&self, camera: &Camera, scene: &mut Scene) {
        let center = camera.center + MAP_AT;
        let place = |at: Vec2| center + (at / SIZE - Vec2::splat(0.5)) * MAP;
        scene.rect(center, Vec2::splat(MAP + 2.0), 0.0, INK.fade(0.35));
        scene.rect(center, Vec2::splat(MAP), 0.0, Color::new(0x0b_0e1a));
        scene.rect(place(camera.center), VIEW / SIZE * MAP, 0.0, INK.fade(0.16));
        for (number, well) in self.wells.iter().enumerate() {
            let color = well.owner.map_or(INK.fade(0.5), |owner| color_of(owner.into()));
            scene.ring(place(well_at(number)), 3.2, 0.9, color);
        }
        let mut cells = [0_u8; CELLS * CELLS];
        let living = self.units.values().enumerate().filter(|(_, unit)| unit.is_alive());
        for (number, unit) in living {
            let column = |at: f32| ((at * (CELLS as f32 / SIZE)) as usize).min(CELLS - 1);
            cells[column(unit.at.y) * CELLS + column(unit.at.x)] |= 1 << (number % ARMIES);
        }
        for army in 0..ARMIES {
            let taken = cells.iter().enumerate().filter(|(_, armies)| *armies >> army & 1 == 1);
            let dot =
                |cell: usize| vec2((cell % CELLS) as f32 + 0.5, (cell / CELLS) as f32 + 0.5) * (SIZE / CELLS as f32);
            scene.dots(1.9, color_of(army), taken.map(|(cell, _)| place(dot(cell))));
        }
    }

    fn draw_end(&self, army: usize, me: Option<usize>, camera: &Camera, scene: &mut Scene) {
        let (scale, color) = (camera.scale, color_of(army));
        let at = camera.center - vec2(0.0, 24.0 * scale);
        scene.rect(camera.center, camera.view * 4.0, 0.0, VOID.fade(0.45));
        scene.glow(at, 190.0 * scale, color.fade(0.5));
        let words = if me == Some(army) { "Victory".to_string() } else { format!("{} wins", NAMES[army % ARMIES]) };
        scene.text(at, 38.0 * scale, Align::Centre, color, words);
        let seconds = u32::from(self.left_ticks).div_ceil(Self::RULES.tick_rate_hz);
        let next = format!("Next round in {seconds}");
        scene.text(at + vec2(0.0, 34.0) * scale, 12.0 * scale, Align::Centre, INK.fade(0.8), next);
    }
}
