//! `cargo tickwire test`: whether a game keeps its promises, from its own tests to players on a real server.
//!
//! The measuring is done by the package's program with the tools; this module builds what that program needs, and calls
//! it. Leaves out what the tools find: they print it themselves.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::Value;

use crate::command::say;
use crate::program::{Profile, build};
use crate::project::Project;
use crate::toolchain::Source;
use crate::wasm::Flavour;
use crate::{BuildError, BuildOptions, build_modules};

/// The feature of a package with which its program with the tools is built.
const TOOLS: &str = "tools";

/// Ticks of each seed that a test compares natively and in each host.
const TICKS: &str = "3000";

/// Seeds of a test.
const SEEDS: &str = "2";

/// Rooms and seconds of the load test.
const ROOMS: &str = "2";
const SECONDS: &str = "5";

/// Reasons why a game has not passed.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// Something could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The package has no tools.
    #[error(
        "the package {package} has no program with the tools: it needs a [[bin]] whose name ends in `-tools`, with \
         `tickwire_tools::main!(…)` and `required-features = [\"tools\"]`, as `cargo tickwire new` makes it"
    )]
    NoTools {
        /// The package.
        package: String,
    },
    /// A program could not be started.
    #[error("`{program}` could not be started")]
    Start {
        /// The program.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// A step has failed; its output says why.
    #[error("{step}: not passed ({status})")]
    Failed {
        /// The step.
        step: &'static str,
        /// The exit status of its program.
        status: ExitStatus,
    },
}

/// Runs all tests of a package: its own, then determinism, bytes and load. The first that fails ends them.
///
/// # Errors
/// See [`TestError`].
pub fn test(project: &Project, source: Source, hosts: &[String]) -> Result<(), TestError> {
    step("tests of the crate", project.cargo().args(["test", "--quiet", "-p", project.package()]))?;
    let tools = tools(project)?;
    compare(project, source, &tools, &[&["--ticks", TICKS, "--seeds", SEEDS].map(str::to_owned), hosts].concat())?;
    let mut bytes = Command::new(&tools);
    bytes.arg("bytes");
    if let Some(budget) = budget(project) {
        bytes.args(["--budget", &budget]);
    }
    step("bytes on the wire", &mut bytes)?;
    let server = crate::build(project, source, &BuildOptions::default())?.server;
    let mut bots = Command::new(&tools);
    bots.args(["bots", "--rooms", ROOMS, "--seconds", SECONDS, "--server-program"]).arg(server);
    step("bots on a server", &mut bots)
}

/// Compares the game natively with other machines; `arguments` are those of the tools.
///
/// # Errors
/// See [`TestError`].
pub fn determinism(project: &Project, source: Source, arguments: &[String]) -> Result<(), TestError> {
    let tools = tools(project)?;
    compare(project, source, &tools, arguments)
}

fn compare(project: &Project, source: Source, tools: &Path, arguments: &[String]) -> Result<(), TestError> {
    let modules = build_modules(project, source, Flavour::Determinism)?;
    let mut compare = Command::new(tools);
    compare.arg("determinism").arg("--modules").arg(modules).args(arguments);
    step("the same world on every machine", &mut compare)
}

/// The program with the tools.
fn tools(project: &Project) -> Result<PathBuf, TestError> {
    let name = project.tools_bin().ok_or_else(|| TestError::NoTools { package: project.package().to_owned() })?;
    Ok(build(project, name, &[TOOLS], Profile::Release).map_err(BuildError::from)?)
}

/// The budget of bytes in the package's manifest, as JSON.
fn budget(project: &Project) -> Option<String> {
    let budget: &Value = &project.metadata()["bytes"];
    budget.is_object().then(|| budget.to_string())
}

/// Runs a program, whose output a person sees at once.
fn step(name: &'static str, command: &mut Command) -> Result<(), TestError> {
    say(&format!("\n{name}"));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(TestError::Failed { step: name, status }),
        Err(source) => Err(TestError::Start { program: command.get_program().to_string_lossy().into_owned(), source }),
    }
}
