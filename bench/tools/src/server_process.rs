//! A server to be measured: started on free ports, ended by its process id. A server that is given by its package is
//! built in release mode first.

mod source;

pub use source::ServerSource;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The server must print its address within this time.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The server must have ended this long after the request to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The text before the address in the server's output.
const LISTENING: [&str; 2] = ["listening on http://", "listening on https://"];

/// The text before the address of its metrics in the same line.
const METRICS: [&str; 2] = ["metrics on http://", "metrics on https://"];

/// Lines of the server's output that are kept to explain why it did not start.
const LINES_KEPT: usize = 20;

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    pid: u32,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
}

impl ServerProcess {
    /// Starts the server with one shard, with the benchmark games, and without a limit on the work of the shard: a
    /// measurement may go as far as the shard does. A server that is given by its package is built in release mode first.
    ///
    /// # Errors
    /// When the server does not build, does not start, or does not print its address in time.
    pub async fn start(source: &ServerSource) -> Result<Self> {
        Self::start_with(source, &[]).await
    }

    /// The same with further options.
    ///
    /// # Errors
    /// When the server does not build, does not start, or does not print its address in time.
    pub async fn start_with(source: &ServerSource, options: &[&OsStr]) -> Result<Self> {
        let mut command = Command::new(source.program().await?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--shards", "1"]);
        command.args(["--benchmark-games", "--load-percent-max", "100"]).args(options);
        Self::spawn(&mut command).await
    }

    /// Starts a server that prints its address in the form that ours uses.
    ///
    /// # Errors
    /// When the server does not start, or does not print its address in time.
    pub async fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let pid = child.id().context("the server ended at once")?;
        let (lines, mut said) = mpsc::channel(64);
        let stdout = child.stdout.take().context("the server's output is piped")?;
        let stderr = child.stderr.take().context("the server's output is piped")?;
        tokio::spawn(forward(stdout, lines.clone()));
        tokio::spawn(forward(stderr, lines));
        let mut kept = VecDeque::new();
        let Ok(found) = timeout(START_TIMEOUT, first_addresses(&mut said, &mut kept)).await else {
            bail!("the server printed no address within {} s{}", START_TIMEOUT.as_secs(), last_words(&kept));
        };
        let Some((address, metrics)) = found else {
            bail!("the server ended without listening{}", last_words(&kept));
        };
        // The server's output must be read on, or the server would block on a full pipe.
        tokio::spawn(async move { while said.recv().await.is_some() {} });
        Ok(Self { child, pid, address, metrics })
    }

    /// The address on which the server listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the server's metrics, if the server has printed it.
    #[must_use]
    pub const fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// The server's process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the server has ended by itself, for this time at the most; `None` when it still runs then.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub async fn ended(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        match timeout(patience, self.child.wait()).await {
            Ok(status) => Ok(Some(status?)),
            Err(_) => Ok(None),
        }
    }

    /// Asks the server to end and waits until it has.
    ///
    /// # Errors
    /// When the server has not ended in time, had ended before, or ended with an error.
    pub async fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("a process id is positive")?;
        if let Some(status) = self.child.try_wait()? {
            bail!("the server had ended before it was asked to: {status}");
        }
        kill_process(pid, Signal::TERM).context("the server cannot be signalled")?;
        let status: ExitStatus =
            timeout(STOP_TIMEOUT, self.child.wait()).await.context("the server did not end when asked to")??;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

async fn forward(output: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    let mut reader = BufReader::new(output).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

/// The addresses that the server prints; `None` when its output ends without any. The last lines are left in `kept`.
async fn first_addresses(
    said: &mut mpsc::Receiver<String>,
    kept: &mut VecDeque<String>,
) -> Option<(SocketAddr, Option<SocketAddr>)> {
    while let Some(line) = said.recv().await {
        if let Some(address) = address_in(&line, LISTENING) {
            return Some((address, address_in(&line, METRICS)));
        }
        if kept.len() == LINES_KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    None
}

/// The end of an error message: the last lines of the server's output.
fn last_words(kept: &VecDeque<String>) -> String {
    if kept.is_empty() {
        return ", and said nothing".into();
    }
    kept.iter().fold(". It said:".to_owned(), |words, line| words + "\n    " + line)
}

fn address_in(line: &str, before: [&str; 2]) -> Option<SocketAddr> {
    let (_, rest) = before.iter().find_map(|before| line.split_once(before))?;
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c))).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawned(script: &str) -> Result<ServerProcess> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(ServerProcess::spawn(Command::new("sh").args(["-c", script])))
    }

    #[test]
    fn the_last_lines_of_a_server_that_does_not_start_are_quoted() {
        let error = spawned("echo port 80 is taken >&2; exit 1").expect_err("it ends without listening").to_string();
        assert_eq!(error, "the server ended without listening. It said:\n    port 80 is taken");
        let error = spawned("exit 1").expect_err("it ends without a word").to_string();
        assert!(error.ends_with("without listening, and said nothing"), "{error}");
        assert!(spawned("echo listening on http://127.0.0.1:9; exec cat").is_ok());
    }

    #[test]
    fn the_address_is_found_in_a_plain_and_in_a_coloured_line() {
        let address = Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let listening = |line| address_in(line, LISTENING);
        assert_eq!(listening("listening on http://127.0.0.1:8080"), address);
        assert_eq!(listening("\u{1b}[32mINFO\u{1b}[0m listening on http://127.0.0.1:8080\u{1b}[0m shards=1"), address);
        assert_eq!(listening("listening on http://[::1]:9/"), "[::1]:9".parse().ok());
        assert_eq!(listening("admin on http://127.0.0.1:8081"), None);
        let both = "listening on http://127.0.0.1:8080, metrics on http://127.0.0.1:9090/metrics";
        assert_eq!((listening(both), address_in(both, METRICS)), (address, "127.0.0.1:9090".parse().ok()));
        assert_eq!(listening("listening on https://127.0.0.1:8080, metrics"), address);
    }
}
