//! WebSocket frames (RFC 6455), without a socket or a clock.
//!
//! [`FrameReader`] reads the frames of a client and is strict about them: frames are masked, lengths are minimal, no
//! extension is in use, and messages are binary unless the limits allow text. A length is checked before anything is
//! allocated for it, and the limit applies to the sum over all fragments. After an error the reader is of no further
//! use: the connection is to be closed with the code that it returned. The `put_` functions write the frames of a
//! server: unmasked, never fragmented.

use super::rate::{Quota, Usage};
use crate::limits::{
    CONTROL_FRAMES_BURST, CONTROL_FRAMES_PER_SECOND, CONTROL_PAYLOAD_BYTES_MAX, FRAGMENTS_MAX, JSON_MESSAGE_BYTES_MAX,
    READ_BUFFER_BYTES,
};
use std::ops::Range;
use tickwire::limits::CLIENT_MESSAGE_BYTES_MAX;
use tickwire::message::close::CloseCode;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const MASK_LEN: usize = 4;

/// The limits within which a reader accepts frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Bytes of a message over all its fragments.
    pub message_bytes_max: usize,
    /// Frames that a message may be cut into.
    pub fragments_max: u32,
    /// The rate of pings and pongs together.
    pub control_frames: Quota,
    /// Whether a message may be text; otherwise its first byte is an error.
    pub text: bool,
}

impl FrameLimits {
    /// The limits for clients of a room.
    pub const CLIENT: Self = Self {
        message_bytes_max: CLIENT_MESSAGE_BYTES_MAX,
        fragments_max: FRAGMENTS_MAX,
        control_frames: Quota::per_second(CONTROL_FRAMES_PER_SECOND, CONTROL_FRAMES_BURST),
        text: false,
    };

    /// The limits for clients of `tickwire.json.1`.
    pub const JSON: Self = Self { message_bytes_max: JSON_MESSAGE_BYTES_MAX, text: true, ..Self::CLIENT };
}

