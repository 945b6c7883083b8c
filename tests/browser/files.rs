//! Folders for a web server: the bundle's output for static hosts and for npm, and the plainest server of files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// An empty folder for one test alone; it is removed with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tickwire-web-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("a file");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `cargo tickwire` as `cargo verify` has built it.
pub(crate) fn tool() -> Command {
    let own = std::env::current_exe().expect("this program has a path");
    let program = own.parent().and_then(Path::parent).expect("target/PROFILE/deps/NAME").join("cargo-tickwire");
    Command::new(program)
}

/// Builds the demo games by the tool. Its output is for players: without hooks for tests.
pub(crate) fn bundle(arguments: &[&str]) {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    run(tool().args(["build", "-p", "tickwire-demo", "--manifest-path"]).arg(manifest).args(arguments));
}

/// A folder of the tests for programs of the web, with the packages of npm that they need, and those of Tickwire as
/// `npm pack` makes them. It is below cargo's target folder, and made once in each run.
pub(crate) fn web_project() -> &'static Path {
    static PROJECT: OnceLock<PathBuf> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let own = std::env::current_exe().expect("this program has a path");
        let project = own.ancestors().nth(3).expect("target/PROFILE/deps/NAME").join("tests/web");
        let packages = project.join("packages");
        for stale in [&packages, &project.join("node_modules/tickwire"), &project.join("node_modules/tickwire-arena")] {
            let _ = fs::remove_dir_all(stale);
        }
        let _ = fs::remove_file(project.join("package-lock.json"));
        fs::create_dir_all(&project).expect("a folder");
        bundle(&["--npm", packages.to_str().expect("a path")]);
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/web");
        fs::copy(tests.join("package.json"), project.join("package.json")).expect("a file");
        let mut archives = Vec::new();
        for name in ["tickwire", "tickwire-arena"] {
            let packed = run(npm(&packages.join(name)).args(["pack", "--silent"]));
            archives.push(packages.join(name).join(packed.trim()));
        }
        run(npm(&project).args(["install", "--no-audit", "--no-fund", "--prefer-offline"]).args(archives));
        project
    })
}

fn npm(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder);
    npm
}

/// Runs a program that has to succeed, and shows its output when it does not.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out
}

/// The file server of Python's standard library, which knows nothing of Tickwire.
pub(crate) struct FileServer {
    child: Child,
    address: SocketAddr,
}

impl FileServer {
    pub(crate) fn of(folder: &Path) -> Self {
        let mut command = Command::new("python3");
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("python3 starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
        Self { child, address: address.unwrap_or_else(|| panic!("an address in {line:?}")) }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The origin of its pages.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
