//! The handshake of two nodes. A relay, which holds the connection of a player, asks the owner of the player's room to
//! take the connection over a socket between both, to tell about the room, or to answer a call of the HTTP API. A node
//! that gives a room away is a relay too: it asks the node that is to be the next owner.
//!
//! ```text
//! owner → relay   "TWP1"  nonce [32]
//! relay → owner   kind u8 (1 carry 2 look 3 wish 4 take)  from [16]  to [16]  nonce [32]  len u16  payload  mac [32]
//! owner → relay   status u8  len u16  body  mac [32]           after Carried the socket is the player's
//! relay → owner   the bytes of the room                        after Send alone
//! owner → relay   status u8  len u16  body  second mac [32]    after these bytes
//!
//! mac             HMAC-SHA-256(key, label  len u64  service  the owner's nonce  the relay's nonce  the message before)
//! second mac      of the same as the mac of the first answer, then a label of its own and the message before
//! payload
//!     carry       client  len u16  hello  len u16  rest
//!     look        client  code [6]  len u16 (0xffff no secret)  secret
//!     wish        client  call u8 (0 match, 1 create, 2 list)  len u16  body
//!     take        code [6]  epoch u32  revision u64  tick u64  hash u64  len u32  SHA-256 [32] of the room's bytes
//! client          address u8 (0 none, 1 some)  u64  flags u8 (bit 0 out of guesses)
//! body            0 Carried -  1 NotHere -  2 Busy -  3 Refused code u16  4 Room JSON
//!                 5 Shut reason u8 (0 wrong, 1 guesses, 2 busy)  seconds u32
//!                 6 ApiAnswer HTTP status u16  seconds u32  JSON
//!                 7 Send -  8 Taken revision u64
//! ```
//!
//! All numbers are little endian. Both sides prove that they know a key. A hail is good for one challenge and an answer
//! for one hail, in one direction and one service: no message can be sent again or sent back. A second answer is good
//! for one first answer besides, and neither can stand in the place of the other. Nothing of a message can be read
//! before its mac is verified, and nothing is allocated from a length that has not been checked. Each value has one
//! encoding.
//!
//! There is no encryption: an attacker on the path reads everything, and can change all that comes after Carried. A
//! change of the bytes of a room shows, for the hail has their digest. There is no socket, clock or randomness either:
//! each nonce is 32 new bytes of the operating system's random numbers.

mod answer;
mod fuzzing;
mod keys;
mod request;

#[cfg(test)]
mod tests;

pub(crate) use answer::{
    ANSWER_HEAD_BYTES, API_BODY_BYTES_MAX, Answer, AnswerHead, AnswerKey, ApiAnswer, PEER_BODY_BYTES_MAX,
    ROOM_BYTES_MAX, ShutReason,
};
pub use fuzzing::read_peer_bytes;
pub(crate) use keys::{KeyFault, PEER_KEYS_MAX, PeerKeys};
pub(crate) use request::{
    ApiCall, CALL_BODY_BYTES_MAX, Call, Carry, LimitedClient, Look, ROOM_MOVE_BYTES_MAX, Request, Take,
};

use hmac::{Hmac, Mac};
use request::Kind;
use sha2::Sha256;
use std::fmt;
use thiserror::Error;

/// Bytes of a payload at the most: a hello, and a read buffer of bytes that came after it.
pub(crate) const PEER_PAYLOAD_BYTES_MAX: usize = 24 * 1024;

/// The first bytes of a challenge: the protocol and its version.
const MAGIC: [u8; 4] = *b"TWP1";

/// Bytes of a nonce.
pub(crate) const NONCE_BYTES: usize = 32;

/// Bytes of a challenge.
pub(crate) const CHALLENGE_BYTES: usize = MAGIC.len() + NONCE_BYTES;

/// Bytes of a hail before its payload.
pub(crate) const HAIL_HEAD_BYTES: usize = 1 + 2 * 16 + NONCE_BYTES + 2;

/// Bytes of a mac.
const MAC_BYTES: usize = 32;

const _: () = assert!(PEER_PAYLOAD_BYTES_MAX <= u16::MAX as usize, "the length of a payload travels as a u16");

/// The random bytes by which a side knows that the other one speaks now.
pub(crate) type Nonce = [u8; NONCE_BYTES];

