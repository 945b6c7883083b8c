//! The players that the hub knows: their rates, their receipts, and the players that they block.

use crate::limits::{BLOCKED_MAX, PLAYER_FORGOTTEN_MS, PLAYERS_KNOWN_MAX, RECEIPTS_REMEMBERED_MAX};
use crate::websocket::rate::{Quota, Usage};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tickwire::message::topics::{PlayerId, Receipt};

/// A player, over all of its connections.
#[derive(Debug, Default)]
pub(super) struct PlayerState {
    connections: u32,
    /// The time since which the player has no connection.
    gone_ms: u64,
    /// Whether the player can come back: it has a key. Somebody without one is somebody else next time.
    may_return: bool,
    receipts: VecDeque<(u64, Receipt)>,
    blocked: BTreeSet<PlayerId>,
    muted_until_ms: u64,
    /// For each kind of topic, how often the player has published to topics of that kind.
    usage: BTreeMap<u8, Usage>,
}

impl PlayerState {
    /// The receipt that the player was given for a number before.
    pub(super) fn receipt(&self, seq: u64) -> Option<Receipt> {
        self.receipts.iter().find(|(known, _)| *known == seq).map(|(_, receipt)| *receipt)
    }

    /// Remembers a receipt, so that publishing again gives the same one.
    pub(super) fn remember(&mut self, seq: u64, receipt: Receipt) {
        if self.receipts.len() >= RECEIPTS_REMEMBERED_MAX {
            self.receipts.pop_front();
        }
        self.receipts.push_back((seq, receipt));
    }

    /// Blocks another player, or hears it again; says whether that changes anything. The oldest entry does not give way:
    /// the list is full then.
    pub(super) fn block(&mut self, other: PlayerId, blocked: bool) -> bool {
        if !blocked {
            return self.blocked.remove(&other);
        }
        self.blocked.len() < BLOCKED_MAX && self.blocked.insert(other)
    }

    pub(super) fn has_blocked(&self, other: PlayerId) -> bool {
        self.blocked.contains(&other)
    }

    /// Milliseconds until the player may publish to such topics again; `None` when it may now.
    pub(super) fn take(&mut self, kind: u8, quota: Quota, now_us: u64) -> Option<u64> {
        let usage = self.usage.entry(kind).or_default();
        match usage.wait_us(quota, now_us) {
            Some(wait_us) => Some(wait_us.div_ceil(1_000)),
            None => {
                usage.take(quota, now_us);
                None
            }
        }
    }

    pub(super) const fn mute(&mut self, until_ms: u64) {
        self.muted_until_ms = until_ms;
    }

    pub(super) const fn is_muted(&self, now_ms: u64) -> bool {
        now_ms < self.muted_until_ms
    }
}

/// All players that the hub knows.
#[derive(Debug, Default)]
pub(super) struct Players {
    known: BTreeMap<PlayerId, PlayerState>,
}

impl Players {
    pub(super) fn find(&mut self, id: PlayerId) -> Option<&mut PlayerState> {
        self.known.get_mut(&id)
    }

    /// A player comes, with one more connection. Gives the player who had to give way, if any.
    pub(super) fn come(&mut self, id: PlayerId, may_return: bool) -> Option<PlayerId> {
        let is_full = self.known.len() >= PLAYERS_KNOWN_MAX && !self.known.contains_key(&id);
        let forgotten = if is_full { self.forget_one() } else { None };
        let player = self.known.entry(id).or_default();
        player.connections += 1;
        player.may_return |= may_return;
        forgotten
    }

    /// A player of an earlier process, who may come back. Nobody has to give way to it.
    pub(super) fn restore(&mut self, id: PlayerId, now_ms: u64) -> Option<&mut PlayerState> {
        if self.known.len() >= PLAYERS_KNOWN_MAX && !self.known.contains_key(&id) {
            return None;
        }
        let player = self.known.entry(id).or_default();
        (player.may_return, player.gone_ms) = (true, player.gone_ms.max(now_ms));
        Some(player)
    }

    /// A connection of a player ends.
    pub(super) fn go(&mut self, id: PlayerId, now_ms: u64) {
        if let Some(player) = self.known.get_mut(&id) {
            player.connections = player.connections.saturating_sub(1);
            player.gone_ms = now_ms;
        }
    }

    /// Mutes a player, present or not.
    pub(super) fn mute(&mut self, id: PlayerId, until_ms: u64, now_ms: u64) {
        let player = self.known.entry(id).or_default();
        player.mute(until_ms);
        player.gone_ms = player.gone_ms.max(now_ms);
    }

    /// Forgets the players that were away for long, and returns them.
    pub(super) fn forget_old(&mut self, now_ms: u64) -> Vec<PlayerId> {
        let is_over = |_: &PlayerId, player: &mut PlayerState| {
            let rests = player.may_return && now_ms < player.gone_ms + PLAYER_FORGOTTEN_MS;
            player.connections == 0 && !rests && !player.is_muted(now_ms)
        };
        self.known.extract_if(.., is_over).map(|(id, _)| id).collect()
    }

    /// Forgets the player that has been away for the longest time.
    fn forget_one(&mut self) -> Option<PlayerId> {
        let away = self.known.iter().filter(|(_, player)| player.connections == 0);
        let id = away.min_by_key(|(_, player)| player.gone_ms).map(|(id, _)| *id)?;
        self.known.remove(&id);
        Some(id)
    }
}
