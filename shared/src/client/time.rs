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

/// The clocks of one connection.
#[derive(Debug)]
pub(crate) struct Timing {
    rules: Rules,
    clock: InputClock,
    round_trip: RoundTrip,
}

impl Timing {
    /// The clocks for a game with these rules, before its first connection.
    pub(crate) fn new(rules: Rules) -> Self {
        let tick_us = 1_000_000.0 / f64::from(rules.tick_rate_hz);
        Self { rules, clock: InputClock::new(tick_us), round_trip: RoundTrip::new(rules.tick_us()) }
    }

    /// Starts over for another connection: the room was at `tick`, and the welcome came `waited_us` after the hello.
    ///
    /// The wait covers a round trip at the least. The room has gone on for about half of it since the welcome was sent,
    /// and the first input will travel for about the other half: an input for the tick that lies the whole wait ahead
    /// arrives in time.
    pub(crate) fn restart(&mut self, tick: Tick, waited_us: u64, now_us: u64) {
        *self = Self::new(self.rules);
        let ahead = FIRST_LEAD_TICKS + waited_us as f64 / self.rules.tick_us() as f64;
        self.clock.set(TickTime::from(tick) + ahead, now_us, waited_us);
    }

    /// Notes that an input for `tick` is sent now.
    pub(crate) fn sent(&mut self, tick: Tick, now_us: u64) {
        self.round_trip.sent(tick, now_us);
    }

    /// Learns from the head of a message how early the newest input arrived, and how long the round trip takes. A head
    /// without a lead says nothing: no input has reached the room yet.
    pub(crate) fn observe(&mut self, head: &SnapshotHead<'_>, now_us: u64, stats: &mut Stats) {
        let Some(lead) = head.lead else { return };
        let newest = head.tick.offset(i64::from(lead));
        self.clock.observe(newest, head.tick, now_us, stats.rtt_us);
        stats.input_lead_ticks = lead;
        if let Some(rtt_us) = self.round_trip.echoed(newest, now_us) {
            stats.rtt_us = rtt_us;
        }
    }

    /// The tick, with its fraction, that inputs are made for now.
    pub(crate) fn tick_at(&self, now_us: u64) -> TickTime {
        self.clock.tick_at(now_us)
    }

    /// The newest tick that an input is due for.
    pub(crate) fn due(&self, now_us: u64) -> Tick {
        self.clock.tick_at(now_us).tick()
    }

    /// The local time at which the input for `tick` is due, in microseconds.
    pub(crate) fn time_of(&self, tick: Tick) -> u64 {
        self.clock.time_of(tick)
    }
}
