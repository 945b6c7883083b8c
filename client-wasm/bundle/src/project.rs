//! The package whose game is built, as cargo describes it.
//!
//! A game in a crate of its own and the demo games of this workspace are found in the same way: the tool knows no folder
//! and no package by name but `tickwire-client`, whose folder holds the page and the scripts of the npm package.
//! Guarantees: whatever `CARGO_TARGET_DIR`, `build.target-dir`, a workspace above or an unusual path say, cargo itself
//! has the last word. Leaves out compiling.

mod metadata;

use std::env;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::command::{self, CommandError};
use crate::toolchain::TARGET;
use crate::wasm::Flavour;
use metadata::{choose, folder_of, list, local_sources, modules, needed, server, targets, text};

/// cargo must answer with its metadata within this time; the first time it downloads what it does not have yet.
const METADATA_LIMIT: Duration = Duration::from_secs(600);

/// The package that makes a crate a game for browsers.
const CLIENT: &str = "tickwire-client";

/// The package whose version modules and their glue have to share.
const WASM_BINDGEN: &str = "wasm-bindgen";

/// The end of the name of the program with bots and measurements.
const TOOLS_END: &str = "-tools";

/// The files and folders of a package that are its sources.
const SOURCES: [&str; 4] = ["Cargo.toml", "build.rs", "modules", "src"];

/// Variables that `cargo run` and `cargo tickwire` set for the program that they run. If a cargo below it saw them, it
/// would rebuild crates whose build scripts watch them, and so would the next cargo above.
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

/// The folder of the page that a server's program gets inside when it is compiled.
pub(crate) const BUILT_IN_PAGE: &str = "TICKWIRE_BUILT_IN_PAGE";

/// A word that changes with that page.
pub(crate) const BUILT_IN_PAGE_ID: &str = "TICKWIRE_BUILT_IN_PAGE_ID";

/// The build id of that page.
pub(crate) const BUILT_IN_BUILD: &str = "TICKWIRE_BUILT_IN_BUILD";

/// Variables that belong to a program at its compilation alone.
const BUILD_VARIABLES: [&str; 3] = [BUILT_IN_PAGE, BUILT_IN_PAGE_ID, BUILT_IN_BUILD];

/// Reasons why there is no game to build.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// cargo did not describe the package.
    #[error("cargo does not know the package")]
    Metadata(#[from] CommandError),
    /// cargo's description could not be read.
    #[error("`cargo metadata` gave no JSON: is `cargo` a wrapper with output of its own?")]
    Output,
    /// The folder is in no package, or the name belongs to none.
    #[error("{reason}; the workspace {} has {names}: choose one with -p NAME, or call from its folder", root.display())]
    Which {
        /// The reason.
        reason: String,
        /// The workspace.
        root: PathBuf,
        /// Its packages.
        names: String,
    },
    /// The package does not depend on the client.
    #[error(
        "the package {package} does not depend on {CLIENT}, so it has no game for browsers: `cargo tickwire new NAME` \
         makes one that has all it needs"
    )]
    NotAGame {
        /// The package.
        package: String,
    },
    /// The package has no program for a server.
    #[error(
        "the package {package} has no program that could be its server: it needs a src/main.rs with \
         `tickwire_server::main!(…)`, and with several programs a `default-run` in Cargo.toml"
    )]
    NoServer {
        /// The package.
        package: String,
    },
    /// The package has no library and no modules.
    #[error("the package {package} has no library with `tickwire_client::export!(…)`: src/lib.rs is missing")]
    NoModule {
        /// The package.
        package: String,
    },
    /// A source could not be read.
    #[error("{}: cannot be read", path.display())]
    Source {
        /// The file or folder.
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

/// The package that a person means.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The package's `Cargo.toml`, or that of its workspace; by default the one of the current folder.
    pub manifest: Option<PathBuf>,
    /// The package's name; by default that of the current folder.
    pub package: Option<String>,
}

/// The targets of a package that become modules for browsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modules {
    /// The library, for a package with one game.
    Library {
        /// Its name in Rust.
        name: String,
    },
    /// The examples that are `cdylib`s, one for each game.
    Examples(Vec<String>),
}

/// A package with a game, and the tools to build it with.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder of the package.
    root: PathBuf,
    workspace_root: PathBuf,
    package: String,
    version: String,
    license: Option<String>,
    /// cargo's own target folder, wherever cargo's settings put it.
    target: PathBuf,
    server: String,
    bots: Option<String>,
    modules: Modules,
    /// `package.metadata.tickwire`.
    metadata: Value,
    client: Library,
    wasm_bindgen: String,
    /// The folders of the local packages that the modules consist of, with their names.
    sources: Vec<(String, PathBuf)>,
    tools: Tools,
}

/// A library that the package depends on.
#[derive(Debug, Clone)]
struct Library {
    folder: PathBuf,
    version: String,
}

