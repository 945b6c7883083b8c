//! The decoders of the handshake for a fuzz target, which reaches nothing of a private module.

use super::answer::Status;
use super::*;

/// The one key of the file that signs here.
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

const CHALLENGE: Challenge = Challenge { nonce: [1; NONCE_BYTES] };
const NONCE: Nonce = [2; NONCE_BYTES];
const FROM: [u8; 16] = [3; 16];
const TO: [u8; 16] = [0x77; 16];

/// Reads the bytes as each message of a peer, as each payload and body of a peer that knows the key, and as a file of
/// keys. A message that is read is written again.
///
/// # Panics
/// When bytes that nobody has signed are taken, or when a message is written in other bytes than it was read from.
pub fn read_peer_bytes(bytes: &[u8]) {
    let keys = PeerKeys::parse(KEY, "tw").expect("a file with a key");
    if let Ok(challenge) = Challenge::decode(bytes) {
        assert_eq!(challenge.encode(), bytes, "a challenge");
    }
    match PeerKeys::parse(bytes, "tw") {
        Ok(others) => assert!((1..=PEER_KEYS_MAX).contains(&others.all().count()), "the keys of a file"),
        Err(KeyFault::Empty) => {}
        Err(KeyFault::TooMany { line } | KeyFault::Length { line, .. } | KeyFault::Characters { line }) => {
            assert!(line <= bytes.split(|byte| *byte == b'\n').count(), "a line of the file");
        }
    }
    read_unsigned(&keys, bytes);
    for kind in Kind::ALL {
        read_payload(&keys, kind, bytes);
    }
    for status in Status::ALL {
        read_body(&keys, status, bytes);
        read_second(&keys, status, bytes);
    }
}

/// The key of the answer to a hail, as both sides have it.
fn answer_key(keys: &PeerKeys) -> AnswerKey {
    keys.signing().macs(&CHALLENGE.nonce, &NONCE).1
}

/// The bytes as a hail and as an answer, as they are: nobody has signed them.
fn read_unsigned(keys: &PeerKeys, bytes: &[u8]) {
    if let Some((head, follow)) = bytes.split_at_checked(HAIL_HEAD_BYTES)
        && let Ok(head) = HailHead::decode(head)
    {
        assert!(head.encode() == bytes[..HAIL_HEAD_BYTES] && head.wanted() <= PEER_PAYLOAD_BYTES_MAX + MAC_BYTES);
        let fault = head.open(keys, &CHALLENGE, follow).expect_err("nobody has signed this");
        assert_eq!(fault == HailFault::Key, follow.len() == head.wanted(), "{fault}");
    }
    if let Some((head, follow)) = bytes.split_at_checked(ANSWER_HEAD_BYTES)
        && let Ok(head) = AnswerHead::decode(head)
    {
        assert!(head.encode() == bytes[..ANSWER_HEAD_BYTES] && head.wanted() <= PEER_BODY_BYTES_MAX + MAC_BYTES);
        let fault = answer_key(keys).open(head, follow).expect_err("nobody has signed this");
        assert_eq!(fault == HailFault::Key, follow.len() == head.wanted(), "{fault}");
    }
}

/// The bytes as the payload of a hail with a good mac.
fn read_payload(keys: &PeerKeys, kind: Kind, payload: &[u8]) {
    let Ok(len) = short(payload.len(), PEER_PAYLOAD_BYTES_MAX) else { return };
    let head = HailHead { kind, from: FROM, to: TO, nonce: NONCE, len };
    let message = sealed(keys.signing().macs(&CHALLENGE.nonce, &NONCE).0, &head.encode(), payload);
    match head.open(keys, &CHALLENGE, &message[HAIL_HEAD_BYTES..]) {
        Ok(opened) => {
            assert_request(&opened.hail.request, payload);
            let again = opened.hail.seal(keys, &CHALLENGE, NONCE).expect("its lengths are within their bounds");
            assert_eq!(again.bytes, Concealed(message), "a hail");
            let answer = opened.answer.seal(&Answer::NotHere).expect("its length is within its bound");
            let (head, follow) = answer.split_at(ANSWER_HEAD_BYTES);
            let head = AnswerHead::decode(head).expect("the head of an answer");
            assert_eq!(again.answer.open(head, follow), Ok(Answer::NotHere), "the answer to a hail");
        }
        Err(fault) => assert_ne!(fault, HailFault::Key, "the mac is good"),
    }
}

/// A request that was read from a payload has no part that is too long, and a payload is not the bytes of its room.
fn assert_request(request: &Request, payload: &[u8]) {
    match request {
        Request::Carry(_) | Request::Look(_) => {}
        Request::Api(ApiCall { body, .. }) => assert!(body.0.len() <= CALL_BODY_BYTES_MAX, "the body of a call"),
        Request::Take(take) => {
            assert!(take.len as usize <= ROOM_MOVE_BYTES_MAX, "the length of a room");
            assert!(!take.matches(payload), "nobody finds a payload with its own digest in it");
        }
    }
}

