//! The crates as a registry would get them: their manifests, the content of their packages, and their public API.
//!
//! The tests call cargo and rustdoc, so a plain `cargo test` leaves them out; `cargo verify` runs them. Leaves out the
//! sending: no test speaks to a registry.

#[cfg(test)]
mod api;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod package;

#[cfg(test)]
use serde_json::Value;
#[cfg(test)]
use std::env;
#[cfg(test)]
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::process::Command;

/// The crates that go to a registry. A crate of the workspace that is not listed says `publish = false`.
#[cfg(test)]
const PUBLISHED: [&str; 7] = [
    "cargo-tickwire",
    "tickwire",
    "tickwire-client",
    "tickwire-derive",
    "tickwire-describe",
    "tickwire-server",
    "tickwire-tools",
];

/// One crate that goes to a registry.
#[cfg(test)]
struct Published {
    /// Its manifest, in the words of `cargo metadata`.
    manifest: Value,
}

#[cfg(test)]
impl Published {
    fn text(&self, key: &str) -> &str {
        self.manifest[key].as_str().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.text("name")
    }

    fn folder(&self) -> &Path {
        Path::new(self.text("manifest_path")).parent().expect("a manifest is in a folder")
    }
}

#[cfg(test)]
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests is a folder of the workspace").to_owned()
}

/// A cargo in the folder of the workspace. It does not see the variables that the cargo around a test sets: crates whose
/// build scripts watch them would be built again.
#[cfg(test)]
fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let of_cargo = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    for (name, _) in env::vars_os() {
        if of_cargo.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            cargo.env_remove(name);
        }
    }
    cargo.args(arguments).current_dir(root());
    cargo
}

/// The output of a program, which must end well.
#[cfg(test)]
fn output(mut command: Command) -> String {
    let output = command.output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{said}");
    String::from_utf8(output.stdout).expect("the program prints text")
}

#[cfg(test)]
fn metadata() -> Value {
    let answer = output(cargo(&["metadata", "--no-deps", "--format-version", "1", "--offline"]));
    serde_json::from_str(&answer).expect("cargo's answer is JSON")
}

/// The crates of the workspace that may go to a registry, by name.
#[cfg(test)]
fn published() -> Vec<Published> {
    let packages = metadata()["packages"].as_array().expect("a list of packages").clone();
    let public = packages.into_iter().filter(|manifest| manifest["publish"].is_null());
    let mut crates: Vec<Published> = public.map(|manifest| Published { manifest }).collect();
    crates.sort_by(|one, other| one.name().cmp(other.name()));
    crates
}
