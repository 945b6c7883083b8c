use tickwire::State;

#[derive(Clone, State)]
struct Side {
    #[state(rnage = 0..=3)]
    score: u8,
}

fn main() {}
