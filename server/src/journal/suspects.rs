//! Rooms under suspicion: those that were at work when a process came to a bad end.
//!
//! ```text
//! DIR/at-work/<thread>  24 B  incarnation u64  room u64  kind u32  crc32 u32
//! DIR/suspects                "TWJS"  crc32 u32  suspects, 24 B each: room u64  flags u64  wall_ms u64
//! ```
//!
//! A room whose game never ends a step, or ends the whole process, would do so again after each start. Its name is known
//! from two sources. The supervisor notes the room of a thread that stands still, before the process ends. A process that
//! follows on a bad end is careful for a minute: each of its threads notes every tick before it is made and after it.
//! Such a note costs two writes, which is too dear for every tick of every process, and a loop of crashes needs it only
//! from the second crash on.
//!
//! A room that was noted is under suspicion, and the next process makes it again without the inputs of its players for a
//! second. If the process that is careful then ends in this room as well, the room is set aside. A kill from outside may
//! come in the middle of a tick too; that it comes twice in a row in that of the same room is as likely as the square of
//! the part of the time that the room takes of its thread.
//!
//! A child process that tries each room first was weighed and left out: it knows no inputs of players, on which a step
//! mostly depends, and it would cost every start after a crash the time of all rooms.
//!
//! A disk that takes none of this is no reason not to start: then there are no suspects.

use super::disk::{self, Disk, DiskFile};
use crate::limits::{CRASH_WINDOW_MS, RESTART_DELAY_MAX_MS, SUSPECTS_MAX};
use crate::lobby::RoomId;
use crate::threads::WorkNote;
use std::io;
use std::sync::Arc;

const MAGIC: [u8; 4] = *b"TWJS";

/// The folder of the notes.
pub(super) const NOTES: &str = "at-work";

/// The file of the suspects.
const FILE: &str = "suspects";

/// The note of the process that it has ended well.
const ENDED: &str = "at-work/process";

/// Bytes of a note, and of a suspect.
const ENTRY_BYTES: usize = 24;

/// Bytes of a file of suspects. It always has the same length, so that nothing of an older one is left behind its end.
const FILE_BYTES: usize = 8 + SUSPECTS_MAX * ENTRY_BYTES;

/// The measure against a room under suspicion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// It goes on, and for a second the inputs of its players do not count.
    SkipInputs,
    /// It does not go on.
    SetAside,
}

/// The kind of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Idle = 1,
    Tick = 2,
    Stalled = 3,
    Ended = 4,
}

/// A room that was at work at a bad end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AtWork {
    pub(super) room: RoomId,
    /// Its thread stood still, which no kill from outside explains.
    pub(super) stalled: bool,
}

/// A room under suspicion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suspect {
    pub(super) room: RoomId,
    stalled: bool,
    /// It is to be set aside, also when the process ends before it has done so.
    is_condemned: bool,
    /// When it came under suspicion.
    at_ms: u64,
}

/// The suspects after another start, each with the measure against it, if there is one.
///
/// `at_work` has the rooms that were at work when the last process came to a bad end, and nothing if it has ended well.
pub(super) fn judge(former: &[Suspect], at_work: &[AtWork], now_ms: u64) -> Vec<(Suspect, Option<Measure>)> {
    let mut judged: Vec<(Suspect, Option<Measure>)> = Vec::new();
    for &AtWork { room, stalled } in at_work {
        if judged.iter().any(|(suspect, _)| suspect.room == room) {
            continue;
        }
        let known = former.iter().find(|suspect| suspect.room == room);
        let is_recent = |at_ms: u64| now_ms.abs_diff(at_ms) <= CRASH_WINDOW_MS + RESTART_DELAY_MAX_MS;
        let is_condemned = known.is_some_and(|known| {
            // A stall is no chance, so that an older one counts as well.
            known.is_condemned || known.stalled && stalled || is_recent(known.at_ms)
        });
        let stalled = stalled || known.is_some_and(|known| known.stalled);
        let measure = if is_condemned { Measure::SetAside } else { Measure::SkipInputs };
        judged.push((Suspect { room, stalled, is_condemned, at_ms: now_ms }, Some(measure)));
    }
    for known in former {
        let is_new = judged.iter().all(|(suspect, _)| suspect.room != known.room);
        // A room that was not at work again was there by chance, unless it has stalled.
        if is_new && (known.is_condemned || known.stalled) {
            judged.push((*known, known.is_condemned.then_some(Measure::SetAside)));
        }
    }
    judged.sort_by_key(|(suspect, _)| (!suspect.is_condemned, !suspect.stalled));
    judged.truncate(SUSPECTS_MAX);
    judged
}

