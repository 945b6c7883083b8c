//! Replication: deltas between the simulation's recent worlds, encoded once for all members that share them, and the
//! events of the simulation.

use super::Counters;
use super::GameSchemas;
use super::members::Member;
use super::old_worlds::OldWorlds;
use crate::limits::{PRIORS_FIRST_SECONDS, PRIORS_SECONDS};
use std::collections::VecDeque;
use std::sync::Arc;
use tickwire::leak::{Leak, is_planted};
use tickwire::limits::{EVENT_TICKS_MAX, EVENTS_PER_TICK_MAX, SECTION_ENCODINGS_MAX, SNAPSHOT_HISTORY_LEN};
use tickwire::message::events::EventEncoder;
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::replication::Encoder;
use tickwire::state::Schema;
use tickwire::world::simulation::Simulation;
use tickwire::world::snapshot::{Snapshot, Topic};
use tickwire::{Game, Seat, Tick, To};

/// The priors are learnt from one message in this many.
const SAMPLE_MESSAGES: u32 = 8;

/// Encodings of a tick besides the keyframe and the encoding against the snapshots that were written before.
const UNUSUAL_ENCODINGS_MAX: usize = SECTION_ENCODINGS_MAX - 2;

/// Bytes reserved for the head of a snapshot, including the events of a tick with many of them.
const HEAD_BYTES: usize = 512;

/// The bytes of one snapshot for one member, in three parts that are to be written one after another.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotFrame<'a> {
    /// Head and events, which belong to this member alone.
    pub head: &'a [u8],
    /// The sections that everyone sees: the same bytes for all members with the same baseline.
    pub shared: &'a [u8],
    /// The section that only this member's seat sees; empty in most games.
    pub own: &'a [u8],
}

impl SnapshotFrame<'_> {
    /// Bytes of the message.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.head.len() + self.shared.len() + self.own.len()
    }

    /// Whether the frame has no bytes; never true for a frame that a room gives out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The events of one recent tick, and the hash of its world.
struct RecentTick<G: Game> {
    tick: Tick,
    events: Vec<(To, G::Event)>,
    /// Hash of the room's topic, known once that topic was encoded.
    room_hash: Option<u32>,
}

impl<G: Game> RecentTick<G> {
    fn new() -> Self {
        // There is capacity for the largest number of events from the start: a room after its warm-up must not
        // allocate, in whichever tick that number occurs.
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
    /// One per world of the simulation's history, oldest first. The newest one is that of the current tick.
    recent_ticks: VecDeque<RecentTick<G>>,
    /// Encodings of the current tick; the first `encoded` are valid, the rest keep their memory.
    encodings: Vec<Encoding>,
    encoded: usize,
    /// The tick of the snapshots that are being written, and the tick of the snapshots before them. A member that keeps
    /// up has the latter as its baseline.
    written: Option<Tick>,
    usual: Option<Tick>,
    encoder: Encoder,
    /// The worlds of older baselines, which are needed when members have missed a tick.
    old_worlds: OldWorlds,
    /// The priors that were published last, and the number of times that priors were published.
    priors: Vec<u8>,
    epoch: u32,
    /// The tick at which the priors are trained next.
    training: Tick,
    head: Vec<u8>,
    own: Vec<u8>,
    /// A world without rows, for members that have no seat.
    nothing: Snapshot,
    event_encoder: EventEncoder,
}

impl<G: Game> Replication<G> {
    /// The state before anything is sent of the worlds after `now`. `stagger` differs between rooms, so that their rare
    /// work is spread over time.
    pub(super) fn new(schemas: &GameSchemas<G>, stagger: u32, now: Tick) -> Self {
        Self {
            events: Arc::clone(&schemas.events),
            recent_ticks: VecDeque::from([RecentTick { tick: now, ..RecentTick::new() }]),
            encodings: Vec::new(),
            encoded: 0,
            written: None,
            usual: None,
            encoder: Encoder::with_plan(&schemas.world, Arc::clone(&schemas.plan)),
            old_worlds: OldWorlds::default(),
            priors: Vec::new(),
            epoch: 0,
            training: now + (PRIORS_FIRST_SECONDS * G::RULES.tick_rate_hz + stagger % G::RULES.tick_rate_hz),
            head: Vec::with_capacity(HEAD_BYTES),
            own: Vec::new(),
            nothing: Snapshot::empty(&schemas.world),
            event_encoder: EventEncoder::with_capacity(HEAD_BYTES),
        }
    }

    /// Takes over the events of the tick that the simulation has just made.
    pub(super) fn push(&mut self, tick: Tick, events: &[(To, G::Event)]) {
        let is_known = self.recent_ticks.back().is_some_and(|newest| newest.tick == tick);
        let mut recent = match self.recent_ticks.len() {
            // Its events are told again: all members start over from the newest world.
            _ if is_known => self.recent_ticks.pop_back(),
            count if count < SNAPSHOT_HISTORY_LEN => None,
            _ => self.recent_ticks.pop_front(),
        }
        .unwrap_or_else(RecentTick::new);
        recent.events.clear();
        recent.events.extend_from_slice(events);
        (recent.tick, recent.room_hash) = (tick, None);
        self.recent_ticks.push_back(recent);
        self.encoded = 0;
        self.old_worlds.forget();
        self.train(tick);
    }

