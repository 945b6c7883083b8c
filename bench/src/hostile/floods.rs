//! Rows about too much of the things that are allowed: inputs, acknowledgements, keyframes, joins, and peers that do
//! not read.

use super::member::{LEAD_TICKS, Member};
use super::row::{Cases, Needs, Outcome, Row};
use super::socket::{BINARY, End, PATIENCE, Peer, frame};
use super::target::{Entry, Target, Walk, answered, welcomed};
use anyhow::Result;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};
use tickwire::input::Ack;
use tickwire::message::control::Hello;
use tickwire::{Game, Rng, Tick};
use tickwire_games::{Arena, Paddles};
use tickwire_tools::load::Queues;

pub(super) const ROWS: &[Row] = &[
    Row::new("S14", "inputs at ten times the rate", "4006; the room's others do not notice", too_many_inputs),
    Row::new("S15", "inputs for ticks long gone and far ahead", "dropped, counted, nothing else", time_travel)
        .needs(Needs::Metrics),
    Row::new("S16", "every input twice, and in the wrong order", "counted as duplicates, nothing else", replayed)
        .needs(Needs::Metrics),
    Row::new("S23", "a member that never reads", "4007 after 4 to 9 s, at most 64 KiB queued", never_reads).waits(),
    Row::new("S25", "random acknowledgements", "at most twice the bytes, no room fails", random_acks)
        .needs(Needs::Metrics),
    Row::new("F30", "a member asks for a keyframe with every input", "at most twice the bytes", keyframes),
    Row::new("R10", "12 members that read 200 bytes a second, 4 that never read", "others do not notice", slow_readers)
        .waits(),
    Row::new(
        "R11",
        "two players that fall silent in a full room",
        "closed within 16 s, seat free after 30 more",
        half_open,
    )
    .waits(),
    Row::new("R14", "24 members flood inputs at ten times the rate", "4006 each; others do not notice", flood_by_many),
    Row::new("R15", "500 joins at once", "in within 2 s, or turned away", join_storm),
    Row::new("F24", "400 members lost and back at once", "all back within 2 s", reconnect_storm),
];

/// Members that flood.
const FLOODERS: usize = 24;

/// Joins at once.
const JOINS: usize = 500;

/// Members that come back at once.
const RETURNERS: usize = 400;

const _: () = assert!(RETURNERS <= 8 * Arena::RULES.seats as usize, "eight rooms have seats for all of them");

/// A storm must be over after this time.
const STORM_MAX: Duration = Duration::from_secs(2);

/// Bytes that may wait in the server for one client.
const QUEUED_BYTES_MAX: u64 = 65_536;

/// Sends inputs at about ten times the rate until the server has had enough.
fn flood(member: &mut Member<Arena>) -> End {
    let until = Instant::now() + Duration::from_secs(5);
    let burst = usize::from(u8::MAX);
    while Instant::now() < until {
        let inputs: Vec<u8> = (0..burst)
            .flat_map(|number| {
                let ahead = LEAD_TICKS + u32::try_from(number % 8).unwrap_or(0);
                frame(BINARY, &member.input(member.tick + ahead, member.ack, false))
            })
            .collect();
        member.peer.send(&inputs);
        if let Some(end) = member.play(Duration::from_millis(300), |_| Vec::new()) {
            return end;
        }
    }
    End::Open
}

fn too_many_inputs(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 3)?;
    let mut cases = Cases::default();
    let end = flood(&mut Member::join(&walk.target, &code, Some(&walk.stranger()))?);
    cases.check("the flooder", end == End::Code(4006), end);
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

fn flood_by_many(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 3)?;
    let mut cases = Cases::default();
    let join = |_| Member::<Arena>::join(&walk.target, &code, Some(&walk.stranger()));
    let mut flooders = (0..FLOODERS).map(join).collect::<Result<Vec<_>>>()?;
    let ends: Vec<End> = scope(|threads| {
        let floods: Vec<_> =
            flooders.chunks_mut(6).map(|few| threads.spawn(|| few.iter_mut().map(flood).collect::<Vec<_>>())).collect();
        floods.into_iter().filter_map(|flood| flood.join().ok()).flatten().collect()
    });
    let other = ends.iter().find(|end| **end != End::Code(4006));
    cases.check("the flooders", other.is_none() && ends.len() == FLOODERS, other.unwrap_or(&End::Open));
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

