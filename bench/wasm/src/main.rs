//! `cargo wasm-bench`: the cost of the client's work natively, in node and in headless Chromium, in one run.
//!
//! Records real rooms, builds the module as the page's module is built, and lets the three hosts work through the same
//! recording in turns. Fails when a promise is broken, or when a host comes to another world.

mod hosts;
mod record;
mod verdict;

use anyhow::{Context, Result, ensure};
use cargo_tickwire::{Flavour, Modules, Project, Selection, Source, build_others, tools_of_environment};
use clap::Parser;
use hosts::{Chromium, Node};
use serde_json::json;
use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tickwire_wasm_bench::{Findings, measure};
use verdict::{Host, Verdict};

/// The module with the measured code.
const STEM: &str = "tickwire_wasm_bench";

/// Passes through the recording per host and round; the first passes are slow in WebAssembly, until the host has
/// compiled the code that is used most.
const PASSES: u32 = 5;

/// Measures the client's work natively, in node and in Chromium.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo wasm-bench --")]
struct Args {
    /// Rounds of the three hosts in turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Seed of the recording.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes the results to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            // With stderr closed the error cannot be shown.
            let _ = writeln!(stderr(), "wasm-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<ExitCode> {
    let folder = build()?;
    let recording = record::all(args.seed)?;
    let found = measure_all(args, &folder, &recording).await?;
    let verdict = Verdict::of(&found);
    if let Some(path) = &args.json {
        let json = json!({ "seed": args.seed, "rounds": args.rounds, "hosts": verdict.hosts });
        let written = fs::write(path, serde_json::to_string_pretty(&json)? + "\n");
        written.with_context(|| format!("{} cannot be written", path.display()))?;
    }
    write!(stdout().lock(), "\n{}", verdict.render())?;
    Ok(if verdict.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the module; gives the folder with it and its loader.
fn build() -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    // The demo games' package lends its settings; the module is built beside those of the games.
    let selection = Selection { manifest: Some(manifest), package: Some("tickwire-demo".to_owned()) };
    let project = Project::find(&selection, tools_of_environment())?;
    let module = Modules::Library { name: STEM.to_owned() };
    let built = build_others(&project, Source::Auto, env!("CARGO_PKG_NAME"), &module, Flavour::Players);
    Ok(built.context("the module cannot be built")?.join(STEM))
}

async fn measure_all(args: &Args, folder: &Path, recording: &[u8]) -> Result<[(Host, Findings); 3]> {
    let node = Node::new(folder, STEM, recording)?;
    let chromium = Chromium::start(folder, STEM, recording).await?;
    let mut found: Option<[(Host, Findings); 3]> = None;
    for _ in 0..args.rounds {
        let round = [
            (Host::Native, measure(recording, PASSES)?),
            (Host::Node, node.measure(PASSES).await?),
            (Host::Chromium, chromium.measure(PASSES).await?),
        ];
        let (_, native) = &round[0];
        for (host, findings) in &round {
            ensure!(findings.digest == native.digest, "{host} came to another world than the native run");
        }
        match &mut found {
            None => found = Some(round),
            Some(found) => found.iter_mut().zip(&round).for_each(|((_, found), (_, new))| found.merge(new)),
        }
    }
    chromium.close().await;
    found.context("there is at least one round")
}
