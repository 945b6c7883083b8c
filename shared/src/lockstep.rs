//! Lockstep on the wire: everyone's inputs of a tick, encoded once for all clients that play the game themselves.
//!
//! A message is a [`SnapshotHead`](crate::message::snapshot_head::SnapshotHead) and the bodies of all ticks since the
//! last message, each on a byte boundary. A body depends on the tick before it alone, so every client receives the same
//! bytes, however many ticks it has missed. A client that is new, or that has missed too many ticks, receives a full
//! state first.
//!
//! ```text
//! body      2 bits   0: inputs; 1: roster, then inputs; 2: last inputs, then a full state;
//!                    3: roster, which may be empty, then what the game hears, then inputs
//! roster    small    changes; per change 6 bits of seat, 2 bits: joined, quit, lost, removed        (with 1, 3)
//! heard     small    messages, 1 to 4; per message 8 bits of topic, small: bytes, 8 bits each       (with 3)
//! inputs    per taken seat 1 bit: whether it differs from the seat's last; then its wire integers   (with 0, 1, 3)
//! hash      32 bits  of the full state after the tick, if its number is a multiple of `Rules::hash_ticks`
//! last      per seat 1 bit: whether it is taken; then the wire integers of its last input           (with 2)
//! state     varint   length, then a `FullState`, from a byte boundary                               (with 2)
//! ```

mod replay;

pub use replay::Replay;

use crate::game::Leave;
use crate::id::Seat;
use crate::input::InputCodec;
use crate::limits::{SEATS_MAX, TICKS_PER_MESSAGE_MAX, TOPIC_MESSAGE_BYTES_MAX};
use crate::state::{Input, Schema};
use crate::tick::Tick;
use crate::wire::{BitReader, BitWriter, DecodeError, Reader, put_varint};
use crate::world::full_state::FullState;
use crate::world::heard::{HEARD_PER_TICK_MAX, Heard};
use crate::world::roster::RosterChange;
use alloc::string::String;
use alloc::vec::Vec;

const INPUTS: u32 = 0;
const ROSTER: u32 = 1;
const WORLD: u32 = 2;
const HEARD: u32 = 3;

/// The last input of each player, by seat: the next body holds the differences from these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LastInputs<I>([Option<I>; SEATS_MAX as usize]);

impl<I: Input> Default for LastInputs<I> {
    fn default() -> Self {
        Self([None; SEATS_MAX as usize])
    }
}

impl<I: Input> LastInputs<I> {
    /// The inputs by seat, `None` for a free seat.
    #[must_use]
    pub const fn inputs(&self) -> &[Option<I>; SEATS_MAX as usize] {
        &self.0
    }

    /// Applies a change of the roster: a player who joins starts with a neutral input.
    pub fn change(&mut self, change: RosterChange) {
        match change {
            RosterChange::Joined(seat) => self.0[seat.index()] = Some(I::default()),
            RosterChange::Left(seat, _) => self.0[seat.index()] = None,
        }
    }

    /// Replaces the last input of a seat; a free seat stays free.
    pub const fn set(&mut self, seat: Seat, input: I) {
        if let Some(last) = &mut self.0[seat.index()] {
            *last = input;
        }
    }

    /// The seats that are taken, in ascending order, with their last inputs.
    pub fn iter(&self) -> impl Iterator<Item = (Seat, I)> + '_ {
        Seat::first(SEATS_MAX).filter_map(|seat| Some((seat, self.0[seat.index()]?)))
    }
}

/// Everything that a tick is made from, besides the world before it.
#[derive(Debug, Clone, PartialEq)]
pub struct TickInputs<I> {
    /// The tick that is made.
    pub tick: Tick,
    /// The players that joined and left before it, in the order in which the game is told.
    pub roster: Vec<RosterChange>,
    /// The messages that the game hears before it, in their order.
    pub heard: Vec<Heard>,
    /// Everyone's inputs in it.
    pub last_inputs: LastInputs<I>,
    /// The hash of the full state after it; `None` in most ticks, see [`Rules::hash_ticks`](crate::Rules::hash_ticks).
    pub hash: Option<u32>,
}

impl<I> TickInputs<I> {
    /// Whether the tick has causes besides inputs, which nobody can guess.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.roster.is_empty() || !self.heard.is_empty()
    }
}

