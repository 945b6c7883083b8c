//! A bot's connection: the handshake, frames in, and frames out that never make the bot wait.

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocket, WebSocketError, WebSocketRead, handshake};
use http_body_util::Empty;
use hyper::header::{CONNECTION, HOST, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::rt::Executor;
use hyper::upgrade::Upgraded;
use hyper::{Request, header::SEC_WEBSOCKET_KEY};
use hyper_util::rt::TokioIo;
use std::io::{self, Cursor, ErrorKind};
use std::net::SocketAddr;
use tickwire::limits::SERVER_MESSAGE_BYTES_MAX;
use tickwire::message::SUBPROTOCOL;
use tickwire::message::close::CloseCode;
use tokio::io::{AsyncReadExt, Chain};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Close code of a connection that was lost without a close frame, as browsers report it.
pub(super) const LOST: u16 = 1006;

/// Close code of a close frame that carries no code, as browsers report it.
const NO_CODE: u16 = 1005;

/// Bytes that may wait for a socket; a client that is further behind counts as lost.
const BACKLOG_BYTES_MAX: usize = 1 << 20;

/// The source of frames: bytes that came with the handshake's answer, then the socket.
type Input = Chain<Cursor<Bytes>, OwnedReadHalf>;

/// The reading side.
pub(super) struct Ear(WebSocketRead<Input>);

/// A frame that was read, as far as a bot cares.
pub(super) enum Heard<'a> {
    Message(Payload<'a>),
    Ping(Payload<'a>),
    Pong,
    /// The connection is over, with this code.
    Closed(u16),
}

impl Ear {
    /// The next frame. Not cancel-safe: it belongs to one task.
    pub(super) async fn next(&mut self) -> Heard<'_> {
        // Nothing is sent from here: both automatic answers are off.
        let mut never = |_: Frame<'_>| async { Ok::<(), WebSocketError>(()) };
        let Ok(frame) = self.0.read_frame(&mut never).await else { return Heard::Closed(LOST) };
        match frame.opcode {
            OpCode::Binary if frame.fin => Heard::Message(frame.payload),
            OpCode::Ping => Heard::Ping(frame.payload),
            OpCode::Pong => Heard::Pong,
            OpCode::Close => Heard::Closed(close_code(&frame.payload)),
            // The server sends binary messages in one piece only.
            OpCode::Binary | OpCode::Text | OpCode::Continuation => Heard::Closed(CloseCode::Protocol.number()),
        }
    }
}

fn close_code(payload: &[u8]) -> u16 {
    payload.first_chunk().map_or(NO_CODE, |code| u16::from_be_bytes(*code))
}

/// The writing side: bytes that the socket does not accept at once wait here.
#[derive(Debug)]
pub(super) struct Mouth {
    socket: OwnedWriteHalf,
    frame: Vec<u8>,
    backlog: Vec<u8>,
}

impl Mouth {
    pub(super) fn message(&mut self, message: Vec<u8>) {
        self.put(Frame::binary(message.into()));
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        self.put(Frame::pong(payload.to_vec().into()));
    }

    pub(super) fn close(&mut self, code: u16) {
        self.put(Frame::close(code, b""));
    }

    fn put(&mut self, mut frame: Frame<'_>) {
        frame.mask();
        self.backlog.extend_from_slice(frame.write(&mut self.frame));
    }

    /// Writes as many bytes as the socket accepts.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.backlog.is_empty() {
            match self.socket.try_write(&self.backlog) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.backlog.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.backlog.len() > BACKLOG_BYTES_MAX { Err(ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

/// Lets hyper drive the handshake on the runtime.
struct OnRuntime;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for OnRuntime {
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

/// Connects and upgrades to a WebSocket of a subprotocol.
pub(super) async fn upgrade(address: SocketAddr, subprotocol: &str) -> Result<WebSocket<TokioIo<Upgraded>>> {
    let stream = TcpStream::connect(address).await.context("no connection")?;
    stream.set_nodelay(true)?;
    let request = Request::get("/ws")
        .header(HOST, address.to_string())
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "upgrade")
        .header(SEC_WEBSOCKET_KEY, handshake::generate_key())
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_PROTOCOL, subprotocol)
        .body(Empty::<Bytes>::new())?;
    let (socket, response) = handshake::client(&OnRuntime, request, stream).await.context("no upgrade")?;
    let protocol = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
    ensure!(protocol.is_some_and(|name| name == subprotocol), "the server does not speak {subprotocol}");
    Ok(socket)
}

/// Connects to play.
pub(super) async fn open(address: SocketAddr) -> Result<(Ear, Mouth)> {
    let socket = upgrade(address, SUBPROTOCOL).await?;
    let upgraded = socket.into_inner().into_inner();
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| anyhow!("the connection is plain TCP"))?;
    let (read, write) = parts.io.into_inner().into_split();
    let input = Cursor::new(parts.read_buf).chain(read);
    let (mut ear, _) = fastwebsockets::after_handshake_split(input, tokio::io::sink(), Role::Client);
    ear.set_auto_close(false);
    ear.set_auto_pong(false);
    ear.set_max_message_size(SERVER_MESSAGE_BYTES_MAX + 1);
    Ok((Ear(ear), Mouth { socket: write, frame: Vec::new(), backlog: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_without_a_code_differs_from_a_close_frame_with_one() {
        assert_eq!(close_code(&[]), NO_CODE);
        assert_eq!(close_code(&[3]), NO_CODE);
        assert_eq!(close_code(&[0x0f, 0xa7, b'x']), 4007);
    }
}
