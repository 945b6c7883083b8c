use tickwire::{State, Table};

#[derive(Clone, State)]
enum Phase {
    Play { shots: Table<u8> },
}

#[derive(Clone, State)]
struct World {
    #[state(range = 0..=3)]
    shots: Table<u8>,
    maybe: Option<Table<u8>>,
}

fn main() {}
