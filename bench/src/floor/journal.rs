//! The cost of a journal: our server with a folder of data beside the same server without one, in turns in one run.

use super::report::{Report, median};
use super::rhythm::Lateness;
use super::rhythm::lateness::Buckets;
use crate::data_folder::DataFolder;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tickwire_tools::http;

/// The part of its CPU time without a journal that a server may take with one.
pub const DATA_RATIO_MAX: f64 = 1.05;

/// Milliseconds by which a journal may lengthen the 99th percentile of the tick interval.
pub const INTERVAL_MORE_MS_MAX: f64 = 0.3;

/// The histogram of the times that commits take.
const COMMITS: &str = "tickwire_journal_commit_seconds";

/// Bytes that the writer writes at once, how often, and the size at which it begins anew: 100 MB a second.
const WRITE_BYTES: usize = 1_000_000;
const WRITE_INTERVAL: Duration = Duration::from_millis(10);
const WRITES_A_FILE: u64 = 500;

/// A server with a journal beside the same server without one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Journal {
    /// CPU time with a journal over CPU time without: the median of the rounds.
    pub data_ratio: f64,
    /// The smallest and the largest of these ratios.
    pub data_ratio_range: [f64; 2],
    /// Milliseconds by which the 99th percentile of the tick interval is longer with a journal.
    pub interval_p99_more_ms: f64,
    /// Commits in the rounds.
    pub commits: u64,
    /// The times that commits took, in microseconds, as if the times in a bucket were spread evenly over it.
    pub commit_us: Lateness,
}

/// The times of commits until now.
pub(super) fn commits(metrics: SocketAddr) -> Result<Buckets> {
    Buckets::in_metrics(&http::get(metrics, "/metrics")?, COMMITS).context("the server keeps a journal")
}

/// The figures of a report on a server with a journal; those that compare it with another one follow in [`compare`].
pub(super) fn alone(commits: &Buckets) -> Journal {
    Journal {
        data_ratio: f64::NAN,
        data_ratio_range: [f64::NAN; 2],
        interval_p99_more_ms: f64::NAN,
        commits: commits.count(),
        commit_us: commits.lateness(),
    }
}

/// Compares each report on a server with a journal with the report before it, round by round.
pub(super) fn compare(reports: &mut [Report]) {
    for pair in reports.chunk_by_mut(|_, next| next.journal.is_some()) {
        let [without, with] = pair else { continue };
        let Some(journal) = &mut with.journal else { continue };
        let ratios =
            || with.rounds.iter().zip(&without.rounds).map(|(with, without)| with.ours.cpu_us / without.ours.cpu_us);
        journal.data_ratio = median(ratios());
        journal.data_ratio_range = [ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max)];
        journal.interval_p99_more_ms = with.ours_interval_ms.p99 - without.ours_interval_ms.p99;
    }
}

impl Journal {
    /// Promises that were not kept, in words.
    pub(super) fn faults(&self) -> Vec<String> {
        let Self { data_ratio, interval_p99_more_ms: more, .. } = self;
        let dear = || format!("with a journal the server takes {data_ratio:.3} times the CPU, not {DATA_RATIO_MAX}");
        let late = || format!("with a journal the interval's p99 is {more:.2} ms longer, not {INTERVAL_MORE_MS_MAX}");
        let none = || "the server has committed nothing".to_owned();
        // A figure that is no number is none that was kept.
        let is_within = |figure: f64, most: f64| figure <= most;
        [
            (!is_within(*data_ratio, DATA_RATIO_MAX)).then(dear),
            (!is_within(*more, INTERVAL_MORE_MS_MAX)).then(late),
            (self.commits == 0).then(none),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The figures as lines of a table: a label and words.
    pub(super) fn lines(&self) -> [(&'static str, String); 2] {
        let ([least, most], Lateness { p50, p99, p999 }) = (self.data_ratio_range, self.commit_us);
        let more = self.interval_p99_more_ms;
        [
            (
                "journal",
                format!(
                    "{:.3} times the CPU of the server without ({least:.3} to {most:.3}), interval p99 {more:+.2} ms",
                    self.data_ratio
                ),
            ),
            ("commit", format!("p50 {p50:.0}, p99 {p99:.0}, p99.9 {p999:.0} µs in {} commits", self.commits)),
        ]
    }
}

/// A neighbour that writes 100 MB a second to the same disk until it is dropped.
#[derive(Debug)]
pub struct Writer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
    _folder: DataFolder,
}

impl Writer {
    /// Starts to write.
    ///
    /// # Errors
    /// When no file can be made, or no thread be started.
    pub fn start() -> Result<Self> {
        let folder = DataFolder::new("writer")?;
        fs::create_dir(folder.path()).context("the writer has no folder")?;
        let mut file = File::create(folder.path().join("bytes")).context("the writer has no file")?;
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("writer".into()).spawn(move || {
            let bytes = vec![7; WRITE_BYTES];
            for number in 1_u64.. {
                if stopped.recv_timeout(WRITE_INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
                file.write_all(&bytes)?;
                if number.is_multiple_of(WRITES_A_FILE) {
                    file.rewind()?;
                }
            }
            Ok(())
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread), _folder: folder })
    }

    /// Ends the writer.
    ///
    /// # Errors
    /// When it could not write all the time.
    pub fn finish(mut self) -> Result<()> {
        self.stop = None;
        let thread = self.thread.take().context("the writer runs")?;
        thread.join().map_err(|_| anyhow::anyhow!("the writer has panicked"))?.context("the writer could not write")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::report::tests::report;
    use crate::floor::{Round, Side};

    fn with_cpu_us(figures: [f64; 3]) -> Report {
        let side = |cpu_us| Side { cpu_us, delivered: 1.0, waited: 0.0 };
        let rounds = figures.map(|cpu_us| Round { ours: side(cpu_us), floor: side(1.0) });
        Report { rounds: rounds.into(), ..report() }
    }

    #[test]
    fn a_server_with_a_journal_is_compared_with_the_one_before_it_round_by_round() {
        let journal = Some(alone(&Buckets::default()));
        let mut reports =
            [with_cpu_us([10.0, 20.0, 40.0]), Report { journal, ..with_cpu_us([10.2, 20.8, 44.0]) }, report()];
        compare(&mut reports);
        let [without, with, other] = &reports;
        assert!(without.journal.is_none() && other.journal.is_none());
        let found = with.journal.unwrap();
        assert!((found.data_ratio - 1.04).abs() < 1e-9 && (found.data_ratio_range[1] - 1.1).abs() < 1e-9, "{found:?}");
        let json = serde_json::to_value(with).unwrap();
        assert_eq!(json["data_ratio"].as_f64(), Some(found.data_ratio), "beside the other figures");
        assert!(serde_json::to_value(without).unwrap().get("data_ratio").is_none());
    }

    #[test]
    fn a_journal_that_costs_too_much_or_commits_nothing_is_a_fault() {
        let good = Journal { data_ratio: 1.03, interval_p99_more_ms: 0.1, commits: 9, ..alone(&Buckets::default()) };
        assert!(good.faults().is_empty());
        assert_eq!(Journal { data_ratio: 1.06, ..good }.faults().len(), 1);
        assert_eq!(Journal { interval_p99_more_ms: 0.4, ..good }.faults().len(), 1);
        assert_eq!(alone(&Buckets::default()).faults().len(), 3);
    }
}
