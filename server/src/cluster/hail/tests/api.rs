//! Calls of the HTTP API that another node is asked to answer, and their answers.

use super::*;

/// Bytes of a call without its body.
const WISH_BYTES: usize = 13;

pub(super) fn answered_with(status: u16, seconds: u32, body: &[u8]) -> Answer {
    Answer::Api(ApiAnswer { status, seconds, body: Concealed(body.to_vec()) })
}

#[test]
fn a_call_and_its_answer_have_the_layout_that_is_written_down() {
    let service: &[u8] = b"\x02\0\0\0\0\0\0\0tw";
    for (hail, payload) in [
        (call(CLIENT, Call::Match, b"{}"), &b"\x01\x08\x07\x06\x05\x04\x03\x02\x01\x01\0\x02\0{}"[..]),
        (call(EXEMPT, Call::Create, b"\xff"), b"\0\0\0\0\0\0\0\0\0\0\x01\x01\0\xff"),
        (call(EXEMPT, Call::List, b""), b"\0\0\0\0\0\0\0\0\0\0\x02\0\0"),
    ] {
        let head = [&b"\x03the relay's node"[..], &TO, &NONCE, &[payload.len() as u8, 0]].concat();
        let mac = mac(&[b"TWP1 hail", service, &CHALLENGE.nonce, &NONCE, &head, payload]);
        assert_eq!(sealed_by(&keys(NEW_KEY), &hail).0, [&head[..], payload, &mac].concat());
    }
    let signed: &[u8] = b"\x06\x08\0\xf7\x01\x02\x01\0\0{}";
    let mac = mac(&[b"TWP1 answer", service, &CHALLENGE.nonce, &NONCE, signed]);
    assert_eq!(answered(&answered_with(503, 258, b"{}")).1, [signed, &mac].concat());
}

#[test]
fn the_body_of_a_call_may_be_as_long_as_its_bound_and_no_longer() {
    let keys = keys(NEW_KEY);
    let max = CALL_BODY_BYTES_MAX;
    assert_eq!(max, 4_096);
    let good = call(CLIENT, Call::Create, &vec![b' '; max]);
    assert_eq!(open_hail(&keys, &CHALLENGE, &sealed_by(&keys, &good).0).unwrap().hail, good);
    for len in [max + 1, PEER_PAYLOAD_BYTES_MAX, 65_536] {
        let fault = call(CLIENT, Call::Create, &vec![b' '; len]).seal(&keys, &CHALLENGE, NONCE).unwrap_err();
        assert_eq!(fault, HailFault::TooLong { len, max });
    }
    let mut payload = payload_of(&good);
    assert_eq!(payload.len(), WISH_BYTES + max);
    payload.push(b' ');
    for len in [max + 1, 65_535] {
        payload[11..WISH_BYTES].copy_from_slice(&(len as u16).to_le_bytes());
        assert_eq!(signed_payload(Kind::Api, &payload).unwrap_err(), HailFault::TooLong { len, max });
    }
}

#[test]
fn the_answer_to_a_call_may_be_as_long_as_its_bound_and_no_longer() {
    let max = API_BODY_BYTES_MAX;
    let good = answered_with(200, 0, &vec![b' '; max]);
    let (relay, bytes) = answered(&good);
    assert_eq!(bytes.len(), ANSWER_HEAD_BYTES + 60 * 1024 + MAC_BYTES);
    assert_eq!(open_answer(relay, &bytes), Ok(good));
    for len in [max + 1, PEER_BODY_BYTES_MAX, 65_536] {
        let sealed = answered(&Answer::Busy).0.seal(&answered_with(200, 0, &vec![b' '; len]));
        assert_eq!(sealed, Err(HailFault::TooLong { len, max }));
    }
    for (len, is_good) in [(0_u16, true), (1_025, true), (61_440, true), (61_441, false), (65_535, false)] {
        let [low, high] = len.to_le_bytes();
        let too_long = HailFault::TooLong { len: len.into(), max: PEER_BODY_BYTES_MAX };
        let wanted = AnswerHead::decode(&[6, low, high]).map(AnswerHead::wanted);
        assert_eq!(wanted, if is_good { Ok(usize::from(len) + MAC_BYTES) } else { Err(too_long) });
    }
}

#[test]
fn a_signed_answer_to_a_call_is_cut_before_its_json_alone() {
    let body = [&[0xf7, 1, 9, 0, 0, 0][..], b"{}"].concat();
    for cut in 0..=body.len() {
        match signed_body(answer::Status::Api, &body[..cut]) {
            Ok(answer) => assert_eq!(answer, answered_with(503, 9, &body[6..cut]), "all that follows is the JSON"),
            Err(fault) => assert!(cut < 6 && matches!(fault, HailFault::Truncated { .. }), "{cut}: {fault}"),
        }
    }
}

#[test]
fn an_unknown_call_is_refused() {
    let mut payload = payload_of(&call(CLIENT, Call::Match, b"{}"));
    for byte in 0..=u8::MAX {
        payload[10] = byte;
        assert_eq!(signed_payload(Kind::Api, &payload).err(), (byte > 2).then_some(HailFault::Call(byte)));
    }
}

#[test]
fn any_status_of_http_arrives_as_it_was_sent() {
    for status in 0..=u16::MAX {
        let [low, high] = status.to_le_bytes();
        assert_eq!(signed_body(answer::Status::Api, &[low, high, 0, 0, 0, 0]), Ok(answered_with(status, 0, b"")));
    }
}
