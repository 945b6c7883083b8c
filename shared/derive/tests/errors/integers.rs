use tickwire::{Input, State};

type Small = u8;

#[derive(Clone, State)]
struct Score {
    #[state(bits = 33)]
    too_many_bits: u64,
    #[state(range = 0..=4_294_967_296)]
    too_many_numbers: i64,
    #[state(range = 0..=18_446_744_073_709_551_615)]
    all_of_a_u64: u64,
    #[state(range = -1_000..=1_000)]
    another_name: Small,
    #[state(angle, bits = 21)]
    too_many_directions: u32,
    #[state(angle)]
    directions_by_another_name: Small,
}

#[derive(Clone, Copy, Default, PartialEq, Input)]
struct Keys {
    #[input(bits = 16)]
    wider_than_its_type: u8,
    #[input(bits = 8)]
    half_of_them_negative: Option<i8>,
    #[input(bits = 4)]
    no_number: Mood,
}

#[derive(Clone, Copy, Default, PartialEq, Input)]
struct Mood;

fn main() {}
