//! The shape of a game as plain data, to be kept beside its worlds: a later build of the game needs it to read them.
//!
//! ```json
//! [{"leaves":[{"path":"sides[0].y","max":960,"unit":0.125}]},
//!  {"name":"ships","leaves":[{"path":"hp","max":100},{"path":"lit","kind":"choice","max":1}]}]
//! ```
//!
//! Table 0 is the world itself. The description has all that the bytes of a world depend on, and the meaning of the
//! values. Reading one is total, and so is every use of it.

use crate::game::Game;
use crate::hash::key;
use crate::limits::{ROW_WIDTH_MAX, TABLES_MAX};
use crate::state::{Leaf, LeafKind, Marks, Motion, Schema, TableSchema};
use crate::world::hidden_rows::is_hidden;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The shape of a world or an input as plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Description {
    tables: Vec<TableDescription>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TableDescription {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    /// No leaf is for everyone: a full state then has the pools of the free slots.
    #[serde(default, skip_serializing_if = "is_false")]
    hidden: bool,
    leaves: Vec<LeafDescription>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LeafDescription {
    path: String,
    #[serde(default, skip_serializing_if = "Kind::is_number")]
    kind: Kind,
    #[serde(default, skip_serializing_if = "is_zero")]
    min: f64,
    max: u32,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    unit: f32,
}

/// [`LeafKind`] by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Number,
    Turn,
    Choice,
}

impl Kind {
    fn is_number(&self) -> bool {
        *self == Self::Number
    }
}

// serde asks for functions of references.
fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_one(value: &f32) -> bool {
    *value == one()
}

const fn one() -> f32 {
    1.0
}

/// The shapes that a game had when something of it was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GameDescription {
    /// That of its world.
    pub world: Description,
    /// That of its inputs.
    pub input: Description,
}

impl GameDescription {
    /// That of this build of the game.
    #[must_use]
    pub fn of<G: Game>() -> Self {
        let [world, input] = [Schema::of::<G>(), Schema::of::<G::Input>()].map(|schema| Description::of(&schema));
        Self { world, input }
    }
}

/// The reason for which a description describes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DescriptionFault {
    /// The first table is not the world itself, or there are too many tables.
    #[error("{0} tables, of which the first is to be the world itself, and {TABLES_MAX} at most")]
    Tables(usize),
    /// A row is too wide.
    #[error("the rows of `{table}` have {width} wire integers, over {ROW_WIDTH_MAX}")]
    Width {
        /// The table.
        table: String,
        /// Wire integers of a row.
        width: usize,
    },
    /// The values of a leaf are no numbers.
    #[error("the values of `{0}` are no numbers")]
    Leaf(String),
}

impl Description {
    /// The description of a schema.
    #[must_use]
    pub fn of(schema: &Schema) -> Self {
        Self { tables: schema.tables.iter().map(TableDescription::of).collect() }
    }

    /// A schema by which bytes can be read that were written by the one which was described. It does not say who sees a
    /// thing, nor how things move.
    ///
    /// # Errors
    /// When no schema has this description.
    pub fn schema(&self) -> Result<Schema, DescriptionFault> {
        let count = self.tables.len();
        if count > TABLES_MAX || self.tables.first().is_none_or(|root| !root.name.is_empty()) {
            return Err(DescriptionFault::Tables(count));
        }
        let tables: Result<_, _> = (0..).zip(&self.tables).map(|(number, table)| table.schema(number)).collect();
        Ok(Schema { tables: tables?, fingerprint: 0, has_private: false })
    }
}

impl TableDescription {
    fn of(table: &TableSchema) -> Self {
        let leaves = table.leaves.iter().map(LeafDescription::of).collect();
        Self { name: table.name.clone(), hidden: is_hidden(table), leaves }
    }

    fn schema(&self, number: u32) -> Result<TableSchema, DescriptionFault> {
        let width = self.leaves.len();
        if width > ROW_WIDTH_MAX {
            return Err(DescriptionFault::Width { table: self.name.clone(), width });
        }
        let mut table = TableSchema::new(self.name.clone(), Marks::NONE);
        table.leaves = self.leaves.iter().map(LeafDescription::leaf).collect::<Result<_, _>>()?;
        table.public = if self.hidden { Vec::new() } else { (0..width).collect() };
        table.keys = (0..).take(width).map(|leaf: u32| key(number, leaf)).collect();
        Ok(table)
    }
}

impl LeafDescription {
    fn of(leaf: &Leaf) -> Self {
        let kind = match leaf.kind {
            LeafKind::Number => Kind::Number,
            LeafKind::Turn => Kind::Turn,
            LeafKind::Choice => Kind::Choice,
        };
        Self { path: leaf.path.clone(), kind, min: leaf.min, max: leaf.max, unit: leaf.unit }
    }

