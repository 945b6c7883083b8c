//! What the net thread and the shards tell each other.

use crate::games::{OfferedGame, RoomPlan};
use crate::lobby::RoomId;
use crate::room::{Autopsy, Summary};
use crate::websocket::address::Counted;
use crate::websocket::frame::FrameReader;
use std::fmt;
use std::net::TcpStream;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, ResumeToken};

/// What the net thread tells a shard.
pub(crate) enum Command {
    /// A room is to be made.
    Open { room: RoomId, game: OfferedGame, plan: RoomPlan },
    /// Somebody comes, who has been sent to the slow lane so many times.
    Enter { room: RoomId, arrival: Box<NewConnection>, detours: u8 },
    /// All connections are to be closed, then the thread ends.
    Stop(CloseCode),
}

/// What a shard tells the net thread.
#[derive(Debug)]
pub(crate) enum Report {
    /// Who is in a room.
    Room { room: RoomId, summary: Summary },
    /// A room is gone.
    Gone { room: RoomId },
    /// The world of a client in a room differed.
    Differed { room: RoomId, autopsy: Box<Autopsy> },
}

/// Somebody who was let through to a room's shard.
#[derive(Debug)]
pub(crate) struct NewConnection {
    /// Non-blocking.
    pub(crate) stream: TcpStream,
    /// With what came after the hello, if anything did.
    pub(crate) reader: FrameReader,
    pub(crate) hello: Hello,
    /// For coming back: fresh and random.
    pub(crate) token: ResumeToken,
    pub(crate) counted: Counted,
}

/// The way to a shard, for those who know nothing of shards.
pub(crate) struct ShardLink(Box<dyn Fn(Command) -> bool + Send>);

impl ShardLink {
    /// A link over which `send` sends; it says whether anybody is there.
    pub(crate) fn new(send: impl Fn(Command) -> bool + Send + 'static) -> Self {
        Self(Box::new(send))
    }

    /// Tells the shard; false when it is not there any more.
    pub(crate) fn send(&self, command: Command) -> bool {
        (self.0)(command)
    }
}

impl fmt::Debug for ShardLink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ShardLink").finish_non_exhaustive()
    }
}
