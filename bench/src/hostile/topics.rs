//! Rows about topics: floods, secrets, members that do not read, and JSON that is none.

use super::member::{LEAD_TICKS, Member, is_snapshot};
use super::row::{Cases, Outcome, Row};
use super::socket::{BINARY, End, Event, PATIENCE, Peer, TEXT, frame};
use super::target::{Target, Walk};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};
use tickwire::limits::TOPICS_HEARD_MAX;
use tickwire::message::SERVER_TOPIC;
use tickwire::message::topics::{ClientTopic, Receipt, ServerTopic};
use tickwire_games::Arena;
use tickwire_tools::load::Queues;

pub(super) const ROWS: &[Row] = &[
    Row::new("S32", "2,000 subscriptions to real and made-up topics", "16 heard, all others refused", subscriptions),
    Row::new("S33", "a member publishes at ten times the rate", "refused beyond it; the room does not notice", floods),
    Row::new("S34", "topics of other players, of operators and of the server", "no_topic for all", secrets),
    Row::new(
        "S35",
        "a member and a guest that never read while 20 others talk",
        "closed after 4 to 9 s, 64 KiB queued; others read all",
        deaf,
    )
    .waits(),
    Row::new(
        "S36",
        "malformed JSON, wrong types, other frames",
        "error with help, then the code; others talk on",
        malformed,
    ),
];

/// Subscriptions of one flood, and bytes of a name.
const SUBSCRIPTIONS: usize = 2_000;

/// The rate and the burst of a room's chat, per second and player.
const CHAT_PER_SECOND: usize = 2;
const CHAT_BURST: usize = 6;

/// Seconds of a flood of publications.
const FLOOD_SECONDS: usize = 5;

/// Talkers beside a member that does not read, and lines of each of them.
const TALKERS: usize = 20;
const LINES: usize = 16;

/// Bytes that may wait in the server for one client.
const QUEUED_BYTES_MAX: u64 = 65_536;

/// A client of `tickwire.json.1`, without a room.
struct Guest {
    peer: Peer,
}

impl Guest {
    fn connect(target: &Target, from: Option<&str>) -> Result<Self> {
        match target.upgrade_to("tickwire.json.1", from) {
            Ok(peer) => Ok(Self { peer }),
            Err(reply) => bail!("tickwire.json.1 is refused: {reply}"),
        }
    }

    fn say(&mut self, message: &Value) -> bool {
        self.peer.send(&frame(TEXT, message.to_string().as_bytes()))
    }

