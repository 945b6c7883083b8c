//! The frame reader against everything a client may send, cut at every byte.

use super::*;
use tickwire::Rng;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A result of a reader, as an owned value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Message(Vec<u8>),
    Text(String),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

fn masked(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    frame.extend_from_slice(length);
    frame[1] |= MASKED;
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A client's frame, with the shortest form of its length.
fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    put_message_head(&mut plain, payload.len());
    masked(if fin { FIN } else { 0 } | opcode, &plain[1..], payload)
}

/// Reads `bytes` in pieces of at most `step` bytes.
fn read(bytes: &[u8], step: usize, limits: FrameLimits) -> (Vec<Said>, Option<CloseCode>) {
    let (mut reader, mut said) = (FrameReader::new(limits), Vec::new());
    let mut rest = bytes;
    loop {
        loop {
            match reader.poll(0) {
                Ok(None) => break,
                Ok(Some(Incoming::Message(message))) => said.push(Said::Message(message.to_vec())),
                Ok(Some(Incoming::Text(text))) => said.push(Said::Text(text.into())),
                Ok(Some(Incoming::Ping(payload))) => said.push(Said::Ping(payload.to_vec())),
                Ok(Some(Incoming::Pong)) => said.push(Said::Pong),
                Ok(Some(Incoming::Close { code })) => said.push(Said::Close(code)),
                Err(code) => return (said, Some(code)),
            }
        }
        if rest.is_empty() {
            return (said, None);
        }
        let space = reader.space();
        let count = rest.len().min(step).min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        reader.filled(count);
        rest = &rest[count..];
    }
}

fn read_all(bytes: &[u8]) -> (Vec<Said>, Option<CloseCode>) {
    read(bytes, usize::MAX, FrameLimits::CLIENT)
}

fn conversation() -> (Vec<u8>, Vec<Said>) {
    let long = vec![7; 700];
    let close = [&1000_u16.to_be_bytes()[..], "bye ✓".as_bytes()].concat();
    let bytes = [
        frame(true, BINARY, b""),
        frame(true, BINARY, b"one"),
        frame(false, BINARY, b"two, "),
        frame(true, PING, b"in between"),
        frame(false, CONTINUATION, b""),
        frame(true, CONTINUATION, b"three"),
        frame(true, PONG, b"nobody asked"),
        frame(true, BINARY, &long),
        frame(true, CLOSE, &close),
        frame(true, BINARY, b"too late"),
    ]
    .concat();
    let said = vec![
        Said::Message(vec![]),
        Said::Message(b"one".to_vec()),
        Said::Ping(b"in between".to_vec()),
        Said::Message(b"two, three".to_vec()),
        Said::Pong,
        Said::Message(long),
        Said::Close(Some(1000)),
    ];
    (bytes, said)
}

