//! Bounds for the results of pauses, by pause and by game.
//!
//! They hold for twenty seeds. Each has two sides: a pause that costs nothing was not played, and a press that takes
//! effect sooner than a message can travel was not measured.

use super::out_of_bounds;
use core::ops::RangeInclusive;
use tickwire_tools::feel::PauseFeel;

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

/// The checks that failed for a pause in a game.
///
/// # Panics
/// When the pause or the game has no bounds.
#[must_use]
pub fn broken_pause(feel: &PauseFeel) -> Vec<String> {
    let pause = PAUSES.iter().find(|bounds| bounds.pause == feel.pause).expect("every pause has bounds");
    let place = GAMES.iter().position(|bounds| bounds.game == feel.game).expect("every game has bounds");
    let (game, (goes_on_p50, goes_on_max)) = (&GAMES[place], pause.goes_on_ms[place].clone());
    let pauses = f64::from(feel.pauses);
    let kept = if pause.reconnects.contains(&0.0) { pauses } else { 0.0 };
    let found = vec![
        ("hashes that differ", feel.hash_mismatches as f64, 0.0..=0.0),
        ("hashes compared per room", feel.hashes_compared as f64 / pauses, HASHES_PER_PAUSE_MIN..=f64::INFINITY),
        ("pauses after which play went on", f64::from(feel.gone_on), pauses..=pauses),
        ("connections that were kept", f64::from(feel.connections_kept), kept..=kept),
        ("reconnects in one pause", feel.reconnects_max as f64, pause.reconnects.clone()),
        ("reconnects of others", feel.other_reconnects as f64, 0.0..=0.0),
        ("part of the presses that moved a figure", f64::from(feel.moved) / (2.0 * pauses), MOVED_PART),
        ("ms until play goes on, p50", feel.goes_on_ms.p50 as f64, goes_on_p50),
        ("ms until play goes on, worst", feel.goes_on_ms.max as f64, goes_on_max),
        ("input lead before, ticks", feel.lead_before_ticks, game.lead_ticks.clone()),
        ("input lead after, ticks", feel.lead_after_ticks, game.lead_ticks.clone()),
        ("change of the lead, ticks", feel.lead_change_max_ticks as f64, 0.0..=LEAD_CHANGE_MAX_TICKS),
    ];
    let place = format!("{}, {}", feel.pause, feel.game);
    let mut broken = out_of_bounds(&place, found);
    let sides = [
        ("before", &feel.executed_before_ms, &feel.frames_before),
        ("after", &feel.executed_after_ms, &feel.frames_after),
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

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::link::LinkProfile;
    use tickwire_games::Paddles;
    use tickwire_tools::feel::{PAUSED_LINK, PAUSES, PauseProfile, measure_pauses};

    #[test]
    fn a_pause_over_a_better_or_a_worse_link_is_out_of_bounds() {
        let broken = |link| broken_pause(&measure_pauses::<Paddles>(PAUSES[1], link, 16, 1));
        let usual = LinkProfile::named(PAUSED_LINK).expect("pauses are played over a link that has a name");
        assert_eq!(broken(usual), Vec::<String>::new());
        for latency_ms in [0, 150] {
            let broken = broken(LinkProfile { latency_ms, ..LinkProfile::default() });
            for what in ["until play goes on", "before: ms to execution", "after: ms to execution"] {
                assert!(broken.iter().any(|words| words.contains(what)), "{latency_ms} ms: no {what} in {broken:#?}");
            }
        }
    }

    #[test]
    fn a_pause_that_is_not_survived_as_expected_is_out_of_bounds() {
        let link = LinkProfile { latency_ms: 35, ..LinkProfile::default() };
        let longer = PauseProfile { milliseconds: PAUSES[2].milliseconds, ..PAUSES[1] };
        let broken = broken_pause(&measure_pauses::<Paddles>(longer, link, 3, 7));
        assert!(broken.iter().any(|words| words.contains("connections that were kept")), "{broken:#?}");
    }
}
