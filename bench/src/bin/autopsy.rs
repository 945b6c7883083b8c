//! `cargo autopsy FILE`: prints the fields on which a server and a client disagreed, and simulates the tick again here.

use anyhow::{Context, Result, bail};
use clap::Parser;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use tickwire::Game;
use tickwire_bench::autopsy::explain;
use tickwire_games::for_each_game;
use tickwire_server::room::Autopsy;

/// Prints an autopsy that a server has written, and simulates its tick again.
#[derive(Debug, Parser)]
#[command(name = "autopsy", version)]
struct Args {
    /// A file from the server's folder of autopsies.
    file: PathBuf,
}

fn main() -> Result<()> {
    let Args { file } = Args::parse();
    let text = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let autopsy: Autopsy =
        serde_json::from_slice(&text).with_context(|| format!("{} is no autopsy", file.display()))?;
    macro_rules! dispatch {
        ($($game:ty),*) => {
            match autopsy.game.as_str() {
                $(name if name == <$game>::RULES.name => explain::<$game>(&autopsy),)*
                other => bail!("{} is of the game {other}, which this build does not have", file.display()),
            }
        };
    }
    let words = for_each_game!(dispatch)?;
    Ok(write!(stdout().lock(), "{words}")?)
}
