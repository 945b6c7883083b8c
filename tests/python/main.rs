//! The examples in Python against the real server, the backends that mint tickets, a client of the HTTP API that a public
//! generator makes from its description, and the files for containers against published schemas.
//!
//! They need packages, which `cargo verify` installs; it names its interpreter in `TICKWIRE_PYTHON`.

#[cfg(test)]
use std::fs;
#[cfg(test)]
use std::io::{BufRead, BufReader};
#[cfg(test)]
use std::os::unix::fs::PermissionsExt;
#[cfg(test)]
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::process::{Command, Stdio};
#[cfg(test)]
use std::time::{SystemTime, UNIX_EPOCH};
#[cfg(test)]
use tickwire::message::{SUBPROTOCOL, control::Hello};
#[cfg(test)]
use tickwire_games::Paddles;
#[cfg(test)]
use tickwire_server::identity::{KeyRing, TicketError, TicketRole, UsedTickets, new_key, read_ticket};
#[cfg(test)]
use tickwire_server::{Config, FileSetting, Server};
#[cfg(test)]
use tungstenite::{ClientRequestBuilder, Message, connect};

/// A token in a file that only its owner may read.
#[cfg(test)]
fn token_file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, "a token of the tests".replace(' ', "-")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its permissions");
    path
}

/// The interpreter that has the packages.
#[cfg(test)]
fn python() -> Command {
    Command::new(std::env::var_os("TICKWIRE_PYTHON").unwrap_or_else(|| "python3".into()))
}

#[test]
fn backends_in_node_and_python_mint_tickets_that_the_server_takes() {
    let minted = new_key("login-1").expect("a name of a key");
    let key = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mint.key");
    fs::write(&key, minted.secret.to_line()).expect("a file");
    let ring = KeyRing::parse(&minted.public_line).expect("the line of a key");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/examples");
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    for (mut program, example) in [(Command::new("node"), "mint.mjs"), (python(), "mint.py")] {
        let script = examples.join(example);
        let text = fs::read_to_string(&script).expect("the example");
        assert!(text.lines().count() <= 20, "{example} is short");
        let claims = r#"{"sub":"zoë-42","name":"Zoë 🚀","room":"CDF234","role":"spectator","level":7}"#;
        let output = program.arg(&script).arg(&key).arg(claims).output().expect("node and python3 are installed");
        assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
        let token = String::from_utf8(output.stdout).expect("text");
        let ticket = read_ticket(token.trim_end(), &ring, now_s).expect("a ticket that the server takes");
        let said = (ticket.identity(), ticket.name(), ticket.room(), ticket.role());
        assert_eq!(said, ("zoë-42", Some("Zoë 🚀"), Some("CDF234"), TicketRole::Spectator), "{example}");
        assert_eq!(ticket.expires_at_s() - ticket.issued_at_s(), 60, "{example}");
        let mut used = UsedTickets::new();
        assert_eq!([(); 2].map(|()| ticket.use_up(&mut used, now_s)), [Ok(()), Err(TicketError::Used)], "{example}");
    }
}

#[test]
fn every_example_works() {
    let token = token_file("topics.token");
    let config = Config { topics_token_file: FileSetting::At(token.clone()), ..Config::on_free_ports() };
    let server = Server::new(config).game::<Paddles>().start().expect("a server on free ports");
    let operators = server.admin_address().expect("on a free port");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = python();
    python.arg(here.join("python/examples.py")).args([server.address(), operators].map(|address| address.to_string()));
    python.arg(token).arg(here.join("../server/examples"));
    let outcome = python.output().expect("`cargo verify` installs the package, and TICKWIRE_PYTHON names its python");
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success() && said.contains("Ran 2 tests"), "{said}");
}

#[test]
fn the_files_for_containers_and_alerts_are_by_their_published_schemas() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = python();
    python.arg(here.join("python/deploy.py")).arg(here.join("../server/deploy")).arg(env!("CARGO_TARGET_TMPDIR"));
    let outcome = python.output().expect("`cargo verify` installs the packages, and TICKWIRE_PYTHON names its python");
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success() && said.contains("Ran 4 tests"), "{said}");
}

#[test]
fn a_client_that_is_generated_from_the_description_creates_lists_and_finds_rooms() {
    let token = token_file("client.token");
    let config = Config { topics_token_file: FileSetting::At(token.clone()), ..Config::on_free_ports() };
    let server = Server::new(config).game::<Paddles>().start().expect("a server on free ports");
    let operators = server.admin_address().expect("on a free port");
    let mut python = python();
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/api_client.py"));
    python.args([server.address(), operators].map(|address| address.to_string())).arg(token);
    python.arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("api-client")).stdout(Stdio::piped());
    let mut client =
        python.spawn().expect("`cargo verify` installs the packages, and TICKWIRE_PYTHON names its python");
    let mut lines = BufReader::new(client.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    // The generator says something first. An empty room is not listed, so somebody has to play in it.
    let code = lines.by_ref().find(|line| line.len() == 6).expect("the code of the room that the client has made");
    let url = format!("ws://{}/ws", server.address()).parse().expect("an address");
    let request = ClientRequestBuilder::new(url).with_sub_protocol(SUBPROTOCOL);
    let (mut player, _) = connect(request).expect("a WebSocket");
    player.send(Message::binary(Hello::of::<Paddles>(&code, "tester").encode())).expect("the hello is sent");
    let last = lines.last();
    assert!(client.wait().expect("the client ends").success(), "what is wrong is on standard error");
    assert_eq!(last.as_deref(), Some("played"));
}
