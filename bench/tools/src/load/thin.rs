//! A thin client: reads the heads of snapshots, counts bytes, acknowledges and sends inputs, and knows no world.
//!
//! To the server, its traffic looks like that of a full client. The hash that it acknowledges is the one that the
//! server sent: it compares nothing, and the full client of the room does that.
//!
//! The room's full client also decides for it, from its own world. That world does not contain the rows that are
//! private to the thin client's seat, so where a policy depends on them (the arena's guns), thin players are more timid
//! than full ones.

use super::Bot;
use super::bot_client::Made;
use crate::heads::{SectionHeads, section_heads};
use crate::topic_ear::TopicEar;
use std::collections::VecDeque;
use tickwire::client::{InputClock, Reconnect, Stats};
use tickwire::input::{Ack, InputCodec, InputFrame};
use tickwire::limits::{ADVANCE_TICKS_MAX, PREDICTION_TICKS_MAX};
use tickwire::message::control::{ClientControl, Hello, SecretText, ServerControl, Welcome};
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::message::{SERVER_CONTROL, SERVER_TOPIC, SNAPSHOT, WELCOME};
use tickwire::tick::TickTime;
use tickwire::wire::{DecodeError, Reader};
use tickwire::{Game, Seat, Tick};

/// A client that plays the inputs that the room's full client chose for it.
pub(super) struct ThinBot<G: Game> {
    hello: Hello,
    codec: InputCodec<G::Input>,
    pub(super) dial: Reconnect,
    pub(super) clock: InputClock,
    pub(super) seat: Option<Seat>,
    pub(super) stats: Stats,
    pub(super) outbox: VecDeque<Vec<u8>>,
    pub(super) leaving: bool,
    /// The newest tick that an input was made for.
    pub(super) made: Tick,
    /// The newest snapshot; `None` before the first of a connection.
    ack: Option<Ack>,
    /// The topic that the client hears beside its room.
    pub(super) ear: Option<TopicEar>,
}

impl<G: Game> ThinBot<G> {
    pub(super) fn new(code: &str, bot: &Bot, ear: Option<TopicEar>, ticket: Option<String>) -> Self {
        let (ticket, player) = (ticket.map(SecretText), bot.key);
        let hello = Hello { ticket, player, ..Hello::of::<G>(code, &bot.name) };
        Self {
            hello,
            codec: InputCodec::new(),
            dial: Reconnect::new(bot.seed),
            clock: InputClock::new(1e6 / f64::from(G::RULES.tick_rate_hz)),
            seat: None,
            stats: Stats::default(),
            outbox: VecDeque::new(),
            leaving: false,
            made: Tick(0),
            ack: None,
            ear,
        }
    }

    pub(super) fn opened(&mut self) {
        self.outbox.clear();
        self.outbox.push_back(self.hello.encode());
    }

    /// Applies a message; gives the tick when it was a snapshot.
    pub(super) fn receive(&mut self, message: &[u8], now_us: u64) -> Result<Option<Tick>, DecodeError> {
        self.stats.bytes_in += message.len() as u64;
        match message.first() {
            Some(&WELCOME) => self.receive_welcome(&Welcome::decode(message)?, now_us).map(|()| None),
            Some(&SERVER_CONTROL) => ServerControl::decode(message).map(|_| None),
            Some(&SERVER_TOPIC) => {
                let wish = self.ear.as_mut().map(|ear| ear.hear(message)).transpose()?;
                self.outbox.extend(wish.flatten().map(|wish| wish.encode()));
                Ok(None)
            }
            Some(&(SNAPSHOT..)) => self.receive_snapshot(message, now_us).map(Some),
            Some(&kind) => Err(DecodeError::UnknownKind(kind)),
            None => Err(DecodeError::Truncated { needed: 1, remaining: 0 }),
        }
    }

    fn receive_welcome(&mut self, welcome: &Welcome, now_us: u64) -> Result<(), DecodeError> {
        self.seat = welcome.seat;
        self.hello.resume = Some(welcome.resume);
        self.clock.set(TickTime::from(welcome.tick) + 2.0, now_us, 0);
        (self.made, self.ack) = (welcome.tick, None);
        self.stats.welcomes += 1;
        self.dial.welcomed();
        Ok(())
    }

    fn receive_snapshot(&mut self, message: &[u8], now_us: u64) -> Result<Tick, DecodeError> {
        let mut reader = Reader::new(message);
        let head = SnapshotHead::decode(&mut reader, self.ack.map_or(Tick(0), |ack| ack.tick))?;
        let SectionHeads { room_hash, is_keyframe } = section_heads(&mut reader, head.has_events)?;
        self.ack = Some(Ack { tick: head.tick, hash: room_hash });
        let stats = &mut self.stats;
        stats.snapshots += 1;
        stats.starved_ticks += u64::from(head.starved && head.lead.is_some());
        let (count, bytes) = match is_keyframe {
            true => (&mut stats.keyframes, &mut stats.keyframe_bytes),
            false => (&mut stats.deltas, &mut stats.delta_bytes),
        };
        *count += 1;
        *bytes += message.len() as u64;
        if let Some(lead) = head.lead {
            stats.input_lead_ticks = lead;
            self.clock.observe(head.tick.offset(i64::from(lead)), head.tick, now_us, 0);
        }
        Ok(head.tick)
    }

    /// Makes the inputs that are due.
    pub(super) fn advance(&mut self, input: G::Input, now_us: u64) -> Made {
        let after = self.made;
        let Some(ack) = self.ack.filter(|_| self.dial.is_open()) else { return Made { after, newest: after } };
        self.made = self.made.max(ack.tick);
        for _ in 0..ADVANCE_TICKS_MAX {
            let next = self.made.next();
            if next > ack.tick + PREDICTION_TICKS_MAX || now_us < self.clock.time_of(next) {
                break;
            }
            let mut message = Vec::new();
            self.codec.encode(&InputFrame::one(next, input, Some(ack), false), &mut message);
            self.outbox.push_back(message);
            self.made = next;
        }
        Made { after, newest: self.made }
    }

    pub(super) fn leave(&mut self) {
        if self.dial.is_open() {
            self.outbox.push_back(ClientControl::Leave.encode());
        }
        self.leaving = true;
        self.dial.give_up();
    }
}