/// A message or a control frame of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A whole binary message.
    Message(&'a [u8]),
    /// A whole text message, where the limits allow text.
    Text(&'a str),
    /// A ping, which asks for a pong with this payload. Only the latest ping needs an answer.
    Ping(&'a [u8]),
    /// A pong, whether a ping asked for it or not.
    Pong,
    /// The last frame: bytes that follow it are ignored.
    Close {
        /// The client's code for its reason; `None` when it gave none.
        code: Option<u16>,
    },
}

/// The head of a frame, valid in itself.
#[derive(Debug, Clone, Copy)]
struct Head {
    fin: bool,
    opcode: u8,
    /// Bytes of the head, the mask included, which may not all be here yet.
    len: usize,
    payload_len: u64,
}

impl Head {
    const fn is_control(self) -> bool {
        self.opcode >= CLOSE
    }

    /// The head at the start of `bytes`, or `None` when too few bytes of it have arrived.
    fn parse(bytes: &[u8], text: bool) -> Result<Option<Self>, CloseCode> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & RESERVED != 0 {
            return Err(CloseCode::Protocol);
        }
        let (fin, opcode) = (first & FIN != 0, first & OPCODE);
        match opcode {
            CONTINUATION | BINARY => {}
            TEXT if text => {}
            TEXT => return Err(CloseCode::Text),
            CLOSE | PING | PONG if fin => {}
            _ => return Err(CloseCode::Protocol),
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        if second & MASKED == 0 {
            return Err(CloseCode::Protocol);
        }
        let (len, payload_len) = match second & !MASKED {
            short @ 0..=125 => (2, u64::from(short)),
            _ if opcode >= CLOSE => return Err(CloseCode::Protocol),
            126 => {
                let Some(length) = bytes.get(2..4) else { return Ok(None) };
                (4, big_endian(length))
            }
            _ => {
                let Some(length) = bytes.get(2..10) else { return Ok(None) };
                (10, big_endian(length))
            }
        };
        let minimal = match len {
            2 => true,
            4 => payload_len > 125,
            _ => payload_len > u64::from(u16::MAX) && payload_len >> 63 == 0,
        };
        if !minimal {
            return Err(CloseCode::Protocol);
        }
        Ok(Some(Self { fin, opcode, len: len + MASK_LEN, payload_len }))
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// A frame that was consumed, given by its place in the buffers.
enum Consumed {
    Fragment,
    Whole(Range<usize>),
    Assembled,
    Ping(Range<usize>),
    Pong,
    Close(Option<u16>),
}

/// Reads a client's frames from bytes as they arrive.
///
/// ```text
/// read into space() → filled(count) → poll() until it gives None
/// ```
#[derive(Debug)]
pub struct FrameReader {
    limits: FrameLimits,
    buffer: Vec<u8>,
    /// Unread bytes are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Length of the frame at `start`, as far as it is known: the buffer has to hold it.
    frame_len: usize,
    /// The fragments of a message so far.
    message: Vec<u8>,
    fragments: u32,
    /// Whether the message is text, and the number of its bytes in `message` that are known to be UTF-8.
    is_text: bool,
    checked: usize,
    control_frames: Usage,
    closed: bool,
}

impl FrameReader {
    /// A reader before the first byte. It allocates when the first bytes arrive.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            frame_len: 0,
            message: Vec::new(),
            fragments: 0,
            is_text: false,
            checked: 0,
            control_frames: Usage::default(),
            closed: false,
        }
    }

    /// A reader that begins with bytes that were read together with something else, such as the upgrade request.
    #[must_use]
    pub fn starting_with(limits: FrameLimits, bytes: &[u8]) -> Self {
        Self { buffer: bytes.to_vec(), end: bytes.len(), ..Self::new(limits) }
    }

    /// The bytes that were read and belong to no message yet.
    #[must_use]
    pub fn into_unread(self) -> Vec<u8> {
        self.buffer[self.start..self.end].to_vec()
    }

    /// Takes `spare` as the memory to read into, unless there are unread bytes. Readers that are read in turn share one
    /// buffer, which is warm in the caches, and own none in between.
    pub fn borrow(&mut self, spare: &mut Vec<u8>) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.buffer = std::mem::take(spare);
        }
    }

    /// Gives the memory back, unless there are unread bytes in it.
    pub fn give_back(&mut self, spare: &mut Vec<u8>) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            *spare = std::mem::take(&mut self.buffer);
        }
    }

    /// The memory in which the next bytes belong; never empty.
    ///
    /// # Panics
    /// When bytes were filled in and [`FrameReader::poll`] was not called until it returned `None`.
    pub fn space(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let capacity = self.frame_len.max(READ_BUFFER_BYTES);
        if self.buffer.len() < capacity {
            self.buffer.resize(capacity, 0);
        }
        assert!(self.end < self.buffer.len(), "frames are polled before more bytes are read");
        &mut self.buffer[self.end..]
    }

    /// Takes note that `count` bytes were written to the start of [`FrameReader::space`].
    pub fn filled(&mut self, count: usize) {
        self.end += count;
        assert!(self.end <= self.buffer.len(), "no more bytes are filled in than there is space");
    }

    /// The next message or control frame; `None` when more bytes are needed. `now_us` is the time of any clock that
    /// does not go back.
    ///
    /// # Errors
    /// The code with which the connection is to be closed.
    pub fn poll(&mut self, now_us: u64) -> Result<Option<Incoming<'_>>, CloseCode> {
        // The previous call has given out the message that was assembled last, so its memory is free.
        if self.fragments == 0 {
            self.message.clear();
        }
        loop {
            return Ok(match self.consume(now_us)? {
                None => None,
                Some(Consumed::Fragment) => continue,
                Some(Consumed::Whole(payload)) => Some(whole(&self.buffer[payload], self.is_text)?),
                Some(Consumed::Assembled) => Some(whole(&self.message, self.is_text)?),
                Some(Consumed::Ping(payload)) => Some(Incoming::Ping(&self.buffer[payload])),
                Some(Consumed::Pong) => Some(Incoming::Pong),
                Some(Consumed::Close(code)) => Some(Incoming::Close { code }),
            });
        }
    }

    /// Takes one frame out of the buffer, if it is all there.
    fn consume(&mut self, now_us: u64) -> Result<Option<Consumed>, CloseCode> {
        if self.closed {
            (self.start, self.end, self.frame_len) = (0, 0, 0);
            return Ok(None);
        }
        let unread = &mut self.buffer[self.start..self.end];
        self.frame_len = 0;
        let Some(head) = Head::parse(unread, self.limits.text)? else { return Ok(None) };
        let payload_len = admit(&self.limits, head, self.fragments, self.message.len())?;
        self.frame_len = head.len + payload_len;
        let Some(frame) = unread.get_mut(..self.frame_len) else { return Ok(None) };
        unmask(frame, head.len);
        let payload = self.start + head.len..self.start + self.frame_len;
        self.start = payload.end;
        self.frame_len = 0;
        if head.is_control() {
            self.control(head, payload, now_us).map(Some)
        } else {
            self.fragment(head, payload).map(Some)
        }
    }

    fn fragment(&mut self, head: Head, payload: Range<usize>) -> Result<Consumed, CloseCode> {
        if head.opcode != CONTINUATION {
            (self.is_text, self.checked) = (head.opcode == TEXT, 0);
        }
        if head.fin && self.fragments == 0 {
            return Ok(Consumed::Whole(payload));
        }
        self.message.extend_from_slice(&self.buffer[payload]);
        self.fragments = if head.fin { 0 } else { self.fragments + 1 };
        if head.fin {
            return Ok(Consumed::Assembled);
        }
        if self.is_text {
            // Text that is wrong already will not become right, and its sender need not send the rest.
            self.checked += utf8_prefix(&self.message[self.checked..])?;
        }
        Ok(Consumed::Fragment)
    }

    fn control(&mut self, head: Head, payload: Range<usize>, now_us: u64) -> Result<Consumed, CloseCode> {
        if head.opcode == CLOSE {
            self.closed = true;
            return close_code(&self.buffer[payload]).map(Consumed::Close);
        }
        if !self.control_frames.take(self.limits.control_frames, now_us) {
            return Err(CloseCode::Policy);
        }
        Ok(if head.opcode == PING { Consumed::Ping(payload) } else { Consumed::Pong })
    }
}

