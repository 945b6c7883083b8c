//! A warm room allocates nothing: not for a tick, not for the record of it in a journal, not for snapshots, not for inputs
//! that come in. Nor does a client that restores its world from a snapshot.
//!
//! These tests are alone in their binary, because the allocator that counts is the whole program's. Counts are per
//! thread, so the test program's own threads do not disturb them. The world itself may grow: the warm-up begins with a
//! time in which the players give the inputs that make it as large as it gets.

#[cfg(test)]
#[path = "../it/gallery.rs"]
mod gallery;

#[cfg(test)]
mod warm {
    use crate::gallery::Gallery;
    use std::collections::BTreeMap;
    use tickwire::input::{Ack, Action, InputCodec, InputFrame, ViewAge};
    use tickwire::limits::SNAPSHOT_HISTORY_LEN;
    use tickwire::message::control::Hello;
    use tickwire::recording::record::{LastActions, RecordCodec};
    use tickwire::state::Schema;
    use tickwire::world::full_state::FullState;
    use tickwire::world::roster::RosterChange;
    use tickwire::world::simulation::{Simulation, TickRecord};
    use tickwire::world::snapshot::Snapshot;
    use tickwire::{Game, Rng, Scene, Seat, State, Table, Tick};
    use tickwire_games::{Arena, Paddles};
    use tickwire_server::room::{GameSchemas, MemberId, Room, RoomLimits, RoomSetup, SnapshotPoll};

    const EXCITED_TICKS: u32 = 300;

    /// A room whose players are the game's bots, which send real messages.
    struct Busy<G: Game> {
        room: Room<G>,
        members: Vec<(MemberId, Seat)>,
        codec: InputCodec<G::Input>,
        dice: Rng,
        world: G,
        tick: Tick,
        /// The hash of the full state, in lockstep.
        hash: u32,
        messages: Vec<Vec<u8>>,
        bytes: usize,
        /// What a journal is given of the tick, before anything of it is sent.
        record: Vec<u8>,
    }

    impl<G: Game> Busy<G> {
        fn new(players: u8) -> Self {
            Self::in_room(Room::<G>::new(7, &G::Options::default(), false), players)
        }

        fn in_room(mut room: Room<G>, players: u8) -> Self {
            let enter = |seat: Seat| {
                let hello = Hello::of::<G>("C4FK9T", "tester");
                (room.enter(&hello, [seat.number(); 16]).expect("a free seat").member, seat)
            };
            let members: Vec<_> = Seat::first(players).map(enter).collect();
            let messages = vec![Vec::new(); members.len()];
            let (codec, dice, world, record) =
                (InputCodec::new(), Rng::new(1), G::default(), Vec::with_capacity(4_096));
            room.begin_records();
            Self { room, members, codec, dice, world, tick: Tick(0), hash: 0, messages, bytes: 0, record }
        }

        /// Makes the messages that the players send before the next tick; this is not part of the measurement.
        fn prepare(&mut self, excite: impl Fn(&mut G::Input)) {
            self.room.newest().restore(&mut self.world);
            self.tick = self.room.newest().tick.next();
            // The acknowledged tick is so old that the room remembers no hash for it: the worlds of clients are tested
            // elsewhere.
            let acked = self.tick.0.checked_sub(u32::try_from(SNAPSHOT_HISTORY_LEN).unwrap() + 2);
            let mut ack = acked.map(|tick| Ack { tick: Tick(tick), hash: 0 });
            if G::RULES.is_lockstep() {
                let newest = self.room.newest().tick;
                if newest.0.is_multiple_of(G::RULES.hash_ticks()) {
                    self.hash = FullState::of(self.room.checkpoint()).hash(self.room.schema());
                }
                ack = Some(Ack { tick: newest, hash: self.hash });
            }
            for ((_, seat), message) in self.members.iter().zip(&mut self.messages) {
                let mut input = self.world.bot(*seat, &mut self.dice);
                excite(&mut input);
                let input = self.codec.quantize(input);
                message.clear();
                let [parts, ..] = self.dice.next_u32().to_le_bytes();
                let frame = InputFrame::one(self.tick, input, ack, false).seeing(ViewAge::from_parts(parts));
                self.codec.encode(&frame, message);
            }
        }

