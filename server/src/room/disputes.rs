//! Desyncs: the room locates, reports and corrects a difference between a member's world and its own. The other members
//! do not notice.
//!
//! A member that finds a difference sends a dispute. The room finds the first tick that differs and answers with the
//! row hashes of that tick; the member compares them and sends a dump of its rows that differ. The room then sends
//! corrections for single leaves, or a keyframe where corrections are not enough.
//!
//! A dispute is a claim, and it costs the room more than its sender. Therefore a dispute waits in line, at most one per
//! member; the room works on one of them at a time, a few ticks in each tick of its own; it examines a limited number
//! per origin and per minute ([`Claims`]); and a member that does not answer in time gets a keyframe. A difference counts
//! as confirmed when the member has named a row that is not the room's, and only confirmed ones become autopsies.

use super::autopsy::{Autopsy, Findings};
use super::claims::{Claims, Response};
use super::search::{Progress, Search};
use super::{MemberId, Room};
use crate::limits::{AUTOPSIES_PER_ROOM_MAX, AUTOPSIES_WAITING_MAX, AUTOPSY_DIFFERENCES_MAX, OPEN_DISPUTES_MAX};
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
    world: Snapshot,
    findings: Findings,
    /// The tick at which the row hashes were sent.
    asked: Tick,
}

impl Open {
    /// A dispute about this world, which is the one that the member should have.
    pub(super) const fn new(world: Snapshot, findings: Findings) -> Self {
        Self { world, findings, asked: Tick(0) }
    }
}

/// A dispute that waits until the room works on it.
#[derive(Debug)]
struct Waiting {
    member: MemberId,
    tick: Tick,
    hashes: Vec<u32>,
}

/// The disputes of a room, and the autopsies that wait to be written.
pub(super) struct Disputes<G: Game> {
    claims: Claims,
    /// The disputes in line, at most one per member.
    waiting: VecDeque<Waiting>,
    /// The search that is under way.
    search: Option<(MemberId, Box<Search<G>>)>,
    open: slotmap::SecondaryMap<MemberId, Open>,
    autopsies: VecDeque<Autopsy>,
    /// Autopsies that were kept until now.
    kept: usize,
    /// The behaviour hash of this build. It is computed only when the first autopsy is made, because the computation
    /// takes as long as a second of play.
    behaviour_hash: Option<u64>,
}

impl<G: Game> Default for Disputes<G> {
    fn default() -> Self {
        Self {
            claims: Claims::default(),
            waiting: VecDeque::new(),
            search: None,
            open: slotmap::SecondaryMap::new(),
            autopsies: VecDeque::new(),
            kept: 0,
            behaviour_hash: None,
        }
    }
}

impl<G: Game> Disputes<G> {
    fn behaviour_hash(&mut self) -> u64 {
        *self.behaviour_hash.get_or_insert_with(behaviour_hash::<G>)
    }

    /// Whether one more autopsy of this room is kept.
    fn has_room(&self) -> bool {
        self.kept < AUTOPSIES_PER_ROOM_MAX && self.autopsies.len() < AUTOPSIES_WAITING_MAX
    }

    fn keep(&mut self, autopsy: Autopsy) {
        self.kept += 1;
        self.autopsies.push_back(autopsy);
    }

    /// Whether a dispute of this member is in line, is worked on, or waits for a row dump.
    pub(super) fn concerns(&self, member: MemberId) -> bool {
        self.open.contains_key(member)
            || self.search.as_ref().is_some_and(|(of, _)| *of == member)
            || self.waiting.iter().any(|waiting| waiting.member == member)
    }

    /// Drops everything about a member.
    fn drop_member(&mut self, member: MemberId) {
        self.open.remove(member);
        self.search.take_if(|(of, _)| *of == member);
        self.waiting.retain(|waiting| waiting.member != member);
    }

    /// Drops what members have claimed about worlds that they are to forget. A claim that was confirmed is still to be
    /// written, and a claim that was counted stays counted.
    pub(super) fn start_over(&mut self) {
        self.waiting.clear();
        self.search = None;
        self.open.clear();
    }

    /// The dispute that is next in line, if the room may wait for one more row dump.
    fn next(&mut self) -> Option<Waiting> {
        if self.open.len() < OPEN_DISPUTES_MAX { self.waiting.pop_front() } else { None }
    }
}

