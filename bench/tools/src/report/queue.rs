//! The part of a load test's report about bots that waited for their matches.

use super::Spread;
use crate::measure::Distribution;
use serde::Serialize;
use std::time::Duration;

/// The waits of all bots.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueWaits {
    /// The name of the queue; empty for the first one of the game.
    pub queue: String,
    /// The wait of a bot, in milliseconds.
    pub wait_ms: Spread,
    /// Matches.
    pub matches: usize,
    /// Seconds until the last bot had its match.
    pub seconds: f64,
}

impl QueueWaits {
    /// The waits, in microseconds, of bots that are in so many matches.
    #[must_use]
    pub fn new(queue: &str, waits_us: &[u64], matches: usize, total: Duration) -> Self {
        let mut waits = Distribution::default();
        waits_us.iter().for_each(|wait_us| waits.record(*wait_us));
        Self { queue: queue.into(), wait_ms: waits.spread_ms(), matches, seconds: total.as_secs_f64() }
    }
}
