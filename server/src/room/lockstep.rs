//! The messages of a lockstep room: the tick inputs of every tick, in bytes that all members share.
//!
//! The bodies of the last seconds are kept as they were sent, so that a member that was behind receives the ticks that
//! it missed and the room encodes nothing again. At every tick whose hash is sent the full state is kept too. A new
//! member starts from the newest of these keyframes and plays the ticks since then.

use super::Counters;
use super::members::Member;
use super::replication::SnapshotFrame;
use super::search::{ClaimedHashes, Search};
use crate::limits::{KEYFRAME_SECONDS, MISSED_SECONDS_MAX};
use std::collections::VecDeque;
use tickwire::limits::TICKS_PER_MESSAGE_MAX;
use tickwire::lockstep::{LastInputs, Start, TickInputs, TickInputsCodec};
use tickwire::message::evidence::DISPUTED_TICKS_MAX;
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::state::Input;
use tickwire::wire::Reader;
use tickwire::world::full_state::FullState;
use tickwire::world::roster::RosterChange;
use tickwire::world::simulation::{Simulation, TickRecord};
use tickwire::{Game, Seat, Tick};

/// The bodies of the last ticks except the newest one, one after another in one ring of bytes. A body has only a few
/// bytes, and the ring lets a room keep hundreds of them without an allocation for each.
#[derive(Debug)]
struct Sent {
    /// The tick of the last body.
    last: Tick,
    bytes: VecDeque<u8>,
    lengths: VecDeque<u32>,
}

impl Sent {
    fn new(last: Tick, ticks: usize) -> Self {
        let (bytes, lengths) = (VecDeque::with_capacity(ticks * BODY_BYTES), VecDeque::with_capacity(ticks));
        Self { last, bytes, lengths }
    }

    /// Keeps one more body, and drops the oldest so that there are no more than `most` in all.
    fn push(&mut self, body: &[u8], most: usize) {
        while self.lengths.len() >= most
            && let Some(length) = self.lengths.pop_front()
        {
            self.bytes.drain(..length as usize);
        }
        self.last = self.last.next();
        self.bytes.extend(body);
        self.lengths.push_back(u32::try_from(body.len()).expect("a body has a few bytes per seat"));
    }

    /// Whether the body of every tick after `tick` is kept here. The body of the newest tick does not count, because it
    /// is kept apart.
    fn has_all_after(&self, tick: Tick) -> bool {
        self.last.since(tick) <= self.lengths.len() as i64
    }

    /// Appends the bodies of the ticks after `tick`. They are the last bytes of the ring, which may be in two pieces.
    fn put_after(&self, tick: Tick, out: &mut Vec<u8>) {
        let count = usize::try_from(self.last.since(tick)).unwrap_or(0);
        let length: u32 = self.lengths.iter().rev().take(count).sum();
        let (front, back) = self.bytes.as_slices();
        let from = self.bytes.len() - length as usize;
        out.extend_from_slice(&front[from.min(front.len())..]);
        out.extend_from_slice(&back[from.saturating_sub(front.len())..]);
    }
}

/// Bytes per body for which memory is reserved; a tick in which many players change their inputs takes more.
const BODY_BYTES: usize = 8;

/// A full state with its last inputs and its hash.
#[derive(Debug)]
struct Keyframe<G: Game> {
    start: Start<G::Input>,
    hash: u32,
}

pub(super) struct Lockstep<G: Game> {
    codec: TickInputsCodec<G::Input>,
    /// The tick inputs of the newest tick; its lists keep their memory.
    tick_inputs: TickInputs<G::Input>,
    /// The body of the newest tick as it is sent.
    body: Vec<u8>,
    sent: Sent,
    /// The keyframes that are kept, oldest first, one per tick whose hash is sent.
    keyframes: VecDeque<Keyframe<G>>,
    /// The tick and the bytes of the keyframe that was encoded last. A keyframe is encoded once, when the first member
    /// needs it.
    encoded_keyframe: (Option<Tick>, Vec<u8>),
    head: Vec<u8>,
}

