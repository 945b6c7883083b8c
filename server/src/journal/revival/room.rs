//! One room: its lives, and the way through them that counts.

use super::LogKey;
use crate::journal::batch::{Entry, EntryKind};
use crate::lobby::RoomId;
use std::collections::BTreeMap;
use tickwire::bug::Bug;
use tickwire::tick::Tick;

/// The body of an entry with its tick.
pub(crate) type Numbered = (Tick, Vec<u8>);

/// Where an entry was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) incarnation: u64,
    pub(super) wall_ms: u64,
    pub(super) log: LogKey,
    /// The damaged parts of the log before the entry.
    pub(super) damages: u32,
}

/// What is damaged in the logs.
#[derive(Debug, Default)]
pub(super) struct Damages {
    /// The logs of ticks that are damaged, and the number of damaged parts in each.
    pub(super) ticks: BTreeMap<LogKey, u32>,
    /// What may be missing of worlds.
    pub(super) worlds: Vec<LostWorlds>,
}

/// Worlds that may be missing of a log, and with each of them the ticks that were freed for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct LostWorlds {
    /// They were written before this time.
    pub(super) until_ms: u64,
    /// Ticks of this time or later were not freed: the newest file of a log never is.
    pub(super) freed_until_ms: u64,
}

/// How much of a room is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoomVerdict {
    /// All of it, as far as anybody can know.
    Whole,
    /// Ticks are missing, and so these many of the last ones are of no use.
    RolledBack { ticks: u32 },
    /// The log of its last tick is damaged right after it, or a newer world may have been damaged: more ticks may have
    /// been there.
    EndsInDamage,
    /// The room cannot go on: there is neither a checkpoint that counts nor the entry that opened it.
    Quarantined,
}

/// A room that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundRoom {
    pub(crate) room: RoomId,
    /// The body of the entry that opened it. A world has a header too, and outlives this one.
    pub(crate) header: Option<Vec<u8>>,
    /// The tick before the first one of a room without a world.
    pub(crate) start: Tick,
    pub(crate) world: Option<Numbered>,
    /// The ticks after the world, or from the start on, without a gap.
    pub(crate) ticks: Vec<Numbered>,
    pub(crate) verdict: RoomVerdict,
}

impl FoundRoom {
    /// The last tick of the room.
    pub(crate) fn last(&self) -> Tick {
        let base = self.world.as_ref().map_or(self.start, |(tick, _)| *tick);
        self.ticks.last().map_or(base, |(tick, _)| *tick)
    }
}

/// The things that one incarnation did with the room.
#[derive(Debug, Default)]
struct Life {
    is_opened: bool,
    /// The tick from which this life went on.
    revived: Option<Tick>,
    ticks: BTreeMap<Tick, Vec<u8>>,
    worlds: BTreeMap<Tick, Vec<u8>>,
    /// Ticks of which there are two that differ.
    disputed: Option<Tick>,
}

impl Life {
    fn last(&self) -> Tick {
        let last = |of: &BTreeMap<Tick, Vec<u8>>| of.keys().next_back().copied().unwrap_or_default();
        last(&self.ticks).max(last(&self.worlds)).max(self.revived.unwrap_or_default())
    }
}

/// All that was found of a room.
#[derive(Debug, Default)]
pub(super) struct RoomHistory {
    header: Option<Vec<u8>>,
    start: Tick,
    lives: BTreeMap<u64, Life>,
    closed_ms: Option<u64>,
    /// The places of the last tick, per log.
    ends: BTreeMap<LogKey, (u64, Tick, u32)>,
    /// When its newest entry was written, and the newest one that is no world.
    newest_ms: u64,
    newest_tick_ms: u64,
}

impl RoomHistory {
    pub(super) fn add(&mut self, entry: &Entry<'_>, place: Place) {
        self.newest_ms = self.newest_ms.max(place.wall_ms);
        let life = self.lives.entry(place.incarnation).or_default();
        match entry.kind {
            EntryKind::Room => {
                self.header = Some(entry.body.to_vec());
                (self.start, life.is_opened) = (entry.tick, true);
            }
            EntryKind::Tick | EntryKind::Kept => {
                let known = life.ticks.insert(entry.tick, entry.body.to_vec());
                if known.is_some_and(|known| known != entry.body) {
                    let first = life.disputed.map_or(entry.tick, |disputed| disputed.min(entry.tick));
                    life.disputed = Some(first);
                }
            }
            EntryKind::Revived => life.revived = Some(entry.tick).filter(|_| !Bug::RevivedTickIgnored.is_planted()),
            EntryKind::Closed => self.closed_ms = Some(place.wall_ms),
            EntryKind::World => {
                life.worlds.insert(entry.tick, entry.body.to_vec());
            }
        }
        // Worlds are in a log of their own: damage to it takes no ticks.
        if matches!(entry.kind, EntryKind::Room | EntryKind::Tick | EntryKind::Revived) {
            self.newest_tick_ms = self.newest_tick_ms.max(place.wall_ms);
            self.ends.insert(place.log, (place.incarnation, entry.tick, place.damages));
        }
    }