/// The things that an earlier process has left on how it ended.
#[derive(Debug, Default)]
pub(super) struct LastEnd {
    /// Whether it has ended as it was told to.
    pub(super) is_good: bool,
    at_work: Vec<AtWork>,
}

impl LastEnd {
    /// Reads the notes of the process with this incarnation.
    pub(super) fn read(disk: &dyn Disk, incarnation: u64) -> io::Result<Self> {
        let mut end = Self::default();
        for (name, _) in disk.list(NOTES)? {
            let file = disk.open(&format!("{NOTES}/{name}"), false)?;
            let mut bytes = vec![0; ENTRY_BYTES];
            disk::read_full(&*file, &mut bytes, 0)?;
            // A note of an earlier process says nothing of this one.
            let Some((room, kind)) = decode_note(&bytes, incarnation) else { continue };
            match kind {
                Kind::Idle => {}
                Kind::Tick => end.at_work.push(AtWork { room, stalled: false }),
                Kind::Stalled => end.at_work.push(AtWork { room, stalled: true }),
                Kind::Ended => end.is_good = true,
            }
        }
        if end.is_good {
            end.at_work.clear();
        }
        Ok(end)
    }

    /// The measures against rooms that are there. They are on the disk for the next start, if it takes them.
    pub(super) fn measures(
        &self,
        disk: &dyn Disk,
        is_there: impl Fn(RoomId) -> bool,
        now_ms: u64,
    ) -> Vec<(RoomId, Measure)> {
        let former = read_suspects(disk).unwrap_or_default();
        let mut judged = judge(&former, &self.at_work, now_ms);
        judged.retain(|(suspect, _)| is_there(suspect.room));
        if !(former.is_empty() && judged.is_empty()) {
            let suspects: Vec<_> = judged.iter().map(|(suspect, _)| *suspect).collect();
            if let Err(error) = write_suspects(disk, &suspects) {
                tracing::warn!(%error, "the next start will not know which rooms are under suspicion");
            }
        }
        judged.into_iter().filter_map(|(suspect, measure)| Some((suspect.room, measure?))).collect()
    }
}

/// The file in which a thread notes the room that it works on.
#[derive(Debug)]
pub(super) struct Notebook {
    file: Arc<dyn DiskFile>,
    incarnation: u64,
}

impl Notebook {
    pub(super) fn open(disk: &dyn Disk, thread: &str, incarnation: u64) -> io::Result<Self> {
        Ok(Self { file: disk.open(&format!("{NOTES}/{thread}"), true)?, incarnation })
    }

    /// Replaces the note. A kill of the process leaves it; only the loss of the machine takes it.
    pub(super) fn put(&self, note: WorkNote) -> io::Result<()> {
        let (room, kind) = match note {
            WorkNote::Idle => (0, Kind::Idle),
            WorkNote::Tick(room) => (room, Kind::Tick),
            WorkNote::Stalled(room) => (room, Kind::Stalled),
        };
        disk::write_all(&*self.file, &encode_note(self.incarnation, room, kind), 0)
    }
}

