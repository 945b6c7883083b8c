//! `bytes`: the bytes of a game, field by field, and the budget that they are held to.

use crate::bytes::{Budget, Plan, measure, render, render_budget};
use crate::options::{game_options, room_option};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire::Game;

/// The options of the measurement.
#[derive(Debug, Args)]
pub struct Options {
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
    /// The most that a delta and its fields may take, in bytes of a mean delta: a file with JSON, or JSON such as
    /// '{ "delta": 40, "ships.at": 6.0 }'. Whatever is over it is an error.
    #[arg(long, value_name = "FILE|JSON")]
    budget: Option<String>,
    /// Writes the report to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Measures, prints, and compares with the budget.
///
/// # Errors
/// When the options do not fit the game, and when the budget cannot be read or names a field that the game has not.
pub fn run<G: Game>(args: &Options) -> Result<ExitCode> {
    let seats = G::RULES.seats;
    let players = args.players.unwrap_or(seats);
    ensure!((1..=seats).contains(&players), "a room of {} has 1 to {seats} players", G::RULES.name);
    // A budget that cannot be read is known before anything is played.
    let budget = args.budget.as_deref().map(Budget::read).transpose()?;
    let report =
        measure::<G>(&game_options::<G>(&args.options)?, &Plan { rooms: args.rooms, players, seconds: args.seconds });
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let mut out = stdout().lock();
    write!(out, "\n{}", render(&report))?;
    let Some(budget) = budget else { return Ok(ExitCode::SUCCESS) };
    let lines = budget.compare(&report)?;
    write!(out, "\n{}", render_budget(&lines))?;
    Ok(if lines.iter().any(|line| line.is_over()) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
