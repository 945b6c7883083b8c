//! The log as programs and people read it: two forms, hostile words, floods, and a reader that stands still.

use super::*;
use crate::limits::{LOG_LINES_WAITING_MAX, LOG_REPORT_INTERVAL};
use parking_lot::{Condvar, Mutex};
use std::time::{Duration, Instant};
use tracing::dispatcher::with_default;

/// The other end of the log.
#[derive(Default)]
struct End {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    is_stuck: bool,
}

/// A file in memory, which may be stuck: a write waits then until it is let go.
#[derive(Clone, Default)]
struct Pipe(Arc<End>);

impl Pipe {
    fn stick(&self, is_stuck: bool) {
        self.0.state.lock().is_stuck = is_stuck;
        self.0.changed.notify_all();
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.state.lock().bytes.clone()).unwrap()
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state.lock();
        while state.is_stuck {
            self.0.changed.wait(&mut state);
        }
        state.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open(config: &Config) -> (Log, Dispatch, Pipe) {
    let pipe = Pipe::default();
    let (log, dispatch) = Log::open(config, Style::of(config.log_format, false), pipe.clone()).unwrap();
    (log, dispatch, pipe)
}

fn config(format: LogFormat, filter: &str, lines_per_second: u32) -> Config {
    let log = filter.parse().unwrap();
    Config { log_format: format, log, log_lines_per_second: lines_per_second, ..Config::on_free_ports() }
}

/// Names that would forge a line, move a cursor, hide what follows, or end a text of JSON.
const HOSTILE: [&str; 5] = [
    "eve\n2026-01-01T00:00:00Z  INFO tickwire_server: all is well",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31m\u{202e}nimda\u{2028}x",
    "\",\"level\":\"ERROR\"}\r\n{",
    "\u{0}\u{8}\u{7f}\\",
];

/// Whether nothing in a text of one line controls anything.
fn is_tame(text: &str) -> bool {
    let turns = ['\u{202e}', '\u{2028}', '\u{feff}'];
    text.ends_with('\n') && !text.trim_end_matches('\n').contains(|at: char| at.is_control() || turns.contains(&at))
}

#[test]
fn hostile_words_stay_in_one_line_in_both_forms() {
    for format in [LogFormat::Text, LogFormat::Json] {
        for name in HOSTILE {
            let (log, dispatch, pipe) = open(&config(format, "info", 50));
            with_default(&dispatch, || tracing::info!(room = 7, name, shown = %name, "a player has joined"));
            log.flush();
            let text = pipe.text();
            if format == LogFormat::Json {
                assert!(is_tame(&text), "{name:?}: {text:?}");
                let line: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!((line["name"].as_str(), line["room"].as_u64()), (Some(name), Some(7)), "{text}");
                assert_eq!(
                    (line["level"].as_str(), line["message"].as_str()),
                    (Some("INFO"), Some("a player has joined"))
                );
                assert!(line["timestamp"].is_string() && line["target"].is_string(), "{text}");
            } else {
                // Text that is shown without quotes may have breaks; the text after one does not look like a line.
                let lines: Vec<_> = text.lines().collect();
                assert!(lines[1..].iter().all(|line| line.starts_with("    ")), "{text:?}");
                assert!(lines.iter().all(|line| is_tame(&format!("{line}\n"))), "{text:?}");
            }
        }
    }
}

#[test]
fn a_flood_of_ten_thousand_lines_is_cut_off_and_counted_and_other_lines_pass() {
    let (log, dispatch, pipe) = open(&config(LogFormat::Json, "debug", 20));
    let start = Instant::now();
    let refuse = |id: u32| tracing::debug!(id, "a request was refused");
    with_default(&dispatch, || {
        (0..10_000).for_each(refuse);
        tracing::info!("something else");
    });
    let seconds = u64::from(u32::try_from(start.elapsed().as_secs()).unwrap()) + 1;
    log.flush();
    let lines: Vec<serde_json::Value> = pipe.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let with = |message: &str| lines.iter().filter(|line| line["message"] == message).count() as u64;
    let written = with("a request was refused");
    assert!((20..=20 + 20 * seconds).contains(&written), "{written} in {seconds} s");
    assert_eq!(with("something else"), 1);
    let told = lines.iter().filter(|line| line["kind"] == "a request was refused");
    let left_out: u64 = told.map(|line| line["left_out"].as_u64().unwrap()).sum();
    assert_eq!(written + left_out, 10_000);
    assert_eq!(log.missing(), Missing { left_out, lost: 0 });
}

#[test]
fn a_log_that_nobody_reads_keeps_nobody_waiting_and_says_later_what_is_lost() {
    let (log, dispatch, pipe) = open(&config(LogFormat::Json, "info", 1_000_000));
    pipe.stick(true);
    let count = 2 * LOG_LINES_WAITING_MAX as u64;
    let start = Instant::now();
    with_default(&dispatch, || (0..count).for_each(|line| tracing::info!(line, "said")));
    assert!(start.elapsed() < Duration::from_secs(5), "nobody waits for the reader: {:?}", start.elapsed());
    let lost = log.missing().lost;
    // One line is in the hands of the writer.
    assert!((count - LOG_LINES_WAITING_MAX as u64 - 1..count).contains(&lost), "{lost}");
    let start = Instant::now();
    log.flush();
    assert!(start.elapsed() < LOG_FLUSH_MAX + LOG_REPORT_INTERVAL, "a program ends all the same");
    pipe.stick(false);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !pipe.text().contains("lines of the log are lost") {
        assert!(Instant::now() < deadline, "the loss is told when somebody reads again");
        std::thread::yield_now();
    }
    let lines: Vec<serde_json::Value> = pipe.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = lines.iter().filter(|line| line["message"] == "said").count() as u64;
    let told: u64 = lines.iter().filter_map(|line| line["lines"].as_u64()).sum();
    assert_eq!((said + told, told), (count, lost));
}

#[test]
fn lines_that_wait_are_bounded_in_bytes() {
    let (log, dispatch, pipe) = open(&config(LogFormat::Text, "info", 1_000_000));
    pipe.stick(true);
    let words = "x".repeat(100_000);
    with_default(&dispatch, || (0..100).for_each(|_| tracing::info!("{words}")));
    assert!(log.missing().lost >= 100 - 42, "{:?}", log.missing());
    pipe.stick(false);
}

#[test]
fn new_settings_change_the_filter_and_the_bound_of_a_log_that_is_open() {
    let (log, dispatch, pipe) = open(&config(LogFormat::Text, "info", 1));
    let say = |id: u32| with_default(&dispatch, || tracing::debug!(id, "said"));
    say(1);
    log.set(&config(LogFormat::Text, "warn,tickwire_server::logging=debug", 1_000));
    (2..12).for_each(say);
    log.set(&config(LogFormat::Text, "warn", 1_000));
    say(12);
    log.flush();
    let text = pipe.text();
    assert!((2..12).all(|id| text.contains(&format!("id={id}\n"))), "{text}");
    assert!(!text.contains("id=1\n") && !text.contains("id=12\n"), "{text}");
}
