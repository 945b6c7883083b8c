use glam::Vec2;
use tickwire::{State, Table};

#[derive(Clone, Default, State)]
struct Ship {
    #[state(range = 0.0..=100.0, step = 0.5, moved_by = velocty)]
    unknown: Vec2,
    #[state(range = 0.0..=100.0, step = 0.5, moved_by = moves_itself)]
    moves_itself: Vec2,
    #[state(range = 0.0..=100.0, step = 0.5, moved_by = hidden)]
    shown: Vec2,
    #[state(range = -1.0..=1.0, step = 0.5, only = owner)]
    hidden: Vec2,
    #[state(range = 0.0..=100.0, step = 0.5, moved_by = velocity)]
    too_early: Vec2,
    #[state(range = 0.0..=100.0, step = 0.5, moved_by = force)]
    velocity: Vec2,
    #[state(range = -1.0..=1.0, step = 0.5)]
    force: Vec2,
}

#[derive(Clone, Default, State)]
struct Chase {
    #[state(range = 0..=9, moved_by = rabbit)]
    dog: u8,
    #[state(range = 0..=9, moved_by = dog)]
    rabbit: u8,
}

#[derive(Clone, Default, State)]
struct Wrong {
    #[state(range = 0..=9, moved_by = speed, moved_with = later)]
    two_rules: u8,
    #[state(moved_by = speed)]
    on: bool,
    #[state(range = 0..=9, moved_by = speed)]
    maybe: Option<u8>,
    #[state(moved_by = speed)]
    rows: Table<Chase>,
    #[state(owner, moved_by = speed)]
    seat: Option<tickwire::Seat>,
    #[state(range = 0..=9, moved_by = "speed")]
    text: u8,
    #[state(range = 0..=9, moved_by)]
    nothing: u8,
    speed: u8,
}

#[derive(Clone, Default, State)]
enum Phase {
    #[default]
    Wait,
    Fly {
        #[state(range = 0..=9, moved_by = speed)]
        height: u8,
        speed: u8,
    },
}

fn main() {}
