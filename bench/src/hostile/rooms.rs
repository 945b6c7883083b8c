//! Rows about rooms, seats, codes and names: one address must not empty a room, fill it, or find it by guessing.

use super::member::Member;
use super::row::{Cases, Outcome, Row};
use super::socket::{BINARY, End, Event, PATIENCE, Peer, Reply, UPGRADE, frame, request};
use super::target::{Entry, Target, Walk, answered, code, forwarded};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tickwire::Game;
use tickwire::message::control::{ClientControl, Hello, ResumeToken};
use tickwire_games::{Arena, Paddles, Swarm};

pub(super) const ROWS: &[Row] = &[
    Row::new("F1", "60 members leave within a tick, 20 more come and leave", "nobody else notices", leave_at_once),
    Row::new("F2", "join, one input, close, again and again from one address", "others still get a seat", hold_seats),
    Row::new("F13", "ten wrong codes, then a resume; guesses by pages of other sites", "the seat; 403", tokens_first),
    Row::new("F14", "300 empty public rooms beside 8 that are played", "all 8 listed, no empty room before", lists)
        .apart(),
    Row::new("F15", "names of invisible, turning and stacked characters", "none of them reaches others", names),
    Row::new("S18", "a resume token used twice, and after its use", "4005 for the older; the used one is dead", tokens),
    Row::new("S20", "1,000 guesses of codes from 20 addresses, over HTTP and hello", "at most 12 per address", guesses),
    Row::new("S21", "300 half-open joins on a room", "a join within 1 s", half_joins),
    Row::new("S22", "30 rooms from one address", "429 with Retry-After after at most 20", room_quota),
];

/// Seats that one address may hold in a listed room or a quick match.
const SEATS_PER_ADDRESS: usize = 4;

/// Time for which honest members are watched after an attack.
const AFTERMATH: Duration = Duration::from_millis(1_200);

fn leave_at_once(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    for (name, addresses) in [("one address", 1), ("20 addresses", 20)] {
        let code = walk.target.room::<Arena>()?;
        let honest = walk.target.honest::<Arena>(&code, 3)?;
        let strangers: Vec<String> = (0..addresses).map(|_| walk.stranger()).collect();
        let joined: Vec<Peer> = (0..60)
            .filter_map(|number| {
                let from = &strangers[number % strangers.len()];
                walk.target.join::<Arena>(&code, Some(from)).member().ok().map(|(peer, _)| peer)
            })
            .collect();
        let upgraded: Vec<Peer> =
            (0..20).filter_map(|number| walk.target.upgrade(Some(&strangers[number % strangers.len()])).ok()).collect();
        cases.check(format!("{name}: somebody joined"), !joined.is_empty(), joined.len());
        let leave = frame(BINARY, &ClientControl::Leave.encode());
        let both = [frame(BINARY, &Hello::of::<Arena>(&code, "gone").encode()), leave.clone()].concat();
        let attack =
            joined.into_iter().map(|peer| (peer, &leave)).chain(upgraded.into_iter().map(|peer| (peer, &both)));
        let sent: Vec<Peer> = attack
            .map(|(mut peer, bytes)| {
                peer.send(bytes);
                peer
            })
            .collect();
        sleep(AFTERMATH);
        drop(sent);
        let fared = honest.fared()?;
        cases.check(name, super::row::is_unharmed(&fared), super::row::in_words(&fared));
    }
    Ok(cases.outcome())
}

/// Joins, sends one input and is gone; says whether the client was let in.
fn touch<G: Game>(target: &Target, code: &str, from: &str) -> bool {
    let Ok((peer, welcome)) = target.join::<G>(code, Some(from)).member() else { return false };
    let mut member = Member::<G>::new(peer, welcome);
    let input = member.input(member.tick + 2, None, false);
    member.say(&input)
}

