//! The physics of one step: it finds the bodies that touch, wakes the bodies that are hit, and solves the contacts by
//! sequential impulses.
//!
//! A body rests when a step leaves it as it was. From then on it takes no part, until something hits it, shoves it
//! harder than friction holds, or moves away from under it. The rows are all that is kept from step to step: no
//! impulses, no counters. A client that holds the rows can thus play the step as the server does.

use super::grid::Grid;
use super::motion::{self, GRAVITY, GRID, SPEED_MAX, SPIN_GRID, SPIN_MAX};
use super::solid::{BOX_HALF, BOX_RADIUS, Solid};
use super::touch::{self, Point};
use super::{Body, Phase, SLOP};
use alloc::vec::Vec;
use tickwire::Table;
use tickwire::math::{self, Vec3};

/// The number of passes over all contacts; the impulses of the last step are not kept, so heaps need several passes.
const PASSES: u32 = 10;
const FRICTION: f32 = 0.55;
/// The part of a hard blow that comes back.
const RESTITUTION: f32 = 0.25;
/// Blows below this do not bounce, in metres per tick.
const BOUNCE_MIN: f32 = 20.0 * GRID;
/// The part of an overlap that is pushed out in a tick, and the most that is pushed out, in metres per tick.
const PUSH_OUT: f32 = 0.2;
const PUSH_OUT_MAX: f32 = 4.0 * GRID;
/// Bodies nearer than this, per axis, are tested for contacts, in metres.
const MARGIN_MAX: f32 = 0.25;
/// A blow faster than this wakes a body that rests, in metres per tick.
const WAKE_MIN: f32 = 3.0 * GRID;
/// The speed that a shove has to add in a tick, beyond friction, to wake a body that rests. Neighbours that only lean
/// on one another stay below it, or they would wake each other in turns.
const SHOVE_MIN: f32 = 2.0 * GRAVITY;
/// A normal that points up this much means that one body lies on the other.
const CARRIES_MIN: f32 = 0.3;
/// A body on this many points stands; on fewer it may be about to fall over, however slowly.
const SUPPORTS_MIN: u8 = 3;
/// A body that stands on enough points stops below these speeds: they are the remainder of rolling out.
const STILL_SPEED: f32 = 1.5 * GRID;
const STILL_SPIN: f32 = 2.5 * SPIN_GRID;

/// Scratch memory of the step. Its contents mean nothing between two steps.
#[derive(Debug, Default)]
pub(super) struct Physics {
    /// One solid per row of the table, and [`Solid::STATIC`] at the end.
    solids: Vec<Solid>,
    /// The solids that take part, in the order in which they were found; the list grows while bodies wake one another.
    awake: Vec<u16>,
    /// Players' cubes, which are too large for the grid.
    large: Vec<u16>,
    grid: Grid,
    contacts: Vec<Contact>,
}

#[derive(Debug, Clone, Copy)]
struct Contact {
    a: u16,
    b: u16,
    arm_a: Vec3,
    arm_b: Vec3,
    /// From `a` to `b`, and two directions across it.
    ways: [Vec3; 3],
    /// The impulse that changes the speed along each direction by one.
    masses: [f32; 3],
    /// The sums of the impulses so far.
    impulses: [f32; 3],
    /// The speed along the normal that must be reached.
    parting: f32,
}

impl Physics {
    /// Moves every body by one tick.
    pub(super) fn step(&mut self, bodies: &mut Table<Body>) {
        if bodies.values().all(|body| body.phase == Phase::Resting) {
            return;
        }
        self.load(bodies);
        // A body that is woken joins the end of `awake`, so this loop finds its contacts as well, and a blow can wake a
        // whole heap within one step.
        let mut next = 0;
        while let Some(&index) = self.awake.get(next) {
            self.find_contacts(index);
            next += 1;
        }
        for _ in 0..PASSES {
            self.contacts.iter_mut().for_each(|contact| contact.solve(&mut self.solids));
        }
        self.bear();
        self.store(bodies);
    }

