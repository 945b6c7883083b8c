//! The policy as a table: for each kind of topic the roles that may hear it and speak, the rate, and the messages that are kept.
//!
//! The hub decides by this table alone, and so does the page that shows it.

use super::TopicName;
use crate::limits::{CHAT_KEPT_MAX, CHAT_KEPT_MS, LOBBY_ROOMS_MAX, NEWS_KEPT_MAX, NEWS_KEPT_MS};
use crate::websocket::rate::Quota;
use tickwire::limits::{CHAT_BYTES_MAX, SEATS_MAX, TOPIC_MESSAGE_BYTES_MAX};
use tickwire::{OwnTopic, Publishers};

/// Messages that all players together may publish to one topic: more than its subscribers can read.
pub const TOPIC: Quota = Quota::per_second(50, 100);

/// Messages about topics that a connection may send; further ones are refused.
pub const MESSAGES: Quota = Quota::per_second(20, 60);

/// Messages about topics at which a connection is closed (4006): no client that heeds its refusals sends so many.
pub const FLOOD: Quota = Quota::per_second(200, 600);

/// The role of somebody at a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Somebody that nobody vouches for, where players need tickets.
    Guest,
    /// Anybody with a connection and, where it is needed, a ticket.
    Anyone,
    /// A member of the room that the topic belongs to, or somebody who knows the room's code.
    Member,
    /// The player whose topic it is.
    Owner,
    /// A program of the studio that has the token for services.
    Service,
    /// Somebody who may act on the operators' listener, by its requests.
    Operator,
    /// The server itself.
    Server,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 7] =
        [Self::Guest, Self::Anyone, Self::Member, Self::Owner, Self::Service, Self::Operator, Self::Server];
}

/// The messages of a topic that those who come later still receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// The last messages, for some time.
    Last {
        /// The number of messages.
        count: usize,
        /// Milliseconds for which each of them is kept.
        ms: u64,
    },
    /// The newest message of each key, until the key is gone.
    Newest {
        /// The number of keys.
        keys: usize,
    },
}

/// The policy of one kind of topic.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The roles that may subscribe.
    pub subscribe: &'static [Role],
    /// The roles that may publish.
    pub publish: &'static [Role],
    /// The rate of one player; an address has five times as much.
    pub rate: Quota,
    /// Bytes of a text.
    pub bytes_max: usize,
    /// The messages that are kept.
    pub keeps: Keeps,
    /// Whether subscribers are told who has received and seen what.
    pub has_marks: bool,
    /// Whether texts are lines of people, which are cleaned.
    pub is_chat: bool,
    /// The roles that the game of the topic's room hears.
    pub heard: &'static [Role],
}

const PEOPLE_PER_ROOM_MAX: usize = 4 * SEATS_MAX as usize;
const CHAT: Keeps = Keeps::Last { count: CHAT_KEPT_MAX, ms: CHAT_KEPT_MS };

impl Policy {
    /// The policy of a topic. `own` are the topics that the game of the topic's room declares. `None` when the game
    /// declares no such topic.
    #[must_use]
    pub fn of(topic: &TopicName, own: &[OwnTopic]) -> Option<Self> {
        use Role::{Anyone, Guest, Member, Operator, Owner, Server, Service};
        let base = Self {
            subscribe: &[Guest, Anyone, Member, Owner, Service],
            publish: &[Server],
            rate: Quota::per_second(1, 4),
            bytes_max: CHAT_BYTES_MAX,
            keeps: CHAT,
            has_marks: false,
            is_chat: false,
            heard: &[],
        };
        Some(match topic {
            TopicName::Room(_) => Self {
                subscribe: &[Member],
                publish: &[Member, Service],
                rate: Quota::per_second(2, 6),
                has_marks: true,
                is_chat: true,
                ..base
            },
            TopicName::Presence(_) => Self {
                subscribe: &[Member],
                publish: &[Member, Server],
                rate: Quota::per_second(4, 12),
                bytes_max: 16,
                keeps: Keeps::Newest { keys: PEOPLE_PER_ROOM_MAX },
                ..base
            },
            TopicName::Own(_, name) => base.of_own(own.iter().find(|own| own.name == &**name)?),
            TopicName::Lobby(_) => {
                Self { bytes_max: TOPIC_MESSAGE_BYTES_MAX / 2, keeps: Keeps::Newest { keys: LOBBY_ROOMS_MAX }, ..base }
            }
            TopicName::LobbyChat(_) => Self {
                publish: &[Anyone, Member, Owner, Service],
                rate: Quota::new(1, 2_000_000, 3),
                is_chat: true,
                ..base
            },
            TopicName::Player(_) => Self {
                subscribe: &[Owner],
                publish: &[Anyone, Member, Owner, Service, Server],
                keeps: Keeps::Last { count: CHAT_KEPT_MAX, ms: NEWS_KEPT_MS },
                has_marks: true,
                is_chat: true,
                ..base
            },
            TopicName::Announce => Self {
                publish: &[Operator, Service, Server],
                keeps: Keeps::Last { count: NEWS_KEPT_MAX, ms: NEWS_KEPT_MS },
                is_chat: true,
                ..base
            },
        })
    }

    /// The policy of a topic that a game declares.
    fn of_own(self, own: &OwnTopic) -> Self {
        Self {
            subscribe: &[Role::Member],
            publish: match own.publishers {
                Publishers::Members => &[Role::Member, Role::Service, Role::Server],
                Publishers::Services => &[Role::Service, Role::Server],
            },
            heard: if own.is_heard { &[Role::Service] } else { &[] },
            rate: Quota::per_second(own.per_second, 3 * own.per_second),
            bytes_max: usize::from(own.bytes_max),
            keeps: Keeps::Last { count: own.kept.into(), ms: u64::from(own.kept_seconds) * 1_000 },
            ..self
        }
    }

    /// Whether a role may hear the topic.
    #[must_use]
    pub fn may_subscribe(&self, role: Role) -> bool {
        self.subscribe.contains(&role)
    }

    /// Whether a role may speak in the topic.
    #[must_use]
    pub fn may_publish(&self, role: Role) -> bool {
        self.publish.contains(&role)
    }
}
