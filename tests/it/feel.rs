//! How it feels, held to bounds: what `cargo feel` measures, for every kind of link, on a small scale.

use tickwire::link::{LinkProfile, PROFILES};
use tickwire_bench::feel::{Feel, Scene, Size, measure};

/// Half a ship's length, in units.
const HALF_SHIP_UNITS: f64 = 12.0;

/// What a profile may show at the most.
struct Bounds {
    /// One in a hundred snapshots corrects the own ship by more, in open space and in battle.
    correction_p99_units: [f64; 2],
    rollback_ticks: u64,
    starved_percent: f64,
    view_delay_ms: f64,
    guessed_percent: f64,
    still_percent: f64,
}

/// As tight as twenty seeds allow. What is corrected in battle is hits by people whose view was not as old as one's
/// own: were shots judged in the present, next to nothing would be.
const BOUNDS: [(&str, Bounds); 5] = [
    ("lan", bounds([0.0, 0.0], 2, 0.1, 40.0, 2.0, 0.01)),
    ("home", bounds([0.0, 0.0], 4, 0.3, 65.0, 0.5, 0.01)),
    // A train loses everything for a second in fifteen.
    ("4g-train", bounds([0.0, 6.0], 12, 6.0, 240.0, 9.0, 5.0)),
    ("hotel", bounds([0.0, 4.0], 12, 0.5, 215.0, 4.0, 0.01)),
    ("satellite", bounds([0.0, 9.0], 28, 0.1, 380.0, 1.0, 0.01)),
];

const fn bounds(
    correction_p99_units: [f64; 2],
    rollback_ticks: u64,
    starved_percent: f64,
    view_delay_ms: f64,
    guessed_percent: f64,
    still_percent: f64,
) -> Bounds {
    Bounds { correction_p99_units, rollback_ticks, starved_percent, view_delay_ms, guessed_percent, still_percent }
}

fn assert_within(feel: &Feel, bounds: &Bounds) {
    let correction_units = bounds.correction_p99_units[usize::from(feel.scene == Scene::Battle.name())];
    assert_eq!(feel.correction_units.p50, 0.0, "{feel:?}");
    assert!(feel.correction_units.p99 <= correction_units, "{feel:?}");
    assert!(feel.rollback_ticks.p99 <= bounds.rollback_ticks, "{feel:?}");
    assert!(feel.starved_percent <= bounds.starved_percent, "{feel:?}");
    assert!(feel.view_delay_ms <= bounds.view_delay_ms, "{feel:?}");
    assert!(feel.underrun_percent <= bounds.guessed_percent, "{feel:?}");
    assert!(feel.still_percent <= bounds.still_percent, "{feel:?}");
    assert!(feel.hashes_compared > 1_000, "{feel:?}");
    assert_eq!(feel.hash_mismatches, 0, "{feel:?}");
}

#[test]
fn every_kind_of_link_is_played_over_within_its_bounds() {
    let size = Size { rooms: 2, players: 4, seconds: 40 };
    for (name, bounds) in &BOUNDS {
        let link = LinkProfile::named(name).expect("every profile has its bounds");
        for scene in Scene::ALL {
            assert_within(&measure(name, link, scene, size, 7), bounds);
        }
    }
    assert!(PROFILES.iter().all(|(name, _)| BOUNDS.iter().any(|(known, _)| known == name)));
}

#[test]
fn a_bad_link_is_not_noticed_in_open_space() {
    let link = LinkProfile { latency_ms: 100, jitter_ms: 30, stall_percent: 2, ..LinkProfile::default() };
    let feel = measure("100 ± 30 ms, 2 %", link, Scene::Open, Size { rooms: 3, players: 4, seconds: 120 }, 3);
    assert!(feel.correction_units.max < HALF_SHIP_UNITS, "{feel:?}");
    assert_within(&feel, &bounds([0.0, 0.0], 12, 0.5, 215.0, 4.0, 0.01));
}
