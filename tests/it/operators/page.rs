//! The page of the dashboard, its socket, and the log: nothing gives a token away.

use super::{ACT, LOOK, Place, UPGRADE, bearer};
use crate::serving::{Serving, program, serve};
use crate::socket::{Event, Request, Socket};
use crate::token_file::TokenFile;
use serde_json::json;
use std::process::{Command, Stdio};

#[test]
fn the_page_is_served_without_a_token_and_may_load_nothing_from_elsewhere() {
    let place = Place::open("page");
    let reply = Request::new("GET", "/").send(place.operators());
    assert_eq!((reply.status, reply.header("content-type").as_deref()), (200, Some("text/html; charset=utf-8")));
    let policy = reply.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(reply.header("referrer-policy").as_deref(), Some("no-referrer"));
    assert_eq!(reply.header("x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(Request::new("POST", "/").send(place.operators()).status, 405);
    for path in ["/dashboard/", "/dashboard/index.html", "/dashboard/../Cargo.toml", "/dashboard/no.js", "/no"] {
        assert_eq!(Request::new("GET", path).send(place.operators()).status, 404, "{path}");
    }
    let other = Request::new("GET", "/").host("evil.example").send(place.operators());
    assert_eq!(other.status, 421, "{}", other.body);
}

#[test]
fn a_page_of_another_origin_opens_no_socket_of_operators() {
    let place = Place::open("origin");
    let upgrade = UPGRADE.replace("tickwire.1", "tickwire.json.1");
    let reply = Request::new("GET", "/ws").headers(&upgrade).headers("Origin: https://evil.example\r\n");
    assert_eq!(reply.send(place.operators()).status, 403);
}

#[test]
fn tokens_are_in_no_log_and_a_bad_file_ends_the_start_without_them() {
    let file = TokenFile::new("operators-log", &format!("look bob {LOOK}\nact ada {ACT}\n"));
    let log = TokenFile::new("operators-the-log", "");
    let mut command = Command::new(program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--autopsies", "off"]);
    command.arg("--operators-file").arg(&file.0).args(["--log", "trace"]);
    command.stderr(std::fs::File::create(&log.0).expect("a file"));
    let mut serving = Serving::start_by(&mut command);
    let admin = serving.admin().expect("a listener of operators");
    for token in [ACT, LOOK, "wrong-0123456789-x"] {
        let request = Request::new("POST", "/admin/announce").headers(&bearer(token)).body(r#"{"text":"a\nb"}"#);
        request.send(admin);
        let mut socket = Socket::open_json(admin);
        socket.say(&json!({ "op": "hello", "token": token }));
        assert!(matches!(socket.next(), Event::Text(_)));
    }
    serving.signal("INT");
    serving.wait();
    let said = std::fs::read_to_string(&log.0).expect("the log");
    assert!(said.contains("an operator acts") && said.contains("audit"), "{said}");
    assert!(!said.contains(LOOK) && !said.contains(ACT) && !said.contains("wrong-0123456789-x"), "{said}");

    let bad = TokenFile::new("operators-bad", "act ada hidden-word\n");
    let mut command = serve("127.0.0.1:0");
    let started = command.arg("--operators-file").arg(&bad.0).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = started.output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("line 1") && !said.contains("hidden-word"), "{said}");
}
