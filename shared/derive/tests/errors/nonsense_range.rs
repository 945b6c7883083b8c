use tickwire::State;

#[derive(Clone, State)]
struct Side {
    #[state(range = 180.0..=0.0, step = 0.25)]
    backwards: f32,
    #[state(range = 3..=3)]
    single: u8,
    #[state(range = 0..5)]
    half_open: u8,
    #[state(range = "0..=5")]
    text: u8,
    #[state(range = 0.0..=1.0, step = 2)]
    coarse: f32,
    #[state(range = 0.0..=1.0, step = -0.5)]
    negative: f32,
}

fn main() {}