/// Notes that the process with this incarnation ends as it was told to.
pub(super) fn note_good_end(disk: &dyn Disk, incarnation: u64) -> io::Result<()> {
    let file = disk.open(ENDED, true)?;
    disk::write_all(&*file, &encode_note(incarnation, 0, Kind::Ended), 0)?;
    file.sync()
}

fn encode_note(incarnation: u64, room: u64, kind: Kind) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..8].copy_from_slice(&incarnation.to_le_bytes());
    bytes[8..16].copy_from_slice(&room.to_le_bytes());
    bytes[16..20].copy_from_slice(&(kind as u32).to_le_bytes());
    let crc = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The note of a process with this incarnation; `None` for anything else.
fn decode_note(bytes: &[u8], incarnation: u64) -> Option<(RoomId, Kind)> {
    let is_whole = crc32fast::hash(bytes.get(..20)?) == u32::from_le_bytes(bytes.get(20..24)?.try_into().ok()?);
    let kind = u32::from_le_bytes(bytes[16..20].try_into().ok()?);
    let kind = [Kind::Idle, Kind::Tick, Kind::Stalled, Kind::Ended].into_iter().find(|known| *known as u32 == kind)?;
    let is_its = number_at(bytes, 0)? == incarnation;
    (is_whole && is_its).then_some((RoomId(number_at(bytes, 8)?), kind))
}

fn encode_suspects(suspects: &[Suspect]) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    bytes[..4].copy_from_slice(&MAGIC);
    for Suspect { room, stalled, is_condemned, at_ms } in suspects {
        let flags = u64::from(*stalled) | u64::from(*is_condemned) << 1;
        [room.0, flags, *at_ms].iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    }
    bytes.resize(FILE_BYTES, 0);
    let crc = crc32fast::hash(&bytes[8..]);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The suspects of a file; none of one that is not whole.
fn decode_suspects(bytes: &[u8]) -> Vec<Suspect> {
    if bytes.len() != FILE_BYTES || bytes[..4] != MAGIC || crc32fast::hash(&bytes[8..]).to_le_bytes() != bytes[4..8] {
        return Vec::new();
    }
    let suspect = |entry: &[u8]| {
        let [room, flags, at_ms] = [number_at(entry, 0)?, number_at(entry, 8)?, number_at(entry, 16)?];
        let (stalled, is_condemned) = (flags & 1 != 0, flags & 2 != 0);
        (room != 0).then_some(Suspect { room: RoomId(room), stalled, is_condemned, at_ms })
    };
    bytes[8..].chunks_exact(ENTRY_BYTES).filter_map(suspect).collect()
}

