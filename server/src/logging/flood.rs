//! The bound of how many lines of one kind the log has per second. A kind is one place in the code.
//!
//! A peer can cause any number of some lines. Of each kind so many pass at once, and as many per second; the others are
//! counted, and once a second a line says how many there were.

use crate::clock::Clock;
use crate::websocket::rate::{Quota, SharedUsage};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The target of the lines about lines, which are not bounded themselves: there is at most one per kind and second.
pub(super) const TARGET: &str = "tickwire_server::log";

/// Characters of a line by which its kind is named.
const NAME_CHARS_MAX: usize = 96;

/// The lines of one place in the code.
struct Kind {
    /// The words of the first line.
    name: String,
    usage: SharedUsage,
    /// Lines that are left out and not told of yet.
    left_out: AtomicU64,
}

/// The bound, and the kinds of lines that there were.
pub(super) struct Flood {
    clock: Clock,
    lines_per_second: AtomicU32,
    /// Written once for each kind, so that readers, which shards are, practically never wait.
    kinds: RwLock<HashMap<Identifier, Kind>>,
    left_out: AtomicU64,
}

impl Flood {
    pub(super) fn new(lines_per_second: u32) -> Self {
        Self {
            clock: Clock::start(),
            lines_per_second: AtomicU32::new(lines_per_second),
            kinds: RwLock::default(),
            left_out: AtomicU64::new(0),
        }
    }

    pub(super) fn set_lines_per_second(&self, lines_per_second: u32) {
        self.lines_per_second.store(lines_per_second, Ordering::Relaxed);
    }

    /// All lines that were left out.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    fn admits(&self, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        if metadata.target() == TARGET {
            return true;
        }
        if let Some(kind) = self.kinds.read().get(&metadata.callsite()) {
            return self.take(kind);
        }
        let mut kinds = self.kinds.write();
        self.take(kinds.entry(metadata.callsite()).or_insert_with(|| Kind::of(event)))
    }

    fn take(&self, kind: &Kind) -> bool {
        let lines_per_second = self.lines_per_second.load(Ordering::Relaxed).max(1);
        let is_admitted = kind.usage.take(Quota::per_second(lines_per_second, lines_per_second), self.clock.now_us());
        if !is_admitted {
            kind.left_out.fetch_add(1, Ordering::Relaxed);
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        is_admitted
    }

    /// Says how many lines were left out since the last time.
    pub(super) fn report(&self) {
        // The lines go through the log themselves, so the lock must be free by then.
        let take = |kind: &Kind| (kind.name.clone(), kind.left_out.swap(0, Ordering::Relaxed));
        let counts: Vec<_> = self.kinds.read().values().map(take).filter(|(_, count)| *count > 0).collect();
        for (kind, left_out) in counts {
            tracing::warn!(target: TARGET, kind, left_out, "there were too many lines of one kind");
        }
    }
}

impl Kind {
    fn of(event: &Event<'_>) -> Self {
        let mut words = Words::default();
        event.record(&mut words);
        Self { name: words.0, usage: SharedUsage::default(), left_out: AtomicU64::new(0) }
    }
}

/// The first words of an event.
#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}").chars().take(NAME_CHARS_MAX).collect();
        }
    }
}

/// The bound as a part of the log.
pub(super) struct Gate(pub(super) Arc<Flood>);

impl<S: Subscriber> Layer<S> for Gate {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.0.admits(event)
    }
}
