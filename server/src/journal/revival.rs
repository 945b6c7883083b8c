//! From the segments of a folder to the rooms that were in them.
//!
//! Per room there are lives, one per incarnation of the server. The revival picks the newest checkpoint that counts, and
//! then follows the ticks without a gap, from life to life. A life after the first one begins with an entry that says
//! from which tick it goes on; entries of older lives above that tick do not count. Where a tick is missing the room
//! ends, and the verdict says how much was lost. Nothing is left out in silence.

mod room;

pub(crate) use room::{FoundRoom, Numbered, RoomVerdict};

use super::batch::{Gap, Scanned, Verdict, scan};
use super::disk::{self, Disk};
use super::keeper::{Contents, Fate, Retained};
use super::segment::{LogKind, SegmentHead};
use super::suspects::Measure;
use crate::lobby::RoomId;
use room::{Damages, LostWorlds, Place, RoomHistory};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::RangeFrom;
use tickwire::bug::Bug;

/// The room under which things of the whole server are kept.
pub(crate) const SERVER: RoomId = RoomId(0);

/// A part of the journal that cannot be read although something follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The head of a file; the file was moved aside.
    Head { path: String },
    /// A part of a file.
    Gap { path: String, gap: Gap },
    /// Batches between two files of a log, or before the first one: lost writes, a lost end of a file, or a lost file.
    Missing { path: String, batches: u64 },
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head { path } => write!(out, "{path} does not begin as a file of the journal does"),
            Self::Gap { path, gap: Gap { at, goes_on_at } } => {
                write!(out, "{path} cannot be read from byte {at} to byte {goes_on_at}")
            }
            Self::Missing { path, batches } => write!(out, "{batches} writes are missing before {path}"),
        }
    }
}

/// A file whose last batch was not written to its end, and where that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) path: String,
    pub(crate) at: u64,
}

impl fmt::Display for Torn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, at } = self;
        match folder_kind(path) {
            LogKind::Ticks => write!(
                out,
                "{path}: the server was ended during its last write, at byte {at}, and had sent nothing of it"
            ),
            LogKind::Worlds => {
                write!(
                    out,
                    "{path}: the last rooms in it are not whole, from byte {at} on; their ticks stand for them, and rooms whose ticks may be gone are named"
                )
            }
        }
    }
}

/// The things that were found in a folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The rooms that have not ended.
    pub(crate) rooms: Vec<FoundRoom>,
    /// The rooms that have ended, and when. It is known for as long as anything of theirs is on the disk.
    pub(crate) closed: Vec<(RoomId, u64)>,
    /// The newest checkpoint of the things of the whole server, and their changes after it.
    pub(crate) kept_world: Option<Numbered>,
    pub(crate) kept: Vec<Numbered>,
    /// Files whose last batch was not written to its end.
    pub(crate) torn: Vec<Torn>,
    pub(crate) damaged: Vec<Damage>,
    /// The measures against rooms that were at work when a process came to a bad end.
    pub(crate) suspects: Vec<(RoomId, Measure)>,
    /// The segments, for the keeper.
    pub(super) segments: Vec<Retained>,
}

impl Found {
    /// Reads all segments. A file whose head cannot be read is moved aside; nothing else is changed.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub(super) fn read(disk: &dyn Disk) -> io::Result<Self> {
        let mut reading = Reading::default();
        let mut files = Vec::new();
        for folder in ["worlds", "ticks"] {
            for (name, bytes) in disk.list(folder)? {
                files.push((numbers(&name), format!("{folder}/{name}"), bytes));
            }
        }
        // By numbers and not by letters: the tenth segment of a log comes after the ninth.
        files.sort();
        let mut bytes = Vec::new();
        for (numbers, path, len) in files {
            bytes.resize(usize::try_from(len).unwrap_or(0), 0);
            let file = match disk.open(&path, false) {
                // A server that runs has used the segment again since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            disk::read_full(&*file, &mut bytes, 0)?;
            match scan(&bytes) {
                Some(scanned) => reading.add(path, &scanned),
                None => {
                    reading.lose(folder_kind(&path), &numbers);
                    disk.rename(&path, &format!("quarantine/{}", path.replace('/', "-")))?;
                    reading.found.damaged.push(Damage::Head { path });
                }
            }
        }
        Ok(reading.finish())
    }
}

/// The highest number of an incarnation that a segment is named after, 0 without segments.
pub(super) fn newest_incarnation(disk: &dyn Disk) -> io::Result<u64> {
    let names = [disk.list("worlds")?, disk.list("ticks")?].concat();
    Ok(names.iter().filter_map(|(name, _)| numbers(name).first().copied()).max().unwrap_or(0))
}

/// The numbers in a name.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// The kind of the logs in the folder of this path.
fn folder_kind(path: &str) -> LogKind {
    if path.starts_with("ticks/") { LogKind::Ticks } else { LogKind::Worlds }
}

/// The log that a segment belongs to.
type LogKey = (LogKind, u64, u32);

/// A log while its segments are read in order.
#[derive(Debug, Default)]
struct LogReading {
    /// The numbers of the segment and of the batch that are to come.
    next_number: u32,
    next_seq: u64,
    /// Counts the damaged parts so far.
    damages: u32,
    /// When the newest damaged part had been written for certain: the time of the batch after it.
    damaged_until_ms: Option<u64>,
    /// When its oldest segment was begun, and its newest one.
    first_ms: Option<u64>,
    begun_ms: u64,
    /// Whether segments of it are missing: all of them are older than the newest one.
    has_freed: bool,
}

