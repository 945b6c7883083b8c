//! How a body moves when nothing touches it, on the wire's own grid.
//!
//! The step and the delta's prediction use the same functions. Positions, velocities and gravity are whole multiples of
//! one [`GRID`], so the other end predicts to the bit the motion that the step gives a free body.

use super::{Body, Phase};
use tickwire::math::{self, Quat, Vec3, vec3};

/// Metres, and metres per tick, between two neighbours on the wire.
pub(super) const GRID: f32 = 1.0 / 1024.0;
/// The velocity that a tick of free fall adds: 10.5 m/s².
pub(super) const GRAVITY: f32 = 3.0 * GRID;
/// Metres per tick on each axis: 15 m/s. A small box is twice as wide, so none can pass through another.
pub(super) const SPEED_MAX: f32 = 0.25;
/// Radians per tick between two neighbours on the wire.
pub(super) const SPIN_GRID: f32 = 1.0 / 1024.0;
/// Radians per tick on each axis: 30 rad/s.
pub(super) const SPIN_MAX: f32 = 0.5;

/// The velocity after a tick of free fall.
pub(super) fn fallen(velocity: Vec3) -> Vec3 {
    vec3(velocity.x, math::max(velocity.y - GRAVITY, -SPEED_MAX), velocity.z)
}

/// The velocity a tick later, as it is predicted: a body that touches something is not expected to fall.
pub(super) fn fall(was: &Vec3, now: &Body) -> Vec3 {
    match now.phase {
        Phase::Flying => fallen(*was),
        Phase::Touching => *was,
        Phase::Resting => Vec3::ZERO,
    }
}

/// The rotation a tick later. A cube's inertia is the same about every axis, so a free spin stays as it is.
pub(super) fn turn(was: &Quat, now: &Body) -> Quat {
    if now.spin == Vec3::ZERO {
        return *was;
    }
    let half = now.spin * 0.5;
    (*was + Quat::from_xyzw(half.x, half.y, half.z, 0.0) * *was).normalize()
}

/// `vector` on a grid, each axis within ±`max`.
pub(super) fn on_grid(vector: Vec3, grid: f32, max: f32) -> Vec3 {
    let round = |value: f32| math::clamp(math::floor(value / grid + 0.5) * grid, -max, max);
    vec3(round(vector.x), round(vector.y), round(vector.z))
}
