//! Tickets: the word of a studio's backend that a client is this player, good for one join within seconds or minutes.
//!
//! A ticket is a PASETO `v4.public` token: Ed25519 over the claims, the footer and the implicit assertion
//! [`IMPLICIT_ASSERTION`]. The assertion is no part of the token. It keeps apart tickets and whatever else the backend
//! may sign with the same key. The footer `{"kid":"…"}` names the key. A token without a footer is good only where the
//! key ring has one key: keys are never tried one after the other.
//!
//! [`read_ticket`] looks at the signature first and at the claims only when it is good, then at the times;
//! [`Ticket::use_up`] comes last. A ticket that fails is not used up. The claims are in the table of [`TicketClaims`].
//!
//! The lifetime of a ticket is limited because used tickets are remembered until they end, and because a ticket that
//! was intercepted and not yet used lets anybody in until then. A backend mints a ticket when the player is about to
//! join, not when the player logs in. Times are compared in whole seconds.

use super::claims::{BadClaim, Payload, ReadPayload, TicketClaims, TicketRole};
use super::key_ring::{Key, KeyRing};
use super::used_tickets::{TicketId, UseError, UsedTickets};
use pasetors::Public;
use pasetors::errors::Error;
use pasetors::token::UntrustedToken;
use pasetors::version4::{PublicToken, V4};
use serde::Deserialize;
use std::fmt;
use thiserror::Error as ThisError;
use tickwire::limits::TICKET_BYTES_MAX;

/// Seconds from the issue of a ticket to its end at the most.
pub const TICKET_LIFETIME_S_MAX: u64 = 600;

/// Seconds by which the clocks of the backend and the server may differ.
pub const CLOCK_LEEWAY_S: u64 = 30;

/// The implicit assertion of every ticket: it is signed, and not sent.
pub const IMPLICIT_ASSERTION: &[u8] = b"tickwire";

/// A ticket that was checked and used up.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    claims: TicketClaims,
    id: TicketId,
    key_id: String,
    issued_at_s: u64,
    expires_at_s: u64,
}

/// The reason for which a token lets nobody in. No reason has anything of the token in it but numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
pub enum TicketError {
    /// No PASETO `v4.public` token of at most [`TICKET_BYTES_MAX`] bytes, a footer without a key id, or claims that are
    /// not JSON.
    #[error("the ticket is malformed")]
    Malformed,
    /// The key ring does not have the key, or has several and the token names none.
    #[error("the ticket is of a key that the server does not know")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("the signature of the ticket is wrong")]
    Signature,
    /// A claim is missing, has another type or breaks its rule.
    #[error("the claim `{name}` of the ticket is missing or wrong")]
    Claim {
        /// The claim.
        name: &'static str,
    },
    /// The ticket may last longer than any ticket.
    #[error("the ticket lasts {lifetime_s} seconds, and {TICKET_LIFETIME_S_MAX} are the most")]
    LifetimeTooLong {
        /// Seconds from its issue to its end.
        lifetime_s: u64,
    },
    /// The ticket is of the future, by more than clocks may differ.
    #[error("the ticket is not valid for another {wait_s} seconds")]
    NotYetValid {
        /// Seconds until it is valid, leeway included.
        wait_s: u64,
    },
    /// The ticket has ended.
    #[error("the ticket ended {late_s} seconds ago")]
    Expired {
        /// Seconds since its end; fewer than the leeway when the clock was set back.
        late_s: u64,
    },
    /// The ticket has let somebody in.
    #[error("the ticket was used before")]
    Used,
    /// The server remembers as many used tickets as it can; the client may try again with the same ticket.
    #[error("the server has let in too many players within a short time")]
    Busy,
}

impl From<BadClaim> for TicketError {
    fn from(BadClaim(name): BadClaim) -> Self {
        Self::Claim { name }
    }
}

