//! The WebSocket code of the server against the cases of the Autobahn test suite, over the echo that only the feature
//! `conformance` has.
//!
//! `cargo verify` installs the suite and names its program in `TICKWIRE_KOSOKU`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use tickwire_server::{Config, Server};

/// Cases of the suite about the compression of messages, which this server never agrees to.
const LEFT_OUT: [&str; 4] = ["-x", "12.*", "-x", "13.*"];

/// Cases of kosoku 0.1.0 without those.
const CASES: usize = 301;

#[test]
fn every_case_of_the_suite_passes() {
    let server = Server::new(Config::on_free_ports()).start().expect("a server on free ports");
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    // The report of an earlier run must not count for this one.
    let _ = fs::remove_dir_all(&report);
    let program = std::env::var_os("TICKWIRE_KOSOKU").unwrap_or_else(|| "kosoku".into());
    let mut suite = Command::new(program);
    suite.args(LEFT_OUT).arg("--outdir").arg(&report).arg(format!("ws://{}/autobahn", server.address()));
    let outcome = suite.output().expect("`cargo verify` installs kosoku, and TICKWIRE_KOSOKU names it");
    let said = [outcome.stdout, outcome.stderr].concat();
    assert!(outcome.status.success(), "{}\nthe report is in {}", String::from_utf8_lossy(&said), report.display());
    let index = fs::read_to_string(report.join("index.json")).expect("the suite writes a report");
    let index: serde_json::Value = serde_json::from_str(&index).expect("the report is JSON");
    let cases: usize = index.as_object().into_iter().flat_map(|agents| agents.values()).filter_map(count).sum();
    // Unlike `println!`, this is not swallowed when the test passes.
    writeln!(std::io::stdout(), "\ncases that ran: {cases}").expect("standard output is open");
    assert_eq!(cases, CASES, "a run that leaves out cases shows nothing");
}

/// The number of cases in the report on one server.
fn count(agent: &serde_json::Value) -> Option<usize> {
    agent.as_object().map(serde_json::Map::len)
}
