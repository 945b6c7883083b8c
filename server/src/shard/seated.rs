//! A room with the sockets of its members, and the life of one tick.

use super::closing::Closing;
use super::conduct::Conduct;
use super::connection::{Connection, End, Turn, Unsent};
use super::hosted::HostedRoom;
use crate::lobby::RoomId;
use crate::metrics::{Metrics, Side};
use crate::net::address::Counted;
use crate::net::frame::{FrameReader, put_close, put_close_answer, put_message};
use crate::room::{Autopsy, Summary};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, ResumeToken};

/// Somebody who was let through to a room's shard.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Non-blocking.
    pub(crate) stream: TcpStream,
    /// With what came after the hello, if anything did.
    pub(crate) reader: FrameReader,
    pub(crate) hello: Hello,
    /// For coming back: fresh and random.
    pub(crate) token: ResumeToken,
    pub(crate) counted: Counted,
}

/// A room and its connections.
pub(crate) struct SeatedRoom {
    pub(super) id: RoomId,
    /// What the directory was told last.
    pub(super) reported: Summary,
    /// It has panicked: its state may be half changed, so it is not asked for anything any more.
    pub(super) failed: bool,
    pub(super) rate_hz: u32,
    pub(super) conduct: Conduct,
    room: Box<dyn HostedRoom>,
    connections: Vec<Connection>,
    ticks: u64,
}

impl SeatedRoom {
    pub(super) fn new(id: RoomId, rate_hz: u32, room: Box<dyn HostedRoom>) -> Self {
        let (reported, conduct, connections) = (Summary::default(), Conduct::of(rate_hz), Vec::new());
        Self { id, reported, failed: false, rate_hz, conduct, room, connections, ticks: 0 }
    }

    /// Lets the room do something. If it panics, it is over, and nothing else is.
    pub(super) fn guarded<'a>(
        &mut self,
        turn: &mut Turn<'a>,
        closing: &mut Vec<Closing>,
        work: impl FnOnce(&mut Self, &mut Turn<'a>, &mut Vec<Closing>),
    ) {
        if self.failed {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| work(self, turn, closing))).is_err() {
            tracing::error!(room = self.id.0, "a room has panicked and is closed");
            self.failed = true;
            turn.metrics.room_panics.increment(1);
            self.close(CloseCode::RoomFailed, turn, closing);
        }
    }

    /// The life of one tick.
    pub(super) fn turn(&mut self, turn: &mut Turn<'_>, closing: &mut Vec<Closing>) {
        let room = &mut *self.room;
        for connection in &mut self.connections {
            connection.read(room, turn);
        }
        room.tick();
        for connection in &mut self.connections {
            connection.write(room, turn);
        }
        self.dismiss(turn, closing);
        self.count(turn.metrics);
    }

    /// Hands the room's counters over, once a second.
    fn count(&mut self, metrics: &Metrics) {
        self.ticks += 1;
        if self.ticks.is_multiple_of(u64::from(self.rate_hz)) {
            metrics.add_room(&self.room.take_counters());
        }
    }

    /// Takes out the connections that are over.
    fn dismiss(&mut self, turn: &Turn<'_>, closing: &mut Vec<Closing>) {
        let room = &mut *self.room;
        for connection in self.connections.extract_if(.., |connection| connection.end.is_some()) {
            room.lost(connection.member);
            say_goodbye(connection, turn.metrics, turn.now_us, closing);
        }
    }

    /// Lets somebody in, or says why not.
    pub(super) fn enter(&mut self, arrival: Arrival, turn: &mut Turn<'_>, closing: &mut Vec<Closing>) {
        let Arrival { stream, reader, hello, token, counted } = arrival;
        let entered = match self.room.enter(&hello, token) {
            Ok(entered) => entered,
            Err(code) => return refuse(stream, counted, code, turn, closing),
        };
        if let Some(old) = entered.superseded {
            for connection in self.connections.iter_mut().filter(|connection| connection.member == old) {
                connection.end = Some(End::Close(CloseCode::Superseded));
            }
        }
        let mut connection = Connection::new(entered.member, stream, reader, counted);
        put_message(connection.unsent.tail(turn.now_us), &entered.welcome);
        match connection.unsent.flush(&connection.stream) {
            Ok(count) => turn.tally.bytes_out += count as u64,
            Err(end) => connection.end = Some(end),
        }
        connection.take_in(&mut *self.room, turn);
        turn.metrics.connections.increment(1.0);
        self.connections.push(connection);
        self.dismiss(turn, closing);
    }

    /// Closes all connections; the room is not asked any more.
    pub(super) fn close(&mut self, code: CloseCode, turn: &Turn<'_>, closing: &mut Vec<Closing>) {
        for mut connection in self.connections.drain(..) {
            connection.end.get_or_insert(End::Close(code));
            say_goodbye(connection, turn.metrics, turn.now_us, closing);
        }
    }

    /// Who is in the room, when the directory does not know it yet.
    pub(super) fn news(&self) -> Option<Summary> {
        if self.failed {
            return None;
        }
        let summary = Summary { tick: self.reported.tick, ..self.room.summary() };
        (summary != self.reported).then_some(summary)
    }

    /// What is known of a client whose world differed.
    pub(super) fn poll_autopsy(&mut self) -> Option<Autopsy> {
        if self.failed { None } else { self.room.poll_autopsy() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.connections.is_empty() && self.room.is_over()
    }
}

/// The last frame of a connection that was in a room.
fn say_goodbye(mut connection: Connection, metrics: &Metrics, now_us: u64, closing: &mut Vec<Closing>) {
    metrics.connections.decrement(1.0);
    let last = connection.unsent.tail(now_us);
    match connection.end {
        None | Some(End::Lost) => return metrics.connections_lost.increment(1),
        Some(End::Close(code)) => {
            put_close(last, code);
            metrics.closed(Some(code.number()), Side::Server);
        }
        Some(End::ClosedByClient(code)) => {
            put_close_answer(last, code);
            metrics.closed(code, Side::Client);
        }
    }
    closing.push(Closing::new(connection.stream, connection.unsent, connection.counted, now_us));
}

/// The only frame of a connection that was not let into a room.
pub(super) fn refuse(
    stream: TcpStream,
    counted: Counted,
    code: CloseCode,
    turn: &Turn<'_>,
    closing: &mut Vec<Closing>,
) {
    let mut unsent = Unsent::default();
    put_close(unsent.tail(turn.now_us), code);
    turn.metrics.closed(Some(code.number()), Side::Server);
    closing.push(Closing::new(stream, unsent, counted, turn.now_us));
}
