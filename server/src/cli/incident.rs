//! The files in the folder of autopsies: desyncs, and rooms that have failed. The tick of a failed room is played again,
//! to see whether it panics here too.

use super::autopsy::{ExplainError, explain, inputs, line};
use crate::room::{Attempt, Autopsy, FailedCall, ReplayFault, RoomFailure};
use serde_json::Value;
use std::fmt::Write as _;
use tickwire::Game;
use tickwire::determinism::behaviour::BUILD;

/// The content of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incident {
    /// The world of a client differed from the server's.
    Desync(Box<Autopsy>),
    /// A room has ended, because its game has panicked.
    Failure(Box<RoomFailure>),
}

impl Incident {
    /// Reads a file.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        // A report of another format is still told from an autopsy, so that its reader learns which field does not fit.
        let content: Value = serde_json::from_slice(json)?;
        match content.get("panics") {
            Some(_) => serde_json::from_slice(json).map(Self::Failure),
            None => serde_json::from_slice(json).map(Self::Desync),
        }
    }

    /// The name of the game.
    #[must_use]
    pub fn game(&self) -> &str {
        match self {
            Self::Desync(autopsy) => &autopsy.game,
            Self::Failure(failure) => &failure.game,
        }
    }

    /// The incident in words; `G` is the game that it names.
    ///
    /// # Errors
    /// When it is of another format.
    pub fn explain<G: Game>(&self) -> Result<String, ExplainError> {
        match self {
            Self::Desync(autopsy) => explain::<G>(autopsy),
            Self::Failure(failure) => explain_failure::<G>(failure),
        }
    }
}

/// The report on a failed room in words, with the outcome of its tick on this machine; `G` is the game that it names.
///
/// # Errors
/// When the report is of another format, or cannot be read.
pub fn explain_failure<G: Game>(failure: &RoomFailure) -> Result<String, ExplainError> {
    let found = match failure.replay::<G>() {
        Ok(found) => Ok(found),
        Err(fault @ (ReplayFault::Fingerprint { .. } | ReplayFault::NoTick)) => Err(fault),
        Err(fault) => return Err(fault.into()),
    };
    let mut out = String::new();
    let RoomFailure { game, tick, build, .. } = failure;
    line!(out, "\n  {game}: the room has failed in tick {tick}\n");
    line!(out, "  there  {build}\n  here   {BUILD}");
    inputs(failure.tick, &failure.inputs, &mut out);
    line!(out, "");
    for (index, failed) in failure.panics.iter().enumerate() {
        line!(out, "  {}: {}", words(failed.attempt), told(failed));
        let Ok(found) = &found else { continue };
        match found.get(index) {
            Some(Some(here)) if (&here.call, &here.message) == (&failed.call, &failed.message) => {
                line!(out, "    played again here: the same panic");
            }
            Some(Some(here)) => line!(out, "    played again here: ANOTHER PANIC, {}", told(here)),
            Some(None) => line!(out, "    played again here: NO PANIC"),
            None => line!(out, "    not played again, because an attempt before it has not panicked here"),
        }
    }
    if let Err(fault) = found {
        line!(out, "\n  It cannot be played again: {fault}.");
    }
    Ok(out)
}

fn words(attempt: Option<Attempt>) -> &'static str {
    match attempt {
        None => "outside of a tick",
        Some(Attempt::Everything) => "with everything that belongs to the tick",
        Some(Attempt::NeutralInputs) => "with neutral inputs",
        Some(Attempt::NoNews) => "without telling the game anything",
        Some(Attempt::Neither) => "with neutral inputs and without telling the game anything",
    }
}

fn told(failed: &FailedCall) -> String {
    let place = failed.place.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
    format!("in {}, {}{place}", failed.call, failed.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_format_is_read_as_what_it_is() {
        let fault = |json: &str| Incident::read(json.as_bytes()).expect_err("fields are missing").to_string();
        let of_failure = fault(r#"{"format":9,"game":"paddles","fingerprint":"","build":"","tick":7,"panics":[]}"#);
        assert!(of_failure.starts_with("missing field `taken`"), "{of_failure}");
        let of_autopsy = fault(r#"{"format":9,"game":"paddles","taken":[]}"#);
        assert!(!of_autopsy.contains("panics") && of_autopsy.starts_with("missing field"), "{of_autopsy}");
    }
}
