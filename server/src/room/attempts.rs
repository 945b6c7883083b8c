//! The making of a tick, which is undone when the game panics in it and then made again with less.
//!
//! ```text
//! everything ─┬─ a panic in the step ─→ neutral inputs ─┬─ a panic ─→ neither ─ a panic ─→ the room ends
//!             └─ a panic before it ───→ without the news ┘
//! ```
//!
//! The news of a tick is all that the game is told before its step: a new match, the players who come and go, the
//! messages that it hears. The record has the causes that the tick was made from in the end, and so has all that is
//! made from the record: the messages for members, the ticks of a replay. Nobody but the room ever plays an attempt
//! that came to nothing. An attempt that could only come to the same panic is left out: a game panics again on the same
//! world, inputs and news.
//!
//! A player that the game cannot let in is closed (1011), and so are all who were to join when the step panics with
//! them. A player whose leaving the game cannot take stays in the world until it can, see
//! [`Unsettled`](super::unsettled::Unsettled). All others come and go one tick later.

use super::failure::FailedCall;
use super::lockstep::neutral;
use super::outgoing::Outgoing;
use super::roster::{Occupant, SeatSet};
use super::{GameCall, Room, RosterChange};
use crate::game_panic::{self, GamePanic};
use crate::limits::{NEUTRAL_SECONDS_PER_MINUTE_MAX, UNDONE_LINE_SECONDS};
use serde::{Deserialize, Serialize};
use tickwire::input::Action;
use tickwire::message::close::CloseCode;
use tickwire::message::control::ServerControl;
use tickwire::rng::Purpose;
use tickwire::world::simulation::TickRecord;
use tickwire::{Game, Seat, Tick};

/// The words for an owner whose match the game could not begin.
const NOT_BEGUN: &str = "the game has failed to begin this match";

/// The causes that a tick is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// Everything that belongs to it.
    Everything,
    /// Its news, and neutral inputs of all players.
    NeutralInputs,
    /// Its inputs, and no news.
    NoNews,
    /// Neutral inputs, and no news.
    Neither,
}

impl Attempt {
    /// The next attempt after a panic in this call; `None` when there is nothing left to do without.
    const fn after(self, call: GameCall, has_news: bool) -> Option<Self> {
        match (self, call) {
            (Self::Everything, GameCall::Step) => Some(Self::NeutralInputs),
            (Self::Everything, _) => Some(Self::NoNews),
            (Self::NeutralInputs, _) if !has_news => None,
            (Self::NeutralInputs | Self::NoNews, _) => Some(Self::Neither),
            (Self::Neither, _) => None,
        }
    }

    const fn has_inputs(self) -> bool {
        matches!(self, Self::Everything | Self::NoNews)
    }

    const fn has_news(self) -> bool {
        matches!(self, Self::Everything | Self::NeutralInputs)
    }
}

/// A panic of the game that the room has survived, or at last not survived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survived {
    /// The tick.
    pub tick: Tick,
    /// The call that has panicked.
    pub call: GameCall,
    /// The causes that the tick was made from in the end; [`Attempt::Everything`] when it was not undone: a bot has a
    /// neutral input then, and a message for a topic is lost.
    pub made_from: Attempt,
    /// Message and place of the panic; when it was not survived, with a backtrace if there is one.
    pub panic: String,
    /// Further panics that were survived since the one that was told before.
    pub others: u64,
}

/// The panics that a room has survived.
#[derive(Debug, Default)]
pub(super) struct SurvivedPanics {
    /// Ticks since a tick that were made with neutral inputs.
    neutral: u32,
    since: Tick,
    /// The tick from which on the next line may be told.
    line_at: Tick,
    others: u64,
    line: Option<Survived>,
}

impl SurvivedPanics {
    /// Counts a tick that is made with neutral inputs; false when there were too many.
    fn count<G: Game>(&mut self, now: Tick, minute_ticks: u32) -> bool {
        if now.since(self.since) > i64::from(minute_ticks) {
            (self.neutral, self.since) = (0, now);
        }
        self.neutral += 1;
        self.neutral <= NEUTRAL_SECONDS_PER_MINUTE_MAX * G::RULES.tick_rate_hz
    }

    /// Notes a panic, to be told if it is time for a line.
    pub(super) fn note<G: Game>(&mut self, tick: Tick, call: GameCall, made_from: Attempt, panic: &GamePanic) {
        if tick < self.line_at {
            self.others += 1;
            return;
        }
        self.line_at = tick + UNDONE_LINE_SECONDS * G::RULES.tick_rate_hz;
        self.put_line(tick, call, made_from, panic.brief());
    }

    /// Notes a panic that is told in any case, with all that is known of it: after it the room has failed.
    fn note_last(&mut self, tick: Tick, call: GameCall, made_from: Attempt, panic: &GamePanic) {
        self.put_line(tick, call, made_from, panic.to_string());
    }

