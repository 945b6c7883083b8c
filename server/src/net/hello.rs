//! The first seconds of a WebSocket: its hello is read here, then the socket belongs to the room's shard.

use super::Net;
use super::elsewhere::carry;
use super::evictions::{Phase, QueuePlace};
use super::farewell::say_last;
use super::http_stream::HttpStream;
use crate::limits::{HELLO_TIMEOUT, NOT_SENT_LOW_WATER_BYTES, SEND_BUFFER_BYTES, TCP_USER_TIMEOUT};
use crate::lobby::{Code, Place};
use crate::mailbox::{Command, Form, NewConnection, NewVisitor, TopicsOrder, VisitorHello, origin_of};
use crate::metrics::Side;
use crate::player_key::known_or_random;
use crate::room::Entrant;
use crate::socket::Stream;
use crate::topics::player_id;
use crate::websocket::address::{AddressClass, AddressKey, Counted};
use crate::websocket::frame::{
    FrameLimits, FrameReader, Incoming, put_close, put_close_answer, put_close_with, put_pong,
};
use fastwebsockets::upgrade::UpgradeFut;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::rc::Rc;
use tickwire::message::close::{CloseCode, version_reason};
use tickwire::message::control::Hello;
use tickwire::message::{HELLO, PROTOCOL_VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::sleep;

/// The client of a connection, as limits see it.
pub(super) struct Caller {
    /// The address for limits; `None` when they do not apply.
    pub(super) address: Option<AddressKey>,
    /// The connection is pending until its hello is dealt with.
    pub(super) _pending: QueuePlace,
    /// Notified when the connection has to make room for another.
    pub(super) evicted: Rc<Notify>,
    /// Whether another node has carried it here. It is not carried on.
    pub(super) is_carried: bool,
    /// Whether the address has used up its guesses at the node that has carried it here.
    pub(super) is_out_of_guesses: bool,
}

impl Caller {
    /// A client that is pending from now on.
    pub(super) fn new(net: &Rc<Net>, address: Option<AddressKey>) -> Self {
        let evicted = Rc::new(Notify::new());
        let _pending = net.queue(Phase::Pending, address, &evicted);
        Self { address, _pending, evicted, is_carried: false, is_out_of_guesses: false }
    }
}

/// How a connection ended before it had sent its hello.
pub(super) enum NoHello {
    Gone,
    Closed(Option<u16>),
    Refused(CloseCode),
    /// The client has another version of the game than this one of the server.
    OtherGame(u64),
}

/// A player who may knock at a room.
struct AdmittedPlayer {
    place: Place,
    entrant: Entrant,
    identity: Option<Box<str>>,
    /// The code of the refusal, unless the player has the token of a seat.
    only_by_token: Option<CloseCode>,
    counted: Counted,
}

/// Reads the hello and hands the connection to its room, or closes it with the code of the reason.
pub(super) async fn greet(net: Rc<Net>, upgrade: UpgradeFut, caller: Caller) {
    let Some((mut stream, mut reader)) = take_over(upgrade, FrameLimits::CLIENT).await else { return };
    let mut guest = net.drain.guest();
    let read = tokio::select! {
        biased;
        code = guest.stopped() => Err(NoHello::Refused(code)),
        read = read_hello(&net, &mut stream, &mut reader) => read,
        () = caller.evicted.notified() => Err(NoHello::Refused(CloseCode::Overloaded)),
        () = sleep(HELLO_TIMEOUT) => Err(NoHello::Refused(CloseCode::Silent)),
    };
    match read {
        Ok(hello) => answer_hello(&net, stream, reader, hello, caller).await,
        Err(refusal) => refuse(&net, stream, refusal, caller).await,
    }
}

/// Takes a connection to where its hello leads: to a room, here or on another node, or to the topics of a lobby.
pub(super) async fn answer_hello(net: &Rc<Net>, stream: Stream, reader: FrameReader, mut hello: Hello, caller: Caller) {
    let is_known = hello.protocol == PROTOCOL_VERSION;
    if is_known && hello.code.is_empty() && hello.game.is_empty() && !caller.is_carried {
        let known = Some(VisitorHello { name: hello.name, key: hello.player, ticket: hello.ticket, token: None });
        return hand_over_visitor(net, stream, reader, Form::Binary, known, &caller, false).await;
    }
    let code = Code::parse(&hello.code).filter(|_| is_known && !caller.is_carried);
    if let Some(code) = code
        && let Some(place) = net.elsewhere(code, caller.address, &net.guess_quota).await
    {
        return carry(net, (stream, reader), &hello, caller, place).await;
    }
    match admit(net, &caller, &mut hello).await {
        Ok(admitted) => hand_over(net, admitted, stream, reader, hello),
        Err(refusal) => refuse(net, stream, refusal, caller).await,
    }
}

/// Closes a connection that is in no room, with the code of the reason.
pub(super) async fn refuse(net: &Rc<Net>, stream: Stream, refusal: NoHello, caller: Caller) {
    let mut last = Vec::new();
    match refusal {
        NoHello::Gone => return,
        NoHello::Closed(code) => {
            put_close_answer(&mut last, code);
            net.setup.metrics.closed(code, Side::Client);
        }
        NoHello::Refused(code) => {
            note_refusal(&caller, code);
            put_close(&mut last, code);
            net.setup.metrics.refused_hello(code);
        }
        NoHello::OtherGame(fingerprint) => {
            note_refusal(&caller, CloseCode::Version);
            put_close_with(&mut last, CloseCode::Version, &version_reason(fingerprint));
            net.setup.metrics.refused_hello(CloseCode::Version);
        }
    }
    drop(caller);
    say_last(net, stream, &last).await;
}

/// Notes in the log that a connection was refused before it was anywhere.
fn note_refusal(caller: &Caller, code: CloseCode) {
    let from = AddressClass::of(caller.address);
    tracing::debug!(%from, code = code.number(), reason = code.reason(), "a connection was refused");
}

/// The socket and the reader of a connection after the switch. `None` when the peer has closed the connection before the
/// answer was written.
pub(super) async fn take_over(upgrade: UpgradeFut, limits: FrameLimits) -> Option<(Stream, FrameReader)> {
    let upgraded = upgrade.await.ok()?;
    let parts = upgraded.into_inner().into_inner().downcast::<TokioIo<HttpStream>>().ok()?;
    Some((parts.io.into_inner().into_inner(), FrameReader::starting_with(limits, &parts.read_buf)))
}

async fn read_hello(net: &Net, stream: &mut Stream, reader: &mut FrameReader) -> Result<Hello, NoHello> {
    loop {
        while let Some(incoming) = reader.poll(net.setup.clock.now_us()).map_err(NoHello::Refused)? {
            match incoming {
                Incoming::Message(message) => return decode(message).map_err(NoHello::Refused),
                Incoming::Text(_) => return Err(NoHello::Refused(CloseCode::Text)),
                Incoming::Ping(payload) => {
                    let mut pong = Vec::new();
                    put_pong(&mut pong, payload);
                    stream.write_all(&pong).await.map_err(|_| NoHello::Gone)?;
                    stream.flush().await.map_err(|_| NoHello::Gone)?;
                }
                Incoming::Pong => {}
                Incoming::Close { code } => return Err(NoHello::Closed(code)),
            }
        }
        match stream.read(reader.space()).await {
            Ok(0) | Err(_) => return Err(NoHello::Gone),
            Ok(count) => reader.filled(count),
        }
    }
}

fn decode(message: &[u8]) -> Result<Hello, CloseCode> {
    Hello::decode(message).map_err(|_| match message {
        // The layout of another version's hello is unknown, but it begins with its version.
        [HELLO, version, ..] if u16::from(*version) != PROTOCOL_VERSION => CloseCode::Version,
        _ => CloseCode::Malformed,
    })
}

/// Finds the room that the hello asks for, and a place for the connection among those of its address.
async fn admit(net: &Net, caller: &Caller, hello: &mut Hello) -> Result<AdmittedPlayer, NoHello> {
    if hello.protocol != PROTOCOL_VERSION {
        return Err(NoHello::Refused(CloseCode::Version));
    }
    let found = net.find_room(caller, hello).await.map_err(NoHello::Refused)?;
    // The room would refuse the client too, without the fingerprint that its author needs.
    let fingerprint = net.setup.games[found.game].fingerprint;
    if hello.fingerprint != fingerprint {
        // Only a client that may know of the room reads this of its game.
        return Err(found.only_by_token.map_or(NoHello::OtherGame(fingerprint), NoHello::Refused));
    }
    if net.setup.shards[found.place.shard].is_full() {
        return Err(NoHello::Refused(CloseCode::Overloaded));
    }
    let counted = net.seated.borrow_mut().count(caller.address);
    let counted = counted.ok_or(NoHello::Refused(CloseCode::Overloaded))?;
    // The ticket comes last: it is used up by this.
    let rate_hz = net.setup.games[found.game].rules.tick_rate_hz;
    let pass = net.setup.gate.pass(hello, origin_of(caller.address), rate_hz).map_err(NoHello::Refused)?;
    let only_by_token = found.only_by_token.or_else(|| pass.only_by_token.then_some(CloseCode::Auth));
    let entrant = Entrant { seat: found.seat, ..pass.entrant };
    Ok(AdmittedPlayer { place: found.place, entrant, identity: pass.identity, only_by_token, counted })
}

fn hand_over(net: &Net, player: AdmittedPlayer, stream: Stream, reader: FrameReader, hello: Hello) {
    let mut token = [0; 16];
    getrandom::fill(&mut token).expect("the operating system has random numbers");
    let socket = match tune(&stream).and_then(|()| stream.into_socket()) {
        Ok(socket) => socket,
        Err(error) => return tracing::debug!(%error, "a socket was closed before it was handed over"),
    };
    let AdmittedPlayer { place, entrant, identity, only_by_token, counted } = player;
    let guest = player_id(known_or_random(None));
    let arrival =
        Box::new(NewConnection { socket, reader, hello, token, only_by_token, entrant, identity, guest, counted });
    if let Err(error) = net.command(place, Command::Enter { room: place.room, arrival, detours: 0 }) {
        // A shard that has ended has taken its rooms along; the socket closes when the command is dropped.
        tracing::debug!(?error, "a connection could not be handed over");
    }
}

/// Takes over a connection of the JSON subprotocol, which is in no room and may send its hello later.
pub(super) async fn receive_visitor(net: Rc<Net>, upgrade: UpgradeFut, caller: Caller, is_operator: bool) {
    if let Some((stream, reader)) = take_over(upgrade, FrameLimits::JSON).await {
        hand_over_visitor(&net, stream, reader, Form::Json, None, &caller, is_operator).await;
    }
}

/// Hands a connection without a room over to the thread of topics.
async fn hand_over_visitor(
    net: &Rc<Net>,
    stream: Stream,
    reader: FrameReader,
    form: Form,
    hello: Option<VisitorHello>,
    caller: &Caller,
    is_operator: bool,
) {
    let counted = net.seated.borrow_mut().count(caller.address);
    let Some(counted) = counted else {
        note_refusal(caller, CloseCode::Overloaded);
        let mut last = Vec::new();
        put_close(&mut last, CloseCode::Overloaded);
        net.setup.metrics.refused_hello(CloseCode::Overloaded);
        return say_last(net, stream, &last).await;
    };
    let socket = match tune(&stream).and_then(|()| stream.into_socket()) {
        Ok(socket) => socket,
        Err(error) => return tracing::debug!(%error, "a socket was closed before it was handed over"),
    };
    let origin = origin_of(caller.address);
    let visitor = NewVisitor { socket, reader, form, hello, is_operator, origin, counted };
    net.setup.topics.order(TopicsOrder::Visit(Box::new(visitor)));
}

/// Makes the kernel's buffers small, because snapshots that wait in them are stale, and lets the kernel send at once
/// instead of waiting for more.
pub(super) fn tune(stream: &Stream) -> std::io::Result<()> {
    let socket = SockRef::from(stream.tcp());
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_notsent_lowat(NOT_SENT_LOW_WATER_BYTES)?;
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))
}
