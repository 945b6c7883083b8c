//! The handshake between two sets of keys, with every kind of message, and with each way in which one can be wrong.

use super::*;

mod api;
mod key_files;
mod moves;
mod signed;

const NEW_KEY: &str = "new-key-0123456789abcdef01234567";
const OLD_KEY: &str = "old-key-0123456789abcdef01234567";
const CHALLENGE: Challenge = Challenge { nonce: [0xc0; NONCE_BYTES] };
const NONCE: Nonce = [0x40; NONCE_BYTES];
const FROM: [u8; 16] = *b"the relay's node";
const TO: [u8; 16] = [0x77; 16];
const CLIENT: LimitedClient = LimitedClient { address: Some(0x0102_0304_0506_0708), is_out_of_guesses: true };
const EXEMPT: LimitedClient = LimitedClient { address: None, is_out_of_guesses: false };
/// Bytes of a carry without its hello and the rest.
const CARRY_BYTES: usize = 14;

fn keys(file: &str) -> PeerKeys {
    PeerKeys::parse(file.as_bytes(), "tw").unwrap()
}

fn carry(client: LimitedClient, hello: &[u8], rest: &[u8]) -> Hail {
    let (hello, rest) = (Concealed(hello.to_vec()), Concealed(rest.to_vec()));
    Hail { from: FROM, to: TO, request: Request::Carry(Carry { client, hello, rest }) }
}

fn look(client: LimitedClient, secret: Option<&str>) -> Hail {
    let secret = secret.map(|text| Concealed(text.to_owned()));
    Hail { from: FROM, to: TO, request: Request::Look(Look { client, code: *b"C4FK9T", secret }) }
}

fn call(client: LimitedClient, call: Call, body: &[u8]) -> Hail {
    Hail { from: FROM, to: TO, request: Request::Api(ApiCall { client, call, body: Concealed(body.to_vec()) }) }
}

fn take(take: Take) -> Hail {
    Hail { from: FROM, to: TO, request: Request::Take(take) }
}

