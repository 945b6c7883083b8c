//! The tick of the rooms of a phase, in three parts: simulate, commit, send.
//!
//! ```text
//! for each room: read its sockets, make the tick, append its record  →  one write  →  for each room: write its sockets
//! ```
//!
//! With a journal nothing leaves a room before the tick that it tells of is written: a later process knows all that a
//! player has seen. One write serves up to [`COMMIT_ROOMS`] rooms, because a write costs more than the record of a
//! small room, and their worlds stay in the processor's cache until they are sent. Without a journal each room is
//! simulated and sent in turn.

use super::closing::Closing;
use super::room_handle::RoomHandle;
use super::{PhaseGroup, Scratch, Shard, ShardSetup};
use crate::clock::thread_cpu_ns;
use crate::journal::{CheckpointPace, JournalWriter};
use crate::limits::COMMIT_ROOMS;
use crate::mailbox::Report;
use std::time::Duration;
use tickwire::bug::Bug;

/// The time that a turn has taken so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TurnTime {
    wall_ns: u64,
    /// Measured for suspects alone.
    cpu_ns: Option<u64>,
    bytes_out: u64,
    late_ns: u64,
}

impl PhaseGroup {
    /// Makes one tick of every room.
    pub(super) fn tick(
        &mut self,
        setup: &ShardSetup,
        journal: Option<&mut JournalWriter>,
        deadline_ns: u64,
        scratch: &mut Scratch,
        closing: &mut Vec<Closing>,
    ) {
        let Some(journal) = journal else {
            for room in &mut self.rooms {
                let now_ns = setup.simulate(room, None, deadline_ns, scratch, closing);
                setup.send(room, now_ns, scratch, closing);
            }
            return;
        };
        for rooms in self.rooms.chunks_mut(COMMIT_ROOMS) {
            for room in &mut *rooms {
                setup.simulate(room, Some(journal), deadline_ns, scratch, closing);
            }
            if Bug::SentBeforeWritten.is_planted() {
                rooms.iter_mut().for_each(|room| setup.send(room, setup.clock.now_ns(), scratch, closing));
            }
            let start_ns = setup.clock.now_ns();
            journal.commit();
            scratch.tally.committed(setup.clock.now_ns().saturating_sub(start_ns));
            for room in &mut *rooms {
                setup.send(room, setup.clock.now_ns(), scratch, closing);
            }
        }
    }
}

impl Shard {
    /// Hands over a room to be kept whole, if it is time for one. A room behind a gap in the log comes first. Otherwise it is
    /// by turns the one that would take longest to play again, if all of them together would take too long, and the one
    /// that was kept longest ago.
    ///
    /// So the rooms of a shard can be played again within about [`CheckpointPace::replay_max`].
    pub(super) fn keep_rooms(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        let now_ns = self.setup.clock.now_ns();
        let count = self.groups.iter().map(|group| group.rooms.len()).sum();
        if !journal.may_keep(count, now_ns) {
            return;
        }
        while let Some(id) = journal.take_given_up() {
            let mut rooms = self.groups.iter_mut().flat_map(|group| &mut group.rooms).chain(self.empty_rooms.all());
            rooms.find(|room| room.id == id).into_iter().for_each(|room| room.give_up(journal));
        }
        let rooms = || self.groups.iter().flat_map(|group| &group.rooms);
        // The keeper asks all shards for a room, and another one may have it.
        while let Some(id) = journal.wanted()
            && !self.empty_rooms.has(id)
            && !rooms().any(|room| room.id == id)
        {
            journal.forget(id);
        }
        let CheckpointPace { replay_max, age_max } = journal.pace();
        let can_be_kept = |room: &&RoomHandle| !journal.is_hopeless(room.id);
        let rooms = || rooms().filter(can_be_kept);
        let behind_gap = || rooms().find(|room| room.kept.gaps != journal.gaps());
        let owed_ns: u64 = rooms().map(|room| room.kept.debt_ns).sum();
        self.keeps_oldest = !self.keeps_oldest || owed_ns <= nanos(replay_max);
        let is_old = |room: &&RoomHandle| room.kept.debt_ns > 0 && room.kept.age_ns >= nanos(age_max);
        let oldest = || rooms().filter(is_old).max_by_key(|room| room.kept.age_ns);
        let dearest = || rooms().max_by_key(|room| room.kept.debt_ns).filter(|_| owed_ns > nanos(replay_max));
        let by_turn = || if self.keeps_oldest { oldest().or_else(dearest) } else { dearest() };
        let id = journal.wanted().or_else(|| behind_gap().or_else(by_turn).map(|room| room.id));
        let Some(id) = id else { return };
        let mut rooms = self.groups.iter_mut().flat_map(|group| &mut group.rooms).chain(self.empty_rooms.all());
        if let Some(room) = rooms.find(|room| room.id == id) {
            room.keep(journal);
        }
    }

