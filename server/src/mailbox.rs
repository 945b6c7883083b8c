//! The messages between the net thread, the maker of rooms, the shards, and the threads of topics and of tunnels.

mod moves;
mod operators;
mod topics;
mod tunnels;

use crate::chronicle::Chronicle;
use crate::games::{MadeRoom, OfferedGame, RoomPlan};
use crate::limits::SHARD_INBOX_MAX;
use crate::lobby::{Code, RoomId};
pub(crate) use crate::matchmaking::MatchOrder;
use crate::readiness::{Readiness, Reason};
use crate::room::{Autopsy, Entrant, MemberId, Origin, RoomFailure, Summary};
use crate::room_header::GameChange;
use crate::socket::Socket;
use crate::threads::{Load, ThreadHealth};
use crate::topics::Delivery;
use crate::websocket::address::{AddressKey, Counted};
use crate::websocket::frame::FrameReader;
pub(crate) use moves::TakenOut;
pub(crate) use operators::{Carried, Drawn, Picture, RoomNumbers, RoomWork, SeatsSeen, Watch};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tickwire::Tick;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, ResumeToken};
use tickwire::message::topics::PlayerId;
use tokio::sync::oneshot;
pub(crate) use topics::{
    Form, FromShard, MemberAt, NewVisitor, Publication, TopicsInbox, TopicsLink, TopicsOrder, VisitorHello,
};
pub(crate) use tunnels::TunnelLink;
pub(crate) use tunnels::{NewTunnel, TunnelPlace, TunnelsInbox};

/// A message to a shard.
pub(crate) enum Command {
    /// The shard is to run a room that was made.
    Open { room: RoomId, made: Box<MadeRoom> },
    /// The shard is to make these rooms again, which an earlier process has kept.
    Revive(Vec<Revival>),
    /// Rooms of an earlier process that nobody makes again have ended; the studio is told by their chronicles.
    Forget(Vec<(RoomId, Option<Chronicle>)>),
    /// A connection is to enter a room; `detours` counts how often it was redirected to the slow lane.
    Enter { room: RoomId, arrival: Box<NewConnection>, detours: u8 },
    /// Members are to be told something about a topic; `detours` as above.
    Tell { to: Listeners, delivery: Arc<Delivery>, detours: u8 },
    /// Connections of a player are to be closed (4001), whichever rooms they are in; `detours` as above.
    Expel { player: PlayerId, detours: u8 },
    /// An order of an operator to a room, with somebody that waits for its outcome; `detours` as above.
    Work { room: RoomId, work: RoomWork, answer: oneshot::Sender<Carried>, detours: u8 },
    /// The shard is to run a room that comes from another node.
    Arrive { room: RoomId, code: Code, made: Box<MadeRoom> },
    /// A room is to be copied to another node, and to wait with its connections until that has it; `detours` as above.
    TakeOut { room: RoomId, answer: oneshot::Sender<TakenOut>, detours: u8 },
    /// A room that was taken out goes on; `detours` as above.
    PutBack { room: RoomId, detours: u8 },
    /// A room is another node's from now on, and its players are sent there; `detours` as above.
    SendAway { room: RoomId, detours: u8 },
    /// The rooms that operators look at from now on.
    Watch(Arc<Watch>),
    /// The shard is to close all connections and then to end its thread.
    Stop(CloseCode),
}

/// A room that an earlier process has kept, on its way to its shard.
pub(crate) struct Revival {
    pub(crate) room: RoomId,
    pub(crate) code: Code,
    pub(crate) game: OfferedGame,
    pub(crate) plan: RoomPlan,
    pub(crate) header: Arc<[u8]>,
    /// The change of the game since the room was kept.
    pub(crate) change: GameChange,
    /// The newest world with its header in front, and the records of the ticks after it.
    pub(crate) world: Option<(Tick, Vec<u8>)>,
    pub(crate) ticks: Vec<(Tick, Vec<u8>)>,
    pub(crate) chronicle: Option<Chronicle>,
    /// Counted until the room is made again, or cannot be.
    pub(crate) expected: Expected,
    /// The data folder, in which a room that cannot go on is set aside.
    pub(crate) folder: Arc<Path>,
    /// Whether the room was at work when the last process came to a bad end: its first ticks are made without the inputs of
    /// players.
    pub(crate) skips_inputs: bool,
}

