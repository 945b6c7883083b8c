//! The client's work on every snapshot, measured: the same code natively and in WebAssembly, on the same recording.
//!
//! | piece | timed work |
//! | --- | --- |
//! | [`apply`] | applying a delta of `crowd`, over 300 rooms in turn |
//! | [`replay`] | one client's replay of arena from the newest snapshot |
//!
//! The recordings come from real rooms, made by the command around this (`cargo wasm-bench`): the encoder and the room
//! are not in this module. None of this code is in the page either. The digest of the resulting worlds must be the same
//! on every host.

pub mod apply;
mod clock;
pub mod recording;
pub mod replay;

use serde::{Deserialize, Serialize};
use tickwire::wire::{DecodeError, Reader};

/// The results of one host in microseconds. Each is the shortest of all passes, because any other load on a machine
/// only adds time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Applying a delta of steady `crowd`: the mean of a tick of all rooms, tick by tick.
    pub steady_us: Vec<f64>,
    /// Applying a delta of erratic `crowd`: the mean of a tick of all rooms, tick by tick.
    pub erratic_us: Vec<f64>,
    /// Replays of arena, one by one.
    pub replay_us: Vec<f64>,
    /// Digest of the resulting worlds.
    pub digest: u32,
}

impl Findings {
    /// Keeps the shorter of each two times.
    pub fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.steady_us, &other.steady_us),
            (&mut self.erratic_us, &other.erratic_us),
            (&mut self.replay_us, &other.replay_us),
        ];
        for (mine, theirs) in pairs {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| keep_shorter(mine, *theirs));
        }
    }
}

pub(crate) const fn keep_shorter(kept: &mut f64, us: f64) {
    if us < *kept {
        *kept = us;
    }
}

/// Works through a recording this many times.
///
/// # Errors
/// [`DecodeError`] for bytes that are no recording of this version.
pub fn measure(recording: &[u8], passes: u32) -> Result<Findings, DecodeError> {
    let mut reader = Reader::new(recording);
    let (steady_us, steady) = apply::measure(&mut reader, passes)?;
    let (erratic_us, erratic) = apply::measure(&mut reader, passes)?;
    let (replay_us, replayed) = replay::measure(&mut reader, passes)?;
    reader.finish()?;
    let digest = steady.wrapping_mul(31).wrapping_add(erratic).wrapping_mul(31).wrapping_add(replayed);
    Ok(Findings { steady_us, erratic_us, replay_us, digest })
}

/// The same for JavaScript, which receives [`Findings`] as JSON.
#[cfg(target_family = "wasm")]
#[wasm_bindgen::prelude::wasm_bindgen(js_name = measure)]
pub fn measure_for_js(recording: &[u8], passes: u32) -> Result<String, wasm_bindgen::JsError> {
    Ok(serde_json::to_string(&measure(recording, passes)?)?)
}
