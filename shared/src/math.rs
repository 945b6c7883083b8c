//! Float functions that give the same bits natively and in WASM.
//!
//! `std`'s `sin`, `exp`, `powf` and their kin differ between targets (from the first step on), and
//! `f32::min`/`max` may return either zero; use these in a `step`. `+ - * /` and `sqrt` are safe as they are.

pub use glam::{Quat, Vec2, Vec3, vec2, vec3};
pub use libm::{atan2f as atan2, ceilf as ceil, cosf as cos, expf as exp, floorf as floor, fmodf as fmod};
pub use libm::{hypotf as hypot, powf as pow, roundf as round, sinf as sin, sqrtf as sqrt};

/// One full turn in radians.
pub const TURN: f32 = core::f32::consts::TAU;

/// The smaller of two; the first when they are equal or one is NaN.
#[must_use]
pub const fn min(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// The larger of two; the first when they are equal or one is NaN.
#[must_use]
pub const fn max(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// `value` kept within `low..=high`; NaN becomes `low`.
#[must_use]
pub const fn clamp(value: f32, low: f32, high: f32) -> f32 {
    if value >= low { min(value, high) } else { low }
}

/// The unit vector at `angle` radians: 0 points along x, a quarter turn along y.
#[must_use]
pub fn heading(angle: f32) -> Vec2 {
    vec2(cos(angle), sin(angle))
}

/// The angle of a vector in radians, within ± half a turn; 0 for the zero vector.
#[must_use]
pub fn angle_of(v: Vec2) -> f32 {
    atan2(v.y, v.x)
}

/// The shortest turn from one angle to another, within ± half a turn.
#[must_use]
pub fn turn_between(from: f32, to: f32) -> f32 {
    let turn = fmod(to - from, TURN);
    if turn > TURN / 2.0 {
        turn - TURN
    } else if turn < -TURN / 2.0 {
        turn + TURN
    } else {
        turn
    }
}

/// `v` shortened to `length` when it is longer.
#[must_use]
pub fn limit_length(v: Vec2, length: f32) -> Vec2 {
    let squared = v.x * v.x + v.y * v.y;
    if squared > length * length { v * (length / sqrt(squared)) } else { v }
}
