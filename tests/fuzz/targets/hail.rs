//! What nodes say to each other before they know each other: any bytes as each message, payload and body, and as a file of
//! keys. Nothing is taken that nobody has signed, and what is read is written again in the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tickwire_server::read_peer_bytes(bytes));
