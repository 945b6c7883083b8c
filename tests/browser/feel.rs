//! The feel of the game in a real browser, on a small scale: the same promises that `cargo feel -- --browser` checks
//! over minutes.

use crate::serving::Serving;
use tickwire::link::LinkProfile;
use tickwire_bench::feel::browser::{Seen, Sitting, watch};

/// Half a ship's length, in units.
const HALF_SHIP_UNITS: f64 = 12.0;

#[tokio::test]
async fn a_key_on_a_bad_link_moves_the_ship_in_the_very_next_frame_and_hardly_anything_is_corrected() {
    let serving = Serving::start();
    let link = LinkProfile { latency_ms: 100, jitter_ms: 30, stall_percent: 2, ..LinkProfile::default() };
    // A machine that stands still for a moment spoils a sitting; what the page does wrong is wrong in each.
    let mut wrong = Vec::new();
    while wrong.len() < 3 {
        match watch(serving.address(), link, Sitting { presses: 4, seconds: 20 }).await {
            Ok(seen) => {
                assert!(seen.hashes_compared > 500 && seen.hash_mismatches == 0, "{seen:?}");
                assert!(seen.rtt_ms > 80.0, "the link is as bad as the test asked for: {seen:?}");
                if is_good(&seen) {
                    return;
                }
                wrong.push(format!("{seen:?}"));
            }
            Err(error) => wrong.push(format!("{error:#}")),
        }
    }
    panic!("{wrong:#?}");
}

/// Whether the promises were kept. The share of underruns is below 0.1 % over minutes; in so short a sitting one held-up
/// frame of a busy machine weighs as much.
fn is_good(seen: &Seen) -> bool {
    let Seen { frames_to_move, correction_units, frames, underrun_percent, still_percent, .. } = seen;
    *frames_to_move == [1; 4]
        && correction_units.p50 == 0.0
        && correction_units.p99 < HALF_SHIP_UNITS
        && *frames > 200
        && *underrun_percent < 2.0
        && *still_percent < 0.5
}
