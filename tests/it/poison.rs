//! Games that panic: the tick is undone, the room goes on, and nobody but the room ever plays what was undone. In both
//! modes, over bad links.

mod reports;
mod volatile;

use crate::harness::Play;
use crate::recording::assert_recorded;
use crate::sessions::{profile, seeds};
use tickwire::client::Notice;
use tickwire::link::LinkProfile;
use tickwire::message::close::CloseCode;
use tickwire::world::full_state::FullState;
use tickwire::world::simulation::Simulation;
use tickwire::{Game, Rng};
use tickwire_server::room::{GameCall, GameSchemas, Room, RoomLimits, RoomSetup, TickRecord};
use volatile::{Choice, Hand, Played, Shown, Volatile};

/// A session in which every tick is recorded.
fn session<G: Volatile>(seed: u64, players: usize) -> Play<G> {
    let mut play = Play::<G>::new(seed, players, profile(&mut Rng::new(seed)));
    play.keeps_records = true;
    play
}

/// Chooses an input for everybody.
fn act<G: Volatile>(play: &mut Play<G>, dice: &mut Rng, press_one_in: u32) {
    for client in &mut play.clients {
        let hand = Hand { moves: dice.below(100) as u8, presses: dice.one_in(press_one_in), cracks: false };
        client.hands = Some(hand);
    }
}

/// Nobody has noticed anything, and a replay of the records comes to the same world.
fn assert_whole<G: Volatile>(play: &mut Play<G>, choice: Choice) {
    play.clients.iter_mut().for_each(|client| client.hands = Some(Hand::default()));
    play.heal();
    play.assert_converged();
    assert!(!play.room.has_failed() && play.autopsies.is_empty() && play.counters.desyncs == 0);
    let mut replayed = Simulation::<G>::new(play.room_seed, &choice);
    play.records.iter().for_each(|record| replayed.replay(record).expect("the same world and events"));
    assert_eq!(FullState::of(replayed.checkpoint()), FullState::of(play.room.checkpoint()));
    assert_recorded(play.room_seed, &choice, &play.records);
}

fn poisoned_steps<G: Volatile>(seed: u64) {
    let mut dice = Rng::new(seed);
    let mut play = session::<G>(seed, 4);
    for _ in 0..100 {
        act(&mut play, &mut dice, 8);
        play.run_ticks(3);
    }
    assert!(play.counters.ticks_undone[GameCall::CAUSES.len() - 1] > 3, "{:?}", play.counters.ticks_undone);
    let pressed = |record: &TickRecord<G>| record.actions.iter().filter(|(_, action)| action.input.presses).count();
    assert!(play.records.iter().all(|record| pressed(record) < 2), "nobody is sent what was undone");
    assert!(play.records.iter().any(|record| pressed(record) == 1), "and all else counts");
    let reasons: Vec<_> = play.clients.iter().flat_map(|client| &client.closes).collect();
    assert!(!reasons.contains(&&CloseCode::RoomFailed.number()), "{reasons:?}");
    assert_whole(&mut play, Choice::default());
}

#[test]
fn a_panic_in_a_step_is_undone_and_nobody_notices() {
    for seed in seeds(20) {
        poisoned_steps::<Shown>(seed);
        poisoned_steps::<Played>(seed);
    }
}

/// Players who come and go, in a game that panics in a quarter of that.
fn comings_and_goings<G: Volatile>(seed: u64) -> [u64; GameCall::CAUSES.len()] {
    let mut dice = Rng::new(seed);
    let link = LinkProfile { latency_ms: 60, jitter_ms: 30, stall_percent: 2, ..LinkProfile::default() };
    let strict = Choice { is_strict: true, ..Choice::default() };
    let mut play = session::<G>(seed, 2);
    play.room = room(play.room_seed, 0, false, &strict);
    act(&mut play, &mut dice, 1_000_000);
    while !play.clients.iter().all(|client| client.session.is_connected() && client.session.seat().is_some()) {
        play.run_ticks(10);
    }
    let closes: Vec<_> = play.clients.iter().map(|client| client.closes.clone()).collect();
    for round in 0..40 {
        act(&mut play, &mut dice, 40);
        if round % 3 == 0 && play.clients.len() < 6 {
            let index = play.join(link);
            play.clients[index].hands = Some(Hand::default());
        } else if dice.one_in(3) && play.clients.len() > 2 {
            // The first two stay to the end.
            let last = play.clients.len() - 1;
            play.clients[last].session.leave();
            play.run_ticks(20);
            play.clients.pop();
        }
        play.run_ticks(20);
    }
    // A player who is in the game is never closed for the sake of another.
    let now: Vec<_> = play.clients[..2].iter().map(|client| client.closes.clone()).collect();
    assert_eq!(now, closes);
    let undone = play.counters.ticks_undone;
    // Somebody may have found all seats taken, one of them for the game alone.
    play.clients.iter_mut().for_each(|client| client.hands = Some(Hand::default()));
    play.heal();
    play.clients.retain(|client| client.session.seat().is_some());
    assert_whole(&mut play, strict);
    undone
}

