//! Autopsies as files: one per incident, a bounded number, written on another thread than ticks.

use crate::limits::AUTOPSIES_MAX;
use crate::lobby::RoomId;
use crate::room::Autopsy;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use tokio::task::{JoinHandle, spawn_blocking};

/// The folder of autopsies, and how many were written.
#[derive(Debug)]
pub(super) struct Autopsies {
    /// The folder; `None` when no autopsy is to be written.
    folder: Option<PathBuf>,
    kept: Cell<usize>,
}

impl Autopsies {
    pub(super) const fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, kept: Cell::new(0) }
    }

    /// Logs the difference and writes its autopsy, unless there are enough.
    pub(super) fn keep(&self, room: RoomId, autopsy: Box<Autopsy>) -> Option<JoinHandle<()>> {
        let fields: Vec<&str> = autopsy.differences.iter().map(|difference| difference.path.as_str()).collect();
        let (game, tick, seat) = (&autopsy.game, autopsy.tick, autopsy.seat);
        tracing::warn!(game, room = room.0, seat, tick, ?fields, "a client's world differed");
        let folder = self.folder.clone().filter(|_| self.kept.get() < AUTOPSIES_MAX)?;
        self.kept.set(self.kept.get() + 1);
        let path = folder.join(format!("{game}-{}-{tick}-{}.json", room.0, self.kept.get()));
        Some(spawn_blocking(move || match write(&folder, &path, &autopsy) {
            Ok(()) => tracing::info!(path = %path.display(), "an autopsy was written"),
            Err(error) => tracing::warn!(%error, path = %path.display(), "an autopsy could not be written"),
        }))
    }
}

fn write(folder: &Path, path: &Path, autopsy: &Autopsy) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(path, serde_json::to_vec_pretty(autopsy)?)
}
