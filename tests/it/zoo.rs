//! A game with one field of every kind, and worlds of it made by dice: codec and wire tests use them.
//!
//! Nothing here is fun to play; the step only keeps the world moving.

use glam::{Quat, Vec2, Vec3};
use std::collections::BTreeMap;
use tickwire::state::{Schema, TableSchema, Visibility};
use tickwire::world::snapshot::{Rows, Snapshot};
use tickwire::{Event, Game, Input, Leave, Rng, RowId, Rules, Seat, State, Step, Table, To};

/// The world.
#[derive(State, Clone, Default, Debug)]
pub(crate) struct Zoo {
    open: bool,
    visitors: u16,
    takings: i64,
    opened: u64,
    #[state(range = -40..=60)]
    degrees: i8,
    #[state(range = 0.0..=1.0, step = 0.125, smooth)]
    noise: f32,
    #[state(range = -100..=100, step = 0.5, predict, smooth)]
    gate: Vec2,
    #[state(angle, bits = 10, smooth)]
    wind: f32,
    #[state(only = server)]
    plan: u32,
    #[state(max = 3)]
    feedings: Vec<Feeding>,
    keepers: [Keeper; 3],
    #[state(range = 0.0..=8.0, step = 0.25)]
    lure: Option<Vec2>,
    #[state(range = -64..=64, step = 0.25, smooth)]
    drone: Vec3,
    #[state(rotation, smooth)]
    camera: Quat,
    #[state(range = -1_000..=1_000)]
    debt: i64,
    #[state(max = 3, range = 0..=40, smooth)]
    tickets: BTreeMap<Seat, u16>,
    #[state(max = 2)]
    doors: Option<BTreeMap<Door, Feeding>>,
    #[state(max = 2, bits = 4)]
    lamps: [Vec<u8>; 2],
    #[state(max = 2, smooth)]
    moods: Vec<Mood>,
    #[state(smooth)]
    guest: Option<Feeding>,
    animals: Table<Animal>,
    shots: Table<Shot>,
    #[state(only = owner)]
    notes: Table<Note>,
    aviaries: [Aviary; 2],
    kites: Table<Kite>,
    meters: Table<Meter>,
    cages: Table<Cage>,
    #[state(moved_by = visitors)]
    turnstile: u16,
}

/// The key of a map.
#[derive(State, Clone, Copy, Default, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Door {
    #[default]
    Front,
    Back,
    Cellar,
}

/// A struct of the world with a table inside.
#[derive(State, Clone, Default, Debug)]
pub(crate) struct Aviary {
    lit: bool,
    birds: Table<Bird>,
}

/// A row that moves by rules, in space.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) struct Bird {
    #[state(range = -256..=256, step = 0.125, smooth, moved_by = velocity)]
    at: Vec3,
    #[state(range = -4..=4, step = 0.03125)]
    velocity: Vec3,
    #[state(angle, bits = 9, smooth, moved_by = spin)]
    heading: u16,
    #[state(range = -40..=40)]
    spin: i8,
    #[state(rotation, bits = 7, smooth, moved_with = Self::turned)]
    pose: Quat,
    #[state(range = 0.0..=500.0, step = 0.5, moved_by = pace)]
    path: [f32; 2],
    #[state(range = -1.0..=1.0, step = 0.0625)]
    pace: [f32; 2],
    #[state(only = owner, rotation, bits = 3)]
    dream: Option<Quat>,
    #[state(owner)]
    seat: Option<Seat>,
    plumage: [Mood; 2],
    age: u64,
    #[state(only = server)]
    itch: u8,
}

impl Bird {
    /// A bird rolls as fast as it turns, and faster with its itch, which no client knows.
    fn turned(was: &Quat, now: &Self) -> Quat {
        *was * Quat::from_xyzw(f32::from(now.spin) * 0.002 + f32::from(now.itch), 0.0, 0.0, 1.0).normalize()
    }

    fn fly(&mut self) {
        self.at += self.velocity;
        self.heading = self.heading.wrapping_add_signed(self.spin.into());
        self.pose = Self::turned(&self.pose, self);
        self.path = std::array::from_fn(|side| self.path[side] + self.pace[side]);
        self.age += 1;
    }
}

/// A struct with an owner inside the root row.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) struct Keeper {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = 0..=9)]
    badge: u8,
    #[state(only = owner)]
    keys: [bool; 4],
    #[state(only = owner, max = 2, range = -5..=5)]
    pockets: Vec<i16>,
    #[state(only = server)]
    salary: u16,
}

