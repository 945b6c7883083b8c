//! The content of files with keys: spaces and remarks, and each way in which a file can be wrong.

use super::*;

#[test]
fn a_file_of_keys_is_read_without_remarks_and_spaces() {
    let (hail, plain) = (look(CLIENT, None), format!("{NEW_KEY}\n{OLD_KEY}"));
    let expected = [NEW_KEY, OLD_KEY].map(|key| sealed_by(&keys(key), &hail).0);
    for file in [
        plain.clone(),
        format!("{plain}\n"),
        format!("# the keys\n\n  {NEW_KEY}\t\r\n  # the old one {NEW_KEY}\n\t \n{OLD_KEY} \r\n\r\n#"),
    ] {
        let read = keys(&file);
        assert_eq!(read.all().count(), 2, "{file}");
        assert_eq!(sealed_by(&read, &hail).0, expected[0]);
        assert!(expected.iter().all(|hail| open_hail(&read, &CHALLENGE, hail).is_ok()));
    }
    for len in [32, 128] {
        assert!(PeerKeys::parse("~".repeat(len).as_bytes(), "tw").is_ok());
    }
}

#[test]
fn a_file_without_good_keys_is_refused_and_no_key_is_shown() {
    let long = "k".repeat(129);
    for (file, expected) in [
        (String::new(), KeyFault::Empty),
        ("\n \r\n# nothing\n".into(), KeyFault::Empty),
        (format!("#{NEW_KEY}"), KeyFault::Empty),
        (NEW_KEY[1..].into(), KeyFault::Length { line: 1, len: 31 }),
        (format!("{NEW_KEY}\n\n{long}"), KeyFault::Length { line: 3, len: 129 }),
        (format!("{NEW_KEY} # new"), KeyFault::Characters { line: 1 }),
        (format!("\u{feff}{NEW_KEY}"), KeyFault::Characters { line: 1 }),
        (format!("{NEW_KEY}\0"), KeyFault::Characters { line: 1 }),
        (format!("{NEW_KEY}\r{OLD_KEY}"), KeyFault::Characters { line: 1 }),
        (format!("{NEW_KEY}é"), KeyFault::Characters { line: 1 }),
        (format!("{NEW_KEY}\n").repeat(4), KeyFault::TooMany { line: 4 }),
    ] {
        let fault = PeerKeys::parse(file.as_bytes(), "tw").unwrap_err();
        assert_eq!(fault, expected, "{file:?}");
        assert!(!fault.to_string().contains("0123456789"), "{fault}");
    }
    assert_eq!(PeerKeys::parse(&[0xff; 40], "tw").unwrap_err(), KeyFault::Characters { line: 1 });
    assert_eq!(keys(&format!("{NEW_KEY}\n").repeat(3)).all().count(), 3);
}
