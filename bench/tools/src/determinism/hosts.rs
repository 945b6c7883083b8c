//! The hosts of a game's module: node, and a browser of each engine. All evaluate expressions of JavaScript.
//!
//! A host's process ends with the value that started it, and it can load one module after the other. The expressions
//! themselves are left to the callers.

use crate::browser::{Browser, Device, Engine};
use fantoccini::wd::TimeoutConfiguration;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The longest time that one expression may take in the browser.
const SCRIPT_LIMIT: Duration = Duration::from_secs(600);

/// The reason why a host did not answer.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The module was built without the feature.
    #[error("the module cannot play from seeds: it was built without the feature `determinism` of tickwire-client")]
    NoRun,
    /// The module has other games.
    #[error("the module has no game {0}")]
    NoGame(&'static str),
    /// The module is of another version.
    #[error("the module was built from another version of the game or of Tickwire: build it again")]
    OldModule,
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

/// A game's module: its script and its WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The script that wasm-bindgen has written.
    pub script: PathBuf,
    /// The WebAssembly.
    pub wasm: PathBuf,
}

impl Module {
    /// The module of a game in a folder of modules: `NAME/NAME_wasm.js` and `NAME/NAME_wasm_bg.wasm`, or with a folder
    /// `NAME_wasm`; `None` when it is not there.
    #[must_use]
    pub fn find(folder: &Path, game: &str) -> Option<Self> {
        let of = |inner: &str| {
            let file = |end: &str| folder.join(inner).join(format!("{game}_wasm{end}"));
            let module = Self { script: file(".js"), wasm: file("_bg.wasm") };
            (module.script.is_file() && module.wasm.is_file()).then_some(module)
        };
        of(game).or_else(|| of(&format!("{game}_wasm")))
    }
}

/// A machine of JavaScript; the module that it has loaded is `games` in expressions.
pub trait Host: Send {
    /// The host's name, as reports print it.
    fn name(&self) -> &'static str;

    /// Loads a module, in place of the one before.
    ///
    /// # Errors
    /// When the module cannot be read or does not start, and when the host is gone.
    fn load(&mut self, module: &Module) -> Result<(), HostError>;

    /// The value of an expression.
    ///
    /// # Errors
    /// When the expression throws, and when the host is gone.
    fn eval(&mut self, expression: &str) -> Result<Value, HostError>;
}

/// The program that node runs.
const NODE: &str = include_str!("node.mjs");

/// node as a child process.
#[derive(Debug)]
pub struct Node {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Node {
    /// Starts node.
    ///
    /// # Errors
    /// When node is not installed.
    pub fn start() -> Result<Self, HostError> {
        let mut node = Command::new("node");
        node.args(["--input-type=module", "--eval", NODE]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = tried("node could not be started: is it installed?", node.spawn())?;
        let (questions, answers) = child.stdin.take().zip(child.stdout.take()).expect("both are piped");
        Ok(Self { child, questions, answers: BufReader::new(answers) })
    }
}

impl Node {
    fn ask(&mut self, question: &Value) -> Result<Value, HostError> {
        tried("node ended", writeln!(self.questions, "{question}"))?;
        let mut line = String::new();
        tried("node ended", self.answers.read_line(&mut line))?;
        value_of(serde_json::from_str(&line).unwrap_or(Value::Null))
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

    fn load(&mut self, module: &Module) -> Result<(), HostError> {
        let (script, wasm) = (json!(module.script), json!(module.wasm));
        self.ask(&json!({ "load": [script, wasm] })).map(drop)
    }

    fn eval(&mut self, expression: &str) -> Result<Value, HostError> {
        self.ask(&json!({ "eval": expression }))
    }
}

/// Puts the module into the page, and answers when it is there.
///
/// A script of the page does this, because Firefox runs the scripts of its driver in surroundings of their own, where
/// objects are not those of the page.
const LOAD: &str = "const [script, wasm, done] = arguments;
    window.run = null;
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
    /// Starts a browser of this engine.
    ///
    /// # Errors
    /// When the driver or the browser does not start.
    pub fn start(engine: Engine) -> Result<Self, HostError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = tried("a runtime could not be made", runtime)?;
        let browser = runtime.block_on(async {
            let started = Browser::start(engine, Device::default()).await;
            let started = started.map_err(|error| HostError::Browser(format!("{error:#}")))?;
            let client = &started.client;
            let timeouts = TimeoutConfiguration::new(Some(SCRIPT_LIMIT), Some(Duration::from_secs(30)), None);
            client.update_timeouts(timeouts).await.map_err(browser)?;
            client.goto("about:blank").await.map_err(browser)?;
            Ok(started)
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

    fn load(&mut self, module: &Module) -> Result<(), HostError> {
        let script = tried("the module's script could not be read", fs::read_to_string(&module.script))?;
        let wasm = tried("the module could not be read", fs::read(&module.wasm))?;
        let loading = self.browser.client.execute_async(LOAD, vec![json!(script), json!(wasm)]);
        value_of(self.runtime.block_on(loading).map_err(browser)?).map(drop)
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
