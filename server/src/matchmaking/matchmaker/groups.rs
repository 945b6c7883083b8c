//! The groups that wait in all queues, and the group of each player.

use super::{Entrant, GroupId, QueueId};
use slotmap::SlotMap;
use std::collections::BTreeMap;
use tickwire::message::topics::PlayerId;

/// A group that waits.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) queue: QueueId,
    /// Its number in the line of the queue.
    pub(super) seq: u64,
    pub(super) members: Vec<Entrant>,
    /// People in it.
    pub(super) size: u8,
    /// The mean of its members' ratings.
    pub(super) rating: u16,
    pub(super) entered_ms: u64,
    /// The place, the number of groups and the estimate that it was told last.
    pub(super) last_told: Option<(u32, u32, Option<u64>)>,
}

impl Group {
    /// Milliseconds that it has waited.
    pub(super) const fn waited_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.entered_ms)
    }

    pub(super) fn players(&self) -> impl Iterator<Item = PlayerId> + '_ {
        self.members.iter().map(|member| member.player)
    }
}

/// The mean rating of a party, rounded down; 0 for nobody.
pub(super) fn mean_rating(members: &[Entrant]) -> u16 {
    let sum: u64 = members.iter().map(|member| u64::from(member.rating)).sum();
    let mean = sum.checked_div(members.len() as u64).unwrap_or(0);
    u16::try_from(mean).unwrap_or(u16::MAX)
}

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    all: SlotMap<GroupId, Group>,
    of_player: BTreeMap<PlayerId, GroupId>,
}

impl Groups {
    pub(super) fn find(&self, group: GroupId) -> Option<&Group> {
        self.all.get(group)
    }

    pub(super) fn find_mut(&mut self, group: GroupId) -> Option<&mut Group> {
        self.all.get_mut(group)
    }

    pub(super) fn of_player(&self, player: PlayerId) -> Option<GroupId> {
        self.of_player.get(&player).copied()
    }

    /// Takes a group in. Its players are in no other group.
    pub(super) fn insert(&mut self, group: Group) -> GroupId {
        let players: Vec<PlayerId> = group.players().collect();
        let id = self.all.insert(group);
        for player in players {
            let before = self.of_player.insert(player, id);
            assert!(before.is_none(), "a player is in one group at a time");
        }
        id
    }

    pub(super) fn remove(&mut self, group: GroupId) -> Option<Group> {
        let gone = self.all.remove(group)?;
        for player in gone.players() {
            self.of_player.remove(&player);
        }
        Some(gone)
    }
}