    fn put_line(&mut self, tick: Tick, call: GameCall, made_from: Attempt, panic: String) {
        let others = std::mem::take(&mut self.others);
        self.line = Some(Survived { tick, call, made_from, panic, others });
    }
}

impl<G: Game> Room<G> {
    /// The next panic that the room has survived and that is to be told, at most one a second.
    pub fn poll_survived(&mut self) -> Option<Survived> {
        self.survived.line.take()
    }

    /// Makes the tick from the causes in the record. False when every attempt has come to nothing; the world is then the
    /// one before the tick, and the room has failed.
    pub(super) fn make_tick(&mut self) -> bool {
        self.simulation.begin_tick();
        let (mut attempt, mut failed) = (Attempt::Everything, Vec::new());
        if self.tick <= self.neutral_until {
            attempt = Attempt::NeutralInputs;
            self.do_without(attempt, GameCall::Step);
        }
        let mut first: Option<(TickRecord<G>, GameCall, GamePanic)> = None;
        let fresh = loop {
            let panic = match game_panic::catch(|| self.attempt(attempt)) {
                Ok(fresh) => break fresh,
                Err(panic) => panic,
            };
            let call = self.call.take().unwrap_or(GameCall::Step);
            failed.push(FailedCall::new(attempt, call, &panic));
            let is_undone = game_panic::catch(|| self.simulation.undo_tick()).is_ok();
            match &mut first {
                // The bots have chosen since.
                Some((causes, ..)) if attempt.has_inputs() => causes.actions.clone_from(&self.record.actions),
                Some(_) => {}
                None => {
                    first = Some((self.record.clone(), call, panic));
                    self.counters.ticks_undone[call.cause()] += 1;
                }
            }
            let next = attempt.after(call, self.has_news()).filter(|next| is_undone && self.may_try(attempt, *next));
            let Some(next) = next else {
                if let Some((causes, call, panic)) = first {
                    self.survived.note_last(self.tick, call, attempt, &panic);
                    self.fail_with(&causes, failed);
                }
                return false;
            };
            self.do_without(next, call);
            attempt = next;
        };
        if let Some((_, call, panic)) = first {
            self.survived.note::<G>(self.tick, call, attempt, &panic);
        }
        self.commit(fresh);
        true
    }

    /// Whether the room may go on from one attempt to the next. Ticks in which no player's input counts are counted
    /// themselves.
    fn may_try(&mut self, attempt: Attempt, next: Attempt) -> bool {
        let loses_inputs = attempt.has_inputs() && !next.has_inputs();
        !loses_inputs || self.survived.count::<G>(self.tick, self.limits.minute_ticks)
    }

    /// One attempt to make the tick from the record. With a new match it gives the messages that members are sent from
    /// then on.
    pub(super) fn attempt(&mut self, attempt: Attempt) -> Option<Outgoing<G>> {
        let fresh = self.record.restart.as_ref().map(|restart| {
            self.call = Some(GameCall::New);
            self.simulation.restart(restart);
            let stagger = self.secret.rng(Purpose::Stagger, 0, 0).next_u32();
            Outgoing::new(&self.schemas, &mut self.simulation, stagger, neutral(restart.seats.iter().copied()))
        });
        for change in &self.record.roster {
            self.call = Some(change.into());
            self.simulation.tell(std::slice::from_ref(change));
        }
        for heard in &self.record.heard {
            self.call = heard.topic::<G>().map(|topic| GameCall::Hear(topic.name));
            self.simulation.hear(heard);
        }
        if attempt.has_inputs() {
            // A bot's own panics are caught, and no other one there is that of the call before.
            self.call = None;
            self.ask_bots();
        }
        self.call = Some(GameCall::Step);
        self.simulation.step(&self.record.actions, &mut self.record.events);
        self.call = None;
        fresh
    }

    /// The actions of all seats that are taken; those of bots are neutral until the bots are asked.
    pub(super) fn collect_actions(&mut self) {
        self.record.actions.clear();
        let is_new = self.record.restart.is_some();
        for (seat, occupant) in self.roster.iter() {
            let action = match occupant {
                Occupant::Free if is_new || !self.roster.unsettled.has(seat) => continue,
                Occupant::Free | Occupant::Bot { .. } => Action::default(),
                Occupant::Person { member, .. } => {
                    let (action, in_time) = self.buffers[seat.index()].take(self.tick, &self.schemas.inputs);
                    self.starved[seat.index()] = !in_time;
                    self.idle[seat.index()].note(action.input, self.tick);
                    let is_starved = !in_time && member.is_some();
                    self.counters.starved_ticks += u64::from(is_starved);
                    self.meters[seat.index()].starved_ticks += u32::from(is_starved);
                    action
                }
            };
            self.record.actions.push((seat, action));
        }
    }

