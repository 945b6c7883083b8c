//! Requests: the things that a relay wants of an owner, and the payload of each.
//!
//! Each kind reads all of its own payload. A value that is too long is refused before it is copied.

use super::{Concealed, Fields, HailFault, PEER_PAYLOAD_BYTES_MAX, short};
use sha2::{Digest, Sha256};

/// Bytes of the body of a call of the HTTP API at the most.
pub(crate) const CALL_BODY_BYTES_MAX: usize = 4_096;

/// Bytes of a room that goes to another node at the most.
pub(crate) const ROOM_MOVE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of the secret of a room at the most.
const SECRET_BYTES_MAX: usize = 128;

/// The length in the place of a secret that is not there.
const NO_SECRET: u16 = u16::MAX;

/// The bit of the flags for a client whose address has no guesses left.
const OUT_OF_GUESSES: u8 = 1;

const _: () = assert!(SECRET_BYTES_MAX < NO_SECRET as usize, "no secret has the length that stands for none");
const _: () = assert!(CALL_BODY_BYTES_MAX + 13 <= PEER_PAYLOAD_BYTES_MAX, "the longest wish fits into a payload");
const _: () = assert!(ROOM_MOVE_BYTES_MAX <= u32::MAX as usize, "the length of a room travels as a u32");

/// A client of a relay, as the owner's limits see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitedClient {
    /// The number of the client's address; `None` when limits do not apply to it.
    pub(crate) address: Option<u64>,
    /// Whether the address has used up its guesses at the relay.
    pub(crate) is_out_of_guesses: bool,
}

impl LimitedClient {
    fn encode(self, out: &mut Vec<u8>) {
        out.push(self.address.is_some().into());
        out.extend_from_slice(&self.address.unwrap_or(0).to_le_bytes());
        out.push(if self.is_out_of_guesses { OUT_OF_GUESSES } else { 0 });
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, HailFault> {
        let address = match (fields.u8()?, fields.u64()?) {
            (0, 0) => None,
            (1, number) => Some(number),
            _ => return Err(HailFault::Address),
        };
        match fields.u8()? {
            flags @ (0 | OUT_OF_GUESSES) => Ok(Self { address, is_out_of_guesses: flags == OUT_OF_GUESSES }),
            other => Err(HailFault::Flags(other)),
        }
    }
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

impl Carry {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), HailFault> {
        self.client.encode(out);
        put_bytes(out, &self.hello.0, PEER_PAYLOAD_BYTES_MAX)?;
        put_bytes(out, &self.rest.0, PEER_PAYLOAD_BYTES_MAX)
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, HailFault> {
        let client = LimitedClient::decode(fields)?;
        let (hello, rest) = (fields.bytes(PEER_PAYLOAD_BYTES_MAX)?, fields.bytes(PEER_PAYLOAD_BYTES_MAX)?);
        Ok(Self { client, hello: Concealed(hello.to_vec()), rest: Concealed(rest.to_vec()) })
    }
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

impl Look {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), HailFault> {
        self.client.encode(out);
        out.extend_from_slice(&self.code);
        match &self.secret {
            Some(secret) => put_bytes(out, secret.0.as_bytes(), SECRET_BYTES_MAX)?,
            None => out.extend_from_slice(&NO_SECRET.to_le_bytes()),
        }
        Ok(())
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, HailFault> {
        let (client, code) = (LimitedClient::decode(fields)?, fields.array()?);
        let len = fields.u16()?;
        if len == NO_SECRET {
            return Ok(Self { client, code, secret: None });
        }
        let text = fields.slice(short(len.into(), SECRET_BYTES_MAX)?.into())?;
        let text = str::from_utf8(text).map_err(|_| HailFault::Text)?;
        Ok(Self { client, code, secret: Some(Concealed(text.to_owned())) })
    }
}

/// The calls of the HTTP API that a node may be asked to answer for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// A place in any room of a game.
    Match = 0,
    /// A new room.
    Create = 1,
    /// The public rooms.
    List = 2,
}

impl Call {
    fn of(byte: u8) -> Result<Self, HailFault> {
        let known = [Self::Match, Self::Create, Self::List];
        known.into_iter().find(|call| *call as u8 == byte).ok_or(HailFault::Call(byte))
    }
}

/// A call of the HTTP API that the owner is asked to answer in the place of the node that got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiCall {
    /// The client that has made the call.
    pub(crate) client: LimitedClient,
    /// The call.
    pub(crate) call: Call,
    /// Its body. Any bytes may be here, at most [`CALL_BODY_BYTES_MAX`].
    pub(crate) body: Concealed<Vec<u8>>,
}

impl ApiCall {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), HailFault> {
        self.client.encode(out);
        out.push(self.call as u8);
        put_bytes(out, &self.body.0, CALL_BODY_BYTES_MAX)
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, HailFault> {
        let (client, call) = (LimitedClient::decode(fields)?, Call::of(fields.u8()?)?);
        Ok(Self { client, call, body: Concealed(fields.bytes(CALL_BODY_BYTES_MAX)?.to_vec()) })
    }
}

/// A room that its node has frozen, and that another node is asked to take over. The bytes of the room are no part of
/// the hail: they follow after the first answer, and the mac of the hail covers them by their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Take {
    /// The characters of the room's code. Any bytes may be here.
    pub(crate) code: [u8; 6],
    /// The epoch that the room gets at the node that takes it.
    pub(crate) epoch: u32,
    /// The revision of the room's claim in the registry.
    pub(crate) revision: u64,
    /// The tick at which the room is frozen.
    pub(crate) tick: u64,
    /// The hash of the world at that tick.
    pub(crate) hash: u64,
    /// Bytes of the room, at most [`ROOM_MOVE_BYTES_MAX`].
    pub(crate) len: u32,
    /// The SHA-256 of these bytes.
    pub(crate) digest: [u8; 32],
}

