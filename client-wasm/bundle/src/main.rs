//! `tickwire-bundle build` makes the browser client, `tickwire-bundle play` (or `cargo play`) also serves it. Reads the
//! command line and prints the result; everything else is in the library.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tickwire_bundle::{BuildError, BuildOptions, Listen, ServerAddress, Source, StaticSite, Tools, Workspace};

/// Builds the browser client of Tickwire, and plays.
#[derive(Debug, Parser)]
#[command(name = "tickwire-bundle", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds the client and its page into client-wasm/dist.
    Build(Build),
    /// Builds the client and the server, serves everything and prints the address.
    Play(Play),
    /// Waits for the server and opens its page.
    #[command(hide = true)]
    Open {
        /// The server's port on this machine.
        port: u16,
    },
}

#[derive(Debug, Clone, Args)]
struct Build {
    /// Adds the hooks with which browser tests damage a client's world; never for players.
    #[arg(long, conflicts_with_all = ["static_site", "npm"])]
    test_hooks: bool,
    /// Fails when a part of the page is larger than its budget.
    #[arg(long)]
    hold_budget: bool,
    /// Also writes the page into FOLDER, for a portal or a static host.
    #[arg(long = "static", id = "static_site", value_name = "FOLDER", requires = "server")]
    static_site: Option<PathBuf>,
    /// The server of that page, such as wss://play.example/path.
    #[arg(long, value_name = "ADDRESS", requires = "static_site")]
    server: Option<ServerAddress>,
    /// Lets that page believe another server in its own address, as ?server=wss://….
    #[arg(long, requires = "static_site")]
    server_choice: bool,
    /// Also writes the packages for npm below FOLDER.
    #[arg(long, value_name = "FOLDER")]
    npm: Option<PathBuf>,
}

impl Build {
    fn options(self) -> BuildOptions {
        let Self { test_hooks, hold_budget, static_site, server, server_choice, npm } = self;
        let site = static_site.zip(server).map(|(folder, server)| StaticSite { folder, server, server_choice });
        BuildOptions { test_hooks, hold_budget, static_site: site, npm }
    }
}

#[derive(Debug, Clone, Copy, Args)]
struct Play {
    /// The port to serve on.
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Lets other machines in the same network join, such as a phone.
    #[arg(long)]
    lan: bool,
    /// Opens the page in the browser.
    #[arg(long)]
    open: bool,
}

#[derive(Debug, Clone, Args)]
struct Place {
    /// Source of the compiler for WebAssembly.
    #[arg(long, global = true, value_enum, default_value_t)]
    toolchain: Source,
    /// The folder of the workspace.
    #[arg(long, global = true, hide = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))]
    workspace: PathBuf,
    /// The cargo to build with.
    #[arg(long, global = true, hide = true, env = "CARGO", default_value = "cargo")]
    cargo: PathBuf,
    /// The compiler that this cargo uses.
    #[arg(long, global = true, hide = true, env = "RUSTC", default_value = "rustc")]
    rustc: PathBuf,
    /// The folder where cargo keeps its downloads.
    #[arg(long, global = true, hide = true, env = "CARGO_HOME")]
    cargo_home: Option<PathBuf>,
}

fn main() -> ExitCode {
    // The alias behind `cargo play` ends in a `--` of its own, so in `cargo play -- --lan` a second one reaches this
    // program.
    let arguments = env::args_os().filter(|argument| argument != "--");
    let Arguments { task, place } = Arguments::parse_from(arguments);
    let done = match task {
        Task::Build(options) => build(&place, &options.options()).map(|_| ()),
        Task::Play(play) => serve(play, &place),
        Task::Open { port } => {
            tickwire_bundle::open_when_up(port);
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            explain(&error);
            ExitCode::FAILURE
        }
    }
}

fn build(place: &Place, options: &BuildOptions) -> Result<Workspace, BuildError> {
    let Place { toolchain, workspace, cargo, rustc, cargo_home } = place.clone();
    let workspace = Workspace::new(&workspace, Tools { cargo, rustc, cargo_home })?;
    let report = tickwire_bundle::build(&workspace, toolchain, options)?;
    say(&format!("client: {report}"));
    for folder in options.static_site.iter().map(|site| &site.folder).chain(&options.npm) {
        say(&format!("written: {}", folder.display()));
    }
    Ok(workspace)
}

fn serve(play: Play, place: &Place) -> Result<(), BuildError> {
    let workspace = build(place, &BuildOptions::default())?;
    let listen = Listen { port: play.port, lan: play.lan };
    let served = tickwire_bundle::serve(&workspace, listen, || {
        for url in listen.lan_urls() {
            say(&format!("in your network: {url}"));
        }
        if play.open {
            tickwire_bundle::open_later(play.port);
        }
    });
    served.map(|never| match never {})
}

fn explain(error: &dyn Error) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("\n  because {error}"));
        cause = error.source();
    }
    say(&text);
}

fn say(line: &str) {
    // When standard error is closed, the line cannot be shown.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<BuildOptions, clap::Error> {
        let arguments = Arguments::try_parse_from(["tickwire-bundle", "build"].iter().chain(arguments))?;
        let Task::Build(build) = arguments.task else { unreachable!("the arguments begin with `build`") };
        Ok(build.options())
    }

    #[test]
    fn a_static_folder_needs_its_server_and_nothing_else_takes_one() {
        let site = options(&["--static", "site", "--server", "wss://play.example", "--server-choice"]).unwrap();
        let site = site.static_site.unwrap();
        assert_eq!((site.server.to_string().as_str(), site.server_choice), ("wss://play.example/", true));
        for wrong in [
            &["--static", "site"][..],
            &["--server", "wss://play.example"],
            &["--server-choice"],
            &["--static", "site", "--server", "play.example"],
        ] {
            assert!(options(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_leaves_this_machine_never_has_test_hooks() {
        assert!(options(&["--test-hooks", "--hold-budget"]).unwrap().test_hooks);
        assert!(options(&["--test-hooks", "--npm", "packages"]).is_err());
        assert!(options(&["--test-hooks", "--static", "site", "--server", "wss://play.example"]).is_err());
    }
}