    fn load(&mut self, bodies: &Table<Body>) {
        let Self { solids, awake, large, grid, contacts } = self;
        awake.clear();
        large.clear();
        contacts.clear();
        solids.clear();
        solids.extend(bodies.values().map(Solid::of));
        for (index, solid) in (0..).zip(&*solids) {
            if solid.is_awake {
                awake.push(index);
            }
            if solid.half > BOX_HALF {
                large.push(index);
            }
        }
        grid.fill(
            (0..).zip(&*solids).filter(|(_, solid)| solid.half == BOX_HALF).map(|(index, solid)| (index, solid.at)),
        );
        solids.push(Solid::STATIC);
    }

    /// The number of the solid that never moves.
    fn ground(&self) -> u16 {
        u16::try_from(self.solids.len() - 1).expect("a table has fewer rows than fit 16 bits")
    }

    fn find_contacts(&mut self, index: u16) {
        let ground = self.ground();
        let solid = self.solids[usize::from(index)];
        let reach = solid.reach() + SLOP;
        touch::walls(&solid, math::min(reach, MARGIN_MAX), |point| {
            self.contacts.push(Contact::new(&self.solids, index, ground, point));
        });
        let wide = solid.radius() + BOX_RADIUS + MARGIN_MAX;
        // The grid is taken out for the loop, which changes all other fields.
        let grid = core::mem::take(&mut self.grid);
        for other in grid.near(solid.at, wide) {
            self.meet(index, other);
        }
        self.grid = grid;
        for place in 0..self.large.len() {
            self.meet(index, self.large[place]);
        }
        self.solids[usize::from(index)].is_done = true;
    }

    /// Finds the contacts of two bodies, and wakes the body `other` if the body `index` makes it move.
    fn meet(&mut self, index: u16, other: u16) {
        let (a, b) = (&self.solids[usize::from(index)], &self.solids[usize::from(other)]);
        if index == other || b.is_done {
            return;
        }
        let margin = math::min(a.reach() + b.reach() + SLOP, MARGIN_MAX);
        let near = a.radius() + b.radius() + margin;
        if (b.at - a.at).length_squared() > near * near {
            return;
        }
        let first = self.contacts.len();
        touch::cubes(a, b, margin, |point| self.contacts.push(Contact::new(&self.solids, index, other, point)));
        if !b.is_awake && self.contacts[first..].iter().any(|contact| contact.wakes(&self.solids)) {
            let solid = &mut self.solids[usize::from(other)];
            solid.is_stirring = true;
            solid.wake();
            self.awake.push(other);
            let solids = &self.solids;
            self.contacts[first..].iter_mut().for_each(|contact| contact.weigh(solids));
        }
    }

    /// Adds up the points that carry each body, and the impulses that bear on it.
    fn bear(&mut self) {
        for contact in &self.contacts {
            let [along, across, aside] = contact.ways;
            let [normal, one, two] = contact.impulses;
            let impulse = along * normal + across * one + aside * two;
            for (index, sign) in [(contact.a, -1.0), (contact.b, 1.0)] {
                let solid = &mut self.solids[usize::from(index)];
                solid.load += impulse * sign;
                solid.supports = solid.supports.saturating_add(u8::from(contact.parting >= 0.0));
            }
        }
    }

    fn store(&self, bodies: &mut Table<Body>) {
        for (body, solid) in bodies.values_mut().zip(&self.solids) {
            if solid.is_awake {
                settle(body, solid);
            } else if gives_way(solid) {
                body.phase = Phase::Touching;
            }
        }
    }
}

/// Whether a body that rests is shoved harder than friction holds it.
fn gives_way(solid: &Solid) -> bool {
    let down = math::max(solid.mass() * GRAVITY - solid.load.y, 0.0);
    math::hypot(solid.load.x, solid.load.z) > FRICTION * down + solid.mass() * SHOVE_MIN
}

