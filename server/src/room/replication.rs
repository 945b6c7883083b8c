//! Replication: the short history of worlds, and deltas from it that are encoded once for all who share them.

use super::Counters;
use super::members::Member;
use crate::limits::{PRIORS_FIRST_SECONDS, PRIORS_SECONDS};
use std::collections::VecDeque;
use tickwire::limits::{EVENT_TICKS_MAX, EVENTS_PER_TICK_MAX, SECTION_ENCODINGS_MAX, SNAPSHOT_HISTORY_LEN};
use tickwire::message::SnapshotHead;
use tickwire::section::Encoder;
use tickwire::snapshot::{Snapshot, Topic};
use tickwire::state::{Schema, State};
use tickwire::wire::{BitWriter, put_varint};
use tickwire::{Game, Tick, To};

/// Deltas that the priors are learnt from: one tick in so many of the room's topic, and of a seat's.
const SAMPLE_TICKS: u32 = 8;
const SEAT_SAMPLE_TICKS: u32 = 64;

/// Memory for the head of a snapshot: with the events of a lively tick.
const HEAD_BYTES: usize = 512;

/// The bytes of one snapshot for one member, to be written one after another.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotFrame<'a> {
    /// Head and events: the member's own.
    pub head: &'a [u8],
    /// Sections of what everyone sees: the same bytes for all who start from the same snapshot.
    pub shared: &'a [u8],
    /// The section of what only this member's seat sees; empty in most games.
    pub own: &'a [u8],
}

impl SnapshotFrame<'_> {
    /// Bytes of the message.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.head.len() + self.shared.len() + self.own.len()
    }

    /// Whether there is nothing in it; never true for what a room gives out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One tick that deltas can start from or lead to.
struct Past<G: Game> {
    snapshot: Snapshot,
    events: Vec<(To, G::Event)>,
    /// Hash of the room's topic, known once it was encoded.
    room_hash: Option<u32>,
}

impl<G: Game> Past<G> {
    fn new(snapshot: Snapshot) -> Self {
        // Room for the liveliest tick from the start: a warm room allocates nothing, whenever that tick comes.
        Self { snapshot, events: Vec::with_capacity(EVENTS_PER_TICK_MAX), room_hash: None }
    }
}

/// The sections of the room's topic at the newest tick, against one baseline.
#[derive(Debug, Default)]
struct Encoding {
    baseline: Option<Tick>,
    bytes: Vec<u8>,
}

pub(super) struct Replication<G: Game> {
    schema: Schema,
    event_schema: Schema,
    /// Oldest first; the newest is the current tick.
    history: VecDeque<Past<G>>,
    /// Encodings of the current tick; the first `encoded` are valid, the rest keep their memory.
    encodings: Vec<Encoding>,
    encoded: usize,
    encoder: Encoder,
    /// What was published last, and how many times something was.
    priors: Vec<u8>,
    epoch: u32,
    /// When the priors are trained next.
    training: Tick,
    head: Vec<u8>,
    own: Vec<u8>,
    event_bits: Vec<u8>,
}

impl<G: Game> Replication<G> {
    /// Nothing sent yet. `stagger` spreads what rooms do rarely over time.
    pub(super) fn new(schema: Schema, first: Snapshot, stagger: u32) -> Self {
        Self {
            event_schema: Schema::of::<G::Event>(),
            history: VecDeque::from([Past::new(first)]),
            encodings: Vec::new(),
            encoded: 0,
            encoder: Encoder::new(&schema),
            priors: Vec::new(),
            epoch: 0,
            training: Tick(PRIORS_FIRST_SECONDS * G::RULES.tick_rate_hz + stagger % G::RULES.tick_rate_hz),
            head: Vec::with_capacity(HEAD_BYTES),
            own: Vec::new(),
            event_bits: Vec::with_capacity(HEAD_BYTES),
            schema,
        }
    }

    pub(super) const fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(super) fn newest(&self) -> &Snapshot {
        &self.history.back().expect("there is a snapshot from the start").snapshot
    }

    /// Captures the world after a tick; it is rounded to wire precision by that. Gives the hash of all of it.
    pub(super) fn push(&mut self, world: &mut G, tick: Tick, events: &[(To, G::Event)]) -> u64 {
        let mut past = if self.history.len() < SNAPSHOT_HISTORY_LEN {
            Past::new(Snapshot::empty(&self.schema))
        } else {
            self.history.pop_front().expect("the history is full")
        };
        past.snapshot.capture(world, tick);
        past.events.clear();
        past.events.extend_from_slice(events);
        past.room_hash = None;
        self.history.push_back(past);
        self.encoded = 0;
        self.train(tick);
        self.newest().hash(&self.schema)
    }

    /// Publishes what was learnt of the room's decisions, now and then, if that pays for its bytes.
    fn train(&mut self, tick: Tick) {
        if tick < self.training {
            return;
        }
        let period_ticks = PRIORS_SECONDS * G::RULES.tick_rate_hz;
        self.training = tick + period_ticks;
        if self.encoder.train(period_ticks) {
            self.epoch += 1;
            self.priors.clear();
            self.encoder.put_priors(&mut self.priors);
        }
    }

    fn past(&self, tick: Tick) -> Option<usize> {
        let oldest = self.history.front()?.snapshot.tick;
        let index = usize::try_from(tick.since(oldest)).ok()?;
        (self.history.get(index)?.snapshot.tick == tick).then_some(index)
    }

