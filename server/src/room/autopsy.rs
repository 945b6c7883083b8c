//! An autopsy: what two machines disagreed about, for people to read and to run again.
//!
//! Bounded, whatever the game: so many differences, inputs of so many ticks, and the world before only if it is small
//! enough. What a client says in it is its own word.

use super::GameSchemas;
use crate::limits::{AUTOPSY_DIFFERENCES_MAX, AUTOPSY_INPUTS_MAX, AUTOPSY_REPLAY_BYTES_MAX};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use tickwire::determinism::behaviour::BUILD;
use tickwire::lockstep::TickInputs;
use tickwire::message::evidence::RowDump;
use tickwire::state::{Schema, State};
use tickwire::world::diff::{Difference, Reading};
use tickwire::{Game, Seat, Tick};

/// Changes with the layout of [`Autopsy`].
pub const AUTOPSY_FORMAT: u32 = 1;

/// One of the two machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Version, architecture and profile of the library.
    pub build: String,
    /// What the build makes of the game: see [`behaviour_hash`](tickwire::determinism::behaviour::behaviour_hash). In hexadecimal.
    pub behaviour_hash: String,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// Such as `ships[3#1].velocity.x`: table, slot, generation, field.
    pub path: String,
    /// What the server has, in the game's units and as a wire integer.
    pub server: String,
    /// What the client has.
    pub client: String,
}

/// What a player did in a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickInput {
    /// Which tick.
    pub tick: u32,
    /// Whose.
    pub seat: u8,
    /// The fields of the input that are not neutral; empty for a neutral one.
    pub input: String,
}

/// What is known of a difference between the server's world and a client's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autopsy {
    /// [`AUTOPSY_FORMAT`].
    pub format: u32,
    /// The game's name.
    pub game: String,
    /// Fingerprint of its world, input and events, in hexadecimal: whoever runs this again must have the same.
    pub fingerprint: String,
    /// `lockstep` or `snapshot`.
    pub mode: String,
    /// The client's seat; `None` for a spectator.
    pub seat: Option<u8>,
    /// The server.
    pub server: Side,
    /// The client; nothing of it is verified.
    pub client: Side,
    /// The first tick that differs.
    pub tick: u32,
    /// The tick at which it was noticed.
    pub noticed_tick: u32,
    /// What differs at the first tick, the server's and the client's.
    pub differences: Vec<FieldDifference>,
    /// Whether more differs than is told.
    pub more: bool,
    /// Why nothing is named, if nothing is.
    pub note: Option<String>,
    /// What everyone did in the ticks before, and in that one.
    pub inputs: Vec<TickInput>,
    /// The world before that tick and what was done in it, as a lockstep message in hexadecimal; `None` when it is too
    /// large, and in snapshot mode, where clients do not make ticks.
    pub replay: Option<String>,
}

/// What is known before the client has testified.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    pub(super) tick: Tick,
    pub(super) noticed: Tick,
    pub(super) inputs: Vec<TickInput>,
    pub(super) replay: Option<String>,
}

impl Autopsy {
    pub(super) fn new<G: Game>(
        (schemas, behaviour_hash): (&GameSchemas<G>, u64),
        seat: Option<Seat>,
        findings: Findings,
        row_dump: &RowDump,
        differences: &[Difference],
    ) -> Self {
        let Findings { tick, noticed, inputs, replay } = findings;
        let named = differences.iter().take(AUTOPSY_DIFFERENCES_MAX);
        Self {
            format: AUTOPSY_FORMAT,
            game: G::RULES.name.into(),
            fingerprint: format!("{:016x}", schemas.fingerprint),
            mode: if G::RULES.is_lockstep() { "lockstep" } else { "snapshot" }.into(),
            seat: seat.map(Seat::number),
            server: Side { build: BUILD.into(), behaviour_hash: format!("{:016x}", behaviour_hash) },
            client: Side {
                build: row_dump.build.chars().take(64).collect(),
                behaviour_hash: format!("{:016x}", row_dump.behaviour_hash),
            },
            tick: tick.0,
            noticed_tick: noticed.0,
            differences: named.map(|difference| FieldDifference::of(&schemas.world, difference)).collect(),
            more: row_dump.more || differences.len() > AUTOPSY_DIFFERENCES_MAX,
            note: differences.is_empty().then(|| NOTHING_NAMED.into()),
            inputs,
            replay,
        }
    }

    /// What is left of a difference that could not be looked into.
    pub(super) fn unknown<G: Game>(
        (schemas, behaviour_hash): (&GameSchemas<G>, u64),
        seat: Option<Seat>,
        tick: Tick,
        noticed: Tick,
    ) -> Self {
        let findings = Findings { tick, noticed, inputs: Vec::new(), replay: None };
        let silence = RowDump { tick, build: "not asked".into(), behaviour_hash: 0, rows: Vec::new(), more: false };
        Self { note: Some(TOO_OLD.into()), ..Self::new((schemas, behaviour_hash), seat, findings, &silence, &[]) }
    }
}

const NOTHING_NAMED: &str = "all rows agree: free slots or random numbers differ, or the client told of no row";
const TOO_OLD: &str = "the worlds of that tick are not kept any more, or do not differ: the client started over";

impl FieldDifference {
    fn of(schema: &Schema, difference: &Difference) -> Self {
        let named = difference.name(schema);
        let read = |reading: Reading| reading.to_string();
        Self { path: named.path, server: read(named.here), client: read(named.there) }
    }
}

/// What everyone did in these ticks, the newest first told of, as many as an autopsy has room for.
pub(super) fn inputs_of<G: Game>(known_ticks: &[TickInputs<G::Input>]) -> Vec<TickInput> {
    let schema = Schema::of::<G::Input>();
    let neutral = wire_of(&G::Input::default());
    let mut inputs = Vec::new();
    for tick_inputs in known_ticks {
        for (seat, input) in tick_inputs.last_inputs.iter() {
            let mut words = String::new();
            for ((leaf, value), neutral) in schema.tables[0].leaves.iter().zip(wire_of(&input)).zip(&neutral) {
                if value != *neutral {
                    let space = if words.is_empty() { "" } else { ", " };
                    // Writing to a string does not fail.
                    let _ = write!(words, "{space}{} = {}", leaf.path, Reading::of(leaf, value));
                }
            }
            inputs.push(TickInput { tick: tick_inputs.tick.0, seat: seat.number(), input: words });
        }
    }
    inputs.drain(..inputs.len().saturating_sub(AUTOPSY_INPUTS_MAX));
    inputs
}

fn wire_of<I: State>(input: &I) -> Vec<u32> {
    let mut wire = vec![0; I::WIDTH];
    input.gather(&mut wire);
    wire
}

/// Bytes in hexadecimal, unless there are too many.
pub(super) fn hex(bytes: &[u8]) -> Option<String> {
    (bytes.len() <= AUTOPSY_REPLAY_BYTES_MAX).then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
