//! The container without a container runtime: its root is assembled by the same script, and a game is played in it by a
//! program without privileges, in a root that is empty but for it and read-only but for `/data`.
//!
//! The kernel gives such a root to everybody by namespaces of users and mounts. Where it does not, the tests say so and
//! pass.

use crate::player::Player;
use crate::serving::Serving;
use crate::socket::{create_room, http};
use std::fs;
use std::io::{Write as _, stderr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use tickwire_games::Paddles;

/// The folder of the files for operators.
fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/deploy")
}

/// The static program, which cargo builds when its sources are newer. `cargo verify` has built it before.
fn static_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut build = Command::new("sh");
        build.arg(deploy().join("static.sh")).arg(env!("CARGO"));
        build.args(["build", "--quiet", "--workspace", "--bin", "tickwire"]);
        // Crates whose build scripts watch these would be built again.
        let of_this_test = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars().filter(|(name, _)| of_this_test(name)) {
            build.env_remove(name);
        }
        build.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
        let built = build.current_dir(deploy().join("../..")).output().expect("a shell starts");
        assert!(built.status.success(), "the server compiles");
        let messages = String::from_utf8_lossy(&built.stdout).into_owned();
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut own = messages.filter(|message| message["target"]["name"] == "tickwire");
        own.find_map(|message| message["executable"].as_str().map(PathBuf::from)).expect("cargo names the program")
    })
}

/// A root for one test, which is removed with the value.
struct Root(PathBuf);

impl Root {
    /// The root of the container, or `None` where the kernel does not give it to us.
    fn assemble(name: &str) -> Option<Self> {
        let allowed = namespaces().arg("true").output();
        if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
            // Without standard error nobody learns it.
            let _ = writeln!(stderr(), "skipped: the kernel gives us no namespaces of users and mounts: {allowed:?}");
            return None;
        }
        let root = Self(std::env::temp_dir().join(format!("tickwire-root-{name}-{}", std::process::id())));
        let assembled = Command::new("sh").arg(deploy().join("root.sh")).arg(static_program()).arg(&root.0).output();
        let assembled = assembled.expect("a shell starts");
        assert!(assembled.status.success(), "{}", String::from_utf8_lossy(&assembled.stderr));
        Some(root)
    }

    /// The program in this root, as the user 10001 without any privilege. All files but those in `/data` are read-only.
    fn program(&self, words: &[&str]) -> Command {
        let mount = r#"root=$1; shift
            mount --bind "$root" "$root" && mount --bind "$root/data" "$root/data" &&
            mount -o remount,bind,ro "$root" &&
            exec unshare --user --map-user=10001 --map-group=10001 --root="$root" --wd=/ /tickwire "$@""#;
        let mut command = namespaces();
        command.args(["sh", "-c", mount, "sh"]).arg(&self.0).args(words).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // The folders of the root cannot be written to, and a user without privileges could not remove what is in them.
        let _ = fs::set_permissions(&self.0, fs::Permissions::from_mode(0o755));
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A command in namespaces of its own, in which it may mount.
fn namespaces() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount"]);
    command
}

