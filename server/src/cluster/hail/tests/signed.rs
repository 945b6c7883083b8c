//! Payloads and bodies with a good mac: a peer that knows the key is not trusted to write them well.

use super::*;

#[test]
fn a_payload_or_body_that_is_cut_anywhere_or_goes_on_is_refused_though_it_is_signed() {
    for hail in hails() {
        let (kind, payload) = hail.request.encode().unwrap();
        assert_eq!(payload, payload_of(&hail));
        assert_eq!(signed_payload(kind, &payload).unwrap().hail, hail);
        for cut in 0..payload.len() {
            let fault = signed_payload(kind, &payload[..cut]).unwrap_err();
            assert!(matches!(fault, HailFault::Truncated { .. }), "{cut}: {fault}");
        }
        let long = [&payload[..], b"+"].concat();
        assert_eq!(signed_payload(kind, &long).unwrap_err(), HailFault::Trailing(1));
    }
    use answer::Status;
    for (status, body) in [
        (Status::Carried, &b""[..]),
        (Status::NotHere, b""),
        (Status::Busy, b""),
        (Status::Refused, &[0, 0]),
        (Status::Shut, &[1, 9, 0, 0, 0]),
        (Status::Send, b""),
        (Status::Taken, &[9; 8]),
    ] {
        assert!(signed_body(status, body).is_ok());
        for cut in 0..body.len() {
            let fault = signed_body(status, &body[..cut]).unwrap_err();
            assert!(matches!(fault, HailFault::Truncated { .. }), "{cut}: {fault}");
        }
        assert_eq!(signed_body(status, &[body, b"+"].concat()), Err(HailFault::Trailing(1)));
    }
}

#[test]
fn unknown_kinds_statuses_flags_addresses_reasons_and_texts_are_refused() {
    for byte in 0..=u8::MAX {
        let mut head = [0; HAIL_HEAD_BYTES];
        head[0] = byte;
        assert_eq!(HailHead::decode(&head).err(), (!(1..=4).contains(&byte)).then_some(HailFault::Kind(byte)));
        let status = AnswerHead::decode(&[byte, 0, 0]).err();
        assert_eq!(status, (byte > 8).then_some(HailFault::Status(byte)));
        let reason = signed_body(answer::Status::Shut, &[byte, 0, 0, 0, 0]).err();
        assert_eq!(reason, (byte > 2).then_some(HailFault::Reason(byte)));
        for hail in [carry(CLIENT, b"hello", b"rest"), look(CLIENT, None), call(CLIENT, Call::List, b"{}")] {
            let fault_at = |place: usize| {
                let (kind, mut payload) = hail.request.encode().unwrap();
                payload[place] = byte;
                signed_payload(kind, &payload).err()
            };
            assert_eq!(fault_at(0), (byte != 1).then_some(HailFault::Address), "no address, with a number");
            assert_eq!(fault_at(9), (byte > 1).then_some(HailFault::Flags(byte)));
        }
    }
    for bad in [&b"\xff"[..], b"\xc3", b"secret\xed\xa0\x80", b"\xc0\xaf"] {
        let mut payload = payload_of(&look(CLIENT, Some(&"s".repeat(bad.len()))));
        let at = payload.len() - bad.len();
        payload[at..].copy_from_slice(bad);
        assert_eq!(signed_payload(Kind::Look, &payload).unwrap_err(), HailFault::Text);
    }
}

#[test]
fn a_signed_message_that_is_taken_has_the_one_encoding_of_its_value() {
    let mut taken = 0;
    for hail in short_hails() {
        let (kind, payload) = hail.request.encode().unwrap();
        for bit in 0..8 * payload.len() {
            let mut payload = payload.clone();
            payload[bit / 8] ^= 1 << (bit % 8);
            if let Ok(opened) = signed_payload(kind, &payload) {
                assert!(opened.hail != hail && payload_of(&opened.hail) == payload, "bit {bit} of {hail:?}");
                taken += 1;
            }
        }
    }
    for answer in answers() {
        let (_, bytes) = answered(&answer);
        let (head, body) = (&bytes[..ANSWER_HEAD_BYTES], &bytes[ANSWER_HEAD_BYTES..bytes.len() - MAC_BYTES]);
        for bit in 0..8 * body.len() {
            let mut body = body.to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = signed_body(answer::Status::ALL[usize::from(head[0])], &body) {
                let (_, again) = answered(&other);
                assert!(other != answer && again[..again.len() - MAC_BYTES] == [head, &body].concat(), "bit {bit}");
                taken += 1;
            }
        }
    }
    assert!(taken > 1_000, "most bits are those of numbers, for which each value is good");
}
