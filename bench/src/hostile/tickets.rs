//! Rows about tickets, each against a server that asks for them.

use super::row::{Cases, Outcome, Row};
use super::socket::{BINARY, End, Event, PATIENCE, Peer, frame};
use super::target::{Own, Target, Walk, code};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::thread::scope;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tickwire::Game;
use tickwire::message::WELCOME;
use tickwire::message::control::{Hello, SecretText, Welcome};
use tickwire_games::Arena;
use tickwire_server::identity::{MintedKey, TicketClaims, mint, new_key};

pub(super) const ROWS: &[Row] = &[
    Row::new("S2", "the right Origin and no ticket, or none that is good", "4001 within 3 s", forged).apart(),
    Row::new("S17", "one ticket 200 times at once, and in another room", "in once, 4002 else", replayed).apart(),
    Row::new("S18/ticket", "200 tickets of one identity at once", "one seat, 4005 for the others", crowded).apart(),
    Row::new("S26", "a revoked identity in a room, and its ticket from before", "4001, and stays out", expelled)
        .apart(),
];

/// Connections that come at once.
const CROWD: usize = 200;

/// The token of services of these servers.
const SERVICES: &str = "a-token-of-the-walk";

/// The time within which a server says no.
const REFUSAL_MAX: Duration = Duration::from_secs(3);

/// A server that asks for tickets, and the key that signs them. Its files go with it.
struct Gated {
    own: Own,
    key: MintedKey,
    folder: PathBuf,
    minted: Cell<u32>,
}

impl Drop for Gated {
    fn drop(&mut self) {
        // Nothing is lost when the system keeps a file of keys that nobody uses.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Gated {
    fn start(walk: &Walk, name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("tickwire-hostile-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let key = new_key("walk").context("a name of a key")?;
        let (keys, token) = (folder.join("keys"), folder.join("token"));
        fs::write(&keys, &key.public_line)?;
        fs::write(&token, SERVICES)?;
        let mut mode = fs::metadata(&token)?.permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
        fs::set_permissions(&token, mode)?;
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let settings = ["--auth", "ticket", "--ticket-keys", &path(&keys), "--topics-token-file", &path(&token)];
        Ok(Self { own: walk.serve(&settings)?, key, folder, minted: Cell::new(0) })
    }

    const fn target(&self) -> &Target {
        &self.own.target
    }

    fn ticket(&self, identity: &str) -> Result<String> {
        self.ticket_of(&self.key, identity, 0)
    }

    /// A ticket by this key that is issued so many seconds from now.
    fn ticket_of(&self, key: &MintedKey, identity: &str, from_s: i64) -> Result<String> {
        self.minted.set(self.minted.get() + 1);
        let claims = TicketClaims { identity: identity.into(), ..TicketClaims::default() };
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().saturating_add_signed(from_s);
        Ok(mint(&key.secret, &claims, 60, now_s, &self.minted.get().to_string())?)
    }

    fn room(&self) -> Result<String> {
        let bearer = format!("Bearer {}", self.ticket("maker")?);
        let body = json!({ "game": Arena::RULES.name }).to_string();
        code(&self.target().ask("POST", "/api/rooms", &body, &[("Authorization", &bearer)]))
    }
}

/// The answer to a hello.
enum Answer {
    In(Peer, Box<Welcome>),
    Out(End),
    Nothing,
}

impl Answer {
    fn words(&self) -> String {
        match self {
            Self::In(_, welcome) => format!("in, seat {:?}", welcome.seat.map(|seat| seat.number())),
            Self::Out(end) => end.to_string(),
            Self::Nothing => "no answer".into(),
        }
    }

    const fn is(&self, code: u16) -> bool {
        matches!(self, Self::Out(End::Code(found)) if *found == code)
    }
}

fn knock(target: &Target, room: &str, ticket: Option<String>) -> Answer {
    let hello = Hello { ticket: ticket.map(SecretText), ..Hello::of::<Arena>(room, "walk") };
    let Ok(mut peer) = target.upgrade(None) else { return Answer::Nothing };
    peer.send(&frame(BINARY, &hello.encode()));
    match peer.next(Instant::now() + PATIENCE) {
        Some(Event::Message(message)) if message.first() == Some(&WELCOME) => match Welcome::decode(&message) {
            Ok(welcome) => Answer::In(peer, Box::new(welcome)),
            Err(_) => Answer::Nothing,
        },
        Some(Event::Closed(end)) => Answer::Out(end),
        _ => Answer::Nothing,
    }
}

/// The end of a connection within this time, if it comes to one.
fn end_of(peer: &mut Peer, within: Duration) -> Option<End> {
    let until = Instant::now() + within;
    while let Some(event) = peer.next(until) {
        if let Event::Closed(end) = event {
            return Some(end);
        }
    }
    None
}

fn forged(walk: &Walk) -> Result<Outcome> {
    let gated = Gated::start(walk, "forged")?;
    let (room, stranger) = (gated.room()?, new_key("walk").context("a name of a key")?);
    let good = gated.ticket("ada")?;
    let mut cases = Cases::default();
    let mut tickets = vec![
        ("no ticket", None),
        ("no token at all", Some("ada".to_owned())),
        ("the ticket of another studio", Some(gated.ticket_of(&stranger, "ada", 0)?)),
        ("a ticket of yesterday", Some(gated.ticket_of(&gated.key, "ada", -86_400)?)),
        ("a ticket of tomorrow", Some(gated.ticket_of(&gated.key, "ada", 86_400)?)),
    ];
    for at in (10..good.len()).step_by(16) {
        let mut flipped = good.clone().into_bytes();
        flipped[at] ^= 1;
        tickets.push(("a flipped bit", String::from_utf8(flipped).ok()));
    }
    for (what, ticket) in tickets {
        let begun = Instant::now();
        let answer = knock(gated.target(), &room, ticket);
        cases.check(what, answer.is(4001) && begun.elapsed() < REFUSAL_MAX, answer.words());
    }
    let answer = knock(gated.target(), &room, Some(good));
    cases.check("the good ticket after all that", matches!(answer, Answer::In(..)), answer.words());
    Ok(cases.outcome())
}

fn replayed(walk: &Walk) -> Result<Outcome> {
    let gated = Gated::start(walk, "replayed")?;
    let (room, other, ticket) = (gated.room()?, gated.room()?, gated.ticket("ada")?);
    let target = gated.target();
    let answers: Vec<_> = scope(|scope| {
        let knocks: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| knock(target, &room, Some(ticket.clone())))).collect();
        knocks.into_iter().filter_map(|knock| knock.join().ok()).collect()
    });
    let inside = answers.iter().filter(|answer| matches!(answer, Answer::In(..))).count();
    let replayed = answers.iter().filter(|answer| answer.is(4002)).count();
    let turned_away = answers.iter().filter(|answer| answer.is(4006) || matches!(answer, Answer::Nothing)).count();
    let elsewhere = knock(gated.target(), &other, Some(ticket));
    let ok = inside == 1 && inside + replayed + turned_away == CROWD && elsewhere.is(4002);
    Ok(Outcome::new(ok, format!("{inside} in, {replayed} with 4002, elsewhere {}", elsewhere.words())))
}

