//! A game with a field of every kind, and with names that a generated file has to avoid.

use std::collections::BTreeMap;
use tickwire::math::{Quat, Vec2, Vec3};
use tickwire::{Figure, Game, Input, Leave, Pad, RowId, Rules, Scene, Seat, Stage, State, Step, Table};

/// One of each. `*/` ends no comment, and [`Seat`] is no link here.
///
/// This paragraph stays in Rust.
#[derive(State, Clone, Default)]
pub(super) struct Kinds {
    level: i32,
    mask: u32,
    #[state(range = 9_223_372_036_854_775_806..=9_223_372_036_854_775_809)]
    far: u64,
    age: i64,
    #[state(range = -0.5..=0.5, step = 0.1)]
    lean: f32,
    #[state(angle)]
    heading: f32,
    #[state(angle, bits = 3)]
    dial: u8,
    #[state(rotation, only = server)]
    pose: Quat,
    is_open: bool,
    seat: Seat,
    other: Option<Seat>,
    mate: Option<RowId>,
    /// What goes on.
    r#type: order::Order,
    #[state(max = 2)]
    orders: Vec<order::Order>,
    #[state(max = 3, range = 0.0..=8.0, step = 0.5)]
    scores: BTreeMap<Coin, [f32; 2]>,
    #[state(range = 0.0..=8.0, step = 0.5)]
    doors: [Option<Vec2>; 2],
    nothing: (),
    /// A type of the same name as another.
    here: Order,
    halls: [Hall; 2],
    #[state(only = server)]
    secrets: Table<Order>,
    /// The inputs of a moment ago.
    last: Word,
    by_hand: ByHand,
}

mod order {
    use super::{RowId, State};

    /// An order.
    #[derive(State, Clone, Default)]
    pub(in super::super) enum Order {
        /// Nothing to do.
        #[default]
        Idle,
        Follow(RowId),
        Move {
            /// The sort of move.
            #[state(range = 0..=3)]
            kind: u8,
            /// Both at once.
            coins: [super::Coin; 2],
        },
    }
}

/// An order for a table.
#[derive(State, Clone, Default)]
pub(super) struct Order {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = -4.0..=4.0, step = 0.5, only = owner)]
    wish: Option<Vec3>,
    #[state(only = owner)]
    coin: Coin,
    #[state(max = 2)]
    marks: Vec<Word>,
    #[state(max = 2)]
    by_coin: BTreeMap<Coin, bool>,
    nested: order::Order,
    far: i64,
}

#[derive(State, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coin {
    #[default]
    Copper,
    Gold,
}

#[derive(State, Clone, Default)]
struct Hall {
    lit: bool,
    guests: Table<Order>,
}

/// A word.
#[derive(Input, Clone, Copy, Default, PartialEq)]
pub(super) struct Word {
    /// Its beginning.
    #[input(once)]
    first: Coin,
    #[input(range = -1.0..=1.0, step = 0.25)]
    stick: Vec2,
    then: Part,
}

#[derive(State, Clone, Copy, Default, PartialEq)]
pub(super) struct Part(u8, #[state(rotation)] Quat);

/// A noise.
#[derive(tickwire::Event, Clone, Copy, PartialEq)]
pub(super) enum Event {
    /// Someone said it.
    Said(Word),
    Silence,
}

/// Two leaves that no derive describes.
#[derive(Clone, Default)]
struct ByHand;

impl State for ByHand {
    const WIDTH: usize = 2;
    fn describe(fields: &mut tickwire::state::Fields<'_>) {
        fields.named("at.x", u8::describe);
        fields.named("at.y", i8::describe);
    }
    fn gather(&self, _: &mut [u32]) {}
    fn scatter(&mut self, _: &[u32]) {}
}

impl Game for Kinds {
    type Input = Word;
    type Event = Event;
    type Options = ();
    const RULES: Rules = Rules::new("kinds", 30);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, _: Seat) {}

    fn leave(&mut self, _: Seat, _: Leave) {}

    fn step(&mut self, _: &mut Step<'_, Self>) {}
}

impl Stage for Kinds {
    const TITLE: &'static str = "Kinds' game";
    const HINT: &'static str = "Look at your NAME. */";

    fn controls(_: &Pad) -> Word {
        Word::default()
    }

    fn draw(&self, _: Option<Seat>, _: &mut Scene) {}

    fn figure(&self, _: Seat) -> Option<Figure> {
        None
    }
}
