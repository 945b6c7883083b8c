//! A room with the sockets of its members, and the course of one tick.

mod keeping;
mod panics;

use super::closing::Closing;
use super::commit::TurnTime;
use super::connection::{Connection, End, TickContext};
use super::notices;
use super::pause::Pause;
use super::room_gauge::RoomGauge;
use super::tick_budget::TickBudget;
use super::watching::CLOSED_BY_OPERATOR;
use crate::chronicle::{Chronicle, end};
use crate::game_panic;
use crate::games::{DynRoom, MadeRoom};
use crate::lobby::{Code, RoomId};
use crate::mailbox::{FromShard, MemberAt, NewConnection, RoomNumbers, SeatsSeen, TopicsInbox, origin_of};
use crate::metrics::{Metrics, Side};
use crate::room::{Attendance, Autopsy, Entered, MemberId, NotDone, OperatorOrder, RoomFailure, Summary};
use crate::socket::Socket;
use crate::threads::ThreadHealth;
use crate::topics::{Delivery, Farewell, Identity};
use crate::webhooks::event::Reason;
use crate::websocket::address::{AddressKey, Counted};
use crate::websocket::frame::{put_close, put_close_answer};
use keeping::KeptWhole;
use std::collections::VecDeque;
use std::sync::Arc;
use tickwire::message::close::CloseCode;
use tickwire::message::control::ResumeToken;
use tickwire::message::topics::{PlayerId, ServerTopic};
use tickwire::{Publication, Scene, Tick};

/// Messages about topics that wait for a tick of a room; beyond that they go to the lanes at once.
const TOLD_MAX: usize = 256;

/// A room and its connections.
pub(crate) struct RoomHandle {
    pub(super) id: RoomId,
    /// The code that the members came with; `None` before the first one.
    code: Option<Code>,
    /// The summary that was last reported to the directory.
    pub(super) reported: Summary,
    /// The room has panicked: its state may be half changed, so it is asked what it was at, and nothing more.
    pub(super) failed: bool,
    pub(super) rate_hz: u32,
    pub(super) budget: TickBudget,
    /// The time that the tick has taken so far which is being made.
    pub(super) turn: TurnTime,
    /// The numbers that operators see.
    pub(super) gauge: RoomGauge,
    /// Whether the game's stage has panicked: it draws no more.
    pub(super) stage_failed: bool,
    /// Addresses and tokens of clients that were closed because their worlds keep differing, and that are not reported
    /// yet.
    pub(super) diverged: Vec<(Option<AddressKey>, ResumeToken)>,
    /// The time at which members last started over after a panic.
    started_over_us: Option<u64>,
    /// The report on the room, once it has failed.
    failure: Option<Box<RoomFailure>>,
    /// The time since which nobody is in the room; `None` while somebody is.
    pub(super) empty_since_ns: Option<u64>,
    room: Box<dyn DynRoom>,
    connections: Vec<Connection>,
    ticks: u64,
    /// The messages about topics for the next tick; each is for one member, or for all of them.
    told: Vec<(Option<MemberId>, Arc<Delivery>)>,
    /// Comings and goings that the thread of topics does not know yet.
    untold: VecDeque<FromShard>,
    /// The events that the studio is told about the room, if it wants to hear them.
    chronicle: Option<Chronicle>,
    /// The bytes that a journal keeps of the room besides its ticks; `None` without a journal.
    header: Option<Arc<[u8]>>,
    /// The newest whole copy of the room that the journal has.
    pub(super) kept: KeptWhole,
    /// While the room waits for its players after it was made again.
    pause: Option<Pause>,
}

impl RoomHandle {
    /// A room that nobody has entered yet.
    pub(super) fn new(id: RoomId, made: MadeRoom, now_ns: u64) -> Self {
        let MadeRoom { rate_hz, mut room, mut chronicle, header } = made;
        if header.is_some() {
            room.begin_records();
        }
        chronicle.as_mut().into_iter().for_each(|chronicle| chronicle.ends_with(end::EMPTY));
        Self {
            id,
            code: None,
            reported: room.summary(),
            failed: false,
            rate_hz,
            budget: TickBudget::of(rate_hz),
            turn: TurnTime::default(),
            gauge: RoomGauge::new(),
            stage_failed: false,
            diverged: Vec::new(),
            started_over_us: None,
            failure: None,
            empty_since_ns: Some(now_ns),
            room,
            connections: Vec::new(),
            ticks: 0,
            told: Vec::new(),
            untold: VecDeque::new(),
            chronicle,
            header,
            kept: KeptWhole::default(),
            pause: None,
        }
    }

