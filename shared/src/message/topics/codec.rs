//! The bytes of messages about topics: those that `bincode` makes, by a codec of its own.
//!
//! A number below 251 is one byte. A larger one is the byte 251, 252 or 253 and then the number in 2, 4 or 8 bytes, the
//! lowest first; a longer form than needed is refused. A text is its length and its bytes, a choice is its place in the
//! list, and an optional field begins with 0 or 1.
//!
//! The derived code of `bincode` makes each page larger by 4 KB, most of it for the ways out after each field. Here a
//! mistake is noted, everything after it reads as nothing, and the end of the message is the only way out. A test
//! compares the bytes.

use super::{Author, ClientTopic, PlayerId, Receipt, ServerTopic, TopicRefusal};
use crate::limits::TOPIC_MESSAGE_BYTES_MAX;
use crate::message::{CLIENT_TOPIC, SERVER_TOPIC};
use crate::wire::DecodeError;
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of one message at the most.
const BYTES_MAX: usize = 2 * TOPIC_MESSAGE_BYTES_MAX;

/// First byte of a number of 2 bytes; smaller bytes are numbers themselves.
const WIDE_2: u8 = 251;
/// First byte of a number of 4 bytes.
const WIDE_4: u8 = 252;
/// First byte of a number of 8 bytes.
const WIDE_8: u8 = 253;

/// Reads the fields of a message.
struct Fields<'a> {
    rest: &'a [u8],
    is_wrong: bool,
}

impl<'a> Fields<'a> {
    fn of(kind: u8, message: &'a [u8]) -> Result<Self, DecodeError> {
        match message.split_first() {
            Some((first, rest)) if *first == kind => Ok(Self { rest, is_wrong: message.len() > BYTES_MAX }),
            Some((first, _)) => Err(DecodeError::UnknownKind(*first)),
            None => Err(DecodeError::Truncated { needed: 1, remaining: 0 }),
        }
    }

    /// The message, if all of it was right and nothing is left.
    fn end<T>(&self, message: Option<T>) -> Result<T, DecodeError> {
        match message {
            Some(message) if !self.is_wrong && self.rest.is_empty() => Ok(message),
            _ => Err(DecodeError::Control),
        }
    }

    #[inline(never)]
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at_checked(count).unwrap_or_else(|| {
            self.is_wrong = true;
            (&[], &[])
        });
        self.rest = rest;
        bytes
    }

    #[inline(never)]
    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// A number up to `max`.
    #[inline(never)]
    fn number(&mut self, max: u64) -> u64 {
        let first = self.byte();
        let (width, least) = match first {
            WIDE_2 => (2, u64::from(WIDE_2)),
            WIDE_4 => (4, 1 << 16),
            WIDE_8 => (8, 1 << 32),
            _ => (0, 0),
        };
        let wide = self.bytes(width).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let number = if width == 0 { first.into() } else { wide };
        self.is_wrong |= first > WIDE_8 || number < least || number > max;
        number
    }

    fn id(&mut self) -> u64 {
        self.number(u64::MAX)
    }

    fn wait_ms(&mut self) -> u32 {
        u32::try_from(self.number(u32::MAX.into())).unwrap_or(0)
    }

    #[inline(never)]
    fn flag(&mut self) -> bool {
        let byte = self.byte();
        self.is_wrong |= byte > 1;
        byte == 1
    }

    #[inline(never)]
    fn text(&mut self) -> String {
        let len = usize::try_from(self.number(BYTES_MAX as u64)).unwrap_or(usize::MAX);
        let text = core::str::from_utf8(self.bytes(len));
        self.is_wrong |= text.is_err();
        text.unwrap_or_default().into()
    }

    #[inline(never)]
    fn player(&mut self) -> PlayerId {
        let mut player = PlayerId([0; 10]);
        let bytes = self.bytes(player.0.len());
        player.0.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        player
    }

    fn refusal(&mut self) -> TopicRefusal {
        let place = usize::from(self.byte());
        self.is_wrong |= place >= TopicRefusal::ALL.len();
        TopicRefusal::ALL.get(place).copied().unwrap_or(TopicRefusal::NoTopic)
    }
}

/// Writes the fields of a message.
struct Written(Vec<u8>);

impl Written {
    fn of(kind: u8, choice: u8) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&[kind, choice]);
        Self(bytes)
    }

    fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    #[inline(never)]
    fn number(&mut self, number: u64) {
        let bytes = number.to_le_bytes();
        let (first, width) = match number {
            0..251 => (bytes[0], 0),
            251..0x1_0000 => (WIDE_2, 2),
            0x1_0000..0x1_0000_0000 => (WIDE_4, 4),
            _ => (WIDE_8, 8),
        };
        self.byte(first);
        self.bytes(&bytes[..width]);
    }

    #[inline(never)]
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    fn refusal(&mut self, refusal: TopicRefusal, wait_ms: u32) {
        self.byte(refusal as u8);
        self.number(wait_ms.into());
    }
}

