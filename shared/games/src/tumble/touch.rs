//! The points at which two cubes, or a cube and a wall, touch or are about to touch.
//!
//! The separating axis theorem decides whether two cubes touch. A face that touches another cube gets up to eight
//! points, by clipping the other's face against it; two edges get one.

use super::solid::Solid;
use super::{FIELD_HALF, SLOP};
use tickwire::math::{self, Vec3, vec3};

/// A point where two solids touch. The normal points from the first to the second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Point {
    pub(super) at: Vec3,
    pub(super) normal: Vec3,
    /// Metres between the two; negative when one is inside the other.
    pub(super) gap: f32,
}

/// Two edges are chosen only when no face is nearly as good: a face has more points to stand on.
const EDGE_HANDICAP: f32 = 0.01;
/// Squared sine below which two edges count as parallel.
const PARALLEL: f32 = 1e-3;

/// The ground and the four walls: the direction inwards, and the distance from the middle.
const WALLS: [(Vec3, f32); 5] = [
    (Vec3::Y, 0.0),
    (Vec3::X, FIELD_HALF),
    (Vec3::NEG_X, FIELD_HALF),
    (Vec3::Z, FIELD_HALF),
    (Vec3::NEG_Z, FIELD_HALF),
];

/// The corners of a cube that are within `margin` of the ground or a wall. Their normals point into the wall.
pub(super) fn walls(solid: &Solid, margin: f32, mut found: impl FnMut(Point)) {
    for (inward, distance) in WALLS {
        let height = solid.at.dot(inward) + distance;
        if height > solid.radius() + margin {
            continue;
        }
        for corner in 0..8_u8 {
            let side = |axis: usize| if corner >> axis & 1 == 1 { solid.half } else { -solid.half };
            let arm = solid.axes[0] * side(0) + solid.axes[1] * side(1) + solid.axes[2] * side(2);
            let gap = height + arm.dot(inward);
            if gap < margin {
                found(Point { at: solid.at + arm, normal: -inward, gap });
            }
        }
    }
}

/// The points where two cubes are within `margin` of one another.
pub(super) fn cubes(a: &Solid, b: &Solid, margin: f32, found: impl FnMut(Point)) {
    let Some(axis) = best_axis(a, b, margin) else { return };
    match axis {
        Axis::FaceOfA(normal) => faces(a, b, normal, false, margin, found),
        Axis::FaceOfB(normal) => faces(b, a, normal, true, margin, found),
        Axis::Edges { normal, gap, i, j } => edges(a, b, normal, gap, (i, j), found),
    }
}

enum Axis {
    /// Along the face's outward normal.
    FaceOfA(Vec3),
    FaceOfB(Vec3),
    /// From `a` to `b`.
    Edges {
        normal: Vec3,
        gap: f32,
        i: usize,
        j: usize,
    },
}

/// The axis along which the two are farthest apart; `None` when that distance is beyond `margin`.
fn best_axis(a: &Solid, b: &Solid, margin: f32) -> Option<Axis> {
    let between = b.at - a.at;
    let cosines = a.axes.map(|a| b.axes.map(|b| a.dot(b)));
    let mut best_gap = f32::MIN;
    let mut best = None;
    for (i, axis) in a.axes.into_iter().enumerate() {
        let [x, y, z] = cosines[i];
        let along = between.dot(axis);
        let gap = along.abs() - a.half - b.half * (x.abs() + y.abs() + z.abs());
        if gap > best_gap {
            best_gap = gap;
            best = Some(Axis::FaceOfA(if along < 0.0 { -axis } else { axis }));
        }
    }
    for (j, axis) in b.axes.into_iter().enumerate() {
        let [x, y, z] = cosines.map(|row| row[j]);
        let along = between.dot(axis);
        let gap = along.abs() - b.half - a.half * (x.abs() + y.abs() + z.abs());
        // The first axis found stays unless it is clearly worse, or two equal faces would take turns.
        if gap > best_gap + SLOP {
            best_gap = gap;
            best = Some(Axis::FaceOfB(if along > 0.0 { -axis } else { axis }));
        }
    }
    if best_gap > margin {
        return None;
    }
    let mut needed = best_gap + EDGE_HANDICAP;
    for (i, of_a) in a.axes.into_iter().enumerate() {
        for (j, of_b) in b.axes.into_iter().enumerate() {
            let across = of_a.cross(of_b);
            let squared = across.length_squared();
            if squared < PARALLEL {
                continue;
            }
            let axis = across / math::sqrt(squared);
            let along = between.dot(axis);
            let gap = along.abs() - width(a, axis) - width(b, axis);
            if gap > margin {
                return None;
            }
            if gap > needed {
                needed = gap;
                best = Some(Axis::Edges { normal: if along < 0.0 { -axis } else { axis }, gap, i, j });
            }
        }
    }
    best
}

