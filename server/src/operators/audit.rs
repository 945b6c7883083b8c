//! The audit log: the actions that operators have done and those that they were refused, the newest last. It is
//! bounded.

use crate::limits::{AUDIT_KEPT_MAX, AUDIT_REFUSED_PER_MINUTE};
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
    pub(crate) at_ms: u64,
    /// The name of the operator; empty for somebody without a token that is known.
    pub(crate) operator: String,
    pub(crate) action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<String>,
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
    lines: VecDeque<Arc<str>>,
    refused: Usage,
    /// Refused actions that were too many to be written down.
    unwritten: u64,
}

impl AuditLog {
    /// Writes a line down, here and in the log of the process; `None` for a refused action that is one too many in its
    /// minute.
    pub(crate) fn note(&mut self, line: &AuditLine, now_us: u64) -> Option<Arc<str>> {
        if line.outcome == Outcome::Refused {
            if !self.refused.take(Quota::per_minute(AUDIT_REFUSED_PER_MINUTE), now_us) {
                self.unwritten += 1;
                return None;
            }
            if self.unwritten > 0 {
                let unwritten = std::mem::take(&mut self.unwritten);
                tracing::warn!(target: "audit", unwritten, "refused actions were too many to be written down");
            }
        }
        let AuditLine { operator, action, room, seat, name, detail, outcome, request_id, .. } = line;
        tracing::info!(
            target: "audit",
            ?operator,
            ?action,
            code = room.as_deref(),
            seat,
            ?name,
            ?detail,
            ?outcome,
            request = request_id.as_str(),
            "an operator acts"
        );
        let text: Arc<str> = serde_json::to_string(line).expect("texts and numbers are JSON").into();
        while self.lines.len() >= AUDIT_KEPT_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(Arc::clone(&text));
        Some(text)
    }

    /// The lines as JSON, the oldest first.
    pub(crate) fn lines(&self) -> impl DoubleEndedIterator<Item = &Arc<str>> {
        self.lines.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(outcome: Outcome, seat: u8) -> AuditLine {
        AuditLine {
            at_ms: 1,
            operator: "ada".into(),
            action: Action::Kick,
            room: Some("C4FK9T".into()),
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
            assert!(log.note(&line(Outcome::Done, seat), 0).is_some());
        }
        assert_eq!(log.lines().count(), AUDIT_KEPT_MAX);
        assert!(log.lines().next().unwrap().contains("\"seat\":50"), "the oldest have given way");
        let refused = (0..100).filter(|_| log.note(&line(Outcome::Refused, 0), 0).is_some()).count();
        assert_eq!(refused, AUDIT_REFUSED_PER_MINUTE as usize);
        assert!(log.note(&line(Outcome::Done, 1), 0).is_some(), "what is done is always written down");
        assert!(log.note(&line(Outcome::Refused, 0), 60_000_000).is_some());
    }
}
