//! Time of a session, the same in both modes: which tick the inputs are for, and how long the round trip is.
//!
//! Both are learned from one number, the input lead in the head of each message: it says which input was the newest
//! when the room made the tick, and by how many ticks it was early.

pub(crate) mod input_clock;
mod round_trip;

use crate::client::stats::Stats;
use crate::game::Rules;
use crate::message::snapshot_head::SnapshotHead;
use crate::tick::{Tick, TickTime};
use input_clock::InputClock;
use round_trip::RoundTrip;

/// How far ahead of the room a new connection starts, in ticks, before anything was measured.
const FIRST_LEAD_TICKS: f64 = 2.0;

/// For so long after the newest message own things are played ahead, in microseconds. Then they wait: inputs for later
/// ticks would come too late if the network stands still, and take effect too late if the server does.
const AHEAD_US_MAX: u64 = 500_000;

/// How far the clock runs ahead of arriving messages is the most of so long, in microseconds, and of the same before.
const AHEAD_WINDOW_US: u64 = 2_000_000;

/// The newest message, and how far the clock was ahead of it and of those before.
#[derive(Debug, Clone, Copy)]
struct Newest {
    tick: Tick,
    arrived_us: u64,
    /// The most in the window that is running, and in the one before.
    ahead: [f64; 2],
    window_end_us: u64,
}

/// The facts that are known, when a message arrives, of a pause before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum AfterPause {
    /// There was none, or the server went on in it.
    Past,
    /// Messages come again, and it is open whether the server went on.
    Open,
    /// The server's time stood still for so many ticks. Said once.
    StoodStill { ticks: f64 },
}

/// The clocks of one connection.
#[derive(Debug)]
pub(crate) struct Timing {
    rules: Rules,
    clock: InputClock,
    round_trip: RoundTrip,
    newest: Option<Newest>,
}

impl Timing {
    /// The clocks for a game with these rules, before its first connection.
    pub(crate) fn new(rules: Rules) -> Self {
        let tick_us = 1_000_000.0 / f64::from(rules.tick_rate_hz);
        Self { rules, clock: InputClock::new(tick_us), round_trip: RoundTrip::new(rules.tick_us()), newest: None }
    }

    /// Starts over for another connection: the room was at `tick`, and the welcome came `waited_us` after the hello.
    ///
    /// The wait covers a round trip at the least. The room has gone on for about half of it since the welcome was sent,
    /// and the first input will travel for about the other half: an input for the tick that lies the whole wait ahead
    /// arrives in time. `made` is the newest input that was made over an earlier connection.
    pub(crate) fn restart(&mut self, tick: Tick, waited_us: u64, made: Option<Tick>, now_us: u64) {
        *self = Self::new(self.rules);
        self.set_clock(tick, waited_us, now_us);
        if let Some(made) = made {
            self.clock.forget_until(made);
        }
    }

    fn set_clock(&mut self, tick: Tick, waited_us: u64, now_us: u64) {
        let ahead = FIRST_LEAD_TICKS + waited_us as f64 / self.rules.tick_us() as f64;
        self.clock.set(TickTime::from(tick) + ahead, now_us, 0);
    }

    /// Notes that an input for `tick` is sent now.
    pub(crate) fn sent(&mut self, tick: Tick, now_us: u64) {
        self.round_trip.sent(tick, now_us);
    }

    /// Learns from the head of a message how early the newest input arrived, and how long the round trip takes. A head
    /// without a lead says nothing: no input has reached the room yet.
    pub(crate) fn observe(&mut self, head: &SnapshotHead<'_>, pause: AfterPause, now_us: u64, stats: &mut Stats) {
        match pause {
            AfterPause::Past => {}
            AfterPause::Open => self.clock.forget_before(now_us),
            AfterPause::StoodStill { ticks } => self.clock.shift_back(ticks),
        }
        if pause != AfterPause::Past {
            self.round_trip.forget_before(now_us);
        }
        if self.clock.tick_at(now_us) < TickTime::from(head.tick) {
            // No input would be made for ticks that the server has made already, and so none would show how late the
            // clock is.
            self.set_clock(head.tick, stats.rtt_us, now_us);
        }
        self.note_arrival(head.tick, pause, now_us);
        let Some(lead) = head.lead else { return };
        let newest = head.tick.offset(i64::from(lead));
        self.clock.observe(newest, head.tick, now_us, stats.rtt_us);
        stats.input_lead_ticks = lead;
        if let Some(rtt_us) = self.round_trip.echoed(newest, now_us) {
            stats.rtt_us = rtt_us;
        }
    }

    fn note_arrival(&mut self, tick: Tick, pause: AfterPause, now_us: u64) {
        let ahead = self.clock.tick_at(now_us) - TickTime::from(tick);
        let fresh = Newest { tick, arrived_us: now_us, ahead: [ahead; 2], window_end_us: now_us + AHEAD_WINDOW_US };
        let newest = self.newest.get_or_insert(fresh);
        (newest.tick, newest.arrived_us) = (tick, now_us);
        // While it is open whether the server's time stood still, the clock may be far ahead of it.
        if pause == AfterPause::Open {
            return;
        }
        if now_us >= newest.window_end_us {
            newest.ahead = [ahead, newest.ahead[0]];
            newest.window_end_us = now_us + AHEAD_WINDOW_US;
        }
        newest.ahead[0] = if ahead > newest.ahead[0] { ahead } else { newest.ahead[0] };
    }

    /// The tick, with its fraction, that inputs are made for now: what the clock shows, but not further ahead of the
    /// newest message than is usual on this connection, nor for longer than [`AHEAD_US_MAX`] without a message.
    pub(crate) fn tick_at(&self, now_us: u64) -> TickTime {
        let Some(Newest { tick, arrived_us, ahead, .. }) = self.newest else { return self.clock.tick_at(now_us) };
        // A game may send less often than that.
        let ahead_us_max = AHEAD_US_MAX.max(2 * self.rules.message_us());
        let now_us = now_us.min(arrived_us + ahead_us_max);
        let passed = now_us.saturating_sub(arrived_us) as f64 / self.clock.tick_us();
        let usual = if ahead[0] > ahead[1] { ahead[0] } else { ahead[1] };
        self.clock.tick_at(now_us).earlier(TickTime::from(tick) + (usual + passed))
    }

    /// The newest tick that an input is due for.
    pub(crate) fn due(&self, now_us: u64) -> Tick {
        self.tick_at(now_us).tick()
    }

    /// The local time at which the input for `tick` is due, in microseconds.
    pub(crate) fn time_of(&self, tick: Tick) -> u64 {
        self.clock.time_of(tick)
    }
}
