//! The games in node and in browsers: they give the same hashes, tick by tick, as natively; and a planted mistake is
//! found.
//!
//! The tests need node, a compiler for WebAssembly, and those of `engines` three browsers; `cargo verify` sees to all.

#[cfg(test)]
use std::sync::OnceLock;
#[cfg(test)]
use tickwire_determinism::compare::{Plan, Trouble, compare};
#[cfg(test)]
use tickwire_determinism::games::{DEMO, Entry};
#[cfg(test)]
use tickwire_determinism::hosts::{self, Built, Host};

/// The ticks and seeds that are compared of each game; the number of seeds is multiplied by `TICKWIRE_SEEDS`.
#[cfg(test)]
const PLAN: Plan = Plan { ticks: 500, seeds: 2 };

#[cfg(test)]
fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| hosts::build().expect("the module can be built"))
}

#[cfg(test)]
fn plan() -> Plan {
    let factor: u32 = std::env::var("TICKWIRE_SEEDS").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    Plan { seeds: PLAN.seeds * factor, ..PLAN }
}

#[cfg(test)]
mod engines {
    use super::{DEMO, Entry, Host, Trouble, built, compare, plan};
    use tickwire_bench::browser::Engine;
    use tickwire_determinism::hosts::EmptyPage;

    fn assert_deterministic(engine: Engine) {
        let mut page: [Box<dyn Host>; 1] = [Box::new(EmptyPage::start(engine, built()).expect("a browser starts"))];
        let plan = plan();
        let mut verdict_of = |entry: &Entry| compare(entry, &mut page, plan, &|_, _| ()).pop().expect("a verdict");
        for entry in &DEMO {
            let verdict = verdict_of(entry);
            assert!(verdict.is_agreement(plan), "{verdict}");
        }
        let verdict = verdict_of(&Entry::named("planted-sine").expect("it is planted"));
        let Some(Trouble::Differs(autopsy)) = verdict.trouble.as_deref() else {
            panic!("the sine was not caught: {verdict}")
        };
        assert_eq!(autopsy.differences[0].path, "noise", "{verdict}");
    }

    #[test]
    fn every_demo_game_gives_the_same_hashes_in_chromium_and_a_planted_sine_does_not() {
        assert_deterministic(Engine::Chromium);
    }

    #[test]
    fn every_demo_game_gives_the_same_hashes_in_firefox_and_a_planted_sine_does_not() {
        assert_deterministic(Engine::Firefox);
    }

    #[test]
    fn every_demo_game_gives_the_same_hashes_in_webkit_and_a_planted_sine_does_not() {
        assert_deterministic(Engine::WebKit);
    }
}

#[cfg(test)]
mod node {
    use super::{DEMO, Entry, Host, PLAN, Plan, Trouble, built, compare, plan};
    use tickwire_determinism::compare::Verdict;
    use tickwire_determinism::hosts::Node;

    fn in_node(entry: &Entry, plan: Plan) -> Verdict {
        let mut node: [Box<dyn Host>; 1] = [Box::new(Node::start(built()).expect("node starts"))];
        compare(entry, &mut node, plan, &|_, _| ()).pop().expect("a verdict for each host")
    }

    #[test]
    fn every_demo_game_gives_the_same_hashes_in_node_through_rollbacks_and_keyframes() {
        let plan = plan();
        for entry in &DEMO {
            let verdict = in_node(entry, plan);
            assert!(verdict.is_agreement(plan), "{verdict}");
        }
    }

    #[test]
    fn a_sine_of_the_standard_library_is_caught_with_its_tick_field_and_values() {
        let entry = Entry::named("planted-sine").expect("it is planted");
        let verdict = in_node(&entry, PLAN);
        assert!(!verdict.is_agreement(PLAN));
        let told = verdict.to_string();
        let Some(Trouble::Differs(autopsy)) = verdict.trouble.as_deref() else {
            panic!("the sine was not caught: {told}")
        };
        let [difference] = &autopsy.differences[..] else { panic!("one field differs: {told}") };
        assert_eq!(difference.path, "noise");
        assert_ne!(difference.here, difference.there);
        assert_eq!(autopsy.turns[0], autopsy.turns[1], "both sides had the same inputs");
        assert!(!autopsy.detours_differ, "the rollbacks are not at fault");
        let head = format!("DIFFERS at tick {} of seed {}\n    noise: natively ", autopsy.tick, autopsy.seed);
        assert!(told.contains(&head) && told.contains("seat 0: neutral"), "{told}");
    }

    #[test]
    fn a_game_that_forgets_a_field_is_told_apart_from_a_host_that_computes_otherwise() {
        let entry = Entry::named("planted-forgetful").expect("it is planted");
        let verdict = in_node(&entry, PLAN);
        let told = verdict.to_string();
        let Some(Trouble::Differs(autopsy)) = verdict.trouble.as_deref() else {
            panic!("the field was not caught: {told}")
        };
        assert_eq!(autopsy.differences[0].path, "charge", "{told}");
        assert!(autopsy.detours_differ, "the native run has the same fault: {told}");
    }

    #[test]
    fn a_comparison_of_nothing_is_no_agreement() {
        let nothing = Plan { ticks: 0, seeds: 1 };
        assert!(!in_node(&DEMO[0], nothing).is_agreement(nothing));
    }

    #[test]
    fn a_game_that_the_host_does_not_have_is_no_agreement() {
        let mut entry = DEMO[0];
        entry.rules.name = "nothing";
        let verdict = in_node(&entry, PLAN);
        assert!(!verdict.is_agreement(PLAN));
        assert!(verdict.to_string().contains("no game is called nothing"), "{verdict}");
    }
}
