//! The door of a room: the secret that somebody has to bring to enter, and the check of it.
//!
//! A room that is private and a room that does not exist look the same from outside, in the answer and in the time that
//! the answer takes. So a door is looked at whether there is a room or not, and the slow part of the look, Argon2id, is
//! done against a made-up password where there is none. A server keeps no secret, only what follows from one.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};
use tickwire::limits::ROOM_SECRET_BYTES_MAX;
use tickwire::message::control::SecretText;

/// Memory of one Argon2id in KiB, 19 MiB; it and the two numbers below are the figures of OWASP.
const ARGON2_KIB: u32 = 19 * 1_024;

/// Passes of an Argon2id over its memory.
const ARGON2_PASSES: u32 = 2;

/// Lanes of an Argon2id.
const ARGON2_LANES: u32 = 1;

/// Random bytes of an invitation.
const INVITATION_BYTES: usize = 16;

/// The characters of base64url, six bits each.
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The door of a room. A journal keeps the digests.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Door {
    /// Everybody with the code may enter.
    Open,
    /// The SHA-256 of an invitation, which has too many random bits to be guessed.
    Invitation([u8; 32]),
    /// The Argon2id of a password, which people choose.
    Password(PasswordHash),
    /// No secret opens it: it is there for the players of a match alone.
    Match,
}

/// The Argon2id of a password, with its salt.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct PasswordHash {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl fmt::Debug for Door {
    /// Without digests: a short password could be found from its hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Invitation(_) => "Invitation(..)",
            Self::Password(_) => "Password(..)",
            Self::Match => "Match",
        })
    }
}

impl Door {
    /// A door with a fresh invitation, which is given away and not kept: 22 characters of base64url.
    ///
    /// # Panics
    /// When the operating system has no random numbers: nothing secret could be made then.
    pub(crate) fn with_invitation() -> (Self, SecretText) {
        let mut random = [0; INVITATION_BYTES];
        getrandom::fill(&mut random).expect("the operating system has random numbers");
        let bits = u128::from_be_bytes(random);
        // The last character has the four zero bits that follow the 128.
        let letter = |place: u32| {
            let shifted = if place == 21 { bits << 4 } else { bits >> (128 - 6 * (place + 1)) };
            char::from(BASE64URL[(shifted & 63) as usize])
        };
        let invitation = SecretText((0..22).map(letter).collect());
        (Self::Invitation(digest(&invitation)), invitation)
    }

    /// A door with this password, which takes the time and the memory of an Argon2id. `None` when it is empty or too
    /// long.
    ///
    /// # Panics
    /// As [`Door::with_invitation`].
    pub(crate) fn with_password(password: &SecretText) -> Option<Self> {
        if !(1..=ROOM_SECRET_BYTES_MAX).contains(&password.0.len()) {
            return None;
        }
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).expect("the operating system has random numbers");
        Some(Self::Password(PasswordHash { salt, hash: argon2id(password, &salt) }))
    }

    /// Whether the room may be found by its code alone.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

/// The outcome of a first look at a door.
#[derive(Debug)]
pub(crate) enum Look {
    /// The newcomer may enter.
    Enter,
    /// The newcomer may not: it has brought no secret.
    Shut,
    /// A hash has to be computed before that is known.
    Hash(HashCheck),
}

/// The hash that a secret has to have, at a door or at a place without one.
#[derive(Clone, Copy)]
pub(crate) struct HashCheck {
    expected: PasswordHash,
    /// Whether there is such a password.
    is_real: Choice,
}

impl fmt::Debug for HashCheck {
    /// Without the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashCheck(..)")
    }
}

/// The values that stand where a door has none.
static NO_INVITATION: [u8; 32] = [0; 32];
static NO_PASSWORD: PasswordHash = PasswordHash { salt: [0x5a; 16], hash: [0; 32] };

/// Looks at the door of a room; `None` where there is no room. The time of a look says nothing about the door.
pub(crate) fn look(door: Option<Door>, secret: Option<&SecretText>) -> Look {
    // The door decides where the bytes are that are compared and copied, and nothing else: in each arm of its own a copy
    // would take its own time.
    let (invitation, password, invites, is_real) = match &door {
        Some(Door::Open) => return Look::Enter,
        Some(Door::Invitation(digest)) => (digest, &NO_PASSWORD, 1, 0),
        Some(Door::Password(password)) => (&NO_INVITATION, password, 0, 1),
        Some(Door::Match) | None => (&NO_INVITATION, &NO_PASSWORD, 0, 0),
    };
    let Some(secret) = secret.filter(|secret| secret.0.len() <= ROOM_SECRET_BYTES_MAX) else { return Look::Shut };
    if (digest(secret).ct_eq(invitation) & Choice::from(invites)).into() {
        return Look::Enter;
    }
    Look::Hash(HashCheck { expected: *password, is_real: Choice::from(is_real) })
}

impl HashCheck {
    /// Whether the secret is the password of the room. It takes the time and the memory of an Argon2id.
    pub(crate) fn is_right(&self, secret: &SecretText) -> bool {
        let is_equal = argon2id(secret, &self.expected.salt).ct_eq(&self.expected.hash);
        (is_equal & self.is_real).into()
    }
}

