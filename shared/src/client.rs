//! The client session, without a socket or a clock: used by the browser, the bots and the tests.
//!
//! Bytes and microseconds go in, bytes and a world to show come out:
//!
//! ```text
//! frame → Mirror (what the server says) → Predictor (own rows, replayed from there) ┐
//!                     └→ Playout (a moment ago, between two snapshots) ─────────────┴→ view
//! ```

mod display;
mod prediction;
mod reconnect;
mod session;
mod stats;
mod time;
mod worlds;

pub use display::interpolation_buffer::InterpolationBuffer;
pub use prediction::events::EventUpdate;
pub use reconnect::{Reconnect, SILENCE_US_MAX};
pub use session::{Notice, Session};
pub use stats::Stats;
pub use time::input_clock::InputClock;
