//! `cargo tickwire`: from a package with a game to a server with its page inside.
//!
//! A package comes in, wherever it is: its games become WebAssembly modules, one each, the page around them gets hashed
//! names and compressed files, and the server's program is built with that page inside. A fresh machine needs nothing
//! but cargo. Guarantees: a warm build only compares hashes, a change of one game leaves the others as they are, two
//! builds at once do not disturb each other, and a page over its budget is an error where the caller asks for that. On
//! demand the page also goes into a folder for a static host, and client and games into packages for npm. Leaves out
//! serving the files.

mod assets;
mod budget;
mod command;
mod describe;
mod dev;
mod dist;
mod esbuild;
mod link;
mod new;
mod npm;
mod npm_tool;
mod own_folder;
mod page;
mod play;
mod program;
mod project;
#[cfg(test)]
mod scratch;
mod static_site;
mod test;
mod toolchain;
mod wasm;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use crate::assets::AssetError;
pub use crate::budget::{
    DIALOGS_BUDGET_BYTES, GAME_BUDGET_BYTES, LOBBY_BUDGET_BYTES, OverBudget, PACKAGE_BUDGET_BYTES, Part, Report,
};
pub use crate::command::CommandError;
pub use crate::describe::DescribeError;
pub use crate::dev::{DevError, develop};
pub use crate::dist::DistError;
pub use crate::esbuild::EsbuildError;
pub use crate::link::{BindgenError, LinkError};
pub use crate::new::{GameName, Made, NameError, NewError, NewGame, Template};
pub use crate::npm::NpmError;
pub use crate::npm_tool::NpmToolError;
pub use crate::own_folder::FolderError;
pub use crate::page::PageError;
pub use crate::play::{Listen, become_server, open_later, open_when_up};
pub use crate::program::{Profile, ProgramError, build as build_program, build_server};
pub use crate::project::{Modules, Project, ProjectError, Selection, Tools, tools_of_environment};
pub use crate::static_site::{AddressError, ServerAddress, StaticError, StaticSite};
pub use crate::test::{TestError, determinism, test};
pub use crate::toolchain::{DebianError, Source, ToolchainError};
pub use crate::wasm::{Flavour, WasmError};

use crate::assets::Asset;
use crate::dist::Dist;
use crate::esbuild::Esbuild;
use crate::page::Page;

