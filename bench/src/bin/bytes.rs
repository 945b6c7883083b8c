//! `cargo bytes`: the bytes of a game, field by field.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde_json::Value;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use tickwire::Game;
use tickwire_bench::bytes::{Plan, measure, render};
use tickwire_bench::options::room_option;
use tickwire_games::for_each_game;

/// Plays rooms of bots and measures the cost of every field of every delta.
#[derive(Debug, Parser)]
#[command(name = "bytes", version)]
struct Args {
    /// The game that is played.
    #[arg(long, default_value = "arena")]
    game: String,
    /// Options of the rooms, such as motion=erratic,entities=100.
    #[arg(long, value_delimiter = ',', value_parser = room_option, value_name = "KEY=VALUE")]
    options: Vec<(String, Value)>,
    /// Rooms, each with its own seed.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rooms: u32,
    /// Players in each room; by default all seats.
    #[arg(long)]
    players: Option<u8>,
    /// Seconds of play that are counted in each room, after ten that are not.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Writes the report to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    macro_rules! dispatch {
        ($($game:ty),*) => {
            match args.game.as_str() {
                $(name if name == <$game>::RULES.name => play::<$game>(&args),)*
                other => bail!("there is no game {other}; there are {}", tickwire_games::names().join(", ")),
            }
        };
    }
    for_each_game!(dispatch)
}

fn play<G: Game>(args: &Args) -> Result<()> {
    let seats = G::RULES.seats;
    let players = args.players.unwrap_or(seats);
    ensure!((1..=seats).contains(&players), "a room of {} has 1 to {seats} players", G::RULES.name);
    let options = match args.options.is_empty() {
        true => G::Options::default(),
        false => serde_json::from_value(args.options.iter().cloned().collect())
            .with_context(|| format!("these are no options of {}", G::RULES.name))?,
    };
    let report = measure::<G>(&options, &Plan { rooms: args.rooms, players, seconds: args.seconds });
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    write!(stdout().lock(), "\n{}", render(&report))?;
    Ok(())
}