        /// Does everything that a shard does for a room in one tick.
        fn turn(&mut self) {
            for ((member, _), message) in self.members.iter().zip(&self.messages) {
                self.room.receive(*member, message).expect("a good message");
            }
            self.room.tick();
            self.record.clear();
            self.room.put_record(&mut self.record);
            for (member, _) in &self.members {
                while self.room.poll_message(*member).is_some() {}
                match self.room.poll_snapshot(*member) {
                    SnapshotPoll::Frame(frame) => self.bytes += frame.len(),
                    SnapshotPoll::Wait => {}
                    SnapshotPoll::Close(code) => panic!("the room closed a member with {code:?}"),
                }
            }
        }
    }

    /// Allocations of the busiest of `ticks` ticks after a warm-up that begins with excited players, and bytes of all
    /// snapshots in them.
    fn measure<G: Game>(
        players: u8,
        warm_up_ticks: u32,
        ticks: u32,
        excite: impl Fn(&mut G::Input) + Copy,
    ) -> (u64, usize) {
        let mut busy = Busy::<G>::new(players);
        for _ in 0..EXCITED_TICKS {
            busy.prepare(excite);
            busy.turn();
        }
        for _ in 0..warm_up_ticks {
            busy.prepare(|_| ());
            busy.turn();
        }
        busy.bytes = 0;
        let mut most = 0;
        for _ in 0..ticks {
            busy.prepare(|_| ());
            let count = allocation_counter::measure(|| busy.turn()).count_total;
            // A match that ends has a result, which is a text: that happens once in minutes.
            if busy.room.record().1.is_empty() {
                most = most.max(count);
            }
        }
        (most, busy.bytes)
    }

