//! The driver of an engine as a child process: it has its own port and its own folder, and leaves nothing behind.

use super::{Device, Engine, chromium, firefox, processes, webkit};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

static STARTED: AtomicU32 = AtomicU32::new(0);

/// Bound for the time until a program says that it is ready, and the pause between two looks.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// A driver of one browser.
#[derive(Debug)]
pub struct Driver {
    engine: Engine,
    /// The driver is the last one: the programs before it must outlive it.
    children: Vec<Child>,
    port: u16,
    folder: PathBuf,
    errors_read: AtomicUsize,
}

impl Driver {
    /// Starts the driver of an engine on a free port.
    ///
    /// # Errors
    /// When a program that the engine needs is not installed, or is not ready within half a minute.
    pub async fn start(engine: Engine, device: Device) -> Result<Self> {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tickwire-browser-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).context("there is no folder for the browser's profile")?;
        let mut driver = Self { engine, children: Vec::new(), port: 0, folder, errors_read: AtomicUsize::new(0) };
        driver.port = match engine {
            Engine::Chromium => chromium::start(&mut driver).await?,
            Engine::Firefox => firefox::start(&mut driver).await?,
            Engine::WebKit => webkit::start(&mut driver, device).await?,
        };
        Ok(driver)
    }

    /// The engine that is driven.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// The address at which the driver takes commands.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The capabilities that a browser with the screen of this device is asked for.
    pub(super) fn capabilities(&self, device: Device) -> Map<String, Value> {
        match self.engine {
            Engine::Chromium => chromium::capabilities(&self.folder, device),
            Engine::Firefox => firefox::capabilities(&self.folder, device),
            Engine::WebKit => webkit::capabilities(),
        }
    }

    /// The errors that the browser itself wrote about its page since the last call. Chromium keeps them for a command
    /// of its driver, and WebKit does not write any.
    #[must_use]
    pub fn errors_written(&self) -> Vec<String> {
        let text = self.written(firefox::PROGRAM);
        let errors: Vec<String> = text.lines().filter(|line| firefox::is_error_of_page(line)).map(Into::into).collect();
        let read = self.errors_read.swap(errors.len(), Ordering::Relaxed);
        errors.into_iter().skip(read).collect()
    }

    /// Sends a signal to every process of the browser, such as `STOP`.
    pub fn signal_browser(&self, name: &str) {
        if let Some(driver) = self.children.last() {
            processes::signal_below(driver.id(), name);
        }
    }

    /// The folder for everything that the browser writes; it is removed with the driver.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a program. Its temporary files and its output go into the folder.
    pub(super) fn spawn(&mut self, command: &mut Command) -> Result<()> {
        let program = Path::new(command.get_program()).to_owned();
        let log = self.folder.join(program.file_name().unwrap_or_default()).with_extension("log");
        let out = File::create(log).context("no file for output")?;
        let both = out.try_clone().context("no file for output")?;
        let spawned = command.env("TMPDIR", &self.folder).stdin(Stdio::null()).stdout(out).stderr(both).spawn();
        self.children.push(spawned.with_context(|| format!("{} does not start", program.display()))?);
        Ok(())
    }

    /// Waits until the program that was started last is ready, as `find` sees from its output.
    pub(super) async fn wait_for<T>(&mut self, program: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let until = Instant::now() + START_TIMEOUT;
        loop {
            let text = self.written(program);
            if let Some(found) = find(&text) {
                return Ok(found);
            }
            let child = self.children.last_mut().context("no program was started")?;
            if Instant::now() > until || !matches!(child.try_wait(), Ok(None)) {
                bail!("{program} is not ready; it wrote: {text}");
            }
            sleep(LOOK).await;
        }
    }

    fn written(&self, program: &str) -> String {
        let bytes = fs::read(self.folder.join(program).with_extension("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.signal_browser("KILL");
        while let Some(mut child) = self.children.pop() {
            processes::end(&mut child);
        }
        processes::kill_all_of(&self.folder);
        let _ = fs::remove_dir_all(&self.folder);
    }
}