/// Takes over the result of the solver, rounded to the wire's grid before it moves anything: a remainder would be lost
/// after the step.
fn settle(body: &mut Body, solid: &Solid) {
    let was = (body.velocity, body.spin);
    body.velocity = motion::on_grid(solid.velocity, GRID, SPEED_MAX);
    body.spin = motion::on_grid(solid.spin, SPIN_GRID, SPIN_MAX);
    let is_slow = body.velocity.length() < STILL_SPEED && body.spin.length() < STILL_SPIN;
    if is_slow && solid.supports >= SUPPORTS_MIN {
        (body.velocity, body.spin) = (Vec3::ZERO, Vec3::ZERO);
    }
    let is_unchanged = body.velocity == Vec3::ZERO && was == (body.velocity, body.spin);
    body.phase = match solid.load == Vec3::ZERO {
        true => Phase::Flying,
        false if is_slow && is_unchanged => Phase::Resting,
        false => Phase::Touching,
    };
    if body.phase == Phase::Resting {
        // The spin is too slow to turn the body by a step of the wire.
        body.spin = Vec3::ZERO;
    }
    body.at += body.velocity;
    body.rotation = motion::turn(&body.rotation, body);
}

impl Contact {
    fn new(solids: &[Solid], a: u16, b: u16, point: Point) -> Self {
        let (first, second) = (&solids[usize::from(a)], &solids[usize::from(b)]);
        let across = if point.normal.y.abs() < 0.7 { point.normal.cross(Vec3::Y) } else { point.normal.cross(Vec3::X) };
        let across = across / across.length();
        let mut contact = Self {
            a,
            b,
            arm_a: point.at - first.at,
            arm_b: point.at - second.at,
            ways: [point.normal, across, point.normal.cross(across)],
            masses: [0.0; 3],
            impulses: [0.0; 3],
            parting: 0.0,
        };
        contact.weigh(solids);
        contact.parting = parting(point.gap, contact.speed(solids, point.normal));
        contact
    }

    fn solids<'a>(&self, solids: &'a [Solid]) -> (&'a Solid, &'a Solid) {
        (&solids[usize::from(self.a)], &solids[usize::from(self.b)])
    }

    fn weigh(&mut self, solids: &[Solid]) {
        let (a, b) = self.solids(solids);
        self.masses = self.ways.map(|way| 1.0 / (a.yielding(self.arm_a, way) + b.yielding(self.arm_b, way)));
    }

    /// The speed at which the two bodies part along `way`.
    fn speed(&self, solids: &[Solid], way: Vec3) -> f32 {
        let (a, b) = self.solids(solids);
        (b.velocity_at(self.arm_b) - a.velocity_at(self.arm_a)).dot(way)
    }

    /// Whether the first body makes the second one, which rests, move.
    fn wakes(&self, solids: &[Solid]) -> bool {
        let (first, _) = self.solids(solids);
        let normal = self.ways[0];
        let blow = self.parting - self.speed(solids, normal);
        // A body at rest already bears the pull of one tick.
        blow > WAKE_MIN + GRAVITY * normal.y.abs() || first.is_stirring && normal.y > CARRIES_MIN
    }

    /// One pass over the three directions of the contact. The sum of the impulses along the normal is never negative: a
    /// contact pushes and does not pull. The sums across the normal are bounded by friction times that sum, which is
    /// why the normal comes first. The sums are clamped and not the single impulses, so that a later pass can take back
    /// a part of an earlier one.
    fn solve(&mut self, solids: &mut [Solid]) {
        let mut bound = f32::MAX;
        for place in 0..3 {
            let wanted = if place == 0 { self.parting } else { 0.0 };
            let change = (wanted - self.speed(solids, self.ways[place])) * self.masses[place];
            let lowest = if place == 0 { 0.0 } else { -bound };
            let sum = math::clamp(self.impulses[place] + change, lowest, bound);
            let impulse = self.ways[place] * (sum - self.impulses[place]);
            self.impulses[place] = sum;
            if place == 0 {
                bound = sum * FRICTION;
            }
            solids[usize::from(self.a)].push(self.arm_a, -impulse);
            solids[usize::from(self.b)].push(self.arm_b, impulse);
        }
    }
}

/// The speed at which two points have to part, when their gap is `gap` and they part at `speed` now.
///
/// Within [`SLOP`] of one another they touch and stay as they are; from farther away they may close the gap.
fn parting(gap: f32, speed: f32) -> f32 {
    let out = if gap > SLOP {
        -gap
    } else if gap < -SLOP {
        math::min((-SLOP - gap) * PUSH_OUT, PUSH_OUT_MAX)
    } else {
        0.0
    };
    let arrives = speed < out;
    if arrives && speed < -BOUNCE_MIN { math::max(out, -speed * RESTITUTION) } else { out }
}
