//! Rooms that cannot go on: the remains of each go into a file of its own in `quarantine`, in the layout of the
//! journal, so that its log can be used again and a program that understands the room can still read it. The same holds
//! for the things of the whole server, when this one cannot read them.

use super::batch::{Batch, EntryKind};
use super::revival::{Numbered, SERVER};
use super::segment::{LogKind, SegmentHead};
use crate::clock::unix_ms;
use crate::lobby::RoomId;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use tickwire::tick::Tick;

/// Permissions of the file: its owner's alone.
const FILE_MODE: u32 = 0o600;

/// The remains of a room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Remains<'a> {
    pub(crate) room: RoomId,
    pub(crate) header: Option<&'a [u8]>,
    /// The newest world, with its header in front.
    pub(crate) world: Option<(Tick, &'a [u8])>,
    pub(crate) ticks: &'a [(Tick, Vec<u8>)],
}

impl<'a> Remains<'a> {
    /// Everything that an earlier process has kept of the whole server: a piece, and the entries after it.
    pub(crate) fn of_server(world: Option<&'a Numbered>, entries: &'a [Numbered]) -> Self {
        let world = world.map(|(tick, world)| (*tick, &**world));
        Self { room: SERVER, header: None, world, ticks: entries }
    }

    /// The name of the file. A room has one, and the whole server may be set aside again at another time.
    fn name(&self) -> String {
        let world = self.world.map(|(tick, _)| tick);
        match self.ticks.last().map(|(tick, _)| *tick).or(world) {
            last if self.room == SERVER => format!("server-{}.log", last.unwrap_or_default().0),
            _ => format!("room-{}.log", self.room.0),
        }
    }

    /// Writes the file, and waits until the disk has it. A file that is there already is left as it is.
    ///
    /// # Errors
    /// When it cannot be written: then the room has to stay in the journal.
    pub(crate) fn set_aside(&self, folder: &Path) -> io::Result<()> {
        let quarantine = folder.join("quarantine");
        let path = quarantine.join(self.name());
        if path.try_exists()? {
            return Ok(());
        }
        // Under its own name there is only ever a whole file.
        let part = path.with_extension("part");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&part)?;
        let (kind, shard, number, node, incarnation, salt) = (LogKind::Ticks, 0, 0, [0; 16], 0, self.room.0);
        let head = SegmentHead { kind, shard, number, node, incarnation, salt, wall_ms: unix_ms() };
        let mut batch = Batch::new();
        if let Some(header) = self.header {
            batch.put(EntryKind::Room, self.room, Tick(0), |out| out.extend_from_slice(header));
        }
        if let Some((tick, world)) = self.world {
            batch.put(EntryKind::World, self.room, tick, |out| out.extend_from_slice(world));
        }
        let kind_of_entry = if self.room == SERVER { EntryKind::Kept } else { EntryKind::Tick };
        for (tick, record) in self.ticks {
            batch.put(kind_of_entry, self.room, *tick, |out| out.extend_from_slice(record));
        }
        let bytes = head.encode();
        file.write_all(&bytes)?;
        file.write_all(batch.seal(&head, bytes.len() as u64, 0, head.wall_ms))?;
        file.sync_all()?;
        fs::rename(part, path)?;
        File::open(quarantine)?.sync_all()
    }
}
