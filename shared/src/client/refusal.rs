//! The end of a session in words for the author of a game: the fault, its place, and the way on.

use crate::game::Game;
use crate::message::PROTOCOL_VERSION;
use crate::message::close::{CloseCode, fingerprint_in};
use crate::message::control::fingerprint;
use alloc::format;
use alloc::string::String;

/// Why the server has ended a session of `G` with this code; `reason` is the text that travelled with the code, empty
/// where a caller does not know it.
#[must_use]
pub fn refusal_words<G: Game>(code: CloseCode, reason: &str) -> String {
    let (name, ours) = (G::RULES.name, fingerprint::<G>());
    match (code, fingerprint_in(reason)) {
        (CloseCode::Version, Some(theirs)) => format!(
            "the page's `{name}` was built from another version of the game than the server's (fingerprint \
             {ours:016x}, the server has {theirs:016x}): build page and server together with `cargo tickwire build`"
        ),
        (CloseCode::Version, None) => format!(
            "the page's `{name}` and the server do not fit (fingerprint {ours:016x}, protocol {PROTOCOL_VERSION}): \
             build page and server together, with one version of Tickwire, by `cargo tickwire build`"
        ),
        (CloseCode::NoRoom, _) => format!(
            "no such room of `{name}` on this server: the code is wrong, the room has closed, or another game is \
             played in it"
        ),
        _ => code.reason().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::{Leave, Rules, Step};
    use crate::id::Seat;
    use crate::message::close::version_reason;

    #[derive(crate::State, Clone, Default)]
    struct Duel {
        score: u8,
    }

    impl Game for Duel {
        type Input = ();
        type Event = ();
        type Options = ();
        const RULES: Rules = Rules::new("duel", 10);

        fn new((): &()) -> Self {
            Self::default()
        }
        fn join(&mut self, _: Seat) {}
        fn leave(&mut self, _: Seat, _: Leave) {}
        fn step(&mut self, _: &mut Step<'_, Self>) {}
    }

    #[test]
    fn an_author_reads_what_does_not_fit_where_and_what_to_do() {
        let ours = fingerprint::<Duel>();
        assert_eq!(
            refusal_words::<Duel>(CloseCode::Version, &version_reason(0x0b)),
            format!(
                "the page's `duel` was built from another version of the game than the server's (fingerprint \
                 {ours:016x}, the server has 000000000000000b): build page and server together with `cargo tickwire \
                 build`"
            )
        );
        assert_eq!(
            refusal_words::<Duel>(CloseCode::Version, CloseCode::Version.reason()),
            format!(
                "the page's `duel` and the server do not fit (fingerprint {ours:016x}, protocol {PROTOCOL_VERSION}): \
                 build page and server together, with one version of Tickwire, by `cargo tickwire build`"
            )
        );
        assert_eq!(
            refusal_words::<Duel>(CloseCode::NoRoom, ""),
            "no such room of `duel` on this server: the code is wrong, the room has closed, or another game is played in it"
        );
        assert_eq!(refusal_words::<Duel>(CloseCode::Full, "any"), "the room is full");
    }
}
