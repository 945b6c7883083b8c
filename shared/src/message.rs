//! Messages: the content of the WebSocket binary messages of subprotocol `tickwire.1`.
//!
//! The first byte is the kind. Control messages (hello, welcome, roster), evidence and topics are `bincode` behind this
//! one module, topics by a codec of their own; input frames ([`input`](crate::input)) and snapshots are bit-packed.
//! Decoding is total: any bytes give a value or a [`DecodeError`].
//!
//! ```text
//! client  0x01 hello      bincode          server  0x81 welcome   bincode
//!         0x02 input      InputFrame               0x82 control   bincode
//!         0x03 control    bincode                  0x83 evidence  bincode
//!         0x04 evidence   bincode                  0x84 topic     bincode
//!         0x05 topic      bincode                  0xc0 snapshot  SnapshotHead, priors, events, sections;
//!                                                                 in lockstep: SnapshotHead, then see lockstep
//! ```

pub mod close;
pub mod control;
pub mod events;
pub mod evidence;
pub mod snapshot_head;
pub mod topics;

use crate::wire::DecodeError;
use alloc::vec;
use alloc::vec::Vec;
use bincode::enc::EncoderImpl;
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use bincode::{Decode, Encode};

/// The WebSocket subprotocol, which both sides name in the handshake.
pub const SUBPROTOCOL: &str = "tickwire.1";

/// The WebSocket subprotocol of topics as JSON text, for clients without a game's module.
pub const JSON_SUBPROTOCOL: &str = "tickwire.json.1";

/// The version of the messages. It changes with every change of their layout, or of the meaning of their bytes.
pub const PROTOCOL_VERSION: u16 = 6;

/// The version of the layouts of the records and checkpoints in [`recording`](crate::recording). It changes with them, and
/// then no build takes the bytes of an earlier one for its own.
pub const RECORDING_VERSION: u16 = 1;

/// First byte of a [`Hello`](control::Hello).
pub const HELLO: u8 = 0x01;
/// First byte of an input frame.
pub const INPUT: u8 = 0x02;
/// First byte of a [`ClientControl`](control::ClientControl).
pub const CLIENT_CONTROL: u8 = 0x03;
/// First byte of a [`ClientEvidence`](evidence::ClientEvidence).
pub const CLIENT_EVIDENCE: u8 = 0x04;
/// First byte of a [`ClientTopic`](topics::ClientTopic).
pub const CLIENT_TOPIC: u8 = 0x05;
/// First byte of a [`Welcome`](control::Welcome).
pub const WELCOME: u8 = 0x81;
/// First byte of a [`ServerControl`](control::ServerControl).
pub const SERVER_CONTROL: u8 = 0x82;
/// First byte of a [`ServerEvidence`](evidence::ServerEvidence).
pub const SERVER_EVIDENCE: u8 = 0x83;
/// First byte of a [`ServerTopic`](topics::ServerTopic).
pub const SERVER_TOPIC: u8 = 0x84;
/// The least first byte of a snapshot; its lower six bits are flags.
pub const SNAPSHOT: u8 = 0xc0;

/// A message that is being written, kind byte first.
struct Out(Vec<u8>);

impl Writer for Out {
    /// Not inlined: each field of each message is written by it, in every page.
    #[inline(never)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

fn encode<T: Encode>(kind: u8, message: &T) -> Vec<u8> {
    let mut out = EncoderImpl::new(Out(vec![kind]), bincode::config::standard());
    // `expect` would bring the words for each error of the encoder into every page.
    let Ok(()) = message.encode(&mut out) else { unreachable!("control messages are plain data") };
    out.into_writer().0
}

fn decode<T: Decode<()>, const BYTES_MAX: usize>(kind: u8, message: &[u8]) -> Result<T, DecodeError> {
    let (first, body) = message.split_first().ok_or(DecodeError::Truncated { needed: 1, remaining: 0 })?;
    if *first != kind {
        return Err(DecodeError::UnknownKind(*first));
    }
    // The limit also bounds the memory that a claimed length can allocate.
    let config = bincode::config::standard().with_limit::<BYTES_MAX>();
    let (value, read) = bincode::decode_from_slice(body, config).map_err(|_| DecodeError::Control)?;
    if read == body.len() { Ok(value) } else { Err(DecodeError::Trailing(body.len() - read)) }
}

macro_rules! control_message {
    ($($message:ty = $kind:expr, $bytes_max:expr);* $(;)?) => {$(
        impl $message {
            /// The message as it travels, kind byte first.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                $crate::message::encode($kind, self)
            }

            /// Reads a message, kind byte included.
            ///
            /// # Errors
            /// [`DecodeError`] for anything that [`Self::encode`] does not write.
            pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
                $crate::message::decode::<_, { $bytes_max }>($kind, message)
            }
        }
    )*};
}
use control_message;
