//! State as wire integers: the representation that delta, hash, history, interpolation and autopsy share. (An autopsy
//! is a report on a desync.)
//!
//! Every [`State`] flattens to a fixed number of `u32` wire integers, its *leaves*, each within `0..=max`. A
//! [`Schema`], built once from [`State::describe`], names each leaf and says how it behaves. Everything else works on
//! rows of integers and knows no game. After every step the world is gathered and scattered back, so the world *is*
//! what is on the wire.
//!
//! Quantizing a dequantized value gives the same integer, with every codec of this module. A NaN becomes zero, or the
//! end of its range that is nearest to zero, and [`State::not_a_number`] names the field that holds one.

mod codec;
mod joint;
mod lists;
mod motion;
mod primitives;
mod rotation;
mod schema;
pub mod shape;
mod values;

pub use codec::{Angle, Fixed, Integer, Number, Owner, Plain};
pub use joint::Governed;
pub use lists::{List, Map};
pub use motion::{Advance, Group, Motion, Slide};
pub use rotation::Rotation;
pub use schema::{Fields, Leaf, LeafKind, Marks, Schema, TableSchema, Visibility};
pub use tickwire_derive::{Event, Input, State};

use crate::table::Table;
use shape::TypeShape;

/// A mask with a bit per table, the root row's being the lowest: all tables are named.
pub const ALL_TABLES: u32 = u32::MAX;

/// A value that flattens to wire integers: a world, a row, an input, an event, or a part of one. Derive it:
/// `#[derive(State)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no wire form",
    label = "this cannot travel as it is",
    note = "a type of your own needs `#[derive(State)]`; others may need an attribute on the field"
)]
pub trait State: Clone + Sized {
    /// How many wire integers one value takes; tables inside it do not count.
    const WIDTH: usize;

    /// How many tables are inside the value.
    const TABLES: usize = 0;

    /// Names the leaves, in the order in which [`State::gather`] writes them.
    fn describe(fields: &mut Fields<'_>);

    /// The type as a tree of fields, for programs that describe a game in another language. A derived type gives its
    /// fields with their comments; this is the shape of a type that was implemented by hand.
    #[must_use]
    fn shape() -> TypeShape {
        TypeShape::of_leaves::<Self>()
    }

    /// Writes the value as wire integers, each at most the `max` of its leaf. `wire` is [`State::WIDTH`] long.
    fn gather(&self, wire: &mut [u32]);

    /// Makes this the value that `wire` stands for. `wire` is as it was gathered, or decoded.
    fn scatter(&mut self, wire: &[u32]);

    /// The first leaf for which the value has no honest integer: a float that is NaN, or an angle or rotation that is
    /// infinite. [`State::gather`] takes such a float for zero. Only the checks in [`determinism`](crate::determinism)
    /// ask for it, to name the field.
    fn not_a_number(&self) -> Option<usize> {
        None
    }

    /// Shows the tables inside to `visitor`, in the order of [`State::describe`].
    fn tables<V: TableVisitor>(&mut self, visitor: &mut V) {
        let _ = visitor;
    }
}

/// An operation on every table of a world in turn.
pub trait TableVisitor {
    /// Visits the next table.
    fn table<T: State + Default>(&mut self, table: &mut Table<T>);
}

/// The way in which a field of type `T` becomes wire integers; the field's attributes choose it.
#[diagnostic::on_unimplemented(
    message = "`{T}` has no wire form with the codec `{Self}`",
    label = "this field cannot travel as it is",
    note = "a float needs `range` and `step` or `angle`, a `Quat` needs `rotation`, a `Vec` or `BTreeMap` needs `max`",
    note = "your own types need the derive"
)]
pub trait Codec<T> {
    /// How many wire integers the field takes.
    const WIDTH: usize;

    /// How many tables are inside the field.
    const TABLES: usize = 0;

    /// Names the field's leaves, in the order in which they are gathered.
    fn describe(&self, fields: &mut Fields<'_>);

    /// The shape of the field; see [`State::shape`].
    fn shape(&self) -> TypeShape;

    /// Writes the field as wire integers, each at most the `max` of its leaf.
    fn gather(&self, value: &T, wire: &mut [u32]);

    /// Reads the field back from wire integers.
    fn scatter(&self, value: &mut T, wire: &[u32]);

    /// The first leaf of the field that holds no number; see [`State::not_a_number`].
    fn not_a_number(&self, value: &T) -> Option<usize> {
        let _ = value;
        None
    }

    /// Shows the tables inside the field to `visitor`.
    fn tables<V: TableVisitor>(&self, value: &mut T, visitor: &mut V) {
        let _ = (value, visitor);
    }
}

/// The input of one player for one tick. Derive it: `#[derive(Input)]`.
///
/// `Default` is the neutral input: that of a player who does nothing. A field with `#[input(once)]` is a command that
/// takes effect in one tick only: when the next input is late and the last one is repeated in its place, such a field
/// is neutral.
pub trait Input: State + Copy + Default + PartialEq + Send + 'static {}

/// A thing that happened in a tick and leaves no trace in the state: a sound, a flash. Derive it: `#[derive(Event)]`.
pub trait Event: State + Copy + PartialEq + Send + 'static {
    /// Any value; [`State::scatter`] overwrites it.
    fn blank() -> Self;
}
