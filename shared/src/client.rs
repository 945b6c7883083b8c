//! The client session, without a socket or a clock: used by the browser, the bots and the tests.
//!
//! Bytes and microseconds go in, bytes and a world to show come out. In snapshot mode the server sends the world, the
//! client predicts its own rows, and it shows all other rows between two snapshots:
//!
//! ```text
//!            ┌→ head → Timing: the tick to make inputs for ─┐
//! message ───┤                     own input ───────────────┴→ input frame → server
//!            │                         ↓
//!            ├→ sections → Replica → Predictor (own rows, replayed from the replica) ┐
//!            │                └→ InterpolationBuffer (other rows, a moment ago) ─────┴→ view
//!            └→ events ─┐
//! predicted events ─────┴→ Events (reported once, or cancelled) → poll_event
//! ```
//!
//! In lockstep the server sends the inputs of every player, and the client plays the whole game:
//!
//! ```text
//! message ───┬→ head → Timing: the tick to make inputs for ─┐
//!            │                     own input ───────────────┴→ input frame → server
//!            │                         ↓
//!            └→ tick inputs → frames: agreed … confirmed … guessed → view
//!                               └→ Events (reported once, or cancelled) → poll_event
//! ```
//!
//! The rooms of the module:
//!
//! | module | what it holds | mode |
//! | --- | --- | --- |
//! | `session` | [`Session`]: the connection, the players in the room, the queues of messages and notices | both |
//! | `reconnect` | [`Reconnect`]: when a connection is opened, and when the client gives up | both |
//! | `link_state` | [`LinkState`]: how the connection is doing, in the words that a player is told | both |
//! | `topics` | [`Topics`]: chat, presence and lists beside the game; [`TopicClient`]: the same without a room | both |
//! | `notice` | [`Notice`]: news for the player | both |
//! | `refusal` | [`refusal_words`]: why a session is over, for the author of the game | both |
//! | `time` | [`InputClock`]: the tick that inputs are made for; the estimate of the round trip | both |
//! | `prediction` | own inputs, events and eased corrections; [`CorrectedField`]: how wrong each field was | both |
//! | | the predictor, and the spawns that it adopts | snapshots |
//! | `display` | [`InterpolationBuffer`]: the moment at which others are shown | both |
//! | | the view: predicted rows and interpolated rows in one world | snapshots |
//! | | [`ShownRows`]: the ids under which predicted rows were shown first | snapshots |
//! | `worlds` | the world of a session in the mode of its game: `snapshots` or `lockstep` | one each |
//! | | held snapshots, which wait for a corrected world | snapshots |
//! | | guesses of the others' inputs, the view, and disputes about a full state | lockstep |
//! | `stats` | [`Stats`]: the numbers that the overlay shows and the load test adds up | both |
//!
//! Only `session` follows the connection: the other rooms learn no more than that another one has begun, and `topics`
//! that it has ended. Only `worlds`
//! chooses by the mode. In lockstep the interpolation buffer holds snapshots without rows: it is there for its clock,
//! which says how far the shown moment may advance.

mod display;
mod link_state;
mod notice;
mod prediction;
mod reconnect;
mod refusal;
mod session;
mod stats;
mod time;
mod topics;
mod worlds;

pub use display::first_ids::{FirstId, ShownRows};
pub use display::interpolation_buffer::InterpolationBuffer;
pub use link_state::LinkState;
pub use notice::Notice;
pub use prediction::corrected_fields::CorrectedField;
pub use prediction::events::EventUpdate;
pub use reconnect::{Reconnect, SILENCE_US_MAX};
pub use refusal::refusal_words;
pub use session::Session;
pub use stats::Stats;
pub use time::input_clock::InputClock;
pub use topics::topic_client::TopicClient;
pub use topics::{BLOCKED_MAX, TopicNews, TopicStats, Topics};
