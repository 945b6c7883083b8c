//! A server to be measured: started on free ports, ended by its process id. Our server is built in release mode first.

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
const LISTENING: &str = "listening on http://";

/// The text before the address of its metrics in the same line.
const METRICS: &str = "metrics on http://";

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
    /// Builds the release server and starts it with one shard, with the benchmark games, and without a limit on the work
    /// of the shard: a measurement may go as far as the shard does.
    ///
    /// # Errors
    /// When the server does not build, does not start, or does not print its address in time.
    pub async fn start() -> Result<Self> {
        let binary = Self::built().await?;
        Self::spawn(Command::new(&binary).args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--shards",
            "1",
            "--benchmark-games",
            "--load-percent-max",
            "100",
        ]))
        .await
    }

    /// Builds the release server, and gives the path of its program.
    ///
    /// # Errors
    /// When the server does not build.
    pub async fn built() -> Result<PathBuf> {
        let target = target_folder()?;
        build(&target).await?;
        Ok(target.join("release").join("tickwire"))
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
        let (address, metrics) = timeout(START_TIMEOUT, first_addresses(&mut said))
            .await
            .context("the server printed no address in time")??;
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

/// The folder that holds `release/` and `debug/`: the server belongs into the folder that this binary was built in.
fn target_folder() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let profile = own.parent().filter(|folder| !folder.ends_with("deps")).or_else(|| own.parent()?.parent());
    Ok(profile.and_then(Path::parent).context("this binary is in no target folder")?.to_owned())
}

async fn build(target: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", "tickwire-server", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target)
        .status()
        .await
        .context("cargo does not start; with --url a running server is measured")?;
    ensure!(status.success(), "the server does not build");
    Ok(())
}

async fn forward(output: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    let mut reader = BufReader::new(output).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

async fn first_addresses(said: &mut mpsc::Receiver<String>) -> Result<(SocketAddr, Option<SocketAddr>)> {
    let mut kept = VecDeque::new();
    while let Some(line) = said.recv().await {
        if let Some(address) = address_in(&line, LISTENING) {
            return Ok((address, address_in(&line, METRICS)));
        }
        if kept.len() == LINES_KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    let said: Vec<String> = kept.into();
    bail!("the server ended without listening:\n{}", said.join("\n"));
}

fn address_in(line: &str, before: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(before)?;
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c))).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
