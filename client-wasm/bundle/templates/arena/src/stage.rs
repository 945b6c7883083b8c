//! The yard on screen, the controls and the sounds. A mine is drawn where its row is: only its
//! owner's machine has one.

use super::robot::{GLOW_TICKS, RELOAD_TICKS};
use super::{
    AWAY_TICKS, CRATES, Drive, HP_MAX, Happening, Mine, RADIUS, Robot, TemplateGame, YARD,
};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Align, Burst, Color, Figure, Pad, Scene, Seat, Stage, Tone, Wave};

const NIGHT: Color = Color::new(0x0a_0d0c);
const FLOOR: Color = Color::new(0x13_1a18);
const CRATE: Color = Color::new(0x39_4a44);
const LID: Color = Color::new(0x4d_635b);
const INK: Color = Color::new(0xf0_f2e8);
const ALARM: Color = Color::new(0xff_5a4d);
/// The part of the yard that every screen shows.
const VIEW: Vec2 = vec2(400.0, 300.0);

impl Stage for TemplateGame {
    const TITLE: &'static str = "Template Game";
    const HINT: &'static str =
        "WASD drive, the mouse aims, click or space shoots, Shift or the right button lays a mine.";
    const TOUCH_HINT: &'static str =
        "The stick drives and aims. Beams hit at once; mines are yours alone.";
    const BUTTONS: &'static [&'static str] = &["Shoot", "Mine"];

    fn controls(pad: &Pad) -> Drive {
        Drive {
            stick: pad.stick,
            aim: pad.aim,
            shoot: pad.button(0),
            mine: pad.button(1),
        }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        let mine = me.and_then(|seat| self.robot(seat));
        let size = if mine.is_some() {
            VIEW
        } else {
            YARD + Vec2::splat(40.0)
        };
        let half = size / 2.0 - Vec2::splat(20.0);
        let camera = mine
            .map_or(YARD / 2.0, |robot| robot.at)
            .clamp(half, YARD - half);
        scene.camera(camera, size);
        scene.background(NIGHT);
        draw_yard(scene);
        self.mines.values().for_each(|mine| draw_mine(mine, scene));
        self.robots
            .values()
            .filter(|robot| robot.hp == 0)
            .for_each(|robot| draw_wreck(robot, scene));
        for robot in self.robots.values().filter(|robot| robot.hp > 0) {
            draw_robot(robot, robot.seat == me, scene);
        }
        self.robots
            .values()
            .for_each(|robot| draw_beam(robot, scene));
        self.draw_words(mine, camera, scene);
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        let robot = self.robot(seat)?;
        let at = (robot.hp > 0).then_some(robot.at);
        Some(Figure {
            at,
            score: i32::from(robot.score),
            color: Color::of_seat(seat),
        })
    }

    fn sound(event: &Happening) -> Option<Tone> {
        let (hz, ms, wave, volume) = match event {
            Happening::Shot(_) => (880.0, 90, Wave::Saw, 0.08),
            Happening::Hit(_) => (220.0, 90, Wave::Square, 0.12),
            Happening::Wreck(_) => (80.0, 500, Wave::Noise, 0.3),
            Happening::Bang { .. } => (60.0, 700, Wave::Noise, 0.45),
            Happening::Laid => (330.0, 120, Wave::Sine, 0.3),
            Happening::Over => (587.0, 800, Wave::Triangle, 0.4),
        };
        Some(Tone {
            hz,
            ms,
            wave,
            volume,
        })
    }

    fn burst(&self, event: &Happening) -> Option<Burst> {
        let at = |seat: Seat| Some(self.robot(seat)?.at);
        let (at, color, sparks, reach) = match *event {
            Happening::Hit(seat) => (at(seat)?, INK, 10, 30.0),
            Happening::Wreck(seat) => (at(seat)?, Color::of_seat(seat), 40, 90.0),
            Happening::Bang { at } => (at, ALARM, 40, 80.0),
            _ => return None,
        };
        Some(Burst {
            at,
            color,
            sparks,
            reach,
            ms: 650,
        })
    }
}

impl TemplateGame {
    fn robot(&self, seat: Seat) -> Option<&Robot> {
        self.robots.values().find(|robot| robot.seat == Some(seat))
    }

