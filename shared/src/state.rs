//! State as wire integers: the idea that delta, hash, history, interpolation and autopsy share.
//!
//! Every [`State`] flattens to a fixed number of `u32` wire integers, its *leaves*, each within `0..=max`.
//! A [`Schema`], built once from [`State::describe`], names each leaf and says how it behaves; everything
//! else works on rows of integers and knows no game. After every step the world is gathered and scattered
//! back, so the world *is* what is on the wire.
//!
//! Quantizing what was dequantized gives the same integer, for every codec here. A NaN becomes zero, or the end of
//! its range that is nearest to zero, and [`State::not_a_number`] names the field that holds one.

mod codec;
mod joint;
mod lists;
mod motion;
mod primitives;
mod rotation;
mod schema;

pub use codec::{Angle, Fixed, Integer, Number, Owner, Plain};
pub use joint::Governed;
pub use lists::{List, Map};
pub use motion::{Advance, Group, Motion, Slide};
pub use rotation::Rotation;
pub use schema::{Fields, Leaf, LeafKind, Marks, Schema, TableSchema, Visibility};
pub use tickwire_derive::{Event, Input, State};

use crate::table::Table;

/// A bit per table, the root row included: all of them.
pub const ALL_TABLES: u32 = u32::MAX;

/// A value that flattens to wire integers. Derive it: `#[derive(State)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no wire form",
    label = "this cannot travel as it is",
    note = "a type of your own needs `#[derive(State)]`; others may need an attribute on the field"
)]
pub trait State: Clone + Sized {
    /// Wire integers of one value; tables are apart.
    const WIDTH: usize;

    /// Tables inside.
    const TABLES: usize = 0;

    /// Names the leaves, in the order in which they are gathered.
    fn describe(fields: &mut Fields<'_>);

    /// Writes the value as wire integers, each at most its leaf's `max`. `wire` is [`State::WIDTH`] long.
    fn gather(&self, wire: &mut [u32]);

    /// Takes the value that `wire`, as it was gathered or decoded, stands for.
    fn scatter(&mut self, wire: &[u32]);

    /// The first leaf that the value can give no honest integer for: a float that is NaN, or an angle or rotation
    /// that is infinite. [`State::gather`] takes such a float for zero, and nothing else in the library asks: the
    /// checks in [`determinism`](crate::determinism) do, to name the field.
    fn not_a_number(&self) -> Option<usize> {
        None
    }

    /// Shows the tables inside, in the order of [`State::describe`].
    fn tables<V: TableVisitor>(&mut self, visitor: &mut V) {
        let _ = visitor;
    }
}

/// Something that is done to every table of a world in turn.
pub trait TableVisitor {
    /// The next table.
    fn table<T: State + Default>(&mut self, table: &mut Table<T>);
}

/// How a field of type `T` becomes wire integers; chosen by the field's attributes.
#[diagnostic::on_unimplemented(
    message = "`{T}` has no wire form with the codec `{Self}`",
    label = "this field cannot travel as it is",
    note = "a float needs `range` and `step` or `angle`, a `Quat` needs `rotation`, a `Vec` or `BTreeMap` needs `max`",
    note = "your own types need the derive"
)]
pub trait Codec<T> {
    /// Wire integers of one field.
    const WIDTH: usize;

    /// Tables inside the field.
    const TABLES: usize = 0;

    /// Names the field's leaves.
    fn describe(&self, fields: &mut Fields<'_>);

    /// Writes the field as wire integers.
    fn gather(&self, value: &T, wire: &mut [u32]);

    /// Reads the field back from wire integers.
    fn scatter(&self, value: &mut T, wire: &[u32]);

    /// The first leaf of the field that holds no number; see [`State::not_a_number`].
    fn not_a_number(&self, value: &T) -> Option<usize> {
        let _ = value;
        None
    }

    /// Shows the tables inside the field.
    fn tables<V: TableVisitor>(&self, value: &mut T, visitor: &mut V) {
        let _ = (value, visitor);
    }
}

/// What a player does in one tick. Derive it: `#[derive(Input)]`.
pub trait Input: State + Copy + Default + PartialEq + Send + 'static {}

/// Something that happened in a tick and leaves no trace in the state: a sound, a flash. Derive it:
/// `#[derive(Event)]`.
pub trait Event: State + Copy + PartialEq + Send + 'static {
    /// Any value, to be overwritten by [`State::scatter`].
    fn blank() -> Self;
}
