//! A client of Colyseus 0.18, in `crowd`: counts patches, sends inputs, and knows no world.
//!
//! The server sends `JOIN_ROOM`, the client confirms with the same byte, the full state comes once (`ROOM_STATE`), and
//! from then on patches. Inputs are `ROOM_DATA`: the message's name, then its content as MessagePack.
//! `bench/peers/check.mjs` checks with Colyseus' own client that the patches are the state of the game.

use super::talk::Heard;
use thiserror::Error;
use tickwire::Rng;

/// First byte: the seat is taken; from the client: it is ready.
const JOIN_ROOM: u8 = 10;
/// First byte: the server refuses a request; its reason follows as text.
const ERROR: u8 = 11;
/// First byte: a message of the game.
const ROOM_DATA: u8 = 13;
/// First byte: the full state.
const ROOM_STATE: u8 = 14;
/// First byte: the changes since the last state.
const ROOM_STATE_PATCH: u8 = 15;
/// The upper bits of the first byte tell which fields precede the body.
const CODE_MASK: u8 = 31;

/// Name of the message that steers.
const WAY: &[u8; 3] = b"way";

/// A player chooses a new way once in this many ticks, on average.
const DECISION_TICKS: u32 = 15;

/// Units per tick on each axis.
const SPEED_MAX: f32 = 2.0;

/// The reason for which a client ends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum HearError {
    /// A message without a kind.
    #[error("message is empty")]
    Empty,
    /// The server's own words.
    #[error("refused: {0}")]
    Refused(String),
    /// A kind that this game does not have.
    #[error("message is of kind {0}")]
    Kind(u8),
}

/// One client.
#[derive(Debug)]
pub struct Colyseus {
    dice: Rng,
    way: [f64; 2],
    has_state: bool,
}

impl Colyseus {
    /// A client that will take the seat that its WebSocket names.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Rng::new(seed);
        let way = any_way(&mut dice);
        Self { dice, way, has_state: false }
    }

    pub(super) fn hear(&mut self, message: &[u8], answer: &mut Vec<u8>) -> Result<Heard, HearError> {
        let (first, body) = message.split_first().ok_or(HearError::Empty)?;
        match first & CODE_MASK {
            JOIN_ROOM => {
                answer.push(JOIN_ROOM);
                Ok(Heard::Answer)
            }
            ROOM_STATE => {
                self.has_state = true;
                Ok(Heard::Snapshot { is_keyframe: true })
            }
            ROOM_STATE_PATCH => Ok(Heard::Snapshot { is_keyframe: false }),
            ERROR => Err(HearError::Refused(String::from_utf8_lossy(body).into_owned())),
            code => Err(HearError::Kind(code)),
        }
    }

    /// Appends the input of a tick; false before the client has a state to steer in.
    pub(super) fn input(&mut self, message: &mut Vec<u8>) -> bool {
        if self.has_state {
            if self.dice.one_in(DECISION_TICKS) {
                self.way = any_way(&mut self.dice);
            }
            put_way(self.way, message);
        }
        self.has_state
    }
}

/// A random way on the grid of our wire, where the inputs of our own clients are too.
fn any_way(dice: &mut Rng) -> [f64; 2] {
    [0, 1].map(|_: u8| f64::from((dice.range(-SPEED_MAX, SPEED_MAX) * 32.0).round() / 32.0))
}

/// Appends the message `way`, `{ x, y }` in units per tick.
fn put_way(way: [f64; 2], message: &mut Vec<u8>) {
    // In MessagePack, and for the name in Colyseus' own encoding too, the tag holds the length of a short string.
    const STRING_OF_ONE: u8 = 0xa1;
    const STRING_OF_THREE: u8 = 0xa3;
    const MAP_OF_TWO: u8 = 0x82;
    const FLOAT64: u8 = 0xcb;
    message.extend_from_slice(&[ROOM_DATA, STRING_OF_THREE]);
    message.extend_from_slice(WAY);
    message.push(MAP_OF_TWO);
    for (name, value) in [b'x', b'y'].into_iter().zip(way) {
        message.extend_from_slice(&[STRING_OF_ONE, name, FLOAT64]);
        message.extend_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_message_pack_with_its_name_in_front() {
        let mut message = Vec::new();
        put_way([0.5, -2.0], &mut message);
        assert_eq!(message[..6], [13, 0xa3, b'w', b'a', b'y', 0x82]);
        assert_eq!(message[6..17], [0xa1, b'x', 0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(message[17..], [0xa1, b'y', 0xcb, 0xc0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_seat_is_confirmed_and_the_state_comes_before_any_input() {
        let (mut client, mut answer) = (Colyseus::new(7), Vec::new());
        assert_eq!(client.hear(&[10, 1, b'x'], &mut answer), Ok(Heard::Answer));
        assert_eq!(answer, [10]);
        assert!(!client.input(&mut answer));
        assert_eq!(client.hear(&[14, 1], &mut answer), Ok(Heard::Snapshot { is_keyframe: true }));
        assert_eq!(client.hear(&[15, 1], &mut answer), Ok(Heard::Snapshot { is_keyframe: false }));
        assert_eq!(client.hear(&[15 | 128, 1], &mut answer), Ok(Heard::Snapshot { is_keyframe: false }), "timed");
        assert_eq!(answer, [10]);
        assert!(client.input(&mut answer));
    }

    #[test]
    fn a_refusal_ends_the_client() {
        let mut client = Colyseus::new(7);
        assert_eq!(client.hear(&[11, b'n', b'o'], &mut Vec::new()), Err(HearError::Refused("no".into())));
        assert_eq!(client.hear(&[16], &mut Vec::new()), Err(HearError::Kind(16)));
        assert_eq!(client.hear(&[], &mut Vec::new()), Err(HearError::Empty));
    }

    #[test]
    fn ways_change_once_in_a_while_and_keep_to_the_grid() {
        let (mut client, mut changes) = (Colyseus { has_state: true, ..Colyseus::new(7) }, 0);
        for _ in 0..3_000 {
            let before = client.way;
            client.input(&mut Vec::new());
            changes += u32::from(client.way != before);
            assert!(client.way.iter().all(|speed| speed.abs() <= 2.0 && (speed * 32.0).fract() == 0.0));
        }
        assert!((150..250).contains(&changes), "{changes} changes in 3,000 ticks");
    }
}
