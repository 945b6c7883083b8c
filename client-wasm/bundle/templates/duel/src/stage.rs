//! The ring on screen, the controls and the sounds.
//!
//! Everything is drawn from the world as it is: no state is kept from frame to frame.

use super::{CHEER_TICKS, DASH_TICKS, Disc, FALL_TICKS, Happening, POINTS_TO_WIN, Push, RADIUS};
use super::{READY_TICKS, RING, TemplateGame};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Align, Burst, Color, Figure, Pad, Scene, Seat, Stage, Tone, Wave};

const NIGHT: Color = Color::new(0x0c_0b14);
const ICE: Color = Color::new(0x1c_2740);
const FROST: Color = Color::new(0x8f_b8ff);
const INK: Color = Color::new(0xf2_efe6);

impl Stage for TemplateGame {
    const TITLE: &'static str = "Template Game";
    const HINT: &'static str =
        "Push the other disc off the ring. WASD or arrow keys move, space dashes.";
    const TOUCH_HINT: &'static str =
        "Push the other disc off the ring: the stick moves, the button dashes.";
    const BUTTONS: &'static [&'static str] = &["Dash"];

    fn controls(pad: &Pad) -> Push {
        Push {
            stick: pad.stick,
            dash: pad.button(0),
        }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        scene.camera_at_top(vec2(0.0, -12.0), vec2(250.0, 270.0));
        scene.background(NIGHT);
        self.draw_ring(scene);
        // Discs that fall are below the others.
        let (standing, falling): (Vec<&Disc>, Vec<&Disc>) =
            self.discs.iter().partition(|disc| disc.fall_ticks == 0);
        for disc in falling.into_iter().chain(standing) {
            draw_disc(disc, me, scene);
        }
        self.draw_scores(scene);
        self.draw_words(me, scene);
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        let disc = self
            .discs
            .get(seat.index())
            .filter(|disc| disc.seat.is_some())?;
        let score = i32::from(disc.score);
        Some(Figure {
            at: Some(disc.at),
            score,
            color: Color::of_seat(seat),
        })
    }

    fn sound(event: &Happening) -> Option<Tone> {
        let (hz, ms, wave, volume) = match event {
            Happening::Clash { .. } => (180.0, 90, Wave::Triangle, 0.5),
            Happening::Dash(_) => (420.0, 120, Wave::Noise, 0.12),
            Happening::Fall(_) => (90.0, 500, Wave::Saw, 0.2),
            Happening::Point => (523.0, 260, Wave::Sine, 0.4),
            Happening::Win => (784.0, 700, Wave::Triangle, 0.4),
        };
        Some(Tone {
            hz,
            ms,
            wave,
            volume,
        })
    }

    fn burst(&self, event: &Happening) -> Option<Burst> {
        match *event {
            Happening::Clash { at } => Some(Burst {
                at,
                color: INK,
                sparks: 18,
                reach: 34.0,
                ms: 420,
            }),
            Happening::Fall(seat) => {
                let (at, color) = (self.discs.get(seat.index())?.at, Color::of_seat(seat));
                Some(Burst {
                    at,
                    color,
                    sparks: 24,
                    reach: 50.0,
                    ms: 700,
                })
            }
            _ => None,
        }
    }
}

impl TemplateGame {
    fn draw_ring(&self, scene: &mut Scene) {
        scene.glow(Vec2::ZERO, self.ring * 1.9, FROST.fade(0.16));
        scene.ring(Vec2::ZERO, RING, 0.6, FROST.fade(0.15));
        scene.circle(vec2(0.0, 5.0), self.ring, Color::new(0x0f_1626));
        scene.circle(Vec2::ZERO, self.ring, ICE);
        for part in [0.75, 0.5, 0.25] {
            scene.ring(Vec2::ZERO, self.ring * part, 0.5, FROST.fade(0.12));
        }
        scene.ring(Vec2::ZERO, self.ring, 1.6, FROST.fade(0.8));
    }

    /// A row of lamps for each player, lit from the outside.
    fn draw_scores(&self, scene: &mut Scene) {
        for (disc, side) in self.discs.iter().zip([-1.0, 1.0]) {
            let Some(seat) = disc.seat else { continue };
            let color = Color::of_seat(seat);
            for point in 0..POINTS_TO_WIN {
                let at = vec2(side * (104.0 - 11.0 * f32::from(point)), -128.0);
                scene.circle(
                    at,
                    3.6,
                    color.fade(if point < disc.score { 1.0 } else { 0.16 }),
                );
            }
            let name = scene.name(seat).to_owned();
            let align = if side < 0.0 {
                Align::Left
            } else {
                Align::Right
            };
            scene.text(vec2(side * 108.0, -115.0), 9.0, align, INK.fade(0.75), name);
        }
    }

    fn draw_words(&self, me: Option<Seat>, scene: &mut Scene) {
        let seats = self.discs.iter().filter_map(|disc| disc.seat).count();
        let words = match (self.winner(), self.pause_ticks) {
            (Some(winner), _) if me == Some(winner) => "You win!".to_owned(),
            (Some(winner), _) => format!("{} wins", scene.name(winner)),
            _ if seats < 2 => "Waiting for somebody to push".to_owned(),
            (None, ticks) if ticks > READY_TICKS / 3 => "Ready".to_owned(),
            (None, ticks) if ticks > 0 => "Push!".to_owned(),
            _ => return,
        };
        let size = if self.pause_ticks > READY_TICKS || self.winner().is_some() {
            24.0
        } else {
            16.0
        };
        let swing = math::sin(f32::from(self.pause_ticks % CHEER_TICKS) * 0.06) * 2.0;
        scene.text(vec2(0.0, -40.0 + swing), size, Align::Centre, INK, words);
    }
}

fn draw_disc(disc: &Disc, me: Option<Seat>, scene: &mut Scene) {
    let Some(seat) = disc.seat else { return };
    let color = Color::of_seat(seat);
    let left = 1.0 - f32::from(disc.fall_ticks.min(FALL_TICKS)) / f32::from(FALL_TICKS);
    let radius = RADIUS * (0.35 + 0.65 * left);
    for (age, alpha) in [(3.0, 0.22), (6.0, 0.13), (9.0, 0.06)] {
        scene.circle(
            disc.at - disc.velocity * age,
            radius * 0.85,
            color.fade(alpha * left),
        );
    }
    scene.glow(disc.at, radius * 3.4, color.fade(0.4 * left));
    scene.circle(disc.at + vec2(0.0, 2.0), radius, NIGHT.fade(0.6 * left));
    scene.circle(disc.at, radius, color.fade(left));
    scene.circle(disc.at, radius * 0.6, NIGHT.fade(0.35 * left));
    // The dash: a ring that closes while it charges.
    let charge = 1.0 - f32::from(disc.dash_ticks) / f32::from(DASH_TICKS);
    scene.circle(disc.at, radius * 0.5 * charge, INK.fade(0.9 * left));
    if me == Some(seat) {
        scene.ring(disc.at, radius + 3.0, 1.0, INK.fade(0.7 * left));
    }
}
