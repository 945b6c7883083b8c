//! The schema: the name of each wire integer and the way in which it behaves.

use super::{Advance, Governed, Group, Motion, Slide, State};
use crate::hash::{Mix, key};
use crate::limits::{ROW_WIDTH_MAX, SECTION_KEYFRAME_BYTES, TABLES_MAX};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The receivers of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Visibility {
    /// Everyone who sees the row.
    #[default]
    All,
    /// The seat that owns the row or struct, and the server.
    Owner,
    /// The server alone: the field never leaves it.
    Server,
}

/// The relation of a leaf's values to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafKind {
    /// Neighbours are near each other: the leaf can be interpolated.
    Number,
    /// Like a number, and the largest value is a neighbour of 0.
    Turn,
    /// Values have no order: a flag, a tag, an id.
    Choice,
}

/// The attributes of a field; everything inside the field inherits them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// The receivers of the field.
    pub visibility: Visibility,
    /// The field is interpolated between two ticks, and eased when a prediction was wrong.
    pub smooth: bool,
    /// Every client predicts the field, not only its owner's.
    pub predict: bool,
    /// The field of an input must not be repeated when the next input is late.
    pub once: bool,
}

impl Marks {
    /// No attribute.
    pub const NONE: Self = Self { visibility: Visibility::All, smooth: false, predict: false, once: false };

    #[inline(never)]
    fn inside(self, outer: Self) -> Self {
        Self {
            visibility: self.visibility.max(outer.visibility),
            smooth: self.smooth || outer.smooth,
            predict: self.predict || outer.predict,
            once: self.once || outer.once,
        }
    }
}

/// One wire integer of a row.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The field's path within the row, such as `sides[1].y`.
    pub path: String,
    /// The value in the game's own unit that 0 stands for.
    pub min: f64,
    /// The largest value; the smallest is 0.
    pub max: u32,
    /// The number of bits that `max` takes.
    pub bits: u32,
    /// The relation of its values to each other.
    pub kind: LeafKind,
    /// The size of one step of the integer in the game's own unit.
    pub unit: f32,
    /// Whether the game holds the value as a float, which is rounded to the nearest step.
    pub is_float: bool,
    /// The attributes of the field.
    pub marks: Marks,
    /// The leaf in the same row that names the owner of this one.
    pub owner: Option<usize>,
    /// The way in which the leaf moves while nothing happens to it.
    pub motion: Motion,
}

/// The shape of the rows of one table, or (table 0) of the one row that holds the world's own fields.
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// The table's path in the world; empty for the root.
    pub name: String,
    /// The row's wire integers.
    pub leaves: Vec<Leaf>,
    /// The attributes of the table itself.
    pub marks: Marks,
    /// Indices of the leaves for everyone who sees the row. Those that stay and move others come first, then the others
    /// that stay, then those that move, each in the order of declaration: a leaf that moves another stands before it.
    pub public: Vec<usize>,
    /// Indices of the leaves for the owner alone, in the same order.
    pub private: Vec<usize>,
    /// The fields that a function moves.
    pub groups: Vec<Group>,
    /// Indices of the leaves that are interpolated between two ticks.
    pub smooth: Vec<usize>,
    /// First leaves of the rotations, which have four leaves each.
    pub rotations: Vec<usize>,
    /// The leaves that tags, flags, keys and lengths govern.
    pub governed: Vec<Governed>,
    /// The leaf that names the owner of the whole row.
    pub owner: Option<usize>,
    /// The number of slots that one section spans; a power of two.
    pub slots_per_section: u16,
    /// One odd factor per leaf, for the hash of a row.
    pub keys: Vec<u64>,
    /// Pairs of a leaf and the leaf that moves it, until all leaves are known.
    moved_by: Vec<(usize, usize)>,
}

/// The shape of a game's world, built once.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The root row, then the tables in the order of their fields.
    pub tables: Vec<TableSchema>,
    /// A hash that differs between any two shapes that cannot talk to each other.
    pub fingerprint: u64,
    /// Whether any field is for its owner alone.
    pub has_private: bool,
}

impl Schema {
    /// Checks what can be known of a derived type at compile time.
    ///
    /// # Panics
    /// At compile time, when one value is wider than [`ROW_WIDTH_MAX`] or holds too many tables.
    pub const fn check<S: State>() {
        assert!(S::WIDTH <= ROW_WIDTH_MAX, "a row has at most 256 wire integers: more belong into a `Table`");
        assert!(S::TABLES < TABLES_MAX, "a world has at most 31 tables");
    }

