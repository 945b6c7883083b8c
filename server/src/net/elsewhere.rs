//! Rooms of other nodes: a player who asks for one here is carried there, and a page that asks for one is told.
//!
//! This node judges nothing of it: the ticket, the version of the game and the secret of the room are for the owner.
//! Trouble with an owner never looks like a room that does not exist, for a client gives up then; it comes back in a
//! moment.

use super::Net;
use super::answer::{self, Refusal, json_text};
use super::api::{busy_hashing, no_room, too_many_codes};
use super::hello::{Caller, NoHello, refuse, tune};
use super::problem::Problem;
use crate::cluster::hail::{
    ANSWER_HEAD_BYTES, Answer, AnswerHead, ApiAnswer, ApiCall, CHALLENGE_BYTES, Call, Carry, Challenge, Concealed,
    Hail, HailFault, LimitedClient, Look, NONCE_BYTES, Nonce, PeerKeys, Request, ShutReason,
};
use crate::cluster::{NodeId, Registry, Whereabouts};
use crate::config::is_private;
use crate::limits::{
    GRANT_MAX, PEER_ANSWER_MAX, PEER_DIAL_MAX, PEER_KEEPALIVE, PEER_RECEIVE_BUFFER_BYTES, PEER_WARNING_MIN,
    TCP_USER_TIMEOUT, TUNNELS_MAX,
};
use crate::lobby::Code;
use crate::mailbox::{NewTunnel, TunnelLink};
use crate::socket::Stream;
use crate::websocket::address::{AddressKey, Counted};
use crate::websocket::frame::FrameReader;
use crate::websocket::rate::AddressQuota;
use hyper::StatusCode;
use socket2::{SockRef, TcpKeepalive};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use thiserror::Error;
use tickwire::message::close::CloseCode;
use tickwire::message::control::{Hello, SecretText};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// What a node needs to carry players to others, and to take in theirs.
#[derive(Debug)]
pub(crate) struct PeerSetup {
    pub(crate) keys: PeerKeys,
    pub(crate) tunnels: TunnelLink,
}

/// The reason for which another node could not be asked.
#[derive(Debug, Error)]
pub(super) enum PeerFault {
    #[error("it does not answer in time")]
    Late,
    #[error("it does not do this at the moment")]
    Passed,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Hail(#[from] HailFault),
}

/// A room of another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// The node takes connections at this address.
    At(NodeId, SocketAddr),
    /// The node cannot be reached now.
    Away,
}

/// Has the owner of a room take a connection, and the thread of tunnels carry it.
pub(super) async fn carry(
    net: &Rc<Net>,
    (stream, reader): (Stream, FrameReader),
    hello: &Hello,
    caller: Caller,
    place: Elsewhere,
) {
    let mut guest = net.drain.guest();
    let reached = tokio::select! {
        biased;
        code = guest.stopped() => Err(code),
        reached = reach(net, reader, hello, caller.address, place) => reached,
        () = caller.evicted.notified() => Err(CloseCode::Overloaded),
    };
    let (peer, counted) = match reached {
        Ok(reached) => reached,
        Err(code) => return refuse(net, stream, NoHello::Refused(code), caller).await,
    };
    let sockets = tune(&stream).and_then(|()| Ok((stream.into_socket()?, peer.into_socket()?)));
    let given = sockets.map(|(client, peer)| {
        let tunnel = NewTunnel { client, peer, counted };
        net.setup.peers.as_ref().is_some_and(|peers| peers.tunnels.carry(Box::new(tunnel)).is_ok())
    });
    // Both connections are closed when they are dropped, and the client comes back in a moment.
    if !given.unwrap_or(false) {
        tracing::debug!("a connection could not be handed over to the thread of tunnels");
    }
}

/// The socket at which the owner of a room has taken a player.
async fn reach(
    net: &Net,
    reader: FrameReader,
    hello: &Hello,
    client: Option<AddressKey>,
    place: Elsewhere,
) -> Result<(Stream, Counted), CloseCode> {
    let Elsewhere::At(node, address) = place else { return Err(CloseCode::Restart) };
    if net.setup.peers.as_ref().is_none_or(|peers| peers.tunnels.count() >= TUNNELS_MAX) {
        return Err(CloseCode::Overloaded);
    }
    let counted = net.seated.borrow_mut().count(client).ok_or(CloseCode::Overloaded)?;
    let asked = net.ask_to_carry((node, address), client, hello, reader.into_unread()).await;
    match asked {
        Ok((Answer::Carried, peer)) => Ok((peer, counted)),
        Ok((Answer::Refused(code), _)) => Err(CloseCode::from_number(code).unwrap_or(CloseCode::Overloaded)),
        // The room is between two nodes, or the owner restarts: a moment later this node knows more.
        Ok(_) => Err(CloseCode::Overloaded),
        Err(_) => Err(CloseCode::Restart),
    }
}

