//! The comparison of the hashes of every tick, here and in the hosts, and an autopsy of the first tick that differs.

use super::entry::Entry;
use super::hosts::{Host, HostError, Module};
use crate::table::grouped;
use serde_json::Value;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use tickwire::determinism::Run;
use tickwire::world::diff::Named;

/// Ticks that a host plays before its hashes are compared.
const CHUNK_TICKS: u32 = 1_000;
/// Chunks that the native side may be ahead of a host.
const CHUNKS_AHEAD_MAX: usize = 64;
/// Fields that an autopsy lists.
const FIELDS_SHOWN: usize = 8;

/// The extent of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Ticks of each seed.
    pub ticks: u32,
    /// Seeds, counted from 0.
    pub seeds: u32,
}

/// The outcome of the comparison of one game in one host.
#[derive(Debug)]
pub struct Verdict {
    /// The game's name.
    pub game: &'static str,
    /// The host's name.
    pub host: &'static str,
    /// Ticks that agreed, over all seeds.
    pub agreed: u64,
    /// The reason why the comparison ended before all ticks were compared; it is boxed, because there rarely is one.
    pub trouble: Option<Box<Trouble>>,
}

impl Verdict {
    /// Whether all ticks of the plan agreed, and the plan had any.
    #[must_use]
    pub fn is_agreement(&self, plan: Plan) -> bool {
        let planned = u64::from(plan.ticks) * u64::from(plan.seeds);
        self.trouble.is_none() && self.agreed == planned && planned > 0
    }
}

/// The reason why a comparison ended early.
#[derive(Debug)]
pub enum Trouble {
    /// A tick differs.
    Differs(Autopsy),
    /// The host failed to give hashes.
    Failed {
        /// The seed that the host played.
        seed: u32,
        /// The first tick for which the host gave no hash.
        tick: u32,
        /// The host's error.
        error: HostError,
    },
}

/// A report about the first tick whose hashes differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Autopsy {
    /// The seed.
    pub seed: u32,
    /// The tick, counted from 1.
    pub tick: u32,
    /// The fields that differ between native (here) and the host (there), in order.
    pub differences: Vec<Named>,
    /// The roster changes and inputs of that tick natively, and in the host.
    pub turns: [String; 2],
    /// Whether the native run differs as well when it takes the same detours: if so, the host is not at fault.
    pub detours_differ: bool,
}

/// Plays a game natively, and its module in all hosts at once with rollbacks and keyframes thrown in, until a tick
/// differs. `progress` is called with the index of a host and the number of further ticks on which it agreed.
pub fn compare(
    entry: &Entry,
    module: &Module,
    hosts: &mut [Box<dyn Host>],
    plan: Plan,
    progress: &(dyn Fn(usize, u64) + Sync),
) -> Vec<Verdict> {
    thread::scope(|scope| {
        let mut sides = Vec::new();
        let mut comparing = Vec::new();
        for (index, host) in hosts.iter_mut().enumerate() {
            let (side, native) = sync_channel(CHUNKS_AHEAD_MAX);
            sides.push(side);
            comparing.push(scope.spawn(move || {
                let tell = |ticks| progress(index, ticks);
                compare_host((entry, module), host.as_mut(), plan, &native, &tell)
            }));
        }
        play(entry, plan, sides);
        let verdicts = comparing.into_iter().map(|thread| thread.join().expect("a comparison does not panic"));
        verdicts.collect()
    })
}

/// Plays the native side, and sends each chunk of hashes to the comparisons that still run.
fn play(entry: &Entry, plan: Plan, mut sides: Vec<SyncSender<Arc<Vec<u64>>>>) {
    for seed in 0..plan.seeds {
        let mut run = (entry.start)(u64::from(seed), false);
        for chunk in chunks(plan) {
            let hashes = Arc::new(run.hashes(chunk));
            sides.retain(|side| side.send(Arc::clone(&hashes)).is_ok());
            if sides.is_empty() {
                return;
            }
        }
    }
}

fn chunks(plan: Plan) -> impl Iterator<Item = u32> {
    let starts = (0..plan.ticks).step_by(CHUNK_TICKS as usize);
    starts.map(move |start| CHUNK_TICKS.min(plan.ticks - start))
}

fn compare_host(
    (entry, module): (&Entry, &Module),
    host: &mut dyn Host,
    plan: Plan,
    native: &Receiver<Arc<Vec<u64>>>,
    progress: &dyn Fn(u64),
) -> Verdict {
    let mut verdict = Verdict { game: entry.rules.name, host: host.name(), agreed: 0, trouble: None };
    let mut ready = load(entry, module, host);
    for seed in 0..plan.seeds {
        let mut tick = 0;
        ready = ready.and_then(|()| begin(entry, host, seed));
        for chunk in chunks(plan) {
            let found = mem::replace(&mut ready, Ok(())).and_then(|()| hashes(host, chunk));
            let expected = native.recv().unwrap_or_default();
            let trouble = match found {
                Err(error) => Some(Trouble::Failed { seed, tick: tick + 1, error }),
                Ok(found) => (0..chunk).zip(expected.iter().zip(&found)).find(|(_, (one, other))| one != other).map(
                    |(offset, _)| match autopsy(entry, host, seed, tick + offset + 1) {
                        Ok(autopsy) => Trouble::Differs(autopsy),
                        Err(error) => Trouble::Failed { seed, tick: tick + offset + 1, error },
                    },
                ),
            };
            if trouble.is_some() {
                verdict.trouble = trouble.map(Box::new);
                return verdict;
            }
            tick += chunk;
            verdict.agreed += u64::from(chunk);
            progress(u64::from(chunk));
        }
    }
    verdict
}

