//! Tickets and rings of keys: any bytes as a token, any claims that a known key has signed, and any text as a key ring.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tickwire_server::identity::{KeyRing, MintedKey, TicketClaims, UsedTickets, mint, new_key, read_ticket};

const NOW_S: u64 = 1_800_000_000;

static KEY: LazyLock<(MintedKey, KeyRing)> = LazyLock::new(|| {
    let key = new_key("fuzz").expect("a name of a key");
    let ring = KeyRing::parse(&key.public_line).expect("the line of a key");
    (key, ring)
});

fuzz_target!(|input: (String, String, Option<String>, Option<String>)| {
    let ((key, ring), (text, identity, name, room)) = (&*KEY, input);
    assert!(read_ticket(&text, ring, NOW_S).is_err(), "nobody has signed this");
    let _ = KeyRing::parse(&text);
    let claims = TicketClaims { identity, name, room, ..TicketClaims::default() };
    // What can be minted is what the server takes, and no character of it may be another one.
    if let Ok(token) = mint(&key.secret, &claims, 60, NOW_S, "1") {
        let ticket = read_ticket(&token, ring, NOW_S).expect("a ticket that was minted is good");
        assert_eq!((ticket.identity(), ticket.name()), (&*claims.identity, claims.name.as_deref()));
        assert!(ticket.use_up(&mut UsedTickets::new(), NOW_S).is_ok());
        let mut other = token.into_bytes();
        let at = text.len() % other.len();
        other[at] ^= 1;
        assert!(String::from_utf8(other).is_ok_and(|other| read_ticket(&other, ring, NOW_S).is_err()));
    }
});
