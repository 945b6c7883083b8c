//! Rooms that are to be made again after a start, one after another, each before anybody enters it.

use super::Shard;
use super::room_handle::RoomHandle;
use crate::chronicle::{Chronicle, end};
use crate::game_panic;
use crate::games::{MadeRoom, RevivedRoom};
use crate::journal::Remains;
use crate::lobby::RoomId;
use crate::mailbox::{Report, Revival};
use crate::room::{Kept, RoomChanges};
use crate::room_header::{GameChange, take_header};
use std::collections::BTreeMap;
use std::path::Path;
use tickwire::Tick;

/// The rooms that are still to be made again.
#[derive(Default)]
pub(super) struct Reviving(BTreeMap<RoomId, Revival>);

impl Reviving {
    pub(super) fn put(&mut self, revivals: Vec<Revival>) {
        self.0.extend(revivals.into_iter().map(|revival| (revival.room, revival)));
    }

    /// They stay in the journal: a later process makes them again.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Shard {
    /// Makes the next room again, if any is left.
    pub(super) fn revive_next(&mut self) {
        if let Some((_, revival)) = self.reviving.0.pop_first() {
            self.revive(revival);
        }
    }

    /// Makes a room again that somebody enters, if it waits for that.
    pub(super) fn revive_room(&mut self, room: RoomId) {
        if let Some(revival) = self.reviving.0.remove(&room) {
            self.revive(revival);
        }
    }

    fn revive(&mut self, revival: Revival) {
        let start_ns = self.setup.clock.now_ns();
        let Revival {
            room: id,
            code,
            game,
            plan,
            header,
            change,
            world,
            ticks,
            chronicle,
            expected,
            folder,
            skips_inputs,
        } = revival;
        let rest = world.as_ref().and_then(|(_, world)| take_header(world).ok()).map(|(_, rest)| rest);
        let kept = Kept { world: rest, ticks: &ticks };
        let remains = Remains {
            room: id,
            header: Some(&header),
            world: world.as_ref().map(|(tick, world)| (*tick, &**world)),
            ticks: &ticks,
        };
        let name = game.rules.name;
        let caught = {
            // To play its ticks again may never end, or end the process.
            let _at_work = (self.setup.health.in_room(id.0), self.setup.health.in_tick(id.0));
            game_panic::catch(|| (game.revive)(&plan, kept, change.former_shape()))
        };
        let revived = match caught {
            Ok(Ok(revived)) => revived,
            Ok(Err(fault)) => return self.cannot_revive(&remains, &fault.to_string(), &folder, chronicle),
            Err(panic) => {
                let why = format!("the game `{name}` has panicked: {panic}");
                return self.cannot_revive(&remains, &why, &folder, chronicle);
            }
        };
        let RevivedRoom { mut room, replayed, differs_at, changes } = revived;
        let has_other_rules = differs_at.is_some() || change == GameChange::Rules;
        if has_other_rules {
            note_other_rules(id, name, differs_at);
            self.setup.metrics.journal.rooms_diverged.increment(1);
        }
        if let Some(changes) = &changes {
            note_changes(id, name, changes);
        }
        if skips_inputs {
            room.skip_inputs();
        }
        let made = MadeRoom { rate_hz: game.rules.tick_rate_hz, room, chronicle, header: Some(header) };
        let now_ns = self.setup.clock.now_ns();
        let mut handle = RoomHandle::new(id, made, now_ns);
        handle.revived(code, now_ns, now_ns.saturating_sub(start_ns));
        tracing::debug!(room = id.0, replayed, "a room goes on");
        self.setup.metrics.journal.rooms_revived.increment(1);
        if let Some(journal) = &mut self.journal {
            // It is written with the first tick, before anything of that is sent.
            journal.revived(id, handle.tick());
            if change != GameChange::None {
                // The ticks to come mean nothing to the former build, nor to this one beside the former header.
                handle.keep(journal);
            }
        }
        match handle.has_people() {
            true => self.seat(handle),
            false => self.empty_rooms.put(handle),
        }
        drop(expected);
    }

    /// A room cannot go on: its code leads nowhere from now on, and its remains are set aside.
    fn cannot_revive(&mut self, remains: &Remains<'_>, why: &str, folder: &Path, mut chronicle: Option<Chronicle>) {
        let id = remains.room;
        tracing::error!(room = id.0, "room {} cannot go on, and ends: {why}", id.0);
        self.setup.metrics.journal.rooms_lost.increment(1);
        match remains.set_aside(folder) {
            Ok(()) => {
                chronicle.iter_mut().for_each(|chronicle| chronicle.ends_with(end::FAILED));
                self.gone.put_lost(id, chronicle);
            }
            Err(error) => {
                // Its end is not written: it stays in the journal for another process.
                tracing::error!(room = id.0, %error, "what is left of the room cannot be set aside");
                let _ = self.setup.reports.try_send(Report::Gone { room: id });
            }
        }
    }
}

/// Says in the log that a game has other rules, and the tick that it plays in another way than it was played.
fn note_other_rules(RoomId(room): RoomId, game: &str, differs_at: Option<Tick>) {
    match differs_at {
        Some(tick) => tracing::warn!(
            room,
            "the game `{game}` plays tick {tick} of room {room} in another way than it was played: its code has changed. \
             The room goes on with the same inputs under the rules of today"
        ),
        None => tracing::warn!(
            room,
            "bots of the game `{game}` play another match than when room {room} was kept: its rules may have changed. The room \
             goes on under those of today"
        ),
    }
}

/// Says in the log what has become of a room whose game has other fields now.
fn note_changes(id: RoomId, game: &str, changes: &RoomChanges) {
    let room = id.0;
    if changes.ticks_lost > 0 || changes.players_gone > 0 {
        tracing::warn!(
            room,
            "room {room} goes on with the fields that the game `{game}` has now, and has lost something: {changes}"
        );
    } else {
        tracing::info!(room, "room {room} goes on with the fields that the game `{game}` has now: {changes}");
    }
}
