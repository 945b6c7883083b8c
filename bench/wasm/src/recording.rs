//! The layout of a recording: counts as varints, and byte strings behind their length.

use tickwire::wire::{DecodeError, Reader, put_varint};

/// Appends a count.
///
/// # Panics
/// For a count that no recording could hold.
pub fn put_count(out: &mut Vec<u8>, count: usize) {
    put_varint(out, u32::try_from(count).expect("a recording is a few megabytes"));
}

/// Appends a byte string.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// The next count.
///
/// # Errors
/// [`DecodeError`] at the end of the recording.
pub fn count(reader: &mut Reader<'_>) -> Result<usize, DecodeError> {
    Ok(reader.varint()? as usize)
}

/// The next byte string.
///
/// # Errors
/// [`DecodeError`] when it is cut off.
pub fn bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = count(reader)?;
    reader.slice(length)
}
