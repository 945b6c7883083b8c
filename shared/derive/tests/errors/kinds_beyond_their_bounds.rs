use glam::Quat;
use std::collections::BTreeMap;
use tickwire::State;

#[derive(Clone, Default, State)]
struct Body {
    #[state(rotation, bits = 17)]
    too_fine: Quat,
    #[state(angle, bits = 9)]
    too_many_directions: u8,
    #[state(max = 65)]
    too_long: BTreeMap<u8, u8>,
    #[state(max = 65)]
    too_long_a_list: Vec<u8>,
}

#[derive(Clone, Default, State)]
struct Book {
    #[state(max = 8)]
    wide_key: BTreeMap<u64, u8>,
}

#[derive(Clone, Default, State)]
struct Shelf {
    #[state(max = 8)]
    books: Vec<Stranger>,
}

#[derive(Clone, Default)]
struct Stranger;

fn main() {}
