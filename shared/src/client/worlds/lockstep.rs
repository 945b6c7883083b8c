//! Lockstep of a session: the client plays the whole game itself, from the inputs of all players.
//!
//! ```text
//! message → tick inputs (of all players) ┐
//! own inputs ────────────────────────────┴→ frames: agreed … confirmed … guessed → view
//! ```
//!
//! A frame is the world after one tick. Up to the newest tick inputs frames are confirmed; beyond them they are
//! guessed, each player going on as before, for as many ticks as the game allows. When tick inputs differ from a guess,
//! the frames from there on are dropped and made again. Tick inputs come in order and none are lost, so a confirmed
//! frame stays as it is.
//!
//! # Rollback
//!
//! A step is deterministic, so a frame that was made from the right inputs is the right frame: a guess is checked by
//! its inputs alone, and worlds are not compared. Players mostly hold the keys that they held, so most guesses are
//! right, and confirming them costs no replay. A change of the roster is never guessed; the frame of its tick is always
//! made again.
//!
//! A rollback takes back no changes. Each frame keeps its full state, so the client restores the last frame before the
//! wrong one (with its free slots and random numbers, on which new rows and later dice depend) and plays again. The
//! price is one capture per tick; the gain is that games need no way back. The length of a replay is bounded by the
//! `rollback_ticks_max` of the game: a client that is further ahead of the newest tick inputs goes on making inputs,
//! but no frames.
//!
//! The newest frame is set aside before it is dropped. When the replay has come to its tick again, the two worlds are
//! compared: the difference is eased on screen like a correction of snapshot mode, and events that were reported and
//! did not happen are cancelled.

mod dispute;
mod guess;
mod view;

use crate::client::display::interpolation_buffer::InterpolationBuffer;
use crate::client::prediction::corrected_fields::{CorrectedField, CorrectedFields};
use crate::client::prediction::corrections::{CorrectedRow, Correction, Corrections};
use crate::client::prediction::events::{EventUpdate, Events, hears};
use crate::client::prediction::own_inputs::OwnInputs;
use crate::client::stats::Stats;
use crate::client::time::Timing;
use crate::client::worlds::Begin;
use crate::game::{Game, Mode, To};
use crate::id::Seat;
use crate::input::{Ack, Action, InputFrame};
use crate::limits::{ADVANCE_TICKS_MAX, PREDICTION_TICKS_MAX};
use crate::lockstep::{LastInputs, Received, Start, TickInputs, TickInputsCodec};
use crate::message::snapshot_head::SnapshotHead;
use crate::rng::Rng;
use crate::state::Schema;
use crate::tick::{Tick, TickTime};
use crate::wire::{DecodeError, Reader};
use crate::world::full_state::FullState;
use crate::world::interpolation::is_teleport;
use crate::world::snapshot::Snapshot;
use crate::world::stepper::Stepper;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Frames kept at the most: a hash that is still disputed by then will not be agreed on.
const FRAMES_MAX: usize = 256;

/// The world after one tick, with the inputs that it was made from and the events that happened.
pub(crate) struct Frame<G: Game> {
    full_state: FullState,
    last_inputs: LastInputs<G::Input>,
    events: Vec<(To, G::Event)>,
}

/// A room's world, as one player plays along with it.
pub(crate) struct Lockstep<G: Game> {
    schema: Schema,
    codec: TickInputsCodec<G::Input>,
    me: Option<Seat>,
    ready: bool,
    wants_keyframe: bool,
    /// The newest tick that was received, and the inputs of all players in it.
    last_received: (Tick, LastInputs<G::Input>),
    /// The tick inputs after the oldest frame, up to the newest that were received.
    known_ticks: VecDeque<TickInputs<G::Input>>,
    /// Worlds of consecutive ticks, oldest first.
    frames: VecDeque<Frame<G>>,
    spare: Vec<Frame<G>>,
    confirmed: Tick,
    /// The newest tick at which both sides had the same hash.
    agreed: Tick,
    /// The hash of the last confirmed world that is compared.
    hash: u32,
    stepper: Stepper<G>,
    inputs: OwnInputs<G::Input>,
    /// The newest tick that an input was made for.
    made: Tick,
    events: Events<G>,
    /// The newest tick whose events were reported as predictions.
    last_predicted_event_tick: Tick,
    /// The newest world before it was dropped, to be compared with the one that replaces it, and the number of ticks
    /// that were dropped with it: 0 when there is nothing to compare.
    dropped: (Snapshot, u32),
    corrections: Corrections,
    corrected_fields: CorrectedFields,
    /// The dispute that is open.
    dispute: Option<dispute::Open>,
    evidence: Vec<Vec<u8>>,
    /// The newest tick whose events were reported as confirmed.
    confirmed_event_tick: Tick,
    interpolation: InterpolationBuffer,
    /// A world without rows, by which the interpolation buffer learns when messages arrive.
    tick_only: Snapshot,
    timing: Timing,
    merged: Snapshot,
    shown: G,
    shown_us: u64,
    /// The moment that was shown last, in ticks.
    moment: TickTime,
}

