//! SIGHUP: the settings of a running server are read again. A setting that can change does, one that cannot is named,
//! and a file with a fault changes nothing.

use crate::player::Player;
use crate::serving::{Serving, program};
use crate::settings::{Place, utf8};
use crate::socket::{Request, create_room};
use crate::tickets::wait_until;
use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use tickwire_games::Paddles;

/// A server with a file of settings, a file of a token and a log.
struct Reloaded {
    place: Place,
    serving: Serving,
    log: PathBuf,
}

impl Reloaded {
    fn start(name: &str, settings: &str) -> Self {
        let place = Place::new(name);
        let file = place.file("tickwire.toml", &with_token(&place, settings));
        put_token(&place, "first-0123456789");
        let log = place.0.join("log");
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--autopsies", "off"]);
        command.args(["--config", utf8(&file)]).stderr(File::create(&log).expect("a file"));
        Self { serving: Serving::start_by(&mut command), place, log }
    }

    /// Changes the file, has it read again, and waits until the log has these words once more.
    fn reload(&self, settings: &str, words: &str) {
        self.place.file("tickwire.toml", &with_token(&self.place, settings));
        let before = self.said(words);
        self.serving.signal("HUP");
        wait_until(&format!("{words} in\n{}", self.log()), || self.said(words) > before);
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log")
    }

    fn said(&self, words: &str) -> usize {
        self.log().matches(words).count()
    }

    /// The status of a page's wish for a room, from another origin.
    fn foreign_page(&self) -> u16 {
        let wish = Request::new("POST", "/api/rooms").body(r#"{"game":"paddles"}"#);
        let headers = "Content-Type: application/json\r\nOrigin: https://play.example\r\n";
        wish.headers(headers).send(self.serving.address()).status
    }

    /// The status of an announcement with this token.
    fn announce(&self, token: &str) -> u16 {
        let operators: SocketAddr = self.serving.admin().expect("a listener for operators");
        let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n");
        Request::new("POST", "/topics/announce").body(r#"{"body":"hello"}"#).headers(&headers).send(operators).status
    }
}

fn with_token(place: &Place, settings: &str) -> String {
    format!("topics_token_file = \"{}\"\n{settings}", utf8(&place.0.join("token")))
}

fn put_token(place: &Place, token: &str) {
    fs::set_permissions(place.file("token", token), Permissions::from_mode(0o600)).expect("our own file");
}

#[test]
fn live_settings_change_in_a_running_server_and_the_others_are_named() {
    let mut own = Reloaded::start("live", "log = \"info\"\nrooms_max = 50");
    let mut player = Player::<Paddles>::join(own.serving.address(), &create_room(own.serving.address(), "paddles"));
    assert_eq!((own.foreign_page(), own.announce("first-0123456789")), (403, 201));
    assert_eq!(own.said("a request was refused"), 0, "that is a line of debug");
    put_token(&own.place, "second-0123456789");
    let settings = "log = \"debug\"\nrooms_max = 2\norigins = [\"https://play.example\"]\nshards = 2\nbase_path = \"/a\"\n\
                    load_percent_max = 90";
    own.reload(settings, "setting=\"log\"");
    wait_until("the origin may connect", || own.foreign_page() == 201);
    assert_eq!(own.foreign_page(), 503, "there are two rooms by now");
    assert_eq!((own.announce("first-0123456789"), own.announce("second-0123456789")), (401, 201));
    let log = own.log();
    for words in [
        "SIGHUP: a setting has changed setting=\"rooms_max\" old=\"50\" new=\"2\"",
        "SIGHUP: a setting has changed setting=\"origins\" old=\"[]\" new=\"[\\\"https://play.example\\\"]\"",
        "SIGHUP: a setting is another one and needs a restart setting=\"base_path\" old=\"\\\"/\\\"\" new=\"\\\"/a\\\"\"",
        "SIGHUP: a setting is another one and needs a restart setting=\"load_percent_max\" old=\"80\" new=\"90\"",
        "a request was refused",
    ] {
        assert!(log.contains(words), "{words} is not in\n{log}");
    }
    assert!(!log.contains("0123456789"), "no token is in the log");
    let seen = player.snapshots.len();
    assert!(player.play_until(|player| player.snapshots.len() > seen + 20), "the game goes on");
    own.serving.signal("TERM");
    assert_eq!(own.serving.wait().code(), Some(0));
}

#[test]
fn a_file_with_a_fault_changes_nothing_and_every_fault_is_named() {
    let own = Reloaded::start("faults", "rooms_max = 50");
    let stays = "SIGHUP: the settings stay as they were";
    own.reload("origins = [\"https://play.example\"]\nlissten = 1\nshards = 0", stays);
    wait_until("all faults are told", || own.said(stays) == 2);
    let log = own.log();
    assert!(log.contains("line 3: lissten is no setting: did you mean listen?"), "{log}");
    assert!(log.contains("shards has to be 1 to 256, not 0"), "{log}");
    assert_eq!(own.foreign_page(), 403, "the good lines of the file count neither");
    // The token's file is at fault, and not the settings.
    put_token(&own.place, "short");
    own.reload("origins = [\"https://play.example\"]", "has 5 characters");
    assert_eq!((own.foreign_page(), own.announce("first-0123456789")), (403, 201));
    put_token(&own.place, "third-0123456789");
    own.reload("origins = [\"https://play.example\"]", "setting=\"origins\"");
    wait_until("the origin may connect", || own.foreign_page() == 201);
    fs::remove_file(own.place.0.join("tickwire.toml")).expect("our own file");
    own.serving.signal("HUP");
    wait_until("the file is missed", || own.said("cannot read") == 1);
    assert_eq!((own.foreign_page(), own.announce("third-0123456789")), (201, 201));
}