/// The state from which a client starts, or starts over.
#[derive(Debug, Clone, PartialEq)]
pub struct Start<I> {
    /// The world, with its free slots and random numbers.
    pub full_state: FullState,
    /// Everyone's last inputs.
    pub last_inputs: LastInputs<I>,
}

/// The content of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Received<I> {
    /// A state that replaces everything that the client had.
    pub start: Option<Start<I>>,
    /// The inputs of every tick after that state, or after the last message.
    pub known_ticks: Vec<TickInputs<I>>,
}

/// Encodes and decodes the tick inputs of a game; built once.
#[derive(Debug, Clone)]
pub struct TickInputsCodec<I> {
    inputs: InputCodec<I>,
    hash_ticks: u32,
}

impl<I: Input> TickInputsCodec<I> {
    /// The codec for this type of inputs, with a hash every `hash_ticks` ticks.
    #[must_use]
    pub fn new(hash_ticks: u32) -> Self {
        Self { inputs: InputCodec::new(), hash_ticks }
    }

    /// The codec of single inputs.
    #[must_use]
    pub const fn inputs(&self) -> &InputCodec<I> {
        &self.inputs
    }

    /// Whether the hash of the full state after this tick is sent.
    #[must_use]
    pub const fn has_hash(&self, tick: Tick) -> bool {
        tick.0.is_multiple_of(self.hash_ticks)
    }

    /// Appends the body of a tick; `last` holds the inputs of the tick before it.
    pub fn put(&self, last: &LastInputs<I>, tick_inputs: &TickInputs<I>, out: &mut Vec<u8>) {
        let mut bits = BitWriter::new(out);
        let form = match (tick_inputs.roster.is_empty(), tick_inputs.heard.is_empty()) {
            (_, false) => HEARD,
            (false, true) => ROSTER,
            (true, true) => INPUTS,
        };
        bits.put(form, 2);
        let mut expected = *last;
        if form != INPUTS {
            bits.put_small(u32::try_from(tick_inputs.roster.len()).unwrap_or(u32::MAX));
            for change in &tick_inputs.roster {
                put_change(*change, &mut bits);
                expected.change(*change);
            }
        }
        if form == HEARD {
            put_heard(&tick_inputs.heard, &mut bits);
        }
        for (seat, input) in tick_inputs.last_inputs.iter() {
            let differs = expected.0[seat.index()] != Some(input);
            bits.put_bit(differs);
            if differs {
                self.inputs.put(input, &mut bits);
            }
        }
        if let Some(hash) = tick_inputs.hash {
            bits.put(hash, u32::BITS);
        }
        bits.finish();
    }

    /// Appends a state to start from.
    pub fn put_start(&self, schema: &Schema, start: &Start<I>, out: &mut Vec<u8>) {
        let mut bits = BitWriter::new(out);
        bits.put(WORLD, 2);
        for input in start.last_inputs.inputs() {
            bits.put_bit(input.is_some());
            if let Some(input) = input {
                self.inputs.put(*input, &mut bits);
            }
        }
        bits.finish();
        let mut full_state = Vec::new();
        start.full_state.encode(schema, &mut full_state);
        put_varint(out, u32::try_from(full_state.len()).expect("a full state is far below 4 GiB"));
        out.extend_from_slice(&full_state);
    }

    /// Reads the part of a message that follows the head, up to the tick `newest`. `last` is the newest tick that is
    /// known and its inputs, `None` before the first message.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that a room does not send, such as inputs without a world to go on from.
    pub fn decode(
        &self,
        schema: &Schema,
        last: Option<(Tick, &LastInputs<I>)>,
        newest: Tick,
        mut bytes: Reader<'_>,
    ) -> Result<Received<I>, DecodeError> {
        let start = self.take_start(schema, &mut bytes)?;
        let known = start.as_ref().map(|start| (start.full_state.tick(), &start.last_inputs)).or(last);
        let (mut tick, last_inputs) = known.ok_or(DecodeError::BaselineMismatch)?;
        let mut last_inputs = *last_inputs;
        let count = newest.since(tick);
        let max = u64::from(TICKS_PER_MESSAGE_MAX);
        if !u64::try_from(count).is_ok_and(|count| count <= max) {
            return Err(DecodeError::OutOfRange { value: count.unsigned_abs(), max });
        }
        let mut bits = BitReader::new(bytes.slice(bytes.remaining())?);
        let mut known_ticks = Vec::new();
        while tick < newest {
            tick = tick.next();
            let tick_inputs = self.take(tick, &last_inputs, &mut bits)?;
            last_inputs = tick_inputs.last_inputs;
            known_ticks.push(tick_inputs);
        }
        bits.finish()?;
        Ok(Received { start, known_ticks })
    }

