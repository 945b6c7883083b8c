//! Replication: deltas from the simulation's recent worlds, encoded once for all who share them, and its events.

use super::Counters;
use super::GameSchemas;
use super::members::Member;
use crate::limits::{PRIORS_FIRST_SECONDS, PRIORS_SECONDS};
use std::collections::VecDeque;
use std::sync::Arc;
use tickwire::limits::{EVENT_TICKS_MAX, EVENTS_PER_TICK_MAX, SECTION_ENCODINGS_MAX, SNAPSHOT_HISTORY_LEN};
use tickwire::message::events::EventEncoder;
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::replication::Encoder;
use tickwire::state::Schema;
use tickwire::world::history::Recalled;
use tickwire::world::simulation::Simulation;
use tickwire::world::snapshot::{Snapshot, Topic};
use tickwire::{Game, Seat, Tick, To};

/// Deltas that the priors are learnt from: one tick in so many of the room's topic, and of a seat's.
const SAMPLE_TICKS: u32 = 8;
const SEAT_SAMPLE_TICKS: u32 = 64;

/// Encodings of a tick besides the keyframe and the one against the snapshots before.
const UNUSUAL_ENCODINGS_MAX: usize = SECTION_ENCODINGS_MAX - 2;

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

/// What there is to tell of one tick besides its world.
struct RecentTick<G: Game> {
    tick: Tick,
    events: Vec<(To, G::Event)>,
    /// Hash of the room's topic, known once it was encoded.
    room_hash: Option<u32>,
}

impl<G: Game> RecentTick<G> {
    fn new() -> Self {
        // Room for the liveliest tick from the start: a warm room allocates nothing, whenever that tick comes.
        Self { tick: Tick(0), events: Vec::with_capacity(EVENTS_PER_TICK_MAX), room_hash: None }
    }
}

/// The sections of the room's topic at the newest tick, against one baseline.
#[derive(Debug, Default)]
struct Encoding {
    baseline: Option<Tick>,
    bytes: Vec<u8>,
}

pub(super) struct Replication<G: Game> {
    events: Arc<Schema>,
    /// Beside the worlds of the simulation's history: oldest first, the newest is the current tick.
    recent_ticks: VecDeque<RecentTick<G>>,
    /// Encodings of the current tick; the first `encoded` are valid, the rest keep their memory.
    encodings: Vec<Encoding>,
    encoded: usize,
    /// The tick of the snapshots that are being written, and of those before: whoever keeps up starts from these.
    written: Option<Tick>,
    usual: Option<Tick>,
    encoder: Encoder,
    /// The baseline of somebody who has missed a tick, when there is such a one.
    recalled: Recalled,
    /// What was published last, and how many times something was.
    priors: Vec<u8>,
    epoch: u32,
    /// When the priors are trained next.
    training: Tick,
    head: Vec<u8>,
    own: Vec<u8>,
    /// A world without rows, for those who have no seat.
    nothing: Snapshot,
    event_encoder: EventEncoder,
}

impl<G: Game> Replication<G> {
    /// Nothing sent yet. `stagger` spreads what rooms do rarely over time.
    pub(super) fn new(schemas: &GameSchemas<G>, stagger: u32) -> Self {
        Self {
            events: Arc::clone(&schemas.events),
            recent_ticks: VecDeque::from([RecentTick::new()]),
            encodings: Vec::new(),
            encoded: 0,
            written: None,
            usual: None,
            encoder: Encoder::with_plan(&schemas.world, Arc::clone(&schemas.plan)),
            recalled: Recalled::default(),
            priors: Vec::new(),
            epoch: 0,
            training: Tick(PRIORS_FIRST_SECONDS * G::RULES.tick_rate_hz + stagger % G::RULES.tick_rate_hz),
            head: Vec::with_capacity(HEAD_BYTES),
            own: Vec::new(),
            nothing: Snapshot::empty(&schemas.world),
            event_encoder: EventEncoder::with_capacity(HEAD_BYTES),
        }
    }

    /// Takes over what happened in the tick that the simulation has just made.
    pub(super) fn push(&mut self, tick: Tick, events: &[(To, G::Event)]) {
        let oldest = if self.recent_ticks.len() < SNAPSHOT_HISTORY_LEN { None } else { self.recent_ticks.pop_front() };
        let mut recent = oldest.unwrap_or_else(RecentTick::new);
        recent.events.clear();
        recent.events.extend_from_slice(events);
        (recent.tick, recent.room_hash) = (tick, None);
        self.recent_ticks.push_back(recent);
        self.encoded = 0;
        self.recalled.forget();
        self.train(tick);
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

    /// The hash of the room's topic at a tick that was sent and is still remembered.
    pub(super) fn room_hash(&self, tick: Tick) -> Option<u32> {
        let index = usize::try_from(tick.since(self.recent_ticks.front()?.tick)).ok()?;
        self.recent_ticks.get(index)?.room_hash
    }

    /// The newest snapshot for a member: marks it as written. `None` when too many others have baselines of their own
    /// in this tick: then it is served in the next one, whatever its baseline is.
    pub(super) fn frame(
        &mut self,
        simulation: &Simulation<G>,
        member: &mut Member,
        newest: Option<Tick>,
        counters: &mut Counters,
    ) -> Option<SnapshotFrame<'_>> {
        let now = simulation.tick();
        if self.written != Some(now) {
            (self.usual, self.written) = (self.written, Some(now));
        }
        // The baseline may have rolled off the history while the member was behind.
        let baseline = member.baseline.filter(|tick| *tick < now && simulation.history().holds(*tick));
        let Some(index) = self.encoding(simulation, baseline, member.postponed, counters) else {
            member.postponed = true;
            counters.superseded_snapshots += 1;
            return None;
        };
        member.postponed = false;
        self.encode_own(simulation, member, baseline);
        self.encode_head(member, now, newest);
        counters.snapshots += 1;
        counters.keyframes += u64::from(baseline.is_none());
        (member.baseline, member.events_sent) = (Some(now), now);
        Some(SnapshotFrame { head: &self.head, shared: &self.encodings[index].bytes, own: &self.own })
    }

