//! The manifests: the words for a registry, and the oldest compiler.

use crate::{PUBLISHED, Published, cargo, output, published, root};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// A registry takes this many keywords, each of this many characters.
const KEYWORDS_MAX: usize = 5;
const KEYWORD_LEN_MAX: usize = 20;

/// The categories of crates.io that fit. Another one is refused there only when the crate is sent.
const CATEGORIES: [&str; 12] = [
    "command-line-utilities",
    "development-tools",
    "development-tools::cargo-plugins",
    "development-tools::procedural-macro-helpers",
    "development-tools::profiling",
    "development-tools::testing",
    "game-development",
    "network-programming",
    "no-std",
    "simulation",
    "wasm",
    "web-programming::websocket",
];

fn words<'a>(published: &'a Published, key: &str) -> Vec<&'a str> {
    let list = published.manifest[key].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

fn is_keyword(word: &str) -> bool {
    let starts = word.starts_with(|first: char| first.is_ascii_lowercase());
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    starts && word.len() <= KEYWORD_LEN_MAX && word.chars().all(is_plain)
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_crate_is_published_by_decision() {
    let crates = published();
    let names: Vec<&str> = crates.iter().map(Published::name).collect();
    assert_eq!(names, PUBLISHED, "a crate is in the list, or its manifest says `publish = false`");
}

#[test]
fn each_published_crate_says_what_a_registry_asks() {
    for each in published() {
        let name = each.name();
        assert!(each.text("description").len() > 20, "{name}: description");
        assert_eq!(each.text("license"), "MIT OR Apache-2.0", "{name}");
        assert_eq!(each.text("documentation"), format!("https://docs.rs/{name}"));
        assert_eq!(each.text("readme"), "CRATE.md", "{name}: README.md is for people in this repository");
        let (keywords, categories) = (words(&each, "keywords"), words(&each, "categories"));
        assert!((1..=KEYWORDS_MAX).contains(&keywords.len()), "{name}: {keywords:?}");
        assert!(keywords.iter().all(|word| is_keyword(word)), "{name}: {keywords:?}");
        assert!((1..=5).contains(&categories.len()), "{name}: {categories:?}");
        assert!(categories.iter().all(|word| CATEGORIES.contains(word)), "{name}: {categories:?}");
        assert!(each.manifest["metadata"]["docs"]["rs"]["targets"].is_array(), "{name}: docs.rs builds for one target");
    }
}

#[test]
fn the_oldest_compiler_is_the_same_everywhere() {
    let crates = published();
    let stated = crates[0].text("rust_version");
    assert!(stated.starts_with("1."), "{stated} is a version of Rust");
    let says = format!("Rust {stated} or newer");
    let said_in = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").contains(&says);
    assert!(said_in(&read("README.md")), "README.md: {says}");
    for each in &crates {
        assert_eq!(each.text("rust_version"), stated, "{}", each.name());
        let page = fs::read_to_string(each.folder().join("CRATE.md")).expect("a page");
        assert!(said_in(&page), "{}/CRATE.md: {says}", each.name());
    }
    let templates = templates();
    let line = format!("rust-version = \"{stated}\"");
    for path in &templates {
        assert!(read(path).contains(&line), "{path}: {line}");
    }
}

/// The manifests that `cargo tickwire new` writes.
fn templates() -> Vec<String> {
    let mut git = Command::new("git");
    let below = ["ls-files", "--cached", "--others", "--exclude-standard", "client-wasm/bundle/templates"];
    git.args(below).current_dir(root());
    output(git).lines().filter(|path| path.contains("/Cargo.toml")).map(ToOwned::to_owned).collect()
}

/// cargo refuses an older compiler before it compiles anything, and says which version is needed.
#[test]
fn an_older_compiler_is_told_the_version_that_is_needed() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("of-the-future");
    fs::create_dir_all(folder.join("src")).expect("a folder");
    fs::write(folder.join("src/lib.rs"), "").expect("a library");
    let manifest = "[package]\nname = \"of-the-future\"\nedition = \"2024\"\nrust-version = \"1.999\"\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
    let mut check = cargo(&["check", "--offline"]);
    check.current_dir(&folder).env("CARGO_TARGET_DIR", folder.join("target"));
    let refused = check.output().expect("cargo starts");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("is not supported by the following package"), "{said}");
    assert!(said.contains("of-the-future@0.0.0 requires rustc 1.999"), "{said}");
}
