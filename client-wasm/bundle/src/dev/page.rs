//! The folder of the page under `dev`: that of the build, and one script more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Project;
use crate::wasm::Flavour;

const INDEX: &str = "index.html";
const SCRIPT: &str = "dev.js";
const SCRIPT_TEXT: &str = include_str!("dev.js");

/// The folder that the server serves.
pub(super) fn folder(project: &Project) -> PathBuf {
    project.output().join("dev-page")
}

/// What the script on the page has to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    /// The port of the news.
    pub(super) port: u16,
    /// The number of the build that the page is of.
    pub(super) number: u64,
}

impl Script {
    fn text(self) -> String {
        SCRIPT_TEXT.replace("PORT", &self.port.to_string()).replace("NUMBER", &self.number.to_string())
    }
}

/// Makes the folder hold the page that was built last, with the script.
pub(super) fn make(project: &Project, script: Script) -> io::Result<()> {
    copy(&project.page_of(Flavour::Dev), &folder(project), script)
}

/// The page itself is written last: files that it names are there when it is.
fn copy(from: &Path, to: &Path, script: Script) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut names = BTreeSet::from([SCRIPT.into(), INDEX.into()]);
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if name != INDEX {
            fs::copy(from.join(&name), to.join(&name))?;
        }
        names.insert(name);
    }
    fs::write(to.join(SCRIPT), script.text())?;
    let page = fs::read_to_string(from.join(INDEX))?;
    let fresh = to.join(".fresh");
    fs::write(&fresh, with_script(&page))?;
    fs::rename(&fresh, to.join(INDEX))?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !names.contains(&entry.file_name()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The page with the script, which runs before all others.
fn with_script(page: &str) -> String {
    let tag = format!("<script src=\"./{SCRIPT}\"></script>");
    let before = page.find("<link").or_else(|| page.find("<script")).or_else(|| page.find("<body"));
    match before {
        Some(at) => format!("{}{tag}\n{}", &page[..at], &page[at..]),
        None => format!("{page}\n{tag}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    const SCRIPT_OF_TEST: Script = Script { port: 4711, number: 12 };

    #[test]
    fn the_page_gets_the_script_and_loses_files_that_are_gone() {
        let scratch = Scratch::new("dev-page");
        let [from, to] = ["page", "dev-page"].map(|name| scratch.path().join(name));
        fs::create_dir(&from).unwrap();
        fs::write(from.join(INDEX), "<title>Duel</title>\n<link rel=\"icon\">\n<script src=\"./app.js\"></script>")
            .unwrap();
        fs::write(from.join("app.js"), "1").unwrap();
        copy(&from, &to, SCRIPT_OF_TEST).unwrap();
        let page = fs::read_to_string(to.join(INDEX)).unwrap();
        assert!(page.find("./dev.js").unwrap() < page.find("./app.js").unwrap(), "{page}");
        let script = fs::read_to_string(to.join(SCRIPT)).unwrap();
        assert!(script.contains(":4711/") && script.contains("const MADE = 12;"));
        fs::write(from.join("app.js"), "2").unwrap();
        fs::write(from.join("new.js"), "").unwrap();
        copy(&from, &to, SCRIPT_OF_TEST).unwrap();
        assert_eq!(fs::read_to_string(to.join("app.js")).unwrap(), "2");
        fs::remove_file(from.join("new.js")).unwrap();
        copy(&from, &to, SCRIPT_OF_TEST).unwrap();
        assert_eq!(scratch.names("dev-page"), ["app.js", "dev.js", "index.html"]);
    }
}