impl<G: Game> Lockstep<G> {
    pub(crate) fn new() -> Self {
        let schema = Schema::of::<G>();
        let tick_us = 1_000_000.0 / f64::from(G::RULES.tick_rate_hz);
        Self {
            codec: TickInputsCodec::new(G::RULES.hash_ticks()),
            me: None,
            ready: false,
            wants_keyframe: false,
            last_received: (Tick(0), LastInputs::default()),
            known_ticks: VecDeque::new(),
            frames: VecDeque::new(),
            spare: Vec::new(),
            confirmed: Tick(0),
            agreed: Tick(0),
            hash: 0,
            stepper: Stepper::new(G::default(), Rng::new(0)),
            inputs: OwnInputs::new(),
            made: Tick(0),
            events: Events::new(),
            last_predicted_event_tick: Tick(0),
            dropped: (Snapshot::default(), 0),
            corrections: Corrections::default(),
            corrected_fields: CorrectedFields::default(),
            dispute: None,
            evidence: Vec::new(),
            confirmed_event_tick: Tick(0),
            interpolation: InterpolationBuffer::new(tick_us, G::RULES.message_ticks()),
            tick_only: Snapshot::default(),
            timing: Timing::new(G::RULES),
            merged: Snapshot::empty(&schema),
            shown: G::default(),
            shown_us: 0,
            moment: TickTime(0.0),
            schema,
        }
    }

    /// Starts on another connection. The frames and tick inputs stay: the server sends the rest, or a keyframe.
    pub(crate) fn start(&mut self, begin: Begin, now_us: u64) {
        let Begin { seat, tick, waited_us, newest_input } = begin;
        self.me = seat;
        self.interpolation.reset();
        self.wants_keyframe = false;
        // The inputs that wait here were for the connection before, perhaps for another seat.
        self.evidence.clear();
        self.evidence.extend(self.inputs.frames_after(newest_input, self.codec.inputs()));
        self.timing.restart(tick, waited_us, self.inputs.newest(), now_us);
    }

    /// The newest tick that the server need not send again; `None` for a client that needs a keyframe.
    pub(crate) fn known(&self) -> Option<Tick> {
        (self.ready && !self.wants_keyframe && self.dispute.is_none()).then_some(self.last_received.0)
    }

    /// A hidden page plays neutral inputs.
    pub(crate) const fn set_hidden(&mut self, hidden: bool) {
        self.inputs.set_hidden(hidden);
    }

    /// Asks for a keyframe, because a message could not be used.
    pub(crate) const fn ask_for_keyframe(&mut self) {
        self.wants_keyframe = true;
    }

    /// Sets the player's input for the ticks from now on, until the next call.
    pub(crate) fn push_input(&mut self, input: G::Input, is_command: bool) {
        self.inputs.push(input, is_command, self.codec.inputs());
    }

