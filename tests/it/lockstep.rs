//! Lockstep: every client plays the whole game, no client waits for another, and a client that was away receives the
//! ticks that it missed.

use crate::harness::Play;
use crate::sessions::{chaos, profile, seeds};
use tickwire::link::LinkProfile;
use tickwire::{Event, Game, Input, Leave, Mode, OwnTopic, Rng, Rules, Seat, State, Step, Table, To};
use tickwire_games::paddles::Move;
use tickwire_games::{Arena, Paddles, Swarm};

/// A game in which a client never guesses the inputs of others: rows come and go, and dice decide.
#[derive(State, Clone, Default)]
struct Garden {
    flowers: Table<Flower>,
    #[state(range = 0..=1_000_000)]
    picked: u32,
    #[state(range = 0..=1_000_000)]
    rains: u32,
}

#[derive(State, Clone, Default)]
struct Flower {
    #[state(range = 0.0..=100.0, step = 0.25, smooth)]
    height: f32,
    #[state(only = server)]
    seed: u8,
    planter: Option<Seat>,
}

#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
struct Hand {
    waters: bool,
    #[input(once)]
    plants: bool,
}

#[derive(Event, Clone, Copy, PartialEq, Debug)]
enum Picked {
    Picked(u8),
}

impl Game for Garden {
    type Input = Hand;
    type Event = Picked;
    type Options = ();
    const RULES: Rules = Rules::new("garden", 30)
        .seats(4)
        .mode(Mode::Lockstep { rollback_ticks_max: 0 })
        .topics(&[OwnTopic::new("chatter"), OwnTopic::new("rain").heard_by_game()]);

    fn new(_: &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        self.flowers.insert(Flower { planter: Some(seat), ..Flower::default() });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.flowers.retain(|_, flower| flower.planter != Some(seat));
    }

    fn hear(&mut self, topic: &str, body: &str) {
        assert_eq!(topic, "rain", "the only topic that is heard");
        let inches: u8 = body.parse().unwrap_or_default();
        self.flowers.values_mut().for_each(|flower| flower.height += f32::from(inches) * 0.25);
        self.rains += u32::from(inches);
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        for seat in tick.seats() {
            let Hand { waters, plants } = tick.input(seat);
            if plants && self.flowers.len() < 60 {
                let seed = tick.rng().below(250) as u8;
                self.flowers.insert(Flower { height: 0.0, seed, planter: Some(seat) });
            }
            for flower in self.flowers.values_mut().filter(|flower| flower.planter == Some(seat) && waters) {
                flower.height += 0.5 + f32::from(flower.seed) * 0.01;
            }
        }
        let mut picked = 0;
        self.flowers.retain(|_, flower| {
            let ripe = flower.height > 60.0;
            picked += u32::from(ripe);
            !ripe
        });
        self.picked += picked;
        if picked > 0 {
            tick.emit(To::Everyone, Picked::Picked(picked as u8));
        }
    }

    fn bot(&self, _: Seat, dice: &mut Rng) -> Hand {
        Hand { waters: !dice.one_in(3), plants: dice.one_in(20) }
    }
}

#[test]
fn what_a_service_says_to_a_game_is_heard_in_one_and_the_same_tick_by_all() {
    for seed in seeds(20) {
        let mut dice = Rng::new(seed);
        let mut play: Play<Garden> = Play::new(seed, 3, profile(&mut dice));
        let mut inches = 0;
        for _ in 0..30 {
            play.run_ticks(dice.below(9));
            let rain = dice.below(4);
            assert!(play.room.hear("rain", &rain.to_string()));
            inches += rain;
        }
        chaos(&mut play, &mut dice);
        let late = play.join(link(40));
        play.heal();
        play.assert_converged();
        // All clients have the room's world, as far as wire integers tell.
        assert_eq!(play.room.checkpoint().world.rains, inches, "seed {seed}");
        assert_eq!(play.clients[late].session.stats().keyframes, 1);
    }
}

#[test]
fn a_game_hears_only_so_much_in_a_tick_and_never_what_it_did_not_want_to_hear() {
    let mut play: Play<Garden> = Play::new(3, 1, link(20));
    for (topic, body) in [("chatter", "1"), ("presence", "1"), ("", "1"), ("rain", &"1".repeat(257))] {
        assert!(!play.room.hear(topic, body), "{topic}");
    }
    let taken = (0..1_000).filter(|_| play.room.hear("rain", "1")).count();
    assert_eq!(taken, 64, "a service that says too much loses the rest");
    for heard in [4, 8, 12] {
        play.run_ticks(1);
        assert_eq!(play.room.checkpoint().world.rains, heard);
    }
    play.heal();
    play.assert_converged();
    assert_eq!(play.room.checkpoint().world.rains, 64);
}

fn link(latency_ms: u32) -> LinkProfile {
    LinkProfile { latency_ms, ..LinkProfile::default() }
}

#[test]
fn a_client_that_guesses_no_inputs_never_rolls_back() {
    for seed in seeds(20) {
        let mut dice = Rng::new(seed);
        let mut play: Play<Garden> = Play::new(seed, 4, profile(&mut dice));
        chaos(&mut play, &mut dice);
        assert!(play.clients.iter().all(|client| client.session.stats().rollbacks == 0), "seed {seed}");
        assert!(play.room.newest().tables[1].ids.len() > 4, "flowers grow");
    }
}