    fn draw_words(&self, mine: Option<&Robot>, camera: Vec2, scene: &mut Scene) {
        let seconds = self.left_ticks / 30;
        let clock = format!("{}:{:02}", seconds / 60, seconds % 60);
        let top = camera
            - vec2(
                0.0,
                if mine.is_some() {
                    VIEW.y * 0.4
                } else {
                    YARD.y * 0.5
                },
            );
        scene.text(top, 13.0, Align::Centre, INK.fade(0.8), clock);
        if let Some(robot) = mine {
            let left = match robot.mines {
                1 => "1 mine".to_owned(),
                mines => format!("{mines} mines"),
            };
            scene.text(
                top + vec2(0.0, 15.0),
                9.0,
                Align::Centre,
                INK.fade(0.6),
                left,
            );
            if robot.hp == 0 {
                let back = format!("back in {}", robot.away_ticks / 30 + 1);
                scene.text(camera + vec2(0.0, -40.0), 14.0, Align::Centre, ALARM, back);
            }
        }
        if self.is_over {
            let names = self.winners().filter_map(|robot| robot.seat);
            let names: Vec<&str> = names.map(|seat| scene.name(seat)).collect();
            let words = format!("{} won", names.join(" and "));
            scene.text(camera + vec2(0.0, -70.0), 20.0, Align::Centre, INK, words);
        }
    }
}

fn draw_yard(scene: &mut Scene) {
    scene.rect(YARD / 2.0, YARD + Vec2::splat(8.0), 0.0, CRATE);
    scene.rect(YARD / 2.0, YARD, 0.0, FLOOR);
    let columns = (1..16).map(|n| n as f32 * 40.0);
    let columns = columns.map(|x| (vec2(x, 0.0), vec2(x, YARD.y)));
    let rows = (1..10)
        .map(|n| n as f32 * 40.0)
        .map(|y| (vec2(0.0, y), vec2(YARD.x, y)));
    scene.dashes(0.6, LID.fade(0.25), columns.chain(rows));
    for (middle, half) in CRATES {
        scene.rect(middle + vec2(0.0, 4.0), half * 2.0, 0.0, NIGHT.fade(0.6));
        scene.rect(middle, half * 2.0, 0.0, CRATE);
        scene.rect(middle, half * 2.0 - Vec2::splat(5.0), 0.0, LID);
        scene.rect(middle, half * 2.0 - Vec2::splat(9.0), 0.0, CRATE);
    }
}

fn draw_mine(mine: &Mine, scene: &mut Scene) {
    let color = if mine.arm_ticks == 0 { ALARM } else { INK };
    scene.glow(mine.at, 16.0, color.fade(0.5));
    scene.circle(mine.at, 4.0, color.fade(0.9));
    scene.ring(mine.at, 7.0, 0.8, color.fade(0.5));
}

fn draw_robot(robot: &Robot, is_me: bool, scene: &mut Scene) {
    let Some(seat) = robot.seat else { return };
    let (color, way) = (Color::of_seat(seat), math::heading(robot.gun));
    scene.glow(robot.at, 46.0, color.fade(0.3));
    scene.circle(robot.at + vec2(0.0, 3.0), RADIUS, NIGHT.fade(0.6));
    scene.line(robot.at, robot.at + way * 15.0, 5.0, INK.fade(0.85));
    scene.circle(robot.at, RADIUS, color);
    scene.circle(robot.at, RADIUS * 0.55, NIGHT.fade(0.5));
    scene.circle(robot.at + way * 3.0, 2.6, INK);
    for point in 0..HP_MAX {
        let at = robot.at + vec2((f32::from(point) - 1.0) * 7.0, -17.0);
        scene.circle(
            at,
            2.2,
            color.fade(if point < robot.hp { 1.0 } else { 0.2 }),
        );
    }
    if is_me {
        let loaded = 1.0 - f32::from(robot.reload_ticks) / f32::from(RELOAD_TICKS);
        scene.ring(robot.at, RADIUS + 4.0, 1.0, INK.fade(0.25 + 0.5 * loaded));
    } else {
        let name = scene.name(seat).to_owned();
        scene.text(robot.at + vec2(0.0, -26.0), 7.5, Align::Centre, color, name);
    }
}

fn draw_wreck(robot: &Robot, scene: &mut Scene) {
    let left = f32::from(robot.away_ticks) / f32::from(AWAY_TICKS);
    scene.circle(robot.at, RADIUS * 0.8, CRATE.fade(left));
    scene.ring(robot.at, RADIUS * (2.5 - left), 1.0, ALARM.fade(left * 0.5));
}

fn draw_beam(robot: &Robot, scene: &mut Scene) {
    let Some(seat) = robot.seat.filter(|_| robot.beam_ticks > 0) else {
        return;
    };
    let (color, glow) = (
        Color::of_seat(seat),
        f32::from(robot.beam_ticks) / f32::from(GLOW_TICKS),
    );
    let from = robot.at + math::heading(robot.gun) * 14.0;
    scene.line(from, robot.beam_end, 5.0, color.fade(0.25 * glow));
    scene.line(from, robot.beam_end, 1.8, INK.fade(glow));
    scene.glow(robot.beam_end, 24.0, color.fade(glow));
}
