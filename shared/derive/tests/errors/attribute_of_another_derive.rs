use tickwire::Input;

#[derive(Clone, Copy, Default, PartialEq, Input)]
struct Stick {
    #[input(range = -1..=1, smooth)]
    y: i8,
}

fn main() {}