fn read_suspects(disk: &dyn Disk) -> io::Result<Vec<Suspect>> {
    let file = match disk.open(FILE, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut bytes = vec![0; FILE_BYTES];
    disk::read_full(&*file, &mut bytes, 0)?;
    Ok(decode_suspects(&bytes))
}

fn write_suspects(disk: &dyn Disk, suspects: &[Suspect]) -> io::Result<()> {
    let file = disk.open(FILE, true)?;
    disk::write_all(&*file, &encode_suspects(suspects), 0)?;
    file.sync()
}

fn number_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId(1 << 32 | 7);
    const OTHER: RoomId = RoomId(1 << 32 | 8);
    const MINUTE_MS: u64 = CRASH_WINDOW_MS;
    const LOOP_MS: u64 = CRASH_WINDOW_MS + RESTART_DELAY_MAX_MS;

    /// The suspects and the measures after starts, each at a time and after these rooms were at work.
    fn starts(starts: &[(u64, &[(RoomId, bool)])]) -> Vec<(RoomId, Measure)> {
        let (mut suspects, mut measures) = (Vec::new(), Vec::new());
        for (now_ms, rooms) in starts {
            let at_work: Vec<_> =
                rooms.iter().map(|(room, stalled)| AtWork { room: *room, stalled: *stalled }).collect();
            // Through the bytes of the file.
            let judged = judge(&decode_suspects(&encode_suspects(&suspects)), &at_work, *now_ms);
            suspects = judged.iter().map(|(suspect, _)| *suspect).collect();
            measures = judged.iter().filter_map(|(suspect, measure)| Some((suspect.room, (*measure)?))).collect();
        }
        measures
    }

    #[test]
    fn a_room_is_set_aside_when_it_was_at_work_at_two_bad_ends_in_a_row() {
        assert_eq!(starts(&[(5, &[(ROOM, false)])]), [(ROOM, Measure::SkipInputs)]);
        let both = [(ROOM, false), (OTHER, false)];
        let twice = starts(&[(5, &both), (9, &[(ROOM, false)])]);
        assert_eq!(twice, [(ROOM, Measure::SetAside)], "the other one was there by chance");
        let unsaid = starts(&[(5, &both), (9, &[(ROOM, false)]), (10, &[])]);
        assert_eq!(unsaid, [(ROOM, Measure::SetAside)], "the process may have ended before it was set aside");
    }

    #[test]
    fn ends_that_are_far_apart_or_not_in_a_row_are_chance() {
        let late = starts(&[(5, &[(ROOM, false)]), (6 + LOOP_MS, &[(ROOM, false)])]);
        assert_eq!(late, [(ROOM, Measure::SkipInputs)]);
        let delayed = starts(&[(5, &[(ROOM, false)]), (5 + LOOP_MS, &[(ROOM, false)])]);
        assert_eq!(delayed, [(ROOM, Measure::SetAside)], "a supervisor may wait for minutes before a start");
        let between = starts(&[(5, &[(ROOM, false)]), (6, &[]), (7, &[(ROOM, false)])]);
        assert_eq!(between, [(ROOM, Measure::SkipInputs)]);
    }

    #[test]
    fn of_too_many_suspects_the_condemned_ones_stay() {
        let many: Vec<_> = (1..=SUSPECTS_MAX as u64).map(|room| (RoomId(room), false)).collect();
        let found = starts(&[(5, &[(ROOM, false)]), (6, &[(ROOM, false)]), (7, &many)]);
        assert_eq!((found.len(), found[0]), (SUSPECTS_MAX, (ROOM, Measure::SetAside)));
    }

    #[test]
    fn a_second_stall_sets_a_room_aside_whenever_it_comes() {
        let stall: (RoomId, bool) = (ROOM, true);
        assert_eq!(starts(&[(5, &[stall]), (6, &[])]), [], "it has had its second without inputs");
        let again = starts(&[(5, &[stall]), (6, &[]), (90 * MINUTE_MS, &[stall])]);
        assert_eq!(again, [(ROOM, Measure::SetAside)]);
    }

    #[test]
    fn a_note_counts_for_its_own_process_alone_and_only_whole() {
        let note = encode_note(4, ROOM.0, Kind::Tick);
        assert_eq!(decode_note(&note, 4), Some((ROOM, Kind::Tick)));
        assert_eq!(decode_note(&note, 5), None);
        for at in 0..ENTRY_BYTES {
            let mut damaged = note;
            damaged[at] ^= 1;
            assert_eq!(decode_note(&damaged, 4), None, "byte {at}");
            assert_eq!(decode_note(&note[..at], 4), None, "cut at {at}");
        }
    }

    #[test]
    fn a_file_of_suspects_that_is_not_whole_has_none() {
        let suspects = judge(&[], &[AtWork { room: ROOM, stalled: true }], 9);
        let bytes = encode_suspects(&[suspects[0].0]);
        assert_eq!(decode_suspects(&bytes), [suspects[0].0]);
        for at in [0, 4, 8, 20, FILE_BYTES - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(decode_suspects(&damaged), [], "byte {at}");
        }
        assert_eq!(decode_suspects(&bytes[..FILE_BYTES - 1]), []);
    }
}
