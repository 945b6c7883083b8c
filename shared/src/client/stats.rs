//! Stats: the numbers of a session's connection and predictions.

use crate::client::prediction::corrections::Correction;
use crate::math;
use crate::message::snapshot_head::SnapshotHead;

/// Numbers of one session; the network overlay shows them and the load test adds them up.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Snapshots applied.
    pub snapshots: u64,
    /// Snapshots that could not be applied because they or their baseline were wrong.
    pub decode_errors: u64,
    /// Hashes of sections, or in lockstep of full states, that were equal to the server's.
    pub hashes_compared: u64,
    /// Hashes that differed from the server's.
    pub hash_mismatches: u64,
    /// Desyncs: the times that the world turned out to differ from the server's.
    pub desyncs: u64,
    /// Desyncs that were settled by the correction of single leaves.
    pub desyncs_healed: u64,
    /// Tick of the last hash that was compared.
    pub hash_tick: u32,
    /// Bytes received, WebSocket payload.
    pub bytes_in: u64,
    /// Bytes of the snapshots that were deltas, not keyframes.
    pub delta_bytes: u64,
    /// Snapshots that were deltas, not keyframes.
    pub deltas: u64,
    /// Bytes of keyframes.
    pub keyframe_bytes: u64,
    /// Keyframes.
    pub keyframes: u64,
    /// Bytes sent, WebSocket payload.
    pub bytes_out: u64,
    /// Inputs made, one for each tick.
    pub inputs: u64,
    /// Round-trip time in microseconds, estimated over the last seconds; 0 before the first estimate.
    pub rtt_us: u64,
    /// Input lead: the ticks by which the newest input was ahead of the room, as the last snapshot says.
    pub input_lead_ticks: i8,
    /// Ticks that the server made without an input of this player.
    pub starved_ticks: u64,
    /// Times that a prediction was wrong and had to be corrected.
    pub rollbacks: u64,
    /// Ticks replayed for the last snapshot.
    pub rollback_ticks: u32,
    /// The deepest replay, in ticks.
    pub rollback_ticks_max: u32,
    /// The last correction of an own row before easing, in the game's units.
    pub correction_units: f32,
    /// The largest correction, in the game's units.
    pub correction_units_max: f32,
    /// Welcomes received: 1, and one more for each reconnect.
    pub welcomes: u64,
}

impl Stats {
    pub(crate) fn count_snapshot(&mut self, bytes: u64, compared: u32, is_keyframe: bool, head: &SnapshotHead<'_>) {
        self.snapshots += 1;
        self.hashes_compared += u64::from(compared);
        self.hash_tick = head.tick.0;
        self.starved_ticks += u64::from(head.starved && head.lead.is_some());
        let (count, sum) = if is_keyframe {
            (&mut self.keyframes, &mut self.keyframe_bytes)
        } else {
            (&mut self.deltas, &mut self.delta_bytes)
        };
        *count += 1;
        *sum += bytes;
    }

    pub(crate) fn count_correction(&mut self, correction: &Correction) {
        self.rollback_ticks = correction.ticks;
        if correction.wrong {
            self.rollbacks += 1;
            self.rollback_ticks_max = self.rollback_ticks_max.max(correction.ticks);
        }
        self.correction_units = correction.units;
        self.correction_units_max = math::max(self.correction_units_max, correction.units);
    }
}
