//! The leaves that follow from the shape of a type, held against those of its schema.

use tickwire::State;
use tickwire::limits::SEATS_MAX;
use tickwire::state::shape::{EnumShape, FieldShape, Grid, StructShape, TypeShape};
use tickwire::state::{LeafKind, Marks, Schema};

/// One leaf as a reader of the tree expects it.
#[derive(Debug, PartialEq)]
struct Expected {
    path: String,
    min: f64,
    max: u32,
    unit: f32,
    /// `None` for an integer of a type that was implemented by hand: it may be a number or a choice.
    kind: Option<LeafKind>,
    marks: Marks,
}

/// The leaves of one row, and the tables that stand in it.
#[derive(Default)]
struct Row<'a> {
    leaves: Vec<Expected>,
    tables: Vec<(String, &'a TypeShape, Marks)>,
}

/// The place in the tree: the path so far, and the attributes that hold there.
#[derive(Clone)]
struct Place {
    path: String,
    marks: Marks,
    is_by_hand: bool,
    /// The next leaf governs others.
    is_head: bool,
}

impl Place {
    fn named(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{name}", self.path), ..self.clone() }
    }

    fn indexed(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), ..self.clone() }
    }

    fn head(&self) -> Self {
        Self { is_head: true, ..self.clone() }
    }

    fn field(&self, field: &FieldShape) -> Self {
        let (outer, own) = (self.marks, field.marks);
        let marks = Marks {
            visibility: outer.visibility.max(own.visibility),
            smooth: outer.smooth || own.smooth,
            predict: outer.predict || own.predict,
            once: outer.once || own.once,
        };
        Self { marks, ..self.named(&field.name) }
    }
}

impl<'a> Row<'a> {
    fn of(shape: &'a TypeShape, marks: Marks) -> Self {
        let mut row = Self::default();
        row.add(shape, &Place { path: String::new(), marks, is_by_hand: false, is_head: false });
        row
    }

    fn leaf(&mut self, at: &Place, kind: LeafKind, min: f64, max: u32, unit: f32) {
        let kind = if at.is_head { LeafKind::Choice } else { kind };
        let marks = Marks { smooth: at.marks.smooth && kind != LeafKind::Choice, ..at.marks };
        let kind = (!at.is_by_hand || kind == LeafKind::Turn).then_some(kind);
        self.leaves.push(Expected { path: at.path.clone(), min, max, unit, kind, marks });
    }

    fn choice(&mut self, at: &Place, max: u32) {
        self.leaf(at, LeafKind::Choice, 0.0, max, 1.0);
    }

    fn add(&mut self, shape: &'a TypeShape, at: &Place) {
        match shape {
            TypeShape::Float(grid) => {
                self.leaf(at, LeafKind::Number, grid.min.into(), steps(grid), grid.step);
            }
            TypeShape::Vector { axes, grid } => {
                for axis in *axes {
                    self.leaf(&at.named(axis), LeafKind::Number, grid.min.into(), steps(grid), grid.step);
                }
            }
            TypeShape::Angle { directions, is_radians } => {
                let unit = if *is_radians { std::f32::consts::TAU / *directions as f32 } else { 1.0 };
                self.leaf(at, LeafKind::Turn, 0.0, directions - 1, unit);
            }
            TypeShape::Integer { min, max } => {
                self.leaf(at, LeafKind::Number, *min as f64, u32::try_from(max - min).expect("32 bits"), 1.0);
            }
            TypeShape::Rotation { bits } => self.rotation(at, *bits),
            TypeShape::Wide { .. } => ["low", "high"].iter().for_each(|half| self.choice(&at.named(half), u32::MAX)),
            TypeShape::Bool => self.choice(at, 1),
            TypeShape::Seat => self.choice(at, u32::from(SEATS_MAX) - 1),
            TypeShape::Owner => self.choice(at, u32::from(SEATS_MAX)),
            TypeShape::RowId => self.choice(at, u32::MAX),
            TypeShape::Struct(shape) => self.fields(shape, at),
            TypeShape::Enum(shape) => self.variants(shape, at),
            TypeShape::Option(inner) => {
                self.choice(&at.named("some"), 1);
                self.add(inner, at);
            }
            TypeShape::Array(inner, count) => (0..*count).for_each(|index| self.add(inner, &at.indexed(index))),
            TypeShape::List(inner, max) => {
                self.choice(&at.named("len"), u32::try_from(*max).expect("a short list"));
                (0..*max).for_each(|index| self.add(inner, &at.indexed(index)));
            }
            TypeShape::Map { key, value, max } => {
                self.choice(&at.named("len"), u32::try_from(*max).expect("a small map"));
                for index in 0..*max {
                    self.add(key, &at.indexed(index).named("key").head());
                    self.add(value, &at.indexed(index).named("value"));
                }
            }
            TypeShape::Table(rows) => self.tables.push((at.path.clone(), rows, at.marks)),
        }
    }

    fn rotation(&mut self, at: &Place, bits: u32) {
        let max = (1 << bits) - 2;
        let unit = 2.0 / ((max / 2) as f32 + 0.5);
        self.choice(&at.named("largest"), 3);
        for part in ["a", "b", "c"] {
            self.leaf(&at.named(part), LeafKind::Number, -f64::from(max / 2) * f64::from(unit), max, unit);
        }
    }

    fn fields(&mut self, shape: &'a StructShape, at: &Place) {
        let at = Place { is_by_hand: at.is_by_hand || shape.name.is_empty(), ..at.clone() };
        shape.fields.iter().for_each(|field| self.add(&field.shape, &at.field(field)));
    }

    fn variants(&mut self, shape: &'a EnumShape, at: &Place) {
        let last = u32::try_from(shape.variants.len() - 1).expect("few variants");
        if shape.is_plain() {
            return self.choice(at, last);
        }
        self.choice(&at.named("kind"), last);
        for variant in &shape.variants {
            let at = at.named(variant.name);
            variant.fields.iter().for_each(|field| self.add(&field.shape, &at.field(field)));
        }
    }

    fn assert_is(&self, schema: &Schema, table: usize) {
        let found = &schema.tables[table].leaves;
        for (expected, leaf) in self.leaves.iter().zip(found) {
            let place = format!("{} of table {table}", leaf.path);
            // A leaf without a name has its place as its name in the tree.
            assert!(expected.path == leaf.path || leaf.path.is_empty(), "{place} is {}", expected.path);
            assert_eq!(expected.marks, leaf.marks, "{place}");
            assert!(expected.kind.is_none_or(|kind| kind == leaf.kind), "{place} is {:?}", leaf.kind);
            assert_eq!((expected.min, expected.max, expected.unit), (leaf.min, leaf.max, leaf.unit), "{place}");
        }
        assert_eq!(self.leaves.len(), found.len(), "leaves of table {table}");
    }
}

fn steps(grid: &Grid) -> u32 {
    ((f64::from(grid.max) - f64::from(grid.min)) / f64::from(grid.step)).round() as u32
}

/// Fails unless the tree of a type has the leaves and tables of its schema, in the same order.
pub(crate) fn assert_shape_is_schema<S: State>() {
    let (shape, schema) = (S::shape(), Schema::of::<S>());
    let root = Row::of(&shape, Marks::NONE);
    root.assert_is(&schema, 0);
    assert_eq!(root.leaves.len(), S::WIDTH);
    assert_eq!(root.tables.len() + 1, schema.tables.len());
    for (number, (path, rows, marks)) in (1..).zip(&root.tables) {
        assert_eq!(schema.tables[number].name, *path);
        Row::of(rows, *marks).assert_is(&schema, number);
    }
}
