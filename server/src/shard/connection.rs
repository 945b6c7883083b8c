//! A connection of a room: its socket is read once and written once per tick, and never waited for.
//!
//! Bytes that the kernel does not take at once are kept, and the connection asks the room for nothing newer until they
//! have left: a slow reader receives the newest world late, but no backlog of old ones.

use crate::games::DynRoom;
use crate::limits::{CONTROL_WRITE_BYTES_MAX, LANE_WRITE_BYTES_MAX, WRITE_STALL_MAX};
use crate::mailbox::{FromShard, MemberAt, TopicsInbox};
use crate::metrics::{Metrics, Tally};
use crate::room::SnapshotPoll;
use crate::socket::{Socket, is_busy};
use crate::topics::{Delivery, Flood, Intake, Lane, LaneItem, refuse};
use crate::websocket::address::Counted;
use crate::websocket::frame::{FrameReader, Incoming, put_message, put_message_head, put_pong};
use std::sync::Arc;
use tickwire::Seat;
use tickwire::message::close::CloseCode;
use tickwire::message::control::ResumeToken;
use tickwire::message::topics::{ClientTopic, TopicRefusal};

/// The wait that a member is asked for when its message about topics cannot be taken now.
const BUSY_WAIT_MS: u64 = 500;

/// The reason why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The socket is closed or broken.
    Lost,
    /// The server closes it.
    Close(CloseCode),
    /// The client closed it, for its own reason.
    ClosedByClient(Option<u16>),
}

/// Everything that a tick needs besides room and connections.
pub(super) struct TickContext<'a> {
    pub(super) now_us: u64,
    pub(super) metrics: &'a Metrics,
    /// The way to the thread of topics.
    pub(super) topics: &'a TopicsInbox,
    /// The counts that every tick adds to.
    pub(super) tally: &'a mut Tally,
    /// Read buffer: the bytes that one connection has sent. Its memory is used for one connection after another, as is
    /// that of the next field.
    pub(super) received: &'a mut Vec<u8>,
    /// Write buffer: the bytes that one connection is to be sent.
    pub(super) write_buffer: &'a mut Vec<u8>,
    /// One message about topics, before its frame.
    pub(super) topic_message: &'a mut Vec<u8>,
}

/// The part of topics in a connection.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// The messages about topics that are still to be written.
    pub(super) lane: Lane,
    flood: Flood,
    /// Whether the thread of topics knows the member: before, it would not know who speaks.
    pub(super) is_known: bool,
}

impl Talk {
    /// Sends a message about topics to their thread, which nobody waits for.
    fn receive(&mut self, at: MemberAt, message: &[u8], context: &TickContext<'_>) -> Result<(), CloseCode> {
        if !self.flood.count(context.now_us) {
            return Err(CloseCode::Rate);
        }
        let message = ClientTopic::decode(message).map_err(|_| CloseCode::Malformed)?;
        let intake = match self.flood.judge(&message, context.now_us) {
            Intake::Pass if !self.is_known => refuse(&message, TopicRefusal::Busy, BUSY_WAIT_MS),
            Intake::Pass => match context.topics.send(FromShard::Message(at, message)) {
                Err(FromShard::Message(_, message)) => refuse(&message, TopicRefusal::Busy, BUSY_WAIT_MS),
                _ => Intake::Pass,
            },
            other => other,
        };
        if let Intake::Answer(answer) = intake {
            self.lane.push(&Arc::new(Delivery::answer(answer)));
        }
        Ok(())
    }
}

/// One member's socket with its buffers.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) at: MemberAt,
    pub(super) socket: Socket,
    /// The time since which bytes wait for the kernel.
    unsent_since_us: u64,
    /// The token with which the player can come back to its seat.
    pub(super) token: ResumeToken,
    pub(super) counted: Counted,
    /// The seat; `None` for a spectator.
    pub(super) seat: Option<Seat>,
    /// Set when the connection is over; it is taken out after the tick.
    pub(super) end: Option<End>,
    reader: FrameReader,
    /// The payload of the latest ping, when it is not answered yet.
    pong: Option<Vec<u8>>,
    pub(super) talk: Talk,
    /// The welcome, until the token in it is written.
    welcome: Option<Vec<u8>>,
}