impl<G: Game> Room<G> {
    /// Receives a member's evidence about a difference.
    pub(super) fn receive_evidence(&mut self, member: MemberId, evidence: ClientEvidence) -> Result<(), CloseCode> {
        match evidence {
            ClientEvidence::Dispute { tick, hashes } => self.receive_dispute(member, tick, hashes),
            ClientEvidence::RowDump(row_dump) => self.receive_row_dump(member, &row_dump),
        }
    }

    /// Puts a dispute in line, or has a keyframe sent where enough disputes were examined. A second dispute of a member
    /// about which the room is at work already is counted and says nothing new.
    fn receive_dispute(&mut self, id: MemberId, tick: Tick, hashes: Vec<u32>) -> Result<(), CloseCode> {
        self.counters.disputes_claimed += 1;
        let member = &mut self.members[id];
        member.count_mismatch(self.tick, &self.limits)?;
        match self.disputes.claims.count(member.origin, self.tick, (&self.limits, &self.room_limits))? {
            Response::Examine if self.disputes.concerns(id) => {}
            Response::Examine => self.disputes.waiting.push_back(Waiting { member: id, tick, hashes }),
            Response::Keyframe => member.keyframes.want(),
        }
        Ok(())
    }

    /// Works on the disputes: ends those that were not answered, and goes on with one of the others. A member for which
    /// no tick is found that differs starts over from a keyframe.
    pub(super) fn work_on_disputes(&mut self) {
        self.end_unanswered_disputes();
        let (id, progress) = match self.disputes.search.take() {
            Some((id, search)) => (id, self.outgoing.search_on(&self.simulation, search)),
            None => {
                let Some(Waiting { member, tick, hashes }) = self.disputes.next() else { return };
                let seat = self.members.get(member).and_then(|state| state.seat);
                (member, self.outgoing.search(&self.simulation, seat, tick, hashes))
            }
        };
        let Some(member) = self.members.get_mut(id) else { return };
        match progress {
            Progress::Searching(search) => self.disputes.search = Some((id, search)),
            Progress::Nothing => member.keyframes.want(),
            Progress::Found(open) => {
                let rows = row_hashes(self.simulation.schema(), &open.world);
                member.answer(ServerEvidence::RowHashes { tick: open.findings.tick, rows }.encode());
                self.disputes.open.insert(id, Open { asked: self.tick, ..*open });
            }
        }
    }

    /// Ends the disputes whose members do not answer. They would hold a world each, and shield their members from the
    /// room's own comparison of hashes.
    fn end_unanswered_disputes(&mut self) {
        let (now, answer_ticks) = (self.tick, i64::from(self.limits.dispute_answer_ticks));
        let members = &mut self.members;
        self.disputes.open.retain(|id, open| {
            let is_in_time = now.since(open.asked) <= answer_ticks;
            if let Some(member) = members.get_mut(id).filter(|_| !is_in_time) {
                member.keyframes.want();
            }
            is_in_time
        });
    }

    /// Corrects the rows that differ, or lets the member start over from a keyframe, and keeps an autopsy of them. A row
    /// dump is ignored unless it is for the tick whose row hashes the room has sent.
    fn receive_row_dump(&mut self, id: MemberId, row_dump: &RowDump) -> Result<(), CloseCode> {
        let asked = |open: &Open| open.findings.tick == row_dump.tick;
        let Some(open) = self.disputes.open.remove(id).filter(asked) else { return Ok(()) };
        let schema = self.simulation.schema();
        let claimed = world_of_dump(schema, &open.world, row_dump).ok_or(CloseCode::Malformed)?;
        let differences: Vec<_> =
            of_snapshots(schema, &open.world, &claimed).take(AUTOPSY_DIFFERENCES_MAX + 1).collect();
        let member = &mut self.members[id];
        let is_small = !row_dump.more && differences.len() <= AUTOPSY_DIFFERENCES_MAX;
        match corrections(&differences).filter(|_| is_small) {
            Some(leaves) => {
                member.answer(ServerEvidence::Correction { tick: row_dump.tick, leaves }.encode());
                self.counters.desyncs_healed += 1;
            }
            None => member.keyframes.want(),
        }
        if differences.is_empty() {
            return Ok(());
        }
        self.counters.desyncs += 1;
        if self.disputes.has_room() {
            let builds = (&self.schemas, self.disputes.behaviour_hash());
            let member = (member.seat, member.origin);
            self.disputes.keep(Autopsy::new(builds, member, open.findings, row_dump, &differences));
        }
        Ok(())
    }

