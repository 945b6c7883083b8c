//! Determinism across machines: a game natively, in node and in browsers of three engines, tick by tick.
//!
//! The module of a game is that of its page, built with the feature `determinism` of `tickwire-client`: it plays the game
//! from seeds as well. [`compare`](fn@compare) plays the same game here, and finds the first tick that differs.

mod compare;
mod entry;
mod hosts;

pub use compare::{Autopsy, Plan, Trouble, Verdict, compare};
pub use entry::Entry;
pub use hosts::{EmptyPage, Host, HostError, Module, Node};
