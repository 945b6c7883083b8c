//! One player's session in one room, through any number of connections.

use super::dial::SILENCE_US_MAX;
use super::predict::Predictor;
use super::round_trip::RoundTrip;
use super::view::{Played, compose};
use super::{Dial, InputClock, Playout, Stats};
use crate::input::{Ack, InputCodec, InputFrame};
use crate::limits::{ADVANCE_TICKS_MAX, EVENTS_PER_TICK_MAX, PREDICTION_TICKS_MAX};
use crate::message::{
    ClientControl, CloseCode, Hello, PROTOCOL_VERSION, Player, ResumeToken, SERVER_CONTROL, SNAPSHOT, ServerControl,
    SnapshotHead, WELCOME, Welcome, fingerprint, seat,
};
use crate::section::Mirror;
use crate::snapshot::Snapshot;
use crate::state::{Event, Schema, State};
use crate::wire::{BitReader, DecodeError, Reader};
use crate::{Game, Seat, Tick, To};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

/// Ticks within which a predicted and a confirmed event are taken for the same.
const EVENT_WINDOW_TICKS: i64 = 8;

/// Something the player should be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// We are in the room; `resumed` when the seat was ours before.
    Welcome {
        /// Whether the seat was ours before.
        resumed: bool,
    },
    /// Somebody joined, came back or lost the connection.
    Player(Player),
    /// Somebody left for good.
    Left(Player),
    /// Somebody said something.
    Chat {
        /// Who.
        name: String,
        /// What.
        text: String,
    },
    /// The connection is lost; another one will be opened.
    Lost {
        /// The close code that was seen.
        code: u16,
    },
    /// The session is over.
    Over(CloseCode),
}

/// A player's session: bytes and time in, bytes, events and a world to show out.
pub struct Session<G: Game> {
    hello: Hello,
    schema: Schema,
    event_schema: Schema,
    codec: InputCodec<G::Input>,
    dial: Dial,
    /// When the connection was dialled, or opened; `None` without one.
    called_us: Option<u64>,
    heard_us: u64,
    seat: Option<Seat>,
    players: BTreeMap<u8, Player>,
    mirror: Mirror,
    playout: Playout,
    clock: InputClock,
    round_trip: RoundTrip,
    predictor: Predictor<G>,
    /// A snapshot came that the prediction does not start from yet.
    unreconciled: bool,
    ready: bool,
    hidden: bool,
    leaving: bool,
    input: G::Input,
    ack: Option<Ack>,
    wants_keyframe: bool,
    outbox: VecDeque<Vec<u8>>,
    events: VecDeque<G::Event>,
    predicted_events: VecDeque<(Tick, G::Event)>,
    notices: VecDeque<Notice>,
    stats: Stats,
    merged: Snapshot,
    shown: G,
    shown_us: u64,
}

