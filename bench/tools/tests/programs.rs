//! Programs of one line, for one game and for several: they are examples, which cargo builds before this test.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs an example with these arguments.
fn run(example: &str, arguments: &[&str]) -> Output {
    let own = std::env::current_exe().expect("a test has a program");
    let folder: PathBuf = own.ancestors().nth(2).expect("it is in the folder `deps`").join("examples");
    Command::new(folder.join(example)).args(arguments).output().expect("`cargo test` has built the example")
}

/// Standard output, standard error, and whether the program succeeded.
fn told(example: &str, arguments: &[&str]) -> (String, String, bool) {
    let Output { status, stdout, stderr } = run(example, arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes text");
    (text(stdout), text(stderr), status.success())
}

const SHORT: [&str; 5] = ["bytes", "--rooms", "1", "--seconds", "1"];

#[test]
fn a_program_of_one_game_needs_no_name_and_tells_its_own() {
    let (out, _, is_fine) = told("one_game", &SHORT);
    assert!(is_fine && out.contains("paddles: "), "{out}");
    let (out, _, is_fine) = told("one_game", &["--version"]);
    assert!(is_fine && out.starts_with("one_game "), "{out}");
    let (_, error, is_fine) = told("one_game", &[&SHORT[..], &["--game", "arena"]].concat());
    assert!(!is_fine && error == "bytes: there is no game arena; there are paddles\n", "{error}");
}

#[test]
fn a_program_of_several_games_chooses_by_name_and_has_a_default() {
    let (out, _, is_fine) = told("several_games", &SHORT);
    assert!(is_fine && out.contains("paddles: "), "{out}");
    // An alias of cargo leaves a `--` in front of the options.
    let (out, _, is_fine) =
        told("several_games", &["bytes", "--", "--game", "arena", "--rooms", "1", "--seconds", "1"]);
    assert!(is_fine && out.contains("arena: "), "{out}");
    let (_, error, is_fine) = told("several_games", &["bytes", "--game", "padles"]);
    assert!(!is_fine && error.starts_with("bytes: there is no game padles (did you mean paddles?)"), "{error}");
}

#[test]
fn a_delta_over_its_budget_fails_with_the_fields_that_are_over() {
    let with = |budget| told("one_game", &[&SHORT[..], &["--budget", budget]].concat());
    let (out, _, is_fine) = with(r#"{ "delta": 1000, "ball": 1000 }"#);
    assert!(is_fine && out.lines().filter(|line| line.ends_with('✓')).count() == 2, "{out}");
    let (out, _, is_fine) = with(r#"{ "delta": 1000, "ball": 0 }"#);
    let over = out.lines().filter(|line| line.contains('✗')).collect::<Vec<_>>();
    assert!(!is_fine && over.len() == 1 && over[0].trim_start().starts_with("ball "), "{out}");
    let (_, error, is_fine) = with(r#"{ "bal": 5 }"#);
    assert!(!is_fine && error == "bytes: paddles has no field bal: did you mean ball?\n", "{error}");
}
