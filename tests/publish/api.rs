//! The public API of each published crate, in a file beside its manifest: a review sees every change of it.
//!
//! rustdoc tells the API as JSON, and the crate `public-api` puts it into lines. Impls that every type has are left
//! out; of derived impls, the heads are kept. A crate's features are those that the workspace builds it with.

use crate::{Published, cargo, metadata, output, published};
use public_api::Builder;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file beside the manifest.
const FILE: &str = "api.txt";

/// The way to write all files anew.
const OVERWRITE: &str = "API=overwrite cargo test -p tickwire-tests --test publish api::";

/// Lines of a difference that are shown.
const SHOWN: usize = 40;

/// The form of rustdoc's JSON that `public-api` reads. It is that of Rust 1.95; both change together.
const FORMAT: u64 = 57;

/// A rustdoc that may write JSON. The variable that allows it is set for rustdoc alone: a build script that saw it
/// would choose other code, and most dependencies would be compiled again.
const RUSTDOC: &str = "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec \"${TICKWIRE_RUSTDOC:-rustdoc}\" \"$@\"\n";

/// Lets rustdoc describe all libraries of the workspace, and returns the folder with the files.
fn describe() -> PathBuf {
    let rustdoc = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rustdoc-json");
    fs::write(&rustdoc, RUSTDOC).expect("the script can be written");
    fs::set_permissions(&rustdoc, Permissions::from_mode(0o755)).expect("the script can be made a program");
    // The whole workspace at once, as in the step `doc`: for a part of it, cargo would choose other features of the
    // dependencies and check them again.
    let mut doc = cargo(&["doc", "--no-deps", "--workspace", "--lib"]);
    if let Some(own) = std::env::var_os("RUSTDOC") {
        doc.env("TICKWIRE_RUSTDOC", own);
    }
    doc.env("RUSTDOC", &rustdoc).env("RUSTDOCFLAGS", "-Zunstable-options --output-format json");
    output(doc);
    Path::new(metadata()["target_directory"].as_str().expect("a target folder")).join("doc")
}

fn lines(json: &Path, with_derived: bool) -> Vec<String> {
    let builder = Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true);
    let api = builder.omit_auto_derived_impls(!with_derived).build().expect("the description can be read");
    api.items().map(ToString::to_string).collect()
}

/// The API in lines, each once: an item that is exported by two paths would have its impls twice. `Copy` and its like
/// are a promise too, but the methods of a derived impl say nothing more than its head.
fn api(json: &Path) -> String {
    let plain: BTreeSet<String> = lines(json, false).into_iter().collect();
    let is_head = |line: &str| line.starts_with("impl") && !line.contains("::StructuralPartialEq for ");
    let mut seen = BTreeSet::new();
    let derived = lines(json, true).into_iter().filter(|line| plain.contains(line) || is_head(line));
    derived.filter(|line| seen.insert(line.clone())).fold(String::new(), |text, line| text + &line + "\n")
}

/// The lines that only the old text has, after a `-`, and those that only the new one has, after a `+`; none for equal
/// texts.
fn difference(old: &str, new: &str) -> Vec<String> {
    let (was, is): (BTreeSet<&str>, BTreeSet<&str>) = (old.lines().collect(), new.lines().collect());
    let gone = was.difference(&is).map(|line| format!("-{line}"));
    let mut all: Vec<String> = gone.chain(is.difference(&was).map(|line| format!("+{line}"))).collect();
    if all.is_empty() && old != new {
        all.push(" the same lines in another order".to_owned());
    }
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    all.extend((more > 0).then(|| format!("  and {more} more")));
    all
}

/// The difference of one crate from its file, or its file written anew.
fn compare(published: &Published, docs: &Path, overwrite: bool) -> Option<String> {
    let json = docs.join(published.name().replace('-', "_")).with_extension("json");
    let (file, is) = (published.folder().join(FILE), api(&json));
    assert!(is.lines().count() > 2, "{} has an API", published.name());
    if overwrite {
        fs::write(&file, is).expect("the file can be written");
        return None;
    }
    let lines = difference(&fs::read_to_string(&file).unwrap_or_default(), &is);
    (!lines.is_empty()).then(|| format!("{} ({}):\n{}", published.name(), file.display(), lines.join("\n")))
}

/// Whether this compiler describes crates in a form that is not ours. That is an error with the compiler that the
/// manifests state, and a newer one may do so.
fn has_another_format(docs: &Path, stated: &str) -> bool {
    let text = fs::read_to_string(docs.join("tickwire.json")).expect("rustdoc has described the crate");
    let json: Value = serde_json::from_str(&text).expect("the description is JSON");
    let version = output(version_of_rustc());
    let is_stated = version.starts_with(&format!("rustc {stated}."));
    let format = json["format_version"].as_u64();
    assert!(
        format == Some(FORMAT) || !is_stated,
        "rustdoc {version} writes format {format:?}: choose the `public-api`"
    );
    format != Some(FORMAT)
}

fn version_of_rustc() -> Command {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.arg("-V");
    rustc
}

#[test]
fn the_public_api_is_the_one_in_the_files() {
    let (docs, crates) = (describe(), published());
    let stated = crates[0].text("rust_version");
    if has_another_format(&docs, stated) {
        // The output of a test that passes is hidden, unless it is written to the stream itself.
        writeln!(io::stdout(), "left out: this compiler has another format, use Rust {stated}").expect("a line");
        return;
    }
    let overwrite = std::env::var("API").is_ok_and(|value| value == "overwrite");
    let found: Vec<String> = crates.iter().filter_map(|each| compare(each, &docs, overwrite)).collect();
    assert!(found.is_empty(), "the public API has changed. If that is meant:\n{OVERWRITE}\n\n{}", found.join("\n\n"));
}

#[test]
fn a_difference_names_the_lines_that_have_gone_and_come() {
    let (old, new) = ("pub fn a::one()\npub fn a::two()\n", "pub fn a::one()\npub fn a::three(u8)\n");
    assert_eq!(difference(old, new), ["-pub fn a::two()", "+pub fn a::three(u8)"]);
    assert!(difference(old, old).is_empty());
    assert_eq!(difference("one\ntwo\n", "two\none\n").len(), 1, "another order is a difference");
    let many = (0..100).fold(String::new(), |text, number| text + &format!("{number}\n"));
    assert_eq!(difference("", &many).last().expect("many lines"), "  and 60 more");
}
