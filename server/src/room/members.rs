//! A member: a connection that is in the room, with the ticks that were sent to it and those that it has acknowledged.

use super::entrant::Entrant;
use super::in_flight::InFlight;
use super::keyframes::Keyframes;
use super::origin::Origin;
use super::roster::SeatSet;
use super::tick_limits::TickLimits;
use crate::limits::{MEMBER_MESSAGES_MAX, MESSAGES_PER_TICK_HALVES, MISMATCHES_PER_MINUTE_MAX};
use std::collections::VecDeque;
use tickwire::message::close::CloseCode;
use tickwire::message::topics::PlayerId;
use tickwire::{Seat, Tick};

slotmap::new_key_type! {
    /// A connection that is in a room. A player may keep its seat through many connections, and each of them is another
    /// member.
    pub struct MemberId;
}

#[derive(Debug)]
pub(super) struct Member {
    /// The seat of the member; `None` for a spectator.
    pub(super) seat: Option<Seat>,
    /// Where the member's connection comes from.
    pub(super) origin: Origin,
    /// The player, if it is known over connections.
    pub(super) player: Option<PlayerId>,
    /// The newest tick for which an input has arrived.
    pub(super) newest: Option<Tick>,
    /// The newest tick whose hash was compared, and the number of hashes in a row up to it that differed.
    pub(super) compared: Tick,
    pub(super) differing: u32,
    /// The tick of the snapshot that was last written, from which the next delta starts. `None` when a keyframe is due.
    ///
    /// It is the last snapshot that was sent and not the last one that was acknowledged, because the stream loses
    /// nothing: the client has this snapshot before the delta arrives.
    pub(super) baseline: Option<Tick>,
    /// The tick up to which the member was sent events: the tick of its last snapshot, or of its welcome.
    pub(super) events_sent: Tick,
    /// The epoch of the published priors that the member holds, 0 for none. `None` when the member may hold any, and so
    /// has to receive them.
    pub(super) priors: Option<u32>,
    /// Whether the last snapshot of the member was deferred by one tick, because too many others had baselines of their
    /// own.
    pub(super) postponed: bool,
    /// Whether the last tick was made without an input of the member.
    pub(super) starved: bool,
    /// Seats of which the member has yet to be told who is in them now. A seat is in the set once, however often its
    /// occupant changes: a member that is slow to read is told the newest state and not the way there.
    pub(super) changed_seats: SeatSet,
    /// Whether the member has yet to be told who owns the room and whether it is locked.
    pub(super) room_changed: bool,
    /// Answers to messages of the member itself.
    outbox: VecDeque<Vec<u8>>,
    /// Whether any message of the member has arrived. Its first message shows that it has received its welcome.
    pub(super) confirmed: bool,
    /// Whether an answer found the outbox full.
    overflown: bool,
    in_flight: InFlight,
    /// The tick at which the last message of the member arrived.
    heard: Tick,
    /// Messages that the member may still send, in halves of a message. Each tick refills the allowance, up to the
    /// maximum below.
    allowance_halves: i64,
    allowance_max_halves: i64,
    /// The newest tick that the member has acknowledged.
    acked: Option<Tick>,
    /// The keyframes that the member asks for.
    pub(super) keyframes: Keyframes,
    /// The differences since `mismatches_since`, which moves on once it is more than a minute ago.
    mismatches: u32,
    mismatches_since: Tick,
}

impl Member {
    pub(super) fn new(seat: Option<Seat>, entrant: &Entrant, now: Tick, limits: &TickLimits) -> Self {
        let allowance_max_halves = 2 * limits.message_burst;
        Self {
            seat,
            origin: entrant.origin,
            player: entrant.player,
            newest: None,
            compared: Tick(0),
            differing: 0,
            baseline: None,
            events_sent: now,
            priors: Some(0),
            postponed: false,
            starved: false,
            changed_seats: SeatSet::default(),
            room_changed: false,
            outbox: VecDeque::new(),
            confirmed: false,
            overflown: false,
            in_flight: InFlight::new(limits.message_ticks),
            heard: now,
            allowance_halves: allowance_max_halves,
            allowance_max_halves,
            acked: None,
            keyframes: Keyframes::default(),
            mismatches: 0,
            mismatches_since: now,
        }
    }

