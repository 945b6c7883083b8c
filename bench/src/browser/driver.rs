//! chromedriver as a child process: it has its own port and its own profile, and leaves nothing behind.

use anyhow::{Context, Result};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A chromedriver that drives one browser.
#[derive(Debug)]
pub struct Driver {
    child: Child,
    port: u16,
    profile: PathBuf,
}

impl Driver {
    /// Starts chromedriver on a free port.
    ///
    /// # Errors
    /// When chromedriver is not installed, or prints no port.
    pub fn start() -> Result<Self> {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let profile = std::env::temp_dir().join(format!("tickwire-browser-{}-{number}", std::process::id()));
        fs::create_dir_all(&profile).context("there is no folder for the browser's profile")?;
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            // Files that the browser leaves there are removed with the profile.
            .env("TMPDIR", &profile)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver does not start: is Debian's chromium-driver installed?")?;
        let stdout = BufReader::new(child.stdout.take().context("chromedriver's output is piped")?);
        let port = stdout.lines().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("started successfully on port ")?;
            rest.trim_end_matches('.').parse().ok()
        });
        Ok(Self { child, port: port.context("chromedriver printed no port")?, profile })
    }

    /// The address at which chromedriver takes commands.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The arguments that the browser is started with.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        let mut arguments: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", self.profile.display()));
        arguments
    }

    /// Sends a signal to every process of the browser, such as `STOP`.
    pub fn signal_browser(&self, name: &str) {
        for pid in descendants(self.child.id()) {
            signal(pid, name);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.signal_browser("KILL");
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

fn signal(pid: u32, name: &str) {
    // The signal may fail for a process that has ended by itself.
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// Every process below one, the upper ones first.
fn descendants(pid: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(above) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

/// The fourth field of `/proc/PID/stat`; the second is a name in parentheses that may contain anything.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
