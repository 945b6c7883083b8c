//! A bare connection to a server: HTTP requests and WebSocket frames made by hand, well-formed or not.
//!
//! Every function that waits has a deadline.

use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tickwire::input::{InputCodec, InputFrame};
use tickwire::message::WELCOME;
use tickwire::message::control::{Hello, Welcome};
use tickwire::{Game, Tick};
use tickwire_server::Running;
use tickwire_tools::wire::{Trust, Wire};

/// Longer than any of the server's own delays and time limits.
const DEADLINE: Duration = Duration::from_secs(20);

/// An event on a connection; events are given in the order in which they came from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A binary message.
    Message(Vec<u8>),
    /// A text message.
    Text(String),
    /// A ping, a pong or any other frame: its first byte.
    Other(u8),
    /// A close frame with its code.
    Close(u16),
    /// The connection has ended.
    End,
}

/// The value of a metric of a server; `series` is its name with its labels.
pub(crate) fn metric(server: &Running, series: &str) -> f64 {
    let admin = server.admin_address().expect("on a free port");
    let (_, metrics) = http(admin, "GET", "/metrics", "");
    let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{series} is not in\n{metrics}"))
}

/// An upgraded connection.
pub(crate) struct Socket {
    stream: Wire,
    unread: Vec<u8>,
    /// The reason in the server's close frame, once that has come.
    pub(crate) close_reason: String,
}

/// A frame as clients have to send it. The mask is not zero, so that a reader that forgets to unmask is noticed.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x12, 0x9a, 0xe4, 0x01];
    let mut out = vec![first];
    match u16::try_from(payload.len()) {
        Ok(short @ 0..=125) => out.push(0x80 | u8::try_from(short).expect("at most 125")),
        Ok(long) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&long.to_be_bytes());
        }
        Err(_) => {
            out.push(0x80 | 127);
            out.extend_from_slice(&u64::try_from(payload.len()).expect("a length").to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

/// A whole binary message in one frame.
pub(crate) fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x82, payload)
}

/// The hello of a player without a seat.
pub(crate) fn hello<G: Game>(code: &str) -> Hello {
    Hello::of::<G>(code, "tester")
}

/// A message of a player who does nothing: with it the player shows that its welcome has arrived.
pub(crate) fn neutral_input<G: Game>() -> Vec<u8> {
    let mut message = Vec::new();
    InputCodec::<G::Input>::new().encode(&InputFrame::one(Tick(1), Default::default(), None, false), &mut message);
    message
}

impl Socket {
    /// Connects and upgrades; `more` is sent in the same segment as the request.
    pub(crate) fn open_with(address: SocketAddr, more: &[u8]) -> Self {
        Self::upgrade(TcpStream::connect(address).expect("the server listens"), address, more)
    }

    /// Connects and upgrades with further headers, each of which ends with its line.
    pub(crate) fn open_from(address: SocketAddr, headers: &str) -> Self {
        Self::open_below(address, "", headers)
    }

    /// The same for a server below a path such as `/play`.
    pub(crate) fn open_below(address: SocketAddr, base: &str, headers: &str) -> Self {
        Self::upgrade_with(TcpStream::connect(address).expect("the server listens"), (address, base), headers, &[])
    }

    /// Upgrades a connection; `more` is sent in the same segment as the request.
    pub(crate) fn upgrade(stream: TcpStream, address: SocketAddr, more: &[u8]) -> Self {
        Self::upgrade_with(stream, (address, ""), "", more)
    }

    /// Connects and upgrades to topics as JSON.
    pub(crate) fn open_json(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        Self::upgrade_to("tickwire.json.1", Wire::Plain(stream), (address, ""), "", &[])
    }

    /// Connects under TLS and upgrades to a subprotocol.
    pub(crate) fn open_secure(address: SocketAddr, trust: &Trust, subprotocol: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        let wire = Wire::over(stream, Some(trust)).expect("a session");
        Self::upgrade_to(subprotocol, wire, (address, ""), "", &[])
    }

