//! What cargo says of packages, read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Modules, ProjectError, Selection, TOOLS_END};

/// The package that is meant.
pub(super) fn choose<'a>(metadata: &'a Value, selection: &Selection) -> Result<&'a Value, ProjectError> {
    let members: BTreeSet<&str> = list(&metadata["workspace_members"]).filter_map(Value::as_str).collect();
    let packages =
        || list(&metadata["packages"]).filter(|package| package["id"].as_str().is_some_and(|id| members.contains(id)));
    let which = |reason: String| {
        let names: Vec<&str> = packages().filter_map(|package| package["name"].as_str()).collect();
        let root = text(&metadata["workspace_root"]).into();
        Err(ProjectError::Which { reason, root, names: names.join(", ") })
    };
    if let Some(name) = &selection.package {
        let found = packages().find(|package| package["name"] == name.as_str());
        return found.map_or_else(|| which(format!("there is no package {name}")), Ok);
    }
    let root = &metadata["resolve"]["root"];
    let found = packages().find(|package| !root.is_null() && package["id"] == *root);
    let only = || Some(packages().next()?).filter(|_| packages().count() == 1);
    found.or_else(only).map_or_else(|| which("this folder is in no package".to_owned()), Ok)
}

pub(super) fn modules(package: &Value) -> Option<Modules> {
    let is_module = |target: &&Value| list(&target["crate_types"]).any(|kind| kind == "cdylib");
    let examples: Vec<String> =
        targets(package, "example").filter(is_module).map(|target| text(&target["name"])).collect();
    if !examples.is_empty() {
        return Some(Modules::Examples(examples));
    }
    let kinds = ["lib", "rlib", "cdylib"];
    let library = kinds.into_iter().find_map(|kind| targets(package, kind).next());
    library.map(|target| Modules::Library { name: text(&target["name"]).replace('-', "_") })
}

/// The program of the server: the default one, or the one with the package's name, or the only one that is not the
/// program with the tools.
pub(super) fn server(package: &Value, bins: &[String]) -> Option<String> {
    let named = |field: &str| package[field].as_str().filter(|name| bins.iter().any(|bin| bin == name));
    if let Some(name) = named("default_run").or_else(|| named("name")) {
        return Some(name.to_owned());
    }
    let mut others = bins.iter().filter(|name| !name.ends_with(TOOLS_END));
    others.next().filter(|_| others.next().is_none()).cloned()
}

/// The ids of the packages that the modules consist of: the package itself, and all that it needs in a browser.
pub(super) fn needed(metadata: &Value, package: &Value) -> BTreeSet<String> {
    let with_examples = matches!(modules(package), Some(Modules::Examples(_)));
    let root = text(&package["id"]);
    let (mut seen, mut waiting) = (BTreeSet::from([root.clone()]), vec![root.clone()]);
    while let Some(id) = waiting.pop() {
        let node = list(&metadata["resolve"]["nodes"]).find(|node| node["id"] == id.as_str());
        for dependency in node.into_iter().flat_map(|node| list(&node["deps"])) {
            // Only examples see what the package needs for its development.
            let counts = |kind: &Value| kind["kind"].is_null() || kind["kind"] == "dev" && with_examples && id == root;
            let id = text(&dependency["pkg"]);
            if list(&dependency["dep_kinds"]).any(counts) && seen.insert(id.clone()) {
                waiting.push(id);
            }
        }
    }
    seen
}

/// The names and folders of those of these packages that are no downloads.
pub(super) fn local_sources(metadata: &Value, needed: &BTreeSet<String>) -> Vec<(String, PathBuf)> {
    let is_local = |package: &&Value| package["source"].is_null() && needed.contains(&text(&package["id"]));
    let local = list(&metadata["packages"]).filter(is_local);
    let mut sources: Vec<_> = local.map(|package| (text(&package["name"]), folder_of(package))).collect();
    sources.sort();
    sources
}

pub(super) fn targets<'a>(package: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    list(&package["targets"]).filter(move |target| list(&target["kind"]).any(|own| own == kind))
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn folder_of(package: &Value) -> PathBuf {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    manifest.parent().map(Path::to_owned).unwrap_or_default()
}
