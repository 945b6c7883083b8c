//! One player's session in one room, through any number of connections.

use crate::client::display::interpolation_buffer::InterpolationBuffer;
use crate::client::prediction::events::EventUpdate;
use crate::client::reconnect::Reconnect;
use crate::client::reconnect::SILENCE_US_MAX;
use crate::client::stats::Stats;
use crate::client::worlds::Worlds;
use crate::game::Game;
use crate::id::{RowId, Seat};
use crate::message::close::CloseCode;
use crate::message::control::{ClientControl, Hello, Player, ResumeToken, ServerControl, Welcome};
use crate::message::evidence::ServerEvidence;
use crate::message::{SERVER_CONTROL, SERVER_EVIDENCE, SNAPSHOT, WELCOME};
use crate::tick::Tick;
use crate::wire::DecodeError;
use crate::world::snapshot::Snapshot;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

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
    dial: Reconnect,
    /// When the connection was dialled, or opened; `None` without one.
    called_us: Option<u64>,
    heard_us: u64,
    seat: Option<Seat>,
    /// By seat. A list: a map would be more code than everything that is done with it.
    players: Vec<Player>,
    worlds: Worlds<G>,
    hidden: bool,
    leaving: bool,
    outbox: VecDeque<Vec<u8>>,
    notices: VecDeque<Notice>,
    stats: Stats,
}

impl<G: Game> Session<G> {
    /// A session for the room with this code; `resume` is the token of an earlier one. The seed spreads retries.
    #[must_use]
    pub fn new(code: &str, name: &str, resume: Option<ResumeToken>, seed: u64) -> Self {
        let hello = Hello { resume, ..Hello::of::<G>(code, name) };
        Self {
            hello,
            dial: Reconnect::new(seed),
            called_us: None,
            heard_us: 0,
            seat: None,
            players: Vec::new(),
            worlds: Worlds::new(),
            hidden: false,
            leaving: false,
            outbox: VecDeque::new(),
            notices: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// The same for somebody who only watches.
    #[must_use]
    pub const fn watching(mut self) -> Self {
        self.hello.watches = true;
        self
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
        self.hello.known = self.worlds.known();
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
    pub fn set_hidden(&mut self, hidden: bool) {
        self.hidden = hidden;
        self.worlds.set_hidden(hidden);
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
            Some(&SERVER_EVIDENCE) => ServerEvidence::decode(message)
                .map(|evidence| self.worlds.handle_evidence(evidence, now_us, &mut self.stats)),
            Some(&(SNAPSHOT..)) => self.worlds.handle(message, now_us, &mut self.stats),
            Some(&kind) => Err(DecodeError::UnknownKind(kind)),
            None => Err(DecodeError::Truncated { needed: 1, remaining: 0 }),
        };
        if let Err(error) = outcome {
            self.stats.decode_errors += 1;
            self.stats.hash_mismatches += u64::from(matches!(error, DecodeError::HashMismatch { .. }));
            self.worlds.ask_for_keyframe();
        }
        if self.hidden {
            // No animation frame will come: the ack must leave from here.
            self.advance(now_us);
        }
        outcome
    }

    fn handle_welcome(&mut self, welcome: &Welcome, now_us: u64) -> Result<(), DecodeError> {
        self.seat = welcome.seat;
        self.hello.resume = Some(welcome.resume);
        self.players = Vec::new();
        welcome.players.iter().for_each(|player| self.seat_player(player.clone()));
        let waited_us = now_us.saturating_sub(self.called_us.unwrap_or(now_us));
        self.worlds.start(welcome.seat, welcome.tick, waited_us, now_us);
        self.update_seats();
        self.dial.welcomed();
        self.stats.welcomes += 1;
        self.notices.push_back(Notice::Welcome { resumed: welcome.resumed });
        Ok(())
    }

    fn handle_control(&mut self, control: ServerControl) -> Result<(), DecodeError> {
        match control {
            ServerControl::Player(player) => {
                self.seat_player(player.clone());
                self.notices.push_back(Notice::Player(player));
            }
            ServerControl::Left { seat } => {
                if let Some(place) = self.players.iter().position(|player| player.seat == seat) {
                    let player = self.players.remove(place);
                    self.notices.push_back(Notice::Left(player));
                }
            }
            ServerControl::Chat { seat, text } => {
                let name = self.players().find(|player| player.seat == seat);
                let name = name.map(|player| player.name.clone()).unwrap_or_default();
                self.notices.push_back(Notice::Chat { name, text });
            }
        }
        self.update_seats();
        Ok(())
    }

    fn seat_player(&mut self, player: Player) {
        match self.players.binary_search_by_key(&player.seat, |known| known.seat) {
            Ok(place) => self.players[place] = player,
            Err(place) => self.players.insert(place, player),
        }
    }

    fn update_seats(&mut self) {
        let taken = self.players.iter().map(|player| (player.seat, player.bot));
        self.worlds.set_seats(taken);
    }

    /// What the player does from now on, until the next call.
    pub fn push_input(&mut self, input: G::Input) {
        self.worlds.push_input(input);
    }

    /// Makes the ticks that are due: at most a few per call, so that a tab that slept stays responsive.
    pub fn advance(&mut self, now_us: u64) {
        if self.dial.is_open() {
            self.worlds.advance(now_us, &mut self.outbox, &mut self.stats);
        }
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
            self.outbox.push_back(ClientControl::Chat(crate::message::control::clean_chat(text)).encode());
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
        self.worlds.view(now_us)
    }

    /// The newest world as the server has it, as far as this client may see it.
    #[must_use]
    pub fn confirmed(&self) -> &Snapshot {
        self.worlds.confirmed()
    }

    /// The next thing that happened in the game, each at most once, or that turned out not to have happened.
    pub fn poll_event(&mut self) -> Option<EventUpdate<G::Event>> {
        self.worlds.poll_event()
    }

    /// Damages a leaf of the newest world that the server has confirmed, as broken memory or a broken build would, and
    /// gives the tick of that world; `None` when there is no such leaf. For tests of what happens then.
    pub fn damage(&mut self, table: usize, row: RowId, leaf: usize, value: u32) -> Option<Tick> {
        self.worlds.damage(table, row, leaf, value)
    }

    /// The next thing the player should be told.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// The player's seat, from the first welcome on; a spectator has none.
    #[must_use]
    pub const fn seat(&self) -> Option<Seat> {
        self.seat
    }

    /// Everyone in the room, by seat.
    pub fn players(&self) -> impl Iterator<Item = &Player> {
        self.players.iter()
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

    /// The newest tick that an input was made for.
    #[must_use]
    pub fn predicted_tick(&self) -> Tick {
        self.worlds.predicted_tick()
    }

    /// When the input for `tick` is due by this client's clock, in microseconds, however late it is made.
    #[must_use]
    pub fn input_due_us(&self, tick: Tick) -> u64 {
        self.worlds.input_due_us(tick)
    }

    /// How the connection and the predictions are doing.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The buffer of others' worlds.
    #[must_use]
    pub fn interpolation(&self) -> &InterpolationBuffer {
        self.worlds.interpolation()
    }
}
