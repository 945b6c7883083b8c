//! Demo games, written against the public API of `tickwire` only.
//!
//! | game | what it shows |
//! | --- | --- |
//! | [`paddles`] | the tutorial: a complete game on one screen of code |
//! | [`arena`] | ships and shots in tables, hidden information, bots that fight |
//! | [`crowd`] | the benchmark: many rows that keep moving, nothing to see |
//! | [`swarm`] | thousands of units in lockstep: only players' inputs travel |
//! | [`tumble`] | 900 boxes that fall, roll and come to rest: motion in three dimensions |
//!
//! Each game consists of its rules and of a `stage` module that draws it. The games name no clock, socket or web type,
//! and build without `std`.
#![no_std]

#[cfg(test)]
extern crate std;

extern crate alloc;

pub mod arena;
pub mod crowd;
pub mod paddles;
pub mod swarm;
pub mod tumble;

pub use arena::Arena;
pub use crowd::Crowd;
pub use paddles::Paddles;
pub use swarm::Swarm;
pub use tumble::Tumble;

/// Calls a macro with the types of all demo games: the one list of them. Each is also in one of the two lists below.
///
/// ```
/// macro_rules! count {
///     ($($game:ty),*) => { [$(<$game as tickwire::Game>::RULES.name),*].len() };
/// }
/// assert_eq!(tickwire_games::for_each_game!(count), 5);
/// ```
#[macro_export]
macro_rules! for_each_game {
    ($callback:ident) => {
        $callback!($crate::Paddles, $crate::Arena, $crate::Swarm, $crate::Crowd, $crate::Tumble)
    };
}

/// The same for the games that people play on the page.
#[macro_export]
macro_rules! for_each_page_game {
    ($callback:ident) => {
        $callback! { $crate::Paddles, $crate::Arena, $crate::Swarm }
    };
}

/// The same for the games that exist to be measured: a server offers them when it is asked to.
#[macro_export]
macro_rules! for_each_benchmark_game {
    ($callback:ident) => {
        $callback! { $crate::Crowd, $crate::Tumble }
    };
}

/// Calls a macro with both lists, as the `main!` of a program takes them.
#[macro_export]
macro_rules! with_demo_games {
    ($($callback:tt)+) => {
        $($callback)+! { $crate::Paddles, $crate::Arena, $crate::Swarm; benchmarks: $crate::Crowd, $crate::Tumble }
    };
}

/// The names of all demo games.
#[must_use]
pub fn names() -> alloc::vec::Vec<&'static str> {
    macro_rules! names {
        ($($game:ty),*) => { [$(<$game as tickwire::Game>::RULES.name),*].into() };
    }
    for_each_game!(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_game_is_played_on_the_page_or_exists_to_be_measured() {
        macro_rules! names {
            ($($game:ty),*) => { alloc::vec![$(<$game as tickwire::Game>::RULES.name),*] };
        }
        assert_eq!([for_each_page_game!(names), for_each_benchmark_game!(names)].concat(), names());
        macro_rules! both {
            ($($game:ty),*; benchmarks: $($benchmark:ty),*) => { [names!($($game),*), names!($($benchmark),*)] };
        }
        assert_eq!(with_demo_games!(both), [for_each_page_game!(names), for_each_benchmark_game!(names)]);
    }
}