    /// Sends a message as JSON.
    pub(crate) fn say(&mut self, message: &Value) {
        self.send(&frame(0x81, message.to_string().as_bytes()));
    }

    /// Reads messages of JSON until one has this `op`.
    pub(crate) fn wait_for(&mut self, op: &str) -> Value {
        loop {
            match self.next() {
                Event::Text(text) => {
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    if message["op"] == op {
                        return message;
                    }
                }
                Event::Other(_) => {}
                other => panic!("{op} is expected, and {other:?} came"),
            }
        }
    }

    fn upgrade_with(stream: TcpStream, to: (SocketAddr, &str), headers: &str, more: &[u8]) -> Self {
        Self::upgrade_to("tickwire.1", Wire::Plain(stream), to, headers, more)
    }

    fn upgrade_to(
        subprotocol: &str,
        mut stream: Wire,
        (address, base): (SocketAddr, &str),
        headers: &str,
        more: &[u8],
    ) -> Self {
        stream.tcp().set_nodelay(true).expect("a socket option");
        let mut request = format!(
            "GET {base}/ws HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(more);
        stream.write_all(&request).expect("the request is sent");
        let mut socket = Self { stream, unread: Vec::new(), close_reason: String::new() };
        let head = socket.read_head();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        assert!(!head.contains("extensions"), "no extension is agreed to: {head}");
        socket
    }

    /// Connects and upgrades.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[])
    }

    /// Connects and takes a seat in a room of game `G`.
    pub(crate) fn enter<G: Game>(address: SocketAddr, code: &str) -> (Self, Welcome) {
        let mut socket = Self::open(address);
        socket.send(&binary(&hello::<G>(code).encode()));
        let welcome = socket.welcome();
        (socket, welcome)
    }

    /// Reads the welcome, which is the first message.
    pub(crate) fn welcome(&mut self) -> Welcome {
        match self.next() {
            Event::Message(message) => {
                assert_eq!(message.first(), Some(&WELCOME));
                Welcome::decode(&message).expect("a welcome")
            }
            other => panic!("expected a welcome, got {other:?}"),
        }
    }

    /// Reads the answer's head, in lower case; the bytes after it stay unread.
    fn read_head(&mut self) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = self.unread.drain(..at + 4).collect();
                return String::from_utf8(head).expect("a head is text").to_lowercase();
            }
            assert!(self.fill(end), "the connection ended in the head of the answer");
        }
    }

    /// Sends bytes as they are. A server that has already closed the connection takes none; that is no error.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Reads more bytes; false at the end of the connection.
    fn fill(&mut self, end: Instant) -> bool {
        self.try_fill(end).unwrap_or_else(|| panic!("nothing came within {DEADLINE:?}"))
    }

    /// Reads more bytes, and waits for them until `end`; `None` when nothing came.
    fn try_fill(&mut self, end: Instant) -> Option<bool> {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.tcp().set_read_timeout(Some(left)).expect("a timeout above zero");
        let mut bytes = [0; 16_384];
        match self.stream.read(&mut bytes) {
            Ok(0) => Some(false),
            Ok(count) => {
                self.unread.extend_from_slice(&bytes[..count]);
                Some(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(_) => Some(false),
        }
    }

    /// All events that have come by now, without waiting.
    pub(crate) fn drain(&mut self) -> Vec<Event> {
        self.stream.tcp().set_nonblocking(true).expect("a socket option");
        let mut bytes = [0; 16_384];
        let mut events = Vec::new();
        loop {
            match self.stream.read(&mut bytes) {
                Ok(count) if count > 0 => self.unread.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(_) | Err(_) => {
                    events.push(Event::End);
                    break;
                }
            }
        }
        self.stream.tcp().set_nonblocking(false).expect("a socket option");
        events.splice(0..0, std::iter::from_fn(|| self.parse()));
        events
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Event {
        self.poll(Instant::now() + DEADLINE).unwrap_or_else(|| panic!("nothing came within {DEADLINE:?}"))
    }

    /// The next event, if one comes before `end`.
    pub(crate) fn poll(&mut self, end: Instant) -> Option<Event> {
        loop {
            if let Some(event) = self.parse() {
                return Some(event);
            }
            if !self.try_fill(end)? {
                return Some(Event::End);
            }
        }
    }

    /// Takes one complete frame out of the unread bytes.
    fn parse(&mut self) -> Option<Event> {
        let (first, second) = (*self.unread.first()?, *self.unread.get(1)?);
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let (head, length) = match second {
            126 => (4, usize::from(u16::from_be_bytes(self.unread.get(2..4)?.try_into().expect("two bytes")))),
            127 => {
                let length = u64::from_be_bytes(self.unread.get(2..10)?.try_into().expect("eight bytes"));
                (10, usize::try_from(length).expect("a length"))
            }
            short => (2, usize::from(short)),
        };
        if self.unread.len() < head + length {
            return None;
        }
        let frame: Vec<u8> = self.unread.drain(..head + length).collect();
        let payload = &frame[head..];
        if first == 0x88 {
            self.close_reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
        }
        Some(match first {
            0x81 => Event::Text(String::from_utf8(payload.to_vec()).expect("text is UTF-8")),
            0x82 => Event::Message(payload.to_vec()),
            0x88 => Event::Close(payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]))),
            other => Event::Other(other),
        })
    }

    /// The close code that ends the connection, after any events before it; `None` when the connection ends without a
    /// code.
    pub(crate) fn close_code(&mut self) -> Option<u16> {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.poll(end) {
                Some(Event::Close(code)) => return Some(code),
                Some(Event::End) => return None,
                Some(_) => {}
                None => panic!("the connection is still open"),
            }
        }
    }
}