/// The rooms that are still to be made again, counted for all shards. The server is ready when there are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recovery {
    rooms: Arc<AtomicUsize>,
    readiness: Arc<Readiness>,
}

/// A room that is still to be made again, until this is dropped.
#[derive(Debug)]
pub(crate) struct Expected(Recovery);

impl Drop for Expected {
    fn drop(&mut self) {
        if self.0.rooms.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.readiness.hold(Reason::Recovering, false);
        }
    }
}

impl Recovery {
    /// A recovery of which `/readyz` tells.
    pub(crate) fn new(readiness: &Arc<Readiness>) -> Self {
        Self { rooms: Arc::default(), readiness: Arc::clone(readiness) }
    }

    /// Counts a room that is to be made again.
    pub(crate) fn expect(&self) -> Expected {
        self.rooms.fetch_add(1, Ordering::AcqRel);
        self.readiness.hold(Reason::Recovering, true);
        Expected(self.clone())
    }

    /// Whether rooms are still to be made again.
    #[cfg(test)]
    pub(crate) fn is_under_way(&self) -> bool {
        self.rooms.load(Ordering::Acquire) > 0
    }
}

/// The members that are to be told something about a topic, if they hear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listeners {
    /// One member of a room.
    Member(RoomId, MemberId),
    /// All members of a room.
    Room(RoomId),
    /// All members of all rooms of the shard.
    All,
    /// The game of a room.
    Game(RoomId),
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
    /// A room has ended because its game has panicked.
    Failed { room: RoomId, failure: Box<RoomFailure> },
    /// A client in a room was closed because its world keeps differing (4011); `address` is the one that limits see,
    /// and `token` is the one with which the client can come back to its seat.
    Diverged { room: RoomId, address: Option<AddressKey>, token: ResumeToken },
    /// The rooms of a shard, or of its slow lane, in numbers, while operators look at them.
    Numbers(Vec<RoomNumbers>),
    /// A room with its seats, which operators look at.
    Seats(Box<SeatsSeen>),
    /// The world of a room, which operators look at.
    Picture(Box<Picture>),
}

/// A connection whose hello was accepted, on its way to the shard of its room.
#[derive(Debug)]
pub(crate) struct NewConnection {
    pub(crate) socket: Socket,
    /// The reader, with the bytes that arrived after the hello, if any did.
    pub(crate) reader: FrameReader,
    pub(crate) hello: Hello,
    /// The token with which the player can come back to the seat: fresh and random.
    pub(crate) token: ResumeToken,
    /// The code with which the connection is refused unless it has the token of a seat; `None` for one that needs none.
    pub(crate) only_by_token: Option<CloseCode>,
    pub(crate) entrant: Entrant,
    /// The identity in its ticket.
    pub(crate) identity: Option<Box<str>>,
    /// The player for topics, for somebody who is new each time.
    pub(crate) guest: PlayerId,
    pub(crate) counted: Counted,
}

/// The facts that rooms and the lobby know of an address. An address that is exempt from limits (`None`) is exempt
/// there too.
pub(crate) fn origin_of(address: Option<AddressKey>) -> Origin {
    address.map_or(Origin::EXEMPT, |key| Origin::of(key.number()))
}

/// The reason for which a shard did not receive a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// Too many commands wait for the shard.
    Full,
    /// The shard has ended.
    Gone,
}

/// The commands that wait for a shard, counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<AtomicUsize>);

/// A command's place among those that wait; it is free again when the shard drops it.
#[derive(Debug)]
pub(crate) struct InboxPlace(Arc<AtomicUsize>);

