//! Desyncs: the room locates, reports and corrects a difference between a member's world and its own. The other members
//! do not notice.
//!
//! A member that finds a difference sends a dispute. The room finds the first tick that differs and answers with the
//! row hashes of that tick; the member compares them and sends a dump of its rows that differ. The room then sends
//! corrections for single leaves, or a keyframe where corrections are not enough.

use super::autopsy::{Autopsy, Findings};
use super::{MemberId, Room};
use crate::limits::{AUTOPSIES_WAITING_MAX, AUTOPSY_DIFFERENCES_MAX};
use std::collections::VecDeque;
use tickwire::desync::{row_hashes, world_of_dump};
use tickwire::determinism::behaviour::behaviour_hash;
use tickwire::message::close::CloseCode;
use tickwire::message::evidence::{ClientEvidence, LeafClaim, RowDump, ServerEvidence};
use tickwire::world::diff::{Difference, of_snapshots};
use tickwire::world::snapshot::Snapshot;
use tickwire::{Game, Tick};

/// A dispute in which the room has sent row hashes and waits for the member's row dump.
#[derive(Debug)]
pub(super) struct Open {
    /// The world that the member should have at the tick of the findings.
    pub(super) world: Snapshot,
    pub(super) findings: Findings,
}

/// The disputes of a room, and the autopsies that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Disputes {
    open: slotmap::SecondaryMap<MemberId, Open>,
    autopsies: VecDeque<Autopsy>,
    /// The behaviour hash of this build. It is computed only when the first autopsy is made, because the computation
    /// takes as long as a second of play.
    behaviour_hash: Option<u64>,
}

impl Disputes {
    fn behaviour_hash<G: Game>(&mut self) -> u64 {
        *self.behaviour_hash.get_or_insert_with(behaviour_hash::<G>)
    }

    fn keep(&mut self, autopsy: Autopsy) {
        if self.autopsies.len() < AUTOPSIES_WAITING_MAX {
            self.autopsies.push_back(autopsy);
        }
    }
}

impl<G: Game> Room<G> {
    /// Receives a member's evidence about a difference.
    pub(super) fn receive_evidence(&mut self, member: MemberId, evidence: ClientEvidence) -> Result<(), CloseCode> {
        match evidence {
            ClientEvidence::Dispute { tick, hashes } => self.receive_dispute(member, tick, &hashes),
            ClientEvidence::RowDump(row_dump) => self.receive_row_dump(member, &row_dump),
        }
    }

    /// Finds the first tick that differs, and sends the member the row hashes of that tick. A member for which no such
    /// tick is found starts over from a keyframe.
    fn receive_dispute(&mut self, id: MemberId, tick: Tick, hashes: &[u32]) -> Result<(), CloseCode> {
        let member = &mut self.members[id];
        member.count_mismatch(self.tick, &self.limits)?;
        self.counters.desyncs += 1;
        let found = self.outgoing.find_difference(&self.simulation, member.seat, tick, hashes);
        let Some(open) = found else {
            member.start_over();
            let autopsy =
                Autopsy::unknown((&self.schemas, self.disputes.behaviour_hash::<G>()), member.seat, tick, self.tick);
            self.disputes.keep(autopsy);
            return Ok(());
        };
        let rows = row_hashes(self.simulation.schema(), &open.world);
        member.answer(ServerEvidence::RowHashes { tick: open.findings.tick, rows }.encode());
        self.disputes.open.insert(id, open);
        Ok(())
    }

    /// Keeps an autopsy of the rows that differ, and corrects them or lets the member start over from a keyframe. A row
    /// dump is ignored unless it is for the tick whose row hashes the room has sent.
    fn receive_row_dump(&mut self, id: MemberId, row_dump: &RowDump) -> Result<(), CloseCode> {
        let asked = |open: &Open| open.findings.tick == row_dump.tick;
        let Some(open) = self.disputes.open.remove(id).filter(asked) else { return Ok(()) };
        let schema = self.simulation.schema();
        let claimed = world_of_dump(schema, &open.world, row_dump).ok_or(CloseCode::Malformed)?;
        let differences: Vec<_> =
            of_snapshots(schema, &open.world, &claimed).take(AUTOPSY_DIFFERENCES_MAX + 1).collect();
        let member = &mut self.members[id];
        match corrections(&differences).filter(|_| !row_dump.more && differences.len() <= AUTOPSY_DIFFERENCES_MAX) {
            Some(leaves) => {
                member.answer(ServerEvidence::Correction { tick: row_dump.tick, leaves }.encode());
                self.counters.desyncs_healed += 1;
            }
            None => member.start_over(),
        }
        let autopsy = Autopsy::new(
            (&self.schemas, self.disputes.behaviour_hash::<G>()),
            member.seat,
            open.findings,
            row_dump,
            &differences,
        );
        self.disputes.keep(autopsy);
        Ok(())
    }

    /// The next autopsy that is to be written.
    pub fn poll_autopsy(&mut self) -> Option<Autopsy> {
        self.disputes.autopsies.pop_front()
    }

    /// Drops the dispute of a member that has gone.
    pub(super) fn drop_dispute(&mut self, member: MemberId) {
        self.disputes.open.remove(member);
    }

    /// Whether the room waits for a row dump of this member.
    pub(super) fn is_asked(&self, member: MemberId) -> bool {
        self.disputes.open.contains_key(member)
    }
}

/// The leaves that correct the differences; `None` when a row is missing on one side, or when no leaf differs.
fn corrections(differences: &[Difference]) -> Option<Vec<LeafClaim>> {
    let claim = |difference: &Difference| match *difference {
        Difference::Leaf { table, row, leaf, values: [value, _] } => {
            let (table, leaf) = (u8::try_from(table).ok()?, u16::try_from(leaf).ok()?);
            Some(LeafClaim { table, slot: row.slot, leaf, value })
        }
        _ => None,
    };
    let leaves: Vec<_> = differences.iter().map(claim).collect::<Option<_>>()?;
    (!leaves.is_empty()).then_some(leaves)
}
