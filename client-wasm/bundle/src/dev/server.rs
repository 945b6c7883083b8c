//! The game's server under `dev`: started, waited for, and stopped.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::core::News;
use crate::command::say;

/// A server that does not listen after this time never will.
const LISTEN_LIMIT: Duration = Duration::from_secs(60);

/// A server that has been asked to end is ended after this time.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// Time between two looks at a server.
const PAUSE: Duration = Duration::from_millis(30);

/// Last lines of a server that are kept.
const LINES_MAX: usize = 20;

/// A server that runs.
pub(super) struct Server(Arc<Running>);

/// A program, and the last lines that it wrote: the threads that read them and wait for its end share both.
struct Running {
    child: Mutex<Child>,
    lines: Mutex<VecDeque<String>>,
}

impl Server {
    /// Starts a program with a folder as its page, and with one for its matches if it may use one. `tell` hears when it
    /// listens, and when it ends by itself.
    pub(super) fn start(
        program: &Path,
        address: SocketAddr,
        page: &Path,
        matches: Option<&Path>,
        tell: impl Fn(News) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", &address.to_string(), "--page"]).arg(page);
        // The listener for operators has a port of its own: a second game on this machine would find it taken.
        command.args(["--admin-listen", "off"]);
        matches.into_iter().for_each(|folder| _ = command.arg("--data").arg(folder));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let running = Arc::new(Running { child: Mutex::new(child), lines: Mutex::default() });
        if let Some(stream) = stdout {
            pass_on(stream, Arc::clone(&running));
        }
        if let Some(stream) = stderr {
            pass_on(stream, Arc::clone(&running));
        }
        let watched = Arc::clone(&running);
        thread::spawn(move || watch(&watched, address, tell));
        Ok(Self(running))
    }

    /// Ends the server: it says goodbye to its players if it does so soon.
    pub(super) fn stop(self) {
        let mut child = lock(&self.0.child);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| matches!(child.try_wait(), Ok(None))) {
            // A server that has just ended is as good.
            let _ = kill_process(pid, Signal::TERM);
        }
        let asked = Instant::now();
        while matches!(child.try_wait(), Ok(None)) {
            if asked.elapsed() > STOP_LIMIT {
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
            thread::park_timeout(PAUSE);
        }
    }
}

/// Tells when the server listens, and when it has ended.
fn watch(Running { child, lines }: &Running, address: SocketAddr, tell: impl Fn(News)) {
    let started = Instant::now();
    let mut listens = false;
    loop {
        if let Ok(Some(status)) = lock(child).try_wait() {
            // The last lines are still on their way.
            thread::park_timeout(PAUSE * 4);
            return tell(News::ServerEnded(last_words(status, lines)));
        }
        if !listens && TcpStream::connect_timeout(&address, PAUSE).is_ok() {
            // Another program may have the port: then the server ends at once.
            thread::park_timeout(PAUSE * 4);
            listens = matches!(lock(child).try_wait(), Ok(None));
            if listens {
                tell(News::Listening);
            }
        }
        if !listens && started.elapsed() > LISTEN_LIMIT {
            return tell(News::ServerEnded(format!("the server does not listen on {address}")));
        }
        thread::park_timeout(if listens { PAUSE * 8 } else { PAUSE });
    }
}

fn last_words(status: ExitStatus, lines: &Mutex<VecDeque<String>>) -> String {
    let lines = lock(lines);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    format!("the server has ended ({status})\n{}", lines.join("\n"))
}

/// Shows the lines of a program, and keeps the last ones.
fn pass_on(stream: impl Read + Send + 'static, running: Arc<Running>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            say(&line);
            let mut lines = lock(&running.lines);
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    });
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc;

    #[test]
    fn a_server_that_ends_by_itself_is_told_with_its_last_words() {
        let scratch = Scratch::new("dev-server");
        let program = scratch.path().join("server");
        fs::write(&program, "#!/bin/sh\necho \"$8 $9, port $3 is taken\" >&2\nexit 3\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let (sender, news) = mpsc::channel();
        let tell = move |news| drop(sender.send(news));
        // The port of nobody: connecting to it fails.
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        // While a fork of another test has the file open, it cannot be started.
        let started = (0..100).find_map(|_| {
            let server = Server::start(&program, address, scratch.path(), Some(Path::new("kept")), tell.clone());
            server.inspect_err(|_| thread::park_timeout(PAUSE)).ok()
        });
        let server = started.expect("the script can be started");
        let heard = news.recv_timeout(Duration::from_secs(20)).unwrap();
        let News::ServerEnded(words) = heard else { panic!("{heard:?}") };
        assert!(
            words.contains("exit status: 3") && words.ends_with("--data kept, port 127.0.0.1:1 is taken"),
            "{words}"
        );
        server.stop();
    }
}
