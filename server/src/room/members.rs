//! A member: a connection that is in the room, and what it has been sent and has acknowledged.

use super::tick_limits::TickLimits;
use crate::limits::{MEMBER_MESSAGES_MAX, MESSAGES_PER_TICK_HALVES, MISMATCHES_PER_MINUTE_MAX};
use std::collections::VecDeque;
use tickwire::message::close::CloseCode;
use tickwire::{Seat, Tick};

slotmap::new_key_type! {
    /// A connection that is in a room. A seat keeps its player through many of them.
    pub struct MemberId;
}

#[derive(Debug)]
pub(super) struct Member {
    /// `None` for a spectator.
    pub(super) seat: Option<Seat>,
    /// The newest tick that an input came for.
    pub(super) newest: Option<Tick>,
    /// The newest tick whose hash was compared, and how many in a row differed.
    pub(super) compared: Tick,
    pub(super) differing: u32,
    /// The snapshot that was last written: the next delta starts from it. `None`: a keyframe is due.
    pub(super) baseline: Option<Tick>,
    /// The tick of the last snapshot or welcome whose events were written.
    pub(super) events_sent: Tick,
    /// Which of the room's published priors it holds: 0 for none. `None`: it may hold anything.
    pub(super) priors: Option<u32>,
    /// Whether its snapshot has to wait until the next tick, because others had other baselines.
    pub(super) postponed: bool,
    /// Whether the last tick was made without an input.
    pub(super) starved: bool,
    pub(super) outbox: VecDeque<Vec<u8>>,
    /// Whether anything was ever heard: then it has its welcome.
    pub(super) confirmed: bool,
    overflown: bool,
    acked: Tick,
    heard: Tick,
    /// Messages it may still send, in halves; refilled each tick.
    allowance_halves: i64,
    allowance_max_halves: i64,
    keyframe_asked: Option<Tick>,
    mismatches: u32,
    mismatches_since: Tick,
    chatted: Option<Tick>,
}

impl Member {
    pub(super) fn new(seat: Option<Seat>, now: Tick, limits: &TickLimits) -> Self {
        let allowance_max_halves = 2 * limits.message_burst;
        Self {
            seat,
            newest: None,
            compared: Tick(0),
            differing: 0,
            baseline: None,
            events_sent: now,
            priors: Some(0),
            postponed: false,
            starved: false,
            outbox: VecDeque::new(),
            confirmed: false,
            overflown: false,
            acked: now,
            heard: now,
            allowance_halves: allowance_max_halves,
            allowance_max_halves,
            keyframe_asked: None,
            mismatches: 0,
            mismatches_since: now,
            chatted: None,
        }
    }

    /// A message came: counts it against what a client of this rate may send.
    pub(super) fn count_message(&mut self, now: Tick) -> Result<(), CloseCode> {
        let refill = now.since(self.heard) * MESSAGES_PER_TICK_HALVES;
        self.heard = now;
        self.allowance_halves = (self.allowance_halves + refill).min(self.allowance_max_halves) - 2;
        if self.allowance_halves < 0 { Err(CloseCode::Rate) } else { Ok(()) }
    }

    /// The member has received the snapshot of `tick`, or claims so.
    pub(super) fn acknowledge(&mut self, tick: Tick, now: Tick) -> Result<(), CloseCode> {
        if tick > now {
            return Err(CloseCode::Malformed);
        }
        self.acked = self.acked.max(tick);
        Ok(())
    }

    /// What was received could not be used, or differs: starts over from a keyframe, not too often.
    pub(super) fn ask_for_keyframe(&mut self, now: Tick, limits: &TickLimits, differs: bool) -> Result<(), CloseCode> {
        let recently = |asked: Tick| now.since(asked) < i64::from(limits.keyframe_ticks);
        if self.keyframe_asked.is_some_and(recently) {
            return Ok(());
        }
        self.keyframe_asked = Some(now);
        self.start_over();
        if differs { self.count_mismatch(now, limits) } else { Ok(()) }
    }

    /// What it holds is of no use: a keyframe is next.
    pub(super) const fn start_over(&mut self) {
        (self.baseline, self.priors) = (None, None);
    }

    /// Its world differs from ours, once more.
    pub(super) fn count_mismatch(&mut self, now: Tick, limits: &TickLimits) -> Result<(), CloseCode> {
        if now.since(self.mismatches_since) > i64::from(limits.minute_ticks) {
            (self.mismatches, self.mismatches_since) = (0, now);
        }
        self.mismatches += 1;
        if self.mismatches >= MISMATCHES_PER_MINUTE_MAX { Err(CloseCode::Diverged) } else { Ok(()) }
    }

    pub(super) fn may_chat(&mut self, now: Tick, limits: &TickLimits) -> bool {
        let allowed = self.chatted.is_none_or(|last| now.since(last) >= i64::from(limits.chat_ticks));
        if allowed {
            self.chatted = Some(now);
        }
        allowed
    }

    pub(super) fn tell(&mut self, message: &[u8]) {
        if self.outbox.len() < MEMBER_MESSAGES_MAX {
            self.outbox.push_back(message.to_vec());
        } else {
            self.overflown = true;
        }
    }

    /// Whether snapshots must wait until more of them are acknowledged.
    pub(super) fn is_behind(&self, now: Tick, limits: &TickLimits) -> bool {
        now.since(self.acked) > i64::from(limits.send_ticks)
    }

    /// Why the connection has to be closed, if it has to.
    pub(super) fn overdue(&self, now: Tick, limits: &TickLimits) -> Option<CloseCode> {
        if now.since(self.heard) > i64::from(limits.silence_ticks) {
            Some(CloseCode::Silent)
        } else if self.overflown || now.since(self.acked) > i64::from(limits.lag_ticks) {
            Some(CloseCode::TooSlow)
        } else {
            None
        }
    }
}