    /// Has the bots choose their inputs. A bot that panics has a neutral one, and the world is as it was.
    fn ask_bots(&mut self) {
        let (world, inputs, now) = (self.simulation.world(), &self.schemas.inputs, self.tick);
        for (seat, action) in &mut self.record.actions {
            if !matches!(self.roster.occupant(*seat), Some(Occupant::Bot { .. })) {
                continue;
            }
            // Dice for each bot and tick: no bot's choices depend on the dice of another one.
            let mut dice = self.secret.rng(Purpose::Bot, seat.number().into(), now.0);
            match game_panic::catch(|| inputs.quantize(world.bot(*seat, &mut dice))) {
                Ok(input) => *action = input.into(),
                Err(panic) => {
                    self.counters.bot_panics += 1;
                    self.survived.note::<G>(now, GameCall::Bot(*seat), Attempt::Everything, &panic);
                }
            }
        }
    }

    fn has_news(&self) -> bool {
        let TickRecord { restart, roster, heard, .. } = &self.record;
        restart.is_some() || !roster.is_empty() || !heard.is_empty()
    }

    /// Takes out of the record what the next attempt does without, after a panic in this call.
    pub(super) fn do_without(&mut self, attempt: Attempt, failed: GameCall) {
        if !attempt.has_news() && self.has_news() {
            self.leave_out_news(failed);
        }
        if !attempt.has_inputs() {
            self.record.actions.iter_mut().for_each(|(_, action)| *action = Action::default());
        }
    }

    /// Leaves out all that the game was to be told. The seats that are taken are those of the tick before.
    fn leave_out_news(&mut self, failed: GameCall) {
        let changes = std::mem::take(&mut self.record.roster);
        self.record.heard.clear();
        if self.record.restart.take().is_some()
            && let Some(owner) = self.restarted_by.and_then(|owner| self.members.get_mut(owner))
        {
            owner.answer(ServerControl::NotStarted { fault: NOT_BEGUN.into() }.encode());
        }
        let changed = seats_of(&changes);
        let actions = std::mem::take(&mut self.record.actions);
        self.record.actions.extend(self.playing.iter().map(|seat| {
            let known = actions.iter().find(|(of, _)| *of == seat && !changed.contains(seat));
            (seat, known.map_or_else(Action::default, |(_, action)| *action))
        }));
        let (blamed, others): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| may_have_caused(*change, failed));
        self.roster.put_back(others);
        for change in &blamed {
            match *change {
                RosterChange::Left(seat, why) if self.playing.contains(seat) => self.roster.unsettled.put(seat, why),
                RosterChange::Left(..) => {}
                RosterChange::Joined(seat) => self.turn_away(seat),
            }
        }
        if !blamed.is_empty() {
            self.roster.unsettled.wait(self.tick, G::RULES.tick_rate_hz);
            self.settle_owner(None);
        }
    }

    /// Closes the connection of somebody whom the game has not let in.
    fn turn_away(&mut self, seat: Seat) {
        if let Some(member) = self.roster.turn_away(seat) {
            self.drop_dispute(member);
            self.members.remove(member);
            self.dismissed.push((member, CloseCode::RoomFailed));
        }
        self.announce(seat, None);
    }

    /// Takes over what the tick has changed besides the world.
    fn commit(&mut self, fresh: Option<Outgoing<G>>) {
        if let (Some(fresh), Some(restart)) = (fresh, &self.record.restart) {
            self.playing = SeatSet::default();
            restart.seats.iter().for_each(|seat| self.playing.insert(*seat));
            self.begin_anew(fresh);
        }
        self.record.roster.iter().for_each(|change| self.playing.change(*change));
        if !self.record.roster.is_empty() && self.roster.unsettled.is_empty() {
            self.roster.unsettled.forget();
        }
    }
}

/// Whether this coming or going may be why the game has panicked in a call.
fn may_have_caused(change: RosterChange, failed: GameCall) -> bool {
    match failed {
        // The step may find no place for somebody who has come.
        GameCall::Step => true,
        // Comings and goings in one seat belong together.
        GameCall::Join(seat) | GameCall::Leave(seat) => seat_of(change) == seat,
        GameCall::New | GameCall::Hear(_) | GameCall::Bot(_) | GameCall::Publish => false,
    }
}

const fn seat_of(change: RosterChange) -> Seat {
    match change {
        RosterChange::Joined(seat) | RosterChange::Left(seat, _) => seat,
    }
}

fn seats_of(changes: &[RosterChange]) -> SeatSet {
    let mut seats = SeatSet::default();
    changes.iter().for_each(|change| seats.insert(seat_of(*change)));
    seats
}