fn crowded(walk: &Walk) -> Result<Outcome> {
    let gated = Gated::start(walk, "crowded")?;
    let room = gated.room()?;
    let tickets = (0..CROWD).map(|_| gated.ticket("ada")).collect::<Result<Vec<_>>>()?;
    let answers: Vec<_> = scope(|scope| {
        let target = gated.target();
        let knocks: Vec<_> =
            tickets.into_iter().map(|ticket| scope.spawn(|| knock(target, &room, Some(ticket)))).collect();
        knocks.into_iter().filter_map(|knock| knock.join().ok()).collect()
    });
    let (mut open, mut superseded, mut seats) = (0, 0, 0);
    for answer in answers {
        if let Answer::In(mut peer, welcome) = answer {
            seats = seats.max(welcome.players.len());
            match end_of(&mut peer, Duration::from_millis(500)) {
                None => open += 1,
                Some(End::Code(4005)) => superseded += 1,
                Some(_) => {}
            }
        }
    }
    let ok = open == 1 && seats == 1 && superseded > 0;
    Ok(Outcome::new(ok, format!("{open} in, {superseded} superseded, {seats} seats")))
}

fn expelled(walk: &Walk) -> Result<Outcome> {
    let gated = Gated::start(walk, "expelled")?;
    let (room, kept) = (gated.room()?, gated.ticket("eve")?);
    let mut cases = Cases::default();
    let eve = knock(gated.target(), &room, Some(gated.ticket("eve")?));
    let ada = knock(gated.target(), &room, Some(gated.ticket("ada")?));
    let (Answer::In(mut eve, _), Answer::In(mut ada, _)) = (eve, ada) else { anyhow::bail!("nobody came in") };
    let admin = gated.target().admin.context("the server has a port for operators")?;
    let operators = Target { address: admin, trust: None, ..gated.target().clone() };
    let revoke = |bearer: &str| {
        let body: Value = json!({ "identity": "eve" });
        operators.ask("POST", "/identities/revoke", &body.to_string(), &[("Authorization", bearer)])
    };
    let reply = revoke("Bearer a-token-of-nobody");
    cases.check("an order without the token", reply.status() == 401, reply);
    let reply = revoke(&format!("Bearer {SERVICES}"));
    cases.check("the order", reply.status() == 204, reply);
    let end = end_of(&mut eve, PATIENCE);
    let words = end.as_ref().map_or_else(|| "still in".into(), ToString::to_string);
    cases.check("the revoked player", matches!(end, Some(End::Code(4001))), words);
    let answer = knock(gated.target(), &room, Some(kept));
    cases.check("a ticket from before", answer.is(4001), answer.words());
    let end = end_of(&mut ada, Duration::from_millis(500));
    cases.check("the other player", end.is_none(), end.map_or_else(String::new, |end| end.to_string()));
    Ok(cases.outcome())
}
