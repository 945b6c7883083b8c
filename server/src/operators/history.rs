//! The last hour of a server, ten seconds to a row.

use crate::limits::{HISTORY_ROWS_MAX, HISTORY_STEP_S};
use serde::Serialize;
use std::collections::VecDeque;

/// The names of the columns, in the order of [`Row`].
const COLUMNS: [&str; 16] = [
    "at_ms",
    "rooms",
    "players",
    "bots",
    "cpu_percent",
    "memory_bytes",
    "bytes_in_s",
    "bytes_out_s",
    "turn_p99_us",
    "late_p99_us",
    "late_inputs_s",
    "starved_s",
    "corrections_s",
    "desyncs",
    "closes",
    "refusals",
];

/// One row: a value for each column; `None` where the server does not know it.
pub(crate) type Row = [Option<u64>; COLUMNS.len()];

/// The rows of the last hour, the oldest at the front.
#[derive(Debug, Default)]
pub(crate) struct History {
    rows: VecDeque<Row>,
}

/// All rows as a message.
#[derive(Serialize)]
struct AllRows<'a> {
    step_s: u64,
    columns: [&'static str; COLUMNS.len()],
    rows: &'a VecDeque<Row>,
}

/// One more row as a message.
#[derive(Serialize)]
struct OneRow<'a> {
    step_s: u64,
    row: &'a Row,
}

impl History {
    /// Adds a row; the oldest one gives way. Gives the message that tells the row.
    pub(crate) fn push(&mut self, row: Row) -> String {
        while self.rows.len() >= HISTORY_ROWS_MAX {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
        text(&OneRow { step_s: HISTORY_STEP_S, row: &row })
    }

    /// The message with all rows.
    pub(crate) fn all(&self) -> String {
        text(&AllRows { step_s: HISTORY_STEP_S, columns: COLUMNS, rows: &self.rows })
    }
}

fn text(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn row(number: u64) -> Row {
        let mut row = [Some(number); COLUMNS.len()];
        row[12] = None;
        row
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_hour_is_kept_and_the_oldest_row_gives_way() {
        let mut history = History::default();
        assert_eq!(parsed(&history.all())["rows"], json!([]));
        for number in 0..400 {
            let told = parsed(&history.push(row(number)));
            assert_eq!(
                (&told["step_s"], &told["row"][0], &told["row"][12]),
                (&json!(10), &json!(number), &Value::Null)
            );
        }
        let all = parsed(&history.all());
        let rows = all["rows"].as_array().unwrap();
        assert_eq!((rows.len(), &rows[0][0], &rows[359][0]), (360, &json!(40), &json!(399)));
        let columns = all["columns"].as_array().unwrap();
        assert_eq!((columns.len(), &columns[12]), (rows[0].as_array().unwrap().len(), &json!("corrections_s")));
    }
}
