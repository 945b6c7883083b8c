//! The rules, tested without a server: ticks are played as a room plays them.

use template_game::{Happening, Push, TemplateGame};
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
fn a_disc_that_runs_off_the_ring_loses_the_point() {
    let mut play = Play::<TemplateGame>::new(2, 1);
    let [left, right] = [play.seats[0], play.seats[1]];
    let outward = Push {
        stick: vec2(-1.0, 0.0),
        dash: false,
    };
    let mut seen = Vec::new();
    for _ in 0..MINUTE {
        play.inputs(&[(left, outward)]);
        seen.extend(play.events.clone());
        if seen.contains(&(To::Everyone, Happening::Point)) {
            break;
        }
    }
    assert_eq!(
        seen,
        [
            (To::Everyone, Happening::Fall(left)),
            (To::Everyone, Happening::Point)
        ]
    );
    assert_eq!([left, right].map(|seat| play.world.score(seat)), [0, 1]);
}

#[test]
fn bots_finish_a_match() {
    let mut play = Play::<TemplateGame>::new(2, 4);
    let win = (To::Everyone, Happening::Win);
    play.bots_until(10 * MINUTE, |play| play.events.contains(&win));
}