    /// The schema of a world, an input or an event.
    ///
    /// # Panics
    /// When a row is too wide, when there are too many tables, or when a field with `only = owner` has no owner.
    #[must_use]
    pub fn of<S: State>() -> Self {
        let mut tables = alloc::vec![TableSchema::new(String::new(), Marks::NONE)];
        S::describe(&mut Fields::new(&mut tables, 0, Marks::NONE));
        Self::finished(tables)
    }

    /// Completes the schema of tables that have been described.
    #[inline(never)]
    fn finished(mut tables: Vec<TableSchema>) -> Self {
        assert!(tables.len() <= TABLES_MAX, "a world has at most {} tables, not {}", TABLES_MAX - 1, tables.len() - 1);
        for (number, table) in (0..).zip(&mut tables) {
            table.finish(number);
        }
        let fingerprint = fingerprint(&tables);
        let has_private = tables.iter().any(|table| !table.private.is_empty());
        Self { tables, fingerprint, has_private }
    }

    /// The path of a leaf from the world down, such as `ships.hp`.
    #[must_use]
    pub fn path(&self, table: usize, leaf: usize) -> String {
        let (name, path) = (&self.tables[table].name, &self.tables[table].leaves[leaf].path);
        if name.is_empty() { path.clone() } else { format!("{name}.{path}") }
    }
}

impl TableSchema {
    pub(crate) const fn new(name: String, marks: Marks) -> Self {
        Self {
            name,
            leaves: Vec::new(),
            marks,
            public: Vec::new(),
            private: Vec::new(),
            groups: Vec::new(),
            smooth: Vec::new(),
            rotations: Vec::new(),
            governed: Vec::new(),
            owner: None,
            slots_per_section: 1,
            keys: Vec::new(),
            moved_by: Vec::new(),
        }
    }

    fn finish(&mut self, number: u32) {
        let width = self.leaves.len();
        assert!(width <= ROW_WIDTH_MAX, "a row of {} has {width} wire integers, over {ROW_WIDTH_MAX}", self.place());
        for (leaf, by) in core::mem::take(&mut self.moved_by) {
            assert!(by < width && by != leaf, "`{}` of {} is moved by nothing", self.leaves[leaf].path, self.place());
            self.leaves[leaf].motion = Motion::By(Slide::between(by, &self.leaves[by], &self.leaves[leaf]));
        }
        let lost = self.leaves.iter().find(|leaf| leaf.marks.visibility == Visibility::Owner && leaf.owner.is_none());
        assert!(
            lost.is_none(),
            "`{}` of {} is `only = owner`, and neither its row nor a struct around it has an `owner`",
            lost.map_or("", |leaf| &leaf.path),
            self.place()
        );
        let place = |leaf: usize| match self.leaves[leaf].motion {
            Motion::Hold if self.drives(leaf) => 0,
            Motion::Hold => 1,
            Motion::By(_) | Motion::With(_) => 2,
        };
        let of = |visibility| {
            let mut order = Vec::new();
            // The sort of the standard library would bring 9 KB into every page.
            for wanted in 0..3 {
                let seen = |leaf: &usize| self.leaves[*leaf].marks.visibility == visibility;
                order.extend((0..width).filter(seen).filter(|leaf| place(*leaf) == wanted));
            }
            order
        };
        let (public, private) = (of(Visibility::All), of(Visibility::Owner));
        self.check_motion(&public);
        self.check_motion(&private);
        (self.public, self.private) = (public, private);
        self.smooth = (0..width).filter(|index| self.leaves[*index].marks.smooth).collect();
        self.keys = (0..).take(width).map(|leaf: u32| key(number, leaf)).collect();
        let row_bits: u32 = self.leaves.iter().map(|leaf| leaf.bits).sum();
        let rows = SECTION_KEYFRAME_BYTES * 8 / row_bits.max(1) as usize;
        // A power of two makes the section of a slot a shift.
        let slots = u16::try_from(rows.clamp(16, 1024)).unwrap_or(1024);
        self.slots_per_section = 1 << slots.ilog2();
    }

    /// Whether the leaf moves other leaves that the same players see.
    #[must_use]
    pub fn drives(&self, leaf: usize) -> bool {
        let visibility = self.leaves[leaf].marks.visibility;
        let seen = self.leaves.iter().filter(|other| other.marks.visibility == visibility);
        seen.into_iter().any(|other| matches!(other.motion, Motion::By(slide) if slide.by == leaf))
    }

    /// The name of the table, for a message.
    fn place(&self) -> String {
        if self.name.is_empty() { "the world itself".to_string() } else { format!("`{}`", self.name) }
    }

    /// A leaf that moves another must be known before it, to everyone who knows the other one.
    fn check_motion(&self, order: &[usize]) {
        for (place, index) in order.iter().enumerate() {
            let leaf = &self.leaves[*index];
            if let Motion::By(slide) = leaf.motion {
                assert!(
                    order[..place].contains(&slide.by),
                    "`{}` of {}: what moves it must be seen by the same players, and stand before it if it moves too",
                    leaf.path,
                    self.place()
                );
            }
        }
    }
}

