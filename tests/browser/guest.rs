//! A client of topics in Python, in a process of its own.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// The time that a guest may take to hear something.
const PATIENCE: Duration = Duration::from_secs(20);

/// A guest in a topic; it leaves with the test.
pub(crate) struct Guest {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Value>,
    heard: Vec<Value>,
}

impl Guest {
    /// A guest that comes to a topic. `cargo verify` has installed the package that it needs.
    pub(crate) fn enter(server: SocketAddr, name: &str, topic: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/guest.py");
        let mut python = Command::new(std::env::var_os("TICKWIRE_PYTHON").unwrap_or_else(|| "python3".into()));
        python.arg(script).args([&format!("ws://{server}/ws"), name, topic]);
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
        let (stdin, stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let (said, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = said.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        Self { child, stdin, lines, heard: Vec::new() }
    }

    pub(crate) fn order(&mut self, order: &Value) {
        writeln!(self.stdin, "{order}").expect("the guest listens");
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.order(&json!({ "say": text }));
    }

    /// The texts of the messages that it has heard, in their order.
    pub(crate) fn texts(&mut self) -> Vec<String> {
        self.heard.extend(self.lines.try_iter());
        let messages = self.heard.iter().filter(|message| message["op"] == "message");
        messages.map(|message| message["body"].as_str().expect("a text").to_owned()).collect()
    }

    /// The first message like this, which it has heard or hears soon.
    pub(crate) fn wait_for(&mut self, is_meant: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        if let Some(message) = self.heard.iter().find(|message| is_meant(message)) {
            return message.clone();
        }
        while let Ok(message) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.heard.push(message.clone());
            if is_meant(&message) {
                return message;
            }
        }
        panic!("the guest never heard it; all that it heard: {:#?}", self.heard)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
