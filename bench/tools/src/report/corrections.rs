//! The fields that clients predicted wrong, over all clients of a run.

use serde::Serialize;
use std::cmp::Reverse;
use tickwire::client::CorrectedField;

/// Fields that a report lists at the most.
const FIELDS_MAX: usize = 8;

/// The errors in the prediction of one field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Corrections {
    /// The field's path, such as `ships.shown`.
    pub field: String,
    /// Snapshots in which the field came out otherwise than predicted, over all clients.
    pub snapshots: u64,
    /// Snapshots that were compared.
    pub of: u64,
    /// The mean error in these snapshots, in the game's units; 0 for a field without units.
    pub units_mean: f32,
    /// The largest error, in the game's units.
    pub units_max: f32,
    /// Whether the prediction was wrong nearly each time that the field changed: the server seems to compute it from
    /// something that clients do not have.
    pub unpredictable: bool,
    /// The field in words.
    #[serde(skip)]
    pub words: String,
}

/// The worst fields over all clients, the worst first. Each item has the snapshots that one client has received, and the
/// fields that it predicted wrong.
#[must_use]
pub fn worst(clients: impl IntoIterator<Item = (u64, Vec<CorrectedField>)>) -> Vec<Corrections> {
    let (mut sums, mut compared) = (Vec::<CorrectedField>::new(), 0_u64);
    for (snapshots, fields) in clients {
        // A client that predicted everything right lists no field, and has compared all its snapshots.
        compared += fields.first().map_or(snapshots, |field| field.of);
        for field in fields {
            match sums.iter_mut().find(|sum| sum.field == field.field) {
                Some(sum) => sum.add(&field),
                None => sums.push(field),
            }
        }
    }
    // A client that never had one of the fields wrong does not list it, and still has compared it.
    sums.iter_mut().for_each(|sum| sum.of = compared);
    sums.sort_by_key(|field| Reverse(field.rank()));
    sums.iter().take(FIELDS_MAX).map(Corrections::of).collect()
}

impl Corrections {
    /// Whether an author should look at the field: predictions of what other players do are wrong now and then in every
    /// game.
    #[must_use]
    pub const fn is_notable(&self) -> bool {
        self.unpredictable || self.snapshots * 100 >= self.of
    }

    fn of(sum: &CorrectedField) -> Self {
        Self {
            field: sum.field.clone(),
            snapshots: sum.snapshots,
            of: sum.of,
            units_mean: sum.units_mean,
            units_max: sum.units_max,
            unpredictable: sum.is_unpredictable(),
            words: sum.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, snapshots: u64, units_mean: f32, wrong_changes: u64) -> CorrectedField {
        let (units_max, changes) = (2.0 * units_mean, 100);
        CorrectedField { field: name.into(), snapshots, of: 100, units_mean, units_max, changes, wrong_changes }
    }

    #[test]
    fn fields_are_summed_over_clients_and_the_worst_come_first() {
        let found = worst([
            (100, vec![field("ships.shown", 80, 5.0, 95), field("ships.at", 10, 1.0, 5)]),
            (100, vec![field("ships.shown", 60, 6.0, 95)]),
        ]);
        let words: Vec<&str> = found.iter().map(|field| field.words.as_str()).collect();
        let shown = "ships.shown: 5.4 units in 70 % of snapshots: computed on the server only?";
        assert_eq!(words, [shown, "ships.at: 1.0 units in 5 % of snapshots"]);
        assert_eq!((found[0].snapshots, found[0].of, found[0].units_max), (140, 200, 12.0));
    }

    #[test]
    fn a_report_lists_only_the_worst_fields() {
        let fields = (0..30).map(|number| field(&format!("a.{number}"), number, 1.0, 0)).collect();
        let found = worst([(100, fields)]);
        assert_eq!((found.len(), found[0].field.as_str()), (FIELDS_MAX, "a.29"));
        assert!(worst([(100, Vec::new())]).is_empty());
    }

    #[test]
    fn a_client_that_predicted_everything_right_counts_as_well() {
        let found = worst([(100, vec![field("ships.at", 60, 1.0, 5)]), (200, Vec::new())]);
        assert_eq!(found[0].words, "ships.at: 1.0 units in 20 % of snapshots");
    }
}
