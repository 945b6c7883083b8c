//! The script of a playthrough: the players that join and leave, and everyone's inputs, from a seed, by bots and by
//! dice.

use crate::game::{Game, Leave, To};
use crate::id::Seat;
use crate::input::{Action, INPUT_WIDTH_MAX, ViewAge};
use crate::rng::Rng;
use crate::state::{Schema, State};
use crate::world::heard::Heard;
use crate::world::roster::RosterChange;
use crate::world::simulation::Simulation;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Players at a time: more of them cost time and show nothing new.
const PLAYERS_MAX: usize = 16;
/// In one of so many ticks a player leaves.
const LEAVE_ONE_IN: u32 = 400;
/// In one of so many ticks a free seat is taken.
const JOIN_ONE_IN: u32 = 40;
/// For at most so many ticks, a player goes on to act as a bot, or by dice.
const MOOD_TICKS_MAX: u32 = 64;
/// Dice hold an input for at most so many ticks.
const HELD_TICKS_MAX: u32 = 12;

/// One tick in so many has a message that the game hears, if it hears any.
const HEAR_ONE_IN: u32 = 50;

/// The roster changes, heard messages and inputs that a simulation receives for one tick.
#[derive(Clone)]
pub struct Turn<G: Game> {
    /// The players that joined and left before the step.
    pub roster: Vec<RosterChange>,
    /// The messages that the game hears before the step.
    pub heard: Vec<Heard>,
    /// The input and view of every taken seat, by seat.
    pub actions: Vec<(Seat, Action<G::Input>)>,
}

impl<G: Game> Turn<G> {
    /// A tick without players.
    pub(super) const fn empty() -> Self {
        Self { roster: Vec::new(), heard: Vec::new(), actions: Vec::new() }
    }

    /// Plays the tick in `simulation`; `events` receives its events.
    pub(super) fn play(&self, simulation: &mut Simulation<G>, events: &mut Vec<(To, G::Event)>) {
        simulation.tell(&self.roster);
        self.heard.iter().for_each(|heard| simulation.hear(heard));
        simulation.step(&self.actions, events);
    }

    /// The same without the end of the step, in which the world is rounded and kept.
    pub(super) fn play_unkept(&self, simulation: &mut Simulation<G>, events: &mut Vec<(To, G::Event)>) {
        simulation.tell(&self.roster);
        self.heard.iter().for_each(|heard| simulation.hear(heard));
        simulation.step_unkept(&self.actions, events, |_| ());
    }
}

/// One line per change of the roster, and one per seat with the fields of its input that are not neutral.
impl<G: Game> fmt::Display for Turn<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = Schema::of::<G::Input>();
        for change in &self.roster {
            match change {
                RosterChange::Joined(seat) => writeln!(f, "seat {seat} joins")?,
                RosterChange::Left(seat, why) => writeln!(f, "seat {seat} leaves ({why:?})")?,
            }
        }
        for heard in &self.heard {
            let topic = heard.topic::<G>().map_or("", |topic| topic.name);
            writeln!(f, "hears in {topic}: {:?}", heard.body())?;
        }
        for (seat, action) in &self.actions {
            let (mut wire, mut neutral) = ([0; INPUT_WIDTH_MAX], [0; INPUT_WIDTH_MAX]);
            action.input.gather(&mut wire[..G::Input::WIDTH]);
            G::Input::default().gather(&mut neutral[..G::Input::WIDTH]);
            let leaves = schema.tables[0].leaves.iter().zip(wire.iter().zip(&neutral));
            let differing = leaves.filter(|(_, (value, neutral))| value != neutral);
            let said = differing.map(|(leaf, (value, _))| {
                let reading = crate::world::diff::Reading::of(leaf, *value);
                if leaf.path.is_empty() { format!("{reading}") } else { format!("{} {reading}", leaf.path) }
            });
            let said: Vec<String> = said.collect();
            let said = if said.is_empty() { String::from("neutral") } else { said.join(", ") };
            writeln!(f, "seat {seat}: {said}; saw {}/16 ticks ago", action.age.parts())?;
        }
        Ok(())
    }
}

/// Chooses the roster changes and the inputs of each tick.
#[derive(Clone)]
pub struct Script<G: Game> {
    dice: Rng,
    wild_percent: u32,
    /// An entry per seat of the game; `None` for a free one.
    players: Vec<Option<Mood<G::Input>>>,
    input: Schema,
    begun: bool,
}

/// The way in which a player plays for a while.
#[derive(Clone, Copy)]
struct Mood<I> {
    ticks: u32,
    /// The input that the dice chose and for how many more ticks it is held; `None` for a bot.
    held: Option<(I, u32)>,
}

impl<G: Game> Script<G> {
    /// A script from a seed. All seats, 16 at the most, are taken in the first tick. For `wild_percent` of the time a
    /// player's input is any that can travel, held for a moment; otherwise it is that of the game's own bot.
    #[must_use]
    pub fn new(seed: u64, wild_percent: u32) -> Self {
        const { assert!(G::Input::WIDTH <= INPUT_WIDTH_MAX, "an input has at most 32 wire integers") }
        let players = (0..G::RULES.seats).map(|_| None).collect();
        Self { dice: Rng::new(seed), wild_percent, players, input: Schema::of::<G::Input>(), begun: false }
    }

