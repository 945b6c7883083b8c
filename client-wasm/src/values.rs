//! Inputs and events as numbers in the game's own unit, one per leaf of their schema: for pages that know a game by its
//! schema, without its [`Stage`](tickwire::Stage).

use crate::press_latch::Patience;
use std::collections::VecDeque;
use std::marker::PhantomData;
use tickwire::client::EventUpdate;
use tickwire::state::{Schema, State, TableSchema};
use tickwire::{Event, Input};

/// Events that wait for a page to take them; of more, the oldest is lost.
pub(crate) const EVENTS_MAX: usize = 256;

/// The shape of an input or event: they have no tables.
fn shape<S: State>() -> TableSchema {
    Schema::of::<S>().tables.swap_remove(0)
}

/// A player's input, given as numbers.
///
/// An input stays as it was set until it is set again. Its commands (fields with `#[input(once)]`) stay until a tick has
/// taken them, or until they have waited too long for one.
#[derive(Debug)]
pub(crate) struct ValueInput<I> {
    schema: TableSchema,
    /// Whether a leaf is part of the same thing as the leaf before it: a vector, a rotation, a variant.
    joined: Vec<bool>,
    neutral: Vec<u32>,
    wire: Vec<u32>,
    wanted: Vec<u32>,
    patience: Patience,
    input: PhantomData<I>,
}

impl<I: Input> ValueInput<I> {
    /// The neutral input, of a game with ticks of this length.
    pub(crate) fn new(tick_us: u64) -> Self {
        let schema = shape::<I>();
        let mut neutral = vec![0; schema.leaves.len()];
        I::default().gather(&mut neutral);
        let joined = (0..neutral.len()).map(|leaf| is_joined(&schema, leaf)).collect();
        let (wire, wanted, patience) = (neutral.clone(), neutral.clone(), Patience::new(tick_us));
        Self { schema, joined, neutral, wire, wanted, patience, input: PhantomData }
    }

    /// The neutral input's numbers.
    #[cfg(test)]
    pub(crate) fn neutral(&self) -> Vec<f64> {
        let mut values = vec![0.0; self.neutral.len()];
        self.schema.values(&self.neutral, &mut values);
        values
    }

    /// Replaces the input by the nearest one that the game has. A command that waits for its tick is replaced by another
    /// command, and not by the neutral value.
    pub(crate) fn set(&mut self, values: &[f64]) {
        self.schema.wires(values, &mut self.wanted);
        let mut first = 0;
        while first < self.wire.len() {
            let part = first..self.end_of(first);
            let is_command = self.schema.leaves[first].marks.once;
            if !is_command || self.wanted[part.clone()] != self.neutral[part.clone()] {
                self.wire[part.clone()].copy_from_slice(&self.wanted[part.clone()]);
            }
            first = part.end;
        }
    }

    /// The end of the leaves that belong together from `first` on.
    fn end_of(&self, first: usize) -> usize {
        let rest = self.joined.iter().skip(first + 1);
        first + 1 + rest.take_while(|is_joined| **is_joined).count()
    }

    /// The input as the game has it.
    pub(crate) fn input(&self) -> I {
        let mut input = I::default();
        input.scatter(&self.wire);
        input
    }

    /// Notes that the due ticks have been made with [`ValueInput::input`]; `made` tells whether there were any.
    pub(crate) fn advanced(&mut self, made: bool, now_us: u64) {
        if self.patience.ends(made, now_us) {
            self.drop_commands();
        }
    }

    /// Makes all commands neutral again.
    pub(crate) fn drop_commands(&mut self) {
        for ((leaf, wire), neutral) in self.schema.leaves.iter().zip(&mut self.wire).zip(&self.neutral) {
            if leaf.marks.once {
                *wire = *neutral;
            }
        }
    }
}

/// Whether a leaf is part of the same thing as the leaf before it.
fn is_joined(schema: &TableSchema, leaf: usize) -> bool {
    let Some(before) = leaf.checked_sub(1).map(|before| &schema.leaves[before]) else { return false };
    let this = &schema.leaves[leaf];
    let is_axis = before.field() == this.field();
    let halves = before.path.strip_suffix("low").zip(this.path.strip_suffix("high"));
    let is_half = before.max == u32::MAX && halves.is_some_and(|(low, high)| low == high);
    let is_governed = schema.governed.iter().any(|governed| governed.leaves.contains(&leaf));
    let is_turned = schema.is_of_rotation(leaf) && !schema.rotations.contains(&leaf);
    before.marks.once == this.marks.once && (is_axis || is_half || is_governed || is_turned)
}

/// Events as numbers, until a page takes them.
#[derive(Debug)]
pub(crate) struct ValueEvents<E> {
    schema: TableSchema,
    waiting: VecDeque<EventUpdate<E>>,
}

impl<E: Event> ValueEvents<E> {
    pub(crate) fn new() -> Self {
        Self { schema: shape::<E>(), waiting: VecDeque::new() }
    }

    /// Adds an event that happened, or one that turned out not to have happened.
    pub(crate) fn add(&mut self, update: EventUpdate<E>) {
        if self.waiting.len() == EVENTS_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(update);
    }

