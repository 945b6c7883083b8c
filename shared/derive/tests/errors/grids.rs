use tickwire::State;

const REACH: f32 = 10.0;

#[derive(Clone, State)]
struct Ship {
    #[state(range = 0.0..=1.0, step = 0.4)]
    overshoots: f32,
    #[state(range = 0.0..=1.0, step = 0.3)]
    falls_short: Option<glam::Vec2>,
    #[state(range = -REACH..=REACH, step = 0.3)]
    of_constants: f32,
    #[state(range = 0.0..=1000.0, step = 0.0001)]
    too_many: f32,
    #[state(range = 5_000_000..=5_000_010, step = 1)]
    too_fine: f32,
    #[state(range = REACH..=REACH, step = 0.5)]
    empty: f32,
}

fn main() {}