#[test]
fn a_client_that_was_away_for_a_moment_receives_the_ticks_it_missed_and_after_a_long_time_a_keyframe() {
    let mut play: Play<Paddles> = Play::new(3, 2, link(60));
    play.run_seconds(3);
    for (away_seconds, keyframes) in [(1, 1), (2, 1), (9, 2)] {
        play.set_reachable(0, false);
        play.cut(0);
        play.run_seconds(away_seconds);
        play.set_reachable(0, true);
        play.run_seconds(2);
        let stats = play.clients[0].session.stats();
        assert_eq!(stats.keyframes, keyframes, "after {away_seconds} s away");
        play.heal();
        play.assert_converged();
    }
    assert!(play.clients[0].session.stats().welcomes >= 4, "the client had to reconnect each time");
    assert_eq!(play.clients[1].session.stats().keyframes, 1, "the other client needed no second keyframe");
}

#[test]
fn a_right_guess_is_never_rolled_back_and_a_wrong_one_within_the_games_limit() {
    let mut play: Play<Paddles> = Play::new(4, 2, link(120));
    play.clients.iter_mut().for_each(|client| client.hands = Some(Move::Steer(0.25)));
    play.run_seconds(4);
    let before: Vec<u64> = play.clients.iter().map(|client| client.session.stats().rollbacks).collect();
    play.run_seconds(10);
    for (client, before) in play.clients.iter().zip(before) {
        assert_eq!(
            client.session.stats().rollbacks,
            before,
            "both players repeat their last input, which is the guess"
        );
    }
    play.clients.iter_mut().for_each(|client| client.hands = None);
    play.run_seconds(10);
    for client in &play.clients {
        let stats = client.session.stats();
        assert!(stats.rollbacks > 20, "the other player's changes cannot be guessed");
        assert!((2..=8).contains(&stats.rollback_ticks_max), "{} ticks", stats.rollback_ticks_max);
    }
    play.heal();
    play.assert_converged();
}

#[test]
fn a_late_player_makes_no_other_wait() {
    let mut play: Play<Paddles> = Play::new(5, 2, link(20));
    play.run_seconds(3);
    let (before, starved) = (play.room.newest().tick, play.clients[1].session.stats().starved_ticks);
    play.stall(0, 3_000);
    play.run_seconds(3);
    assert_eq!(play.room.newest().tick, before + 180);
    assert_eq!(play.clients[1].session.stats().starved_ticks, starved, "the other player's inputs are all used");
    play.run_seconds(4);
    assert!(
        play.clients[0].session.stats().starved_ticks > 100,
        "the late client learns how many of its ticks were starved"
    );
    play.heal();
    play.assert_converged();
}

fn watch<G: Game>() {
    let mut play: Play<G> = Play::new(6, 2, link(50));
    play.run_seconds(60);
    let spectator = play.watch(link(80));
    play.run_seconds(2);
    let before = play.clients[spectator].session.stats().keyframes;
    play.run_seconds(20);
    let session = &play.clients[spectator].session;
    assert_eq!((session.seat(), session.players().count()), (None, 2));
    assert_eq!((before, session.stats().keyframes), (1, 1), "one keyframe to start from");
    assert_eq!(play.room.summary().players, 2);
    play.heal();
    assert!(play.clients[spectator].session.confirmed().tick + 5 >= play.room.newest().tick);
    play.assert_sound();
}

#[test]
fn a_spectator_sees_the_game_without_a_seat() {
    watch::<Paddles>();
    watch::<Garden>();
    watch::<Arena>();
}

#[test]
fn a_late_joiner_catches_up_within_two_seconds() {
    let mut play: Play<Garden> = Play::new(7, 3, link(30));
    play.run_seconds(600);
    let late = play.join(link(100));
    play.run_seconds(2);
    let session = &play.clients[late].session;
    assert!(session.confirmed().tick + 10 >= play.room.newest().tick, "{}", session.confirmed().tick);
    assert_eq!(session.stats().keyframes, 1);
    play.heal();
    play.assert_converged();
}

#[test]
fn a_spectator_of_thousands_of_units_catches_up_within_two_seconds_on_a_slow_link() {
    let mut play: Play<Swarm> = Play::new(9, 1, link(40));
    // The match is a minute old when the spectator comes, and older in a long run: a minute for each seed.
    play.run_seconds(60 * u32::try_from(seeds(1).end).unwrap());
    let two_megabits = LinkProfile { latency_ms: 60, bytes_per_s: 250_000, ..LinkProfile::default() };
    let spectator = play.watch(two_megabits);
    let is_there = |play: &Play<Swarm>| {
        let session = &play.clients[spectator].session;
        session.stats().keyframes == 1 && session.confirmed().tick + 4 >= play.room.newest().tick
    };
    let mut ticks = 0;
    while !is_there(&play) {
        play.run_ticks(1);
        ticks += 1;
        assert!(ticks <= 2 * Swarm::RULES.tick_rate_hz, "the spectator has not caught up after two seconds");
    }
    play.run_seconds(5);
    assert!(is_there(&play), "the spectator keeps up");
    assert!(play.clients[spectator].session.stats().keyframe_bytes > 15_000, "a full state was sent");
    play.assert_sound();
}

#[test]
fn an_event_is_reported_once_to_every_player() {
    let mut play: Play<Garden> = Play::new(8, 3, link(90));
    let (mut happened, mut told) = (0, vec![0; 3]);
    for _ in 0..30 * 120 {
        play.run_ticks(1);
        happened += play.events.len();
        for (client, told) in play.clients.iter_mut().zip(&mut told) {
            *told += std::iter::from_fn(|| client.session.poll_event()).count();
        }
    }
    assert!(happened > 20);
    // The events of the last few ticks are still on their way.
    assert!(
        told.iter().all(|told| (happened - 3..=happened).contains(told)),
        "{told:?} of {happened} events were reported"
    );
}
