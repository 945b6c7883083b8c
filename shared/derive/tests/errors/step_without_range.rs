use tickwire::State;

#[derive(Clone, State)]
struct Side {
    #[state(step = 0.25)]
    y: f32,
}

fn main() {}