impl Project {
    /// Finds the package.
    ///
    /// # Errors
    /// See [`ProjectError`].
    pub fn find(selection: &Selection, tools: Tools) -> Result<Self, ProjectError> {
        let metadata = ask_cargo(&tools.cargo, selection)?;
        Self::read(&metadata, selection, tools)
    }

    fn read(metadata: &Value, selection: &Selection, tools: Tools) -> Result<Self, ProjectError> {
        let package = choose(metadata, selection)?;
        let name = text(&package["name"]);
        let needed = needed(metadata, package);
        let library = |wanted: &str| {
            let mut packages = list(&metadata["packages"]).filter(|package| needed.contains(&text(&package["id"])));
            let found = packages.find(|package| package["name"] == wanted);
            found.map(|package| Library { folder: folder_of(package), version: text(&package["version"]) })
        };
        let missing = || ProjectError::NotAGame { package: name.clone() };
        let (client, wasm_bindgen) = library(CLIENT).zip(library(WASM_BINDGEN)).ok_or_else(missing)?;
        let modules = modules(package).ok_or_else(|| ProjectError::NoModule { package: name.clone() })?;
        let bins = targets(package, "bin").map(|target| text(&target["name"])).collect::<Vec<_>>();
        let server = server(package, &bins).ok_or_else(|| ProjectError::NoServer { package: name.clone() })?;
        Ok(Self {
            root: folder_of(package),
            workspace_root: text(&metadata["workspace_root"]).into(),
            version: text(&package["version"]),
            license: package["license"].as_str().map(str::to_owned),
            target: text(&metadata["target_directory"]).into(),
            bots: bins.into_iter().find(|name| name.ends_with(TOOLS_END) && *name != server),
            server,
            modules,
            metadata: package["metadata"]["tickwire"].clone(),
            client,
            wasm_bindgen: wasm_bindgen.version,
            sources: local_sources(metadata, &needed),
            package: name,
            tools,
        })
    }

    /// The folder of the package.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the workspace, which is the package's own for a package outside of one.
    #[must_use]
    pub fn workspace_root(&self) -> &Path {
        &self.workspace_root
    }

    /// The package's name.
    #[must_use]
    pub fn package(&self) -> &str {
        &self.package
    }

    /// The package's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The licence that the package names.
    #[must_use]
    pub fn license(&self) -> Option<&str> {
        self.license.as_deref()
    }

    /// The folder into which cargo builds: `CARGO_TARGET_DIR`, `build.target-dir` or `target`.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The folder of all that is built for browsers; tools and compiled crates there serve all packages.
    #[must_use]
    pub fn wasm(&self) -> PathBuf {
        self.target.join("wasm")
    }

    /// The folder of what is built for browsers of this package alone.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.wasm().join(&self.package)
    }

    /// The folder of the page.
    #[must_use]
    pub fn page(&self) -> PathBuf {
        self.output().join("page")
    }

    /// The folder of a page with modules of this flavour. Only the page for players gets into a server's program.
    #[must_use]
    pub fn page_of(&self, flavour: Flavour) -> PathBuf {
        match flavour {
            Flavour::Dev => self.output().join("dev"),
            Flavour::TestHooks => self.output().join("page-test-hooks"),
            Flavour::Players | Flavour::Determinism => self.page(),
        }
    }

    /// The file with the variables by which a release build of the server has the last page inside, as a JSON object.
    /// The tools read it too, so that a server that they build is the same program.
    #[must_use]
    pub fn built_in(&self) -> PathBuf {
        self.output().join("built-in.json")
    }

    /// The name of the server's program.
    #[must_use]
    pub fn server_bin(&self) -> &str {
        &self.server
    }

    /// The name of the program with bots and measurements, if the package has one.
    #[must_use]
    pub fn tools_bin(&self) -> Option<&str> {
        self.bots.as_deref()
    }

    /// The targets that become modules.
    #[must_use]
    pub const fn modules(&self) -> &Modules {
        &self.modules
    }

    /// The package's own words for this tool: `package.metadata.tickwire` in its manifest.
    #[must_use]
    pub const fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// The folder of the package `tickwire-client`, with the page and the npm package in it.
    #[must_use]
    pub fn client(&self) -> &Path {
        &self.client.folder
    }

    /// The version of Tickwire that the package uses.
    #[must_use]
    pub fn tickwire_version(&self) -> &str {
        &self.client.version
    }

    /// The version of wasm-bindgen that the modules are built with.
    #[must_use]
    pub fn wasm_bindgen(&self) -> &str {
        &self.wasm_bindgen
    }

    /// The folders of the local packages that the modules consist of, with the names of the packages.
    #[must_use]
    pub fn sources(&self) -> &[(String, PathBuf)] {
        &self.sources
    }

    /// The programs that build.
    #[must_use]
    pub const fn tools(&self) -> &Tools {
        &self.tools
    }

    /// cargo, with an environment as if no other cargo had started it.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let mut cargo = plain_cargo(&self.tools.cargo);
        // Settings in `.cargo` are found from the current folder, not from the manifest.
        cargo.current_dir(&self.root);
        cargo
    }

    /// The same package as cargo describes it now, after a change of its manifest.
    ///
    /// # Errors
    /// See [`ProjectError`].
    pub fn renewed(&self) -> Result<Self, ProjectError> {
        let (manifest, package) = (Some(self.root.join("Cargo.toml")), Some(self.package.clone()));
        Self::find(&Selection { manifest, package }, self.tools.clone())
    }

    /// The lock file of the workspace.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.workspace_root.join("Cargo.lock")
    }

    /// The id of the sources of the game: the same on every machine, and another one after every change of them, of
    /// Tickwire's included where it is a local package.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn build_id(&self) -> Result<String, ProjectError> {
        let mut hash = Xxh3::new();
        // The versions of all other packages.
        let lock = fs::read(self.lock_file()).unwrap_or_default();
        hash.update(&xxh3_64(&lock).to_le_bytes());
        for (name, folder) in &self.sources {
            let mut files = Vec::new();
            for part in SOURCES {
                collect(&folder.join(part), &mut files)?;
            }
            files.sort();
            for path in files {
                let content = read(&path, fs::read(&path))?;
                let place = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                for part in [name.as_bytes(), place.as_bytes(), &content] {
                    hash.update(&xxh3_64(part).to_le_bytes());
                }
            }
        }
        Ok(format!("{:016x}", hash.digest()))
    }
}

