//! The meadow on screen, the controls and the sounds.

use super::{BARK_TICKS, DOGS, Dog, Happening, MEADOW, PEN, PENS, Sheep, TemplateGame, Whistle};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Align, Burst, Color, Figure, Pad, Scene, Seat, Stage, Tone, Wave};

const WOOD: Color = Color::new(0x12_1d14);
const GRASS: Color = Color::new(0x24_4429);
const STRIPE: Color = Color::new(0x29_4d2e);
const WOOL: Color = Color::new(0xf4_f0e4);
const FACE: Color = Color::new(0x2b_2622);
const INK: Color = Color::new(0xfb_f8ee);
/// The part of the meadow that every screen shows.
const VIEW: Vec2 = vec2(540.0, 420.0);

impl Stage for TemplateGame {
    const TITLE: &'static str = "Template Game";
    const HINT: &'static str =
        "Drive the sheep into your corner. WASD or arrow keys run, space barks.";
    const TOUCH_HINT: &'static str =
        "Drive the sheep into your corner: the stick runs, the button barks.";
    const BUTTONS: &'static [&'static str] = &["Bark"];

    fn controls(pad: &Pad) -> Whistle {
        Whistle {
            stick: pad.stick,
            bark: pad.button(0),
        }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        let mine = me.and_then(|seat| self.dogs.get(seat.index()));
        let size = if mine.is_some() {
            VIEW
        } else {
            MEADOW + Vec2::splat(20.0)
        };
        let half = size / 2.0 - Vec2::splat(10.0);
        let center = mine
            .map_or(MEADOW / 2.0, |dog| dog.at)
            .clamp(half, MEADOW - half);
        scene.camera(center, size);
        scene.background(WOOD);
        draw_meadow(scene);
        for (index, dog) in self.dogs.iter().enumerate() {
            draw_pen(index, dog, scene);
        }
        self.sheep
            .values()
            .for_each(|sheep| draw_sheep(sheep, scene));
        for (seat, dog) in Seat::first(DOGS as u8)
            .zip(&self.dogs)
            .filter(|(_, dog)| dog.is_awake)
        {
            draw_dog(dog, seat, me == Some(seat), scene);
        }
        self.draw_words(center - vec2(0.0, half.y - 24.0), scene);
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        let dog = self.dogs.get(seat.index()).filter(|dog| dog.is_awake)?;
        let score = i32::from(dog.score);
        Some(Figure {
            at: Some(dog.at),
            score,
            color: Color::of_seat(seat),
        })
    }

    fn sound(event: &Happening) -> Option<Tone> {
        let (hz, ms, wave, volume) = match event {
            Happening::Bark(_) => (260.0, 110, Wave::Saw, 0.2),
            Happening::Penned { .. } => (620.0, 60, Wave::Sine, 0.15),
            Happening::Over => (523.0, 900, Wave::Triangle, 0.4),
        };
        Some(Tone {
            hz,
            ms,
            wave,
            volume,
        })
    }

    fn burst(&self, event: &Happening) -> Option<Burst> {
        let Happening::Bark(seat) = *event else {
            return None;
        };
        let at = self.dogs.get(seat.index())?.at;
        Some(Burst {
            at,
            color: Color::of_seat(seat),
            sparks: 16,
            reach: 60.0,
            ms: 400,
        })
    }
}

impl TemplateGame {
    fn draw_words(&self, at: Vec2, scene: &mut Scene) {
        let seconds = self.left_ticks / 30;
        let words = if self.is_on {
            format!("{}:{:02}", seconds / 60, seconds % 60)
        } else {
            let leaders = self
                .leaders()
                .filter_map(|index| Seat::first(DOGS as u8).nth(index));
            let names: Vec<&str> = leaders.map(|seat| scene.name(seat)).collect();
            match names.is_empty() {
                true => "The sheep are coming".to_owned(),
                false => format!("{} won", names.join(" and ")),
            }
        };
        scene.text(
            at + vec2(0.7, 0.7),
            18.0,
            Align::Centre,
            FACE.fade(0.7),
            words.clone(),
        );
        scene.text(at, 18.0, Align::Centre, INK, words);
    }
}

fn draw_meadow(scene: &mut Scene) {
    scene.rect(MEADOW / 2.0, MEADOW + Vec2::splat(10.0), 0.0, FACE);
    scene.rect(MEADOW / 2.0, MEADOW, 0.0, GRASS);
    for stripe in 0..10 {
        let x = MEADOW.x * (stripe as f32 + 0.5) / 10.0;
        if stripe % 2 == 0 {
            scene.rect(
                vec2(x, MEADOW.y / 2.0),
                vec2(MEADOW.x / 10.0, MEADOW.y),
                0.0,
                STRIPE,
            );
        }
    }
}

/// The pen of a dog that is awake is in its colour; the others are closed.
fn draw_pen(index: usize, dog: &Dog, scene: &mut Scene) {
    let color = Seat::first(DOGS as u8)
        .nth(index)
        .map_or(INK, Color::of_seat);
    let (corner, alpha) = (PENS[index], if dog.is_awake { 1.0 } else { 0.12 });
    let inward = (MEADOW / 2.0 - corner).signum();
    let arc = |part: u32| corner + inward * math::heading(part as f32 / 48.0 * math::TURN) * PEN;
    scene.polygon(
        (0..=12)
            .map(arc)
            .chain([corner])
            .collect::<Vec<_>>()
            .into_iter(),
        color.fade(0.2 * alpha),
    );
    scene.dashes(
        2.4,
        color.fade(0.8 * alpha),
        (0..12).map(|part| (arc(part), arc(part + 1))),
    );
    if dog.is_awake {
        let at = corner + inward * vec2(PEN * 0.62, PEN * 0.86);
        scene.text(at, 17.0, Align::Centre, color, dog.score.to_string());
    }
}

fn draw_sheep(sheep: &Sheep, scene: &mut Scene) {
    let way = math::limit_length(sheep.velocity * 4.0, 1.0);
    scene.circle(sheep.at + vec2(0.8, 1.8), 4.6, FACE.fade(0.35));
    scene.circle(sheep.at, 4.4, WOOL);
    scene.circle(sheep.at + way * 3.6, 2.1, FACE);
}

fn draw_dog(dog: &Dog, seat: Seat, is_me: bool, scene: &mut Scene) {
    let (color, way) = (Color::of_seat(seat), math::heading(dog.nose));
    let bark = f32::from(dog.bark_ticks.saturating_sub(BARK_TICKS - 12)) / 12.0;
    if bark > 0.0 {
        scene.ring(
            dog.at,
            20.0 + 100.0 * (1.0 - bark),
            2.0,
            INK.fade(0.5 * bark),
        );
    }
    scene.glow(dog.at, 36.0, color.fade(0.35));
    scene.line(dog.at - way * 7.0, dog.at - way * 13.0, 2.4, color);
    scene.line(dog.at - way * 6.0, dog.at + way * 5.0, 9.0, color);
    scene.circle(dog.at + way * 8.0, 4.6, color);
    scene.circle(dog.at + way * 11.0, 1.8, FACE);
    if is_me {
        scene.ring(dog.at, 17.0, 1.0, INK.fade(0.7));
    } else {
        let name = scene.name(seat).to_owned();
        scene.text(
            dog.at + vec2(0.0, -20.0),
            9.0,
            Align::Centre,
            INK.fade(0.8),
            name,
        );
    }
}
