//! Scripts and styles as browsers load them: joined and minified by esbuild, which comes from npm.
//!
//! A browser asks for one script of the lobby and one of each game, not for twenty: over HTTP/1.1 each six of them cost a
//! round trip. Without npm the page has its scripts as they were written, side by side, and is otherwise the same. The
//! package for npm stays as it was written. Names of files are literals in quotes before and after, so that the
//! renaming finds them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::Project;
use crate::assets::Asset;
use crate::command::{self, CommandError};
use crate::dist::brotli;
use crate::npm_tool::NpmTool;

const ESBUILD: NpmTool = NpmTool { package: "esbuild@0.25.10", program: "esbuild" };

/// Time limit for all files together; it takes about 50 ms.
const LIMIT: Duration = Duration::from_secs(60);

/// The oldest browsers that load the page: those of 2022 know WebAssembly, modules, private fields and `dvh`.
const TARGET: &str = "--target=es2022";

/// Options that join scripts into those that are asked for and those that are imported on demand.
const JOINED: [&str; 4] = ["--bundle", "--splitting", "--format=esm", "--chunk-names=[name]"];

/// Lines of a page with this start ask for scripts that are joined to others.
const PRELOAD: &str = "<link rel=\"modulepreload\"";

/// Reasons why scripts could not be made ready for browsers.
#[derive(Debug, thiserror::Error)]
pub enum EsbuildError {
    /// esbuild refused a script, or did not start.
    #[error("esbuild could not join the page's scripts")]
    Refused(#[from] CommandError),
    /// A file operation failed.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The place of the scripts as they were written, and as esbuild makes them.
#[derive(Debug)]
struct Folders {
    written: PathBuf,
    /// Each file by itself.
    small: PathBuf,
    joined: PathBuf,
    /// The scripts of the package as they were written, and joined.
    package: PathBuf,
    package_joined: PathBuf,
}

impl Folders {
    fn of(project: &Project) -> Self {
        let folder = |name| project.output().join("scripts").join(name);
        Self {
            written: folder("written"),
            small: folder("small"),
            joined: folder("joined"),
            package: folder("package"),
            package_joined: folder("package-joined"),
        }
    }
}

/// esbuild, if npm has it.
#[derive(Debug)]
pub(crate) struct Esbuild {
    program: PathBuf,
    folders: Folders,
    /// The folder with packages from npm that scripts may name.
    modules: Option<PathBuf>,
}

impl Esbuild {
    /// `None`, with a note, where npm is missing or fails.
    pub(crate) fn install(project: &Project, modules: Option<PathBuf>) -> Option<Self> {
        let program = ESBUILD.install(project)?;
        Some(Self { program, folders: Folders::of(project), modules })
    }

    /// The files of a page, with fewer and smaller scripts that do the same.
    ///
    /// # Errors
    /// When esbuild refuses a script, as it does with a mistake of syntax.
    pub(crate) fn join(&self, assets: Vec<Asset>) -> Result<Vec<Asset>, EsbuildError> {
        let Folders { written, small, joined, .. } = &self.folders;
        for folder in [written, small, joined] {
            let _ = fs::remove_dir_all(folder);
            file(folder, fs::create_dir_all(folder))?;
        }
        let mut paths = Vec::new();
        for asset in assets.iter().filter(|asset| is_script(&asset.name) || is_style(&asset.name)) {
            let path = written.join(&asset.name);
            file(&path, fs::write(&path, &asset.content))?;
            paths.push(path);
        }
        self.run(&[], small, paths)?;
        let entries = entries(&assets).iter().map(|name| written.join(name)).collect();
        self.run(&JOINED, joined, entries)?;
        let mut page: Vec<Asset> =
            assets.into_iter().filter(|asset| !is_script(&asset.name)).map(without_preloads).collect();
        for style in page.iter_mut().filter(|asset| is_style(&asset.name)) {
            style.content = read(&small.join(&style.name))?;
        }
        page.extend(read_scripts(joined)?);
        Ok(page)
    }

    /// The scripts of a package as the bundler of a page makes them.
    fn join_package(&self, package: &[Asset]) -> Result<Vec<Asset>, EsbuildError> {
        let Folders { package: written, package_joined: joined, .. } = &self.folders;
        for folder in [written, joined] {
            let _ = fs::remove_dir_all(folder);
            file(folder, fs::create_dir_all(folder))?;
        }
        for script in package.iter().filter(|file| is_script(&file.name)) {
            let path = written.join(&script.name);
            file(&path, fs::write(&path, &script.content))?;
        }
        let entries = exports(package).iter().map(|name| written.join(name)).collect();
        self.run(&JOINED, joined, entries)?;
        read_scripts(joined)
    }

    fn run(&self, options: &[&str], folder: &Path, files: Vec<PathBuf>) -> Result<(), CommandError> {
        let mut esbuild = Command::new(&self.program);
        esbuild.args(["--minify", "--charset=utf8", "--log-level=warning", TARGET]).args(options);
        esbuild.arg(format!("--outdir={}", folder.display())).args(files);
        if let Some(modules) = &self.modules {
            esbuild.env("NODE_PATH", modules);
        }
        command::run(&mut esbuild, LIMIT, |_| ()).map(drop)
    }
}

/// The sizes of a package's scripts with brotli, by name: joined and minified, as the bundler of a page makes them of the
/// files that the package exports. Without esbuild they count as they were written.
///
/// # Errors
/// When esbuild refuses a script, or a script cannot be compressed.
pub(crate) fn sizes(project: &Project, package: &[Asset]) -> Result<Vec<(String, usize)>, EsbuildError> {
    let scripts = match ESBUILD.installed(project) {
        Some(program) => {
            let esbuild = Esbuild { program, folders: Folders::of(project), modules: None };
            esbuild.join_package(package)?
        }
        None => package.iter().filter(|file| is_script(&file.name)).cloned().collect(),
    };
    let size = |script: Asset| Ok((script.name, file(Path::new("a script"), brotli(&script.content))?.len()));
    scripts.into_iter().map(size).collect()
}

/// The scripts that a package exports: the others are joined to them.
fn exports(package: &[Asset]) -> Vec<String> {
    let description = package.iter().find(|file| file.name == "package.json");
    let description: Option<Value> = description.and_then(|file| serde_json::from_slice(&file.content).ok());
    let exports = description.as_ref().and_then(|description| description["exports"].as_object()).into_iter().flatten();
    let names = exports.filter_map(|(_, export)| Some(export["default"].as_str()?.trim_start_matches("./").to_owned()));
    names.filter(|name| is_script(name)).collect()
}

/// The scripts that pages ask for. All others are joined to those that import them; a script that is imported on demand,
/// such as a game, becomes a file of its own.
fn entries(assets: &[Asset]) -> Vec<String> {
    let mut entries = Vec::new();
    for page in assets.iter().filter(|asset| asset.name.ends_with(".html")) {
        let text = String::from_utf8_lossy(&page.content);
        let tags = text.split("<script").skip(1).filter_map(|rest| Some(rest.split_once('>')?.0));
        let sources = tags.filter_map(|tag| tag.split_once("src=\"")?.1.split_once('"'));
        let names = sources.map(|(source, _)| source.trim_start_matches("./").to_owned());
        entries.extend(names.filter(|name| assets.iter().any(|asset| asset.name == *name)));
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}

fn without_preloads(asset: Asset) -> Asset {
    let text = str::from_utf8(&asset.content).ok().filter(|_| asset.name.ends_with(".html"));
    let Some(text) = text else { return asset };
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(PRELOAD)).collect();
    Asset { content: (lines.join("\n") + "\n").into_bytes(), name: asset.name }
}

fn is_script(name: &str) -> bool {
    name.ends_with(".js")
}

fn is_style(name: &str) -> bool {
    name.ends_with(".css")
}

/// All files of a folder, by name.
fn read_scripts(folder: &Path) -> Result<Vec<Asset>, EsbuildError> {
    let mut scripts = Vec::new();
    for entry in file(folder, fs::read_dir(folder))? {
        let entry = file(folder, entry)?;
        scripts.push(Asset { name: entry.file_name().to_string_lossy().into_owned(), content: read(&entry.path())? });
    }
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scripts)
}

fn read(path: &Path) -> Result<Vec<u8>, EsbuildError> {
    file(path, fs::read(path))
}

fn file<T>(path: &Path, result: io::Result<T>) -> Result<T, EsbuildError> {
    result.map_err(|source| EsbuildError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::{Scratch, project_with_cargo};

    fn asset(name: &str, content: &str) -> Asset {
        Asset { name: name.to_owned(), content: content.as_bytes().to_vec() }
    }

    #[test]
    fn a_page_does_not_ask_for_scripts_that_are_joined_to_others() {
        let page = "<head>\n<link rel=\"modulepreload\" href=\"./api.js\">\n<script src=\"./app.js\"></script>\n";
        let expected = "<head>\n<script src=\"./app.js\"></script>\n";
        assert_eq!(without_preloads(asset("index.html", page)).content, expected.as_bytes());
        assert_eq!(without_preloads(asset("app.js", page)).content, page.as_bytes());
    }

    #[test]
    fn scripts_are_joined_and_a_game_stays_a_file_of_its_own() {
        let scratch = Scratch::new("esbuild");
        let project = project_with_cargo(&scratch, "run", "");
        let Some(esbuild) = Esbuild::install(&project, None) else { return };
        let page = esbuild
            .join(vec![
                asset(
                    "app.js",
                    "import { name } from './api.js'; // a comment\nimport('./arena.js').then(() => name);",
                ),
                asset("api.js", "export const name = 'tickwire api';"),
                asset("arena.js", "import init from './arena_wasm.js'; export default init;"),
                asset("arena_wasm.js", "export default () => new URL('arena_wasm_bg.wasm', import.meta.url);"),
                asset("boot.js", "document.title = 'boot';"),
                asset("style.css", "a {\n  color: red; /* a comment */\n}"),
                asset(
                    "index.html",
                    "<script src=\"./boot.js\"></script>\n<script type=\"module\" src=\"./app.js\"></script>\n",
                ),
            ])
            .unwrap();
        let text = |name: &str| {
            let asset = page.iter().find(|asset| asset.name == name).unwrap();
            String::from_utf8(asset.content.clone()).unwrap()
        };
        let mut names: Vec<&str> = page.iter().map(|asset| asset.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["app.js", "arena.js", "boot.js", "index.html", "style.css"]);
        assert!(text("app.js").contains("tickwire api") && text("app.js").contains("import(\"./arena.js\")"));
        assert!(!text("app.js").contains("comment") && !text("style.css").contains("comment"));
        assert!(text("arena.js").contains("\"arena_wasm_bg.wasm\""));
        let mistake_in_page = "<script type=\"module\" src=\"./app.js\"></script>";
        let mistake = esbuild.join(vec![asset("app.js", "const = 1;"), asset("index.html", mistake_in_page)]);
        assert!(matches!(mistake, Err(EsbuildError::Refused(_))), "{mistake:?}");
    }

    #[test]
    fn a_package_costs_what_it_exports_with_all_that_this_imports() {
        let scratch = Scratch::new("esbuild-package");
        let project = project_with_cargo(&scratch, "run", "");
        if Esbuild::install(&project, None).is_none() {
            return;
        }
        let package = |api: &str| {
            vec![
                asset("package.json", r#"{ "exports": { ".": { "default": "./tickwire.js" } } }"#),
                asset("tickwire.js", "export { name } from './api.js';"),
                asset("api.js", api),
                asset("unused.js", "export const unused = 'nobody imports this';"),
            ]
        };
        let small = sizes(&project, &package("export const name = 'tickwire api';")).unwrap();
        assert!(small.len() == 1 && small[0].0 == "tickwire.js" && small[0].1 > 0, "{small:?}");
        let large = sizes(&project, &package("export const name = 'abcdefghijklmnopqrstuvwxyz0123456789';")).unwrap();
        assert!(large[0].1 > small[0].1, "{small:?}, then {large:?}");
    }
}
