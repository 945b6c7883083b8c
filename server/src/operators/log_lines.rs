//! The last lines of the log that name a room, and counts of warnings and errors, for the dashboard.
//!
//! A layer beside the one that writes the log keeps them, so it sees what the filter of the log lets through. It is one
//! per process, as the log is. Lines are rare: no tick writes one unless something has gone wrong in it.

use crate::limits::{LOG_LINE_CHARS_MAX, LOG_LINES_KEPT_MAX};
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// A line about a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LogLine {
    #[serde(skip)]
    room: u64,
    pub(crate) at_ms: u64,
    pub(crate) level: &'static str,
    pub(crate) text: String,
}

static LINES: Mutex<VecDeque<LogLine>> = Mutex::new(VecDeque::new());
static WARNINGS: AtomicU64 = AtomicU64::new(0);
static ERRORS: AtomicU64 = AtomicU64::new(0);

/// Warnings and errors since the start of the process, and the last lines of rooms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recent;

/// The lines that this process keeps.
pub(crate) const fn recent_lines() -> Recent {
    Recent
}

impl Recent {
    /// The numbers of warnings and of errors so far.
    pub(crate) fn counts(self) -> (u64, u64) {
        (WARNINGS.load(Ordering::Relaxed), ERRORS.load(Ordering::Relaxed))
    }

    /// The last lines that name a room, the oldest first.
    pub(crate) fn of_room(self, room: u64, max: usize) -> Vec<LogLine> {
        let lines = LINES.lock();
        let mut found: Vec<LogLine> = lines.iter().rev().filter(|line| line.room == room).take(max).cloned().collect();
        found.reverse();
        found
    }
}

/// The layer that keeps lines for the dashboard; a program that sets up its own log adds it.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecentLines;

impl<S: Subscriber> Layer<S> for RecentLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        match level {
            Level::WARN => drop(WARNINGS.fetch_add(1, Ordering::Relaxed)),
            Level::ERROR => drop(ERRORS.fetch_add(1, Ordering::Relaxed)),
            Level::INFO => {}
            _ => return,
        }
        let mut words = Words::default();
        event.record(&mut words);
        let Some(room) = words.room else { return };
        let text = words.text.chars().take(LOG_LINE_CHARS_MAX).collect();
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let level = match level {
            Level::ERROR => "error",
            Level::WARN => "warn",
            _ => "info",
        };
        let line = LogLine { room, at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX), level, text };
        let mut lines = LINES.lock();
        while lines.len() >= LOG_LINES_KEPT_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// The words of an event, and the room that it names.
#[derive(Default)]
struct Words {
    room: Option<u64>,
    text: String,
}

impl Visit for Words {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "room" {
            self.room = Some(value);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.text.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.text, "{space}{value:?}"),
            name => write!(self.text, "{space}{name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn lines_that_name_a_room_are_found_by_it() {
        // No other test logs about this room.
        const ROOM: u64 = 987_654_321;
        let (warnings, errors) = recent_lines().counts();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(RecentLines), || {
            tracing::warn!(room = ROOM, count = 3, "a room is too slow");
            tracing::error!("nobody's");
            tracing::info!(room = ROOM, "{}", "x".repeat(2 * LOG_LINE_CHARS_MAX));
            tracing::debug!(room = ROOM, "a detail");
            tracing::info!(room = ROOM + 1, "another's");
        });
        let lines = recent_lines().of_room(ROOM, 50);
        assert_eq!((lines[0].level, &*lines[0].text), ("warn", "a room is too slow count=3"));
        assert_eq!((lines.len(), lines[1].text.len()), (2, LOG_LINE_CHARS_MAX));
        assert_eq!(recent_lines().of_room(ROOM, 1), lines[1..]);
        let (warned, failed) = recent_lines().counts();
        assert!(warned > warnings && failed > errors);
    }
}
