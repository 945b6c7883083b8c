//! One client's replay of arena, from each snapshot to the tick that it had predicted: the real session receives the
//! messages that a real room sent it.
//!
//! The recording: the wanted depth of a replay in ticks, the welcome, the turns, and for each turn the control messages
//! and the snapshots that arrived in it.

use crate::clock::now_us;
use crate::keep_shorter;
use crate::recording::{bytes, count};
use tickwire::client::Session;
use tickwire::wire::{DecodeError, Reader};
use tickwire::{Game, Rng};
use tickwire_games::Arena;

/// A player with the game's own bot: natively it plays in the room, and in a recording it repeats the same inputs.
pub struct Guest {
    /// The session.
    pub session: Session<Arena>,
    dice: Rng,
}

impl Guest {
    /// A player who has just said hello.
    #[must_use]
    pub fn new(number: u8) -> Self {
        let mut session = Session::new("BENCH2", "Ada", None, u64::from(number));
        session.handle_opened(0);
        Self { session, dice: Rng::new(u64::from(number)) }
    }

    /// Decides on an input from the view that a player would have, and makes the ticks that are due.
    pub fn play(&mut self, now_us: u64) {
        if let Some(seat) = self.session.seat() {
            let input = self.session.view(now_us).map(|world| world.bot(seat, &mut self.dice));
            input.into_iter().for_each(|input| self.session.push_input(input));
        }
        self.session.advance(now_us);
    }

    /// Applies a snapshot and gives the time that the replay from it took, in microseconds.
    ///
    /// # Errors
    /// [`DecodeError`] for a snapshot that cannot be applied.
    pub fn receive(&mut self, snapshot: &[u8], at_us: u64) -> Result<f64, DecodeError> {
        self.session.handle_frame(snapshot, at_us)?;
        let start_us = now_us();
        // All due ticks were made before: this is the replay alone.
        self.session.advance(at_us);
        Ok(now_us() - start_us)
    }

    /// Ticks of the last replay.
    #[must_use]
    pub fn depth_ticks(&self) -> u32 {
        self.session.stats().rollback_ticks
    }
}

/// Microseconds of each replay of the wanted depth, and the hash of the last world.
///
/// # Errors
/// [`DecodeError`] for bytes that are no recording of this version.
pub fn measure(reader: &mut Reader<'_>, passes: u32) -> Result<(Vec<f64>, u32), DecodeError> {
    let depth_ticks = reader.varint()?;
    let welcome = bytes(reader)?;
    let turns = count(reader)?;
    let script = Reader::clone(reader);
    let (mut shortest_us, mut digest) = (Vec::new(), 0);
    for pass in 0..passes {
        *reader = script.clone();
        let mut guest = Guest::new(0);
        guest.session.handle_frame(welcome, 0)?;
        let mut found_us = Vec::new();
        for turn in (1..).take(turns) {
            let at_us = turn * Arena::RULES.tick_us();
            guest.play(at_us);
            while guest.session.poll_transmit().is_some() {}
            while guest.session.poll_event().is_some() {}
            for _ in 0..count(reader)? {
                guest.session.handle_frame(bytes(reader)?, at_us)?;
            }
            for _ in 0..count(reader)? {
                let us = guest.receive(bytes(reader)?, at_us)?;
                if guest.depth_ticks() == depth_ticks {
                    found_us.push(us);
                }
            }
        }
        if pass == 0 {
            shortest_us = found_us;
        } else {
            shortest_us.iter_mut().zip(found_us).for_each(|(kept, us)| keep_shorter(kept, us));
        }
        digest = digest_of(&guest);
    }
    Ok((shortest_us, digest))
}

/// Digest of the world that the server has confirmed, and of the distances by which predictions were off.
fn digest_of(guest: &Guest) -> u32 {
    let stats = guest.session.stats();
    let world = guest.session.confirmed().tables.iter().flat_map(|rows| rows.wire.iter().copied());
    let told = [stats.rollbacks as u32, stats.rollback_ticks_max, stats.correction_units_max.to_bits()];
    world.chain(told).fold(0, |digest: u32, value| digest.rotate_left(5).wrapping_mul(0x9e37_79b1) ^ value)
}
