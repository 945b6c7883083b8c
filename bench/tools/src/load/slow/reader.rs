//! One client that hardly reads.

use super::super::Bot;
use super::Found;
use crate::frame::{Kind, first_frame, put_masked};
use crate::http::{self, Upgraded};
use crate::load::connection::LOST;
use crate::load::thin::ThinBot;
use crate::report::slow::Closed;
use crate::wire::{Trust, Wire};
use anyhow::Result;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use tickwire::Game;

/// Time for which the client plays like any other client, in microseconds.
const FAST_US: u64 = 1_000_000;

/// The client's receive buffer in bytes: unread bytes shall wait in the server.
const RECEIVE_BUFFER_BYTES: usize = 4_096;

/// After the server has closed, the client reads the bytes that it left unread for at most this time, to find the code.
const LAST_WORDS_US: u64 = 1_000_000;

/// A client that reads slowly or never.
pub(super) struct Reader<G: Game> {
    bot: ThinBot<G>,
    address: SocketAddr,
    trust: Option<Trust>,
    /// Bytes that the client reads in a second; 0 for one that never reads.
    pace: u32,
    line: Option<Line>,
    /// Whether the server has closed this client, which then stays away until its next order to come.
    is_done: bool,
}

/// The client's connection.
struct Line {
    stream: Wire,
    port: u16,
    /// The start of a frame whose end was not read yet.
    rest: Vec<u8>,
    /// The time from which on the client reads slowly.
    slow_from_us: u64,
    /// Bytes that the client has read since then.
    slow_bytes: u64,
    /// The time at which the server was seen to have closed the connection.
    closed_us: Option<u64>,
}

impl<G: Game> Reader<G> {
    /// A client that will join the room with this code; it waits for the order to come.
    pub(super) fn new(code: &str, pace: u32, seed: u64, address: SocketAddr, trust: Option<Trust>) -> Self {
        let name = if pace == 0 { "Never" } else { "Slow" };
        let mut bot = ThinBot::new(code, &Bot { name: name.into(), seed, key: None }, None, None);
        bot.dial.set_reachable(false, 0);
        Self { bot, address, trust, pace, line: None, is_done: false }
    }

    pub(super) const fn is_connected(&self) -> bool {
        self.line.is_some()
    }

    /// The client's port on a connection that is open, as far as was seen.
    pub(super) fn port(&self) -> Option<u16> {
        self.line.as_ref().filter(|line| line.closed_us.is_none()).map(|line| line.port)
    }

    pub(super) fn come(&mut self, now_us: u64) {
        self.is_done = false;
        self.bot.dial.set_reachable(true, now_us);
    }

    pub(super) fn go(&mut self, now_us: u64, found: &mut Found) {
        self.bot.dial.set_reachable(false, now_us);
        if self.pace == 0 && self.line.as_ref().is_some_and(|line| line.closed_us.is_none()) {
            found.never.push(None);
        }
        self.hang_up(LOST, now_us, found);
    }

    /// The server has closed the connection: the bytes that were left unread may hold the code.
    pub(super) fn server_closed(&mut self, now_us: u64) {
        self.line.iter_mut().for_each(|line| line.closed_us = Some(now_us));
    }

    /// Does all work that is due.
    pub(super) fn step(&mut self, now_us: u64, found: &mut Found) -> Result<()> {
        if self.line.is_none() {
            if !self.is_done && self.bot.dial.poll(now_us) {
                self.line = Some(Line::open(self.address, self.trust.as_ref(), now_us)?);
                self.bot.opened();
            }
        } else if let Some(code) = self.read(now_us).or_else(|| self.write(now_us)) {
            self.closed(code, now_us, found);
        }
        Ok(())
    }

