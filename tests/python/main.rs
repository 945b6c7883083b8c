//! The examples in Python against the real server.
//!
//! They need a WebSocket package for Python, which `cargo verify` installs; it names its interpreter in
//! `TICKWIRE_PYTHON`.

#[cfg(test)]
use std::fs;
#[cfg(test)]
use std::os::unix::fs::PermissionsExt;
#[cfg(test)]
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::process::Command;
#[cfg(test)]
use tickwire_games::Paddles;
#[cfg(test)]
use tickwire_server::{Config, FileSetting, Server};

/// A token in a file that only its owner may read.
#[cfg(test)]
fn token_file() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("topics.token");
    fs::write(&path, "a token of the tests".replace(' ', "-")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its permissions");
    path
}

#[test]
fn every_example_works() {
    let token = token_file();
    let config = Config { topics_token_file: FileSetting::At(token.clone()), ..Config::on_free_ports() };
    let server = Server::new(config).game::<Paddles>().start().expect("a server on free ports");
    let operators = server.admin_address().expect("on a free port");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(std::env::var_os("TICKWIRE_PYTHON").unwrap_or_else(|| "python3".into()));
    python.arg(here.join("python/examples.py")).args([server.address(), operators].map(|address| address.to_string()));
    python.arg(token).arg(here.join("../server/examples"));
    let outcome = python.output().expect("`cargo verify` installs the package, and TICKWIRE_PYTHON names its python");
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success() && said.contains("Ran 2 tests"), "{said}");
}
