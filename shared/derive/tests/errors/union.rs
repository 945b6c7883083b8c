use tickwire::State;

#[derive(Clone, Copy, State)]
union Bits {
    float: f32,
    integer: u32,
}

fn main() {}
