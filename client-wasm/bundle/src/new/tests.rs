//! Crates from every template, their manifests, and the names and places that are refused.

use clap::ValueEnum;
use std::collections::BTreeSet;

use super::*;
use crate::project::tools_of_environment;
use crate::scratch::Scratch;

/// The files of every template, and those of each.
const COMMON: [&str; 8] = [
    ".gitignore",
    "AGENTS.md",
    "Cargo.toml",
    "README.md",
    "clippy.toml",
    "src/bin/tools.rs",
    "src/main.rs",
    "src/lib.rs",
];
const OF_TEMPLATES: [(Template, &[&str]); 4] = [
    (Template::Duel, &["src/stage.rs", "tests/rules.rs"]),
    (Template::Arena, &["src/bot.rs", "src/robot.rs", "src/stage.rs", "tests/rules.rs"]),
    (Template::Lockstep, &["src/flock.rs", "src/stage.rs", "tests/rules.rs"]),
    (
        Template::Three,
        &[
            "src/marble.rs",
            "src/stage.rs",
            "tests/rules.rs",
            "web/index.html",
            "web/island.js",
            "web/main.js",
            "web/package.json",
            "web/style.css",
        ],
    ),
];

/// A folder with packages as a checkout of Tickwire has them, and one crate in its lock file.
fn checkout_in(folder: &Path) -> PathBuf {
    let packages = [
        ("tickwire", "shared"),
        ("tickwire-server", "server"),
        ("tickwire-client", "client-wasm"),
        ("tickwire-tools", "bench/tools"),
    ];
    for (name, place) in packages {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        write(&folder.join(place).join("Cargo.toml"), manifest.as_bytes()).unwrap();
        write(&folder.join(place).join("src/lib.rs"), b"").unwrap();
    }
    write(&folder.join("Cargo.lock"), b"version = 4\n\n[[package]]\nname = \"tickwire\"\nversion = \"0.1.0\"\n")
        .unwrap();
    folder.to_owned()
}

fn new_game(name: &str, tickwire: &Path) -> NewGame {
    NewGame { name: name.to_owned(), template: Template::Duel, tickwire: Some(tickwire.to_owned()) }
}

fn manifest(folder: &Path) -> toml::Table {
    fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap()
}

#[test]
fn each_template_has_its_files_and_no_placeholder_is_left() {
    assert_eq!(OF_TEMPLATES.map(|(template, _)| template), *Template::value_variants());
    let name = GameName::new("my-game", "").unwrap();
    for (template, own) in OF_TEMPLATES {
        let files = template.files(&name, "/tickwire");
        let paths: BTreeSet<&str> = files.iter().map(|file| file.path.to_str().unwrap()).collect();
        assert_eq!(paths, COMMON.into_iter().chain(own.iter().copied()).collect(), "{template}");
        assert_eq!(paths.len(), files.len(), "{template} has a file twice");
        for TemplateFile { path, content } in &files {
            let text = str::from_utf8(content).unwrap().to_lowercase();
            let left = ["template_", "template-game", "templategame", "template game", "tickwire_path"];
            let left = left.into_iter().find(|placeholder| text.contains(placeholder));
            assert_eq!(left, None, "{} of {template}", path.display());
        }
    }
}

#[test]
fn a_file_has_at_most_250_lines_of_code() {
    let name = GameName::new("my-game", "").unwrap();
    for (template, _) in OF_TEMPLATES {
        for TemplateFile { path, content } in template.files(&name, "/tickwire") {
            let lines = str::from_utf8(&content).unwrap().lines().map(str::trim_start);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
            let is_rust = path.extension().is_some_and(|end| end == "rs");
            assert!(!is_rust || lines <= 250, "{} of {template} has {lines} lines", path.display());
        }
    }
}