impl LogReading {
    /// A segment of the log was begun at this time.
    fn begin(&mut self, wall_ms: u64) {
        self.first_ms.get_or_insert(wall_ms);
        self.begun_ms = wall_ms;
        // A file before this one may be lost, and all of it is older.
        self.damaged_until_ms = self.damaged_until_ms.map(|until_ms| until_ms.min(wall_ms));
    }

    /// A part of the log cannot be read that was written by this time.
    fn damage(&mut self, until_ms: u64) {
        self.damages += 1;
        self.damaged_until_ms = Some(until_ms);
    }
}

#[derive(Debug, Default)]
struct Reading {
    found: Found,
    logs: BTreeMap<LogKey, LogReading>,
    rooms: BTreeMap<RoomId, RoomHistory>,
}

impl Reading {
    /// Takes the entries of a segment.
    fn add(&mut self, path: String, scanned: &Scanned<'_>) {
        let SegmentHead { kind, incarnation, shard, number, .. } = scanned.head;
        let key = (kind, incarnation, shard);
        let log = self.logs.entry(key).or_default();
        // Segments are freed in any order: one that is missing before this one may have been freed.
        let mut follows = log.next_number == number;
        log.next_number = number.saturating_add(1);
        let mut contents = Contents::default();
        log.has_freed |= !follows;
        // A segment that lies ready and was not written to says nothing.
        if let Some(first) = scanned.batches.first() {
            log.begin(first.wall_ms);
        }
        for batch in &scanned.batches {
            let gap = scanned.gaps.iter().find(|gap| gap.goes_on_at == batch.at);
            if let Some(&gap) = gap {
                log.damage(batch.wall_ms);
                self.found.damaged.push(Damage::Gap { path: path.clone(), gap });
            } else if follows && batch.seq > log.next_seq && !Bug::MissingWritesUntold.is_planted() {
                log.damage(batch.wall_ms);
                let batches = batch.seq - log.next_seq;
                self.found.damaged.push(Damage::Missing { path: path.clone(), batches });
            }
            (log.next_seq, follows) = (batch.seq.saturating_add(1), true);
            for entry in batch.entries() {
                contents.add(&entry);
                let place = Place { incarnation, wall_ms: batch.wall_ms, log: key, damages: log.damages };
                self.rooms.entry(entry.room).or_default().add(&entry, place);
            }
        }
        if let Verdict::Torn { at } = scanned.verdict {
            // Of ticks it was not sent. A world may have been on the disk, and may have been damaged since.
            log.damaged_until_ms = Some(u64::MAX);
            self.found.torn.push(Torn { path: path.clone(), at });
        }
        let fate = if scanned.gaps.is_empty() { Fate::Recycle } else { Fate::Quarantine };
        self.found.segments.push(Retained::found(&scanned.head, path, contents, fate));
    }

    /// Notes a whole segment as a damaged part of the log that its name tells.
    fn lose(&mut self, kind: LogKind, numbers: &[u64]) {
        let key = match *numbers {
            [incarnation, shard, _] => (kind, incarnation, u32::try_from(shard).unwrap_or(u32::MAX)),
            [incarnation, ..] => (kind, incarnation, 0),
            [] => return,
        };
        self.logs.entry(key).or_default().damage(u64::MAX);
    }

    /// What is damaged in all logs.
    fn damages(&self) -> Damages {
        let of_kind = |kind| self.logs.iter().filter(move |(key, _)| key.0 == kind);
        let ticks = of_kind(LogKind::Ticks).filter(|(_, log)| log.damages > 0).map(|(key, log)| (*key, log.damages));
        let lost = |((_, incarnation, _), log): (&LogKey, &LogReading)| {
            let until_ms = log.damaged_until_ms?;
            let begun_in = |numbers: RangeFrom<u64>| {
                let logs = self.logs.iter().filter(move |((_, number, _), _)| numbers.contains(number));
                logs.filter_map(|(_, log)| log.first_ms).min()
            };
            // The process of this log had written all of it when the next one began.
            let end_ms = begun_in(incarnation + 1..).unwrap_or(u64::MAX);
            let own = || of_kind(LogKind::Ticks).filter(|((_, number, _), _)| number == incarnation);
            let freed = own().filter(|(_, log)| log.has_freed).map(|(_, log)| log.begun_ms).max();
            let all_freed_ms = if own().next().is_none() { end_ms } else { 0 };
            // All ticks of earlier processes may have been freed too.
            let earlier_ms = begun_in(*incarnation..).unwrap_or(0);
            let freed_until_ms = freed.unwrap_or(0).max(all_freed_ms).max(earlier_ms);
            Some(LostWorlds { until_ms: until_ms.min(end_ms), freed_until_ms })
        };
        Damages { ticks: ticks.collect(), worlds: of_kind(LogKind::Worlds).filter_map(lost).collect() }
    }

    fn finish(mut self) -> Found {
        if let Some(server) = self.rooms.remove(&SERVER) {
            (self.found.kept_world, self.found.kept) = server.into_kept();
        }
        let damages = self.damages();
        for (room, history) in self.rooms {
            match history.closed_ms() {
                Some(wall_ms) => self.found.closed.push((room, wall_ms)),
                None => self.found.rooms.push(history.into_room(room, &damages)),
            }
        }
        self.found
    }
}
