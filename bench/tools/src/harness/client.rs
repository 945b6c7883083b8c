//! A player of the harness: a client session, its links, and the game's own bot in place of hands.

use tickwire::client::Session;
use tickwire::link::{Link, LinkProfile};
use tickwire::message::close::CloseCode;
use tickwire::{Game, Rng, Tick};
use tickwire_server::room::MemberId;

/// Interval at which a page draws.
const FRAME_US: u64 = 16_000;

/// First byte of an item on the link to the client: it tells a message from the close of the connection.
const MESSAGE: u8 = 0;
const CLOSE: u8 = 1;

/// One player.
pub struct Client<G: Game> {
    /// The session under test.
    pub session: Session<G>,
    /// The member that the room knows this connection by.
    pub member: Option<MemberId>,
    /// Close codes that the session has received.
    pub closes: Vec<u16>,
    /// While true, nothing arrives at the server: its acks are missing.
    pub is_mute: bool,
    /// While true, nothing runs on the device: messages that arrive wait.
    pub is_asleep: bool,
    /// The same until this time.
    pub asleep_until_us: u64,
    /// Until when nothing passes either way, over any connection.
    stalled_until_us: u64,
    /// Input of the player; `None` for the game's bot.
    pub hands: Option<G::Input>,
    /// While true, no frame is drawn, and the session knows.
    is_hidden: bool,
    up: Link,
    down: Link,
    dice: Rng,
    frame_offset_us: u64,
    is_open: bool,
    has_hung_up: bool,
    decided: Tick,
}

impl<G: Game> Client<G> {
    /// A player who has not connected yet.
    pub fn new(seed: u64, profile: LinkProfile) -> Self {
        let mut dice = Rng::new(seed);
        let session = Session::new("CODE42", "tester", None, dice.next_u64());
        let (up, down) = Link::pair(profile, dice.next_u64());
        let frame_offset_us = u64::from(dice.below(16)) * 1_000;
        let (closes, hands) = (Vec::new(), None);
        Self {
            session,
            member: None,
            closes,
            is_mute: false,
            is_asleep: false,
            asleep_until_us: 0,
            stalled_until_us: 0,
            hands,
            is_hidden: false,
            up,
            down,
            dice,
            frame_offset_us,
            is_open: false,
            has_hung_up: false,
            decided: Tick(0),
        }
    }

    /// The same client as a spectator, without a seat.
    pub fn watching(mut self) -> Self {
        self.session = self.session.watching();
        self
    }

    /// Runs one step of simulated time. Says whether a frame is to be drawn.
    pub fn run(&mut self, now_us: u64) -> bool {
        if self.is_asleep || now_us < self.asleep_until_us {
            return false;
        }
        if self.session.poll_dial(now_us) {
            self.is_open = true;
            self.session.handle_opened(now_us);
        }
        while let Some(message) = self.down.poll(now_us) {
            self.receive(&message, now_us);
        }
        let draws = !self.is_hidden && now_us % FRAME_US == self.frame_offset_us;
        if draws {
            self.play(now_us);
            self.session.advance(now_us);
        }
        match self.session.poll_close(now_us) {
            // An orderly close comes after the messages that were sent before it: the server answers the goodbye.
            Some(CloseCode::Normal) | None => {}
            Some(code) => self.hang_up(code.number(), now_us),
        }
        while let Some(message) = self.session.poll_transmit() {
            if !self.is_mute {
                self.up.send(message, now_us);
            }
        }
        draws
    }

    fn receive(&mut self, message: &[u8], now_us: u64) {
        let (kind, body) = message.split_first().expect("the harness puts a kind in front");
        match *kind {
            MESSAGE if self.is_open => drop(self.session.handle_frame(body, now_us)),
            CLOSE => {
                let code = u16::from_le_bytes(body.try_into().expect("two bytes"));
                self.closes.push(code);
                self.is_open = false;
                self.up.cut();
                self.up.stall_until(self.stalled_until_us);
                self.session.handle_closed(code, now_us);
            }
            _ => {}
        }
    }

    /// Decides on an input once per tick, from the world on screen.
    fn play(&mut self, now_us: u64) {
        let Some(seat) = self.session.seat() else { return };
        let tick = self.session.predicted_tick();
        if tick == self.decided {
            return;
        }
        self.decided = tick;
        let Some(world) = self.session.view(now_us) else { return };
        let input = self.hands.unwrap_or_else(|| world.bot(seat, &mut self.dice));
        self.session.push_input(input);
    }

    /// The next message that arrives at the server.
    pub fn poll_server(&mut self, now_us: u64) -> Option<Vec<u8>> {
        self.up.poll(now_us)
    }

    /// Puts a message from the server on the link.
    pub fn send(&mut self, message: Vec<u8>, now_us: u64) {
        let mut framed = vec![MESSAGE];
        framed.extend_from_slice(&message);
        self.down.send(framed, now_us);
    }

    /// Puts the server's close of the connection on the link.
    pub fn close(&mut self, code: CloseCode, now_us: u64) {
        let mut framed = vec![CLOSE];
        framed.extend_from_slice(&code.number().to_le_bytes());
        self.down.send(framed, now_us);
    }

    /// Breaks the connection without a close.
    pub fn cut(&mut self, now_us: u64) {
        if self.is_open {
            self.hang_up(1006, now_us);
        }
    }

    fn hang_up(&mut self, code: u16, now_us: u64) {
        self.up.cut();
        self.down.cut();
        self.up.stall_until(self.stalled_until_us);
        self.down.stall_until(self.stalled_until_us);
        (self.is_open, self.has_hung_up) = (false, true);
        self.session.handle_closed(code, now_us);
    }

    /// Whether the connection was lost since the last call.
    pub fn poll_hung_up(&mut self) -> bool {
        std::mem::take(&mut self.has_hung_up)
    }

    /// Stops both directions of the link until this time.
    pub fn stall(&mut self, until_us: u64) {
        self.stalled_until_us = until_us;
        self.up.stall_until(until_us);
        self.down.stall_until(until_us);
    }

    /// Hides the page, or shows it again.
    pub fn set_hidden(&mut self, is_hidden: bool) {
        self.is_hidden = is_hidden;
        self.session.set_hidden(is_hidden);
    }

    /// Gives the link another profile, for messages that are sent from now on.
    pub const fn set_link(&mut self, profile: LinkProfile) {
        self.up.set_profile(profile);
        self.down.set_profile(profile);
    }

    /// Makes the link perfect, for messages that are sent from now on.
    pub fn heal(&mut self) {
        self.is_mute = false;
        self.set_link(LinkProfile::default());
    }
}
