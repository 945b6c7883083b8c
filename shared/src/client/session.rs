//! One player's session in one room, through any number of connections.

mod owner;
mod report;
mod talk;

use crate::client::display::first_ids::ShownRows;
use crate::client::display::interpolation_buffer::InterpolationBuffer;
use crate::client::link_state::LinkState;
use crate::client::notice::Notice;
use crate::client::prediction::corrected_fields::CorrectedField;
use crate::client::prediction::events::EventUpdate;
use crate::client::reconnect::Reconnect;
use crate::client::reconnect::SILENCE_US_MAX;
use crate::client::stats::Stats;
use crate::client::topics::Topics;
use crate::client::worlds::{Begin, Worlds};
use crate::game::Game;
use crate::id::{RowId, Seat};
use crate::message::close::CloseCode;
use crate::message::control::{
    ClientControl, Hello, Player, ResumeToken, SecretText, ServerControl, Welcome, builds_differ,
};
use crate::message::evidence::ServerEvidence;
use crate::message::topics::PlayerKey;
use crate::message::{SERVER_CONTROL, SERVER_EVIDENCE, SERVER_TOPIC, SNAPSHOT, WELCOME};
use crate::tick::{Tick, TickTime};
use crate::wire::DecodeError;
use crate::world::snapshot::Snapshot;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use report::Report;

/// The longest round trip that is assumed before one was measured, in microseconds.
const FIRST_TRIP_US_MAX: u64 = 1_000_000;

/// The time that a welcome may take longer than a round trip, in microseconds: the room answers in its tick.
const MARGIN_US: u64 = 50_000;

/// A player's session: bytes and time in, bytes, events and a world to show out.
///
/// The session does no I/O and reads no clock. Its caller owns the socket, and the caller owns time: each method that
/// depends on time takes `now_us`, in microseconds from any start. All calls of one session read the same clock, and
/// that clock must not run backwards; the session follows its drift against the server's clock.
///
/// There are four families of methods:
///
/// * **`handle_*` and `set_*`: events from outside.** [`handle_opened`](Self::handle_opened),
///   [`handle_frame`](Self::handle_frame) and [`handle_closed`](Self::handle_closed) follow the socket,
///   [`set_reachable`](Self::set_reachable) and [`set_hidden`](Self::set_hidden) follow the device and the page. They
///   are called when the event occurs, not when the next picture is due: the round trip and the interpolation delay are
///   measured by the times at which messages arrive.
/// * **Commands of the player.** [`push_input`](Self::push_input) sets the input from now on,
///   [`advance`](Self::advance) makes the ticks that are due by then, [`leave`](Self::leave) puts a message into the
///   outbox, and [`chat`](Self::chat) and [`topics_mut`](Self::topics_mut) say something beside the game.
/// * **`poll_*`: actions for the caller to take.** Each gives one item and is called again until it gives none;
///   [`poll_dial`](Self::poll_dial) and [`poll_close`](Self::poll_close) are true, or give a code, once for each
///   connection.
/// * **Getters.** [`view`](Self::view) makes the world to show. The others take `&self` and change nothing.
///   [`damage`](Self::damage) belongs to no family: it is for tests.
///
/// # In each animation frame
///
/// The calls come in this order. A star stands for any number of calls:
///
/// ```text
/// poll_dial → handle_opened → handle_frame* → push_input → advance → poll_transmit* → poll_close
///           → view → poll_event* → poll_notice*
/// ```
///
/// 1. If [`poll_dial`](Self::poll_dial) is true, the caller opens a connection, and drops any earlier one.
/// 2. When the connection is open, the caller calls [`handle_opened`](Self::handle_opened), which puts the hello into
///    the outbox.
/// 3. Each message that has arrived goes to [`handle_frame`](Self::handle_frame), in the order of arrival.
/// 4. The player's controls go to [`push_input`](Self::push_input) before the ticks are made: an input that is pushed
///    after [`advance`](Self::advance) waits for the next frame.
/// 5. [`advance`](Self::advance) moves the moment at which others are shown, replays the prediction from the newest
///    snapshot, and makes the ticks that are due. The inputs of these ticks go into one message.
/// 6. [`poll_transmit`](Self::poll_transmit) empties the outbox. It comes before [`poll_close`](Self::poll_close)
///    because a client that leaves closes the connection only when its last message has been taken.
/// 7. If [`poll_close`](Self::poll_close) gives a code, the caller closes the connection with it and calls
///    [`handle_closed`](Self::handle_closed), without waiting for the other side.
/// 8. [`view`](Self::view) comes after [`advance`](Self::advance), with the same time. The next input is judged by the
///    age of the others in the last view, so a view is to be asked for when it is shown.
/// 9. [`poll_event`](Self::poll_event) and [`poll_notice`](Self::poll_notice) empty their queues, in every frame even
///    if the caller has no use for them. At most 64 events wait; new ones are dropped while there are so many.
///
/// # For each message, and while the page is hidden
///
/// A message may arrive between two frames: the caller calls [`handle_frame`](Self::handle_frame) at once, and then
/// [`poll_transmit`](Self::poll_transmit). A hidden page has no animation frames. Each message then makes the due
/// ticks by itself, and a timer (ten times a second is enough) does the rest of the list without the view: without the
/// timer neither a silent connection nor the time of the next attempt would be noticed.
///
/// # Which calls may come when
///
/// [`handle_opened`](Self::handle_opened) and [`handle_frame`](Self::handle_frame) belong to the connection that
/// [`poll_dial`](Self::poll_dial) asked for last, and [`handle_closed`](Self::handle_closed) ends it; a connection that
/// could not be opened is reported by [`handle_closed`](Self::handle_closed) alone. Every other method may be called at
/// any time. Without a welcome [`advance`](Self::advance) does nothing, and chat waits for it. While a connection is
/// lost [`view`](Self::view) gives the last world, standing still. From the welcome to the first snapshot of the next
/// connection it gives `None` in snapshot mode, and the caller leaves the last picture where it is.
pub struct Session<G: Game> {
    hello: Hello,
    dial: Reconnect,
    /// The time at which the connection was dialled, or opened; `None` without one.
    called_us: Option<u64>,
    heard_us: u64,
    seat: Option<Seat>,
    /// Sorted by seat. A list, because a map would be more code than all that this list is used for.
    players: Vec<Player>,
    owner: Option<Seat>,
    locked: bool,
    /// Matches that the owners have started; `None` before the room has said so.
    matches: Option<u16>,
    worlds: Worlds<G>,
    topics: Topics,
    hidden: bool,
    leaving: bool,
    outbox: VecDeque<Vec<u8>>,
    notices: VecDeque<Notice>,
    stats: Stats,
    report: Report,
}