    fn take(&self, tick: Tick, last: &LastInputs<I>, bits: &mut BitReader<'_>) -> Result<TickInputs<I>, DecodeError> {
        let (mut last_inputs, mut roster) = (*last, Vec::new());
        let form = bits.take(2)?;
        if form == WORLD {
            // A state to start from comes before all ticks.
            return Err(DecodeError::OutOfRange { value: WORLD.into(), max: ROSTER.into() });
        }
        if form != INPUTS {
            let (count, max) = (bits.small()?, 2 * u32::from(SEATS_MAX));
            if count == 0 && form == ROSTER || count > max {
                return Err(DecodeError::OutOfRange { value: u64::from(count), max: u64::from(max) });
            }
            for _ in 0..count {
                let change = take_change(bits)?;
                last_inputs.change(change);
                roster.push(change);
            }
        }
        let heard = if form == HEARD { take_heard(bits)? } else { Vec::new() };
        for input in last_inputs.0.iter_mut().flatten() {
            if bits.bit()? {
                let changed = self.inputs.take(bits)?;
                if *input == changed {
                    // A tick has one encoding only.
                    return Err(DecodeError::OtherEncoding);
                }
                *input = changed;
            }
        }
        let hash = if self.has_hash(tick) { Some(bits.take(u32::BITS)?) } else { None };
        bits.align()?;
        Ok(TickInputs { tick, roster, heard, last_inputs, hash })
    }

    fn take_start(&self, schema: &Schema, bytes: &mut Reader<'_>) -> Result<Option<Start<I>>, DecodeError> {
        if bytes.remaining() == 0 {
            return Ok(None);
        }
        let mut ahead = bytes.clone();
        let mut bits = BitReader::new(ahead.slice(ahead.remaining())?);
        if bits.take(2)? != WORLD {
            return Ok(None);
        }
        let mut last_inputs = LastInputs::default();
        for input in &mut last_inputs.0 {
            if bits.bit()? {
                *input = Some(self.inputs.take(&mut bits)?);
            }
        }
        bits.align()?;
        let read = bytes.remaining() - bits.remaining();
        bytes.slice(read)?;
        let length = bytes.varint()?;
        let full_state = FullState::decode(schema, bytes.slice(length as usize)?)?;
        Ok(Some(Start { full_state, last_inputs }))
    }
}

pub(crate) fn put_heard(heard: &[Heard], bits: &mut BitWriter<'_>) {
    bits.put_small(u32::try_from(heard.len()).unwrap_or(u32::MAX));
    for heard in heard {
        let (topic, body) = heard.parts();
        bits.put(topic.into(), u8::BITS);
        bits.put_small(u32::try_from(body.len()).unwrap_or(u32::MAX));
        body.bytes().for_each(|byte| bits.put(byte.into(), u8::BITS));
    }
}

pub(crate) fn take_heard(bits: &mut BitReader<'_>) -> Result<Vec<Heard>, DecodeError> {
    let (count, max) = (bits.small()?, HEARD_PER_TICK_MAX as u32);
    if count == 0 || count > max {
        return Err(DecodeError::OutOfRange { value: u64::from(count), max: u64::from(max) });
    }
    let byte = |bits: &mut BitReader<'_>| bits.take(u8::BITS).map(|byte| byte as u8);
    let mut heard = Vec::new();
    for _ in 0..count {
        let topic = byte(bits)?;
        let (length, max) = (bits.small()?, TOPIC_MESSAGE_BYTES_MAX as u32 / 2);
        if length > max {
            return Err(DecodeError::OutOfRange { value: u64::from(length), max: u64::from(max) });
        }
        let body = (0..length).map(|_| byte(bits)).collect::<Result<Vec<u8>, _>>()?;
        let body = String::from_utf8(body).map_err(|_| DecodeError::Control)?;
        heard.extend(Heard::from_parts(topic, body));
    }
    Ok(heard)
}