    /// Counts a message that has arrived against the number of messages that a client of this tick rate may send.
    ///
    /// The refill is computed here from the ticks since the last message, so that a tick does no work for members that
    /// send nothing. The allowance has a maximum, so that a long silence earns no longer burst than a stalled
    /// connection needs.
    pub(super) fn count_message(&mut self, now: Tick) -> Result<(), CloseCode> {
        let refill = now.since(self.heard) * MESSAGES_PER_TICK_HALVES;
        self.heard = now;
        self.allowance_halves = (self.allowance_halves + refill).min(self.allowance_max_halves) - 2;
        if self.allowance_halves < 0 { Err(CloseCode::Rate) } else { Ok(()) }
    }

    /// Notes that the member has received the snapshot of `tick`, or claims that it has.
    pub(super) fn acknowledge(&mut self, tick: Tick, now: Tick) -> Result<(), CloseCode> {
        if tick > now {
            return Err(CloseCode::Malformed);
        }
        self.acked = self.acked.max(Some(tick));
        self.in_flight.acknowledge(tick);
        Ok(())
    }

    /// Lets a member start over from a keyframe, because it could not use a snapshot or its world differs. The keyframe
    /// follows as soon as the member's bytes have paid for it.
    pub(super) fn ask_for_keyframe(&mut self, now: Tick, limits: &TickLimits, differs: bool) -> Result<(), CloseCode> {
        if !self.keyframes.is_news(self.acked, now, limits) {
            return Ok(());
        }
        self.keyframes.want();
        if differs { self.count_mismatch(now, limits) } else { Ok(()) }
    }

    /// Forgets the world and the priors that the member holds, because they are of no use, if a keyframe is due to it: a
    /// keyframe is then sent next.
    pub(super) fn start_over_if_due(&mut self, now: Tick, limits: &TickLimits) {
        if self.keyframes.grant(now, limits) {
            (self.baseline, self.priors) = (None, None);
        }
    }

    /// The world of `tick` is a new one: nothing that the member holds is of use, and it is told that a match has begun.
    pub(super) fn begin_anew(&mut self, tick: Tick) {
        (self.baseline, self.priors) = (None, None);
        (self.compared, self.differing, self.events_sent) = (tick, 0, tick);
        self.room_changed = true;
    }

    /// None of the messages that the member was sent count any more: a keyframe is sent next, and all that is told
    /// besides.
    pub(super) fn start_over(&mut self, now: Tick) {
        (self.baseline, self.priors) = (None, None);
        (self.compared, self.differing) = (now, 0);
        self.room_changed = true;
    }

    /// Counts one more difference between the member's world and the room's.
    pub(super) fn count_mismatch(&mut self, now: Tick, limits: &TickLimits) -> Result<(), CloseCode> {
        if now.since(self.mismatches_since) > i64::from(limits.minute_ticks) {
            (self.mismatches, self.mismatches_since) = (0, now);
        }
        self.mismatches += 1;
        if self.mismatches >= MISMATCHES_PER_MINUTE_MAX { Err(CloseCode::Diverged) } else { Ok(()) }
    }

    /// Queues an answer to a message of the member. Only the member's own messages can fill its outbox, and a member
    /// that fills it is closed.
    pub(super) fn answer(&mut self, message: Vec<u8>) {
        if self.outbox.len() < MEMBER_MESSAGES_MAX {
            self.outbox.push_back(message);
        } else {
            self.overflown = true;
        }
    }

    /// The next answer.
    pub(super) fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    /// Whether snapshots must wait until more of them are acknowledged. A keyframe does not wait: a member that needs one
    /// can use nothing that was sent before, and will not acknowledge it. The limit of the lag holds all the same.
    pub(super) fn is_behind(&self, limits: &TickLimits) -> bool {
        self.baseline.is_some() && self.in_flight.ticks() > i64::from(limits.send_ticks)
    }

    /// Notes that the snapshot of `tick` is written.
    pub(super) fn mark_sent(&mut self, tick: Tick) {
        self.in_flight.push(tick);
    }

    /// Ticks of the snapshots that are not acknowledged.
    pub(super) fn unacked_ticks(&self) -> i64 {
        self.in_flight.ticks()
    }

    /// Ticks since the oldest snapshot in flight was sent.
    fn lag_ticks(&self, now: Tick) -> i64 {
        self.in_flight.oldest().map_or(0, |oldest| now.since(oldest))
    }

    /// The code with which the connection has to be closed, if it has to be.
    pub(super) fn overdue(&self, now: Tick, limits: &TickLimits) -> Option<CloseCode> {
        if now.since(self.heard) > i64::from(limits.silence_ticks) {
            Some(CloseCode::Silent)
        } else if self.overflown || self.lag_ticks(now) > i64::from(limits.lag_ticks) {
            Some(CloseCode::TooSlow)
        } else {
            None
        }
    }
}