fn output(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[test]
fn a_game_is_played_in_an_empty_read_only_root_without_privileges_and_health_is_asked_there() {
    let Some(root) = Root::assemble("play") else { return };
    let inside: Vec<String> = fs::read_dir(&root.0)
        .expect("the root")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(inside.len(), 6, "the program, its folder, and places for the system's own: {inside:?}");
    let mut serve = root.program(&["serve"]);
    serve.env("TICKWIRE_LISTEN", "127.0.0.1:0").env("TICKWIRE_ADMIN_LISTEN", "off");
    serve.env("TICKWIRE_AUTOPSIES", "/data/autopsies").stderr(Stdio::null());
    let mut serving = Serving::start_by(&mut serve);
    let address = serving.address();
    let mut player = Player::<Paddles>::join(address, &create_room(address, "paddles"));
    assert!(player.play_until(|player| player.snapshots.len() > 30), "closed with {:?}", player.closed);
    assert!(root.0.join("data/autopsies").is_dir(), "the one place that can be written to");
    assert_eq!(http(address, "GET", "/readyz", "").0, 200);
    // The check finds the server by the same settings. There is no shell here, and nothing else that could ask.
    let mut health = root.program(&["health"]);
    health.env("TICKWIRE_LISTEN", address.to_string()).env("TICKWIRE_ADMIN_LISTEN", "off");
    assert_eq!(output(health), (Some(0), format!("ready: http://{address}/readyz\n")));
    serving.signal("TERM");
    player.play_until(|_| false);
    assert_eq!(player.closed, Some(1012), "the signal reaches the server");
    assert_eq!(serving.wait().code(), Some(0));
    let mut health = root.program(&["health", "--url"]);
    health.arg(format!("http://{address}"));
    let (code, words) = output(health);
    assert!(code == Some(1) && words.contains("no answer"), "{words}");
}

#[test]
fn the_root_is_read_only_and_knows_names() {
    let Some(root) = Root::assemble("names") else { return };
    let mut elsewhere = root.program(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off"]);
    elsewhere.env("TICKWIRE_AUTOPSIES", "/autopsies");
    let (code, words) = output(elsewhere);
    assert!(code == Some(2) && words.contains("Read-only file system"), "{words}");
    // A container runtime mounts this file. The look-up of names is a part of the program.
    fs::set_permissions(root.0.join("etc"), fs::Permissions::from_mode(0o755)).expect("our own folder");
    fs::write(root.0.join("etc/hosts"), "127.0.0.1 localhost inside.example\n").expect("a file");
    let mut named = root.program(&["serve", "--listen", "inside.example:0", "--admin-listen", "off"]);
    named.args(["--autopsies", "off"]).stderr(Stdio::null());
    let serving = Serving::start_by(&mut named);
    assert_eq!(http(serving.address(), "GET", "/healthz", "").0, 200);
}

#[test]
fn a_program_that_is_not_static_is_refused_before_it_is_in_an_image() {
    let folder = std::env::temp_dir().join(format!("tickwire-root-dynamic-{}", std::process::id()));
    let mut assemble = Command::new("sh");
    assemble.arg(deploy().join("root.sh")).arg("/bin/sh").arg(&folder);
    let (code, words) = output(assemble);
    assert!(code == Some(1) && words.contains("is not static"), "{words}");
    assert!(!folder.exists());
}

#[test]
fn the_image_has_the_root_of_the_test_and_settings_that_exist() {
    let file = fs::read_to_string(deploy().join("../../Dockerfile")).expect("the Dockerfile");
    for line in [
        "sh server/deploy/static.sh cargo tickwire",
        "sh server/deploy/root.sh",
        "FROM scratch",
        "USER 10001:10001",
        "VOLUME [\"/data\"]",
        "CMD [\"/tickwire\", \"health\"]",
        "ENTRYPOINT [\"/tickwire\", \"serve\"]",
    ] {
        assert!(file.contains(line), "{line}");
    }
    let compose = fs::read_to_string(deploy().join("compose.yaml")).expect("the file");
    let names = |text: &str| -> Vec<String> {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        words.filter_map(|word| word.strip_prefix("TICKWIRE_")).map(str::to_lowercase).collect()
    };
    let named = [names(&file), names(&compose)].concat();
    assert!(named.len() >= 4, "{named:?}");
    for name in named {
        assert!(tickwire_server::Settings::NAMES.contains(&&*name), "{name} is no setting");
    }
}

#[test]
fn the_settings_for_kubernetes_can_be_used() {
    let file = fs::read_to_string(deploy().join("kubernetes.yaml")).expect("the file");
    let lines = file.lines().skip_while(|line| *line != "  tickwire.toml: |").skip(1);
    let toml: Vec<&str> = lines.map_while(|line| line.strip_prefix("    ")).collect();
    assert!(toml.len() > 6, "{toml:?}");
    let path = std::env::temp_dir().join(format!("tickwire-kubernetes-{}.toml", std::process::id()));
    fs::write(&path, toml.join("\n")).expect("a file");
    let mut check = Command::new(crate::serving::program());
    check.args(["config", "check"]).arg(&path);
    let (code, words) = output(check);
    assert_eq!(code, Some(0), "{words}");
    fs::remove_file(path).expect("our own file");
}