    /// Takes in the tick inputs of all ticks since the last message, or a keyframe and the tick inputs since.
    pub(crate) fn handle(&mut self, message: &[u8], now_us: u64, stats: &mut Stats) -> Result<(), DecodeError> {
        let mut reader = Reader::new(message);
        let head = SnapshotHead::decode(&mut reader, self.last_received.0)?;
        if head.has_events || head.priors.is_some() {
            return Err(DecodeError::UnknownKind(message[0]));
        }
        let last = self.ready.then_some((self.last_received.0, &self.last_received.1));
        let Received { start, known_ticks } = self.codec.decode(&self.schema, last, head.tick, reader)?;
        let is_keyframe = start.is_some();
        if let Some(start) = start {
            self.restart(start, head.tick);
        }
        let last_inputs = known_ticks.last().map_or(self.last_received.1, |tick_inputs| tick_inputs.last_inputs);
        self.last_received = (head.tick, last_inputs);
        self.known_ticks.extend(known_ticks);
        // The ticks that were made without an own input are counted one by one, when they are confirmed.
        let head_alone = SnapshotHead { starved: false, ..head };
        stats.count_snapshot(message.len() as u64, 0, is_keyframe, &head_alone);
        self.corrected_fields.begin();
        self.tick_only.tick = head.tick;
        self.interpolation.push(&self.tick_only, now_us);
        self.timing.observe(&head, self.interpolation.after_pause(), now_us, stats);
        Ok(())
    }

    /// Goes on from a full state that the server has sent.
    fn restart(&mut self, start: Start<G::Input>, newest: Tick) {
        let tick = start.full_state.tick();
        self.known_ticks.clear();
        self.spare.extend(self.frames.drain(..));
        self.stepper.rng = start.full_state.restore(&mut self.stepper.world);
        self.hash = start.full_state.hash_sent(&self.schema);
        (self.confirmed, self.agreed, self.last_predicted_event_tick, self.confirmed_event_tick) =
            (tick, tick, tick, tick);
        self.dispute = None;
        self.events.restart(tick);
        self.last_received = (tick, start.last_inputs);
        self.frames.push_back(Frame {
            full_state: start.full_state,
            last_inputs: start.last_inputs,
            events: Vec::new(),
        });
        self.dropped.1 = 0;
        self.corrections.clear();
        if !self.ready || !(newest..=newest + PREDICTION_TICKS_MAX).contains(&self.made) {
            self.made = newest;
        }
        (self.ready, self.wants_keyframe) = (true, false);
    }

    /// Makes the ticks that are due: a bounded number per call, so that a client that has much to catch up on stays
    /// responsive. The messages for the server go to `outbox`.
    pub(crate) fn advance(&mut self, now_us: u64, outbox: &mut VecDeque<Vec<u8>>, stats: &mut Stats) {
        if !self.ready {
            return;
        }
        self.interpolation.advance(now_us);
        // Of ticks that were played already no input is asked for: after a pause they are passed over.
        self.made = self.made.max(self.last_received.0);
        let first = self.made.next();
        let due = self.timing.due(now_us).min(self.last_received.0 + PREDICTION_TICKS_MAX);
        for _ in 0..ADVANCE_TICKS_MAX {
            if self.made >= due {
                break;
            }
            self.made = self.made.next();
            self.inputs.record(self.made, Action::from(self.inputs.next()));
            self.timing.sent(self.made, now_us);
            stats.inputs += 1;
        }
        self.settle(stats);
        let target = self.made.min(self.last_received.0 + self.rollback_ticks_max()).max(self.last_received.0);
        for _ in 0..ADVANCE_TICKS_MAX + self.rollback_ticks_max() {
            if self.newest().full_state.tick() >= target {
                break;
            }
            self.play(stats);
        }
        // Inputs that are sent again go before newer ones: of what comes out of order the room keeps the newest alone.
        outbox.extend(self.take_evidence());
        let ack = Some(Ack { tick: self.confirmed, hash: self.hash });
        if let Some(frame) = self.inputs.message((first, self.made), ack, false) {
            let frame = InputFrame { wants_keyframe: self.wants_keyframe, ..frame };
            let mut message = Vec::new();
            self.codec.inputs().encode(&frame, &mut message);
            outbox.push_back(message);
        }
        self.poll_dispute(now_us);
        outbox.extend(self.take_evidence());
        self.forget();
    }

    /// Ticks that may be guessed: 0 for a spectator, because a spectator has no things of their own to see early.
    fn rollback_ticks_max(&self) -> u32 {
        match G::RULES.mode {
            Mode::Lockstep { rollback_ticks_max } if self.me.is_some() => u32::from(rollback_ticks_max),
            _ => 0,
        }
    }

