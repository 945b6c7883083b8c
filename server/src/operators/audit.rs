//! The audit log: the actions that operators have done and those that they were refused, the newest last. It is
//! bounded.

use crate::config::AUDIT;
use crate::limits::{AUDIT_KEPT_MAX, AUDIT_REFUSED_KEPT_MAX, AUDIT_REFUSED_PER_MINUTE};
use crate::websocket::rate::{Quota, Usage};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;

/// An action of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Announce,
    Kick,
    Ban,
    Lock,
    Close,
    Drain,
}

/// Whether an action was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Done,
    Refused,
}

/// One line. Texts of peers are in it as text: JSON escapes them, and so does the log.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuditLine {
    /// The number of the line, which grows by one; the log gives it.
    pub(crate) number: u64,
    pub(crate) at_ms: u64,
    /// The name of the operator; empty for somebody without a token that is known.
    pub(crate) operator: String,
    pub(crate) action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<String>,
    /// The number of the room, which is in the log of the process instead of the code: that would let a reader in.
    #[serde(skip)]
    pub(crate) room_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seat: Option<u8>,
    /// The name of the player in the seat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) detail: String,
    pub(crate) outcome: Outcome,
    pub(crate) request_id: String,
}

/// The last lines.
#[derive(Debug, Default)]
pub(crate) struct AuditLog {
    lines: VecDeque<(Outcome, Arc<str>)>,
    /// The number of the newest line.
    newest: u64,
    /// Refused actions of operators, and of people without a token that is known.
    refused: [Usage; 2],
    /// Refused actions that were too many to be written down.
    unwritten: u64,
}

impl AuditLog {
    /// Writes a line down, here and in the log of the process; `None` for a refused action that is one too many in its
    /// minute.
    pub(crate) fn note(&mut self, mut line: AuditLine, now_us: u64) -> Option<Arc<str>> {
        if line.outcome == Outcome::Refused {
            let refused = &mut self.refused[usize::from(line.operator.is_empty())];
            if !refused.take(Quota::per_minute(AUDIT_REFUSED_PER_MINUTE), now_us) {
                self.unwritten += 1;
                return None;
            }
            if self.unwritten > 0 {
                let unwritten = std::mem::take(&mut self.unwritten);
                tracing::warn!(target: AUDIT, unwritten, "refused actions were too many to be written down");
            }
        }
        self.newest += 1;
        line.number = self.newest;
        let AuditLine { operator, action, room_number, seat, name, detail, outcome, request_id, .. } = &line;
        tracing::info!(
            target: AUDIT,
            ?operator,
            ?action,
            room = room_number,
            seat,
            ?name,
            ?detail,
            ?outcome,
            request = request_id.as_str(),
            "an operator acts"
        );
        let text: Arc<str> = serde_json::to_string(&line).expect("texts and numbers are JSON").into();
        let outcome = line.outcome;
        let refused = self.lines.iter().filter(|(outcome, _)| *outcome == Outcome::Refused).count();
        // Strangers can be refused as often as they like, and must not push out what was done.
        let is_crowded = |kept: &Outcome| refused < AUDIT_REFUSED_KEPT_MAX || *kept == Outcome::Refused;
        while self.lines.len() >= AUDIT_KEPT_MAX || outcome == Outcome::Refused && refused >= AUDIT_REFUSED_KEPT_MAX {
            let oldest = self.lines.iter().position(|(kept, _)| is_crowded(kept)).unwrap_or(0);
            self.lines.remove(oldest);
            if self.lines.len() < AUDIT_KEPT_MAX {
                break;
            }
        }
        self.lines.push_back((outcome, Arc::clone(&text)));
        Some(text)
    }

    /// The lines as JSON, the oldest first.
    pub(crate) fn lines(&self) -> impl DoubleEndedIterator<Item = &Arc<str>> {
        self.lines.iter().map(|(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(outcome: Outcome, seat: u8) -> AuditLine {
        AuditLine {
            number: 0,
            at_ms: 1,
            operator: "ada".into(),
            action: Action::Kick,
            room: Some("C4FK9T".into()),
            room_number: Some(7),
            seat: Some(seat),
            name: None,
            detail: String::new(),
            outcome,
            request_id: "r".into(),
        }
    }

    #[test]
    fn the_last_lines_are_kept_and_refusals_are_bounded() {
        let mut log = AuditLog::default();
        for seat in 0..150 {
            assert!(log.note(line(Outcome::Done, seat), 0).is_some());
        }
        assert_eq!(log.lines().count(), AUDIT_KEPT_MAX);
        assert!(log.lines().next().unwrap().contains("\"seat\":50"), "the oldest have given way");
        let refused = (0..100).filter(|_| log.note(line(Outcome::Refused, 0), 0).is_some()).count();
        assert_eq!(refused, AUDIT_REFUSED_PER_MINUTE as usize);
        assert!(log.note(line(Outcome::Done, 1), 0).is_some(), "what is done is always written down");
        assert!(log.note(line(Outcome::Refused, 0), 60_000_000).is_some());
        let stranger = |at_us| AuditLine { operator: String::new(), at_ms: at_us, ..line(Outcome::Refused, 0) };
        let minutes = (0..400).map(|minute| minute * 60_000_000);
        minutes.for_each(|at_us| drop(log.note(stranger(at_us), at_us)));
        let done = log.lines().filter(|line| line.contains("\"done\"")).count();
        assert_eq!(done, AUDIT_KEPT_MAX - AUDIT_REFUSED_KEPT_MAX, "strangers push out no action");
        assert!(log.lines().next_back().unwrap().starts_with("{\"number\":"));
    }
}
