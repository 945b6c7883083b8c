//! A checkpoint as bytes: from them a simulation goes on exactly as it would have.
//!
//! ```text
//! length  varint  of the full state
//! state           a `FullState`
//! worlds  u8      twice the number of older worlds, plus 1 if the newest of them was not packed
//! older           these worlds, as bits, see `older`
//! hash    u32     of all bytes before it
//! ```
//!
//! The bytes name no fields: their keeper has to know that the schema is still the same, or to keep the description
//! of the one that they were written with.

use crate::game::Game;
use crate::hash::{Mix, narrow};
use crate::recording::older;
use crate::state::Schema;
use crate::wire::{DecodeError, Reader, put_varint};
use crate::world::full_state::FullState;
use crate::world::history::History;
use crate::world::simulation::Checkpoint;
use alloc::vec::Vec;

impl<G: Game> Checkpoint<G> {
    /// Appends the checkpoint. The world is only read.
    ///
    /// # Panics
    /// With a full state of 4 GiB, which no world within the bounds of a schema has.
    pub fn encode(&mut self, schema: &Schema, out: &mut Vec<u8>) {
        let start = out.len();
        let Self { world, rng, history } = self;
        let (mut full_state, mut bytes) = (FullState::empty(schema), Vec::new());
        full_state.keep(history.newest(), world, rng);
        full_state.encode(schema, &mut bytes);
        put_varint(out, u32::try_from(bytes.len()).expect("a full state is far below 4 GiB"));
        out.extend_from_slice(&bytes);
        older::put(schema, history, out);
        let hash = hash_of(&out[start..]);
        out.extend_from_slice(&hash.to_le_bytes());
    }

    /// Reads a checkpoint that [`Checkpoint::encode`] wrote for a world with this schema, to the end of `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`] for any other bytes.
    pub fn decode(schema: &Schema, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (content, hash) = split(bytes)?;
        let mut reader = Reader::new(content);
        let length = reader.varint()?;
        let full_state = FullState::decode_kept(schema, reader.slice(length as usize)?)?;
        let mut history = History::beginning_with::<G>(full_state.snapshot.clone());
        older::take(schema, &mut history, reader)?;
        check(content, hash)?;
        let mut world = G::default();
        let rng = full_state.restore(&mut world);
        Ok(Self { world, rng, history })
    }
}

/// The bytes of a checkpoint, and the hash at their end.
pub(super) fn split(bytes: &[u8]) -> Result<(&[u8], u32), DecodeError> {
    let truncated = DecodeError::Truncated { needed: size_of::<u32>(), remaining: bytes.len() };
    let (content, hash) = bytes.split_last_chunk().ok_or(truncated)?;
    Ok((content, u32::from_le_bytes(*hash)))
}

/// Checks the hash of a checkpoint.
pub(super) fn check(content: &[u8], expected: u32) -> Result<(), DecodeError> {
    let found = hash_of(content);
    if found == expected { Ok(()) } else { Err(DecodeError::HashMismatch { expected, found }) }
}

