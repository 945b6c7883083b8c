//! Programs that the bundle runs: quiet while they succeed, quoted in full when they fail.
//!
//! Guarantees: every program has a time limit, a program that writes without end to either stream never blocks, and its
//! output is handed on line by line while it runs. Leaves out input: no program gets any.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Reasons why a program that the bundle needs did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The program is missing or may not be run.
    #[error("`{program}` could not be started")]
    Start {
        /// The program's name or path.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// The program was ended because it took too long.
    #[error("`{line}` was ended after {limit_s} s\n{output}")]
    TimedOut {
        /// The command line.
        line: String,
        /// The limit that it exceeded, in seconds.
        limit_s: u64,
        /// Its complete output until then.
        output: String,
    },
    /// The program ended with an error of its own.
    #[error("`{line}` failed ({status})\n{output}")]
    Failed {
        /// The command line.
        line: String,
        /// Its exit status.
        status: ExitStatus,
        /// Its complete output.
        output: String,
    },
}

impl CommandError {
    /// The same error with the part of the program's output that `choose` gives.
    pub(crate) fn with_output(self, choose: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Failed { line, status, output } => Self::Failed { line, status, output: choose(&output) },
            Self::TimedOut { line, limit_s, output } => Self::TimedOut { line, limit_s, output: choose(&output) },
            start @ Self::Start { .. } => start,
        }
    }
}

/// One line of a running program.
struct Line {
    stdout: bool,
    text: String,
}

/// Runs `command` for at most `limit` and returns its standard output. Each line, of either stream,
/// is also handed to `watch` while the program runs.
///
/// # Errors
/// When the program cannot be started, takes longer than `limit` or exits with a failure.
pub(crate) fn run(command: &mut Command, limit: Duration, mut watch: impl FnMut(&str)) -> Result<String, CommandError> {
    let started = Instant::now();
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|source| start_error(command, source))?;
    let lines = read_lines(&mut child);
    let (mut stdout, mut output) = (String::new(), String::new());
    loop {
        match lines.recv_timeout(limit.saturating_sub(started.elapsed())) {
            Ok(line) => {
                watch(line.text.trim_end());
                output.push_str(&line.text);
                if line.stdout {
                    stdout.push_str(&line.text);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                end(&mut child);
                let (line, limit_s) = (command_line(command), limit.as_secs());
                let output = output.trim_end().to_owned();
                return Err(CommandError::TimedOut { line, limit_s, output });
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().map_err(|source| start_error(command, source))?;
    if !status.success() {
        let output = output.trim_end().to_owned();
        return Err(CommandError::Failed { line: command_line(command), status, output });
    }
    Ok(stdout)
}

fn start_error(command: &Command, source: io::Error) -> CommandError {
    CommandError::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

fn command_line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// The readers are not joined: a program's own children may hold a stream open for ever.
fn read_lines(child: &mut Child) -> mpsc::Receiver<Line> {
    let (sender, lines) = mpsc::channel();
    if let Some(stream) = child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || forward(stream, true, &sender));
    }
    if let Some(stream) = child.stderr.take() {
        thread::spawn(move || forward(stream, false, &sender));
    }
    lines
}

fn forward(stream: impl Read, stdout: bool, lines: &Sender<Line>) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    // A stream that cannot be read counts as ended: the exit status tells what happened.
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if lines.send(Line { stdout, text }).is_err() {
            return;
        }
        bytes.clear();
    }
}

fn end(child: &mut Child) {
    // The program may have ended by itself just now, which is as good.
    let _ = child.kill();
    let _ = child.wait();
}

/// Writes one line for the person at the terminal.
pub(crate) fn say(line: &str) {
    // A closed standard error is no reason to stop building.
    let _ = writeln!(io::stderr(), "{line}");
}

/// A line that names the current work; on a terminal it also shows the progress of it.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    terminal: bool,
    crates: u32,
}

impl Progress {
    /// Starts the line `what…`.
    pub(crate) fn start(what: impl Into<String>) -> Self {
        let what = what.into();
        let terminal = io::stderr().is_terminal();
        let end = if terminal { "" } else { "\n" };
        let _ = write!(io::stderr(), "{what}…{end}");
        Self { what, terminal, crates: 0 }
    }

    /// Examines a line that cargo wrote and counts the crates that it compiles.
    pub(crate) fn watch_cargo(&mut self, line: &str) {
        let Some(name) = compiled_crate(line) else {
            return;
        };
        self.crates += 1;
        if self.terminal {
            let (what, crates) = (&self.what, self.crates);
            let _ = write!(io::stderr(), "\r\x1b[2K{what}… {crates} crates ({name})");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal {
            let _ = writeln!(io::stderr(), "\r\x1b[2K{}… done", self.what);
        }
    }
}

/// The crate that a line such as `   Compiling serde v1.0.229` is about, whether or not it has colours.
fn compiled_crate(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("Compiling")?;
    rest.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn standard_output_is_returned_and_every_line_is_seen() {
        let mut seen = Vec::new();
        let stdout = run(&mut shell("echo one; echo two >&2"), Duration::from_secs(10), |line| {
            seen.push(line.to_owned());
        });
        assert_eq!(stdout.unwrap(), "one\n");
        seen.sort();
        assert_eq!(seen, ["one", "two"]);
    }

    #[test]
    fn a_failure_quotes_what_the_program_wrote() {
        let failure = run(&mut shell("echo reason >&2; exit 3"), Duration::from_secs(10), |_| ());
        let Err(CommandError::Failed { status, output, .. }) = failure else {
            panic!("not a failure: {failure:?}");
        };
        assert_eq!((status.code(), output.as_str()), (Some(3), "reason"));
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let failure = run(&mut shell("exec tail -f /dev/null"), Duration::from_millis(50), |_| ());
        assert!(matches!(failure, Err(CommandError::TimedOut { .. })), "{failure:?}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = run(&mut Command::new("no-such-program"), Duration::from_secs(1), |_| ());
        let Err(CommandError::Start { program, .. }) = failure else {
            panic!("not a start error: {failure:?}");
        };
        assert_eq!(program, "no-such-program");
    }

    #[test]
    fn compiled_crates_are_found_with_and_without_colours() {
        assert_eq!(compiled_crate("   Compiling serde v1.0.229"), Some("serde"));
        assert_eq!(compiled_crate("\x1b[1m\x1b[32m   Compiling\x1b[0m glam v0.34.2"), Some("glam"));
        assert_eq!(compiled_crate("    Finished `wasm` profile"), None);
    }
}
