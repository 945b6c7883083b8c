//! A thin client of our server, in `crowd`: reads the heads of snapshots, acknowledges, and sends inputs.
//!
//! To the server, its traffic looks like that of a full client. The hash that it acknowledges is the one that the
//! server sent: it compares nothing.

use super::talk::{Heard, hear_topic};
use std::fmt;
use std::rc::Rc;
use tickwire::input::{Ack, InputCodec, InputFrame};
use tickwire::limits::PREDICTION_TICKS_MAX;
use tickwire::message::control::Hello;
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::message::{SERVER_CONTROL, SERVER_TOPIC, SNAPSHOT, WELCOME};
use tickwire::wire::{DecodeError, Reader};
use tickwire::{Game, Rng, Seat, Tick};
use tickwire_games::Crowd;
use tickwire_tools::heads::section_heads;
use tickwire_tools::topic_ear::TopicEar;

/// Inputs are for this many ticks after the newest snapshot: one tick is on its way, one is being made.
const LEAD_TICKS: u32 = 2;

/// A player chooses a new way once in this many ticks, on average.
const DECISION_TICKS: u32 = 15;

/// State that all thin clients of a load share.
pub struct ThinKind {
    codec: InputCodec<<Crowd as Game>::Input>,
    /// A world without players: its policy gives a new way to any seat that asks, because it finds no player there.
    empty: Crowd,
}

impl fmt::Debug for ThinKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ThinKind").finish_non_exhaustive()
    }
}

impl Default for ThinKind {
    fn default() -> Self {
        Self { codec: InputCodec::new(), empty: Crowd::default() }
    }
}

/// One client.
#[derive(Debug)]
pub struct Thin {
    kind: Rc<ThinKind>,
    code: String,
    dice: Rng,
    way: <Crowd as Game>::Input,
    /// The newest tick that an input was made for.
    made: Tick,
    /// The newest snapshot; `None` before the first.
    ack: Option<Ack>,
    /// The topic that the client hears beside its room.
    pub(super) ear: Option<TopicEar>,
}

impl Thin {
    /// A client that will join the room with this code.
    #[must_use]
    pub fn new(kind: Rc<ThinKind>, code: &str, seed: u64) -> Self {
        let mut dice = Rng::new(seed);
        let way = kind.empty.bot(Seat::default(), &mut dice);
        Self { kind, code: code.into(), dice, way, made: Tick(0), ack: None, ear: None }
    }

    /// Appends the wish to hear a topic too. The client is in its room.
    pub(super) fn listen(&mut self, topic: &str, message: &mut Vec<u8>) {
        let ear = self.ear.insert(TopicEar::new(topic));
        message.extend_from_slice(&ear.subscribe().encode());
    }

    pub(super) fn greet(&self, message: &mut Vec<u8>) {
        let hello = Hello::of::<Crowd>(&self.code, "Lean");
        message.extend_from_slice(&hello.encode());
    }

    pub(super) fn hear(&mut self, message: &[u8], answer: &mut Vec<u8>) -> Result<Heard, DecodeError> {
        match message.first() {
            Some(&(SNAPSHOT..)) => {}
            Some(&SERVER_TOPIC) => {
                return self.ear.as_mut().map_or(Ok(Heard::Other), |ear| hear_topic(ear, message, answer));
            }
            Some(&WELCOME | &SERVER_CONTROL) => return Ok(Heard::Other),
            Some(&kind) => return Err(DecodeError::UnknownKind(kind)),
            None => return Err(DecodeError::Truncated { needed: 1, remaining: 0 }),
        }
        let mut reader = Reader::new(message);
        let head = SnapshotHead::decode(&mut reader, self.ack.map_or(Tick(0), |ack| ack.tick))?;
        let sections = section_heads(&mut reader, head.has_events)?;
        self.ack = Some(Ack { tick: head.tick, hash: sections.room_hash });
        Ok(Heard::Snapshot { is_keyframe: sections.is_keyframe })
    }

    /// Appends the input for the next tick that needs one; false before the first snapshot, and when the newest
    /// snapshot is so old that a full client would wait too.
    pub(super) fn input(&mut self, message: &mut Vec<u8>) -> bool {
        let Some(ack) = self.ack else { return false };
        let tick = self.made.next().max(ack.tick + LEAD_TICKS);
        if tick > ack.tick + PREDICTION_TICKS_MAX {
            return false;
        }
        if self.dice.one_in(DECISION_TICKS) {
            self.way = self.kind.empty.bot(Seat::default(), &mut self.dice);
        }
        self.kind.codec.encode(&InputFrame::one(tick, self.way, Some(ack), false), message);
        self.made = tick;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_server::room::{Room, SnapshotPoll};

    fn snapshot(room: &mut Room<Crowd>, member: tickwire_server::room::MemberId) -> Option<Vec<u8>> {
        match room.poll_snapshot(member) {
            SnapshotPoll::Frame(frame) => Some([frame.head, frame.shared, frame.own].concat()),
            _ => None,
        }
    }

    #[test]
    fn the_servers_room_sees_no_difference_to_a_full_client() {
        let mut room: Room<Crowd> = Room::new(1, &<Crowd as Game>::Options::default(), false);
        let mut thin = Thin::new(Rc::default(), "C4FK9T", 7);
        let mut hello = Vec::new();
        thin.greet(&mut hello);
        let entered = room.enter(&Hello::decode(&hello).unwrap(), [0; 16]).unwrap();
        assert_eq!(thin.hear(&entered.welcome, &mut Vec::new()), Ok(Heard::Other));
        assert!(!thin.input(&mut Vec::new()), "no snapshot has arrived that an input could follow");
        let mut keyframes = 0;
        for _ in 0..300 {
            room.tick();
            let message = snapshot(&mut room, entered.member).expect("the send window stays open");
            let heard = thin.hear(&message, &mut Vec::new()).unwrap();
            keyframes += u32::from(heard == Heard::Snapshot { is_keyframe: true });
            let mut input = Vec::new();
            assert!(thin.input(&mut input));
            assert_eq!(room.receive(entered.member, &input), Ok(()));
        }
        let counters = room.take_counters();
        assert_eq!(keyframes, 1);
        assert_eq!((counters.hashes_compared, counters.hash_mismatches), (300, 0));
        assert_eq!((counters.late_inputs, counters.early_inputs, counters.duplicate_inputs), (0, 0, 0));
        assert!(counters.starved_ticks <= 2, "{counters:?}");
    }

    #[test]
    fn a_message_that_is_cut_off_is_an_error() {
        let mut thin = Thin::new(Rc::default(), "C4FK9T", 7);
        for cut in [&[][..], &[SNAPSHOT, 0], &[7]] {
            assert!(thin.hear(cut, &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn a_silent_server_gets_a_bounded_number_of_inputs() {
        let mut thin = Thin::new(Rc::default(), "C4FK9T", 7);
        thin.ack = Some(Ack { tick: Tick(100), hash: 0 });
        let sent = (0..1_000).filter(|_| thin.input(&mut Vec::new())).count();
        assert_eq!(sent, (PREDICTION_TICKS_MAX - LEAD_TICKS + 1) as usize);
    }
}
