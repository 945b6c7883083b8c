//! The tools of several games, with another default than the first.

use tickwire_games::{Arena, Paddles};
use tickwire_tools::cli::Extras;

tickwire_tools::main!(Arena, Paddles; Extras { default_game: Some("paddles"), ..Extras::default() });
