//! A shooting gallery: runners that turn when the dice say so, cover to hide behind, and marksmen that shoot at the
//! runners on their screens. The tests of lag compensation play it.

use tickwire::{Event, Game, Input, Leave, Rng, Rules, Seat, State, Step, Table, To};

/// The number of lanes, with one runner in each.
const LANES: u8 = 3;

/// Units that a runner moves per tick: so many that a runner which is seen a tick too late is missed.
const SPEED: f32 = 6.0;

/// A shot hits a runner within this many units.
const REACH: f32 = 1.0;

/// The places behind cover, where no runner can be hit.
const COVER: core::ops::RangeInclusive<f32> = 400.0..=560.0;

/// The world.
#[derive(State, Clone, Default)]
pub(crate) struct Gallery {
    pub(crate) runners: Table<Runner>,
    marksmen: Table<Marksman>,
}

#[derive(State, Clone, Default)]
pub(crate) struct Runner {
    #[state(range = 0..=2)]
    pub(crate) lane: u8,
    #[state(range = 0.0..=1000.0, step = 0.0625, smooth)]
    pub(crate) x: f32,
    #[state(range = -1..=1)]
    way: i8,
    /// For how long the runner has been behind cover.
    #[state(only = server)]
    covered_ticks: u8,
    /// The longest time that the runner had been behind cover when a shot hit it all the same.
    #[state(only = server)]
    pub(crate) hit_covered_ticks: u8,
}

#[derive(State, Clone, Default)]
struct Marksman {
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = 0.0..=1000.0, step = 0.0625, smooth)]
    sight: f32,
    shots: u16,
}

/// A marksman's input.
#[derive(Input, Clone, Copy, Default, Debug, PartialEq)]
pub(crate) struct Trigger {
    #[input(once)]
    pub(crate) fire: bool,
    #[input(range = 0..=2)]
    pub(crate) lane: u8,
    #[input(range = 0.0..=1000.0, step = 0.0625)]
    pub(crate) at: f32,
}

/// The outcome of a shot; every player receives it.
#[derive(Event, Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shot {
    Hit(Seat, #[event(range = 0.0..=1000.0, step = 0.0625)] f32),
    Missed(Seat, #[event(range = 0.0..=1000.0, step = 0.0625)] f32),
}

/// A game that is played in a gallery.
pub(crate) trait InGallery: Game<Input = Trigger, Event = Shot, Options = ()> {
    fn gallery(&self) -> &Gallery;
}

impl InGallery for Gallery {
    fn gallery(&self) -> &Gallery {
        self
    }
}

impl Game for Gallery {
    type Input = Trigger;
    type Event = Shot;
    type Options = ();
    const RULES: Rules = Rules::new("gallery", 30).seats(8);

    fn new((): &()) -> Self {
        let mut gallery = Self::default();
        for lane in 0..LANES {
            let x = 100.0 + 200.0 * f32::from(lane);
            gallery.runners.insert(Runner { lane, x, way: 1, ..Runner::default() });
        }
        gallery
    }

    fn join(&mut self, seat: Seat) {
        self.marksmen.insert(Marksman { seat: Some(seat), ..Marksman::default() });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.marksmen.retain(|_, marksman| marksman.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.play(tick);
    }

    /// Shoots now and then at a runner in the open, at the place where it is on the screen.
    fn bot(&self, _: Seat, dice: &mut Rng) -> Trigger {
        let lane = u8::try_from(dice.below(LANES.into())).expect("there are few lanes");
        let seen = self.runners.values().find(|runner| runner.lane == lane && !is_covered(runner.x, REACH));
        match seen.filter(|_| dice.one_in(4)) {
            Some(runner) => Trigger { fire: true, lane, at: runner.x },
            None => Trigger::default(),
        }
    }
}

impl Gallery {
    pub(crate) fn play<G: InGallery>(&mut self, tick: &mut Step<'_, G>) {
        for marksman in self.marksmen.values_mut() {
            let Some(seat) = marksman.seat else { continue };
            let trigger = tick.input(seat);
            marksman.sight = trigger.at;
            if trigger.fire {
                marksman.shots = marksman.shots.wrapping_add(1);
                let struck = tick.past(seat).gallery().struck(trigger);
                match struck.and_then(|id| self.runners.get_mut(id)) {
                    Some(runner) => {
                        runner.hit_covered_ticks = runner.hit_covered_ticks.max(runner.covered_ticks);
                        tick.emit(To::Everyone, Shot::Hit(seat, trigger.at));
                    }
                    None => tick.emit(To::Everyone, Shot::Missed(seat, trigger.at)),
                }
            }
        }
        for runner in self.runners.values_mut() {
            runner.run(tick.rng());
        }
    }

    /// The runner that a shot meets in this world.
    fn struck(&self, trigger: Trigger) -> Option<tickwire::RowId> {
        let meets = |runner: &Runner| {
            runner.lane == trigger.lane && (runner.x - trigger.at).abs() <= REACH && !is_covered(runner.x, 0.0)
        };
        self.runners.iter().find(|(_, runner)| meets(runner)).map(|(id, _)| id)
    }
}

impl Runner {
    fn run(&mut self, dice: &mut Rng) {
        if dice.one_in(20) {
            self.way = i8::try_from(dice.between(-1, 1)).unwrap_or(0);
        }
        self.x += f32::from(self.way) * SPEED;
        if !(0.0..=1000.0).contains(&self.x) {
            (self.x, self.way) = (if self.x < 0.0 { 0.0 } else { 1000.0 }, -self.way);
        }
        self.covered_ticks = if is_covered(self.x, 0.0) { self.covered_ticks.saturating_add(1) } else { 0 };
    }
}

fn is_covered(x: f32, margin: f32) -> bool {
    (COVER.start() - margin..=COVER.end() + margin).contains(&x)
}
