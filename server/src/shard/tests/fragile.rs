//! A game with mistakes, for the tests of a shard.

use std::cell::Cell;
use std::time::{Duration, Instant};
use tickwire::state::Fields;
use tickwire::{Event, Game, Input, Leave, Rules, Seat, State, Step, To};

/// A game with mistakes: a hard poke makes its step panic, and so does every step after it was cracked. After other pokes
/// each step takes [`SLOW_STEP`], or its world cannot be copied.
#[derive(State, Default)]
pub(super) struct Fragile {
    steps: u32,
    is_cracked: bool,
    is_slow: bool,
    is_unique: bool,
}

/// The time that a slow step takes.
pub(super) const SLOW_STEP: Duration = Duration::from_micros(100);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.is_unique, "a world that cannot be copied");
        Self { ..*self }
    }
}

/// A poke of one of these strengths.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Poke(u8);

pub(super) const HARD: Poke = Poke(1);
pub(super) const CRACKING: Poke = Poke(2);
pub(super) const SLOWING: Poke = Poke(6);
pub(super) const UNIQUE: Poke = Poke(7);
/// The room cannot even read it.
pub(super) const UNREADABLE: Poke = Poke(3);
/// It makes a sound that cannot be sent when it is first tried.
pub(super) const LOUD: [Poke; 2] = [Poke(4), Poke(5)];

impl State for Poke {
    const WIDTH: usize = 1;

    fn describe(fields: &mut Fields<'_>) {
        u8::describe(fields);
    }

    fn gather(&self, wire: &mut [u32]) {
        self.0.gather(wire);
    }

    fn scatter(&mut self, wire: &[u32]) {
        self.0.scatter(wire);
        assert!(*self != UNREADABLE, "poked in a way that cannot be read");
    }
}

impl Input for Poke {}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sound(u8);

thread_local! {
    /// How often each sound was looked at: the first time it is made, the second time it is sent.
    static LOOKS: [Cell<u32>; 256] = const { [const { Cell::new(0) }; 256] };
}

impl State for Sound {
    const WIDTH: usize = 1;

    fn describe(fields: &mut Fields<'_>) {
        u8::describe(fields);
    }

    fn gather(&self, wire: &mut [u32]) {
        self.0.gather(wire);
        let looks = LOOKS.with(|looks| looks[usize::from(self.0)].replace(looks[usize::from(self.0)].get() + 1));
        assert!(looks != 1, "a sound that cannot be sent");
    }

    fn scatter(&mut self, wire: &[u32]) {
        self.0.scatter(wire);
    }
}

impl Event for Sound {
    fn blank() -> Self {
        Self::default()
    }
}

impl Game for Fragile {
    type Input = Poke;
    type Event = Sound;
    type Options = ();
    const RULES: Rules = Rules::new("fragile", 120);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, _: Seat) {}

    fn leave(&mut self, _: Seat, _: Leave) {}

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.steps += 1;
        for seat in tick.seats() {
            let poke = tick.input(seat);
            self.is_cracked |= poke == CRACKING;
            self.is_slow |= poke == SLOWING;
            self.is_unique |= poke == UNIQUE;
            assert!(poke != HARD, "poked too hard");
            if LOUD.contains(&poke) {
                tick.emit(To::Everyone, Sound(poke.0));
            }
        }
        let start = Instant::now();
        while self.is_slow && start.elapsed() < SLOW_STEP {}
        assert!(!self.is_cracked || self.steps.is_multiple_of(2), "it is cracked");
    }
}
