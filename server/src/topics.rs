//! Topics: publish and subscribe beside the game, without a socket, a clock or a thread.
//!
//! ```text
//! client's message → Hub (policy, ids, what is kept) → Broker → Output → lane of each subscriber → connection
//! ```
//!
//! * Ids of a topic grow by one from message to message; messages that a subscriber has missed are delivered or said as a gap.
//! * A message that got a receipt is delivered once to everybody who hears its topic.
//! * Nobody hears what the table in [`policy`] does not give.
//! * A slow reader loses messages and never its connection.

mod broker;
mod delivery;
mod hub;
mod intake;
pub mod json;
mod lane;
mod name;
mod player_id;
mod players;
pub mod policy;
mod presence;
mod topic;

use crate::lobby::Code;
pub use broker::{Broker, LocalBroker};
pub use delivery::Delivery;
pub use hub::{Farewell, GameTopics, Hub, HubLimits, Identity};
pub use intake::{Flood, Intake, refuse};
pub use lane::{Lane, LaneItem};
pub use name::TopicName;
pub use player_id::{identity_id, player_id};
use std::sync::Arc;

slotmap::new_key_type! {
    /// A topic that has begun.
    pub struct TopicId;
    /// A client of the hub: a connection, in a room or without one.
    pub struct ClientId;
}

/// Something that the hub wants delivered.
#[derive(Debug)]
pub enum Output {
    /// A message for one client.
    Client {
        /// The client.
        client: ClientId,
        /// The message.
        delivery: Arc<Delivery>,
    },
    /// A message for all subscribers of a topic.
    Topic {
        /// The topic.
        topic: TopicId,
        /// The message.
        delivery: Arc<Delivery>,
    },
    /// A message that the game of a room hears.
    Game {
        /// The room.
        code: Code,
        /// The message.
        delivery: Arc<Delivery>,
    },
    /// The topic has ended, after everything before this.
    Over {
        /// The topic.
        topic: TopicId,
    },
}

/// The verdict of a filter on a line of chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The line is fine.
    Pass,
    /// Another line is shown instead.
    Replace(String),
    /// The line is refused, and its author is told.
    Refuse,
}

/// A filter of words: it is given the author's name and the line, both cleaned. It runs on the thread of topics and
/// has to answer at once.
pub type ChatFilter = fn(name: &str, line: &str) -> Verdict;
