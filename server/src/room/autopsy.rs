//! An autopsy: our word for the report of a desync. It says where the worlds of the server and a client differed. It is
//! made for people to read and, in lockstep, to run again.
//!
//! An autopsy is bounded for every game: it lists a limited number of differences and of inputs, and has the full state
//! before them only if that state is small enough. The parts that come from the client are claims that the server
//! cannot verify.

use super::GameSchemas;
use super::origin::Origin;
use crate::limits::{AUTOPSY_DIFFERENCES_MAX, AUTOPSY_INPUTS_MAX, AUTOPSY_REPLAY_BYTES_MAX};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use tickwire::determinism::behaviour::BUILD;
use tickwire::lockstep::TickInputs;
use tickwire::message::evidence::RowDump;
use tickwire::state::{Schema, State};
use tickwire::world::diff::{Difference, Reading};
use tickwire::{Game, Seat, Tick};

/// The version of the layout of [`Autopsy`]: it changes with the layout.
pub const AUTOPSY_FORMAT: u32 = 2;

/// The build of one of the two sides, server or client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Version, architecture and profile of the library.
    pub build: String,
    /// The hash of the build's behaviour in a short, fixed match, in hexadecimal: see
    /// [`behaviour_hash`](tickwire::determinism::behaviour::behaviour_hash).
    pub behaviour_hash: String,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// Path of the field, such as `ships[3#1].velocity.x`: table, slot, generation, field.
    pub path: String,
    /// The server's value, in the game's units and as a wire integer.
    pub server: String,
    /// The client's value, in the same form.
    pub client: String,
}

/// The input of one player in one tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickInput {
    /// The tick of the input.
    pub tick: u32,
    /// The seat of the player.
    pub seat: u8,
    /// The fields of the input that are not neutral; empty for a neutral input.
    pub input: String,
}

/// The report on a difference between the server's world and a client's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autopsy {
    /// [`AUTOPSY_FORMAT`].
    pub format: u32,
    /// The game's name.
    pub game: String,
    /// Fingerprint of the game's world, input and events, in hexadecimal: a build that runs the replay must have the
    /// same fingerprint.
    pub fingerprint: String,
    /// `lockstep` or `snapshot`.
    pub mode: String,
    /// The client's seat; `None` for a spectator.
    pub seat: Option<u8>,
    /// The build of the server.
    pub server: Side,
    /// The build of the client as the client claims it; the server verifies none of it.
    pub client: Side,
    /// The first tick that differs.
    pub tick: u32,
    /// The tick at which the difference was noticed.
    pub noticed_tick: u32,
    /// The fields that differ at the first tick that differs, with the values of the server and of the client.
    pub differences: Vec<FieldDifference>,
    /// Whether more fields differ than are listed.
    pub more: bool,
    /// The inputs of all players in the first tick that differs and in the ticks before it.
    pub inputs: Vec<TickInput>,
    /// The full state before the first tick that differs and the tick inputs of that tick, as a lockstep message in
    /// hexadecimal. `None` when they are too large, and in snapshot mode, in which clients do not make ticks.
    pub replay: Option<String>,
    /// The origin of the client, by which autopsies are limited. It is not written.
    #[serde(skip)]
    pub origin: Origin,
}

/// The part of an autopsy that is known before the client has sent its row dump.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    pub(super) tick: Tick,
    pub(super) noticed: Tick,
    pub(super) inputs: Vec<TickInput>,
    pub(super) replay: Option<String>,
}

impl Autopsy {
    /// The autopsy of a difference; there is at least one in `differences`.
    pub(super) fn new<G: Game>(
        (schemas, behaviour_hash): (&GameSchemas<G>, u64),
        (seat, origin): (Option<Seat>, Origin),
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
            inputs,
            replay,
            origin,
        }
    }
}

impl FieldDifference {
    fn of(schema: &Schema, difference: &Difference) -> Self {
        let named = difference.name(schema);
        let read = |reading: Reading| reading.to_string();
        Self { path: named.path, server: read(named.here), client: read(named.there) }
    }
}

/// The inputs of all players in these ticks, in the order of the ticks. When there are more than
/// [`AUTOPSY_INPUTS_MAX`], the oldest are left out.
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
                    // Writing to a string cannot fail.
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

/// The bytes in hexadecimal; `None` when there are more than [`AUTOPSY_REPLAY_BYTES_MAX`].
pub(super) fn hex(bytes: &[u8]) -> Option<String> {
    (bytes.len() <= AUTOPSY_REPLAY_BYTES_MAX).then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The bytes of such a text; `None` when it is not hexadecimal.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
