use tickwire::State;

#[derive(Clone, State)]
struct Side {
    precise: f64,
    count: usize,
    name: String,
    unbounded: Vec<u8>,
}

fn main() {}
