//! The architecture as a table of the modules that each module may import, and the former names that no type may have
//! again.
//!
//! A newcomer may read [`SHARED`] and [`SERVER`] as the map of the two crates. An import against the table fails here.
//! Either the code belongs into another module, or the table changes in the same commit. A reviewer sees the change of
//! direction there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Per top-level module of `shared/src`, the modules that it may import.
const SHARED: &[(&str, &[&str])] = &[
    ("bug", &[]),
    ("leak", &[]),
    ("limits", &[]),
    ("math", &[]),
    ("rng", &["leak"]),
    ("tick", &[]),
    ("wire", &[]),
    ("id", &["limits", "tick"]),
    ("hash", &["id"]),
    ("link", &["rng"]),
    ("table", &["id", "leak", "limits", "rng", "tick"]),
    ("state", &["hash", "id", "limits", "math", "table"]),
    ("game", &["id", "leak", "limits", "rng", "state", "table", "tick"]),
    ("stage", &["game", "id", "math"]),
    ("message", &["game", "hash", "id", "limits", "state", "tick", "wire"]),
    ("input", &["limits", "message", "state", "tick", "wire"]),
    ("world", &["bug", "game", "hash", "id", "input", "leak", "limits", "rng", "state", "table", "tick", "wire"]),
    ("replication", &["hash", "id", "leak", "limits", "state", "tick", "wire", "world"]),
    ("lockstep", &["game", "id", "input", "limits", "state", "tick", "wire", "world"]),
    (
        "recording",
        &["bug", "game", "hash", "id", "input", "limits", "lockstep", "rng", "state", "table", "tick", "wire", "world"],
    ),
    ("determinism", &["game", "id", "input", "limits", "recording", "rng", "state", "tick", "wire", "world"]),
    ("testing", &["determinism", "game", "id", "input", "limits", "rng", "state", "tick", "world"]),
    ("desync", &["determinism", "hash", "id", "leak", "message", "state", "world"]),
    (
        "client",
        &[
            "desync",
            "determinism",
            "game",
            "id",
            "input",
            "limits",
            "lockstep",
            "math",
            "message",
            "replication",
            "rng",
            "state",
            "table",
            "tick",
            "wire",
            "world",
        ],
    ),
];

