//! `cargo tickwire`: reads the command line and prints the result; everything else is in the library.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use cargo_tickwire::{
    BuildError, BuildOptions, Built, Flavour, Listen, NewError, NewGame, Project, Selection, ServerAddress, Source,
    StaticSite, Template, TestError, Tools, tools_of_environment,
};
use clap::{Args, Parser, Subcommand};

/// Makes, builds, plays and tests games with Tickwire.
#[derive(Debug, Parser)]
#[command(name = "cargo-tickwire", bin_name = "cargo tickwire", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Makes a new game: a crate of its own, which plays at once.
    New(New),
    /// Builds and serves the game, and does so again after each change: the page reloads by itself.
    Dev(Dev),
    /// Builds the server's program with its page inside.
    Build(Build),
    /// Builds, serves everything and prints the address.
    Play(Play),
    /// Tests the game: its own tests, the same world natively, in node and in Chromium, bytes, and bots on a server.
    Test {
        /// Compares worlds in node only, for a machine without Chromium and its driver.
        #[arg(long)]
        node_only: bool,
    },
    /// Plays the game natively and in other machines, and compares every tick.
    Determinism {
        /// Options of the comparison, such as --ticks 20000 --seeds 8 --engines chromium,firefox.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Waits for the server and opens its page.
    #[command(hide = true)]
    Open {
        /// The server's port on this machine.
        port: u16,
    },
}

#[derive(Debug, Clone, Args)]
struct New {
    /// The name of the game, of its crate and of its folder, such as my-game.
    name: String,
    /// The way to build a game that it begins with.
    #[arg(long, value_enum, default_value_t)]
    template: Template,
    /// The folder of Tickwire; by default the one that this tool was installed from.
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Args)]
struct Dev {
    /// The port to serve on.
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Opens the page in the browser.
    #[arg(long)]
    open: bool,
}

#[derive(Debug, Clone, Args)]
struct Build {
    /// Adds the hooks with which browser tests damage a client's world; never for players.
    #[arg(long, hide = true, conflicts_with_all = ["static_site", "npm"])]
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
    /// The server's program, built already by a call that covers more than this package.
    #[arg(long, hide = true, value_name = "FILE")]
    program: Option<PathBuf>,
}

impl Build {
    fn options(self) -> BuildOptions {
        let Self { test_hooks, hold_budget, static_site, server, server_choice, npm, program } = self;
        let site = static_site.zip(server).map(|(folder, server)| StaticSite { folder, server, server_choice });
        let flavour = if test_hooks { Flavour::TestHooks } else { Flavour::Players };
        BuildOptions { flavour, hold_budget, static_site: site, npm, program }
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
    /// The package with the game; by default that of the current folder.
    #[arg(short, long, global = true, value_name = "NAME")]
    package: Option<String>,
    /// The package's Cargo.toml, or that of its workspace.
    #[arg(long, global = true, value_name = "FILE")]
    manifest_path: Option<PathBuf>,
    /// Source of the compiler for WebAssembly.
    #[arg(long, global = true, value_enum, default_value_t)]
    toolchain: Source,
}

impl Place {
    /// The package and the tools to build it with.
    fn project(&self) -> Result<Project, BuildError> {
        let selection = Selection { manifest: self.manifest_path.clone(), package: self.package.clone() };
        let tools: Tools = tools_of_environment();
        Ok(Project::find(&selection, tools)?)
    }
}

fn main() -> ExitCode {
    // cargo calls its subcommand as `cargo-tickwire tickwire …`; an alias such as `cargo play` ends in a `--` of its own,
    // so in `cargo play -- --lan` a second one reaches this program.
    let mut arguments: Vec<_> = env::args_os().filter(|argument| argument != "--").collect();
    if arguments.get(1).is_some_and(|first| first == "tickwire") {
        arguments.remove(1);
    }
    let Arguments { task, place } = Arguments::parse_from(arguments);
    let done: Result<(), Box<dyn Error>> = match task {
        Task::New(new) => make(new).map_err(Into::into),
        Task::Dev(dev) => develop(dev, &place),
        Task::Build(options) => build(&place, &options.options()).map_err(Into::into),
        Task::Play(play) => serve(play, &place).map_err(Into::into),
        Task::Test { node_only } => test(&place, node_only).map_err(Into::into),
        Task::Determinism { options } => compare(&place, &options).map_err(Into::into),
        Task::Open { port } => {
            cargo_tickwire::open_when_up(port);
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            explain(&*error);
            ExitCode::FAILURE
        }
    }
}

fn make(New { name, template, path }: New) -> Result<(), NewError> {
    let made = NewGame { name, template, tickwire: path }
        .make(&env::current_dir().unwrap_or_default(), &tools_of_environment())?;
    let folder = made.folder.display();
    say(&format!("made: {folder}, {} files from the template {template}", made.files));
    if let Some(workspace) = made.workspace {
        let profiles = "[profile.release] of its Cargo.toml needs overflow-checks = true";
        say(&format!("it is a member of the workspace {}: {profiles}", workspace.display()));
    }
    say(&format!("play it: cd {:?} && cargo tickwire dev --open", made.folder));
    say("then read AGENTS.md there, change src/lib.rs, and watch the page");
    Ok(())
}

fn develop(Dev { port, open }: Dev, place: &Place) -> Result<(), Box<dyn Error>> {
    Ok(cargo_tickwire::develop(&place.project()?, place.toolchain, port, open)?)
}

fn build(place: &Place, options: &BuildOptions) -> Result<(), BuildError> {
    let project = place.project()?;
    let Built { report, server } = cargo_tickwire::build(&project, place.toolchain, options)?;
    say(&format!("client: {report}"));
    for folder in options.static_site.iter().map(|site| &site.folder).chain(&options.npm) {
        say(&format!("written: {}", folder.display()));
    }
    match options.flavour {
        // A page or package for elsewhere makes no server.
        Flavour::Players if options.static_site.is_some() || options.npm.is_some() => {}
        Flavour::Players => {
            say("server, with its page inside:");
            // The one line on standard output, for scripts. When nobody reads it, it is of no use.
            let _ = writeln!(io::stdout(), "{}", server.display());
        }
        flavour => say(&format!("page: {}", project.page_of(flavour).display())),
    }
    Ok(())
}

fn serve(play: Play, place: &Place) -> Result<(), BuildError> {
    let project = place.project()?;
    let Built { report, server } = cargo_tickwire::build(&project, place.toolchain, &BuildOptions::default())?;
    say(&format!("client: {report}"));
    let listen = Listen { port: play.port, lan: play.lan };
    for url in listen.lan_urls() {
        say(&format!("in your network: {url}"));
    }
    if play.open {
        cargo_tickwire::open_later(play.port);
    }
    match cargo_tickwire::become_server(&server, listen, project.target())? {}
}

fn test(place: &Place, node_only: bool) -> Result<(), TestError> {
    let hosts: &[String] = if node_only { &["--node-only".to_owned()] } else { &[] };
    cargo_tickwire::test(&place.project()?, place.toolchain, hosts)
}

fn compare(place: &Place, options: &[String]) -> Result<(), TestError> {
    cargo_tickwire::determinism(&place.project()?, place.toolchain, options)
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
        let arguments = Arguments::try_parse_from(["cargo-tickwire", "build"].iter().chain(arguments))?;
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
        assert_eq!(options(&["--test-hooks", "--hold-budget"]).unwrap().flavour, Flavour::TestHooks);
        assert!(options(&["--test-hooks", "--npm", "packages"]).is_err());
        assert!(options(&["--test-hooks", "--static", "site", "--server", "wss://play.example"]).is_err());
    }
}