impl Connection {
    pub(super) fn new(at: MemberAt, socket: Socket, reader: FrameReader, token: ResumeToken, counted: Counted) -> Self {
        let talk = Talk::default();
        Self {
            at,
            socket,
            unsent_since_us: 0,
            token,
            counted,
            seat: None,
            end: None,
            reader,
            pong: None,
            talk,
            welcome: None,
        }
    }

    /// Reads from the socket once, and gives the room the messages that have arrived.
    pub(super) fn read(&mut self, room: &mut dyn DynRoom, context: &mut TickContext<'_>) {
        if self.end.is_some() {
            return;
        }
        self.reader.borrow(context.received);
        match self.socket.read_now(self.reader.space()) {
            Ok(0) => self.end = Some(End::Lost),
            Ok(count) => {
                context.tally.bytes_in += count as u64;
                self.reader.filled(count);
                self.take_in(room, context);
            }
            Err(error) if is_busy(&error) => {}
            Err(_) => self.end = Some(End::Lost),
        }
        self.reader.give_back(context.received);
    }

    /// The rest of [`Connection::read`], after the room has panicked on a message.
    pub(super) fn read_on(&mut self, room: &mut dyn DynRoom, context: &mut TickContext<'_>) {
        self.take_in(room, context);
        self.reader.give_back(context.received);
    }

    /// Gives the room the messages that are in the read buffer.
    pub(super) fn take_in(&mut self, room: &mut dyn DynRoom, context: &mut TickContext<'_>) {
        while self.end.is_none() {
            match self.reader.poll(context.now_us) {
                Ok(None) => return,
                Ok(Some(Incoming::Message(message))) => {
                    context.tally.messages_in += 1;
                    self.end = match ClientTopic::is_one(message) {
                        true => self.talk.receive(self.at, message, context),
                        false => room.receive(self.at.member, message),
                    }
                    .err()
                    .map(End::Close);
                }
                // The limits of the reader refuse text already.
                Ok(Some(Incoming::Text(_))) => self.end = Some(End::Close(CloseCode::Text)),
                Ok(Some(Incoming::Ping(payload))) => {
                    let pong = self.pong.get_or_insert_default();
                    pong.clear();
                    pong.extend_from_slice(payload);
                }
                Ok(Some(Incoming::Pong)) => {}
                Ok(Some(Incoming::Close { code })) => self.end = Some(End::ClosedByClient(code)),
                Err(code) => self.end = Some(End::Close(code)),
            }
        }
    }

    /// Writes everything that the room has for this member: messages and the newest snapshot in one write.
    pub(super) fn write(&mut self, room: &mut dyn DynRoom, context: &mut TickContext<'_>) {
        if self.end.is_none() {
            self.end = self.try_write(room, context).err();
        }
    }

    /// Sends the messages that the room has given before it has panicked on one.
    pub(super) fn write_rest(&mut self, context: &mut TickContext<'_>) {
        if self.end.is_none() {
            self.end = self.send(context).err();
        }
    }

    fn try_write(&mut self, room: &mut dyn DynRoom, context: &mut TickContext<'_>) -> Result<(), End> {
        context.tally.bytes_out += self.socket.send_unsent().map_err(|_| End::Lost)? as u64;
        if self.socket.has_unsent() {
            let stalled_us = u128::from(context.now_us.saturating_sub(self.unsent_since_us));
            let stalled = stalled_us > WRITE_STALL_MAX.as_micros();
            return if stalled { Err(End::Close(CloseCode::TooSlow)) } else { Ok(()) };
        }
        context.write_buffer.clear();
        if let Some(welcome) = self.welcome.take() {
            context.write_buffer.extend_from_slice(&welcome);
        }
        if let Some(payload) = self.pong.take() {
            put_pong(context.write_buffer, &payload);
        }
        while context.write_buffer.len() < CONTROL_WRITE_BYTES_MAX
            && let Some(message) = room.poll_message(self.at.member)
        {
            put_message(context.write_buffer, &message);
        }
        if !self.talk.lane.is_empty() {
            self.put_lane(context);
        }
        match room.poll_snapshot(self.at.member) {
            SnapshotPoll::Frame(frame) => {
                put_message_head(context.write_buffer, frame.len());
                // Copying a snapshot costs less than the kernel's bookkeeping for a vectored write.
                for part in [frame.head, frame.shared, frame.own] {
                    context.write_buffer.extend_from_slice(part);
                }
                self.send(context)
            }
            SnapshotPoll::Wait => self.send(context),
            SnapshotPoll::Close(code) => Err(End::Close(code)),
        }
    }

