//! The keyframes that a member asks for: one at once, and further ones as far as the member's deltas pay for them.
//!
//! A keyframe is ten to a thousand times as large as a delta, and a client may ask for one whenever it likes, or claim
//! that its world differs. So keyframes are charged to the bytes of deltas that the member was sent: after a keyframe
//! the next one waits until the deltas since have made up for it. Keyframes on demand therefore never have more bytes
//! than all other messages and one keyframe together, and a connection that needs one from time to time gets it at once.
//!
//! A member that can use none of its deltas acknowledges none, and is soon sent nothing more. The deltas that it misses
//! pay as well, or it would wait for ever.
//!
//! A request that has to wait is not lost. The first snapshot of a connection is free. The keyframe of a member that was
//! behind for too long is sent at once, because nothing else could be sent, but it is charged like the others: a client
//! that holds back its acknowledgements gains nothing.

use super::tick_limits::TickLimits;
use crate::limits::KEYFRAME_SAVINGS_BYTES_MAX;
use tickwire::Tick;

/// The account of one member.
#[derive(Debug, Default)]
pub(super) struct Keyframes {
    /// Bytes of deltas that no keyframe was charged to yet; below 0 while the last keyframe is not paid.
    savings_bytes: i64,
    /// Bytes of the last delta: as many as the next one would have.
    delta_bytes: i64,
    /// Whether a keyframe was asked for and is not granted yet.
    is_wanted: bool,
    /// The tick at which a keyframe was last granted.
    granted: Option<Tick>,
    /// Whether any message was sent.
    has_begun: bool,
}

impl Keyframes {
    /// Asks for a keyframe, which is granted as soon as it is paid for.
    pub(super) const fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Whether a request is about a world that the member has had: false while a keyframe waits to be granted, or is on
    /// its way to the member, which has acknowledged `acked` last. A keyframe that is not acknowledged in time did not
    /// help, so another one may be asked for.
    pub(super) fn is_news(&self, acked: Option<Tick>, now: Tick, limits: &TickLimits) -> bool {
        let on_its_way = |granted: Tick| {
            acked.is_none_or(|acked| acked < granted) && now.since(granted) < i64::from(limits.keyframe_patience_ticks)
        };
        !self.is_wanted && !self.granted.is_some_and(on_its_way)
    }

    /// Grants the keyframe that was asked for, if it is paid for.
    pub(super) fn grant(&mut self, now: Tick, limits: &TickLimits) -> bool {
        let recently = |granted: Tick| now.since(granted) < i64::from(limits.keyframe_ticks);
        if !self.is_wanted || self.savings_bytes < 0 || self.granted.is_some_and(recently) {
            return false;
        }
        (self.is_wanted, self.granted) = (false, Some(now));
        true
    }

    /// Accounts for a message that was sent.
    pub(super) fn charge(&mut self, bytes: usize, is_keyframe: bool) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let is_free = is_keyframe && !self.has_begun;
        self.has_begun = true;
        if is_keyframe && !is_free {
            self.savings_bytes -= bytes;
        } else if !is_keyframe {
            self.delta_bytes = bytes;
            self.save();
        }
    }

    /// Accounts for a delta that was not sent, because the member is behind.
    pub(super) fn save(&mut self) {
        self.savings_bytes = (self.savings_bytes + self.delta_bytes).min(KEYFRAME_SAVINGS_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use crate::room::{Room, SnapshotPoll};
    use tickwire::Game;
    use tickwire::input::{Ack, InputCodec, InputFrame};
    use tickwire::message::control::Hello;
    use tickwire_games::Arena;

    #[test]
    fn a_member_that_can_use_no_delta_gets_a_keyframe_before_it_is_closed() {
        let mut room = Room::<Arena>::new(3, &<Arena as Game>::Options::default(), false);
        let member = room.enter(&Hello::of::<Arena>("C4FK9T", "member"), [1; 16]).expect("a free seat").member;
        let (mut acked, ill) = (None, Arena::RULES.tick_rate_hz);
        for tick in 1..6 * Arena::RULES.tick_rate_hz {
            if tick < ill {
                acked = room.outgoing.hash_at(room.tick).map(|(tick, hash)| Ack { tick, hash });
            } else if tick == ill {
                // Two seconds' worth of deltas have to pay for an earlier keyframe, and only one second's are sent to a
                // member that acknowledges none of them.
                let keyframes = &mut room.members[member].keyframes;
                keyframes.savings_bytes = -i64::from(2 * Arena::RULES.tick_rate_hz) * keyframes.delta_bytes;
            }
            let frame = InputFrame::one(room.tick + 2, <Arena as Game>::Input::default(), acked, tick >= ill);
            let mut message = Vec::new();
            InputCodec::new().encode(&frame, &mut message);
            room.receive(member, &message).expect("to ask is no mistake");
            room.tick();
            if matches!(room.poll_snapshot(member), SnapshotPoll::Close(_)) {
                break;
            }
        }
        assert!(room.counters.keyframes >= 2, "the first snapshot, and one that the missed deltas have paid for");
    }
}
