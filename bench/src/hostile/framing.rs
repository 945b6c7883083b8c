//! Rows about WebSocket frames and the messages in them.

use super::member::Member;
use super::row::{Cases, Needs, Outcome, Row};
use super::socket::{BINARY, CLOSE, End, Event, PATIENCE, PING, Peer, frame};
use super::target::Walk;
use anyhow::{Result, anyhow};
use std::time::{Duration, Instant};
use tickwire::message::control::{ClientControl, Hello};
use tickwire::message::evidence::ClientEvidence;
use tickwire::message::topics::ClientTopic;
use tickwire::{Game, Tick};
use tickwire_games::Arena;

pub(super) const ROWS: &[Row] = &[
    Row::new("S7", "a frame without a mask, before the hello and in a room", "1002", unmasked),
    Row::new("S8", "600 MiB in one frame and in fragments; empty fragments", "1009 at once, memory stays", oversize)
        .needs(Needs::Process),
    Row::new("S9", "every way to break the rules of frames", "1002, 1003, 1007 or 1009 by the rule", violations),
    Row::new("S10", "offers of compression, and a frame with the bit for it", "no extension; 1002", compression),
    Row::new(
        "S11",
        "floods of pings, pongs and pings that nobody reads the answers of",
        "1008, answers bounded",
        pings,
    ),
    Row::new("S12", "every truncation and damage of every kind of message", "4000, and no room fails", malformed)
        .needs(Needs::Metrics),
];

/// Memory by which the server may grow while something else goes on in it.
const GROWTH_BYTES_MAX: u64 = 16 << 20;

/// Bytes that may come back for a flood of pings: the bound of the bytes that wait for one client.
const ANSWER_BYTES_MAX: u64 = 65_536;

/// A WebSocket that has not sent its hello.
fn fresh(walk: &Walk) -> Result<Peer> {
    walk.target.upgrade(None).map_err(|reply| anyhow!("no upgrade: {reply}"))
}

/// How the connection ends after these bytes.
fn end_after(mut peer: Peer, bytes: &[u8]) -> End {
    peer.send(bytes);
    peer.end(PATIENCE)
}

fn unmasked(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let mut cases = Cases::default();
    let bare = [BINARY, 2, 1, 2];
    let end = end_after(fresh(walk)?, &bare);
    cases.check("before the hello", end == End::Code(1002), end);
    let member = Member::<Arena>::join(&walk.target, &code, None)?;
    let end = end_after(member.peer, &bare);
    cases.check("in a room", end == End::Code(1002), end);
    Ok(cases.outcome())
}

/// Frame heads that announce so many bytes.
fn huge_head(first: u8, bytes: u64) -> Vec<u8> {
    let mut head = vec![first, 0xff];
    head.extend_from_slice(&bytes.to_be_bytes());
    head.extend_from_slice(&[1, 2, 3, 4]);
    head
}

fn oversize(walk: &Walk) -> Result<Outcome> {
    let (code, before) = (walk.target.room::<Arena>()?, walk.target.rss_bytes()?);
    let mut cases = Cases::default();
    for place in ["before the hello", "in a room"] {
        let peer = || -> Result<Peer> {
            if place == "in a room" { Ok(Member::<Arena>::join(&walk.target, &code, None)?.peer) } else { fresh(walk) }
        };
        let end = end_after(peer()?, &huge_head(BINARY, 600 << 20));
        cases.check(format!("one frame {place}"), end == End::Code(1009), end);
        let (end, sent) = fragments(peer()?, &[7; 16_384], 600 << 20);
        cases.check(format!("fragments {place}"), end == End::Code(1009), format!("{end} after {sent} bytes"));
        let (end, sent) = fragments(peer()?, &[], 20 * 6);
        cases.check(format!("20 empty fragments {place}"), end == End::Code(1009), format!("{end} after {sent} bytes"));
    }
    let grown = walk.target.rss_bytes()?.saturating_sub(before);
    // Beside this, other rows open hundreds of connections.
    cases.check("memory", grown <= GROWTH_BYTES_MAX, format!("grew by {} KiB", grown >> 10));
    Ok(cases.outcome())
}

/// Sends fragments of a message until the server has enough of them, or until so many bytes were sent.
fn fragments(mut peer: Peer, piece: &[u8], bytes_max: usize) -> (End, usize) {
    let (mut sent, mut first) = (0, 0x02);
    while sent < bytes_max {
        let fragment = frame(first, piece);
        if !peer.send(&fragment) {
            break;
        }
        (sent, first) = (sent + fragment.len(), 0x00);
        let end = peer.end(Duration::from_millis(1));
        if end != End::Open {
            return (end, sent);
        }
    }
    (peer.end(PATIENCE), sent)
}