/// Inputs that the server has dropped for these reasons.
fn dropped(target: &Target, reasons: &[&str]) -> Result<f64> {
    let count = |reason| target.metric(&format!("tickwire_inputs_dropped_total{{reason=\"{reason}\"}}"));
    reasons.iter().map(count).sum()
}

fn time_travel(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 2)?;
    let mut cases = Cases::default();
    let before = dropped(&walk.target, &["late", "early"])?;
    let mut member = Member::<Arena>::join(&walk.target, &code, Some(&walk.stranger()))?;
    let mut round = 0;
    let end = member.play(Duration::from_secs(2), |member| {
        let now = member.tick.0;
        let ticks = [0, now.saturating_sub(1_000), now + 1_000, u32::MAX, u32::MAX / 2, now + 64];
        round += 1;
        vec![member.input(Tick(ticks[round % ticks.len()]), member.ack, false)]
    });
    cases.check("the traveller", matches!(end, None | Some(End::Code(4000 | 4006))), format!("{end:?}"));
    let counted = dropped(&walk.target, &["late", "early"])? - before;
    cases.check("inputs that were counted and dropped", counted > 0.0, counted);
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

fn replayed(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 2)?;
    let mut cases = Cases::default();
    let before = dropped(&walk.target, &["duplicate"])?;
    let mut member = Member::<Arena>::join(&walk.target, &code, Some(&walk.stranger()))?;
    let mut round = 0_u32;
    let end = member.play(Duration::from_secs(2), |member| {
        round += 1;
        let input = |ahead| member.input(member.tick + ahead, member.ack, false);
        // One and a half messages per tick is within the limit.
        if round.is_multiple_of(2) { vec![input(4), input(3)] } else { vec![input(3)] }
    });
    cases.check("the replayer", end.is_none(), format!("{end:?}"));
    let counted = dropped(&walk.target, &["duplicate"])? - before;
    cases.check("duplicates that were counted", counted > 0.0, counted);
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

fn never_reads(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 2)?;
    let mut cases = Cases::default();
    let (mut peer, _) = walk.target.join::<Arena>(&code, Some(&walk.stranger())).member()?;
    peer.shrink();
    let (queues, started) = (Queues::of(walk.target.address)?, Instant::now());
    let (mut most, mut closed) = (0, None);
    while started.elapsed() < Duration::from_secs(10) && closed.is_none() {
        match queues.by_port()?.get(&peer.port()) {
            Some(queued) => most = most.max(*queued),
            None => closed = Some(started.elapsed()),
        }
        sleep(Duration::from_millis(50));
    }
    let in_time = closed.is_some_and(|after| (4..9).contains(&after.as_secs()));
    cases.check("the time of the close", in_time, format!("{closed:?}"));
    let end = peer.end(PATIENCE);
    cases.check("the close", end == End::Code(4007), end);
    cases.check("queued bytes", most <= QUEUED_BYTES_MAX, most);
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

fn slow_readers(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 3)?;
    let join = |_| Ok(walk.target.join::<Arena>(&code, Some(&walk.stranger())).member()?.0);
    let mut slow = (0..12).map(join).collect::<Result<Vec<Peer>>>()?;
    let mut never = (0..4).map(join).collect::<Result<Vec<Peer>>>()?;
    slow.iter().chain(&never).for_each(Peer::shrink);
    let queues = Queues::of(walk.target.address)?;
    let (mut most, started) = (0, Instant::now());
    while started.elapsed() < Duration::from_secs(9) {
        slow.iter_mut().for_each(|peer| peer.read_few(20));
        let ends = queues.by_port()?;
        let queued = slow.iter().chain(&never).filter_map(|peer| ends.get(&peer.port()));
        most = queued.copied().chain([most]).max().unwrap_or(0);
        sleep(Duration::from_millis(100));
    }
    let mut cases = Cases::default();
    for (number, peer) in never.iter_mut().enumerate() {
        let end = peer.end(Duration::from_secs(2));
        cases.check(format!("never-reader {number}"), end == End::Code(4007), end);
    }
    cases.check("queued bytes", most <= QUEUED_BYTES_MAX, most);
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