    /// Whether no event waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The next event as `[id, happened, values of its leaves]`; `happened` is 1, or 0 for an event that turned out not
    /// to have happened.
    pub(crate) fn poll(&mut self) -> Option<Vec<f64>> {
        let (id, happened, event) = match self.waiting.pop_front()? {
            EventUpdate::Happened { id, event } => (id, 1.0, event),
            EventUpdate::Cancelled { id, event } => (id, 0.0, event),
        };
        let mut wire = vec![0; self.schema.leaves.len()];
        event.gather(&mut wire);
        let mut told = vec![0.0; 2 + wire.len()];
        (told[0], told[1]) = (id.into(), happened);
        self.schema.values(&wire, &mut told[2..]);
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::math::Vec2;
    use tickwire::{Game, Rng};
    use tickwire_games::{Arena, Crowd, Paddles, Swarm, Tumble};

    const TICK_US: u64 = 20_000;

    /// A number as a page may write it by mistake, or on purpose.
    fn any_number(dice: &mut Rng) -> f64 {
        match dice.below(8) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => f64::from_bits(dice.next_u64()),
            4 => -0.0,
            5 => f64::from(dice.range(-2.0, 2.0)),
            6 => f64::from(dice.between(-5_000, 5_000)),
            _ => f64::from(dice.next_u32()),
        }
    }

    fn any_input_is_in_range<I: Input>() {
        let (mut input, mut dice) = (ValueInput::<I>::new(TICK_US), Rng::new(8));
        let mut values = input.neutral();
        assert_eq!(values.len(), I::WIDTH);
        assert!(input.input() == I::default());
        let (mut first, mut second) = (vec![0; I::WIDTH], vec![0; I::WIDTH]);
        for _ in 0..2_000 {
            values.iter_mut().for_each(|value| *value = any_number(&mut dice));
            input.set(&values);
            input.input().gather(&mut first);
            assert!(first.iter().zip(&input.schema.leaves).all(|(wire, leaf)| *wire <= leaf.max), "{values:?}");
            // The values of an input give the input again.
            input.schema.values(&first, &mut values);
            input.advanced(true, 0);
            input.set(&values);
            input.input().gather(&mut second);
            assert_eq!(first, second, "{values:?}");
            input.advanced(true, 0);
        }
    }

    #[test]
    fn any_numbers_give_an_input_in_range_and_its_values_give_it_again() {
        any_input_is_in_range::<<Arena as Game>::Input>();
        any_input_is_in_range::<<Paddles as Game>::Input>();
        any_input_is_in_range::<<Swarm as Game>::Input>();
        any_input_is_in_range::<<Tumble as Game>::Input>();
        any_input_is_in_range::<<Crowd as Game>::Input>();
        any_input_is_in_range::<Hands>();
    }

    #[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
    struct Hands {
        #[input(range = -1.0..=1.0, step = 0.25)]
        stick: Vec2,
        #[input(once)]
        jump: bool,
        #[input(once)]
        order: Option<Order>,
        #[input(once)]
        code: u64,
    }

    #[derive(State, Clone, Copy, Default, PartialEq, Debug)]
    struct Order {
        kind: u8,
        #[state(range = 0.0..=100.0, step = 0.5)]
        at: Vec2,
    }

    #[test]
    fn a_command_waits_for_its_tick_and_is_executed_once() {
        let mut input = ValueInput::<Hands>::new(TICK_US);
        let neutral = input.neutral();
        input.advanced(true, 0);
        input.set(&[0.6, 9.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        input.set(&neutral);
        input.set(&[0.5, 0.0, 0.0, 1.0, 7.0, 12.5, 0.0, 0.0, 1.0]);
        input.set(&[0.25, 0.0, 0.0, 1.0, 0.0, 3.0, 0.0, 0.0, 0.0]);
        let order = Some(Order { kind: 0, at: Vec2::new(3.0, 0.0) });
        let expected = Hands { stick: Vec2::new(0.25, 0.0), jump: true, order, code: 1 << 32 };
        assert_eq!(input.input(), expected, "the newest order alone, and nothing of the one before");
        input.advanced(false, 10_000);
        assert_eq!(input.input(), expected);
        input.advanced(true, 20_000);
        assert_eq!(input.input(), Hands { stick: expected.stick, ..Hands::default() });
    }

    #[test]
    fn a_command_that_no_tick_takes_is_dropped() {
        let mut input = ValueInput::<Hands>::new(TICK_US);
        input.advanced(true, 1_000_000);
        input.set(&[1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        input.advanced(false, 1_150_000);
        assert!(input.input().jump);
        input.advanced(false, 1_250_000);
        assert_eq!(input.input(), Hands { stick: Vec2::new(1.0, 0.0), ..Hands::default() });
    }

    #[derive(Event, Clone, Copy, PartialEq, Debug)]
    struct Hit {
        #[event(range = -2.0..=2.0, step = 0.5)]
        at: f32,
        power: i8,
        serial: u64,
    }

    #[test]
    fn events_are_numbers_and_the_oldest_of_too_many_are_lost() {
        let mut events = ValueEvents::<Hit>::new();
        assert_eq!(events.poll(), None);
        let event = Hit { at: -1.5, power: -7, serial: (3 << 32) | 4 };
        events.add(EventUpdate::Happened { id: 9, event });
        events.add(EventUpdate::Cancelled { id: 9, event });
        assert!(!events.is_empty());
        assert_eq!(events.poll(), Some(vec![9.0, 1.0, -1.5, -7.0, 4.0, 3.0]));
        assert_eq!(events.poll(), Some(vec![9.0, 0.0, -1.5, -7.0, 4.0, 3.0]));
        (0..300).for_each(|id| events.add(EventUpdate::Happened { id, event }));
        let ids: Vec<f64> = std::iter::from_fn(|| events.poll()).map(|event| event[0]).collect();
        assert_eq!((ids.len(), ids[0], ids[255]), (EVENTS_MAX, 44.0, 299.0));
    }
}