fn violations(walk: &Walk) -> Result<Outcome> {
    let mask = [0x80, 1, 2, 3, 4];
    let mut long = vec![BINARY, 0xfe, 0, 5, 1, 2, 3, 4];
    long.extend_from_slice(&[0; 5]);
    let mut longer = huge_head(BINARY, 5);
    longer.extend_from_slice(&[0; 5]);
    let ping = |first: u8, length: usize| frame(first, &vec![b'x'; length]);
    let rules: Vec<(&str, Vec<u8>, u16)> = vec![
        ("RSV1", [&[0xc2], &mask[..]].concat(), 1002),
        ("RSV2", [&[0xa2], &mask[..]].concat(), 1002),
        ("RSV3", [&[0x92], &mask[..]].concat(), 1002),
        ("opcode 3", [&[0x83], &mask[..]].concat(), 1002),
        ("opcode 7", [&[0x87], &mask[..]].concat(), 1002),
        ("opcode 11", [&[0x8b], &mask[..]].concat(), 1002),
        ("opcode 15", [&[0x8f], &mask[..]].concat(), 1002),
        ("a ping in fragments", ping(0x09, 1), 1002),
        ("a close in fragments", ping(0x08, 2), 1002),
        ("a ping of 126 bytes", ping(PING, 126), 1002),
        ("a pong of 126 bytes", ping(0x8a, 126), 1002),
        ("a continuation of nothing", ping(0x80, 1), 1002),
        ("a message within a message", [ping(0x02, 1), ping(BINARY, 1)].concat(), 1002),
        ("a length of 5 in 16 bits", long, 1002),
        ("a length of 5 in 64 bits", longer, 1002),
        ("a text", frame(0x81, b"hello"), 1003),
        ("a text in fragments", frame(0x01, b"hello"), 1003),
        ("a close of one byte", frame(CLOSE, &[3]), 1002),
        ("the close code 1005", frame(CLOSE, &[3, 0xed]), 1002),
        ("the close code 999", frame(CLOSE, &[3, 0xe7]), 1002),
        ("the close code 5000", frame(CLOSE, &[0x13, 0x88]), 1002),
        ("a reason that is not UTF-8", frame(CLOSE, &[3, 0xe8, 0xff, 0xfe]), 1007),
    ];
    let code = walk.target.room::<Arena>()?;
    let mut cases = Cases::default();
    for (name, bytes, want) in rules {
        let end = end_after(fresh(walk)?, &bytes);
        cases.check(name, end == End::Code(want), end);
        let end = end_after(Member::<Arena>::join(&walk.target, &code, None)?.peer, &bytes);
        cases.check(format!("{name}, in a room"), end == End::Code(want), end);
    }
    let end = end_after(fresh(walk)?, &huge_head(BINARY, 1 << 63));
    cases.check("a length with its highest bit", matches!(end, End::Code(1002 | 1009)), end);
    let end = end_after(fresh(walk)?, &[frame(CLOSE, &[3, 0xe8]), frame(BINARY, b"more")].concat());
    cases.check("data after a close", end == End::Code(1000), end);
    Ok(cases.outcome())
}

fn compression(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let offers = [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate, permessage-deflate; client_max_window_bits",
        "x-webkit-deflate-frame",
        "permessage-bzip2",
        "permessage-deflate; server_max_window_bits=99",
        ";;;",
        "deflate-stream, foo; bar=\"baz\"",
    ];
    for offer in offers {
        let headers = [&super::socket::UPGRADE[..], &[("Sec-WebSocket-Extensions", offer)]].concat();
        let text = super::socket::request("GET", "/ws", &walk.target.address.to_string(), &headers);
        let mut peer = walk.target.connect()?;
        peer.send(text.as_bytes());
        let reply = peer.reply(PATIENCE);
        let agreed = matches!(&reply, super::socket::Reply::Answer(answer)
            if answer.header("sec-websocket-extensions").is_some());
        cases.check(offer, reply.status() == 101 && !agreed, &reply);
        let end = end_after(peer, &[0xc2, 0x80, 1, 2, 3, 4]);
        cases.check(format!("{offer}: a compressed frame"), end == End::Code(1002), end);
    }
    Ok(cases.outcome())
}