    /// The same players from here on, with other inputs.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        Self { dice: Rng::new(seed), ..self.clone() }
    }

    /// Plays one tick of `simulation`. Afterwards `turn` holds its roster changes and inputs, and `events` its events.
    /// `watch` sees the world after the step, before it is rounded.
    pub(super) fn play(
        &mut self,
        simulation: &mut Simulation<G>,
        turn: &mut Turn<G>,
        events: &mut Vec<(To, G::Event)>,
        watch: impl FnOnce(&mut G),
    ) {
        self.change_roster(&mut turn.roster);
        simulation.tell(&turn.roster);
        self.say(&mut turn.heard);
        turn.heard.iter().for_each(|heard| simulation.hear(heard));
        turn.actions.clear();
        for (seat, index) in Seat::first(G::RULES.seats).zip(0..) {
            if let Some(action) = self.act(seat, index, simulation.world()) {
                turn.actions.push((seat, action));
            }
        }
        simulation.step_watched(&turn.actions, events, watch);
    }

    /// Chooses what the game hears: words that a game may know are the author's to test, so these are any.
    fn say(&mut self, heard: &mut Vec<Heard>) {
        heard.clear();
        let hears = G::RULES.topics.iter().filter(|topic| topic.is_heard);
        let count = u32::try_from(hears.clone().count()).unwrap_or(u32::MAX);
        if count == 0 || !self.dice.one_in(HEAR_ONE_IN) {
            return;
        }
        let Some(topic) = hears.clone().nth(self.dice.below(count) as usize) else { return };
        let length = self.dice.below(u32::from(topic.bytes_max) + 1);
        let body: String = (0..length).map(|_| char::from(self.dice.below(95) as u8 + b' ')).collect();
        heard.extend(Heard::new::<G>(topic.name, body));
    }

    fn change_roster(&mut self, roster: &mut Vec<RosterChange>) {
        roster.clear();
        let seats = || Seat::first(G::RULES.seats).zip(0_usize..);
        if !self.begun {
            self.begun = true;
            for (seat, index) in seats().take(PLAYERS_MAX) {
                self.players[index] = Some(Mood { ticks: 0, held: None });
                roster.push(RosterChange::Joined(seat));
            }
            return;
        }
        let (leaves, joins) = (self.dice.one_in(LEAVE_ONE_IN), self.dice.one_in(JOIN_ONE_IN));
        let chosen = self.dice.below(u32::from(G::RULES.seats));
        let Some((seat, index)) = seats().find(|(seat, _)| u32::from(seat.number()) == chosen) else { return };
        if self.players[index].is_some() && leaves {
            let why = match self.dice.below(3) {
                0 => Leave::Quit,
                1 => Leave::Lost,
                _ => Leave::Removed,
            };
            self.players[index] = None;
            roster.push(RosterChange::Left(seat, why));
        } else if self.players[index].is_none() && joins && self.players.iter().flatten().count() < PLAYERS_MAX {
            self.players[index] = Some(Mood { ticks: 0, held: None });
            roster.push(RosterChange::Joined(seat));
        }
    }

    /// The input and view of the player in a seat; `None` for a free seat.
    fn act(&mut self, seat: Seat, index: usize, world: &G) -> Option<Action<G::Input>> {
        let mut mood = self.players[index]?;
        if mood.ticks == 0 {
            let is_wild = self.dice.below(100) < self.wild_percent;
            mood = Mood { ticks: self.dice.below(MOOD_TICKS_MAX), held: is_wild.then(|| (G::Input::default(), 0)) };
        } else {
            mood.ticks -= 1;
        }
        let input = match &mut mood.held {
            None => world.bot(seat, &mut self.dice),
            Some((held, ticks)) => {
                if *ticks == 0 {
                    (*held, *ticks) = (self.any_input(), self.dice.below(HELD_TICKS_MAX));
                } else {
                    *ticks -= 1;
                }
                *held
            }
        };
        self.players[index] = Some(mood);
        let [parts, ..] = self.dice.next_u32().to_le_bytes();
        Some(Action { input: rounded(input), age: ViewAge::from_parts(parts) })
    }

    /// Any input that can travel. A leaf is as often at an end of its range as it is anywhere.
    fn any_input(&mut self) -> G::Input {
        let mut wire = [0; INPUT_WIDTH_MAX];
        for (leaf, value) in self.input.tables[0].leaves.iter().zip(&mut wire) {
            let any = self.dice.next_u32();
            *value = match self.dice.below(4) {
                0 => 0,
                1 => leaf.max,
                _ => leaf.max.checked_add(1).map_or(any, |count| any % count),
            };
        }
        let mut input = G::Input::default();
        input.scatter(&wire[..G::Input::WIDTH]);
        input
    }
}

/// The input with the rounding that sending would have given it.
fn rounded<I: crate::state::Input>(mut input: I) -> I {
    let mut wire = [0; INPUT_WIDTH_MAX];
    input.gather(&mut wire[..I::WIDTH]);
    input.scatter(&wire[..I::WIDTH]);
    input
}
