//! Room codes: six characters that can be read aloud and typed, and that are hard to confuse.

use std::fmt;
use tickwire::limits::ROOM_CODE_LEN;

/// The characters of a code: no vowels, so that no words appear, and none of `0 1 B L S Z`, which are mistaken
/// for others.
pub const CODE_ALPHABET: &[u8; 24] = b"23456789CDFGHJKMNPQRTVWX";

/// Random bytes from this value on are thrown away: they would make the first characters of the alphabet likelier.
const FAIR_BYTES: u8 = 240;

const _: () = assert!((FAIR_BYTES as usize).is_multiple_of(CODE_ALPHABET.len()), "every character is equally likely");

/// The code of a room: [`ROOM_CODE_LEN`] characters of [`CODE_ALPHABET`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code([u8; ROOM_CODE_LEN]);

impl Code {
    /// A code from the operating system's random numbers: all 191 million codes are equally likely.
    ///
    /// # Panics
    /// When the operating system has no random numbers: nothing secret could be made then.
    #[must_use]
    pub fn random() -> Self {
        Self::from_bytes(|| {
            let mut byte = [0];
            getrandom::fill(&mut byte).expect("the operating system has random numbers");
            byte[0]
        })
    }

    fn from_bytes(mut next: impl FnMut() -> u8) -> Self {
        Self(std::array::from_fn(|_| {
            loop {
                // One byte in sixteen is thrown away, and the next one takes its place.
                let byte = next();
                if byte < FAIR_BYTES {
                    return CODE_ALPHABET[usize::from(byte) % CODE_ALPHABET.len()];
                }
            }
        }))
    }

    /// The characters.
    #[must_use]
    pub const fn bytes(self) -> [u8; ROOM_CODE_LEN] {
        self.0
    }

    /// The code that a person has typed: in either case, with spaces and dashes or without. `None` when the text is no
    /// code.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut code = [0; ROOM_CODE_LEN];
        let mut count = 0;
        for byte in typed.bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
            let byte = byte.to_ascii_uppercase();
            *code.get_mut(count).filter(|_| CODE_ALPHABET.contains(&byte))? = byte;
            count += 1;
        }
        (count == ROOM_CODE_LEN).then_some(Self(code))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_code_is_read_leniently_but_never_guessed() {
        let code = Code::parse("C4FK9T");
        assert_eq!(code.map(|code| code.to_string()), Some("C4FK9T".into()));
        for same in ["c4fk9t", "C4F-K9T", " c4 fk 9t ", "C-4-F-K-9-T"] {
            assert_eq!(Code::parse(same), code, "{same:?}");
        }
        for none in ["", "C4FK9", "C4FK9TT", "C4FK9A", "C4FK90", "C4FK9\u{fe0f}", "C4FK9é", "------", "C4FK9T!"] {
            assert_eq!(Code::parse(none), None, "{none:?}");
        }
    }

    #[test]
    fn every_character_is_equally_likely() {
        let mut byte = 0_u8;
        let mut counts = [0_u32; 256];
        // Forty times each of the 240 fair byte values makes 9,600 characters.
        for _ in 0..1_600 {
            let code = Code::from_bytes(|| {
                byte = byte.wrapping_add(1);
                byte
            });
            code.0.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        }
        assert!(CODE_ALPHABET.iter().all(|byte| counts[usize::from(*byte)] == 400));
    }

    #[test]
    fn a_random_code_reads_back_as_itself() {
        for _ in 0..100 {
            let code = Code::random();
            assert_eq!(Code::parse(&code.to_string()), Some(code));
        }
    }
}
