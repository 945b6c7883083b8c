//! Tidiness: the layout, the names and the habits that the design fixes, checked on every file under version control.
//!
//! Rules look at lines and not at syntax: that is cheap, and a rule that fails is plain to read. An exception is named
//! here together with its reason, or it does not exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a file before its tests.
const FILE_LINES_MAX: usize = 500;

/// Files and folders that may be at the top level, besides those whose names begin with a dot.
const TOP_LEVEL: [&str; 16] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "bench",
    "client-wasm",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
    "server",
    "shared",
    "tests",
];

/// One text file of the project.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file belongs to the simulated core: code that runs in simulated time, without sockets, clocks or
    /// threads around it.
    fn is_core(&self) -> bool {
        self.is_rust()
            && ["shared/src/", "server/src/room", "server/src/topics"].iter().any(|core| self.path.starts_with(core))
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/")
    }

    /// The lines before the module of tests, numbered from 1. In a `main.rs` all lines count.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| *line != "#[cfg(test)]" || self.path.ends_with("main.rs"));
        lines.enumerate().map(|(index, line)| (index + 1, line))
    }
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests is a folder of the workspace").to_owned()
}

/// Every text file that is under version control, or that a commit of all files would put there.
fn sources() -> Vec<Source> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(list).current_dir(root()).output().expect("git starts");
    assert!(listed.status.success(), "git lists the files");
    let paths = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let read = |path: &str| Some(Source { path: path.into(), text: fs::read_to_string(root().join(path)).ok()? });
    let sources: Vec<Source> = paths.lines().filter_map(read).collect();
    assert!(sources.len() > 50, "the files of the project were found");
    sources
}