fn hold_seats(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let listed = code(&walk.target.ask_room("arena", true, &Value::Null, None))?;
    let from = walk.stranger();
    let seats =
        (0..usize::from(Arena::RULES.seats) + 6).filter(|_| touch::<Arena>(&walk.target, &listed, &from)).count();
    cases.check("seats in a listed arena", seats <= SEATS_PER_ADDRESS, format!("{seats} of one address"));
    let entry = walk.target.join::<Arena>(&listed, Some(&walk.stranger()));
    cases.check("an honest player of that arena", entry.is_in(), entry);

    // A duel is no example: two friends behind one router may always play each other.
    let unlisted = walk.target.room::<Swarm>()?;
    let from = walk.stranger();
    let seats_all = usize::from(Swarm::RULES.seats);
    let seats = (0..seats_all + 4).filter(|_| touch::<Swarm>(&walk.target, &unlisted, &from)).count();
    cases.check("seats in an unlisted swarm", seats < seats_all, format!("{seats} of one address"));
    let entry = walk.target.join::<Swarm>(&unlisted, Some(&walk.stranger()));
    cases.check("an honest player of that swarm", entry.is_in(), entry);

    let body = json!({ "game": "arena" }).to_string();
    let from = walk.stranger();
    let matched = code(&walk.target.ask("POST", "/api/match", &body, &forwarded(Some(&from))))?;
    let seats = (0..20).filter(|_| touch::<Arena>(&walk.target, &matched, &from)).count();
    cases.check("seats in a quick match", seats <= SEATS_PER_ADDRESS, format!("{seats} of one address"));
    Ok(cases.outcome())
}

/// Resumes a seat.
fn resume<G: Game>(target: &Target, code: &str, token: ResumeToken, from: Option<&str>) -> Entry {
    target.enter(&Hello { resume: Some(token), ..Hello::of::<G>(code, "back") }, from)
}

/// Whether the client is back in the seat that it had.
fn is_back(entry: &Entry) -> bool {
    matches!(entry, Entry::In(member) if member.1.resumed)
}

