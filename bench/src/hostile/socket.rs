//! A raw peer: requests and frames made by hand, well-formed or not.
//!
//! Every wait has an end. A peer that the server has closed is no error: the close is the answer that rows look at.

use socket2::SockRef;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tickwire::message::SUBPROTOCOL;
use tickwire_tools::frame::{Kind, first_frame, put_masked};
use tickwire_tools::wire::{Trust, Wire};

/// Longer than the server's own time limits for a head, a body or a hello.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// A connection must be open within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A server that takes no bytes for so long has stopped to read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// The receive buffer of a peer that hardly reads, in bytes.
const RECEIVE_BUFFER_BYTES: usize = 4_096;

/// Bytes of an answer at the most.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// First byte of a binary message in one frame.
pub(super) const BINARY: u8 = 0x82;

/// First byte of a text message in one frame.
pub(super) const TEXT: u8 = 0x81;

/// First byte of a ping.
pub(super) const PING: u8 = 0x89;

/// First byte of a close frame.
pub(super) const CLOSE: u8 = 0x88;

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// The value of the header with this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Whether the answer refuses for now, and says when to come back.
    pub(super) fn is_busy(&self) -> bool {
        self.status == 503 && self.header("retry-after").is_some()
    }

    fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((Self { status, head, body: String::new() }, end))
    }

    /// Bytes of the body that the head announces; `None` when the body lasts until the connection ends.
    fn body_len(&self) -> Option<usize> {
        match self.status {
            100..200 | 204 | 304 => Some(0),
            _ => self.header("content-length")?.parse().ok(),
        }
    }
}

/// The end of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// An answer.
    Answer(Answer),
    /// The connection ended without a word.
    Silence,
    /// Nothing came in time.
    Waiting,
}

impl Reply {
    /// The status of the answer; 0 without one.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Answer(answer) => answer.status,
            Self::Silence | Self::Waiting => 0,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Answer(answer) if answer.is_busy())
    }

    pub(super) fn body(&self) -> &str {
        match self {
            Self::Answer(answer) => &answer.body,
            Self::Silence | Self::Waiting => "",
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => match answer.header("retry-after") {
                Some(seconds) => write!(out, "{}, Retry-After {seconds}", answer.status),
                None => write!(out, "{}", answer.status),
            },
            Self::Silence => out.write_str("closed without a word"),
            Self::Waiting => out.write_str("no answer"),
        }
    }
}

/// How a WebSocket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a close frame.
    Code(u16),
    /// Without one.
    Silence,
    /// Not at all.
    Open,
}

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(out, "{code}"),
            Self::Silence => out.write_str("closed without a code"),
            Self::Open => out.write_str("still open"),
        }
    }
}

/// An event on an upgraded connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A binary message.
    Message(Vec<u8>),
    /// A text message.
    Text(String),
    /// A pong.
    Pong,
    /// Any other frame.
    Other,
    /// The connection is over.
    Closed(End),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Peer {
    stream: Wire,
    unread: Vec<u8>,
    /// Bytes that came from the server.
    pub(super) read_bytes: u64,
}

impl Peer {
    /// Connects; under TLS where `trust` names authorities to trust.
    pub(super) fn connect(address: SocketAddr, trust: Option<&Trust>) -> io::Result<Self> {
        Self::over(TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?, trust)
    }

    /// A peer over a connection that is open already.
    pub(super) fn over(tcp: TcpStream, trust: Option<&Trust>) -> io::Result<Self> {
        // A socket on which an option cannot be set is one that the server has reset; reading then says so.
        let _ = tcp.set_nodelay(true);
        let _ = tcp.set_write_timeout(Some(WRITE_TIMEOUT));
        Ok(Self { stream: Wire::over(tcp, trust)?, unread: Vec::new(), read_bytes: 0 })
    }

    /// The port of this side.
    pub(super) fn port(&self) -> u16 {
        self.stream.tcp().local_addr().map_or(0, |address| address.port())
    }

    /// Makes the receive buffer small, so that unread bytes wait in the server.
    pub(super) fn shrink(&self) {
        let _ = SockRef::from(self.stream.tcp()).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    }

    /// Reads a few of the bytes that have come, and nothing more.
    pub(super) fn read_few(&mut self, bytes_max: usize) {
        let mut few = vec![0; bytes_max];
        if self.stream.tcp().set_read_timeout(Some(Duration::from_millis(1))).is_ok()
            && let Ok(count) = self.stream.read(&mut few)
        {
            self.unread.extend_from_slice(&few[..count]);
        }
    }

    /// Sends bytes as they are; false when the server takes no more.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Reads more bytes; `None` when none came before `end`, false at the end of the connection.
    fn fill(&mut self, end: Instant) -> Option<bool> {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if self.stream.tcp().set_read_timeout(Some(left)).is_err() {
            return Some(false);
        }
        let mut bytes = [0; 16_384];
        match self.stream.read(&mut bytes) {
            Ok(0) => Some(false),
            Ok(count) => {
                self.unread.extend_from_slice(&bytes[..count]);
                self.read_bytes += count as u64;
                Some(true)
            }
            // The end of a child process interrupts reads that have a timeout; the caller then tries again.
            Err(error) if error.kind() == ErrorKind::Interrupted => Some(true),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(_) => Some(false),
        }
    }

