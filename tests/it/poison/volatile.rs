//! A game that panics in each of its functions, in both modes.

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use tickwire::state::Fields;
use tickwire::{Event, Game, Input, Leave, Mode, OwnTopic, Rng, Rules, Seat, State, Step, Table, To};

/// A row of a player, or one that comes and goes.
#[derive(State, Clone, Default)]
pub(crate) struct Piece {
    pub(crate) owner: Option<Seat>,
    #[state(range = 0..=9_999)]
    pub(crate) place: u16,
}

/// A row that nobody sees in snapshot mode.
#[derive(State, Clone, Default)]
pub(crate) struct Trap {
    #[state(only = server)]
    fuse: u8,
}

#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Hand {
    #[input(range = 0..=99)]
    pub(crate) moves: u8,
    /// Two players who press in one tick make the step panic. Nobody predicts the press of another.
    #[input(once)]
    pub(crate) presses: bool,
    /// From then on every step panics.
    #[input(once)]
    pub(crate) cracks: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Drawn(u8);

thread_local! {
    /// Whether the next event that is to be sent cannot be.
    pub(crate) static IS_MUTE: Cell<bool> = const { Cell::new(false) };
}

impl State for Drawn {
    const WIDTH: usize = 1;

    fn describe(fields: &mut Fields<'_>) {
        u8::describe(fields);
    }

    fn gather(&self, wire: &mut [u32]) {
        assert!(!IS_MUTE.take(), "an event that cannot be sent");
        self.0.gather(wire);
    }

    fn scatter(&mut self, wire: &[u32]) {
        self.0.scatter(wire);
    }
}

impl Event for Drawn {
    fn blank() -> Self {
        Self::default()
    }
}

#[derive(Serialize, Deserialize, Clone, Copy, Default)]
#[serde(default)]
pub(crate) struct Choice {
    /// A match cannot begin with it.
    pub(crate) is_faulty: bool,
    /// It begins, and no step can be made in it.
    pub(crate) is_cracked: bool,
    /// Not everybody may come and go.
    pub(crate) is_strict: bool,
}

pub(crate) trait Volatile: Game<Input = Hand, Options = Choice> {}
impl Volatile for Shown {}
impl Volatile for Played {}

/// The same game in both modes.
macro_rules! volatile {
    ($game:ident, $name:literal, $mode:expr) => {
        #[derive(State, Clone, Default)]
        pub(crate) struct $game {
            #[state(range = 0..=9_999)]
            noise: u16,
            is_cracked: bool,
            is_strict: bool,
            pieces: Table<Piece>,
            #[state(only = server)]
            traps: Table<Trap>,
        }

        impl Game for $game {
            type Input = Hand;
            type Event = Drawn;
            type Options = Choice;
            const RULES: Rules =
                Rules::new($name, 30).seats(6).bots(6).mode($mode).topics(&[OwnTopic::new("news").heard_by_game()]);

            fn new(choice: &Choice) -> Self {
                assert!(!choice.is_faulty, "a match that cannot begin");
                Self { is_cracked: choice.is_cracked, is_strict: choice.is_strict, ..Self::default() }
            }

            fn join(&mut self, seat: Seat) {
                self.pieces.insert(Piece { owner: Some(seat), place: 1 });
                assert!(!self.is_strict || self.noise % 8 != 3, "no place to begin");
            }

            fn leave(&mut self, seat: Seat, _: Leave) {
                self.pieces.retain(|_, piece| piece.owner != Some(seat));
                assert!(!self.is_strict || self.noise % 8 != 5, "no way out");
            }

            fn hear(&mut self, _: &str, body: &str) {
                self.noise = 0;
                assert!(body != "poison", "bad news");
            }

            fn step(&mut self, tick: &mut Step<'_, Self>) {
                let drawn = tick.rng().below(10_000) as u16;
                self.noise = drawn;
                for seat in tick.seats() {
                    let hand = tick.input(seat);
                    self.is_cracked |= hand.cracks;
                    for piece in self.pieces.values_mut().filter(|piece| piece.owner == Some(seat)) {
                        piece.place = (piece.place + u16::from(hand.moves)) % 10_000;
                    }
                }
                if drawn % 3 == 0 {
                    self.pieces.insert(Piece { owner: None, place: drawn });
                    self.traps.insert(Trap { fuse: 9 });
                }
                self.pieces.retain(|_, piece| piece.owner.is_some() || piece.place % 7 != drawn % 7);
                self.traps.retain(|_, trap| {
                    trap.fuse = trap.fuse.saturating_sub(1);
                    trap.fuse > 0
                });
                tick.emit(To::Everyone, Drawn((drawn % 200) as u8));
                // Everything has happened by now.
                let pressed = tick.seats().filter(|seat| tick.input(*seat).presses).count();
                assert!(pressed < 2, "two players pressed at once");
                assert!(!self.is_cracked, "it is cracked");
            }

            fn bot(&self, _: Seat, dice: &mut Rng) -> Hand {
                assert!(!dice.one_in(20), "a bot without a plan");
                Hand { moves: dice.below(100) as u8, ..Hand::default() }
            }
        }
    };
}

volatile!(Shown, "volatile", Mode::Snapshot { every_ticks: 1 });
volatile!(Played, "volatile-lockstep", Mode::Lockstep { rollback_ticks_max: 10 });