impl<G: Game> Session<G> {
    /// A session for the room with this code; `resume` is the token of an earlier one. The seed spreads retries.
    #[must_use]
    pub fn new(code: &str, name: &str, resume: Option<ResumeToken>, seed: u64) -> Self {
        let schema = Schema::of::<G>();
        let tick_us = 1_000_000.0 / f64::from(G::RULES.tick_rate_hz);
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            game: G::RULES.name.into(),
            fingerprint: fingerprint::<G>(),
            code: code.into(),
            name: name.into(),
            resume,
        };
        Self {
            hello,
            event_schema: Schema::of::<G::Event>(),
            codec: InputCodec::new(),
            dial: Dial::new(seed),
            called_us: None,
            heard_us: 0,
            seat: None,
            players: BTreeMap::new(),
            mirror: Mirror::empty(&schema),
            playout: Playout::new(tick_us),
            clock: InputClock::new(tick_us),
            round_trip: RoundTrip::new(G::RULES.tick_us()),
            predictor: Predictor::new(&schema),
            unreconciled: false,
            ready: false,
            hidden: false,
            leaving: false,
            input: G::Input::default(),
            ack: None,
            wants_keyframe: false,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            predicted_events: VecDeque::new(),
            notices: VecDeque::new(),
            stats: Stats::default(),
            merged: Snapshot::empty(&schema),
            shown: G::default(),
            shown_us: 0,
            schema,
        }
    }

    /// True once for every connection that is to be opened now.
    pub fn poll_dial(&mut self, now_us: u64) -> bool {
        let dials = self.dial.poll(now_us);
        if dials {
            (self.called_us, self.heard_us) = (Some(now_us), now_us);
        }
        dials
    }

    /// A connection is open: says hello.
    pub fn handle_opened(&mut self, now_us: u64) {
        self.outbox.clear();
        self.outbox.push_back(self.hello.encode());
        (self.called_us, self.heard_us) = (Some(now_us), now_us);
    }

    /// The connection is gone, with this close code.
    pub fn handle_closed(&mut self, code: u16, now_us: u64) {
        self.called_us = None;
        self.outbox.clear();
        if self.leaving || self.dial.has_given_up() {
            return;
        }
        match self.dial.closed(code, now_us) {
            Some(code) => self.notices.push_back(Notice::Over(code)),
            None => self.notices.push_back(Notice::Lost { code }),
        }
    }

    /// The device is online and the page visible, or not.
    pub fn set_reachable(&mut self, reachable: bool, now_us: u64) {
        self.dial.set_reachable(reachable, now_us);
    }

    /// A hidden page plays neutral inputs, from the messages it receives instead of animation frames.
    pub const fn set_hidden(&mut self, hidden: bool) {
        self.hidden = hidden;
    }

    /// Takes in a message from the server.
    ///
    /// # Errors
    /// [`DecodeError`] when it could not be used; the session goes on and asks for a keyframe.
    pub fn handle_frame(&mut self, message: &[u8], now_us: u64) -> Result<(), DecodeError> {
        self.heard_us = now_us;
        self.stats.bytes_in += message.len() as u64;
        let outcome = match message.first() {
            Some(&WELCOME) => Welcome::decode(message).and_then(|welcome| self.handle_welcome(&welcome, now_us)),
            Some(&SERVER_CONTROL) => ServerControl::decode(message).and_then(|control| self.handle_control(control)),
            Some(&SNAPSHOT) => self.handle_snapshot(message, now_us),
            Some(&kind) => Err(DecodeError::UnknownKind(kind)),
            None => Err(DecodeError::Truncated { needed: 1, remaining: 0 }),
        };
        if let Err(error) = outcome {
            self.stats.decode_errors += 1;
            self.stats.hash_mismatches += u64::from(matches!(error, DecodeError::HashMismatch { .. }));
            self.wants_keyframe = true;
        }
        if self.hidden {
            // No animation frame will come: the ack must leave from here.
            self.advance(now_us);
        }
        outcome
    }

    fn handle_welcome(&mut self, welcome: &Welcome, now_us: u64) -> Result<(), DecodeError> {
        let seat = seat(welcome.seat)?;
        self.seat = Some(seat);
        self.hello.resume = Some(welcome.resume);
        self.players = welcome.players.iter().map(|player| (player.seat, player.clone())).collect();
        self.mirror = Mirror::empty(&self.schema);
        self.playout.reset();
        let waited_us = now_us.saturating_sub(self.called_us.unwrap_or(now_us));
        let ahead = 2.0 + waited_us as f64 / G::RULES.tick_us() as f64;
        self.clock = InputClock::new(1_000_000.0 / f64::from(G::RULES.tick_rate_hz));
        self.clock.set(f64::from(welcome.tick) + ahead, now_us, waited_us);
        self.round_trip = RoundTrip::new(G::RULES.tick_us());
        (self.ready, self.unreconciled, self.ack, self.wants_keyframe) = (false, false, None, false);
        self.update_seats();
        self.dial.welcomed();
        self.stats.welcomes += 1;
        self.notices.push_back(Notice::Welcome { resumed: welcome.resumed });
        Ok(())
    }

    fn handle_control(&mut self, control: ServerControl) -> Result<(), DecodeError> {
        match control {
            ServerControl::Player(player) => {
                seat(player.seat)?;
                self.players.insert(player.seat, player.clone());
                self.notices.push_back(Notice::Player(player));
            }
            ServerControl::Left { seat } => {
                if let Some(player) = self.players.remove(&seat) {
                    self.notices.push_back(Notice::Left(player));
                }
            }
            ServerControl::Chat { seat, text } => {
                let name = self.players.get(&seat).map(|player| player.name.clone()).unwrap_or_default();
                self.notices.push_back(Notice::Chat { name, text });
            }
        }
        self.update_seats();
        Ok(())
    }

    fn update_seats(&mut self) {
        self.predictor.set_seats(self.players.keys().filter_map(|number| Seat::new(*number)));
    }

    fn handle_snapshot(&mut self, message: &[u8], now_us: u64) -> Result<(), DecodeError> {
        let mut reader = Reader::new(message);
        let head = SnapshotHead::decode(&mut reader)?;
        let events = if head.has_events { self.decode_events(&mut reader)? } else { Vec::new() };
        let newest = self.playout.newest_tick();
        if head.tick <= newest && self.ready {
            return Err(DecodeError::OutOfRange { value: u64::from(head.tick.0), max: u64::from(newest.0) });
        }
        let is_keyframe = !self.ready || self.wants_keyframe;
        let sections = reader.slice(reader.remaining())?;
        let compared = self.mirror.apply(&self.schema, head.tick, sections)?;
        self.count_snapshot(message.len() as u64, compared, is_keyframe, &head);
        self.playout.push(self.mirror.world(), now_us);
        self.ack = Some(Ack { tick: head.tick, hash: self.mirror.room_hash() });
        self.wants_keyframe = false;
        if self.ready {
            self.unreconciled = true;
        } else {
            self.ready = true;
            self.predictor.restart(self.mirror.world());
        }
        if let Some(lead) = head.lead {
            let newest = head.tick.offset(i64::from(lead));
            self.clock.observe(newest, head.tick, now_us, self.stats.rtt_us);
            self.stats.input_lead_ticks = lead;
            if let Some(rtt_us) = self.round_trip.echoed(newest, now_us) {
                self.stats.rtt_us = rtt_us;
            }
        }
        for (age, event) in events {
            self.confirm_event(head.tick - age, event);
        }
        Ok(())
    }

    fn count_snapshot(&mut self, bytes: u64, compared: u32, is_keyframe: bool, head: &SnapshotHead) {
        let stats = &mut self.stats;
        stats.snapshots += 1;
        stats.hashes_compared += u64::from(compared);
        stats.hash_tick = head.tick.0;
        stats.starved_ticks += u64::from(head.starved && head.lead.is_some());
        let (count, sum) = if is_keyframe {
            (&mut stats.keyframes, &mut stats.keyframe_bytes)
        } else {
            (&mut stats.deltas, &mut stats.delta_bytes)
        };
        *count += 1;
        *sum += bytes;
    }

    fn decode_events(&self, reader: &mut Reader<'_>) -> Result<Vec<(u32, G::Event)>, DecodeError> {
        let count = reader.varint()?;
        let max = (EVENTS_PER_TICK_MAX as u64) * u64::from(crate::limits::EVENT_TICKS_MAX);
        if u64::from(count) > max {
            return Err(DecodeError::OutOfRange { value: u64::from(count), max });
        }
        let length = reader.varint()?;
        let mut bits = BitReader::new(reader.slice(usize::try_from(length).unwrap_or(usize::MAX))?);
        let mut wire = [0; crate::limits::ROW_WIDTH_MAX];
        let mut events = Vec::new();
        for _ in 0..count {
            let age = bits.small()?;
            for (leaf, value) in self.event_schema.tables[0].leaves.iter().zip(&mut wire) {
                *value = bits.take_max(leaf.bits, leaf.max)?;
            }
            let mut event = G::Event::blank();
            event.scatter(&wire[..G::Event::WIDTH]);
            events.push((age, event));
        }
        bits.finish()?;
        Ok(events)
    }

    /// An event that the server says happened is news unless it was predicted and shown already.
    fn confirm_event(&mut self, tick: Tick, event: G::Event) {
        let same = |(predicted, known): &(Tick, G::Event)| {
            *known == event && predicted.since(tick).abs() <= EVENT_WINDOW_TICKS
        };
        match self.predicted_events.iter().position(same) {
            Some(index) => drop(self.predicted_events.remove(index)),
            None => self.push_event(event),
        }
    }

    fn push_event(&mut self, event: G::Event) {
        if self.events.len() < EVENTS_PER_TICK_MAX {
            self.events.push_back(event);
        }
    }

    /// What the player does from now on, until the next call.
    pub fn push_input(&mut self, input: G::Input) {
        self.input = self.codec.quantize(input);
    }

    /// Makes the ticks that are due: at most a few per call, so that a tab that slept stays responsive.
    pub fn advance(&mut self, now_us: u64) {
        if !self.ready || !self.dial.is_open() {
            return;
        }
        self.playout.advance(now_us);
        if core::mem::take(&mut self.unreconciled) {
            let correction = self.predictor.reconcile(&self.schema, self.mirror.world(), self.seat, &self.codec);
            self.stats.rollback_ticks = correction.ticks;
            if correction.wrong {
                self.stats.rollbacks += 1;
                self.stats.rollback_ticks_max = self.stats.rollback_ticks_max.max(correction.ticks);
            }
            self.stats.correction_units = correction.units;
            self.stats.correction_units_max = crate::math::max(self.stats.correction_units_max, correction.units);
        }
        let newest = self.playout.newest_tick();
        let due = Tick(self.clock.tick_at(now_us) as u32).min(newest + PREDICTION_TICKS_MAX);
        for _ in 0..ADVANCE_TICKS_MAX {
            if self.predictor.tick() >= due {
                break;
            }
            self.make_tick(now_us);
        }
        while self.predicted_events.front().is_some_and(|(tick, _)| newest.since(*tick) > EVENT_WINDOW_TICKS) {
            self.predicted_events.pop_front();
        }
    }

    fn make_tick(&mut self, now_us: u64) {
        let input = if self.hidden { G::Input::default() } else { self.input };
        let tick = self.predictor.tick().next();
        let me = self.seat;
        let heard =
            |(to, event): &(To, G::Event)| (*to == To::Everyone || me.map(To::Seat) == Some(*to)).then_some(*event);
        let events: Vec<G::Event> = self.predictor.step(me, input).iter().filter_map(heard).collect();
        for event in events {
            self.predicted_events.push_back((tick, event));
            self.push_event(event);
        }
        let mut message = Vec::new();
        self.codec.encode(&InputFrame::one(tick, input, self.ack, self.wants_keyframe), &mut message);
        self.round_trip.sent(tick, now_us);
        self.outbox.push_back(message);
    }

    /// The next message for the server.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let message = self.outbox.pop_front()?;
        self.stats.bytes_out += message.len() as u64;
        Some(message)
    }

    /// Whether this side should close the connection now, and with which code.
    pub fn poll_close(&mut self, now_us: u64) -> Option<CloseCode> {
        self.called_us?;
        if self.leaving && self.outbox.is_empty() {
            self.called_us = None;
            return Some(CloseCode::Normal);
        }
        if now_us.saturating_sub(self.heard_us) > SILENCE_US_MAX {
            self.called_us = None;
            return Some(CloseCode::Silent);
        }
        None
    }

    /// Says something to everyone in the room.
    pub fn chat(&mut self, text: &str) {
        if self.dial.is_open() {
            self.outbox.push_back(ClientControl::Chat(crate::message::clean_chat(text)).encode());
        }
    }

    /// Leaves the room for good: the seat is free at once.
    pub fn leave(&mut self) {
        if self.dial.is_open() {
            self.outbox.push_back(ClientControl::Leave.encode());
        }
        self.leaving = true;
        self.dial.give_up();
    }

    /// The world to show now: what is ours as predicted, the rest as it was a moment ago. `None` before the
    /// first snapshot.
    pub fn view(&mut self, now_us: u64) -> Option<&G> {
        let (before, after, part) = self.playout.around()?;
        let elapsed_us = now_us.saturating_sub(self.shown_us);
        self.shown_us = now_us;
        let ahead = self.clock.tick_at(now_us) - f64::from(self.predictor.tick().0);
        self.predictor.look_ahead(self.seat, self.input, ahead as f32, elapsed_us);
        compose(&self.schema, self.seat, &Played { before, after, part }, &self.predictor.predicted, &mut self.merged);
        self.merged.restore(&mut self.shown);
        Some(&self.shown)
    }

    /// The newest world as the server has it, as far as this client may see it.
    #[must_use]
    pub const fn confirmed(&self) -> &Snapshot {
        self.mirror.world()
    }

    /// The next thing that happened in the game, each at most once.
    pub fn poll_event(&mut self) -> Option<G::Event> {
        self.events.pop_front()
    }

    /// The next thing the player should be told.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// The player's seat, from the first welcome on.
    #[must_use]
    pub const fn seat(&self) -> Option<Seat> {
        self.seat
    }

    /// Everyone in the room, by seat.
    pub fn players(&self) -> impl Iterator<Item = &Player> {
        self.players.values()
    }

    /// Gives the seat back after a reload.
    #[must_use]
    pub const fn resume_token(&self) -> Option<ResumeToken> {
        self.hello.resume
    }

    /// Whether a welcome came over the connection that is open.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.dial.is_open()
    }

    /// The tick that is predicted.
    #[must_use]
    pub const fn predicted_tick(&self) -> Tick {
        self.predictor.tick()
    }

    /// When the input for `tick` is due by this client's clock, in microseconds, however late it is made.
    #[must_use]
    pub fn input_due_us(&self, tick: Tick) -> u64 {
        self.clock.time_of(tick)
    }

    /// How the connection and the predictions are doing.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The buffer of others' worlds.
    #[must_use]
    pub const fn playout(&self) -> &Playout {
        &self.playout
    }
}