    /// Reads the answer to a request; the bytes after it stay unread.
    pub(super) fn reply(&mut self, patience: Duration) -> Reply {
        let end = Instant::now() + patience;
        let (mut answer, at) = loop {
            if let Some(found) = Answer::parse(&self.unread) {
                break found;
            }
            match self.fill(end) {
                Some(true) if self.unread.len() < ANSWER_BYTES_MAX => {}
                Some(_) => return Reply::Silence,
                None => return Reply::Waiting,
            }
        };
        self.unread.drain(..at);
        let length = answer.body_len().unwrap_or(ANSWER_BYTES_MAX);
        while self.unread.len() < length && self.fill(end) == Some(true) {}
        let body = self.unread.drain(..length.min(self.unread.len())).collect::<Vec<_>>();
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Reply::Answer(answer)
    }

    /// The next event that comes before `end`.
    pub(super) fn next(&mut self, end: Instant) -> Option<Event> {
        loop {
            if let Some(event) = self.parse() {
                return Some(event);
            }
            if !self.fill(end)? {
                return Some(Event::Closed(End::Silence));
            }
        }
    }

    fn parse(&mut self) -> Option<Event> {
        let (event, len) = match first_frame(&self.unread) {
            Ok(None) => return None,
            Ok(Some(frame)) => (event(frame.kind, frame.payload), frame.len),
            // No server frame looks like this: nothing after it can be read.
            Err(_) => (Event::Closed(End::Silence), self.unread.len()),
        };
        self.unread.drain(..len);
        Some(event)
    }

    /// How the connection ends, after any events before the end.
    pub(super) fn end(&mut self, patience: Duration) -> End {
        let until = Instant::now() + patience;
        loop {
            match self.next(until) {
                Some(Event::Closed(end)) => return end,
                Some(_) if Instant::now() < until => {}
                Some(_) | None => return End::Open,
            }
        }
    }
}

fn event(kind: Kind, payload: &[u8]) -> Event {
    match kind {
        Kind::Binary => Event::Message(payload.to_vec()),
        Kind::Pong => Event::Pong,
        Kind::Close => {
            Event::Closed(payload.first_chunk().map_or(End::Silence, |code| End::Code(u16::from_be_bytes(*code))))
        }
        Kind::Text => Event::Text(String::from_utf8_lossy(payload).into_owned()),
        Kind::Ping => Event::Other,
    }
}

/// A masked frame with this first byte; the payload has at most 64 KiB.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_masked(&mut out, Kind::Binary, payload);
    out[0] = first;
    out
}

/// A request without a body, its last empty line included.
pub(super) fn request(method: &str, path: &str, host: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text + "\r\n"
}

/// The headers with which a client asks for a WebSocket of our subprotocol.
pub(super) const UPGRADE: [(&str, &str); 5] = upgrade_to(SUBPROTOCOL);

/// The headers with which a client asks for a WebSocket of a subprotocol.
pub(super) const fn upgrade_to(subprotocol: &str) -> [(&str, &str); 5] {
    [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", subprotocol),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_its_headers_and_without_the_bytes_after_it() {
        let bytes = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nContent-Length: 2\r\n\r\nnoHTTP";
        let (answer, at) = Answer::parse(bytes).unwrap();
        assert_eq!((answer.status, answer.header("Retry-After"), answer.body_len()), (503, Some("5"), Some(2)));
        assert!(answer.is_busy());
        assert_eq!(&bytes[at..], b"noHTTP");
        assert_eq!(Answer::parse(&bytes[..40]), None, "the head has no end");
        assert_eq!(Answer::parse(b"nonsense\r\n\r\n"), None);
    }

    #[test]
    fn a_switch_to_frames_has_no_body_and_a_page_without_length_has_one() {
        let (switch, _) = Answer::parse(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
        assert_eq!(switch.body_len(), Some(0));
        let (page, _) = Answer::parse(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        assert_eq!(page.body_len(), None);
    }

    #[test]
    fn a_frame_begins_with_the_byte_that_it_was_given() {
        let ping = frame(PING, b"x");
        assert_eq!((ping[0], ping[1], ping.len()), (PING, 0x81, 7));
    }

    #[test]
    fn replies_are_told_apart_in_words() {
        let (answer, _) = Answer::parse(b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\n\r\n").unwrap();
        assert_eq!(Reply::Answer(answer).to_string(), "429, Retry-After 7");
        assert_eq!((Reply::Silence.status(), Reply::Waiting.to_string()), (0, "no answer".into()));
        assert_eq!((End::Code(1002).to_string(), End::Open.to_string()), ("1002".into(), "still open".into()));
    }
}
