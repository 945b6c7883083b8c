//! Claimed views: an honest player's view is believed over every link, and a modified client on a good link cannot claim
//! a much older one.

use crate::gallery::{Gallery, Trigger};
use crate::harness::{Pause, Play};
use crate::sessions::{profile, seeds};
use tickwire::input::{Ack, InputCodec, InputFrame, ViewAge};
use tickwire::limits::PAST_MS_MAX;
use tickwire::link::{LinkProfile, PROFILES};
use tickwire::message::control::Hello;
use tickwire::{Game, Rng, Seat, Tick};
use tickwire_games::Arena;
use tickwire_server::room::Room;
use tickwire_tools::feel::BAD;

/// Plays a minute over a link, with a cut connection and pauses, and counts the views that were shortened.
fn clamped<G: Game>(seed: u64, link: LinkProfile) -> u64 {
    let mut play: Play<G> = Play::new(seed, 3, link);
    play.keeps_records = true;
    play.run_seconds(20);
    play.cut(0);
    play.run_seconds(10);
    for (index, kind) in [Pause::Network, Pause::Device].into_iter().enumerate() {
        play.pause(kind, index, 500);
        play.run_seconds(5);
    }
    play.stall(1, 900);
    play.run_seconds(20);
    let actions = play.records.iter().flat_map(|record| &record.actions);
    assert!(actions.filter(|(_, action)| !action.age.is_none()).count() > 1_000, "players look back");
    play.counters.clamped_views
}

#[test]
fn the_view_of_an_honest_player_is_believed_over_every_link() {
    for (name, link) in PROFILES.into_iter().chain([BAD]) {
        for seed in seeds(2) {
            assert_eq!(clamped::<Gallery>(seed, link), 0, "{name}, seed {seed}");
            assert_eq!(clamped::<Arena>(seed, link), 0, "{name} in arena, seed {seed}");
        }
    }
    for seed in seeds(6) {
        let link = profile(&mut Rng::new(seed));
        assert_eq!(clamped::<Gallery>(seed, link), 0, "{link}, seed {seed}");
    }
}

/// A modified client on a link of 20 ms that plays as an honest one would and claims views of this age. Gives the
/// greatest age that was recorded, in ticks, and the greatest that an honest client would have.
fn recorded_ages(claimed: ViewAge, holds_back: u32) -> (f64, f64) {
    let codec = InputCodec::<Trigger>::new();
    let mut room = Room::<Gallery>::new(1, &(), false);
    let member = room.enter(&Hello::of::<Gallery>("C4FK9T", "cheat"), [1; 16]).expect("a free seat").member;
    let seat = Seat::new(0).expect("a seat");
    let mut ages = Vec::new();
    for tick in (1..=600).map(Tick) {
        // The snapshot of the last tick has arrived, and the input is a tick early. An honest client shows a moment up to
        // two ticks before the newest snapshot.
        let ack = Ack { tick: tick - 1 - holds_back, hash: 0 };
        let frame = InputFrame::one(tick + 1, Trigger::default(), Some(ack), false);
        let mut message = Vec::new();
        codec.encode(&frame.seeing(claimed), &mut message);
        room.receive(member, &message).expect("any view may be claimed");
        let actions = &room.tick().actions;
        if tick.0 <= 2 * Gallery::RULES.tick_rate_hz {
            // At first the clock of an honest client is still catching up.
            continue;
        }
        ages.extend(
            actions.iter().filter(|(of, _)| *of == seat).map(|(_, action)| f64::from(action.age.parts()) / 16.0),
        );
    }
    (ages.iter().copied().fold(0.0, f64::max), 2.0 + 2.0)
}

#[test]
fn a_client_on_a_good_link_cannot_claim_a_view_of_half_a_second_ago() {
    let oldest = ViewAge::from_parts(u8::MAX);
    let (recorded, honest) = recorded_ages(oldest, 0);
    let gain_ms = (recorded - honest) * 1_000.0 / f64::from(Gallery::RULES.tick_rate_hz);
    assert!((0.0..=150.0).contains(&gain_ms), "{recorded} ticks, {gain_ms} ms more than an honest view");
    // A claim that an honest client could make is believed to the bit.
    for parts in 16..=64 {
        assert!(recorded_ages(ViewAge::from_parts(parts), 0).0.to_bits() == (f64::from(parts) / 16.0).to_bits());
    }
    // What remains possible: a client that acknowledges late looks like one on a slow link, within the usual bound.
    let slow = recorded_ages(oldest, 12).0;
    assert!(
        slow > recorded && slow <= f64::from((PAST_MS_MAX * Gallery::RULES.tick_rate_hz).div_ceil(1_000)),
        "{slow}"
    );
}
