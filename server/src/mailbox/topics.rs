//! The messages between the thread of topics and the others.

use crate::lobby::{Code, Place, RoomId};
use crate::matchmaking::MatchId;
use crate::operators::AdminTopic;
use crate::room::{MemberId, Origin};
use crate::socket::Socket;
use crate::topics::policy::Role;
use crate::topics::{Farewell, Identity};
use crate::websocket::address::Counted;
use crate::websocket::frame::FrameReader;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tickwire::Seat;
use tickwire::message::close::CloseCode;
use tickwire::message::control::SecretText;
use tickwire::message::topics::{ClientTopic, PlayerId, PlayerKey, Receipt, TopicRefusal};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

/// The place of a member: its room, and its connection there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemberAt {
    pub(crate) room: RoomId,
    pub(crate) member: MemberId,
}

/// Something that a shard tells the thread of topics about a room or one of its members.
#[derive(Debug)]
pub(crate) enum FromShard {
    /// A member has entered its room.
    Entered(MemberAt, Box<Identity>),
    /// It has sent a message.
    Message(MemberAt, ClientTopic),
    /// It has gone.
    Gone(MemberAt, Farewell),
    /// The game of a room says something in one of its topics.
    Said { code: Code, topic: &'static str, body: String },
}

/// A shard's way to the thread of topics.
#[derive(Debug, Clone)]
pub(crate) struct TopicsInbox {
    shard: usize,
    send: Sender<(usize, FromShard)>,
}

impl TopicsInbox {
    pub(crate) const fn new(shard: usize, send: Sender<(usize, FromShard)>) -> Self {
        Self { shard, send }
    }

    /// Sends without waiting; gives the message back when too many wait already.
    pub(crate) fn send(&self, message: FromShard) -> Result<(), FromShard> {
        match self.send.try_send((self.shard, message)) {
            Err(TrySendError::Full((_, message))) => Err(message),
            // Without the thread of topics the server is about to end.
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
        }
    }
}

/// The form of a connection's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `tickwire.1`.
    Binary,
    /// `tickwire.json.1`.
    Json,
}

/// A connection without a room, on its way to the thread of topics.
#[derive(Debug)]
pub(crate) struct NewVisitor {
    pub(crate) socket: Socket,
    /// The reader, with the bytes that have arrived already.
    pub(crate) reader: FrameReader,
    pub(crate) form: Form,
    /// Its hello; `None` when it may still come.
    pub(crate) hello: Option<VisitorHello>,
    pub(crate) is_operator: bool,
    pub(crate) origin: Origin,
    pub(crate) counted: Counted,
}

/// The facts that somebody without a room says about itself.
#[derive(Debug, Default)]
pub(crate) struct VisitorHello {
    pub(crate) name: String,
    pub(crate) key: Option<PlayerKey>,
    pub(crate) ticket: Option<SecretText>,
    /// The token of an operator.
    pub(crate) token: Option<SecretText>,
}

/// A message that a program publishes.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) topic: String,
    pub(crate) by: Role,
    pub(crate) body: String,
}

/// An order of the net thread to the thread of topics.
#[derive(Debug)]
pub(crate) enum TopicsOrder {
    /// All rooms of an earlier process that go on are open.
    Recovered,
    /// A room of the game with this index has been opened.
    OpenRoom { code: Code, place: Place, game: usize, is_private: bool },
    /// A room has ended.
    CloseRoom { room: RoomId, code: Code },
    /// The public rooms of a game as a lobby shows them: code and JSON.
    List { game: &'static str, rooms: Vec<(String, String)> },
    /// A connection without a room.
    Visit(Box<NewVisitor>),
    /// A program publishes a message, and waits for the receipt if it can.
    Publish(Publication, Option<oneshot::Sender<Result<Receipt, TopicRefusal>>>),
    /// A player is muted for so many minutes; 0 ends that. Somebody waits until it is so.
    Mute { player: PlayerId, minutes: u32, done: oneshot::Sender<()> },
    /// Connections of a player without a room are closed (4001).
    Expel { player: PlayerId },
    /// The room of a match is made; `None` when none could be.
    MatchMade { id: MatchId, room: Option<(RoomId, Code)> },
    /// Seats of a running match are given away; `None` when the room has ended.
    SeatsGiven { room: Option<RoomId>, seats: BTreeMap<Seat, PlayerId> },
    /// A message for the operators who hear a topic of the dashboard.
    Brief { topic: AdminTopic, body: Arc<str> },
    /// The file of operators was read again: some of them may have to go.
    OperatorsChanged,
    /// All connections are closed with this code, and the thread ends.
    Stop(CloseCode),
}

/// The way to the thread of topics.
#[derive(Clone)]
pub(crate) struct TopicsLink {
    pub(crate) send: Sender<TopicsOrder>,
}

impl TopicsLink {
    /// Sends an order. Without the thread of topics the server is about to end.
    pub(crate) fn order(&self, order: TopicsOrder) {
        if let Err(TrySendError::Full(_)) = self.send.try_send(order) {
            tracing::error!("the thread of topics has stopped, or has far too much to do: an order to it is lost");
        }
    }

    /// Publishes a message and waits for its receipt; `None` when the server is about to end.
    pub(crate) async fn publish(&self, publication: Publication) -> Option<Result<Receipt, TopicRefusal>> {
        let (answer, receipt) = oneshot::channel();
        self.order(TopicsOrder::Publish(publication, Some(answer)));
        receipt.await.ok()
    }

    /// Mutes a player for so many minutes, and waits until it is so; `None` when the server is about to end.
    pub(crate) async fn mute(&self, player: PlayerId, minutes: u32) -> Option<()> {
        let (done, muted) = oneshot::channel();
        self.order(TopicsOrder::Mute { player, minutes, done });
        muted.await.ok()
    }
}

impl fmt::Debug for TopicsLink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TopicsLink").finish_non_exhaustive()
    }
}
