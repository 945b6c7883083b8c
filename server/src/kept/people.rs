//! Players who are muted, and those whom others have blocked.

use crate::limits::{KEPT_BLOCKS_MAX, KEPT_MUTES_MAX};
use bincode::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use tickwire::message::topics::PlayerId;

/// Mutes and blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KeptPeople {
    /// The time until which each player is muted, in milliseconds since 1970.
    pub(crate) mutes: BTreeMap<PlayerId, u64>,
    /// The players whom each has blocked.
    pub(crate) blocks: BTreeMap<PlayerId, BTreeSet<PlayerId>>,
}

impl KeptPeople {
    /// Mutes a player until this time; 0 for not any more.
    pub(super) fn mute(&mut self, player: PlayerId, until_ms: u64) {
        self.mutes.remove(&player);
        if until_ms == 0 {
            return;
        }
        self.mutes.insert(player, until_ms);
        if self.mutes.len() > KEPT_MUTES_MAX
            && let Some(first) = self.mutes.iter().min_by_key(|(_, until_ms)| **until_ms).map(|(player, _)| *player)
        {
            self.mutes.remove(&first);
        }
    }

    pub(super) fn block(&mut self, player: PlayerId, other: PlayerId, blocked: bool) {
        if !blocked {
            if let Some(others) = self.blocks.get_mut(&player) {
                others.remove(&other);
            }
            self.blocks.retain(|_, others| !others.is_empty());
        } else if self.blocks.values().map(BTreeSet::len).sum::<usize>() < KEPT_BLOCKS_MAX {
            self.blocks.entry(player).or_default().insert(other);
        }
    }

    /// A player was away for so long that it comes as a new one.
    pub(super) fn forget(&mut self, player: PlayerId) {
        self.blocks.remove(&player);
    }

    pub(super) fn advance(&mut self, now_ms: u64) {
        self.mutes.retain(|_, until_ms| *until_ms > now_ms);
    }
}