impl fmt::Debug for Ticket {
    /// The player and the times. Rooms and parties may be private, and so they are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("identity", &self.claims.identity)
            .field("role", &self.claims.role)
            .field("id", &self.id)
            .field("key_id", &self.key_id)
            .field("issued_at_s", &self.issued_at_s)
            .field("expires_at_s", &self.expires_at_s)
            .finish_non_exhaustive()
    }
}

impl Ticket {
    /// The player: printable characters, 1 to 64 bytes.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.claims.identity
    }

    /// The display name as the backend has it. Others see it only after the server has cleaned it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.claims.name.as_deref()
    }

    /// The code of the only room that the ticket is for; `None` when it is for any.
    #[must_use]
    pub fn room(&self) -> Option<&str> {
        self.claims.room.as_deref()
    }

    /// The part in the room.
    #[must_use]
    pub const fn role(&self) -> TicketRole {
        self.claims.role
    }

    /// The points by which queues compare players.
    #[must_use]
    pub const fn rating(&self) -> Option<u16> {
        self.claims.rating
    }

    /// The id for a log: with it, the ticket stays used after a restart or on another node.
    #[must_use]
    pub const fn id(&self) -> TicketId {
        self.id
    }

    /// The id of the key that has signed the ticket.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The unix time at which it was issued, for [`Revocations`](super::Revocations).
    #[must_use]
    pub const fn issued_at_s(&self) -> u64 {
        self.issued_at_s
    }

    /// The unix time at which it ends. A session that it has begun may last longer.
    #[must_use]
    pub const fn expires_at_s(&self) -> u64 {
        self.expires_at_s
    }

    /// Uses the ticket up at the unix time `now_s`.
    ///
    /// # Errors
    /// When it was used before, or when so many tickets are remembered that this one would be forgotten.
    pub fn use_up(&self, used: &mut UsedTickets, now_s: u64) -> Result<(), TicketError> {
        used.advance(now_s);
        used.use_once(self.id, self.forget_at_s()).map_err(|error| match error {
            UseError::Used => TicketError::Used,
            UseError::Forgotten { .. } => TicketError::Expired { late_s: now_s.saturating_sub(self.expires_at_s) },
            UseError::Busy => TicketError::Busy,
        })
    }

    /// The unix time until which it has to be remembered as used.
    #[must_use]
    pub const fn forget_at_s(&self) -> u64 {
        self.expires_at_s.saturating_add(CLOCK_LEEWAY_S)
    }
}

/// Checks a token at the unix time `now_s` in everything but whether its ticket was used before.
///
/// # Errors
/// When the token lets nobody in.
pub fn read_ticket(token: &str, ring: &KeyRing, now_s: u64) -> Result<Ticket, TicketError> {
    let (json, key) = verify(token, ring, IMPLICIT_ASSERTION)?;
    let read: ReadPayload = serde_json::from_str(&json).map_err(|_| TicketError::Malformed)?;
    let payload = Payload::parse(read)?;
    check_times(&payload, now_s)?;
    Ok(Ticket {
        id: TicketId::new(key.public.as_bytes(), &payload.jti),
        claims: payload.claims,
        key_id: key.id.clone(),
        issued_at_s: payload.issued_at_s,
        expires_at_s: payload.expires_at_s,
    })
}

/// The JSON that a key of the ring has signed, and that key.
fn verify<'a>(token: &str, ring: &'a KeyRing, assertion: &[u8]) -> Result<(String, &'a Key), TicketError> {
    if token.len() > TICKET_BYTES_MAX {
        return Err(TicketError::Malformed);
    }
    let untrusted = UntrustedToken::<Public, V4>::try_from(token).map_err(|_| TicketError::Malformed)?;
    let key = signing_key(untrusted.untrusted_footer(), ring)?;
    let trusted = PublicToken::verify(&key.public, &untrusted, None, Some(assertion)).map_err(|error| match error {
        Error::TokenValidation => TicketError::Signature,
        _ => TicketError::Malformed,
    })?;
    Ok((trusted.payload().to_owned(), key))
}

