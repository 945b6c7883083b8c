//! Rotations on the wire: the index of the largest component of the unit quaternion, and the ratios of the other three
//! to it.
//!
//! The wire holds ratios to the largest component, rather than the components themselves: the point is projected onto a
//! face of the cube around the sphere. Every wire value is then a rotation, no two are the same one, and each comes
//! back as itself, at the edges too: the cells tile the face, so that no cell's centre lies where two faces meet. (With
//! components, the largest follows from the others, and near an edge it comes back as the second largest.) The sign, of
//! which a rotation has two, cancels in a ratio.

use super::shape::TypeShape;
use super::{Codec, Fields};
use glam::Quat;

/// The codec of a rotation, rounded to a grid of 2^`bits` − 1 points on each of three axes.
///
/// The largest component comes back positive, and the quaternion with length 1. A value that is no rotation (NaN,
/// infinity, all zeros) becomes the identity. With `n` bits the error is at most 3.5 / (2^n − 1) radians.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// Points from the middle of a face to its edge; the edge itself is half a point further out.
    reach: u32,
}

/// How many wire integers a rotation takes.
pub(super) const ROTATION_WIDTH: usize = 4;

impl Rotation {
    /// A codec of rotations with `bits` bits for each of three components.
    ///
    /// # Panics
    /// At compile time, unless `bits` is within 2 to 16.
    #[must_use]
    pub const fn new(bits: u32) -> Self {
        // With more than 16 bits a float could not tell the last point from the edge.
        assert!(bits >= 2 && bits <= 16, "a rotation has 2 to 16 `bits` for each of three components");
        Self { reach: (1 << (bits - 1)) - 1 }
    }

    /// The codec whose components go up to `max` on the wire.
    pub(super) const fn of_max(max: u32) -> Self {
        Self { reach: max / 2 }
    }

    const fn edge(self) -> f32 {
        self.reach as f32 + 0.5
    }

    #[inline]
    pub(super) fn quantize(self, value: Quat) -> [u32; ROTATION_WIDTH] {
        let mut parts = value.to_array();
        let mut largest = 0;
        for (index, part) in parts.iter().enumerate() {
            // Of several equal components the first one is chosen: the same for both signs of the quaternion.
            if libm::fabsf(*part) > libm::fabsf(parts[largest]) {
                largest = index;
            }
        }
        if !parts.iter().all(|part| part.is_finite()) || parts[largest] == 0.0 {
            (parts, largest) = (Quat::IDENTITY.to_array(), 3);
        }
        let mut wire = [u32::try_from(largest).unwrap_or(0), 0, 0, 0];
        let others = parts.iter().enumerate().filter(|(index, _)| *index != largest);
        for (level, (_, part)) in wire[1..].iter_mut().zip(others) {
            // The points count from 0, where a cast rounds down; a value on the edge belongs to the last one.
            let point = (part / parts[largest] * self.edge() + self.edge()) as u32;
            *level = if point < 2 * self.reach { point } else { 2 * self.reach };
        }
        wire
    }

    #[inline]
    pub(super) fn dequantize(self, wire: &[u32]) -> Quat {
        let largest = (wire[0] & 3) as usize;
        let mut parts = [self.edge(); ROTATION_WIDTH];
        let others = parts.iter_mut().enumerate().filter(|(index, _)| *index != largest);
        for ((_, part), level) in others.zip(&wire[1..]) {
            *part = *level as f32 - self.reach as f32;
        }
        let squares = parts[0] * parts[0] + parts[1] * parts[1] + parts[2] * parts[2] + parts[3] * parts[3];
        let length = libm::sqrtf(squares);
        Quat::from_array(parts.map(|part| part / length))
    }

    /// The rotation at `part` (0 to 1) of the shorter way from one to another.
    pub(super) fn between(self, from: &[u32], to: &[u32], part: f32) -> [u32; ROTATION_WIDTH] {
        let (one, other) = (self.dequantize(from).to_array(), self.dequantize(to).to_array());
        let dot: f32 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
        // Of the two quaternions that mean the other rotation, the nearer one gives the shorter way.
        let sign = if dot < 0.0 { -1.0 } else { 1.0 };
        let mut mixed = one;
        for (mixed, other) in mixed.iter_mut().zip(&other) {
            *mixed += (sign * other - *mixed) * part;
        }
        self.quantize(Quat::from_array(mixed))
    }
}