/// The answer of the owner of a room to a request for it.
pub(super) async fn show(
    net: &Net,
    code: Code,
    place: Elsewhere,
    client: Option<AddressKey>,
    secret: Option<SecretText>,
) -> Result<answer::Answer, Refusal> {
    let away = || Refusal::later(Problem::Busy, "the node of the room does not answer at the moment", 1);
    let Elsewhere::At(node, address) = place else { return Err(away()) };
    match net.ask_to_look((node, address), client, code, secret).await.map_err(|_| away())? {
        Answer::Room(Concealed(view)) => Ok(json_text(StatusCode::OK, view)),
        Answer::Shut { reason: ShutReason::Wrong, .. } => Err(no_room()),
        Answer::Shut { reason: ShutReason::Guesses, seconds } => Err(too_many_codes(net, seconds.into())),
        Answer::Shut { reason: ShutReason::Busy, .. } => Err(busy_hashing()),
        _ => Err(away()),
    }
}

impl Net {
    /// Where the room of a code is, if it is not here and another node has it. The look-up leaves this node for a code that
    /// it does not know, which may be younger than the news of the registry; an address without guesses waits for those.
    pub(super) async fn elsewhere(
        &self,
        code: Code,
        client: Option<AddressKey>,
        guesses: &RefCell<AddressQuota>,
    ) -> Option<Elsewhere> {
        let knows_claims = self.setup.peers.is_none() || self.membership.knows_claims.get();
        if !knows_claims && self.directory.borrow().find(code).is_some() {
            // The room of an earlier process may have moved since.
            return Some(Elsewhere::Away);
        }
        if self.has_room(code) {
            return None;
        }
        let known = self.known_elsewhere(code);
        let may_guess = || guesses.borrow().wait_seconds(client, self.setup.clock.now_us()).is_none();
        if known.is_some() || self.setup.peers.is_none() || !may_guess() {
            return known;
        }
        match self.setup.node.registry.read_room(code).await {
            Ok(Some((revision, Some(Ok(claim))))) => {
                self.note_write(code, revision, Some(claim));
                self.known_elsewhere(code)
            }
            Ok(Some((_, Some(Err(_))))) => Some(Elsewhere::Away),
            Ok(None | Some((_, None))) => None,
            // Nobody knows, and that is no reason to give up.
            Err(_) => Some(Elsewhere::Away),
        }
    }

    /// Whether the room of a code is here, or was set aside here a short time ago.
    pub(super) fn has_room(&self, code: Code) -> bool {
        let directory = self.directory.borrow();
        let is_here = directory.find(code).is_some();
        is_here && !self.is_anothers(code) || directory.find_set_aside(code, self.setup.clock.now_us()).is_some()
    }

    /// Whether the room of a code is another node's, as far as this node knows: what is here of it is what it was before.
    fn is_anothers(&self, code: Code) -> bool {
        let claim = self.membership.replica.borrow().claim(code);
        claim.is_some_and(|(_, claim)| claim.owner != self.setup.node.node)
    }

    /// Where the room of a code is that is not here, as far as this node knows.
    pub(super) fn known_elsewhere(&self, code: Code) -> Option<Elsewhere> {
        let now_us = self.setup.clock.now_us();
        let own = self.setup.node.node;
        match self.membership.replica.borrow().whereabouts(code, now_us) {
            // A room of this node that has just ended, or is being made.
            Whereabouts::At(node, _) | Whereabouts::Away(node) if node == own => {
                // It comes from another node, and is found here in a moment.
                self.membership.under_way.borrow().contains(&code).then_some(Elsewhere::Away)
            }
            Whereabouts::At(node, address) if self.setup.peers.is_some() && is_private(address.ip()) => {
                Some(Elsewhere::At(node, address))
            }
            Whereabouts::At(..) | Whereabouts::Away(_) | Whereabouts::Unreadable => Some(Elsewhere::Away),
            Whereabouts::Nowhere => None,
        }
    }

    /// The client behind an address, as the owner of a room has to know it.
    fn limited_client(&self, address: Option<AddressKey>) -> LimitedClient {
        let waits = self.guess_quota.borrow().wait_seconds(address, self.setup.clock.now_us()).is_some();
        LimitedClient { address: address.map(AddressKey::number), is_out_of_guesses: waits }
    }

    /// Asks the owner of a room to take the connection of a player; the socket is the player's after
    /// [`Answer::Carried`].
    ///
    /// # Errors
    /// When the owner does not answer as a peer does.
    pub(super) async fn ask_to_carry(
        &self,
        (node, address): (NodeId, SocketAddr),
        client: Option<AddressKey>,
        hello: &Hello,
        rest: Vec<u8>,
    ) -> Result<(Answer, Stream), PeerFault> {
        let (hello, rest) = (Concealed(hello.encode()), Concealed(rest));
        let carry = Carry { client: self.limited_client(client), hello, rest };
        self.ask((node, address), Request::Carry(carry), PEER_ANSWER_MAX).await
    }

