//! The shape of a type: a tree of its fields, variants, bounds and attributes, with the author's comments.
//!
//! A [`Schema`](super::Schema) is flat and holds what a connection needs. The shape holds what a reader needs: a
//! program that describes a game in another language walks it. The leaves that follow from the tree, in its order, are
//! those of the schema. Only native programs ask for a shape, so no module that runs in a browser contains one.
//!
//! A `State` that was implemented by hand has no tree: its shape is a struct with a field for each leaf, named by the
//! leaf's path.

use super::rotation::{ROTATION_WIDTH, Rotation};
use super::{Codec, Fields, Leaf, LeafKind, Marks, State, TableSchema};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use glam::Quat;

/// The shape of a type, with the leaves that one value has in its row.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeShape {
    /// A float: one leaf.
    Float(Grid),
    /// A vector whose axes share a grid: one leaf per axis.
    Vector {
        /// The names of the axes.
        axes: &'static [&'static str],
        /// The values of each axis.
        grid: Grid,
    },
    /// A direction: one leaf.
    Angle {
        /// The number of directions around the circle.
        directions: u32,
        /// Whether the game counts in radians, rather than in directions.
        is_radians: bool,
    },
    /// A rotation in space: four leaves.
    Rotation {
        /// Bits for each of three components.
        bits: u32,
    },
    /// An integer within a range: one leaf, which counts from `min`.
    Integer {
        /// The smallest value.
        min: i128,
        /// The largest value.
        max: i128,
    },
    /// An integer of 64 bits: two leaves, the lower half first.
    Wide {
        /// Whether it can be negative.
        is_signed: bool,
    },
    /// A flag: one leaf.
    Bool,
    /// A seat: one leaf.
    Seat,
    /// The optional seat that owns a row or struct: one leaf, 0 for nobody, else the seat plus 1.
    Owner,
    /// The id of a row: one leaf.
    RowId,
    /// A struct: the leaves of its fields.
    Struct(StructShape),
    /// An enum: one leaf with the number of the variant, then the leaves of all variants.
    Enum(EnumShape),
    /// A value that may be absent: one leaf that is 1 when it is there, then the leaves of the value.
    Option(Box<Self>),
    /// A fixed number of values: their leaves one after another.
    Array(Box<Self>, usize),
    /// Up to so many values: one leaf with their number, then the leaves of all values that there may be.
    List(Box<Self>, usize),
    /// Up to `max` values by their keys: one leaf with their number, then key and value in turn.
    Map {
        /// The shape of a key, which is one leaf.
        key: Box<Self>,
        /// The shape of a value.
        value: Box<Self>,
        /// The most values that there may be.
        max: usize,
    },
    /// A table of such rows: no leaves.
    Table(Box<Self>),
}

/// The values of a float: from `min` to `max`, with `step` between neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// The smallest value.
    pub min: f32,
    /// The largest value.
    pub max: f32,
    /// The distance between two neighbours.
    pub step: f32,
}

/// The shape of a struct.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StructShape {
    /// The name of the type; empty for a type that was implemented by hand.
    pub name: &'static str,
    /// The first paragraph of the type's comment; empty without one.
    pub docs: &'static str,
    /// The fields in the order of their declaration. A field without a name has its place as its name.
    pub fields: Vec<FieldShape>,
}

/// The shape of an enum.
#[derive(Debug, Clone, PartialEq)]
pub struct EnumShape {
    /// The name of the type.
    pub name: &'static str,
    /// The first paragraph of the type's comment; empty without one.
    pub docs: &'static str,
    /// The variants in the order of their declaration, at least one.
    pub variants: Vec<VariantShape>,
}

/// The shape of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantShape {
    /// The name of the variant.
    pub name: &'static str,
    /// The first paragraph of its comment; empty without one.
    pub docs: &'static str,
    /// The fields of the variant; empty for a unit.
    pub fields: Vec<FieldShape>,
}

/// One field of a struct or of a variant.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldShape {
    /// The name of the field.
    pub name: String,
    /// The first paragraph of its comment; empty without one.
    pub docs: &'static str,
    /// The field's own attributes; those around it hold as well.
    pub marks: Marks,
    /// The shape of its type.
    pub shape: TypeShape,
}

