use tickwire::State;

#[derive(Clone, State)]
struct Side<T> {
    score: T,
}

fn main() {}