const _: () = assert!(ROW_WIDTH_MAX == 256 && TABLES_MAX == 32, "`Schema::check` names them in its messages");

fn fingerprint(tables: &[TableSchema]) -> u64 {
    let mut hash = Mix::new(0);
    for table in tables {
        hash.bytes(table.name.as_bytes());
        for leaf in &table.leaves {
            hash.bytes(leaf.path.as_bytes());
            hash.add(leaf.kind as u32);
            hash.add(leaf.max);
            hash.add(leaf.unit.to_bits());
            hash.bytes(&leaf.min.to_le_bytes());
            hash.add(leaf.marks.visibility as u32);
            hash.add(u32::from(leaf.marks.predict));
            hash.add(u32::from(leaf.marks.once));
            hash.add(leaf.owner.map_or(0, |owner| owner as u32 + 1));
            match leaf.motion {
                Motion::Hold => hash.add(0),
                Motion::By(slide) => hash.add(slide.by as u32 + 2),
                Motion::With(_) => hash.add(1),
            }
        }
    }
    hash.wide()
}

/// Collects the leaves while a state describes itself.
///
/// The code around an `inner` is in functions that are not inlined: a page holds each once, not once per field.
#[derive(Debug)]
pub struct Fields<'a> {
    tables: &'a mut Vec<TableSchema>,
    table: usize,
    path: String,
    marks: Marks,
    owner: Option<usize>,
    /// The first leaf of the struct that is being described.
    start: usize,
    depth: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(tables: &'a mut Vec<TableSchema>, table: usize, marks: Marks) -> Self {
        Fields { tables, table, path: String::new(), marks, owner: None, start: 0, depth: 0 }
    }

    /// Describes one struct. `owner_offset` is the place, counted in leaves, of its field that names its owner.
    pub fn group(&mut self, owner_offset: Option<usize>, inner: impl FnOnce(&mut Fields<'_>)) {
        let outer = self.enter_group(owner_offset);
        inner(self);
        self.leave_group(outer);
    }

    #[inline(never)]
    fn enter_group(&mut self, owner_offset: Option<usize>) -> Outer {
        let table = &mut self.tables[self.table];
        let outer = Outer { owner: self.owner, start: self.start, groups: table.groups.len() };
        self.start = table.leaves.len();
        if let Some(offset) = owner_offset {
            self.owner = Some(table.leaves.len() + offset);
            if self.depth == 0 {
                table.owner = self.owner;
            }
        }
        self.depth += 1;
        outer
    }

    #[inline(never)]
    fn leave_group(&mut self, outer: Outer) {
        let table = &mut self.tables[self.table];
        let end = table.leaves.len();
        for group in table.groups[outer.groups..].iter_mut().filter(|group| group.row.is_empty()) {
            group.row.end = end;
        }
        (self.owner, self.start) = (outer.owner, outer.start);
        self.depth -= 1;
    }

    /// Describes a field that the leaves from `offset` on (counted within the struct) move each tick, one leaf by one.
    pub fn moved_by(&mut self, offset: usize, inner: impl FnOnce(&mut Fields<'_>)) {
        let first = self.width();
        inner(self);
        self.move_by(offset, first);
    }

    #[inline(never)]
    fn move_by(&mut self, offset: usize, first: usize) {
        let by = self.start + offset;
        let table = &mut self.tables[self.table];
        // The leaves that move them may not have been described yet.
        table.moved_by.extend((first..table.leaves.len()).map(|leaf| (leaf, by + leaf - first)));
    }

    /// Describes a field that a function moves each tick.
    pub fn moved_with(&mut self, advance: Advance, inner: impl FnOnce(&mut Fields<'_>)) {
        let first = self.width();
        inner(self);
        self.move_with(advance, first);
    }

    #[inline(never)]
    fn move_with(&mut self, advance: Advance, first: usize) {
        let table = &mut self.tables[self.table];
        let field = first..table.leaves.len();
        // The function moves all of the field, and replaces the rules inside of it.
        table.moved_by.retain(|(leaf, _)| !field.contains(leaf));
        for leaf in &mut table.leaves[field.clone()] {
            leaf.motion = Motion::With(table.groups.len());
        }
        // The struct's end is known only when it has been described.
        table.groups.push(Group { advance, row: self.start..self.start, field });
    }

    /// The number of leaves of the row so far.
    #[inline(never)]
    fn width(&self) -> usize {
        self.tables[self.table].leaves.len()
    }

    /// Describes one field with its attributes.
    pub fn field(&mut self, name: &'static str, marks: Marks, inner: impl FnOnce(&mut Fields<'_>)) {
        let outer = self.marks;
        self.marks = marks.inside(outer);
        self.named(name, inner);
        self.marks = outer;
    }

    /// Describes a part of a field that has a name of its own.
    pub fn named(&mut self, name: &str, inner: impl FnOnce(&mut Fields<'_>)) {
        let outer = self.enter_name(name);
        inner(self);
        self.leave_name(outer);
    }

    #[inline(never)]
    fn enter_name(&mut self, name: &str) -> usize {
        let outer = self.path.len();
        if outer > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        outer
    }

    #[inline(never)]
    fn leave_name(&mut self, outer: usize) {
        self.path.truncate(outer);
    }

    /// Describes a part of a field that has a number.
    pub fn indexed(&mut self, index: usize, inner: impl FnOnce(&mut Fields<'_>)) {
        let outer = self.enter_index(index);
        inner(self);
        self.leave_name(outer);
    }

    #[inline(never)]
    fn enter_index(&mut self, index: usize) -> usize {
        let outer = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        outer
    }

    /// Describes `head`, which is one leaf, and `body`: `head` governs its leaves, as it gives their variant or number.
    pub fn governing(&mut self, head: impl FnOnce(&mut Fields<'_>), body: impl FnOnce(&mut Fields<'_>)) {
        let by = self.width();
        head(self);
        self.mark_as_governing(by);
        body(self);
        self.govern(by);
    }

    #[inline(never)]
    fn mark_as_governing(&mut self, by: usize) {
        let table = &mut self.tables[self.table];
        assert!(table.leaves.len() == by + 1, "`{}`: what governs other leaves is one leaf", self.path);
        // Not even a number may be blended here: a key is this one or that one.
        (table.leaves[by].kind, table.leaves[by].marks.smooth) = (LeafKind::Choice, false);
    }

    #[inline(never)]
    fn govern(&mut self, by: usize) {
        let table = &mut self.tables[self.table];
        table.governed.push(Governed { by, leaves: by + 1..table.leaves.len() });
    }

    /// Describes a rotation's four leaves: the index of the largest component, and the others, within `0..=max`.
    pub fn rotation(&mut self, max: u32, unit: f32) {
        let (first, min) = (self.tables[self.table].leaves.len(), f64::from(max / 2) * f64::from(unit));
        self.tables[self.table].rotations.push(first);
        self.named("largest", |fields| fields.leaf(3, LeafKind::Choice, 1.0));
        for other in ["a", "b", "c"] {
            self.named(other, |fields| fields.leaf_from(-min, max, LeafKind::Number, unit, true));
        }
    }

    /// Describes the leaf that says which of `variants` an enum is.
    pub fn tag(&mut self, variants: usize) {
        self.leaf(u32::try_from(variants.saturating_sub(1)).unwrap_or(u32::MAX), LeafKind::Choice, 1.0);
    }

    /// Describes one wire integer within `0..=max`. A step means `unit` in the game, and 0 means 0.
    pub fn leaf(&mut self, max: u32, kind: LeafKind, unit: f32) {
        self.leaf_from(0.0, max, kind, unit, false);
    }

    /// Describes one wire integer within `0..=max`. 0 means `min` in the game, and a step means `unit`.
    #[inline(never)]
    pub fn leaf_from(&mut self, min: f64, max: u32, kind: LeafKind, unit: f32, is_float: bool) {
        let (path, bits, owner) = (self.path.clone(), u32::BITS - max.leading_zeros(), self.owner);
        // Nothing lies between two choices.
        let marks = Marks { smooth: self.marks.smooth && kind != LeafKind::Choice, ..self.marks };
        let motion = Motion::Hold;
        self.tables[self.table].leaves.push(Leaf { path, min, max, bits, kind, unit, is_float, marks, owner, motion });
    }

    /// Describes a table of rows `T` at this place.
    ///
    /// # Panics
    /// Inside a row: tables hold rows, not tables.
    pub fn table<T: State + Default>(&mut self) {
        T::describe(&mut self.rows());
    }

    #[inline(never)]
    fn rows(&mut self) -> Fields<'_> {
        let table = &self.tables[self.table];
        assert!(self.table == 0, "`{}` of {}: the rows of a table cannot hold another", self.path, table.place());
        self.tables.push(TableSchema::new(self.path.to_string(), self.marks));
        let (table, marks) = (self.tables.len() - 1, self.marks);
        Fields::new(self.tables, table, marks)
    }
}

/// The context that holds again after a struct inside another.
struct Outer {
    owner: Option<usize>,
    start: usize,
    /// Groups of the table before the struct.
    groups: usize,
}