    /// Confirms the frames that were guessed rightly, and drops those from the first wrong one on.
    fn settle(&mut self, stats: &mut Stats) {
        while self.confirmed < self.newest().full_state.tick() {
            let tick = self.confirmed.next();
            let (Some(tick_inputs), Some(frame)) = (self.tick_inputs(tick), self.frame(tick)) else { return };
            if tick_inputs.has_news() || tick_inputs.last_inputs != frame.last_inputs {
                return self.roll_back(tick);
            }
            self.confirm(tick, stats);
        }
    }

    /// Drops the frames from `tick` on.
    fn roll_back(&mut self, tick: Tick) {
        self.set_aside(tick);
        while self.newest().full_state.tick() >= tick {
            self.spare.extend(self.frames.pop_back());
        }
        let last = self.frames.back().expect("a confirmed frame is never dropped");
        self.stepper.rng = last.full_state.restore(&mut self.stepper.world);
    }

    /// Keeps the newest world before the frames from `tick` on are dropped, to see how far off it was.
    fn set_aside(&mut self, tick: Tick) {
        let newest = self.frames.back().expect("there is a frame from the first world on");
        self.dropped.0.copy_from(&newest.full_state.snapshot);
        self.dropped.1 = u32::try_from(newest.full_state.tick().since(tick)).unwrap_or(0) + 1;
    }

    /// Makes the next tick, from the tick inputs of the server or else from guessed ones.
    fn play(&mut self, stats: &mut Stats) {
        let tick = self.newest().full_state.tick().next();
        let is_known = self.tick_inputs(tick).is_some();
        let mut frame = self.spare.pop().unwrap_or_else(|| Frame {
            full_state: FullState::empty(&self.schema),
            last_inputs: LastInputs::default(),
            events: Vec::new(),
        });
        frame.last_inputs = match self.tick_inputs(tick) {
            Some(tick_inputs) => tick_inputs.last_inputs,
            None => self.guess_inputs(tick),
        };
        self.step(tick, &mut frame);
        if !is_known && tick > self.last_predicted_event_tick {
            self.events.predict(tick, self.me, &frame.events);
            self.last_predicted_event_tick = tick;
        }
        self.frames.push_back(frame);
        if is_known {
            self.confirm(tick, stats);
        }
        self.compare(stats);
    }

    /// Confirms the frame of `tick`, which was made from the server's tick inputs: reports its events and compares its
    /// hash.
    fn confirm(&mut self, tick: Tick, stats: &mut Stats) {
        self.confirmed = tick;
        let Some(at) = self.place(tick) else { return };
        if tick > self.confirmed_event_tick {
            self.confirmed_event_tick = tick;
            let last_predicted_event_tick = self.frames[at].events.iter().filter(|(to, _)| hears(self.me, *to));
            last_predicted_event_tick.for_each(|(_, event)| self.events.confirm(tick, event));
        }
        let played = self.me.and_then(|me| self.tick_inputs(tick)?.last_inputs.inputs()[me.index()]);
        stats.starved_ticks += u64::from(played.is_some_and(|played| self.mine(tick) != Some(played)));
        let Some(expected) = self.tick_inputs(tick).and_then(|tick_inputs| tick_inputs.hash) else { return };
        self.hash = self.frames[at].full_state.hash_sent(&self.schema);
        if self.dispute.is_some() {
            // A world that is disputed differs, and that is known.
            return;
        }
        stats.hash_tick = tick.0;
        if self.hash == expected {
            stats.hashes_compared += 1;
            self.agreed = tick;
        } else {
            self.differ(stats);
        }
    }

    /// Compares the world that was dropped with the one that was made again, once there is one: eases the difference,
    /// and cancels the events that did not happen.
    fn compare(&mut self, stats: &mut Stats) {
        let now = self.newest().full_state.tick();
        let tick = self.dropped.0.tick;
        if self.dropped.1 == 0 || tick > now {
            return;
        }
        let ticks = core::mem::take(&mut self.dropped.1);
        let Some(at) = self.place(tick) else { return };
        let new = &self.frames[at].full_state.snapshot;
        let found = (&mut self.corrections, &mut self.corrected_fields);
        let mut correction = correct_shown(&self.schema, &self.dropped.0, new, found);
        correction.ticks = ticks;
        stats.count_correction(&correction);
        let first = tick - (ticks - 1);
        let replayed = self.frames.iter().filter(|frame| frame.full_state.tick() >= first);
        let replayed = replayed
            .flat_map(|frame| frame.events.iter().map(|(to, event)| (frame.full_state.tick(), *to, *event)))
            .collect::<Vec<_>>();
        self.events.reconsider(self.me, now, &replayed);
    }

