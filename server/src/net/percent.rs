//! Texts that are percent-encoded, like a part of an address: secrets in a header, and names of topics in a path.

/// The bytes that a text stands for. A percent sign without two hexadecimal digits stands for itself.
pub(super) fn decoded(mut rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((byte, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        // A sign in front of a digit would be read as part of a number.
        let digits = escaped.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_bytes_and_everything_else_for_itself() {
        for (text, bytes) in [
            ("", ""),
            ("lobby/paddles/chat", "lobby/paddles/chat"),
            ("lobby%2Fpaddles%2fchat", "lobby/paddles/chat"),
            ("caf%C3%A9", "café"),
            ("100%", "100%"),
            ("%2", "%2"),
            ("%zz%+1", "%zz%+1"),
            ("%2541", "%41"),
        ] {
            assert_eq!(decoded(text.as_bytes()), bytes.as_bytes(), "{text}");
        }
    }
}
