//! The oldest view that the player of a seat may claim with an input, as far as the player's acknowledgements tell.
//!
//! A player sees others as they were a moment ago, and a shot is judged in that world ([`tickwire::world::rewind`]). Only
//! the client knows which moment was on its screen, so the age of the view comes with the input. A modified client could
//! claim an older view than it had, and shoot at players that have reached cover since. But a client also acknowledges
//! the newest snapshot that it has, and what it shows is not much older than that: it is behind by the delay of its
//! interpolation buffer. That delay follows the lateness of its messages, which the room sees too. A claim is therefore
//! shortened to
//!
//! ```text
//! tick of the input − newest tick acknowledged     how far the player acts ahead of what it has received
//!   + most − least lag of its acknowledgements      the lateness that its interpolation buffer has to cover
//!   + a slack                                       a snapshot's distance, a picture, and the least delay
//! ```
//!
//! The lag is counted when a message arrives, before and after its acknowledgement, so that a gap in the messages counts
//! in full. Lags are remembered for longer than a client remembers late snapshots. A client that has just entered makes
//! several ticks at once, until its clock is ahead of the room's, so the slack is larger at first.
//!
//! # What remains possible
//!
//! A client on a good link gains no more than the slack. A client that holds back its acknowledgements, or lets them
//! falter now and then, looks like one on a bad link, and its claims are believed like those of a player on such a link:
//! up to [`PAST_MS_MAX`](tickwire::limits::PAST_MS_MAX). The room cannot tell the two apart, because an acknowledgement
//! is all that it hears.

use super::tick_limits::TickLimits;
use tickwire::Tick;
use tickwire::limits::ADVANCE_TICKS_MAX;

/// The least and the most of some lags, in ticks.
#[derive(Debug, Clone, Copy)]
struct Lags {
    least: i64,
    most: i64,
}

/// The acknowledgements of the player in one seat.
#[derive(Debug, Clone, Default)]
pub(super) struct ViewBound {
    acked: Option<Tick>,
    /// The tick of the first acknowledgement over this connection.
    begun: Tick,
    /// The lags in the window that is running, and in the one before.
    lags: [Option<Lags>; 2],
    window_end: Tick,
}

impl ViewBound {
    /// Notes that a message with this acknowledgement arrived before the tick after `now`.
    pub(super) fn observe(&mut self, ack: Tick, now: Tick, limits: &TickLimits) {
        if now >= self.window_end {
            self.lags = [None, self.lags[0]];
            self.window_end = now + limits.lags_window_ticks;
        }
        if self.acked.is_none() {
            self.begun = now;
        }
        let acked = self.acked.map_or(ack, |acked| acked.max(ack));
        // Before this message the player may have had no more than it had acknowledged.
        for acked in [self.acked.unwrap_or(acked), acked] {
            let lag = now.since(acked);
            let lags = self.lags[0].get_or_insert(Lags { least: lag, most: lag });
            *lags = Lags { least: lags.least.min(lag), most: lags.most.max(lag) };
        }
        self.acked = Some(acked);
    }

    /// The player goes on over another connection. Its interpolation buffer keeps the delay and not the snapshots.
    pub(super) const fn reconnect(&mut self) {
        self.acked = None;
    }

    /// The age, in whole ticks, of the oldest view that an input for `tick` may claim, if it arrives before the tick after
    /// `now`; 0 before the first acknowledgement, when the player has seen nothing yet.
    pub(super) fn ticks_max(&self, tick: Tick, now: Tick, limits: &TickLimits) -> u32 {
        let Some(acked) = self.acked else { return 0 };
        let known = || self.lags.iter().flatten();
        let least = known().map(|lags| lags.least).min().unwrap_or(0);
        let most = known().map(|lags| lags.most).max().unwrap_or(0);
        let has_settled = now.since(self.begun) >= i64::from(limits.view_settle_ticks);
        let catch_up = if has_settled { 0 } else { i64::from(ADVANCE_TICKS_MAX) };
        let ticks = tick.since(acked) + (most - least) + i64::from(limits.view_slack_ticks) + catch_up;
        u32::try_from(ticks).unwrap_or(0)
    }
}
