//! The compiler for `wasm32-unknown-unknown`, on any machine.
//!
//! The ways in this order: the target is installed; rustup adds it; on Debian the distribution's own compiler is
//! unpacked below `target/`, without root and without installing anything. A pure function over the findings decides on
//! the next step. Leaves out every other way: the error tells the person how to go on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Project;
use crate::command::{self, CommandError, Progress, say};

mod debian;

pub use debian::DebianError;

/// The target that browsers run.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A rustup that has not added a target (about 20 MB) after this time never will.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// Time limit for a question to a local program.
const QUESTION_LIMIT: Duration = Duration::from_secs(20);

/// Sources of the compiler for the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Source {
    /// The first way that works.
    #[default]
    Auto,
    /// Only Debian's packages: tests on any Debian machine that this way works.
    Debian,
}

/// A compiler that can build the target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The compiler in use has the target.
    Installed,
    /// Debian's compiler, unpacked: it has no std for the target, so cargo builds that from its sources.
    Debian {
        /// The compiler.
        rustc: PathBuf,
        /// A linker that writes WebAssembly.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Makes `cargo`, a `cargo build`, use this compiler.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        let Self::Debian { rustc, linker } = self else {
            return;
        };
        cargo
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC", rustc)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
}

/// Reasons why there is no compiler for the browser.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// This machine has none of the three ways.
    #[error(
        "this machine cannot build for {TARGET}: install Rust with rustup and run `rustup target add {TARGET}`, \
         or build on Debian, whose packages are used when rustup cannot"
    )]
    NoWay,
    /// The compiler in use did not answer.
    #[error("the Rust compiler does not work")]
    Compiler(#[from] CommandError),
    /// Debian's packages did not give a compiler.
    #[error("rustup did not provide {TARGET}, and Debian's packages could not take its place")]
    Debian(#[from] DebianError),
}

/// The findings about this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Findings {
    /// The compiler in use has the standard library of the target.
    target_installed: bool,
    /// Debian's compiler was unpacked by an earlier build.
    debian_unpacked: bool,
    /// rustup may be asked; false once it has failed.
    rustup: bool,
    /// apt and dpkg are there.
    apt: bool,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    UseInstalled,
    UseUnpacked,
    AskRustup,
    UnpackDebian,
}

/// The unpacked compiler goes before rustup: it is there because rustup had failed, and a second attempt would cost
/// every build up to [`RUSTUP_LIMIT`].
fn choose(source: Source, findings: Findings) -> Option<Way> {
    let any = source == Source::Auto;
    if any && findings.target_installed {
        Some(Way::UseInstalled)
    } else if findings.debian_unpacked {
        Some(Way::UseUnpacked)
    } else if any && findings.rustup {
        Some(Way::AskRustup)
    } else if findings.apt {
        Some(Way::UnpackDebian)
    } else {
        None
    }
}

/// Finds or makes a compiler for the target.
///
/// # Errors
/// See [`ToolchainError`].
pub(crate) fn prepare(project: &Project, source: Source) -> Result<Toolchain, ToolchainError> {
    let debian = debian::Unpacked::below(project);
    let mut findings = Findings {
        target_installed: source == Source::Auto && has_target(project)?,
        debian_unpacked: false,
        rustup: true,
        apt: true,
    };
    if findings.target_installed {
        return Ok(Toolchain::Installed);
    }
    findings.debian_unpacked = debian.is_complete();
    loop {
        match choose(source, findings).ok_or(ToolchainError::NoWay)? {
            Way::UseInstalled => return Ok(Toolchain::Installed),
            Way::UseUnpacked => {
                let (rustc, linker) = (debian.rustc(), debian::find_linker(project)?);
                return Ok(Toolchain::Debian { rustc, linker });
            }
            Way::AskRustup => {
                findings.target_installed = ask_rustup() && has_target(project)?;
                findings.rustup = false;
                findings.apt = answers("apt-get") && answers("dpkg-deb");
            }
            Way::UnpackDebian => {
                debian.unpack()?;
                findings.debian_unpacked = true;
            }
        }
    }
}

/// Whether the compiler in use has the standard library of the target.
fn has_target(project: &Project) -> Result<bool, CommandError> {
    let folder = ask_rustc(&project.tools().rustc, &["--print", "target-libdir", "--target", TARGET])?;
    let Ok(entries) = fs::read_dir(folder.trim_end()) else {
        return Ok(false);
    };
    Ok(entries.flatten().any(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("libstd-")
    }))
}

fn ask_rustc(rustc: &Path, question: &[&str]) -> Result<String, CommandError> {
    command::run(Command::new(rustc).args(question), QUESTION_LIMIT, |_| ())
}

fn ask_rustup() -> bool {
    let _progress = Progress::start("client: adding the WebAssembly target with rustup");
    let added = command::run(Command::new("rustup").args(["target", "add", TARGET]), RUSTUP_LIMIT, |_| ());
    if added.is_err() {
        // Debian's packages may still do. rustup's output is not shown: it does not help a person without access to its
        // server.
        say(&format!("client: rustup cannot add {TARGET} here; looking for Debian's compiler instead"));
    }
    added.is_ok()
}

fn answers(program: &str) -> bool {
    command::run(Command::new(program).arg("--version"), QUESTION_LIMIT, |_| ()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Findings = Findings { target_installed: false, debian_unpacked: false, rustup: false, apt: false };

    #[test]
    fn an_installed_target_goes_before_every_other_way() {
        let findings = Findings { target_installed: true, debian_unpacked: true, rustup: true, apt: true };
        assert_eq!(choose(Source::Auto, findings), Some(Way::UseInstalled));
    }

    #[test]
    fn rustup_goes_before_packages() {
        let findings = Findings { rustup: true, apt: true, ..NOTHING };
        assert_eq!(choose(Source::Auto, findings), Some(Way::AskRustup));
    }

    #[test]
    fn rustup_is_not_asked_again_once_packages_are_unpacked() {
        let findings = Findings { debian_unpacked: true, rustup: true, apt: true, ..NOTHING };
        assert_eq!(choose(Source::Auto, findings), Some(Way::UseUnpacked));
    }

    #[test]
    fn packages_are_unpacked_when_rustup_failed() {
        let findings = Findings { apt: true, ..NOTHING };
        assert_eq!(choose(Source::Auto, findings), Some(Way::UnpackDebian));
    }

    #[test]
    fn without_rustup_and_apt_there_is_no_way() {
        assert_eq!(choose(Source::Auto, NOTHING), None);
    }

    #[test]
    fn the_debian_source_skips_every_other_way() {
        let findings = Findings { target_installed: true, debian_unpacked: false, rustup: true, apt: true };
        assert_eq!(choose(Source::Debian, findings), Some(Way::UnpackDebian));
        let findings = Findings { debian_unpacked: true, ..findings };
        assert_eq!(choose(Source::Debian, findings), Some(Way::UseUnpacked));
    }

    #[test]
    fn only_the_unpacked_compiler_changes_how_cargo_is_called() {
        let mut cargo = Command::new("cargo");
        Toolchain::Installed.apply(&mut cargo);
        assert_eq!((cargo.get_args().count(), cargo.get_envs().count()), (0, 0));
        let debian = Toolchain::Debian { rustc: PathBuf::from("/t/rustc"), linker: PathBuf::from("/t/lld") };
        debian.apply(&mut cargo);
        assert_eq!(cargo.get_args().collect::<Vec<_>>(), ["-Zbuild-std=std,panic_abort"]);
        assert_eq!(cargo.get_envs().count(), 3);
    }
}
