//! A connection without a room, for programs that hear and say things beside the games.

use crate::client::reconnect::Reconnect;
use crate::client::topics::Topics;
use crate::message::close::CloseCode;
use crate::message::control::{Hello, SecretText};
use crate::message::topics::PlayerKey;
use crate::wire::DecodeError;
use alloc::vec::Vec;

/// Silence after which the client sends a ping, in microseconds: a server closes connections without a room that are
/// silent for 30 seconds.
const PING_US: u64 = 20_000_000;

/// Silence after which the client takes the connection for dead, in microseconds. The server sends something at least
/// every 30 seconds.
const SILENCE_US_MAX: u64 = 45_000_000;

const _: () = assert!(PING_US < 30_000_000 && SILENCE_US_MAX > 30_000_000, "both sides are heard every 30 seconds");

/// A client of topics in no room: bytes and time in, bytes and news out. It does no I/O and reads no clock, and it is
/// driven as [`Session`](crate::client::Session) is:
///
/// ```
/// use tickwire::client::TopicClient;
/// use tickwire::message::topics::{PlayerKey, ServerTopic};
///
/// let mut client = TopicClient::new("dashboard", PlayerKey([7; 16]), 1, 42);
/// client.topics_mut().subscribe("lobby/paddles");
/// assert!(client.poll_dial(0), "the caller opens a WebSocket of `tickwire::message::SUBPROTOCOL` now");
/// client.handle_opened(0);
/// while let Some(message) = client.poll_transmit(0) {
///     // The caller sends the message. Each answer goes to `client.handle_frame`, and then:
///     # drop(message);
/// }
/// while let Some(news) = client.topics_mut().poll() {
///     if let ServerTopic::Message { key, body, .. } = news.message {
///         println!("{} {key}: {body}", news.topic);
///     }
/// }
/// ```
///
/// In each turn of its loop, a few times a second, the caller opens a connection if [`poll_dial`](Self::poll_dial) is
/// true, sends what [`poll_transmit`](Self::poll_transmit) gives, sends a ping if [`poll_ping`](Self::poll_ping) is
/// true, and closes if [`poll_close`](Self::poll_close) gives a code; it then calls
/// [`handle_closed`](Self::handle_closed).
#[derive(Debug)]
pub struct TopicClient {
    hello: Hello,
    dial: Reconnect,
    topics: Topics,
    hello_due: bool,
    connected: bool,
    /// When something was heard, and sent, last.
    heard_us: u64,
    sent_us: u64,
    refusal: Option<CloseCode>,
}

impl TopicClient {
    /// A client with this name and key, see [`Topics::new`] for the first number. The seed spreads retries.
    #[must_use]
    pub fn new(name: &str, key: PlayerKey, first_seq: u64, seed: u64) -> Self {
        Self {
            hello: Hello { player: Some(key), ..Hello::without_room(name) },
            dial: Reconnect::new(seed),
            topics: Topics::new(first_seq),
            hello_due: false,
            connected: false,
            heard_us: 0,
            sent_us: 0,
            refusal: None,
        }
    }

    /// Hands in the ticket for the next connection, for a server that asks for tickets: each connection uses one up.
    /// Without a ticket the client may only listen.
    pub fn set_ticket(&mut self, ticket: &str) {
        self.hello.ticket = Some(SecretText(ticket.into()));
    }

    /// The subscriptions and messages.
    #[must_use]
    pub const fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The same, to subscribe and to publish, and to be polled for news.
    pub const fn topics_mut(&mut self) -> &mut Topics {
        &mut self.topics
    }

    /// Whether a connection is to be opened now: true once for every connection.
    pub fn poll_dial(&mut self, now_us: u64) -> bool {
        let dials = self.dial.poll(now_us);
        if dials {
            (self.connected, self.heard_us) = (true, now_us);
        }
        dials
    }

    /// Reports that the connection is open.
    pub const fn handle_opened(&mut self, now_us: u64) {
        (self.hello_due, self.connected, self.heard_us) = (true, true, now_us);
    }

    /// Reports that the connection is closed, or could not be opened, with this close code.
    pub fn handle_closed(&mut self, code: u16, now_us: u64) {
        (self.hello_due, self.connected) = (false, false);
        self.topics.handle_closed();
        if !self.dial.has_given_up() {
            self.refusal = self.dial.closed(code, now_us);
        }
    }

    /// Takes in a message from the server.
    ///
    /// # Errors
    /// [`DecodeError`] when the message could not be used; the client goes on.
    pub fn handle_frame(&mut self, message: &[u8], now_us: u64) -> Result<(), DecodeError> {
        self.handle_alive(now_us);
        self.topics.handle(message, now_us)?;
        // There is no welcome without a room: the server's first message says the same.
        if !self.dial.is_open() {
            self.dial.welcomed();
            self.topics.handle_opened();
        }
        Ok(())
    }

    /// Reports a ping or a pong of the server.
    pub const fn handle_alive(&mut self, now_us: u64) {
        self.heard_us = now_us;
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self, now_us: u64) -> Option<Vec<u8>> {
        self.topics.advance(now_us);
        let message = match core::mem::take(&mut self.hello_due) {
            true => self.hello.encode(),
            false => self.topics.poll_transmit()?,
        };
        self.sent_us = now_us;
        Some(message)
    }

    /// Whether the caller is to send a ping of WebSocket now.
    pub fn poll_ping(&mut self, now_us: u64) -> bool {
        let is_due = self.dial.is_open() && now_us.saturating_sub(self.sent_us) >= PING_US;
        if is_due {
            self.sent_us = now_us;
        }
        is_due
    }

    /// The code with which the caller is to close the connection now, if it is to be closed.
    pub fn poll_close(&mut self, now_us: u64) -> Option<CloseCode> {
        let silence_us_max = self.dial.attempt_us_max().unwrap_or(SILENCE_US_MAX);
        let is_dead = self.connected && now_us.saturating_sub(self.heard_us) > silence_us_max;
        self.connected &= !is_dead;
        is_dead.then_some(CloseCode::Silent)
    }

    /// Whether the server has answered over the connection that is open.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.dial.is_open()
    }

    /// The refusal after which the client opens no more connections.
    #[must_use]
    pub const fn refusal(&self) -> Option<CloseCode> {
        self.refusal
    }
}
