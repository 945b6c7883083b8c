use tickwire::State;

#[derive(Clone, State)]
struct Side {
    #[state(range = 0..=300)]
    score: u8,
}

fn main() {}
