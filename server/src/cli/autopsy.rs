//! Autopsies for people: the fields on which a server and a client disagreed, and the side that this machine agrees
//! with.

use crate::room::{AUTOPSY_FORMAT, Autopsy, ReplayFault, TickInput, unhex};
use std::fmt::Write as _;
use thiserror::Error;
use tickwire::Game;
use tickwire::Tick;
use tickwire::determinism::behaviour::behaviour_hash;
use tickwire::lockstep::{Received, Replay, TickInputsCodec};
use tickwire::message::control::fingerprint;
use tickwire::state::Schema;
use tickwire::wire::{DecodeError, Reader};
use tickwire::world::diff::{Reading, path};
use tickwire::world::snapshot::Snapshot;

/// Adds a line to a text.
macro_rules! line {
    ($out:ident, $($words:tt)*) => { writeln!($out, $($words)*).expect("writing to a string cannot fail") };
}
pub(super) use line;

/// Ticks whose inputs are printed.
const TICKS_PRINTED: u32 = 12;

/// Reasons for which an autopsy cannot be told.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ExplainError {
    /// It was written by another version of the server.
    #[error("the autopsy has format {found}, and this program reads format {AUTOPSY_FORMAT}")]
    Format {
        /// Its format.
        found: u32,
    },
    /// Its recording is not hexadecimal.
    #[error("the replay in the autopsy is not hexadecimal")]
    Digits,
    /// Its recording does not begin with a world.
    #[error("the replay in the autopsy does not begin with a world")]
    NoWorld,
    /// Its recording cannot be read.
    #[error("the replay in the autopsy cannot be read")]
    Replay(#[from] DecodeError),
    /// The tick of a failed room cannot be played again.
    #[error(transparent)]
    Failure(#[from] ReplayFault),
}

/// An autopsy in words; `G` is the game that the autopsy names.
///
/// # Errors
/// When the autopsy is of another format, or of another build of the game.
pub fn explain<G: Game>(autopsy: &Autopsy) -> Result<String, ExplainError> {
    if autopsy.format != AUTOPSY_FORMAT {
        return Err(ExplainError::Format { found: autopsy.format });
    }
    let mut out = head(autopsy);
    let here = format!("{:016x}", behaviour_hash::<G>());
    let known =
        |side: &str| if side == here { "plays as this build does" } else { "PLAYS DIFFERENTLY FROM THIS BUILD" };
    line!(out, "\n  server  {:24} {}", autopsy.server.build, known(&autopsy.server.behaviour_hash));
    line!(out, "  client  {:24} {}", autopsy.client.build, known(&autopsy.client.behaviour_hash));
    line!(out, "\n  {:40} {:>28} {:>28}", "first difference", "server", "client");
    for difference in &autopsy.differences {
        line!(out, "  {:40} {:>28} {:>28}", difference.path, difference.server, difference.client);
    }
    if autopsy.more {
        line!(out, "  … and more");
    }
    inputs(autopsy.tick, &autopsy.inputs, &mut out);
    match &autopsy.replay {
        Some(replay) => out += &run_again::<G>(autopsy, replay)?,
        None => out += "\n  It cannot be run again: there is no world in it.\n",
    }
    Ok(out)
}

fn head(autopsy: &Autopsy) -> String {
    let seat = autopsy.seat.map_or_else(|| "a spectator".into(), |seat| format!("seat {seat}"));
    let Autopsy { game, mode, tick, noticed_tick, .. } = autopsy;
    format!("\n  {game}, {mode} mode: the world of {seat} differs from tick {tick} on, noticed at {noticed_tick}\n")
}

/// Lists the inputs of the last ticks up to this one.
pub(super) fn inputs(tick: u32, all: &[TickInput], out: &mut String) {
    let from = tick.saturating_sub(TICKS_PRINTED - 1);
    let told = all.iter().filter(|input| input.tick >= from).collect::<Vec<_>>();
    if told.is_empty() {
        return;
    }
    line!(out, "\n  {:>8}  {:>4}  input", "tick", "seat");
    for input in told {
        let words = if input.input.is_empty() { "nothing" } else { &input.input };
        line!(out, "  {:>8}  {:>4}  {words}", input.tick, input.seat);
    }
}

/// Simulates the tick again on this machine, and tells which side's world comes out.
fn run_again<G: Game>(autopsy: &Autopsy, replay: &str) -> Result<String, ExplainError> {
    let fingerprint = format!("{:016x}", fingerprint::<G>());
    if fingerprint != autopsy.fingerprint {
        return Ok(format!("\n  It cannot be run again: this build has fingerprint {fingerprint}.\n"));
    }
    let (schema, bytes) = (Schema::of::<G>(), unhex(replay).ok_or(ExplainError::Digits)?);
    let codec = TickInputsCodec::<G::Input>::new(G::RULES.hash_ticks());
    let newest = Tick(autopsy.tick);
    let Received { start, known_ticks } = codec.decode(&schema, None, newest, Reader::new(&bytes))?;
    let start = start.ok_or(ExplainError::NoWorld)?;
    let mut world = Replay::<G>::new(&start.full_state);
    known_ticks.iter().for_each(|tick_inputs| world.play(tick_inputs));
    if known_ticks.is_empty() {
        return Ok(
            "\n  Both sides had agreed on this tick's world before: the client's was damaged afterwards.\n".into()
        );
    }
    let mut out = String::from("\n  run again here:\n");
    for difference in &autopsy.differences {
        let verdict = match field(&schema, &world.full_state().snapshot, &difference.path) {
            Some(value) if value == difference.server => "as the server says",
            Some(value) if value == difference.client => "as the client says",
            Some(_) => "as neither says",
            None => "not there",
        };
        line!(out, "  {:40} {verdict}", difference.path);
    }
    Ok(out)
}

/// The value of the field with this path in a world.
fn field(schema: &Schema, world: &Snapshot, wanted: &str) -> Option<String> {
    let tables = schema.tables.iter().zip(&world.tables).enumerate();
    let rows = tables.flat_map(|(table, (shape, rows))| {
        rows.ids.iter().enumerate().map(move |(index, id)| (table, shape, *id, rows.row(index)))
    });
    let mut leaves = rows.flat_map(|(table, shape, id, row)| {
        shape.leaves.iter().zip(row).enumerate().map(move |(leaf, (of, raw))| (table, id, leaf, of, *raw))
    });
    let found = leaves.find(|(table, id, leaf, ..)| path(schema, *table, *id, Some(*leaf)) == wanted);
    found.map(|(.., of, raw)| Reading::of(of, raw).to_string())
}
