//! Determinism across machines: every demo game natively, in node and in browsers of three engines.
//!
//! This crate is built twice: as a module of WebAssembly that plays games from seeds, and natively, to play the same
//! games and drive the hosts of the module. `cargo determinism` is its program; the tests of node and of the browser
//! call the same [`compare`](compare::compare).
//!
//! | module | contents |
//! | --- | --- |
//! | [`games`] | the list of games, without their types |
//! | [`planted`] | games with one mistake each, which must be found |
//! | [`module`] | the functions that JavaScript can call |
//! | `hosts` | node and browsers, with the module in them |
//! | `compare` | the hashes of every tick, and an autopsy of the first that differs |

#[cfg(not(target_family = "wasm"))]
pub mod compare;
pub mod games;
#[cfg(not(target_family = "wasm"))]
pub mod hosts;
pub mod module;
pub mod planted;
