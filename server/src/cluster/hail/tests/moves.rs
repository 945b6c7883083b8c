//! Rooms that go from one node to another: the hail, the check of the bytes, and the two answers.

use super::*;
use sha2::Digest;

/// A room with a different value in each place.
pub(super) const TAKE: Take = Take {
    code: *b"C4FK9T",
    epoch: 0x0403_0201,
    revision: 0x1211_1009_0807_0605,
    tick: 0x1a19_1817_1615_1413,
    hash: 0x2221_201f_1e1d_1c1b,
    len: 0x0125_2423,
    digest: [0x5a; 32],
};

/// The tuple of the first answer and its key at the relay, and of the key at the owner.
fn first_answered(hail: &Hail, answer: &Answer) -> (Vec<u8>, AnswerKey, AnswerKey) {
    let keys = keys(NEW_KEY);
    let (bytes, relay) = sealed_by(&keys, hail);
    let (bytes, owner) = open_hail(&keys, &CHALLENGE, &bytes).unwrap().answer.seal_first(answer).unwrap();
    (bytes, relay, owner)
}

/// A relay that has received these bytes of a first answer and no more.
fn open_first(key: AnswerKey, bytes: &[u8]) -> Result<(Answer, AnswerKey), HailFault> {
    let (head, follow) = bytes.split_at(bytes.len().min(ANSWER_HEAD_BYTES));
    key.open_first(AnswerHead::decode(head)?, follow)
}

/// The keys of the second answer at the relay and at the owner, after this first one.
fn second_keys(first: &Answer) -> (AnswerKey, AnswerKey) {
    let (bytes, relay, owner) = first_answered(&take(TAKE), first);
    (open_first(relay, &bytes).unwrap().1, owner)
}

/// The key of the only answer, or of the first one.
fn plain_key() -> AnswerKey {
    sealed_by(&keys(NEW_KEY), &take(TAKE)).1
}

const TAKEN: Answer = Answer::Taken { revision: 0x0102_0304_0506_0708 };

#[test]
fn a_move_has_the_layout_that_is_written_down() {
    let service: &[u8] = b"\x02\0\0\0\0\0\0\0tw";
    let payload = [
        &b"C4FK9T"[..],
        &[1, 2, 3, 4],
        &[5, 6, 7, 8, 9, 0x10, 0x11, 0x12],
        &[0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a],
        &[0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22],
        &[0x23, 0x24, 0x25, 1],
        &[0x5a; 32],
    ]
    .concat();
    let head = [&b"\x04the relay's node"[..], &TO, &NONCE, &[70, 0]].concat();
    let hail_mac = mac(&[b"TWP1 hail", service, &CHALLENGE.nonce, &NONCE, &head, &payload]);
    assert_eq!(sealed_by(&keys(NEW_KEY), &take(TAKE)).0, [&head[..], &payload, &hail_mac].concat());
    let (first, _, owner) = first_answered(&take(TAKE), &Answer::Send);
    let before = [b"TWP1 answer", service, &CHALLENGE.nonce, &NONCE].concat();
    assert_eq!(first, [&b"\x07\0\0"[..], &mac(&[&before, b"\x07\0\0"])].concat());
    let signed: &[u8] = b"\x08\x08\0\x08\x07\x06\x05\x04\x03\x02\x01";
    let second_mac = mac(&[&before, b"\x07\0\0", b"TWP1 second", signed]);
    assert_eq!(owner.seal(&TAKEN), Ok([signed, &second_mac].concat()));
}

#[test]
fn a_room_may_be_as_long_as_its_bound_and_no_longer() {
    let keys = keys(NEW_KEY);
    let max = ROOM_MOVE_BYTES_MAX;
    assert_eq!(max, 67_108_864);
    for (len, is_good) in [(0, true), (max, true), (max + 1, false), (u32::MAX as usize, false)] {
        let expected = if is_good { Ok(()) } else { Err(HailFault::TooLong { len, max }) };
        let hail = take(Take { len: len as u32, ..TAKE });
        assert_eq!(hail.seal(&keys, &CHALLENGE, NONCE).map(|_| ()), expected);
        let mut payload = payload_of(&take(TAKE));
        payload[34..38].copy_from_slice(&(len as u32).to_le_bytes());
        assert_eq!(signed_payload(Kind::Take, &payload).map(|opened| assert_eq!(opened.hail, hail)), expected);
    }
}

