//! How the connection of a session is doing, in the words that a player is told.

/// So long without a message a mark is shown, in microseconds; in play one comes every tick, or every few.
const QUIET_US: u64 = 1_000_000;

/// So long without a message it is said in words, in microseconds.
const SILENT_US: u64 = 2_000_000;

/// How the connection of a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// The first connection is being opened.
    Connecting,
    /// Messages come.
    Fine,
    /// None has come for a second: worth a mark.
    Quiet {
        /// Microseconds since the newest message.
        silence_us: u64,
    },
    /// None has come for two seconds: worth words. The connection may come back by itself.
    Silent {
        /// Microseconds since the newest message.
        silence_us: u64,
    },
    /// The device is offline, or the page hidden.
    Unreachable,
    /// The connection is lost, and the session tries to come back into its seat.
    Reconnecting {
        /// Attempts that have failed so far.
        attempts: u32,
    },
    /// The session has ended.
    Over,
}

impl LinkState {
    /// The state of a connection that is open, after such a silence; a message is due in each `message_us`.
    pub(super) fn of_open(silence_us: u64, message_us: u64) -> Self {
        // A game that sends seldom is silent between its messages. What is said is still the whole silence.
        if silence_us >= SILENT_US.max(3 * message_us) {
            Self::Silent { silence_us }
        } else if silence_us >= QUIET_US.max(2 * message_us) {
            Self::Quiet { silence_us }
        } else {
            Self::Fine
        }
    }
}