/// A row with public, private and secret fields.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) struct Animal {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = -1000.0..=1000.0, step = 0.03125, smooth)]
    at: Vec2,
    #[state(angle)]
    heading: f32,
    mood: Mood,
    #[state(only = owner, bits = 5)]
    hunger: Option<u8>,
    #[state(only = server)]
    weak_spot: u8,
    mate: Option<RowId>,
}

/// Small rows, so many of them that their table takes several sections.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) struct Shot(#[state(range = -64..=64, step = 1)] Vec2, #[state(bits = 3)] u8);

/// Rows that are sent to their owner alone.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) struct Note {
    #[state(owner)]
    seat: Option<Seat>,
    text: [u8; 3],
}

/// A row that moves by every rule that a schema can have.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) struct Kite {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = -8.0..=4.0, step = 0.125, moved_by = gusts)]
    pull: Vec2,
    #[state(range = -50.0..=50.0, step = 0.25, moved_by = pull)]
    at: Vec2,
    #[state(range = -1.0..=1.0, step = 0.0625)]
    gusts: Vec2,
    #[state(angle, bits = 6, moved_by = spin)]
    angle: u16,
    #[state(range = -40..=40)]
    spin: i8,
    #[state(moved_with = Self::pay_out)]
    tail: [u8; 2],
    #[state(moved_with = Self::tire)]
    crew: Crew,
    #[state(only = owner)]
    reel: i8,
    #[state(only = owner, range = -1000..=1000, moved_by = reel)]
    line: i16,
    #[state(only = owner, moved_with = Self::rust, max = 3)]
    hooks: Vec<u8>,
}

/// A row that moves so fast that 32 bits overflow.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) struct Meter {
    #[state(range = -2_000_000_000..=2_000_000_000, moved_by = rate)]
    total: i32,
    rate: i32,
}

/// A struct that a function moves, and of which other players see only a part.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) struct Crew {
    #[state(only = server)]
    wage: u8,
    awake: bool,
    #[state(only = owner)]
    rum: u8,
    #[state(only = owner, range = 0..=100)]
    zeal: u8,
}

impl Kite {
    fn pay_out(was: &[u8; 2], now: &Self) -> [u8; 2] {
        [was[0].wrapping_add(now.spin.unsigned_abs()), if now.at.x > 0.0 { was[0] } else { was[1] }]
    }

    fn tire(was: &Crew, now: &Self) -> Crew {
        let zeal = was.zeal.saturating_sub(1 + now.tail[0] % 3);
        Crew { wage: was.wage, awake: zeal > 20, rum: was.rum / 2, zeal }
    }

    #[expect(clippy::ptr_arg, reason = "the field's type is what a motion takes")]
    fn rust(was: &Vec<u8>, now: &Self) -> Vec<u8> {
        was.iter().map(|hook| hook.wrapping_add(now.line.to_le_bytes()[0])).collect()
    }
}

/// A list's element.
#[derive(State, Clone, Copy, Default, Debug, PartialEq)]
pub(crate) struct Feeding {
    hour: u8,
    #[state(range = 0.0..=2.0, step = 0.5)]
    tons: f32,
}

/// An enum with data.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Asleep,
    Hunting {
        prey: Option<RowId>,
        #[state(range = 0..=300)]
        ticks: u16,
    },
    Playing(Seat, #[state(angle, bits = 4)] f32),
}

/// A row of types nested within types, and of numbers at the ends of their types.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) struct Cage {
    tenant: Option<Mood>,
    trick: Trick,
    #[state(range = 0.0..=0.9, step = 0.3, smooth)]
    bars: Option<[f32; 2]>,
    #[state(max = 3)]
    perches: Vec<Option<Door>>,
    #[state(range = -1..=1, smooth)]
    tiles: [[i8; 2]; 3],
    #[state(range = 18_446_744_073_709_551_000..=18_446_744_073_709_551_615, smooth)]
    pub(crate) serial: u64,
    #[state(range = -9_223_372_036_854_775_808..=-9_223_372_036_854_775_001)]
    pub(crate) depth: i64,
    #[state(range = -1_999..=-3, smooth)]
    pub(crate) chill: i32,
    pub(crate) born: i64,
    pub(crate) code: u64,
}

