//! The cost of members that ask for more than others: keyframes on demand, and deltas from old baselines.

use crate::harness::Play;
use tickwire::Game;
use tickwire::link::LinkProfile;
use tickwire::message::control::Hello;
use tickwire_games::{Arena, Paddles, Swarm};
use tickwire_server::room::{MemberId, Room, SnapshotPoll};

/// A message that no client can use, upon which a session asks for a keyframe.
const NONSENSE: [u8; 1] = [0];

/// Bytes and keyframes that the client received.
fn received<G: Game>(play: &Play<G>, client: usize) -> (u64, u64) {
    let stats = play.clients[client].session.stats();
    (stats.bytes_in, stats.keyframes)
}

/// Plays with an honest client and one that asks for a keyframe in every tick. Gives the bytes of the honest one, those
/// of the greedy one, and the keyframes of the greedy one.
fn greed<G: Game>(seconds: u32) -> (u64, u64, u64) {
    let mut play: Play<G> = Play::new(3, 2, LinkProfile { latency_ms: 40, ..LinkProfile::default() });
    play.run_seconds(2);
    let ticks = seconds * G::RULES.tick_rate_hz;
    for _ in 0..ticks {
        play.run_ticks(1);
        let now_us = play.now_us();
        assert!(play.clients[1].session.handle_frame(&NONSENSE, now_us).is_err());
    }
    assert!(play.clients.iter().all(|client| client.closes.is_empty()), "to ask is no mistake");
    assert_eq!(play.counters.hash_mismatches, 0);
    let ((honest, _), (greedy, keyframes)) = (received(&play, 0), received(&play, 1));
    (honest, greedy - u64::from(ticks), keyframes)
}

#[test]
fn keyframes_on_demand_at_most_double_the_bytes_of_a_client() {
    for (name, (honest, greedy, keyframes)) in
        [("arena", greed::<Arena>(180)), ("paddles", greed::<Paddles>(180)), ("swarm", greed::<Swarm>(180))]
    {
        assert!(greedy <= 2 * honest, "{name}: {greedy} bytes instead of {honest}, {keyframes} keyframes");
        assert!(keyframes >= 2, "{name}: a request that has to wait is granted later, {keyframes} keyframes");
    }
}

#[test]
fn a_client_that_cannot_use_a_snapshot_for_once_gets_a_keyframe_at_once() {
    let mut play: Play<Swarm> = Play::new(4, 2, LinkProfile { latency_ms: 40, ..LinkProfile::default() });
    play.run_seconds(2);
    let (_, before) = received(&play, 1);
    let now_us = play.now_us();
    assert!(play.clients[1].session.handle_frame(&NONSENSE, now_us).is_err());
    play.run_ticks(Swarm::RULES.tick_rate_hz / 2);
    assert_eq!(received(&play, 1).1, before + 1);
    play.heal();
    play.assert_same_worlds();
}

/// Makes this many ticks of which no member takes a snapshot.
fn run(room: &mut Room<Arena>, ticks: u32) {
    for _ in 0..ticks {
        room.tick();
    }
}

/// Takes the snapshots of these members.
fn serve(room: &mut Room<Arena>, members: &[MemberId]) {
    for member in members {
        assert!(matches!(room.poll_snapshot(*member), SnapshotPoll::Frame(_)));
    }
}

#[test]
fn an_old_baseline_is_unpacked_once_however_many_members_have_it() {
    let mut room = Room::<Arena>::new(3, &<Arena as Game>::Options::default(), false);
    let hello = Hello::of::<Arena>("C4FK9T", "member");
    let members: Vec<MemberId> = (0..32).map(|token| room.enter(&hello, [token; 16]).expect("a seat").member).collect();
    let (early, late): (Vec<MemberId>, Vec<MemberId>) = (members[..16].to_vec(), members[16..].to_vec());
    room.tick();
    serve(&mut room, &members);
    for _ in 0..3 {
        run(&mut room, 5);
        serve(&mut room, &early);
        run(&mut room, 2);
        serve(&mut room, &late);
        run(&mut room, 3);
        room.take_counters();
        // One after another, members with the older baseline and members with the newer one.
        let in_turn: Vec<MemberId> = early.iter().zip(&late).flat_map(|(early, late)| [*early, *late]).collect();
        serve(&mut room, &in_turn);
        let counters = room.take_counters();
        assert_eq!((counters.snapshots, counters.keyframes), (32, 0));
        assert_eq!(counters.unpacked_worlds, 2, "one for each baseline");
    }
}
