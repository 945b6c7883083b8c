//! `tickwire journal`: the content of a data folder, in words, and whether a server may use it. To read the content
//! changes nothing in the folder, and a server may use it meanwhile.

use super::{CliError, Program, say};
use crate::config::Config;
use crate::game_panic;
use crate::games::OfferedGame;
use crate::journal::{Folder, Found, FoundRoom, RoomVerdict, Torn, look};
use crate::room::{Kept, RoomLimits};
use crate::room_header::{GameChange, RoomHeader, take_header};
use crate::server::Server;
use clap::Subcommand;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum JournalAction {
    /// Lists the rooms that a server would go on with.
    Ls {
        /// The data folder.
        folder: PathBuf,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Plays what was recorded of every room again, and compares the worlds with those that were. The exit code is 1 when
    /// one differs, cannot be read, or is damaged.
    Verify {
        /// The data folder.
        folder: PathBuf,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tells everything about one room.
    Explain {
        /// The data folder.
        folder: PathBuf,
        /// The code of the room, or its number.
        room: String,
    },
    /// Says whether a server could use the folder now; if not, it says why and the exit code is 2. A folder that is missing
    /// is made.
    Check {
        /// The data folder.
        folder: PathBuf,
    },
}

/// A room of the folder, in words.
struct Line {
    id: u64,
    code: String,
    game: String,
    tick: u32,
    world: Option<u32>,
    replayed: usize,
    bytes: usize,
    state: &'static str,
    missing: u32,
}

/// The outcome of playing a room again.
enum Outcome {
    Same,
    DiffersAt(u32),
    Fault(String),
}

pub(super) fn run(program: &Program, action: &JournalAction) -> Result<(), CliError> {
    match action {
        JournalAction::Ls { folder, json } => {
            let found = read(folder)?;
            let lines: Vec<Line> = found.rooms.iter().map(line_of).collect();
            say(&if *json { list_json(&found, &lines) } else { list(&found, &lines) })
        }
        JournalAction::Verify { folder, json } => verify(program, folder, *json),
        JournalAction::Explain { folder, room } => explain(program, folder, room),
        JournalAction::Check { folder } => Folder::check(folder).map_err(CliError::Journal),
    }
}

fn read(folder: &Path) -> Result<Found, CliError> {
    look(folder).map_err(CliError::Journal)
}

/// The header of a room, wherever it is.
fn header_of(room: &FoundRoom) -> Option<RoomHeader> {
    let of_world = room.world.as_ref().and_then(|(_, world)| take_header(world).ok()).map(|(header, _)| header);
    RoomHeader::parse(of_world.or(room.header.as_deref())?).ok()
}

fn line_of(room: &FoundRoom) -> Line {
    let header = header_of(room);
    let text = |of: Option<String>| of.unwrap_or_else(|| "?".into());
    let (state, missing) = match room.verdict {
        RoomVerdict::Whole => ("whole", 0),
        RoomVerdict::RolledBack { ticks } => ("ticks lost", ticks),
        RoomVerdict::EndsInDamage => ("damaged end", 0),
        RoomVerdict::Quarantined => ("unusable", 0),
    };
    let ticks: usize = room.ticks.iter().map(|(_, record)| record.len()).sum();
    Line {
        id: room.room.0,
        code: text(header.as_ref().map(RoomHeader::code_text)),
        game: text(header.as_ref().map(RoomHeader::game_text)),
        tick: room.last().0,
        world: room.world.as_ref().map(|(tick, _)| tick.0),
        replayed: room.ticks.len(),
        bytes: ticks + room.world.as_ref().map_or(0, |(_, world)| world.len()),
        state,
        missing,
    }
}

fn list(found: &Found, lines: &[Line]) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<14} {:<7} {:<12} {:>9} {:>9} {:>6} {:>8}  state",
        "room", "code", "game", "tick", "world", "ticks", "bytes"
    );
    for Line { id, code, game, tick, world, replayed, bytes, state, missing } in lines {
        let world = world.map_or_else(|| "none".into(), |tick| tick.to_string());
        let lost = if *missing > 0 { format!(", {missing} of them") } else { String::new() };
        let _ =
            writeln!(out, "{id:<14} {code:<7} {game:<12} {tick:>9} {world:>9} {replayed:>6} {bytes:>8}  {state}{lost}");
    }
    let _ = writeln!(out, "{} rooms, {} have ended", lines.len(), found.closed.len());
    put_damage(found, &mut out);
    out
}

fn put_damage(found: &Found, out: &mut String) {
    for torn in &found.torn {
        let _ = writeln!(out, "{torn}");
    }
    for damage in &found.damaged {
        let _ = writeln!(out, "{damage}");
    }
}

fn list_json(found: &Found, lines: &[Line]) -> String {
    let rooms: Vec<Value> = lines.iter().map(json_of).collect();
    let damaged: Vec<String> = found.damaged.iter().map(ToString::to_string).collect();
    let torn: Vec<Value> = found.torn.iter().map(|Torn { path, at }| json!({ "path": path, "at": at })).collect();
    format!("{}\n", json!({ "rooms": rooms, "ended": found.closed.len(), "torn": torn, "damaged": damaged }))
}

fn json_of(line: &Line) -> Value {
    let Line { id, code, game, tick, world, replayed, bytes, state, missing } = line;
    json!({
        "room": id, "code": code, "game": game, "tick": tick, "world": world, "ticks_after_world": replayed,
        "bytes": bytes, "state": state, "ticks_lost": missing,
    })
}