/// The reason for which a message of a peer is refused, or one of ours cannot be written. No reason has a secret in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum HailFault {
    /// The first bytes are not those of a peer of this version.
    #[error("the other side is no peer of this version")]
    Magic,
    /// Something is longer than it may be.
    #[error("{len} bytes are more than the {max} that are allowed")]
    TooLong {
        /// Its bytes.
        len: usize,
        /// Bytes that it may have.
        max: usize,
    },
    /// The bytes end before the end of a value.
    #[error("message truncated: needed {needed} bytes, {remaining} left")]
    Truncated {
        /// Bytes that the value takes.
        needed: usize,
        /// Bytes that were left.
        remaining: usize,
    },
    /// Bytes follow after the end of the message.
    #[error("{0} bytes after the end of the message")]
    Trailing(usize),
    /// The kind of a hail is unknown.
    #[error("unknown kind of hail {0}")]
    Kind(u8),
    /// The status of an answer is unknown.
    #[error("unknown status of an answer {0}")]
    Status(u8),
    /// The reason of a door that stays shut is unknown.
    #[error("unknown reason of a shut door {0}")]
    Reason(u8),
    /// The call of the HTTP API is unknown.
    #[error("unknown call {0}")]
    Call(u8),
    /// A flag is set that has no meaning.
    #[error("unknown flags {0:#04x}")]
    Flags(u8),
    /// An address is neither there nor absent.
    #[error("malformed address")]
    Address,
    /// A text is not UTF-8.
    #[error("malformed text")]
    Text,
    /// The mac is wrong: of another key, another service or other nonces, or the message was changed on its way.
    #[error("the other side has not shown that it knows a key of this service")]
    Key,
}

/// Something that no log may show.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Concealed<T>(pub(crate) T);

impl<T> fmt::Debug for Concealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Concealed(..)")
    }
}

/// The first message of an owner, to each peer that connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// Never used before.
    pub(crate) nonce: Nonce,
}

impl Challenge {
    /// The challenge as bytes.
    pub(crate) fn encode(&self) -> [u8; CHALLENGE_BYTES] {
        let mut bytes = [0; CHALLENGE_BYTES];
        let (magic, nonce) = bytes.split_at_mut(MAGIC.len());
        magic.copy_from_slice(&MAGIC);
        nonce.copy_from_slice(&self.nonce);
        bytes
    }

    /// Reads the [`CHALLENGE_BYTES`] that an owner sends first.
    ///
    /// # Errors
    /// When they are of another protocol or another length.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HailFault> {
        let mut fields = Fields(bytes);
        if fields.array()? != MAGIC {
            return Err(HailFault::Magic);
        }
        let nonce = fields.array()?;
        fields.finish()?;
        Ok(Self { nonce })
    }
}

/// The message of a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hail {
    /// The relay's node.
    pub(crate) from: [u8; 16],
    /// The node that it is for: another one may have the owner's former address.
    pub(crate) to: [u8; 16],
    /// The thing that the relay wants.
    pub(crate) request: Request,
}

/// A hail that is ready to be sent, and the key by which its answer is opened.
#[derive(Debug)]
pub(crate) struct SealedHail {
    /// The message.
    pub(crate) bytes: Concealed<Vec<u8>>,
    /// The key of the answer.
    pub(crate) answer: AnswerKey,
}

/// A hail of a peer that knows a key, and the key by which its answer is sealed.
#[derive(Debug)]
pub(crate) struct OpenedHail {
    /// The message.
    pub(crate) hail: Hail,
    /// The key of the answer.
    pub(crate) answer: AnswerKey,
}

impl Hail {
    /// The hail for the owner that has sent this challenge. The nonce is a new one.
    ///
    /// # Errors
    /// When the payload or a part of it is too long.
    pub(crate) fn seal(&self, keys: &PeerKeys, challenge: &Challenge, nonce: Nonce) -> Result<SealedHail, HailFault> {
        let (kind, payload) = self.request.encode()?;
        let len = short(payload.len(), PEER_PAYLOAD_BYTES_MAX)?;
        let head = HailHead { kind, from: self.from, to: self.to, nonce, len };
        let (mac, answer) = keys.signing().macs(&challenge.nonce, &nonce);
        Ok(SealedHail { bytes: Concealed(sealed(mac, &head.encode(), &payload)), answer })
    }
}

/// The first [`HAIL_HEAD_BYTES`] of a hail. Only their form is known: the mac comes after the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HailHead {
    kind: Kind,
    from: [u8; 16],
    to: [u8; 16],
    nonce: Nonce,
    len: u16,
}

