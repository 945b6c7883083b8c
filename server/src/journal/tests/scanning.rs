//! The scanner: any bytes give a prefix of the entries that were written, or a gap that is named.

use super::Dice;
use crate::journal::batch::{Batch, EntryKind, Gap, Verdict, scan};
use crate::journal::segment::{LogKind, SEGMENT_HEAD_BYTES, SegmentHead};
use crate::lobby::RoomId;
use std::iter::repeat_n;
use tickwire::tick::Tick;

const LEN: usize = 8_192;

fn head(salt: u64) -> SegmentHead {
    let (kind, shard, number, incarnation) = (LogKind::Ticks, 3, 4, 5);
    SegmentHead { kind, shard, number, node: [1; 16], incarnation, salt, wall_ms: 1_000 }
}

/// Writes a segment over these bytes, and gives the places of its batches and that of its end.
fn write(bytes: &mut [u8], salt: u64, batches: usize) -> Vec<usize> {
    let head = head(salt);
    bytes[..SEGMENT_HEAD_BYTES].copy_from_slice(&head.encode());
    let (mut places, mut at) = (vec![], SEGMENT_HEAD_BYTES);
    let mut batch = Batch::new();
    for seq in 0..batches {
        // Now and then a batch begins on a new page.
        at = if seq % 13 == 12 { at.next_multiple_of(4_096) } else { at };
        for room in 0..3 {
            let tick = Tick(u32::try_from(seq).unwrap());
            batch.put(EntryKind::Tick, RoomId(room), tick, |body| body.extend(repeat_n(room as u8, seq * 3)));
        }
        let sealed = batch.seal(&head, at as u64, seq as u64, 1_000 + seq as u64);
        bytes[at..at + sealed.len()].copy_from_slice(sealed);
        places.push(at);
        at += sealed.len();
        batch.clear();
    }
    places.push(at);
    places
}

fn seqs(bytes: &[u8]) -> (Vec<u64>, Verdict) {
    let scanned = scan(bytes).unwrap();
    for batch in &scanned.batches {
        let entries: Vec<_> = batch.entries().collect();
        assert_eq!(entries.len(), 3);
        for (room, entry) in entries.iter().enumerate() {
            assert_eq!((entry.kind, entry.room), (EntryKind::Tick, RoomId(room as u64)));
            assert_eq!((u64::from(entry.tick.0), batch.wall_ms), (batch.seq, 1_000 + batch.seq));
            assert_eq!(entry.body, vec![room as u8; usize::try_from(batch.seq).unwrap() * 3]);
        }
    }
    (scanned.batches.iter().map(|batch| batch.seq).collect(), scanned.verdict)
}

#[test]
fn batches_return_as_they_were_written() {
    let mut bytes = vec![0; LEN];
    write(&mut bytes, 77, 20);
    assert_eq!(scan(&bytes).unwrap().head, head(77));
    assert_eq!(seqs(&bytes), ((0..20).collect(), Verdict::Whole));
    // A body of any length: the length in front has one to three bytes.
    let mut batch = Batch::new();
    for len in [0, 1, 113, 114, 115, 16_369, 16_370, 16_371, 100_000] {
        batch.put(EntryKind::World, RoomId(u64::MAX), Tick(u32::MAX), |body| body.extend(repeat_n(7, len)));
    }
    let mut bytes = head(8).encode().to_vec();
    bytes.extend_from_slice(batch.seal(&head(8), 64, 9, 0));
    let scanned = scan(&bytes).unwrap();
    let lens: Vec<usize> = scanned.batches[0].entries().map(|entry| entry.body.len()).collect();
    assert_eq!(lens, [0, 1, 113, 114, 115, 16_369, 16_370, 16_371, 100_000]);
    assert_eq!(scanned.batches[0].end(), bytes.len() as u64);
}

/// Bytes that may lie behind the end of a segment.
fn fills(rng: &mut Dice) -> Vec<Vec<u8>> {
    let mut stale = vec![0; LEN];
    write(&mut stale, 12, 20);
    let garbage = (0..LEN).map(|_| rng.next() as u8).collect();
    vec![vec![0; LEN], vec![0xff; LEN], stale, garbage]
}