impl TypeShape {
    /// A struct, as the derives describe one.
    #[must_use]
    pub fn of_struct(name: &'static str, docs: &'static str, fields: impl Into<Vec<FieldShape>>) -> Self {
        Self::Struct(StructShape { name, docs, fields: fields.into() })
    }

    /// An enum, as the derives describe one.
    #[must_use]
    pub fn of_enum(name: &'static str, docs: &'static str, variants: impl Into<Vec<VariantShape>>) -> Self {
        Self::Enum(EnumShape { name, docs, variants: variants.into() })
    }

    /// The shape of a type that was implemented by hand: its leaves by their paths, then its tables. One leaf without a
    /// name is all of its type, such as a number; of several, each has its place as its name.
    #[must_use]
    pub fn of_leaves<S: State>() -> Self {
        let mut tables = alloc::vec![TableSchema::new(String::new(), Marks::NONE)];
        S::describe(&mut Fields::new(&mut tables, 0, Marks::NONE));
        let mut fields = row_of(&tables[0]);
        fields.extend(tables[1..].iter().map(|table| {
            let rows = Self::of_struct("", "", row_of(table));
            FieldShape::new(&table.name, "", table.marks, Self::Table(Box::new(rows)))
        }));
        if fields.len() == 1 && tables[0].leaves.iter().any(|leaf| leaf.path.is_empty()) {
            return fields.remove(0).shape;
        }
        Self::of_struct("", "", fields)
    }

    /// Whether values of the type are all the same: it has neither leaves nor tables.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Struct(shape) => shape.fields.iter().all(|field| field.shape.is_empty()),
            Self::Array(inner, count) => *count == 0 || inner.is_empty(),
            _ => false,
        }
    }
}

impl EnumShape {
    /// Whether no variant has fields: a value is the number of its variant, and nothing else.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.variants.iter().all(|variant| variant.fields.is_empty())
    }
}

impl VariantShape {
    /// A variant, as the derives describe one.
    #[must_use]
    pub fn new(name: &'static str, docs: &'static str, fields: impl Into<Vec<FieldShape>>) -> Self {
        Self { name, docs, fields: fields.into() }
    }
}

impl FieldShape {
    /// A field, as the derives describe one.
    #[must_use]
    pub fn new(name: &str, docs: &'static str, marks: Marks, shape: TypeShape) -> Self {
        Self { name: name.to_string(), docs, marks, shape }
    }
}

/// The leaves of one row as fields.
fn row_of(table: &TableSchema) -> Vec<FieldShape> {
    let is_rest = |leaf: usize| table.is_of_rotation(leaf) && !table.rotations.contains(&leaf);
    let leaves = table.leaves.iter().enumerate().filter(|(index, _)| !is_rest(*index));
    let field = |(index, leaf): (usize, &Leaf)| {
        if table.rotations.contains(&index) {
            let name = leaf.path.trim_end_matches("largest").trim_end_matches('.');
            // The first leaf is never smooth: the marks of the components are the field's.
            let part = &table.leaves[index + ROTATION_WIDTH - 1];
            let shape = Codec::<Quat>::shape(&Rotation::of_max(part.max));
            return FieldShape::new(name, "", part.marks, shape);
        }
        let place = index.to_string();
        FieldShape::new(if leaf.path.is_empty() { &place } else { &leaf.path }, "", leaf.marks, of_leaf(leaf))
    };
    leaves.map(field).collect()
}

fn of_leaf(leaf: &Leaf) -> TypeShape {
    let min = leaf.min as i128;
    match leaf.kind {
        LeafKind::Turn => TypeShape::Angle { directions: leaf.max.wrapping_add(1), is_radians: leaf.unit < 1.0 },
        _ if leaf.is_float => {
            let max = leaf.min + f64::from(leaf.max) * f64::from(leaf.unit);
            TypeShape::Float(Grid { min: leaf.min as f32, max: max as f32, step: leaf.unit })
        }
        LeafKind::Number | LeafKind::Choice => TypeShape::Integer { min, max: min + i128::from(leaf.max) },
    }
}
