//! The browser client: the only code that names `wasm_bindgen`.
//!
//! JavaScript carries bytes, times and keys in, and bytes, a picture, sounds and words out; everything in
//! between is [`tickwire::client::Session`]. A studio's own client is a `cdylib` crate of one line:
//!
//! ```
//! # use tickwire_games::Paddles as MyGame;
//! tickwire_client::export!(MyGame);
//! # fn main() {}
//! ```
//!
//! with `tickwire-client = { default-features = false }`, so that the demo games stay out of it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`client`] | the class that the page drives, and the bad network between the two |
//! | `player`, `press_latch` | a session and its stage, without the game's type; presses shorter than a tick |
//! | [`preview`] | the match that bots play in the lobby |
//! | [`registry`] | which games there are; `export!` fills it |
//! | `notice`, `report`, `json`, `options` | the data that the page receives, and the options that it gives |
//! | [`qr`] | a link as a code for a phone's camera |
//!
//! Leaves out: sockets, frames, canvas, sound and keys. They are in `web/`.

pub mod client;
mod console;
mod json;
mod notice;
mod options;
mod player;
mod press_latch;
pub mod preview;
pub mod qr;
pub mod registry;
mod report;

#[cfg(test)]
mod dot;

pub use client::Client;
pub use preview::Preview;
#[doc(hidden)]
pub use wasm_bindgen;

/// Makes games playable from JavaScript: `export!(Paddles, Arena);`, once in a `cdylib` crate.
///
/// JavaScript cannot call generic code, so every game becomes an entry of the [`registry`] when the module
/// starts; the exported classes find it there by the name in its rules.
#[macro_export]
macro_rules! export {
    ($($game:ty),+ $(,)?) => {
        const _: () = {
            #[$crate::wasm_bindgen::prelude::wasm_bindgen(start, private, wasm_bindgen = $crate::wasm_bindgen)]
            fn start() {
                $crate::registry::register(&[$($crate::registry::Entry::of::<$game>()),+]);
            }
        };
    };
}

#[cfg(feature = "demo")]
tickwire_games::for_each_page_game!(export);
