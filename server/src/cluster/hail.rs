//! The handshake of two nodes. A relay, which holds the connection of a player, asks the owner of the player's room to
//! take the connection over a socket between both, or to tell about the room.
//!
//! ```text
//! owner → relay   "TWP1"  nonce [32]
//! relay → owner   kind u8 (1 carry, 2 look)  from [16]  to [16]  nonce [32]  len u16  payload  mac [32]
//! owner → relay   status u8  len u16  body  mac [32]           after Carried the socket is the player's
//!
//! mac             HMAC-SHA-256(key, label  len u64  service  the owner's nonce  the relay's nonce  the message before)
//! payload         address u8 (0 none, 1 some)  u64  flags u8 (bit 0 out of guesses)  and then
//!     carry       len u16  hello  len u16  rest
//!     look        code [6]  len u16 (0xffff no secret)  secret
//! body            0 Carried -  1 NotHere -  2 Busy -  3 Refused code u16  4 Room JSON
//!                 5 Shut reason u8 (0 wrong, 1 guesses, 2 busy)  seconds u32
//! ```
//!
//! All numbers are little endian. Both sides prove that they know a key. A hail is good for one challenge and an answer
//! for one hail, in one direction and one service: no message can be sent again or sent back. Nothing of a message can
//! be read before its mac is verified, and nothing is allocated from a length that has not been checked. Each value has
//! one encoding.
//!
//! There is no encryption: an attacker on the path reads everything, and can change all that comes after the answer.
//! There is no socket, clock or randomness either: each nonce is 32 new bytes of the operating system's random numbers.

mod answer;
mod fuzzing;
mod keys;

#[cfg(test)]
mod tests;

pub(crate) use answer::{ANSWER_HEAD_BYTES, Answer, AnswerHead, AnswerKey, PEER_BODY_BYTES_MAX, ShutReason};
pub use fuzzing::read_peer_bytes;
pub(crate) use keys::{KeyFault, PEER_KEYS_MAX, PeerKeys};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use thiserror::Error;

/// Bytes of a payload at the most: a hello, and a read buffer of bytes that came after it.
pub(crate) const PEER_PAYLOAD_BYTES_MAX: usize = 24 * 1024;

/// Bytes of the secret of a room at the most.
const SECRET_BYTES_MAX: usize = 128;

/// The length in the place of a secret that is not there.
const NO_SECRET: u16 = u16::MAX;

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

/// The bit of the flags for a client whose address has no guesses left.
const OUT_OF_GUESSES: u8 = 1;

const _: () = assert!(PEER_PAYLOAD_BYTES_MAX <= u16::MAX as usize, "the length of a payload travels as a u16");
const _: () = assert!(SECRET_BYTES_MAX < NO_SECRET as usize, "no secret has the length that stands for none");

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

/// A client of a relay, as the owner's limits see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitedClient {
    /// The number of the client's address; `None` when limits do not apply to it.
    pub(crate) address: Option<u64>,
    /// Whether the address has used up its guesses at the relay.
    pub(crate) is_out_of_guesses: bool,
}

/// The connection of a player who has sent a hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carry {
    /// The player's client.
    pub(crate) client: LimitedClient,
    /// The hello, as its message.
    pub(crate) hello: Concealed<Vec<u8>>,
    /// Bytes of the WebSocket that came after the hello.
    pub(crate) rest: Concealed<Vec<u8>>,
}

/// A question for one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    /// The client that asks.
    pub(crate) client: LimitedClient,
    /// The characters of the room's code. Any bytes may be here.
    pub(crate) code: [u8; 6],
    /// The secret that the client has given, at most 128 bytes.
    pub(crate) secret: Option<Concealed<String>>,
}

/// The thing that a relay wants of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// The owner takes a connection.
    Carry(Carry),
    /// The owner tells about a room.
    Look(Look),
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

/// The kinds of hails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Carry = 1,
    Look = 2,
}

impl Hail {
    /// The hail for the owner that has sent this challenge. The nonce is a new one.
    ///
    /// # Errors
    /// When the payload or the secret of a room is too long.
    pub(crate) fn seal(&self, keys: &PeerKeys, challenge: &Challenge, nonce: Nonce) -> Result<SealedHail, HailFault> {
        let mut payload = Vec::new();
        let kind = match &self.request {
            Request::Carry(Carry { client, hello, rest }) => {
                put_client(&mut payload, *client);
                put_bytes(&mut payload, &hello.0, PEER_PAYLOAD_BYTES_MAX)?;
                put_bytes(&mut payload, &rest.0, PEER_PAYLOAD_BYTES_MAX)?;
                Kind::Carry
            }
            Request::Look(Look { client, code, secret }) => {
                put_client(&mut payload, *client);
                payload.extend_from_slice(code);
                match secret {
                    Some(secret) => put_bytes(&mut payload, secret.0.as_bytes(), SECRET_BYTES_MAX)?,
                    None => payload.extend_from_slice(&NO_SECRET.to_le_bytes()),
                }
                Kind::Look
            }
        };
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
        let kind = match fields.u8()? {
            1 => Kind::Carry,
            2 => Kind::Look,
            other => return Err(HailFault::Kind(other)),
        };
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
        let mut fields = Fields(payload);
        let client = fields.client()?;
        let request = match self.kind {
            Kind::Carry => {
                let (hello, rest) = (fields.bytes()?, fields.bytes()?);
                fields.finish()?;
                Request::Carry(Carry { client, hello: Concealed(hello.to_vec()), rest: Concealed(rest.to_vec()) })
            }
            Kind::Look => {
                let code = fields.array()?;
                let secret = fields.secret()?;
                fields.finish()?;
                Request::Look(Look { client, code, secret: secret.map(|text| Concealed(text.to_owned())) })
            }
        };
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

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8], max: usize) -> Result<(), HailFault> {
    out.extend_from_slice(&short(bytes.len(), max)?.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_client(out: &mut Vec<u8>, client: LimitedClient) {
    out.push(client.address.is_some().into());
    out.extend_from_slice(&client.address.unwrap_or(0).to_le_bytes());
    out.push(if client.is_out_of_guesses { OUT_OF_GUESSES } else { 0 });
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

    fn bytes(&mut self) -> Result<&'a [u8], HailFault> {
        let len = self.u16()?;
        self.slice(len.into())
    }

    fn secret(&mut self) -> Result<Option<&'a str>, HailFault> {
        let len = self.u16()?;
        if len == NO_SECRET {
            return Ok(None);
        }
        let text = self.slice(short(len.into(), SECRET_BYTES_MAX)?.into())?;
        str::from_utf8(text).map(Some).map_err(|_| HailFault::Text)
    }

    fn client(&mut self) -> Result<LimitedClient, HailFault> {
        let address = match (self.u8()?, self.array().map(u64::from_le_bytes)?) {
            (0, 0) => None,
            (1, number) => Some(number),
            _ => return Err(HailFault::Address),
        };
        match self.u8()? {
            flags @ (0 | OUT_OF_GUESSES) => Ok(LimitedClient { address, is_out_of_guesses: flags == OUT_OF_GUESSES }),
            other => Err(HailFault::Flags(other)),
        }
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
