//! The port for other nodes, over which players come whose rooms are here.
//!
//! A peer shows that it knows the key of the service before anything that it says is looked at. After that its player is
//! treated as any other one who has sent a hello: under the limits of this node, for the address that the peer has told.

use super::api::view;
use super::doorkeeper::Shut;
use super::elsewhere::{PeerFault, nonce};
use super::hello::{Caller, answer_hello};
use super::room_requests::grant;
use super::{Net, arrivals};
use crate::cluster::hail::{
    Answer, AnswerKey, ApiAnswer, ApiCall, Carry, Challenge, Concealed, HAIL_HEAD_BYTES, HailHead, LimitedClient, Look,
    OpenedHail, Request, ShutReason,
};
use crate::config::is_private;
use crate::limits::{ACCEPT_PAUSE, PEER_ANSWER_MAX, PEER_PENDING_MAX};
use crate::lobby::Code;
use crate::socket::Stream;
use crate::websocket::address::AddressKey;
use crate::websocket::frame::{FrameLimits, FrameReader};
use hyper::StatusCode;
use std::rc::Rc;
use std::sync::Arc;
use tickwire::message::control::{Hello, SecretText};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

/// Takes in peers for as long as the server runs. One that is slow to show what it wants is let go.
pub(super) async fn accept(net: Rc<Net>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(PEER_PENDING_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            // Nodes are in private networks: whoever comes from elsewhere is not one.
            Ok((_, from)) if !is_private(from.ip()) => net.setup.metrics.nodes.hails_refused.increment(1),
            Ok((tcp, _)) => {
                let net = Rc::clone(&net);
                spawn_local(async move {
                    let received = timeout(PEER_ANSWER_MAX, receive(&net, tcp)).await;
                    drop(place);
                    let served = match received.unwrap_or(Err(PeerFault::Late)) {
                        Ok(Some(opened)) => serve(&net, opened).await,
                        Ok(None) => Ok(()),
                        Err(error) => Err(error),
                    };
                    if let Err(error) = served {
                        net.setup.metrics.nodes.hails_refused.increment(1);
                        tracing::debug!(%error, "a connection to the port for nodes was closed");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection of a node");
                net.free_descriptor();
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A peer that has shown its key.
struct Opened {
    tcp: TcpStream,
    request: Request,
    answer: AnswerKey,
}

/// Reads what a peer wants. One that wants it of another node is told so.
async fn receive(net: &Net, mut tcp: TcpStream) -> Result<Option<Opened>, PeerFault> {
    let Some(peers) = &net.setup.peers else { return Ok(None) };
    tcp.set_nodelay(true)?;
    let challenge = Challenge { nonce: nonce() };
    tcp.write_all(&challenge.encode()).await?;
    let mut head = [0; HAIL_HEAD_BYTES];
    tcp.read_exact(&mut head).await?;
    let head = HailHead::decode(&head)?;
    let mut follow = vec![0; head.wanted()];
    tcp.read_exact(&mut follow).await?;
    let OpenedHail { hail, answer } = head.open(&peers.keys, &challenge, &follow)?;
    if hail.to != net.setup.node.node.0 {
        say(&mut tcp, answer, &Answer::NotHere).await?;
        return Ok(None);
    }
    Ok(Some(Opened { tcp, request: hail.request, answer }))
}

/// Does what a peer wants.
async fn serve(net: &Rc<Net>, opened: Opened) -> Result<(), PeerFault> {
    let Opened { mut tcp, request, answer } = opened;
    let Carry { client, hello, rest } = match request {
        Request::Look(look) => return say(&mut tcp, answer, &answer_look(net, look).await).await,
        Request::Api(call) => return say(&mut tcp, answer, &answer_call(net, call).await).await,
        Request::Take(take) => return arrivals::take_in(net, tcp, answer, take).await,
        Request::Carry(carry) => carry,
    };
    let hello = Hello::decode(&hello.0).ok();
    let code = hello.as_ref().and_then(|hello| Code::parse(&hello.code));
    let hello = hello.filter(|_| code.is_some_and(|code| net.has_room(code)));
    let refusal = net.drain.code().map(|code| Answer::Refused(code.number()));
    let refusal = refusal.or_else(|| hello.is_none().then_some(Answer::NotHere));
    say(&mut tcp, answer, refusal.as_ref().unwrap_or(&Answer::Carried)).await?;
    if let Some(hello) = hello.filter(|_| refusal.is_none()) {
        enter(net, Stream::plain(tcp), client, hello, &rest.0).await;
    }
    Ok(())
}

pub(super) async fn say(tcp: &mut TcpStream, key: AnswerKey, answer: &Answer) -> Result<(), PeerFault> {
    Ok(tcp.write_all(&key.seal(answer)?).await?)
}

/// The room that a client of the peer asks for.
async fn answer_look(net: &Net, look: Look) -> Answer {
    let Look { client, code, secret } = look;
    let code = std::str::from_utf8(&code).ok().and_then(Code::parse);
    let door = code.and_then(|code| net.directory.borrow().find(code).map(|entry| entry.wanted.door));
    let (Some(code), Some(door)) = (code, door) else { return Answer::NotHere };
    let secret = secret.map(|Concealed(text)| SecretText(text));
    let address = client.address.map(AddressKey::from_number);
    let opening = net.open_door(Some(door), secret.as_ref(), &net.lookup_quota, address);
    // The peer waits no longer than for an answer.
    match timeout(PEER_ANSWER_MAX * 3 / 4, opening).await.unwrap_or(Err(Shut::Busy)) {
        Err(shut) => {
            let (reason, seconds) = match shut {
                Shut::Wrong => (ShutReason::Wrong, 0),
                Shut::Guesses(seconds) => (ShutReason::Guesses, seconds),
                Shut::Busy => (ShutReason::Busy, 1),
            };
            Answer::Shut { reason, seconds: u32::try_from(seconds).unwrap_or(u32::MAX) }
        }
        Ok(()) => {
            let directory = net.directory.borrow();
            let Some(entry) = directory.find(code) else { return Answer::NotHere };
            let view = serde_json::to_vec(&view(net, entry)).expect("a view of a room is plain data");
            Answer::Room(Concealed(view))
        }
    }
}

/// Grants the request of a client of the peer, or tells the own rooms.
async fn answer_call(net: &Net, asked: ApiCall) -> Answer {
    let ApiCall { client, call, body } = asked;
    let told = |status: StatusCode, seconds: u64, body| {
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        Answer::Api(ApiAnswer { status: status.as_u16(), seconds, body: Concealed(body) })
    };
    match grant(net, call, &body.0, client.address.map(AddressKey::from_number)).await {
        Ok((status, body)) => told(status, 0, body),
        Err(refusal) => told(refusal.problem.status(), refusal.retry_seconds().unwrap_or(0), Vec::new()),
    }
}

/// Deals with the hello of a player whom a peer has carried here.
async fn enter(net: &Rc<Net>, stream: Stream, client: LimitedClient, hello: Hello, rest: &[u8]) {
    let address = client.address.map(AddressKey::from_number);
    let is_out_of_guesses = client.is_out_of_guesses;
    let caller = Caller { is_carried: true, is_out_of_guesses, ..Caller::new(net, address) };
    let reader = FrameReader::starting_with(FrameLimits::CLIENT, rest);
    net.setup.metrics.nodes.players_carried_in.increment(1);
    answer_hello(net, stream, reader, hello, caller).await;
}
