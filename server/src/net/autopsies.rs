//! Autopsies, and the reports on rooms that have failed, as files: one per incident, a bounded number, written on another thread than ticks.

use crate::limits::{AUTOPSY_NAMES_MAX, ROOM_FAILURES_PER_HOUR};
use crate::lobby::RoomId;
use crate::own_folder::OwnFolder;
use crate::room::{Autopsy, RoomFailure};
use crate::websocket::rate::{Quota, Usage};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::task::{JoinHandle, spawn_blocking};

/// The folder of autopsies, and how many were written.
#[derive(Debug)]
pub(super) struct Autopsies {
    /// The folder; `None` when no autopsy is to be written.
    folder: Option<OwnFolder>,
    /// The second in which the server was started, as part of the names: the files of an earlier run have other ones.
    run: u64,
    kept: Cell<usize>,
    kept_max: Cell<usize>,
    /// For each game, its reports on rooms that have failed. There are no more games than the server offers.
    failures: RefCell<BTreeMap<String, Usage>>,
}

const FAILURES_QUOTA: Quota = Quota::per_hour(ROOM_FAILURES_PER_HOUR);

impl Autopsies {
    pub(super) fn new(folder: Option<OwnFolder>, kept_max: usize) -> Self {
        let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { folder, run, kept: Cell::new(0), kept_max: Cell::new(kept_max), failures: RefCell::default() }
    }

    /// Sets how many autopsies there may be.
    pub(super) fn set_max(&self, kept_max: usize) {
        self.kept_max.set(kept_max);
    }

    /// Logs the difference and writes its autopsy, unless there are enough.
    /// The task gives the name of the file.
    pub(super) fn keep(&self, room: RoomId, autopsy: Box<Autopsy>) -> Option<JoinHandle<Option<String>>> {
        let fields: Vec<&str> = autopsy.differences.iter().map(|difference| difference.path.as_str()).collect();
        let (game, tick, seat) = (&autopsy.game, autopsy.tick, autopsy.seat);
        tracing::warn!(game, room = room.0, seat, tick, ?fields, "a client's world differed");
        self.write(room, format!("{game}-{}-{}-{tick}", self.run, room.0), "an autopsy", autopsy)
    }

    /// Writes the report on a room that has failed, unless there are enough files, or its game has had enough of them for
    /// now.
    pub(super) fn keep_failure(
        &self,
        room: RoomId,
        failure: Box<RoomFailure>,
        now_us: u64,
    ) -> Option<JoinHandle<Option<String>>> {
        if !self.failures.borrow_mut().entry(failure.game.clone()).or_default().take(FAILURES_QUOTA, now_us) {
            return None;
        }
        let stem = format!("{}-{}-{}-{}-failed", failure.game, self.run, room.0, failure.tick);
        self.write(room, stem, "the report on a room that has failed", failure)
    }

    fn write<T: Serialize + Send + 'static>(
        &self,
        room: RoomId,
        stem: String,
        what: &'static str,
        content: Box<T>,
    ) -> Option<JoinHandle<Option<String>>> {
        let folder = self.folder.clone().filter(|_| self.kept.get() < self.kept_max.get())?;
        self.kept.set(self.kept.get() + 1);
        let first = self.kept.get();
        // The client has a say in which tick it is, so the number and not the tick keeps names apart.
        let names = (first..first + AUTOPSY_NAMES_MAX).map(move |number| format!("{stem}-{number}.json"));
        Some(spawn_blocking(move || match write(&folder, names, &*content) {
            Ok(name) => {
                tracing::info!(room = room.0, path = %folder.path().join(&name).display(), "{what} was written");
                Some(name)
            }
            Err(error) => {
                tracing::warn!(%error, folder = %folder.path().display(), "{what} could not be written");
                None
            }
        }))
    }
}

fn write(folder: &OwnFolder, names: impl Iterator<Item = String>, content: &impl Serialize) -> std::io::Result<String> {
    folder.write_new(names, &serde_json::to_vec_pretty(content)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::FAILURE_FORMAT;

    fn failure(game: &str) -> Box<RoomFailure> {
        Box::new(RoomFailure {
            format: FAILURE_FORMAT,
            game: game.into(),
            fingerprint: String::new(),
            build: String::new(),
            tick: 7,
            panics: Vec::new(),
            taken: Vec::new(),
            new_match: None,
            inputs: Vec::new(),
            views: Vec::new(),
            causes: None,
            world: None,
        })
    }

    #[tokio::test]
    async fn a_game_that_fails_again_and_again_leaves_files_for_others() {
        let path = std::env::temp_dir().join(format!("tickwire-failures-{}", std::process::id()));
        let autopsies = Autopsies::new(Some(OwnFolder::prepare(&path).unwrap()), 1_000);
        let mut writing = Vec::new();
        let mut kept = |game, now_us| {
            let task = autopsies.keep_failure(RoomId(1), failure(game), now_us);
            let is_kept = task.is_some();
            writing.extend(task);
            is_kept
        };
        let count = (0..100).filter(|_| kept("fragile", 0)).count();
        assert_eq!(count, ROOM_FAILURES_PER_HOUR as usize);
        assert!(kept("sturdy", 0), "another game has an hour of its own");
        assert!(kept("fragile", 3_600_000_000), "and so has the next hour");
        for task in writing {
            assert!(task.await.unwrap().is_some(), "each is written");
        }
        std::fs::remove_dir_all(&path).unwrap();
    }
}