    fn leaf(&self) -> Result<Leaf, DescriptionFault> {
        let Self { ref path, kind, min, max, unit } = *self;
        if !min.is_finite() || !unit.is_finite() || unit <= 0.0 {
            return Err(DescriptionFault::Leaf(path.clone()));
        }
        let kind = match kind {
            Kind::Number => LeafKind::Number,
            Kind::Turn => LeafKind::Turn,
            Kind::Choice => LeafKind::Choice,
        };
        let bits = u32::BITS - max.leading_zeros();
        let (path, marks, motion) = (path.clone(), Marks::NONE, Motion::Hold);
        Ok(Leaf { path, min, max, bits, kind, unit, is_float: false, marks, owner: None, motion })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seat;
    use crate::rng::Rng;
    use crate::table::Table;
    use glam::{Quat, Vec2};

    /// A leaf of every kind.
    #[derive(crate::state::State, Clone, Default)]
    struct World {
        #[state(range = -0.3..=0.3, step = 0.1)]
        place: Vec2,
        #[state(rotation)]
        facing: Quat,
        #[state(angle, bits = 9)]
        heading: f32,
        whole: u64,
        low: i32,
        maybe: Option<u8>,
        #[state(max = 3)]
        list: Vec<u8>,
        seen: Table<Seen>,
        #[state(only = owner)]
        hands: Table<Hand>,
        nothings: Table<Nothing>,
    }

    #[derive(crate::state::State, Clone, Default)]
    struct Seen {
        lit: bool,
    }

    #[derive(crate::state::State, Clone, Default)]
    struct Hand {
        #[state(owner)]
        seat: Option<Seat>,
    }

    #[derive(crate::state::State, Clone, Default)]
    struct Nothing {}

    fn text() -> String {
        serde_json::to_string(&Description::of(&Schema::of::<World>())).unwrap()
    }

    #[test]
    fn a_description_returns_and_describes_what_the_bytes_depend_on() {
        let schema = Schema::of::<World>();
        let description: Description = serde_json::from_str(&text()).unwrap();
        assert_eq!(description, Description::of(&schema));
        let again = description.schema().unwrap();
        assert_eq!(Description::of(&again), description);
        assert_eq!(again.tables.len(), schema.tables.len());
        for (again, table) in again.tables.iter().zip(&schema.tables) {
            assert_eq!((&again.name, &again.keys), (&table.name, &table.keys));
            assert_eq!(is_hidden(again), is_hidden(table), "{}", table.name);
            let parts =
                |leaf: &Leaf| (leaf.path.clone(), leaf.kind, leaf.bits, leaf.max, leaf.min, leaf.unit.to_bits());
            let [ours, theirs] = [again, table].map(|table| table.leaves.iter().map(parts).collect::<Vec<_>>());
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn the_form_is_the_documented_one() {
        let text = r#"[{"leaves":[{"path":"sides[0].y","max":960,"unit":0.125}]},
            {"name":"ships","leaves":[{"path":"hp","max":100},{"path":"lit","kind":"choice","max":1}]}]"#;
        let description: Description = serde_json::from_str(text).unwrap();
        let again = serde_json::to_string(&description).unwrap();
        assert_eq!(again, text.replace("\n            ", ""));
    }

    #[test]
    fn every_cut_and_any_damage_gives_a_schema_or_an_error() {
        let (text, mut dice, mut understood) = (text(), Rng::new(9), 0);
        for cut in 0..text.len() {
            assert!(serde_json::from_slice::<Description>(&text.as_bytes()[..cut]).is_err(), "cut at {cut}");
        }
        for _ in 0..20_000 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..=dice.below(2) {
                let place = dice.below(bytes.len() as u32) as usize;
                let marks = b"019-.e\"[]{},:xa";
                bytes[place] = marks[dice.below(marks.len() as u32) as usize];
            }
            let Ok(description) = serde_json::from_slice::<Description>(&bytes) else { continue };
            understood += u32::from(description.schema().is_ok());
        }
        assert!(understood > 1_000, "{understood}");
    }

    #[test]
    fn what_no_schema_has_is_an_error() {
        let fault = |text: &str| serde_json::from_str::<Description>(text).unwrap().schema().map(drop);
        assert_eq!(fault("[]"), Err(DescriptionFault::Tables(0)));
        assert_eq!(fault(r#"[{"name":"a","leaves":[]}]"#), Err(DescriptionFault::Tables(1)));
        let many = alloc::vec![r#"{"leaves":[]}"#; TABLES_MAX + 1].join(",");
        assert_eq!(fault(&alloc::format!("[{many}]")), Err(DescriptionFault::Tables(TABLES_MAX + 1)));
        let wide = alloc::vec![r#"{"path":"a","max":1}"#; ROW_WIDTH_MAX + 1].join(",");
        let width = DescriptionFault::Width { table: String::new(), width: ROW_WIDTH_MAX + 1 };
        assert_eq!(fault(&alloc::format!(r#"[{{"leaves":[{wide}]}}]"#)), Err(width));
        for unit in ["0", "-1", "-0.0"] {
            let text = alloc::format!(r#"[{{"leaves":[{{"path":"a","max":1,"unit":{unit}}}]}}]"#);
            assert_eq!(fault(&text), Err(DescriptionFault::Leaf("a".into())), "{unit}");
        }
    }
}
