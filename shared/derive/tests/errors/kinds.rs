use glam::{Quat, Vec3};
use std::collections::BTreeMap;
use tickwire::{Input, State};

#[derive(Clone, Default, State)]
struct Body {
    plain: Quat,
    plain_vector: Vec3,
    #[state(range = -1.0..=1.0, step = 0.5)]
    ranged: Quat,
    #[state(rotation, range = -1.0..=1.0, step = 0.5)]
    both: Quat,
    #[state(rotation)]
    no_quaternion: Vec3,
    #[state(angle)]
    integer_angle: u16,
    #[state(angle, bits = 8)]
    signed_angle: i16,
    map: BTreeMap<u8, u8>,
    #[state(max = 3)]
    nested: Vec<Vec<u8>>,
    #[state(max = 3)]
    map_of_lists: Option<BTreeMap<u8, Vec<u8>>>,
}

#[derive(Clone, Default, PartialEq, Input)]
struct Stick {
    keys: BTreeMap<u8, bool>,
}

fn main() {}
