//! The words that an author reads when a game is at fault, against files that a person has read: what, where, what to
//! do. With `WORDS=overwrite` a text becomes that of its file.

mod games;

use self::games::{Boaster, Builder, Gambler, Newborn, Talker};
use std::path::Path;
use std::thread;
use tickwire::Game;
use tickwire::client::CorrectedField;
use tickwire::determinism::{Policy, Unknown, Unpredictable, sync_test};
use tickwire_planted::{Counter, Forgetful, Hidden, NoNumber, Order, Remembering};

/// Fails unless the text is that of the file.
fn assert_words(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/words").join(format!("{name}.txt"));
    if std::env::var("WORDS").is_ok_and(|how| how == "overwrite") {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name}: read the difference after a run with `WORDS=overwrite`");
}

/// The words for a game that disagrees with itself.
fn divergence<G: Game>() -> String {
    // These games remember something per thread, and a thread of their own gives them the same words each time.
    let play = || sync_test::<G>(&Policy { ticks: 100, ..Policy::default() });
    let found = thread::spawn(play).join().expect("the test itself does not panic");
    found.err().map_or_else(|| format!("{} agrees with itself", G::RULES.name), |found| found.to_string()) + "\n"
}

#[test]
fn a_game_that_disagrees_with_itself_is_told_what_where_and_what_to_do() {
    macro_rules! check {
        ($($game:ty),*) => {$( assert_words(<$game>::RULES.name, &divergence::<$game>()); )*};
    }
    check!(Counter, Forgetful, Hidden, NoNumber, Remembering, Newborn, Gambler, Talker, Builder, Boaster);
}

#[test]
fn a_game_that_depends_on_the_order_of_a_hash_set_is_told_so() {
    // The values and the tick are other ones each time.
    let masked: String = divergence::<Order>().chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
    let once = masked.replace("####", "#").replace("###", "#").replace("##", "#");
    assert_words(Order::RULES.name, &once);
}

#[test]
fn a_field_that_no_client_can_predict_is_told_with_its_cause_and_the_way_out() {
    let field = |field: &str, depends_on| Unpredictable { field: field.into(), changes: 250, differs: 200, depends_on };
    let told = [
        field("ships.shown", Unknown::HiddenField),
        field("wheel", Unknown::RandomNumbers),
        field("ships.luck", Unknown::Either),
    ];
    assert_words("unpredictable", &told.map(|field| format!("{field}\n")).concat());
}

#[test]
fn a_corrected_field_is_told_in_a_line() {
    let field = |name: &str, snapshots, units_mean| CorrectedField {
        field: name.into(),
        snapshots,
        of: 1_000,
        units_mean,
        units_max: 2.0 * units_mean,
        changes: 1_000,
        wrong_changes: snapshots,
    };
    let told = [
        field("ships.shown", 800, 5.4),
        field("ships.at", 120, 0.0625),
        field("ships.angle", 20, 0.4),
        field("ships.spawned", 3, 0.0),
        field("fog", 990, 123.4),
    ];
    assert_words("corrected_fields", &told.map(|field| format!("{field}\n")).concat());
}
