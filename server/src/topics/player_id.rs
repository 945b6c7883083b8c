//! The id of a player, from the player's key or the identity in its ticket.

use sha2::{Digest, Sha256};
use tickwire::message::topics::{PlayerId, PlayerKey};

/// Keeps the hashes of this use apart from those of any other.
const PREFIX: &[u8] = b"tickwire player";
const IDENTITY_PREFIX: &[u8] = b"tickwire identity";

/// The id that follows from a key. Nobody can find the key of an id: it has 128 random bits, and the hash cannot be
/// turned around.
#[must_use]
pub fn player_id(key: PlayerKey) -> PlayerId {
    hashed(PREFIX, &key.0)
}

/// The id that follows from the identity in a ticket. Somebody who knows an identity knows its id.
#[must_use]
pub fn identity_id(identity: &str) -> PlayerId {
    hashed(IDENTITY_PREFIX, identity.as_bytes())
}

fn hashed(prefix: &[u8], secret: &[u8]) -> PlayerId {
    let hash = Sha256::new().chain_update(prefix).chain_update(secret).finalize();
    let mut id = [0; 10];
    id.copy_from_slice(&hash[..10]);
    PlayerId(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_id_on_all_servers() {
        let id = |byte| player_id(PlayerKey([byte; 16]));
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
        assert_eq!(id(0).to_string(), "270jwk9fc963fw9m");
    }
}
