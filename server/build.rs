//! The page is embedded into release builds: build again when it has changed.

use std::io::Write;
use std::path::Path;

fn main() -> std::io::Result<()> {
    // A missing path would have this run every time; the folder above changes when the page is first built.
    let dist = "../client-wasm/dist";
    let watched = if Path::new(dist).exists() { dist } else { "../client-wasm" };
    writeln!(std::io::stdout(), "cargo::rerun-if-changed={watched}")
}
