//! Games with mistakes that show in something other than a field: in `new`, in dice, events, rows, and in a wire form
//! that breaks its own bounds.

use std::cell::Cell;
use tickwire::state::{Fields, LeafKind};
use tickwire::{Event, Game, Leave, Rules, Seat, State, Step, Table, To};

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// How often this has been called before: state outside of the world.
fn calls() -> u32 {
    CALLS.replace(CALLS.get() + 1)
}

/// Begins with a number from outside of the world.
#[derive(State, Clone, Default)]
pub(super) struct Newborn {
    number: u32,
}

/// Draws as often as something outside of the world says.
#[derive(State, Clone, Default)]
pub(super) struct Gambler {
    ticks: u32,
}

/// Emits as often as something outside of the world says.
#[derive(State, Clone, Default)]
pub(super) struct Talker {
    ticks: u32,
}

/// Inserts a row when something outside of the world says so.
#[derive(State, Clone, Default)]
pub(super) struct Builder {
    walls: Table<Wall>,
}

#[derive(State, Clone, Default)]
pub(super) struct Wall {
    height: u8,
}

/// Writes a number that is larger than it has described.
#[derive(Clone, Default)]
pub(super) struct Boaster {
    size: u32,
}

/// A word that is said.
#[derive(Event, Clone, Copy, Debug, PartialEq)]
pub(super) struct Word(u8);

impl State for Boaster {
    const WIDTH: usize = 1;
    fn describe(fields: &mut Fields<'_>) {
        fields.named("size", |fields| fields.leaf(20, LeafKind::Number, 1.0));
    }
    fn gather(&self, wire: &mut [u32]) {
        wire[0] = self.size;
    }
    fn scatter(&mut self, wire: &[u32]) {
        self.size = wire[0];
    }
}

macro_rules! games {
    ($($game:ident $name:literal, $new:expr, $step:expr;)*) => {$(
        impl Game for $game {
            type Input = ();
            type Event = Word;
            type Options = ();
            const RULES: Rules = Rules::new($name, 30);
            fn new((): &()) -> Self {
                $new
            }
            fn join(&mut self, _: Seat) {}
            fn leave(&mut self, _: Seat, _: Leave) {}
            fn step(&mut self, tick: &mut Step<'_, Self>) {
                let step: fn(&mut Self, &mut Step<'_, Self>) = $step;
                step(self, tick);
            }
        }
    )*};
}

games! {
    Newborn "newborn", Self { number: calls() }, |_, _| {};
    Gambler "gambler", Self::default(), |world, tick| {
        world.ticks += 1;
        (0..calls()).for_each(|_| _ = tick.rng().next_u32());
    };
    Talker "talker", Self::default(), |world, tick| {
        world.ticks += 1;
        (0..calls()).for_each(|_| tick.emit(To::Everyone, Word(1)));
    };
    Builder "builder", Self::default(), |world, _| {
        if calls() == 1 {
            world.walls.insert(Wall { height: 3 });
        }
    };
    Boaster "boaster", Self::default(), |world, _| world.size += 1;
}
