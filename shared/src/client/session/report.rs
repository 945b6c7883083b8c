//! The report of a client on its corrections: the server cannot see them, and its operators want to know how a room feels.
//!
//! A client without corrections sends nothing. The server believes a report of nothing but the player's own figures.

use crate::client::stats::Stats;
use crate::id::Seat;
use crate::message::control::ClientControl;
use alloc::vec::Vec;

/// Microseconds between two reports of a client at the least.
const INTERVAL_US: u64 = 5_000_000;

/// The number that the server was told, and its time.
#[derive(Debug, Default)]
pub(super) struct Report {
    told: u64,
    told_us: u64,
}

impl Report {
    /// The message that is due: the corrections since the last one.
    pub(super) fn poll(&mut self, stats: &Stats, seat: Option<Seat>, now_us: u64) -> Option<Vec<u8>> {
        let more = stats.rollbacks - self.told;
        if more == 0 || seat.is_none() || now_us < self.told_us + INTERVAL_US {
            return None;
        }
        (self.told, self.told_us) = (stats.rollbacks, now_us);
        Some(ClientControl::Corrected(u16::try_from(more).unwrap_or(u16::MAX)).encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_are_told_together_and_seldom_and_nothing_else_is() {
        let (mut report, seat) = (Report::default(), Some(Seat::default()));
        let mut told = |rollbacks, seat, now_us| {
            let message = report.poll(&Stats { rollbacks, ..Stats::default() }, seat, now_us)?;
            Some(ClientControl::decode(&message).unwrap())
        };
        assert_eq!(told(0, seat, 9_000_000), None);
        assert_eq!(told(3, None, 9_000_000), None, "a spectator predicts nothing");
        assert_eq!(told(3, seat, 9_000_000), Some(ClientControl::Corrected(3)));
        assert_eq!(told(9, seat, 13_999_999), None);
        assert_eq!(told(80_009, seat, 14_000_000), Some(ClientControl::Corrected(u16::MAX)));
        assert_eq!(told(80_009, seat, 60_000_000), None);
    }
}
