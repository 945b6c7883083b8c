//! Snapshot mode of a session: the world that the server sends, and the one that is shown.
//!
//! ```text
//! snapshot → Replica → Predictor (own rows, replayed from the replica) ┐
//!               └→ InterpolationBuffer (a moment ago, between two) ────┴→ view
//! ```
//!
//! The [`Session`](crate::client::Session) around it knows connections and players; this module knows ticks.

use crate::client::display::first_ids::ShownRows;
use crate::client::display::interpolation_buffer::InterpolationBuffer;
use crate::client::display::view::compose;
use crate::client::prediction::corrected_fields::CorrectedField;
use crate::client::prediction::events::EventUpdate;
use crate::client::prediction::events::Events;
use crate::client::prediction::predictor::{Predictor, ViewContext};
use crate::client::stats::Stats;
use crate::client::time::Timing;
use crate::client::worlds::Begin;
use crate::client::worlds::held_snapshots::HeldSnapshots;
use crate::desync::dump_rows;
use crate::determinism::behaviour::behaviour_hash;
use crate::game::Game;
use crate::id::{RowId, Seat};
use crate::input::{Ack, InputCodec, InputFrame};
use crate::limits::{ADVANCE_TICKS_MAX, PREDICTION_TICKS_MAX};
use crate::message::evidence::{ClientEvidence, LeafClaim, ServerEvidence};
use crate::message::snapshot_head::SnapshotHead;
use crate::replication::Replica;
use crate::state::Schema;
use crate::tick::{Tick, TickTime};
use crate::wire::{DecodeError, Reader};
use crate::world::snapshot::Snapshot;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A room's world as one player receives and predicts it.
pub(crate) struct Snapshots<G: Game> {
    schema: Schema,
    codec: InputCodec<G::Input>,
    me: Option<Seat>,
    replica: Replica,
    /// The tick of the last snapshot's head, from which the tick of the next head is completed.
    last_head: Tick,
    interpolation: InterpolationBuffer,
    timing: Timing,
    predictor: Predictor<G>,
    events: Events<G>,
    /// Whether a snapshot came that the prediction does not start from yet.
    unreconciled: bool,
    ready: bool,
    ack: Option<Ack>,
    wants_keyframe: bool,
    /// The snapshots that wait while the replica is disputed.
    held: Option<HeldSnapshots>,
    /// Messages besides inputs that are to be sent: evidence, and inputs that are sent again.
    unsent: Vec<Vec<u8>>,
    /// The newest tick whose events have been taken in.
    events_tick: Tick,
    merged: Snapshot,
    shown: G,
    faded_us: u64,
}

impl<G: Game> Snapshots<G> {
    pub(crate) fn new() -> Self {
        let schema = Schema::of::<G>();
        let tick_us = 1_000_000.0 / f64::from(G::RULES.tick_rate_hz);
        let codec = InputCodec::new();
        Self {
            me: None,
            replica: Replica::empty(&schema),
            last_head: Tick(0),
            interpolation: InterpolationBuffer::new(tick_us, G::RULES.message_ticks()),
            timing: Timing::new(G::RULES),
            predictor: Predictor::new(&schema, codec.clone()),
            codec,
            events: Events::new(),
            unreconciled: false,
            ready: false,
            ack: None,
            wants_keyframe: false,
            held: None,
            unsent: Vec::new(),
            events_tick: Tick(0),
            merged: Snapshot::empty(&schema),
            shown: G::default(),
            faded_us: 0,
            schema,
        }
    }

    /// Starts on another connection: the player has `seat`, the room was at `tick`, and the welcome came `waited_us`
    /// after the hello.
    pub(crate) fn start(&mut self, begin: Begin, now_us: u64) {
        let Begin { seat, tick, waited_us, newest_input } = begin;
        self.me = seat;
        self.replica = Replica::empty(&self.schema);
        self.interpolation.reset();
        (self.ready, self.unreconciled, self.wants_keyframe) = (false, false, false);
        self.ack = None;
        self.held = None;
        self.unsent.clear();
        self.unsent.extend(self.predictor.frames_after(newest_input));
        self.timing.restart(tick, waited_us, self.predictor.newest_input(), now_us);
        self.events_tick = tick;
        self.events.restart(tick);
    }

    /// Replaces the seats that are taken, each with whether a bot sits in it.
    pub(crate) fn set_seats(&mut self, taken: impl Iterator<Item = (Seat, bool)>) {
        self.predictor.set_seats(taken);
    }

