//! Games for the tests of unpredictable fields: one with fields that only the server can compute, and one
//! without.

use glam::{Vec2, vec2};
use tickwire::{Game, Input, Leave, Rng, Rules, Seat, State, Step, Table};

/// Ships with fields that their owners see and can never predict.
#[derive(State, Clone, Default)]
pub(crate) struct Secrets {
    /// Everyone predicts the wheel, and the room's dice turn it.
    #[state(predict)]
    wheel: u8,
    ships: Table<Ship>,
}

#[derive(State, Clone, Default)]
struct Ship {
    #[state(owner)]
    seat: Option<Seat>,
    /// The input alone moves the ship, so its owner predicts the place.
    #[state(range = 0..=1000, step = 0.0625, smooth)]
    at: Vec2,
    #[state(only = server)]
    drift: u8,
    /// The place with the drift, which no client knows.
    #[state(range = 0.0..=2000.0, step = 0.25, smooth)]
    shown: f32,
    /// Thrown by dice that nobody has.
    #[state(only = owner)]
    luck: u8,
    #[state(only = owner)]
    heat: u8,
    /// The heat of the others, which is theirs to know.
    alarm: u8,
    /// Counts, and needs nothing else.
    age: u8,
}

/// Ships without secrets. Now and then one starts anew, at a place that the dice choose.
#[derive(State, Clone, Default)]
pub(crate) struct Honest {
    ships: Table<Plain>,
}

#[derive(State, Clone, Default)]
struct Plain {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = 0..=1000, step = 0.0625, smooth)]
    at: Vec2,
    #[state(only = owner)]
    fuel: u8,
}

/// A push in one direction.
#[derive(Input, Clone, Copy, Default, Debug, PartialEq)]
pub(crate) struct Push {
    #[input(range = -4..=4)]
    x: i8,
    #[input(range = -4..=4)]
    y: i8,
}

impl Push {
    fn by(dice: &mut Rng) -> Self {
        let mut any = || i8::try_from(dice.between(-4, 4)).expect("a small number");
        Self { x: any(), y: any() }
    }

    fn way(self) -> Vec2 {
        vec2(self.x.into(), self.y.into())
    }
}

/// In one of so many ticks an honest ship starts anew.
const ANEW_ONE_IN: u32 = 150;

impl Game for Secrets {
    type Input = Push;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("secrets", 30).seats(3);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        self.ships.insert(Ship { seat: Some(seat), at: vec2(500.0, 500.0), ..Ship::default() });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.ships.retain(|_, ship| ship.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.wheel = tick.rng().below(200) as u8;
        let heat: u32 = self.ships.values().map(|ship| u32::from(ship.heat)).sum();
        for ship in self.ships.values_mut() {
            let Some(seat) = ship.seat else { continue };
            ship.at += tick.input(seat).way();
            ship.drift = ship.drift.wrapping_add(7);
            ship.shown = ship.at.x + f32::from(ship.drift);
            ship.luck = tick.hidden_rng(Some(seat)).below(200) as u8;
            ship.alarm = (heat - u32::from(ship.heat)) as u8;
            ship.heat = ship.heat.wrapping_add(3 + seat.number()) % 100;
            ship.age = ship.age.wrapping_add(1);
        }
    }

    fn bot(&self, _: Seat, dice: &mut Rng) -> Push {
        Push::by(dice)
    }
}

impl Game for Honest {
    type Input = Push;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("honest", 30).seats(3);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        self.ships.insert(Plain { seat: Some(seat), at: vec2(500.0, 500.0), fuel: 0 });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.ships.retain(|_, ship| ship.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        for ship in self.ships.values_mut() {
            let Some(seat) = ship.seat else { continue };
            ship.at += tick.input(seat).way();
            ship.fuel = ship.fuel.wrapping_add(1);
            if tick.rng().one_in(ANEW_ONE_IN) {
                ship.at = vec2(tick.rng().range(0.0, 1000.0), 500.0);
            }
        }
    }

    fn bot(&self, _: Seat, dice: &mut Rng) -> Push {
        Push::by(dice)
    }
}

/// A game with more fields that no client can predict than a session counts.
#[derive(State, Clone, Default)]
pub(crate) struct Chaos {
    #[state(predict)]
    noise: [[u8; 10]; 10],
}

impl Game for Chaos {
    type Input = ();
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("chaos", 30);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, _: Seat) {}

    fn leave(&mut self, _: Seat, _: Leave) {}

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        let noise = tick.rng();
        self.noise.as_flattened_mut().iter_mut().for_each(|value| *value = noise.below(256) as u8);
    }
}
