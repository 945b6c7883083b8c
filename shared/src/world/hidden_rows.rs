//! Tables whose rows are hidden from some players: which they are, how a room hides their free slots, and how these
//! travel in a full state.

use crate::game::Game;
use crate::hash::Mix;
use crate::id::RowId;
use crate::leak::{Leak, is_planted};
use crate::limits::{ROW_WIDTH_MAX, ROWS_MAX, SEATS_MAX};
use crate::rng::Secret;
use crate::state::{Schema, State, TableSchema, TableVisitor};
use crate::table::hidden::{HiddenSlots, Pool};
use crate::table::{Audience, Table};
use crate::wire::{BitReader, BitWriter, DecodeError};
use alloc::vec::Vec;

/// Whether the rows of a table are hidden from some players, because no leaf is for everyone.
pub(crate) const fn is_hidden(table: &TableSchema) -> bool {
    table.public.is_empty()
}

/// Makes the tables with hidden rows draw their free slots by the room's secret. It is done before each tick, because a
/// game may put a new table in the place of an old one.
pub(crate) fn hide_slots<G: Game>(world: &mut G, schema: &Schema, secret: &Secret) {
    if schema.tables.iter().skip(1).any(is_hidden) && !is_planted(Leak::LowestSlots) {
        world.tables(&mut Hide { tables: (0..).zip(&schema.tables).skip(1), secret, seats: G::RULES.seats });
    }
}

struct Hide<'a, I> {
    tables: I,
    secret: &'a Secret,
    seats: u8,
}

impl<'a, I: Iterator<Item = (u8, &'a TableSchema)>> TableVisitor for Hide<'_, I> {
    fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
        let (number, schema) = self.tables.next().expect("a world shows the tables it described");
        if !is_hidden(schema) {
            return;
        }
        let owner = owner_leaf(schema);
        let pools = pools_of(schema, self.seats);
        let read = if owner.is_some() { owner_of } else { |_: &T, _| 0 };
        let audience = Audience { leaf: owner.unwrap_or(0), read };
        table.hide(audience, |taken| HiddenSlots::new(self.secret, number, taken, pools));
    }
}

/// The leaf by which the free slots of a table with hidden rows are in pools, if there is more than one pool.
fn owner_leaf(table: &TableSchema) -> Option<usize> {
    let owner = table.owner.or_else(|| table.leaves[*table.private.first()?].owner);
    // Nobody receives a row without private leaves, so one pool serves all of these rows.
    owner.filter(|_| !table.private.is_empty() && !is_planted(Leak::OnePool))
}

/// The number of pools that a table with hidden rows has in a game with so many seats.
pub(crate) fn pools_of(table: &TableSchema, seats: u8) -> u16 {
    owner_leaf(table).map_or(1, |_| u16::from(seats) + 1)
}

/// The owner of a row as the wire has it: 0 for nobody, else one more than the seat.
fn owner_of<T: State>(row: &T, leaf: usize) -> u8 {
    let mut wire = [0; ROW_WIDTH_MAX];
    row.gather(&mut wire[..T::WIDTH]);
    u8::try_from(wire[leaf]).unwrap_or(0)
}

/// Mixes all that the next ids depend on into a hash, apart from the secret.
pub(crate) fn mix_slots(hidden: &HiddenSlots, mix: &mut Mix) {
    mix.add(u32::from(hidden.first));
    for pool in &hidden.pools {
        mix.add(u32::from(pool.grown));
        mix.add(pool.draws);
        mix.add(u32::try_from(pool.free.len()).unwrap_or(u32::MAX));
        pool.free.iter().for_each(|slot| mix.add(u32::from(*slot)));
    }
}

/// Appends the pools, in the layout that the documentation of full states shows.
pub(crate) fn put_slots(hidden: &HiddenSlots, bits: &mut BitWriter<'_>) {
    bits.put_small(u32::from(hidden.first));
    bits.put_small(u32::try_from(hidden.pools.len()).unwrap_or(u32::MAX));
    for pool in &hidden.pools {
        bits.put_small(u32::from(pool.grown));
        bits.put_small(pool.draws);
        bits.put_small(u32::try_from(pool.free.len()).unwrap_or(u32::MAX));
        let mut next = 0;
        for slot in &pool.free {
            bits.put_small(u32::from(*slot) - next);
            next = u32::from(*slot) + 1;
        }
    }
}

/// Reads the pools of the table that the number names; `taken` are the ids of its rows, and it has `slots` slots.
///
/// # Errors
/// [`DecodeError`] for pools that overlap each other or the rows, or that no table can have.
pub(crate) fn take_slots(
    (secret, number): (&Secret, u8),
    taken: &[RowId],
    slots: usize,
    bits: &mut BitReader<'_>,
) -> Result<HiddenSlots, DecodeError> {
    let first = at_most(bits.small()?, u32::from(ROWS_MAX))?;
    // Nobody has a pool, and each seat may have one.
    let count = usize::from(at_most(bits.small()?.wrapping_sub(1), u32::from(SEATS_MAX))?) + 1;
    let grown_max = u32::from(HiddenSlots::pool_slots_max(first, count));
    let mut is_used = alloc::vec![false; slots];
    taken.iter().for_each(|id| is_used[usize::from(id.slot)] = true);
    let mut pools = Vec::new();
    for _ in 0..count {
        let (grown, draws, free) = (at_most(bits.small()?, grown_max)?, bits.small()?, bits.small()?);
        let mut pool = Pool { grown, draws, free: Vec::new() };
        let mut next = 0;
        for _ in 0..free {
            let slot = at_most(bits.small()?.saturating_add(next), u32::from(ROWS_MAX))?;
            next = u32::from(slot) + 1;
            match is_used.get_mut(usize::from(slot)) {
                Some(used) if !*used => *used = true,
                _ => return Err(DecodeError::OutOfRange { value: u64::from(slot), max: slots as u64 }),
            }
            pool.free.push(slot);
        }
        pools.push(pool);
    }
    Ok(HiddenSlots::from_parts(secret, number, first, pools))
}

