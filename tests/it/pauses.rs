//! Pauses of the network, of a player's device and of the server, at any moment: play goes on within a second after
//! the end, and no command is lost or executed twice.

use crate::sessions::seeds;
use tickwire::client::LinkState;
use tickwire::link::LinkProfile;
use tickwire::{Game, Input, Leave, Mode, Rng, Rules, Seat, State, Step};
use tickwire_tools::harness::{Pause, Play};
use tickwire_tools::plant::plant;

/// Up to this length a pause is survived on the same connection.
const SAME_CONNECTION_MS: u32 = 4_000;

/// So soon after the end of a pause everything is as before.
const RECOVERY_MS: u32 = 1_000;

/// The same while a player has yet to enter: an attempt that was under way in the pause is given up first.
const ENTRY_MS: u32 = 4_000;

/// By so much the measured round trip may be longer than before the pause, in microseconds.
const PING_US: u64 = 80_000;

/// Ticks by which the input lead may differ from its value before the pause.
const LEAD_TICKS: i64 = 4;

#[derive(Input, Clone, Copy, Default, PartialEq)]
pub(crate) struct Press {
    /// A command: not repeated when the next input is late.
    #[input(once)]
    pressed: bool,
    /// Held: repeated when the next input is late.
    #[input(range = -1..=1)]
    stick: i8,
}

#[derive(State, Clone, Default)]
pub(crate) struct Counter {
    #[state(owner)]
    seat: Option<Seat>,
    presses: u16,
    #[state(range = 0..=40_000, smooth)]
    at: u16,
}

macro_rules! counting_game {
    ($name:ident, $text:literal, $mode:expr) => {
        /// Counts each player's commands.
        #[derive(State, Clone, Default)]
        pub(crate) struct $name {
            counters: tickwire::Table<Counter>,
        }

        impl Game for $name {
            type Input = Press;
            type Event = ();
            type Options = ();
            const RULES: Rules = Rules::new($text, 30).seats(4).mode($mode);

            fn new((): &()) -> Self {
                Self::default()
            }

            fn join(&mut self, seat: Seat) {
                self.counters.insert(Counter { seat: Some(seat), at: 20_000, ..Counter::default() });
            }

            fn leave(&mut self, seat: Seat, _: Leave) {
                self.counters.retain(|_, counter| counter.seat != Some(seat));
            }

            fn step(&mut self, tick: &mut Step<'_, Self>) {
                for counter in self.counters.values_mut() {
                    let input = counter.seat.map(|seat| tick.input(seat)).unwrap_or_default();
                    counter.presses += u16::from(input.pressed);
                    counter.at = counter.at.saturating_add_signed(i16::from(input.stick));
                }
            }

            fn bot(&self, _: Seat, dice: &mut Rng) -> Press {
                Press { pressed: dice.one_in(5), stick: dice.below(3) as i8 - 1 }
            }
        }

        impl Counting for $name {
            fn presses(&self, seat: Seat) -> Option<u16> {
                self.counters.values().find(|counter| counter.seat == Some(seat)).map(|counter| counter.presses)
            }
        }
    };
}

/// A game that knows how often its players have pressed.
trait Counting: Game<Input = Press> {
    fn presses(&self, seat: Seat) -> Option<u16>;
}

counting_game!(Snapped, "pauses-snapshot", Mode::Snapshot { every_ticks: 1 });
counting_game!(Sparse, "pauses-sparse", Mode::Snapshot { every_ticks: 2 });
counting_game!(Stepped, "pauses-lockstep", Mode::Lockstep { rollback_ticks_max: 8 });

/// The hands of a player: presses now and then, each in one input.
struct Hands {
    dice: Rng,
    inputs: u64,
    presses: u16,
    stops: bool,
}

impl Hands {
    /// Counts the presses that were made since the last frame, and decides on the next input.
    fn play<G: Counting>(&mut self, client: &mut tickwire_tools::harness::Client<G>) {
        let made = client.session.stats().inputs - self.inputs;
        if made == 0 {
            return;
        }
        let pressed = client.hands.is_some_and(|hands| hands.pressed);
        // A call that makes several ticks puts what the hands do into each of them.
        self.presses += if pressed { u16::try_from(made).expect("a few ticks") } else { 0 };
        self.inputs += made;
        let (pressed, stick) = (self.dice.below(5) == 0 && !self.stops, self.dice.below(3) as i8 - 1);
        client.hands = Some(Press { pressed, stick });
    }
}

/// Two players and their hands, over a link.
struct Match<G: Counting> {
    play: Play<G>,
    hands: Vec<Hands>,
    link: LinkProfile,
}

impl<G: Counting> Match<G> {
    fn new(seed: u64, dice: &mut Rng) -> Self {
        let link = LinkProfile { latency_ms: dice.below(120), jitter_ms: dice.below(20), ..LinkProfile::default() };
        let mut play: Play<G> = Play::new(seed, 2, link);
        play.clients.iter_mut().for_each(|client| client.hands = Some(Press::default()));
        let hands =
            (0..2).map(|_| Hands { dice: Rng::new(dice.next_u64()), inputs: 0, presses: 0, stops: false }).collect();
        Self { play, hands, link }
    }