/// The same for `server/src`. `net` and `shard` do not know each other: they exchange the messages of `mailbox`.
const SERVER: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("versioned", &[]),
    ("clock", &[]),
    ("memory", &[]),
    ("readiness", &[]),
    ("own_folder", &[]),
    ("secret_file", &[]),
    ("service_token", &["secret_file"]),
    ("identity", &["secret_file"]),
    ("game_panic", &[]),
    ("threads", &["limits"]),
    ("config", &["limits", "memory"]),
    ("socket", &[]),
    ("tls", &["clock", "config", "secret_file"]),
    ("names", &["limits"]),
    ("player_key", &[]),
    ("room", &["game_panic", "limits", "names", "versioned"]),
    ("websocket", &["limits"]),
    ("lobby", &["limits", "room"]),
    ("journal", &["clock", "limits", "lobby", "own_folder", "threads"]),
    ("kept", &["clock", "journal", "limits", "versioned"]),
    ("topics", &["kept", "limits", "lobby", "names", "room", "websocket"]),
    ("matchmaking", &["limits", "lobby", "topics"]),
    ("gate", &["clock", "config", "identity", "kept", "lobby", "player_key", "room", "secret_file", "topics"]),
    ("operators", &["config", "limits", "lobby", "secret_file", "websocket"]),
    ("logging", &["clock", "config", "limits", "operators", "websocket"]),
    ("webhooks", &["clock", "journal", "kept", "limits", "secret_file"]),
    ("chronicle", &["clock", "journal", "room", "webhooks"]),
    ("games", &["chronicle", "game_panic", "room"]),
    ("metrics", &["room", "threads", "webhooks"]),
    ("room_header", &["games", "lobby", "room"]),
    ("cluster", &["config", "limits", "lobby", "secret_file"]),
    (
        "mailbox",
        &[
            "chronicle",
            "games",
            "journal",
            "limits",
            "lobby",
            "matchmaking",
            "operators",
            "readiness",
            "room",
            "room_header",
            "socket",
            "threads",
            "topics",
            "websocket",
        ],
    ),
    ("maker", &["chronicle", "game_panic", "games", "journal", "limits", "lobby", "mailbox", "memory", "threads"]),
    (
        "shard",
        &[
            "chronicle",
            "clock",
            "game_panic",
            "games",
            "journal",
            "limits",
            "lobby",
            "mailbox",
            "metrics",
            "room",
            "room_header",
            "socket",
            "threads",
            "topics",
            "webhooks",
            "websocket",
        ],
    ),
    (
        "exchange",
        &[
            "clock",
            "gate",
            "kept",
            "limits",
            "lobby",
            "mailbox",
            "matchmaking",
            "metrics",
            "names",
            "operators",
            "player_key",
            "room",
            "socket",
            "threads",
            "topics",
            "websocket",
        ],
    ),
    ("tunnel", &["limits", "mailbox", "metrics", "socket", "threads"]),
    (
        "net",
        &[
            "chronicle",
            "clock",
            "cluster",
            "config",
            "game_panic",
            "games",
            "gate",
            "journal",
            "kept",
            "limits",
            "lobby",
            "logging",
            "mailbox",
            "maker",
            "memory",
            "metrics",
            "operators",
            "own_folder",
            "player_key",
            "readiness",
            "room",
            "room_header",
            "service_token",
            "socket",
            "threads",
            "tls",
            "topics",
            "webhooks",
            "websocket",
        ],
    ),
    (
        "server",
        &[
            "clock",
            "cluster",
            "config",
            "exchange",
            "game_panic",
            "games",
            "gate",
            "journal",
            "kept",
            "limits",
            "logging",
            "mailbox",
            "maker",
            "matchmaking",
            "metrics",
            "net",
            "operators",
            "own_folder",
            "readiness",
            "service_token",
            "shard",
            "threads",
            "tls",
            "topics",
            "tunnel",
            "webhooks",
        ],
    ),
    (
        "cli",
        &[
            "clock",
            "config",
            "game_panic",
            "games",
            "identity",
            "journal",
            "logging",
            "net",
            "room",
            "room_header",
            "server",
            "threads",
        ],
    ),
];

/// Former names of types, which have given way to the field's words; no type may have one of them again.
const RETIRED: [&str; 36] = [
    "Anchor",
    "Arrival",
    "Beat",
    "Bill",
    "Bundle",
    "BundleCodec",
    "Census",
    "Clerk",
    "Conduct",
    "Course",
    "Desk",
    "Dial",
    "Eyes",
    "Happening",
    "HostedRoom",
    "Inquiry",
    "Ledger",
    "Mind",
    "Mirror",
    "Moment",
    "Pace",
    "Past",
    "Playout",
    "Quarantine",
    "Rewound",
    "SeatedRoom",
    "Shape",
    "Sieve",
    "Sitter",
    "Standing",
    "Taps",
    "Testimony",
    "Told",
    "Whole",
    "Windows",
    "Wish",
];

/// Former names of functions in the shard, which have given way to plain ones.
const RETIRED_FUNCTIONS: [&str; 6] = ["conduct", "forgive", "hear", "obey", "pursue", "testify"];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests is a folder of the workspace").to_owned()
}

/// The Rust files below a folder, each with its code but without its comments and tests.
fn code_below(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(code_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).expect("a source is text");
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").filter(is_code);
            let code = lines.fold(String::new(), |code, line| code + line + "\n");
            found.push((path, code));
        }
    }
    found
}

/// The top-level module that a file of a crate belongs to; `None` for the crate's own root.
fn module_of(crate_folder: &Path, file: &Path) -> Option<String> {
    let inside = file.strip_prefix(crate_folder).expect("a file of the crate");
    let first = inside.components().next()?.as_os_str().to_string_lossy().into_owned();
    let module = first.trim_end_matches(".rs").to_owned();
    (module != "lib" && module != "main").then_some(module)
}

