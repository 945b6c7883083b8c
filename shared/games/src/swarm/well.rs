//! Wells: their owners, the score for holding them, and the winner of a round.

use super::field::{Body, Field};
use super::{ARMIES, Army, HOLD_MAX, Phase, Swarm, SwarmEvent, WELLS, Well, well_at};
use serde::Serialize;
use tickwire::{Game, Step, To};

pub(super) const WELL_RADIUS: f32 = 64.0;
/// The score that wins a round; when the time is up, the highest score wins.
pub(super) const GOAL: u16 = 240;
const SECOND_TICKS: u16 = Swarm::RULES.tick_rate_hz as u16;
const ROUND_TICKS: u16 = 240 * SECOND_TICKS;
const PAUSE_TICKS: u16 = 8 * SECOND_TICKS;

/// The result of a round: the army that won it, and the scores of all.
#[derive(Serialize)]
struct Outcome {
    winner: u8,
    scores: [u16; ARMIES],
}

impl Swarm {
    /// The clock: it counts the score of wells, ends a round and begins the next.
    pub(super) fn keep_time(&mut self, tick: &mut Step<'_, Self>) {
        self.left_ticks = self.left_ticks.saturating_sub(1);
        match self.phase {
            Phase::Play => {
                if self.left_ticks.is_multiple_of(SECOND_TICKS) {
                    for well in self.wells.iter().filter_map(|well| well.owner) {
                        self.armies[usize::from(well) % ARMIES].score += 1;
                    }
                }
                let best = self.armies.iter().map(|army| army.score).max().unwrap_or(0);
                if best >= GOAL || self.left_ticks == 0 {
                    // Among equal armies the first in the list wins: there is no draw between armies that never rest.
                    let army = self.armies.iter().position(|army| army.score == best).unwrap_or(0) as u8;
                    (self.phase, self.left_ticks) = (Phase::Won { army }, PAUSE_TICKS);
                    tick.emit(To::Everyone, SwarmEvent::Won { army });
                    tick.finish(&Outcome { winner: army, scores: self.armies.each_ref().map(|army| army.score) });
                }
            }
            Phase::Won { .. } if self.left_ticks == 0 => {
                self.begin_round();
                tick.emit(To::Everyone, SwarmEvent::Begin);
            }
            Phase::Won { .. } => {}
        }
    }

    /// Puts everything as it was in the beginning, apart from the players and their views.
    pub(super) fn begin_round(&mut self) {
        (self.phase, self.left_ticks) = (Phase::Play, ROUND_TICKS);
        self.wells = core::array::from_fn(|_| Well { owner: None, hold: HOLD_MAX / 2 });
        for army in &mut self.armies {
            *army = Army { is_taken: army.is_taken, eye: army.eye, ..Army::default() };
        }
        self.muster();
    }

    /// Tends one of the wells in each tick: the most numerous army in it weakens the hold of others and strengthens its
    /// own.
    pub(super) fn tend_well(&mut self, field: &Field, tick: &mut Step<'_, Self>) {
        let number = tick.now().0 as usize % WELLS;
        let (at, well) = (well_at(number), &mut self.wells[number]);
        let mut counts = [0_u16; ARMIES];
        let is_inside = |body: &&Body| (body.at - at).length_squared() < WELL_RADIUS * WELL_RADIUS;
        field.near(at, WELL_RADIUS).flatten().filter(is_inside).for_each(|body| counts[body.army()] += 1);
        let most = counts.iter().copied().max().unwrap_or(0);
        // The owner of a well keeps it against an equal number of enemies.
        let owner = well.owner.filter(|owner| counts[usize::from(*owner) % ARMIES] == most);
        let army = owner.or_else(|| counts.iter().position(|count| *count == most).map(|army| army as u8));
        let Some(army) = army.filter(|_| most > 0 && self.phase == Phase::Play) else { return };
        if well.owner == Some(army) {
            well.hold = (well.hold + 1).min(HOLD_MAX);
        } else if well.hold > 1 {
            well.hold -= 1;
        } else {
            *well = Well { owner: Some(army), hold: 1 };
            tick.emit(To::Everyone, SwarmEvent::Captured { army, well: number as u8 });
        }
    }

    pub(super) fn wells_of(&self, army: usize) -> usize {
        self.wells.iter().filter(|well| well.owner.is_some_and(|owner| usize::from(owner) == army)).count()
    }
}
