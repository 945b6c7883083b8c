//! The pause of a room that was made again: it waits for its players, so that nobody's character stands in the match
//! without them.
//!
//! A server that is back within a second has its players back within another one: they notice its end at once, and try
//! again at short intervals. The room ticks when all who were connected are back, and does not wait for long for the
//! others. The server sends each welcome after the first tick is written.

use crate::limits::{PAUSE_AFTER_FIRST, PAUSE_MAX};

/// A pause that is under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pause {
    until_ns: u64,
}

impl Pause {
    /// A pause that begins now.
    pub(super) fn beginning_at(now_ns: u64) -> Self {
        Self { until_ns: now_ns.saturating_add(nanos(PAUSE_MAX)) }
    }

    /// A player is back, and waits with the room from now on.
    pub(super) fn shorten(&mut self, now_ns: u64) {
        self.until_ns = self.until_ns.min(now_ns.saturating_add(nanos(PAUSE_AFTER_FIRST)));
    }

    /// Whether the room waits no longer for those who are `missing`.
    pub(super) const fn is_over(self, missing: usize, now_ns: u64) -> bool {
        missing == 0 || now_ns >= self.until_ns
    }
}

fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_with_the_last_player_or_soon_after_the_first() {
        let mut pause = Pause::beginning_at(7);
        assert!(pause.is_over(0, 8), "nobody is missing");
        assert!(!pause.is_over(1, nanos(PAUSE_MAX)));
        assert!(pause.is_over(1, 7 + nanos(PAUSE_MAX)));
        pause.shorten(100);
        pause.shorten(200);
        assert!(!pause.is_over(1, 99 + nanos(PAUSE_AFTER_FIRST)));
        assert!(pause.is_over(1, 100 + nanos(PAUSE_AFTER_FIRST)));
    }
}
