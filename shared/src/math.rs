//! Float functions that give the same bits natively and in WASM.
//!
//! The `sin`, `exp`, `powf` and related functions of `std` differ between targets (from the first step on), and
//! `f32::min`/`max` may return either zero; use the functions of this module in a `step`. `+ - * /` and `sqrt` are safe
//! as they are.

pub use glam::{Quat, Vec2, Vec3, vec2, vec3};
pub use libm::{atan2f as atan2, ceilf as ceil, cosf as cos, expf as exp, fmodf as fmod};
pub use libm::{hypotf as hypot, powf as pow, roundf as round, sinf as sin, sqrtf as sqrt};

/// One full turn in radians.
pub const TURN: f32 = core::f32::consts::TAU;

/// The largest whole number that is not above `value`: the same as `libm`'s, in a quarter of the time.
#[must_use]
#[inline]
pub const fn floor(value: f32) -> f32 {
    // From 2^23 on floats have no fraction; NaN and the infinities are their own floors.
    if value.abs() >= 8_388_608.0 || value.is_nan() {
        return value;
    }
    let whole = value as i32 as f32;
    let below = if whole > value { whole - 1.0 } else { whole };
    // The integer has lost the sign of −0, which the float gets back here.
    below.copysign(value)
}

/// The smaller of two numbers; the first when they are equal or one is NaN.
#[must_use]
pub const fn min(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// The larger of two numbers; the first when they are equal or one is NaN.
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

/// The vector `v`, shortened to `length` when it is longer.
#[must_use]
pub fn limit_length(v: Vec2, length: f32) -> Vec2 {
    let squared = v.x * v.x + v.y * v.y;
    if squared > length * length { v * (length / sqrt(squared)) } else { v }
}

#[cfg(test)]
mod tests {
    #[test]
    fn floor_is_bit_for_bit_the_one_of_libm() {
        let steps = (0..=u32::MAX).step_by(4_099);
        let corners = [0.0_f32, 0.5, 1.0, 0.999_999_94, 8_388_607.5, 8_388_608.0, 1e30, f32::INFINITY, f32::NAN];
        let near = corners.iter().flat_map(|at| (0..3).map(|off| at.to_bits().saturating_sub(1) + off));
        for bits in steps.chain(near).flat_map(|bits| [bits, bits ^ (1 << 31)]) {
            let value = f32::from_bits(bits);
            let (found, expected) = (super::floor(value), libm::floorf(value));
            let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
            assert!(same, "{value} gave {found} instead of {expected}");
        }
    }
}