    /// The next autopsy that is to be written.
    pub fn poll_autopsy(&mut self) -> Option<Autopsy> {
        self.disputes.autopsies.pop_front()
    }

    /// Drops the dispute of a member that has gone.
    pub(super) fn drop_dispute(&mut self, member: MemberId) {
        self.disputes.drop_member(member);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DISPUTE_ANSWER_SECONDS_MAX, ORIGIN_DISPUTES_EXAMINED_MAX, REPLAYED_TICKS_PER_TICK_MAX};
    use crate::room::{Origin, SnapshotPoll};
    use tickwire::input::{Ack, InputCodec, InputFrame};
    use tickwire::message::control::{ClientControl, Hello};
    use tickwire::world::full_state::FullState;
    use tickwire_games::{Arena, Paddles};

    const RATE_HZ: u32 = Paddles::RULES.tick_rate_hz;

    fn enter<G: Game>(room: &mut Room<G>, token: u8, origin: Origin) -> MemberId {
        let hello = Hello::of::<G>("C4FK9T", "claimant");
        room.enter_from(&hello, [token; 16], origin).expect("a free seat").member
    }

    /// A tick of the room, in which every member acknowledges what it was sent. Gives whether the member in question
    /// received row hashes, and whether it received a keyframe.
    fn tick<G: Game>(room: &mut Room<G>, member: MemberId) -> (bool, bool) {
        room.tick();
        let ids: Vec<MemberId> = room.members.keys().collect();
        let (mut has_hashes, mut has_keyframe) = (false, false);
        for id in ids {
            while let Some(message) = room.poll_message(id) {
                has_hashes |= id == member && ServerEvidence::decode(&message).is_ok();
            }
            let before = room.counters.keyframes;
            assert!(!matches!(room.poll_snapshot(id), SnapshotPoll::Close(_)));
            has_keyframe |= id == member && room.counters.keyframes > before;
            acknowledge(room, id);
        }
        (has_hashes, has_keyframe)
    }

    /// A tick of the room in which nobody is watched.
    fn run<G: Game>(room: &mut Room<G>) {
        tick(room, MemberId::default());
    }

    /// Acknowledges the newest tick, with the hash that the room has.
    fn acknowledge<G: Game>(room: &mut Room<G>, id: MemberId) {
        let hash = room.outgoing.hash_at(room.tick).map_or(0, |(_, hash)| hash);
        let frame = InputFrame::one(room.tick + 2, G::Input::default(), Some(Ack { tick: room.tick, hash }), false);
        let mut message = Vec::new();
        InputCodec::new().encode(&frame, &mut message);
        room.receive(id, &message).expect("an honest message");
    }

    /// A room with a member that has played for two seconds.
    fn played<G: Game>(origin: Origin) -> (Room<G>, MemberId) {
        let mut room = Room::new(3, &G::Options::default(), false);
        let member = enter(&mut room, 1, origin);
        (0..2 * RATE_HZ).for_each(|_| run(&mut room));
        (room, member)
    }

    /// A made-up dispute about the last ticks; in lockstep the first difference is said to be in the newest tick.
    fn dispute<G: Game>(room: &Room<G>) -> Vec<u8> {
        let hashes = if G::RULES.is_lockstep() { vec![7; 30] } else { Vec::new() };
        ClientEvidence::Dispute { tick: room.tick, hashes }.encode()
    }

    /// Opens a dispute: the room waits for a row dump.
    fn open<G: Game>(room: &mut Room<G>, member: MemberId) {
        let message = dispute(room);
        room.receive(member, &message).expect("a first dispute");
        let asked = (0..60).any(|_| tick(room, member).0);
        assert!(asked && room.disputes.open.len() == 1, "the room asks for rows");
    }

    /// The hash of the room's newest full state.
    fn own_hash(room: &mut Room<Paddles>) -> u32 {
        let mut full_state = FullState::empty(room.schema());
        room.simulation.keep(&mut full_state);
        full_state.hash(room.schema())
    }

    fn is_empty<G: Game>(room: &Room<G>) -> bool {
        let Disputes { open, search, waiting, .. } = &room.disputes;
        open.is_empty() && search.is_none() && waiting.is_empty()
    }

