//! Frames of clients, good and damaged: the server's reader and tungstenite's say the same about every stream.

use crate::reference::frames::{Fault, Said, compare};
use crate::sessions::seeds;
use crate::socket::{Event, Socket, frame, http};
use tickwire::Rng;
use tickwire_server::{Config, Server};

/// Seeds, each of which makes thirty streams.
const SEEDS: u64 = 600;

fn bytes(dice: &mut Rng, len: u32) -> Vec<u8> {
    (0..len).map(|_| u8::try_from(dice.below(256)).expect("a byte")).collect()
}

fn text(dice: &mut Rng, len: u32) -> Vec<u8> {
    let letters = ["a", "\u{e9}", "\u{20ac}", "\u{1f980}", "\u{0}", "\u{7ff}", "\u{d7ff}", "\u{10ffff}"];
    (0..len).flat_map(|_| letters[dice.below(8) as usize].bytes()).collect()
}

/// A good frame, or one that breaks a rule of order alone, such as a lone continuation.
fn any_frame(dice: &mut Rng) -> Vec<u8> {
    let lens = [0, 1, 5, 124, 125, 126, 127, 300, 1_023, 1_024, 2_047, 2_048, 2_049];
    let kinds = if dice.below(4) == 0 { 13 } else { 6 };
    let len = lens[dice.below(kinds) as usize];
    match dice.below(10) {
        0 | 1 => frame(0x82, &bytes(dice, len)),
        2 => frame(0x81, &text(dice, len.min(300))),
        3 => frame(0x02, &bytes(dice, len)),
        4 => frame(0x01, &text(dice, len.min(300))),
        5 => frame(0x00, &text(dice, len.min(300))),
        6 => frame(0x80, &text(dice, len.min(300))),
        7 => frame(0x89, &bytes(dice, len.min(125))),
        8 => frame(0x8a, &bytes(dice, len.min(125))),
        _ => {
            let codes = [1000, 1004, 1005, 1011, 1014, 1015, 2999, 3000, 4999, 5000, 0];
            let code: u16 = codes[dice.below(11) as usize];
            let letters = dice.below(20);
            frame(0x88, &[&code.to_be_bytes()[..], &text(dice, letters)].concat())
        }
    }
}

/// Some frames one after another, most of them in a good order.
fn any_stream(dice: &mut Rng) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..=dice.below(8) {
        stream.extend(any_frame(dice));
    }
    stream
}

/// Changes some bytes: single bits anywhere, or whole bytes near the start, where the heads are.
fn damage(dice: &mut Rng, stream: &mut Vec<u8>) {
    for _ in 0..=dice.below(3) {
        let len = u32::try_from(stream.len()).expect("a short stream");
        let end = if dice.below(2) == 0 { len } else { len.min(16) };
        let place = dice.below(end) as usize;
        match dice.below(4) {
            0 => stream[place] ^= 1 << dice.below(8),
            1 => stream[place] = bytes(dice, 1)[0],
            2 => stream.truncate(place + 1),
            _ => stream.insert(place, bytes(dice, 1)[0]),
        }
    }
}

#[test]
fn any_stream_of_frames_means_the_same_to_our_reader_and_to_another_one() {
    // Messages, texts, control frames, closes, and the three kinds of faults.
    let mut seen = [0; 7];
    for seed in seeds(SEEDS) {
        let mut dice = Rng::new(seed);
        for round in 0..30 {
            let mut stream = any_stream(&mut dice);
            match round % 3 {
                0 => {}
                1 => damage(&mut dice, &mut stream),
                _ => {
                    let len = 1 + dice.below(200);
                    stream = bytes(&mut dice, len);
                    stream[0] = [0x82, 0x02, 0x80, 0x88, 0x89, 0x81][dice.below(6) as usize];
                }
            }
            let cuts = bytes(&mut dice, 1 + round % 5);
            for said in compare(&stream, &cuts) {
                seen[kind(&said)] += 1;
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "a kind of result is too rare to be compared: {seen:?}");
}

fn kind(said: &Said) -> usize {
    match said {
        Said::Binary(_) => 0,
        Said::Text(_) => 1,
        Said::Ping(_) | Said::Pong => 2,
        Said::Close(_) => 3,
        Said::Fault(Fault::Protocol) => 4,
        Said::Fault(Fault::Encoding) => 5,
        Said::Fault(Fault::TooBig) => 6,
        Said::Fault(Fault::Refused) => panic!("the limits of both readers refuse nothing by rules of our own"),
    }
}

#[test]
fn a_server_for_players_has_no_echo_and_takes_no_text() {
    let server = Server::new(Config::on_free_ports()).start().expect("a server on free ports");
    let (status, _) = http(server.address(), "GET", "/autobahn", "");
    assert_eq!(status, 404, "the echo is of the feature `conformance` alone");
    for first in [0x81, 0x01] {
        let mut socket = Socket::open(server.address());
        socket.send(&frame(first, b"hello"));
        assert_eq!(socket.next(), Event::Close(1003));
    }
}
