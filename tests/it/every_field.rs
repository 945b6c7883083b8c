//! A small game with every kind of field, played over bad links until all players converge.

use crate::harness::Play;
use crate::sessions::{chaos, profile, seeds};
use glam::{Quat, Vec2, Vec3};
use std::collections::BTreeMap;
use tickwire::{Event, Game, Input, Leave, Rng, RowId, Rules, Seat, State, Step, Table, To};

#[derive(State, Clone, Default)]
struct Cabinet {
    #[state(predict)]
    clock: Clock,
    #[state(range = -9..=9)]
    middle: i16,
    #[state(bits = 20, only = server)]
    hidden: u32,
    #[state(angle)]
    dial: f32,
    #[state(max = 3, range = 0.0..=8.0, step = 0.5)]
    marks: Vec<Vec2>,
    #[state(max = 4)]
    scores: BTreeMap<Seat, [u8; 2]>,
    drawers: [Drawer; 2],
    last: Option<Toy>,
}

#[derive(State, Clone, Default)]
struct Clock(bool, u8, i8, u16, i16, u32, i32, u64, i64);

#[derive(State, Clone, Default)]
struct Drawer(Table<Toy>);

#[derive(State, Clone, Default)]
struct Toy {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = -50..=50, step = 0.1, smooth, moved_by = velocity)]
    at: Vec3,
    #[state(range = -2..=2, step = 0.1)]
    velocity: Vec3,
    #[state(angle, bits = 8, smooth, moved_by = spin)]
    heading: u8,
    #[state(range = -999..=999, moved_by = spin)]
    turned: i32,
    spin: i8,
    #[state(rotation, smooth, moved_with = Toy::rolled)]
    pose: Quat,
    #[state(only = owner, max = 2)]
    wishes: Vec<Control>,
    mood: Option<Mood>,
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
struct Control {
    #[input(range = -1.0..=1.0, step = 0.25)]
    push: Vec3,
    #[input(rotation, bits = 4)]
    aim: Quat,
    #[input(once)]
    shout: Option<i8>,
}

#[derive(Event, Clone, Copy, PartialEq, Debug)]
struct Shout(i8);

impl Clock {
    fn tick(&mut self) {
        let Self(tock, a, b, c, d, e, f, g, h) = self;
        (*tock, *a, *b) = (!*tock, a.wrapping_add(9), b.wrapping_sub(9));
        (*c, *d) = (c.wrapping_add(999), d.wrapping_sub(999));
        (*e, *f) = (e.wrapping_add(1 << 28), f.wrapping_sub(1 << 28));
        (*g, *h) = (g.wrapping_add(1 << 60), h.wrapping_sub(1 << 60));
    }
}

impl Toy {
    fn rolled(was: &Quat, now: &Self) -> Quat {
        *was * Quat::from_xyzw(f32::from(now.spin) / 256.0, 0.0, 0.0, 1.0)
    }

    fn play(&mut self, wish: Control, dice: &mut Rng) {
        let bounced = self.at.abs().max_element() > 49.0;
        self.velocity = if bounced { -self.at / 25.0 } else { self.velocity + wish.push / 8.0 };
        self.at += self.velocity;
        self.heading = self.heading.wrapping_add_signed(self.spin);
        self.turned += i32::from(self.spin);
        self.pose = Self::rolled(&self.pose, self);
        match dice.below(40) {
            0 => self.mood = Some(Mood::Wild { prey: Some(RowId::default()), rage: dice.unit() }),
            1 => self.mood = self.seat.map(Mood::Fond),
            2 => self.mood = Some(Mood::Still),
            3 => (self.spin, self.pose, self.turned) = (self.spin.wrapping_add(7), wish.aim, 0),
            _ => {}
        }
    }
}

impl Game for Cabinet {
    type Input = Control;
    type Event = Shout;
    type Options = ();
    const RULES: Rules = Rules::new("cabinet", 20).seats(4);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        self.drawers[seat.index() % 2].0.insert(Toy { seat: Some(seat), spin: 3, ..Toy::default() });
        self.scores.insert(seat, [0, 9]);
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.drawers.iter_mut().for_each(|drawer| drawer.0.retain(|_, toy| toy.seat != Some(seat)));
        self.scores.remove(&seat);
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.clock.tick();
        (self.hidden, self.middle, self.dial) = (tick.rng().next_u32(), self.middle - 1, self.dial + 0.1);
        for toy in self.drawers.iter_mut().flat_map(|drawer| drawer.0.values_mut()) {
            let wish = toy.seat.map_or_else(Control::default, |seat| tick.input(seat));
            toy.play(wish, tick.rng());
            if let (Some(seat), Some(shout)) = (toy.seat, wish.shout) {
                self.marks.insert(0, toy.at.truncate());
                self.scores.entry(seat).or_default()[0] += 1;
                toy.wishes.insert(0, wish);
                self.last = (!tick.rng().one_in(3)).then(|| toy.clone());
                tick.emit(To::Everyone, Shout(shout));
            }
        }
        let toys = &mut self.drawers[0].0;
        toys.retain(|id, toy| toy.seat.is_some() || id.slot % 7 != 3);
        if toys.len() < 20 && tick.rng().one_in(9) {
            toys.insert(Toy { velocity: Vec3::Y / 4.0, ..Toy::default() });
        }
    }

    fn bot(&self, _: Seat, dice: &mut Rng) -> Control {
        let [x, y, z, w] = std::array::from_fn(|_| dice.range(-1.0, 1.0));
        Control { push: Vec3::new(x, y, z), aim: Quat::from_xyzw(x, y, z, w), shout: dice.one_in(8).then_some(5) }
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
