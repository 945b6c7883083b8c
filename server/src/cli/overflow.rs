//! The promises of the profile that a program was built with: cargo takes profiles from the author's workspace, and so a
//! library cannot set them.

use std::hint::black_box;
use std::panic::{catch_unwind, set_hook, take_hook};

/// Warns when an overflow in a game would go unnoticed, and when a panic in one game would end the whole server.
pub(super) fn warn_of_profile(name: &str) {
    if cfg!(panic = "abort") {
        tracing::warn!(
            "{name} was built with panic = \"abort\": a fault in the game of one room ends the server, not only that \
             room. Remove the line from [profile.release] in Cargo.toml"
        );
    } else if !checks_overflow() {
        tracing::warn!(
            "{name} was built without overflow checks: where a game overflows, its world goes on with a wrong number \
             instead of ending the room. Add `overflow-checks = true` to [profile.release] in Cargo.toml"
        );
    }
}

/// Whether the arithmetic of this build is checked. The compiler has no stable way to ask, so an overflow is tried.
fn checks_overflow() -> bool {
    let hook = take_hook();
    // The panic is expected, and nobody shall read of it.
    set_hook(Box::new(|_| ()));
    let overflowed = catch_unwind(|| black_box(u8::MAX) + black_box(1)).is_err();
    set_hook(hook);
    overflowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_of_this_workspace_checks_overflow() {
        assert!(checks_overflow());
    }
}