    #[test]
    fn the_allocation_counter_counts() {
        let info = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8; 100])));
        assert_eq!(info.count_total, 1);
    }

    #[test]
    fn a_warm_tick_of_paddles_allocates_nothing() {
        let (allocations, bytes) = measure::<Paddles>(2, 3_600, 1_200, |_| ());
        assert!(bytes > 0, "snapshots were written");
        assert_eq!(allocations, 0);
        let mut busy = Busy::<Paddles>::new(2);
        busy.prepare(|_| ());
        busy.turn();
        assert!(!busy.record.is_empty(), "records are among what is measured");
    }

    #[test]
    fn a_warm_tick_allocates_nothing_while_operators_look_at_the_room_between_ticks() {
        let limits = RoomLimits::default();
        let setup = RoomSetup { secret: 7.into(), bots: 0, has_owner: true, limits, build: 0 };
        let room = Room::with_schemas(&GameSchemas::<Paddles>::new().drawn(), setup, &());
        let mut busy = Busy::in_room(room, 2);
        let (mut scene, mut most, mut shown) = (Scene::default(), 0, 0);
        for tick in 0..2_400 {
            busy.prepare(|_| ());
            let count = allocation_counter::measure(|| busy.turn()).count_total;
            shown += busy.room.seat_figures().len() + usize::from(busy.room.draw(&mut scene).is_some());
            if tick > 1_200 && busy.room.record().1.is_empty() {
                most = most.max(count);
            }
        }
        assert_eq!((most, shown), (0, 3 * 2_400));
    }

    #[test]
    fn a_warm_tick_with_lag_compensation_allocates_nothing() {
        let (allocations, bytes) = measure::<Gallery>(Gallery::RULES.seats, 3_600, 1_200, |_| {});
        assert!(bytes > 0, "snapshots were written");
        assert_eq!(allocations, 0);
    }

    #[test]
    fn a_warm_tick_of_a_full_arena_allocates_nothing() {
        let (allocations, bytes) = measure::<Arena>(Arena::RULES.seats, 9_000, 900, |helm| helm.fire = true);
        assert!(bytes > 0, "snapshots were written");
        assert_eq!(allocations, 0);
    }

    #[test]
    fn the_record_of_a_tick_and_the_hash_in_it_allocate_nothing() {
        let mut simulation = Simulation::<Arena>::new(7, &Default::default());
        let (codec, mut last, mut dice) = (RecordCodec::<Arena>::new(), LastActions::default(), Rng::new(1));
        let (inputs, mut record, mut out) = (InputCodec::new(), TickRecord::empty(), Vec::with_capacity(4_096));
        let changes: Vec<_> = Seat::first(8).map(RosterChange::Joined).collect();
        simulation.tell(&changes);
        record.roster = changes;
        for _ in 0..600 {
            record.tick = simulation.tick().next();
            record.actions.clear();
            for seat in Seat::first(8) {
                let [parts, ..] = dice.next_u32().to_le_bytes();
                let input = inputs.quantize(simulation.world().bot(seat, &mut dice));
                record.actions.push((seat, Action { input, age: ViewAge::from_parts(parts) }));
            }
            simulation.step(&record.actions, &mut record.events);
            out.clear();
            let info = allocation_counter::measure(|| {
                let hash = simulation.full_hash();
                codec.put(&mut last, &record, hash, &mut out);
            });
            assert_eq!(info.count_total, 0, "tick {}", record.tick);
            record.roster.clear();
        }
    }

    /// A world with every kind of field that has memory of its own.
    #[derive(State, Clone, Default)]
    struct Attic {
        #[state(max = 4)]
        lists: [Vec<Crate>; 2],
        #[state(max = 3)]
        labels: Option<BTreeMap<Seat, Crate>>,
        shelves: [Shelf; 2],
        boxes: Table<Crate>,
    }

    #[derive(State, Clone, Default)]
    struct Crate {
        #[state(max = 5)]
        weights: Vec<u16>,
        content: Content,
    }

    #[derive(State, Clone, Default)]
    enum Content {
        #[default]
        Nothing,
        Books(#[state(max = 3)] Vec<u8>),
    }

    #[derive(State, Clone, Default)]
    struct Shelf {
        crates: Table<Crate>,
    }

    /// A world of one shape, with other numbers for each `seed`.
    fn attic(seed: u8) -> Attic {
        let filled = |n: u8| Crate { weights: vec![u16::from(seed + n); 4], content: Content::Books(vec![seed; 3]) };
        let mut attic = Attic {
            lists: [vec![filled(1), filled(2)], vec![filled(3)]],
            labels: Some(Seat::first(3).map(|seat| (seat, filled(seat.number()))).collect()),
            ..Attic::default()
        };
        for n in 0..9 {
            attic.boxes.insert(filled(n));
            attic.shelves[usize::from(n % 2)].crates.insert(filled(n + 1));
        }
        attic
    }

    #[test]
    fn a_warm_restore_of_the_same_shape_allocates_nothing() {
        let schema = Schema::of::<Attic>();
        let snapshots = [1, 2, 3].map(|seed| {
            let mut snapshot = Snapshot::empty(&schema);
            snapshot.capture(&mut attic(seed), Tick(1));
            snapshot
        });
        let (mut world, mut again) = (Attic::default(), Snapshot::empty(&schema));
        snapshots[0].restore(&mut world);
        again.capture(&mut world, Tick(1));
        for snapshot in &snapshots {
            let restored = allocation_counter::measure(|| snapshot.restore(&mut world));
            assert_eq!(restored.count_total, 0);
            let captured = allocation_counter::measure(|| again.capture(&mut world, Tick(1)));
            assert_eq!(captured.count_total, 0);
            assert_eq!(again, *snapshot, "the world is the same");
        }
    }

    /// Nine boxes of different sizes, without those that `gone` names.
    fn boxes(seed: u8, gone: &[u16]) -> Snapshot {
        let (mut attic, mut snapshot) = (Attic::default(), Snapshot::empty(&Schema::of::<Attic>()));
        for n in 0..9_u8 {
            let (weights, books) = (vec![seed.into(); 1 + usize::from(n) % 5], vec![seed; 3 - usize::from(n) % 3]);
            attic.boxes.insert(Crate { weights, content: Content::Books(books) });
        }
        attic.boxes.retain(|id, _| !gone.contains(&id.slot));
        snapshot.capture(&mut attic, Tick(1));
        snapshot
    }

    #[test]
    fn a_restore_allocates_nothing_for_a_row_that_stays_when_others_come_and_go() {
        const OF_ONE_ROW: u64 = 2;
        let (mut world, mut again) = (Attic::default(), Snapshot::empty(&Schema::of::<Attic>()));
        boxes(1, &[]).restore(&mut world);
        let shapes = [
            (&[0][..], 0),
            (&[], OF_ONE_ROW),
            (&[3, 8], 0),
            (&[8], OF_ONE_ROW),
            // A row that comes takes the memory of one that goes: box 8 fits into box 3's memory, but box 3 does not
            // fit into box 5's.
            (&[3], 0),
            (&[5], OF_ONE_ROW),
        ];
        for (seed, (gone, allocations)) in (2..).zip([shapes; 3].concat()) {
            let snapshot = boxes(seed, gone);
            let restored = allocation_counter::measure(|| snapshot.restore(&mut world));
            let is_warm = usize::from(seed) >= 2 + 2 * shapes.len();
            assert!(!is_warm || restored.count_total <= allocations, "{} without {gone:?}", restored.count_total);
            again.capture(&mut world, Tick(1));
            assert_eq!(again, snapshot, "the world is the same");
        }
    }
}