    /// The encoding against `baseline`; `None` when there are enough encodings of this tick against other baselines
    /// than the usual one. Who was refused in the tick before `must` get one: there are not more of these than ticks
    /// in the history.
    fn encoding(
        &mut self,
        simulation: &Simulation<G>,
        baseline: Option<Tick>,
        must: bool,
        counters: &mut Counters,
    ) -> Option<usize> {
        let known = &self.encodings[..self.encoded];
        if let Some(index) = known.iter().position(|known| known.baseline == baseline) {
            return Some(index);
        }
        let is_unusual = |baseline: Option<Tick>| baseline.is_some() && baseline != self.usual;
        let unusual = known.iter().filter(|known| is_unusual(known.baseline)).count();
        if is_unusual(baseline) && unusual >= UNUSUAL_ENCODINGS_MAX && !must {
            return None;
        }
        if self.encodings.len() == self.encoded {
            self.encodings.push(Encoding::default());
        }
        let index = self.encoded;
        self.encoded += 1;
        counters.encodings += 1;
        let (schema, history) = (simulation.schema(), simulation.history());
        let base = baseline.and_then(|tick| history.at(schema, tick, &mut self.recalled));
        let now = history.newest();
        let encoding = &mut self.encodings[index];
        encoding.baseline = baseline;
        encoding.bytes.clear();
        let to_end = !schema.has_private;
        let hash = self.encoder.encode(schema, Topic::Room, base, now, to_end, &mut encoding.bytes);
        if let Some(base) = base.filter(|base| is_sample(base, now, 0)) {
            self.encoder.learn(schema, Topic::Room, base, now);
        }
        if let Some(newest) = self.recent_ticks.back_mut() {
            newest.room_hash = Some(hash);
        }
        Some(index)
    }

    fn encode_own(&mut self, simulation: &Simulation<G>, member: &Member, baseline: Option<Tick>) {
        self.own.clear();
        let (schema, history) = (simulation.schema(), simulation.history());
        if !schema.has_private {
            return;
        }
        let Some(seat) = member.seat else {
            // A message ends with the seat's section: a spectator's says that there is nothing.
            let (nobody, nothing) = (Topic::Seat(Seat::default()), &mut self.nothing);
            nothing.tick = simulation.tick();
            self.encoder.encode(schema, nobody, None, nothing, true, &mut self.own);
            return;
        };
        let topic = Topic::Seat(seat);
        let base = baseline.and_then(|tick| history.at(schema, tick, &mut self.recalled));
        let now = history.newest();
        self.encoder.encode(schema, topic, base, now, true, &mut self.own);
        if let Some(base) = base.filter(|base| is_sample(base, now, 1 + seat.number())) {
            self.encoder.learn(schema, topic, base, now);
        }
    }

    fn encode_head(&mut self, member: &mut Member, now: Tick, newest: Option<Tick>) {
        // Most members were sent the events of everything up to the last tick.
        let unsent_ticks = u32::try_from(now.since(member.events_sent)).unwrap_or(u32::MAX).min(EVENT_TICKS_MAX);
        let known = self.recent_ticks.len().saturating_sub(unsent_ticks as usize);
        let seat = member.seat.map(To::Seat);
        let events = self.recent_ticks.range(known..).flat_map(|recent| {
            let age = u32::try_from(now.since(recent.tick)).unwrap_or(u32::MAX);
            let is_for = move |to: To| to == To::Everyone || seat == Some(to);
            recent.events.iter().filter(move |(to, _)| is_for(*to)).map(move |(_, event)| (age, event))
        });
        let has_events = self.event_encoder.encode(&self.events, events);
        let lead = newest.map(|newest| i8::try_from(newest.since(now).clamp(-127, 127)).unwrap_or(0));
        self.head.clear();
        let priors = (member.priors != Some(self.epoch)).then_some(self.priors.as_slice());
        member.priors = Some(self.epoch);
        let head = SnapshotHead { tick: now, starved: member.starved, has_events, lead, priors };
        head.encode(member.baseline.map(|_| member.events_sent), &mut self.head);
        if has_events {
            self.event_encoder.put(&mut self.head);
        }
    }
}

/// Whether a delta is one to learn from: from one tick to the next, now and then, and not of all seats at once.
fn is_sample(base: &Snapshot, now: &Snapshot, number: u8) -> bool {
    let period_ticks = if number == 0 { SAMPLE_TICKS } else { SEAT_SAMPLE_TICKS };
    now.tick.since(base.tick) == 1 && (now.tick.0 + u32::from(number)).is_multiple_of(period_ticks)
}
