//! The rules, tested without a server: ticks are played as a room plays them.

use template_game::{Options, TemplateGame, Whistle};
use tickwire::Game;
use tickwire::math::vec2;
use tickwire::testing::{Play, assert_deterministic};

/// Ticks of a minute.
const MINUTE: u32 = 30 * 60;

#[test]
fn every_machine_makes_the_same_world() {
    assert_deterministic::<TemplateGame>();
}

#[test]
fn bots_drive_most_sheep_home() {
    let mut play = Play::<TemplateGame>::with_options(&Options { sheep: 100 }, 4, 3);
    play.bots_until(2 * MINUTE, |play| {
        play.seats
            .iter()
            .map(|seat| play.world.score(*seat))
            .sum::<u16>()
            >= 60
    });
}

#[test]
fn nobody_scores_beside_a_dog_that_only_stands_in_its_corner() {
    let mut play = Play::<TemplateGame>::new(1, 1);
    let me = play.seats[0];
    let into_the_corner = Whistle {
        stick: vec2(-1.0, -1.0),
        bark: false,
    };
    for _ in 0..MINUTE {
        play.inputs(&[(me, into_the_corner)]);
    }
    assert_eq!(play.world.score(me), 0);
}

#[test]
fn a_room_with_too_many_sheep_is_refused() {
    assert!(TemplateGame::check(&Options { sheep: 1_000 }).is_ok());
    assert!(TemplateGame::check(&Options { sheep: 1_001 }).is_err());
}