fn tokens_first(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let (room, from) = (walk.target.room::<Arena>()?, walk.stranger());
    // A seat is held for a player who has shown that its welcome arrived.
    let mut member = Member::<Arena>::join(&walk.target, &room, Some(&from))?;
    let welcome = member.welcome.clone();
    member.say(&member.input(welcome.tick, None, false));
    drop(member);
    let wrong = (0..12).map(|_| walk.target.join::<Arena>("QQQQQQ", Some(&from)));
    let limited = wrong.filter(|entry| matches!(entry, Entry::Out(End::Code(4006)))).count();
    cases.check("12 wrong codes", limited > 0, "never 4006");
    let entry = resume::<Arena>(&walk.target, &room, welcome.resume, Some(&from));
    cases.check("a resume after them", is_back(&entry), entry);

    let from = walk.stranger();
    for attempt in ["Origin", "Sec-Fetch-Site"] {
        let marks = match attempt {
            "Origin" => vec![("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")],
            _ => vec![("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
        };
        let headers = [&marks[..], &forwarded(Some(&from))].concat();
        let replies: Vec<Reply> = (0..12).map(|_| walk.target.get("/api/rooms/QQQQQQ", &headers)).collect();
        let other = replies.iter().find(|reply| reply.status() != 403);
        cases.check(format!("guesses by another site, {attempt}"), other.is_none(), other.unwrap_or(&replies[0]));
    }
    let reply = walk.target.get(&format!("/api/rooms/{room}"), &forwarded(Some(&from)));
    cases.check("the visitor's own look-up afterwards", reply.status() == 200, reply);
    Ok(cases.outcome())
}

/// The rooms in an answer of the list.
fn listed(reply: &Reply) -> Result<Vec<(String, u64, String)>> {
    let body: Value = serde_json::from_str(reply.body()).with_context(|| format!("no list: {reply}"))?;
    // The list may be the whole answer, or a part of an answer that tells more.
    let rooms = body.as_array().or_else(|| body["rooms"].as_array()).with_context(|| format!("no list: {body}"))?;
    let text = |room: &Value, key: &str| room[key].as_str().unwrap_or_default().to_owned();
    Ok(rooms
        .iter()
        .map(|room| (text(room, "code"), room["players"].as_u64().unwrap_or(0), text(room, "game")))
        .collect())
}

fn lists(walk: &Walk) -> Result<Outcome> {
    let own = walk.serve(&[])?;
    let mut cases = Cases::default();
    let create = |game: &str| own.target.ask_room(game, true, &Value::Null, None);
    let mut played = Vec::new();
    let mut members = Vec::new();
    for number in 0..308 {
        // The played rooms are among the empty ones, so that no order of creation puts them first.
        if number % 40 == 20 {
            let room = code(&create("arena"))?;
            members.push(Member::<Arena>::join(&own.target, &room, None)?);
            played.push(room);
        } else if create("paddles").status() != 201 {
            continue;
        }
    }
    sleep(Duration::from_millis(300));
    let all = listed(&own.target.get("/api/rooms", &[]))?;
    let missing = played.iter().filter(|room| !all.iter().any(|(code, ..)| code == *room)).count();
    cases.check("played rooms", missing == 0, format!("{missing} of {} are missing", played.len()));
    let first_empty = all.iter().position(|(_, players, _)| *players == 0).unwrap_or(all.len());
    let last_played = all.iter().rposition(|(_, players, _)| *players > 0).unwrap_or(0);
    cases.check("the order", last_played < first_empty, format!("an empty room is at {first_empty}"));
    let paddles = listed(&own.target.get("/api/rooms?game=paddles", &[]))?;
    let others = paddles.iter().filter(|(.., game)| game != "paddles").count();
    cases.check("?game=paddles", others == 0, format!("{others} rooms of other games"));
    let arenas = listed(&own.target.get("/api/rooms?game=arena", &[]))?;
    let found = arenas.iter().filter(|(code, ..)| played.contains(code)).count();
    cases.check("?game=arena", found == played.len(), format!("{found} of {}", played.len()));
    Ok(cases.outcome())
}

/// The name under which others see a player that calls itself this.
fn seen_name(walk: &Walk, name: &str) -> Result<String> {
    let room = walk.target.room::<Paddles>()?;
    let (_first, welcome) = walk.target.enter(&Hello::of::<Paddles>(&room, name), None).member()?;
    let (_second, other) = walk.target.enter(&Hello::of::<Paddles>(&room, "other"), None).member()?;
    let seen = other.players.iter().find(|player| Some(player.seat) == welcome.seat);
    Ok(seen.context("the player is not in the roster")?.name.clone())
}

fn names(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let hidden = [
        '\u{61c}',
        '\u{2060}',
        '\u{3164}',
        '\u{2800}',
        '\u{ad}',
        '\u{180e}',
        '\u{fff9}',
        '\u{e0041}',
        '\u{e007f}',
        '\u{200b}',
        '\u{200e}',
        '\u{202e}',
        '\u{2066}',
        '\u{115f}',
        '\u{ffa0}',
        '\u{34f}',
        '\u{1}',
        '\u{7f}',
        '\u{9b}',
    ];
    for character in hidden {
        let seen = seen_name(walk, &format!("ab{character}cd"))?;
        cases.check(format!("U+{:04X}", u32::from(character)), !seen.contains(character), seen.escape_unicode());
    }
    let lone = seen_name(walk, "ab\u{fe0f}cd")?;
    cases.check("U+FE0F after a letter", !lone.contains('\u{fe0f}'), lone.escape_unicode());
    let blank = seen_name(walk, "\u{3164}\u{2800}\u{3164}")?;
    cases.check("a blank name", blank.chars().any(char::is_alphanumeric), blank.escape_unicode());
    let stacked = seen_name(walk, &format!("a{}", "\u{30d}".repeat(15)))?;
    let marks = stacked.chars().filter(|character| *character == '\u{30d}').count();
    cases.check("fifteen stacked marks", marks <= 4, format!("{marks} stay"));
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";
    let seen = seen_name(walk, family)?;
    cases.check("a family", seen == family || !seen.contains('\u{1f467}'), seen.escape_unicode());
    let plain = seen_name(walk, "Zoë 李")?;
    cases.check("an ordinary name", plain == "Zoë 李", &plain);
    Ok(cases.outcome())
}

fn tokens(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let room = walk.target.room::<Arena>()?;
    let (mut first, welcome) = walk.target.join::<Arena>(&room, None).member()?;
    let entry = resume::<Arena>(&walk.target, &room, welcome.resume, None);
    cases.check("the token from a second socket", is_back(&entry), &entry);
    let end = first.end(PATIENCE);
    cases.check("the first socket", end == End::Code(4005), end);
    let (second, renewed) = entry.member()?;
    cases.check("a new token", renewed.resume != welcome.resume, "the same one");
    let mut second = Member::<Arena>::new(second, renewed);
    // An acknowledgement tells the room that the new token has arrived.
    second.play_fair(Duration::from_millis(300));
    let used = resume::<Arena>(&walk.target, &room, welcome.resume, None);
    let stole = matches!(&used, Entry::In(member) if member.1.seat == second.welcome.seat);
    cases.check("the used token", !stole, &used);
    cases.check("the honest player", second.play_fair(Duration::from_millis(300)).is_none(), "was thrown out");
    let made_up = resume::<Arena>(&walk.target, &room, [7; 16], None);
    let stole = matches!(&made_up, Entry::In(member) if member.1.seat == second.welcome.seat || member.1.resumed);
    cases.check("a made-up token", !stole, &made_up);
    Ok(cases.outcome())
}

/// Guesses of a code over one connection that stays open.
fn answered_guesses(walk: &Walk, from: &str, guesses: usize) -> Result<usize> {
    let mut peer = walk.target.connect()?;
    let mut answered = 0;
    for number in 0..guesses {
        let path = format!("/api/rooms/Q{:05}", number + 20_202);
        peer.send(request("GET", &path, &walk.target.address.to_string(), &forwarded(Some(from))).as_bytes());
        match peer.reply(PATIENCE).status() {
            404 => answered += 1,
            429 => {}
            // A server may end a connection after many refusals.
            _ => peer = walk.target.connect()?,
        }
    }
    Ok(answered)
}

fn guesses(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let addresses: Vec<String> = (0..20).map(|_| walk.stranger()).collect();
    let mut most = 0;
    for from in &addresses {
        most = most.max(answered_guesses(walk, from, 50)?);
    }
    cases.check("GET", (1..=12).contains(&most), format!("{most} answered for one address"));
    let from = walk.stranger();
    let ends: Vec<Entry> = (0..25).map(|_| walk.target.join::<Arena>("QQQQQQ", Some(&from))).collect();
    let told = ends.iter().filter(|entry| matches!(entry, Entry::Out(End::Code(4003)))).count();
    let limited = ends.iter().filter(|entry| entry.is_turned_away()).count();
    cases.check("hello", told <= 12 && told + limited == ends.len(), format!("4003 {told} times, limited {limited}"));
    let room = walk.target.room::<Arena>()?;
    let entry = walk.target.join::<Paddles>(&room, Some(&walk.stranger()));
    cases.check("the right code for another game", matches!(entry, Entry::Out(End::Code(4003))), entry);
    let reply = walk.target.get(&format!("/api/rooms/{room}"), &forwarded(Some(&addresses[0])));
    cases.check("a right guess after too many", reply.status() == 429, reply);
    Ok(cases.outcome())
}

fn half_joins(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let room = walk.target.room::<Paddles>()?;
    let from: Vec<String> = (0..30).map(|_| walk.stranger()).collect();
    let half: Vec<Peer> =
        (0..300).filter_map(|number| walk.target.ask_upgrade(Some(&from[number % from.len()])).ok()).collect();
    cases.check("connections", half.len() == 300, half.len());
    for name in ["one", "two"] {
        let asked = Instant::now();
        let entry = walk.target.join::<Paddles>(&room, Some(&walk.stranger()));
        let took = asked.elapsed();
        cases.check(format!("honest player {name}"), entry.is_in() && took.as_secs() < 1, format!("{entry}, {took:?}"));
    }
    let mut silent = answered(walk.target.ask_upgrade(None)?, Duration::from_secs(5));
    let end = match &mut silent {
        Entry::Out(end) => *end,
        Entry::In(_) | Entry::Refused(_) => End::Open,
    };
    cases.check("a connection without a hello", end == End::Code(4008), end);
    Ok(cases.outcome())
}

fn room_quota(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let from = walk.stranger();
    let replies: Vec<Reply> =
        (0..30).map(|_| walk.target.ask_room("paddles", false, &Value::Null, Some(&from))).collect();
    let made = replies.iter().filter(|reply| reply.status() == 201).count();
    cases.check("rooms", (1..=20).contains(&made), format!("{made} were made"));
    let refused = |reply: &&Reply| {
        matches!(reply, Reply::Answer(answer) if answer.status == 429
        && answer.header("retry-after").is_some())
    };
    let told = replies.iter().filter(refused).count();
    cases.check("refusals", told + made == replies.len(), format!("{told} with 429 and Retry-After"));
    let reply = walk.target.ask_room("paddles", false, &Value::Null, Some(&walk.stranger()));
    cases.check("another address", reply.status() == 201, reply);
    let mut peer = walk.target.connect()?;
    let headers = [&UPGRADE[..], &forwarded(Some(&from))].concat();
    peer.send(request("GET", "/ws", &walk.target.address.to_string(), &headers).as_bytes());
    let reply = peer.reply(PATIENCE);
    cases.check("playing from that address", reply.status() == 101, reply);
    let _: Option<Event> = peer.next(Instant::now());
    Ok(cases.outcome())
}
