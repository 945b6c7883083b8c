use glam::Vec2;
use tickwire::State;

#[derive(Clone, Default, State)]
struct Ship {
    #[state(range = 0.0..=100.0, step = 0.5, moved_by = speed)]
    at: Vec2,
    #[state(range = -1.0..=1.0, step = 0.5)]
    speed: f32,
}

#[derive(Clone, Default, State)]
struct Clock {
    #[state(moved_with = Clock::later)]
    hour: u8,
    #[state(moved_with = sooner)]
    minute: u8,
}

impl Clock {
    fn later(was: &u8, _: &Self) -> u16 {
        u16::from(*was) + 1
    }
}

#[derive(Clone, State)]
struct WithoutDefault {
    #[state(moved_with = next)]
    count: u8,
}

fn next(was: &u8, _: &WithoutDefault) -> u8 {
    *was + 1
}

fn main() {}
