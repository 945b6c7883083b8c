//! The feel of the game in a real browser, on a small scale: the same promises that `cargo feel -- --browser` checks
//! over minutes.

use crate::serving::Serving;
use tickwire::link::LinkProfile;
use tickwire_bench::feel::browser::{Sitting, watch};

/// Half a ship's length, in units.
const HALF_SHIP_UNITS: f64 = 12.0;

#[tokio::test]
async fn a_key_on_a_bad_link_moves_the_ship_in_the_very_next_frame_and_hardly_anything_is_corrected() {
    let serving = Serving::start();
    let link = LinkProfile { latency_ms: 100, jitter_ms: 30, stall_percent: 2, ..LinkProfile::default() };
    let seen = watch(serving.address(), link, Sitting { presses: 4, seconds: 20 }).await.expect("the page is played");
    assert_eq!(seen.frames_to_move, [1; 4], "{seen:?}");
    assert_eq!(seen.correction_units.p50, 0.0, "{seen:?}");
    assert!(seen.correction_units.p99 < HALF_SHIP_UNITS, "{seen:?}");
    // The share of underruns is below 0.1 % over minutes; in so short a run one held-up frame of a busy machine weighs
    // as much.
    assert!(seen.frames > 200 && seen.underrun_percent < 2.0, "{seen:?}");
    assert!(seen.still_percent < 0.5, "{seen:?}");
    assert!(seen.rtt_ms > 80.0, "the link is as bad as the test asked for: {seen:?}");
    assert!(seen.hashes_compared > 500 && seen.hash_mismatches == 0, "{seen:?}");
}
