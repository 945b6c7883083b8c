//! Answers of an owner: each is for one hail, and its mac is made with the key that the hail was sealed with.
//!
//! A hail that moves a room has two answers. The mac of the second one goes on from the bytes under that of the first
//! one, so that it is for one hail and one first answer.

use super::keys::SECOND_LABEL;
use super::{Concealed, Fields, HailFault, MAC_BYTES, sealed, short, split};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

/// Bytes of the body of any answer at the most.
pub(crate) const PEER_BODY_BYTES_MAX: usize = 60 * 1024;

/// Bytes of a room as JSON at the most. No body but that of [`Answer::Api`] is longer.
pub(crate) const ROOM_BYTES_MAX: usize = 1_024;

/// Bytes of the JSON of [`Answer::Api`] at the most: the status and the seconds are before it.
pub(crate) const API_BODY_BYTES_MAX: usize = PEER_BODY_BYTES_MAX - 6;

/// Bytes of an answer before its body.
pub(crate) const ANSWER_HEAD_BYTES: usize = 3;

const _: () = assert!(PEER_BODY_BYTES_MAX <= u16::MAX as usize, "the length of a body travels as a u16");
const _: () = assert!(ROOM_BYTES_MAX <= PEER_BODY_BYTES_MAX, "a room fits into a body");

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

/// The answer to a call of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiAnswer {
    /// The HTTP status. Any number may be here.
    pub(crate) status: u16,
    /// Seconds until the client may ask again; 0 when nothing is said about it.
    pub(crate) seconds: u32,
    /// The JSON. Any bytes may be here, at most [`API_BODY_BYTES_MAX`].
    pub(crate) body: Concealed<Vec<u8>>,
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
    /// The room, as JSON. Any bytes may be here, at most [`ROOM_BYTES_MAX`].
    Room(Concealed<Vec<u8>>),
    /// The client may not see the room.
    Shut {
        /// The reason.
        reason: ShutReason,
        /// Seconds until the client may ask again.
        seconds: u32,
    },
    /// The answer to a call of the HTTP API.
    Api(ApiAnswer),
    /// The bytes of the room may come now. A second answer follows after them.
    Send,
    /// The room is the owner's.
    Taken {
        /// The revision of the room's claim, as the owner has written it.
        revision: u64,
    },
}

impl Answer {
    /// The status and the body.
    fn encode(&self) -> Result<(Status, Vec<u8>), HailFault> {
        let mut body = Vec::new();
        let status = match self {
            Self::Carried => Status::Carried,
            Self::NotHere => Status::NotHere,
            Self::Busy => Status::Busy,
            Self::Refused(code) => {
                body.extend_from_slice(&code.to_le_bytes());
                Status::Refused
            }
            Self::Room(view) => {
                body.extend_from_slice(&view.0);
                Status::Room
            }
            Self::Shut { reason, seconds } => {
                body.push(*reason as u8);
                body.extend_from_slice(&seconds.to_le_bytes());
                Status::Shut
            }
            Self::Api(answer) => {
                short(answer.body.0.len(), API_BODY_BYTES_MAX)?;
                body.extend_from_slice(&answer.status.to_le_bytes());
                body.extend_from_slice(&answer.seconds.to_le_bytes());
                body.extend_from_slice(&answer.body.0);
                Status::Api
            }
            Self::Send => Status::Send,
            Self::Taken { revision } => {
                body.extend_from_slice(&revision.to_le_bytes());
                Status::Taken
            }
        };
        Ok((status, body))
    }

