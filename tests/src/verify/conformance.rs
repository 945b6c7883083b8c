//! The WebSocket code of the server against the cases of the Autobahn test suite. The suite is installed from the
//! Python package index when it is missing; the test itself is `server/tests/conformance.rs`.

use crate::python::environment;
use crate::run::{command, run};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// The suite, at the version whose cases the test counts.
const SUITE: &str = "kosoku==0.1.0";

/// Plays all cases against a server with the echo of the feature `conformance`.
///
/// As every call of cargo, this one covers the whole workspace, so that only the crates with the feature are built
/// again.
pub(crate) fn play(limit: Duration, log: &Path) -> Result<()> {
    let suite = environment(&[SUITE], "bin/kosoku", limit, log)?;
    let test = ["test", "--workspace", "--features", "tickwire-server/conformance", "--test", "conformance"];
    let mut cargo = command("cargo", &test);
    cargo.env("TICKWIRE_KOSOKU", suite);
    run(cargo, limit, log)
}