    /// Lets go of frames that are neither shown nor needed to find a difference.
    fn forget(&mut self) {
        // A hidden page shows nothing, and lets go of the frames that it would have shown.
        let shown = self.moment.later(self.interpolation.shown() - f64::from(ADVANCE_TICKS_MAX)).tick();
        let oldest = self.agreed.min(shown).min(self.confirmed);
        let is_old = |frame: &Frame<G>| frame.full_state.tick() < oldest;
        while self.frames.len() > FRAMES_MAX || self.frames.front().is_some_and(is_old) {
            self.spare.extend(self.frames.pop_front());
        }
        self.spare.truncate(ADVANCE_TICKS_MAX as usize);
        let first = self.frames.front().map_or(Tick(0), |frame| frame.full_state.tick());
        while self.known_ticks.pop_front_if(|tick_inputs| tick_inputs.tick <= first).is_some() {}
    }

    fn newest(&self) -> &Frame<G> {
        self.frames.back().expect("there is a frame from the first world on")
    }

    fn place(&self, tick: Tick) -> Option<usize> {
        let at = usize::try_from(tick.since(self.frames.front()?.full_state.tick())).ok()?;
        (at < self.frames.len()).then_some(at)
    }

    fn frame(&self, tick: Tick) -> Option<&Frame<G>> {
        self.place(tick).map(|at| &self.frames[at])
    }

    fn place_of_tick(&self, tick: Tick) -> Option<usize> {
        let at = usize::try_from(tick.since(self.known_ticks.front()?.tick)).ok()?;
        (at < self.known_ticks.len()).then_some(at)
    }

    fn tick_inputs(&self, tick: Tick) -> Option<&TickInputs<G::Input>> {
        self.place_of_tick(tick).map(|at| &self.known_ticks[at])
    }

    /// The next event that happened in the game, or turned out not to have happened.
    pub(crate) fn poll_event(&mut self) -> Option<EventUpdate<G::Event>> {
        self.events.poll()
    }

    /// The fields that rollbacks have changed, the worst first.
    pub(crate) fn corrected_fields(&self) -> Vec<CorrectedField> {
        self.corrected_fields.fields(&self.schema)
    }

    pub(crate) fn confirmed(&self) -> &Snapshot {
        self.frame(self.confirmed).map_or(&self.merged, |frame| &frame.full_state.snapshot)
    }

    pub(crate) const fn predicted_tick(&self) -> Tick {
        self.made
    }

    pub(crate) fn input_due_us(&self, tick: Tick) -> u64 {
        self.timing.time_of(tick)
    }

    pub(crate) const fn interpolation(&self) -> &InterpolationBuffer {
        &self.interpolation
    }
}

/// Finds how far one world was off from another of the same tick, and eases the difference from now on. It is apart
/// from [`Lockstep`] because it knows no game: a page with several games holds its code once.
#[inline]
fn correct_shown(
    schema: &Schema,
    old: &Snapshot,
    new: &Snapshot,
    (corrections, corrected_fields): (&mut Corrections, &mut CorrectedFields),
) -> Correction {
    let mut found = Correction { wrong: old != new, ..Correction::default() };
    for (number, table) in schema.tables.iter().enumerate() {
        let (old, new) = (&old.tables[number], &new.tables[number]);
        for (index, id) in new.ids.iter().enumerate() {
            let is = new.row(index);
            let Some(was) = old.find(*id).filter(|was| *was != is) else { continue };
            let row = CorrectedRow { number, id: *id, was, is };
            let is_elsewhere = |at, steps| is_teleport(&table.leaves[at], steps) || table.is_of_rotation(at);
            corrections.add_row(table, row, &mut found, |_| true, is_elsewhere);
            corrected_fields.add_row((number, table), (was, is), &|_| true);
        }
    }
    found
}
