//! The hosts of the module of games: node, and a browser of each engine. All evaluate expressions of JavaScript.
//!
//! A host's process ends with the value that started it. The expressions themselves are left to the callers.

use fantoccini::wd::TimeoutConfiguration;
use serde_json::{Value, json};
use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use tickwire_bench::browser::{Browser, Device, Engine};
use tickwire_bundle::{BuildError, Module, Source, Tools, Workspace, build_module};
use tokio::runtime::Runtime;

/// The longest time that one expression may take in the browser.
const SCRIPT_LIMIT: Duration = Duration::from_secs(600);

/// The reason why a host did not answer.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The module does not compile.
    #[error("the module of games could not be built")]
    Build(#[from] BuildError),
    /// A program or a file is missing, or ended.
    #[error("{what}")]
    Io {
        /// The action that failed.
        what: &'static str,
        /// The error that the system gave.
        source: io::Error,
    },
    /// The browser does not start, or is gone.
    #[error("the browser: {0}")]
    Browser(String),
    /// The expression threw this text.
    #[error("{0}")]
    Thrown(String),
}

/// Names the action that failed in an error of the system.
fn tried<T>(what: &'static str, result: io::Result<T>) -> Result<T, HostError> {
    result.map_err(|source| HostError::Io { what, source })
}

/// The module of games: its script and its WebAssembly.
#[derive(Debug, Clone)]
pub struct Built {
    script: PathBuf,
    wasm: PathBuf,
}

/// Builds the module where it is not up to date, as the page's own is built.
///
/// # Errors
/// [`HostError::Build`].
pub fn build() -> Result<Built, HostError> {
    let tool = |variable, name: &str| env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from);
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let tools = Tools { cargo: tool("CARGO", "cargo"), rustc: tool("RUSTC", "rustc"), cargo_home };
    let workspace = Workspace::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), tools)?;
    let module = Module { package: "tickwire-determinism", stem: "tickwire_determinism" };
    let folder = build_module(&workspace, Source::Auto, module)?;
    let file = |end: &str| folder.join(format!("{}{end}", module.stem));
    Ok(Built { script: file(".js"), wasm: file("_bg.wasm") })
}

/// A machine of JavaScript with the module in it, as `games`.
pub trait Host: Send {
    /// The host's name, as reports print it.
    fn name(&self) -> &'static str;

    /// The value of an expression.
    ///
    /// # Errors
    /// When the expression throws, and when the host is gone.
    fn eval(&mut self, expression: &str) -> Result<Value, HostError>;
}

/// node as a child process.
#[derive(Debug)]
pub struct Node {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Node {
    /// Starts node with the module.
    ///
    /// # Errors
    /// When node is not installed.
    pub fn start(built: &Built) -> Result<Self, HostError> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/hosts/node.mjs");
        let mut node = Command::new("node");
        node.arg(script).arg(&built.script).arg(&built.wasm).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = tried("node could not be started", node.spawn())?;
        let (questions, answers) = child.stdin.take().zip(child.stdout.take()).expect("both are piped");
        Ok(Self { child, questions, answers: BufReader::new(answers) })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Node may have ended by itself just now; then there is nothing to kill, which is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Host for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn eval(&mut self, expression: &str) -> Result<Value, HostError> {
        tried("node ended", writeln!(self.questions, "{expression}"))?;
        let mut line = String::new();
        tried("node ended", self.answers.read_line(&mut line))?;
        value_of(serde_json::from_str(&line).unwrap_or(Value::Null))
    }
}

/// Puts the module into the page, and answers when it is there.
///
/// A script of the page does this, because Firefox runs the scripts of its driver in surroundings of their own, where
/// objects are not those of the page.
const LOAD: &str = "const [script, wasm, done] = arguments;
    window.wasm = wasm;
    const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
    const element = document.createElement('script');
    element.textContent = `window.loading = import('${url}').then(async (games) => {
        await games.default({ module_or_path: Uint8Array.from(window.wasm) });
        window.games = games;
    })`;
    document.head.append(element);
    window.loading.then(() => done({ value: true }), (error) => done({ error: String(error) }));";

/// A browser with an empty page.
pub struct EmptyPage {
    browser: Browser,
    runtime: Runtime,
}

impl EmptyPage {
    /// Starts a browser of this engine, and loads the module into its page.
    ///
    /// # Errors
    /// When the driver or the browser does not start.
    pub fn start(engine: Engine, built: &Built) -> Result<Self, HostError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = tried("a runtime could not be made", runtime)?;
        let script = tried("the module's script could not be read", std::fs::read_to_string(&built.script))?;
        let wasm = tried("the module could not be read", std::fs::read(&built.wasm))?;
        let browser = runtime.block_on(async {
            let started = Browser::start(engine, Device::default()).await;
            let started = started.map_err(|error| HostError::Browser(format!("{error:#}")))?;
            let client = &started.client;
            let timeouts = TimeoutConfiguration::new(Some(SCRIPT_LIMIT), Some(Duration::from_secs(30)), None);
            client.update_timeouts(timeouts).await.map_err(browser)?;
            client.goto("about:blank").await.map_err(browser)?;
            let loaded = client.execute_async(LOAD, vec![json!(script), json!(wasm)]).await.map_err(browser)?;
            value_of(loaded).map(|_| started)
        })?;
        Ok(Self { browser, runtime })
    }
}

fn browser(error: fantoccini::error::CmdError) -> HostError {
    HostError::Browser(error.to_string())
}

impl Host for EmptyPage {
    fn name(&self) -> &'static str {
        self.browser.driver.engine().name()
    }

    fn eval(&mut self, expression: &str) -> Result<Value, HostError> {
        let script = "try { return { value: window.eval(arguments[0]) ?? null }; } \
                      catch (error) { return { error: String(error) }; }";
        let answer = self.runtime.block_on(self.browser.client.execute(script, vec![json!(expression)]));
        value_of(answer.map_err(browser)?)
    }
}

/// The value in an answer, or the error that was thrown.
fn value_of(answer: Value) -> Result<Value, HostError> {
    match answer {
        Value::Object(mut answer) => match answer.remove("value") {
            Some(value) => Ok(value),
            None => Err(HostError::Thrown(answer.remove("error").unwrap_or_default().to_string())),
        },
        other => Err(HostError::Thrown(format!("expected an answer, got {other}"))),
    }
}
