//! Limits per address over real sockets: the address that a proxy names, and the players whom the guesses of others do
//! not keep out.

use crate::server::diverge;
use crate::socket::{Event, Socket, binary, create_room, hello};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;
use tickwire::message::control::{Hello, Welcome};
use tickwire_games::Paddles;
use tickwire_server::limits::{DIVERGED_WAIT_MIN, FAILED_LOOKUPS_PER_MINUTE};
use tickwire_server::{Config, Running, Server};

fn start() -> (Running, SocketAddr) {
    start_with(Config::on_free_ports())
}

fn start_with(config: Config) -> (Running, SocketAddr) {
    let running = Server::new(config).game::<Paddles>().start().expect("a free port");
    let address = running.address();
    (running, address)
}

/// The status of a look-up of a code with these headers, each of which ends with its line.
fn look_up(address: SocketAddr, code: &str, headers: &str) -> u16 {
    ask(address, &format!("GET /api/rooms/{code}"), headers, "")
}

/// The status of a request with these headers.
fn ask(address: SocketAddr, line: &str, headers: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// Uses up the look-ups of requests with these headers, and asserts that they were there to be used.
fn use_up(address: SocketAddr, headers: &str) {
    for _ in 0..FAILED_LOOKUPS_PER_MINUTE {
        assert_eq!(look_up(address, "CCCCCC", headers), 404, "{headers}");
    }
    assert_eq!(look_up(address, "CCCCCC", headers), 429, "{headers}");
}

/// The close code of a hello with these headers; `None` when a welcome comes.
fn refusal(address: SocketAddr, headers: &str, hello: &Hello) -> Option<u16> {
    let mut socket = Socket::open_from(address, headers);
    socket.send(&binary(&hello.encode()));
    match socket.next() {
        Event::Close(code) => Some(code),
        _ => None,
    }
}

#[test]
fn every_form_in_which_a_proxy_names_a_client_is_the_same_client() {
    let (_running, address) = start();
    use_up(address, "X-Forwarded-For: 198.51.100.7:443\r\n");
    for same in [
        "X-Forwarded-For: 10.0.0.1, 198.51.100.7\r\n",
        "X-Real-IP: 198.51.100.7\r\n",
        "Forwarded: for=10.0.0.1, for=\"198.51.100.7:1234\";proto=https\r\n",
        "X-Real-IP: 198.51.100.7\r\nX-Forwarded-For: 198.51.100.7\r\n",
    ] {
        assert_eq!(look_up(address, "CCCCCC", same), 429, "{same}");
    }
    use_up(address, "Forwarded: for=\"[2001:db8:1:2::1]:443\"\r\n");
    for same in [
        "X-Forwarded-For: [2001:db8:1:2::9]\r\n",
        "X-Forwarded-For: 2001:db8:1:2::7\r\n",
        "X-Real-IP: [2001:db8:1:2::8]:1\r\n",
    ] {
        assert_eq!(look_up(address, "CCCCCC", same), 429, "{same}");
    }
    use_up(address, "X-Forwarded-For: nonsense\r\n");
    for unreadable in ["Forwarded: for=unknown\r\n", "X-Real-IP: 198.51.100.9\r\nX-Forwarded-For: 198.51.100.10\r\n"] {
        assert_eq!(look_up(address, "CCCCCC", unreadable), 429, "{unreadable} counts as the proxy");
    }
    for other in ["", "X-Forwarded-For: 198.51.100.8\r\n", "Forwarded: for=\"[2001:db8:1:3::1]\"\r\n"] {
        assert_eq!(look_up(address, "CCCCCC", other), 404, "{other} is another client");
    }
}

#[test]
fn wrong_codes_in_requests_keep_nobody_from_joining() {
    let (_running, address) = start();
    let (code, headers) = (create_room(address, "paddles"), "X-Forwarded-For: 198.51.100.7\r\n");
    use_up(address, headers);
    assert_eq!(refusal(address, headers, &hello::<Paddles>(&code)), None);
}

#[test]
fn a_page_of_another_site_cannot_use_up_the_look_ups_of_its_visitor() {
    let (_running, address) = start();
    let (code, visitor) = (create_room(address, "paddles"), "X-Forwarded-For: 198.51.100.7\r\n");
    for foreign in
        ["Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n", "Origin: https://evil.example\r\n"]
    {
        for _ in 0..2 * FAILED_LOOKUPS_PER_MINUTE {
            assert_eq!(look_up(address, "CCCCCC", &format!("{visitor}{foreign}")), 403, "{foreign}");
        }
        assert_eq!(look_up(address, "", &format!("{visitor}{foreign}")), 403, "the list");
    }
    for own in ["Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n", "Origin: http://localhost\r\n"] {
        assert_eq!(look_up(address, &code, &format!("{visitor}{own}")), 200, "{own}");
    }
    use_up(address, visitor);
}

#[test]
fn a_player_with_a_token_comes_back_when_the_guesses_of_its_address_are_used_up() {
    let (_running, address) = start();
    let (code, headers) = (create_room(address, "paddles"), "X-Forwarded-For: 198.51.100.7\r\n");
    let mut player = Socket::open_from(address, headers);
    player.send(&binary(&hello::<Paddles>(&code).encode()));
    let welcome = player.welcome();
    for _ in 0..FAILED_LOOKUPS_PER_MINUTE {
        assert_eq!(refusal(address, headers, &hello::<Paddles>("CCCCCC")), Some(4003));
    }
    let (right, wrong) = (hello::<Paddles>(&code), hello::<Paddles>("CCCCCC"));
    let with = |hello: &Hello, token| Hello { resume: Some(token), ..hello.clone() };
    assert_eq!(refusal(address, headers, &wrong), Some(4006));
    assert_eq!(refusal(address, headers, &right), Some(4006), "a guess, as far as the server can tell");
    assert_eq!(refusal(address, headers, &with(&right, [7; 16])), Some(4006), "a made-up token");
    assert_eq!(refusal(address, headers, &with(&wrong, welcome.resume)), Some(4006));
    assert_eq!(refusal(address, headers, &with(&right, welcome.resume)), None);
    assert_eq!(player.close_code(), Some(4005), "the player has its seat again");
    assert_eq!(refusal(address, "X-Forwarded-For: 198.51.100.8\r\n", &right), None, "another address joins");
}

#[test]
fn a_player_with_a_token_does_not_wait_because_another_one_of_its_address_was_closed() {
    let (_running, address) = start();
    // The first wait takes a second, and on a busy machine the questions may come after it.
    let in_time = (0..20).any(|_| {
        let code = create_room(address, "paddles");
        let (mut honest, welcome) = Socket::enter::<Paddles>(address, &code);
        let (mut differing, closed) = Socket::enter::<Paddles>(address, &code);
        let begun = Instant::now();
        assert_eq!(diverge(&mut differing, &closed), Some(4011));
        let [waits, comes_back] = [closed.resume, welcome.resume]
            .map(|token| refusal(address, "", &Hello { resume: Some(token), ..hello::<Paddles>(&code) }));
        if begun.elapsed() >= DIVERGED_WAIT_MIN {
            return false;
        }
        assert_eq!(waits, Some(4006), "the one that was closed waits");
        assert_eq!(comes_back, None);
        assert_eq!(honest.close_code(), Some(4005), "the other one has its seat again");
        true
    });
    assert!(in_time, "no try was quick enough");
}

#[test]
fn limits_per_address_and_of_rooms_are_those_of_the_settings() {
    let (_running, address) = start_with(Config {
        rooms_max: 4,
        rooms_per_address_per_hour: 2,
        matches_per_address_per_minute: 1,
        failed_lookups_per_address_per_minute: 3,
        joins_per_address_burst: 2,
        spectators_per_address: 1,
        comebacks_per_seat_per_minute: 1,
        ..Config::on_free_ports()
    });
    let client = |last: u8| format!("X-Forwarded-For: 198.51.100.{last}\r\n");
    let create = |last| ask(address, "POST /api/rooms", &client(last), r#"{"game":"paddles"}"#);
    assert_eq!([create(1), create(1), create(1)], [201, 201, 429]);
    let find = |last| ask(address, "POST /api/match", &client(last), r#"{"game":"paddles"}"#);
    assert_eq!([find(1), find(1)], [200, 429]);
    assert_eq!([(); 4].map(|()| look_up(address, "CCCCCC", &client(1))), [404, 404, 404, 429]);
    let code = create_room(address, "paddles");
    assert_eq!(create(2), 503, "two rooms, a match, and one more are all that there may be");
    let watching = Hello { watches: true, ..hello::<Paddles>(&code) };
    let mut watcher = Socket::open_from(address, &client(3));
    watcher.send(&binary(&watching.encode()));
    watcher.welcome();
    assert_eq!(refusal(address, &client(3), &watching), Some(4004), "a second spectator");
    assert_eq!(refusal(address, &client(3), &watching), Some(4006), "a third entrance");
    let (_player, mut welcome) = Socket::enter::<Paddles>(address, &code);
    let mut comes_back = || {
        let mut socket = Socket::open(address);
        socket.send(&binary(&Hello { resume: Some(welcome.resume), ..hello::<Paddles>(&code) }.encode()));
        match socket.next() {
            Event::Message(message) => {
                welcome = Welcome::decode(&message).expect("a welcome");
                None
            }
            Event::Close(code) => Some(code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([comes_back(), comes_back()], [None, Some(4006)]);
}
