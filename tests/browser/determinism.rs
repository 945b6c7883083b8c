//! The games in Chromium: they give the same hashes, tick by tick, as natively; and a planted mistake is found.

use tickwire_determinism::compare::{Plan, Trouble, compare};
use tickwire_determinism::games::{DEMO, Entry};
use tickwire_determinism::hosts::{self, Chromium, Host};

const PLAN: Plan = Plan { ticks: 500, seeds: 2 };

#[test]
fn every_demo_game_gives_the_same_hashes_in_chromium_and_a_planted_sine_does_not() {
    let built = hosts::build().expect("the module can be built");
    let mut browser: [Box<dyn Host>; 1] = [Box::new(Chromium::start(&built).expect("a browser starts"))];
    let mut verdict_of = |entry: &Entry| compare(entry, &mut browser, PLAN, &|_, _| ()).pop().expect("a verdict");
    for entry in &DEMO {
        let verdict = verdict_of(entry);
        assert!(verdict.is_agreement(PLAN), "{verdict}");
    }
    let verdict = verdict_of(&Entry::named("planted-sine").expect("it is planted"));
    let Some(Trouble::Differs(autopsy)) = verdict.trouble.as_deref() else {
        panic!("the sine was not caught: {verdict}")
    };
    assert_eq!(autopsy.differences[0].path, "noise", "{verdict}");
}
