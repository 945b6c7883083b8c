//! The texts of the demo games and of a game with every kind of field, against files that a person has read.

mod kinds;

use self::kinds::Kinds;
use super::{Description, Js, declarations, layout, list, neutral};
use std::path::Path;
use tickwire::message::control::fingerprint;
use tickwire::state::shape::TypeShape;
use tickwire::{Game, State};

/// Fails unless the text is that of the file. With `DESCRIBE=overwrite` it becomes the file's instead.
fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/golden").join(name);
    if std::env::var("DESCRIBE").is_ok_and(|how| how == "overwrite") {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let differs = expected.lines().zip(text.lines()).find(|(expected, found)| expected != found);
    assert_eq!(differs, None, "{name}: read the difference after a run with `DESCRIBE=overwrite`");
    assert_eq!(expected, text, "{name}");
}

#[test]
fn the_types_of_each_demo_game_are_those_that_a_person_has_read() {
    macro_rules! check {
        ($($game:ty),*) => {$(
            let game = Description::of::<$game>();
            assert_golden(&format!("{}.d.ts", game.name), &game.declarations);
        )*};
    }
    tickwire_games::for_each_page_game!(check);
}

#[test]
fn every_kind_of_field_has_a_type_and_a_node() {
    assert_golden("kinds.d.ts", &declarations::of::<Kinds>());
    let layout = Js::Rows(vec![layout::of(&Kinds::shape()), layout::of(&<Kinds as Game>::Event::shape())]);
    assert_golden(
        "kinds.js",
        &format!("// The layouts of a world and of an event.\nexport default {};\n", layout.to_text(0)),
    );
}

/// The leaves of a layout, counted as the table of nodes says.
fn leaves(node: &Js) -> usize {
    let list = match node {
        Js::Object(fields) => return fields.iter().map(|(_, node)| leaves(node)).sum(),
        Js::List(list) => list.as_slice(),
        other => panic!("{other:?} is no node"),
    };
    let count = |number: &Js| number.to_text(0).parse::<usize>().unwrap();
    let kind = list[0].to_text(0);
    match (kind.trim_matches('\''), &list[1..]) {
        ("f" | "i" | "u" | "b" | "s" | "os" | "r", []) | ("w", [_, _]) | ("e", [_, ..]) => 1,
        ("u64" | "i64", []) => 2,
        ("q", []) => 4,
        ("v" | "o", [inner]) => 1 + leaves(inner),
        ("n", [inner, number]) => count(number) * leaves(inner),
        ("l", [inner, max]) => 1 + count(max) * leaves(inner),
        ("m", [key, value, max]) => 1 + count(max) * (leaves(key) + leaves(value)),
        ("t", [rows]) => {
            leaves(rows);
            0
        }
        other => panic!("{other:?} is no node"),
    }
}

fn assert_width<S: State>() {
    assert_eq!(leaves(&layout::of(&S::shape())), S::WIDTH);
}

fn assert_widths<G: Game>() {
    assert_width::<G>();
    assert_width::<G::Input>();
    assert_width::<G::Event>();
    let Js::List(numbers) = neutral::of::<G::Input>() else { panic!("a list of numbers") };
    assert_eq!(numbers.len(), G::Input::WIDTH);
}

#[test]
fn a_layout_has_the_leaves_of_its_type() {
    macro_rules! check {
        ($($game:ty),*) => { $(assert_widths::<$game>();)* };
    }
    tickwire_games::for_each_game!(check);
    assert_widths::<Kinds>();
}

#[test]
fn a_script_names_its_module_and_the_fingerprint_of_the_game() {
    let game = Description::of::<Kinds>();
    assert!(game.script.contains("import init, * as module from './kinds_wasm.js';"), "{}", game.script);
    let fingerprint = format!("fingerprint: '{:016x}',", fingerprint::<Kinds>());
    assert!(game.script.contains(&fingerprint), "{fingerprint}");
    assert!(!game.script.contains("build: "), "a build that is not known is not told");
    let built = Description::of_build::<Kinds>(0x00dc_ba98_7654_3210).script;
    assert!(built.contains(&format!("build: '00dcba9876543210',\n  {fingerprint}")), "{built}");
    assert!(game.script.contains("hint: 'Look at your NAME. */',"), "a text of the game stays as it is");
    let list = list(&[game]);
    assert!(list.contains("load: () => import('./kinds.js').then((script) => script.default)"), "{list}");
    assert!(list.contains("title: 'Kinds\\' game'"), "{list}");
}

#[test]
fn a_game_without_inputs_and_events_has_types_all_the_same() {
    assert_eq!(layout::of(&<()>::shape()), Js::Object(Vec::new()));
    assert!(matches!(<()>::shape(), TypeShape::Struct(shape) if shape.fields.is_empty()));
}