    pub(super) fn closed_ms(&self) -> Option<u64> {
        self.closed_ms
    }

    /// The newest world, and the entries after it in the order of their numbers. There may be gaps: several threads
    /// keep things, each in its own log.
    pub(super) fn into_kept(self) -> (Option<Numbered>, Vec<Numbered>) {
        let (mut world, mut kept) = (None, BTreeMap::new());
        for (_, mut life) in self.lives {
            world = life.worlds.pop_last().or(world);
            kept.append(&mut life.ticks);
        }
        let from = world.as_ref().map(|(tick, _)| *tick);
        kept.retain(|tick, _| from.is_none_or(|from| *tick > from));
        (world, kept.into_iter().collect())
    }

    /// The way through the lives that counts.
    pub(super) fn into_room(mut self, room: RoomId, damages: &Damages) -> FoundRoom {
        let base = self.base();
        let (header, start) = (self.header.take(), self.start);
        let world = base.and_then(|(life, tick)| Some((tick, self.lives.get_mut(&life)?.worlds.remove(&tick)?)));
        if world.is_none() && header.is_none() {
            let verdict = RoomVerdict::Quarantined;
            return FoundRoom { room, header, start, world, ticks: Vec::new(), verdict };
        }
        let from = world.as_ref().map_or(start, |(tick, _)| *tick);
        let first = base.map_or(0, |(life, _)| life);
        let (ticks, highest) = follow(&mut self.lives, first, base.is_some(), from);
        let mut found = FoundRoom { room, header, start, world, ticks, verdict: RoomVerdict::Whole };
        let last = found.last();
        found.verdict = match highest {
            Some(highest) => RoomVerdict::RolledBack { ticks: highest.0.saturating_sub(last.0) },
            None if self.ends_in_damage(last, damages) => RoomVerdict::EndsInDamage,
            None => RoomVerdict::Whole,
        };
        found
    }

    /// The newest world that counts: no later life began before it.
    fn base(&self) -> Option<(u64, Tick)> {
        let counts = |life: u64, tick: Tick| {
            self.lives.range(life + 1..).all(|(_, later)| later.revived.is_none_or(|revived| revived >= tick))
        };
        let newest = |(life, it): (&u64, &Life)| {
            it.worlds.keys().rev().find(|tick| counts(*life, **tick)).map(|tick| (*life, *tick))
        };
        self.lives.iter().rev().find_map(newest)
    }

    /// Whether a damaged part of a log may have held ticks after the last one, or a world that stood for them.
    fn ends_in_damage(&self, last: Tick, damages: &Damages) -> bool {
        let may_miss = |lost: &LostWorlds| self.newest_ms < lost.until_ms && self.newest_tick_ms < lost.freed_until_ms;
        if damages.worlds.iter().any(may_miss) {
            return true;
        }
        let newest = self.lives.keys().next_back().copied().unwrap_or_default();
        let is_end = |(incarnation, tick, _): &(u64, Tick, u32)| *incarnation == newest && *tick >= last;
        let mut ends = self.ends.iter().filter(|(_, end)| is_end(end)).peekable();
        if ends.peek().is_none() {
            // A world is all that is left, so that nobody knows which log its room was in.
            return damages.ticks.keys().any(|(_, incarnation, _)| *incarnation == newest);
        }
        ends.any(|(log, (.., before))| damages.ticks.get(log).is_some_and(|count| count > before))
    }
}

/// Follows the ticks after `from`, from life to life. The second value is the highest tick that is known of when a gap
/// ends the way; `None` when nothing is missing.
fn follow(lives: &mut BTreeMap<u64, Life>, first: u64, has_world: bool, from: Tick) -> (Vec<Numbered>, Option<Tick>) {
    let mut ticks: Vec<Numbered> = Vec::new();
    let mut is_broken = false;
    let mut highest = from;
    for (incarnation, life) in lives.range_mut(first..) {
        let at = ticks.last().map_or(from, |(tick, _)| *tick);
        let last = life.last();
        match life.revived {
            // Entries of older lives above this tick do not count, whether they are whole or not.
            Some(revived) if revived >= from && revived <= at => {
                ticks.retain(|(tick, _)| *tick <= revived);
                (is_broken, highest) = (false, revived);
            }
            _ => {
                // The first life begins with the room or its world. Any other one needs the tick that it went on from.
                let begins = life.is_opened || has_world && *incarnation == first;
                let is_idle = life.ticks.is_empty() && life.revived.is_none();
                is_broken |= !begins && !is_idle;
            }
        }
        highest = highest.max(last);
        let mut at = ticks.last().map_or(from, |(tick, _)| *tick);
        while !is_broken && life.disputed.is_none_or(|disputed| at.next() < disputed) {
            let Some(body) = life.ticks.remove(&at.next()) else { break };
            at = at.next();
            ticks.push((at, body));
        }
        is_broken |= life.ticks.keys().next_back().is_some_and(|tick| *tick > at);
    }
    (ticks, is_broken.then_some(highest))
}
