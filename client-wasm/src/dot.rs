//! The smallest game, for the tests of this crate: dots that walk and jump.

use tickwire::math::{Vec2, vec2};
use tickwire::{
    Align, Burst, Color, Event, Figure, Game, Input, Leave, Pad, Rng, Rules, Scene, Seat, Stage, State, Step, To,
};
use tickwire::{Tone, Wave};

/// Four places, each taken or free.
#[derive(State, Clone, Default)]
pub(crate) struct Dot {
    dots: [Walker; 4],
}

#[derive(State, Clone, Default)]
struct Walker {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = -100.0..=100.0, step = 0.125, smooth)]
    at: Vec2,
    jumps: u8,
}

#[derive(Input, Clone, Copy, Default, PartialEq)]
pub(crate) struct Walk {
    #[input(range = -1..=1)]
    x: i8,
    #[input(once)]
    jump: bool,
}

#[derive(Event, Clone, Copy, PartialEq)]
pub(crate) enum Noise {
    Jump,
}

impl Game for Dot {
    type Input = Walk;
    type Event = Noise;
    type Options = ();
    const RULES: Rules = Rules::new("dot", 50).seats(4).bots(3);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        self.dots[seat.index()].seat = Some(seat);
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.dots[seat.index()] = Walker::default();
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        for seat in tick.seats() {
            let input = tick.input(seat);
            let dot = &mut self.dots[seat.index()];
            dot.at.x += f32::from(input.x);
            if input.jump {
                dot.jumps = dot.jumps.wrapping_add(1);
                tick.emit(To::Everyone, Noise::Jump);
            }
        }
    }

    fn bot(&self, _: Seat, dice: &mut Rng) -> Walk {
        Walk { x: i8::try_from(dice.between(-1, 1)).unwrap(), jump: dice.one_in(9) }
    }
}

impl Stage for Dot {
    const TITLE: &'static str = "Dot";
    const HINT: &'static str = "Arrows, space jumps";
    const BUTTONS: &'static [&'static str] = &["Jump"];

    fn controls(pad: &Pad) -> Walk {
        Walk { x: if pad.stick.x > 0.0 { 1 } else { 0 }, jump: pad.button(0) }
    }

    fn draw(&self, me: Option<Seat>, scene: &mut Scene) {
        scene.camera(Vec2::ZERO, vec2(200.0, 100.0));
        for dot in &self.dots {
            if let Some(seat) = dot.seat {
                let radius = if me == Some(seat) { 3.0 } else { 2.0 };
                scene.circle(dot.at, radius, Color::of_seat(seat));
                let name = scene.name(seat).to_owned();
                scene.text(dot.at, 4.0, Align::Centre, Color::of_seat(seat), name);
            }
        }
    }

    fn figure(&self, seat: Seat) -> Option<Figure> {
        let dot = self.dots.get(seat.index())?;
        dot.seat.map(|seat| Figure { at: Some(dot.at), score: i32::from(dot.jumps), color: Color::of_seat(seat) })
    }

    fn sound(event: &Noise) -> Option<Tone> {
        match event {
            Noise::Jump => Some(Tone { hz: 440.0, ms: 50, wave: Wave::Triangle, volume: 0.5 }),
        }
    }

    fn burst(&self, event: &Noise) -> Option<Burst> {
        match event {
            Noise::Jump => Some(Burst { at: Vec2::ZERO, color: Color::new(0xff_ffff), sparks: 4, reach: 9.0, ms: 300 }),
        }
    }
}
