//! Bounds of the log: a flood must not fill a disk, and a reader that stands still must not delay a tick.

use std::time::Duration;

/// Default of the setting for the lines per second of one kind, which is one place in the code; further ones are left
/// out and counted.
pub const LOG_LINES_PER_SECOND: u32 = 50;

/// Lines of the log that may wait to be written; further ones are lost and counted.
pub const LOG_LINES_WAITING_MAX: usize = 4_096;

/// Bytes of those lines.
pub const LOG_BYTES_WAITING_MAX: usize = 4 << 20;

/// Time from one line about lines that were left out to the next one.
pub const LOG_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Time for which a program that ends waits until the lines that it has said are written.
pub const LOG_FLUSH_MAX: Duration = Duration::from_millis(500);
