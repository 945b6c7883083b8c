//! Sessions over bad networks: whatever happens in between, everybody ends with the same world.

use crate::harness::Play;
use tickwire::Rng;
use tickwire::link::LinkProfile;
use tickwire_games::{Arena, Paddles};

/// Seeds per test; more in a long run.
pub(crate) fn seeds(count: u64) -> std::ops::Range<u64> {
    let factor = std::env::var("TICKWIRE_SEEDS").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1_u64);
    0..count * factor
}

/// A link of the kind people have, now and then a bad one.
pub(crate) fn profile(dice: &mut Rng) -> LinkProfile {
    LinkProfile { latency_ms: dice.below(250), jitter_ms: dice.below(80), stall_percent: dice.below(4) }
}

#[test]
fn players_on_perfect_links_see_the_same_world() {
    let mut play: Play<Paddles> = Play::new(1, 2, LinkProfile::default());
    play.run_seconds(5);
    play.assert_converged();
    assert!(play.counters.keyframes <= 2, "one keyframe each: {:?}", play.counters);
    assert!(play.counters.snapshots > 500, "both players got theirs: {:?}", play.counters);
    assert!(play.counters.encodings <= play.counters.snapshots / 2 + 4, "one encoding for both: {:?}", play.counters);
}

#[test]
fn worlds_converge_over_hundreds_of_seeds_with_stalls_and_cuts() {
    for seed in seeds(150) {
        let mut dice = Rng::new(seed ^ 0x5eed);
        let mut play: Play<Paddles> = Play::new(seed, 2, profile(&mut dice));
        chaos(&mut play, &mut dice);
    }
    for seed in seeds(100) {
        let mut dice = Rng::new(seed ^ 0xa12e);
        let players = dice.between(2, 6);
        let mut play: Play<Arena> = Play::new(seed, usize::try_from(players).unwrap(), profile(&mut dice));
        chaos(&mut play, &mut dice);
    }
}

/// A few seconds of play in which links stall and break, then peace.
pub(crate) fn chaos<G: tickwire::Game>(play: &mut Play<G>, dice: &mut Rng) {
    for _ in 0..6 {
        play.run_ticks(dice.below(40) + 1);
        let victim = dice.below(u32::try_from(play.clients.len()).unwrap());
        match dice.below(4) {
            0 => play.cut(usize::try_from(victim).unwrap()),
            1 => play.stall(usize::try_from(victim).unwrap(), dice.below(2_000)),
            _ => {}
        }
    }
    play.heal();
    play.assert_converged();
}

#[test]
fn a_client_that_stalls_for_a_second_converges() {
    let mut play: Play<Arena> = Play::new(7, 3, LinkProfile { latency_ms: 60, ..LinkProfile::default() });
    play.run_seconds(2);
    play.stall(1, 1_000);
    play.run_seconds(3);
    play.heal();
    play.assert_converged();
    assert!(play.clients.iter().all(|client| client.session.stats().welcomes == 1), "nobody had to reconnect");
}

#[test]
fn a_cut_connection_comes_back_to_the_same_seat() {
    let mut play: Play<Arena> = Play::new(3, 2, LinkProfile { latency_ms: 40, ..LinkProfile::default() });
    play.run_seconds(2);
    let seat = play.clients[1].session.seat();
    play.cut(1);
    play.run_seconds(1);
    assert_eq!(play.clients[1].session.stats().welcomes, 2, "back within a second");
    assert_eq!(play.clients[1].session.seat(), seat);
    play.heal();
    play.assert_converged();
}

#[test]
fn a_welcome_that_is_lost_locks_nobody_out() {
    let mut play: Play<Paddles> = Play::new(4, 2, LinkProfile { latency_ms: 200, ..LinkProfile::default() });
    play.run_seconds(2);
    let seat = play.clients[0].session.seat();
    for _ in 0..3 {
        play.cut(0);
        // Until the hello has arrived and the welcome, with the next token, is on its way.
        while play.clients[0].member.is_none() {
            play.run_ticks(1);
        }
    }
    play.heal();
    assert_eq!(play.clients[0].session.seat(), seat);
    play.assert_converged();
}

#[test]
fn a_client_that_stops_acknowledging_is_closed_and_slows_nobody() {
    let mut play: Play<Arena> = Play::new(5, 3, LinkProfile::default());
    play.run_seconds(2);
    play.clients[0].is_mute = true;
    let before = play.clients[1].session.stats().snapshots;
    play.run_ticks(180);
    assert_eq!(play.clients[0].closes, [4007]);
    assert_eq!(play.clients[1].session.stats().snapshots - before, 180, "a snapshot in every tick");
    assert!(play.counters.superseded_snapshots > 90, "snapshots waited instead of being queued");
    play.clients[0].is_mute = false;
    // Its next hello was never heard: it gives up waiting for the answer, and dials again.
    play.run_seconds(8);
    play.heal();
    play.assert_converged();
}

#[test]
fn a_held_seat_is_freed_in_the_end() {
    let mut play: Play<Paddles> = Play::new(6, 2, LinkProfile::default());
    play.run_seconds(1);
    assert_eq!(play.room.summary().players, 2);
    play.clients[1].session.leave();
    play.run_seconds(1);
    assert_eq!(play.room.summary().players, 1, "a goodbye frees the seat at once");
    play.clients[0].session.set_reachable(false, 0);
    play.cut(0);
    play.run_seconds(29);
    assert_eq!(play.room.summary().players, 1, "a lost player's seat is held");
    play.run_seconds(2);
    assert_eq!(play.room.summary().players, 0);
}

#[test]
fn one_more_player_than_seats_is_refused_and_does_not_try_again() {
    let mut play: Play<Paddles> = Play::new(8, 3, LinkProfile::default());
    play.run_seconds(10);
    let refused: Vec<&[u16]> =
        play.clients.iter().map(|client| &client.closes[..]).filter(|closes| !closes.is_empty()).collect();
    assert_eq!(refused, [[4004]]);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut play: Play<Arena> = Play::new(seed, 4, LinkProfile { latency_ms: 80, jitter_ms: 40, stall_percent: 2 });
        play.run_seconds(5);
        (play.room.newest().clone(), play.counters)
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11).0, run(12).0);
}

#[test]
fn own_movement_is_predicted_right_where_nobody_is_in_the_way() {
    let mut play: Play<Paddles> = Play::new(9, 2, LinkProfile { latency_ms: 120, ..LinkProfile::default() });
    play.run_seconds(20);
    for client in &play.clients {
        let stats = client.session.stats();
        assert!(stats.starved_ticks < 120, "the input clock settles: {stats:?}");
        assert!(stats.input_lead_ticks >= 0, "inputs come in time: {stats:?}");
    }
}