fn at_most(value: u32, max: u32) -> Result<u16, DecodeError> {
    let out_of_range = DecodeError::OutOfRange { value: u64::from(value), max: u64::from(max) };
    u16::try_from(value).ok().filter(|value| u32::from(*value) <= max).ok_or(out_of_range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::determinism::sync_test;
    use crate::game::{Leave, Rules, Step};
    use crate::id::Seat;
    use crate::tick::Tick;
    use crate::world::full_state::FullState;
    use crate::world::simulation::Simulation;

    /// A game of hands that nobody else sees, and of traps that nobody sees.
    #[derive(State, Clone, Default)]
    struct Deal {
        piles: Table<Pile>,
        #[state(only = owner)]
        hands: Table<Card>,
        #[state(only = server)]
        traps: Table<Trap>,
    }

    #[derive(State, Clone, Default)]
    struct Pile {
        height: u8,
    }

    #[derive(State, Clone, Default)]
    struct Card {
        #[state(owner)]
        seat: Option<Seat>,
        face: u8,
    }

    #[derive(State, Clone, Default)]
    struct Trap {
        fuse: u8,
    }

    impl Game for Deal {
        type Input = ();
        type Event = ();
        type Options = ();
        const RULES: Rules = Rules::new("deal", 30).seats(3);

        fn new((): &()) -> Self {
            let mut deal = Self::default();
            deal.traps.insert(Trap { fuse: 9 });
            deal.hands.insert(Card { seat: Seat::new(1), face: 7 });
            deal
        }

        fn join(&mut self, seat: Seat) {
            self.hands.insert(Card { seat: Some(seat), face: 0 });
        }

        fn leave(&mut self, seat: Seat, _: Leave) {
            self.hands.retain(|_, card| card.seat != Some(seat));
        }

        fn step(&mut self, tick: &mut Step<'_, Self>) {
            let face = tick.rng().below(200) as u8;
            self.piles.retain(|id, pile| pile.height != face && id.slot != u16::from(face));
            self.piles.insert(Pile { height: face });
            for seat in tick.seats() {
                let mut dice = tick.hidden_rng(Some(seat));
                let worst = dice.below(256) as u8;
                self.hands.retain(|_, card| card.seat != Some(seat) || card.face <= worst);
                self.hands.insert(Card { seat: Some(seat), face: dice.below(256) as u8 });
            }
            let mut dice = tick.hidden_rng(None);
            self.traps.retain(|_, trap| u32::from(trap.fuse) != dice.below(8));
            self.traps.insert(Trap { fuse: dice.below(8) as u8 });
        }
    }

    fn played(seed: u64) -> Simulation<Deal> {
        let mut simulation = Simulation::<Deal>::new(seed, &());
        let seats = || Seat::first(3);
        seats().for_each(|seat| simulation.tell(&[crate::world::roster::RosterChange::Joined(seat)]));
        for _ in 0..40 {
            let actions: Vec<_> = seats().map(|seat| (seat, ().into())).collect();
            simulation.step(&actions, &mut Vec::new());
        }
        simulation
    }

    #[test]
    fn a_game_with_hidden_rows_goes_on_from_every_kind_of_checkpoint() {
        let played = sync_test::<Deal>(&crate::determinism::Policy { ticks: 300, ..Default::default() });
        assert!(played.is_ok(), "{:?}", played.err());
    }

    #[test]
    fn a_full_state_with_a_secret_round_trips_and_every_damage_is_an_error() {
        let simulation = played(4);
        let (schema, full_state) = (simulation.schema(), FullState::of(simulation.checkpoint()));
        assert_eq!(full_state.tick(), Tick(40));
        assert!(full_state.rng.secret() == Some(&Secret::from(4)));
        let mut bytes = Vec::new();
        full_state.encode(schema, &mut bytes);
        assert_eq!(FullState::decode_kept(schema, &bytes).as_ref(), Ok(&full_state));
        assert!(FullState::decode(schema, &bytes).is_err(), "no client takes a secret");
        for cut in 0..bytes.len() {
            assert!(FullState::decode_kept(schema, &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for bit in 8..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(FullState::decode_kept(schema, &damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn tables_without_hidden_rows_keep_the_lowest_free_slot() {
        let simulation = played(5);
        let world = simulation.world();
        assert!(world.piles.hidden_slots().is_none());
        assert!(world.piles.iter().all(|(id, _)| usize::from(id.slot) < 2 * world.piles.len() + 8));
        assert!(world.hands.hidden_slots().is_some_and(|slots| slots.pools.len() == 4));
        assert!(world.traps.hidden_slots().is_some_and(|slots| slots.pools.len() == 1));
    }
}
