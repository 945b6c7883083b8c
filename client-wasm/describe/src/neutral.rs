//! The neutral input of a game as numbers, one for each leaf.

use super::js::Js;
use tickwire::math::{Quat, TURN};
use tickwire::state::shape::{EnumShape, FieldShape, TypeShape};
use tickwire::state::{Codec, Input, Rotation};

/// The neutral input. A leaf that means nothing in it has the number that is nearest to 0.
pub(super) fn of<I: Input>() -> Js {
    let mut wire = vec![0; I::WIDTH];
    I::default().gather(&mut wire);
    let mut numbers = Numbers { rest: &wire, found: Vec::new() };
    numbers.add(&I::shape(), true);
    Js::List(numbers.found)
}

/// The numbers so far, and the wire integers of those that follow.
struct Numbers<'a> {
    rest: &'a [u32],
    found: Vec<Js>,
}

impl Numbers<'_> {
    fn next(&mut self) -> u32 {
        let (first, rest) = self.rest.split_first().expect("a shape has as many leaves as its type is wide");
        self.rest = rest;
        *first
    }

    /// A number that is a choice: a flag, a tag, a length.
    fn choice(&mut self) -> u32 {
        let wire = self.next();
        self.found.push(Js::number(wire));
        wire
    }

    /// Adds the leaves of a value, which is there or not.
    fn add(&mut self, shape: &TypeShape, is_there: bool) {
        match shape {
            TypeShape::Float(grid) => {
                let value = grid.min + self.next() as f32 * grid.step;
                self.found.push(Js::number(if is_there { value } else { 0.0_f32.clamp(grid.min, grid.max) }));
            }
            TypeShape::Vector { axes, grid } => {
                axes.iter().for_each(|_| self.add(&TypeShape::Float(*grid), is_there));
            }
            TypeShape::Angle { directions, is_radians: true } => {
                let value = self.next() as f32 * (TURN / *directions as f32);
                self.found.push(Js::number(value));
            }
            TypeShape::Integer { min, max } => {
                let value = min + i128::from(self.next());
                self.found.push(Js::number(if is_there { value } else { 0.clamp(*min, *max) }));
            }
            TypeShape::Rotation { bits } => self.rotation(*bits, is_there),
            TypeShape::Wide { .. } => (0..2).for_each(|_| _ = self.choice()),
            TypeShape::Struct(shape) => self.fields(&shape.fields, is_there),
            TypeShape::Enum(shape) => self.variants(shape, is_there),
            TypeShape::Option(inner) => {
                let is_some = self.choice() == 1;
                self.add(inner, is_there && is_some);
            }
            TypeShape::Array(inner, count) => (0..*count).for_each(|_| self.add(inner, is_there)),
            TypeShape::List(inner, max) => {
                let len = self.choice();
                (0..*max).zip(0..).for_each(|(_, index)| self.add(inner, is_there && index < len));
            }
            TypeShape::Map { key, value, max } => {
                let len = self.choice();
                for (_, index) in (0..*max).zip(0..) {
                    self.add(key, is_there && index < len);
                    self.add(value, is_there && index < len);
                }
            }
            TypeShape::Angle { is_radians: false, .. }
            | TypeShape::Bool
            | TypeShape::Seat
            | TypeShape::Owner
            | TypeShape::RowId => _ = self.choice(),
            // Tables have no leaves, and an input has no tables.
            TypeShape::Table(_) => {}
        }
    }

    fn rotation(&mut self, bits: u32, is_there: bool) {
        let (mut rotation, wire) = (Quat::IDENTITY, [(); 4].map(|()| self.next()));
        if is_there {
            Rotation::new(bits).scatter(&mut rotation, &wire);
        }
        self.found.extend(rotation.to_array().map(Js::number));
    }

    fn fields(&mut self, fields: &[FieldShape], is_there: bool) {
        fields.iter().for_each(|field| self.add(&field.shape, is_there));
    }

    fn variants(&mut self, shape: &EnumShape, is_there: bool) {
        let chosen = self.choice();
        for (number, variant) in (0..).zip(&shape.variants) {
            self.fields(&variant.fields, is_there && number == chosen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::State;

    #[derive(Input, Clone, Copy, PartialEq)]
    struct Reins {
        #[input(range = 1..=9)]
        pull: u8,
        gait: Gait,
        #[input(range = -8.0..=8.0, step = 0.5)]
        to: Option<f32>,
        #[input(rotation)]
        head: Quat,
    }

    #[derive(State, Clone, Copy, PartialEq, Default)]
    enum Gait {
        Walk {
            #[state(range = -4..=4)]
            pace: i8,
        },
        #[default]
        Stand,
        Trot {
            #[state(range = 2..=4)]
            pace: u8,
        },
    }

    impl Default for Reins {
        fn default() -> Self {
            Self { pull: 3, gait: Gait::Stand, to: None, head: Quat::IDENTITY }
        }
    }

    #[test]
    fn the_neutral_input_has_zeros_where_it_says_nothing() {
        assert_eq!(of::<Reins>().to_text(0), "[3, 1, 0, 2, 0, 0, 0, 0, 0, 1]");
    }
}
