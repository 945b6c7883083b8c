//! Writes the scripts and types of the demo games: `describe FOLDER` leaves `NAME.js` and `NAME.d.ts` of each game
//! there, and `games.js` with the list of them.

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire_client::describe::{Description, write};

macro_rules! descriptions {
    ($($game:ty),*) => { [$(Description::of::<$game>()),*] };
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return refuse("usage: describe FOLDER");
    };
    match write(&folder, &tickwire_games::for_each_page_game!(descriptions)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error.to_string()),
    }
}

fn refuse(message: &str) -> ExitCode {
    // Nothing is left to do when even the message cannot be written.
    let _ = writeln!(stderr(), "{message}");
    ExitCode::FAILURE
}
