//! The server that a measurement starts: a program that exists, or the one that a package has.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The end of the name of a package's program with tools; such a program is no server.
const TOOLS_END: &str = "-tools";

/// The tag that cargo leaves in its target folders.
const TARGET_TAG: &str = "CACHEDIR.TAG";

/// The program of the server, or the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerSource {
    /// A program that is there already.
    Program(PathBuf),
    /// The folder of the package whose server is built in release mode.
    Package(PathBuf),
}

impl ServerSource {
    /// The path of the program, after it was built if it had to be.
    ///
    /// # Errors
    /// When there is no such program or package, when the package has no server, and when the server does not build.
    pub async fn program(&self) -> Result<PathBuf> {
        match self {
            Self::Program(program) => {
                ensure!(program.is_file(), "{} is no program", program.display());
                Ok(program.clone())
            }
            Self::Package(folder) => build(folder).await,
        }
    }
}

async fn build(folder: &Path) -> Result<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    let ways = "; --server-program FILE names a server that is built, and --url one that runs";
    ensure!(manifest.is_file(), "{} is gone, so that the server cannot be built{ways}", manifest.display());
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"], &manifest, &BTreeMap::new()).await?;
    let metadata: Value = serde_json::from_str(&metadata).context("`cargo metadata` gave no JSON")?;
    let bin = server_bin(&metadata, &manifest)?;
    // Its messages as JSON name the program's place, whatever settings there are.
    let mut arguments: Vec<OsString> =
        ["build", "--release", "--quiet", "--message-format", "json-render-diagnostics", "--bin", &bin]
            .map(OsString::from)
            .into();
    if let Some(target) = own_target_folder() {
        arguments.extend(["--target-dir".into(), target.into()]);
    }
    let variables = built_in(&metadata, &manifest);
    let messages = cargo(&arguments, &manifest, &variables)
        .await
        .with_context(|| format!("the server {bin} does not build{ways}"))?;
    executable(&messages, &bin).with_context(|| format!("cargo names no program {bin}"))
}

/// The variables by which `cargo tickwire build` has put a page into the server: with the same ones cargo leaves that
/// program as it is, and without them it would be built again without its page.
fn built_in(metadata: &Value, manifest: &Path) -> BTreeMap<String, String> {
    let target = own_target_folder().or_else(|| metadata["target_directory"].as_str().map(PathBuf::from));
    let name = package(metadata, manifest).and_then(|package| package["name"].as_str());
    let file = target.zip(name).map(|(target, name)| target.join("wasm").join(name).join("built-in.json"));
    let text = file.and_then(|file| fs::read(file).ok()).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// The variables that the cargo around this program has set. Another one must not see them: it would build those crates
/// again whose build scripts watch them, and the next call from outside once more.
fn set_by_cargo() -> impl Iterator<Item = OsString> {
    let starts = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    let is_set = move |name: &str| starts.iter().any(|start| name.starts_with(start));
    std::env::vars_os().map(|(name, _)| name).filter(move |name| name.to_str().is_some_and(is_set))
}

async fn cargo(
    arguments: &[impl AsRef<std::ffi::OsStr>],
    manifest: &Path,
    variables: &BTreeMap<String, String>,
) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(program);
    for variable in set_by_cargo() {
        cargo.env_remove(variable);
    }
    cargo.args(arguments).arg("--manifest-path").arg(manifest).stdin(Stdio::null()).stderr(Stdio::inherit());
    cargo.envs(variables);
    let output = cargo.output().await.context("cargo does not start")?;
    ensure!(output.status.success(), "cargo ended with {}", output.status);
    String::from_utf8(output.stdout).context("cargo's answer is no text")
}

/// The name of the package's server: its `default-run`, else the program with the package's name, else its only program
/// besides its tools.
fn server_bin(metadata: &Value, manifest: &Path) -> Result<String> {
    let package = package(metadata, manifest);
    let package = package.ok_or_else(|| anyhow!("{} is the manifest of no package", manifest.display()))?;
    let targets = package["targets"].as_array().into_iter().flatten();
    let is_bin =
        |target: &&Value| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"));
    let bins: Vec<&str> = targets.filter(is_bin).filter_map(|target| target["name"].as_str()).collect();
    let named = |field: &str| package[field].as_str().filter(|name| bins.contains(name));
    let others: Vec<&str> = bins.iter().copied().filter(|name| !name.ends_with(TOOLS_END)).collect();
    match (named("default_run").or_else(|| named("name")), &others[..]) {
        (Some(name), _) | (None, &[name]) => Ok(name.to_owned()),
        (None, []) => bail!("{} has no program that could be the server", manifest.display()),
        (None, several) => bail!(
            "{} has several programs ({}): its `default-run` names the server",
            manifest.display(),
            several.join(", ")
        ),
    }
}

/// The package of a manifest.
fn package<'a>(metadata: &'a Value, manifest: &Path) -> Option<&'a Value> {
    let at = manifest.canonicalize().unwrap_or_else(|_| manifest.to_owned());
    let is_wanted = |package: &&Value| {
        let path = package["manifest_path"].as_str();
        path.is_some_and(|path| Path::new(path).canonicalize().is_ok_and(|path| path == at))
    };
    metadata["packages"].as_array()?.iter().find(is_wanted)
}

/// The path of a program in cargo's messages.
fn executable(messages: &str, bin: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter(|message| message["target"]["name"] == bin && message["executable"].is_string());
    programs.next_back().and_then(|message| message["executable"].as_str().map(PathBuf::from))
}

/// The target folder that this program was built in: the server belongs there too. `None` for a program elsewhere.
fn own_target_folder() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    own.ancestors().skip(1).find(|folder| folder.join(TARGET_TAG).is_file()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The server of a package with these programs, by cargo's description of it.
    fn server_of(name: &str, default_run: Option<&str>, bins: &[&str]) -> Result<String> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut targets = vec![json!({ "name": name, "kind": ["lib"] })];
        targets.extend(bins.iter().map(|bin| json!({ "name": bin, "kind": ["bin"] })));
        let package =
            json!({ "name": name, "manifest_path": manifest, "default_run": default_run, "targets": targets });
        server_bin(&json!({ "packages": [package] }), &manifest)
    }

    #[test]
    fn the_server_is_the_default_program_or_has_the_packages_name_or_is_the_only_one() {
        let server = |name, default_run, bins| server_of(name, default_run, bins).expect("a server");
        assert_eq!(server("duel", Some("duel-server"), &["duel", "duel-server", "duel-tools"]), "duel-server");
        assert_eq!(server("duel", None, &["duel-tools", "mint", "duel"]), "duel");
        assert_eq!(server("duel", None, &["duel-tools", "serve"]), "serve");
        let error = server_of("duel", None, &["duel-tools"]).expect_err("no server").to_string();
        assert!(error.ends_with("has no program that could be the server"), "{error}");
        let error = server_of("duel", None, &["one", "two"]).expect_err("two servers").to_string();
        assert!(error.ends_with("has several programs (one, two): its `default-run` names the server"), "{error}");
    }

    #[test]
    fn the_path_of_the_program_is_taken_from_cargos_messages() {
        let messages = "{\"target\":{\"name\":\"duel\"},\"executable\":null}\n\
                        {\"target\":{\"name\":\"duel\"},\"executable\":\"/t/release/duel\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages, "duel"), Some("/t/release/duel".into()));
        assert_eq!(executable(messages, "other"), None);
    }
}