fn pings(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let mut cases = Cases::default();
    for (name, first) in [("2,000 pings", PING), ("2,000 pongs", 0x8a)] {
        let mut member = Member::<Arena>::join(&walk.target, &code, None)?;
        let before = member.peer.read_bytes;
        let flood = frame(first, &[b'x'; 125]).repeat(2_000);
        // A server that closes in the middle of the flood takes no more of it.
        member.peer.send(&flood);
        let end = member.peer.end(PATIENCE);
        cases.check(name, end == End::Code(1008), end);
        let back = member.peer.read_bytes - before;
        cases.check(format!("{name}: bytes back"), back <= ANSWER_BYTES_MAX, back);
    }
    let end = end_after(fresh(walk)?, &frame(PING, b"x").repeat(2_000));
    cases.check("2,000 pings before the hello", end == End::Code(1008), end);
    let mut member = Member::<Arena>::join(&walk.target, &code, None)?;
    member.peer.send(&frame(PING, b"x").repeat(8));
    let (mut pongs, until) = (0, Instant::now() + Duration::from_millis(500));
    let ended = loop {
        match member.peer.next(until) {
            Some(Event::Pong) => pongs += 1,
            Some(Event::Closed(end)) => break Some(end),
            Some(_) if Instant::now() < until => {}
            Some(_) | None => break None,
        }
    };
    cases.check("8 pings", ended.is_none() && pongs > 0, format!("{pongs} pongs, {ended:?}"));
    Ok(cases.outcome())
}

/// One of each kind of message of a member.
fn messages(member: &Member<Arena>) -> [Vec<u8>; 4] {
    [
        member.input(member.tick + 2, Some(tickwire::input::Ack { tick: member.tick, hash: 7 }), true),
        ClientTopic::Publish { topic: "announce".into(), seq: 1, body: "hello".into() }.encode(),
        ClientControl::Leave.encode(),
        ClientEvidence::Dispute { tick: Tick(3), hashes: vec![1, 2, 70_000] }.encode(),
    ]
}

fn malformed(walk: &Walk) -> Result<Outcome> {
    let panics = walk.target.panics()?;
    let mut cases = Cases::default();
    let hello = Hello::of::<Arena>("AAAAAA", "x").encode();
    for cut in (0..hello.len()).step_by(3) {
        let end = end_after(fresh(walk)?, &frame(BINARY, &hello[..cut]));
        cases.check(format!("a hello cut at {cut}"), matches!(end, End::Code(4000 | 4009)), end);
    }
    let (mut code, mut left) = (String::new(), 0_usize);
    let mut in_room = |cases: &mut Cases, name: String, make: &dyn Fn(&Member<Arena>) -> Vec<u8>| -> Result<()> {
        if left == 0 {
            (code, left) = (walk.target.room::<Arena>()?, usize::from(Arena::RULES.seats) / 2);
        }
        left -= 1;
        let mut member = Member::<Arena>::join(&walk.target, &code, None)?;
        let message = frame(BINARY, &make(&member));
        // Three strikes are as good as one.
        let end = end_after_strikes(&mut member.peer, &message);
        cases.check(name, end == End::Code(4000), end);
        Ok(())
    };
    let sample = messages(&Member::<Arena>::join(&walk.target, &walk.target.room::<Arena>()?, None)?);
    for (index, kind) in ["input", "topic", "leave", "dispute"].iter().enumerate() {
        // A cut of an input may be an input of fewer parts, so that only cuts in its head are sure to be wrong.
        let cuts = if index == 0 { 1..2 } else { 1..sample[index].len() };
        for cut in cuts {
            in_room(&mut cases, format!("{kind} cut at {cut}"), &|member| messages(member)[index][..cut].to_vec())?;
        }
        let longer = |member: &Member<Arena>| [&messages(member)[index][..], &[0; 8]].concat();
        in_room(&mut cases, format!("{kind} with bytes behind it"), &longer)?;
    }
    for kind in [0x00_u8, 0x01, 0x06, 0x7f, 0x81, 0xc0, 0xff] {
        in_room(&mut cases, format!("the kind {kind:#04x}"), &|_| vec![kind, 0, 0, 0])?;
    }
    in_room(&mut cases, "no bytes at all".into(), &|_| Vec::new())?;
    let now = walk.target.panics()?;
    cases.check("panics in rooms", now == panics, now - panics);
    Ok(cases.outcome())
}

/// How the connection ends after a message was sent up to three times.
fn end_after_strikes(peer: &mut Peer, message: &[u8]) -> End {
    for _ in 0..3 {
        peer.send(message);
        let end = peer.end(Duration::from_millis(400));
        if end != End::Open {
            return end;
        }
    }
    End::Open
}
