//! Rooms that outlive their process: a server is killed anywhere in a tick, and all that clients were told still holds.

use crate::harness::{Kill, Play};
use crate::sessions::{profile, seeds};
use tickwire::Rng;
use tickwire::{Game, Tick};
use tickwire_games::{Arena, Crowd, Paddles, Swarm, Tumble};

/// Plays a minute of a game in which the server is killed again and again, and says how many times.
fn play_on<G: Game>(seed: u64, seconds: u32) -> u32 {
    let mut dice = Rng::new(seed);
    let (players, link) = (2 + dice.below(2) as usize, profile(&mut dice));
    let players = players.min(usize::from(G::RULES.seats));
    let mut play: Play<G> = Play::new(seed, players, link).with_disk(1 + dice.below(90));
    play.run_seconds(3);
    let end = Tick(seconds * G::RULES.tick_rate_hz);
    while play.room.summary().tick < end {
        play.run_ticks(1 + dice.below(6 * G::RULES.tick_rate_hz));
        let seats: Vec<_> = play.clients.iter().map(|client| client.session.seat()).collect();
        let kill = if dice.one_in(3) { Kill::BeforeWrite } else { Kill::AfterSends(dice.below(4) as usize) };
        let kills = play.disk.as_ref().map_or(0, |disk| disk.kills);
        play.kill(kill, 200 + dice.below(1_500));
        while play.disk.as_ref().map_or(0, |disk| disk.kills) == kills {
            play.run_ticks(1);
        }
        play.run_seconds(6);
        let again: Vec<_> = play.clients.iter().map(|client| client.session.seat()).collect();
        assert_eq!(seats, again, "everybody is back in their seats");
    }
    play.heal();
    play.assert_converged();
    play.disk.map_or(0, |disk| disk.kills)
}

#[test]
fn whatever_a_client_was_sent_holds_after_the_server_was_killed_anywhere_in_a_tick() {
    let mut kills = 0;
    for seed in seeds(2) {
        kills += play_on::<Paddles>(seed, 60);
        kills += play_on::<Arena>(seed, 60);
        kills += play_on::<Tumble>(seed, 8);
        kills += play_on::<Swarm>(seed, 12);
        kills += play_on::<Crowd>(seed, 20);
    }
    assert!(kills > 20, "{kills} kills");
}
