//! A connection of a room: its socket is read once and written once per tick, and never waited for.
//!
//! Bytes that the kernel does not take at once are kept, and the connection asks the room for nothing newer until they
//! have left: a slow reader receives the newest world late, but no backlog of old ones.

use crate::games::DynRoom;
use crate::limits::{CONTROL_WRITE_BYTES_MAX, LANE_WRITE_BYTES_MAX, WRITE_STALL_MAX};
use crate::mailbox::{FromShard, MemberAt, TopicsInbox};
use crate::metrics::{Metrics, Tally};
use crate::room::SnapshotPoll;
use crate::topics::{Delivery, Flood, Intake, Lane, LaneItem, refuse};
use crate::websocket::address::Counted;
use crate::websocket::frame::{FrameReader, Incoming, put_message, put_message_head, put_pong};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::net::TcpStream;
use std::sync::Arc;
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

/// Bytes that the kernel has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    since_us: u64,
}

impl Unsent {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The buffer for further bytes: they are sent after those that are in it.
    pub(super) const fn tail(&mut self, now_us: u64) -> &mut Vec<u8> {
        if self.bytes.is_empty() {
            self.since_us = now_us;
        }
        &mut self.bytes
    }

    /// Writes as many bytes as the kernel takes, and returns their number.
    pub(super) fn flush(&mut self, stream: &TcpStream) -> Result<usize, End> {
        if self.is_empty() {
            return Ok(0);
        }
        let count = write(stream, &self.bytes[self.sent..])?;
        self.sent += count;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
        Ok(count)
    }
}

/// Writes as many bytes as the kernel takes at once, and returns their number. The call goes straight to the kernel, as
/// does [`read`]: in the C library it would be a point where the thread can be cancelled, and each call would pay for
/// that.
fn write(stream: &TcpStream, bytes: &[u8]) -> Result<usize, End> {
    match send(stream, bytes, SendFlags::NOSIGNAL) {
        Ok(count) => Ok(count),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(_) => Err(End::Lost),
    }
}

/// Reads the bytes that are there; `None` when there are none.
fn read(stream: &TcpStream, space: &mut [u8]) -> Result<Option<usize>, End> {
    match recv(stream, space, RecvFlags::empty()) {
        Ok((0, _)) => Err(End::Lost),
        Ok((count, _)) => Ok(Some(count)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(_) => Err(End::Lost),
    }
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
    pub(super) stream: TcpStream,
    pub(super) unsent: Unsent,
    /// The token with which the player can come back to its seat.
    pub(super) token: ResumeToken,
    pub(super) counted: Counted,
    /// Set when the connection is over; it is taken out after the tick.
    pub(super) end: Option<End>,
    reader: FrameReader,
    /// The payload of the latest ping, when it is not answered yet.
    pong: Option<Vec<u8>>,
    pub(super) talk: Talk,
}

impl Connection {
    pub(super) fn new(
        at: MemberAt,
        stream: TcpStream,
        reader: FrameReader,
        token: ResumeToken,
        counted: Counted,
    ) -> Self {
        let unsent = Unsent::default();
        Self { at, stream, unsent, token, counted, end: None, reader, pong: None, talk: Talk::default() }
    }

    /// Reads from the socket once, and gives the room the messages that have arrived.
    pub(super) fn read(&mut self, room: &mut dyn DynRoom, context: &mut TickContext<'_>) {
        if self.end.is_some() {
            return;
        }
        self.reader.borrow(context.received);
        match read(&self.stream, self.reader.space()) {
            Ok(Some(count)) => {
                context.tally.bytes_in += count as u64;
                self.reader.filled(count);
                self.take_in(room, context);
            }
            Ok(None) => {}
            Err(end) => self.end = Some(end),
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
        context.tally.bytes_out += self.unsent.flush(&self.stream)? as u64;
        if !self.unsent.is_empty() {
            let stalled_us = u128::from(context.now_us.saturating_sub(self.unsent.since_us));
            let stalled = stalled_us > WRITE_STALL_MAX.as_micros();
            return if stalled { Err(End::Close(CloseCode::TooSlow)) } else { Ok(()) };
        }
        context.write_buffer.clear();
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
        let count = write(&self.stream, context.write_buffer)?;
        context.tally.bytes_out += count as u64;
        if count < context.write_buffer.len() {
            context.tally.writes_incomplete += 1;
            self.unsent.tail(context.now_us).extend_from_slice(&context.write_buffer[count..]);
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
    use std::net::TcpListener;

    #[test]
    fn bytes_that_the_kernel_does_not_take_follow_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = listener.accept().unwrap().0;
        stream.set_nonblocking(true).unwrap();
        let reader = FrameReader::new(FrameLimits::CLIENT);
        let counted = ConnectionCounts::new(1).count(None).unwrap();
        let at = MemberAt { room: RoomId(0), member: MemberId::default() };
        let mut connection = Connection::new(at, stream, reader, [1; 16], counted);
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
        assert!(!connection.unsent.is_empty(), "a socket does not take so many bytes at once");
        assert_eq!(connection.unsent.since_us, 7);
        let (mut received, mut piece) = (Vec::new(), vec![0; 65_536]);
        while received.len() < expected.len() {
            connection.unsent.flush(&connection.stream).unwrap();
            let count = peer.read(&mut piece).unwrap();
            received.extend_from_slice(&piece[..count]);
        }
        assert!(received == expected && connection.unsent.is_empty());
    }
}