    /// Writes what was noted beside ticks.
    pub(super) fn commit_rest(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.commit();
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl ShardSetup {
    /// The part of a tick before anything is sent. Gives the time at its end.
    fn simulate(
        &self,
        room: &mut RoomHandle,
        journal: Option<&mut JournalWriter>,
        deadline_ns: u64,
        scratch: &mut Scratch,
        closing: &mut Vec<Closing>,
    ) -> u64 {
        let start_ns = self.clock.now_ns();
        let cpu_start_ns = room.budget.is_suspect().then(thread_cpu_ns);
        let bytes_before = scratch.tally.bytes_out;
        let _in_room = self.health.in_room(room.id.0);
        room.guarded(&mut self.context(start_ns, scratch), closing, |room, context, _| {
            room.simulate(context, &self.health);
            journal.into_iter().for_each(|journal| room.record(journal));
        });
        let end_ns = self.clock.now_ns();
        let wall_ns = end_ns.saturating_sub(start_ns);
        room.owe(wall_ns);
        room.turn = TurnTime {
            wall_ns,
            cpu_ns: cpu_start_ns.map(|start_ns| thread_cpu_ns().saturating_sub(start_ns)),
            bytes_out: scratch.tally.bytes_out - bytes_before,
            late_ns: start_ns.saturating_sub(deadline_ns),
        };
        end_ns
    }

    /// The rest of a tick, and the report to the directory of how many people and bots are in the room.
    fn send(&self, room: &mut RoomHandle, start_ns: u64, scratch: &mut Scratch, closing: &mut Vec<Closing>) {
        let cpu_start_ns = room.turn.cpu_ns.map(|_| thread_cpu_ns());
        let bytes_before = scratch.tally.bytes_out;
        let _in_room = self.health.in_room(room.id.0);
        room.guarded(&mut self.context(start_ns, scratch), closing, RoomHandle::send);
        room.note_people(start_ns);
        let TurnTime { wall_ns, cpu_ns, bytes_out, late_ns } = room.turn;
        let turn_ns = wall_ns + self.clock.now_ns().saturating_sub(start_ns);
        let cpu_rest = || cpu_start_ns.map_or(0, |start_ns| thread_cpu_ns().saturating_sub(start_ns));
        room.gauge.turned(turn_ns, bytes_out + scratch.tally.bytes_out - bytes_before);
        room.budget.took(turn_ns, cpu_ns.map(|cpu_ns| cpu_ns + cpu_rest()));
        scratch.tally.ticked(late_ns, turn_ns, self.is_slow_lane);
        self.report(room);
    }

    /// Reports what is new in a room. A report that the queue does not take is made again after the next tick; an
    /// autopsy or a failure is lost, and the log has the panic.
    fn report(&self, room: &mut RoomHandle) {
        if let Some(summary) = room.news()
            && self.reports.try_send(Report::Room { room: room.id, summary }).is_ok()
        {
            room.reported = summary;
        }
        self.report_diverged(room);
        if let Some(failure) = room.poll_failure() {
            let _ = self.reports.try_send(Report::Failed { room: room.id, failure });
        }
        while let Some(autopsy) = room.poll_autopsy() {
            let _ = self.reports.try_send(Report::Differed { room: room.id, autopsy: Box::new(autopsy) });
        }
    }
}
