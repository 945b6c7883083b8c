use tickwire::{State, Table};

#[derive(Clone, Default, State)]
struct Tile {
    heights: [[u64; 16]; 8],
    kind: bool,
}

#[derive(Clone, Default, State)]
struct Map {
    tiles: Table<Tile>,
}

fn main() {}
