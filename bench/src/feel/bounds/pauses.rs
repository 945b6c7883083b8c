//! Bounds for the results of pauses, by pause and by game.
//!
//! They hold for twenty seeds. Each has two sides: a pause that costs nothing was not played, and a press that takes
//! effect sooner than a message can travel was not measured.

use super::out_of_bounds;
use crate::feel::PauseFeel;
use core::ops::RangeInclusive;

/// Ticks by which the input lead one second after the end of a pause may differ from its value before the pause.
const LEAD_CHANGE_MAX_TICKS: f64 = 4.0;

/// Part of the presses whose figure rested and then moved; debris pushes a ship now and then.
const MOVED_PART: RangeInclusive<f64> = 0.85..=1.0;

/// Hashes that are compared in each room at the least; in lockstep one is compared only now and then.
const HASHES_PER_PAUSE_MIN: f64 = 50.0;

/// The bounds for one pause.
struct PauseBounds {
    pause: &'static str,
    /// Connections that the player needs besides the one before the pause.
    reconnects: RangeInclusive<f64>,
    /// Milliseconds until play goes on, in each of the games: the median and the worst.
    goes_on_ms: [(RangeInclusive<f64>, RangeInclusive<f64>); 3],
}

/// The bounds for one game, before and after every pause.
struct GameBounds {
    game: &'static str,
    /// Milliseconds from an input to its execution: the median and the worst.
    executed_ms: (RangeInclusive<f64>, RangeInclusive<f64>),
    /// Frames from an input to motion on screen: the median and the worst.
    frames: (RangeInclusive<f64>, RangeInclusive<f64>),
    lead_ticks: RangeInclusive<f64>,
}

/// The games have the order of [`PauseBounds::goes_on_ms`].
const GAMES: [GameBounds; 3] = [
    GameBounds {
        game: "arena",
        executed_ms: (75.0..=120.0, 90.0..=160.0),
        frames: (1.0..=1.0, 1.0..=1.0),
        lead_ticks: 0.9..=2.1,
    },
    GameBounds {
        game: "paddles",
        executed_ms: (45.0..=75.0, 55.0..=110.0),
        frames: (1.0..=1.0, 1.0..=5.0),
        lead_ticks: 0.9..=1.9,
    },
    // Swarm has 20 ticks a second, so that up to three frames pass before its next tick.
    GameBounds {
        game: "swarm",
        executed_ms: (65.0..=150.0, 80.0..=175.0),
        frames: (1.0..=3.0, 1.0..=5.0),
        lead_ticks: 0.6..=1.3,
    },
];

const PAUSES: [PauseBounds; 5] = [
    // The ticks that were missed are made at once, with the newest input: it arrives just in time, and sooner than
    // usual.
    PauseBounds {
        pause: "pause-1s",
        reconnects: 0.0..=0.0,
        goes_on_ms: [(28.0..=62.0, 45.0..=140.0), (26.0..=50.0, 38.0..=95.0), (28.0..=85.0, 45.0..=165.0)],
    },
    PauseBounds {
        pause: "pause-3s",
        reconnects: 0.0..=0.0,
        goes_on_ms: [(70.0..=108.0, 85.0..=160.0), (48.0..=76.0, 58.0..=100.0), (55.0..=135.0, 85.0..=200.0)],
    },
    // A hello of the attempts during the pause is on its way already, except in the rare case that an attempt has just
    // failed.
    PauseBounds {
        pause: "pause-8s",
        reconnects: 1.0..=1.0,
        goes_on_ms: [(64.0..=100.0, 80.0..=500.0), (50.0..=85.0, 66.0..=115.0), (52.0..=135.0, 70.0..=180.0)],
    },
    PauseBounds {
        pause: "page-stall",
        reconnects: 0.0..=0.0,
        goes_on_ms: [(88.0..=128.0, 108.0..=160.0), (70.0..=103.0, 82.0..=140.0), (70.0..=135.0, 85.0..=200.0)],
    },
    // The client went on making inputs for a while, and the room executes them before any newer one.
    PauseBounds {
        pause: "server-stop",
        reconnects: 0.0..=0.0,
        goes_on_ms: [(400.0..=480.0, 430.0..=490.0), (395.0..=450.0, 405.0..=455.0), (325.0..=415.0, 340.0..=425.0)],
    },
];

impl PauseFeel {
    /// The checks that failed for this pause in this game.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let pause = PAUSES.iter().find(|bounds| bounds.pause == self.pause).expect("every pause has bounds");
        let place = GAMES.iter().position(|bounds| bounds.game == self.game).expect("every game has bounds");
        let (game, (goes_on_p50, goes_on_max)) = (&GAMES[place], pause.goes_on_ms[place].clone());
        let pauses = f64::from(self.pauses);
        let kept = if pause.reconnects.contains(&0.0) { pauses } else { 0.0 };
        let found = vec![
            ("hashes that differ", self.hash_mismatches as f64, 0.0..=0.0),
            ("hashes compared per room", self.hashes_compared as f64 / pauses, HASHES_PER_PAUSE_MIN..=f64::INFINITY),
            ("pauses after which play went on", f64::from(self.gone_on), pauses..=pauses),
            ("connections that were kept", f64::from(self.connections_kept), kept..=kept),
            ("reconnects in one pause", self.reconnects_max as f64, pause.reconnects.clone()),
            ("reconnects of others", self.other_reconnects as f64, 0.0..=0.0),
            ("part of the presses that moved a figure", f64::from(self.moved) / (2.0 * pauses), MOVED_PART),
            ("ms until play goes on, p50", self.goes_on_ms.p50 as f64, goes_on_p50),
            ("ms until play goes on, worst", self.goes_on_ms.max as f64, goes_on_max),
            ("input lead before, ticks", self.lead_before_ticks, game.lead_ticks.clone()),
            ("input lead after, ticks", self.lead_after_ticks, game.lead_ticks.clone()),
            ("change of the lead, ticks", self.lead_change_max_ticks as f64, 0.0..=LEAD_CHANGE_MAX_TICKS),
        ];
        let place = format!("{}, {}", self.pause, self.game);
        let mut broken = out_of_bounds(&place, found);
        let sides = [
            ("before", &self.executed_before_ms, &self.frames_before),
            ("after", &self.executed_after_ms, &self.frames_after),
        ];
        for (side, ms, frames) in sides {
            let ((ms_p50, ms_max), (frames_p50, frames_max)) = (game.executed_ms.clone(), game.frames.clone());
            let found = vec![
                ("ms to execution, p50", ms.p50 as f64, ms_p50),
                ("ms to execution, worst", ms.max as f64, ms_max),
                ("frames to motion, p50", frames.p50 as f64, frames_p50),
                ("frames to motion, worst", frames.max as f64, frames_max),
            ];
            broken.extend(out_of_bounds(&format!("{place}, {side}"), found));
        }
        broken
    }
}