fn hails() -> Vec<Hail> {
    vec![
        carry(CLIENT, b"hello", b"rest"),
        carry(EXEMPT, b"", b""),
        carry(LimitedClient { address: Some(0), is_out_of_guesses: false }, b"hello", b""),
        carry(LimitedClient { address: None, is_out_of_guesses: true }, b"", &[7; 4_096]),
        look(CLIENT, Some("open sésame")),
        look(EXEMPT, Some("")),
        look(CLIENT, None),
        call(CLIENT, Call::Match, br#"{"game":"arena"}"#),
        call(EXEMPT, Call::Create, b""),
        call(CLIENT, Call::List, b"\0\xff"),
        take(moves::TAKE),
        take(Take { len: 0, epoch: u32::MAX, revision: 0, ..moves::TAKE }),
    ]
}

/// The hails without the one that is too long to be tried at each of its bits.
fn short_hails() -> impl Iterator<Item = Hail> {
    hails().into_iter().filter(|hail| payload_of(hail).len() < 128)
}

fn answers() -> Vec<Answer> {
    let shut = |reason, seconds| Answer::Shut { reason, seconds };
    vec![
        Answer::Carried,
        Answer::NotHere,
        Answer::Busy,
        Answer::Refused(4_003),
        Answer::Room(Concealed(br#"{"code":"C4FK9T"}"#.to_vec())),
        Answer::Room(Concealed(Vec::new())),
        shut(ShutReason::Wrong, 0),
        shut(ShutReason::Guesses, u32::MAX),
        shut(ShutReason::Busy, 1),
        api::answered_with(503, 7, b"{}"),
        api::answered_with(0, u32::MAX, b""),
        Answer::Send,
        Answer::Taken { revision: 0x0102_0304_0506_0708 },
    ]
}

fn sealed_by(keys: &PeerKeys, hail: &Hail) -> (Vec<u8>, AnswerKey) {
    let SealedHail { bytes: Concealed(bytes), answer } = hail.seal(keys, &CHALLENGE, NONCE).unwrap();
    (bytes, answer)
}

/// An owner that has received these bytes and no more.
fn open_hail(keys: &PeerKeys, challenge: &Challenge, bytes: &[u8]) -> Result<OpenedHail, HailFault> {
    let (head, follow) = bytes.split_at(bytes.len().min(HAIL_HEAD_BYTES));
    HailHead::decode(head)?.open(keys, challenge, follow)
}

/// A relay that has received these bytes and no more.
fn open_answer(key: AnswerKey, bytes: &[u8]) -> Result<Answer, HailFault> {
    let (head, follow) = bytes.split_at(bytes.len().min(ANSWER_HEAD_BYTES));
    key.open(AnswerHead::decode(head)?, follow)
}

/// The answer key of the relay, and the answer of an owner that has opened its hail.
fn answered(answer: &Answer) -> (AnswerKey, Vec<u8>) {
    let keys = keys(NEW_KEY);
    let (bytes, key) = sealed_by(&keys, &look(CLIENT, None));
    (key, open_hail(&keys, &CHALLENGE, &bytes).unwrap().answer.seal(answer).unwrap())
}

/// The hail with this payload, as a peer signs it that knows the key.
fn signed_payload(kind: Kind, payload: &[u8]) -> Result<OpenedHail, HailFault> {
    let keys = keys(NEW_KEY);
    let head = HailHead { kind, from: FROM, to: TO, nonce: NONCE, len: payload.len().try_into().unwrap() };
    let (mac, _) = keys.signing().macs(&CHALLENGE.nonce, &NONCE);
    open_hail(&keys, &CHALLENGE, &sealed(mac, &head.encode(), payload))
}

/// The answer with this body, as a peer signs it that knows the key.
fn signed_body(status: answer::Status, body: &[u8]) -> Result<Answer, HailFault> {
    let keys = keys(NEW_KEY);
    let key = || keys.signing().macs(&CHALLENGE.nonce, &NONCE).1;
    let head = AnswerHead::new(status, body.len())?;
    open_answer(key(), &key().seal_parts(head, body))
}

/// The HMAC-SHA-256 of these parts with the first key.
fn mac(parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(NEW_KEY.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// The payload of a hail, as it travels.
fn payload_of(hail: &Hail) -> Vec<u8> {
    let (bytes, _) = sealed_by(&keys(NEW_KEY), hail);
    bytes[HAIL_HEAD_BYTES..bytes.len() - MAC_BYTES].to_vec()
}

#[test]
fn every_hail_and_every_answer_arrive_as_they_were_sent() {
    let keys = keys(NEW_KEY);
    for hail in hails() {
        for answer in answers() {
            let (bytes, relay) = sealed_by(&keys, &hail);
            assert_eq!(HailHead::decode(&bytes[..HAIL_HEAD_BYTES]).unwrap().wanted(), bytes.len() - HAIL_HEAD_BYTES);
            let opened = open_hail(&keys, &CHALLENGE, &bytes).unwrap();
            assert_eq!(opened.hail, hail);
            let bytes = opened.answer.seal(&answer).unwrap();
            let wanted = AnswerHead::decode(&bytes[..ANSWER_HEAD_BYTES]).unwrap().wanted();
            assert_eq!(wanted, bytes.len() - ANSWER_HEAD_BYTES);
            assert_eq!(open_answer(relay, &bytes), Ok(answer));
        }
    }
}

#[test]
fn messages_have_the_layout_that_is_written_down() {
    let nonce = [0xc0; 32];
    assert_eq!(CHALLENGE.encode(), [&b"TWP1"[..], &nonce].concat()[..]);
    let keys = PeerKeys::parse(NEW_KEY.as_bytes(), "staging").unwrap();
    let service: &[u8] = b"\x07\0\0\0\0\0\0\0staging";
    for (hail, kind, payload) in [
        (carry(CLIENT, b"hello", b"rest"), 1, &b"\x01\x08\x07\x06\x05\x04\x03\x02\x01\x01\x05\0hello\x04\0rest"[..]),
        (look(EXEMPT, Some("é")), 2, b"\0\0\0\0\0\0\0\0\0\0C4FK9T\x02\0\xc3\xa9"),
        (look(EXEMPT, None), 2, b"\0\0\0\0\0\0\0\0\0\0C4FK9T\xff\xff"),
    ] {
        let head = [&[kind][..], b"the relay's node", &TO, &[0x40; 32], &[payload.len() as u8, 0]].concat();
        let mac = mac(&[b"TWP1 hail", service, &nonce, &[0x40; 32], &head, payload]);
        assert_eq!(sealed_by(&keys, &hail).0, [&head[..], payload, &mac].concat());
    }
    for (answer, expected) in [
        (Answer::Carried, &b"\0\0\0"[..]),
        (Answer::NotHere, b"\x01\0\0"),
        (Answer::Busy, b"\x02\0\0"),
        (Answer::Refused(4_003), b"\x03\x02\0\xa3\x0f"),
        (Answer::Room(Concealed(b"{}".to_vec())), b"\x04\x02\0{}"),
        (Answer::Shut { reason: ShutReason::Busy, seconds: 258 }, b"\x05\x05\0\x02\x02\x01\0\0"),
    ] {
        let mac = mac(&[b"TWP1 answer", service, &nonce, &[0x40; 32], expected]);
        let key = sealed_by(&keys, &look(CLIENT, None)).1;
        assert_eq!(key.seal(&answer).unwrap(), [expected, &mac].concat());
    }
}

#[test]
fn a_message_that_is_cut_anywhere_or_goes_on_is_refused() {
    let keys = keys(NEW_KEY);
    let challenge = CHALLENGE.encode();
    for cut in 0..challenge.len() {
        assert!(matches!(Challenge::decode(&challenge[..cut]), Err(HailFault::Truncated { .. })), "{cut}");
    }
    assert_eq!(Challenge::decode(&[&challenge[..], b"+"].concat()), Err(HailFault::Trailing(1)));
    for hail in short_hails() {
        let (bytes, _) = sealed_by(&keys, &hail);
        for cut in 0..bytes.len() {
            let fault = open_hail(&keys, &CHALLENGE, &bytes[..cut]).unwrap_err();
            assert!(matches!(fault, HailFault::Truncated { .. }), "{cut}: {fault}");
        }
        let long = [&bytes[..], b"+"].concat();
        assert_eq!(open_hail(&keys, &CHALLENGE, &long).unwrap_err(), HailFault::Trailing(1));
    }
    for answer in answers() {
        let (_, bytes) = answered(&answer);
        for cut in 0..bytes.len() {
            let fault = open_answer(answered(&answer).0, &bytes[..cut]).unwrap_err();
            assert!(matches!(fault, HailFault::Truncated { .. }), "{cut}: {fault}");
        }
        let long = [&bytes[..], b"+"].concat();
        assert_eq!(open_answer(answered(&answer).0, &long), Err(HailFault::Trailing(1)));
    }
}

#[test]
fn a_hail_with_any_bit_flipped_is_refused() {
    let keys = keys(NEW_KEY);
    for hail in short_hails() {
        let (bytes, _) = sealed_by(&keys, &hail);
        for bit in 0..8 * bytes.len() {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let fault = open_hail(&keys, &CHALLENGE, &bytes).unwrap_err();
            // Only the kind and the length are looked at before the mac is.
            let is_form = bit < 8 || (8 * 65..8 * 67).contains(&bit);
            assert!(fault == HailFault::Key || is_form, "bit {bit}: {fault}");
        }
    }
}

#[test]
fn an_answer_with_any_bit_flipped_is_refused() {
    for answer in answers() {
        let (_, bytes) = answered(&answer);
        for bit in 0..8 * bytes.len() {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let fault = open_answer(answered(&answer).0, &bytes).unwrap_err();
            assert!(fault == HailFault::Key || bit < 8 * ANSWER_HEAD_BYTES, "bit {bit}: {fault}");
        }
    }
}

#[test]
fn a_challenge_with_another_magic_is_refused() {
    for bit in 0..8 * MAGIC.len() {
        let mut bytes = CHALLENGE.encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Challenge::decode(&bytes), Err(HailFault::Magic), "bit {bit}");
    }
    assert_eq!(Challenge::decode(&CHALLENGE.encode()), Ok(CHALLENGE));
}

#[test]
fn a_peer_with_another_key_or_of_another_service_is_refused() {
    let of = |service| PeerKeys::parse(NEW_KEY.as_bytes(), service).unwrap();
    for (relay, owner) in
        [(keys(NEW_KEY), keys(OLD_KEY)), (of("tw"), of("tw2")), (of("tw2"), of("tw")), (of("tw"), of(""))]
    {
        for hail in hails() {
            let (bytes, key) = sealed_by(&relay, &hail);
            assert_eq!(open_hail(&owner, &CHALLENGE, &bytes).unwrap_err(), HailFault::Key);
            // An owner that answers all the same is refused by the relay.
            let forged = sealed_by(&owner, &hail).1.seal(&Answer::Carried).unwrap();
            assert_eq!(open_answer(key, &forged), Err(HailFault::Key));
        }
    }
}

#[test]
fn any_key_of_a_rotation_verifies_and_the_answer_is_signed_with_it() {
    let third = "third-key-123456789abcdef01234567";
    let owner = keys(&format!("{OLD_KEY}\n{NEW_KEY}\n{third}"));
    for signing in [OLD_KEY, NEW_KEY, third] {
        // A relay that knows the one key alone opens the answer, and no key but the one that it has signed with does.
        let (bytes, relay) = sealed_by(&keys(signing), &carry(CLIENT, b"hello", b""));
        let answer = open_hail(&owner, &CHALLENGE, &bytes).unwrap().answer.seal(&Answer::Carried).unwrap();
        assert_eq!(open_answer(relay, &answer), Ok(Answer::Carried));
        for other in [OLD_KEY, NEW_KEY, third].into_iter().filter(|other| *other != signing) {
            let (_, relay) = sealed_by(&keys(&format!("{other}\n{signing}")), &carry(CLIENT, b"hello", b""));
            assert_eq!(open_answer(relay, &answer), Err(HailFault::Key));
        }
    }
    // The first key of a file signs.
    let (first, _) = sealed_by(&keys(&format!("{NEW_KEY}\n{OLD_KEY}")), &look(CLIENT, None));
    assert_eq!(first, sealed_by(&keys(NEW_KEY), &look(CLIENT, None)).0);
    assert_ne!(first, sealed_by(&keys(OLD_KEY), &look(CLIENT, None)).0);
}

#[test]
fn a_hail_is_good_for_one_challenge_and_an_answer_for_one_hail() {
    let keys = keys(NEW_KEY);
    let hail = look(CLIENT, Some("secret"));
    let (bytes, _) = sealed_by(&keys, &hail);
    for place in 0..NONCE_BYTES {
        let mut challenge = CHALLENGE;
        challenge.nonce[place] ^= 1;
        assert_eq!(open_hail(&keys, &challenge, &bytes).unwrap_err(), HailFault::Key);
        let answer = open_hail(&keys, &CHALLENGE, &bytes).unwrap().answer.seal(&Answer::Carried).unwrap();
        let other = hail.seal(&keys, &challenge, NONCE).unwrap().answer;
        assert_eq!(open_answer(other, &answer), Err(HailFault::Key), "the answer to another challenge");
        let mut nonce = NONCE;
        nonce[place] ^= 1;
        let other = hail.seal(&keys, &CHALLENGE, nonce).unwrap().answer;
        assert_eq!(open_answer(other, &answer), Err(HailFault::Key), "the answer to another hail");
    }
    // The nonces cannot change places.
    let swapped = hail.seal(&keys, &Challenge { nonce: NONCE }, CHALLENGE.nonce).unwrap().bytes.0;
    let as_sent = [&swapped[..33], &NONCE, &swapped[65..]].concat();
    assert_eq!(open_hail(&keys, &CHALLENGE, &as_sent).unwrap_err(), HailFault::Key);
}

#[test]
fn a_message_that_is_sent_back_is_refused() {
    let keys = keys(NEW_KEY);
    // Everything else is as it should be: only the label of the mac is that of the other direction.
    let service: &[u8] = b"\x02\0\0\0\0\0\0\0tw";
    let (hail, relay) = sealed_by(&keys, &look(CLIENT, Some("secret")));
    let signed = &hail[..hail.len() - MAC_BYTES];
    for (label, fault) in [(&b"TWP1 hail"[..], None), (b"TWP1 answer", Some(HailFault::Key))] {
        let bytes = [signed, &mac(&[label, service, &CHALLENGE.nonce, &NONCE, signed])].concat();
        assert_eq!(open_hail(&keys, &CHALLENGE, &bytes).err(), fault);
    }
    let signed: &[u8] = b"\x04\x02\0{}";
    let as_hail = [signed, &mac(&[b"TWP1 hail", service, &CHALLENGE.nonce, &NONCE, signed])].concat();
    assert_eq!(open_answer(relay, &as_hail), Err(HailFault::Key));
    // The very bytes of each in the place of the other.
    let (hail, relay) = sealed_by(&keys, &look(CLIENT, None));
    assert!(open_answer(relay, &hail).is_err());
    for answer in answers() {
        let (_, bytes) = answered(&answer);
        assert!(open_hail(&keys, &CHALLENGE, &bytes).is_err());
    }
}

#[test]
fn a_payload_may_be_as_long_as_its_bound_and_no_longer() {
    let keys = keys(NEW_KEY);
    let max = PEER_PAYLOAD_BYTES_MAX;
    for (hello, rest) in [(max - CARRY_BYTES, 0), (0, max - CARRY_BYTES), (2_048, max - CARRY_BYTES - 2_048)] {
        let hail = carry(CLIENT, &vec![1; hello], &vec![2; rest]);
        let (bytes, _) = sealed_by(&keys, &hail);
        assert_eq!(bytes.len(), HAIL_HEAD_BYTES + max + MAC_BYTES);
        assert_eq!(open_hail(&keys, &CHALLENGE, &bytes).unwrap().hail, hail);
    }
    for (hello, rest) in [(max - CARRY_BYTES + 1, 0), (0, max - CARRY_BYTES + 1), (max, max), (65_536, 0), (0, 65_536)]
    {
        let fault = carry(CLIENT, &vec![1; hello], &vec![2; rest]).seal(&keys, &CHALLENGE, NONCE).unwrap_err();
        assert!(matches!(fault, HailFault::TooLong { max: PEER_PAYLOAD_BYTES_MAX, .. }), "{fault}");
    }
    let (mut head, _) = sealed_by(&keys, &carry(CLIENT, b"", b""));
    head.truncate(HAIL_HEAD_BYTES);
    for (len, is_good) in [(0, true), (max, true), (max + 1, false), (65_535, false)] {
        head[65..].copy_from_slice(&(len as u16).to_le_bytes());
        match HailHead::decode(&head) {
            Ok(head) => assert!(is_good && head.wanted() == len + MAC_BYTES),
            Err(fault) => assert!(!is_good && fault == HailFault::TooLong { len, max }, "{fault}"),
        }
    }
}

#[test]
fn a_secret_may_be_as_long_as_its_bound_and_no_longer() {
    let keys = keys(NEW_KEY);
    let good = look(CLIENT, Some(&"s".repeat(128)));
    assert_eq!(open_hail(&keys, &CHALLENGE, &sealed_by(&keys, &good).0).unwrap().hail, good);
    let too_long = HailFault::TooLong { len: 129, max: 128 };
    let long = look(CLIENT, Some(&"s".repeat(129)));
    assert_eq!(long.seal(&keys, &CHALLENGE, NONCE).unwrap_err(), too_long);
    let mut payload = payload_of(&look(CLIENT, Some("")));
    payload.extend_from_slice(&[b's'; 129]);
    payload[16] = 129;
    assert_eq!(signed_payload(Kind::Look, &payload).unwrap_err(), too_long);
    payload[16..18].copy_from_slice(&[0xfe, 0xff]);
    let too_long = HailFault::TooLong { len: 0xfffe, max: 128 };
    assert_eq!(signed_payload(Kind::Look, &payload).unwrap_err(), too_long, "the length before that of no secret");
}

#[test]
fn a_body_may_be_as_long_as_its_bound_and_no_longer() {
    let room = |len| Answer::Room(Concealed(vec![b' '; len]));
    let (relay, bytes) = answered(&room(ROOM_BYTES_MAX));
    assert_eq!(open_answer(relay, &bytes), Ok(room(ROOM_BYTES_MAX)));
    for len in [ROOM_BYTES_MAX + 1, PEER_BODY_BYTES_MAX, 65_536] {
        let too_long = HailFault::TooLong { len, max: ROOM_BYTES_MAX };
        assert_eq!(answered(&Answer::Busy).0.seal(&room(len)), Err(too_long));
    }
    for (len, is_good) in [(0_u16, true), (1_024, true), (1_025, false), (65_535, false)] {
        let [low, high] = len.to_le_bytes();
        let too_long = HailFault::TooLong { len: len.into(), max: ROOM_BYTES_MAX };
        for status in answer::Status::ALL.into_iter().filter(|status| *status != answer::Status::Api) {
            let wanted = AnswerHead::decode(&[status as u8, low, high]).map(AnswerHead::wanted);
            assert_eq!(wanted, if is_good { Ok(usize::from(len) + MAC_BYTES) } else { Err(too_long) });
        }
    }
}

#[test]
fn the_payload_is_not_looked_at_before_the_mac_is_verified() {
    let keys = keys(NEW_KEY);
    let mut bytes = sealed_by(&keys, &look(CLIENT, Some("secret"))).0;
    for place in HAIL_HEAD_BYTES..bytes.len() - MAC_BYTES {
        bytes[place] = 0xff;
        assert_eq!(open_hail(&keys, &CHALLENGE, &bytes).unwrap_err(), HailFault::Key);
    }
}

#[test]
fn nothing_that_is_printed_shows_a_key_a_hello_or_a_secret() {
    let keys = keys("hidden-key-0123456789abcdef012345");
    let mut shown = vec![format!("{keys:?}")];
    let hidden_body = call(CLIENT, Call::Create, b"hidden");
    for hail in [carry(CLIENT, b"hidden", b"hidden"), look(CLIENT, Some("hidden")), hidden_body] {
        let sealed = hail.seal(&keys, &CHALLENGE, NONCE).unwrap();
        let opened = open_hail(&keys, &CHALLENGE, &sealed.bytes.0).unwrap();
        shown.extend([format!("{sealed:?}"), format!("{opened:?}"), format!("{hail:#?}")]);
    }
    for answer in [Answer::Room(Concealed(b"hidden".to_vec())), api::answered_with(200, 0, b"hidden")] {
        shown.push(format!("{answer:?}"));
    }
    // The bytes of "hidden" as text, and as a list of numbers.
    for text in shown {
        assert!(!text.contains("hidden") && !text.contains("104, 105") && text.contains("(..)"), "{text}");
    }
    assert_eq!(format!("{:?}", keys), "PeerKeys(..)");
}
