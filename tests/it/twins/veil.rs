//! A game in which nothing visible depends on anything hidden: the part that a seat sees follows from that part alone.

use tickwire::{Event, Game, Input, Leave, Rng, Rules, Seat, State, Step, Table, To};

/// Cards of one hand at the most.
const HAND_MAX: usize = 60;
/// Traps at the most.
const TRAPS_MAX: usize = 60;

/// Pawns and sparks that everyone sees; hands that their owner sees; traps and weather that nobody sees.
#[derive(State, Clone, Default)]
pub(crate) struct Veil {
    pawns: Table<Pawn>,
    sparks: Table<Spark>,
    #[state(only = owner)]
    pub(crate) hands: Table<Card>,
    #[state(only = server)]
    pub(crate) traps: Table<Trap>,
    #[state(only = server)]
    pub(crate) weather: u16,
}

#[derive(State, Clone, Default)]
struct Pawn {
    #[state(owner)]
    seat: Option<Seat>,
    at: i16,
    speed: i8,
    #[state(only = owner)]
    purse: u8,
    #[state(only = server)]
    doom: u8,
}

#[derive(State, Clone, Default)]
struct Spark {
    at: i16,
    heat: u8,
}

#[derive(State, Clone, Default)]
pub(crate) struct Card {
    #[state(owner)]
    pub(crate) seat: Option<Seat>,
    face: u8,
    /// Wide enough for the hands of several seats to fill several sections.
    story: [u32; 8],
}

#[derive(State, Clone, Default)]
pub(crate) struct Trap {
    fuse: u8,
}

/// The part of an input that moves the pawn is seen by all, and the rest by nobody else.
#[derive(Input, Clone, Copy, Default, Debug, PartialEq)]
pub(crate) struct Plan {
    #[input(range = -3..=3)]
    pub(crate) steer: i8,
    #[input(range = 0..=3)]
    pub(crate) takes: u8,
    #[input(range = 0..=7)]
    pub(crate) discards: u8,
    #[input(range = 0..=100)]
    pub(crate) whispers: u8,
}

#[derive(Event, Clone, Copy, Debug, PartialEq)]
pub(crate) enum Noise {
    /// Everyone hears it.
    Bang(u8),
    /// One seat hears it.
    Whisper(u8),
}

/// Hidden rows of a new game.
#[derive(serde::Serialize, serde::Deserialize, Clone, Default)]
pub(crate) struct Options {
    /// Traps, and cards of the second seat.
    pub(crate) hidden: u8,
}

impl Game for Veil {
    type Input = Plan;
    type Event = Noise;
    type Options = Options;
    const RULES: Rules = Rules::new("veil", 30).seats(4).bots(4);

    fn new(options: &Options) -> Self {
        let mut veil = Self::default();
        for fuse in 0..options.hidden {
            veil.traps.insert(Trap { fuse });
            veil.hands.insert(Card { seat: Seat::new(1), face: fuse, ..Card::default() });
        }
        veil
    }

    fn join(&mut self, seat: Seat) {
        self.pawns.insert(Pawn { seat: Some(seat), ..Pawn::default() });
        self.hands.insert(Card { seat: Some(seat), ..Card::default() });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.pawns.retain(|_, pawn| pawn.seat != Some(seat));
        self.hands.retain(|_, card| card.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        // The seats act in turn, from the last one on: hidden acts come before visible ones, and after them.
        let seats: Vec<Seat> = tick.seats().collect();
        for seat in seats.into_iter().rev() {
            self.act_unseen(tick, seat);
            self.act(tick, seat);
        }
        self.lay_traps(tick);
    }

    fn bot(&self, me: Seat, dice: &mut Rng) -> Plan {
        let steer = dice.between(-3, 3) as i8;
        // A bot looks at hidden rows, and thinks the longer the more there are.
        let thoughts = self.traps.len() + self.hands.iter().filter(|(_, card)| card.seat == Some(me)).count();
        let last = (0..thoughts).map(|_| dice.below(100)).last().unwrap_or(0) as u8;
        Plan { steer, takes: last % 3, discards: last % 4, whispers: last }
    }
}

impl Veil {
    /// Plays the part that everyone sees.
    fn act(&mut self, tick: &mut Step<'_, Self>, seat: Seat) {
        let steer = tick.input(seat).steer;
        let dice = tick.rng();
        let (push, spark) = (dice.between(-1, 1) as i8, dice.below(24) as u8);
        for pawn in self.pawns.values_mut().filter(|pawn| pawn.seat == Some(seat)) {
            pawn.speed = pawn.speed.saturating_add(steer + push).clamp(-50, 50);
            pawn.at = pawn.at.wrapping_add(pawn.speed.into());
            if spark < 4 {
                self.sparks.insert(Spark { at: pawn.at, heat: 20 + spark });
                tick.emit(To::Everyone, Noise::Bang(spark));
            }
        }
        self.sparks.retain(|_, spark| {
            spark.heat = spark.heat.saturating_sub(1);
            spark.at = spark.at.wrapping_add(i16::from(spark.heat % 3));
            spark.heat > 0
        });
    }

    /// Plays the part that one seat alone knows.
    fn act_unseen(&mut self, tick: &mut Step<'_, Self>, seat: Seat) {
        let plan = tick.input(seat);
        let mut dice = tick.hidden_rng(Some(seat));
        for _ in 0..plan.discards {
            let mine = self.hands.iter().filter(|(_, card)| card.seat == Some(seat)).map(|(id, _)| id);
            let mine: Vec<_> = mine.collect();
            let cards = u32::try_from(mine.len()).unwrap_or(u32::MAX);
            let chosen = tick.hidden_rng(Some(seat)).below(cards) as usize;
            mine.get(chosen).map(|id| self.hands.remove(*id));
        }
        let held = self.hands.values().filter(|card| card.seat == Some(seat)).count();
        for _ in held..(held + usize::from(plan.takes)).min(HAND_MAX) {
            let face = dice.below(52) as u8;
            self.hands.insert(Card { seat: Some(seat), face, story: [u32::from(face); 8] });
        }
        for word in 0..plan.whispers {
            tick.emit(To::Seat(seat), Noise::Whisper(word));
        }
        for pawn in self.pawns.values_mut().filter(|pawn| pawn.seat == Some(seat)) {
            pawn.purse = pawn.purse.wrapping_add(plan.takes);
            pawn.doom = pawn.doom.wrapping_add(dice.below(5) as u8);
        }
    }

    /// Plays the part that nobody sees.
    fn lay_traps(&mut self, tick: &mut Step<'_, Self>) {
        let mut dice = tick.hidden_rng(None);
        let cards = u16::try_from(self.hands.len()).unwrap_or(u16::MAX);
        self.weather = self.weather.wrapping_mul(5).wrapping_add(cards).wrapping_add(dice.below(3) as u16);
        self.traps.retain(|_, trap| {
            trap.fuse = trap.fuse.saturating_sub(1);
            trap.fuse > 0
        });
        for _ in self.traps.len()..(self.traps.len() + usize::from(self.weather % 4)).min(TRAPS_MAX) {
            self.traps.insert(Trap { fuse: dice.below(40) as u8 });
        }
    }
}