/// A request with headers of its own; each header ends with its line.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: String,
    pub(crate) body: String,
    host: String,
}

/// An answer in full.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let [method, path, host] = [method, path, "localhost"].map(str::to_owned);
        Self { method, path, host, headers: String::new(), body: String::new() }
    }

    pub(crate) fn headers(mut self, more: &str) -> Self {
        self.headers += more;
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Sends the request without the last byte of its body.
    pub(crate) fn begin(&self, address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout above zero");
        let text = self.text();
        stream.write_all(&text.as_bytes()[..text.len() - 1]).expect("the request is sent");
        stream
    }

    pub(crate) fn send(&self, address: SocketAddr) -> Reply {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout above zero");
        // A server that refuses the head may have closed before the body is sent.
        let _ = stream.write_all(self.text().as_bytes());
        Reply::read(stream)
    }

    fn text(&self) -> String {
        let Self { method, path, host, headers, body } = self;
        let end = if headers.contains("Upgrade") { "" } else { "Connection: close\r\n" };
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{end}{length}{headers}\r\n{body}")
    }
}

impl Reply {
    /// Reads an answer up to the end of the connection, or to the end of a head that makes it a WebSocket.
    pub(crate) fn read(mut stream: impl Read) -> Self {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
        while !bytes.starts_with(b"HTTP/1.1 101 ") {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
                Err(error) if bytes.is_empty() => panic!("no answer: {error}"),
                Err(_) => break,
            }
        }
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let bytes = bytes.split_off(end + 4);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, head, body: String::from_utf8_lossy(&bytes).into_owned(), bytes }
    }

    /// The values of a header, with commas between them.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let values: Vec<&str> = lines.filter(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends an HTTP request; gives status and body.
pub(crate) fn http(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout above zero");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

/// Sends a request to the API; gives status and the answer.
pub(crate) fn api(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let (status, body) = http(address, method, path, body);
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

/// Creates a room and gives its code.
pub(crate) fn create_room(address: SocketAddr, game: &str) -> String {
    create_room_with(address, game, &Value::Null)
}

/// Creates a room with these options of its game and gives its code.
pub(crate) fn create_room_with(address: SocketAddr, game: &str, options: &Value) -> String {
    let wish = serde_json::json!({ "game": game, "options": options });
    let (status, answer) = api(address, "POST", "/api/rooms", &wish.to_string());
    assert_eq!(status, 201, "{answer}");
    answer["code"].as_str().expect("a code").to_owned()
}