fn digest(secret: &SecretText) -> [u8; 32] {
    Sha256::digest(secret.0.as_bytes()).into()
}

fn argon2id(secret: &SecretText, salt: &[u8; 16]) -> [u8; 32] {
    let params = Params::new(ARGON2_KIB, ARGON2_PASSES, ARGON2_LANES, Some(32)).expect("the figures are in range");
    let mut hash = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(secret.0.as_bytes(), salt, &mut hash)
        .expect("the secret and the salt have lengths that Argon2 takes");
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn secret(text: &str) -> SecretText {
        SecretText(text.into())
    }

    fn enters(door: Option<Door>, text: Option<&str>) -> bool {
        let secret = text.map(secret);
        match (look(door, secret.as_ref()), secret) {
            (Look::Enter, _) => true,
            (Look::Hash(attempt), Some(secret)) => attempt.is_right(&secret),
            _ => false,
        }
    }

    #[test]
    fn a_door_opens_to_its_own_secret_alone() {
        let (invited, invitation) = Door::with_invitation();
        let (other, _) = Door::with_invitation();
        let password = Door::with_password(&secret("caf\u{e9} sesame")).unwrap();
        assert!(enters(Some(Door::Open), None) && enters(Some(Door::Open), Some("anything")));
        assert!(enters(Some(invited), Some(&invitation.0)));
        assert!(enters(Some(password), Some("caf\u{e9} sesame")));
        for door in [Some(other), Some(password), None] {
            assert!(!enters(door, Some(&invitation.0)), "{door:?}");
            assert!(!enters(door, None) && !enters(door, Some("")), "{door:?}");
        }
        let zero = secret(&"\0".repeat(32));
        assert!(!enters(None, Some(&zero.0)) && !enters(Some(invited), Some(&"x".repeat(129))));
        assert!(Door::with_password(&secret("")).is_none() && Door::with_password(&secret(&"x".repeat(129))).is_none());
    }

    #[test]
    fn an_invitation_is_128_random_bits_in_22_characters() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            let (_, SecretText(text)) = Door::with_invitation();
            assert_eq!(text.len(), 22);
            let last = text.as_bytes()[21];
            assert_eq!(
                BASE64URL.iter().position(|letter| *letter == last).unwrap() % 16,
                0,
                "the last character has two bits"
            );
            assert!(seen.insert(text));
        }
        // Every bit of the first 126 is set in about half of them.
        for place in 0..126 {
            let bit = |text: &String| {
                BASE64URL.iter().position(|letter| *letter == text.as_bytes()[place / 6]).unwrap() >> (place % 6) & 1
            };
            assert!((350..650).contains(&seen.iter().map(bit).sum::<usize>()), "bit {place}");
        }
    }

    /// The medians of two things, measured in turn, so that what slows the machine slows both.
    fn medians(tries: usize, mut one: impl FnMut(), mut other: impl FnMut()) -> (Duration, Duration) {
        let timed = |work: &mut dyn FnMut()| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        };
        let mut times = (Vec::new(), Vec::new());
        for _ in 0..tries {
            times.0.push(timed(&mut one));
            times.1.push(timed(&mut other));
        }
        times.0.sort_unstable();
        times.1.sort_unstable();
        (times.0[tries / 2], times.1[tries / 2])
    }

    fn differ_by_percent((one, other): (Duration, Duration)) -> u128 {
        one.abs_diff(other).as_nanos() * 100 / one.min(other).as_nanos().max(1)
    }

    #[test]
    fn the_time_of_a_look_says_nothing() {
        let (door, right) = Door::with_invitation();
        let password = Door::with_password(&secret("sesame")).unwrap();
        let (_, wrong) = Door::with_invitation();
        // One look takes less than the clock can tell apart, and a busy machine spoils a few tries.
        let look_at = |door: Option<Door>, secret: &SecretText| {
            (0..100).for_each(|_| _ = std::hint::black_box(look(std::hint::black_box(door), Some(secret))));
        };
        let is_alike = |one: (Option<Door>, &SecretText), other: (Option<Door>, &SecretText)| {
            let tries = || medians(2_000, || look_at(one.0, one.1), || look_at(other.0, other.1));
            (0..10).any(|_| differ_by_percent(tries()) < 5)
        };
        assert!(is_alike((Some(door), &right), (Some(door), &wrong)), "a right and a wrong invitation");
        assert!(is_alike((Some(door), &wrong), (Some(password), &wrong)), "an invitation and a password");
        assert!(is_alike((Some(door), &wrong), (None, &wrong)), "a private room and none");
        let hashes = |door| {
            move |secret: &SecretText| {
                let Look::Hash(attempt) = look(door, Some(secret)) else { panic!("a hash is due") };
                attempt.is_right(secret);
            }
        };
        let slow = || medians(15, || hashes(Some(password))(&wrong), || hashes(None)(&wrong));
        assert!((0..10).any(|_| differ_by_percent(slow()) < 5), "no such room takes as long as a wrong password");
    }
}
