//! Folders for npm: the package `tickwire`, and one package for each game.
//!
//! Guarantees: what `npm pack` makes of a folder is complete, with types and both licences, and its version is that of
//! the crate. Leaves out publishing.

use std::path::Path;

use serde_json::Value;

use crate::assets::Asset;
use crate::own_folder::{self, FolderError};
use crate::page::{self, Page, PageError};
use crate::project::Project;

/// The package that plays, whichever the game.
const PACKAGE: &str = "tickwire";

/// The licences that a package may have at its top, or at that of its workspace.
const LICENSES: [&str; 3] = ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"];

/// What descriptions say beside the files.
#[derive(Debug, Clone, Copy)]
struct Versions<'a> {
    client: &'a str,
    games: &'a str,
    /// The line with the licence of the games, if there is one.
    license: &'a str,
}

/// Reasons why there are no packages.
#[derive(Debug, thiserror::Error)]
pub enum NpmError {
    /// The package's own description is missing or does not fit the crate.
    #[error("js/package.json of tickwire-client must be JSON with `\"{field}\": {expected}`, and it has {found}")]
    Description {
        /// The field.
        field: &'static str,
        /// Its value.
        expected: Value,
        /// The value in the file.
        found: Value,
    },
    /// A folder could not be read.
    #[error("the files of a package could not be read")]
    Files(#[from] PageError),
    /// A folder could not be written.
    #[error("the packages could not be written")]
    Folder(#[from] FolderError),
}

/// Writes the packages' folders below `folder`.
///
/// # Errors
/// See [`NpmError`].
pub(crate) fn write(project: &Project, page: &Page, folder: &Path) -> Result<(), NpmError> {
    let license = project.license().map_or_else(String::new, |license| format!("  \"license\": {license:?},\n"));
    let versions = Versions { client: project.tickwire_version(), games: project.version(), license: &license };
    let mut files = Vec::new();
    put(&mut files, PACKAGE, own_package(&page.package, versions.client)?, &licenses(project.client())?);
    let own = licenses(project.root())?;
    let own = if own.is_empty() { licenses(project.workspace_root())? } else { own };
    for game in &page.games {
        let name = package_name(project, game);
        put(&mut files, &name, game_package(&name, game, &page.generated, &own, versions), &own);
    }
    Ok(own_folder::replace(folder, files)?)
}

/// The licences in a folder, or in the one above it, for the client in its workspace.
fn licenses(folder: &Path) -> Result<Vec<Asset>, PageError> {
    let places = folder.ancestors().take(2);
    let found = places.map(|place| LICENSES.map(|name| place.join(name)).into_iter().filter(|path| path.is_file()));
    let found = found.map(Iterator::collect::<Vec<_>>).find(|paths| !paths.is_empty());
    found.unwrap_or_default().iter().map(|path| page::read_file(path)).collect()
}

/// The name of the package of a game: the game's own, after what the package says in its manifest as `npm-prefix`.
fn package_name(project: &Project, game: &str) -> String {
    let prefix = project.metadata()["npm-prefix"].as_str().unwrap_or_default();
    format!("{prefix}{}", game.replace('_', "-"))
}

/// Puts `package` and the licences into the folder `name`.
fn put(files: &mut Vec<Asset>, name: &str, package: Vec<Asset>, licenses: &[Asset]) {
    for Asset { name: file, content } in package.into_iter().chain(licenses.iter().cloned()) {
        files.push(Asset { name: format!("{name}/{file}"), content });
    }
}

/// The package `tickwire` as it is, once its description fits.
fn own_package(files: &[Asset], version: &str) -> Result<Vec<Asset>, NpmError> {
    let description = files.iter().find(|file| file.name == "package.json");
    let description: Value =
        description.and_then(|file| serde_json::from_slice(&file.content).ok()).unwrap_or_default();
    for (field, expected) in [("name", PACKAGE), ("version", version), ("type", "module")] {
        if description[field] != expected {
            let found = description[field].clone();
            return Err(NpmError::Description { field, expected: expected.into(), found });
        }
    }
    Ok(files.to_vec())
}

/// The files of the package of a game.
fn game_package(
    package: &str,
    game: &str,
    generated: &[Asset],
    licenses: &[Asset],
    versions: Versions<'_>,
) -> Vec<Asset> {
    let names = [".js", ".d.ts", "_wasm.js", "_wasm.d.ts", "_wasm_bg.wasm"].map(|end| format!("{game}{end}"));
    let mut files: Vec<Asset> = generated.iter().filter(|file| names.contains(&file.name)).cloned().collect();
    let description = describe(package, game, &files, licenses, versions);
    files.push(Asset { name: "package.json".to_owned(), content: description.into_bytes() });
    files.push(Asset { name: "README.md".to_owned(), content: readme(package, game).into_bytes() });
    files
}

/// The description as text, because the order counts: programs take the first condition of `exports` that fits them.
fn describe(package: &str, game: &str, files: &[Asset], licenses: &[Asset], versions: Versions<'_>) -> String {
    let names = files.iter().chain(licenses).map(|file| file.name.as_str());
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    let (names, Versions { client, games, license }) = (names.join(", "), versions);
    // The script needs nothing, but its types name those of the other package: npm shall not fetch that by itself.
    format!(
        r#"{{
  "name": "{package}",
  "version": "{games}",
  "description": "The game {game} for the package {PACKAGE}: rules and client in WebAssembly, and types",
{license}  "type": "module",
  "sideEffects": false,
  "types": "./{game}.d.ts",
  "exports": {{
    ".": {{ "types": "./{game}.d.ts", "default": "./{game}.js" }},
    "./{game}_wasm_bg.wasm": "./{game}_wasm_bg.wasm",
    "./package.json": "./package.json"
  }},
  "files": [{names}],
  "peerDependencies": {{ "{PACKAGE}": "{client}" }},
  "peerDependenciesMeta": {{ "{PACKAGE}": {{ "optional": true }} }}
}}
"#
    )
}