impl Waiting {
    /// Takes a place; `None` when [`SHARD_INBOX_MAX`] commands wait already.
    pub(crate) fn take(&self) -> Option<InboxPlace> {
        let take = |count: usize| (count < SHARD_INBOX_MAX).then_some(count + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(InboxPlace(Arc::clone(&self.0)))
    }

    /// Takes a place, however many commands wait.
    fn take_anyway(&self) -> InboxPlace {
        self.0.fetch_add(1, Ordering::Relaxed);
        InboxPlace(Arc::clone(&self.0))
    }
}

impl Drop for InboxPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The sender of commands to a shard, for modules that know nothing of shards.
#[derive(Clone)]
pub(crate) struct ShardLink {
    waiting: Waiting,
    send: Arc<dyn Fn(Command, InboxPlace) -> bool + Send + Sync>,
    load: Arc<Load>,
    health: Arc<ThreadHealth>,
}

impl ShardLink {
    /// A link over which `send` sends to the thread of `health`; `send` returns whether the shard still receives.
    pub(crate) fn new(
        send: impl Fn(Command, InboxPlace) -> bool + Send + Sync + 'static,
        load: Arc<Load>,
        health: Arc<ThreadHealth>,
    ) -> Self {
        Self { waiting: Waiting::default(), send: Arc::new(send), load, health }
    }

    /// The part of a core that the shard uses.
    pub(crate) fn load_percent(&self) -> u32 {
        self.load.percent()
    }

    /// Whether the shard lives and uses less than this part of a core, so that it has time for another room.
    pub(crate) fn has_time(&self, load_percent_max: u32) -> bool {
        !self.health.has_ended() && self.load.percent() < load_percent_max
    }

    /// Whether so many commands wait for the shard that it would not receive another one.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.0.load(Ordering::Relaxed) >= SHARD_INBOX_MAX
    }

    /// Sends a command that a room waits for, however many others wait.
    pub(crate) fn insist(&self, command: Command) {
        // A shard that has ended has no room any more.
        (self.send)(command, self.waiting.take_anyway());
    }

    /// Sends a command to the shard.
    ///
    /// # Errors
    /// When the shard does not receive it; the command is dropped.
    pub(crate) fn send(&self, command: Command) -> Result<(), Undelivered> {
        let place = self.waiting.take().ok_or(Undelivered::Full)?;
        if (self.send)(command, place) { Ok(()) } else { Err(Undelivered::Gone) }
    }
}

impl fmt::Debug for ShardLink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ShardLink").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::STALL_MAX;
    use std::sync::mpsc;

    fn link(send: impl Fn(Command, InboxPlace) -> bool + Send + Sync + 'static) -> ShardLink {
        ShardLink::new(send, Arc::default(), ThreadHealth::new("shard", STALL_MAX))
    }

    #[test]
    fn only_so_many_commands_wait_for_a_shard() {
        let (sender, inbox) = mpsc::channel();
        let link = link(move |command, place| sender.send((command, place)).is_ok());
        let stop = || link.send(Command::Stop(CloseCode::Away));
        assert!((0..SHARD_INBOX_MAX).all(|_| stop() == Ok(())));
        assert!(link.is_full());
        assert_eq!(stop(), Err(Undelivered::Full));
        drop(inbox.recv());
        assert_eq!(stop(), Ok(()));
        assert_eq!(stop(), Err(Undelivered::Full));
        link.insist(Command::Stop(CloseCode::Away));
        assert!(inbox.try_iter().count() == SHARD_INBOX_MAX + 1 && stop() == Ok(()), "its place is free again");
    }

    #[test]
    fn a_shard_that_has_ended_receives_nothing() {
        let link = link(|_, _| false);
        assert!((0..2 * SHARD_INBOX_MAX).all(|_| link.send(Command::Stop(CloseCode::Away)) == Err(Undelivered::Gone)));
    }

    #[test]
    fn a_shard_that_is_busy_or_has_ended_is_given_no_room() {
        let (load, health) = (Arc::new(Load::default()), ThreadHealth::new("shard", STALL_MAX));
        let link = ShardLink::new(|_, _| true, Arc::clone(&load), Arc::clone(&health));
        load.set(79, 100);
        assert!(link.has_time(80));
        load.set(80, 100);
        assert!(!link.has_time(80));
        load.set(0, 100);
        health.spawn(|| {}).unwrap().join().unwrap();
        assert!(!link.has_time(80));
    }
}
