//! A panic in the code of a game, caught with its message and its place, for the one line that the log says of it.
//!
//! The hook of the process prints each panic before anything catches it. While guarded code runs, the hook keeps the
//! message and the place instead, so the log has everything in one place: the caller adds the game, the room and the tick.
//! A panic anywhere else is printed as before.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// The message and the place of a panic.
#[derive(Debug)]
pub(crate) struct GamePanic {
    message: String,
    /// File, line and column; `None` when the panic does not tell them.
    place: Option<String>,
    /// It is captured if `RUST_BACKTRACE` asks for it.
    backtrace: Backtrace,
}

thread_local! {
    /// Whether this thread runs guarded code.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
    /// The newest panic in it.
    static NEWEST: RefCell<Option<GamePanic>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Runs `work`; a panic in it is kept and not printed. The changes that `work` has made by then may be half done.
///
/// # Errors
/// The panic.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, GamePanic> {
    HOOK.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |info| if IS_GUARDED.get() { keep(info) } else { others(info) }));
    });
    let was_guarded = IS_GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    done.map_err(|_| NEWEST.take().unwrap_or_else(GamePanic::unknown))
}

fn keep(info: &PanicHookInfo<'_>) {
    NEWEST.set(Some(GamePanic {
        message: info.payload_as_str().unwrap_or("a panic without a message").into(),
        place: info.location().map(ToString::to_string),
        backtrace: Backtrace::capture(),
    }));
}

impl GamePanic {
    /// The message and the place.
    pub(crate) fn parts(&self) -> (&str, Option<&str>) {
        (&self.message, self.place.as_deref())
    }

    /// The message and the place in one line. To name the functions of a backtrace takes so long that a room which
    /// goes on, and its neighbours, would notice.
    pub(crate) fn brief(&self) -> String {
        let (message, place) = self.parts();
        place.map_or_else(|| message.to_owned(), |place| format!("{message} ({place})"))
    }

    /// A panic that came past the hook.
    fn unknown() -> Self {
        Self { message: "a panic without a message".into(), place: None, backtrace: Backtrace::disabled() }
    }
}

impl fmt::Display for GamePanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.brief())?;
        if self.backtrace.status() == BacktraceStatus::Captured { write!(f, "\n{}", self.backtrace) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_message_and_its_place() {
        let line = line!() + 1;
        let caught = catch(|| assert!(line == 0, "poked {} times", 3)).expect_err("it panics").to_string();
        assert!(caught.starts_with(&format!("poked 3 times ({}:{line}:", file!())), "{caught}");
        assert_eq!(catch(|| 7).ok(), Some(7));
    }
}