    fn run(&mut self, milliseconds: u32) {
        let until_us = self.play.now_us() + u64::from(milliseconds) * 1_000;
        while self.play.now_us() < until_us {
            self.play.watch_ticks(1, |index, client, _| self.hands[index].play(client));
        }
    }

    /// The way there and back, with jitter, in milliseconds.
    const fn round_trip_ms(&self) -> u32 {
        2 * (self.link.latency_ms + self.link.jitter_ms)
    }

    /// Asserts that every player is there and receives the newest world.
    fn assert_in_play(&self, context: &str) {
        for (index, client) in self.play.clients.iter().enumerate() {
            assert!(
                client.session.is_connected(),
                "client {index} is not back: {:?}, closes {:?}; {context}",
                client.session.link_state(self.play.now_us()),
                client.closes
            );
            let age = self.play.room.summary().tick.since(client.session.interpolation().newest_tick());
            let trip_ms = self.link.latency_ms + 2 * self.link.jitter_ms;
            let trip_ticks = i64::from(trip_ms * G::RULES.tick_rate_hz / 1_000) + 3;
            assert!(age <= trip_ticks, "client {index} is {age} ticks behind; {context}");
        }
    }

    /// Lets the hands rest until everything has arrived. Then all have the same world.
    fn assert_same_worlds(&mut self) {
        self.hands.iter_mut().for_each(|hands| hands.stops = true);
        self.run(1_000);
        let play = &mut self.play;
        play.clients.iter_mut().for_each(|client| client.hands = Some(Press::default()));
        play.heal();
        // The newest world is compared when it was sent.
        while !play.room.summary().tick.0.is_multiple_of(G::RULES.message_ticks()) {
            play.run_ticks(1);
        }
        play.assert_same_worlds();
    }

    /// The same, and what was given was executed once.
    fn assert_nothing_is_lost(mut self, context: &str) {
        self.assert_same_worlds();
        for (index, client) in self.play.clients.iter().enumerate() {
            let seat = client.session.seat().expect("a player");
            let executed = self.play.room.checkpoint().world.presses(seat).expect("the player has a counter");
            assert_eq!(executed, self.hands[index].presses, "client {index}: presses executed, and made; {context}");
        }
    }
}

fn play_through_a_pause<G: Counting>(seed: u64, kind: Pause) {
    let mut dice = Rng::new(seed);
    let pause_ms = 300 + dice.below(9_700);
    let mut a_match: Match<G> = Match::new(seed, &mut dice);
    a_match.run(3_000 + dice.below(2_000));
    let context = format!("{} seed {seed}: {kind:?} for {pause_ms} ms, {}", G::RULES.name, a_match.link);
    let before: Vec<_> = a_match.play.clients.iter().map(|client| client.session.stats().clone()).collect();
    let seats: Vec<_> = a_match.play.clients.iter().map(|client| client.session.seat()).collect();
    let closes: Vec<_> = a_match.play.clients.iter().map(|client| client.closes.len()).collect();
    a_match.play.pause(kind, 0, pause_ms);
    // The lead of an input is known a round trip after the input was made.
    a_match.run(pause_ms + RECOVERY_MS + a_match.round_trip_ms());
    a_match.assert_in_play(&context);
    for (index, client) in a_match.play.clients.iter().enumerate() {
        let (session, before) = (&client.session, &before[index]);
        let stats = session.stats();
        assert_eq!(session.seat(), seats[index], "client {index} has another seat; {context}");
        if pause_ms <= SAME_CONNECTION_MS || index > 0 && kind != Pause::Server {
            assert_eq!(client.closes.len(), closes[index], "client {index} was closed; {context}");
            assert_eq!(stats.welcomes, before.welcomes, "client {index} had to reconnect; {context}");
        }
        let lead = i64::from(stats.input_lead_ticks);
        let was = i64::from(before.input_lead_ticks);
        assert!((lead - was).abs() <= LEAD_TICKS, "client {index}: a lead of {lead} ticks, before {was}; {context}");
        assert_eq!(stats.hash_mismatches, 0, "client {index}; {context}");
        let (round_trip_us, was_us) = (stats.rtt_us, before.rtt_us);
        assert!(
            round_trip_us < was_us + PING_US,
            "client {index}: a round trip of {round_trip_us} µs, before {was_us}; {context}"
        );
    }
    a_match.assert_nothing_is_lost(&context);
}

fn play_through_pauses<G: Counting>(kind: Pause) {
    for seed in seeds(12) {
        play_through_a_pause::<G>(seed, kind);
    }
}

/// The moment at which a pause begins, apart from steady play.
#[derive(Debug, Clone, Copy)]
enum PausedAt {
    /// The players are joining: connections open, and keyframes are under way.
    Joining,
    /// The first player's connection was cut, and the player is getting back in.
    Resuming,
    /// The first player's world was damaged, and the difference is being found and healed.
    Dispute,
}

