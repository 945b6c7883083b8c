//! Input frames: the messages that a client sends each tick.
//!
//! ```text
//! kind      u8      0x02
//! tick      varint  the tick that the first input is for; the others are for the ticks after it
//! flags     u8      bits 0-2: inputs minus one; bit 3: ack and hash follow; bit 4: a keyframe is wanted;
//!                   bit 5: inputs have view ages
//! ack       varint  newest snapshot received            (with bit 3)
//! hash      u32     of the room's topic at that tick    (with bit 3)
//! inputs    bits    each input's wire integers, and after each 8 bits of view age (with bit 5)
//! ```
//!
//! View ages are sent only for games that ask for [`Step::past`](crate::game::Step::past): other games pay nothing for
//! them.

pub mod buffer;

use crate::message::INPUT;
use crate::state::{Input, Schema};
use crate::tick::{Tick, TickTime};
use crate::wire::{BitReader, BitWriter, DecodeError, Reader, put_varint};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;

/// Inputs that one frame carries at the most.
pub const INPUTS_PER_FRAME_MAX: usize = 8;

/// Wire integers of an input at the most.
pub const INPUT_WIDTH_MAX: usize = 32;

/// The parts of a tick in which a view age is counted: at 30 Hz, 2 ms each.
pub const VIEW_AGE_PARTS: u32 = 16;

/// The age of the view that a player had of the others when they gave an input: ticks from the moment on their screen
/// to the tick that the input is for, in sixteenths.
///
/// It is a length and not a moment: when an input is repeated because the next one is late, the age stays true. Any
/// value is good; a client can claim neither to see the future nor an age that is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ViewAge(u8);

impl ViewAge {
    /// The age is not known. Bots see the newest world, and a client that does not send an age is treated in the same
    /// way.
    pub const NONE: Self = Self(0);

    /// An age of so many sixteenths of a tick; 0 is [`ViewAge::NONE`].
    #[must_use]
    pub const fn from_parts(parts: u8) -> Self {
        Self(parts)
    }

    /// An age of so many ticks, rounded and kept within 1 to 255 sixteenths.
    #[must_use]
    pub fn from_ticks(ticks: f64) -> Self {
        // A value that is no number becomes 0 by the cast.
        let parts = libm::round(ticks * f64::from(VIEW_AGE_PARTS)) as i64;
        Self(u8::try_from(parts.clamp(1, i64::from(u8::MAX))).unwrap_or(u8::MAX))
    }

    /// The age in sixteenths of a tick; 0 for [`ViewAge::NONE`].
    #[must_use]
    pub const fn parts(self) -> u8 {
        self.0
    }

    /// Whether the age is not known.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The same age, or `ticks_max` ticks if that is less.
    #[must_use]
    pub fn at_most(self, ticks_max: u32) -> Self {
        let parts_max = ticks_max.saturating_mul(VIEW_AGE_PARTS);
        Self(u8::try_from(parts_max).unwrap_or(u8::MAX).min(self.0))
    }

    /// The moment that the player saw when they gave an input for `tick`; exact.
    #[must_use]
    pub fn before(self, tick: Tick) -> TickTime {
        TickTime::from(tick) - f64::from(self.0) / f64::from(VIEW_AGE_PARTS)
    }
}

/// The input of a player for one tick, and the view that they had on their screen meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Action<I> {
    /// The input.
    pub input: I,
    /// The age of the view that the player had of the others.
    pub age: ViewAge,
}

impl<I> From<I> for Action<I> {
    /// An input of which the view is not known.
    fn from(input: I) -> Self {
        Self { input, age: ViewAge::NONE }
    }
}

/// The acknowledgement of a snapshot: its tick, and the hash that the client computed of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Tick of the newest snapshot received.
    pub tick: Tick,
    /// Hash of the room's topic in that snapshot.
    pub hash: u32,
}

/// One input frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputFrame<I> {
    /// The tick that the first input is for.
    pub tick: Tick,
    /// How many entries of `inputs` count, 1 to [`INPUTS_PER_FRAME_MAX`].
    pub count: usize,
    /// The inputs, oldest first.
    pub inputs: [I; INPUTS_PER_FRAME_MAX],
    /// The age of the view with each of the inputs.
    pub ages: [ViewAge; INPUTS_PER_FRAME_MAX],
    /// The newest snapshot that was received; `None` before the first snapshot.
    pub ack: Option<Ack>,
    /// Asks for a keyframe: a snapshot that was received could not be used.
    pub wants_keyframe: bool,
}

