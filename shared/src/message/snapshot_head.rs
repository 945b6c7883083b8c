//! The head of a snapshot: tick, flags, input lead and priors.

use super::SNAPSHOT;
use crate::tick::Tick;
use crate::wire::{DecodeError, Reader, put_varint};
use alloc::vec::Vec;

/// The head of a snapshot: the few bytes that differ from client to client.
///
/// ```text
/// kind    u8      0xc0 and flags: bit 0: this client's input for the tick was missing; bit 1: events follow;
///                 bit 2: the tick is in full; bit 3: priors follow; bit 4: no input has come yet
/// tick    u8      its lowest bits, completed from the last head's tick; with bit 2 a varint, all of it
/// lead    i8      ticks from this one to the newest input received (without bit 4)
/// priors  varint length, then as many bytes, for the sections of this message and later ones   (with bit 3)
/// ```
///
/// `lead` is acknowledgement and timing in one: the room has received an input for the tick `tick + lead`, that many
/// ticks before it was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotHead<'a> {
    /// The tick of the world that the snapshot shows.
    pub tick: Tick,
    /// Whether the room made the tick without an input from this client.
    pub starved: bool,
    /// Whether events precede the sections.
    pub has_events: bool,
    /// Ticks by which the newest received input is ahead of `tick`, kept within ±127; `None` before the first input.
    pub lead: Option<i8>,
    /// The priors with which sections are coded from now on; `None` while they stay as they are.
    pub priors: Option<&'a [u8]>,
}

const STARVED: u8 = 1;
const EVENTS_FOLLOW: u8 = 1 << 1;
const FULL_TICK: u8 = 1 << 2;
const PRIORS_FOLLOW: u8 = 1 << 3;
const NO_LEAD: u8 = 1 << 4;

impl<'a> SnapshotHead<'a> {
    /// Appends the head for a client that knows the tick `last`; the head of a keyframe names its tick in full.
    pub fn encode(&self, last: Option<Tick>, out: &mut Vec<u8>) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let is_near = last.is_some_and(|last| (1..=i64::from(u8::MAX)).contains(&self.tick.since(last)));
        out.push(
            SNAPSHOT
                | flag(self.starved, STARVED)
                | flag(self.has_events, EVENTS_FOLLOW)
                | flag(!is_near, FULL_TICK)
                | flag(self.priors.is_some(), PRIORS_FOLLOW)
                | flag(self.lead.is_none(), NO_LEAD),
        );
        if is_near {
            let [low, ..] = self.tick.0.to_le_bytes();
            out.push(low);
        } else {
            put_varint(out, self.tick.0);
        }
        out.extend(self.lead.map(|lead| lead.to_le_bytes()[0]));
        if let Some(priors) = self.priors {
            put_varint(out, u32::try_from(priors.len()).expect("priors are a few hundred bytes"));
            out.extend_from_slice(priors);
        }
    }

    /// Reads the head, kind byte included. `last` is the tick of the last head; before the first one any tick will do.
    ///
    /// # Errors
    /// [`DecodeError`] for a truncated head, another kind, or unknown flags.
    pub fn decode(reader: &mut Reader<'a>, last: Tick) -> Result<Self, DecodeError> {
        let kind = reader.u8()?;
        let flags = kind.wrapping_sub(SNAPSHOT);
        if kind < SNAPSHOT || flags >= 1 << 5 {
            return Err(DecodeError::UnknownKind(kind));
        }
        let tick = if flags & FULL_TICK == 0 {
            let [low, ..] = last.0.to_le_bytes();
            last + u32::from(reader.u8()?.wrapping_sub(low))
        } else {
            Tick(reader.varint()?)
        };
        let lead = if flags & NO_LEAD == 0 { Some(i8::from_le_bytes([reader.u8()?])) } else { None };
        let priors = if flags & PRIORS_FOLLOW == 0 {
            None
        } else {
            let length = reader.varint()?;
            Some(reader.slice(length as usize)?)
        };
        Ok(Self { tick, starved: flags & STARVED != 0, has_events: flags & EVENTS_FOLLOW != 0, lead, priors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_return_at_both_ends_of_the_lead() {
        for (lead, last) in [(None, 69_999), (Some(-127), 69_745), (Some(0), 69_744), (Some(127), 70_000)] {
            for priors in [None, Some(&[1, 2, 3][..])] {
                let head = SnapshotHead { tick: Tick(70_000), starved: true, has_events: false, lead, priors };
                let mut out = Vec::new();
                head.encode(Some(Tick(last)), &mut out);
                assert_eq!(SnapshotHead::decode(&mut Reader::new(&out), Tick(last)), Ok(head));
                for cut in 0..out.len() {
                    assert!(SnapshotHead::decode(&mut Reader::new(&out[..cut]), Tick(last)).is_err());
                }
            }
        }
        assert!(SnapshotHead::decode(&mut Reader::new(&[0xe0, 1, 1]), Tick(0)).is_err(), "an unknown flag");
    }
}
