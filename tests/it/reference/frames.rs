//! The server's frame reader against tungstenite's, an implementation of RFC 6455 that shares nothing with ours.
//!
//! Any bytes, cut anywhere, have to give the same messages and control frames, and the same verdict at the end. The
//! differences that are meant are [`limits_of_both`], [`first_padded_length`] and [`named`]. The fuzz target `peer`
//! uses this file, too.

use std::io::{self, ErrorKind, Read, Write};
use tickwire::message::close::CloseCode;
use tickwire_server::websocket::frame::{FrameLimits, FrameReader, Incoming};
use tickwire_server::websocket::rate::Quota;
use tungstenite::protocol::frame::coding::CloseCode as TheirCode;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

/// Zeros behind every stream: they complete each frame that may be, and the next one breaks the rules, because it is
/// not masked. So both readers come to a verdict, though ours comes to it by the head of a frame and tungstenite by its
/// end.
const TAIL_BYTES: usize = 4_096;

/// A result of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A binary message.
    Binary(Vec<u8>),
    /// A text message.
    Text(String),
    /// A ping with its payload.
    Ping(Vec<u8>),
    /// A pong. Our reader does not give its payload, because nothing needs it.
    Pong,
    /// A close frame with its code.
    Close(Option<u16>),
    /// The end, with the kind of the fault.
    Fault(Fault),
}

/// The kinds of faults that both readers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 1002.
    Protocol,
    /// 1007.
    Encoding,
    /// 1009.
    TooBig,
    /// 1003 and 1008, which only ours has: text and floods are refused by rules of our own.
    Refused,
}

/// The limits of a player's connection, without the three rules that tungstenite does not have: text is allowed, the
/// number of fragments and the rate of control frames are not limited.
fn limits_of_both() -> FrameLimits {
    let control_frames = Quota::per_second(1_000_000, u32::MAX);
    FrameLimits { fragments_max: u32::MAX, control_frames, text: true, ..FrameLimits::CLIENT }
}

/// The results of our reader for a stream that arrives in pieces of the given lengths, over and over.
pub(crate) fn ours(bytes: &[u8], cuts: &[u8], limits: FrameLimits) -> Vec<Said> {
    let (mut reader, mut said, mut rest) = (FrameReader::new(limits), Vec::new(), bytes);
    let mut cuts = cuts.iter().cycle();
    loop {
        loop {
            match reader.poll(0) {
                Ok(None) => break,
                Ok(Some(Incoming::Message(message))) => said.push(Said::Binary(message.to_vec())),
                Ok(Some(Incoming::Text(text))) => said.push(Said::Text(text.into())),
                Ok(Some(Incoming::Ping(payload))) => said.push(Said::Ping(payload.to_vec())),
                Ok(Some(Incoming::Pong)) => said.push(Said::Pong),
                Ok(Some(Incoming::Close { code })) => {
                    said.push(Said::Close(code));
                    return said;
                }
                Err(code) => {
                    said.push(Said::Fault(fault(code)));
                    return said;
                }
            }
        }
        if rest.is_empty() {
            return said;
        }
        let piece = cuts.next().map_or(usize::MAX, |cut| usize::from(*cut) + 1);
        let space = reader.space();
        let count = rest.len().min(piece).min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        reader.filled(count);
        rest = &rest[count..];
    }
}

fn fault(code: CloseCode) -> Fault {
    match code {
        CloseCode::Protocol => Fault::Protocol,
        CloseCode::Encoding => Fault::Encoding,
        CloseCode::TooBig => Fault::TooBig,
        CloseCode::Text | CloseCode::Policy => Fault::Refused,
        other => panic!("a frame reader does not say {other:?}"),
    }
}

/// A stream of bytes for tungstenite. Its answers go nowhere.
struct Bytes<'a>(&'a [u8]);