/// The bytes as the body of an answer with a good mac.
fn read_body(keys: &PeerKeys, status: Status, body: &[u8]) {
    let Ok(head) = AnswerHead::new(status, body.len()) else { return };
    let message = answer_key(keys).seal_parts(head, body);
    match answer_key(keys).open(head, &message[ANSWER_HEAD_BYTES..]) {
        Ok(answer) => {
            match &answer {
                Answer::Room(view) => assert!(view.0.len() <= ROOM_BYTES_MAX, "a room"),
                Answer::Api(answer) => assert!(answer.body.0.len() <= API_BODY_BYTES_MAX, "the answer to a call"),
                _ => {}
            }
            assert_eq!(answer_key(keys).seal(&answer), Ok(message), "an answer");
        }
        Err(fault) => assert_ne!(fault, HailFault::Key, "the mac is good"),
    }
}

/// The bytes as the body of a second answer with a good mac.
fn read_second(keys: &PeerKeys, status: Status, body: &[u8]) {
    let Ok(head) = AnswerHead::new(status, body.len()) else { return };
    let owner = || answer_key(keys).seal_first(&Answer::Send).expect("it has no body");
    let relay = || {
        let first = owner().0;
        let (head, follow) = first.split_at(ANSWER_HEAD_BYTES);
        let head = AnswerHead::decode(head).expect("the head of the first answer");
        let (answer, second) = answer_key(keys).open_first(head, follow).expect("the first answer");
        assert_eq!(answer, Answer::Send, "the first answer");
        second
    };
    let message = owner().1.seal_parts(head, body);
    let follow = &message[ANSWER_HEAD_BYTES..];
    assert_eq!(answer_key(keys).open(head, follow), Err(HailFault::Key), "a second answer in the place of a first one");
    match relay().open(head, follow) {
        Ok(answer) => assert_eq!(owner().1.seal(&answer), Ok(message), "a second answer"),
        Err(fault) => assert_ne!(fault, HailFault::Key, "the mac is good"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random bytes from a seed.
    struct Dice(u64);

    impl Dice {
        fn next(&mut self) -> u8 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 56) as u8
        }

        fn bytes(&mut self, count: usize) -> Vec<u8> {
            (0..count).map(|_| self.next()).collect()
        }
    }

    #[test]
    fn any_bytes_are_refused_or_written_as_they_were_read() {
        let mut dice = Dice(22);
        for _ in 0..2_000 {
            let count = usize::from(dice.next());
            read_peer_bytes(&dice.bytes(count));
        }
        for max in [ROOM_BYTES_MAX, CALL_BODY_BYTES_MAX, PEER_PAYLOAD_BYTES_MAX, PEER_BODY_BYTES_MAX] {
            read_peer_bytes(&dice.bytes(max));
            read_peer_bytes(&dice.bytes(max + 1));
        }
    }

    #[test]
    fn bytes_that_are_nearly_a_message_are_refused_or_written_as_they_were_read() {
        let mut dice = Dice(23);
        let carry = |hello: u8, rest: u8, dice: &mut Dice| {
            let client = [&[dice.next() % 3][..], &[dice.next() % 2; 8], &[dice.next() % 3]].concat();
            let part = |len: u8, dice: &mut Dice| [&[len, 0][..], &dice.bytes(len.into())].concat();
            [client, part(hello, dice), part(rest, dice)].concat()
        };
        for _ in 0..2_000 {
            let (hello, rest) = (dice.next(), dice.next());
            let mut bytes = carry(hello, rest, &mut dice);
            bytes.truncate(bytes.len() - usize::from(dice.next() % 2));
            read_peer_bytes(&bytes);
        }
        for _ in 0..500 {
            let client = [&[1][..], &dice.bytes(8), &[dice.next() % 3]].concat();
            let len = dice.next();
            let call = [&client[..], &[dice.next() % 4, len, 0], &dice.bytes(len.into())].concat();
            read_peer_bytes(&call);
            // The length of the room is in the bound or a little above.
            let take = [&dice.bytes(37)[..], &[dice.next() % 5], &dice.bytes(32)].concat();
            read_peer_bytes(&take);
        }
        let head = HailHead { kind: Kind::Look, from: FROM, to: TO, nonce: NONCE, len: 5 };
        let challenge = CHALLENGE.encode();
        let heads = [&head.encode()[..], &[4, 2, 0], &[6, 8, 0], &[8, 8, 0], &challenge].map(<[u8]>::to_vec);
        for begin in heads {
            (0..60).for_each(|count| read_peer_bytes(&[&begin[..], &dice.bytes(count)].concat()));
        }
        read_peer_bytes(KEY);
    }
}
