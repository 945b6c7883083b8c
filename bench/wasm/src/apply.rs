//! Applying deltas of `crowd`, over many rooms in turn: one room's data alone would train the branch predictor and look
//! twice too fast.
//!
//! The recording: rooms, ticks, and for each room its priors, the tick of its keyframe, the keyframe and the deltas.

use crate::clock::now_us;
use crate::keep_shorter;
use crate::recording::{bytes, count};
use std::hint::black_box;
use tickwire::Tick;
use tickwire::replication::Replica;
use tickwire::state::Schema;
use tickwire::wire::{DecodeError, Reader};
use tickwire_games::Crowd;

/// The recorded messages to one room's members.
struct Room<'a> {
    /// A replica that holds the keyframe.
    first: Replica,
    tick: Tick,
    deltas: Vec<&'a [u8]>,
}

impl<'a> Room<'a> {
    fn read(schema: &Schema, ticks: usize, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut first = Replica::empty(schema);
        first.set_priors(bytes(reader)?)?;
        let tick = Tick(reader.varint()?);
        first.apply(schema, tick, bytes(reader)?)?;
        let deltas = (0..ticks).map(|_| bytes(reader)).collect::<Result<_, _>>()?;
        Ok(Self { first, tick, deltas })
    }
}

/// Microseconds per delta in each tick, and the sum of the worlds' hashes.
///
/// # Errors
/// [`DecodeError`] for bytes that are no recording of this version.
pub fn measure(reader: &mut Reader<'_>, passes: u32) -> Result<(Vec<f64>, u32), DecodeError> {
    let schema = Schema::of::<Crowd>();
    let (rooms, ticks) = (count(reader)?, count(reader)?);
    let rooms: Vec<Room<'_>> =
        (0..rooms).map(|_| Room::read(&schema, ticks, reader)).collect::<Result<_, DecodeError>>()?;
    let (mut shortest_us, mut digest) = (vec![f64::INFINITY; ticks], 0_u32);
    for _ in 0..passes {
        let mut mirrors: Vec<Replica> = rooms.iter().map(|room| room.first.clone()).collect();
        for (number, shortest_us) in shortest_us.iter_mut().enumerate() {
            let start_us = now_us();
            for (room, replica) in rooms.iter().zip(&mut mirrors) {
                let tick = room.tick + u32::try_from(number + 1).unwrap_or(u32::MAX);
                black_box(replica.apply(&schema, tick, room.deltas[number])?);
            }
            keep_shorter(shortest_us, (now_us() - start_us) / rooms.len() as f64);
        }
        digest = mirrors.iter().fold(0, |sum, replica| sum.wrapping_add(replica.room_hash()));
    }
    Ok((shortest_us, digest))
}