/// The key that a footer names. The footer is not verified yet: it only chooses among keys that are all good.
fn signing_key<'a>(footer: &[u8], ring: &'a KeyRing) -> Result<&'a Key, TicketError> {
    #[derive(Deserialize)]
    struct Footer {
        kid: String,
    }

    if footer.is_empty() {
        return ring.only_key().ok_or(TicketError::UnknownKey);
    }
    let footer: Footer = serde_json::from_slice(footer).map_err(|_| TicketError::Malformed)?;
    ring.key(&footer.kid).ok_or(TicketError::UnknownKey)
}

fn check_times(payload: &Payload, now_s: u64) -> Result<(), TicketError> {
    let lifetime_s = payload.expires_at_s.saturating_sub(payload.issued_at_s);
    if lifetime_s > TICKET_LIFETIME_S_MAX {
        return Err(TicketError::LifetimeTooLong { lifetime_s });
    }
    let valid_from_s = payload.issued_at_s.max(payload.not_before_s.unwrap_or(0));
    let wait_s = valid_from_s.saturating_sub(now_s.saturating_add(CLOCK_LEEWAY_S));
    if wait_s > 0 {
        return Err(TicketError::NotYetValid { wait_s });
    }
    if now_s >= payload.expires_at_s.saturating_add(CLOCK_LEEWAY_S) {
        return Err(TicketError::Expired { late_s: now_s - payload.expires_at_s });
    }
    Ok(())
}

/// Reads a ticket and uses it up, as a gate without rooms and revocations would.
#[cfg(test)]
pub(super) fn check(token: &str, ring: &KeyRing, used: &mut UsedTickets, now_s: u64) -> Result<Ticket, TicketError> {
    let ticket = read_ticket(token, ring, now_s)?;
    ticket.use_up(used, now_s)?;
    Ok(ticket)
}

#[cfg(test)]
mod tests {
    use super::super::mint::sign;
    use super::super::{SecretKey, TICKET_LIFETIME_S_DEFAULT, mint, new_key};
    use super::*;
    use serde_json::{Value, json};

    const NOW_S: u64 = 1_795_953_600;

    /// A backend's key, and the server that knows it.
    struct Service {
        secret: SecretKey,
        ring: KeyRing,
        used: UsedTickets,
    }

    impl Service {
        fn new() -> Self {
            let key = new_key("login-1").unwrap();
            let ring = KeyRing::parse(&key.public_line).unwrap();
            Self { secret: key.secret, ring, used: UsedTickets::new() }
        }

        fn check_at(&mut self, token: &str, now_s: u64) -> Result<Ticket, TicketError> {
            check(token, &self.ring, &mut self.used, now_s)
        }

        /// The outcome for a good payload with this change.
        fn check_with(&mut self, claim: &str, value: Value) -> Result<Ticket, TicketError> {
            let mut payload = good_payload();
            payload[claim] = value;
            let token = sign(&self.secret, payload.to_string().as_bytes(), true);
            self.check_at(&token, NOW_S)
        }

        fn mint(&self, seconds: u64, jti: &str) -> String {
            mint(&self.secret, &full_claims(), seconds, NOW_S, jti).unwrap()
        }
    }

    fn good_payload() -> Value {
        json!({"sub": "ada", "jti": "1", "iat": "2026-11-29T12:00:00Z", "exp": "2026-11-29T12:01:00Z"})
    }

    fn full_claims() -> TicketClaims {
        TicketClaims {
            identity: "ada".into(),
            name: Some("Ada 👩\u{200d}🚀".into()),
            room: Some("CDF234".into()),
            role: TicketRole::Host,
            rating: Some(1_500),
        }
    }