    /// The course of one tick up to its record: every socket is read, and the room ticks.
    pub(super) fn simulate(&mut self, context: &mut TickContext<'_>, thread: &ThreadHealth) {
        if let Some(pause) = self.pause {
            if !pause.is_over(self.room.missing(), context.now_us * 1_000) {
                return;
            }
            self.pause = None;
        }
        self.read_all(context);
        if !self.failed {
            self.make_tick(context, thread);
            // Before the tick is written, so that both are written together.
            self.tell_studio();
        }
    }

    /// The rest of the tick: every socket is written.
    pub(super) fn send(&mut self, context: &mut TickContext<'_>, closing: &mut Vec<Closing>) {
        if self.failed || self.pause.is_some() {
            return;
        }
        let room = &mut *self.room;
        while let Some((member, code)) = room.poll_dismissed() {
            let connections = self.connections.iter_mut().filter(|connection| connection.at.member == member);
            // A connection that is lost already can be told nothing.
            for connection in connections {
                connection.end.get_or_insert(End::Close(code));
            }
        }
        self.publish(context.topics);
        if !self.told.is_empty() {
            self.tell_members();
        }
        self.write_all(context);
        if self.failed {
            return;
        }
        self.dismiss(context, closing);
        if !self.untold.is_empty() {
            self.tell_topics(context.topics);
        }
        self.count(context.metrics);
    }

    /// Notes since when nobody is in the room.
    pub(super) fn note_people(&mut self, now_ns: u64) {
        let is_empty = self.connections.is_empty() && !self.failed && !self.room.has_people();
        self.empty_since_ns = if is_empty { self.empty_since_ns.or(Some(now_ns)) } else { None };
    }

    /// Whether nobody is in the room, so that it need not tick, and the directory knows that.
    pub(super) fn is_empty(&self) -> bool {
        // Somebody may have come and been removed since the last tick: the connection is still to be closed.
        self.empty_since_ns.is_some() && self.connections.is_empty() && self.news().is_none()
    }

    /// Hands over the room's counters to the metrics, once a second.
    fn count(&mut self, metrics: &Metrics) {
        self.ticks += 1;
        if self.ticks.is_multiple_of(u64::from(self.rate_hz)) {
            let counters = self.room.take_counters();
            metrics.add_room(&counters);
            self.gauge.second_over(&counters);
        }
    }

    /// Takes out the connections that are over.
    fn dismiss(&mut self, context: &TickContext<'_>, closing: &mut Vec<Closing>) {
        let room = &mut *self.room;
        for connection in self.connections.extract_if(.., |connection| connection.end.is_some()) {
            room.lost(connection.at.member);
            let has_left = matches!(connection.end, Some(End::Close(CloseCode::Normal | CloseCode::Removed)));
            let how = if has_left { Farewell::Left } else { Farewell::Lost };
            self.untold.push_back(FromShard::Gone(connection.at, how));
            self.gauge.flooded(u64::from(connection.end == Some(End::Close(CloseCode::Rate))));
            if connection.end == Some(End::Close(CloseCode::Diverged)) {
                self.diverged.push((connection.counted.address, connection.token));
            }
            say_goodbye(connection, context.metrics, context.now_us, closing);
        }
    }

    /// Lets a connection into the room, or closes it with the code of the reason.
    pub(super) fn enter(&mut self, arrival: NewConnection, context: &mut TickContext<'_>, closing: &mut Vec<Closing>) {
        let NewConnection { socket, reader, hello, token, only_by_token, entrant, identity, guest, counted } = arrival;
        if let Some(code) = only_by_token.filter(|_| !hello.resume.is_some_and(|token| self.room.has_token(token))) {
            return refuse(self.id, socket, counted, code, context, closing);
        }
        let may_return = entrant.player.is_some();
        let entered = match self.room.enter_from(&hello, token, entrant) {
            Ok(entered) => entered,
            Err(code) => return refuse(self.id, socket, counted, code, context, closing),
        };
        self.code = self.code.or_else(|| Code::parse(&hello.code));
        if let Some(old) = entered.superseded {
            for connection in self.connections.iter_mut().filter(|connection| connection.at.member == old) {
                connection.end = Some(End::Close(CloseCode::Superseded));
            }
        }
        let at = MemberAt { room: self.id, member: entered.member };
        let player = entered.player.unwrap_or(guest);
        if let (Some(chronicle), Some(seat), false) = (&mut self.chronicle, entered.seat, entered.resumed) {
            chronicle.arrives(seat, &identity.map_or_else(|| player.to_string(), String::from), &entered.name);
        }
        self.introduce(at, &entered, player, may_return, counted.address);
        self.tell_topics(context.topics);
        notices::joined(self.id, &entered, counted.address);
        let mut connection = Connection::new(at, socket, reader, token, counted);
        connection.seat = entered.seat;
        connection.talk.is_known = self.untold.is_empty();
        if let Some(pause) = self.pause.as_mut().filter(|_| entered.resumed) {
            pause.shorten(context.now_us * 1_000);
        }
        match self.header {
            // The token in the welcome is written with the next tick, and nothing is sent before.
            Some(_) => connection.welcome_later(&entered.welcome, context),
            None => connection.welcome(&entered.welcome, context),
        }
        // A member of the room needs its connection here before a message of its own can panic: nobody would see it go.
        context.metrics.connections.increment(1.0);
        self.connections.push(connection);
        self.read_first(context);
        if !self.failed {
            self.dismiss(context, closing);
        }
    }