impl<I: Input> InputFrame<I> {
    /// A frame with one input.
    #[must_use]
    pub fn one(tick: Tick, input: I, ack: Option<Ack>, wants_keyframe: bool) -> Self {
        let mut inputs = [I::default(); INPUTS_PER_FRAME_MAX];
        inputs[0] = input;
        Self { tick, count: 1, inputs, ages: [ViewAge::NONE; INPUTS_PER_FRAME_MAX], ack, wants_keyframe }
    }

    /// The same frame, with the age of the view that the player had with the first input.
    #[must_use]
    pub const fn seeing(mut self, age: ViewAge) -> Self {
        self.ages[0] = age;
        self
    }

    /// The inputs and the ages of the views, each with the tick that it is for.
    pub fn iter(&self) -> impl Iterator<Item = (Tick, Action<I>)> + '_ {
        let actions = self.inputs.iter().zip(&self.ages).take(self.count);
        (0..).zip(actions).map(|(offset, (input, age))| (self.tick + offset, Action { input: *input, age: *age }))
    }

    fn has_ages(&self) -> bool {
        self.ages[..self.count].iter().any(|age| !age.is_none())
    }
}

/// Encodes and decodes a game's inputs. It is built once; clones share its schema.
#[derive(Debug, Clone)]
pub struct InputCodec<I> {
    schema: Arc<Schema>,
    input: PhantomData<fn() -> I>,
}

impl<I: Input> Default for InputCodec<I> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Input> InputCodec<I> {
    /// The codec of this type of inputs.
    #[must_use]
    pub fn new() -> Self {
        const { assert!(I::WIDTH <= INPUT_WIDTH_MAX, "an input has at most 32 wire integers") }
        Self { schema: Arc::new(Schema::of::<I>()), input: PhantomData }
    }

    /// The input rounded to wire precision. The server sees it so, and the client must simulate the same.
    #[must_use]
    pub fn quantize(&self, mut input: I) -> I {
        let mut wire = [0; INPUT_WIDTH_MAX];
        input.gather(&mut wire[..I::WIDTH]);
        input.scatter(&wire[..I::WIDTH]);
        input
    }

    /// The input that replaces a late one: the last input without its `once` fields.
    #[must_use]
    pub fn held(&self, last: I) -> I {
        let (mut wire, mut neutral) = ([0; INPUT_WIDTH_MAX], [0; INPUT_WIDTH_MAX]);
        last.gather(&mut wire[..I::WIDTH]);
        I::default().gather(&mut neutral[..I::WIDTH]);
        for (index, leaf) in self.schema.tables[0].leaves.iter().enumerate() {
            if leaf.marks.once {
                wire[index] = neutral[index];
            }
        }
        let mut held = last;
        held.scatter(&wire[..I::WIDTH]);
        held
    }

    /// Whether a command is given: a `once` field that is not neutral.
    #[must_use]
    pub fn has_command(&self, input: I) -> bool {
        self.held(input) != input
    }

    /// An input that also gives the commands of another one; `None` when both give one in the same field.
    #[must_use]
    pub fn with_commands(&self, input: I, commands: I) -> Option<I> {
        let (mut wire, mut given, mut neutral) = ([0; INPUT_WIDTH_MAX], [0; INPUT_WIDTH_MAX], [0; INPUT_WIDTH_MAX]);
        input.gather(&mut wire[..I::WIDTH]);
        commands.gather(&mut given[..I::WIDTH]);
        I::default().gather(&mut neutral[..I::WIDTH]);
        for (index, leaf) in self.schema.tables[0].leaves.iter().enumerate() {
            if !leaf.marks.once || given[index] == neutral[index] {
                continue;
            }
            if wire[index] != neutral[index] {
                return None;
            }
            wire[index] = given[index];
        }
        let mut both = input;
        both.scatter(&wire[..I::WIDTH]);
        Some(both)
    }

    /// Appends one input.
    pub fn put(&self, input: I, bits: &mut BitWriter<'_>) {
        let mut wire = [0; INPUT_WIDTH_MAX];
        input.gather(&mut wire[..I::WIDTH]);
        for (leaf, value) in self.schema.tables[0].leaves.iter().zip(&wire) {
            bits.put(*value, leaf.bits);
        }
    }

