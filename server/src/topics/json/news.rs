//! The news for those who want a match, as values and as JSON text.

use serde::{Serialize, Serializer};
use std::fmt::Display;
use tickwire::Seat;
use tickwire::message::topics::PlayerId;

/// The reason for which a client is not in a queue after it has asked for it. It stays where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotQueued {
    /// The server has no such game, or the game has no such queue.
    NoQueue,
    /// The party has more players than a match has seats.
    PartyTooLarge,
    /// Another player leads the party, and enters for all.
    NotLeader,
    /// Too many wait already.
    Full,
    /// The connection has said neither a key nor a ticket, and could not be found again in the match.
    Nobody,
    /// The client asks for too much in too little time.
    Rate,
}

/// The reason for which a client is in the queue no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unqueued {
    /// Somebody of the group has asked for it.
    Asked,
    /// The connection of a member is lost.
    Lost,
    /// A member has entered a queue from somewhere else.
    Replaced,
    /// The party has changed.
    Party,
    /// There was a match, and no room for it: the server has too much to do.
    NoRoom,
}

/// The reason for which a client is in no party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoParty {
    /// It has left.
    Left,
    /// The same player has asked from somewhere else.
    Replaced,
    /// There is no party with this code.
    Unknown,
    /// The party has as many players as it may.
    Full,
}

/// A member of a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartyMember {
    /// The player.
    #[serde(serialize_with = "text")]
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
}

/// Something to tell a client that wants a match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum News {
    /// The place in a queue.
    Queued {
        /// The game.
        game: &'static str,
        /// The name of the queue.
        queue: &'static str,
        /// The place by age, from 1 on.
        place: u32,
        /// Groups that wait.
        of: u32,
        /// Milliseconds from the entry to a match, as others waited lately; `None` while nothing is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        estimate_ms: Option<u64>,
    },
    /// A match: a seat is held for the player.
    Matched {
        /// The game.
        game: &'static str,
        /// The name of the queue.
        queue: &'static str,
        /// The code of the room.
        code: String,
        /// The seat.
        seat: Seat,
        /// Bots that the match began with.
        bots: u8,
        /// Milliseconds for which the seat is held.
        hold_ms: u64,
    },
    /// The client is in the queue no longer.
    Unqueued {
        /// The reason.
        why: Unqueued,
        /// The player because of whom, unless the client is told for itself alone.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "text_if_any")]
        player: Option<PlayerId>,
    },
    /// The client has not entered.
    NotQueued {
        /// The reason.
        why: NotQueued,
    },
    /// The party as it is now.
    Party {
        /// Its code.
        party: String,
        /// The player who enters queues for all.
        #[serde(serialize_with = "text")]
        leader: PlayerId,
        /// The players, in the order in which they came.
        members: Vec<PartyMember>,
    },
    /// The client is in no party.
    NoParty {
        /// The reason.
        why: NoParty,
    },
}

/// A kind of news: of each kind a client needs only the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewsKind {
    /// Its place in a queue, or its match.
    Queue,
    /// A refusal.
    Refusal,
    /// Its party.
    Party,
}

impl News {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> NewsKind {
        match self {
            Self::Queued { .. } | Self::Matched { .. } | Self::Unqueued { .. } => NewsKind::Queue,
            Self::NotQueued { .. } => NewsKind::Refusal,
            Self::Party { .. } | Self::NoParty { .. } => NewsKind::Party,
        }
    }

    /// The news as JSON text.
    ///
    /// # Panics
    /// Never: there are no keys that JSON does not know.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }
}

fn text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[expect(clippy::ref_option, reason = "serde passes every field by reference")]
fn text_if_any<S: Serializer>(value: &Option<PlayerId>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(|player| player.to_string()).serialize(serializer)
}