    /// Reads a body whose mac is verified.
    fn decode(status: Status, body: &[u8]) -> Result<Self, HailFault> {
        let mut fields = Fields(body);
        let answer = match status {
            Status::Carried => Self::Carried,
            Status::NotHere => Self::NotHere,
            Status::Busy => Self::Busy,
            Status::Refused => Self::Refused(fields.u16()?),
            Status::Room => Self::Room(Concealed(fields.rest().to_vec())),
            Status::Shut => Self::Shut { reason: fields.reason()?, seconds: fields.u32()? },
            Status::Api => {
                let (status, seconds) = (fields.u16()?, fields.u32()?);
                Self::Api(ApiAnswer { status, seconds, body: Concealed(fields.rest().to_vec()) })
            }
            Status::Send => Self::Send,
            Status::Taken => Self::Taken { revision: fields.u64()? },
        };
        fields.finish()?;
        Ok(answer)
    }
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
    Api = 6,
    Send = 7,
    Taken = 8,
}

impl Status {
    pub(super) const ALL: [Self; 9] = [
        Self::Carried,
        Self::NotHere,
        Self::Busy,
        Self::Refused,
        Self::Room,
        Self::Shut,
        Self::Api,
        Self::Send,
        Self::Taken,
    ];

    fn of(byte: u8) -> Result<Self, HailFault> {
        Self::ALL.into_iter().find(|status| *status as u8 == byte).ok_or(HailFault::Status(byte))
    }
}

/// The first [`ANSWER_HEAD_BYTES`] of an answer. Only their form is known: the mac comes after the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AnswerHead {
    status: Status,
    len: u16,
}

impl AnswerHead {
    /// The head of an answer whose body has this length.
    pub(super) fn new(status: Status, len: usize) -> Result<Self, HailFault> {
        // A relay makes space for a body before it knows that a peer has sent it.
        let max = if status == Status::Api { PEER_BODY_BYTES_MAX } else { ROOM_BYTES_MAX };
        Ok(Self { status, len: short(len, max)? })
    }

    pub(super) fn encode(self) -> [u8; ANSWER_HEAD_BYTES] {
        let [low, high] = self.len.to_le_bytes();
        [self.status as u8, low, high]
    }

    /// Reads the first bytes of an answer.
    ///
    /// # Errors
    /// When they are not as many, the status is unknown, or the body is too long for it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HailFault> {
        let mut fields = Fields(bytes);
        let status = Status::of(fields.u8()?)?;
        let head = Self::new(status, fields.u16()?.into())?;
        fields.finish()?;
        Ok(head)
    }

    /// Bytes of the answer that follow: at most [`PEER_BODY_BYTES_MAX`] and a mac.
    pub(crate) fn wanted(self) -> usize {
        usize::from(self.len) + MAC_BYTES
    }
}

/// The key of the answer to one hail: the key that the hail was sealed with, both nonces, and for a second answer the
/// first one. Both sides have it, and it is used once.
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
        let (status, body) = answer.encode()?;
        Ok(self.seal_parts(AnswerHead::new(status, body.len())?, &body))
    }

    /// The first of two answers, at the owner, and the key of the second one.
    ///
    /// A first answer has the bytes of an only one: a node that refuses a hail need not know whether two are wanted.
    ///
    /// # Errors
    /// When the body is too long.
    pub(crate) fn seal_first(self, answer: &Answer) -> Result<(Vec<u8>, Self), HailFault> {
        let (status, body) = answer.encode()?;
        let head = AnswerHead::new(status, body.len())?;
        let second = Self(self.0.clone().chain_update(head.encode()).chain_update(&body).chain_update(SECOND_LABEL));
        Ok((self.seal_parts(head, &body), second))
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
        self.open_first(head, follow).map(|(answer, _)| answer)
    }

    /// Opens the first of two answers with the bytes that follow its head, at the relay. The key is that of the second
    /// answer, which comes after [`Answer::Send`] alone.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub(crate) fn open_first(self, head: AnswerHead, follow: &[u8]) -> Result<(Answer, Self), HailFault> {
        let (body, mac) = split(follow, head.len)?;
        let signed = self.0.chain_update(head.encode()).chain_update(body);
        signed.clone().verify_slice(mac).map_err(|_| HailFault::Key)?;
        Ok((Answer::decode(head.status, body)?, Self(signed.chain_update(SECOND_LABEL))))
    }
}
