//! Builds the browser client: Rust to WebAssembly, one module per game, the page around them, hashed names, compressed
//! files.
//!
//! `client-wasm`, `client-wasm/js` and `client-wasm/web` in, `client-wasm/dist` out; a fresh machine needs nothing but
//! cargo. Guarantees: a warm build only compares hashes, a change of one game leaves the others as they are, two builds
//! at once do not disturb each other, and a page over its budget is an error where the caller asks for that. On demand
//! the page also goes into a folder for a static host, and client and games into packages for npm. Leaves out serving
//! the files.

mod assets;
mod budget;
mod command;
mod describe;
mod dist;
mod esbuild;
mod link;
mod npm;
mod npm_tool;
mod own_folder;
mod page;
mod play;
#[cfg(test)]
mod scratch;
mod static_site;
mod toolchain;
mod wasm;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub use crate::assets::AssetError;
pub use crate::budget::{GAME_BUDGET_BYTES, LOBBY_BUDGET_BYTES, OverBudget, PACKAGE_BUDGET_BYTES, Part, Report};
pub use crate::command::CommandError;
pub use crate::describe::DescribeError;
pub use crate::dist::DistError;
pub use crate::esbuild::EsbuildError;
pub use crate::link::LinkError;
pub use crate::npm::NpmError;
pub use crate::own_folder::FolderError;
pub use crate::page::PageError;
pub use crate::play::{Listen, open_later, open_when_up, serve};
pub use crate::static_site::{AddressError, ServerAddress, StaticError, StaticSite};
pub use crate::toolchain::{DebianError, Source, ToolchainError};
pub use crate::wasm::{Module, WasmError};

use crate::assets::Asset;
use crate::dist::Dist;
use crate::esbuild::Esbuild;
use crate::page::Page;

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
    /// No list of games.
    #[error("the games could not be described")]
    Describe(#[from] DescribeError),
    /// No client.
    #[error("the client could not be built")]
    Wasm(#[from] WasmError),
    /// A module that could not be made ready for a page.
    #[error("the client could not be linked")]
    Link(#[from] LinkError),
    /// The scripts could not be made ready for browsers.
    #[error("the page's scripts could not be joined")]
    Esbuild(#[from] EsbuildError),
    /// The files could not be read.
    #[error("the page could not be read")]
    Page(#[from] PageError),
    /// The files do not fit together.
    #[error("the page in client-wasm/web does not fit together")]
    Assets(#[from] AssetError),
    /// The result could not be written.
    #[error("the bundle could not be written")]
    Dist(#[from] DistError),
    /// The result is too large.
    #[error("the page is too large")]
    Budget(#[from] OverBudget),
    /// The folder for a static host could not be written.
    #[error("there is no folder for a static host")]
    Static(#[from] StaticError),
    /// The packages for npm could not be written.
    #[error("there are no packages for npm")]
    Npm(#[from] NpmError),
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Whether the client has the hooks with which tests damage its world; never for players.
    pub test_hooks: bool,
    /// Whether a part of the page over its budget is an error.
    pub hold_budget: bool,
    /// A folder for a static host, to be written besides.
    pub static_site: Option<StaticSite>,
    /// The folder below which the packages for npm are written besides.
    pub npm: Option<PathBuf>,
}

/// Builds the bundle where it is not up to date.
///
/// # Errors
/// See [`BuildError`].
pub fn build(workspace: &Workspace, source: Source, options: &BuildOptions) -> Result<Report, BuildError> {
    let _lock = lock(&workspace.target().join("wasm/bundle.lock"))?;
    let toolchain = toolchain::prepare(workspace, source)?;
    let page = Page::gather(workspace, &toolchain, options.test_hooks)?;
    let assets = page.assets();
    let dist = dist_of(workspace, options);
    let (files, written) = match dist.up_to_date(dist::hash_inputs(&assets, true)) {
        Some(files) => (files, false),
        None => write_dist(workspace, &dist, assets)?,
    };
    let report = page.division().report(&files, esbuild::sizes(workspace, &page.package)?, written);
    if options.hold_budget {
        report.check_budget()?;
    }
    if let Some(site) = &options.static_site {
        site.write(files)?;
    }
    if let Some(folder) = &options.npm {
        npm::write(&workspace.root, &page, folder)?;
    }
    Ok(report)
}

/// The folder of the page. A page or package for elsewhere leaves that of this workspace's server alone.
fn dist_of(workspace: &Workspace, options: &BuildOptions) -> Dist {
    let built = workspace.target().join("wasm");
    if options.static_site.is_none() && options.npm.is_none() {
        Dist::new(workspace.root.join("client-wasm/dist"), built.join("bundle.stamp"))
    } else {
        Dist::new(built.join("elsewhere"), built.join("elsewhere.stamp"))
    }
}

/// Writes the page, unless it is there already as it is without esbuild.
fn write_dist(workspace: &Workspace, dist: &Dist, assets: Vec<Asset>) -> Result<(Vec<Asset>, bool), BuildError> {
    let esbuild = Esbuild::install(workspace);
    let inputs = dist::hash_inputs(&assets, esbuild.is_some());
    if let Some(files) = dist.up_to_date(inputs) {
        return Ok((files, false));
    }
    let assets = match esbuild {
        Some(esbuild) => esbuild.join(assets)?,
        None => assets,
    };
    Ok((dist.write(inputs, assets::name_by_content(assets)?)?, true))
}

/// Builds another module as those of the games are built, and gives the folder with its `.js` and `_bg.wasm`.
///
/// # Errors
/// See [`BuildError`].
pub fn build_module(workspace: &Workspace, source: Source, module: Module) -> Result<PathBuf, BuildError> {
    let _lock = lock(&workspace.target().join("wasm/bundle.lock"))?;
    let toolchain = toolchain::prepare(workspace, source)?;
    let compiled = wasm::compile(workspace, &toolchain, module)?;
    let folders = link::link(workspace, "bindgen", &[compiled])?;
    Ok(folders.into_iter().next().expect("one module has one folder"))
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
