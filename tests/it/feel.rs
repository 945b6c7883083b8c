//! The feel of the game, held to bounds: the figures of `cargo feel` for every kind of link, on a small scale.

use tickwire::link::PROFILES;
use tickwire_bench::feel::{broken, is_bounded, scenes};
use tickwire_tools::feel::{BAD, Size};

#[test]
fn a_game_over_every_kind_of_link_feels_as_its_bounds_say() {
    let size = Size { rooms: 2, players: 4, seconds: 40 };
    for (name, link) in PROFILES {
        for scene in scenes() {
            let feel = scene.measure(name, link, size, 7);
            assert!(is_bounded(&feel), "{name} has no bounds");
            assert!(broken(&feel).is_empty(), "{:#?}", broken(&feel));
        }
    }
}

#[test]
fn a_game_over_a_bad_link_stays_within_the_bounds_for_two_minutes() {
    let size = Size { rooms: 3, players: 4, seconds: 120 };
    for scene in scenes() {
        let feel = scene.measure(BAD.0, BAD.1, size, 3);
        assert!(is_bounded(&feel) && broken(&feel).is_empty(), "{:#?}", broken(&feel));
    }
}

#[test]
fn a_link_that_is_worse_or_better_than_its_name_is_out_of_bounds() {
    let size = Size { rooms: 2, players: 4, seconds: 40 };
    let [open, _] = scenes();
    for (name, link) in [(BAD.0, PROFILES[0].1), (PROFILES[0].0, BAD.1)] {
        let broken = broken(&open.measure(name, link, size, 3));
        for what in ["replayed ticks", "inputs come early", "view delay"] {
            assert!(
                broken.iter().any(|words| words.contains(what)),
                "{what} is not among the broken bounds: {broken:#?}"
            );
        }
    }
}
