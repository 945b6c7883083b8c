//! Changes of the game's files, gathered until there is a moment without any.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::Message;
use super::core::{News, Places, Work};
use crate::Project;

/// An editor writes a file in several steps, and several files one after another.
const QUIET: Duration = Duration::from_millis(80);

/// Where something is written all the time, no change waits longer than this.
const GATHER_LIMIT: Duration = Duration::from_millis(800);

/// Watches the files until the result is dropped.
pub(super) fn start(project: &Project, messages: Sender<Message>) -> notify::Result<RecommendedWatcher> {
    let places = places(project);
    let (sender, paths) = mpsc::channel::<PathBuf>();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let changed = event.into_iter().filter(|event| !event.kind.is_access());
        for path in changed.flat_map(|event| event.paths) {
            // When nobody listens any more, the program ends already.
            let _ = sender.send(path);
        }
    })?;
    for (folder, mode) in folders(&places) {
        watcher.watch(&folder, mode)?;
    }
    thread::spawn(move || {
        while let Ok(first) = paths.recv() {
            let work = gather(first, &paths, &places);
            if work != Work::default() && messages.send(Message::News(News::Changed(work))).is_err() {
                return;
            }
        }
    });
    Ok(watcher)
}

fn places(project: &Project) -> Places {
    let own = project.root().join("web");
    let web = if own.is_dir() { own } else { project.client().join("web") };
    Places {
        packages: project.sources().iter().map(|(_, folder)| folder.clone()).collect(),
        page: vec![web, project.client().join("js")],
        lock: project.lock_file(),
    }
}

/// The folders to watch: those of the sources with all below them, the others for their files alone, since cargo's own
/// target folder may be in them.
fn folders(places: &Places) -> Vec<(PathBuf, RecursiveMode)> {
    let mut deep = BTreeSet::new();
    let mut flat: BTreeSet<&Path> = places.lock.parent().into_iter().collect();
    for package in &places.packages {
        flat.insert(package);
        deep.extend(["src", "modules"].map(|part| package.join(part)).into_iter().filter(|part| part.is_dir()));
    }
    flat.extend(places.page.iter().map(PathBuf::as_path));
    let flat = flat.into_iter().map(|folder| (folder.to_owned(), RecursiveMode::NonRecursive));
    flat.chain(deep.into_iter().map(|folder| (folder, RecursiveMode::Recursive))).collect()
}

/// The work of all changes until there is a moment without any.
fn gather(first: PathBuf, paths: &mpsc::Receiver<PathBuf>, places: &Places) -> Work {
    let begun = Instant::now();
    let mut work = places.work_for(&first);
    while begun.elapsed() < GATHER_LIMIT {
        match paths.recv_timeout(QUIET) {
            Ok(path) => work = work.with(places.work_for(&path)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    work
}