    /// Publishes the priors that were learnt from the room's messages, now and then, if that pays for its bytes.
    ///
    /// Every section starts its adaptive probabilities from the priors, so that it can be read without the sections
    /// before it. Untrained priors know nothing of how the values of this room change, so the first decisions of every
    /// section would cost more bits than they have to. Each member receives a new epoch once: in the head of its next
    /// snapshot.
    fn train(&mut self, tick: Tick) {
        if tick < self.training {
            return;
        }
        let period_ticks = PRIORS_SECONDS * G::RULES.tick_rate_hz;
        self.training = tick + period_ticks;
        if self.encoder.train(period_ticks / G::RULES.message_ticks()) {
            self.epoch += 1;
            self.priors.clear();
            self.encoder.put_priors(&mut self.priors);
        }
    }

    /// The hash of the room's topic at `tick`, if that topic was sent at `tick` and the tick is still remembered.
    pub(super) fn room_hash(&self, tick: Tick) -> Option<u32> {
        let index = usize::try_from(tick.since(self.recent_ticks.front()?.tick)).ok()?;
        self.recent_ticks.get(index)?.room_hash
    }

    /// The newest snapshot for a member, which counts as written. `None` when too many others have baselines of their
    /// own in this tick: the member is then deferred by one tick, and always served in the next one.
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
        self.encode_own(simulation, member, baseline, counters);
        self.encode_head(member, now, newest);
        counters.snapshots += 1;
        counters.keyframes += u64::from(baseline.is_none());
        (member.baseline, member.events_sent) = (Some(now), now);
        let frame = SnapshotFrame { head: &self.head, shared: &self.encodings[index].bytes, own: &self.own };
        member.keyframes.charge(frame.len(), baseline.is_none());
        Some(frame)
    }

    /// The index of the encoding against `baseline`; `None` when this tick has enough encodings against baselines other
    /// than the usual one.
    ///
    /// Members that keep up share one encoding, so a tick costs about the same for any number of them. Each further
    /// baseline costs one more encoding of the room's topic, and after a pause of many connections nearly every member
    /// could have a baseline of its own. The limit spreads that work over two ticks.
    ///
    /// A member that was deferred in the tick before must be served (`must`). That is bounded as well: such members
    /// have no more different baselines than the history has ticks.
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
        let base = baseline.and_then(|tick| self.old_worlds.at(simulation, tick, counters));
        let now = history.newest();
        let encoding = &mut self.encodings[index];
        encoding.baseline = baseline;
        encoding.bytes.clear();
        let to_end = !schema.has_private;
        let hash = self.encoder.encode(schema, Topic::Room, base, now, to_end, &mut encoding.bytes);
        if let Some(base) = base.filter(|base| is_sample::<G>(base, now)) {
            self.encoder.learn(schema, Topic::Room, base, now);
        }
        if let Some(newest) = self.recent_ticks.back_mut() {
            newest.room_hash = Some(hash);
        }
        Some(index)
    }

    fn encode_own(
        &mut self,
        simulation: &Simulation<G>,
        member: &Member,
        baseline: Option<Tick>,
        counters: &mut Counters,
    ) {
        self.own.clear();
        let (schema, history) = (simulation.schema(), simulation.history());
        if !schema.has_private {
            return;
        }
        let Some(seat) = member.seat else {
            // A message ends with the section of a seat. The section for a spectator says that there are no rows.
            let (nobody, nothing) = (Topic::Seat(Seat::default()), &mut self.nothing);
            nothing.tick = simulation.tick();
            self.encoder.encode(schema, nobody, None, nothing, true, &mut self.own);
            return;
        };
        let topic = Topic::Seat(seat);
        let base = baseline.and_then(|tick| self.old_worlds.at(simulation, tick, counters));
        let now = history.newest();
        self.encoder.encode(schema, topic, base, now, true, &mut self.own);
        if let Some(base) = base.filter(|base| is_planted(Leak::PriorsOfSeats) && is_sample::<G>(base, now)) {
            self.encoder.learn(schema, topic, base, now);
        }
        // Priors are not learnt here. They are published to everyone, and must show nothing of a world that only one
        // seat sees.
    }

    fn encode_head(&mut self, member: &mut Member, now: Tick, newest: Option<Tick>) {
        // Most members were sent all events up to the last tick. A member that missed ticks receives their events too,
        // but only those of the last `EVENT_TICKS_MAX` ticks.
        let unsent_ticks = u32::try_from(now.since(member.events_sent)).unwrap_or(u32::MAX).min(EVENT_TICKS_MAX);
        let known = self.recent_ticks.len().saturating_sub(unsent_ticks as usize);
        let seat = member.seat.map(To::Seat);
        let events = self.recent_ticks.range(known..).flat_map(|recent| {
            let age = u32::try_from(now.since(recent.tick)).unwrap_or(u32::MAX);
            let is_for = move |to: To| to == To::Everyone || seat == Some(to) || is_planted(Leak::EventsForAll);
            recent.events.iter().filter(move |(to, _)| is_for(*to)).map(move |(_, event)| (age, event))
        });
        let mut has_events = self.event_encoder.encode(&self.events, events);
        has_events |= is_planted(Leak::EventsAnnounced)
            && self.recent_ticks.back().is_some_and(|recent| !recent.events.is_empty());
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

/// Whether the priors are learnt from this delta. It must lead from one message to the next, and one such delta in
/// [`SAMPLE_MESSAGES`] is enough.
///
/// A delta over a longer time has larger changes than most deltas, so the priors would suit the usual delta less.
fn is_sample<G: Game>(base: &Snapshot, now: &Snapshot) -> bool {
    let step = G::RULES.message_ticks();
    now.tick.since(base.tick) == i64::from(step) && (now.tick.0 / step).is_multiple_of(SAMPLE_MESSAGES)
}
