//! A small game with every kind of field, and what players on bad links make of it.

use crate::harness::Play;
use crate::sessions::{chaos, profile, seeds};
use glam::{Quat, Vec2, Vec3};
use std::collections::BTreeMap;
use tickwire::{Event, Game, Input, Leave, Rng, RowId, Rules, Seat, State, Step, Table, To};

#[derive(State, Clone, Default)]
struct Cabinet {
    open: bool,
    small: [i8; 2],
    #[state(range = -9..=9)]
    middle: i16,
    large: i32,
    counted: u64,
    #[state(bits = 20, only = server)]
    hidden: u32,
    #[state(angle)]
    dial: f32,
    #[state(max = 3, range = 0.0..=8.0, step = 0.5)]
    marks: Vec<Vec2>,
    #[state(max = 4)]
    scores: BTreeMap<Seat, u16>,
    drawers: [Drawer; 2],
    last: Option<Toy>,
}

#[derive(State, Clone, Default)]
struct Drawer {
    toys: Table<Toy>,
}

#[derive(State, Clone, Default)]
struct Toy {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = -50..=50, step = 0.0625, smooth, moved_by = velocity)]
    at: Vec3,
    #[state(range = -2..=2, step = 0.0625)]
    velocity: Vec3,
    #[state(angle, bits = 8, smooth, moved_by = spin)]
    heading: u8,
    spin: i8,
    #[state(rotation, smooth, moved_with = Toy::rolled)]
    pose: Quat,
    #[state(only = owner, max = 2)]
    wishes: Vec<Wish>,
    mood: Mood,
}

#[derive(State, Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Still,
    Fond(Seat),
    Wild {
        prey: Option<RowId>,
        #[state(range = 0.0..=1.0, step = 0.25)]
        rage: f32,
    },
}

#[derive(Input, Clone, Copy, Default, PartialEq, Debug)]
struct Wish {
    #[input(range = -1.0..=1.0, step = 0.25)]
    push: Vec3,
    #[input(rotation, bits = 4)]
    aim: Quat,
    #[input(once)]
    shout: Option<i8>,
}

#[derive(Event, Clone, Copy, PartialEq, Debug)]
struct Shout(i8);

impl Toy {
    fn rolled(was: &Quat, now: &Self) -> Quat {
        *was * Quat::from_xyzw(f32::from(now.spin) / 256.0, 0.0, 0.0, 1.0)
    }

    fn play(&mut self, wish: Wish, dice: &mut Rng) {
        let bounced = self.at.abs().max_element() > 49.0;
        self.velocity = if bounced { -self.at / 25.0 } else { self.velocity + wish.push / 8.0 };
        self.at += self.velocity;
        self.heading = self.heading.wrapping_add_signed(self.spin);
        self.pose = Self::rolled(&self.pose, self);
        self.mood = match dice.below(40) {
            0 => Mood::Wild { prey: Some(RowId::default()), rage: dice.unit() },
            1 => Mood::Fond(self.seat.unwrap_or_default()),
            2 => Mood::Still,
            _ => self.mood,
        };
        (self.spin, self.pose) =
            if dice.one_in(50) { (self.spin.wrapping_add(7), wish.aim) } else { (self.spin, self.pose) };
    }
}

impl Game for Cabinet {
    type Input = Wish;
    type Event = Shout;
    type Options = ();
    const RULES: Rules = Rules::new("cabinet", 20).seats(4);

    fn new((): &()) -> Self {
        Self { open: true, large: i32::MIN, ..Self::default() }
    }

    fn join(&mut self, seat: Seat) {
        self.drawers[seat.index() % 2].toys.insert(Toy { seat: Some(seat), spin: 3, ..Toy::default() });
        self.scores.insert(seat, 0);
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.drawers.iter_mut().for_each(|drawer| drawer.toys.retain(|_, toy| toy.seat != Some(seat)));
        self.scores.remove(&seat);
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        (self.counted, self.hidden) = (self.counted + (1 << 31), tick.rng().next_u32());
        (self.middle, self.dial) = (self.middle - 1, self.dial + 0.1);
        for toy in self.drawers.iter_mut().flat_map(|drawer| drawer.toys.values_mut()) {
            let wish = toy.seat.map_or_else(Wish::default, |seat| tick.input(seat));
            toy.play(wish, tick.rng());
            if let (Some(seat), Some(shout)) = (toy.seat, wish.shout) {
                self.small = [shout, self.small[0]];
                self.marks.insert(0, toy.at.truncate());
                *self.scores.entry(seat).or_default() += 1;
                toy.wishes.insert(0, wish);
                self.last = (!tick.rng().one_in(3)).then(|| toy.clone());
                tick.emit(To::Everyone, Shout(shout));
            }
        }
        let born = tick.rng().one_in(9).then(|| Toy { velocity: Vec3::Y / 4.0, ..Toy::default() });
        self.drawers[0].toys.retain(|id, toy| toy.seat.is_some() || id.slot % 7 != 3);
        self.drawers[0].toys.len().lt(&20).then(|| born.map(|toy| self.drawers[0].toys.insert(toy)));
    }

    fn bot(&self, _: Seat, dice: &mut Rng) -> Wish {
        let [x, y, z, w] = std::array::from_fn(|_| dice.range(-1.0, 1.0));
        Wish { push: Vec3::new(x, y, z), aim: Quat::from_xyzw(x, y, z, w), shout: dice.one_in(8).then_some(5) }
    }
}

#[test]
fn every_kind_of_field_converges_over_hundreds_of_seeds_with_stalls_and_cuts() {
    let mut compared = 0;
    for seed in seeds(200) {
        let mut dice = Rng::new(seed ^ 0xcab1);
        let mut play: Play<Cabinet> = Play::new(seed, 3, profile(&mut dice));
        chaos(&mut play, &mut dice);
        compared += play.clients.iter().map(|client| client.session.stats().hashes_compared).sum::<u64>();
        let world = play.room.newest();
        assert!(world.tables.iter().all(|rows| !rows.ids.is_empty()), "every table has rows: seed {seed}");
    }
    assert!(compared > 20_000, "only {compared} hashes were compared");
}
