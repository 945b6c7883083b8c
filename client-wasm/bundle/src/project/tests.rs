//! Packages as cargo describes them, and the messages for those that cannot be played.

use super::*;
use crate::scratch::Scratch;
use serde_json::json;

fn target(kind: &str, crate_type: &str, name: &str) -> Value {
    json!({ "kind": [kind], "crate_types": [crate_type], "name": name })
}

/// What cargo says of a package `my-game` in the folder `root` whose modules are `examples`.
pub(super) fn metadata(root: &Path, examples: &[&str]) -> Value {
    let manifest = |folder: &str| root.join(folder).join("Cargo.toml");
    let package = |name: &str, folder: &str, targets: Vec<Value>| {
        let source = if folder.starts_with("crates") { json!("registry") } else { Value::Null };
        json!({
            "id": name, "name": name, "version": "0.2.0", "manifest_path": manifest(folder), "source": source,
            "targets": targets, "default_run": null, "metadata": null,
        })
    };
    let mut targets =
        vec![target("lib", "lib", "my-game"), target("bin", "bin", "my-game"), target("bin", "bin", "my-game-tools")];
    targets.extend(examples.iter().map(|name| target("example", "cdylib", name)));
    let depends = |on: &str, kind: Value| json!({ "pkg": on, "dep_kinds": [{ "kind": kind, "target": null }] });
    json!({
        "packages": [
            package("my-game", "", targets),
            package("tickwire-client", "client", vec![]),
            package("tickwire", "shared", vec![]),
            package("measures", "measures", vec![]),
            package("wasm-bindgen", "crates/wasm-bindgen", vec![]),
        ],
        "workspace_members": ["my-game"],
        "workspace_root": root,
        "target_directory": root.join("target"),
        "resolve": {
            "root": "my-game",
            "nodes": [
                { "id": "my-game", "deps": [
                    depends("tickwire-client", Value::Null), depends("measures", json!("dev")),
                ] },
                { "id": "tickwire-client", "deps": [
                    depends("tickwire", Value::Null), depends("wasm-bindgen", Value::Null),
                ] },
                { "id": "tickwire", "deps": [] },
                { "id": "measures", "deps": [] },
                { "id": "wasm-bindgen", "deps": [] },
            ],
        },
    })
}

fn read_metadata(metadata: &Value, package: Option<&str>) -> Result<Project, ProjectError> {
    let selection = Selection { manifest: None, package: package.map(str::to_owned) };
    let tools = Tools { cargo: "cargo".into(), rustc: "rustc".into(), cargo_home: None };
    Project::read(metadata, &selection, tools)
}

#[test]
fn the_parts_of_a_package_are_found_by_their_kinds() {
    let root = Path::new("/a b/spiel ü");
    let project = read_metadata(&metadata(root, &[]), None).unwrap();
    assert_eq!((project.package(), project.server_bin()), ("my-game", "my-game"));
    assert_eq!(project.tools_bin(), Some("my-game-tools"));
    assert_eq!(project.modules(), &Modules::Library { name: "my_game".to_owned() });
    assert_eq!((project.client(), project.page()), (&*root.join("client"), root.join("target/wasm/my-game/page")));
    let names: Vec<&str> = project.sources().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["my-game", "tickwire", "tickwire-client"]);
    let with_examples = read_metadata(&metadata(root, &["arena", "swarm"]), None).unwrap();
    assert_eq!(with_examples.modules(), &Modules::Examples(vec!["arena".to_owned(), "swarm".to_owned()]));
    assert!(with_examples.sources().iter().any(|(name, _)| name == "measures"), "examples see what tests see");
}

#[test]
fn a_package_that_cannot_be_played_says_what_it_lacks() {
    let root = Path::new("/w");
    let error = read_metadata(&metadata(root, &[]), Some("other")).unwrap_err();
    let expected = "there is no package other; the workspace /w has my-game: choose one with -p NAME, or call from its \
                    folder";
    assert_eq!(error.to_string(), expected);
    let mut without = metadata(root, &[]);
    without["packages"][1]["name"] = "another".into();
    let error = read_metadata(&without, None).unwrap_err();
    assert!(error.to_string().starts_with("the package my-game does not depend on tickwire-client"), "{error}");
    let mut without = metadata(root, &[]);
    without["packages"][0]["targets"].as_array_mut().unwrap().remove(1);
    let error = read_metadata(&without, None).unwrap_err();
    assert!(error.to_string().contains("no program that could be its server"), "{error}");
    let mut without = metadata(root, &[]);
    without["packages"][0]["targets"].as_array_mut().unwrap().remove(0);
    let error = read_metadata(&without, None).unwrap_err();
    assert!(error.to_string().contains("src/lib.rs is missing"), "{error}");
}

#[test]
fn the_build_id_changes_with_the_sources_and_with_nothing_else() {
    let scratch = Scratch::new("build-id");
    let root = scratch.path();
    for folder in ["src", "client/src", "shared/src", "target"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for file in ["Cargo.toml", "client/Cargo.toml", "shared/Cargo.toml", "src/lib.rs"] {
        fs::write(root.join(file), "").unwrap();
    }
    let project = read_metadata(&metadata(root, &[]), None).unwrap();
    let first = project.build_id().unwrap();
    assert_eq!((first.len(), project.build_id().unwrap()), (16, first.clone()));
    fs::write(root.join("target/thing"), "built").unwrap();
    fs::write(root.join("src/.lib.rs.swp"), "edited").unwrap();
    assert_eq!(project.build_id().unwrap(), first);
    fs::write(root.join("shared/src/new.rs"), "").unwrap();
    let second = project.build_id().unwrap();
    assert_ne!(second, first);
    fs::write(root.join("src/lib.rs"), "const SPEED: f32 = 2.0;").unwrap();
    assert_ne!(project.build_id().unwrap(), second);
}