impl Take {
    /// Whether these are the bytes of the room. All of them are hashed when they are as many: for the largest room this
    /// takes longer than a tick.
    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.len as usize && Sha256::digest(bytes).as_slice() == self.digest
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), HailFault> {
        out.extend_from_slice(&self.code);
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.revision.to_le_bytes());
        out.extend_from_slice(&self.tick.to_le_bytes());
        out.extend_from_slice(&self.hash.to_le_bytes());
        out.extend_from_slice(&room_len(self.len)?.to_le_bytes());
        out.extend_from_slice(&self.digest);
        Ok(())
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, HailFault> {
        Ok(Self {
            code: fields.array()?,
            epoch: fields.u32()?,
            revision: fields.u64()?,
            tick: fields.u64()?,
            hash: fields.u64()?,
            len: room_len(fields.u32()?)?,
            digest: fields.array()?,
        })
    }
}

/// The thing that a relay wants of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// The owner takes a connection.
    Carry(Carry),
    /// The owner tells about a room.
    Look(Look),
    /// The owner answers a call of the HTTP API.
    Api(ApiCall),
    /// The owner takes a room over.
    Take(Take),
}

/// The kinds of hails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Carry = 1,
    Look = 2,
    Api = 3,
    Take = 4,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Carry, Self::Look, Self::Api, Self::Take];

    pub(super) fn of(byte: u8) -> Result<Self, HailFault> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte).ok_or(HailFault::Kind(byte))
    }
}

impl Request {
    /// The kind of the request, and its payload.
    pub(super) fn encode(&self) -> Result<(Kind, Vec<u8>), HailFault> {
        let mut payload = Vec::new();
        let kind = match self {
            Self::Carry(carry) => carry.encode(&mut payload).map(|()| Kind::Carry),
            Self::Look(look) => look.encode(&mut payload).map(|()| Kind::Look),
            Self::Api(call) => call.encode(&mut payload).map(|()| Kind::Api),
            Self::Take(take) => take.encode(&mut payload).map(|()| Kind::Take),
        }?;
        Ok((kind, payload))
    }

    /// Reads a payload whose mac is verified.
    pub(super) fn decode(kind: Kind, payload: &[u8]) -> Result<Self, HailFault> {
        let mut fields = Fields(payload);
        let request = match kind {
            Kind::Carry => Self::Carry(Carry::decode(&mut fields)?),
            Kind::Look => Self::Look(Look::decode(&mut fields)?),
            Kind::Api => Self::Api(ApiCall::decode(&mut fields)?),
            Kind::Take => Self::Take(Take::decode(&mut fields)?),
        };
        fields.finish()?;
        Ok(request)
    }
}

/// The length of a room as it travels, when it is within its bound.
fn room_len(len: u32) -> Result<u32, HailFault> {
    let (bytes, max) = (len as usize, ROOM_MOVE_BYTES_MAX);
    if bytes <= max { Ok(len) } else { Err(HailFault::TooLong { len: bytes, max }) }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8], max: usize) -> Result<(), HailFault> {
    out.extend_from_slice(&short(bytes.len(), max)?.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}
