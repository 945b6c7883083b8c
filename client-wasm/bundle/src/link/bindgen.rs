//! wasm-bindgen, in the version that a module was compiled with.
//!
//! A module and the program that writes its glue have to be of versions that understand each other. This program holds
//! one version. For a module of another one that it does not understand, the program `wasm-bindgen` of exactly that
//! version is built once, below the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wasm_bindgen_cli_support::Bindgen;

use crate::Project;
use crate::command::{self, CommandError, Progress, say};
use crate::wasm::Compiled;

/// Time limit for building the program; it takes about two minutes.
const INSTALL_LIMIT: Duration = Duration::from_secs(1_800);

/// Time limit for one module.
const BIND_LIMIT: Duration = Duration::from_secs(120);

/// Reasons why wasm-bindgen wrote no files.
#[derive(Debug, thiserror::Error)]
pub enum BindgenError {
    /// It refused a module of its own version.
    #[error("wasm-bindgen could not write the files of {stem}: {reason}")]
    Refused {
        /// The module's name.
        stem: String,
        /// The error message of wasm-bindgen.
        reason: String,
    },
    /// There is no program of the version that the module needs.
    #[error(
        "the game was compiled with wasm-bindgen {wanted}, this program understands {own}, and wasm-bindgen-cli {wanted} \
         could not be installed: run `cargo update -p wasm-bindgen --precise {own}` in the game's workspace"
    )]
    Version {
        /// The version in the lock file of the game.
        wanted: String,
        /// The version of this program.
        own: String,
        /// cargo's own words.
        source: CommandError,
    },
    /// The program of that version failed.
    #[error("wasm-bindgen {version} could not write the files of a module")]
    Program {
        /// The version.
        version: String,
        /// Its own words.
        source: CommandError,
    },
}

/// Writes the glue of a module, its types and the module itself into `folder`.
///
/// # Errors
/// See [`BindgenError`].
pub(super) fn bind(project: &Project, compiled: &Compiled, folder: &Path) -> Result<(), BindgenError> {
    let wanted = project.wasm_bindgen();
    match bind_here(compiled, folder) {
        Ok(()) => return Ok(()),
        Err(error) if wanted == own_version() => return Err(error),
        Err(error) => say(&format!("client: {error}")),
    }
    let program = install(project, wanted)?;
    let mut bindgen = Command::new(program);
    bindgen.args(["--target", "web", "--remove-name-section", "--remove-producers-section", "--out-name"]);
    bindgen.arg(&compiled.stem).arg("--out-dir").arg(folder).arg(&compiled.path);
    let bound = command::run(&mut bindgen, BIND_LIMIT, |_| ());
    bound.map(drop).map_err(|source| BindgenError::Program { version: wanted.to_owned(), source })
}

fn bind_here(compiled: &Compiled, folder: &Path) -> Result<(), BindgenError> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(&compiled.path)
        .out_name(&compiled.stem)
        .typescript(true)
        // Without the default path a page could not call `init()`.
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    let written = bindgen.web(true).and_then(|bindgen| bindgen.generate(folder));
    written.map_err(|error| BindgenError::Refused { stem: compiled.stem.clone(), reason: format!("{error:#}") })
}

/// The version of wasm-bindgen in this program.
fn own_version() -> String {
    wasm_bindgen_shared::version()
}

/// The path of the program `wasm-bindgen` of a version, built where it is not there yet.
fn install(project: &Project, version: &str) -> Result<PathBuf, BindgenError> {
    let root = project.wasm().join("wasm-bindgen").join(version);
    let program = root.join("bin").join("wasm-bindgen");
    if program.is_file() {
        return Ok(program);
    }
    let _progress = Progress::start(format!("client: building wasm-bindgen {version}, once"));
    let mut cargo = project.cargo();
    cargo.args(["install", "wasm-bindgen-cli", "--locked", "--version", version, "--root"]).arg(&root);
    // The program runs here, whatever the game is built for.
    let target = root.join("target");
    cargo.env("CARGO_TARGET_DIR", &target).env_remove("CARGO_BUILD_TARGET").current_dir(std::env::temp_dir());
    command::run(&mut cargo, INSTALL_LIMIT, |_| ()).map_err(|source| BindgenError::Version {
        wanted: version.to_owned(),
        own: own_version(),
        source,
    })?;
    // Half a gigabyte that nobody needs again.
    let _ = std::fs::remove_dir_all(target);
    Ok(program)
}
