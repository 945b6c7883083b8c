//! The server's program as a process, for tests that have to observe it from outside.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::time::SystemTime;

/// The path of the program, which is built anew when its sources are newer.
///
/// `cargo verify` has built it along with these tests; a plain `cargo test` does not build the programs of other
/// packages.
pub(crate) fn program() -> PathBuf {
    static FRESH: Once = Once::new();
    let own = std::env::current_exe().expect("this program has a path");
    let folder = own.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps/NAME");
    let program = folder.join("tickwire");
    FRESH.call_once(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let sources = ["server", "shared", "Cargo.lock"].map(|name| newest(&root.join(name)));
        if sources.into_iter().max().flatten() > changed(&program) {
            let build = ["build", "--quiet", "--workspace", "--bin", "tickwire"];
            let built = Command::new(env!("CARGO")).args(build).current_dir(root).status();
            assert!(built.is_ok_and(|status| status.success()), "the server compiles");
        }
    });
    program
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// The time at which a file, or any file below a folder, was last changed.
fn newest(path: &Path) -> Option<SystemTime> {
    if path.is_file() {
        return changed(path);
    }
    fs::read_dir(path).into_iter().flatten().flatten().filter_map(|entry| newest(&entry.path())).max()
}

/// The folder of the page, as `cargo tickwire build` leaves it.
fn page() -> PathBuf {
    let own = std::env::current_exe().expect("this program has a path");
    own.ancestors().nth(3).expect("target/PROFILE/deps/NAME").join("wasm/tickwire-demo/page-test-hooks")
}

/// The command that starts a server on this address, without a listener for operators.
pub(crate) fn serve(listen: &str) -> Command {
    serve_with(listen, "0")
}

/// The same with a listener for operators on this address.
pub(crate) fn serve_with(listen: &str, admin_listen: &str) -> Command {
    let mut command = Command::new(program());
    command.args(["serve", "--listen", listen, "--admin-listen", admin_listen, "--autopsies", "off"]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let page = page();
    if page.join("index.html").is_file() {
        command.arg("--page").arg(page);
    }
    command
}

/// A server for one test alone; it is ended with the test.
pub(crate) struct Serving {
    child: Child,
    address: SocketAddr,
    /// The address for operators, if there is one.
    admin: Option<SocketAddr>,
}

impl Serving {
    /// Starts a server on a free port.
    pub(crate) fn start() -> Self {
        Self::start_on("127.0.0.1:0")
    }

    /// Starts a server on this address.
    pub(crate) fn start_on(listen: &str) -> Self {
        Self::start_by(&mut serve(listen))
    }

    /// Starts a server by this command, which may have further options and variables.
    pub(crate) fn start_by(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        // A server that is a test of this program prints lines of its own before.
        while !line.contains("http://") && stdout.read_line(&mut line).expect("a line") > 0 {}
        let mut addresses =
            line.split("http://").skip(1).map(|rest| rest.split(['/', ',']).next()?.trim().parse().ok());
        let address = addresses.next().flatten().unwrap_or_else(|| panic!("an address in {line:?}"));
        Self { child, address, admin: addresses.next().flatten() }
    }

    /// The address on which the server listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address on which the server listens for operators.
    pub(crate) const fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The id of the server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the server a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the server is running and receives SIG{name}");
    }

    /// Waits until the process ends; gives its exit status.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the server ends")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
