//! Planted corruptions: each is noticed within a second, named by field and tick, and repaired without any other client
//! noticing.

use crate::harness::Play;
use crate::sessions::{profile, seeds};
use tickwire::message::control::{ClientControl, Hello};
use tickwire::message::evidence::{ClientEvidence, RowDump};
use tickwire::{Game, Rng, Tick};
use tickwire_games::{Arena, Paddles, Swarm};
use tickwire_server::room::Room;
use tickwire_tools::plant::plant;

/// How many corruptions were planted, and how many of them did harm: the others are overwritten before any hash could
/// show them.
#[derive(Debug, Default)]
struct Tally {
    planted: u32,
    harmed: u32,
    /// Of the corruptions that did harm, the number that was repaired without a keyframe.
    healed: u32,
}

/// Plants one corruption in a game that has run for a while, and follows it until it is overwritten or repaired.
fn follow<G: Game>(seed: u64, players: usize, tally: &mut Tally) {
    let mut dice = Rng::new(seed ^ 0xdead);
    let mut play: Play<G> = Play::new(seed, players, profile(&mut dice));
    play.run_ticks(3 * G::RULES.tick_rate_hz + dice.below(G::RULES.tick_rate_hz));
    let victim = dice.below(u32::try_from(players).unwrap()) as usize;
    if !play.clients.iter().all(|client| client.session.is_connected() && client.session.stats().snapshots > 10) {
        return;
    }
    let keyframes: Vec<u64> = play.clients.iter().map(|client| client.session.stats().keyframes).collect();
    let planted = plant(&mut play.clients[victim].session, &mut dice).expect("a world has fields");
    tally.planted += 1;
    // The corruption is noticed within a second of the room's time, and the dispute about it is settled within a round
    // trip more.
    play.run_ticks(2 * G::RULES.tick_rate_hz);
    let noticed = play.clients[victim].session.stats().desyncs;
    for (index, client) in play.clients.iter().enumerate() {
        let stats = client.session.stats();
        assert_eq!(stats.welcomes, 1, "seed {seed}: no client had to reconnect");
        if index != victim {
            assert_eq!(
                (stats.desyncs, stats.keyframes),
                (0, keyframes[index]),
                "seed {seed}: client {index} is not concerned"
            );
        }
    }
    if noticed == 0 {
        assert!(play.autopsies.is_empty());
    } else {
        tally.harmed += 1;
        let stats = play.clients[victim].session.stats();
        assert_eq!(play.autopsies.len(), 1, "seed {seed}: {planted:?}");
        let autopsy = &play.autopsies[0];
        assert_eq!(autopsy.tick, planted.tick.0, "seed {seed}: {planted:?} gave {autopsy:?}");
        let named: Vec<&str> = autopsy.differences.iter().map(|difference| difference.path.as_str()).collect();
        assert_eq!(named, [planted.path.as_str()], "seed {seed}");
        assert_ne!(autopsy.differences[0].server, autopsy.differences[0].client);
        let rate = G::RULES.tick_rate_hz;
        assert!(autopsy.noticed_tick - planted.tick.0 <= rate, "seed {seed}: noticed within a second");
        assert_eq!((noticed, stats.desyncs_healed), (1, 1), "seed {seed}: {planted:?}");
        assert_eq!(stats.keyframes, keyframes[victim], "seed {seed}: single leaves were enough");
        tally.healed += 1;
    }
    play.heal();
    play.assert_same_worlds();
}

fn follow_all<G: Game>(count: u64, players: usize) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds(count) {
        follow::<G>(seed, players, &mut tally);
    }
    tally
}

#[test]
fn a_planted_corruption_of_a_lockstep_client_is_named_and_set_right() {
    let tally = follow_all::<Paddles>(120, 2);
    assert!(tally.planted >= 100 && tally.harmed * 10 >= tally.planted * 7, "{tally:?}");
    assert_eq!(tally.healed, tally.harmed);
}

#[test]
fn a_planted_corruption_among_thousands_of_units_is_named_and_set_right() {
    let tally = follow_all::<Swarm>(10, 2);
    assert!(tally.planted >= 8 && tally.harmed * 10 >= tally.planted * 7, "{tally:?}");
    assert_eq!(tally.healed, tally.harmed);
}

#[test]
fn a_planted_corruption_of_a_snapshot_client_is_named_and_set_right() {
    let tally = follow_all::<Arena>(120, 3);
    assert!(tally.planted >= 100 && tally.harmed * 10 >= tally.planted * 7, "{tally:?}");
    assert_eq!(tally.healed, tally.harmed);
}

#[test]
fn a_client_whose_world_keeps_differing_is_closed() {
    let mut play: Play<Paddles> = Play::new(5, 2, tickwire::link::LinkProfile::default());
    let mut dice = Rng::new(5);
    play.run_seconds(2);
    for _ in 0..12 {
        if play.clients[0].session.is_connected() && play.clients[0].closes.is_empty() {
            plant(&mut play.clients[0].session, &mut dice).expect("a world has fields");
        }
        play.run_ticks(90);
    }
    assert_eq!(play.clients[0].closes.first(), Some(&4011));
    assert!(play.autopsies.len() >= 2);
    assert!(play.clients[1].closes.is_empty(), "the other client plays on");
    play.run_seconds(8);
    play.assert_same_worlds();
}

#[test]
fn a_dispute_about_the_world_before_the_first_tick_finds_nothing() {
    let mut room = Room::<Paddles>::new(1, &(), false);
    let member = room.enter(&Hello::of::<Paddles>("C4FK9T", "early"), [1; 16]).unwrap().member;
    for hashes in [vec![], vec![7], vec![7; 300]] {
        let dispute = ClientEvidence::Dispute { tick: Tick(0), hashes };
        // The room refuses the third dispute in a minute; this test does not depend on that.
        let _ = room.receive(member, &dispute.encode());
        let row_dump =
            RowDump { tick: Tick(0), build: String::new(), behaviour_hash: 0, rows: Vec::new(), more: false };
        let _ = room.receive(member, &ClientEvidence::RowDump(row_dump).encode());
    }
    room.tick();
    assert_eq!(room.summary().players, 1);
}

#[test]
fn made_up_evidence_is_refused_or_ignored() {
    let mut play: Play<Paddles> = Play::new(6, 2, tickwire::link::LinkProfile::default());
    play.run_seconds(1);
    let member = play.clients[0].member.unwrap();
    let before = play.room.world_hash();
    let mut message = ClientControl::Leave.encode();
    message[0] = tickwire::message::CLIENT_EVIDENCE;
    assert!(play.room.receive(member, &[tickwire::message::CLIENT_EVIDENCE]).is_err());
    let _ = play.room.receive(member, &message);
    assert_eq!(play.room.world_hash(), before, "a client's evidence changes no world");
}
