//! The scanner of segments for a fuzz target, which reaches nothing of a private module.

use super::batch::{Batch, EntryKind, Verdict, scan};
use super::segment::{LogKind, SEGMENT_HEAD_BYTES, SegmentHead};
use crate::limits::JOURNAL_PAGE_BYTES;
use crate::lobby::RoomId;
use tickwire::tick::Tick;

/// Batches of a segment; every so many begin on a new page, as they do after a sync.
const BATCHES_MAX: usize = 40;
const NEW_PAGE: usize = 5;

/// Writes a batch with each of these bodies, changes bits of the bytes, cuts them, and scans what is left.
///
/// # Panics
/// When something is found that was not written, or is found in another order, or when something is missing although
/// nothing was damaged.
pub fn scan_damaged(bodies: &[Vec<u8>], damage: &[(u16, u8)], cut: Option<u16>) {
    let (kind, shard, number, node, incarnation) = (LogKind::Ticks, 1, 2, [3; 16], 4);
    let head = SegmentHead { kind, shard, number, node, incarnation, salt: 0x5eed_5eed_1234_5678, wall_ms: 6 };
    let (mut bytes, mut batch) = (head.encode().to_vec(), Batch::new());
    for (index, body) in bodies.iter().take(BATCHES_MAX).enumerate() {
        if index % NEW_PAGE == NEW_PAGE - 1 {
            bytes.resize(bytes.len().next_multiple_of(JOURNAL_PAGE_BYTES as usize), 0);
        }
        let number = index as u32;
        batch.put(EntryKind::Tick, RoomId(index as u64), Tick(number), |out| out.extend_from_slice(body));
        let at = bytes.len() as u64;
        bytes.extend_from_slice(batch.seal(&head, at, index as u64, 7));
        batch.clear();
    }
    let written = bodies.len().min(BATCHES_MAX);
    let len = bytes.len();
    damage.iter().for_each(|(at, bits)| bytes[usize::from(*at) % len] ^= bits);
    let cut = cut.map(|cut| usize::from(cut) % (len + 1));
    bytes.truncate(cut.unwrap_or(len));
    let is_good = damage.iter().all(|(_, bits)| *bits == 0);
    let Some(scanned) = scan(&bytes) else {
        assert!(!is_good || bytes.len() < SEGMENT_HEAD_BYTES, "the head is there");
        return;
    };
    assert!(scanned.batches.is_sorted_by(|one, next| one.end() <= next.at && one.seq < next.seq), "the order");
    for found in &scanned.batches {
        assert_eq!(found.entries().count(), 1, "the entries of a batch with one");
        let entry = found.entries().next().expect("there is one");
        assert!(found.seq < written as u64 && entry.room == RoomId(found.seq), "a batch that was not written");
        assert_eq!(entry.body, bodies[entry.tick.0 as usize], "a body that was not written");
    }
    if is_good {
        assert!(!matches!(scanned.verdict, Verdict::Damaged(_)), "nothing was damaged");
        let is_prefix = scanned.batches.iter().zip(0..).all(|(found, seq)| found.seq == seq);
        assert!(is_prefix && (cut.is_some() || scanned.batches.len() == written), "a batch is missing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::Dice;

    #[test]
    fn what_is_found_in_a_damaged_segment_was_written_and_a_whole_segment_is_found_whole() {
        let mut dice = Dice(17);
        for _ in 0..500 {
            let body = |dice: &mut Dice| vec![dice.next() as u8; dice.below(300)];
            let bodies: Vec<_> = (0..dice.below(45)).map(|_| body(&mut dice)).collect();
            let damage: Vec<_> = (0..dice.below(4)).map(|_| (dice.next() as u16, 1 << dice.below(8))).collect();
            let cut = (dice.below(3) == 0).then(|| dice.next() as u16);
            scan_damaged(&bodies, &damage, cut);
        }
    }
}
