//! The topics that a game declares for its rooms, beside those that every room has.

use crate::limits::TOPIC_MESSAGE_BYTES_MAX;
use alloc::string::String;

/// A topic of a game: each of its rooms has one, `room/CODE/NAME`. Its messages are no part of the world: a message
/// changes no tick and is in no recording, unless the game hears the topic ([`OwnTopic::heard_by_game`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnTopic {
    /// The name: lower case letters, digits, `-` and `_`; not `presence`, which every room has.
    pub name: &'static str,
    /// Who may publish. Every member of the room may hear the topic.
    pub publishers: Publishers,
    /// Messages that are kept for those who come later. Default 0.
    pub kept: u16,
    /// Seconds for which a message is kept. Default 600.
    pub kept_seconds: u32,
    /// Bytes of a message, at most 768. Default 256.
    pub bytes_max: u16,
    /// Messages a second that one player may publish in the long run, and three times as many at once. Default 4.
    pub per_second: u32,
    /// Whether the game hears what services say. Default: no.
    pub is_heard: bool,
}

/// A message of a game to one of its topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The name of the topic, as [`OwnTopic::new`] has it.
    pub topic: &'static str,
    /// The text: at most as many bytes as the topic allows; a longer one is left out.
    pub body: String,
}

/// The publishers of a topic of a game.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publishers {
    /// The members of the room, and the server.
    Members,
    /// The server and the services of the studio alone.
    Services,
}

impl OwnTopic {
    /// A topic for the members of a room, of which nothing is kept.
    ///
    /// # Panics
    /// At compile time, for a name with other characters or for `presence`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(is_name(name.as_bytes()), "a topic is named by lower case letters, digits, - and _, not `presence`");
        Self {
            name,
            publishers: Publishers::Members,
            kept: 0,
            kept_seconds: 600,
            bytes_max: 256,
            per_second: 4,
            is_heard: false,
        }
    }

    /// The same topic, to which only the server and services publish.
    #[must_use]
    pub const fn by_services(mut self) -> Self {
        self.publishers = Publishers::Services;
        self
    }

    /// The same topic, which services alone publish to and which the room's game hears too: each message becomes a cause
    /// of a tick, as a call of [`Game::hear`](crate::Game::hear), and is recorded with it. Players need no such topic:
    /// what they say to the game are inputs.
    #[must_use]
    pub const fn heard_by_game(mut self) -> Self {
        self.is_heard = true;
        self.by_services()
    }

    /// The same topic, of which the last `count` messages are kept for so many seconds.
    ///
    /// # Panics
    /// At compile time, for more than 64 messages.
    #[must_use]
    pub const fn kept(mut self, count: u16, seconds: u32) -> Self {
        assert!(count <= 64, "a topic keeps 64 messages at the most");
        (self.kept, self.kept_seconds) = (count, seconds);
        self
    }

    /// The same topic with another limit of a message.
    ///
    /// # Panics
    /// At compile time, for 0 bytes or more than 768.
    #[must_use]
    pub const fn bytes_max(mut self, bytes: u16) -> Self {
        assert!(bytes > 0 && bytes as usize <= TOPIC_MESSAGE_BYTES_MAX / 2, "a message has 1 to 768 bytes");
        self.bytes_max = bytes;
        self
    }

    /// The same topic with another rate.
    ///
    /// # Panics
    /// At compile time, for 0 messages a second or more than 20.
    #[must_use]
    pub const fn per_second(mut self, messages: u32) -> Self {
        assert!(messages > 0 && messages <= 20, "a player publishes 1 to 20 messages a second");
        self.per_second = messages;
        self
    }
}

const fn is_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > 24 || name.eq_ignore_ascii_case(b"presence") {
        return false;
    }
    let mut at = 0;
    while at < name.len() {
        if !(name[at].is_ascii_lowercase() || name[at].is_ascii_digit() || matches!(name[at], b'-' | b'_')) {
            return false;
        }
        at += 1;
    }
    true
}