#[test]
fn frames_are_read_from_pieces_of_every_size() {
    let (bytes, said) = conversation();
    for step in [1, 2, 3, 5, 7, 64, 1000, usize::MAX] {
        assert_eq!(read(&bytes, step, FrameLimits::CLIENT), (said.clone(), None), "pieces of {step}");
    }
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_frames_before_the_cut() {
    let (bytes, said) = conversation();
    for cut in 0..bytes.len() {
        let (before, error) = read_all(&bytes[..cut]);
        assert_eq!(error, None, "cut at {cut}");
        assert!(said.starts_with(&before), "cut at {cut}");
    }
}

#[test]
fn every_violation_has_its_code() {
    use CloseCode::{Encoding, Policy, Protocol, Text, TooBig};
    let mut unmasked = frame(true, BINARY, b"");
    unmasked[1] &= !MASKED;
    let with = |first: u8| masked(first, &[0], b"");
    let cases: Vec<(&str, Vec<u8>, CloseCode)> = vec![
        ("unmasked", unmasked, Protocol),
        ("first reserved bit", with(FIN | 0x40 | BINARY), Protocol),
        ("second reserved bit", with(FIN | 0x20 | BINARY), Protocol),
        ("third reserved bit", with(FIN | 0x10 | PING), Protocol),
        ("opcode 3", with(FIN | 3), Protocol),
        ("opcode 7", with(FIN | 7), Protocol),
        ("opcode 11", with(FIN | 11), Protocol),
        ("opcode 15", with(FIN | 15), Protocol),
        ("text", frame(true, TEXT, b"hello"), Text),
        ("fragmented text", frame(false, TEXT, b"hello"), Text),
        ("fragmented ping", with(PING), Protocol),
        ("fragmented close", with(CLOSE), Protocol),
        ("long ping", frame(true, PING, &[0; 126]), Protocol),
        ("long pong", frame(true, PONG, &[0; 126]), Protocol),
        ("long close", frame(true, CLOSE, &[b'x'; 126]), Protocol),
        ("16-bit length of 125", masked(FIN | BINARY, &[126, 0, 125], b""), Protocol),
        ("64-bit length of 65535", masked(FIN | BINARY, &[127, 0, 0, 0, 0, 0, 0, 255, 255], b""), Protocol),
        ("64-bit length with the top bit", masked(FIN | BINARY, &[127, 128, 0, 0, 0, 0, 1, 0, 0], b""), Protocol),
        ("64-bit length", masked(FIN | BINARY, &[127, 0, 0, 0, 0, 0, 1, 0, 0], b""), TooBig),
        ("the greatest length", masked(FIN | BINARY, &[127, 127, 255, 255, 255, 255, 255, 255, 255], b""), TooBig),
        ("one byte too much", masked(FIN | BINARY, &[126, 8, 1], b""), TooBig),
        ("lone continuation", frame(true, CONTINUATION, b""), Protocol),
        ("message inside a message", [frame(false, BINARY, b"a"), frame(true, BINARY, b"b")].concat(), Protocol),
        ("close of one byte", frame(true, CLOSE, &[3]), Protocol),
        ("close reason not UTF-8", frame(true, CLOSE, &[3, 232, 0xff]), Encoding),
        ("flood of pings", frame(true, PING, b"").repeat(21), Policy),
        ("flood of pongs", frame(true, PONG, b"").repeat(21), Policy),
    ];
    for (name, bytes, code) in cases {
        assert_eq!(read_all(&bytes).1, Some(code), "{name}");
        assert_eq!(read(&bytes, 1, FrameLimits::CLIENT).1, Some(code), "{name}, byte by byte");
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535_u16] {
        let bytes = frame(true, CLOSE, &code.to_be_bytes());
        assert_eq!(read_all(&bytes).1, Some(Protocol), "close code {code}");
    }
}

#[test]
fn fragments_count_together_in_bytes_and_in_number() {
    let half = [0; CLIENT_MESSAGE_BYTES_MAX / 2];
    let fits = [frame(false, BINARY, &half), frame(true, CONTINUATION, &half)].concat();
    assert_eq!(read_all(&fits), (vec![Said::Message(vec![0; CLIENT_MESSAGE_BYTES_MAX])], None));
    let over =
        [frame(false, BINARY, &half), frame(false, CONTINUATION, &half), frame(true, CONTINUATION, b"x")].concat();
    assert_eq!(read_all(&over), (vec![], Some(CloseCode::TooBig)));

    let empty = frame(false, CONTINUATION, b"");
    let sixteen = [frame(false, BINARY, b""), empty.repeat(14), frame(true, CONTINUATION, b"")].concat();
    assert_eq!(read_all(&sixteen), (vec![Said::Message(vec![])], None));
    let seventeen = [frame(false, BINARY, b""), empty.repeat(16)].concat();
    assert_eq!(read_all(&seventeen), (vec![], Some(CloseCode::TooBig)));
    // The count starts over with the next message.
    assert_eq!(read_all(&sixteen.repeat(3)).0.len(), 3);
}

#[test]
fn text_is_taken_where_it_is_allowed_and_has_to_be_utf_8_from_its_first_fragment_on() {
    let limits = FrameLimits { text: true, ..FrameLimits::CLIENT };
    let crab = "\u{1f980}".as_bytes();
    let good = [
        frame(true, TEXT, b"one"),
        frame(false, TEXT, &crab[..1]),
        frame(true, PING, &[0xff]),
        frame(false, CONTINUATION, &crab[1..3]),
        frame(true, CONTINUATION, &crab[3..]),
        frame(false, BINARY, &[0xff]),
        frame(true, CONTINUATION, &[0xff]),
        frame(true, TEXT, b""),
    ]
    .concat();
    let said = vec![
        Said::Text("one".into()),
        Said::Ping(vec![0xff]),
        Said::Text("\u{1f980}".into()),
        Said::Message(vec![0xff; 2]),
        Said::Text(String::new()),
    ];
    for step in [1, 3, usize::MAX] {
        assert_eq!(read(&good, step, limits), (said.clone(), None), "pieces of {step}");
    }
    let bad = [
        frame(true, TEXT, &[0xff]),
        frame(true, TEXT, &crab[..3]),
        frame(false, TEXT, &[0xed, 0xa0, 0x80]),
        [frame(false, TEXT, b"a"), frame(false, CONTINUATION, &[0xff])].concat(),
        [frame(false, TEXT, &crab[..2]), frame(true, CONTINUATION, b"")].concat(),
        [frame(false, BINARY, &[0xff]), frame(true, CONTINUATION, b""), frame(false, TEXT, &[0xff])].concat(),
    ];
    for bytes in bad {
        assert_eq!(read(&bytes, usize::MAX, limits).1, Some(CloseCode::Encoding), "{bytes:?}");
    }
}

#[test]
fn text_of_the_server_returns() {
    let mut out = Vec::new();
    put_text(&mut out, "\u{1f980}");
    assert_eq!(out, [0x81, 4, 0xf0, 0x9f, 0xa6, 0x80]);
}

#[test]
fn nothing_is_allocated_for_a_length_that_is_refused() {
    let mut reader = FrameReader::new(FrameLimits { message_bytes_max: 1 << 20, ..FrameLimits::CLIENT });
    let head = masked(FIN | BINARY, &[127, 0, 0, 0, 0, 0x7f, 0, 0, 0], b"");
    reader.space()[..head.len()].copy_from_slice(&head);
    reader.filled(head.len());
    assert_eq!(reader.poll(0), Err(CloseCode::TooBig));
    assert_eq!(reader.buffer.len(), READ_BUFFER_BYTES);
}

#[test]
fn a_frame_larger_than_the_buffer_is_read_when_the_limit_allows_it() {
    let limits = FrameLimits { message_bytes_max: 1 << 20, ..FrameLimits::CLIENT };
    let large: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let bytes = [frame(true, BINARY, &large), frame(true, BINARY, b"after")].concat();
    let said = vec![Said::Message(large), Said::Message(b"after".to_vec())];
    assert_eq!(read(&bytes, 1_000, limits), (said, None));
}

#[test]
fn control_frames_are_allowed_again_after_a_while() {
    let mut reader = FrameReader::new(FrameLimits::CLIENT);
    let ping = frame(true, PING, b"x");
    for step in 0..1_000 {
        reader.space()[..ping.len()].copy_from_slice(&ping);
        reader.filled(ping.len());
        assert_eq!(reader.poll(step * 100_000), Ok(Some(Incoming::Ping(b"x"))));
        assert_eq!(reader.poll(step * 100_000), Ok(None));
    }
}

#[test]
fn random_bytes_give_frames_or_errors_and_nothing_else() {
    let mut dice = Rng::new(11);
    for round in 0..20_000_u32 {
        let mut bytes: Vec<u8> = (0..dice.below(400)).map(|_| dice.below(256) as u8).collect();
        // Half of the rounds have a plausible start, because almost all others end at the first byte.
        if round % 2 == 0 && bytes.len() > 2 {
            bytes[0] = [0x82, 0x02, 0x80, 0x88, 0x89, 0x8a][dice.below(6) as usize];
            bytes[1] |= MASKED;
        }
        let whole = read_all(&bytes);
        assert_eq!(read(&bytes, 1, FrameLimits::CLIENT), whole, "round {round}");
    }
}

#[test]
fn frame_heads_of_the_server_have_the_shortest_length() {
    for (len, head) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        let mut out = Vec::new();
        put_message(&mut out, &vec![9; len]);
        assert_eq!(out.len(), head + len);
        assert_eq!(out[0], 0x82);
        assert_eq!(out[1] & MASKED, 0);
    }
}