/// Checks by its head alone whether a frame is allowed here, and returns the length of its payload.
fn admit(limits: &FrameLimits, head: Head, fragments: u32, message_len: usize) -> Result<usize, CloseCode> {
    let payload_len = usize::try_from(head.payload_len).map_err(|_| CloseCode::TooBig)?;
    if head.is_control() {
        return Ok(payload_len);
    }
    // A continuation continues a message, and no other message may come in between.
    if (head.opcode == CONTINUATION) == (fragments == 0) {
        return Err(CloseCode::Protocol);
    }
    let fits = payload_len <= limits.message_bytes_max.saturating_sub(message_len);
    if fits && fragments < limits.fragments_max { Ok(payload_len) } else { Err(CloseCode::TooBig) }
}

/// A message that is complete.
fn whole(payload: &[u8], is_text: bool) -> Result<Incoming<'_>, CloseCode> {
    if is_text {
        std::str::from_utf8(payload).map(Incoming::Text).map_err(|_| CloseCode::Encoding)
    } else {
        Ok(Incoming::Message(payload))
    }
}

/// The number of bytes at the start of `bytes` that are whole characters. The last character may still be incomplete.
fn utf8_prefix(bytes: &[u8]) -> Result<usize, CloseCode> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.len()),
        Err(cut) if cut.error_len().is_none() => Ok(cut.valid_up_to()),
        Err(_) => Err(CloseCode::Encoding),
    }
}

fn unmask(frame: &mut [u8], head_len: usize) {
    let (head, payload) = frame.split_at_mut(head_len);
    let mask = &head[head_len - MASK_LEN..];
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseCode> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        [_] => return Err(CloseCode::Protocol),
    };
    // 1004 to 1006 and 1015 are never sent; 1016 to 2999 are not assigned.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(CloseCode::Protocol);
    }
    std::str::from_utf8(reason).map_err(|_| CloseCode::Encoding)?;
    Ok(Some(code))
}

/// Appends the head of a binary message of `payload_len` bytes.
pub fn put_message_head(out: &mut Vec<u8>, payload_len: usize) {
    put_head(out, BINARY, payload_len);
}

fn put_head(out: &mut Vec<u8>, opcode: u8, payload_len: usize) {
    out.push(FIN | opcode);
    match (u8::try_from(payload_len), u16::try_from(payload_len)) {
        (Ok(short @ 0..=125), _) => out.push(short),
        (_, Ok(long)) => {
            out.push(126);
            out.extend_from_slice(&long.to_be_bytes());
        }
        _ => {
            out.push(127);
            // The conversion is lossless: no platform has a usize of more than 64 bits.
            out.extend_from_slice(&(payload_len as u64).to_be_bytes());
        }
    }
}

/// Appends a binary message.
pub fn put_message(out: &mut Vec<u8>, payload: &[u8]) {
    put_message_head(out, payload.len());
    out.extend_from_slice(payload);
}

/// Appends a text message.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_head(out, TEXT, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a pong with the payload of the ping it answers.
///
/// # Panics
/// When the payload is longer than that of any ping can be.
pub fn put_pong(out: &mut Vec<u8>, payload: &[u8]) {
    put_control(out, PONG, payload);
}

/// Appends a ping without a payload: the peer answers it, and so shows that it is there.
pub fn put_ping(out: &mut Vec<u8>) {
    put_control(out, PING, &[]);
}

/// Appends a close frame with the code and its constant reason.
pub fn put_close(out: &mut Vec<u8>, code: CloseCode) {
    put_close_with(out, code, code.reason());
}

/// Appends a close frame with the code and a reason of at most
/// [`REASON_BYTES_MAX`](tickwire::message::close::REASON_BYTES_MAX).
pub fn put_close_with(out: &mut Vec<u8>, code: CloseCode, reason: &str) {
    let mut payload = code.number().to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    put_control(out, CLOSE, &payload);
}

/// Appends the answer to a client's close frame.
pub fn put_close_answer(out: &mut Vec<u8>, code: Option<u16>) {
    match code {
        Some(code) => put_control(out, CLOSE, &code.to_be_bytes()),
        None => put_control(out, CLOSE, &[]),
    }
}

fn put_control(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    assert!(payload.len() <= CONTROL_PAYLOAD_BYTES_MAX, "a control frame has at most 125 bytes");
    let len = u8::try_from(payload.len()).expect("at most 125");
    out.extend_from_slice(&[FIN | opcode, len]);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests;
