use std::collections::BTreeMap;
use tickwire::{State, Table};

#[derive(Clone, Default, State)]
struct Shelf {
    books: Table<u8>,
}

#[derive(Clone, Default, State)]
struct Row {
    rows: Table<Shelf>,
}

#[derive(Clone, Default, State)]
struct Maybe {
    shelf: Option<[Shelf; 2]>,
}

#[derive(Clone, Default, State)]
struct Some {
    #[state(max = 3)]
    shelves: Vec<Shelf>,
}

#[derive(Clone, Default, State)]
struct Named {
    #[state(max = 3)]
    shelves: BTreeMap<u8, Shelf>,
}

#[derive(Clone, Default, State)]
enum Phase {
    #[default]
    Wait,
    Read(Shelf),
}

#[derive(Clone, Default, State)]
struct Library {
    halls: [[Shelf; 8]; 4],
}

fn main() {}