#[test]
fn close_frames_of_the_server_are_valid() {
    for code in (1000..5000).filter_map(CloseCode::from_number) {
        let mut out = Vec::new();
        put_close(&mut out, code);
        assert_eq!(out[0], 0x88);
        assert_eq!(close_code(&out[2..]), Ok(Some(code.number())));
    }
}

#[test]
fn a_reader_borrows_a_buffer_and_keeps_it_while_a_frame_is_cut() {
    let (mut reader, mut spare) = (FrameReader::starting_with(FrameLimits::CLIENT, &[]), vec![0; READ_BUFFER_BYTES]);
    let bytes = frame(true, BINARY, b"abc");
    let (begin, end) = bytes.split_at(4);
    for (piece, kept) in [(&bytes[..], false), (begin, true), (end, false)] {
        reader.borrow(&mut spare);
        reader.space()[..piece.len()].copy_from_slice(piece);
        reader.filled(piece.len());
        match reader.poll(0) {
            Ok(Some(Incoming::Message(message))) => assert!(!kept && message == b"abc"),
            other => assert!(kept && other == Ok(None)),
        }
        assert_eq!(reader.poll(0), Ok(None));
        reader.give_back(&mut spare);
        assert_eq!(spare.is_empty(), kept, "unread bytes stay with their reader");
    }
}
