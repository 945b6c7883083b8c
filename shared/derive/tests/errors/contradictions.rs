use tickwire::State;

#[derive(Clone, State)]
struct Ship {
    #[state(range = 0..=3, bits = 2)]
    twice_the_width: u8,
    #[state(range = 0..=8, step = 2)]
    stepped_integer: u8,
    #[state(bits = 8)]
    bits_of_a_float: f32,
    #[state(angle)]
    angle_of_an_integer: u16,
    #[state(smooth, smooth)]
    twice: u8,
    #[state(smooth = true)]
    flag_with_a_value: u8,
    #[state(bits)]
    value_missing: u8,
    #[state(max = 3)]
    length_of_one: u8,
}

fn main() {}