    /// Has the thread of topics told who has entered.
    fn introduce(
        &mut self,
        at: MemberAt,
        entered: &Entered,
        player: PlayerId,
        may_return: bool,
        address: Option<AddressKey>,
    ) {
        let Some(code) = self.code else { return };
        let (room, name) = (Some((code, entered.seat)), entered.name.clone());
        let identity =
            Identity { player, may_return, is_guest: false, name, room, reads_json: false, origin: origin_of(address) };
        self.untold.push_back(FromShard::Entered(at, Box::new(identity)));
    }

    /// Passes on the messages of the game for its topics. Those that are too many now are left out.
    fn publish(&mut self, topics: &TopicsInbox) {
        for Publication { topic, body } in self.room.publications() {
            if let Some(code) = self.code {
                let _ = topics.send(FromShard::Said { code, topic, body });
            }
        }
    }

    /// Tells the thread of topics who has come and gone, as far as it takes that now.
    fn tell_topics(&mut self, topics: &TopicsInbox) {
        while let Some(news) = self.untold.pop_front() {
            if let Err(news) = topics.send(news) {
                return self.untold.push_front(news);
            }
        }
        self.connections.iter_mut().for_each(|connection| connection.talk.is_known = true);
    }

    /// Notes what members are to be told about a topic with the next tick: one member, or all of them.
    pub(super) fn tell(&mut self, member: Option<MemberId>, delivery: &Arc<Delivery>) {
        if self.connections.is_empty() {
            return;
        }
        self.told.push((member, Arc::clone(delivery)));
        if self.told.len() >= TOLD_MAX {
            self.tell_members();
        }
    }

    /// The chronicle of the room, which is no more.
    pub(super) fn into_chronicle(self) -> Option<Chronicle> {
        self.chronicle
    }

    /// Sets the reason that the studio is told when the room ends.
    pub(super) const fn ends_with(&mut self, reason: Reason) {
        if let Some(chronicle) = &mut self.chronicle {
            chronicle.ends_with(reason);
        }
    }

    /// Tells the studio what has happened in the tick.
    fn tell_studio(&mut self) {
        if let Some(chronicle) = &mut self.chronicle {
            let ((roster, results), (unsettled, waiting)) = (self.room.record(), self.room.untold());
            chronicle.tick(roster, results, waiting);
            // They have left, whenever the game learns of it: a match that begins meanwhile does without them.
            unsettled.iter().for_each(|(seat, why)| chronicle.left(*seat, *why));
        }
    }

    /// Lets a player go whose tickets are good no more.
    pub(super) fn expel(&mut self, player: PlayerId) {
        self.room.expel(player);
    }

    /// Takes a message that the game hears, for one of the next ticks.
    pub(super) fn tell_game(&mut self, delivery: &Delivery) {
        let ServerTopic::Message { body, .. } = &delivery.message else { return };
        let topic = delivery.name.rsplit('/').next().unwrap_or_default();
        if !self.room.hear(topic, body) {
            tracing::debug!(
                room = self.id.0,
                topic,
                "a room's game has too much to hear: a message of a service is lost"
            );
        }
    }

    /// Puts what members are to be told into their lanes, which are bounded.
    fn tell_members(&mut self) {
        for (member, delivery) in self.told.drain(..) {
            let is_meant = |connection: &&mut Connection| member.is_none_or(|member| connection.at.member == member);
            self.connections.iter_mut().filter(is_meant).for_each(|connection| connection.talk.lane.push(&delivery));
        }
    }

    /// Closes all connections; the room is not used any more.
    pub(super) fn close(&mut self, code: CloseCode, context: &TickContext<'_>, closing: &mut Vec<Closing>) {
        for mut connection in self.connections.drain(..) {
            connection.end.get_or_insert(End::Close(code));
            say_goodbye(connection, context.metrics, context.now_us, closing);
        }
    }