#[test]
fn the_bans_of_a_new_game_are_those_of_the_library() {
    let bans = |text: &str| {
        let table: toml::Table = text.parse().unwrap();
        (table["disallowed-types"].clone(), table["disallowed-methods"].clone())
    };
    let library = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/clippy.toml")).unwrap();
    let name = GameName::new("my-game", "").unwrap();
    let files = Template::Duel.files(&name, "/tickwire");
    let own = files.iter().find(|file| file.path == Path::new("clippy.toml")).unwrap();
    assert_eq!(bans(str::from_utf8(&own.content).unwrap()), bans(&library));
}

#[test]
fn a_type_does_not_get_the_name_of_something_that_the_rules_use() {
    for (name, expected) in [("my-game", "struct MyGame"), ("disc", "struct DiscWorld"), ("game", "struct GameWorld")] {
        let files = Template::Duel.files(&GameName::new(name, "").unwrap(), "/tickwire");
        let lib = files.iter().find(|file| file.path == Path::new("src/lib.rs")).unwrap();
        assert!(str::from_utf8(&lib.content).unwrap().contains(expected), "{name}");
    }
}

#[test]
fn spaces_quotes_and_letters_of_any_language_in_a_path_are_fine() {
    let scratch = Scratch::new("new-paths");
    let tickwire = checkout_in(&scratch.path().join("tick \"wire\" ü \\ back"));
    let parent = scratch.path().join("spiele ü");
    let made = new_game("my-game", &tickwire).make(&parent, &tools_of_environment()).unwrap();
    assert_eq!(made.folder, parent.join("my-game"));
    let manifest = manifest(&made.folder);
    let path = manifest["dependencies"]["tickwire"]["path"].as_str().unwrap();
    assert_eq!(Path::new(path), fs::canonicalize(tickwire).unwrap().join("shared"));
    assert!(made.folder.join("Cargo.lock").is_file() && made.folder.join(".git").is_dir());
    assert_eq!(made.workspace, None);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone_and_an_empty_one_is_filled() {
    let scratch = Scratch::new("new-folders");
    let tickwire = checkout_in(&scratch.path().join("tickwire"));
    for name in ["full", "empty"] {
        fs::create_dir(scratch.path().join(name)).unwrap();
    }
    fs::write(scratch.path().join("full/notes.txt"), "").unwrap();
    fs::write(scratch.path().join("file"), "").unwrap();
    for name in ["full", "file"] {
        let error = new_game(name, &tickwire).make(scratch.path(), &tools_of_environment()).unwrap_err();
        assert!(matches!(error, NewError::NotEmpty { .. }), "{error}");
    }
    assert_eq!(scratch.names("full"), ["notes.txt"]);
    new_game("empty", &tickwire).make(scratch.path(), &tools_of_environment()).unwrap();
}

#[test]
fn a_folder_without_tickwire_is_named_with_what_it_lacks() {
    let scratch = Scratch::new("new-elsewhere");
    let error = new_game("my-game", scratch.path()).make(scratch.path(), &tools_of_environment()).unwrap_err();
    assert!(error.to_string().ends_with("it has no shared/Cargo.toml: say where it is with --path DIR"), "{error}");
    assert!(!scratch.path().join("my-game").exists());
}

#[test]
fn below_a_workspace_a_crate_is_one_of_its_own_unless_the_workspace_wants_it() {
    let scratch = Scratch::new("new-workspaces");
    let tickwire = checkout_in(&scratch.path().join("tickwire"));
    for (folder, members) in [("strict", ""), ("open", "\"games/*\"")] {
        let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n");
        write(&scratch.path().join(folder).join("Cargo.toml"), workspace.as_bytes()).unwrap();
    }
    let make = |folder: &str| {
        let parent = scratch.path().join(folder).join("games");
        new_game("my-game", &tickwire).make(&parent, &tools_of_environment()).unwrap()
    };
    let made = make("strict");
    assert!(manifest(&made.folder).contains_key("workspace") && made.folder.join("Cargo.lock").is_file());
    assert_eq!(made.workspace, None);
    let made = make("open");
    assert!(!manifest(&made.folder).contains_key("workspace") && !made.folder.join("Cargo.lock").exists());
    assert_eq!(made.workspace.unwrap().file_name().unwrap(), "open");
}