#[test]
fn a_panic_when_somebody_comes_or_goes_concerns_nobody_else() {
    let mut undone = [0; GameCall::CAUSES.len()];
    for seed in seeds(20) {
        for counts in [comings_and_goings::<Shown>(seed), comings_and_goings::<Played>(seed)] {
            undone.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
    let [new, join, leave, hear, _] = undone;
    assert!(join > 5 && leave > 5 && new == 0 && hear == 0, "{undone:?}");
}

fn room<G: Game>(seed: u64, bots: u8, has_owner: bool, options: &G::Options) -> Room<G> {
    let limits = RoomLimits::default();
    let setup = RoomSetup { secret: seed.into(), bots, has_owner, limits, build: 0 };
    Room::with_schemas(&GameSchemas::new(), setup, options)
}

fn poisoned_bots<G: Volatile>(seed: u64) {
    let mut dice = Rng::new(seed);
    let mut play = session::<G>(seed, 2);
    play.room = room(play.room_seed, 6, false, &Choice::default());
    for _ in 0..40 {
        act(&mut play, &mut dice, 1_000_000);
        play.run_ticks(10);
    }
    assert!(play.counters.bot_panics > 10, "{:?}", play.counters);
    assert_eq!(play.counters.ticks_undone[4], 0, "a bot that panics does nothing, and all else is as ever");
    assert_eq!(play.room.summary().bots + play.room.summary().players, 6);
    assert_whole(&mut play, Choice::default());
}

#[test]
fn a_bot_that_panics_does_nothing_in_that_tick() {
    for seed in seeds(6) {
        poisoned_bots::<Shown>(seed);
        poisoned_bots::<Played>(seed);
    }
}

fn poisoned_news<G: Volatile>(seed: u64) {
    let mut dice = Rng::new(seed);
    let mut play = session::<G>(seed, 3);
    for round in 0..60 {
        act(&mut play, &mut dice, 1_000_000);
        if round > 20 {
            assert!(play.room.hear("news", if round % 2 == 0 { "poison" } else { "rain" }));
        }
        play.run_ticks(4);
    }
    assert_eq!(play.counters.ticks_undone[3], 19);
    let heard: Vec<_> = play.records.iter().flat_map(|record| &record.heard).collect();
    assert_eq!(heard.len(), 20);
    assert!(heard.iter().all(|heard| heard.body() == "rain"));
    // The players' actions in those ticks count.
    assert!(
        play.records.iter().skip(150).all(|record| record.actions.iter().any(|(_, action)| action.input.moves > 0))
    );
    assert_whole(&mut play, Choice::default());
}

#[test]
fn news_on_which_the_game_panics_are_left_out() {
    for seed in seeds(4) {
        poisoned_news::<Shown>(seed);
        poisoned_news::<Played>(seed);
    }
}

fn poisoned_match<G: Volatile>(seed: u64) {
    let mut play = session::<G>(seed, 3);
    play.room = room(play.room_seed, 0, true, &Choice::default());
    let mut dice = Rng::new(seed);
    let mut told = Vec::new();
    for second in 0..12 {
        let owner = play.clients.iter().position(|client| client.session.owner() == client.session.seat());
        if let Some(owner) = owner.filter(|_| second % 4 == 3) {
            let options = [r#"{"is_faulty":true}"#, r#"{"is_cracked":true}"#, "{}"][second / 4];
            play.clients[owner].session.start_match(options);
        }
        act(&mut play, &mut dice, 1_000_000);
        play.run_seconds(1);
        for client in &mut play.clients {
            let notices = std::iter::from_fn(|| client.session.poll_notice());
            told.extend(notices.filter(|notice| matches!(notice, Notice::Started | Notice::NotStarted { .. })));
        }
    }
    play.run_seconds(2);
    for client in &mut play.clients {
        let notices = std::iter::from_fn(|| client.session.poll_notice());
        told.extend(notices.filter(|notice| matches!(notice, Notice::Started | Notice::NotStarted { .. })));
    }
    let [.., Notice::Started, Notice::Started, Notice::Started] = &told[..] else { panic!("{told:?}") };
    let refused = told.iter().filter(|notice| matches!(notice, Notice::NotStarted { .. })).count();
    assert_eq!((refused, told.len()), (2, 5), "{told:?}");
    // One panics before there is a new world, the other one in its first step.
    assert_eq!(play.counters.ticks_undone, [1, 0, 0, 0, 1]);
    assert_eq!(play.records.iter().filter(|record| record.restart.is_some()).count(), 1);
    assert_whole(&mut play, Choice::default());
}

#[test]
fn a_match_that_cannot_begin_leaves_the_one_before_it() {
    for seed in seeds(6) {
        poisoned_match::<Shown>(seed);
        poisoned_match::<Played>(seed);
    }
}

/// A room that starts over now and then, over bad links.
fn starting_over<G: Volatile>(seed: u64) {
    let mut dice = Rng::new(seed);
    let mut play = session::<G>(seed, 4);
    for round in 0..60 {
        act(&mut play, &mut dice, 12);
        play.run_ticks(5);
        if round % 10 == 9 {
            assert!(play.room.start_over());
        }
    }
    assert_whole(&mut play, Choice::default());
}

#[test]
fn clients_of_a_room_that_starts_over_converge() {
    for seed in seeds(20) {
        starting_over::<Shown>(seed);
        starting_over::<Played>(seed);
    }
}