    /// Sends the first message, before the room ticks again.
    pub(super) fn welcome(&mut self, message: &[u8], context: &mut TickContext<'_>) {
        context.write_buffer.clear();
        put_message(context.write_buffer, message);
        self.end = self.send(context).err();
    }

    /// Leaves the first message to the next tick, which is to be written before anything of it is sent.
    pub(super) fn welcome_later(&mut self, message: &[u8], context: &mut TickContext<'_>) {
        context.write_buffer.clear();
        put_message(context.write_buffer, message);
        self.welcome = Some(context.write_buffer.clone());
    }

    /// Whether the first message waits for the next tick.
    pub(super) const fn owes_welcome(&self) -> bool {
        self.welcome.is_some()
    }

    /// Appends what the member is to be told about topics, up to a limit for each tick.
    fn put_lane(&mut self, context: &mut TickContext<'_>) {
        let end = context.write_buffer.len() + LANE_WRITE_BYTES_MAX;
        while context.write_buffer.len() < end
            && let Some(item) = self.talk.lane.poll()
        {
            put_item(&item, context);
        }
        context.metrics.topic_messages_lost.increment(self.talk.lane.take_lost());
    }

    /// Writes the bytes in the write buffer, and keeps those that the kernel does not take.
    fn send(&mut self, context: &mut TickContext<'_>) -> Result<(), End> {
        if context.write_buffer.is_empty() {
            return Ok(());
        }
        context.tally.bytes_out += self.socket.send(context.write_buffer).map_err(|_| End::Lost)? as u64;
        if self.socket.has_unsent() {
            context.tally.writes_incomplete += 1;
            self.unsent_since_us = context.now_us;
        }
        Ok(())
    }
}

/// Appends the frame of a message about topics. The read buffer is free while sockets are written.
fn put_item(item: &LaneItem, context: &mut TickContext<'_>) {
    context.topic_message.clear();
    item.put(context.topic_message);
    put_message(context.write_buffer, context.topic_message);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lobby::RoomId;
    use crate::room::MemberId;
    use crate::websocket::address::ConnectionCounts;
    use crate::websocket::frame::FrameLimits;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn bytes_that_the_kernel_does_not_take_follow_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = listener.accept().unwrap().0;
        stream.set_nonblocking(true).unwrap();
        let reader = FrameReader::new(FrameLimits::CLIENT);
        let counted = ConnectionCounts::new(1).count(None).unwrap();
        let at = MemberAt { room: RoomId(0), member: MemberId::default() };
        let mut connection = Connection::new(at, Socket::plain(stream), reader, [1; 16], counted);
        let expected = [vec![1; 70], vec![2; 20_000_000], vec![3; 5_000_000]].concat();
        let (metrics, mut tally) = (Metrics::new(), Tally::default());
        let topics = TopicsInbox::new(0, tokio::sync::mpsc::channel(1).0);
        let (mut received, mut write_buffer) = (Vec::new(), expected.clone());
        let mut context = TickContext {
            now_us: 7,
            metrics: &metrics,
            topics: &topics,
            topic_message: &mut Vec::new(),
            tally: &mut tally,
            received: &mut received,
            write_buffer: &mut write_buffer,
        };
        assert_eq!(connection.send(&mut context), Ok(()));
        assert!(connection.socket.has_unsent(), "a socket does not take so many bytes at once");
        assert_eq!(connection.unsent_since_us, 7);
        let (mut received, mut piece) = (Vec::new(), vec![0; 65_536]);
        while received.len() < expected.len() {
            connection.socket.send_unsent().unwrap();
            let count = peer.read(&mut piece).unwrap();
            received.extend_from_slice(&piece[..count]);
        }
        assert!(received == expected && !connection.socket.has_unsent());
    }
}
