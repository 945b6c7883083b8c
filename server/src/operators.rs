//! Operators: the rules for who may look at the dashboard and act on it, and the parts of the dashboard that have no
//! socket.
//!
//! ```text
//! net: counts, actions ─→ Console (history, audit, topics that are heard) ─→ thread of topics: sockets of operators
//! ```
//!
//! * [`Access`] judges tokens; a token is in no log and in no message of an error.
//! * [`History`] and [`AuditLog`] are bounded.
//! * The topics `admin/…` are not those of players: each of them has one newest message, and no tick touches them.

mod access;
mod audit;
mod history;
mod log_lines;
mod topic;

pub(crate) use access::{Access, Denied, FILE_HELP, Operator, Role};
pub use access::{OperatorLineFault, OperatorsFileError};
pub(crate) use audit::{Action, AuditLine, AuditLog, Outcome};
pub(crate) use history::{History, Row};
pub use log_lines::RecentLines;
pub(crate) use log_lines::{LogLine, recent_lines};
pub(crate) use topic::AdminTopic;

use parking_lot::{Mutex, RwLock};
use std::collections::BTreeSet;
use tokio::sync::Notify;

/// The state that the net thread and the thread of topics share for operators. No tick touches it.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) access: Access,
    pub(crate) history: Mutex<History>,
    pub(crate) audit: Mutex<AuditLog>,
    /// The topics with subscribers: the thread of topics writes it, and the net thread collects numbers by it.
    heard: RwLock<BTreeSet<AdminTopic>>,
    changed: Notify,
}

impl Console {
    pub(crate) fn new(access: Access) -> Self {
        Self {
            access,
            history: Mutex::default(),
            audit: Mutex::default(),
            heard: RwLock::default(),
            changed: Notify::new(),
        }
    }

    /// The topics that somebody hears.
    pub(crate) fn heard(&self) -> BTreeSet<AdminTopic> {
        self.heard.read().clone()
    }

    /// Whether somebody hears a topic.
    pub(crate) fn is_heard(&self, topic: AdminTopic) -> bool {
        self.heard.read().contains(&topic)
    }

    /// Notes the topics that somebody hears from now on.
    pub(crate) fn set_heard(&self, heard: BTreeSet<AdminTopic>) {
        if *self.heard.read() != heard {
            *self.heard.write() = heard;
            self.changed.notify_one();
        }
    }

    /// Waits until other topics are heard than before.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