impl Read for Bytes<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self.0.read(space) {
            Ok(0) => Err(ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The results of tungstenite for a stream.
pub(crate) fn theirs(bytes: &[u8]) -> Vec<Said> {
    let max = Some(FrameLimits::CLIENT.message_bytes_max);
    let config = WebSocketConfig::default().read_buffer_size(4_096).max_message_size(max).max_frame_size(max);
    let mut socket = WebSocket::from_raw_socket(Bytes(bytes), Role::Server, Some(config));
    let mut said = Vec::new();
    loop {
        let last = match socket.read() {
            Ok(Message::Close(frame)) => close(frame),
            Ok(message) => {
                said.push(message_of(message));
                continue;
            }
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return said,
            Err(Error::Protocol(_)) => Said::Fault(Fault::Protocol),
            Err(Error::Utf8(_)) => Said::Fault(Fault::Encoding),
            Err(Error::Capacity(_)) => Said::Fault(Fault::TooBig),
            Err(other) => panic!("tungstenite has no socket and says {other}"),
        };
        said.push(last);
        return said;
    }
}

fn message_of(message: Message) -> Said {
    match message {
        Message::Binary(payload) => Said::Binary(payload.to_vec()),
        Message::Text(text) => Said::Text(text.to_string()),
        Message::Ping(payload) => Said::Ping(payload.to_vec()),
        Message::Pong(_) => Said::Pong,
        other => panic!("not a message: {other:?}"),
    }
}

/// Tungstenite reports a forbidden close code by a code and a reason of its own.
fn close(frame: Option<tungstenite::protocol::CloseFrame>) -> Said {
    match frame {
        Some(frame) if frame.code == TheirCode::Protocol && frame.reason.as_str() == "Protocol violation" => {
            Said::Fault(Fault::Protocol)
        }
        frame => Said::Close(frame.map(|frame| frame.code.into())),
    }
}

/// The place of the first frame whose length is not in its shortest form. RFC 6455 forbids such a length; tungstenite
/// reads it all the same.
fn first_padded_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let second = *bytes.get(at..)?.get(1)?;
        let (start, least, count) = match second & 0x7f {
            126 => (at + 2, 126, 2),
            127 => (at + 2, 65_536, 8),
            _ => (at + 1, 0, 1),
        };
        let digits = bytes.get(start..start + count)?;
        let length = digits.iter().fold(0_u64, |length, digit| (length << 8) | u64::from(*digit));
        if length < least {
            return Some(at);
        }
        let payload = if count == 1 { length & 0x7f } else { length };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        at = (start + count + mask).checked_add(usize::try_from(payload).ok()?)?;
    }
}

/// Whether the two ends of a stream differ in a way that is meant. Each of these streams breaks two rules at once, or
/// one that tungstenite does not know.
fn named(ours: &Said, theirs: &Said) -> bool {
    match (ours, theirs) {
        // A frame that is too big and wrong in another way, such as a ping of 3,000 bytes: tungstenite looks at the
        // size first, and we at the rest of the head.
        (Said::Fault(Fault::Protocol), Said::Fault(Fault::TooBig)) => true,
        // A close frame with a forbidden code and a reason that is not UTF-8: tungstenite looks at the reason first.
        (Said::Fault(Fault::Protocol), Said::Fault(Fault::Encoding)) => true,
        // 1014 was registered after the RFC, and tungstenite does not know it.
        (Said::Close(Some(1014)), Said::Fault(Fault::Protocol)) => true,
        _ => false,
    }
}

/// Compares the two readers on a stream, and returns the results of ours.
///
/// # Panics
/// When they differ in a way that is not named.
pub(crate) fn compare(bytes: &[u8], cuts: &[u8]) -> Vec<Said> {
    let stream = [bytes, &[0; TAIL_BYTES]].concat();
    let ours_say = ours(&stream, cuts, limits_of_both());
    let theirs_say = match first_padded_length(&stream) {
        None => theirs(&stream),
        Some(at) => {
            let mut before = theirs(&stream[..at]);
            if !matches!(before.last(), Some(Said::Fault(_) | Said::Close(_))) {
                before.push(Said::Fault(Fault::Protocol));
            }
            before
        }
    };
    let (Some((our_last, our_rest)), Some((their_last, their_rest))) = (ours_say.split_last(), theirs_say.split_last())
    else {
        panic!("a reader comes to no verdict: {ours_say:?} {theirs_say:?} {bytes:02x?}")
    };
    let agree = our_rest == their_rest && (our_last == their_last || named(our_last, their_last));
    assert!(agree, "ours {ours_say:?}\ntheirs {theirs_say:?}\n{bytes:02x?}");
    check_players(&stream, cuts, &ours_say);
    ours_say
}

/// With the limits of players, the reader says the same or stops earlier, by one of the rules that only it has: no
/// text, sixteen fragments at the most, twenty control frames at once.
fn check_players(stream: &[u8], cuts: &[u8], wide: &[Said]) {
    let strict = ours(stream, cuts, FrameLimits::CLIENT);
    if strict == wide {
        return;
    }
    let Some((Said::Fault(Fault::Refused | Fault::TooBig), before)) = strict.split_last() else {
        panic!("the limits of players change more than the end: {strict:?} {wide:?}")
    };
    assert!(wide.starts_with(before), "the limits of players change what was before: {strict:?} {wide:?}");
}
