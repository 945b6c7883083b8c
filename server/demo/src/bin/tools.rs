//! The tools of the demo games: `cargo bots`, `cargo bytes`, `cargo feel`.

use std::process::ExitCode;
use tickwire_games::for_each_game;
use tickwire_tools::cli::{Extras, GameTools, Origin, main as tools};

fn main() -> ExitCode {
    macro_rules! games {
        ($($game:ty),*) => { vec![$(GameTools::of::<$game>()),*] };
    }
    let origin = Origin {
        program: env!("CARGO_BIN_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        folder: tickwire_bench::SERVER_FOLDER,
    };
    let feel = vec![("arena", tickwire_bench::feel::arena())];
    tools(origin, for_each_game!(games), Extras { default_game: Some("arena"), feel })
}
