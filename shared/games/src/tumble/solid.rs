//! A cube as the solver sees it for the length of one step.

use super::motion::fallen;
use super::{Body, Phase};
use tickwire::math::Vec3;

/// The mass of a small box; other masses are relative to it.
const BOX_MASS: f32 = 1.0;
/// The mass of a player's cube: heavy enough to plough through a heap.
const PLAYER_MASS: f32 = 10.0;

/// Half the side of a small box, in metres.
pub(super) const BOX_HALF: f32 = 0.25;
/// Half the side of a player's cube, in metres.
pub(super) const PLAYER_HALF: f32 = 0.7;

/// The distance from a cube's centre to its corner, in half sides.
const CORNER: f32 = 1.732_050_8;
/// The distance from a small box's centre to its corner, in metres.
pub(super) const BOX_RADIUS: f32 = BOX_HALF * CORNER;

#[derive(Debug, Clone, Copy)]
pub(super) struct Solid {
    pub(super) at: Vec3,
    pub(super) axes: [Vec3; 3],
    pub(super) half: f32,
    pub(super) velocity: Vec3,
    pub(super) spin: Vec3,
    /// Zero for a solid that does not move in this step.
    pub(super) inverse_mass: f32,
    pub(super) inverse_inertia: f32,
    pub(super) is_awake: bool,
    /// The solid moves, or has just been woken: bodies that lie on it have to wake too.
    pub(super) is_stirring: bool,
    /// All its contacts have been found.
    pub(super) is_done: bool,
    /// The number of contacts that carry it.
    pub(super) supports: u8,
    /// The sum of the impulses from others in this step: a body without any flies, and a body that rests gives way to a
    /// large one.
    pub(super) load: Vec3,
}

impl Solid {
    /// The ground and the walls.
    pub(super) const STATIC: Self = Self {
        at: Vec3::ZERO,
        axes: [Vec3::X, Vec3::Y, Vec3::Z],
        half: 0.0,
        velocity: Vec3::ZERO,
        spin: Vec3::ZERO,
        inverse_mass: 0.0,
        inverse_inertia: 0.0,
        is_awake: false,
        is_stirring: false,
        is_done: true,
        supports: 0,
        load: Vec3::ZERO,
    };

    /// The solid of a body at rest, or of one that moves under gravity.
    pub(super) fn of(body: &Body) -> Self {
        let rotation = body.rotation;
        let mut solid = Self {
            at: body.at,
            axes: [rotation * Vec3::X, rotation * Vec3::Y, rotation * Vec3::Z],
            half: body.half(),
            velocity: body.velocity,
            spin: body.spin,
            is_stirring: body.velocity != Vec3::ZERO || body.spin != Vec3::ZERO,
            is_done: false,
            ..Self::STATIC
        };
        if body.phase != Phase::Resting {
            solid.wake();
        }
        solid
    }

    /// Wakes the solid: from here on it moves, and gravity pulls at it.
    pub(super) fn wake(&mut self) {
        self.is_awake = true;
        self.velocity = fallen(self.velocity);
        let mass = self.mass();
        self.inverse_mass = 1.0 / mass;
        // A cube of side s has the inertia m s² / 6 about every axis.
        self.inverse_inertia = 1.5 / (mass * self.half * self.half);
    }

    pub(super) const fn mass(&self) -> f32 {
        if self.half > BOX_HALF { PLAYER_MASS } else { BOX_MASS }
    }

    /// The distance from the centre to a corner.
    pub(super) const fn radius(&self) -> f32 {
        self.half * CORNER
    }

    /// How far any of its points can get in a tick.
    pub(super) fn reach(&self) -> f32 {
        self.velocity.length() + self.spin.length() * self.radius()
    }

    /// The velocity of the point at `arm` from the centre.
    pub(super) fn velocity_at(&self, arm: Vec3) -> Vec3 {
        self.velocity + self.spin.cross(arm)
    }

    pub(super) fn push(&mut self, arm: Vec3, impulse: Vec3) {
        self.velocity += impulse * self.inverse_mass;
        self.spin += arm.cross(impulse) * self.inverse_inertia;
    }

    /// How easily the point at `arm` gives way along `way`.
    pub(super) fn yielding(&self, arm: Vec3, way: Vec3) -> f32 {
        self.inverse_mass + arm.cross(way).length_squared() * self.inverse_inertia
    }
}
