//! `determinism`: a game natively, in node and in browsers; an error where two differ.

use crate::browser::Engine;
use crate::determinism::{EmptyPage, Entry, Host, Module, Node, Plan, Verdict, compare};
use anyhow::{Result, bail, ensure};
use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// The options of the comparison.
#[derive(Debug, Args)]
pub struct Options {
    /// The folder with the games' modules, built with the feature `determinism` of tickwire-client: NAME/NAME_wasm.js and
    /// NAME/NAME_wasm_bg.wasm for each game.
    #[arg(long, value_name = "FOLDER")]
    modules: PathBuf,
    /// Ticks of each seed.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    ticks: u32,
    /// Seeds, counted from 0.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: u32,
    /// The engines of browsers to play in, besides node; several are separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "chromium")]
    engines: Vec<Engine>,
    /// Only in node.
    #[arg(long, conflicts_with = "engines")]
    node_only: bool,
}

/// Compares the game that was chosen, or every game.
///
/// # Errors
/// When a tick differs, when a game has no module, and when a host does not start.
pub fn run(options: &Options, games: &[Entry], chosen: Option<&Entry>) -> Result<ExitCode> {
    let games = with_modules(options, chosen.map_or(games, std::slice::from_ref))?;
    let mut hosts = start_hosts(options)?;
    let plan = Plan { ticks: options.ticks, seeds: options.seeds };
    say(&format!(
        "{} seeds of {} ticks; natively plain, in the hosts with rollbacks and keyframes",
        plan.seeds, plan.ticks
    ))?;
    let mut troubles = 0;
    for (entry, module) in &games {
        let begun = Instant::now();
        let verdicts = compare_shown(entry, module, &mut hosts, plan);
        for verdict in &verdicts {
            say(&format!("{verdict}"))?;
            troubles += usize::from(!verdict.is_agreement(plan));
        }
        say(&format!("{:<10} {:.1} s", entry.rules.name, begun.elapsed().as_secs_f64()))?;
    }
    ensure!(troubles == 0, "{troubles} of {} comparisons did not agree", games.len() * hosts.len());
    Ok(ExitCode::SUCCESS)
}

/// The games with their modules.
fn with_modules(options: &Options, games: &[Entry]) -> Result<Vec<(Entry, Module)>> {
    let found = games.iter().map(|entry| (*entry, Module::find(&options.modules, entry.rules.name)));
    let (there, missing): (Vec<_>, Vec<_>) = found.partition(|(_, module)| module.is_some());
    let names: Vec<&str> = missing.iter().map(|(entry, _)| entry.rules.name).collect();
    if !missing.is_empty() {
        bail!(
            "there is no module of {} in {}: `cargo tickwire determinism` builds modules and compares",
            names.join(", "),
            options.modules.display()
        );
    }
    Ok(there.into_iter().filter_map(|(entry, module)| module.map(|module| (entry, module))).collect())
}

/// Node, and a browser of each engine that was asked for.
fn start_hosts(options: &Options) -> Result<Vec<Box<dyn Host>>> {
    let mut hosts: Vec<Box<dyn Host>> = vec![Box::new(Node::start()?)];
    let engines: &[Engine] = if options.node_only { &[] } else { &options.engines };
    for engine in Engine::ALL.into_iter().filter(|engine| engines.contains(engine)) {
        hosts.push(Box::new(EmptyPage::start(engine)?));
    }
    Ok(hosts)
}

/// Compares a game, and shows a progress bar for each host meanwhile.
fn compare_shown(entry: &Entry, module: &Module, hosts: &mut [Box<dyn Host>], plan: Plan) -> Vec<Verdict> {
    let style = ProgressStyle::with_template("  {prefix:<20}{wide_bar:.cyan/dim} {percent:>3} % {eta:>4}")
        .expect("the template is a constant that is well-formed")
        .progress_chars("━╸─");
    let together = MultiProgress::new();
    let bar = |name: &str| {
        let bar = together.add(ProgressBar::new(u64::from(plan.ticks) * u64::from(plan.seeds)));
        bar.set_style(style.clone());
        bar.set_prefix(format!("{} {}", entry.rules.name, name));
        bar
    };
    let bars: Vec<ProgressBar> = hosts.iter().map(|host| bar(host.name())).collect();
    let verdicts = compare(entry, module, hosts, plan, &|host, ticks| bars[host].inc(ticks));
    bars.iter().for_each(ProgressBar::finish_and_clear);
    verdicts
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