/// Fails when a line breaks a rule, and names all lines that do.
fn refuse(rule: &str, mut breaks: impl FnMut(&Source, &str) -> bool) {
    let mut found = Vec::new();
    for source in &sources() {
        // This file names the very words that it looks for.
        if source.path == "tests/it/tidy.rs" {
            continue;
        }
        for (number, line) in source.lines().filter(|(_, line)| breaks(source, line)) {
            found.push(format!("{}:{number}: {}", source.path, line.trim()));
        }
    }
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

fn contains_any(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

#[test]
fn the_top_level_has_the_files_of_the_design_and_no_others() {
    let sources = sources();
    let tops: BTreeSet<&str> = sources.iter().filter_map(|source| source.path.split('/').next()).collect();
    let strangers: Vec<_> = tops.iter().filter(|top| !top.starts_with('.') && !TOP_LEVEL.contains(top)).collect();
    assert!(strangers.is_empty(), "not at the top level: {strangers:?}");
    for needed in ["CHANGELOG.md", "Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
        assert!(tops.contains(needed), "{needed} is missing");
    }
}

#[test]
fn no_file_is_longer_than_the_limit() {
    let long = |source: &Source| {
        let is_code = [".rs", ".js", ".css", ".html"].iter().any(|ending| source.path.ends_with(ending));
        is_code && source.lines().count() > FILE_LINES_MAX
    };
    let long: Vec<String> = sources().into_iter().filter(long).map(|source| source.path).collect();
    assert!(long.is_empty(), "over {FILE_LINES_MAX} lines: {long:?}");
}

#[test]
fn every_file_begins_with_a_header_comment() {
    let silent = |source: &Source| {
        // Each of the compile-fail cases is one mistake, and the name of its file says which.
        let is_case = source.path.starts_with("shared/derive/tests/errors/");
        let first = source.text.trim_start();
        match source.path.rsplit('.').next() {
            Some("rs") => !is_case && !first.starts_with("//!"),
            Some("js" | "mjs") => !first.starts_with("//"),
            _ => false,
        }
    };
    let silent: Vec<String> = sources().into_iter().filter(silent).map(|source| source.path).collect();
    assert!(silent.is_empty(), "without a header: {silent:?}");
}

#[test]
fn no_file_has_a_vague_name() {
    let vague = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "types", "prelude", "mod"];
    let is_vague = |path: &str| path.split(['/', '.']).any(|part| vague.contains(&part));
    let found: Vec<String> = sources().into_iter().map(|source| source.path).filter(|path| is_vague(path)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn no_type_has_a_vague_name() {
    let vague = ["Manager", "Helper", "Util", "Handler", "Wrapper", "Info", "Data"];
    refuse("a type's name describes the type", |source, line| {
        let name = ["struct ", "enum ", "trait "]
            .iter()
            .find_map(|kind| line.split_once(kind)?.1.split([' ', '<', '(', ';']).next());
        source.is_rust()
            && !line.trim_start().starts_with("//")
            && name.is_some_and(|name| vague.iter().any(|end| name.ends_with(end)))
    });
}

#[test]
fn no_file_names_a_path_or_a_registry_of_one_machine() {
    // The names are split, so that this file does not contain them either.
    let places = [
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/Use", "rs/"),
        concat!("/tmp", "/tw"),
    ];
    let hosts = [
        concat!("arti", "factory"),
        concat!("index.crates", ".io"),
        concat!("registry.npm", "js"),
        concat!("pypi", ".org"),
    ];
    refuse("no file names a path or a package mirror of one machine", |source, line| {
        let is_lock = source.path.ends_with(".lock") || source.path.ends_with("package-lock.json");
        let is_absolute = |at: usize| !line[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
        let place = places.iter().any(|place| line.match_indices(place).any(|(at, _)| is_absolute(at)));
        place || !is_lock && contains_any(line, &hosts)
    });
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for manifest in sources().iter().filter(|source| source.path.ends_with("/Cargo.toml")) {
        // The fuzz targets are a workspace of their own, because they need another compiler.
        if manifest.path == "tests/fuzz/Cargo.toml" {
            continue;
        }
        assert!(manifest.text.contains("[lints]\nworkspace = true"), "{}", manifest.path);
    }
}

#[test]
fn exceptions_from_lints_are_small_and_expected() {
    let whole = concat!("#![al", "low");
    refuse("exceptions are `#[expect(.., reason)]` on the smallest item, never `allow`", |source, line| {
        source.is_rust() && (line.contains(whole) || line.contains(concat!("#[al", "low(")))
    });
}

#[test]
fn commands_in_the_readme_exist() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_else(|_| panic!("{path} is missing"));
    let (readme, aliases) = (read("README.md"), read(".cargo/config.toml"));
    let known = ["add", "bench", "build", "clippy", "doc", "fmt", "fuzz", "install", "new", "run", "test"];
    let mut count = 0;
    for rest in readme.split("cargo ").skip(1) {
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let is_alias = aliases.lines().any(|line| line.starts_with(&format!("{name} =")));
        if name.is_empty() || known.contains(&&*name) {
            continue;
        }
        assert!(is_alias, "the README has `cargo {name}`, which is no alias");
        count += 1;
    }
    assert!(count >= 3, "the README explains play, verify and bots");
}

#[test]
fn the_page_leaves_decisions_to_rust() {
    let sources = sources();
    let is_script = |path: &str| ["client-wasm/web/", "client-wasm/js/"].iter().any(|folder| path.starts_with(folder));
    // An example of the subprotocol for pages without a module opens the one socket that it is about.
    let is_tile = |path: &str| path.starts_with("client-wasm/js/examples/tile/");
    let is_ours = |source: &&Source| is_script(&source.path) && !is_tile(&source.path);
    let scripts: Vec<&Source> = sources.iter().filter(is_ours).collect();
    let sockets = scripts.iter().map(|source| source.text.matches("new WebSocket(").count()).sum::<usize>();
    assert_eq!(sockets, 1, "one place of the page opens sockets, on command of the client");
    for source in &scripts {
        // The words for a close code and the choices that the page offers after it are presentation, so these two
        // scripts may know the codes.
        let speaks = ["app.js", "words.js"].iter().any(|name| source.path.ends_with(name));
        let names_a_code =
            |line: &str| line.contains("code") && (4000..4012).any(|code: u16| line.contains(&code.to_string()));
        let found: Vec<&str> = source.text.lines().filter(|line| !speaks && names_a_code(line)).collect();
        assert!(found.is_empty(), "{} names close codes: {found:?}", source.path);
    }
}

#[test]
fn the_core_has_no_clock_no_socket_no_lock_and_no_random_numbers_but_its_own() {
    let outside = [
        "std::time",
        "std::net",
        "std::thread",
        "std::env",
        "std::fs",
        "Instant",
        "SystemTime",
        "HashMap",
        "HashSet",
        "tokio",
        "thread_rng",
        "getrandom",
        "async fn",
        ".await",
        "Mutex",
        "RwLock",
        "RefCell",
        "OnceLock",
        "static mut",
    ];
    refuse("the core receives time, bytes and seeds as arguments", |source, line| {
        source.is_core() && !line.trim_start().starts_with("//") && contains_any(line, &outside)
    });
}

#[test]
fn at_most_two_values_are_shared_behind_a_lock() {
    let shared: Vec<String> = sources()
        .iter()
        // The load test shares values within one thread, which plays many players.
        .filter(|source| source.is_rust() && !source.is_test() && !source.path.starts_with("bench/"))
        .flat_map(|source| source.lines().map(|(_, line)| format!("{}: {line}", source.path)).collect::<Vec<_>>())
        .filter(|line| contains_any(line, &["Arc<Mutex<", "Arc<RwLock<", "Rc<RefCell<", "lazy_static", "static mut"]))
        .collect();
    assert!(shared.len() <= 2, "too many values are shared behind a lock or a cell: {shared:#?}");
}

#[test]
fn errors_are_values_that_can_be_matched() {
    let prose =
        ["Result<(), String>", "Result<String, String>", ", &'static str>", "Box<dyn Error>", "Box<dyn std::error"];
    refuse("errors are enums, and anyhow is for main.rs alone", |source, line| {
        let is_library = ["shared/src", "server/src", "client-wasm/src"].iter().any(|at| source.path.starts_with(at));
        let says_anyhow = line.contains("anyhow") && !source.path.ends_with("main.rs");
        is_library && source.is_rust() && line.contains("fn ") && contains_any(line, &prose)
            || is_library && source.is_rust() && says_anyhow
    });
}

#[test]
fn comments_do_not_narrate() {
    let openings = [
        "Create",
        "Initialize",
        "Initialise",
        "Set ",
        "Get ",
        "Loop ",
        "Iterate",
        "Return",
        "Increment",
        "Call ",
        "Add ",
        "Update",
        "Then ",
        "First,",
        "Check if",
        "Handle ",
        "Process ",
        "Step 1",
        "Helper",
    ];
    refuse("comments give reasons and do not narrate", |source, line| {
        let comment = line.trim_start().strip_prefix("// ");
        let banner = line.contains("=====") || line.contains("-----") && !line.contains("-----BEGIN");
        source.is_rust() && (banner || comment.is_some_and(|text| openings.iter().any(|word| text.starts_with(word))))
    });
}

#[test]
fn the_code_has_no_leftovers_no_unbounded_queue_and_no_coarse_timer() {
    let words = ["todo!", "unimplemented!", "dbg!", "TODO", "FIXME", "XXX", "unbounded_channel", "dead_code"];
    refuse("no leftovers, no queue without a bound, and no ticks on a coarse timer", |source, line| {
        let ticks_coarsely = source.path.starts_with("server/") && line.contains("time::interval");
        source.is_rust() && !line.trim_start().starts_with("//") && (ticks_coarsely || contains_any(line, &words))
    });
}

#[test]
fn tests_wait_for_events_and_mock_nothing() {
    let words = ["#[ignore", "should_panic", "mockall", "automock", "struct Mock"];
    let sources = sources();
    for source in sources.iter().filter(|source| source.is_rust() && source.path != "tests/it/tidy.rs") {
        for line in source.text.lines() {
            assert!(!contains_any(line, &words), "{}: {line}", source.path);
            // A fixed pause hides a race. A test that waits for the expected event, with a deadline, does not.
            assert!(!source.is_test() || !line.contains("sleep("), "{}: {line}", source.path);
        }
    }
}
