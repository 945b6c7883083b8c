//! The key of a player who brings none.

use tickwire::message::topics::PlayerKey;

/// The key, or a new one that nobody knows: its player is somebody else next time.
///
/// # Panics
/// When the operating system has no random numbers: nothing secret could be made then.
pub(crate) fn known_or_random(key: Option<PlayerKey>) -> PlayerKey {
    key.unwrap_or_else(|| {
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the operating system has random numbers");
        PlayerKey(random)
    })
}
