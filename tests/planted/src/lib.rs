//! Games with one mistake each, as small as they can be: every check has to find its own.
//!
//! For WebAssembly this crate is a module that plays the demo games and two of these from seeds. One module for all is
//! compiled and linked once, where each game's own module would be linked by itself.

mod games;

pub use games::{Counter, Forgetful, Hidden, NoNumber, Order, Remembering, Sine};

#[cfg(target_family = "wasm")]
mod module {
    use super::{Forgetful, Sine};
    use tickwire_games::{Arena, Crowd, Paddles, Swarm, Tumble};

    tickwire_client::export_runs!(Paddles, Arena, Swarm, Crowd, Tumble, Sine, Forgetful);
}