impl Cage {
    pub(crate) fn numbered(code: u64, born: i64, serial: u64, depth: i64, chill: i32) -> Self {
        Self { code, born, serial, depth, chill, ..Self::default() }
    }
}

/// An enum with variants that hold another enum.
#[derive(State, Clone, Default, Debug, PartialEq)]
pub(crate) enum Trick {
    #[default]
    None,
    Show(Mood),
    Train {
        by: Option<Seat>,
        #[state(max = 2)]
        steps: Vec<Mood>,
    },
}

/// An input with every attribute.
#[derive(Input, Clone, Copy, Default, Debug, PartialEq)]
pub(crate) struct Control {
    #[input(range = -1.0..=1.0, step = 0.25)]
    walk: Vec2,
    #[input(angle, bits = 8)]
    look: f32,
    #[input(range = -2..=2)]
    gear: i8,
    #[input(once)]
    call: Option<u8>,
}

/// An event with and without data.
#[derive(Event, Clone, Copy, Debug, PartialEq)]
pub(crate) enum Noise {
    Roar,
    Whisper(Seat, #[event(range = 0..=15)] u8),
}

impl Zoo {
    /// A cage as it comes back from the wire.
    pub(crate) fn on_the_wire(cage: &Cage) -> Cage {
        let (mut zoo, mut snapshot) = (Self::default(), Snapshot::empty(&Schema::of::<Self>()));
        zoo.cages.insert(cage.clone());
        snapshot.capture(&mut zoo, tickwire::Tick(1));
        snapshot.restore(&mut zoo);
        zoo.cages.values().next().expect("the cage is there").clone()
    }

    /// Sets one field of each kind that is interpolated between two ticks.
    pub(crate) fn place(&mut self, turn: f32, x: f32, tons: Option<f32>, tickets: &[(u8, u16)], mood: Mood) {
        self.camera = Quat::from_rotation_z(turn);
        self.drone = Vec3::new(x, -x, 0.0);
        self.guest = tons.map(|tons| Feeding { hour: 3, tons });
        self.tickets = tickets.iter().map(|(seat, count)| (Seat::new(*seat).unwrap(), *count)).collect();
        self.moods = vec![mood];
    }
}

impl Game for Zoo {
    type Input = Control;
    type Event = Noise;
    type Options = ();
    const RULES: Rules = Rules::new("zoo", 20).seats(3);

    fn new((): &()) -> Self {
        let mut zoo = Self { open: true, degrees: 21, ..Self::default() };
        for slot in 0..4_u8 {
            let seat = Seat::new(slot).filter(|_| slot < 3);
            zoo.animals.insert(Animal { seat, hunger: Some(slot), weak_spot: 7, ..Animal::default() });
            zoo.notes.insert(Note { seat, text: [slot; 3] });
            let bird = Bird { seat, spin: 9, velocity: Vec3::X, pace: [0.5, -0.25], ..Bird::default() };
            zoo.aviaries[usize::from(slot % 2)].birds.insert(bird);
            zoo.cages.insert(Cage { trick: Trick::Show(Mood::Asleep), tiles: [[1, -1]; 3], ..Cage::default() });
        }
        zoo
    }

