//! Disputes in lockstep: how the client reports a difference, and how it goes on from a corrected world.

use crate::client::stats::Stats;
use crate::client::worlds::lockstep::Lockstep;
use crate::desync::dump_rows;
use crate::determinism::behaviour::behaviour_hash;
use crate::game::Game;
use crate::id::RowId;
use crate::message::evidence::{ClientEvidence, DISPUTED_TICKS_MAX, LeafClaim, ServerEvidence};
use crate::tick::Tick;
use alloc::vec::Vec;

/// Time after which a dispute that is not settled is given up, in microseconds: then the client asks for a keyframe.
const SETTLED_US_MAX: u64 = 2_000_000;

/// A dispute that is not settled yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    /// The time at which the client gives it up; `None` until the dispute was sent.
    until_us: Option<u64>,
}

impl<G: Game> Lockstep<G> {
    /// Opens a dispute: the hash of a confirmed full state is not the server's.
    pub(crate) fn differ(&mut self, stats: &mut Stats) {
        stats.hash_mismatches += 1;
        stats.desyncs += 1;
        self.dispute = Some(Open { until_us: None });
    }

    /// Sends the dispute to the server, once, and gives up one that is not settled.
    pub(crate) fn poll_dispute(&mut self, now_us: u64) {
        let Some(Open { until_us }) = &mut self.dispute else { return };
        match until_us {
            Some(until_us) if now_us > *until_us => {
                self.dispute = None;
                self.ask_for_keyframe();
            }
            Some(_) => {}
            None => {
                *until_us = Some(now_us + SETTLED_US_MAX);
                let tick = self.confirmed;
                let from = self.agreed.max(tick - (DISPUTED_TICKS_MAX as u32 - 1));
                let disputed = self.frames.iter().filter(|frame| (from..=tick).contains(&frame.full_state.tick()));
                let hashes = disputed.map(|frame| frame.full_state.hash_sent(&self.schema)).collect();
                self.evidence.push(ClientEvidence::Dispute { tick, hashes }.encode());
            }
        }
    }

    /// Takes in a message of the server about a difference.
    pub(crate) fn handle_evidence(&mut self, evidence: ServerEvidence, stats: &mut Stats) {
        match evidence {
            ServerEvidence::RowHashes { tick, rows } => {
                let Some(frame) = self.frame(tick) else { return self.ask_for_keyframe() };
                let row_dump = dump_rows(&self.schema, &frame.full_state.snapshot, &rows, behaviour_hash::<G>());
                self.evidence.push(ClientEvidence::RowDump(row_dump).encode());
            }
            ServerEvidence::Correction { tick, leaves } => {
                if self.correct(tick, &leaves).is_none() {
                    return self.ask_for_keyframe();
                }
                stats.desyncs_healed += u64::from(self.dispute.take().is_some());
                self.play_again(stats);
            }
        }
    }

    /// Corrects leaves of the world of `tick` and drops the frames that were made from it. `None` when the frame is not
    /// kept or not confirmed, or has no such leaf.
    fn correct(&mut self, tick: Tick, leaves: &[LeafClaim]) -> Option<()> {
        let at = self.place(tick).filter(|_| tick <= self.confirmed)?;
        for LeafClaim { table, slot, leaf, value } in leaves {
            self.set_leaf(at, (usize::from(*table), *slot, usize::from(*leaf)), *value)?;
        }
        self.set_aside(tick.next());
        self.spare.extend(self.frames.drain(at + 1..));
        self.stepper.rng = self.frames[at].full_state.restore(&mut self.stepper.world);
        (self.confirmed, self.agreed) = (tick, tick);
        Some(())
    }

    /// Plays on from a corrected world to the newest tick inputs, at once: that is usually a second's worth of ticks,
    /// and never more than the frames that are kept.
    fn play_again(&mut self, stats: &mut Stats) {
        for _ in 0..super::FRAMES_MAX {
            if self.confirmed >= self.last_received.0 {
                break;
            }
            self.play(stats);
        }
    }

    /// Damages a leaf of the newest confirmed world, as broken memory or a broken build would, and gives its tick.
    pub(crate) fn damage(&mut self, table: usize, row: RowId, leaf: usize, value: u32) -> Option<Tick> {
        let tick = self.confirmed;
        let at = self.place(tick)?;
        self.frames[at].full_state.snapshot.tables.get(table)?.find(row)?;
        self.set_leaf(at, (table, row.slot, leaf), value)?;
        self.spare.extend(self.frames.drain(at + 1..));
        self.stepper.rng = self.frames[at].full_state.restore(&mut self.stepper.world);
        Some(tick)
    }

    /// Replaces a leaf of a frame's world; `None` when there is no such leaf, or no such value.
    fn set_leaf(&mut self, at: usize, (table, slot, leaf): (usize, u16, usize), value: u32) -> Option<()> {
        self.schema.tables.get(table)?.leaves.get(leaf).filter(|leaf| value <= leaf.max)?;
        let rows = self.frames[at].full_state.snapshot.tables.get_mut(table)?;
        let index = rows.ids.binary_search_by_key(&slot, |id| id.slot).ok()?;
        rows.wire[index * rows.width + leaf] = value;
        Some(())
    }

    /// The messages about disputes that are to be sent.
    pub(crate) fn take_evidence(&mut self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.evidence)
    }
}
