//! A gallery of the mistakes that operators make in settings, and the words that they get, against a file that a person
//! has read. With `WORDS=overwrite` the words of now become those of the file.

use crate::serving::program;
use crate::settings::{Place, utf8};
use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// A token of a service, which none of the words may repeat.
const TOKEN: &str = "0123456789-sesame";

/// A mistake: its name, the words of the command line, variables, and the text of `tickwire.toml`.
type Mistake = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)], &'static str);

const CHECK: &[&str] = &["config", "check", "tickwire.toml"];

const MISTAKES: &[Mistake] = &[
    ("a misspelt key", CHECK, &[], "lissten = \"127.0.0.1:80\""),
    ("a key with a dash", CHECK, &[], "rooms-max = 10"),
    ("a misspelt option", &["serve", "--lisen", "localhost:0"], &[], ""),
    ("a misspelt variable", &["serve"], &[("TICKWIRE_LISTN", "localhost:0")], ""),
    ("a variable with a bad value", &["serve"], &[("TICKWIRE_LOG", "loud")], ""),
    ("a level of the log that is none", CHECK, &[], "log = \"loud\""),
    ("a form of the log that is none", CHECK, &[], "log_format = \"xml\""),
    ("no threads", CHECK, &[], "shards = 0"),
    ("a word for a number", CHECK, &[], "rooms_max = \"many\""),
    ("a number below zero", CHECK, &[], "rooms_max = -1"),
    ("a line that is not TOML", CHECK, &[], "shards = 2\nlisten 127.0.0.1:80"),
    ("a key that is there twice", CHECK, &[], "shards = 2\nshards = 3"),
    ("a port without an address", CHECK, &[], "listen = \"8080\""),
    ("an origin without its scheme", CHECK, &[], "origins = [\"https://a.example\", \"play.example\"]"),
    ("a path without a slash", CHECK, &[], "base_path = \"play\""),
    ("a proxy by its name", CHECK, &[], "trusted_proxies = [\"proxy\"]"),
    ("headers of proxies that nobody trusts", CHECK, &[], "proxy_protocol = true\ntrusted_proxies = []"),
    ("an open address without a word about TLS", CHECK, &[], "listen = \"0.0.0.0:8080\""),
    (
        "an open address, and this machine as the proxy",
        CHECK,
        &[],
        "listen = \"0.0.0.0:80\"\ntrusted_proxies = \"none\"",
    ),
    ("a certificate without its key", CHECK, &[], "tls_cert = \"missing.pem\""),
    ("one address for players and operators", CHECK, &[], "listen = \"127.0.0.1:9090\""),
    ("tickets without keys", CHECK, &[], "auth = \"ticket\""),
    ("keys without tickets", CHECK, &[], "ticket_keys = \"good.token\""),
    ("a token that is not there", CHECK, &[], "topics_token_file = \"absent.token\""),
    ("a token that others can read", CHECK, &[], "topics_token_file = \"open.token\""),
    ("a token that is too short", CHECK, &[], "topics_token_file = \"short.token\""),
    ("webhooks without a secret", CHECK, &[], "webhooks_file = \"hooks\""),
    ("a folder without a page", CHECK, &[], "page = \"empty\""),
    ("autopsies behind a link", CHECK, &[], "autopsies = \"link\""),
    ("a file of settings that is not there", &["serve", "--config", "absent.toml"], &[], ""),
    (
        "many mistakes at once",
        CHECK,
        &[],
        "lissten = 1\nshards = 300\nlog = \"loud\"\nfill_seconds = 601\nauth = \"ticket\"\ntopics_token_file = \"open.token\"",
    ),
];

/// The files that the settings name.
fn prepare(place: &Place) {
    let secret = |name: &str, text: &str, mode| {
        fs::set_permissions(place.file(name, text), Permissions::from_mode(mode)).expect("our own file");
    };
    secret("good.token", TOKEN, 0o600);
    secret("open.token", TOKEN, 0o644);
    secret("short.token", "sesame", 0o600);
    secret("hooks", "https://studio.example/hook", 0o600);
    fs::create_dir(place.0.join("empty")).expect("a folder");
    symlink(place.0.join("empty"), place.0.join("link")).expect("a link");
}

#[test]
fn every_mistake_in_settings_is_told_with_what_it_is_and_the_way_on() {
    let place = Place::new("mistakes");
    prepare(&place);
    let mut told = String::new();
    for (name, words, variables, text) in MISTAKES {
        let file = place.file("tickwire.toml", text);
        let mut command = Command::new(program());
        let output = command.args(*words).envs(variables.iter().copied()).current_dir(&place.0).output();
        let output = output.expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{name}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(!said.contains(TOKEN), "{name}: the token is told");
        assert!(said.lines().count() <= 8, "{name}: few words\n{said}");
        writeln!(told, "## {name}\n").expect("memory");
        variables.iter().for_each(|(variable, value)| write!(told, "{variable}={value} ").expect("memory"));
        writeln!(told, "$ tickwire {}", words.join(" ")).expect("memory");
        text.lines().for_each(|line| writeln!(told, "| {line}").expect("memory"));
        writeln!(told, "{}", said.replace(utf8(&place.0), "FOLDER")).expect("memory");
        fs::remove_file(file).expect("our own file");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/mistakes/words.txt");
    if std::env::var("WORDS").is_ok_and(|how| how == "overwrite") {
        fs::write(&path, &told).expect("a file of the repository");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(told, expected, "read the difference after a run with `WORDS=overwrite`");
    assert!(MISTAKES.len() >= 20);
}