    fn join(&mut self, seat: Seat) {
        self.keepers[seat.index()] = Keeper { seat: Some(seat), badge: 1, salary: 900, ..Keeper::default() };
        self.tickets.insert(seat, 40);
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.keepers[seat.index()] = Keeper::default();
        self.tickets.remove(&seat);
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.plan = tick.rng().next_u32();
        self.visitors = self.visitors.wrapping_add(1);
        for seat in tick.seats() {
            let wish = tick.input(seat);
            self.gate += wish.walk;
            self.wind = wish.look;
            if wish.call.is_some() {
                tick.emit(To::Seat(seat), Noise::Whisper(seat, 3));
                tick.emit(To::Everyone, Noise::Roar);
            }
        }
        for animal in self.animals.values_mut() {
            animal.at += Vec2::new(1.0, -0.5);
            animal.mood = Mood::Hunting { prey: None, ticks: self.visitors % 300 };
        }
        for cage in self.cages.values_mut() {
            cage.trick = Trick::Train { by: None, steps: vec![Mood::Asleep; usize::from(self.visitors % 3)] };
            cage.tenant = self.visitors.is_multiple_of(5).then_some(Mood::Hunting { prey: None, ticks: 5 });
            cage.perches.push(self.visitors.is_multiple_of(2).then_some(Door::Cellar));
        }
        self.aviaries.iter_mut().flat_map(|aviary| aviary.birds.values_mut()).for_each(Bird::fly);
        if tick.rng().one_in(3) {
            self.shots.insert(Shot(Vec2::splat(9.0), 5));
        }
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Control {
        let walk = Vec2::new(dice.range(-1.0, 1.0), dice.range(-1.0, 1.0));
        Control { walk, look: dice.unit(), gear: 1, call: dice.one_in(4).then_some(me.number()) }
    }
}

/// A random world of the zoo, in the form that comes back from the wire, at a tick from 1 on.
pub(crate) fn any_world(dice: &mut Rng) -> Snapshot {
    let schema = Schema::of::<Zoo>();
    let mut snapshot = Snapshot::empty(&schema);
    snapshot.tables[0] = Rows::new(schema.tables[0].leaves.len());
    push_any(&mut snapshot.tables[0], &schema.tables[0], RowId::default(), dice);
    for (rows, table) in snapshot.tables.iter_mut().zip(&schema.tables).skip(1) {
        // The rows are far apart now and then, so that a table takes several sections.
        let gap = [1, 2, 40, 700][usize::try_from(dice.below(4)).unwrap()];
        let mut slot = 0;
        for _ in 0..dice.below(24) {
            slot += 1 + dice.below(gap);
            let generation = u16::try_from(dice.below(3)).unwrap();
            push_any(rows, table, RowId { slot: u16::try_from(slot).unwrap(), generation }, dice);
        }
    }
    canonical(&snapshot)
}

/// A world that differs from another in a few places, as two ticks do.
pub(crate) fn any_successor(world: &Snapshot, dice: &mut Rng) -> Snapshot {
    let schema = Schema::of::<Zoo>();
    let other = any_world(dice);
    let mut next = world.clone();
    for (number, table) in schema.tables.iter().enumerate() {
        match dice.below(4) {
            0 => next.tables[number] = other.tables[number].clone(),
            1 => {}
            _ => {
                let rows = &mut next.tables[number];
                for index in 0..rows.wire.len() {
                    if dice.one_in(9) {
                        rows.wire[index] = any_leaf(table.leaves[index % rows.width].max, dice);
                    }
                }
            }
        }
    }
    let mut next = canonical(&next);
    next.tick = world.tick + 1 + dice.below(5);
    next
}

/// The world that `snapshot` stands for, captured again: absent and inactive leaves become zero.
pub(crate) fn canonical(snapshot: &Snapshot) -> Snapshot {
    let mut zoo = Zoo::default();
    snapshot.restore(&mut zoo);
    let mut captured = Snapshot::empty(&Schema::of::<Zoo>());
    captured.capture(&mut zoo, snapshot.tick.max(tickwire::Tick(1)));
    captured
}

fn push_any(rows: &mut Rows, table: &TableSchema, id: RowId, dice: &mut Rng) {
    let row = rows.push(id);
    for (value, leaf) in row.iter_mut().zip(&table.leaves) {
        *value = any_leaf(leaf.max, dice);
    }
}

/// A random value of a leaf. Each bound comes up in a quarter of the cases, because dice alone would hardly find it.
fn any_leaf(max: u32, dice: &mut Rng) -> u32 {
    match dice.below(4) {
        0 => 0,
        1 => max,
        _ => dice.below(max.saturating_add(1)),
    }
}

/// A world that looks the same to the player in `seat`, or to all players for `None`, and differs in its hidden fields.
pub(crate) fn with_other_secrets(seat: Option<Seat>, world: &Snapshot, dice: &mut Rng) -> Snapshot {
    let schema = Schema::of::<Zoo>();
    let mut other = world.clone();
    for (rows, table) in other.tables.iter_mut().zip(&schema.tables) {
        let width = rows.width;
        for row in rows.wire.chunks_exact_mut(width) {
            let before = row.to_vec();
            for (leaf, shape) in table.leaves.iter().enumerate().filter(|(leaf, shape)| shape.owner != Some(*leaf)) {
                let owner = shape.owner.map_or(0, |at| before[at]);
                let mine = seat.is_some_and(|seat| owner == u32::from(seat.number()) + 1);
                match shape.marks.visibility {
                    Visibility::Server => row[leaf] = any_leaf(shape.max, dice),
                    Visibility::Owner if !mine => row[leaf] = any_leaf(shape.max, dice),
                    _ => {}
                }
            }
        }
    }
    other
}
