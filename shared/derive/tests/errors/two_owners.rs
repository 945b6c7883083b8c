use tickwire::{Seat, State};

#[derive(Clone, State)]
struct Side {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(owner)]
    other: Option<Seat>,
}

fn main() {}