    /// Reads what its pace allows; gives the close code when the connection is over.
    fn read(&mut self, now_us: u64) -> Option<u16> {
        let Self { line: Some(line), bot, pace, .. } = self else { return None };
        let mut allowed = line.allowed_bytes(*pace, now_us);
        let mut piece = [0; 4_096];
        while allowed > 0 {
            let most = piece.len().min(allowed);
            match line.stream.read(&mut piece[..most]) {
                Ok(0) => return Some(LOST),
                Ok(count) => {
                    allowed -= count;
                    if now_us >= line.slow_from_us && line.closed_us.is_none() {
                        line.slow_bytes += count as u64;
                    }
                    line.rest.extend_from_slice(&piece[..count]);
                    if let Some(code) = line.hear(bot, now_us) {
                        return Some(code);
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => break,
                Err(_) => return Some(LOST),
            }
        }
        let is_over = line.closed_us.is_some_and(|closed_us| now_us > closed_us + LAST_WORDS_US);
        is_over.then_some(LOST)
    }

    /// Sends the messages that are due; gives a close code when the server does not accept them.
    fn write(&mut self, now_us: u64) -> Option<u16> {
        let Self { line: Some(line), bot, .. } = self else { return None };
        if line.closed_us.is_some() {
            return None;
        }
        bot.advance(G::Input::default(), now_us);
        while let Some(message) = bot.outbox.pop_front() {
            let mut frame = Vec::new();
            put_masked(&mut frame, Kind::Binary, &message);
            if !line.stream.write(&frame).is_ok_and(|count| count == frame.len()) {
                return Some(LOST);
            }
        }
        None
    }

    /// The server has ended the connection.
    fn closed(&mut self, code: u16, now_us: u64, found: &mut Found) {
        if self.pace == 0 {
            let line = self.line.as_ref();
            let after_us = line.map_or(0, |line| line.closed_us.unwrap_or(now_us).saturating_sub(line.slow_from_us));
            found.never.push(Some(Closed { after_us, code }));
            self.is_done = true;
        } else {
            *found.slow_closes.entry(code).or_default() += 1;
        }
        self.hang_up(code, now_us, found);
    }

    fn hang_up(&mut self, code: u16, now_us: u64, found: &mut Found) {
        let Some(line) = self.line.take() else { return };
        if self.pace > 0 {
            let until_us = line.closed_us.unwrap_or(now_us);
            found.slow_read.0 += line.slow_bytes;
            found.slow_read.1 += until_us.saturating_sub(line.slow_from_us);
        }
        self.bot.dial.closed(code, now_us);
    }
}

impl Line {
    fn open(address: SocketAddr, trust: Option<&Trust>, now_us: u64) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        socket.connect(&address.into())?;
        let Upgraded { stream, unread } = http::upgrade_over(socket.into(), address, trust)?;
        stream.tcp().set_nonblocking(true)?;
        let port = stream.tcp().local_addr()?.port();
        Ok(Self { stream, port, rest: unread, slow_from_us: now_us + FAST_US, slow_bytes: 0, closed_us: None })
    }

    /// Bytes that may be read now.
    fn allowed_bytes(&self, pace: u32, now_us: u64) -> usize {
        if now_us < self.slow_from_us || self.closed_us.is_some() {
            return usize::MAX;
        }
        let earned = (now_us - self.slow_from_us) * u64::from(pace) / 1_000_000;
        usize::try_from(earned.saturating_sub(self.slow_bytes)).unwrap_or(usize::MAX)
    }

    /// Applies the complete frames that were read; gives the code of a close frame.
    fn hear<G: Game>(&mut self, bot: &mut ThinBot<G>, now_us: u64) -> Option<u16> {
        let mut read = 0;
        let mut code = None;
        while let Ok(Some(frame)) = first_frame(&self.rest[read..]) {
            read += frame.len;
            match frame.kind {
                // The bots beside this client count the messages that cannot be decoded.
                Kind::Binary => drop(bot.receive(frame.payload, now_us)),
                Kind::Close => {
                    code = Some(frame.payload.first_chunk().map_or(LOST, |code| u16::from_be_bytes(*code)));
                    break;
                }
                Kind::Text | Kind::Ping | Kind::Pong => {}
            }
        }
        self.rest.drain(..read);
        code
    }
}
