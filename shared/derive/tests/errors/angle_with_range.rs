use tickwire::State;

#[derive(Clone, State)]
struct Ship {
    #[state(angle, range = 0.0..=6.28, step = 0.01)]
    heading: f32,
}

fn main() {}
