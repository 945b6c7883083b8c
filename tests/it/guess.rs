//! The inputs that a client predicts for the other players: each player repeats the last input, where the game's world
//! shows it.

use crate::harness::Play;
use tickwire::link::LinkProfile;
use tickwire::{Game, Input, Leave, Rng, Rules, Seat, State, Step, Table};

/// Units per tick at full throttle.
const SPEED: f32 = 2.0;

/// How far a kick throws a cart, in units.
const KICK: f32 = 5.0;

/// Carts that every client predicts, the carts of other players included: their places depend on the inputs of those
/// players.
#[derive(State, Clone, Default)]
struct Carts {
    #[state(predict)]
    carts: Table<Cart>,
}

#[derive(State, Clone, Default)]
struct Cart {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = 0.0..=8191.0, step = 0.5, smooth)]
    x: f32,
    lever: Lever,
}

#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
struct Lever {
    throttle: bool,
    #[input(once)]
    kick: bool,
}

impl Game for Carts {
    type Input = Lever;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("carts", 30).seats(4);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        self.carts.insert(Cart { seat: Some(seat), ..Cart::default() });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.carts.retain(|_, cart| cart.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        for cart in self.carts.values_mut() {
            let Some(seat) = cart.seat else { continue };
            cart.lever = tick.input(seat);
            cart.x += if cart.lever.throttle { SPEED } else { 0.0 } + if cart.lever.kick { KICK } else { 0.0 };
        }
    }

    fn last_input(&self, seat: Seat) -> Lever {
        let mine = self.carts.values().find(|cart| cart.seat == Some(seat));
        mine.map(|cart| cart.lever).unwrap_or_default()
    }

    fn bot(&self, _: Seat, _: &mut Rng) -> Lever {
        Lever::default()
    }
}

/// Runs for some ticks in which the second player's input in each tick is that of `lever`. Gives how far the first
/// player's predictions were off, in units, each time that they were wrong.
fn drive(play: &mut Play<Carts>, ticks: u32, lever: impl Fn(u32) -> Lever) -> Vec<f32> {
    let mut corrections = Vec::new();
    let mut rollbacks = play.clients[0].session.stats().rollbacks;
    for tick in 0..ticks {
        play.clients[0].hands = Some(Lever::default());
        play.clients[1].hands = Some(lever(tick));
        play.watch_ticks(1, |_, client, _| {
            let stats = client.session.stats();
            if client.session.seat() == Seat::new(0) && stats.rollbacks > rollbacks {
                rollbacks = stats.rollbacks;
                corrections.push(stats.correction_units);
            }
        });
    }
    play.assert_sound();
    corrections
}

fn play(seed: u64) -> Play<Carts> {
    let mut play = Play::new(seed, 2, LinkProfile { latency_ms: 120, ..LinkProfile::default() });
    play.run_seconds(5);
    play
}

#[test]
fn another_player_is_predicted_to_repeat_the_last_input() {
    let mut play = play(3);
    let steady = Lever { throttle: true, kick: false };
    for (lever, ticks) in [(steady, 300), (Lever::default(), 60), (steady, 300)] {
        let wrong = drive(&mut play, ticks, |_| lever);
        // No client can foresee that another player starts or stops; from the next snapshot on the client knows it.
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0] > 2.0 * SPEED, "several ticks were predicted with the old input: {wrong:?}");
    }
}

#[test]
fn an_input_that_counts_once_is_not_predicted_to_repeat() {
    let wrong = drive(&mut play(4), 300, |tick| Lever { throttle: false, kick: tick % 30 == 0 });
    assert!(
        wrong.len() > 4 && wrong.iter().all(|units| *units == KICK),
        "each kick is corrected, and corrected once: {wrong:?}"
    );
}
