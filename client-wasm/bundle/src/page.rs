//! All files of the page before they get their final names: the page's own, the package's, and those of the games.
//!
//! Leaves out what the files say. The folders are merged into one, and therefore no name may be there twice.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::assets::Asset;
use crate::budget::Division;
use crate::toolchain::Toolchain;
use crate::{BuildError, Workspace, describe, link, wasm};

/// Reasons why the files of the page could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A folder where only files are expected.
    #[error("{}: folders are not served; the page's scripts belong into files of client-wasm/web", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("{}: cannot be read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The sources of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// The names of the games.
    pub(crate) games: Vec<String>,
    /// `client-wasm/web`.
    pub(crate) web: Vec<Asset>,
    /// `client-wasm/js`, without its folders and tests.
    pub(crate) package: Vec<Asset>,
    /// The games: their descriptions, glue, types and modules.
    pub(crate) generated: Vec<Asset>,
}

impl Page {
    /// Describes, compiles and links the games where that is not done yet, and reads all files.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub(crate) fn gather(workspace: &Workspace, toolchain: &Toolchain, test_hooks: bool) -> Result<Self, BuildError> {
        let client = workspace.root.join("client-wasm");
        let web = read_files(&client.join("web"))?;
        if let Some(path) = web.folders.into_iter().next() {
            return Err(PageError::Folder { path }.into());
        }
        let package = read_files(&client.join("js"))?.files;
        let described = describe::run(workspace)?;
        let compiled = wasm::compile_games(workspace, toolchain, &described.games, test_hooks)?;
        // Both kinds of modules are kept, because tests and people take turns.
        let variant = if test_hooks { "bindgen-test-hooks" } else { "bindgen" };
        let mut generated = described.files;
        for folder in link::link(workspace, variant, &compiled)? {
            generated.extend(read_files(&folder)?.files);
        }
        let package = package.into_iter().filter(|file| !is_test(&file.name)).collect();
        Ok(Self { games: described.games, web: web.files, package, generated })
    }

    /// The files that browsers load.
    pub(crate) fn assets(&self) -> Vec<Asset> {
        let package = self.package.iter().filter(|file| is_script(&file.name));
        let generated = self.generated.iter().filter(|file| !file.name.ends_with(".ts"));
        self.web.iter().chain(package).chain(generated).cloned().collect()
    }

    /// The parts whose sizes count.
    pub(crate) fn division(&self) -> Division {
        Division { games: self.games.clone() }
    }
}

fn is_script(name: &str) -> bool {
    name.ends_with(".js")
}

fn is_test(name: &str) -> bool {
    name.contains(".test.")
}

/// The entries of a folder, hidden ones apart.
struct Entries {
    files: Vec<Asset>,
    folders: Vec<PathBuf>,
}

fn read_files(folder: &Path) -> Result<Entries, PageError> {
    let mut entries = Entries { files: Vec::new(), folders: Vec::new() };
    for entry in read(folder, fs::read_dir(folder))? {
        let path = read(folder, entry)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden {
            continue;
        }
        if path.is_dir() {
            entries.folders.push(path);
        } else {
            entries.files.push(read_file(&path)?);
        }
    }
    entries.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// A file, with its name and without its folder.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_file(path: &Path) -> Result<Asset, PageError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Asset { name, content: read(path, fs::read(path))? })
}

fn read<T>(path: &Path, result: io::Result<T>) -> Result<T, PageError> {
    result.map_err(|source| PageError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn assets(names: &[&str]) -> Vec<Asset> {
        names.iter().map(|name| Asset { name: (*name).to_owned(), content: vec![] }).collect()
    }

    fn page() -> Page {
        Page {
            games: vec!["arena".to_owned()],
            web: assets(&["index.html", "app.js"]),
            package: assets(&["tickwire.js", "tickwire.d.ts", "package.json", "README.md"]),
            generated: assets(&["games.js", "arena.js", "arena.d.ts", "arena_wasm_bg.wasm", "arena_wasm_bg.wasm.d.ts"]),
        }
    }

    #[test]
    fn browsers_get_scripts_and_modules_but_no_types_and_no_description() {
        let names: Vec<String> = page().assets().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["index.html", "app.js", "tickwire.js", "games.js", "arena.js", "arena_wasm_bg.wasm"]);
    }

    #[test]
    fn hidden_files_are_left_out_and_folders_are_told_apart() {
        let scratch = Scratch::new("page");
        fs::write(scratch.path().join("b.js"), "1").unwrap();
        fs::write(scratch.path().join("a.js"), "2").unwrap();
        fs::write(scratch.path().join(".b.js.swp"), "").unwrap();
        fs::create_dir(scratch.path().join("examples")).unwrap();
        let entries = read_files(scratch.path()).unwrap();
        let names: Vec<&str> = entries.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.js", "b.js"]);
        assert_eq!(entries.folders, [scratch.path().join("examples")]);
        assert!(is_test("world.test.js") && !is_test("world.js"));
    }
}
