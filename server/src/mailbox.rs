//! The messages between the net thread and the shards.

use crate::games::{OfferedGame, RoomPlan};
use crate::lobby::RoomId;
use crate::room::{Autopsy, Summary};
use crate::websocket::address::{AddressKey, Counted};
use crate::websocket::frame::FrameReader;
use std::fmt;
use std::net::TcpStream;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, ResumeToken};

/// A message from the net thread to a shard.
pub(crate) enum Command {
    /// The shard is to make a room.
    Open { room: RoomId, game: OfferedGame, plan: RoomPlan },
    /// A connection is to enter a room; `detours` counts how often it was redirected to the slow lane.
    Enter { room: RoomId, arrival: Box<NewConnection>, detours: u8 },
    /// The shard is to close all connections and then to end its thread.
    Stop(CloseCode),
}

/// A message from a shard to the net thread.
#[derive(Debug)]
pub(crate) enum Report {
    /// The number of people or bots in a room has changed.
    Room { room: RoomId, summary: Summary },
    /// A room has ended, or could not be made.
    Gone { room: RoomId },
    /// The world of a client in a room differed from the server's.
    Differed { room: RoomId, autopsy: Box<Autopsy> },
    /// A client in a room was closed because its world keeps differing (4011); `address` is the one that limits see.
    Diverged { room: RoomId, address: Option<AddressKey> },
}

/// A connection whose hello was accepted, on its way to the shard of its room.
#[derive(Debug)]
pub(crate) struct NewConnection {
    /// The socket, which is non-blocking.
    pub(crate) stream: TcpStream,
    /// The reader, with the bytes that arrived after the hello, if any did.
    pub(crate) reader: FrameReader,
    pub(crate) hello: Hello,
    /// The token with which the player can come back to the seat: fresh and random.
    pub(crate) token: ResumeToken,
    pub(crate) counted: Counted,
}

/// The sender of commands to a shard, for modules that know nothing of shards.
pub(crate) struct ShardLink(Box<dyn Fn(Command) -> bool + Send>);

impl ShardLink {
    /// A link over which `send` sends; `send` returns whether the shard still receives.
    pub(crate) fn new(send: impl Fn(Command) -> bool + Send + 'static) -> Self {
        Self(Box::new(send))
    }

    /// Sends a command to the shard; false when the shard has ended.
    pub(crate) fn send(&self, command: Command) -> bool {
        (self.0)(command)
    }
}

impl fmt::Debug for ShardLink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ShardLink").finish_non_exhaustive()
    }
}
