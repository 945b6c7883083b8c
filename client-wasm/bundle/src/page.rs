//! All files of the page before they get their final names: the page's own, the package's, and those of the games.
//!
//! Leaves out what the files say. The folders are merged into one, and therefore no name may be there twice.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::assets::Asset;
use crate::budget::Division;
use crate::toolchain::Toolchain;
use crate::wasm::Flavour;
use crate::{BuildError, Project, describe, link, npm_tool, wasm};

/// The folder in which npm puts packages; the one of an author is left alone.
const NODE_MODULES: &str = "node_modules";

/// Files of a page that are for npm and not for browsers.
const OF_NPM: [&str; 2] = ["package.json", "package-lock.json"];

/// Reasons why the files of the page could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A folder where only files are expected.
    #[error("{}: folders are not served; all files of the page belong into the folder web itself", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The page names packages, and there is no program that joins them to it.
    #[error(
        "web/package.json names packages from npm, and npm could not install esbuild, which joins them to the page"
    )]
    NoBundler,
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
    /// The folder `web` of the package, or else that of the client.
    pub(crate) web: Vec<Asset>,
    /// The folder `js` of the client, without its folders and tests.
    pub(crate) package: Vec<Asset>,
    /// The games: their descriptions, glue, types and modules.
    pub(crate) generated: Vec<Asset>,
    /// The folder with the packages from npm that the page needs, if it needs any.
    pub(crate) modules: Option<PathBuf>,
}

impl Page {
    /// Describes, compiles and links the games where that is not done yet, and reads all files. The server tells of the
    /// games; the scripts carry the build id.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub(crate) fn gather(
        project: &Project,
        toolchain: &Toolchain,
        (server, build_id): (&Path, &str),
        flavour: Flavour,
    ) -> Result<Self, BuildError> {
        let own = project.root().join("web");
        let web = read_files(&if own.is_dir() { own } else { project.client().join("web") })?;
        let folders = web.folders.into_iter().filter(|path| !path.ends_with(NODE_MODULES));
        if let Some(path) = folders.into_iter().next() {
            return Err(PageError::Folder { path }.into());
        }
        let package = read_files(&project.client().join("js"))?.files;
        let described = describe::run(project, Command::new(server), build_id)?;
        let compiled = wasm::compile_games(project, toolchain, &described.games, flavour)?;
        let mut generated = described.files;
        for folder in link::link(project, flavour, &compiled)? {
            generated.extend(read_files(&folder)?.files);
        }
        let package = package.into_iter().filter(|file| !is_test(&file.name)).collect();
        let title = project.metadata()["title"].as_str();
        let (description, web): (Vec<Asset>, Vec<Asset>) = web
            .files
            .into_iter()
            .map(|file| with_title(file, title))
            .partition(|file| OF_NPM.contains(&file.name.as_str()));
        let modules = npm_tool::install_dependencies(project, &description)?;
        Ok(Self { games: described.games, web, package, generated, modules })
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

/// The page under the name of the author's game, where there is one: in the browser's title and above the lobby.
fn with_title(file: Asset, title: Option<&str>) -> Asset {
    let (Some(title), "index.html") = (title, file.name.as_str()) else { return file };
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let mut page = String::from_utf8_lossy(&file.content).into_owned();
    for tag in ["title", "h1"] {
        page = page.replace(&format!("<{tag}>Tickwire</{tag}>"), &format!("<{tag}>{title}</{tag}>"));
    }
    Asset { content: page.into_bytes(), ..file }
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
            modules: None,
        }
    }

    #[test]
    fn browsers_get_scripts_and_modules_but_no_types_and_no_description() {
        let names: Vec<String> = page().assets().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["index.html", "app.js", "tickwire.js", "games.js", "arena.js", "arena_wasm_bg.wasm"]);
    }

    #[test]
    fn a_page_has_the_name_of_its_game_as_text() {
        let page =
            || Asset { name: "index.html".to_owned(), content: b"<title>Tickwire</title><h1>Tickwire</h1>".to_vec() };
        let titled = with_title(page(), Some("Cut & <Run>")).content;
        assert_eq!(titled, b"<title>Cut &amp; &lt;Run></title><h1>Cut &amp; &lt;Run></h1>");
        assert_eq!(with_title(page(), None), page());
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/index.html")).unwrap();
        for part in ["<title>Tickwire</title>", "<h1>Tickwire</h1>"] {
            assert_eq!(page.matches(part).count(), 1, "{part}");
        }
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
