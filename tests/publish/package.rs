//! The content of the packages: licences, a page, and every file that the sources read when they are compiled.

use crate::{PUBLISHED, cargo, metadata, output, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The size of a package, compressed, that crates.io takes.
const PACKAGE_BYTES_MAX: u64 = 10 << 20;

/// The words in front of a path that the compiler reads, relative to the file that they stand in or to the package.
const READS: [&str; 5] = ["include_str!(", "include_bytes!(", "include!(", "include_dir!(", "#[path"];

/// Folders that programs read or carry as a whole, by crate: a file that is missing shows no sooner than in use.
const WHOLE: [(&str, &str); 2] =
    [("cargo-tickwire", "client-wasm/bundle/templates"), ("tickwire-client", "client-wasm/web")];

/// Packages all published crates together, so that none of them needs another one from a registry.
fn package() {
    let crates = PUBLISHED.iter().flat_map(|name| ["-p", name]);
    let all = ["package", "--allow-dirty", "--no-verify", "--offline"].into_iter().chain(crates);
    output(cargo(&all.collect::<Vec<_>>()));
}

/// Each package, unpacked: its name and its folder. They are made once for all tests.
static UNPACKED: LazyLock<Vec<(&str, PathBuf)>> = LazyLock::new(|| {
    package();
    unpack()
});

fn unpack() -> Vec<(&'static str, PathBuf)> {
    let told = metadata();
    let from = Path::new(told["target_directory"].as_str().expect("a target folder")).join("package");
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    if to.exists() {
        fs::remove_dir_all(&to).expect("the packages of the last time can be removed");
    }
    fs::create_dir_all(&to).expect("a folder for the packages");
    let unpack = |name: &'static str| {
        let full = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        let file = from.join(format!("{full}.crate"));
        let bytes = fs::metadata(&file).expect("a package").len();
        assert!(bytes <= PACKAGE_BYTES_MAX, "{name} has {bytes} bytes");
        let mut tar = Command::new("tar");
        tar.arg("xzf").arg(&file).arg("-C").arg(&to);
        output(tar);
        (name, to.join(full))
    };
    PUBLISHED.into_iter().map(unpack).collect()
}

/// All files below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The paths that the compiler reads for this piece of code, as they are written.
fn paths_read(code: &str) -> impl Iterator<Item = &str> {
    let calls = READS.iter().flat_map(|word| code.split(word).skip(1));
    calls.filter_map(|rest| {
        let call = &rest[..rest.find([';', ']']).unwrap_or(rest.len())];
        // Of `concat!(env!("CARGO_MANIFEST_DIR"), "/file")` the last text is the path.
        call.split('"').skip(1).step_by(2).filter(|text| text.contains(['/', '.'])).last()
    })
}

/// The files that a source of a package reads and the package does not have.
fn lacking(package: &Path, source: &Path) -> Vec<String> {
    let code = fs::read_to_string(source).expect("a source is text");
    let beside = source.parent().expect("a source is in a folder");
    let is_inside = |path: &str| {
        let of_package = path.trim_start_matches("$CARGO_MANIFEST_DIR").strip_prefix('/');
        let file = of_package.map_or_else(|| beside.join(path), |path| package.join(path));
        file.canonicalize().is_ok_and(|file| file.starts_with(package))
    };
    let lacking = paths_read(&code).filter(|path| !is_inside(path));
    lacking.map(|path| format!("{} reads {path}", source.display())).collect()
}

/// The targets of links in a page that are no addresses of their own.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.starts_with("https://") && !target.starts_with('#'))
}

#[test]
fn a_package_has_its_page_its_licences_and_all_that_its_sources_read() {
    for (name, folder) in UNPACKED.iter() {
        let folder = folder.canonicalize().expect("an unpacked package");
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let ours = fs::read(root().join(licence)).expect("a licence");
            let theirs = fs::read(folder.join(licence)).unwrap_or_else(|_| panic!("{name} has no {licence}"));
            assert_eq!(ours, theirs, "{name}: {licence}");
        }
        let page = fs::read_to_string(folder.join("CRATE.md")).unwrap_or_else(|_| panic!("{name} has no page"));
        let abroad: Vec<&str> = links(&page).collect();
        assert!(abroad.is_empty(), "{name}: a registry shows the page alone, and cannot follow {abroad:?}");
        assert!(!folder.join("api.txt").exists() && !folder.join("README.md").exists(), "{name} is for authors");
        let files = files_below(&folder);
        let sources = files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
        let lacking: Vec<String> = sources.flat_map(|source| lacking(&folder, source)).collect();
        assert!(lacking.is_empty(), "{name} needs files that are not in its package:\n{}", lacking.join("\n"));
    }
}

#[test]
fn a_folder_that_is_read_as_a_whole_is_in_its_package_as_a_whole() {
    for (name, folder) in WHOLE {
        let ours = root().join(folder);
        let (_, package) = UNPACKED.iter().find(|(each, _)| *each == name).expect("a published crate");
        let theirs = package.join(ours.file_name().expect("a folder has a name"));
        let names = files_below(&ours);
        let inside = names.iter().filter_map(|file| file.strip_prefix(&ours).ok());
        let lacking: Vec<&Path> = inside.filter(|file| !theirs.join(file).exists()).collect();
        assert!(names.len() > 5 && lacking.is_empty(), "{name} lacks files of {folder}: {lacking:?}");
    }
}

/// This takes many minutes: the packages are compiled beside each other, with nothing else of this workspace.
///
/// `cargo package` can do that too, but it keeps the sources of an earlier run as long as the version is the same, and
/// compiles against them.
#[test]
fn the_packages_build() {
    let folder = UNPACKED[0].1.parent().expect("packages are in a folder");
    let (mut members, mut patches) = (String::new(), String::new());
    for (name, package) in UNPACKED.iter() {
        let path = package.file_name().expect("a package has a folder").to_string_lossy();
        members += &format!("\"{path}\", ");
        patches += &format!("{name} = {{ path = \"{path}\" }}\n");
    }
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n[patch.crates-io]\n{patches}");
    fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).expect("the versions of this workspace");
    // Apart from the programs of this workspace, which have the same names.
    let target = folder.with_file_name("packages-build");
    let of_packages = |arguments: &[&str]| {
        let mut cargo = cargo(arguments);
        cargo.current_dir(folder).env("CARGO_TARGET_DIR", &target);
        output(cargo);
    };
    // All files of an archive have the same time, by which cargo would take what it built of an earlier one for new.
    UNPACKED.iter().for_each(|(name, _)| of_packages(&["clean", "--package", name]));
    of_packages(&["build"]);
}

#[test]
fn a_path_that_the_compiler_reads_is_found_in_all_its_forms() {
    // The words are split, so that this file is none of the sources that they are found in.
    let code = concat!(
        "const A: &str = include_",
        "str!(\"../a.txt\");\n#[pa",
        "th = \"b/c.rs\"]\nmod c;\nstatic D: Dir<'_> = include_",
        "dir!(\"$CARGO_MANIFEST_DIR/d\");\nlet e = include_",
        "bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../e\")).as_slice();"
    );
    let mut found: Vec<&str> = paths_read(code).collect();
    found.sort_unstable();
    assert_eq!(found, ["$CARGO_MANIFEST_DIR/d", "../a.txt", "/../e", "b/c.rs"]);
    assert_eq!(links("[a](https://a.example) [b](../b.md) [c](#c)").collect::<Vec<_>>(), ["../b.md"]);
}
