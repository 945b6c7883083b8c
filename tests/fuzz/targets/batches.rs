//! Segments of the journal: batches of any bodies, some of whose bytes are changed and whose end is cut. What is found was
//! written, and all is found where nothing is damaged.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<Vec<u8>>, Vec<(u16, u8)>, Option<u16>)| {
    let (bodies, damage, cut) = input;
    tickwire_server::scan_damaged(&bodies, &damage, cut);
});