    /// The room is another node's: its connections are closed, and nobody is told that it has ended.
    pub(super) fn leave(&mut self, context: &TickContext<'_>, closing: &mut Vec<Closing>) {
        let gone = self.connections.iter().map(|connection| FromShard::Gone(connection.at, Farewell::Lost));
        self.untold.extend(gone);
        self.close(CloseCode::Moved, context, closing);
        self.tell_topics(context.topics);
        self.chronicle.take().into_iter().for_each(Chronicle::survive);
    }

    /// Whether every member has its welcome: the room goes on elsewhere with the tokens in these.
    pub(super) fn has_said_all(&self) -> bool {
        self.connections.iter().all(|connection| !connection.owes_welcome())
    }

    /// The summary of the room, when the directory does not know it yet.
    pub(super) fn news(&self) -> Option<Summary> {
        if self.failed {
            return None;
        }
        let summary = Summary { tick: self.reported.tick, ..self.room.summary() };
        (summary != self.reported).then_some(summary)
    }

    /// The next autopsy of a client whose world differed.
    pub(super) fn poll_autopsy(&mut self) -> Option<Autopsy> {
        if self.failed { None } else { self.room.poll_autopsy() }
    }
}

impl RoomHandle {
    /// The room in numbers, for operators.
    pub(super) fn numbers(&self, is_slow_lane: bool) -> RoomNumbers {
        let ((turn_p50_us, turn_p99_us), (desyncs, flood)) = (self.gauge.turns_us(), self.gauge.last_minute());
        let second = self.gauge.second;
        RoomNumbers {
            room: self.id,
            is_slow_lane,
            rate_hz: self.rate_hz,
            connections: self.connections.len(),
            attendance: self.attendance(),
            turn_p50_us,
            turn_p99_us,
            turn_us_max: u32::try_from(self.budget.turn_ns_max() / 1_000).unwrap_or(u32::MAX),
            late_inputs: second.late_inputs,
            starved_ticks: second.starved_ticks,
            superseded: second.superseded,
            bytes_out: second.bytes_out,
            desyncs,
            flood,
        }
    }

    /// The room with its seats, for operators.
    pub(super) fn seats_seen(&self, is_slow_lane: bool) -> SeatsSeen {
        SeatsSeen { numbers: self.numbers(is_slow_lane), seats: self.room.seat_figures() }
    }

    pub(super) fn attendance(&self) -> Attendance {
        self.room.attendance()
    }

    /// Draws the world; `None` when the game has no stage, or its stage panics.
    pub(super) fn draw(&mut self, scene: &mut Scene) -> Option<Tick> {
        match game_panic::catch(|| self.room.draw(scene)) {
            Ok(tick) => tick,
            Err(panic) => {
                tracing::warn!(room = self.id.0, "the game cannot draw its world for operators: {panic}");
                self.stage_failed = true;
                None
            }
        }
    }

    /// Carries out an order of an operator.
    pub(super) fn carry_out(&mut self, order: OperatorOrder) -> Result<Option<String>, NotDone> {
        self.room.carry_out(order)
    }

    /// Closes all connections, because an operator ends the room.
    pub(super) fn end_by_operator(&mut self, context: &TickContext<'_>, closing: &mut Vec<Closing>) {
        self.ends_with(end::CLOSED);
        self.close(CLOSED_BY_OPERATOR, context, closing);
    }
}

/// Sends the last frame of a connection that was in a room.
fn say_goodbye(mut connection: Connection, metrics: &Metrics, now_us: u64, closing: &mut Vec<Closing>) {
    metrics.connections.decrement(1.0);
    notices::left(&connection);
    let mut last = Vec::new();
    match connection.end {
        None | Some(End::Lost) => return metrics.connections_lost.increment(1),
        Some(End::Close(code)) => {
            put_close(&mut last, code);
            metrics.closed(Some(code.number()), Side::Server);
        }
        Some(End::ClosedByClient(code)) => {
            put_close_answer(&mut last, code);
            metrics.closed(code, Side::Client);
        }
    }
    connection.socket.queue(&last);
    closing.push(Closing::new(connection.socket, connection.counted, now_us));
}

/// Sends the only frame of a connection that was not let into a room.
pub(super) fn refuse(
    room: RoomId,
    mut socket: Socket,
    counted: Counted,
    code: CloseCode,
    context: &TickContext<'_>,
    closing: &mut Vec<Closing>,
) {
    notices::refused(room, counted.address, code);
    let mut last = Vec::new();
    put_close(&mut last, code);
    socket.queue(&last);
    context.metrics.refused_hello(code);
    closing.push(Closing::new(socket, counted, context.now_us));
}
