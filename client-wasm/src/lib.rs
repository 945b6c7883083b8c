//! The browser client: the only code that names `wasm_bindgen`.
//!
//! JavaScript carries bytes, times and keys in, and bytes, a picture or a world of numbers, sounds and words out;
//! everything in between is [`tickwire::client::Session`]. A module for the browser holds one game. A crate becomes that
//! module by one line in its library, which `cargo tickwire` compiles as a `cdylib`:
//!
//! ```
//! # use tickwire_games::Paddles as MyGame;
//! #[cfg(target_family = "wasm")]
//! tickwire_client::export!(MyGame);
//! # fn main() {}
//! ```
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`client`] | the class that the page drives, and the bad network between the two |
//! | `player`, `press_latch` | a session and its stage, without the game's type; presses shorter than a tick |
//! | `columns`, `values` | the shown world, inputs and events as numbers, for pages that draw without a stage |
//! | [`preview`] | the match that bots play in the lobby |
//! | [`module`] | the game of the module; `export!` names it |
//! | `topics` | what is said beside the game |
//! | `notice`, `report`, `json`, `options` | the data that the page receives, and the options that it gives |
//! | `determinism` | with the feature of this name: the game played from seeds, to compare machines |
//! | [`qr`] | a link as a code for a phone's camera |
//!
//! Leaves out: sockets, frames, canvas, sound and keys. They are in `web/`.

pub mod client;
mod columns;
mod console;
#[cfg(feature = "determinism")]
pub mod determinism;
mod json;
pub mod module;
mod notice;
mod options;
mod player;
mod press_latch;
pub mod preview;
pub mod qr;
mod report;
mod topics;
mod values;

#[cfg(test)]
mod dot;

pub use client::Client;
pub use preview::Preview;
#[doc(hidden)]
pub use wasm_bindgen;

/// Nothing without the feature `determinism`: games that are only compared are in no other module.
#[cfg(not(feature = "determinism"))]
#[macro_export]
macro_rules! export_runs {
    ($($game:ty),+ $(,)?) => {};
}

/// Makes a game playable from JavaScript: `export!(Paddles);`, once in a crate.
///
/// JavaScript cannot call generic code, so the game becomes that of the [`module`] when the module starts, and the
/// exported classes find it there.
#[macro_export]
macro_rules! export {
    ($game:ty $(,)?) => {
        const _: () = {
            #[$crate::wasm_bindgen::prelude::wasm_bindgen(start, private, wasm_bindgen = $crate::wasm_bindgen)]
            fn start() {
                $crate::module::register::<$game>();
            }
        };
    };
}

/// The page of the package in a registry: its examples compile.
#[cfg(doctest)]
#[doc = include_str!("../CRATE.md")]
struct CratePage;
