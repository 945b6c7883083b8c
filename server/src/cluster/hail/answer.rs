//! Answers of an owner: each is for one hail, and its mac is made with the key that the hail was sealed with.

use super::{Concealed, Fields, HailFault, MAC_BYTES, sealed, short, split};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

/// Bytes of the body of an answer at the most.
pub(crate) const PEER_BODY_BYTES_MAX: usize = 1_024;

/// Bytes of an answer before its body.
pub(crate) const ANSWER_HEAD_BYTES: usize = 3;

const _: () = assert!(PEER_BODY_BYTES_MAX <= u16::MAX as usize, "the length of a body travels as a u16");

/// The reason for which an owner's door stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShutReason {
    /// There is no such room, or the secret is not that of the room.
    Wrong = 0,
    /// The client has made too many guesses.
    Guesses = 1,
    /// Too many passwords wait to be hashed.
    Busy = 2,
}

/// The message of an owner, after a hail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The socket is the player's from now on.
    Carried,
    /// The owner does not have the room.
    NotHere,
    /// The owner takes no more at the moment.
    Busy,
    /// The connection is to be closed with this code. Any number may be here.
    Refused(u16),
    /// The room, as JSON. Any bytes may be here, at most [`PEER_BODY_BYTES_MAX`].
    Room(Concealed<Vec<u8>>),
    /// The client may not see the room.
    Shut {
        /// The reason.
        reason: ShutReason,
        /// Seconds until the client may ask again.
        seconds: u32,
    },
}

/// The kinds of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Carried = 0,
    NotHere = 1,
    Busy = 2,
    Refused = 3,
    Room = 4,
    Shut = 5,
}

impl Status {
    pub(super) fn of(byte: u8) -> Result<Self, HailFault> {
        [Self::Carried, Self::NotHere, Self::Busy, Self::Refused, Self::Room, Self::Shut]
            .into_iter()
            .find(|status| *status as u8 == byte)
            .ok_or(HailFault::Status(byte))
    }
}

/// The first [`ANSWER_HEAD_BYTES`] of an answer. Only their form is known: the mac comes after the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AnswerHead {
    pub(super) status: Status,
    pub(super) len: u16,
}

impl AnswerHead {
    pub(super) fn encode(self) -> [u8; ANSWER_HEAD_BYTES] {
        let [low, high] = self.len.to_le_bytes();
        [self.status as u8, low, high]
    }

    /// Reads the first bytes of an answer.
    ///
    /// # Errors
    /// When they are not as many, the status is unknown, or the body is too long.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HailFault> {
        let mut fields = Fields(bytes);
        let status = Status::of(fields.u8()?)?;
        let len = short(fields.u16()?.into(), PEER_BODY_BYTES_MAX)?;
        fields.finish()?;
        Ok(Self { status, len })
    }

    /// Bytes of the answer that follow: at most [`PEER_BODY_BYTES_MAX`] and a mac.
    pub(crate) fn wanted(self) -> usize {
        usize::from(self.len) + MAC_BYTES
    }
}

/// The key of the answer to one hail: the key that the hail was sealed with, and both nonces. Both sides have it, and
/// it is used once.
pub(crate) struct AnswerKey(Hmac<Sha256>);

impl fmt::Debug for AnswerKey {
    /// Without the key: a log must not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerKey(..)")
    }
}

impl AnswerKey {
    /// The key that goes on from this mac.
    pub(super) const fn new(mac: Hmac<Sha256>) -> Self {
        Self(mac)
    }

    /// The answer, at the owner.
    ///
    /// # Errors
    /// When the body is too long.
    pub(crate) fn seal(self, answer: &Answer) -> Result<Vec<u8>, HailFault> {
        let mut body = Vec::new();
        let status = match answer {
            Answer::Carried => Status::Carried,
            Answer::NotHere => Status::NotHere,
            Answer::Busy => Status::Busy,
            Answer::Refused(code) => {
                body.extend_from_slice(&code.to_le_bytes());
                Status::Refused
            }
            Answer::Room(view) => {
                body.extend_from_slice(&view.0);
                Status::Room
            }
            Answer::Shut { reason, seconds } => {
                body.push(*reason as u8);
                body.extend_from_slice(&seconds.to_le_bytes());
                Status::Shut
            }
        };
        let head = AnswerHead { status, len: short(body.len(), PEER_BODY_BYTES_MAX)? };
        Ok(self.seal_parts(head, &body))
    }

    pub(super) fn seal_parts(self, head: AnswerHead, body: &[u8]) -> Vec<u8> {
        sealed(self.0, &head.encode(), body)
    }

    /// Opens an answer with the bytes that follow its head, at the relay.
    ///
    /// # Errors
    /// When the bytes are not [`wanted`](AnswerHead::wanted) many, the key has not made the mac, or the body is
    /// malformed.
    pub(crate) fn open(self, head: AnswerHead, follow: &[u8]) -> Result<Answer, HailFault> {
        let (body, mac) = split(follow, head.len)?;
        let signed = self.0.chain_update(head.encode()).chain_update(body);
        signed.verify_slice(mac).map_err(|_| HailFault::Key)?;
        let mut fields = Fields(body);
        let answer = match head.status {
            Status::Carried => Answer::Carried,
            Status::NotHere => Answer::NotHere,
            Status::Busy => Answer::Busy,
            Status::Refused => Answer::Refused(fields.u16()?),
            Status::Room => Answer::Room(Concealed(fields.slice(body.len())?.to_vec())),
            Status::Shut => Answer::Shut { reason: fields.reason()?, seconds: fields.array().map(u32::from_le_bytes)? },
        };
        fields.finish()?;
        Ok(answer)
    }
}
