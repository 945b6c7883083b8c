//! Rooms that outlive their process: a server is killed anywhere in a tick, and all that clients were told still holds.

use crate::harness::{Kill, Play};
use crate::sessions::{profile, seeds};
use tickwire::Rng;
use tickwire::{Game, Tick};
use tickwire_games::{Arena, Crowd, Paddles, Swarm, Tumble};

/// Kills the server in its next tick, anywhere in it.
fn kill<G: Game>(play: &mut Play<G>, dice: &mut Rng) {
    let kill = if dice.one_in(3) { Kill::BeforeWrite } else { Kill::AfterSends(dice.below(4) as usize) };
    let kills = |play: &Play<G>| play.disk.as_ref().map_or(0, |disk| disk.kills);
    let before = kills(play);
    play.kill(kill, 200 + dice.below(1_500));
    while kills(play) == before {
        play.run_ticks(1);
    }
}

/// Plays a game in which the server is killed again and again, and says how many times.
pub(crate) fn play_on<G: Game>(seed: u64, seconds: u32) -> u32 {
    let mut dice = Rng::new(seed);
    let (players, link) = (2 + dice.below(2) as usize, profile(&mut dice));
    let players = players.min(usize::from(G::RULES.seats));
    let mut play: Play<G> = Play::new(seed, players, link).with_disk(1 + dice.below(90));
    play.run_seconds(3);
    let end = Tick(seconds * G::RULES.tick_rate_hz);
    while play.room.summary().tick < end {
        play.run_ticks(1 + dice.below(6 * G::RULES.tick_rate_hz));
        let seats: Vec<_> = play.clients.iter().map(|client| client.session.seat()).collect();
        // Now and then somebody is away when the server is killed, and comes back to another process.
        let away = dice.one_in(3).then(|| dice.below(players as u32) as usize);
        if let Some(index) = away {
            play.set_reachable(index, false);
            play.cut(index);
            play.run_ticks(1 + dice.below(G::RULES.tick_rate_hz));
        }
        kill(&mut play, &mut dice);
        // Now and then the server is killed again while everybody comes back.
        if dice.one_in(3) {
            play.watch_milliseconds(dice.below(3_000), |_, _, _| {});
            kill(&mut play, &mut dice);
        }
        away.into_iter().for_each(|index| play.set_reachable(index, true));
        play.run_seconds(6);
        let again: Vec<_> = play.clients.iter().map(|client| client.session.seat()).collect();
        assert_eq!(seats, again, "everybody is back in their seats");
    }
    play.heal();
    play.assert_converged();
    play.disk.map_or(0, |disk| disk.kills)
}

/// Two games in which a client receives snapshots, and one in lockstep.
#[test]
fn whatever_a_client_was_sent_holds_after_the_server_was_killed_anywhere_in_a_tick() {
    let mut kills = 0;
    for seed in seeds(50) {
        kills += match seed % 3 {
            0 => play_on::<Arena>(seed, 60),
            1 => play_on::<Paddles>(seed, 60),
            _ => play_on::<Crowd>(seed, 60),
        };
    }
    assert!(kills > 250, "{kills} kills");
}

/// Two in which it plays the whole game, which takes far longer.
#[test]
fn whatever_a_client_in_lockstep_was_sent_holds_after_the_server_was_killed_anywhere_in_a_tick() {
    let kills: u32 = seeds(2).map(|seed| play_on::<Tumble>(seed, 8) + play_on::<Swarm>(seed, 12)).sum();
    assert!(kills > 4, "{kills} kills");
}
