//! The errors that a game author reads after a mistake in `#[state(..)]`, `#[input(..)]` or `#[event(..)]`.
//!
//! Each file of `errors/` holds one kind of mistake; the `.stderr` beside it holds the output of the compiler. After a
//! change of wording, run with `TRYBUILD=overwrite` and read the difference.

#[test]
fn a_mistake_in_an_attribute_is_explained_where_it_is() {
    trybuild::TestCases::new().compile_fail("tests/errors/*.rs");
}