    fn row_dump(tick: Tick, world: &Snapshot, is_changed: bool) -> Vec<u8> {
        let row = world.tables[0].row(0).to_vec();
        let changed: Vec<u32> = row.iter().map(|value| if is_changed { value ^ 1 } else { *value }).collect();
        let rows = vec![tickwire::message::evidence::RowClaim { table: 0, slot: 0, row: Some((0, changed)) }];
        let row_dump = RowDump { tick, build: String::new(), behaviour_hash: 0, rows, more: false };
        ClientEvidence::RowDump(row_dump).encode()
    }

    fn every_way_out_drops_the_dispute<G: Game>(stage: fn(&mut Room<G>, MemberId)) {
        let ways: [fn(&mut Room<G>, MemberId); 4] = [
            |room, member| {
                assert_eq!(room.receive(member, &ClientControl::Leave.encode()), Err(CloseCode::Normal));
            },
            |room, member| room.lost(member),
            |room, _| {
                let hello = Hello { resume: Some([1; 16]), ..Hello::of::<G>("C4FK9T", "again") };
                let entered = room.enter_from(&hello, [9; 16], Origin::of(5)).expect("the same seat");
                assert!(entered.superseded.is_some());
            },
            |room, member| {
                // The owner of the room closes the connection of a member that is overdue.
                while !matches!(room.poll_snapshot(member), SnapshotPoll::Close(CloseCode::TooSlow | CloseCode::Silent))
                {
                    room.tick();
                }
                room.lost(member);
            },
        ];
        for way in ways {
            let (mut room, member) = played::<G>(Origin::of(4));
            stage(&mut room, member);
            assert!(!is_empty(&room), "the room is at work on the dispute");
            way(&mut room, member);
            assert!(is_empty(&room), "nothing of the dispute is left");
            (0..10).for_each(|_| run(&mut room));
        }
    }

    #[test]
    fn every_way_out_of_a_room_drops_the_dispute_in_each_of_its_stages() {
        every_way_out_drops_the_dispute::<Paddles>(open);
        every_way_out_drops_the_dispute::<Arena>(open);
        let claim = |room: &mut Room<Paddles>, member| room.receive(member, &dispute(room)).expect("a first dispute");
        every_way_out_drops_the_dispute::<Paddles>(claim);
        every_way_out_drops_the_dispute::<Paddles>(|room, member| {
            room.receive(member, &dispute(room)).expect("a first dispute");
            room.tick();
            assert!(room.disputes.search.is_some());
        });
    }

    #[test]
    fn a_dispute_that_is_never_answered_ends_and_shields_its_member_no_longer() {
        let (mut room, member) = played::<Paddles>(Origin::of(4));
        open(&mut room, member);
        assert!(room.disputes.concerns(member));
        let keyframes = (0..=DISPUTE_ANSWER_SECONDS_MAX * RATE_HZ).filter(|_| tick(&mut room, member).1).count();
        assert!(is_empty(&room) && !room.disputes.concerns(member));
        assert_eq!(keyframes, 1, "the member gets a keyframe instead");
        assert!(room.poll_autopsy().is_none());
    }

    #[test]
    fn a_dispute_is_replayed_a_few_ticks_at_a_time_and_not_while_it_is_received() {
        let (mut room, member) = played::<Paddles>(Origin::of(4));
        // The hashes are the room's own but for the last one, so that the search has to go to its end.
        let ticks = 24;
        let mut hashes = Vec::new();
        for _ in 0..ticks {
            tick(&mut room, member);
            hashes.push(own_hash(&mut room));
        }
        *hashes.last_mut().expect("there are some") ^= 1;
        let message = ClientEvidence::Dispute { tick: room.tick, hashes }.encode();
        room.receive(member, &message).expect("a first dispute");
        assert!(room.disputes.search.is_none(), "nothing is played while a message is received");
        let worked = (0..).take_while(|_| {
            tick(&mut room, member);
            room.disputes.search.is_some()
        });
        let worked = u32::try_from(worked.count()).expect("a few ticks");
        assert!(worked >= ticks / REPLAYED_TICKS_PER_TICK_MAX, "{ticks} ticks were played in {worked}");
        assert!(worked <= ticks, "an honest dispute is found soon: {worked}");
        assert!(room.disputes.open.contains_key(member), "the difference is found");
    }