    /// A generator of numbers for tests (xorshift).
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, bound: usize) -> usize {
            usize::try_from(self.next() % bound as u64).unwrap()
        }
    }

    #[test]
    fn a_ticket_carries_all_claims_to_the_server() {
        let mut service = Service::new();
        let ticket = service.check_at(&service.mint(TICKET_LIFETIME_S_DEFAULT, "1"), NOW_S).unwrap();
        assert_eq!(ticket.claims, full_claims());
        assert_eq!((ticket.identity(), ticket.name()), ("ada", full_claims().name.as_deref()));
        assert_eq!((ticket.room(), ticket.role()), (Some("CDF234"), TicketRole::Host));
        assert_eq!(ticket.key_id(), "login-1");
        assert_eq!((ticket.issued_at_s(), ticket.expires_at_s()), (NOW_S, NOW_S + 60));
        assert_eq!(ticket.forget_at_s(), NOW_S + 90);
        let shown = format!("{ticket:?}");
        assert!(shown.contains("ada") && !shown.contains("CDF234") && !shown.contains("four"), "{shown}");
    }

    #[test]
    fn a_ticket_of_a_flipped_bit_is_refused_and_not_used_up() {
        let mut service = Service::new();
        let token = service.mint(60, "1");
        let mut refused = 0;
        for position in 0..token.len() {
            for bit in 0..8 {
                let mut bytes = token.clone().into_bytes();
                bytes[position] ^= 1 << bit;
                // The highest bit makes it something else than text, which the client's message cannot carry.
                let Ok(flipped) = String::from_utf8(bytes) else { continue };
                assert!(service.check_at(&flipped, NOW_S).is_err(), "bit {bit} of byte {position}");
                refused += 1;
            }
        }
        assert_eq!(refused, 7 * token.len());
        for end in 0..token.len() {
            assert!(service.check_at(&token[..end], NOW_S).is_err(), "cut to {end}");
        }
        assert!(service.used.is_empty());
        assert!(service.check_at(&token, NOW_S).is_ok());
    }

    #[test]
    fn a_ticket_is_used_once() {
        let mut service = Service::new();
        let token = service.mint(60, "1");
        assert!(service.check_at(&token, NOW_S).is_ok());
        assert_eq!(service.check_at(&token, NOW_S), Err(TicketError::Used));
        assert_eq!(service.check_at(&token, NOW_S + 89), Err(TicketError::Used));
        // Another token of the same id is the same ticket.
        assert_eq!(service.check_at(&service.mint(50, "1"), NOW_S), Err(TicketError::Used));
        assert!(service.check_at(&service.mint(60, "2"), NOW_S).is_ok());
        assert_eq!(service.check_at(&token, NOW_S + 90), Err(TicketError::Expired { late_s: 30 }));
        service.used.advance(NOW_S + 90);
        assert!(service.used.is_empty());
        // The clock is set back after the ticket was forgotten.
        assert_eq!(service.check_at(&token, NOW_S + 80), Err(TicketError::Expired { late_s: 20 }));
    }

    #[test]
    fn a_ticket_is_valid_from_its_issue_to_its_end_with_the_leeway_at_both() {
        let mut service = Service::new();
        for (jti, now_s, expected) in [
            ("1", NOW_S - 31, Err(TicketError::NotYetValid { wait_s: 1 })),
            ("1", NOW_S - 30, Ok(())),
            ("2", NOW_S + 60, Ok(())),
            ("3", NOW_S + 89, Ok(())),
            ("4", NOW_S + 90, Err(TicketError::Expired { late_s: 30 })),
            ("4", u64::MAX, Err(TicketError::Expired { late_s: u64::MAX - NOW_S - 60 })),
            ("4", 0, Err(TicketError::NotYetValid { wait_s: NOW_S - 30 })),
        ] {
            let mut fresh = UsedTickets::new();
            let outcome = check(&service.mint(60, jti), &service.ring, &mut fresh, now_s);
            assert_eq!(outcome.map(|_| ()), expected, "{jti} at {now_s}");
        }
        let nbf = |time: &str| json!(time);
        assert!(service.check_with("nbf", nbf("2026-11-29T12:00:30Z")).is_ok());
        let early = Err(TicketError::NotYetValid { wait_s: 1 });
        assert_eq!(service.check_with("nbf", nbf("2026-11-29T12:00:31Z")), early);
    }

    #[test]
    fn a_ticket_may_not_last_longer_than_the_limit() {
        let mut service = Service::new();
        assert!(service.check_at(&service.mint(TICKET_LIFETIME_S_MAX, "2"), NOW_S).is_ok());
        let long = Err(TicketError::LifetimeTooLong { lifetime_s: 601 });
        assert_eq!(service.check_with("exp", json!("2026-11-29T12:10:01Z")), long);
        let huge = service.check_with("exp", json!("9999-12-31T23:59:59Z"));
        assert!(matches!(huge, Err(TicketError::LifetimeTooLong { .. })), "{huge:?}");
    }

    #[test]
    fn a_claim_that_is_missing_or_wrong_is_named() {
        let mut service = Service::new();
        for name in ["sub", "jti", "iat", "exp"] {
            for value in [Value::Null, json!(1), json!(""), json!(["a"]), json!({"a": 1}), json!(true), json!("\u{7}")]
            {
                assert_eq!(service.check_with(name, value), Err(TicketError::Claim { name }));
            }
            let mut payload = good_payload();
            payload.as_object_mut().unwrap().remove(name);
            let token = sign(&service.secret, payload.to_string().as_bytes(), true);
            assert_eq!(service.check_at(&token, NOW_S), Err(TicketError::Claim { name }));
        }
        let long = "a".repeat(65);
        for (name, value) in [
            ("sub", json!(long)),
            ("sub", json!("a\u{202e}b")),
            ("sub", json!("a\u{2028}b")),
            ("name", json!("a".repeat(97))),
            ("name", json!("")),
            ("name", json!("a\nb")),
            ("room", json!("CDF23")),
            ("room", json!("CDF2345")),
            ("room", json!("cdf234")),
            ("room", json!("CDF230")),
            ("role", json!("admin")),
            ("role", json!("Host")),
            ("role", json!(0)),
            ("jti", json!(long)),
            ("nbf", json!(0)),
            ("nbf", json!("tomorrow")),
            ("exp", json!("2026-11-29T12:00:00Z")),
            ("exp", json!("2026-11-29T11:00:00Z")),
        ] {
            let outcome = service.check_with(name, value.clone());
            assert_eq!(outcome, Err(TicketError::Claim { name }), "{name}: {value}");
        }
        assert!(service.used.is_empty());
        for (name, value) in [("role", Value::Null), ("level", json!({"unknown": [1]}))] {
            service.used = UsedTickets::new();
            assert_eq!(service.check_with(name, value).map(|ticket| ticket.role()), Ok(TicketRole::Player));
        }
    }

    #[test]
    fn a_payload_that_says_a_claim_twice_or_is_no_object_is_malformed() {
        let mut service = Service::new();
        let good = good_payload().to_string();
        let nested = "[".repeat(500);
        for payload in [&good.replacen('{', r#"{"sub":"eve","#, 1), "[]", "ada", "1", "null", &good[1..], &nested] {
            let token = sign(&service.secret, payload.as_bytes(), true);
            assert_eq!(service.check_at(&token, NOW_S), Err(TicketError::Malformed), "{payload}");
        }
    }

    #[test]
    fn a_ticket_of_another_key_is_refused() {
        let mut service = Service::new();
        let (other, same_id) = (new_key("login-2").unwrap().secret, new_key("login-1").unwrap().secret);
        let good = good_payload().to_string();
        for (secret, names_key, expected) in [
            (&other, true, TicketError::UnknownKey),
            (&other, false, TicketError::Signature),
            (&same_id, true, TicketError::Signature),
        ] {
            let token = sign(secret, good.as_bytes(), names_key);
            assert_eq!(service.check_at(&token, NOW_S), Err(expected));
        }
    }

    #[test]
    fn a_token_without_a_footer_is_good_only_where_there_is_one_key() {
        let mut service = Service::new();
        let token = sign(&service.secret, good_payload().to_string().as_bytes(), false);
        assert_eq!(service.check_at(&token, NOW_S).map(|ticket| ticket.key_id().to_owned()), Ok("login-1".into()));
        // With a footer it is still the same ticket.
        let named = sign(&service.secret, good_payload().to_string().as_bytes(), true);
        assert_eq!(service.check_at(&named, NOW_S), Err(TicketError::Used));
        let public_line = service.secret.to_public_line();
        let two = KeyRing::parse(&format!("{public_line}\n{}", new_key("b").unwrap().public_line)).unwrap();
        assert_eq!(check(&token, &two, &mut UsedTickets::new(), NOW_S), Err(TicketError::UnknownKey));
        assert!(check(&named, &two, &mut UsedTickets::new(), NOW_S).is_ok());
    }

    #[test]
    fn the_same_id_under_another_key_is_another_ticket_and_under_another_name_of_the_key_is_not() {
        let mut service = Service::new();
        assert!(service.check_at(&service.mint(60, "1"), NOW_S).is_ok());
        let other = new_key("login-2").unwrap();
        let ring = KeyRing::parse(&other.public_line).unwrap();
        let token = mint(&other.secret, &full_claims(), 60, NOW_S, "1").unwrap();
        assert!(check(&token, &ring, &mut service.used, NOW_S).is_ok());
        let renamed = service.secret.to_line().replacen("login-1", "login-3", 1);
        let renamed = SecretKey::parse(&renamed).unwrap();
        let ring = KeyRing::parse(&renamed.to_public_line()).unwrap();
        let token = mint(&renamed, &full_claims(), 60, NOW_S, "1").unwrap();
        assert_eq!(check(&token, &ring, &mut service.used, NOW_S), Err(TicketError::Used));
    }

    #[test]
    fn a_server_that_remembers_too_many_tickets_lets_nobody_in_and_does_not_use_the_ticket_up() {
        let mut service = Service::new();
        for number in 0..super::super::USED_TICKETS_MAX {
            let id = TicketId::from_bytes((number as u128).to_be_bytes());
            assert_eq!(service.used.use_once(id, NOW_S + 40), Ok(()));
        }
        let token = service.mint(60, "1");
        assert_eq!(service.check_at(&token, NOW_S), Err(TicketError::Busy));
        assert!(service.check_at(&token, NOW_S + 40).is_ok());
    }

    #[test]
    fn published_tokens_verify_and_only_with_their_assertion() {
        // Test vectors 4-S-1 to 4-S-3 of the PASETO standard.
        const PUBLIC: &str = "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI";
        const BODY: &str =
            "eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9";
        const FOOTER: &str = "eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9";
        let ring = KeyRing::parse(&format!("zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN {PUBLIC}")).unwrap();
        for (signature, footer, assertion) in [
            ("bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA", "", ""),
            ("v3Jt8mx_TdM2ceTGoqwrh4yDFn0XsHvvV_D0DtwQxVrJEBMl0F2caAdgnpKlt4p7xBnx1HcO-SPo8FPp214HDw", FOOTER, ""),
            (
                "NPWciuD3d0o5eXJXG5pJy-DiVEoyPYWs1YSTwWHNJq6DZD3je5gf-0M4JR9ipdUSJbIovzmBECeaWmaqcaP0DQ",
                FOOTER,
                r#"{"test-vector":"4-S-3"}"#,
            ),
        ] {
            let dot = if footer.is_empty() { "" } else { "." };
            let token = format!("v4.public.{BODY}{signature}{dot}{footer}");
            let (json, key) = verify(&token, &ring, assertion.as_bytes()).unwrap();
            assert_eq!(json, r#"{"data":"this is a signed message","exp":"2022-01-01T00:00:00+00:00"}"#);
            assert_eq!(key.id, "zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN");
            let refused = check(&token, &ring, &mut UsedTickets::new(), NOW_S);
            assert_eq!(refused, Err(TicketError::Signature), "the assertion is not that of tickets");
        }
        // Test vector 4-F-2, whose signature is not that of the key.
        let bad = format!(
            "v4.public.eyJpbnZhbGlkIjoidGhpcyBzaG91bGQgbmV2ZXIgZGVjb2RlIn22Sp4gjCaUw0c7EH84ZSm_jN_Qr41MrgLNu5LIB\
             CzUr1pn3Z-Wukg9h3ceplWigpoHaTLcwxj0NsI1vjTh67YB.{FOOTER}"
        );
        let outcome = verify(&bad, &ring, br#"{"test-vector":"4-F-2"}"#).map(|(json, _)| json);
        assert_eq!(outcome, Err(TicketError::Signature));
    }

    #[test]
    fn a_footer_without_a_key_id_is_malformed() {
        let service = Service::new();
        let unnamed = sign(&service.secret, good_payload().to_string().as_bytes(), false);
        for (footer, expected) in [
            ("bm90IGpzb24", TicketError::Malformed),
            ("e30", TicketError::Malformed),
            ("eyJraWQiOjF9", TicketError::Malformed),
            ("=", TicketError::Malformed),
            ("eyJraWQiOiJ4In0", TicketError::UnknownKey),
            ("eyJraWQiOiJsb2dpbi0xIn0", TicketError::Signature),
        ] {
            let outcome = check(&format!("{unnamed}.{footer}"), &service.ring, &mut UsedTickets::new(), NOW_S);
            assert_eq!(outcome, Err(expected), "{footer}");
        }
        let padded = format!("{unnamed}{}", "A".repeat(TICKET_BYTES_MAX));
        let outcome = check(&padded, &service.ring, &mut UsedTickets::new(), NOW_S);
        assert_eq!(outcome, Err(TicketError::Malformed));
    }

    #[test]
    fn random_tokens_are_refused_without_a_panic() {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
        let (mut service, mut numbers) = (Service::new(), Numbers(0x9e37_79b9_7f4a_7c15));
        let good = service.mint(60, "1");
        for round in 0..20_000 {
            let len = numbers.below(300);
            let token = match round % 4 {
                0 => String::from_utf8_lossy(&(0..len).map(|_| numbers.next() as u8).collect::<Vec<_>>()).into_owned(),
                1 => (0..len).map(|_| char::from(ALPHABET[numbers.below(ALPHABET.len())])).collect(),
                2 => {
                    let tail = (0..len).map(|_| char::from(ALPHABET[numbers.below(ALPHABET.len())]));
                    format!("v4.public.{}", tail.collect::<String>())
                }
                _ => {
                    let mut bytes = good.clone().into_bytes();
                    let (at, byte) = (numbers.below(bytes.len()), ALPHABET[numbers.below(ALPHABET.len())]);
                    if bytes[at] == byte {
                        continue;
                    }
                    bytes[at] = byte;
                    String::from_utf8(bytes).unwrap()
                }
            };
            assert!(service.check_at(&token, NOW_S).is_err(), "{token}");
        }
    }

    #[test]
    fn random_payloads_of_a_good_key_are_taken_or_refused_without_a_panic() {
        let (mut service, mut numbers) = (Service::new(), Numbers(0x2545_f491_4f6c_dd1d));
        let good = good_payload().to_string().into_bytes();
        let (mut taken, mut malformed, mut claims) = (0, 0, 0);
        for _ in 0..4_000 {
            let mut bytes = good.clone();
            for _ in 0..=numbers.below(3) {
                let at = numbers.below(bytes.len());
                bytes[at] = (numbers.next() >> 32) as u8;
            }
            match service.check_at(&sign(&service.secret, &bytes, true), NOW_S) {
                Ok(_) => taken += 1,
                Err(TicketError::Malformed) => malformed += 1,
                Err(TicketError::Claim { .. }) => claims += 1,
                Err(TicketError::UnknownKey | TicketError::Signature) => panic!("the key is good"),
                Err(_) => {}
            }
        }
        assert!(taken > 0 && malformed > 0 && claims > 0, "{taken} {malformed} {claims}");
    }
}
