use tickwire::State;

#[derive(Clone, State)]
#[state(smooth)]
struct Side {
    score: u8,
}

#[derive(Clone, State)]
enum Order {
    #[state(smooth)]
    Idle,
    Follow(#[state(owner)] u8),
}

fn main() {}