    /// Reads one input.
    ///
    /// # Errors
    /// [`DecodeError`] when the input is cut off, out of range, or not as [`InputCodec::put`] writes it: one variant of an
    /// `enum` has nothing in the fields of the others.
    pub fn take(&self, bits: &mut BitReader<'_>) -> Result<I, DecodeError> {
        let mut wire = [0; INPUT_WIDTH_MAX];
        for (leaf, value) in self.schema.tables[0].leaves.iter().zip(&mut wire) {
            *value = bits.take_max(leaf.bits, leaf.max)?;
        }
        let (mut input, mut again) = (I::default(), [0; INPUT_WIDTH_MAX]);
        input.scatter(&wire[..I::WIDTH]);
        input.gather(&mut again[..I::WIDTH]);
        if wire == again { Ok(input) } else { Err(DecodeError::OtherEncoding) }
    }

    /// Appends a frame, kind byte first.
    pub fn encode(&self, frame: &InputFrame<I>, out: &mut Vec<u8>) {
        out.push(INPUT);
        put_varint(out, frame.tick.0);
        let Ok(count) = u8::try_from(frame.count - 1) else { unreachable!("a frame has 1 to 8 inputs") };
        let (has_ack, has_ages) = (u8::from(frame.ack.is_some()) << 3, u8::from(frame.has_ages()) << 5);
        out.push(count | has_ack | (u8::from(frame.wants_keyframe) << 4) | has_ages);
        if let Some(ack) = frame.ack {
            put_varint(out, ack.tick.0);
            out.extend_from_slice(&ack.hash.to_le_bytes());
        }
        let mut writer = BitWriter::new(out);
        for (_, action) in frame.iter() {
            self.put(action.input, &mut writer);
            if has_ages != 0 {
                writer.put(u32::from(action.age.parts()), u8::BITS);
            }
        }
        writer.finish();
    }

    /// Reads a frame, kind byte included. Nothing is allocated.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`InputCodec::encode`] does not write.
    pub fn decode(&self, message: &[u8]) -> Result<InputFrame<I>, DecodeError> {
        let mut reader = Reader::new(message);
        let kind = reader.u8()?;
        if kind != INPUT {
            return Err(DecodeError::UnknownKind(kind));
        }
        let tick = Tick(reader.varint()?);
        let flags = reader.u8()?;
        let out_of_range = DecodeError::OutOfRange { value: u64::from(flags), max: 63 };
        if flags >= 1 << 6 {
            return Err(out_of_range);
        }
        let ack = match flags & 8 {
            0 => None,
            _ => Some(Ack { tick: Tick(reader.varint()?), hash: reader.u32()? }),
        };
        let count = usize::from(flags & 7) + 1;
        let mut bits = BitReader::new(reader.slice(reader.remaining())?);
        let mut inputs = [I::default(); INPUTS_PER_FRAME_MAX];
        let mut ages = [ViewAge::NONE; INPUTS_PER_FRAME_MAX];
        for (input, age) in inputs.iter_mut().zip(&mut ages).take(count) {
            *input = self.take(&mut bits)?;
            if flags & 32 != 0 {
                *age = ViewAge(u8::try_from(bits.take(u8::BITS)?).unwrap_or(u8::MAX));
            }
        }
        bits.finish()?;
        let frame = InputFrame { tick, count, inputs, ages, ack, wants_keyframe: flags & 16 != 0 };
        // A frame has one encoding only: one without an age says so in its flags.
        if (flags & 32 != 0) == frame.has_ages() { Ok(frame) } else { Err(out_of_range) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, Default, PartialEq, Input)]
    enum Move {
        #[default]
        Rest,
        Steer(#[input(range = -1.0..=1.0, step = 0.25)] f32),
        To {
            #[input(range = 0..=5)]
            place: u8,
            runs: bool,
        },
    }

    #[test]
    fn an_input_is_taken_in_the_one_encoding_that_it_has() {
        let codec = InputCodec::<Move>::new();
        let bits: u32 = codec.schema.tables[0].leaves.iter().map(|leaf| leaf.bits).sum();
        let mut taken = 0;
        for number in 0..1_u32 << bits {
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            writer.put(number, bits);
            writer.finish();
            let Ok(input) = codec.take(&mut BitReader::new(&bytes)) else { continue };
            let mut again = Vec::new();
            let mut writer = BitWriter::new(&mut again);
            codec.put(input, &mut writer);
            writer.finish();
            assert_eq!(again, bytes, "{input:?}");
            taken += 1;
        }
        // Rest; nine ways to steer; six places to walk or run to.
        assert_eq!(taken, 1 + 9 + 12);
    }
}
