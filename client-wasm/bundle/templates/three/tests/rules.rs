//! The rules, tested without a server: ticks are played as a room plays them.

use template_game::{Happening, Roll, TemplateGame};
use tickwire::To;
use tickwire::math::vec2;
use tickwire::testing::{Play, assert_deterministic};

/// Ticks of a minute.
const MINUTE: u32 = 60 * 60;

#[test]
fn every_machine_makes_the_same_world() {
    assert_deterministic::<TemplateGame>();
}

#[test]
fn a_marble_that_nobody_pushes_stays_in_the_moat() {
    let mut play = Play::<TemplateGame>::new(2, 1);
    for _ in 0..MINUTE {
        play.inputs(&[]);
        assert_eq!(play.events, []);
    }
}

#[test]
fn the_edge_is_no_wall() {
    let mut play = Play::<TemplateGame>::new(1, 1);
    let me = play.seats[0];
    let outward = Roll {
        stick: vec2(0.0, 1.0),
        boost: false,
    };
    let falls = (0..MINUTE).any(|_| {
        play.inputs(&[(me, outward)]);
        play.events == [(To::Everyone, Happening::Fall(me))]
    });
    assert!(falls);
}

#[test]
fn bots_finish_a_match() {
    let mut play = Play::<TemplateGame>::new(3, 4);
    let is_win = |event: &Happening| matches!(event, Happening::Win(_));
    play.bots_until(10 * MINUTE, |play| {
        play.events.iter().any(|(_, event)| is_win(event))
    });
}