#[test]
fn no_other_bytes_are_those_of_a_room() {
    for len in [0, 1, 64, 4_096] {
        let room: Vec<u8> = (0..len).map(|index| index as u8).collect();
        let take = Take { len: len as u32, digest: Sha256::digest(&room).into(), ..TAKE };
        assert!(take.matches(&room));
        assert!(!take.matches(&[&room[..], &[0]].concat()) && !take.matches(&[&[0], &room[..]].concat()));
        for place in 0..room.len() {
            let mut other = room.clone();
            other[place] ^= 0x80;
            assert!(!take.matches(&other) && !take.matches(&room[..place]), "{place} of {len}");
        }
        for place in 0..32 {
            let mut other = take;
            other.digest[place] ^= 1;
            assert!(!other.matches(&room), "a digest that is wrong at {place}");
        }
        // The digest alone is good: the room is not as long as the hail says.
        assert!(!Take { len: take.len + 1, ..take }.matches(&room));
    }
    assert!(!Take { len: 0, ..TAKE }.matches(b""));
}

#[test]
fn two_answers_arrive_as_they_were_sent() {
    for first in answers() {
        for second in answers() {
            let (bytes, relay, owner) = first_answered(&take(TAKE), &first);
            let wanted = AnswerHead::decode(&bytes[..ANSWER_HEAD_BYTES]).unwrap().wanted();
            assert_eq!(wanted, bytes.len() - ANSWER_HEAD_BYTES);
            let (opened, relay) = open_first(relay, &bytes).unwrap();
            assert_eq!(opened, first);
            assert_eq!(open_answer(relay, &owner.seal(&second).unwrap()), Ok(second));
        }
    }
}

#[test]
fn a_first_answer_has_the_bytes_of_an_only_one() {
    for answer in answers() {
        let (first, relay, _) = first_answered(&take(TAKE), &answer);
        let only = plain_key().seal(&answer).unwrap();
        assert_eq!(first, only);
        assert_eq!(open_answer(plain_key(), &first), Ok(answer.clone()));
        assert_eq!(open_first(relay, &only).unwrap().0, answer);
    }
}

#[test]
fn neither_of_two_answers_is_good_in_the_place_of_the_other() {
    for answer in answers() {
        let (relay, owner) = second_keys(&Answer::Send);
        let only = plain_key().seal(&answer).unwrap();
        assert_eq!(open_answer(relay, &only), Err(HailFault::Key), "a first or only answer as the second one");
        let second = owner.seal(&answer).unwrap();
        assert_eq!(open_answer(plain_key(), &second), Err(HailFault::Key), "a second answer as an only one");
        assert_eq!(open_first(plain_key(), &second).unwrap_err(), HailFault::Key, "a second answer as the first one");
        // The very first answer that the relay has opened comes once more.
        let (first, relay, _) = first_answered(&take(TAKE), &answer);
        let relay = open_first(relay, &first).unwrap().1;
        assert_eq!(open_answer(relay, &first), Err(HailFault::Key), "the first answer again");
    }
    // A second answer is no third one.
    let (relay, owner) = second_keys(&Answer::Send);
    let (second, owner) = owner.seal_first(&Answer::Send).unwrap();
    let relay = open_first(relay, &second).unwrap().1;
    assert_eq!(open_answer(relay, &second), Err(HailFault::Key));
    let relay = open_first(second_keys(&Answer::Send).0, &second).unwrap().1;
    assert_eq!(open_answer(relay, &owner.seal(&TAKEN).unwrap()), Ok(TAKEN));
}

