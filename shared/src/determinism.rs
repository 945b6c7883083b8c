//! Determinism as a property that can be checked: the same seed and inputs give the same worlds, bit for bit.
//!
//! [`sync_test`] hunts, on one machine, for the causes that make a game disagree with itself, and names the field. One
//! test is enough:
//!
//! ```
//! use tickwire::determinism::{Policy, sync_test};
//! # use tickwire::{Game, Input, Leave, Rules, Seat, State, Step};
//! # #[derive(State, Clone, Default)]
//! # struct MyGame {
//! #     #[state(range = 0.0..=9.0, step = 0.5)]
//! #     x: f32,
//! # }
//! # #[derive(Input, Clone, Copy, Default, PartialEq)]
//! # struct Push {
//! #     #[input(range = -1..=1)]
//! #     x: i8,
//! # }
//! # impl Game for MyGame {
//! #     type Input = Push;
//! #     type Event = ();
//! #     type Options = ();
//! #     const RULES: Rules = Rules::new("mine", 30);
//! #     fn new(_: &()) -> Self {
//! #         Self::default()
//! #     }
//! #     fn join(&mut self, _: Seat) {}
//! #     fn leave(&mut self, _: Seat, _: Leave) {}
//! #     fn step(&mut self, tick: &mut Step<'_, Self>) {
//! #         for seat in tick.seats() {
//! #             self.x += f32::from(tick.input(seat).x);
//! #         }
//! #     }
//! # }
//!
//! // In a test of yours:
//! match sync_test::<MyGame>(&Policy::default()) {
//!     Ok(played) => assert!(played.unpredictable.is_empty(), "{played}"),
//!     Err(divergence) => panic!("{divergence}"),
//! }
//! ```
//!
//! The test also plays the client's side of the game, and [`Played::unpredictable`] names the fields that a client shows
//! as it predicts them but can never predict: they are computed from hidden fields, or by the room's dice. The test
//! passes all the same, because such a field is no desync. It is corrected with each snapshot, though, and players see
//! that.
//!
//! [`Playthrough`] gives one hash per tick, to compare machines, builds and hosts; a [`Run`] is one without the game's
//! type. The tool `determinism` of an author's game compares them, because a `std` sine agrees with itself on one
//! machine.

pub mod behaviour;
mod client_side;
mod divergence;
mod playthrough;
mod run;
mod script;
mod sync_test;
mod unpredictable;

pub use divergence::{Check, Divergence};
pub use playthrough::{Playthrough, hashes};
pub use run::Run;
pub use script::{Script, Turn};
pub use sync_test::{Played, Policy, sync_test, sync_test_with};
pub use unpredictable::{Unknown, Unpredictable};
