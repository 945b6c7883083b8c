//! From the client's crate to a small `.wasm` and the module that loads it.
//!
//! cargo compiles, wasm-bindgen writes the glue, wasm-opt shrinks. cargo alone decides whether anything must be
//! compiled. wasm-opt comes from npm; without npm the client is somewhat larger and otherwise the same. Leaves out
//! snippets of JavaScript inside Rust: the page's modules are files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wasm_bindgen_cli_support::Bindgen;

use crate::Workspace;
use crate::assets::Asset;
use crate::command::{self, CommandError, Progress, say};
use crate::toolchain::{TARGET, Toolchain};

/// Time limit for a complete compilation on a slow machine.
pub(crate) const COMPILE_LIMIT: Duration = Duration::from_secs(3600);

/// Time limit for the download of wasm-opt, 25 MB.
const INSTALL_LIMIT: Duration = Duration::from_secs(120);

/// Time limit for shrinking one module.
const OPTIMIZE_LIMIT: Duration = Duration::from_secs(300);

/// The npm package with wasm-opt.
const BINARYEN: &str = "binaryen@132.0.0";

/// The cargo profile that modules are compiled with.
const PROFILE: &str = "wasm";

/// The page's module.
pub(crate) const CLIENT: Module = Module { package: "tickwire-client", stem: "tickwire_client" };

/// Features that rustc emits for the target by default and that every browser of the last years supports. wasm-opt may
/// use no others.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// A library crate of the workspace that becomes a module for browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// The crate.
    pub package: &'static str,
    /// The stem of its files' names: the crate's name in Rust.
    pub stem: &'static str,
}

/// Reasons why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// cargo or wasm-opt failed.
    #[error("the client could not be compiled")]
    Compile(#[from] CommandError),
    /// wasm-bindgen refused the module.
    #[error("wasm-bindgen could not write the client's module: {reason}")]
    Bindgen {
        /// Its error message.
        reason: String,
    },
    /// A folder where only files are expected.
    #[error(
        "{}: folders are not served; JavaScript of the client belongs into files of client-wasm/web",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Compiles a module and returns its path as cargo left it.
///
/// # Errors
/// When it does not compile.
pub(crate) fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    module: Module,
    features: &[&str],
) -> Result<PathBuf, WasmError> {
    let target = workspace.target().join("wasm");
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--profile", PROFILE, "-p", module.package, "--lib", "--target", TARGET]);
    if !features.is_empty() {
        cargo.arg("--features").arg(features.join(","));
    }
    cargo.env("CARGO_TARGET_DIR", &target);
    cargo.arg("--config").arg(path_setting(workspace));
    toolchain.apply(&mut cargo);
    let mut progress = Progress::start("client: compiling to WebAssembly");
    command::run(&mut cargo, COMPILE_LIMIT, |line| progress.watch_cargo(line))?;
    Ok(target.join(TARGET).join(PROFILE).join(module.stem).with_extension("wasm"))
}

/// Replaces the folders of this machine in the client's panic messages: the page is public, and equal sources shall
/// have equal names on every machine that builds them. Covers only code outside of the workspace, because cargo names
/// code inside by its path below the workspace.
fn path_setting(workspace: &Workspace) -> String {
    let registry = workspace.tools.cargo_home.iter().map(|home| home.join("registry/src"));
    let flags = registry.map(|from| format!("--remap-path-prefix={}=crates", from.display()));
    format!("target.{TARGET}.rustflags={:?}", flags.collect::<Vec<_>>())
}

/// Turns the `compiled` module into the two files that a page loads, and gives their folder.
///
/// # Errors
/// See [`WasmError`].
pub(crate) fn link(workspace: &Workspace, module: Module, compiled: &Path) -> Result<PathBuf, WasmError> {
    let _progress = Progress::start("client: linking and shrinking");
    let folder = workspace.target().join("wasm/bindgen").join(module.stem);
    if folder.exists() {
        file(&folder, fs::remove_dir_all(&folder))?;
    }
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(compiled)
        .out_name(module.stem)
        .typescript(false)
        // Without the default path the page could not call `init()`.
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    let written = bindgen.web(true).and_then(|bindgen| bindgen.generate(&folder));
    written.map_err(|error| WasmError::Bindgen { reason: format!("{error:#}") })?;
    shrink(workspace, &folder.join(format!("{}_bg.wasm", module.stem)))?;
    Ok(folder)
}

/// The files of a folder that has no folders, hidden files apart.
///
/// # Errors
/// When an entry cannot be read, or is a folder.
pub(crate) fn read_folder(folder: &Path) -> Result<Vec<Asset>, WasmError> {
    let mut assets = Vec::new();
    for entry in file(folder, fs::read_dir(folder))? {
        let entry = file(folder, entry)?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            return Err(WasmError::Folder { path });
        }
        let content = file(&path, fs::read(&path))?;
        assets.push(Asset { name, content });
    }
    Ok(assets)
}

fn file<T>(path: &Path, result: io::Result<T>) -> Result<T, WasmError> {
    result.map_err(|source| WasmError::File { path: path.to_owned(), source })
}

/// Replaces `module` by a smaller one with the same behaviour.
fn shrink(workspace: &Workspace, module: &Path) -> Result<(), WasmError> {
    let Some(wasm_opt) = install_wasm_opt(workspace) else {
        return Ok(());
    };
    let mut command = Command::new(wasm_opt);
    command.args(["-Oz", "--converge"]).args(FEATURES).arg("--strip-debug").arg("--strip-target-features");
    command.arg(module).arg("-o").arg(module);
    command::run(&mut command, OPTIMIZE_LIMIT, |_| ())?;
    Ok(())
}

/// The path of wasm-opt. `None`, with a note, where npm is missing or fails.
fn install_wasm_opt(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.target().join("wasm-opt").join(BINARYEN);
    let (program, marker) = (folder.join("node_modules/.bin/wasm-opt"), folder.join("complete"));
    if marker.is_file() {
        return Some(program);
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]);
    npm.arg("--prefix").arg(&folder).arg(BINARYEN);
    let installed = fs::create_dir_all(&folder)
        .map_err(|source| CommandError::Start { program: "npm".to_owned(), source })
        .and_then(|()| command::run(&mut npm, INSTALL_LIMIT, |_| ()))
        .and_then(|_| command::run(Command::new(&program).arg("--version"), OPTIMIZE_LIMIT, |_| ()));
    match installed {
        Ok(_) => {
            // Without the marker the next build installs again, which does no harm.
            let _ = fs::write(marker, BINARYEN);
            Some(program)
        }
        Err(error) => {
            say(&format!("client: not shrunk, because wasm-opt could not be installed with npm: {error}"));
            None
        }
    }
}
