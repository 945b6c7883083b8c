//! WebSocket frames (RFC 6455) as a lean client reads and writes them, without a socket.
//!
//! Only frames that the measured servers send are read: complete, unmasked frames without extensions. A length is
//! checked before any buffer waits for that many bytes.

use thiserror::Error;
use tickwire::limits::SERVER_MESSAGE_BYTES_MAX;

const FIN: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;

/// The mask of all frames: a mask protects proxies from browsers, and neither takes part here.
const MASK: [u8; 4] = [0x5a, 0x17, 0xc3, 0x8e];

/// Bytes that [`put_masked`] adds to a payload of at most 125 bytes.
pub const INPUT_HEAD_BYTES: usize = 6;

/// The purpose of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A binary message.
    Binary,
    /// A text message.
    Text,
    /// The last frame.
    Close,
    /// A request for a pong.
    Ping,
    /// An answer to a ping.
    Pong,
}

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The purpose of the frame.
    pub kind: Kind,
    /// The bytes that the frame carries.
    pub payload: &'a [u8],
    /// Bytes of the complete frame, its head included.
    pub len: usize,
}

/// A frame that no measured server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A fragment, an extension or an unknown kind.
    #[error("frame starts with {0:#04x}")]
    Start(u8),
    /// A mask, which servers do not use.
    #[error("frame is masked")]
    Masked,
    /// More bytes than a client accepts.
    #[error("frame of {0} bytes")]
    TooBig(u64),
}

/// The frame at the start of `bytes`; `None` when its end is missing.
///
/// # Errors
/// [`FrameError`]; the connection is of no further use then.
pub fn first_frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let kind = match first & OPCODE {
        _ if first & !OPCODE != FIN => return Err(FrameError::Start(*first)),
        0x1 => Kind::Text,
        0x2 => Kind::Binary,
        0x8 => Kind::Close,
        0x9 => Kind::Ping,
        0xa => Kind::Pong,
        _ => return Err(FrameError::Start(*first)),
    };
    if second & MASKED != 0 {
        return Err(FrameError::Masked);
    }
    let length_bytes = match second {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(length) = rest.get(..length_bytes) else { return Ok(None) };
    let length = match length_bytes {
        0 => u64::from(*second),
        _ => length.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)),
    };
    let payload_len = usize::try_from(length).ok().filter(|length| *length <= SERVER_MESSAGE_BYTES_MAX);
    let payload_len = payload_len.ok_or(FrameError::TooBig(length))?;
    let payload = rest.get(length_bytes..length_bytes + payload_len);
    Ok(payload.map(|payload| Frame { kind, payload, len: 2 + length_bytes + payload_len }))
}

/// Appends a client's frame: masked, in one piece.
///
/// # Panics
/// For a payload over 64 KiB: none of our clients has so much to send.
pub fn put_masked(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    let length = u16::try_from(payload.len()).expect("a client's message is short");
    out.push(FIN | opcode(kind));
    match u8::try_from(length) {
        Ok(short @ 0..=125) => out.push(MASKED | short),
        _ => {
            out.push(MASKED | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// A server's binary frame of `frame_len` bytes in all, its payload zeros.
///
/// # Panics
/// For lengths that no frame has, or that no frame of a lean server has: below 2, exactly 128, above 64 KiB.
#[must_use]
pub fn blank_frame(frame_len: usize) -> Vec<u8> {
    let mut frame = vec![FIN | opcode(Kind::Binary)];
    match u8::try_from(frame_len.checked_sub(2).expect("a frame has a head")) {
        Ok(short @ 0..=125) => frame.push(short),
        _ => {
            let length = u16::try_from(frame_len - 4).expect("a lean server's frame is short");
            frame.push(126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.resize(frame_len, 0);
    frame
}

const fn opcode(kind: Kind) -> u8 {
    match kind {
        Kind::Text => 0x1,
        Kind::Binary => 0x2,
        Kind::Close => 0x8,
        Kind::Ping => 0x9,
        Kind::Pong => 0xa,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths_are_read_and_truncated_frames_are_not() {
        for frame_len in [2, 3, 127, 130, 700, 65_539] {
            let mut bytes = blank_frame(frame_len);
            assert_eq!(bytes.len(), frame_len);
            let found = first_frame(&bytes).unwrap().unwrap();
            assert_eq!((found.kind, found.len), (Kind::Binary, frame_len));
            assert!(found.payload.len() + 2 == frame_len || found.payload.len() + 4 == frame_len);
            for cut in [0, 1, 2, 3, frame_len - 1] {
                assert_eq!(first_frame(&bytes[..cut.min(frame_len - 1)]), Ok(None), "{frame_len} cut at {cut}");
            }
            bytes.extend_from_slice(&[0x82, 0]);
            assert_eq!(first_frame(&bytes).unwrap().unwrap().len, frame_len, "the bytes that follow are not read");
        }
    }

    #[test]
    fn a_frame_that_no_measured_server_sends_is_an_error() {
        assert_eq!(first_frame(&[0x02, 0]), Err(FrameError::Start(0x02)), "a fragment");
        assert_eq!(first_frame(&[0xc2, 0]), Err(FrameError::Start(0xc2)), "compressed");
        assert_eq!(first_frame(&[0x83, 0]), Err(FrameError::Start(0x83)));
        assert_eq!(first_frame(&[0x82, 0x81]), Err(FrameError::Masked));
        let huge = [&[0x82, 127][..], &(1_u64 << 40).to_be_bytes()].concat();
        assert_eq!(first_frame(&huge), Err(FrameError::TooBig(1 << 40)));
    }

    #[test]
    fn a_client_masks_its_payload() {
        for payload_len in [0, 14, 125, 126, 1_000] {
            let payload: Vec<u8> = (0..=255).cycle().take(payload_len).collect();
            let mut out = Vec::new();
            put_masked(&mut out, Kind::Binary, &payload);
            let head_len = if payload_len > 125 { 8 } else { INPUT_HEAD_BYTES };
            assert_eq!(out.len(), head_len + payload_len);
            assert_eq!((out[0], out[1] & MASKED), (0x82, MASKED));
            let unmasked = out[head_len..].iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key);
            assert!(unmasked.eq(payload));
        }
    }
}
