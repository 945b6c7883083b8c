//! The lines on their way to the writer: a queue with bounds in lines and bytes, which never makes anybody wait.

use super::flood::{Flood, TARGET};
use super::plain::Style;
use crate::limits::{LOG_BYTES_WAITING_MAX, LOG_FLUSH_MAX, LOG_LINES_WAITING_MAX, LOG_REPORT_INTERVAL};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tracing::dispatcher::{WeakDispatch, with_default};

/// Time between two looks whether the queue has a place again, for a program that ends.
const FLUSH_STEP: Duration = Duration::from_millis(5);

/// A message to the writer.
pub(super) enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(Sender<()>),
}

/// The counts of the queue.
#[derive(Debug, Default)]
pub(super) struct Counts {
    waiting_bytes: AtomicUsize,
    lost: AtomicU64,
}

/// The queue, as those see it who say something.
pub(super) struct Lines {
    style: Style,
    send: SyncSender<Message>,
    pub(super) counts: Arc<Counts>,
}

impl Counts {
    /// Lines that were lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

impl Lines {
    pub(super) fn new(style: Style) -> (Arc<Self>, Receiver<Message>) {
        let (send, waiting) = sync_channel(LOG_LINES_WAITING_MAX);
        (Arc::new(Self { style, send, counts: Arc::default() }), waiting)
    }

    /// The place into which one line is written.
    pub(super) fn sink(self: &Arc<Self>) -> Sink {
        Sink(Arc::clone(self))
    }

    fn push(&self, line: Vec<u8>) {
        let bytes = line.len();
        let before = self.counts.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > LOG_BYTES_WAITING_MAX || self.send.try_send(Message::Line(line)).is_err() {
            self.counts.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.counts.lose();
        }
    }

    /// Waits until the lines so far are written, for a moment.
    pub(super) fn flush(&self) {
        let end = Instant::now() + LOG_FLUSH_MAX;
        let (done, is_done) = channel();
        let mut message = Message::Flush(done);
        loop {
            match self.send.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Full(again)) if Instant::now() < end => message = again,
                Err(_) => return,
            }
            sleep(FLUSH_STEP);
        }
        let _ = is_done.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

/// The place into which one line is written, whole.
pub(super) struct Sink(Arc<Lines>);

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(self.0.style.plain(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread that writes.
pub(super) struct Writer {
    pub(super) counts: Arc<Counts>,
    pub(super) flood: Arc<Flood>,
    /// The log itself, for the lines that the writer has to say. It is not held: a log that nobody has any more ends.
    pub(super) log: WeakDispatch,
    pub(super) waiting: Receiver<Message>,
}

impl Writer {
    /// Writes until the log is gone.
    pub(super) fn run(self, mut out: impl Write) {
        let mut report_at = Instant::now() + LOG_REPORT_INTERVAL;
        let mut lost_before = 0;
        loop {
            match self.waiting.recv_timeout(report_at.saturating_duration_since(Instant::now())) {
                Ok(Message::Line(line)) => self.write(&line, &mut out),
                Ok(Message::Flush(done)) => {
                    self.report(&mut lost_before);
                    while let Ok(Message::Line(line)) = self.waiting.try_recv() {
                        self.write(&line, &mut out);
                    }
                    // The thread that asked may have waited long enough.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= report_at {
                self.report(&mut lost_before);
                report_at = Instant::now() + LOG_REPORT_INTERVAL;
            }
        }
    }

    fn write(&self, line: &[u8], out: &mut impl Write) {
        self.counts.waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
        if out.write_all(line).is_err() {
            self.counts.lose();
        }
    }

    /// Says which lines are missing since the last time.
    fn report(&self, lost_before: &mut u64) {
        let Some(log) = self.log.upgrade() else { return };
        with_default(&log, || {
            self.flood.report();
            let lost = self.counts.lost();
            if lost > *lost_before {
                let lines = lost - *lost_before;
                tracing::warn!(target: TARGET, lines, "lines of the log are lost: it is read too slowly");
                *lost_before = lost;
            }
        });
    }
}
