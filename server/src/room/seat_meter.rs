//! The figures that a room notices of the player in a seat by itself: how long a snapshot and its acknowledgement take,
//! how early inputs come, and how much that varies. The room has no clock, so it measures in ticks.
//!
//! Everything here follows from messages that are needed anyway; a client can lie about its own figures alone.

use tickwire::Tick;

/// Parts of a tick that means are kept in.
const PARTS: i64 = 256;

/// The weight of a new value in a mean: an eighth for round trips and leads, a sixteenth for the jitter (RFC 3550).
const MEAN_WEIGHT: i64 = 8;
const JITTER_WEIGHT: i64 = 16;

/// The largest value that counts, in ticks: beyond that the connection is closed anyway.
const TICKS_MAX: i64 = 1_000;

/// The figures of one seat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SeatMeter {
    pub(super) late_inputs: u32,
    pub(super) starved_ticks: u32,
    /// Corrections that the client itself has told.
    pub(super) corrections: u32,
    /// The tick up to which corrections are told.
    pub(super) corrected_to: Tick,
    acked: Option<Tick>,
    /// Means in parts of a tick.
    round_trip: Option<i64>,
    lead: Option<i64>,
    jitter: i64,
    last_lead: i64,
}

impl SeatMeter {
    /// The figures of a player who has taken the seat at this tick.
    pub(super) fn beginning_at(tick: Tick) -> Self {
        Self { corrected_to: tick, ..Self::default() }
    }

    /// An input has arrived, so many ticks before it is needed; after it when negative.
    pub(super) fn arrived(&mut self, lead_ticks: i64) {
        let lead = lead_ticks.clamp(-TICKS_MAX, TICKS_MAX) * PARTS;
        if self.lead.is_some() {
            self.jitter += ((lead - self.last_lead).abs() - self.jitter) / JITTER_WEIGHT;
        }
        self.last_lead = lead;
        self.lead = Some(self.lead.map_or(lead, |mean| mean + (lead - mean) / MEAN_WEIGHT));
    }

    /// The snapshot of a tick is acknowledged; `now` is the newest tick.
    ///
    /// The snapshot was written at the end of its tick and the acknowledgement read at the start of the tick after
    /// `now`: half a tick too much on average, which is the time that the client waits for its own next message.
    pub(super) fn acknowledged(&mut self, tick: Tick, now: Tick) {
        // A client repeats its newest acknowledgement; only the first one tells the time.
        if self.acked.is_none_or(|acked| acked < tick) {
            self.acked = Some(tick);
            let took = now.since(tick).clamp(0, TICKS_MAX) * PARTS;
            self.round_trip = Some(self.round_trip.map_or(took, |mean| mean + (took - mean) / MEAN_WEIGHT));
        }
    }

    /// The mean of the time from a snapshot to its acknowledgement, in milliseconds.
    pub(super) fn round_trip_ms(&self, rate_hz: u32) -> Option<u32> {
        Some(milliseconds(self.round_trip?, rate_hz))
    }

    /// How much the time between inputs varies, in milliseconds.
    pub(super) fn jitter_ms(&self, rate_hz: u32) -> Option<u32> {
        self.lead.map(|_| milliseconds(self.jitter, rate_hz))
    }

    /// The mean number of ticks by which inputs come before they are needed.
    pub(super) fn lead_ticks(&self) -> Option<i32> {
        self.lead.map(|lead| i32::try_from(lead.div_euclid(PARTS)).unwrap_or(0))
    }
}

fn milliseconds(parts: i64, rate_hz: u32) -> u32 {
    u32::try_from(parts * 1_000 / (PARTS * i64::from(rate_hz.max(1)))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_messages_show_their_round_trip_and_lead_and_no_jitter() {
        let mut meter = SeatMeter::default();
        assert_eq!((meter.round_trip_ms(30), meter.lead_ticks(), meter.jitter_ms(30)), (None, None, None));
        for tick in 10..200 {
            meter.arrived(2);
            meter.acknowledged(Tick(tick - 3), Tick(tick));
            meter.acknowledged(Tick(tick - 3), Tick(tick + 1));
        }
        assert_eq!((meter.round_trip_ms(30), meter.lead_ticks(), meter.jitter_ms(30)), (Some(100), Some(2), Some(0)));
    }

    #[test]
    fn inputs_that_come_unevenly_show_as_jitter() {
        let mut meter = SeatMeter::default();
        (0..400).for_each(|tick| meter.arrived(if tick % 2 == 0 { 1 } else { 4 }));
        // Three ticks of 33 ms lie between one input and the next.
        assert!(meter.jitter_ms(30).is_some_and(|ms| (90..=100).contains(&ms)), "{meter:?}");
        meter.arrived(i64::MIN);
        assert!(meter.lead_ticks().is_some_and(|lead| lead < 0), "one lie changes a mean a little");
    }
}