fn play_through_a_pause_at<G: Counting>(seed: u64, kind: Pause, moment: PausedAt) {
    let mut dice = Rng::new(seed);
    let pause_ms = 300 + dice.below(9_700);
    let mut a_match: Match<G> = Match::new(seed, &mut dice);
    let moments_ms = match moment {
        PausedAt::Joining => 400,
        PausedAt::Resuming => {
            a_match.run(3_000);
            a_match.play.cut(0);
            1_200
        }
        PausedAt::Dispute => {
            a_match.run(3_000);
            plant(&mut a_match.play.clients[0].session, &mut dice).expect("a world has fields");
            400
        }
    };
    a_match.run(dice.below(moments_ms));
    let context = format!("{} seed {seed}: {kind:?} for {pause_ms} ms, {moment:?}, {}", G::RULES.name, a_match.link);
    a_match.play.pause(kind, 0, pause_ms);
    a_match.run(pause_ms + ENTRY_MS + a_match.round_trip_ms());
    a_match.assert_in_play(&context);
    match moment {
        // Of a player that has yet to send anything the seat is not kept, so what it does before is not owed to it.
        PausedAt::Joining => a_match.assert_same_worlds(),
        PausedAt::Resuming | PausedAt::Dispute => a_match.assert_nothing_is_lost(&context),
    }
}

fn play_through_pauses_at_any_moment<G: Counting>() {
    for seed in seeds(4) {
        for kind in [Pause::Network, Pause::Device, Pause::Server] {
            for moment in [PausedAt::Joining, PausedAt::Resuming, PausedAt::Dispute] {
                play_through_a_pause_at::<G>(seed, kind, moment);
            }
        }
    }
}

#[test]
fn a_pause_is_survived_at_any_moment() {
    play_through_pauses_at_any_moment::<Snapped>();
    play_through_pauses_at_any_moment::<Sparse>();
}

#[test]
fn a_pause_is_survived_at_any_moment_in_lockstep() {
    play_through_pauses_at_any_moment::<Stepped>();
}

#[test]
fn a_pause_of_the_network_costs_what_it_lasts() {
    play_through_pauses::<Snapped>(Pause::Network);
    play_through_pauses::<Sparse>(Pause::Network);
}

#[test]
fn a_pause_of_the_network_costs_what_it_lasts_in_lockstep() {
    play_through_pauses::<Stepped>(Pause::Network);
}

#[test]
fn a_pause_of_the_device_costs_what_it_lasts() {
    play_through_pauses::<Snapped>(Pause::Device);
    play_through_pauses::<Sparse>(Pause::Device);
}

#[test]
fn a_pause_of_the_device_costs_what_it_lasts_in_lockstep() {
    play_through_pauses::<Stepped>(Pause::Device);
}

#[test]
fn a_pause_of_the_server_costs_what_it_lasts() {
    play_through_pauses::<Snapped>(Pause::Server);
    play_through_pauses::<Sparse>(Pause::Server);
}

#[test]
fn a_pause_of_the_server_costs_what_it_lasts_in_lockstep() {
    play_through_pauses::<Stepped>(Pause::Server);
}

#[test]
fn the_state_of_the_link_says_in_time_what_is_going_on() {
    let mut play: Play<Snapped> = Play::new(7, 2, LinkProfile { latency_ms: 40, ..LinkProfile::default() });
    let state = |play: &Play<Snapped>| play.clients[0].session.link_state(play.now_us());
    play.run_seconds(3);
    assert_eq!(state(&play), LinkState::Fine);
    play.pause(Pause::Network, 0, 3_000);
    for (milliseconds, expected) in [(800, "fine"), (1_500, "quiet"), (2_500, "silent"), (3_300, "fine")] {
        while play.now_us() < 3_000_000 + milliseconds * 1_000 {
            play.run_ticks(1);
        }
        let is_so = match state(&play) {
            LinkState::Fine => expected == "fine",
            LinkState::Quiet { silence_us } => expected == "quiet" && (1_000_000..2_000_000).contains(&silence_us),
            LinkState::Silent { silence_us } => expected == "silent" && (2_000_000..3_000_000).contains(&silence_us),
            _ => false,
        };
        assert!(is_so, "{milliseconds} ms after the network stood still: {:?}, and not {expected}", state(&play));
    }
    play.set_reachable(0, false);
    assert_eq!(state(&play), LinkState::Unreachable);
    play.set_reachable(0, true);
    play.cut(0);
    assert!(matches!(state(&play), LinkState::Reconnecting { .. }), "{:?}", state(&play));
    play.run_seconds(2);
    assert_eq!(state(&play), LinkState::Fine);
}

#[test]
fn own_things_are_not_played_ahead_for_long_without_news() {
    let mut play: Play<Snapped> = Play::new(7, 2, LinkProfile { latency_ms: 40, ..LinkProfile::default() });
    play.run_seconds(3);
    let made = play.clients[0].session.predicted_tick();
    play.pause(Pause::Network, 0, 3_000);
    play.run_seconds(2);
    let ahead = play.clients[0].session.predicted_tick().since(made);
    assert!((10..=18).contains(&ahead), "{ahead} ticks without news at 30 Hz");
}
