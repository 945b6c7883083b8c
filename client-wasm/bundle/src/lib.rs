//! Builds the browser client: Rust to WebAssembly, the page around it, hashed names, compressed files.
//!
//! `client-wasm` and `client-wasm/web` in, `client-wasm/dist` out; a fresh machine needs nothing but cargo. Guarantees:
//! a warm build only compares hashes, two builds at once do not disturb each other, and a page over [`BUDGET_BYTES`] is
//! an error where the caller asks for that. Leaves out serving the files.

mod assets;
mod command;
mod dist;
mod play;
mod toolchain;
mod wasm;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub use crate::assets::AssetError;
pub use crate::command::CommandError;
pub use crate::dist::{BUDGET_BYTES, DistError, Report};
pub use crate::play::{Listen, open_later, open_when_up, serve};
pub use crate::toolchain::{DebianError, Source, ToolchainError};
pub use crate::wasm::{Module, WasmError};

use crate::assets::Asset;
use crate::dist::Dist;

/// cargo must answer with its target folder within this time.
const METADATA_LIMIT: Duration = Duration::from_secs(60);

/// Variables that `cargo run` sets for the program that it runs. If a cargo below it saw them, it would rebuild crates
/// whose build scripts watch them, and so would the next cargo above.
const CARGO_VARIABLES: [&str; 18] = [
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_LICENSE_FILE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_README",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// Reasons why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The path given does not lead to the workspace.
    #[error("{}: not the folder of the Tickwire workspace", path.display())]
    NotAWorkspace {
        /// The path.
        path: PathBuf,
    },
    /// No compiler for the browser.
    #[error("there is no compiler for WebAssembly")]
    Toolchain(#[from] ToolchainError),
    /// No client.
    #[error("the client could not be built")]
    Wasm(#[from] WasmError),
    /// The files do not fit together.
    #[error("the page in client-wasm/web does not fit together")]
    Assets(#[from] AssetError),
    /// The result could not be written, or is too large.
    #[error("the bundle could not be written")]
    Dist(#[from] DistError),
    /// The server did not compile or start.
    #[error("the server could not be built or started")]
    Server(#[from] CommandError),
    /// cargo does not name its target folder.
    #[error("`cargo metadata` names no target folder: is `cargo` a wrapper with output of its own?")]
    Metadata,
    /// The lock that keeps two builds apart could not be taken.
    #[error("{}: cannot be locked", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The programs that build, and the folder where cargo keeps its downloads.
#[derive(Debug, Clone)]
pub struct Tools {
    /// cargo.
    pub cargo: PathBuf,
    /// The compiler that this cargo uses.
    pub rustc: PathBuf,
    /// cargo's own folder, where known: its path does not get into the client.
    pub cargo_home: Option<PathBuf>,
}

/// The workspace, and the tools to build it with.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    /// cargo's own target folder, wherever cargo's settings put it.
    target: PathBuf,
    tools: Tools,
}

impl Workspace {
    /// The workspace in the folder `root`, built by `tools`.
    ///
    /// # Errors
    /// When `root` has no `Cargo.toml` and no `client-wasm/web`.
    pub fn new(root: &Path, tools: Tools) -> Result<Self, BuildError> {
        let not_a_workspace = || BuildError::NotAWorkspace { path: root.to_owned() };
        let root = root.canonicalize().map_err(|_| not_a_workspace())?;
        if !root.join("Cargo.toml").is_file() || !root.join("client-wasm/web").is_dir() {
            return Err(not_a_workspace());
        }
        let target = target_folder(&tools.cargo, &root)?;
        Ok(Self { root, target, tools })
    }

    fn target(&self) -> &Path {
        &self.target
    }

    /// cargo, with an environment as if no other cargo had started it.
    fn cargo(&self) -> Command {
        let mut cargo = Command::new(&self.tools.cargo);
        for variable in CARGO_VARIABLES {
            cargo.env_remove(variable);
        }
        // Settings in `.cargo` are found from the current folder, not from the manifest.
        cargo.current_dir(&self.root);
        cargo
    }
}

/// Options of a bundle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Whether the client has the hooks with which tests damage its world; never for players.
    pub test_hooks: bool,
    /// Whether a page over [`BUDGET_BYTES`] is an error.
    pub hold_budget: bool,
}

/// Builds the bundle where it is not up to date.
///
/// # Errors
/// See [`BuildError`].
pub fn build(workspace: &Workspace, source: Source, options: BuildOptions) -> Result<Report, BuildError> {
    let report = build_dist(workspace, source, options)?;
    if options.hold_budget {
        dist(workspace).check_budget()?;
    }
    Ok(report)
}

fn dist(workspace: &Workspace) -> Dist {
    Dist::new(workspace.root.join("client-wasm/dist"), workspace.target().join("wasm/bundle.stamp"))
}

fn build_dist(workspace: &Workspace, source: Source, options: BuildOptions) -> Result<Report, BuildError> {
    let _lock = lock(&workspace.target().join("wasm/bundle.lock"))?;
    let toolchain = toolchain::prepare(workspace, source)?;
    let features: &[&str] = if options.test_hooks { &["test-hooks"] } else { &[] };
    let module = wasm::compile(workspace, &toolchain, wasm::CLIENT, features)?;
    let mut assets = wasm::read_folder(&workspace.root.join("client-wasm/web"))?;
    let inputs = {
        let content = fs::read(&module).map_err(|source| WasmError::File { path: module.clone(), source })?;
        let compiled = Asset { name: "client".to_owned(), content };
        assets.push(compiled);
        let inputs = dist::hash_inputs(&assets);
        assets.pop();
        inputs
    };
    let dist = dist(workspace);
    if let Some(report) = dist.up_to_date(inputs) {
        return Ok(report);
    }
    assets.extend(wasm::read_folder(&wasm::link(workspace, wasm::CLIENT, &module)?)?);
    Ok(dist.write(inputs, assets::name_by_content(assets)?)?)
}

/// Builds another module as the client is built, and gives the folder with its `.js` and `_bg.wasm`.
///
/// # Errors
/// See [`BuildError`].
pub fn build_module(workspace: &Workspace, source: Source, module: Module) -> Result<PathBuf, BuildError> {
    let _lock = lock(&workspace.target().join("wasm/bundle.lock"))?;
    let toolchain = toolchain::prepare(workspace, source)?;
    let compiled = wasm::compile(workspace, &toolchain, module, &[])?;
    Ok(wasm::link(workspace, module, &compiled)?)
}

/// The folder into which cargo builds: `CARGO_TARGET_DIR`, `build.target-dir` or `target`.
fn target_folder(cargo: &Path, root: &Path) -> Result<PathBuf, BuildError> {
    let mut metadata = Command::new(cargo);
    metadata.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root);
    let answer = command::run(&mut metadata, METADATA_LIMIT, |_| ())?;
    let answer: serde_json::Value = serde_json::from_str(&answer).map_err(|_| BuildError::Metadata)?;
    answer["target_directory"].as_str().map(PathBuf::from).ok_or(BuildError::Metadata)
}

/// The lock is held until the file is closed; the system closes it for a process that dies.
fn lock(path: &Path) -> Result<File, BuildError> {
    let locked = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
        let file = File::create(path)?;
        file.lock()?;
        Ok(file)
    });
    locked.map_err(|source| BuildError::Lock { path: path.to_owned(), source })
}