    /// The hash of the room's topic at a tick that was sent and is still remembered.
    pub(super) fn room_hash(&self, tick: Tick) -> Option<u32> {
        self.past(tick).and_then(|index| self.history[index].room_hash)
    }

    /// The newest snapshot for a member: marks it as written.
    pub(super) fn frame(
        &mut self,
        member: &mut Member,
        newest: Option<Tick>,
        counters: &mut Counters,
    ) -> SnapshotFrame<'_> {
        let now = self.newest().tick;
        // The baseline may have rolled off the history while the member was behind.
        let baseline = member.baseline.filter(|tick| *tick < now && self.past(*tick).is_some());
        let (index, baseline) = self.encoding(baseline, counters);
        self.encode_own(member, baseline);
        self.encode_head(member, now, newest);
        counters.snapshots += 1;
        counters.keyframes += u64::from(baseline.is_none());
        (member.baseline, member.told) = (Some(now), now);
        SnapshotFrame { head: &self.head, shared: &self.encodings[index].bytes, own: &self.own }
    }

    /// The encoding against `baseline`, or the keyframe when there are enough encodings of this tick already.
    fn encoding(&mut self, baseline: Option<Tick>, counters: &mut Counters) -> (usize, Option<Tick>) {
        let known = |baseline| self.encodings[..self.encoded].iter().position(|known| known.baseline == baseline);
        if let Some(index) = known(baseline) {
            return (index, baseline);
        }
        let deltas = self.encodings[..self.encoded].iter().filter(|known| known.baseline.is_some()).count();
        let baseline = baseline.filter(|_| deltas < SECTION_ENCODINGS_MAX - 1);
        if let Some(index) = known(baseline) {
            return (index, baseline);
        }
        if self.encodings.len() == self.encoded {
            self.encodings.push(Encoding::default());
        }
        let index = self.encoded;
        self.encoded += 1;
        counters.encodings += 1;
        let base = baseline.and_then(|tick| self.past(tick)).map(|past| &self.history[past].snapshot);
        let now = &self.history.back().expect("there is a snapshot from the start").snapshot;
        let encoding = &mut self.encodings[index];
        encoding.baseline = baseline;
        encoding.bytes.clear();
        let to_end = !self.schema.has_private;
        let hash = self.encoder.encode(&self.schema, Topic::Room, base, now, to_end, &mut encoding.bytes);
        if let Some(base) = base.filter(|base| is_sample(base, now, 0)) {
            self.encoder.learn(&self.schema, Topic::Room, base, now);
        }
        if let Some(newest) = self.history.back_mut() {
            newest.room_hash = Some(hash);
        }
        (index, baseline)
    }

    fn encode_own(&mut self, member: &Member, baseline: Option<Tick>) {
        self.own.clear();
        if !self.schema.has_private {
            return;
        }
        let topic = Topic::Seat(member.seat);
        let base = baseline.and_then(|tick| self.past(tick)).map(|past| &self.history[past].snapshot);
        let now = &self.history.back().expect("there is a snapshot from the start").snapshot;
        self.encoder.encode(&self.schema, topic, base, now, true, &mut self.own);
        if let Some(base) = base.filter(|base| is_sample(base, now, 1 + member.seat.number())) {
            self.encoder.learn(&self.schema, topic, base, now);
        }
    }

    fn encode_head(&mut self, member: &mut Member, now: Tick, newest: Option<Tick>) {
        self.event_bits.clear();
        let mut count = 0;
        let mut writer = BitWriter::new(&mut self.event_bits);
        let mut wire = [0; tickwire::limits::ROW_WIDTH_MAX];
        // Most members were told of everything up to the last tick.
        let untold = u32::try_from(now.since(member.told)).unwrap_or(u32::MAX).min(EVENT_TICKS_MAX);
        let known = self.history.len().saturating_sub(untold as usize);
        for past in self.history.range(known..) {
            let age = u32::try_from(now.since(past.snapshot.tick)).unwrap_or(u32::MAX);
            let heard = |to: &To| *to == To::Everyone || *to == To::Seat(member.seat);
            for (_, event) in past.events.iter().filter(|(to, _)| heard(to)) {
                event.gather(&mut wire[..G::Event::WIDTH]);
                writer.put_small(age);
                for (leaf, value) in self.event_schema.tables[0].leaves.iter().zip(&wire) {
                    writer.put(*value, leaf.bits);
                }
                count += 1;
            }
        }
        writer.finish();
        let lead = newest.map(|newest| i8::try_from(newest.since(now).clamp(-127, 127)).unwrap_or(0));
        self.head.clear();
        let priors = (member.priors != Some(self.epoch)).then_some(self.priors.as_slice());
        member.priors = Some(self.epoch);
        let head = SnapshotHead { tick: now, starved: member.starved, has_events: count > 0, lead, priors };
        head.encode(member.baseline.map(|_| member.told), &mut self.head);
        if count > 0 {
            put_varint(&mut self.head, count);
            put_varint(&mut self.head, u32::try_from(self.event_bits.len()).unwrap_or(u32::MAX));
            self.head.extend_from_slice(&self.event_bits);
        }
    }
}

/// Whether a delta is one to learn from: from one tick to the next, now and then, and not of all seats at once.
fn is_sample(base: &Snapshot, now: &Snapshot, number: u8) -> bool {
    let period_ticks = if number == 0 { SAMPLE_TICKS } else { SEAT_SAMPLE_TICKS };
    now.tick.since(base.tick) == 1 && (now.tick.0 + u32::from(number)).is_multiple_of(period_ticks)
}
