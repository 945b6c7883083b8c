//! Autopsies for people: the fields on which a server and a client disagreed, and the side that this machine agrees
//! with.

use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use tickwire::Game;
use tickwire::Tick;
use tickwire::determinism::behaviour::behaviour_hash;
use tickwire::lockstep::{Received, Replay, TickInputsCodec};
use tickwire::message::control::fingerprint;
use tickwire::state::Schema;
use tickwire::wire::Reader;
use tickwire::world::diff::{Reading, path};
use tickwire::world::snapshot::Snapshot;
use tickwire_server::room::{AUTOPSY_FORMAT, Autopsy};

/// Ticks whose inputs are printed.
const TICKS_PRINTED: u32 = 12;

/// An autopsy in words; `G` is the game that the autopsy names.
///
/// # Errors
/// When the autopsy is of another format, or of another build of the game.
pub fn explain<G: Game>(autopsy: &Autopsy) -> Result<String> {
    ensure!(autopsy.format == AUTOPSY_FORMAT, "format {} is not {AUTOPSY_FORMAT}", autopsy.format);
    let mut out = head(autopsy);
    let here = format!("{:016x}", behaviour_hash::<G>());
    let known =
        |side: &str| if side == here { "plays as this build does" } else { "PLAYS DIFFERENTLY FROM THIS BUILD" };
    writeln!(out, "\n  server  {:24} {}", autopsy.server.build, known(&autopsy.server.behaviour_hash))?;
    writeln!(out, "  client  {:24} {}", autopsy.client.build, known(&autopsy.client.behaviour_hash))?;
    writeln!(out, "\n  {:40} {:>28} {:>28}", "first difference", "server", "client")?;
    for difference in &autopsy.differences {
        writeln!(out, "  {:40} {:>28} {:>28}", difference.path, difference.server, difference.client)?;
    }
    if autopsy.more {
        writeln!(out, "  … and more")?;
    }
    inputs(autopsy, &mut out)?;
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

fn inputs(autopsy: &Autopsy, out: &mut String) -> Result<()> {
    let from = autopsy.tick.saturating_sub(TICKS_PRINTED - 1);
    let told = autopsy.inputs.iter().filter(|input| input.tick >= from).collect::<Vec<_>>();
    if told.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n  {:>8}  {:>4}  input", "tick", "seat")?;
    for input in told {
        let words = if input.input.is_empty() { "nothing" } else { &input.input };
        writeln!(out, "  {:>8}  {:>4}  {words}", input.tick, input.seat)?;
    }
    Ok(())
}

/// Simulates the tick again on this machine, and tells which side's world comes out.
fn run_again<G: Game>(autopsy: &Autopsy, replay: &str) -> Result<String> {
    let fingerprint = format!("{:016x}", fingerprint::<G>());
    if fingerprint != autopsy.fingerprint {
        return Ok(format!("\n  It cannot be run again: this build has fingerprint {fingerprint}.\n"));
    }
    let (schema, bytes) = (Schema::of::<G>(), unhex(replay).context("the replay is not hexadecimal")?);
    let codec = TickInputsCodec::<G::Input>::new(G::RULES.hash_ticks());
    let newest = Tick(autopsy.tick);
    let Received { start, known_ticks } = codec.decode(&schema, None, newest, Reader::new(&bytes))?;
    let start = start.context("the replay begins with a world")?;
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
        writeln!(out, "  {:40} {verdict}", difference.path)?;
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

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| Some(digit.to_digit(16)? as u8)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
