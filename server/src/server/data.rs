//! The data folder at the start of a server: it is locked and read, and its keeper runs before any room does.

use super::{Running, StartError};
use crate::config::{Config, JournalFailure};
use crate::gate::Gate;
use crate::journal::{CheckpointPace, Folder, FolderFault, Found, JournalSettings, KeeperHandle};
use crate::kept::KeptLog;
use crate::threads::ThreadFault;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Bits of a room's number that count rooms of one process; those above count processes. A program of JavaScript reads
/// numbers of 53 bits.
const ROOM_BITS: u32 = 32;

/// A data folder that was opened, and the things that were found in it.
pub(super) struct DataFolder {
    folder: Folder,
    found: Found,
}

/// A journal that has begun.
#[derive(Default)]
pub(super) struct StartedJournal {
    /// The rooms that were found, where that was, and the number of the first room of this process.
    pub(super) found: Option<(Found, Arc<Path>, u64)>,
    pub(super) keeper: Option<KeeperHandle>,
    /// The state that the whole server keeps.
    pub(super) kept: Option<Arc<KeptLog>>,
}

impl DataFolder {
    /// Opens the folder of the settings, if they name one.
    ///
    /// # Errors
    /// When the folder cannot be used. No room in it has changed then.
    pub(super) fn open(config: &Config) -> Result<Option<Self>, FolderFault> {
        let Some(path) = config.data.path() else {
            tracing::info!("rooms live in memory and end with the server; with a folder for `data` they outlive it");
            return Ok(None);
        };
        let (folder, found) = Folder::open(path)?;
        for torn in &found.torn {
            tracing::info!("the end of the journal was cut: {torn}");
        }
        for damage in &found.damaged {
            tracing::error!("the journal is damaged: {damage}");
        }
        Ok(Some(Self { folder, found }))
    }
}

impl Running {
    /// Starts the keeper of the folder, if there is one.
    pub(super) fn start_journal(
        &mut self,
        kept: Option<DataFolder>,
        config: &Config,
        gate: &Gate,
    ) -> Result<StartedJournal, StartError> {
        let Some(DataFolder { folder, mut found }) = kept else { return Ok(StartedJournal::default()) };
        let pace = CheckpointPace {
            replay_max: Duration::from_millis(config.journal_replay_ms_max.into()),
            age_max: Duration::from_secs(config.journal_world_seconds_max.into()),
        };
        let settings = JournalSettings {
            pace,
            bytes_max: config.journal_bytes_max,
            sync_interval: Duration::from_millis(config.sync_ms.into()),
            ..JournalSettings::default()
        };
        let keeper = folder.keep(&mut found, settings)?;
        self.supervisor.watch(keeper.health());
        let handle = keeper.handle();
        if config.on_journal_failure == JournalFailure::Stop {
            let watched = keeper.handle();
            let fails = move || watched.figures().has_failed();
            self.supervisor.end_when(ThreadFault::Journal, fails);
        }
        let first_room = folder.incarnation() << ROOM_BITS;
        let path: Arc<Path> = Arc::from(folder.path.as_path());
        (self.keeper, self.folder) = (Some(keeper), Some(folder));
        let (world, entries) = (found.kept_world.take(), std::mem::take(&mut found.kept));
        let unfit = |source| FolderFault::Disk { path: path.to_path_buf(), source };
        let kept = Arc::new(KeptLog::open(&handle, world.as_ref(), &entries, &path).map_err(unfit)?);
        let rooms: BTreeSet<u64> = found.rooms.iter().map(|room| room.room.0).collect();
        kept.retain_rooms(|room| rooms.contains(&room));
        gate.keep_in(&kept);
        Ok(StartedJournal { found: Some((found, path, first_room)), keeper: Some(handle), kept: Some(kept) })
    }
}
