//! The metrics that a server shows: by the rules of Prometheus, few in number, and without a name of anybody; and the
//! board, the alerts and the handbook that speak of them.

use crate::player::Player;
use crate::socket::{Event, Socket, api, binary, create_room, hello, http};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use tickwire::message::control::Hello;
use tickwire_games::{Arena, Paddles};
use tickwire_server::{Config, Running, Server};

/// Series that a server may have, however many rooms and players there are.
const SERIES_MAX: usize = 2_000;

/// Rooms of the crowded server.
const ROOMS: usize = 300;

/// The labels, each of which has few values.
const LABELS: [&str; 11] = ["at", "call", "cause", "code", "kind", "le", "outcome", "reason", "side", "status", "way"];

/// The one metric that a server without TLS of its own does not have.
const ONLY_WITH_TLS: &str = "tickwire_tls_certificate_expires_seconds";

fn start() -> (Running, SocketAddr, SocketAddr) {
    let running = Server::new(Config::on_free_ports()).game::<Paddles>().game::<Arena>().start().expect("a free port");
    let (players, operators) = (running.address(), running.admin_address().expect("on a free port"));
    (running, players, operators)
}

/// The metrics of a server.
fn scrape(operators: SocketAddr) -> String {
    let (status, text) = http(operators, "GET", "/metrics", "");
    assert_eq!(status, 200);
    text
}

/// One metric by its name: its words, its kind, and its series with their values.
#[derive(Debug, Default)]
struct Family {
    help: Option<String>,
    kind: Option<String>,
    series: Vec<(String, f64)>,
}

/// The metric that a series belongs to: a histogram has three kinds of them.
fn family_of<'a>(families: &BTreeMap<String, Family>, name: &'a str) -> &'a str {
    let is_histogram = |base: &&str| families.get(*base).is_some_and(|one| one.kind.as_deref() == Some("histogram"));
    let mut bases = ["_bucket", "_sum", "_count"].into_iter().filter_map(|end| name.strip_suffix(end));
    bases.find(is_histogram).unwrap_or(name)
}

/// Reads the text format, and fails on lines that are not by its rules.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            let family = families.entry(name.into()).or_default();
            assert!(family.help.replace(help.into()).is_none(), "{name} has its words twice");
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let family = families.entry(name.into()).or_default();
            assert!(family.series.is_empty() && family.kind.replace(kind.into()).is_none(), "{name}: one type, first");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("a series: {line}"));
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("a number: {line}"));
            let name = series.split('{').next().unwrap_or_default();
            let family = family_of(&families, name).to_owned();
            families.entry(family).or_default().series.push((series.into(), value));
        }
    }
    families
}

/// The labels of a series with their values.
fn labels(series: &str) -> Vec<(String, String)> {
    let Some((_, labels)) = series.split_once('{') else { return Vec::new() };
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("a brace ends the labels: {series}"));
    let pair = |label: &str| {
        let (name, value) = label.split_once('=').unwrap_or_else(|| panic!("a label and a value: {series}"));
        (name.to_owned(), value.trim_matches('"').to_owned())
    };
    labels.split(',').map(pair).collect()
}

/// The breaches of the rules, and of our own.
fn breaches(families: &BTreeMap<String, Family>) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, Family { help, kind, series }) in families {
        let mut refuse = |is_wrong: bool, why: &str| {
            if is_wrong {
                found.push(format!("{name}: {why}"));
            }
        };
        refuse(!help.as_ref().is_some_and(|help| help.ends_with('.')), "words that end with a full stop");
        let is_time_or_size = name.ends_with("_seconds") || name.ends_with("_bytes");
        match kind.as_deref() {
            Some("counter") => refuse(!name.ends_with("_total"), "the name of a counter ends with _total"),
            Some("histogram") => refuse(!is_time_or_size, "the name of a histogram ends with its unit"),
            Some("gauge") => refuse(name.ends_with("_total"), "only counters end with _total"),
            other => refuse(true, &format!("no kind that we have: {other:?}")),
        }
        let has_other_unit = ["_ms", "_us", "_ns", "_kb", "_mb", "_percent"].iter().any(|unit| name.contains(unit));
        refuse(has_other_unit, "base units: seconds and bytes");
        refuse(!["tickwire_", "process_"].iter().any(|prefix| name.starts_with(prefix)), "a prefix of ours");
        refuse(series.is_empty(), "no series");
        for (one, value) in series {
            refuse(!seen.insert(one.clone()), "a series twice");
            refuse(!value.is_finite() || *value < 0.0, "a number from 0 on");
            for (label, value) in labels(one) {
                refuse(!LABELS.contains(&&*label), "a label that is not known to have few values");
                let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.+".contains(&byte));
                refuse(value.is_empty() || !is_plain, "a plain value of a label");
            }
        }
    }
    found
}

