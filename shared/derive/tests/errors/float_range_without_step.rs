use tickwire::State;

#[derive(Clone, State)]
struct Side {
    #[state(range = 0.0..=180.0)]
    y: f32,
    #[state(range = 0..=180)]
    x: [f32; 2],
}

fn main() {}