/// Reasons why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No game.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// No server.
    #[error("the server could not be built")]
    Program(#[from] ProgramError),
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
    #[error("the page does not fit together")]
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
    /// The packages that the page needs are missing.
    #[error("the page lacks its packages")]
    Modules(#[from] NpmToolError),
    /// The packages for npm could not be written.
    #[error("there are no packages for npm")]
    Npm(#[from] NpmError),
    /// The server did not start.
    #[error("the server could not be started")]
    Server(#[from] CommandError),
    /// The lock that keeps two builds apart could not be taken.
    #[error("{}: cannot be locked", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Options of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOptions {
    /// The kind of modules.
    pub flavour: Flavour,
    /// Whether a part of the page over its budget is an error.
    pub hold_budget: bool,
    /// A folder for a static host, to be written besides.
    pub static_site: Option<StaticSite>,
    /// The folder below which the packages for npm are written besides.
    pub npm: Option<PathBuf>,
    /// A server of the package that is built already and shall tell of the games.
    pub program: Option<PathBuf>,
}

impl Default for BuildOptions {
    /// For players.
    fn default() -> Self {
        Self { flavour: Flavour::Players, hold_budget: false, static_site: None, npm: None, program: None }
    }
}

impl BuildOptions {
    /// Whether the page is not for the package's own server.
    const fn is_for_elsewhere(&self) -> bool {
        self.static_site.is_some() || self.npm.is_some()
    }

    /// The profile of the server. One for players has the page inside; the others shall be built fast.
    const fn profile(&self) -> Profile {
        match self.flavour {
            Flavour::Players | Flavour::Determinism => Profile::Release,
            Flavour::TestHooks | Flavour::Dev => Profile::Dev,
        }
    }
}

/// The results of a build.
#[derive(Debug)]
pub struct Built {
    /// The sizes of the page.
    pub report: Report,
    /// The server's program; the page is inside when the page is for players of that server.
    pub server: PathBuf,
}

/// Builds page and server where they are not up to date.
///
/// # Errors
/// See [`BuildError`].
pub fn build(project: &Project, source: Source, options: &BuildOptions) -> Result<Built, BuildError> {
    let lock = lock(&project.wasm().join("bundle.lock"))?;
    let toolchain = toolchain::prepare(project, source)?;
    let server = teller(project, options)?;
    let build_id = project.build_id()?;
    let page = Page::gather(project, &toolchain, (&server, &build_id), options.flavour)?;
    let assets = page.assets();
    let dist = dist_of(project, options);
    let joins = options.flavour != Flavour::Dev || page.modules.is_some();
    let (files, written) = match dist.up_to_date(dist::hash_inputs(&assets, joins)) {
        Some(files) => (files, false),
        None => write_dist(project, &dist, &page, joins)?,
    };
    let report = page.division().report(&files, esbuild::sizes(project, &page.package)?, written);
    if options.hold_budget {
        report.check_budget()?;
    }
    if let Some(site) = &options.static_site {
        site.write(files)?;
    }
    if let Some(folder) = &options.npm {
        npm::write(project, &page, folder)?;
    }
    drop(lock);
    // The program that has told of the games does not have this page inside yet.
    let has_page = options.profile() == Profile::Release && options.program.is_none() && !options.is_for_elsewhere();
    let server = if has_page {
        program::keep_built_in(project, &build_id)?;
        build_server(project, Profile::Release)?
    } else {
        server
    };
    Ok(Built { report, server })
}

/// The program that tells of the games: the server.
fn teller(project: &Project, options: &BuildOptions) -> Result<PathBuf, ProgramError> {
    options.program.clone().map_or_else(|| build_server(project, options.profile()), Ok)
}

/// The folder of the page. A page or package for elsewhere leaves that of the package's own server alone.
fn dist_of(project: &Project, options: &BuildOptions) -> Dist {
    if !options.is_for_elsewhere() {
        return Dist::of(project, options.flavour);
    }
    Dist::new(project.output().join("elsewhere"), project.output().join("elsewhere.stamp"))
}

/// Writes the page, unless it is there already as it is without esbuild.
fn write_dist(project: &Project, dist: &Dist, page: &Page, joins: bool) -> Result<(Vec<Asset>, bool), BuildError> {
    let assets = page.assets();
    let esbuild = joins.then(|| Esbuild::install(project, page.modules.clone())).flatten();
    if esbuild.is_none() && page.modules.is_some() {
        return Err(PageError::NoBundler.into());
    }
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

/// Builds the modules of a package in another flavour, and gives the folder with a folder for each of them, with its `.js`
/// and `_bg.wasm`; the names of all these begin with the game's.
///
/// # Errors
/// See [`BuildError`].
pub fn build_modules(project: &Project, source: Source, flavour: Flavour) -> Result<PathBuf, BuildError> {
    let _lock = lock(&project.wasm().join("bundle.lock"))?;
    let toolchain = toolchain::prepare(project, source)?;
    let server = build_server(project, if flavour.is_shrunk() { Profile::Release } else { Profile::Dev })?;
    let described = describe::run(project, Command::new(server), &project.build_id()?)?;
    let games = match project.modules() {
        // Machines are compared by all games, those without a page included.
        Modules::Examples(all) if flavour == Flavour::Determinism => all,
        _ => &described.games,
    };
    let compiled = wasm::compile_games(project, &toolchain, games, flavour)?;
    link::link(project, flavour, &compiled)?;
    Ok(project.output().join(flavour.folder()))
}

/// Builds modules that are no games of the package, from another package of its workspace, and gives the folder with a
/// folder for each of them.
///
/// # Errors
/// See [`BuildError`].
pub fn build_others(
    project: &Project,
    source: Source,
    package: &str,
    modules: &Modules,
    flavour: Flavour,
) -> Result<PathBuf, BuildError> {
    let _lock = lock(&project.wasm().join("bundle.lock"))?;
    let toolchain = toolchain::prepare(project, source)?;
    let compiled = match modules {
        Modules::Library { name } => vec![wasm::compile_library(project, &toolchain, package, name, flavour)?],
        Modules::Examples(games) => wasm::compile_examples(project, &toolchain, package, games, flavour)?,
    };
    link::link(project, flavour, &compiled)?;
    Ok(project.output().join(flavour.folder()))
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