impl HailHead {
    fn encode(&self) -> [u8; HAIL_HEAD_BYTES] {
        let mut bytes = [self.kind as u8; HAIL_HEAD_BYTES];
        bytes[1..17].copy_from_slice(&self.from);
        bytes[17..33].copy_from_slice(&self.to);
        bytes[33..65].copy_from_slice(&self.nonce);
        bytes[65..].copy_from_slice(&self.len.to_le_bytes());
        bytes
    }

    /// Reads the first bytes of a hail.
    ///
    /// # Errors
    /// When they are not as many, the kind is unknown, or the payload is too long.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HailFault> {
        let mut fields = Fields(bytes);
        let kind = Kind::of(fields.u8()?)?;
        let (from, to, nonce) = (fields.array()?, fields.array()?, fields.array()?);
        let len = short(fields.u16()?.into(), PEER_PAYLOAD_BYTES_MAX)?;
        fields.finish()?;
        Ok(Self { kind, from, to, nonce, len })
    }

    /// Bytes of the hail that follow: at most [`PEER_PAYLOAD_BYTES_MAX`] and a mac.
    pub(crate) fn wanted(&self) -> usize {
        usize::from(self.len) + MAC_BYTES
    }

    /// Opens the hail with the bytes that follow, after this challenge was sent.
    ///
    /// # Errors
    /// When the bytes are not [`wanted`](Self::wanted) many, no key has made the mac, or the payload is malformed.
    pub(crate) fn open(&self, keys: &PeerKeys, challenge: &Challenge, follow: &[u8]) -> Result<OpenedHail, HailFault> {
        let (payload, mac) = split(follow, self.len)?;
        let verified = keys.all().find_map(|key| {
            let (signed, answer) = key.macs(&challenge.nonce, &self.nonce);
            signed.chain_update(self.encode()).chain_update(payload).verify_slice(mac).is_ok().then_some(answer)
        });
        let answer = verified.ok_or(HailFault::Key)?;
        let request = Request::decode(self.kind, payload)?;
        Ok(OpenedHail { hail: Hail { from: self.from, to: self.to, request }, answer })
    }
}

/// The parts of a message with the mac of all of them behind.
fn sealed(mac: Hmac<Sha256>, head: &[u8], body: &[u8]) -> Vec<u8> {
    let mac = mac.chain_update(head).chain_update(body).finalize().into_bytes();
    [head, body, mac.as_slice()].concat()
}

/// The body and the mac in the bytes after a head.
fn split(follow: &[u8], len: u16) -> Result<(&[u8], &[u8]), HailFault> {
    let mut fields = Fields(follow);
    let parts = (fields.slice(len.into())?, fields.slice(MAC_BYTES)?);
    fields.finish()?;
    Ok(parts)
}

/// The length as it travels, when it is within its bound.
fn short(len: usize, max: usize) -> Result<u16, HailFault> {
    u16::try_from(len).ok().filter(|_| len <= max).ok_or(HailFault::TooLong { len, max })
}

/// The fields of a message that have not been read yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn slice(&mut self, count: usize) -> Result<&'a [u8], HailFault> {
        let truncated = HailFault::Truncated { needed: count, remaining: self.0.len() };
        let (taken, rest) = self.0.split_at_checked(count).ok_or(truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], HailFault> {
        let truncated = HailFault::Truncated { needed: N, remaining: self.0.len() };
        let (taken, rest) = self.0.split_first_chunk().ok_or(truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, HailFault> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, HailFault> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, HailFault> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, HailFault> {
        self.array().map(u64::from_le_bytes)
    }

    /// The bytes behind their length, which is at most this.
    fn bytes(&mut self, max: usize) -> Result<&'a [u8], HailFault> {
        let len = self.u16()?;
        self.slice(short(len.into(), max)?.into())
    }

    /// All bytes that are left.
    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn reason(&mut self) -> Result<ShutReason, HailFault> {
        match self.u8()? {
            0 => Ok(ShutReason::Wrong),
            1 => Ok(ShutReason::Guesses),
            2 => Ok(ShutReason::Busy),
            other => Err(HailFault::Reason(other)),
        }
    }

    fn finish(self) -> Result<(), HailFault> {
        if self.0.is_empty() { Ok(()) } else { Err(HailFault::Trailing(self.0.len())) }
    }
}