/// The names that follow `crate::` in a piece of code.
fn imports(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// The imports of a crate's files that its table does not allow.
fn offences(folder: &str, table: &[(&str, &[&str])]) -> Vec<String> {
    let folder = root().join(folder);
    let allowed: BTreeMap<&str, &[&str]> = table.iter().copied().collect();
    let mut found = Vec::new();
    for (path, code) in code_below(&folder) {
        let Some(module) = module_of(&folder, &path) else { continue };
        let Some(may) = allowed.get(module.as_str()) else {
            found.push(format!("{module} is a module without a line in the table"));
            continue;
        };
        let imported: BTreeSet<&str> = imports(&code).filter(|name| *name != module).collect();
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        found.extend(imported.iter().filter(|to| !may.contains(to)).map(|to| format!("{name} imports {to}")));
    }
    found
}

#[test]
fn modules_import_in_one_direction() {
    for table in [SHARED, SERVER] {
        // Each line may name only the modules of earlier lines, so that no circle fits into the table.
        for (index, (module, may)) in table.iter().enumerate() {
            let earlier: Vec<&str> = table[..index].iter().map(|(name, _)| *name).collect();
            let late: Vec<_> = may.iter().filter(|name| !earlier.contains(name)).collect();
            assert!(late.is_empty(), "{module} is listed before {late:?}");
        }
    }
    let found = [offences("shared/src", SHARED), offences("server/src", SERVER)].concat();
    assert!(found.is_empty(), "against the table of directions:\n{}", found.join("\n"));
}

#[test]
fn an_import_against_the_table_is_noticed() {
    // The same check runs with one arrow taken out of the table. It has to find the files that need the arrow: a check
    // that never finds anything would pass on every tree.
    let without: Vec<(&str, &[&str])> = SHARED
        .iter()
        .map(|(module, may)| if *module == "client" { (*module, &may[1..]) } else { (*module, *may) })
        .collect();
    let found = offences("shared/src", &without);
    assert!(!found.is_empty() && found.iter().all(|line| line.ends_with("imports desync")), "{found:?}");
}

#[test]
fn no_module_imports_from_the_facade_of_its_own_crate() {
    for folder in ["shared/src", "server/src"] {
        let folder = root().join(folder);
        for (path, code) in code_below(&folder).iter().filter(|(path, _)| module_of(&folder, path).is_some()) {
            // The root re-exports types alone, and their names begin with a capital.
            let used: Vec<&str> = imports(code).filter(|name| name.starts_with(|c: char| c.is_uppercase())).collect();
            assert!(used.is_empty(), "{}: import {used:?} from the module that defines it", path.display());
        }
    }
}

#[test]
fn no_type_or_function_has_a_retired_name() {
    let mut found = Vec::new();
    for folder in ["shared", "server/src", "client-wasm/src", "bench/src", "bench/tools/src", "bench/benches", "tests"]
    {
        for (path, code) in code_below(&root().join(folder)) {
            // Target folders contain code that is generated or not ours. This file lists the retired names itself.
            if path.components().any(|part| part.as_os_str() == "target") || path.ends_with("architecture.rs") {
                continue;
            }
            for line in code.lines() {
                let words: Vec<&str> = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
                let defines = |pair: &[&str]| {
                    let (kind, name) = (pair[0], pair[1]);
                    matches!(kind, "struct" | "enum" | "trait" | "type") && RETIRED.contains(&name)
                };
                let is_shard = path.starts_with(root().join("server/src/shard"));
                let calls =
                    is_shard && words.windows(2).any(|pair| pair[0] == "fn" && RETIRED_FUNCTIONS.contains(&pair[1]));
                if words.windows(2).any(defines) || calls {
                    found.push(format!("{}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "these names have given way to the field's words:\n{}", found.join("\n"));
}

#[test]
fn the_files_that_contributing_names_exist() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("CONTRIBUTING.md is there");
    let endings = [".rs", ".md", ".js", ".mjs", ".toml", ".html", ".css", ".yml"];
    let named = text.split('`').skip(1).step_by(2).filter(|word| {
        word.contains('/')
            && !word.contains(' ')
            && (endings.iter().any(|end| word.ends_with(end)) || word.ends_with('/'))
    });
    let mut count = 0;
    for path in named {
        assert!(root().join(path).exists(), "CONTRIBUTING.md names {path}, which is not there");
        count += 1;
    }
    assert!(count > 20, "each recipe is a list of files");
}
