//! The server's frame reader: any bytes, in pieces of any size; the size of the pieces must not matter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickwire_server::websocket::frame::{FrameLimits, FrameReader, Incoming};

/// The events that the reader gives: a number for each kind with the bytes that belong to it, and the close code at the
/// end.
fn read(bytes: &[u8], piece: usize) -> Vec<(u16, Vec<u8>)> {
    let mut reader = FrameReader::new(FrameLimits::CLIENT);
    let mut out = Vec::new();
    let mut rest = bytes;
    loop {
        loop {
            match reader.poll(0) {
                Ok(None) => break,
                Ok(Some(Incoming::Message(payload))) => {
                    assert!(payload.len() <= FrameLimits::CLIENT.message_bytes_max);
                    out.push((0, payload.to_vec()));
                }
                Ok(Some(Incoming::Text(_))) => unreachable!("the limits of players refuse text"),
                Ok(Some(Incoming::Ping(payload))) => out.push((1, payload.to_vec())),
                Ok(Some(Incoming::Pong)) => out.push((2, Vec::new())),
                Ok(Some(Incoming::Close { code })) => out.push((code.unwrap_or(3), Vec::new())),
                Err(code) => {
                    out.push((code.number(), Vec::new()));
                    return out;
                }
            }
        }
        if rest.is_empty() {
            return out;
        }
        let space = reader.space();
        let count = rest.len().min(piece).min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
        reader.filled(count);
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    assert_eq!(read(bytes, usize::from(piece) + 1), read(bytes, usize::MAX));
});