    #[test]
    fn only_differences_that_the_member_has_named_are_confirmed_and_become_autopsies() {
        let (mut room, member) = played::<Arena>(Origin::of(4));
        room.receive(member, &ClientEvidence::Dispute { tick: Tick(0), hashes: Vec::new() }.encode()).expect("a claim");
        assert!((0..3).any(|_| tick(&mut room, member).1), "a keyframe is the answer");
        open(&mut room, member);
        let (asked, world) =
            room.disputes.open.get(member).map(|open| (open.findings.tick, open.world.clone())).expect("open");
        room.receive(member, &row_dump(asked, &world, false)).expect("rows like the room's");
        assert_eq!((room.counters.disputes_claimed, room.counters.desyncs), (2, 0));
        assert!(room.poll_autopsy().is_none(), "nothing was confirmed");

        let (mut room, member) = played::<Arena>(Origin::of(4));
        open(&mut room, member);
        let (asked, world) =
            room.disputes.open.get(member).map(|open| (open.findings.tick, open.world.clone())).expect("open");
        room.receive(member, &row_dump(asked, &world, true)).expect("rows that differ");
        assert_eq!((room.counters.disputes_claimed, room.counters.desyncs), (1, 1));
        let autopsy = room.poll_autopsy().expect("a confirmed difference");
        assert!(!autopsy.differences.is_empty() && autopsy.origin == Origin::of(4));
    }

    #[test]
    fn a_room_that_starts_over_drops_its_disputes_and_keeps_what_was_confirmed() {
        let (mut room, member) = played::<Arena>(Origin::of(4));
        open(&mut room, member);
        let (asked, world) =
            room.disputes.open.get(member).map(|open| (open.findings.tick, open.world.clone())).expect("open");
        room.receive(member, &row_dump(asked, &world, true)).expect("rows that differ");
        (0..30).for_each(|_| run(&mut room));
        open(&mut room, member);
        assert!(room.start_over() && is_empty(&room));
        assert_eq!(room.disputes.kept, 1, "a room that panics again and again writes no more autopsies for it");
        assert!(room.poll_autopsy().is_some(), "the difference from before is still to be written");
    }

    #[test]
    fn coming_back_over_another_connection_does_not_start_the_count_over() {
        let mut room = Room::<Paddles>::new(3, &(), false);
        let honest = enter(&mut room, 200, Origin::of(2));
        let (mut examined, mut claimed, mut closed) = (0, 0, None);
        while closed.is_none() {
            // Two made-up disputes per connection, each with rows that differ: the third would close it.
            let member = enter(&mut room, 1, Origin::of(1));
            for _ in 0..2 {
                (0..30).for_each(|_| run(&mut room));
                claimed += 1;
                let message = dispute(&room);
                closed = room.receive(member, &message).err();
                if closed.is_some() {
                    break;
                }
                if (0..20).any(|_| tick(&mut room, member).0) {
                    examined += 1;
                    let open = room.disputes.open.get(member).expect("the room asks");
                    let message = row_dump(open.findings.tick, &open.world, true);
                    room.receive(member, &message).expect("rows that differ");
                }
            }
            if closed.is_none() {
                assert_eq!(room.receive(member, &ClientControl::Leave.encode()), Err(CloseCode::Normal));
            }
        }
        assert_eq!(closed, Some(CloseCode::Diverged));
        assert_eq!((examined, claimed), (ORIGIN_DISPUTES_EXAMINED_MAX, crate::limits::ORIGIN_DISPUTES_MAX + 1));
        let autopsies = std::iter::from_fn(|| room.poll_autopsy()).count();
        assert_eq!(autopsies, AUTOPSIES_PER_ROOM_MAX);
        // Another origin is heard as before.
        let message = dispute(&room);
        room.receive(honest, &message).expect("a first dispute");
        assert!((0..20).any(|_| tick(&mut room, honest).0), "the room looks for the difference");
    }

    #[test]
    fn four_friends_behind_one_router_each_get_their_repair() {
        let mut room = Room::<Arena>::new(3, &<Arena as Game>::Options::default(), false);
        let friends: Vec<MemberId> = (1..=4).map(|token| enter(&mut room, token, Origin::of(1))).collect();
        (0..60).for_each(|_| run(&mut room));
        for friend in friends {
            let message = dispute(&room);
            room.receive(friend, &message).expect("a first dispute");
            assert!(tick(&mut room, friend).0, "the room asks for rows at once");
        }
    }
}