/// Half of a cube's extent along an axis.
fn width(solid: &Solid, axis: Vec3) -> f32 {
    let [x, y, z] = solid.axes.map(|own| own.dot(axis).abs());
    solid.half * (x + y + z)
}

/// Clips the face of `other` that looks at `base` against the face of `base` with the outward normal `out`.
fn faces(base: &Solid, other: &Solid, out: Vec3, flipped: bool, margin: f32, mut found: impl FnMut(Point)) {
    let [u, v] = across(base, out);
    let mut corners = Polygon::default();
    let (incident, towards) = facing(other, -out);
    let center = other.at + incident * (other.half * towards) - base.at;
    let [p, q] = across(other, incident).map(|side| side * other.half);
    for corner in [center + p + q, center - p + q, center - p - q, center + p - q] {
        // The corner is seen from the face: x and y are along its sides, z is away from it.
        corners.push(vec3(corner.dot(u), corner.dot(v), corner.dot(out) - base.half));
    }
    let corners = corners.clipped(|p| base.half - p.x).clipped(|p| base.half + p.x);
    let corners = corners.clipped(|p| base.half - p.y).clipped(|p| base.half + p.y);
    for point in corners.points() {
        if point.z < margin {
            let at = base.at + u * point.x + v * point.y + out * (base.half + 0.5 * point.z);
            found(Point { at, normal: if flipped { -out } else { out }, gap: point.z });
        }
    }
}

/// The axis of a cube that is nearest to `way`, and its sign.
fn facing(solid: &Solid, way: Vec3) -> (Vec3, f32) {
    let mut best = (solid.axes[0], 0.0);
    let mut most = -1.0;
    for axis in solid.axes {
        let along = axis.dot(way);
        if along.abs() > most {
            most = along.abs();
            best = (axis, if along < 0.0 { -1.0 } else { 1.0 });
        }
    }
    best
}

/// The two axes of a cube that lie in the face with this normal.
fn across(solid: &Solid, normal: Vec3) -> [Vec3; 2] {
    let [x, y, z] = solid.axes;
    let (along, _) = facing(solid, normal);
    if along == x {
        [y, z]
    } else if along == y {
        [z, x]
    } else {
        [x, y]
    }
}

/// A convex polygon of at most eight corners: four, and one more for each side it is clipped against.
#[derive(Clone, Copy, Default)]
struct Polygon {
    corners: [Vec3; 8],
    len: usize,
}

impl Polygon {
    fn push(&mut self, corner: Vec3) {
        if let Some(free) = self.corners.get_mut(self.len) {
            *free = corner;
            self.len += 1;
        }
    }

    fn points(&self) -> impl Iterator<Item = Vec3> {
        self.corners.into_iter().take(self.len)
    }

    /// The part where `inside` is not negative.
    fn clipped(&self, inside: impl Fn(Vec3) -> f32) -> Self {
        let mut kept = Self::default();
        for (index, from) in self.points().enumerate() {
            let to = self.corners[(index + 1) % self.len];
            let (here, there) = (inside(from), inside(to));
            if here >= 0.0 {
                kept.push(from);
            }
            if (here >= 0.0) != (there >= 0.0) {
                kept.push(from + (to - from) * (here / (here - there)));
            }
        }
        kept
    }
}

/// The one point where edge `i` of `a` crosses edge `j` of `b`.
fn edges(a: &Solid, b: &Solid, normal: Vec3, gap: f32, (i, j): (usize, usize), mut found: impl FnMut(Point)) {
    let (from_a, from_b) = (edge(a, i, normal), edge(b, j, -normal));
    let (along_a, along_b) = (a.axes[i], b.axes[j]);
    let between = from_b - from_a;
    let cosine = along_a.dot(along_b);
    // The place where the two lines are nearest; they are never parallel, or another axis would have been better.
    let way = (between.dot(along_a) - cosine * between.dot(along_b)) / (1.0 - cosine * cosine);
    let at = from_a + along_a * math::clamp(way, -a.half, a.half) + normal * (0.5 * gap);
    found(Point { at, normal, gap });
}

/// The middle of the edge along axis `along` that is farthest out along `way`.
fn edge(solid: &Solid, along: usize, way: Vec3) -> Vec3 {
    let mut middle = solid.at;
    for (index, axis) in solid.axes.into_iter().enumerate() {
        if index != along {
            middle += axis * if axis.dot(way) < 0.0 { -solid.half } else { solid.half };
        }
    }
    middle
}
