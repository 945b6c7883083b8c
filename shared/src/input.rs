//! Input frames: what a client sends each tick.
//!
//! ```text
//! kind      u8      0x02
//! tick      varint  the tick that the first input is for; the others are for the ticks after it
//! flags     u8      bits 0-2: inputs minus one; bit 3: ack and hash follow; bit 4: a keyframe is wanted
//! ack       varint  newest snapshot received            (with bit 3)
//! hash      u32     of the room's topic at that tick    (with bit 3)
//! inputs    bits    each input's wire integers
//! ```

use crate::Tick;
use crate::message::INPUT;
use crate::state::{Input, Schema};
use crate::wire::{BitReader, BitWriter, DecodeError, Reader, put_varint};
use alloc::vec::Vec;
use core::marker::PhantomData;

/// Inputs that one frame carries at the most.
pub const INPUTS_PER_FRAME_MAX: usize = 8;

/// Wire integers of an input at the most.
pub const INPUT_WIDTH_MAX: usize = 32;

/// What a client has received, and what it looked like there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Tick of the newest snapshot.
    pub tick: Tick,
    /// Hash of the room's topic in it.
    pub hash: u32,
}

/// One input frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputFrame<I> {
    /// The tick that the first input is for.
    pub tick: Tick,
    /// How many of `inputs` count, 1 to [`INPUTS_PER_FRAME_MAX`].
    pub count: usize,
    /// The inputs, oldest first.
    pub inputs: [I; INPUTS_PER_FRAME_MAX],
    /// What was received; `None` before the first snapshot.
    pub ack: Option<Ack>,
    /// Asks for a keyframe: what was received could not be used.
    pub wants_keyframe: bool,
}

impl<I: Input> InputFrame<I> {
    /// A frame with one input.
    #[must_use]
    pub fn one(tick: Tick, input: I, ack: Option<Ack>, wants_keyframe: bool) -> Self {
        let mut inputs = [I::default(); INPUTS_PER_FRAME_MAX];
        inputs[0] = input;
        Self { tick, count: 1, inputs, ack, wants_keyframe }
    }

    /// The inputs with the ticks that they are for.
    pub fn iter(&self) -> impl Iterator<Item = (Tick, I)> + '_ {
        (0..).zip(&self.inputs[..self.count]).map(|(offset, input)| (self.tick + offset, *input))
    }
}

/// Encodes and decodes a game's inputs; built once.
#[derive(Debug, Clone)]
pub struct InputCodec<I> {
    schema: Schema,
    input: PhantomData<fn() -> I>,
}

impl<I: Input> Default for InputCodec<I> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Input> InputCodec<I> {
    /// The codec of this input type.
    #[must_use]
    pub fn new() -> Self {
        const { assert!(I::WIDTH <= INPUT_WIDTH_MAX, "an input has at most 32 wire integers") }
        Self { schema: Schema::of::<I>(), input: PhantomData }
    }

    /// The input rounded to wire precision: what the server will see, so what the client must simulate.
    #[must_use]
    pub fn quantize(&self, mut input: I) -> I {
        let mut wire = [0; INPUT_WIDTH_MAX];
        input.gather(&mut wire[..I::WIDTH]);
        input.scatter(&wire[..I::WIDTH]);
        input
    }

    /// What is taken for an input that did not come: the last one without its `once` fields.
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

    /// Appends a frame, kind byte first.
    pub fn encode(&self, frame: &InputFrame<I>, out: &mut Vec<u8>) {
        out.push(INPUT);
        put_varint(out, frame.tick.0);
        let count = u8::try_from(frame.count - 1).expect("a frame has 1 to 8 inputs");
        out.push(count | (u8::from(frame.ack.is_some()) << 3) | (u8::from(frame.wants_keyframe) << 4));
        if let Some(ack) = frame.ack {
            put_varint(out, ack.tick.0);
            out.extend_from_slice(&ack.hash.to_le_bytes());
        }
        let mut wire = [0; INPUT_WIDTH_MAX];
        let mut writer = BitWriter::new(out);
        for input in &frame.inputs[..frame.count] {
            input.gather(&mut wire[..I::WIDTH]);
            for (leaf, value) in self.schema.tables[0].leaves.iter().zip(&wire) {
                writer.put(*value, leaf.bits);
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
        if flags >= 1 << 5 {
            return Err(DecodeError::OutOfRange { value: u64::from(flags), max: 31 });
        }
        let ack = match flags & 8 {
            0 => None,
            _ => Some(Ack { tick: Tick(reader.varint()?), hash: reader.u32()? }),
        };
        let count = usize::from(flags & 7) + 1;
        let mut bits = BitReader::new(reader.slice(reader.remaining())?);
        let mut inputs = [I::default(); INPUTS_PER_FRAME_MAX];
        let mut wire = [0; INPUT_WIDTH_MAX];
        for input in &mut inputs[..count] {
            for (leaf, value) in self.schema.tables[0].leaves.iter().zip(&mut wire) {
                *value = bits.take_max(leaf.bits, leaf.max)?;
            }
            input.scatter(&wire[..I::WIDTH]);
        }
        bits.finish()?;
        Ok(InputFrame { tick, count, inputs, ack, wants_keyframe: flags & 16 != 0 })
    }
}