#[test]
fn the_metrics_of_a_crowded_server_are_by_the_rules_few_and_name_nobody() {
    let (_running, players, operators) = start();
    let empty = parse(&scrape(operators));
    let codes: Vec<String> = (0..ROOMS).map(|_| create_room(players, "paddles")).collect();
    let mut guests: Vec<Player<Paddles>> = codes.iter().take(20).map(|code| Player::join(players, code)).collect();
    assert!(guests.iter_mut().all(|guest| guest.play_until(|guest| guest.snapshots.len() > 3)));
    for path in ["/nowhere", "/api/rooms/CCCCCC", "/api/nothing"] {
        assert_eq!(http(players, "GET", path, "").0, 404);
    }
    let text = scrape(operators);
    let families = parse(&text);
    let found = breaches(&families);
    assert!(found.is_empty(), "{found:#?}");
    let count = |families: &BTreeMap<String, Family>| families.values().map(|one| one.series.len()).sum::<usize>();
    assert!(count(&families) > 200 && count(&families) <= SERIES_MAX, "{} series", count(&families));
    assert_eq!(count(&families), count(&empty), "a room or a player adds no series");
    // The names of players are "witness"; the address of all of them is that of the loopback.
    for secret in codes.iter().map(String::as_str).chain(["witness", "127.0.0.1", "CCCCCC"]) {
        assert!(!text.contains(secret), "{secret} is in the metrics");
    }
    assert_eq!(families["tickwire_rooms"].series[0].1, ROOMS as f64);
    assert_eq!(families["tickwire_ready"].series[0].1, 1.0);
}

#[test]
fn the_check_of_the_metrics_notices_what_is_wrong() {
    for (text, why) in [
        ("# TYPE tickwire_a_total counter\ntickwire_a_total 1\n", "words"),
        ("# HELP tickwire_a_total A.\ntickwire_a_total 1\n", "no kind"),
        ("# HELP tickwire_a A.\n# TYPE tickwire_a counter\ntickwire_a 1\n", "_total"),
        ("# HELP tickwire_a_ms A.\n# TYPE tickwire_a_ms gauge\ntickwire_a_ms 1\n", "base units"),
        ("# HELP tickwire_a A.\n# TYPE tickwire_a gauge\ntickwire_a{room=\"CDF234\"} 1\n", "few values"),
        ("# HELP tickwire_a A.\n# TYPE tickwire_a gauge\ntickwire_a{code=\"a b\"} 1\n", "plain value"),
        ("# HELP tickwire_a A.\n# TYPE tickwire_a gauge\ntickwire_a 1\ntickwire_a 2\n", "twice"),
        ("# HELP tickwire_a A.\n# TYPE tickwire_a gauge\ntickwire_a NaN\n", "a number"),
    ] {
        let found = breaches(&parse(text));
        assert!(found.len() == 1 && found[0].contains(why), "{text}: {found:?}");
    }
}

/// The value of a series; 0 when it is not there.
fn value(families: &BTreeMap<String, Family>, series: &str) -> f64 {
    let all = families.values().flat_map(|family| &family.series);
    all.clone().find(|(name, _)| name == series).map_or(0.0, |(_, value)| *value)
}