/// The games of the program.
fn games_of(program: &Program) -> Vec<OfferedGame> {
    let config = Config { benchmark_games: true, ..Config::default() };
    (program.offer)(Server::new(config)).into_games()
}

/// Plays a room again.
fn play_again(games: &[OfferedGame], room: &FoundRoom) -> Outcome {
    let Some(header) = header_of(room) else { return Outcome::Fault("its header cannot be read".into()) };
    let wanted = match header.wanted(games) {
        Ok(wanted) => wanted,
        Err(fault) => return Outcome::Fault(fault.to_string()),
    };
    let world = room.world.as_ref().and_then(|(_, world)| take_header(world).ok()).map(|(_, rest)| rest);
    let plan = header.plan(RoomLimits::default(), 0);
    let kept = Kept { world, ticks: &room.ticks };
    let change = match header.change_of(&games[wanted.game]) {
        Ok(change) => change,
        Err(fault) => return Outcome::Fault(fault.to_string()),
    };
    match game_panic::catch(|| (games[wanted.game].revive)(&plan, kept, change.former_shape())) {
        Ok(Ok(revived)) => revived.differs_at.map_or(Outcome::Same, |tick| Outcome::DiffersAt(tick.0)),
        Ok(Err(fault)) => Outcome::Fault(fault.to_string()),
        Err(panic) => Outcome::Fault(format!("the game has panicked: {}", panic.brief())),
    }
}

fn verify(program: &Program, folder: &Path, as_json: bool) -> Result<(), CliError> {
    let (found, games) = (read(folder)?, games_of(program));
    let (mut out, mut rooms, mut faults) = (String::new(), Vec::new(), 0);
    for room in &found.rooms {
        let line = line_of(room);
        let (words, is_same) = match play_again(&games, room) {
            Outcome::Same => (format!("the same, {} ticks played again", line.replayed), true),
            Outcome::DiffersAt(tick) => (format!("DIFFERS from tick {tick} on"), false),
            Outcome::Fault(fault) => (format!("CANNOT GO ON: {fault}"), false),
        };
        let is_sound = is_same && line.state == "whole";
        faults += usize::from(!is_sound);
        let _ = writeln!(out, "{} {} ({}, {}): {words}", line.id, line.code, line.game, line.state);
        let mut value = json_of(&line);
        value["outcome"] = words.into();
        value["is_sound"] = is_sound.into();
        rooms.push(value);
    }
    faults += found.damaged.len();
    let _ = writeln!(out, "{} rooms, {} faults", found.rooms.len(), faults);
    put_damage(&found, &mut out);
    say(&if as_json { format!("{}\n", json!({ "rooms": rooms, "faults": faults })) } else { out })?;
    if faults == 0 { Ok(()) } else { Err(CliError::JournalFaults(faults)) }
}

/// The change of a room's game in this program, in words.
fn change_of(header: &RoomHeader, games: &[OfferedGame]) -> String {
    let change = header.wanted(games).and_then(|wanted| {
        let game = &games[wanted.game];
        header.change_of(&OfferedGame { behaviour: game_panic::catch(game.play).unwrap_or(0), ..game.clone() })
    });
    change.map_or_else(
        |fault| fault.to_string(),
        |change| match change {
            GameChange::None => "the same as in this program".into(),
            GameChange::Rules => "plays another match of bots in this program: its rules may have changed".into(),
            GameChange::Fields(_) => "has other fields in this program".into(),
        },
    )
}

fn explain(program: &Program, folder: &Path, wanted: &str) -> Result<(), CliError> {
    let found = read(folder)?;
    let is_meant = |room: &&FoundRoom| {
        let line = line_of(room);
        line.code.eq_ignore_ascii_case(wanted) || line.id.to_string() == wanted
    };
    let room = found.rooms.iter().find(is_meant).ok_or_else(|| CliError::NoSuchRoom { room: wanted.into() })?;
    let Line { id, code, game, tick, world, replayed, bytes, state, missing } = line_of(room);
    let (mut out, games) = (String::new(), games_of(program));
    let _ = writeln!(out, "room {id}, code {code}, game {game}");
    let _ = writeln!(out, "last tick      {tick}");
    match world {
        Some(world) => {
            let len = room.world.as_ref().map_or(0, |(_, world)| world.len());
            let _ = writeln!(out, "newest world   tick {world}, {len} bytes");
        }
        None => out.push_str("newest world   none: the room begins with its options\n"),
    }
    let records: Vec<usize> = room.ticks.iter().map(|(_, record)| record.len()).collect();
    let (least, most) = (records.iter().min().unwrap_or(&0), records.iter().max().unwrap_or(&0));
    let _ = writeln!(out, "ticks after it {replayed}, {least} to {most} bytes each, {bytes} bytes in all");
    let _ = writeln!(out, "state          {state}{}", if missing > 0 { format!(": {missing}") } else { String::new() });
    if let Some(header) = header_of(room) {
        let _ = writeln!(out, "header         {}", header.to_words());
        let _ = writeln!(out, "its game       {}", change_of(&header, &games));
    }
    let _ = writeln!(
        out,
        "played again   {}",
        match play_again(&games, room) {
            Outcome::Same => "the same worlds".into(),
            Outcome::DiffersAt(tick) => format!("another world from tick {tick} on: the game's code has changed since"),
            Outcome::Fault(fault) => format!("not possible: {fault}"),
        }
    );
    say(&out)
}