#[test]
fn a_second_answer_is_good_for_one_first_answer() {
    for (place, first) in answers().iter().enumerate() {
        for (other_place, other) in answers().iter().enumerate() {
            let (relay, _) = second_keys(first);
            let (_, owner) = second_keys(other);
            let opened = open_answer(relay, &owner.seal(&TAKEN).unwrap());
            assert_eq!(opened, if place == other_place { Ok(TAKEN) } else { Err(HailFault::Key) });
        }
    }
    // The label is under the mac: an answer that only goes on from the bytes of the first one is none.
    let service: &[u8] = b"\x02\0\0\0\0\0\0\0tw";
    let signed: &[u8] = b"\x08\x08\0\x01\0\0\0\0\0\0\0";
    for (label, expected) in [
        (&b"TWP1 second"[..], Ok(Answer::Taken { revision: 1 })),
        (b"", Err(HailFault::Key)),
        (b"TWP1 answer", Err(HailFault::Key)),
    ] {
        let mac = mac(&[b"TWP1 answer", service, &CHALLENGE.nonce, &NONCE, b"\x07\0\0", label, signed]);
        assert_eq!(open_answer(second_keys(&Answer::Send).0, &[signed, &mac].concat()), expected);
    }
}

#[test]
fn a_second_answer_is_good_for_one_hail_one_key_and_one_service() {
    let with = |file: &str, service: &str, challenge: Challenge, nonce: Nonce| {
        let keys = PeerKeys::parse(file.as_bytes(), service).unwrap();
        let key = || take(TAKE).seal(&keys, &challenge, nonce).unwrap().answer;
        let (first, owner) = key().seal_first(&Answer::Send).unwrap();
        (open_first(key(), &first).unwrap().1, owner.seal(&TAKEN).unwrap())
    };
    let here = || with(NEW_KEY, "tw", CHALLENGE, NONCE);
    assert_eq!(open_answer(here().0, &here().1), Ok(TAKEN));
    let mut others = vec![with(OLD_KEY, "tw", CHALLENGE, NONCE), with(NEW_KEY, "tw2", CHALLENGE, NONCE)];
    for place in 0..NONCE_BYTES {
        let (mut challenge, mut nonce) = (CHALLENGE, NONCE);
        challenge.nonce[place] ^= 1;
        nonce[place] ^= 1;
        others.extend([with(NEW_KEY, "tw", challenge, NONCE), with(NEW_KEY, "tw", CHALLENGE, nonce)]);
    }
    for (relay, bytes) in others {
        assert_eq!(open_answer(here().0, &bytes), Err(HailFault::Key), "the answer of another one");
        assert_eq!(open_answer(relay, &here().1), Err(HailFault::Key), "the answer for another one");
    }
}

#[test]
fn a_second_answer_that_is_cut_anywhere_or_goes_on_is_refused() {
    for answer in answers() {
        let bytes = second_keys(&Answer::Send).1.seal(&answer).unwrap();
        for cut in 0..bytes.len() {
            let fault = open_answer(second_keys(&Answer::Send).0, &bytes[..cut]).unwrap_err();
            assert!(matches!(fault, HailFault::Truncated { .. }), "{cut}: {fault}");
        }
        let long = [&bytes[..], b"+"].concat();
        assert_eq!(open_answer(second_keys(&Answer::Send).0, &long), Err(HailFault::Trailing(1)));
    }
}

#[test]
fn two_answers_with_any_bit_flipped_are_refused() {
    for answer in answers() {
        let (first, _, _) = first_answered(&take(TAKE), &answer);
        let second = second_keys(&Answer::Send).1.seal(&answer).unwrap();
        for bit in 0..8 * first.len() {
            let flipped = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            };
            let first = open_first(plain_key(), &flipped(&first)).unwrap_err();
            let second = open_answer(second_keys(&Answer::Send).0, &flipped(&second)).unwrap_err();
            for fault in [first, second] {
                assert!(fault == HailFault::Key || bit < 8 * ANSWER_HEAD_BYTES, "bit {bit}: {fault}");
            }
        }
    }
}

#[test]
fn nothing_that_is_printed_shows_the_key_of_a_second_answer() {
    let (relay, owner) = second_keys(&Answer::Send);
    assert_eq!(format!("{relay:?} {owner:?}"), "AnswerKey(..) AnswerKey(..)");
}