/// Adds a file, or all files below a folder, those of editors apart; none when there is nothing of this path.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), ProjectError> {
    if path.is_dir() {
        for entry in read(path, fs::read_dir(path))? {
            let path = read(path, entry)?.path();
            if !is_aside(path.file_name().map(Path::new).unwrap_or(&path)) {
                collect(&path, files)?;
            }
        }
    } else if path.is_file() {
        files.push(path.to_owned());
    }
    Ok(())
}

/// Whether a file, by its path inside a package, is a source of the package.
pub(crate) fn is_source(inside: &Path) -> bool {
    SOURCES.iter().any(|part| inside.starts_with(part)) && !is_aside(inside)
}

/// Whether a file is the own affair of an editor, of npm or of git.
pub(crate) fn is_aside(path: &Path) -> bool {
    let hidden = |part: Component<'_>| {
        let name = part.as_os_str().to_string_lossy();
        name.starts_with('.') || name == "node_modules"
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_backup = name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".tmp") || name.starts_with('#');
    // Vim tries with this name whether a folder can be written to.
    is_backup || name == "4913" || path.components().any(hidden)
}

fn read<T>(path: &Path, result: io::Result<T>) -> Result<T, ProjectError> {
    result.map_err(|source| ProjectError::Source { path: path.to_owned(), source })
}

pub(crate) fn plain_cargo(cargo: &Path) -> Command {
    let mut cargo = Command::new(cargo);
    for variable in CARGO_VARIABLES.iter().chain(&BUILD_VARIABLES) {
        cargo.env_remove(variable);
    }
    cargo
}

/// cargo's description of the workspace and of all that its packages need in a browser.
fn ask_cargo(cargo: &Path, selection: &Selection) -> Result<Value, ProjectError> {
    let ask = |more: &[&str]| {
        let mut command = plain_cargo(cargo);
        command.args(["metadata", "--format-version", "1", "--filter-platform", TARGET]).args(more);
        if let Some(manifest) = &selection.manifest {
            command.arg("--manifest-path").arg(manifest);
        }
        command::run(&mut command, METADATA_LIMIT, |_| ())
    };
    // Most of the time all is there already, and a question to the registry would take seconds.
    let answer = ask(&["--offline", "--locked"]).or_else(|_| ask(&[]))?;
    serde_json::from_str(&answer).map_err(|_| ProjectError::Output)
}

/// The tools that the environment names, as it does below `cargo run` and `cargo tickwire`.
#[must_use]
pub fn tools_of_environment() -> Tools {
    let tool = |variable, name: &str| env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from);
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    Tools { cargo: tool("CARGO", "cargo"), rustc: tool("RUSTC", "rustc"), cargo_home: home }
}

#[cfg(test)]
impl Project {
    /// A package in a folder, with the module of a game `arena` in an example.
    pub(crate) fn of_test(root: &Path, cargo: &str) -> Self {
        let metadata = tests::metadata(root, &["arena"]);
        let tools = Tools { cargo: cargo.into(), rustc: "rustc".into(), cargo_home: None };
        Self::read(&metadata, &Selection::default(), tools).expect("a package with a game")
    }
}

#[cfg(test)]
mod tests;