impl ClientTopic {
    /// The message as it travels, kind byte first.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let choice = match self {
            Self::Subscribe { .. } => 0,
            Self::Leave { .. } => 1,
            Self::Publish { .. } => 2,
            Self::Mark { .. } => 3,
            Self::Block { .. } => 4,
        };
        let mut out = Written::of(CLIENT_TOPIC, choice);
        match self {
            Self::Subscribe { topic, after } => {
                out.text(topic);
                out.byte(after.is_some().into());
                if let Some(after) = after {
                    out.number(*after);
                }
            }
            Self::Leave { number } => out.byte(*number),
            Self::Publish { topic, seq, body } => {
                out.text(topic);
                out.number(*seq);
                out.text(body);
            }
            Self::Mark { number, id, read } => {
                out.byte(*number);
                out.number(*id);
                out.byte((*read).into());
            }
            Self::Block { player, blocked } => {
                out.bytes(&player.0);
                out.byte((*blocked).into());
            }
        }
        out.0
    }

    /// Reads a message, kind byte included.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`Self::encode`] does not write.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::of(CLIENT_TOPIC, message)?;
        let message = match fields.byte() {
            0 => {
                let topic = fields.text();
                let after = fields.flag().then(|| fields.id());
                Some(Self::Subscribe { topic, after })
            }
            1 => Some(Self::Leave { number: fields.byte() }),
            2 => Some(Self::Publish { topic: fields.text(), seq: fields.id(), body: fields.text() }),
            3 => Some(Self::Mark { number: fields.byte(), id: fields.id(), read: fields.flag() }),
            4 => Some(Self::Block { player: fields.player(), blocked: fields.flag() }),
            _ => None,
        };
        fields.end(message)
    }
}

impl ServerTopic {
    /// The message as it travels, kind byte first.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let choice = match self {
            Self::Message { .. } => 0,
            Self::Gap { .. } => 1,
            Self::Marked { .. } => 2,
            Self::Ended { .. } => 3,
            Self::Granted { .. } => 4,
            Self::Refused { .. } => 5,
            Self::Receipt { .. } => 6,
            Self::You { .. } => 7,
        };
        let mut out = Written::of(SERVER_TOPIC, choice);
        if let Some(number) = self.number() {
            out.byte(number);
        }
        self.put_rest(&mut out);
        out.0
    }

    /// Writes what follows the number.
    fn put_rest(&self, out: &mut Written) {
        match self {
            Self::Message { id, key, from, at_ms, body, .. } => {
                out.number(*id);
                out.text(key);
                out.byte(from.is_some().into());
                if let Some(Author { player, name }) = from {
                    out.bytes(&player.0);
                    out.text(name);
                }
                out.number(*at_ms);
                out.text(body);
            }
            Self::Gap { from: first, to: second, .. } => {
                out.number(*first);
                out.number(*second);
            }
            Self::Marked { player, delivered, read, .. } => {
                out.bytes(&player.0);
                out.number(*delivered);
                out.number(*read);
            }
            Self::Ended { .. } => {}
            Self::Granted { topic, newest, may_publish, bytes_max, .. } => {
                out.text(topic);
                out.number(*newest);
                out.byte((*may_publish).into());
                out.number((*bytes_max).into());
            }
            Self::Refused { topic, refusal, wait_ms } => {
                out.text(topic);
                out.refusal(*refusal, *wait_ms);
            }
            Self::Receipt { seq, receipt } => {
                out.number(*seq);
                match receipt {
                    Receipt::Taken { id, kept } => {
                        out.byte(0);
                        out.number(*id);
                        out.byte((*kept).into());
                    }
                    Receipt::Refused { refusal, wait_ms } => {
                        out.byte(1);
                        out.refusal(*refusal, *wait_ms);
                    }
                }
            }
            Self::You { player, name } => {
                out.bytes(&player.0);
                out.text(name);
            }
        }
    }

    /// Reads a message, kind byte included.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`Self::encode`] does not write.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::of(SERVER_TOPIC, message)?;
        let choice = fields.byte();
        let number = if choice < 5 { fields.byte() } else { 0 };
        let message = match choice {
            0 => {
                let (id, key) = (fields.id(), fields.text());
                let from = fields.flag().then(|| Author { player: fields.player(), name: fields.text() });
                Some(Self::Message { number, id, key, from, at_ms: fields.id(), body: fields.text() })
            }
            1 => Some(Self::Gap { number, from: fields.id(), to: fields.id() }),
            2 => {
                let player = fields.player();
                Some(Self::Marked { number, player, delivered: fields.id(), read: fields.id() })
            }
            3 => Some(Self::Ended { number }),
            4 => {
                let (topic, newest, may_publish) = (fields.text(), fields.id(), fields.flag());
                let bytes_max = u16::try_from(fields.number(u16::MAX.into())).unwrap_or(0);
                Some(Self::Granted { number, topic, newest, may_publish, bytes_max })
            }
            5 => Some(Self::Refused { topic: fields.text(), refusal: fields.refusal(), wait_ms: fields.wait_ms() }),
            6 => {
                let seq = fields.id();
                let receipt = match fields.flag() {
                    false => Receipt::Taken { id: fields.id(), kept: fields.flag() },
                    true => Receipt::Refused { refusal: fields.refusal(), wait_ms: fields.wait_ms() },
                };
                Some(Self::Receipt { seq, receipt })
            }
            7 => Some(Self::You { player: fields.player(), name: fields.text() }),
            _ => None,
        };
        fields.end(message)
    }
}
