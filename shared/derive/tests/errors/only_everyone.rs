use tickwire::State;

#[derive(Clone, State)]
struct Side {
    #[state(only = everyone)]
    score: u8,
}

fn main() {}
