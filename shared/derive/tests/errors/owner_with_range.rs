use tickwire::{Seat, State};

#[derive(Clone, State)]
struct Side {
    #[state(owner, range = 0..=3)]
    seat: Option<Seat>,
}

fn main() {}
