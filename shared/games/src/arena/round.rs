//! Rounds: the clock, the score, the winner, and the pause before the next round.
//!
//! Only the referee counts kills, ends a round and begins the next one, and only the server has a referee. The clock
//! and the warp home follow from the world, so clients know them too: all ships warp home in the last second of the
//! pause.

use super::{Arena, ArenaEvent, HP_MAX, Options, PLATES_MAX, Phase, Round, SHIELD_TICKS, TEAMS_MAX, What};
use serde::Serialize;
use tickwire::math::Vec2;
use tickwire::{Game, Step, To};

const PAUSE_SECONDS: u16 = 7;
const SECOND_TICKS: u32 = Arena::RULES.tick_rate_hz;
/// Ships are away for the last second of a pause, and come back as the round begins.
const WARP_TICKS: f32 = SHIELD_TICKS + SECOND_TICKS as f32;
const _: () =
    assert!(PLATES_MAX < HP_MAX && PAUSE_SECONDS > 1, "a pause is longer than the second in which ships warp home");

/// The result of a round: the team that won it, unless it is a draw, and the scores.
#[derive(Serialize)]
struct Outcome {
    winner: Option<u8>,
    scores: [u16; TEAMS_MAX as usize],
}

impl Round {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            teams: options.teams,
            goal: options.goal,
            seconds: options.seconds,
            left_seconds: options.seconds,
            referee: true,
            ..Self::default()
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase != Phase::Play
    }

    /// Counts a kill for a team; a kill after the end of a round does not count.
    pub(super) fn count_kill(&mut self, team: u8) {
        if !self.is_over()
            && let Some(score) = self.scores.get_mut(usize::from(team))
        {
            *score += 1;
        }
    }

    /// The phase with which the round ends now, or `None` while it goes on.
    fn verdict(&self) -> Option<Phase> {
        let best = self.scores.iter().copied().max().unwrap_or(0);
        if best < self.goal && self.left_seconds > 0 {
            return None;
        }
        let mut winners = (0..TEAMS_MAX).filter(|team| self.scores[usize::from(*team)] == best);
        match (winners.next(), winners.next()) {
            (Some(team), None) => Some(Phase::Won { team }),
            _ => Some(Phase::Drawn),
        }
    }
}

impl Arena {
    pub(super) fn keep_time(&mut self, tick: &mut Step<'_, Self>) {
        let is_second = tick.now().0.is_multiple_of(SECOND_TICKS);
        if is_second {
            self.round.left_seconds = self.round.left_seconds.saturating_sub(1);
        }
        if !self.round.is_over() {
            if let Some(phase) = self.round.verdict().filter(|_| self.round.referee) {
                (self.round.phase, self.round.left_seconds) = (phase, PAUSE_SECONDS);
                self.shots.retain(|_, _| false);
                tick.emit(To::Everyone, ArenaEvent { what: What::Over, who: None, at: Vec2::ZERO });
                let winner = if let Phase::Won { team } = phase { Some(team) } else { None };
                tick.finish(&Outcome { winner, scores: self.round.scores });
            }
        } else if is_second && self.round.left_seconds == 1 {
            self.ships.values_mut().for_each(|ship| ship.withdraw(WARP_TICKS));
        } else if self.round.left_seconds == 0 && self.round.referee {
            self.begin(tick);
        }
    }

    fn begin(&mut self, tick: &mut Step<'_, Self>) {
        let round = &mut self.round;
        (round.phase, round.left_seconds, round.scores) = (Phase::Play, round.seconds, [0; TEAMS_MAX as usize]);
        for ship in self.ships.values_mut() {
            (ship.score, ship.plates, ship.rapid_ticks) = (0, 0, 0);
        }
        tick.emit(To::Everyone, ArenaEvent { what: What::Begin, who: None, at: Vec2::ZERO });
    }
}
