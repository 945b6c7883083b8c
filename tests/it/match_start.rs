//! Matches that the owner of a room starts: a new world by the owner's options, for everybody who is there, in both modes.

use crate::harness::Play;
use crate::recording::assert_recorded;
use serde_json::json;
use tickwire::client::Notice;
use tickwire::link::LinkProfile;
use tickwire::world::simulation::Simulation;
use tickwire::{Game, Seat};
use tickwire_games::{Arena, Paddles, Swarm};
use tickwire_server::room::{GameSchemas, Room, RoomLimits, RoomSetup};

/// A room with an owner, and its players behind bad links.
fn owned<G: Game>(seed: u64, players: usize) -> Play<G> {
    let link = LinkProfile { latency_ms: 90, jitter_ms: 40, stall_percent: 2, ..LinkProfile::default() };
    let mut play = Play::new(seed, players, link);
    let limits = RoomLimits::default();
    let setup = RoomSetup { secret: play.room_seed.into(), bots: 0, has_owner: true, limits, build: 0 };
    play.room = Room::with_schemas(&GameSchemas::new(), setup, &G::Options::default());
    play.keeps_records = true;
    play.run_seconds(4);
    play
}

/// The notices of a player since the last call that are about matches.
fn told<G: Game>(play: &mut Play<G>, player: usize) -> Vec<Notice> {
    let notices = std::iter::from_fn(|| play.clients[player].session.poll_notice());
    notices.filter(|notice| matches!(notice, Notice::Started | Notice::NotStarted { .. })).collect()
}

fn owner_of<G: Game>(play: &Play<G>) -> usize {
    let owner = play.clients[0].session.owner().expect("an owner");
    play.clients.iter().position(|client| client.session.seat() == Some(owner)).expect("one of the players")
}

/// A match begins with these options, and everybody goes on.
fn start<G: Game>(seed: u64, players: usize, options: &str) {
    let mut play = owned::<G>(seed, players);
    let owner = owner_of(&play);
    play.clients[owner].session.start_match(options);
    play.run_seconds(6);
    let restarts: Vec<_> = play.records.iter().filter_map(|record| record.restart.as_ref()).collect();
    assert_eq!(restarts.len(), 1);
    assert_eq!(restarts[0].seats, Seat::first(players as u8).collect::<Vec<_>>());
    let wanted: serde_json::Value = serde_json::from_str(options).unwrap_or_default();
    let taken = serde_json::to_value(&restarts[0].options).expect("JSON");
    let all = wanted.as_object().into_iter().flatten();
    all.for_each(|(name, value)| assert_eq!(&taken[name], value));
    for player in 0..players {
        assert_eq!(told(&mut play, player), [Notice::Started], "player {player}");
        assert!(play.clients[player].session.is_connected());
    }
    // Everybody has the new world, and has it right.
    assert!(play.counters.hashes_compared > 50 && play.counters.hash_mismatches == 0, "{:?}", play.counters);
    assert!(play.autopsies.is_empty());
    // The record has the start, so that a replay comes to the same worlds.
    let mut replayed = Simulation::<G>::new(play.room_seed, &G::Options::default());
    for record in &play.records {
        replayed.replay(record).expect("the same world and events");
    }
    assert_eq!(replayed.history().newest(), play.room.newest());
    assert_recorded(play.room_seed, &G::Options::default(), &play.records);
}

#[test]
fn the_owner_starts_a_match_with_options_and_everybody_plays_on_in_the_new_world() {
    for seed in 0..3 {
        start::<Arena>(
            seed,
            5,
            &json!({ "players": 4, "teams": 3, "entities": 30, "goal": 5, "seconds": 60 }).to_string(),
        );
        start::<Arena>(seed, 2, "");
        start::<Swarm>(seed, 3, &json!({ "units": 800 }).to_string());
        start::<Paddles>(seed, 2, "");
    }
}

#[test]
fn options_that_the_game_refuses_start_nothing_and_the_owner_alone_is_told() {
    let mut play = owned::<Arena>(1, 3);
    let owner = owner_of(&play);
    for options in ["{", r#"{"teams":9}"#, r#"{"goals":1}"#, &"x".repeat(3_000)] {
        play.clients[owner].session.start_match(options);
        play.run_seconds(1);
        let told = told(&mut play, owner);
        assert!(matches!(&told[..], [Notice::NotStarted { fault }] if !fault.is_empty()), "{options}: {told:?}");
    }
    assert!((0..3).all(|player| told(&mut play, player).is_empty()));
    assert!(play.records.iter().all(|record| record.restart.is_none()));
}

#[test]
fn nobody_but_the_owner_starts_a_match_and_the_owner_not_one_after_the_other() {
    let mut play = owned::<Paddles>(2, 2);
    let owner = owner_of(&play);
    play.clients[1 - owner].session.start_match("");
    play.run_seconds(2);
    assert!(play.records.iter().all(|record| record.restart.is_none()));
    play.clients[owner].session.start_match("");
    play.run_seconds(1);
    play.clients[owner].session.start_match("");
    play.run_seconds(3);
    assert_eq!(play.records.iter().filter(|record| record.restart.is_some()).count(), 1);
    assert!(matches!(&told(&mut play, owner)[..], [Notice::Started, Notice::NotStarted { .. }]));
    play.clients[owner].session.start_match("");
    play.run_seconds(2);
    assert_eq!(told(&mut play, 1 - owner), [Notice::Started, Notice::Started]);
}

#[test]
fn who_comes_and_goes_in_the_tick_of_a_start_is_seated_once() {
    for ticks in 0..30 {
        let mut play = owned::<Arena>(3, 2);
        let owner = owner_of(&play);
        let link = LinkProfile { latency_ms: 20, ..LinkProfile::default() };
        play.join(link);
        play.run_ticks(ticks);
        play.clients[owner].session.start_match("");
        play.clients[1 - owner].session.leave();
        play.run_seconds(3);
        assert_eq!(play.counters.hash_mismatches, 0);
        let mut replayed = Simulation::<Arena>::new(play.room_seed, &Default::default());
        play.records.iter().for_each(|record| replayed.replay(record).expect("the same world"));
        assert_eq!(replayed.history().newest(), play.room.newest());
    }
}