/// The inputs of players in these seats who have done nothing yet.
pub(super) fn neutral<I: Input>(seats: impl IntoIterator<Item = Seat>) -> LastInputs<I> {
    let mut last_inputs = LastInputs::default();
    seats.into_iter().for_each(|seat| last_inputs.change(RosterChange::Joined(seat)));
    last_inputs
}

/// The number of ticks that a game makes in `seconds`.
const fn ticks<G: Game>(seconds: u32) -> usize {
    (seconds * G::RULES.tick_rate_hz) as usize
}

impl<G: Game> Lockstep<G> {
    /// The state before the next tick. All members start from the world of `simulation`, and from these inputs.
    pub(super) fn new(simulation: &mut Simulation<G>, last_inputs: LastInputs<G::Input>) -> Self {
        let tick = simulation.tick();
        let tick_inputs = TickInputs { tick, roster: Vec::new(), heard: Vec::new(), last_inputs, hash: None };
        let mut lockstep = Self {
            codec: TickInputsCodec::new(G::RULES.hash_ticks()),
            tick_inputs,
            body: Vec::new(),
            sent: Sent::new(tick, ticks::<G>(MISSED_SECONDS_MAX)),
            keyframes: VecDeque::new(),
            encoded_keyframe: (None, Vec::new()),
            head: Vec::new(),
        };
        lockstep.keyframe(simulation);
        lockstep
    }

    /// Takes over the record of the tick that the simulation has just made.
    pub(super) fn push(&mut self, simulation: &mut Simulation<G>, record: &TickRecord<G>, counters: &mut Counters) {
        let last = self.tick_inputs.last_inputs;
        self.tick_inputs.tick = record.tick;
        self.tick_inputs.roster.clone_from(&record.roster);
        self.tick_inputs.heard.clone_from(&record.heard);
        record.roster.iter().for_each(|change| self.tick_inputs.last_inputs.change(*change));
        record.actions.iter().for_each(|(seat, action)| self.tick_inputs.last_inputs.set(*seat, action.input));
        self.tick_inputs.hash = self.codec.has_hash(record.tick).then(|| self.keyframe(simulation));
        // Before the first tick there is no newest body that could be moved to those that were sent.
        if !self.body.is_empty() {
            self.sent.push(&self.body, ticks::<G>(MISSED_SECONDS_MAX));
        }
        self.body.clear();
        self.codec.put(&last, &self.tick_inputs, &mut self.body);
        counters.encodings += 1;
    }

    /// Keeps the full state as it is now and returns its hash. The memory of the oldest keyframe is reused, so that a
    /// room that has run for a while allocates nothing here.
    fn keyframe(&mut self, simulation: &mut Simulation<G>) -> u32 {
        let most = ticks::<G>(KEYFRAME_SECONDS).div_ceil(G::RULES.hash_ticks() as usize) + 1;
        let oldest = if self.keyframes.len() < most { None } else { self.keyframes.pop_front() };
        let last_inputs = self.tick_inputs.last_inputs;
        let mut start = oldest.map_or_else(
            || Start { full_state: FullState::empty(simulation.schema()), last_inputs },
            |keyframe| Start { last_inputs, ..keyframe.start },
        );
        simulation.keep(&mut start.full_state);
        let hash = start.full_state.hash(simulation.schema());
        self.keyframes.push_back(Keyframe { start, hash });
        hash
    }

    /// The hash that a client must have computed once it has played up to `tick`, with the tick of that hash: the last
    /// tick up to `tick` at which full states are compared. `None` when that full state is not kept any more.
    pub(super) fn hash_at(&self, tick: Tick) -> Option<(Tick, u32)> {
        let compared = Tick(tick.0 - tick.0 % G::RULES.hash_ticks());
        let keyframe = self.keyframes.iter().find(|keyframe| keyframe.start.full_state.tick() == compared)?;
        Some((compared, keyframe.hash))
    }

