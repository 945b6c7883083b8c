//! Backends in other languages: the examples mint tickets that the server takes.
//!
//! Node is `node` in the search path. Python is the interpreter that `TICKET_PYTHON` names, which has to have the
//! package `pyseto`; without that variable its test has nothing to run.

use super::{KeyRing, Role, TicketError, UsedTickets, check, new_key};
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::UNIX_EPOCH;

const CLAIMS: &str =
    r#"{"sub":"zoë-42","name":"Zoë 🚀","room":"CDF234","role":"spectator","rating":1500,"party":"p1"}"#;

/// Has an example mint two tickets, and the server check them.
fn takes_tickets_of(program: &OsStr, example: &str) {
    let path = std::env::temp_dir().join(format!("tickwire-backend-{example}-{}", std::process::id()));
    let minted = new_key("login-1").unwrap();
    fs::write(&path, minted.secret.to_line() + "\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    // The file is as old as the ticket, so its time is one that the test need not ask the clock for.
    let now_s = fs::metadata(&path).unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
    let outputs = [CLAIMS, r#"{"sub":"zoë-42"}"#].map(|claims| {
        let output = Command::new(program).arg(&script).arg(&path).arg(claims).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    });
    fs::remove_file(&path).unwrap();
    let (ring, mut used) = (KeyRing::parse(&minted.public_line).unwrap(), UsedTickets::new());
    let [full, short] = outputs.each_ref().map(|token| check(token.trim_end(), &ring, &mut used, now_s).unwrap());
    assert_eq!((full.identity(), full.name(), full.room()), ("zoë-42", Some("Zoë 🚀"), Some("CDF234")));
    assert_eq!((full.role(), full.rating(), full.party()), (Role::Spectator, Some(1500), Some("p1")));
    assert_eq!((short.identity(), short.name(), short.role()), ("zoë-42", None, Role::Player));
    assert_eq!(short.expires_at_s() - short.issued_at_s(), 60);
    assert_ne!(full.id(), short.id());
    assert_eq!(check(outputs[0].trim_end(), &ring, &mut used, now_s), Err(TicketError::Used));
    let lines = fs::read_to_string(&script).unwrap().lines().count();
    assert!(lines <= 20, "{example} has {lines} lines");
}

#[test]
fn the_server_takes_tickets_of_a_backend_in_node() {
    takes_tickets_of(OsStr::new("node"), "mint.mjs");
}

#[test]
fn the_server_takes_tickets_of_a_backend_in_python() {
    let Some(python) = std::env::var_os("TICKET_PYTHON") else { return };
    takes_tickets_of(&python, "mint.py");
}