/// Loads the module, and checks that it has the same game: another version of it would differ for no reason.
fn load(entry: &Entry, module: &Module, host: &mut dyn Host) -> Result<(), HostError> {
    host.load(module)?;
    let game = entry.rules.name;
    let found = host.eval(&format!("games.Run ? games.Run.fingerprint('{game}') : null"))?;
    match found.as_str() {
        None => Err(HostError::NoRun),
        Some("") => Err(HostError::NoGame(game)),
        Some(found) if found == format!("{:016x}", (entry.fingerprint)()) => Ok(()),
        Some(_) => Err(HostError::OldModule),
    }
}

fn begin(entry: &Entry, host: &mut dyn Host, seed: u32) -> Result<(), HostError> {
    let game = entry.rules.name;
    let expression = format!(
        "globalThis.run?.free(); globalThis.run = null; globalThis.run = new games.Run('{game}', {seed}, true); true"
    );
    host.eval(&expression).map(drop)
}

/// As many hashes as were asked for, or an error: a hash that is left out would count as one that agrees.
fn hashes(host: &mut dyn Host, ticks: u32) -> Result<Vec<u64>, HostError> {
    let found = host.eval(&format!("Array.from(run.hashes({ticks}), String)"))?;
    let texts = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let hashes: Vec<u64> = texts.iter().filter_map(|hash| hash.as_str()?.parse().ok()).collect();
    let is_complete = u32::try_from(hashes.len()) == Ok(ticks);
    if is_complete { Ok(hashes) } else { Err(HostError::Thrown(format!("{} hashes of {ticks}", hashes.len()))) }
}

/// Plays up to the tick once more on both sides, and finds the fields in which the worlds differ.
fn autopsy(entry: &Entry, host: &mut dyn Host, seed: u32, tick: u32) -> Result<Autopsy, HostError> {
    let start = |detours| {
        let mut run: Box<dyn Run> = (entry.start)(u64::from(seed), detours);
        let last = run.hashes(tick).pop();
        (run, last)
    };
    let ((native, plain), (_, detoured)) = (start(false), start(true));
    begin(entry, host, seed)?;
    hashes(host, tick)?;
    let turn = host.eval("run.turn()")?;
    let bytes = host.eval("Array.from(run.full_state())")?;
    let bytes: Vec<u8> = bytes.as_array().into_iter().flatten().filter_map(byte).collect();
    let differences = native.differences(&bytes).map_err(|error| HostError::Thrown(error.to_string()))?;
    let turns = [native.turn(), turn.as_str().unwrap_or_default().to_owned()];
    Ok(Autopsy { seed, tick, differences, turns, detours_differ: plain != detoured })
}

fn byte(value: &Value) -> Option<u8> {
    u8::try_from(value.as_u64()?).ok()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { game, host, agreed, trouble } = self;
        match trouble.as_deref() {
            None => write!(f, "{game:<10} {host:<9} {} ticks agree", grouped(*agreed)),
            Some(Trouble::Failed { seed, tick, error }) => {
                write!(f, "{game:<10} {host:<9} failed at tick {tick} of seed {seed}: {error}")
            }
            Some(Trouble::Differs(autopsy)) => write!(f, "{game:<10} {host:<9} DIFFERS {}", Words(autopsy, host)),
        }
    }
}

struct Words<'a>(&'a Autopsy, &'a str);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Autopsy { seed, tick, differences, turns, detours_differ }, host) = self;
        write!(f, "at tick {tick} of seed {seed}")?;
        for Named { path, here, there } in differences.iter().take(FIELDS_SHOWN) {
            write!(f, "\n    {path}: natively {here}, in {host} {there}")?;
        }
        match differences.len() {
            0 => write!(f, "\n    played once more, both are the same: something beside the state decides")?,
            many if many > FIELDS_SHOWN => write!(f, "\n    and {} more", many - FIELDS_SHOWN)?,
            _ => (),
        }
        if *detours_differ {
            write!(f, "\n    natively with the same rollbacks and keyframes it differs too: try `sync_test` on it")?;
        }
        let [native, hosted] = turns;
        let sides: &[(&str, &String)] =
            if native == hosted { &[("both", native)] } else { &[("native", native), (host, hosted)] };
        for (side, turn) in sides {
            write!(f, "\n    inputs of that tick, {side}:")?;
            for line in turn.lines() {
                write!(f, "\n      {line}")?;
            }
        }
        Ok(())
    }
}
