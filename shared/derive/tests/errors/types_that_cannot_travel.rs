use std::collections::{BTreeSet, HashMap};
use tickwire::State;

#[derive(Clone, State)]
struct Side {
    precise: f64,
    count: usize,
    name: String,
    unbounded: Vec<u8>,
    letter: char,
    huge: u128,
    unordered: HashMap<u8, u8>,
    set: BTreeSet<u8>,
    boxed: Box<u8>,
    pair: (u8, u8),
}

fn main() {}