    /// The next message before `end`; an error at the end of the connection.
    fn next(&mut self, end: Instant) -> Result<Option<Value>> {
        loop {
            match self.peer.next(end) {
                Some(Event::Text(text)) => return Ok(Some(serde_json::from_str(&text)?)),
                Some(Event::Closed(end)) => bail!("closed: {end}"),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next message with this `op`.
    fn wait(&mut self, op: &str) -> Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let message = self.next(end)?.with_context(|| format!("no {op} came"))?;
            if message["op"] == op {
                return Ok(message);
            }
        }
    }

    /// Hears a topic; gives the answer.
    fn hear(&mut self, topic: &str) -> Result<Value> {
        self.say(&json!({ "op": "subscribe", "topic": topic }));
        let end = Instant::now() + PATIENCE;
        loop {
            let message = self.next(end)?.context("no answer to a subscription")?;
            if matches!(message["op"].as_str(), Some("granted" | "refused")) && message["topic"] == topic {
                return Ok(message);
            }
        }
    }

    /// The messages that come within this time, until so many have come.
    fn count(&mut self, most: usize, time: Duration) -> usize {
        let (mut count, end) = (0, Instant::now() + time);
        while count < most
            && let Ok(Some(message)) = self.next(end)
        {
            count += usize::from(message["op"] == "message");
        }
        count
    }

    /// Publishes; gives the receipt.
    fn publish(&mut self, topic: &str, seq: usize, body: &str) -> Result<Value> {
        self.say(&json!({ "op": "publish", "topic": topic, "seq": seq, "body": body }));
        let end = Instant::now() + PATIENCE;
        loop {
            let message = self.next(end)?.context("no receipt")?;
            if message["op"] == "receipt" && message["seq"] == seq {
                return Ok(message);
            }
        }
    }
}

fn subscriptions(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 2)?;
    let mut cases = Cases::default();
    let mut guest = Guest::connect(&walk.target, Some(&walk.stranger()))?;
    let real = ["announce", "lobby/arena", "lobby/arena/chat", "lobby/paddles", "lobby/paddles/chat"];
    let (mut granted, mut refused) = (0, 0);
    for number in 0..SUBSCRIPTIONS {
        let made_up = [format!("room/{number:06}"), format!("x/{number}"), "/".repeat(number % 70 + 1)];
        let topic = if number < real.len() { real[number] } else { &made_up[number % made_up.len()] };
        // A name that is too long is malformed, and not a topic that is refused.
        let topic = &topic[..topic.len().min(64)];
        if !guest.say(&json!({ "op": "subscribe", "topic": topic })) {
            break;
        }
    }
    let end = Instant::now() + PATIENCE;
    let mut closed = None;
    while granted + refused < SUBSCRIPTIONS && closed.is_none() {
        match guest.next(end) {
            Ok(Some(message)) if message["op"] == "granted" => granted += 1,
            Ok(Some(message)) if message["op"] == "refused" => refused += 1,
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => closed = Some(error.to_string()),
        }
    }
    cases.check("granted", (real.len()..=TOPICS_HEARD_MAX).contains(&granted), granted);
    let limited = closed.as_deref() == Some("closed: 4006");
    let came = format!("{refused} refused, {closed:?}");
    cases.check("the others", granted + refused == SUBSCRIPTIONS || limited, came);
    let mut other = Guest::connect(&walk.target, Some(&walk.stranger()))?;
    let answer = other.hear("lobby/arena/chat")?;
    cases.check("a guest meanwhile", answer["op"] == "granted", answer);
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

fn floods(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 3)?;
    let topic = format!("room/{code}");
    let mut cases = Cases::default();
    let mut reader = Guest::connect(&walk.target, Some(&walk.stranger()))?;
    let answer = reader.hear(&topic)?;
    cases.check("a reader", answer["op"] == "granted", answer);
    let mut member = Member::<Arena>::join(&walk.target, &code, Some(&walk.stranger()))?;
    let (mut seq, mut taken, mut limited, started) = (0, 0, 0, Instant::now());
    let mut due = 0;
    let end = member.play_hearing(Duration::from_secs(FLOOD_SECONDS as u64), |member, message| {
        if message.first() == Some(&SERVER_TOPIC)
            && let Ok(ServerTopic::Receipt { receipt, .. }) = ServerTopic::decode(message)
        {
            match receipt {
                Receipt::Taken { .. } => taken += 1,
                Receipt::Refused { .. } => limited += 1,
            }
        }
        let wanted = started.elapsed().as_millis() as usize * 10 * CHAT_PER_SECOND / 1_000;
        let more = wanted.saturating_sub(due);
        due += more;
        let said = (0..more).map(|_| {
            seq += 1;
            ClientTopic::Publish { topic: topic.clone(), seq, body: format!("line {seq}") }.encode()
        });
        let input = || member.input(member.tick + LEAD_TICKS, member.ack, false);
        said.chain(is_snapshot(message).then(input)).collect()
    });
    let fair = CHAT_PER_SECOND * (FLOOD_SECONDS + 1) + CHAT_BURST;
    cases.check("lines that were taken", (1..=fair).contains(&taken), taken);
    cases.check("lines that were refused", limited > taken, limited);
    cases.check("the flooder", matches!(end, None | Some(End::Code(4006))), format!("{end:?}"));
    let heard = reader.count(taken + 1, Duration::from_secs(1));
    cases.check("lines that the reader has", heard == taken, format!("{heard} of {taken}"));
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

fn secrets(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let code = walk.target.room::<Arena>()?;
    let mut other = Guest::connect(&walk.target, Some(&walk.stranger()))?;
    other.say(&json!({ "op": "hello", "name": "Ada" }));
    let player = other.wait("you")?["player"].as_str().context("an id")?.to_owned();
    let mut guest = Guest::connect(&walk.target, Some(&walk.stranger()))?;
    for topic in [format!("player/{player}"), "admin/overview".into(), "admin".into(), "admin/".into()] {
        let answer = guest.hear(&topic)?;
        cases.check(format!("hear {topic}"), answer["why"] == "no_topic" || answer["why"] == "rate", answer);
    }
    let mut guest = Guest::connect(&walk.target, Some(&walk.stranger()))?;
    let own = ["announce".to_owned(), "admin/overview".into(), "lobby/arena".into()];
    for (seq, topic) in own.iter().enumerate() {
        let receipt = guest.publish(topic, seq + 1, "{\"code\":\"AAAAAA\"}")?;
        cases.check(format!("publish to {topic}"), receipt["why"] == "no_topic", receipt);
    }
    let presence = format!("room/{code}/presence");
    let receipt = guest.publish(&presence, 9, "{\"player\":\"x\",\"name\":\"Ada\",\"state\":\"here\"}")?;
    cases.check("somebody else's presence", receipt["why"].is_string(), receipt);
    // The player itself may do these things: so the refusals above are not for everybody.
    let answer = other.hear(&format!("player/{player}"))?;
    cases.check("the player's own topic", answer["op"] == "granted", answer);
    let receipt = guest.publish(&format!("player/{player}"), 10, "hello")?;
    cases.check("a direct message", receipt["id"].is_string(), receipt);
    let came = other.wait("message")?;
    cases.check("its text", came["body"] == "hello", came);
    Ok(cases.outcome())
}

fn deaf(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 2)?;
    let topic = format!("room/{code}");
    let mut cases = Cases::default();
    let mut reader = Guest::connect(&walk.target, Some(&walk.stranger()))?;
    reader.hear(&topic)?;
    let mut guest = Guest::connect(&walk.target, Some(&walk.stranger()))?;
    guest.hear(&topic)?;
    guest.peer.shrink();
    let mut member = Member::<Arena>::join(&walk.target, &code, Some(&walk.stranger()))?;
    member.say(&ClientTopic::Subscribe { topic: topic.clone(), after: None }.encode());
    member.peer.shrink();
    let queues = Queues::of(walk.target.address)?;
    let mut most = 0;
    let (closed, heard) = scope(|threads| -> Result<(Option<Duration>, usize)> {
        let reading = threads.spawn(|| reader.count(TALKERS * LINES, Duration::from_secs(14)));
        for number in 0..TALKERS {
            let (topic, from) = (&topic, walk.stranger());
            threads.spawn(move || talk(&walk.target, topic, &from, number));
        }
        let (mut closed, started) = (None, Instant::now());
        while started.elapsed() < Duration::from_secs(10) {
            let by_port = queues.by_port()?;
            let queued = [guest.peer.port(), member.peer.port()].map(|port| by_port.get(&port).copied());
            most = queued.into_iter().flatten().chain([most]).max().unwrap_or(0);
            if closed.is_none() && queued[1].is_none() {
                closed = Some(started.elapsed());
            }
            sleep(Duration::from_millis(50));
        }
        Ok((closed, reading.join().unwrap_or(0)))
    })?;
    cases.check("queued bytes", most <= QUEUED_BYTES_MAX, most);
    // The same time as without topics: a lane neither hastens nor delays it.
    let in_time = closed.is_some_and(|after| (4..9).contains(&after.as_secs()));
    cases.check("the close of the member", in_time, format!("{closed:?}"));
    cases.check("lines of the reader", heard == TALKERS * LINES, format!("{heard} of {}", TALKERS * LINES));
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

/// Says lines of the greatest length at the fair rate.
fn talk(target: &Target, topic: &str, from: &str, number: usize) -> Result<()> {
    let mut guest = Guest::connect(target, Some(from))?;
    for line in 1..=LINES {
        let body = format!("{number} {line} {}", "long ".repeat(35));
        guest.publish(topic, line, &body)?;
        sleep(Duration::from_millis(510));
    }
    Ok(())
}

fn malformed(walk: &Walk) -> Result<Outcome> {
    let mut cases = Cases::default();
    let mut witness = Guest::connect(&walk.target, Some(&walk.stranger()))?;
    witness.hear("lobby/arena/chat")?;
    let deep = format!("{{\"op\":{}", "[".repeat(2_000));
    let long = format!("{{\"op\":\"leave\",\"topic\":\"{}\"}}", "x".repeat(3_900));
    let texts = [
        "",
        "null",
        "[]",
        "{",
        "{}",
        "{\"op\":7}",
        "{\"op\":\"shout\"}",
        "{\"op\":\"leave\"}",
        "{\"op\":\"leave\",\"topic\":7}",
        "{\"op\":\"leave\",\"topic\":\"announce\",\"topic\":\"announce\"}",
        "{\"op\":\"leave\",\"topic\":\"announce\",\"more\":1}",
        "{\"op\":\"subscribe\",\"topic\":\"announce\",\"after\":7}",
        "{\"op\":\"publish\",\"topic\":\"announce\",\"seq\":9007199254740992,\"body\":\"\"}",
        "{\"op\":\"publish\",\"topic\":\"announce\",\"seq\":1,\"body\":\"\\ud800\"}",
        "{\"op\":\"leave\",\"topic\":\"announce\"} {}",
        &deep,
        &long,
    ];
    for text in texts {
        let mut guest = Guest::connect(&walk.target, Some(&walk.stranger()))?;
        guest.peer.send(&frame(TEXT, text.as_bytes()));
        let error = guest.wait("error").unwrap_or_default();
        let shown: String = text.chars().take(60).collect();
        let helps = error["what"].is_string() && error["help"].is_string();
        cases.check(format!("the words for {shown}"), helps, error);
        let end = guest.peer.end(PATIENCE);
        cases.check(format!("the end of {shown}"), end == End::Code(4000), end);
    }
    let frames: [(&str, Vec<u8>, u16); 3] = [
        ("not UTF-8", frame(TEXT, b"{\"op\":\"\xff\"}"), 1007),
        ("60 KB", frame(TEXT, &[b' '; 60_000]), 1009),
        ("binary", frame(BINARY, &ClientTopic::Leave { number: 0 }.encode()), 4000),
    ];
    for (name, bytes, code) in frames {
        let mut guest = Guest::connect(&walk.target, Some(&walk.stranger()))?;
        guest.peer.send(&bytes);
        let end = guest.peer.end(PATIENCE);
        cases.check(name, end == End::Code(code), end);
    }
    let receipt = witness.publish("lobby/arena/chat", 1, "still here")?;
    cases.check("a guest meanwhile", receipt["id"].is_string(), receipt);
    Ok(cases.outcome())
}
