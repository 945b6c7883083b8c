//! Bounds for the results of each kind of link: the worst that a player may experience, and effects that a link is sure
//! to have.
//!
//! The bounds are as tight as twenty seeds allow. Where the effect of a link cannot be avoided there is a lower bound
//! too: a measurement that sees nothing would pass everything.

mod pauses;

pub use pauses::broken_pause;

use super::BATTLE;
use core::ops::RangeInclusive;
use tickwire::Game;
use tickwire_games::Arena;
use tickwire_tools::feel::Feel;

/// Hashes of sections that are compared per client and tick: the room's and the player's own, except those that are
/// lost while a link is down.
const HASHES_PER_TICK_MIN: f64 = 1.9;

/// Seconds of play, of all clients together, below which a rare event weighs too much for bounds.
const LENGTH_MIN: u32 = 300;

/// The bounds for one kind of link.
struct Bounds {
    profile: &'static str,
    /// The worst correction in open space, where none in a hundred is above 0, and in battle.
    correction_max_units: [RangeInclusive<f64>; 2],
    /// One snapshot in a hundred corrects the own ship by more, in battle. A client cannot predict hits on its own
    /// ship, least of all hits that are judged by an attacker's view that is older than its own.
    battle_p99_units: RangeInclusive<f64>,
    rollback_p99_ticks: RangeInclusive<f64>,
    lead_ticks: RangeInclusive<f64>,
    starved_percent: RangeInclusive<f64>,
    view_delay_ms: RangeInclusive<f64>,
    underrun_percent: RangeInclusive<f64>,
    still_percent: RangeInclusive<f64>,
}

const BOUNDS: [Bounds; 6] = [
    Bounds {
        profile: "lan",
        correction_max_units: [0.0..=0.1, 1.0..=f64::INFINITY],
        battle_p99_units: 0.0..=0.0,
        rollback_p99_ticks: 1.0..=2.0,
        lead_ticks: 0.8..=1.3,
        starved_percent: 0.0..=0.02,
        view_delay_ms: 34.0..=45.0,
        underrun_percent: 0.0..=0.02,
        still_percent: 0.0..=0.0,
    },
    Bounds {
        profile: "home",
        correction_max_units: [0.0..=12.0, 1.0..=f64::INFINITY],
        battle_p99_units: 0.0..=0.0,
        rollback_p99_ticks: 2.0..=4.0,
        lead_ticks: 0.9..=1.5,
        starved_percent: 0.0..=0.2,
        view_delay_ms: 50.0..=80.0,
        underrun_percent: 0.0..=0.4,
        still_percent: 0.0..=0.0,
    },
    // A train loses everything for a second in fifteen.
    Bounds {
        profile: "4g-train",
        correction_max_units: [5.0..=f64::INFINITY, 5.0..=f64::INFINITY],
        battle_p99_units: 0.0..=8.0,
        rollback_p99_ticks: 7.0..=12.0,
        lead_ticks: 2.8..=4.5,
        starved_percent: 1.0..=6.0,
        view_delay_ms: 220.0..=320.0,
        underrun_percent: 1.0..=7.0,
        still_percent: 1.0..=5.0,
    },
    Bounds {
        profile: "hotel",
        correction_max_units: [0.0..=12.0, 5.0..=f64::INFINITY],
        battle_p99_units: 0.0..=5.0,
        rollback_p99_ticks: 8.0..=12.0,
        lead_ticks: 3.6..=5.0,
        starved_percent: 0.005..=0.4,
        view_delay_ms: 220.0..=245.0,
        underrun_percent: 0.0..=0.25,
        still_percent: 0.0..=0.0,
    },
    Bounds {
        profile: "satellite",
        correction_max_units: [0.0..=0.1, 5.0..=f64::INFINITY],
        battle_p99_units: 0.5..=11.0,
        rollback_p99_ticks: 20.0..=28.0,
        lead_ticks: 1.0..=2.3,
        starved_percent: 0.0..=0.1,
        view_delay_ms: 345.0..=375.0,
        underrun_percent: 0.0..=0.05,
        still_percent: 0.0..=0.0,
    },
    Bounds {
        profile: "bad",
        correction_max_units: [0.0..=12.0, 5.0..=f64::INFINITY],
        battle_p99_units: 0.0..=5.0,
        rollback_p99_ticks: 8.0..=12.0,
        lead_ticks: 3.6..=5.0,
        starved_percent: 0.005..=0.4,
        view_delay_ms: 220.0..=245.0,
        underrun_percent: 0.0..=0.1,
        still_percent: 0.0..=0.0,
    },
];

/// Whether this kind of link has bounds.
#[must_use]
pub fn is_bounded(feel: &Feel) -> bool {
    BOUNDS.iter().any(|bounds| bounds.profile == feel.profile)
}

/// The checks that failed: hashes, the usual correction and, if the play was long enough, every value out of the
/// profile's bounds, where the profile has bounds.
#[must_use]
pub fn broken(feel: &Feel) -> Vec<String> {
    let ticks = f64::from(feel.clients * feel.seconds * Arena::RULES.tick_rate_hz);
    let [p50, p99, max] = [feel.correction_units.p50, feel.correction_units.p99, feel.correction_units.max];
    let scene = usize::from(feel.scene == BATTLE);
    let mut found = vec![
        ("hashes that differ", feel.hash_mismatches as f64, 0.0..=0.0),
        ("hashes compared per tick", feel.hashes_compared as f64 / ticks, HASHES_PER_TICK_MIN..=f64::INFINITY),
        ("usual correction, units", p50, 0.0..=0.0),
    ];
    let is_long = feel.clients * feel.seconds >= LENGTH_MIN;
    if let Some(bounds) = BOUNDS.iter().find(|bounds| is_long && bounds.profile == feel.profile) {
        let p99_bounds = [0.0..=0.0, bounds.battle_p99_units.clone()];
        found.extend([
            ("correction p99, units", p99, p99_bounds[scene].clone()),
            ("worst correction, units", max, bounds.correction_max_units[scene].clone()),
            ("replayed ticks p99", feel.rollback_ticks.p99 as f64, bounds.rollback_p99_ticks.clone()),
            ("ticks that inputs come early", feel.input_lead_ticks, bounds.lead_ticks.clone()),
            ("percent of ticks without input", feel.starved_percent, bounds.starved_percent.clone()),
            ("view delay, ms", feel.view_delay_ms, bounds.view_delay_ms.clone()),
            ("percent of frames guessed", feel.underrun_percent, bounds.underrun_percent.clone()),
            ("percent of frames standing still", feel.still_percent, bounds.still_percent.clone()),
        ]);
    }
    let own = out_of_bounds(&format!("{}, {}", feel.profile, feel.scene), found);
    own.into_iter().chain(feel.pauses.iter().flat_map(broken_pause)).collect()
}

/// The values that are out of their bounds, in words that begin with `place`.
fn out_of_bounds(place: &str, found: Vec<(&str, f64, RangeInclusive<f64>)>) -> Vec<String> {
    let is_broken = |(_, value, bounds): &(&str, f64, RangeInclusive<f64>)| !bounds.contains(value);
    let words = |(what, value, bounds): (&str, f64, RangeInclusive<f64>)| {
        let (low, high) = bounds.into_inner();
        format!("{place}: {what}: {value:.3}, not {low} to {high}")
    };
    found.into_iter().filter(is_broken).map(words).collect()
}