/// Bytes that a member is sent per second, for `seconds` after the first keyframe.
fn bytes_per_s(
    member: &mut Member<Arena>,
    seconds: u32,
    answer: impl FnMut(&Member<Arena>) -> Vec<Vec<u8>>,
) -> (u64, Option<End>) {
    member.play_fair(Duration::from_millis(700));
    let before = member.peer.read_bytes;
    let end = member.play(Duration::from_secs(seconds.into()), answer);
    ((member.peer.read_bytes - before) / u64::from(seconds), end)
}

/// The bytes that an ordinary member and one that answers in this way are sent per second, in the same room.
fn beside_an_ordinary_one(
    walk: &Walk,
    answer: impl FnMut(&Member<Arena>) -> Vec<Vec<u8>>,
) -> Result<(u64, u64, Option<End>)> {
    let code = walk.target.room::<Arena>()?;
    let _honest = walk.target.honest::<Arena>(&code, 2)?;
    let mut ordinary = Member::<Arena>::join(&walk.target, &code, None)?;
    let mut hostile = Member::<Arena>::join(&walk.target, &code, Some(&walk.stranger()))?;
    Ok(scope(|threads| {
        let usual = threads.spawn(|| {
            let fair = |member: &Member<Arena>| vec![member.input(member.tick + LEAD_TICKS, member.ack, false)];
            bytes_per_s(&mut ordinary, 4, fair).0
        });
        let (more, end) = bytes_per_s(&mut hostile, 4, answer);
        (usual.join().unwrap_or(0), more, end)
    }))
}

fn keyframes(walk: &Walk) -> Result<Outcome> {
    let ask = |member: &Member<Arena>| vec![member.input(member.tick + LEAD_TICKS, member.ack, true)];
    let (usual, more, end) = beside_an_ordinary_one(walk, ask)?;
    let limited = matches!(end, Some(End::Code(4006)));
    let came = format!("{more} B/s, an ordinary member {usual} B/s, {end:?}");
    Ok(Outcome::new(usual > 0 && (more <= 2 * usual || limited), came))
}

fn random_acks(walk: &Walk) -> Result<Outcome> {
    let panics = walk.target.panics()?;
    let mut dice = Rng::new(25);
    let (usual, more, end) = beside_an_ordinary_one(walk, |member| {
        let ticks = [member.tick.0.saturating_sub(dice.below(40)), member.tick.0 + dice.below(9), dice.next_u32()];
        let tick = Tick(ticks[dice.below(3) as usize]);
        let hash = member.ack.map_or(0, |ack| ack.hash);
        vec![member.input(member.tick + LEAD_TICKS, Some(Ack { tick, hash }), false)]
    })?;
    let mut cases = Cases::default();
    let refused = matches!(end, Some(End::Code(4000 | 4006 | 4007 | 4011)));
    let came = format!("{more} B/s, an ordinary member {usual} B/s, {end:?}");
    cases.check("bytes", usual > 0 && (more <= 2 * usual || refused), came);
    cases.check("the end", end.is_none() || refused, format!("{end:?}"));
    let failed = walk.target.panics()? - panics;
    cases.check("panics in rooms", failed == 0.0, failed);
    Ok(cases.outcome())
}

