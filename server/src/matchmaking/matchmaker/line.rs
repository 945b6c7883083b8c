//! The line: the groups of a queue in the order in which they entered.
//!
//! Slots of groups that are gone stay until half of the line is empty, so that a removal costs a binary search and a
//! walk along the line touches memory in order.

use super::GroupId;
use std::collections::VecDeque;

/// Empty slots that are no reason yet to tidy up.
const EMPTY_SLACK: usize = 64;

#[derive(Debug)]
struct Slot {
    seq: u64,
    group: Option<GroupId>,
}

/// The line.
#[derive(Debug, Default)]
pub(super) struct Line {
    slots: VecDeque<Slot>,
    len: usize,
    next_seq: u64,
}

impl Line {
    /// The number of groups.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Puts a group at the end. The answer is its number, which is larger than those before.
    pub(super) fn push(&mut self, group: GroupId) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.slots.push_back(Slot { seq, group: Some(group) });
        self.len += 1;
        seq
    }

    fn position(&self, seq: u64) -> usize {
        self.slots.partition_point(|slot| slot.seq < seq)
    }

    /// Takes a group out.
    pub(super) fn remove(&mut self, seq: u64) {
        let position = self.position(seq);
        let Some(slot) = self.slots.get_mut(position).filter(|slot| slot.seq == seq) else { return };
        self.len -= usize::from(slot.group.take().is_some());
        while self.slots.front().is_some_and(|slot| slot.group.is_none()) {
            self.slots.pop_front();
        }
        if self.slots.len() > 2 * self.len + EMPTY_SLACK {
            self.slots.retain(|slot| slot.group.is_some());
        }
    }

    /// The oldest group whose number is at least this one.
    pub(super) fn next_from(&self, seq: u64) -> Option<(u64, GroupId)> {
        self.slots.range(self.position(seq)..).find_map(|slot| Some((slot.seq, slot.group?)))
    }

    /// Writes how many groups are before each slot. [`Line::place`] reads it.
    pub(super) fn count(&self, before: &mut Vec<u32>) {
        before.clear();
        before.extend(self.slots.iter().scan(0, |count, slot| {
            let own = *count;
            *count += u32::from(slot.group.is_some());
            Some(own)
        }));
    }

    /// The place of a group from 1 on, by the counts that [`Line::count`] wrote since the last change.
    pub(super) fn place(&self, seq: u64, before: &[u32]) -> u32 {
        before.get(self.position(seq)).map_or(0, |count| count + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    #[test]
    fn places_follow_the_order_of_entry_when_groups_leave() {
        let mut ids = SlotMap::with_key();
        let mut line = Line::default();
        let mut seqs: Vec<u64> = (0..1_000).map(|_| line.push(ids.insert(()))).collect();
        let mut before = Vec::new();
        for round in 0..990 {
            line.remove(seqs.remove((round * 7) % seqs.len()));
            line.count(&mut before);
            let places: Vec<u32> = seqs.iter().map(|seq| line.place(*seq, &before)).collect();
            assert_eq!(places, (1..=seqs.len() as u32).collect::<Vec<_>>());
            assert_eq!(line.next_from(0).map(|(seq, _)| seq), seqs.first().copied());
            assert!(line.slots.len() <= 2 * line.len() + EMPTY_SLACK);
        }
        assert_eq!(line.next_from(1_000), None);
        assert_eq!(line.len(), 10);
    }
}