impl Codec<Quat> for Rotation {
    const WIDTH: usize = ROTATION_WIDTH;
    fn describe(&self, fields: &mut Fields<'_>) {
        // Near the middle of a face, half the angle is the ratio.
        fields.rotation(2 * self.reach, 2.0 / self.edge());
    }
    fn shape(&self) -> TypeShape {
        // The reach is 2^(bits - 1) - 1.
        TypeShape::Rotation { bits: (self.reach + 1).ilog2() + 1 }
    }
    #[inline]
    fn gather(&self, value: &Quat, wire: &mut [u32]) {
        wire.copy_from_slice(&self.quantize(*value));
    }
    #[inline]
    fn scatter(&self, value: &mut Quat, wire: &[u32]) {
        *value = self.dequantize(wire);
    }
    fn not_a_number(&self, value: &Quat) -> Option<usize> {
        (!value.is_finite()).then_some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn angle_between(one: Quat, other: Quat) -> f32 {
        let [a, b] = [one, other].map(|q| q.to_array().map(f64::from));
        let dot: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        let lengths = a.iter().map(|x| x * x).sum::<f64>() * b.iter().map(|x| x * x).sum::<f64>();
        (2.0 * libm::acos((libm::fabs(dot) / libm::sqrt(lengths)).clamp(0.0, 1.0))) as f32
    }

    fn wires(codec: Rotation) -> impl Iterator<Item = [u32; 4]> {
        let points = 2 * codec.reach + 1;
        let face = move |n: u32| [n / points / points, n / points % points, n % points];
        (0..4).flat_map(move |largest| (0..points * points * points).map(face).map(move |[a, b, c]| [largest, a, b, c]))
    }

    #[test]
    fn every_wire_value_of_few_bits_comes_back_with_either_sign_and_any_length() {
        for bits in 2..=6 {
            let codec = Rotation::new(bits);
            for wire in wires(codec) {
                let value = codec.dequantize(&wire);
                for scale in [1.0, -1.0, 0.3, -77.0, 1e-30, 1e30] {
                    let parts = value.to_array().map(|part| part * scale);
                    assert_eq!(codec.quantize(Quat::from_array(parts)), wire, "{bits} bits, times {scale}");
                }
                let length: f32 = value.to_array().iter().map(|part| part * part).sum();
                assert!((length - 1.0).abs() < 1e-6, "a unit quaternion");
            }
        }
    }

    #[test]
    fn edges_and_corners_of_many_bits_come_back() {
        for bits in 7..=16 {
            let codec = Rotation::new(bits);
            let last = 2 * codec.reach;
            let places = [0, 1, 2, codec.reach - 1, codec.reach, codec.reach + 1, last - 2, last - 1, last];
            for largest in 0..4 {
                for (a, b, c) in places
                    .iter()
                    .flat_map(|a| places.iter().map(move |b| (a, b)))
                    .flat_map(|(a, b)| places.iter().map(move |c| (*a, *b, *c)))
                {
                    let wire = [largest, a, b, c];
                    let value = codec.dequantize(&wire);
                    assert_eq!(codec.quantize(value), wire, "{bits} bits");
                    assert_eq!(codec.quantize(-value), wire, "{bits} bits, the other sign");
                }
            }
        }
    }

    #[test]
    fn any_quaternion_comes_back_near_and_then_stays() {
        let mut dice = Rng::new(4);
        for bits in [2, 3, 8, 10, 13, 16] {
            let codec = Rotation::new(bits);
            for _ in 0..20_000 {
                let value = any_quaternion(&mut dice);
                let wire = codec.quantize(value);
                assert_eq!(codec.quantize(-value), wire, "{value} and its other sign are one rotation");
                let rounded = codec.dequantize(&wire);
                assert_eq!(codec.quantize(rounded), wire, "{value}");
                let error = angle_between(value, rounded);
                assert!(error <= 3.5 / ((1 << bits) - 1) as f32 + 0.002, "{bits} bits: {value} is {error} off");
            }
        }
    }

    /// A quaternion whose components are often equal, opposite, tiny or zero: a grid has its edges there.
    fn any_quaternion(dice: &mut Rng) -> Quat {
        let mut parts = [0.0_f32; 4];
        while parts.iter().all(|part| *part == 0.0) {
            let size = dice.range(0.01, 2.0);
            parts = core::array::from_fn(|_| match dice.below(6) {
                0 => size,
                1 => -size,
                2 => 0.0,
                3 => -0.0,
                4 => dice.range(-1e-6, 1e-6),
                _ => dice.range(-2.0, 2.0),
            });
        }
        Quat::from_array(parts)
    }

    #[test]
    fn a_value_that_is_no_rotation_becomes_the_identity() {
        let codec = Rotation::new(10);
        for parts in [[0.0; 4], [-0.0; 4], [f32::NAN, 0.0, 0.0, 1.0], [0.0, f32::INFINITY, 0.0, 0.0]] {
            assert_eq!(codec.dequantize(&codec.quantize(Quat::from_array(parts))), Quat::IDENTITY);
        }
        let identity = codec.dequantize(&codec.quantize(Quat::IDENTITY));
        assert_eq!(identity.to_array().map(f32::to_bits), Quat::IDENTITY.to_array().map(f32::to_bits));
    }

    #[test]
    fn the_way_between_two_rotations_is_the_shorter_one_and_goes_steadily_on() {
        let (codec, mut dice) = (Rotation::new(12), Rng::new(9));
        for _ in 0..2_000 {
            let [from, to] = [0, 1].map(|_| codec.quantize(any_quaternion(&mut dice)));
            let way = angle_between(codec.dequantize(&from), codec.dequantize(&to));
            let mut gone = 0.0;
            for tenth in 0..=10_u8 {
                let wire = codec.between(&from, &to, f32::from(tenth) / 10.0);
                assert!(wire[0] < 4 && wire[1..].iter().all(|level| *level <= 2 * codec.reach));
                let now = codec.dequantize(&wire);
                let (behind, ahead) =
                    (angle_between(codec.dequantize(&from), now), angle_between(now, codec.dequantize(&to)));
                assert!(behind >= gone - 0.003, "never back");
                assert!(behind + ahead <= way + 0.006, "never aside");
                gone = behind;
            }
            assert_eq!((codec.between(&from, &to, 0.0), codec.between(&from, &to, 1.0)), (from, to));
        }
    }
}
