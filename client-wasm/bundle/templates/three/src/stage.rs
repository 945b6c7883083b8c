//! The part of the game that every page needs: names, controls, sounds, and a plain picture of the world for
//! pages other than the one in `web/`.

use super::{Happening, ISLAND, RADIUS, Roll, TOP, TemplateGame};
use tickwire::math::Vec2;
use tickwire::{Color, Figure, Pad, Scene, Seat, Stage, Tone, Wave};

impl Stage for TemplateGame {
    const TITLE: &'static str = "Template Game";
    const HINT: &'static str =
        "Stay alone on top of the hill. WASD or arrow keys roll, space boosts.";
    const TOUCH_HINT: &'static str =
        "Stay alone on top of the hill: the stick rolls, the button boosts.";
    const BUTTONS: &'static [&'static str] = &["Boost"];

    fn controls(pad: &Pad) -> Roll {
        Roll {
            stick: pad.stick,
            boost: pad.button(0),
        }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        scene.camera(Vec2::ZERO, Vec2::splat(ISLAND * 2.3));
        scene.background(Color::new(0x10_1a2c));
        scene.circle(Vec2::ZERO, ISLAND, Color::new(0x3f_7a4a));
        scene.ring(Vec2::ZERO, TOP, 1.0, Color::new(0xff_cf4a));
        for marble in self
            .marbles
            .values()
            .filter(|marble| marble.fall_ticks < 20.0)
        {
            let Some(seat) = marble.seat else { continue };
            scene.circle(marble.at, RADIUS, Color::of_seat(seat));
            if me == Some(seat) {
                scene.ring(marble.at, RADIUS + 2.0, 1.0, Color::new(0xff_ffff));
            }
        }
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        let marble = self
            .marbles
            .values()
            .find(|marble| marble.seat == Some(seat))?;
        let at = (marble.fall_ticks == 0.0).then_some(marble.at);
        Some(Figure {
            at,
            score: i32::from(marble.score),
            color: Color::of_seat(seat),
        })
    }

    fn sound(event: &Happening) -> Option<Tone> {
        let (hz, ms, wave, volume) = match event {
            Happening::Clack => (700.0, 40, Wave::Triangle, 0.35),
            Happening::Boost(_) => (300.0, 160, Wave::Noise, 0.12),
            Happening::Fall(_) => (110.0, 600, Wave::Saw, 0.15),
            Happening::Point(_) => (880.0, 90, Wave::Sine, 0.25),
            Happening::Win(_) => (523.0, 900, Wave::Triangle, 0.4),
        };
        Some(Tone {
            hz,
            ms,
            wave,
            volume,
        })
    }
}