fn readme(package: &str, game: &str) -> String {
    format!(
        "# {package}\n\n\
         The game `{game}` for the package `{PACKAGE}`, compiled to WebAssembly, with the types of its world, input and\n\
         events. The server has to be built from the same version of the game.\n\n\
         ```js\n\
         import {{ connect }} from '{PACKAGE}';\n\
         import {game} from '{package}';\n\n\
         const session = await connect({{ server: 'wss://play.example/', game: {game}, name: 'Ada' }});\n\
         ```\n\n\
         A bundler such as Vite finds `{game}_wasm_bg.wasm` by `new URL(…, import.meta.url)`; a plain\n\
         `<script type=\"module\">` finds it beside the script.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use serde_json::json;
    use std::collections::BTreeSet;
    use std::fs;
    use std::process::Command;

    fn asset(name: &str, text: &str) -> Asset {
        Asset { name: name.to_owned(), content: text.as_bytes().to_vec() }
    }

    fn description(version: &str) -> Asset {
        let text = json!({ "name": "tickwire", "version": version, "type": "module", "exports": "./tickwire.js" });
        asset("package.json", &text.to_string())
    }

    fn page(version: &str) -> Page {
        let generated = ["arena.js", "arena.d.ts", "arena_wasm.js", "arena_wasm.d.ts", "arena_wasm_bg.wasm"]
            .into_iter()
            .chain(["games.js", "arena_wasm_bg.wasm.d.ts", "arena_2.js"]);
        Page {
            games: vec!["arena".to_owned()],
            web: vec![],
            package: vec![description(version), asset("tickwire.js", "1"), asset("tickwire.d.ts", "")],
            generated: generated.map(|name| asset(name, "0")).collect(),
            modules: None,
        }
    }

    /// The version of all packages in tests.
    const VERSION: &str = "0.2.0";

    /// Writes the packages into a folder of the test.
    fn write_to(scratch: &Scratch, version: &str) -> Result<(), NpmError> {
        for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
            fs::write(scratch.path().join(license), "").unwrap();
        }
        let project = Project::of_test(scratch.path(), "cargo");
        write(&project, &page(version), &scratch.path().join("npm"))
    }

    #[test]
    fn there_is_a_package_for_the_client_and_one_for_each_game() {
        let scratch = Scratch::new("npm");
        write_to(&scratch, VERSION).unwrap();
        assert_eq!(scratch.names("npm"), [own_folder::MARKER, "arena", "tickwire"]);
        let own = ["LICENSE-APACHE", "LICENSE-MIT", "package.json", "tickwire.d.ts", "tickwire.js"];
        assert_eq!(scratch.names("npm/tickwire"), own);
        let text = fs::read_to_string(scratch.path().join("npm/arena/package.json")).unwrap();
        let description: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(description["version"], VERSION);
        assert_eq!(description["exports"]["."], json!({ "types": "./arena.d.ts", "default": "./arena.js" }));
        assert!(
            text.find(r#"{ "types""#) < text.find(r#""default""#),
            "the first condition that fits is taken: {text}"
        );
    }

    #[test]
    fn a_description_of_another_version_is_an_error() {
        let scratch = Scratch::new("npm-version");
        let error = write_to(&scratch, "9.9.9").unwrap_err();
        assert!(error.to_string().contains("and it has \"9.9.9\""), "{error}");
        assert!(!scratch.path().join("npm").exists());
    }

    #[test]
    fn npm_packs_every_file_of_a_game() {
        if Command::new("npm").arg("--version").output().is_err() {
            return;
        }
        let scratch = Scratch::new("npm-pack");
        write_to(&scratch, VERSION).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["pack", "--dry-run", "--json", "--offline"]).current_dir(scratch.path().join("npm/arena"));
        let output = npm.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let packed: Value = serde_json::from_slice(&output.stdout).unwrap();
        let files = packed[0]["files"].as_array().unwrap().iter();
        let packed: BTreeSet<&str> = files.map(|file| file["path"].as_str().unwrap()).collect();
        let there = scratch.names("npm/arena");
        assert_eq!(packed, there.iter().map(String::as_str).collect());
    }
}
