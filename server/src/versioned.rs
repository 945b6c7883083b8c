//! The bytes of values that outlive a process.
//!
//! ```text
//! value   version u8, then `bincode` of the value: little endian, numbers of fixed length
//! ```
//!
//! A decoder takes any bytes: it gives a value or an error, and allocates nothing beyond a bound.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian, standard};
use bincode::{Decode, Encode};
use thiserror::Error;

/// The reason for which bytes are no value of the version that is known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unreadable {
    /// Another version of the server has written it.
    #[error("it has version {found}, and this server knows version {known}")]
    Version {
        /// The version in the bytes.
        found: u8,
        /// The version of this server.
        known: u8,
    },
    /// The bytes end early, or are something else.
    #[error("{0}")]
    Layout(String),
}

/// A layout with a bound on the bytes of a value.
const fn layout<const BYTES_MAX: usize>() -> Configuration<LittleEndian, Fixint, Limit<BYTES_MAX>> {
    standard().with_fixed_int_encoding().with_limit::<BYTES_MAX>()
}

/// Appends a value of this version.
pub(crate) fn encode<T: Encode>(version: u8, value: &T, out: &mut Vec<u8>) {
    out.push(version);
    let layout = standard().with_fixed_int_encoding();
    out.extend(bincode::encode_to_vec(value, layout).expect("numbers and texts always have bytes"));
}

/// Reads a value of this version and of at most so many bytes, to the end of `bytes`.
pub(crate) fn decode<T: Decode<()>, const BYTES_MAX: usize>(known: u8, bytes: &[u8]) -> Result<T, Unreadable> {
    let (&found, rest) = bytes.split_first().ok_or_else(|| Unreadable::Layout("it is empty".into()))?;
    if found != known {
        return Err(Unreadable::Version { found, known });
    }
    let (value, read) = bincode::decode_from_slice(rest, layout::<BYTES_MAX>())
        .map_err(|error| Unreadable::Layout(error.to_string()))?;
    if read != rest.len() {
        return Err(Unreadable::Layout(format!("{} bytes follow it", rest.len() - read)));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_and_other_bytes_are_an_error() {
        let (value, mut bytes) = ((7_u32, "ada".to_owned()), Vec::new());
        encode(3, &value, &mut bytes);
        let read = |bytes: &[u8]| decode::<(u32, String), 64>(3, bytes);
        assert_eq!(read(&bytes), Ok(value));
        (0..bytes.len()).for_each(|len| assert!(read(&bytes[..len]).is_err(), "{len}"));
        assert!(read(&[&*bytes, &[0]].concat()).is_err());
        bytes[0] = 4;
        assert_eq!(read(&bytes), Err(Unreadable::Version { found: 4, known: 3 }));
        // A length of 2^64 - 1 is refused before anything is allocated for it.
        assert!(decode::<Vec<u8>, 64>(3, &[&[3_u8][..], &[255; 8]].concat()).is_err());
    }
}