/// The hash of bytes, four at a time: a checkpoint of a large world has many.
fn hash_of(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks();
    let mut mix = Mix::new(bytes.len() as u64);
    words.iter().for_each(|word| mix.add(u32::from_le_bytes(*word)));
    mix.bytes(rest);
    narrow(mix.wide())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::{Leave, Mode, Rules, Step};
    use crate::id::Seat;
    use crate::rng::Rng;
    use crate::table::Table;
    use crate::tick::Tick;
    use crate::world::roster::RosterChange;
    use crate::world::simulation::{Restart, Simulation};
    use crate::world::snapshot::Snapshot;

    /// A game of drifting, blinking and vanishing things, with leaves of every size, and of hands that nobody sees.
    #[derive(crate::state::State, Clone, Default)]
    struct Drift {
        #[state(range = 0..=1_000_000)]
        ticks: u32,
        any: u32,
        things: Table<Thing>,
        #[state(only = owner)]
        hands: Table<Hand>,
        marks: Table<Mark>,
    }

    #[derive(crate::state::State, Clone, Default)]
    struct Thing {
        #[state(range = 0.0..=1000.0, step = 0.25)]
        x: f32,
        any: u32,
        lit: bool,
    }

    #[derive(crate::state::State, Clone, Default)]
    struct Hand {
        #[state(owner)]
        seat: Option<Seat>,
        face: u8,
    }

    #[derive(crate::state::State, Clone, Default)]
    struct Mark {}

    impl Drift {
        fn play(&mut self, dice: &mut Rng) {
            self.ticks += 1;
            self.any = [0, u32::MAX, dice.next_u32()][dice.below(3) as usize];
            for thing in self.things.values_mut() {
                thing.x = (thing.x + 3.0) % 1000.0;
                thing.lit ^= dice.one_in(9);
                thing.any = if dice.one_in(5) { self.any } else { thing.any };
            }
            self.things.retain(|_, _| !dice.one_in(12));
            self.marks.retain(|_, _| !dice.one_in(3));
            for _ in 0..dice.below(3) {
                self.things.insert(Thing { x: dice.range(0.0, 1000.0), any: dice.next_u32(), lit: false });
                self.marks.insert(Mark {});
                let seat = Seat::new(dice.below(2) as u8);
                self.hands.insert(Hand { seat, face: dice.below(9) as u8 });
                self.hands.retain(|_, _| !dice.one_in(4));
            }
        }
    }

    macro_rules! game {
        ($name:ident, $mode:expr) => {
            #[derive(crate::state::State, Clone, Default)]
            struct $name {
                drift: Drift,
            }

            impl Game for $name {
                type Input = ();
                type Event = ();
                type Options = ();
                const RULES: Rules = Rules::new("drift", 30).seats(2).mode($mode);

                fn new((): &()) -> Self {
                    Self::default()
                }

                fn join(&mut self, _: Seat) {}

                fn leave(&mut self, _: Seat, _: Leave) {}

                fn step(&mut self, tick: &mut Step<'_, Self>) {
                    let mut dice = Rng::new(tick.rng().next_u64());
                    self.drift.play(&mut dice);
                }
            }
        };
    }

    game!(Snapshots, Mode::Snapshot { every_ticks: 1 });
    game!(Lockstep, Mode::Lockstep { rollback_ticks_max: 8 });

    fn played<G: Game>(seed: u64, ticks: u32) -> Simulation<G> {
        let mut simulation = Simulation::<G>::new(seed, &G::Options::default());
        (0..ticks).for_each(|_| simulation.step(&[], &mut Vec::new()));
        simulation
    }

    fn encoded<G: Game>(simulation: &Simulation<G>) -> Vec<u8> {
        let mut bytes = alloc::vec![7];
        simulation.checkpoint().clone().encode(simulation.schema(), &mut bytes);
        assert_eq!(bytes.remove(0), 7, "it is appended");
        bytes
    }

    /// The checkpoint comes back, and the match goes on from it as it does without.
    fn assert_returns<G: Game>(mut simulation: Simulation<G>) {
        let schema = simulation.schema().clone();
        let again = Checkpoint::<G>::decode(&schema, &encoded(&simulation)).unwrap();
        let kept = simulation.checkpoint();
        assert!(again.history == kept.history, "at tick {}", simulation.tick());
        assert!(again.rng == kept.rng && FullState::of(&again) == FullState::of(kept));
        let mut resumed = Simulation::resume(again);
        for _ in 0..20 {
            for simulation in [&mut simulation, &mut resumed] {
                simulation.step(&[], &mut Vec::new());
            }
            assert_eq!(FullState::of(resumed.checkpoint()), FullState::of(simulation.checkpoint()));
            assert!(resumed.checkpoint().history == simulation.checkpoint().history);
        }
    }

    #[test]
    fn a_checkpoint_of_any_age_returns_with_all_of_its_worlds() {
        for ticks in (0..40).chain([200]) {
            assert_returns(played::<Snapshots>(u64::from(ticks), ticks));
            assert_returns(played::<Lockstep>(u64::from(ticks), ticks));
        }
    }

    #[test]
    fn the_worlds_of_a_match_that_began_anew_return() {
        let seats = Vec::from([Seat::new(1).unwrap()]);
        for ticks in [0, 1, 2, 9, 17, 30] {
            let mut simulation = played::<Snapshots>(3, 50);
            simulation.restart(&Restart { options: (), seats: seats.clone() });
            simulation.tell(&[RosterChange::Left(seats[0], Leave::Quit)]);
            (0..ticks).for_each(|_| simulation.step(&[], &mut Vec::new()));
            assert_returns(simulation);
        }
    }

    #[test]
    fn the_world_before_the_newest_may_be_packed() {
        // A panic while a world is taken in leaves the history so: all older worlds are packed.
        let schema = Schema::of::<Drift>();
        for ticks in [1, 2, 9, 16, 40] {
            let (mut world, mut dice) = (Drift::default(), Rng::new(5));
            let mut history = History::new(Snapshot::empty(&schema));
            for _ in 0..ticks {
                world.play(&mut dice);
                history.push(&schema, &mut world);
            }
            let mut packed = History::new(history.newest().clone());
            let mut recalled = crate::world::history::Recalled::default();
            for age in 1..history.older().0.min(16) as u32 {
                let snapshot = history.at(&schema, Tick(ticks) - age, &mut recalled).unwrap().clone();
                assert!(packed.prepend(&schema, &snapshot, true));
            }
            let mut bytes = Vec::new();
            older::put(&schema, &packed, &mut bytes);
            let mut again = History::new(packed.newest().clone());
            older::take(&schema, &mut again, Reader::new(&bytes)).unwrap();
            assert!(again == packed && !again.older().1);
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_an_error() {
        fn damage<G: Game>() {
            let simulation = played::<G>(1, 40);
            let (schema, bytes) = (simulation.schema(), encoded(&simulation));
            for cut in 0..bytes.len() {
                assert!(Checkpoint::<G>::decode(schema, &bytes[..cut]).is_err(), "cut at {cut}");
            }
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(Checkpoint::<G>::decode(schema, &damaged).is_err(), "bit {bit}");
            }
            let more = [&bytes[..], &[0]].concat();
            assert!(Checkpoint::<G>::decode(schema, &more).is_err());
        }
        damage::<Snapshots>();
        damage::<Lockstep>();
    }

    #[test]
    fn any_worlds_are_within_their_bounds_or_an_error() {
        let (simulation, mut dice) = (played::<Snapshots>(2, 40), Rng::new(6));
        let (schema, mut understood) = (simulation.schema(), 0);
        let mut good = Vec::new();
        older::put(schema, simulation.history(), &mut good);
        for round in 0..4_000 {
            let mut bytes = good.clone();
            if round % 2 == 0 {
                for _ in 0..=dice.below(3) {
                    let place = dice.below(bytes.len() as u32) as usize;
                    bytes[place] = dice.next_u32() as u8;
                }
            } else {
                bytes = (0..dice.below(60)).map(|_| dice.next_u32() as u8).collect();
                bytes.insert(0, dice.below(34) as u8);
            }
            let mut history = History::beginning_with::<Snapshots>(simulation.history().newest().clone());
            if older::take(schema, &mut history, Reader::new(&bytes)).is_err() {
                continue;
            }
            understood += 1;
            let mut recalled = crate::world::history::Recalled::default();
            for age in 1..=history.older().0 as u32 {
                let world = history.at(schema, history.newest().tick - age, &mut recalled).unwrap();
                for (table, rows) in schema.tables.iter().zip(&world.tables) {
                    assert!(rows.ids.is_sorted_by(|one, other| one.slot < other.slot));
                    let leaves = rows.wire.chunks_exact(rows.width.max(1));
                    assert!(
                        leaves.flat_map(|row| row.iter().zip(&table.leaves)).all(|(value, leaf)| *value <= leaf.max)
                    );
                }
            }
        }
        assert!(understood > 0);
    }

    #[test]
    fn the_full_hash_is_that_of_the_full_state() {
        fn compare<G: Game>() {
            let mut simulation = played::<G>(4, 0);
            for _ in 0..60 {
                simulation.step(&[], &mut Vec::new());
                let expected = FullState::of(simulation.checkpoint()).hash(simulation.schema());
                assert_eq!(simulation.full_hash(), expected);
            }
        }
        compare::<Snapshots>();
        compare::<Lockstep>();
    }
}