fn half_open(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Paddles>()?;
    let mut cases = Cases::default();
    // A seat is held for a player that has played.
    let play_once = || -> Result<Peer> {
        let mut member = Member::<Paddles>::join(&walk.target, &code, None)?;
        let input = member.input(member.tick + LEAD_TICKS, None, false);
        member.say(&input);
        Ok(member.peer)
    };
    let (mut one, mut two) = (play_once()?, play_once()?);
    let full = walk.target.join::<Paddles>(&code, None);
    cases.check("a third player", matches!(full, Entry::Out(End::Code(4004))), &full);
    let started = Instant::now();
    // They read, so that only their silence is at fault; their acknowledgements are missing.
    let ends = [one.end(Duration::from_secs(20)), two.end(Duration::from_secs(20))];
    let after = started.elapsed();
    let gone = ends.iter().all(|end| matches!(end, End::Code(4007 | 4008) | End::Silence));
    cases.check("silent players", gone && after < Duration::from_secs(16), format!("{ends:?} after {after:?}"));
    let held = walk.target.join::<Paddles>(&code, None);
    cases.check("their seats at once", !held.is_in(), &held);
    let until = Instant::now() + Duration::from_secs(33);
    let mut entry = held;
    while !entry.is_in() && Instant::now() < until {
        sleep(Duration::from_secs(1));
        entry = walk.target.join::<Paddles>(&code, None);
    }
    cases.check("their seats after the grace", entry.is_in(), entry);
    Ok(cases.outcome())
}

fn join_storm(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let rooms = (0..10).map(|_| walk.target.room::<Arena>()).collect::<Result<Vec<_>>>()?;
    let started = Instant::now();
    let knock = |number: usize| {
        let hello = Hello::of::<Arena>(&rooms[number % rooms.len()], "storm");
        walk.target.knock(&hello, Some(&walk.stranger())).ok()
    };
    let peers: Vec<Peer> = (0..JOINS).filter_map(knock).collect();
    let entries: Vec<Entry> = peers.into_iter().map(|peer| answered(peer, STORM_MAX)).collect();
    let took = started.elapsed();
    let came_in = entries.iter().filter(|entry| entry.is_in()).count();
    let other = entries.iter().find(|entry| !entry.is_in() && !entry.is_turned_away());
    cases.check(
        "answers",
        entries.len() == JOINS && other.is_none(),
        other.map_or_else(|| "none".into(), Entry::to_string),
    );
    cases.check("joins", came_in > 0 && took < STORM_MAX, format!("{came_in} in after {took:?}"));
    Ok(cases.outcome())
}

fn reconnect_storm(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let rooms = (0..8).map(|_| walk.target.room::<Arena>()).collect::<Result<Vec<_>>>()?;
    let mut players = Vec::new();
    for number in 0..RETURNERS {
        let (room, from) = (&rooms[number % rooms.len()], walk.stranger());
        let mut member = Member::<Arena>::join(&walk.target, room, Some(&from))?;
        // A seat is held for a player that has played.
        let input = member.input(member.tick + LEAD_TICKS, None, false);
        member.say(&input);
        let Member { peer, welcome, .. } = member;
        players.push((peer, Hello { resume: Some(welcome.resume), ..Hello::of::<Arena>(room, "back") }, from));
    }
    let waiting: Vec<_> = players
        .into_iter()
        .filter_map(|(peer, hello, from)| {
            drop(peer);
            Some((walk.target.upgrade(Some(&from)).ok()?, hello))
        })
        .collect();
    cases.check("connections", waiting.len() == RETURNERS, waiting.len());
    let started = Instant::now();
    let greeted: Vec<Peer> = waiting
        .into_iter()
        .map(|(mut peer, hello)| {
            peer.send(&frame(BINARY, &hello.encode()));
            peer
        })
        .collect();
    let entries: Vec<Entry> = greeted.into_iter().map(|peer| welcomed(peer, STORM_MAX)).collect();
    let took = started.elapsed();
    let back = entries.iter().filter(|entry| matches!(entry, Entry::In(member) if member.1.resumed)).count();
    cases.check("back in their seats", back == RETURNERS && took < STORM_MAX, format!("{back} after {took:?}"));
    Ok(cases.outcome())
}