    /// A hidden page plays neutral inputs.
    pub(crate) const fn set_hidden(&mut self, hidden: bool) {
        self.predictor.set_hidden(hidden);
    }

    /// A message could not be used: the next one should be a keyframe.
    pub(crate) const fn ask_for_keyframe(&mut self) {
        self.wants_keyframe = true;
    }

    /// Takes in a snapshot.
    pub(crate) fn handle(&mut self, message: &[u8], now_us: u64, stats: &mut Stats) -> Result<(), DecodeError> {
        let last_head = self.last_head;
        match (self.apply(message, now_us, stats), &mut self.held) {
            (Ok(()), _) => {
                self.held = None;
                Ok(())
            }
            (Err(_), Some(held)) => {
                let held = held.hold(message);
                if held.is_err() {
                    self.held = None;
                }
                held
            }
            (Err(DecodeError::HashMismatch { .. }), None) if self.ready && !self.wants_keyframe => {
                stats.hash_mismatches += 1;
                stats.desyncs += 1;
                self.held = Some(HeldSnapshots::of(message, last_head));
                let tick = self.replica.world().tick;
                self.unsent.push(ClientEvidence::Dispute { tick, hashes: Vec::new() }.encode());
                Ok(())
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Takes in a message of the server about a world that a delta did not fit.
    pub(crate) fn handle_evidence(&mut self, evidence: ServerEvidence, now_us: u64, stats: &mut Stats) {
        let world = self.replica.world();
        match evidence {
            ServerEvidence::RowHashes { tick, rows } if world.tick == tick => {
                let row_dump = dump_rows(&self.schema, world, &rows, behaviour_hash::<G>());
                self.unsent.push(ClientEvidence::RowDump(row_dump).encode());
            }
            ServerEvidence::Correction { tick, leaves } if world.tick == tick => {
                let Some(held) = self.held.take() else { return };
                for LeafClaim { table, slot, leaf, value } in leaves {
                    self.replica.set_leaf(&self.schema, usize::from(table), slot, usize::from(leaf), value);
                }
                self.last_head = held.last_head;
                let fits = held.release().iter().all(|message| self.apply(message, now_us, stats).is_ok());
                stats.desyncs_healed += u64::from(fits);
                self.wants_keyframe |= !fits;
            }
            // The message is about a world that a keyframe has replaced meanwhile.
            _ => {}
        }
    }

    /// Damages a leaf of the newest world that was received, and gives its tick.
    pub(crate) fn damage(&mut self, table: usize, row: RowId, leaf: usize, value: u32) -> Option<Tick> {
        self.replica.world().tables.get(table)?.find(row)?;
        let is_set = self.replica.set_leaf(&self.schema, table, row.slot, leaf, value);
        is_set.then_some(self.replica.world().tick)
    }

    fn apply(&mut self, message: &[u8], now_us: u64, stats: &mut Stats) -> Result<(), DecodeError> {
        let mut reader = Reader::new(message);
        let head = SnapshotHead::decode(&mut reader, self.last_head)?;
        self.last_head = head.tick;
        let events = if head.has_events { self.events.decode(&mut reader)? } else { Vec::new() };
        let newest = self.interpolation.newest_tick();
        if head.tick <= newest && self.ready {
            return Err(DecodeError::OutOfRange { value: u64::from(head.tick.0), max: u64::from(newest.0) });
        }
        // What happened is true even if the world that it happened in cannot be made: it is told once, and not again
        // when a message that had to wait is looked at a second time.
        for (age, event) in events.into_iter().filter(|(age, _)| head.tick - *age > self.events_tick) {
            self.events.confirm_row(head.tick - age, event);
        }
        self.events_tick = self.events_tick.max(head.tick);
        let is_keyframe = !self.ready || self.wants_keyframe;
        let sections = reader.slice(reader.remaining())?;
        let old = head.priors.map(|priors| self.replica.exchange_priors(priors)).transpose()?;
        let applied = self.replica.apply(&self.schema, head.tick, sections);
        if let (Err(_), Some(old)) = (applied, old) {
            // The snapshots before this message that wait were coded with the old priors.
            self.replica.put_back_priors(old);
        }
        let compared = applied?;
        stats.count_snapshot(message.len() as u64, compared, is_keyframe, &head);
        self.interpolation.push(self.replica.world(), now_us);
        self.ack = Some(Ack { tick: head.tick, hash: self.replica.room_hash() });
        self.wants_keyframe = false;
        if self.ready {
            self.unreconciled = true;
        } else {
            (self.ready, self.unreconciled) = (true, true);
            self.predictor.restart(self.replica.world());
        }
        self.timing.observe(&head, self.interpolation.after_pause(), now_us, stats);
        Ok(())
    }

    /// Sets the player's input for the ticks from now on, until the next call.
    pub(crate) fn push_input(&mut self, input: G::Input, is_command: bool) {
        self.predictor.push_input(input, is_command);
    }

    /// Makes the ticks that are due: at most [`ADVANCE_TICKS_MAX`] per call, so that a tab that slept stays responsive.
    /// The messages for the server go to `outbox`.
    pub(crate) fn advance(&mut self, now_us: u64, outbox: &mut VecDeque<Vec<u8>>, stats: &mut Stats) {
        if !self.ready {
            return;
        }
        outbox.extend(self.unsent.drain(..));
        self.interpolation.advance(now_us);
        if core::mem::take(&mut self.unreconciled) {
            self.fade(now_us);
            let view_context = ViewContext::at(now_us, &self.timing, &self.schema, &self.interpolation);
            let correction = self.predictor.reconcile(view_context, self.replica.world(), self.me);
            stats.count_correction(&correction);
            self.events.reconsider(self.me, self.predictor.tick(), self.predictor.replayed_events());
        }
        let newest = self.interpolation.newest_tick();
        let due = self.timing.due(now_us).min(newest + PREDICTION_TICKS_MAX);
        let first = self.predictor.tick().next();
        for _ in 0..ADVANCE_TICKS_MAX {
            if self.predictor.tick() >= due {
                break;
            }
            self.make_tick(now_us);
            stats.inputs += 1;
        }
        if let Some(frame) = self.predictor.message(first, self.ack) {
            let frame = InputFrame { wants_keyframe: self.wants_keyframe, ..frame };
            let mut message = Vec::new();
            self.codec.encode(&frame, &mut message);
            outbox.push_back(message);
        }
    }

    fn make_tick(&mut self, now_us: u64) {
        let tick = self.predictor.tick().next();
        let view_context = ViewContext::at(now_us, &self.timing, &self.schema, &self.interpolation);
        let events = self.predictor.step(self.me, view_context);
        self.events.predict(tick, self.me, events);
        self.timing.sent(tick, now_us);
    }

    /// Eases the corrections for the time that has passed since they were shown or made. It must come before a replay:
    /// a new offset has not been shown yet, and none of it may have faded.
    fn fade(&mut self, now_us: u64) {
        self.predictor.predicted.corrections.fade(now_us.saturating_sub(self.faded_us));
        self.faded_us = now_us;
    }

    /// The world to show now; `None` before the first snapshot.
    pub(crate) fn view(&mut self, now_us: u64) -> Option<&G> {
        self.view_rows(now_us)?;
        self.merged.restore(&mut self.shown);
        Some(&self.shown)
    }

    /// The same world as rows.
    pub(crate) fn view_rows(&mut self, now_us: u64) -> Option<ShownRows<'_>> {
        self.fade(now_us);
        let sample = self.interpolation.sample()?;
        let ahead = self.timing.tick_at(now_us) - TickTime::from(self.predictor.tick());
        let view_context = ViewContext::at(now_us, &self.timing, &self.schema, &self.interpolation);
        self.predictor.look_ahead(self.me, ahead as f32, view_context);
        compose(&self.schema, self.me, &sample, &self.predictor.predicted, &mut self.merged);
        Some(ShownRows { world: &self.merged, first_ids: self.predictor.predicted.first_ids.entries() })
    }

    /// The moment at which others are shown.
    pub(crate) const fn shown(&self) -> TickTime {
        self.interpolation.shown()
    }

    /// The next event that happened in the game, or turned out not to have happened.
    pub(crate) fn poll_event(&mut self) -> Option<EventUpdate<G::Event>> {
        self.events.poll()
    }

    /// The fields that came out otherwise than predicted, the worst first.
    pub(crate) fn corrected_fields(&self) -> Vec<CorrectedField> {
        self.predictor.corrected_fields.fields(&self.schema)
    }

    pub(crate) const fn confirmed(&self) -> &Snapshot {
        self.replica.world()
    }

    pub(crate) const fn predicted_tick(&self) -> Tick {
        self.predictor.tick()
    }

    pub(crate) fn input_due_us(&self, tick: Tick) -> u64 {
        self.timing.time_of(tick)
    }

    pub(crate) const fn interpolation(&self) -> &InterpolationBuffer {
        &self.interpolation
    }
}
