//! News of a session, for the page or program that shows it to the player.

use crate::id::Seat;
use crate::message::close::CloseCode;
use crate::message::control::Player;
use alloc::string::String;

/// News for the player about the session and the other players.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The client is in the room.
    Welcome {
        /// Whether the player had the seat before.
        resumed: bool,
    },
    /// Server and client were built from different sources of the game with the same types: predictions may be wrong
    /// more often than they have to be. It follows the welcome of each such connection.
    OldBuild {
        /// The id of the server's build.
        server: u64,
    },
    /// A player joined, came back or lost the connection.
    Player(Player),
    /// A player left for good.
    Left(Player),
    /// The owner of the room or its lock has changed, or a newcomer learns of both.
    Room {
        /// The seat of the owner; `None` while there is no player in the room.
        owner: Option<Seat>,
        /// Whether newcomers are refused.
        locked: bool,
    },
    /// The owner has started a match: the world is a new one.
    Started,
    /// The match that this player wanted to start has not begun.
    NotStarted {
        /// The mistake in its options.
        fault: String,
    },
    /// The connection is lost; another one will be opened.
    Lost {
        /// The close code of the connection.
        code: u16,
    },
    /// The session is over, for this reason; no other connection will be opened.
    Over(CloseCode),
}
