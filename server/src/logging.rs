//! The log of the program: text or JSON on standard error, written by a thread of its own.
//!
//! ```text
//! event → filter by level → Flood: so many lines per second of a kind → text or JSON → Lines: a bounded queue → writer
//! ```
//!
//! A line never waits: when nobody reads the log, lines are lost and counted, and a tick goes on. A flood of one kind of
//! lines is cut off and counted. Text that people have written themselves stays within one line, and changes no
//! terminal.

mod flood;
mod lines;
mod plain;

use crate::config::{Config, LogFormat};
use crate::limits::LOG_FLUSH_MAX;
use crate::operators::RecentLines;
use flood::Flood;
use lines::{Lines, Writer};
use plain::Style;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Write, stderr};
use std::sync::{Arc, mpsc};
use std::thread::Builder;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt as lines_of, registry, reload};

/// The log of a program. Clones are the same log.
#[derive(Clone)]
pub struct Log(Arc<Parts>);

struct Parts {
    filter: reload::Handle<EnvFilter, Registry>,
    flood: Arc<Flood>,
    lines: Arc<Lines>,
}

/// Lines that are not in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Lines of a kind of which there were too many.
    pub(crate) left_out: u64,
    /// Lines that could not be written, or not fast enough.
    pub(crate) lost: u64,
}

impl Log {
    /// Starts the log of this program, on standard error, with the form, the filter and the bounds of these settings.
    ///
    /// # Errors
    /// When the system allows no thread, or standard error is closed.
    pub fn start(config: &Config) -> io::Result<Self> {
        // A file of its own: a thread that writes to the standard one would wait for the lock while the writer is
        // stuck.
        let out = File::from(rustix::io::dup(stderr())?);
        let style = Style::of(config.log_format, stderr().is_terminal());
        let (log, dispatch) = Self::open(config, style, out)?;
        // Only a second log in one program fails; the first one goes on then.
        let _ = tracing::dispatcher::set_global_default(dispatch);
        Ok(log)
    }

    /// A log that is written to `out`, and the way of events into it.
    fn open(config: &Config, style: Style, out: impl Write + Send + 'static) -> io::Result<(Self, Dispatch)> {
        let (lines, waiting) = Lines::new(style);
        let flood = Arc::new(Flood::new(config.log_lines_per_second));
        let (filter, handle) = reload::Layer::new(config.log.filter());
        let writer = Arc::clone(&lines);
        let form = lines_of::layer().with_ansi(style.is_coloured()).with_writer(move || writer.sink());
        let form = match config.log_format {
            LogFormat::Text => form.boxed(),
            LogFormat::Json => form.json().flatten_event(true).with_span_list(false).boxed(),
        };
        let dispatch =
            Dispatch::new(registry().with(filter).with(flood::Gate(Arc::clone(&flood))).with(RecentLines).with(form));
        let writer =
            Writer { counts: Arc::clone(&lines.counts), flood: Arc::clone(&flood), log: dispatch.downgrade(), waiting };
        Builder::new().name("log".into()).spawn(move || writer.run(out))?;
        Ok((Self(Arc::new(Parts { filter: handle, flood, lines })), dispatch))
    }

    /// Takes over the filter and the bounds of these settings.
    pub(crate) fn set(&self, config: &Config) {
        self.0.flood.set_lines_per_second(config.log_lines_per_second);
        // An error means that the log is gone: it ends with the program.
        let _ = self.0.filter.reload(config.log.filter());
    }

    /// The lines that are missing in the log so far.
    pub(crate) fn missing(&self) -> Missing {
        Missing { left_out: self.0.flood.left_out(), lost: self.0.lines.counts.lost() }
    }

    /// Waits until the lines that have been said are written, for half a second at the most.
    pub fn flush(&self) {
        self.0.lines.flush();
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Log").finish_non_exhaustive()
    }
}

/// Writes the last words of a program to standard error, and waits no longer than for the log: nobody may read them, and
/// the program has to end all the same.
pub(crate) fn say_last(words: String) {
    let (done, is_done) = mpsc::channel();
    let say = move || {
        // When standard error is closed, there is no place left for the words.
        let _ = stderr().write_all(words.as_bytes());
        let _ = done.send(());
    };
    if Builder::new().name("last-words".into()).spawn(say).is_ok() {
        let _ = is_done.recv_timeout(LOG_FLUSH_MAX);
    }
}

#[cfg(test)]
mod tests;