pub(crate) fn put_change(change: RosterChange, bits: &mut BitWriter<'_>) {
    let (seat, what) = match change {
        RosterChange::Joined(seat) => (seat, 0),
        RosterChange::Left(seat, Leave::Quit) => (seat, 1),
        RosterChange::Left(seat, Leave::Lost) => (seat, 2),
        RosterChange::Left(seat, Leave::Removed) => (seat, 3),
    };
    bits.put(u32::from(seat.number()), 6);
    bits.put(what, 2);
}

pub(crate) fn take_change(bits: &mut BitReader<'_>) -> Result<RosterChange, DecodeError> {
    let number = bits.take(6)?;
    let max = u64::from(SEATS_MAX);
    let seat = u8::try_from(number).ok().and_then(Seat::new);
    let seat = seat.ok_or_else(|| DecodeError::OutOfRange { value: u64::from(number), max })?;
    Ok(match bits.take(2)? {
        0 => RosterChange::Joined(seat),
        1 => RosterChange::Left(seat, Leave::Quit),
        2 => RosterChange::Left(seat, Leave::Lost),
        _ => RosterChange::Left(seat, Leave::Removed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::state::State;
    use crate::table::Table;

    #[derive(State, Clone, Default)]
    struct World {
        things: Table<Thing>,
    }

    #[derive(State, Clone, Default)]
    struct Thing {
        hp: u8,
    }

    #[derive(Debug, Clone, Copy, Default, PartialEq, crate::state::Input)]
    struct Order {
        held: bool,
        #[input(once, range = 0..=999)]
        place: u16,
    }

    const fn seat(number: u8) -> Seat {
        Seat::new(number).expect("a seat")
    }

    /// Ticks 1 to `count` of a room where people come, go and give orders.
    fn play(count: u32, seed: u64) -> (TickInputsCodec<Order>, Vec<TickInputs<Order>>, Vec<Vec<u8>>) {
        let (codec, mut dice, mut last_inputs) = (TickInputsCodec::new(8), Rng::new(seed), LastInputs::default());
        let (mut known_ticks, mut bodies) = (Vec::new(), Vec::new());
        for tick in (1..=count).map(Tick) {
            let last = last_inputs;
            let mut roster = Vec::new();
            for number in [0, 5, 63] {
                let change = match last_inputs.inputs()[usize::from(number)] {
                    None => RosterChange::Joined(seat(number)),
                    Some(_) => RosterChange::Left(seat(number), Leave::Lost),
                };
                if dice.one_in(6) {
                    last_inputs.change(change);
                    roster.push(change);
                } else if dice.one_in(3) {
                    last_inputs.set(seat(number), Order { held: dice.one_in(2), place: dice.below(1_000) as u16 });
                }
            }
            let said = ["", "left", "\u{1f3d3} both"];
            let heard = (0..if dice.one_in(8) { dice.below(5) } else { 0 })
                .filter_map(|n| Heard::from_parts(n as u8, said[dice.below(3) as usize].into()))
                .collect();
            let hash = codec.has_hash(tick).then(|| dice.next_u32());
            let tick_inputs = TickInputs { tick, roster, heard, last_inputs, hash };
            let mut body = Vec::new();
            codec.put(&last, &tick_inputs, &mut body);
            known_ticks.push(tick_inputs);
            bodies.push(body);
        }
        (codec, known_ticks, bodies)
    }

    fn start() -> (Schema, Start<Order>) {
        let (schema, mut world) = (Schema::of::<World>(), World::default());
        world.things.insert(Thing { hp: 7 });
        let mut full_state = FullState::empty(&schema);
        full_state.capture(&mut world, &Rng::new(3), Tick(40));
        (schema, Start { full_state, last_inputs: LastInputs::default() })
    }

    #[test]
    fn any_number_of_ticks_is_read_from_the_bodies_of_each() {
        let (codec, known_ticks, bodies) = play(300, 1);
        let schema = Schema::of::<World>();
        for (from, to) in [(0, 1), (0, 300), (17, 18), (100, 164)] {
            let empty = LastInputs::default();
            let last_inputs = if from == 0 { &empty } else { &known_ticks[from - 1].last_inputs };
            let (last, newest) = (Tick(from as u32), Tick(to as u32));
            let bytes = bodies[from..to].concat();
            let received = codec.decode(&schema, Some((last, last_inputs)), newest, Reader::new(&bytes)).unwrap();
            assert_eq!(received, Received { start: None, known_ticks: known_ticks[from..to].to_vec() });
            for cut in 0..bytes.len() {
                let cut = codec.decode(&schema, Some((last, last_inputs)), newest, Reader::new(&bytes[..cut]));
                assert!(cut.is_err());
            }
        }
    }

    #[test]
    fn a_quiet_tick_is_one_byte() {
        let codec = TickInputsCodec::<Order>::new(8);
        let mut last_inputs = LastInputs::default();
        (0..6).for_each(|number| last_inputs.change(RosterChange::Joined(seat(number))));
        let mut body = Vec::new();
        codec.put(&last_inputs, &TickInputs { tick: Tick(7), ..tick_inputs(last_inputs) }, &mut body);
        assert_eq!(body, [0]);
    }

    #[test]
    fn a_world_to_start_from_comes_before_the_ticks_after_it() {
        let (codec, (schema, start)) = (TickInputsCodec::<Order>::new(8), start());
        let mut bytes = Vec::new();
        codec.put_start(&schema, &start, &mut bytes);
        let tick_inputs = TickInputs {
            tick: Tick(41),
            roster: Vec::from([RosterChange::Joined(seat(2))]),
            ..tick_inputs(start.last_inputs)
        };
        let mut last_inputs = start.last_inputs;
        last_inputs.change(RosterChange::Joined(seat(2)));
        let tick_inputs = TickInputs { last_inputs, ..tick_inputs };
        codec.put(&start.last_inputs, &tick_inputs, &mut bytes);
        let received = codec.decode(&schema, None, Tick(41), Reader::new(&bytes)).unwrap();
        assert_eq!(received, Received { start: Some(start), known_ticks: Vec::from([tick_inputs]) });
        for cut in 0..bytes.len() {
            assert!(codec.decode(&schema, None, Tick(41), Reader::new(&bytes[..cut])).is_err(), "cut at {cut}");
        }
        assert!(codec.decode(&schema, None, Tick(39), Reader::new(&bytes)).is_err(), "a world from the future");
        assert!(codec.decode(&schema, None, Tick(9_000), Reader::new(&bytes)).is_err(), "a claim of many ticks");
    }

    const fn tick_inputs(last_inputs: LastInputs<Order>) -> TickInputs<Order> {
        TickInputs { tick: Tick(41), roster: Vec::new(), heard: Vec::new(), last_inputs, hash: None }
    }

    #[test]
    fn inputs_without_a_world_before_them_are_an_error() {
        let (codec, _, bodies) = play(1, 2);
        let found = codec.decode(&Schema::of::<World>(), None, Tick(1), Reader::new(&bodies[0]));
        assert_eq!(found, Err(DecodeError::BaselineMismatch));
    }

    #[test]
    fn any_bytes_give_an_error_or_ticks_that_encode_to_the_same_bytes() {
        let (codec, schema, mut dice) = (TickInputsCodec::<Order>::new(8), Schema::of::<World>(), Rng::new(8));
        let mut last_inputs = LastInputs::default();
        last_inputs.change(RosterChange::Joined(seat(1)));
        let mut understood = 0;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..=dice.below(5)).map(|_| dice.next_u32().to_le_bytes()[0]).collect();
            let last = Some((Tick(8), &last_inputs));
            if let Ok(Received { known_ticks, .. }) = codec.decode(&schema, last, Tick(10), Reader::new(&bytes)) {
                understood += 1;
                let (mut again, mut last) = (Vec::new(), last_inputs);
                for tick_inputs in known_ticks {
                    codec.put(&last, &tick_inputs, &mut again);
                    last = tick_inputs.last_inputs;
                }
                assert_eq!(again, bytes);
            }
        }
        assert!(understood > 0);
    }
}
