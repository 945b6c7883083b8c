//! Release builds embed the page, so cargo has to build the server again when the page has changed.

use std::io::Write;
use std::path::Path;

fn main() -> std::io::Result<()> {
    // Cargo runs this script every time when the path that it watches is missing. The folder above is always there, and
    // it changes when the page is first built.
    let dist = "../client-wasm/dist";
    let watched = if Path::new(dist).exists() { dist } else { "../client-wasm" };
    writeln!(std::io::stdout(), "cargo::rerun-if-changed={watched}")
}
