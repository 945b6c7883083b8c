//! `cargo determinism`: every demo game natively, in node and in browsers; exits with an error where two differ.

use anyhow::{Result, bail};
use clap::Parser;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;
use tickwire_bench::browser::Engine;
use tickwire_determinism::compare::{Plan, Verdict, compare};
use tickwire_determinism::games::{DEMO, Entry};
use tickwire_determinism::hosts::{self, EmptyPage, Host, Node};

/// Plays every demo game natively, in node and in browsers, and compares every tick.
#[derive(Debug, Parser)]
#[command(name = "determinism", version)]
struct Arguments {
    /// Ticks of each seed.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    ticks: u32,
    /// Seeds, counted from 0.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: u32,
    /// Only this game; it may be one with a planted mistake, such as planted-sine.
    #[arg(long)]
    game: Option<String>,
    /// The engines of browsers to play in, besides node; several are separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "chromium")]
    engines: Vec<Engine>,
    /// Only in node.
    #[arg(long, conflicts_with = "engines")]
    node_only: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is closed, no reader is left for the message.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    // A second `--` in front of the options does no harm: it is left out.
    let arguments = Arguments::parse_from(env::args_os().filter(|argument| argument != "--"));
    let games = match &arguments.game {
        None => DEMO.to_vec(),
        Some(name) => match Entry::named(name) {
            Some(entry) => vec![entry],
            None => bail!("no game is called {name}"),
        },
    };
    let mut hosts = start_hosts(&arguments)?;
    let plan = Plan { ticks: arguments.ticks, seeds: arguments.seeds };
    say(&format!(
        "{} seeds of {} ticks; natively plain, in the hosts with rollbacks and keyframes",
        plan.seeds, plan.ticks
    ))?;
    let mut troubles = 0;
    for entry in &games {
        let begun = Instant::now();
        let verdicts = compare_shown(entry, &mut hosts, plan);
        for verdict in &verdicts {
            say(&format!("{verdict}"))?;
            troubles += usize::from(!verdict.is_agreement(plan));
        }
        say(&format!("{:<10} {:.1} s", entry.rules.name, begun.elapsed().as_secs_f64()))?;
    }
    if troubles > 0 {
        bail!("{troubles} of {} comparisons did not agree", games.len() * hosts.len());
    }
    Ok(())
}

/// Node, and a browser of each engine that was asked for.
fn start_hosts(arguments: &Arguments) -> Result<Vec<Box<dyn Host>>> {
    let built = hosts::build()?;
    let mut hosts: Vec<Box<dyn Host>> = vec![Box::new(Node::start(&built)?)];
    let engines: &[Engine] = if arguments.node_only { &[] } else { &arguments.engines };
    for engine in Engine::ALL.into_iter().filter(|engine| engines.contains(engine)) {
        hosts.push(Box::new(EmptyPage::start(engine, &built)?));
    }
    Ok(hosts)
}

/// Compares a game, and shows a progress bar for each host meanwhile.
fn compare_shown(entry: &Entry, hosts: &mut [Box<dyn Host>], plan: Plan) -> Vec<Verdict> {
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
    let verdicts = compare(entry, hosts, plan, &|host, ticks| bars[host].inc(ticks));
    bars.iter().for_each(ProgressBar::finish_and_clear);
    verdicts
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