#[test]
fn a_cut_at_any_byte_leaves_the_batches_before_it_whatever_follows() {
    let mut whole = vec![0; LEN];
    let places = write(&mut whole, 77, 20);
    let end = *places.last().unwrap();
    for fill in fills(&mut Dice(4)) {
        for cut in SEGMENT_HEAD_BYTES..=end {
            let mut bytes = fill.clone();
            bytes[..cut].copy_from_slice(&whole[..cut]);
            let count = places[1..].iter().zip(&places).filter(|(next, at)| {
                // The end of a batch, which lies before the next one when that begins on a new page.
                let len = u32::from_le_bytes(whole[**at + 4..**at + 8].try_into().unwrap()) as usize;
                (*at + 24 + len).min(**next) <= cut
            });
            // A fill may happen to be what was cut off.
            if fill[cut..end] == whole[cut..end] {
                continue;
            }
            let (found, verdict) = seqs(&bytes);
            let count = count.count() as u64;
            let is_same = |count: u64| found == (0..count).collect::<Vec<_>>();
            assert!(is_same(count) || is_same(count + 1), "cut at {cut}: {found:?}");
            assert!(!matches!(verdict, Verdict::Damaged(_)), "cut at {cut}");
            // And without anything behind it.
            let (short, _) = seqs(&whole[..cut]);
            assert_eq!(short, (0..count).collect::<Vec<_>>());
        }
        for cut in 0..SEGMENT_HEAD_BYTES {
            assert!(scan(&whole[..cut]).is_none());
        }
    }
}

#[test]
fn a_torn_batch_is_named_and_cut() {
    let mut bytes = vec![0; LEN];
    let places = write(&mut bytes, 77, 8);
    bytes[places[7] + 30] ^= 1;
    assert_eq!(seqs(&bytes), ((0..7).collect(), Verdict::Torn { at: places[7] as u64 }));
}

#[test]
fn a_flipped_bit_costs_its_batch_alone_and_is_named() {
    let mut whole = vec![0; LEN];
    let places = write(&mut whole, 77, 20);
    let end = *places.last().unwrap();
    for at in 0..end {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            if at < SEGMENT_HEAD_BYTES {
                assert!(scan(&bytes).is_none(), "bit {bit} of {at}");
                continue;
            }
            let hit = places.iter().rposition(|place| *place <= at).unwrap();
            let (found, verdict) = seqs(&bytes);
            if found.len() == 20 {
                // The space before a new page.
                assert!(places.contains(&(at.next_multiple_of(4_096))) && whole[at] == 0);
                continue;
            }
            assert_eq!(found, (0..20).filter(|seq| *seq != hit as u64).collect::<Vec<_>>(), "bit {bit} of {at}");
            if hit < 19 {
                let before = places[hit] as u64;
                let Verdict::Damaged(Gap { at, goes_on_at }) = verdict else { panic!("{verdict:?}") };
                // The gap begins where the batch before ends.
                assert!(at <= before && goes_on_at == places[hit + 1] as u64);
            } else {
                assert_eq!(verdict, Verdict::Torn { at: places[19] as u64 });
            }
        }
    }
}

#[test]
fn a_batch_of_another_place_or_life_is_none() {
    let mut bytes = vec![0; LEN];
    let places = write(&mut bytes, 77, 3);
    let last = bytes[places[2]..places[3]].to_vec();
    bytes[places[3]..places[3] + last.len()].copy_from_slice(&last);
    assert_eq!(seqs(&bytes).0, [0, 1, 2]);
    // The same head but for the salt: the batches of the former life have another mark and another checksum.
    bytes[..SEGMENT_HEAD_BYTES].copy_from_slice(&head(78).encode());
    assert_eq!(seqs(&bytes), (vec![], Verdict::Whole));
}

#[test]
fn any_bytes_are_scanned_without_a_panic() {
    let mut dice = Dice(11);
    for _ in 0..3_000 {
        let mut bytes = vec![0; 2_048];
        let places = write(&mut bytes, dice.next(), 8);
        for _ in 0..dice.below(12) {
            let at = SEGMENT_HEAD_BYTES + dice.below(bytes.len() - SEGMENT_HEAD_BYTES);
            bytes[at] = dice.next() as u8;
        }
        // Lengths are where a reader goes too far.
        let place = places[dice.below(8)];
        if dice.below(2) == 0 {
            bytes[place + 4..place + 8].copy_from_slice(&(dice.next() as u32).to_le_bytes());
        }
        bytes.truncate(SEGMENT_HEAD_BYTES + dice.below(bytes.len() - SEGMENT_HEAD_BYTES));
        let scanned = scan(&bytes).unwrap();
        assert!(scanned.batches.iter().all(|batch| batch.entries().count() <= 3));
        assert!(scanned.batches.is_sorted_by(|a, b| a.end() <= b.at));
    }
}
