//! The rules, tested without a server: ticks are played as a room plays them.

use template_game::{Drive, Happening, TemplateGame};
use tickwire::To;
use tickwire::math::vec2;
use tickwire::testing::{Play, assert_deterministic};

/// Ticks of a minute.
const MINUTE: u32 = 30 * 60;

#[test]
fn every_machine_makes_the_same_world() {
    assert_deterministic::<TemplateGame>();
}

#[test]
fn crates_stop_beams() {
    let mut play = Play::<TemplateGame>::new(2, 1);
    let [left, right] = [play.seats[0], play.seats[1]];
    // The crate in the middle of the yard is between them, even when both have come close.
    let aim = Some(vec2(640.0, 200.0));
    let right_on = Drive {
        stick: vec2(1.0, 0.0),
        aim,
        shoot: true,
        mine: false,
    };
    let left_on = Drive {
        stick: vec2(-1.0, 0.0),
        ..Drive::default()
    };
    for _ in 0..MINUTE {
        play.inputs(&[(left, right_on), (right, left_on)]);
        assert!(!play.events.contains(&(To::Everyone, Happening::Hit(right))));
    }
}

#[test]
fn bots_wreck_each_other_by_beams_and_by_mines() {
    let mut play = Play::<TemplateGame>::new(6, 4);
    let (mut wrecks, mut bangs) = (0, 0);
    play.bots_until(4 * MINUTE, |play| {
        for (_, event) in &play.events {
            wrecks += u32::from(matches!(event, Happening::Wreck(_)));
            bangs += u32::from(matches!(event, Happening::Bang { .. }));
        }
        wrecks >= 20 && bangs >= 3
    });
}
