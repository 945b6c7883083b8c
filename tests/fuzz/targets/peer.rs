//! The server's frame reader against tungstenite's: well-formed frames in any order with any bytes behind them, cut
//! anywhere, mean the same to both.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../it/reference/frames.rs"]
mod frames;

/// A frame with the shortest form of its length and a mask.
fn put_frame(stream: &mut Vec<u8>, first: u8, payload: &[u8]) {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let len = payload.len().min(usize::from(u16::MAX));
    stream.push(first);
    if len < 126 {
        stream.push(0x80 | len as u8);
    } else {
        stream.push(0x80 | 126);
        stream.extend_from_slice(&(len as u16).to_be_bytes());
    }
    stream.extend_from_slice(&MASK);
    stream.extend(payload[..len].iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
}

fuzz_target!(|input: (Vec<u8>, Vec<(u8, Vec<u8>)>, &[u8])| {
    let (cuts, frames, behind) = input;
    let mut stream = Vec::new();
    for (first, payload) in frames.iter().take(40) {
        put_frame(&mut stream, *first, payload);
    }
    stream.extend_from_slice(behind);
    frames::compare(&stream, &cuts);
});
