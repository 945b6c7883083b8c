//! The browser client: the only code that names `wasm_bindgen`.
//!
//! JavaScript carries bytes, times and keys in, and bytes, a picture or a world of numbers, sounds and words out;
//! everything in between is [`tickwire::client::Session`]. A module for the browser holds one game. It is a `cdylib`
//! crate of one line:
//!
//! ```
//! # use tickwire_games::Paddles as MyGame;
//! tickwire_client::export!(MyGame);
//! # fn main() {}
//! ```
//!
//! The modules of the demo games are in `modules/`.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`client`] | the class that the page drives, and the bad network between the two |
//! | `player`, `press_latch` | a session and its stage, without the game's type; presses shorter than a tick |
//! | `columns`, `values` | the shown world, inputs and events as numbers, for pages that draw without a stage |
//! | [`preview`] | the match that bots play in the lobby |
//! | [`module`] | the game of the module; `export!` names it |
//! | `notice`, `report`, `json`, `options` | the data that the page receives, and the options that it gives |
//! | `describe` | a game's script and types for JavaScript and TypeScript, written by a native build step |
//! | [`qr`] | a link as a code for a phone's camera |
//!
//! Leaves out: sockets, frames, canvas, sound and keys. They are in `web/`.

pub mod client;
mod columns;
mod console;
#[cfg(not(target_arch = "wasm32"))]
pub mod describe;
mod json;
pub mod module;
mod notice;
mod options;
mod player;
mod press_latch;
pub mod preview;
pub mod qr;
mod report;
mod values;

#[cfg(test)]
mod dot;

pub use client::Client;
pub use preview::Preview;
#[doc(hidden)]
pub use wasm_bindgen;

/// Makes a game playable from JavaScript: `export!(Paddles);`, once in a `cdylib` crate.
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