    /// Asks the owner of a room about it.
    ///
    /// # Errors
    /// When the owner does not answer as a peer does.
    pub(super) async fn ask_to_look(
        &self,
        (node, address): (NodeId, SocketAddr),
        client: Option<AddressKey>,
        code: Code,
        secret: Option<SecretText>,
    ) -> Result<Answer, PeerFault> {
        let secret = secret.map(|SecretText(text)| Concealed(text));
        let look = Look { client: self.limited_client(client), code: code.bytes(), secret };
        Ok(self.ask((node, address), Request::Look(look), PEER_ANSWER_MAX).await?.0)
    }

    /// Asks another node to grant a request of a client, or to tell its rooms.
    ///
    /// # Errors
    /// When the node does not answer as a peer does, or not now.
    pub(super) async fn ask_to_grant(
        &self,
        at: (NodeId, SocketAddr),
        client: Option<AddressKey>,
        call: Call,
        body: &[u8],
    ) -> Result<ApiAnswer, PeerFault> {
        let call = ApiCall { client: self.limited_client(client), call, body: Concealed(body.to_vec()) };
        match self.ask(at, Request::Api(call), GRANT_MAX).await?.0 {
            Answer::Api(told) => Ok(told),
            _ => Err(PeerFault::Passed),
        }
    }

    /// Tells operators of a node that does not answer, once in a while: players try again and again.
    fn warn_of_peer(&self, node: NodeId, error: &PeerFault) {
        let now_us = self.setup.clock.now_us();
        let waits = u64::try_from(PEER_WARNING_MIN.as_micros()).unwrap_or(u64::MAX);
        if self.membership.peer_warned_us.get().is_none_or(|warned_us| now_us - warned_us >= waits) {
            self.membership.peer_warned_us.set(Some(now_us));
            tracing::warn!(node = node.short(), %error, "another node could not be asked for a room of its own");
        }
    }

    async fn ask(
        &self,
        (node, address): (NodeId, SocketAddr),
        request: Request,
        answer_max: Duration,
    ) -> Result<(Answer, Stream), PeerFault> {
        let peers = self.setup.peers.as_ref().ok_or(PeerFault::Late)?;
        let hail = Hail { from: self.setup.node.node.0, to: node.0, request };
        let asked = async {
            let mut tcp = timeout(PEER_DIAL_MAX, dial(address)).await.map_err(|_| PeerFault::Late)??;
            let answer = hail_peer(&mut tcp, &peers.keys, &hail).await?;
            Ok((answer, Stream::plain(tcp)))
        };
        let answered = timeout(answer_max, asked).await.unwrap_or(Err(PeerFault::Late));
        answered.inspect_err(|error| {
            self.setup.metrics.nodes.peers_failed.increment(1);
            self.warn_of_peer(node, error);
        })
    }
}

/// Connects to another node. What waits in the kernel is stale, so there is little space for it.
pub(super) async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_recv_buffer_size(PEER_RECEIVE_BUFFER_BYTES)?;
    socket.set_nodelay(true)?;
    let tcp = socket.connect(address).await?;
    // A node whose machine has died says nothing any more, and nothing that is sent to it may be under way.
    let alive = TcpKeepalive::new().with_time(PEER_KEEPALIVE).with_interval(PEER_KEEPALIVE).with_retries(2);
    SockRef::from(&tcp).set_tcp_keepalive(&alive)?;
    SockRef::from(&tcp).set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    Ok(tcp)
}

async fn hail_peer(tcp: &mut TcpStream, keys: &PeerKeys, hail: &Hail) -> Result<Answer, PeerFault> {
    let mut challenge = [0; CHALLENGE_BYTES];
    tcp.read_exact(&mut challenge).await?;
    let sealed = hail.seal(keys, &Challenge::decode(&challenge)?, nonce())?;
    tcp.write_all(&sealed.bytes.0).await?;
    let (head, body) = read_answer(tcp).await?;
    Ok(sealed.answer.open(head, &body)?)
}

/// The head of an answer, and the bytes that follow it.
pub(super) async fn read_answer(tcp: &mut TcpStream) -> Result<(AnswerHead, Vec<u8>), PeerFault> {
    let mut head = [0; ANSWER_HEAD_BYTES];
    tcp.read_exact(&mut head).await?;
    let head = AnswerHead::decode(&head)?;
    let mut body = vec![0; head.wanted()];
    tcp.read_exact(&mut body).await?;
    Ok((head, body))
}

/// Random bytes that were never used before.
pub(super) fn nonce() -> Nonce {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).expect("the operating system has random numbers");
    nonce
}
