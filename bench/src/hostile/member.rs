//! A raw member of a room: it is let in like any player, and then sends what a row wants it to send.

use super::socket::{BINARY, End, Event, Peer, frame};
use super::target::Target;
use anyhow::Result;
use std::time::{Duration, Instant};
use tickwire::input::{Ack, InputCodec, InputFrame};
use tickwire::message::SNAPSHOT;
use tickwire::message::control::Welcome;
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::wire::Reader;
use tickwire::{Game, Tick};
use tickwire_tools::heads::section_heads;

/// Inputs are for this many ticks after the newest snapshot: one tick is on its way, one is being made.
pub(super) const LEAD_TICKS: u32 = 2;

/// A member of a room of `G` that has no world.
pub(super) struct Member<G: Game> {
    pub(super) peer: Peer,
    pub(super) welcome: Welcome,
    codec: InputCodec<G::Input>,
    /// The newest snapshot; `None` before the first.
    pub(super) ack: Option<Ack>,
    /// The newest tick of the room that is known.
    pub(super) tick: Tick,
}

impl<G: Game> Member<G> {
    /// Joins the room with this code, as a client at the address `from`.
    pub(super) fn join(target: &Target, code: &str, from: Option<&str>) -> Result<Self> {
        let (peer, welcome) = target.join::<G>(code, from).member()?;
        Ok(Self::new(peer, welcome))
    }

    pub(super) fn new(peer: Peer, welcome: Welcome) -> Self {
        let tick = welcome.tick;
        Self { peer, welcome, codec: InputCodec::new(), ack: None, tick }
    }

    /// A message with the neutral input for one tick.
    pub(super) fn input(&self, tick: Tick, ack: Option<Ack>, wants_keyframe: bool) -> Vec<u8> {
        let mut message = Vec::new();
        self.codec.encode(&InputFrame::one(tick, G::Input::default(), ack, wants_keyframe), &mut message);
        message
    }

    /// Sends a message.
    pub(super) fn say(&mut self, message: &[u8]) -> bool {
        self.peer.send(&frame(BINARY, message))
    }

    /// Plays for this long: answers each snapshot with what `answer` makes of the member. Gives the end of the
    /// connection, if it ended.
    pub(super) fn play(&mut self, time: Duration, mut answer: impl FnMut(&Self) -> Vec<Vec<u8>>) -> Option<End> {
        self.play_hearing(time, |member, message| if is_snapshot(message) { answer(member) } else { Vec::new() })
    }

    /// The same with an answer to every message.
    pub(super) fn play_hearing(
        &mut self,
        time: Duration,
        mut answer: impl FnMut(&Self, &[u8]) -> Vec<Vec<u8>>,
    ) -> Option<End> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            match self.peer.next(until)? {
                Event::Message(message) if self.take_in(&message) || !is_snapshot(&message) => {
                    for message in answer(self, &message) {
                        self.say(&message);
                    }
                }
                Event::Closed(end) => return Some(end),
                Event::Message(_) | Event::Text(_) | Event::Pong | Event::Other => {}
            }
        }
        None
    }

    /// Plays as an honest client without a world does.
    pub(super) fn play_fair(&mut self, time: Duration) -> Option<End> {
        self.play(time, |member| vec![member.input(member.tick + LEAD_TICKS, member.ack, false)])
    }

    /// Takes in a message; says whether it was a snapshot.
    fn take_in(&mut self, message: &[u8]) -> bool {
        if !is_snapshot(message) {
            return false;
        }
        let mut reader = Reader::new(message);
        let last = self.ack.map_or(self.tick, |ack| ack.tick);
        let Ok(head) = SnapshotHead::decode(&mut reader, last) else { return false };
        self.tick = head.tick;
        if let Ok(sections) = section_heads(&mut reader, head.has_events) {
            self.ack = Some(Ack { tick: head.tick, hash: sections.room_hash });
        }
        true
    }
}

/// Whether a message of the server is a snapshot.
pub(super) fn is_snapshot(message: &[u8]) -> bool {
    message.first().is_some_and(|kind| *kind >= SNAPSHOT)
}