#[test]
fn refusals_are_counted_by_their_reason() {
    let (_running, players, operators) = start();
    let code = create_room(players, "paddles");
    assert_eq!(http(players, "GET", "/nowhere", "").0, 404);
    assert_eq!(http(operators, "GET", "/nowhere", "").0, 404);
    assert_eq!(http(players, "GET", "/api/rooms/CCCCCC", "").0, 404);
    assert_eq!(http(players, "DELETE", "/api/rooms", "").0, 405);
    assert_eq!(api(players, "POST", "/api/rooms", r#"{"game":"chess"}"#).0, 404);
    assert_eq!(api(players, "POST", "/api/match", "{").0, 400);
    let refused = |hello: &[u8]| {
        let mut socket = Socket::open(players);
        socket.send(&binary(hello));
        match socket.next() {
            Event::Close(code) => code,
            other => panic!("no room has this player: {other:?}"),
        }
    };
    assert_eq!(refused(&hello::<Paddles>("CCCCCC").encode()), 4003);
    let other = Hello { fingerprint: 1, ..hello::<Paddles>(&code) };
    assert_eq!(refused(&other.encode()), 4009, "a page of another version of the game");
    assert_eq!(refused(b"no hello"), 4000);
    let mut guests: Vec<Player<Paddles>> = (0..2).map(|_| Player::join(players, &code)).collect();
    assert!(guests.iter_mut().all(|guest| guest.play_until(|guest| guest.snapshots.len() > 3)));
    assert_eq!(refused(&hello::<Paddles>(&code).encode()), 4004, "the room itself refuses a third player");
    let families = parse(&scrape(operators));
    for (at, reason, count) in [
        ("request", "no-path", 2.0),
        ("request", "no-room", 1.0),
        ("request", "wrong-method", 1.0),
        ("request", "no-game", 1.0),
        ("request", "bad-body", 1.0),
        ("request", "full", 0.0),
        ("hello", "4003", 1.0),
        ("hello", "4009", 1.0),
        ("hello", "4000", 1.0),
        ("hello", "4004", 1.0),
        ("hello", "1013", 0.0),
    ] {
        let series = format!("tickwire_refusals_total{{at=\"{at}\",reason=\"{reason}\"}}");
        assert_eq!(value(&families, &series), count, "{series}");
    }
    let closed = value(&families, "tickwire_ws_close_total{code=\"4003\",side=\"server\"}");
    assert_eq!(closed, 1.0, "a refusal is a close too");
}

fn deployed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words of a text that begin as the names of metrics do.
fn named_metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("tickwire_") || word.starts_with("process_")).collect()
}

#[test]
fn the_board_the_alerts_and_the_handbook_name_metrics_that_a_server_has() {
    let (_running, _, operators) = start();
    let text = scrape(operators);
    let families = parse(&text);
    let is_there = |name: &&str| families.contains_key(family_of(&families, name));
    for (file, few) in [("deploy/grafana.json", 30), ("deploy/alerts.yaml", 14), ("README.md", 14)] {
        let text = deployed(file);
        let named = named_metrics(&text);
        let is_metric = |name: &&str| !["tickwire_server", "tickwire_client", "tickwire_games"].contains(name);
        let missing: Vec<&str> = named.iter().copied().filter(is_metric).filter(|name| !is_there(name)).collect();
        assert!(missing.iter().all(|name| *name == ONLY_WITH_TLS), "{file} names {missing:?}");
        assert!(named.len() >= few, "{file} names only {named:?}");
    }
    let board: serde_json::Value = serde_json::from_str(&deployed("deploy/grafana.json")).expect("JSON");
    assert!(board["panels"].as_array().is_some_and(|panels| panels.len() > 20), "a board with panels");
}

#[test]
fn every_reason_that_an_alert_names_is_one() {
    let (_running, _, operators) = start();
    let text = scrape(operators);
    let alerts = deployed("deploy/alerts.yaml");
    let reasons = alerts.split("reason=~\"").skip(1).filter_map(|rest| rest.split('"').next());
    let reasons: Vec<&str> = reasons.flat_map(|reasons| reasons.split('|')).collect();
    assert!(!reasons.is_empty(), "an alert is about refusals");
    let series = |at: &str, reason: &str| format!("tickwire_refusals_total{{at=\"{at}\",reason=\"{reason}\"}}");
    for reason in reasons {
        let is_there = ["request", "hello"].iter().any(|at| text.contains(&series(at, reason)));
        assert!(is_there, "{reason}");
    }
}

#[test]
fn every_alert_has_a_section_in_the_handbook_and_no_section_is_without_its_alert() {
    let (alerts, handbook) = (deployed("deploy/alerts.yaml"), deployed("README.md"));
    let alerts: BTreeSet<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let sections: BTreeSet<&str> =
        handbook.lines().filter_map(|line| line.strip_prefix("#### ")).filter(|title| !title.contains(' ')).collect();
    assert!(alerts.len() >= 12, "{alerts:?}");
    assert_eq!(alerts, sections);
}
