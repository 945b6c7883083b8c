use tickwire::State;

#[derive(Clone, State)]
struct Side {
    y: f32,
    maybe: Option<f32>,
}

fn main() {}
