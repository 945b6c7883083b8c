//! The client session, without a socket or a clock: used by the browser, the bots and the tests.
//!
//! Bytes and microseconds go in, bytes and a world to show come out:
//!
//! ```text
//! frame → Mirror (what the server says) → Predictor (own rows, replayed from there) ┐
//!                     └→ Playout (a moment ago, between two snapshots) ─────────────┴→ view
//! ```

mod clock;
mod dial;
mod ease;
mod events;
mod lockstep;
mod playout;
mod predict;
mod quarantine;
mod round_trip;
mod session;
mod snapshots;
mod spawns;
mod stats;
mod view;
mod worlds;

pub use clock::InputClock;
pub use dial::{Dial, SILENCE_US_MAX};
pub use events::Happening;
pub use playout::{Moment, Playout};
pub use session::{Notice, Session};
pub use stats::Stats;
pub use view::blend;
pub(crate) use view::{play_rows, predicts_leaf, predicts_row};
