//! Bounds of the answers of the HTTP API.

/// Bytes of JSON from which on an answer is compressed for a client that takes gzip: less is one packet either way.
pub const GZIP_BYTES_MIN: u64 = 1_024;

/// Answers that are kept compressed, because the next ones are likely to be equal.
pub const GZIPPED_ANSWERS_MAX: usize = 8;

/// Characters of a request's id that a client may choose; a longer one is replaced.
pub const REQUEST_ID_CHARS_MAX: usize = 128;

/// Warnings about requests that have failed, per minute; further ones are in the log only with `debug`.
pub const FAILURES_LOGGED_PER_MINUTE: u32 = 10;