impl<G: Game> Session<G> {
    /// A session for the room with this code; `resume` is the token of an earlier session. The seed spreads retries.
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
            owner: None,
            locked: false,
            matches: None,
            worlds: Worlds::new(),
            topics: Topics::new(0),
            hidden: false,
            leaving: false,
            outbox: VecDeque::new(),
            notices: VecDeque::new(),
            stats: Stats::default(),
            report: Report::default(),
        }
    }

    /// The same session for a spectator, without a seat.
    #[must_use]
    pub const fn watching(mut self) -> Self {
        self.hello.watches = true;
        self
    }

    /// Names the sources that this client was built from, before it connects; 0 when they are not known. A server of
    /// another build is then told by [`Notice::OldBuild`].
    pub const fn set_build(&mut self, build: u64) {
        self.hello.build = build;
    }

    /// Names the player by its secret, before it connects. Others know it by the same id in all rooms and over all
    /// connections, and a message that it sends twice because a connection was lost counts once. Its messages have
    /// numbers from `first_seq` on, see [`Topics::new`]. Without a key each connection is somebody new.
    pub fn set_player(&mut self, key: PlayerKey, first_seq: u64) {
        self.hello.player = Some(key);
        self.topics = Topics::new(first_seq);
    }

    /// Hands in the ticket of the player, before it connects, for a server that asks for one. It is shown until the
    /// first welcome; after that the player comes back to its seat without it.
    pub fn set_ticket(&mut self, ticket: &str) {
        self.hello.ticket = Some(SecretText(ticket.into()));
    }

    /// Names the secret of a private room, its invitation or its password, before the session connects.
    pub fn set_secret(&mut self, secret: SecretText) {
        self.hello.secret = Some(secret);
    }

    /// Whether a connection is to be opened now: true once for every connection.
    pub fn poll_dial(&mut self, now_us: u64) -> bool {
        let dials = self.dial.poll(now_us);
        if dials {
            (self.called_us, self.heard_us) = (Some(now_us), now_us);
        }
        dials
    }

    /// Reports that a connection is open: the hello goes into the outbox.
    pub fn handle_opened(&mut self, now_us: u64) {
        self.outbox.clear();
        self.hello.known = self.worlds.known();
        self.outbox.push_back(self.hello.encode());
        (self.called_us, self.heard_us) = (Some(now_us), now_us);
    }

    /// Reports that the connection is closed, or could not be opened, with this close code.
    pub fn handle_closed(&mut self, code: u16, now_us: u64) {
        self.called_us = None;
        self.outbox.clear();
        self.topics.handle_closed();
        if self.leaving || self.dial.has_given_up() {
            return;
        }
        match self.dial.closed(code, now_us) {
            Some(code) => self.notices.push_back(Notice::Over(code)),
            None => self.notices.push_back(Notice::Lost { code }),
        }
    }

    /// Reports whether the device is online and the page visible.
    pub fn set_reachable(&mut self, reachable: bool, now_us: u64) {
        self.dial.set_reachable(reachable, now_us);
    }

    /// Reports whether the page is hidden. A hidden page plays neutral inputs, and makes its ticks when messages arrive
    /// instead of in animation frames.
    pub fn set_hidden(&mut self, hidden: bool) {
        self.hidden = hidden;
        self.worlds.set_hidden(hidden);
    }

    /// Takes in a message from the server.
    ///
    /// # Errors
    /// [`DecodeError`] when the message could not be used; the session goes on and asks for a keyframe.
    pub fn handle_frame(&mut self, message: &[u8], now_us: u64) -> Result<(), DecodeError> {
        self.heard_us = now_us;
        self.stats.bytes_in += message.len() as u64;
        let outcome = match message.first() {
            Some(&WELCOME) => Welcome::decode(message).and_then(|welcome| self.handle_welcome(&welcome, now_us)),
            Some(&SERVER_CONTROL) => ServerControl::decode(message).and_then(|control| self.handle_control(control)),
            Some(&SERVER_EVIDENCE) => ServerEvidence::decode(message)
                .map(|evidence| self.worlds.handle_evidence(evidence, now_us, &mut self.stats)),
            Some(&SERVER_TOPIC) => self.topics.handle(message, now_us),
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
            // A hidden page has no animation frame to come, so the ack must leave from here.
            self.advance(now_us);
        }
        outcome
    }

    fn handle_welcome(&mut self, welcome: &Welcome, now_us: u64) -> Result<(), DecodeError> {
        self.seat = welcome.seat;
        self.hello.resume = Some(welcome.resume);
        // The ticket is used up, and from now on the token of the seat opens the door.
        self.hello.ticket = None;
        self.players = Vec::new();
        welcome.players.iter().for_each(|player| self.seat_player(player.clone()));
        // A hello that waited for a network to come back says nothing about the round trip.
        let waited_us = now_us.saturating_sub(self.called_us.unwrap_or(now_us));
        let waited_us = waited_us.min(match self.stats.rtt_us {
            0 => FIRST_TRIP_US_MAX,
            rtt_us => rtt_us + MARGIN_US,
        });
        // Of a seat that was the player's before the room knows the inputs up to this one; the rest is sent again.
        let newest_input = welcome.resumed.then(|| welcome.newest_input.unwrap_or_default());
        self.worlds.start(Begin { seat: welcome.seat, tick: welcome.tick, waited_us, newest_input }, now_us);
        self.update_seats();
        self.dial.welcomed();
        self.topics.handle_opened();
        self.stats.welcomes += 1;
        self.notices.push_back(Notice::Welcome { resumed: welcome.resumed });
        if builds_differ(self.hello.build, welcome.build) {
            self.notices.push_back(Notice::OldBuild { server: welcome.build });
        }
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
            ServerControl::Room { owner, locked, matches } => self.hear_of_room(owner, locked, matches),
            ServerControl::NotStarted { fault } => self.notices.push_back(Notice::NotStarted { fault }),
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

    /// Sets the player's input for the ticks from now on, until the next call.
    pub fn push_input(&mut self, input: G::Input) {
        self.worlds.push_input(input, false);
    }

    /// The same for an input that a caller gives once and not in each frame: its commands, which are the fields with
    /// `#[input(once)]`, are neutral again after the next tick, however many ticks are due.
    pub fn push_command(&mut self, input: G::Input) {
        self.worlds.push_input(input, true);
    }

    /// Makes the ticks that are due: at most 8 per call, so that a tab that slept stays responsive.
    pub fn advance(&mut self, now_us: u64) {
        if self.dial.is_open() {
            self.worlds.advance(now_us, &mut self.outbox, &mut self.stats);
            self.outbox.extend(self.report.poll(&self.stats, self.seat, now_us));
            self.topics.advance(now_us);
        }
    }

    /// The next message for the server. Inputs come before messages of topics.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let message = self.outbox.pop_front().or_else(|| self.topics.poll_transmit())?;
        self.stats.bytes_out += message.len() as u64;
        Some(message)
    }

    /// The code with which the caller is to close the connection now, if it is to be closed.
    pub fn poll_close(&mut self, now_us: u64) -> Option<CloseCode> {
        self.called_us?;
        if self.leaving && self.outbox.is_empty() {
            self.called_us = None;
            return Some(CloseCode::Normal);
        }
        let silence_us_max = self.dial.attempt_us_max().unwrap_or(SILENCE_US_MAX);
        if now_us.saturating_sub(self.heard_us) > silence_us_max {
            self.called_us = None;
            return Some(CloseCode::Silent);
        }
        None
    }

    /// Leaves the room for good: the seat is free at once.
    pub fn leave(&mut self) {
        if self.dial.is_open() {
            // The last words of the player go out before the goodbye.
            self.outbox.extend(core::iter::from_fn(|| self.topics.poll_transmit()));
            self.outbox.push_back(ClientControl::Leave.encode());
        }
        self.topics.handle_closed();
        self.leaving = true;
        self.dial.give_up();
    }

    /// The world to show now: own rows as predicted, all other rows as they were a moment ago. `None` before the first
    /// snapshot.
    pub fn view(&mut self, now_us: u64) -> Option<&G> {
        self.worlds.view(now_us)
    }

    /// The same world as rows of wire integers, for a caller that reads it by the game's
    /// [`Schema`](crate::state::Schema). Own rows are those of the snapshot's tick and the way towards the next one.
    ///
    /// A row that the client predicts to be new has a predicted id, and goes on under the server's id when the server
    /// has confirmed it; its first id is listed beside the rows from then on.
    pub fn view_rows(&mut self, now_us: u64) -> Option<ShownRows<'_>> {
        self.worlds.view_rows(now_us)
    }

    /// The moment at which the last view showed the others, in ticks. In lockstep it is that of the whole view.
    #[must_use]
    pub fn shown(&self) -> TickTime {
        self.worlds.shown()
    }

    /// The newest world as the server has it, as far as this client may see it.
    #[must_use]
    pub fn confirmed(&self) -> &Snapshot {
        self.worlds.confirmed()
    }

    /// The next event of the game, each at most once, or the next one that turned out not to have happened.
    pub fn poll_event(&mut self) -> Option<EventUpdate<G::Event>> {
        self.worlds.poll_event()
    }

    /// Damages a leaf of the newest world that the server has confirmed, as broken memory or a broken build would, and
    /// gives the tick of that world; `None` when there is no such leaf. It is for tests of how the damage is healed.
    pub fn damage(&mut self, table: usize, row: RowId, leaf: usize, value: u32) -> Option<Tick> {
        self.worlds.damage(table, row, leaf, value)
    }

    /// The next notice for the player.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// The player's seat, from the first welcome on; a spectator has none.
    #[must_use]
    pub const fn seat(&self) -> Option<Seat> {
        self.seat
    }

    /// Every player in the room, by seat: seat, name, whether a bot plays, and whether the connection is lost. Place,
    /// score and colour of a player come from the world, see [`Stage::figure`](crate::stage::Stage::figure).
    pub fn players(&self) -> impl Iterator<Item = &Player> + Clone {
        self.players.iter()
    }

    /// The token that gives the player their seat back after a reload; each welcome brings another one.
    #[must_use]
    pub const fn resume_token(&self) -> Option<ResumeToken> {
        self.hello.resume
    }

    /// How the connection is doing, for the player to be told in time.
    #[must_use]
    pub fn link_state(&self, now_us: u64) -> LinkState {
        let silence_us = now_us.saturating_sub(self.heard_us);
        match self.dial.is_open() {
            _ if self.dial.has_given_up() => LinkState::Over,
            _ if !self.dial.is_reachable() => LinkState::Unreachable,
            false if self.stats.welcomes == 0 => LinkState::Connecting,
            false => LinkState::Reconnecting { attempts: self.dial.failures() },
            true => LinkState::of_open(silence_us, G::RULES.message_us()),
        }
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

    /// The time at which the input for `tick` is due by this client's clock, in microseconds, however late the input is
    /// made.
    #[must_use]
    pub fn input_due_us(&self, tick: Tick) -> u64 {
        self.worlds.input_due_us(tick)
    }

    /// The numbers of the connection and of the predictions.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The fields that came out otherwise than predicted, the worst first.
    #[must_use]
    pub fn corrected_fields(&self) -> Vec<CorrectedField> {
        self.worlds.corrected_fields()
    }

    /// The buffer of the snapshots between which others are shown.
    #[must_use]
    pub fn interpolation(&self) -> &InterpolationBuffer {
        self.worlds.interpolation()
    }
}