    /// The message for a member, with all ticks up to the newest one that the room has not yet written for this member.
    /// They count as written afterwards.
    pub(super) fn frame(
        &mut self,
        simulation: &Simulation<G>,
        member: &mut Member,
        newest: Option<Tick>,
        counters: &mut Counters,
    ) -> SnapshotFrame<'_> {
        let now = simulation.tick();
        let lead = newest.map(|newest| i8::try_from(newest.since(now).clamp(-127, 127)).unwrap_or(0));
        let head = SnapshotHead { tick: now, starved: member.starved, has_events: false, lead, priors: None };
        let known = member.baseline.filter(|tick| self.sent.has_all_after(*tick));
        self.head.clear();
        head.encode(known, &mut self.head);
        counters.snapshots += 1;
        let first = known.unwrap_or_else(|| {
            counters.keyframes += 1;
            self.put_keyframe(simulation)
        });
        (member.baseline, member.events_sent) = (Some(now), now);
        // The newest body is not copied, because all members share it. The bodies before it are copied for a member
        // that missed them.
        self.sent.put_after(first, &mut self.head);
        let shared = if first < now { self.body.as_slice() } else { &[] };
        let frame = SnapshotFrame { head: &self.head, shared, own: &[] };
        member.keyframes.charge(frame.len(), known.is_none());
        frame
    }

    /// Begins the search for the first tick at which a client's hash differs from the room's; `hashes` has one hash per
    /// tick up to `tick`. `None` when the room does not keep the ticks any more.
    ///
    /// A room keeps no hash per tick, because a full state is hashed only at some ticks: so the room has to compute the
    /// ticks once more. The replay starts from the newest keyframe that is not later than the first of these ticks. It
    /// plays the bodies that were sent to the members, so that it has the same inputs as the client.
    pub(super) fn search(&self, simulation: &Simulation<G>, tick: Tick, hashes: Vec<u32>) -> Option<Search<G>> {
        let ticks =
            u32::try_from(hashes.len()).ok().filter(|ticks| (1..=DISPUTED_TICKS_MAX).contains(&(*ticks as usize)))?;
        let first = tick.0.checked_sub(ticks - 1).map(Tick)?;
        let start = &self.keyframes.iter().rfind(|keyframe| keyframe.start.full_state.tick() <= first)?.start;
        let from = start.full_state.tick();
        let mut bytes = Vec::new();
        self.sent.put_after(from, &mut bytes);
        bytes.extend_from_slice(if from < simulation.tick() { &self.body } else { &[] });
        let known = Some((from, &start.last_inputs));
        let decoded = self.codec.decode(simulation.schema(), known, simulation.tick(), Reader::new(&bytes));
        let known_ticks = decoded.expect("bodies that were sent can be decoded").known_ticks;
        Some(Search::new(ClaimedHashes { first, last: tick, hashes }, start, known_ticks))
    }

    /// The codec of the bodies that this room sends.
    pub(super) const fn codec(&self) -> &TickInputsCodec<G::Input> {
        &self.codec
    }

    /// Appends the newest keyframe that is kept to the head, and returns its tick.
    fn put_keyframe(&mut self, simulation: &Simulation<G>) -> Tick {
        let keyframe = self.keyframes.back().expect("the full state before the first tick is kept");
        let tick = keyframe.start.full_state.tick();
        if self.encoded_keyframe.0 != Some(tick) {
            self.encoded_keyframe.0 = Some(tick);
            self.encoded_keyframe.1.clear();
            self.codec.put_start(simulation.schema(), &keyframe.start, &mut self.encoded_keyframe.1);
        }
        self.head.extend_from_slice(&self.encoded_keyframe.1);
        tick
    }
}

const _: () = assert!(
    MISSED_SECONDS_MAX * 240 <= TICKS_PER_MESSAGE_MAX,
    "all ticks that a room of the fastest game keeps fit into one message"
);
