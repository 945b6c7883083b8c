//! The shape of a type, which people and generated code read, has the leaves of the schema, which connections use.

#[path = "../../shared/derive/tests/shape/leaves.rs"]
mod leaves;

use crate::zoo::Zoo;
use leaves::assert_shape_is_schema;
use tickwire::Game;

fn assert_game<G: Game>() {
    assert_shape_is_schema::<G>();
    assert_shape_is_schema::<G::Input>();
    assert_shape_is_schema::<G::Event>();
}

#[test]
fn the_trees_of_a_game_with_every_kind_of_field_have_the_leaves_of_their_schemas() {
    assert_game::<Zoo>();
}

#[test]
fn the_trees_of_the_demo_games_have_the_leaves_of_their_schemas() {
    macro_rules! check {
        ($($game:ty),*) => { $(assert_game::<$game>();)* };
    }
    tickwire_games::for_each_game!(check);
}
