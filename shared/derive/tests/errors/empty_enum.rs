use tickwire::State;

#[derive(Clone, State)]
enum Never {}

fn main() {}
