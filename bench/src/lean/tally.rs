//! Messages and bytes that the clients of a lean load have received and sent in a stretch of time.

/// Counts of all clients together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Nanoseconds in which this was counted.
    pub elapsed_ns: u64,
    /// Snapshots that arrived, keyframes included.
    pub snapshots: u64,
    /// Of those, keyframes.
    pub keyframes: u64,
    /// Payload of the keyframes.
    pub keyframe_bytes: u64,
    /// Payload of all other snapshots, heads included.
    pub delta_bytes: u64,
    /// Bytes of all messages that arrived, with the heads of their frames.
    pub wire_bytes_in: u64,
    /// Sum of the times from one snapshot to the next of the same client, in microseconds, and the number of these
    /// times.
    pub gaps_us: (u64, u64),
    /// Inputs that were sent.
    pub inputs: u64,
    /// Bytes of the inputs, with the heads of their frames.
    pub wire_bytes_out: u64,
}

impl Tally {
    /// Adds the counts of another stretch of time.
    pub const fn add(&mut self, other: &Self) {
        self.elapsed_ns += other.elapsed_ns;
        self.snapshots += other.snapshots;
        self.keyframes += other.keyframes;
        self.keyframe_bytes += other.keyframe_bytes;
        self.delta_bytes += other.delta_bytes;
        self.wire_bytes_in += other.wire_bytes_in;
        self.gaps_us = (self.gaps_us.0 + other.gaps_us.0, self.gaps_us.1 + other.gaps_us.1);
        self.inputs += other.inputs;
        self.wire_bytes_out += other.wire_bytes_out;
    }

    /// Mean payload of a snapshot that is no keyframe.
    #[must_use]
    pub fn payload_bytes(&self) -> f64 {
        mean(self.delta_bytes, self.snapshots - self.keyframes)
    }

    /// Mean of the bytes that arrived per snapshot, with the frames' heads.
    #[must_use]
    pub fn wire_bytes_per_snapshot(&self) -> f64 {
        mean(self.wire_bytes_in, self.snapshots)
    }

    /// Mean size of an input on the wire, with the frame's head.
    #[must_use]
    pub fn wire_bytes_per_input(&self) -> f64 {
        mean(self.wire_bytes_out, self.inputs)
    }

    /// Snapshots that each of `clients` clients received in a second.
    #[must_use]
    pub fn rate_hz(&self, clients: u32) -> f64 {
        let seconds = self.elapsed_ns as f64 / 1e9 * f64::from(clients);
        if seconds == 0.0 { 0.0 } else { self.snapshots as f64 / seconds }
    }

    /// Snapshots that a client received in a second, from the mean of all gaps: it does not matter where between two
    /// ticks the time began and ended. 0 when there were no gaps.
    #[must_use]
    pub fn mean_rate_hz(&self) -> f64 {
        let (sum_us, gaps) = self.gaps_us;
        if sum_us == 0 { 0.0 } else { gaps as f64 * 1e6 / sum_us as f64 }
    }

    /// Snapshots that arrived, as a part of those that `clients` clients should have received at this rate.
    #[must_use]
    pub fn delivered_part(&self, clients: u32, rate_hz: u32) -> f64 {
        if rate_hz == 0 { 0.0 } else { self.rate_hz(clients) / f64::from(rate_hz) }
    }
}

fn mean(sum: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_are_listed_apart() {
        let mut tally = Tally { elapsed_ns: 1_000_000_000, snapshots: 60, keyframes: 2, ..Tally::default() };
        (tally.keyframe_bytes, tally.delta_bytes) = (4_000, 5_800);
        assert_eq!(tally.payload_bytes(), 100.0);
        assert_eq!((tally.delivered_part(2, 30), tally.rate_hz(2)), (1.0, 30.0));
        tally.add(&Tally { ..tally });
        assert_eq!((tally.payload_bytes(), tally.snapshots), (100.0, 120));
        assert_eq!(tally.delivered_part(2, 30), 1.0);
    }

    #[test]
    fn the_mean_rate_does_not_depend_on_when_counting_begins() {
        // Ten ticks of two clients each, and a tenth of a second in which no gaps were counted.
        let tally = Tally { elapsed_ns: 433_000_000, gaps_us: (20 * 33_333, 20), ..Tally::default() };
        assert!((tally.mean_rate_hz() - 30.0003).abs() < 1e-6);
    }

    #[test]
    fn an_empty_tally_has_means_of_zero() {
        let nothing = Tally::default();
        assert_eq!(nothing.mean_rate_hz(), 0.0);
        assert_eq!((nothing.payload_bytes(), nothing.delivered_part(8, 30), nothing.rate_hz(0)), (0.0, 0.0, 0.0));
        assert_eq!((nothing.wire_bytes_per_snapshot(), nothing.wire_bytes_per_input()), (0.0, 0.0));
    }
}
